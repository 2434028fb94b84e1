// SPDX-License-Identifier: MIT
// Makes the recorded choices of a failing run shorter and smaller.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

namespace sosw::simulation {

using Recorded = std::vector<std::uint32_t>;

// Whether the run of these choices still fails in the same way; if so, `recorded` becomes what the
// run really took.
using StillFails = std::function<bool(Recorded& recorded)>;

// Deletes and zeroes pieces, then lowers single numbers, as Hypothesis does (MacIver, Donaldson
// 2020), until nothing helps or `most_runs` are used up. Knows nothing of what the numbers mean.
[[nodiscard]] Recorded shrink(Recorded failing, const StillFails& still_fails, int most_runs);

}  // namespace sosw::simulation
