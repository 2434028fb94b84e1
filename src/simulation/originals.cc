// SPDX-License-Identifier: MIT
// See originals.h.
#include "simulation/originals.h"

#include <algorithm>
#include <array>

namespace sosw::simulation {
namespace {

using enum Original;
using enum Waiver::Where;

constexpr std::array kWaivers = std::to_array<Waiver>({
    {scheduler_beside, "folded_as_unfolded", its_writes,
     "it knows no jobs, and makes its rows before those that wait folded"},
    {scheduler_beside, "positions_below_ceiling", everywhere,
     "it goes on behind the last position, wherever that is"},

    {assistant_instead, "no_ghost_rows", everywhere,
     "its update makes the row of a task that is not there; ours delete it when it is in the way"},
    {assistant_instead, "lifecycle", its_writes,
     "it counts a failure in whatever state the task is"},

    {orchestrator_instead, "limit", its_writes,
     "two of its runs at once know nothing of each other"},
    {orchestrator_instead, "cancelled_not_started", its_writes, "it knows no jobs"},

    {scavenger_beside, "one_table", until_the_end,
     "its moves are two requests; ours mend what is left of them when they meet it"},
    {scavenger_beside, "counts_exact", everywhere, "it knows no counts (shown as unknown)"},
    {scavenger_beside, "finished_not_started_again", everywhere,
     "it deletes what was reported between its two requests, and puts older copies back"},
});

}  // namespace

std::string_view name(Original original) {
  constexpr std::string_view kNames[] = {
      "ours alone", "a Scheduler of the original beside ours", "WorkerAssistants of the original",
      "Orchestrators of the original", "a Scavenger of the original beside ours"};
  return kNames[static_cast<std::size_t>(original)];
}

std::span<const Waiver> waivers() { return kWaivers; }

bool waived(Original fleet, std::string_view invariant, bool by_original) {
  return std::any_of(kWaivers.begin(), kWaivers.end(), [&](const Waiver& one) {
    return one.fleet == fleet && one.invariant == invariant &&
           (one.where != its_writes || by_original);
  });
}

}  // namespace sosw::simulation
