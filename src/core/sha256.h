// SPDX-License-Identifier: MIT
// SHA-256 (FIPS 180-4), for ids: core links no cryptography.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sosw {

[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view bytes);

}  // namespace sosw
