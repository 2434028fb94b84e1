// SPDX-License-Identifier: MIT
// The time that all functions of a fleet believe in: a file as Debian's libfaketime reads it.
// Python runs under that library; our programs read the same file in builds for tests.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace sosw::fleet {

class Clock {
 public:
  // Some hours ago. It must not go beyond the present: the host tells deadlines by the real clock,
  // and a function that believes in a later time than that sees them passed.
  explicit Clock(std::filesystem::path file) : file_(std::move(file)) { write(); }

  void advance(std::chrono::seconds by) {
    offset_ += by;
    if (offset_.count() > 0) throw std::logic_error("the fleet's clock has overtaken ours");
    write();
  }
  // Epoch, whole seconds.
  [[nodiscard]] std::int64_t now() const {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch() + offset_)
        .count();
  }
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  void write() const {
    const auto next = file_.string() + ".new";
    {
      std::ofstream out(next);
      out << offset_.count() << '\n';
      if (!out.flush()) throw std::runtime_error("cannot write " + next);
    }
    std::filesystem::rename(next, file_);  // a reader sees the old or the new one
  }

  std::filesystem::path file_;
  std::chrono::seconds offset_ = -std::chrono::hours(20);
};

}  // namespace sosw::fleet
