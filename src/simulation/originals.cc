// SPDX-License-Identifier: MIT
// See originals.h.
#include "simulation/originals.h"

#include <algorithm>
#include <array>

namespace sosw::simulation {
namespace {

using enum Waiver::Where;

constexpr std::array kWaivers = std::to_array<Waiver>({
    {Original::scheduler, "folded_as_unfolded", its_writes,
     "it knows no jobs, and makes its rows before those that wait folded"},
    {Original::scheduler, "positions_below_ceiling", everywhere,
     "it goes on behind the last position, wherever that is"},

    {Original::assistant, "no_ghost_rows", everywhere,
     "its update makes the row of a task that is not there; ours take it when it is in the way"},
    {Original::assistant, "lifecycle", its_writes,
     "it counts a failure in whatever state the task is"},

    {Original::orchestrator, "limit", everywhere, "it knows no lease"},
    {Original::orchestrator, "cancelled_not_started", its_writes, "it knows no jobs"},

    {Original::scavenger, "one_table", until_the_end,
     "its moves are two requests; ours mend what is left of them when they meet it"},
    {Original::scavenger, "counts_exact", everywhere, "it knows no counts"},
    {Original::scavenger, "limit", everywhere,
     "it puts copies back of tasks that are over; an index that lags shows the end of the older "
     "one"},
    {Original::scavenger, "cancelled_not_started", its_tasks,
     "it drops the job of a task that it brings back from retry"},
    {Original::scavenger, "finished_not_started_again", its_tasks,
     "it deletes what was reported between its two requests, and puts older copies back"},
});

}  // namespace

std::string_view name(Original original) {
  constexpr std::array<std::string_view, kOriginals> kNames = {
      "ours alone", "a Scheduler of the original", "a WorkerAssistant of the original",
      "an Orchestrator of the original", "a Scavenger of the original"};
  return kNames[static_cast<std::size_t>(original)];
}

std::span<const Waiver> waivers() { return kWaivers; }

bool waived(Original fleet, std::string_view invariant, bool by_original, bool touched) {
  return std::any_of(kWaivers.begin(), kWaivers.end(), [&](const Waiver& one) {
    return one.fleet == fleet && one.invariant == invariant &&
           (one.where != its_writes || by_original) && (one.where != its_tasks || touched);
  });
}

}  // namespace sosw::simulation
