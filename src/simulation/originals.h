// SPDX-License-Identifier: MIT
// The fleets in which an Essential of the original stands beside ours, and what is not promised
// there.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace sosw::simulation {

enum class Original : std::uint8_t { none, scheduler, assistant, orchestrator, scavenger };
inline constexpr std::size_t kOriginals = 5;
[[nodiscard]] std::string_view name(Original original);

struct Waiver {
  Original fleet;
  std::string_view invariant;
  enum class Where : std::uint8_t {
    its_writes,     // only in what the original itself has just written
    its_tasks,      // only for tasks that the original has written
    until_the_end,  // no run ends without that it holds again
    everywhere,
  } where;
  std::string_view why;
};
// Everything else holds in each of these fleets.
[[nodiscard]] std::span<const Waiver> waivers();
// `by_original`: the last write is its own; `touched`: it has written that task before.
[[nodiscard]] bool waived(Original fleet, std::string_view invariant, bool by_original,
                          bool touched);

}  // namespace sosw::simulation
