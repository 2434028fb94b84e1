// SPDX-License-Identifier: MIT
// What a target is: a file that defines LLVMFuzzerTestOneInput(), which calls the code under test
// with arbitrary bytes and holds what it gives against what must be true of every answer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

// Returns 0. Whatever it throws is a find.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace sosw::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// What is before the first `end`, which it takes away with it; all of it if there is none.
inline std::string_view take_until(std::string_view& input, char end) {
  const auto part = input.substr(0, input.find(end));
  input.remove_prefix(part.size() < input.size() ? part.size() + 1 : part.size());
  return part;
}

// Ends the program as a crash does, in every kind of build.
inline void require(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace sosw::fuzz
