// SPDX-License-Identifier: MIT
// For tests of the SQLite store: a disk that fails when it is told to, and a look below the port.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "engine/ports.h"
#include "local/sqlite_store.h"

namespace sosw::local {

// A folder that is gone with its test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();
  [[nodiscard]] std::string file(std::string_view name = "sosw.db") const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// While it lives, SQLite opens files through it.
class FaultyDisk {
 public:
  FaultyDisk();
  FaultyDisk(const FaultyDisk&) = delete;
  FaultyDisk& operator=(const FaultyDisk&) = delete;
  ~FaultyDisk();

  // After n more writes the disk is full, until full_after(kNever).
  static constexpr std::int64_t kNever = INT64_MAX;
  void full_after(std::int64_t n);
  // After n more flushes they fail.
  void broken_after(std::int64_t n);
  [[nodiscard]] bool has_failed() const;  // since the last of the two calls above
  [[nodiscard]] std::int64_t flushes() const;

  // What SQLite asks of the disk; of locks: only that one is taken.
  enum class Operation : std::uint8_t { open, read, write, truncate, flush, share, lock, remove };
  // Asked before each operation, in whatever thread: an SQLite code other than SQLITE_OK is its
  // answer. kTorn, for a write: half of it is done, then the process ends with kTornExit.
  // kSkipped: the answer is SQLITE_OK, but nothing is done.
  static constexpr int kTorn = -1, kSkipped = -2, kTornExit = 43;
  using Interference = std::function<int(Operation)>;
  void interfere(Interference interference);
};

// Counts everything anew and compares; gives what is wrong in words, or "".
[[nodiscard]] std::string contradictions(const std::string& path);

// A job of the labourer that chunks into `rows` rows. REQUIRES: above 10,000 a multiple of it.
[[nodiscard]] engine::Job job_of(std::int64_t rows, std::string key = {},
                                 std::string_view labourer = "w");

}  // namespace sosw::local
