// SPDX-License-Identifier: MIT
// Two of each of our Essentials at the same time, killed at random, while DynamoDB has accidents.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <random>
#include <set>
#include <thread>

#include "fleet/fleet.h"
#include "fleet/jobs.h"

namespace sosw::fleet {
namespace {

using ::testing::IsEmpty;
using namespace std::chrono_literals;

constexpr int kAttempts = 12;  // a killed Orchestrator uses those that it has claimed

// By the key of its event the same job stays one.
void schedule(Fleet& fleet, json::object job, const std::string& key) {
  for (int i = 0; i < 100; ++i) {
    const auto answer = fleet.invoke(kScheduler, json::object{{"id", key}, {"job", job}});
    if (answer.is_object() && answer.get_object().contains("job_id")) return;
  }
  ADD_FAILURE() << "the Scheduler has never answered: " << fleet.log_of(kScheduler);
}

// Whatever died with a claim, each run of a task was one that a claim was made for.
void expect_each_once(Fleet& fleet, const std::string& worker, std::size_t count) {
  std::map<std::string, std::size_t> begun;  // by task
  std::set<std::string> runs;
  auto seen = fleet.witnessed(worker);
  for (const auto& run : seen["begin"]) {
    EXPECT_TRUE(runs.insert(run).second) << run << " has begun twice";
    ++begun[run.substr(0, run.find('/'))];
  }
  EXPECT_THAT(seen["over"], IsEmpty()) << "more at once than the limit";
  std::set<int> numbers;
  for (const auto& row : fleet.rows("sosw_closed_tasks")) {
    if (attribute(row, "labourer_id") != worker) continue;
    SCOPED_TRACE(json::serialize(row));
    const int number = number_of(row);
    EXPECT_TRUE(numbers.insert(number).second) << "two tasks of one row";
    const bool dead = number % 50 == 7;
    EXPECT_EQ(attribute(row, "labourer_id_task_status"), worker + (dead ? "_0" : "_1"));
    const auto attempts = std::stoul(attribute(row, "attempts"));
    if (dead) {
      EXPECT_EQ(attempts, kAttempts);
    }
    EXPECT_GE(attempts, begun[attribute(row, "task_id")]);
    EXPECT_GE(begun[attribute(row, "task_id")], 1);
  }
  EXPECT_EQ(numbers.size(), count);
}

TEST(Accidents, LoseNoTaskAndKeepTheLimit) {
  const std::size_t each = full() ? 300 : 30;
  const auto named = [](const char* name) { return name + std::string("_config"); };
  const json::object attempts{{"task_config", {{"max_attempts", kAttempts}}}};
  json::object orchestrator = attempts;
  orchestrator["run_for"] = full() ? 20 : 4;
  Fleet fleet({.ours = {kScheduler, kOrchestrator, kScavenger, kWorkerAssistant},
               .workers = {{.name = "one", .python = false, .limit = 6},
                           {.name = "two", .python = false, .limit = 3}},
               .minute = full() ? 5min : 20min,
               .copies = 2,
               .configs = {{named(kScheduler), attempts},
                           {named(kOrchestrator), orchestrator},
                           {named(kScavenger), attempts},
                           {named(kWorkerAssistant), attempts}}});
  const auto seed = std::random_device()();
  std::printf("seed %u\n", seed);
  fleet.functions_may_fail(true);
  fleet.dynamodb().accidents(
      {.throttled = 20, .failed = 15, .lost = 15, .failed_all_the_same = 15, .old_index = 150},
      seed);
  std::atomic<int> killed = 0;
  {
    std::jthread killer([&](const std::stop_token& stop) {
      std::mt19937 random(seed);
      while (!stop.stop_requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(random() % 1500));
        if (fleet.kill_essential(static_cast<std::uint32_t>(random()))) ++killed;
      }
    });
    schedule(fleet, numbers_job("one", each), "first");
    schedule(fleet, numbers_job("two", each), "second");
    for (int i = 0; i < (full() ? 40 : 6); ++i) fleet.tick();
  }
  const auto happened = fleet.dynamodb().happened();
  fleet.dynamodb().accidents({}, 0);
  std::printf("killed %d Essentials;", killed.load());
  for (const auto& [what, n] : happened) std::printf(" %s: %d;", what.c_str(), n);
  std::printf("\n");
  for (const auto* what : {"throttled", "failed", "lost", "failed all the same", "old index"})
    EXPECT_GT(happened.count(what), 0) << what;
  EXPECT_GT(killed, 0);

  fleet.tick();  // a process that has just been killed may still be given work
  fleet.functions_may_fail(false);
  fleet.run_until_empty(240);
  expect_each_once(fleet, "one", each);
  expect_each_once(fleet, "two", each);
  expect_rows_of_the_original(fleet, {"sosw_closed_tasks"});
}

}  // namespace
}  // namespace sosw::fleet
