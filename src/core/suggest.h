// SPDX-License-Identifier: MIT
// The known word that somebody may have meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sosw {

// The word of `known` with the smallest edit distance (letters added, dropped, changed or two
// swapped; case counts as no difference), the first of equals; nullopt when none is similar: more
// than a third of the letters differ.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> known);

// "did you mean 'x'?", or "known: a, b, c" when none is similar.
[[nodiscard]] std::string suggestion(std::string_view word,
                                     std::span<const std::string_view> known);

}  // namespace sosw
