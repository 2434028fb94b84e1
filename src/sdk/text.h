// SPDX-License-Identifier: MIT
// Texts as the original sees them: UTF-8, blanks, case and digits of every script. Bytes that are
// no UTF-8 are kept as they are.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sosw::sdk {

inline constexpr char32_t kNoCharacter = 0xFFFFFFFF;

// The character at `at`, which moves behind it; kNoCharacter for a byte that begins none.
// REQUIRES: at < text.size()
char32_t next_character(std::string_view text, std::size_t& at);
void append_character(char32_t c, std::string& out);

bool is_blank(char32_t c);
// 0 to 9 for a decimal digit of any script.
std::optional<int> digit(char32_t c);

// Without blanks at both ends.
std::string_view strip(std::string_view text);
// Small letters for capitals, whatever stands beside them (a final sigma is a sigma).
std::string lower(std::string_view text);
// The parts between the separators, at least one. REQUIRES: !separator.empty()
std::vector<std::string_view> split(std::string_view text, std::string_view separator);

}  // namespace sosw::sdk
