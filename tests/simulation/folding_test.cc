// SPDX-License-Identifier: MIT
// Folded and unfolded jobs end in the same history: two runs of the same choices, of which only one
// keeps its jobs folded.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/task.h"
#include "simulation/simulation.h"

namespace sosw::simulation {
namespace {

// Whether a choice is about the work of a task that was made directly. Those have another id when
// they waited folded, and such a choice has the id in its name.
bool about_a_direct_task(const std::string& name) {
  static const std::set<std::string> jobs = [] {
    std::set<std::string> begin;
    for (int i = 1; i <= 200; ++i) begin.insert(job_id(fmt::format("job {}", i)).substr(0, 4));
    return begin;
  }();
  return name.find("..") == 4 && jobs.count(name.substr(0, 4)) == 0;
}

// What people and workers of that seed do, without accidents, and without what looks at the queue
// as it is at that moment: replays, cancellations, chosen places. Of those made directly,
// and of a rule, all succeed.
Choices::Named peaceful(std::uint64_t seed) {
  Choices choices(seed);
  choices.keep_names();
  (void)simulate({.place = Settings::Place::home}, choices);
  Choices::Named named = choices.taken_by_name();
  for (const char* name : {"Faults", "trouble of invocations", "two engines", "wide steps",
                           "most offset", "place", "word", "watermark", "make now", "make batch",
                           // Of what is due in one pass, passes that take a part change the order.
                           "retry batch", "retry tasks limit"})
    named.erase(name);
  std::erase_if(named, [](const auto& one) { return about_a_direct_task(one.first); });
  std::erase_if(named["what happens"], [](const auto& one) {
    constexpr std::uint32_t kJob = 1, kSameJob = 2, kTask = 6, kLoad = 10;
    return one.second != kJob && one.second != kSameJob && one.second != kTask &&
           one.second != kLoad;
  });
  named["goes on as it is"] = {{1, 1}};
  return named;
}

History history_of(const Choices::Named& named) {
  Choices choices(named);
  const Outcome outcome = simulate({.history = true, .place = Settings::Place::home}, choices);
  EXPECT_FALSE(outcome.broken) << outcome.broken->invariant << ": " << outcome.broken->what;
  return outcome.history;
}

// A retry comes back when the engine looks, within a second of its time: among those that started
// before only its own place may differ, so then the order of first starts is compared.
void without_later_starts(History& history) {
  for (auto& [labourer, tasks] : history.started) {
    std::set<std::string> seen;
    std::erase_if(tasks, [&](const std::string& task) { return !seen.insert(task).second; });
  }
}

TEST(Folding, FoldedAndUnfoldedJobsEndInTheSameHistory) {
  std::size_t started = 0;
  int without_failures = 0;
  for (std::uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    Choices::Named named = peaceful(seed);
    History unfolded = history_of(named);
    named["watermark"] = {{1, 1 + seed % 3}};     // 1, 2 or 3
    named["make now"] = {{1, 1 + seed / 3 % 3}};  // 0, 1 or 3
    named["make batch"] = {{1, seed % 2}};
    History folded = history_of(named);
    for (const auto& [labourer, tasks] : unfolded.started) started += tasks.size();
    const bool failures = std::any_of(unfolded.ended.begin(), unfolded.ended.end(),
                                      [](const auto& task) { return task.second.second > 1; });
    if (failures) {
      without_later_starts(unfolded);
      without_later_starts(folded);
    } else {
      ++without_failures;
    }
    EXPECT_EQ(folded.started, unfolded.started);
    EXPECT_EQ(folded.ended, unfolded.ended);
    EXPECT_EQ(folded.jobs, unfolded.jobs);
  }
  EXPECT_GT(started, 2000U);
  EXPECT_GT(without_failures, 50);
}

}  // namespace
}  // namespace sosw::simulation
