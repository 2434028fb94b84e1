// SPDX-License-Identifier: MIT
// The fleets in which Essentials of the original stand, and what is not promised there.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sosw::simulation {

// Which Essential of the original stands in a fleet, beside ours or instead of them.
enum class Original : std::uint8_t {
  none,
  scheduler_beside,
  assistant_instead,
  orchestrator_instead,
  scavenger_beside,
};
[[nodiscard]] std::string_view name(Original original);

struct Waiver {
  Original fleet;
  std::string_view invariant;
  enum class Where : std::uint8_t {
    its_writes,     // only in what the original itself has just written
    until_the_end,  // no run ends without that it holds again
    everywhere,
  } where;
  std::string_view why;
};
// Everything else holds in each of these fleets.
[[nodiscard]] std::span<const Waiver> waivers();
// `by_original`: the last write is its own.
[[nodiscard]] bool waived(Original fleet, std::string_view invariant, bool by_original);

}  // namespace sosw::simulation
