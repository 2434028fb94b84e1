// SPDX-License-Identifier: MIT
// What a worker has written: the newest part in a bounded file, the very end at hand.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "local/owned_fd.h"

namespace sosw::local {

inline constexpr std::size_t kTail = 4096;  // bytes of output that go into a failure report

// The text with every byte that is no UTF-8 replaced by '?'.
[[nodiscard]] std::string valid_utf8(std::string_view text);

// The last kTail bytes of a text that grows.
class Tail {
 public:
  void append(std::string_view text);
  void clear() { text_.clear(); }
  // Valid UTF-8, whatever the worker has written.
  [[nodiscard]] std::string text() const;

 private:
  std::string text_;
};

// One file for each slot of a function. When it has grown to `largest` bytes it becomes FILE.1, and
// the FILE.1 before is gone. Best effort: a full disk costs log lines, never tasks.
class FunctionLog {
 public:
  FunctionLog(std::string path, std::size_t largest) : path_(std::move(path)), largest_(largest) {}
  void write(std::string_view text);

 private:
  void open();

  std::string path_;
  std::size_t largest_;
  std::size_t size_ = 0;
  bool failing_ = false;
  OwnedFd file_;
};

}  // namespace sosw::local
