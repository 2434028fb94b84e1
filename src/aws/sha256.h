// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace sosw::aws {

using Sha256 = std::array<unsigned char, 32>;

// Of `a` and `b` as if they were one text.
Sha256 sha256(std::string_view a, std::string_view b = {});

Sha256 hmac_sha256(std::string_view key, std::string_view message);

// The bytes of a digest, as they are.
inline std::string_view bytes_of(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string hex(const Sha256& digest);
std::string base64(std::string_view bytes);

}  // namespace sosw::aws
