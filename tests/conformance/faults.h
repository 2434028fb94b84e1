// SPDX-License-Identifier: MIT
// Faults below a store: at the n-th statement, operation on the disk or allocation of SQLite.
#pragma once

#include <cstdint>
#include <string_view>

#include "local/store_test_support.h"

namespace sosw::conformance {

struct Fault {
  enum class At : std::uint8_t { statement, disk, memory } at;
  enum class What : std::uint8_t {
    io_error,  // of a statement: it fails before it does anything
    full,      // of a statement: SQLite has undone the whole transaction; of the disk: writes only
    no_memory,
    busy,
    lasting,  // of the disk: io_error, at every later operation too while faults are on
    killed,   // the process ends
    torn      // of the disk: the process ends in the middle of a write
  } what;
};
std::string_view name(Fault::At at);
std::string_view name(Fault::What what);

// How a process ends that a fault kills.
inline constexpr int kKilledExit = local::FaultyDisk::kTornExit;

// While it lives, SQLite works on it: one at a time in a process, and the first before SQLite is
// used at all. Any thread may use SQLite while faults are on, one at a time calls what is here;
// faults of statements need a program that is linked with sqlite3_step and the like wrapped
// (CMakeLists.txt).
class Faults {
 public:
  Faults();
  Faults(const Faults&) = delete;
  Faults& operator=(const Faults&) = delete;
  ~Faults();

  // Strikes at the n-th point, from 1 on, that is visited while faults are on.
  void arm(Fault fault, std::int64_t n);
  void on();
  void off();
  [[nodiscard]] bool struck() const;  // since arm()
  [[nodiscard]] std::int64_t visited() const;

 private:
  struct Allocator {
    Allocator();
  };
  Allocator allocator_;  // before the disk, which uses SQLite
  local::FaultyDisk disk_;
};

}  // namespace sosw::conformance
