// SPDX-License-Identifier: MIT
#include "local/base64.h"

#include <cstdint>

namespace sosw::local {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string coded;
  coded.reserve((bytes.size() + 2) / 3 * 4);
  while (!bytes.empty()) {
    const auto group = bytes.substr(0, 3);
    std::uint32_t bits = 0;
    for (std::size_t i = 0; i < 3; ++i)
      bits = bits << 8 | (i < group.size() ? static_cast<unsigned char>(group[i]) : 0U);
    for (std::size_t i = 0; i < 4; ++i)
      coded += i <= group.size() ? kAlphabet[bits >> (18 - 6 * i) & 63] : '=';
    bytes.remove_prefix(group.size());
  }
  return coded;
}

}  // namespace sosw::local
