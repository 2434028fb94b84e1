// SPDX-License-Identifier: MIT
// Fleets do their work: the original's, ours, and mixed ones.
#include "fleet/fleet.h"

#include <gmock/gmock.h>

#include "fleet/jobs.h"
#include "fleet/original_rows.h"

namespace sosw::fleet {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

// How many tasks each worker gets besides the tutorial's: in a soak as many as the project
// promises, else what shows each kind of failure.
std::size_t numbers_each() { return full() ? 100 : 30; }

Options three_workers() {
  return {.workers = {{.name = kTutorial}, {.name = "python"}, {.name = "native", .python = false}},
          .minute = std::chrono::minutes(full() ? 1 : 10),
          .configs = {{kOrchestrator + std::string("_config"), {{"run_for", full() ? 20 : 3}}}}};
}

// The tutorial's job and one for each of the other workers go through their whole life.
void expect_whole_life(Fleet& fleet, std::size_t each, bool alarms) {
  fleet.invoke(kScheduler, tutorial_job());
  fleet.invoke(kScheduler, numbers_job("python", each));
  fleet.invoke(kScheduler, numbers_job("native", each));
  fleet.run_until_empty(400, [&] {
    expect_rows_of_the_original(fleet, {"sosw_tasks", "sosw_retry_tasks"});
  });
  auto dead = expect_tutorial_done(fleet);
  for (const auto* worker : {"python", "native"})
    for (auto& id : expect_numbers_done(fleet, worker, each)) dead.push_back(std::move(id));
  EXPECT_EQ(dead.size(), 2 + 2 * ((each + 42) / 50));
  expect_rows_of_the_original(fleet, {"sosw_closed_tasks", "sosw_tasks_meta"});
  if (!alarms) return;
  std::string told;
  for (const auto& message : fleet.messages()) told += message + '\n';
  for (const auto& id : dead) EXPECT_THAT(told, HasSubstr("Closing dead task: " + id));
}

TEST(RowsOfTheOriginal, HaveItsNamesAndTypes) {
  const auto judged = [](const char* table, const std::string& change) {
    auto row = json::parse(R"({
      "task_id": {"S": "0123456789abcdef0123456789abcdef"}, "labourer_id": {"S": "w"},
      "created_at": {"N": "1790000000.5"}, "greenfield": {"N": "2000"}, "attempts": {"N": "0"},
      "payload": {"S": "{\"n\": 1}"}, "stat_done": {"N": "1"}, "claim": {"S": "c1-1-1"},
      "completed_at": {"N": "1790000100"}})")
                   .as_object();
    const auto changes = json::parse(change).as_object();
    for (const auto& [name, value] : changes)
      if (value.is_null())
        row.erase(name);
      else
        row[name] = value;
    return not_of_the_original(table, row);
  };
  EXPECT_EQ(judged("sosw_tasks", "{}"), "");
  EXPECT_EQ(judged("sosw_tasks", R"({"task_id": {"S": "sosw:tail:w"}, "jobs": {"L": []}})"), "");
  EXPECT_THAT(judged("sosw_tasks", R"({"task_id": {"S": "1"}})"), HasSubstr("another form"));
  EXPECT_THAT(judged("sosw_tasks", R"({"greenfield": {"S": "2000"}})"), HasSubstr("of type S"));
  EXPECT_THAT(judged("sosw_tasks", R"({"claim": {"S": "123"}})"), HasSubstr("another form"));
  EXPECT_THAT(judged("sosw_tasks", R"({"owner": {"S": "x"}})"), HasSubstr("owner is not known"));
  EXPECT_THAT(judged("sosw_tasks", R"({"attempts": null})"), HasSubstr("attempts is missing"));
  EXPECT_THAT(judged("sosw_tasks", R"({"payload": {"S": "{'n': 1}"}})"), HasSubstr("another form"));
  const std::string closed =
      R"({"closed_at": {"N": "1790000200"}, "labourer_id_task_status": {"S": "w_1"},
          "payload": {"S": "{'n': 1}"}})";
  EXPECT_EQ(judged("sosw_closed_tasks", closed), "");
  EXPECT_THAT(judged("sosw_tasks", closed), HasSubstr("closed_at is not known"));
  // Of ours, as docs/from-sosw.md lists them.
  EXPECT_EQ(
      judged("sosw_tasks", R"({"late_at": {"N": "1790000200"}, "late_claim": {"S": "c1-1-1"}})"),
      "");
  EXPECT_EQ(judged("sosw_closed_tasks",
                   R"({"closed_at": {"N": "1790000200"}, "labourer_id_task_status": {"S": "w_0"},
                       "reason": {"S": "cancelled"}})"),
            "");
  EXPECT_THAT(judged("sosw_tasks", R"({"reason": {"S": "cancelled"}})"), HasSubstr("not known"));
  EXPECT_THAT(judged("sosw_retry_tasks", "{}"), HasSubstr("desired_launch_time is missing"));
  EXPECT_THAT(judged("sosw_tasks_meta", "{}"), HasSubstr("action is missing"));
}

// It never sends the alarms of dead tasks.
TEST(OriginalFleet, TakesTasksThroughTheirLife) {
  Fleet fleet(three_workers());
  expect_whole_life(fleet, numbers_each(), false);
}

class MixedFleet : public ::testing::TestWithParam<const char*> {};

// The other three are the original's.
TEST_P(MixedFleet, TakesTasksThroughTheirLife) {
  auto options = three_workers();
  options.ours = {GetParam()};
  Fleet fleet(std::move(options));
  expect_whole_life(fleet, numbers_each(), GetParam() == std::string(kScavenger));
}

INSTANTIATE_TEST_SUITE_P(Ours, MixedFleet,
                         ::testing::Values(kScheduler, kOrchestrator, kScavenger, kWorkerAssistant),
                         [](const auto& test) { return std::string(test.param); });

TEST(OurFleet, TakesTasksThroughTheirLife) {
  auto options = three_workers();
  options.ours = {kScheduler, kOrchestrator, kScavenger, kWorkerAssistant};
  for (auto& worker : options.workers) worker.limit = 8;
  Fleet fleet(std::move(options));
  expect_whole_life(fleet, full() ? 1000 : 100, true);
}

}  // namespace
}  // namespace sosw::fleet
