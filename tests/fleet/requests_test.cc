// SPDX-License-Identifier: MIT
// What a fleet asks of DynamoDB.
#include <gmock/gmock.h>

#include <cstdio>
#include <set>

#include "fleet/fleet.h"
#include "fleet/jobs.h"

namespace sosw::fleet {
namespace {

using ::testing::IsEmpty;

const std::set<std::string> kAllOurs = {kScheduler, kOrchestrator, kScavenger, kWorkerAssistant};

struct Asked {
  double a_task = 0;
  std::map<std::string, std::int64_t> by_kind;
  std::vector<std::string> limitless;
};

// Tasks none of which fails, from the job to the archive.
Asked asked_by(const std::string& who, Options options, std::size_t tasks, int limit) {
  options.workers = {{.name = "native", .python = false, .limit = limit}};
  options.configs = {{kOrchestrator + std::string("_config"), {{"run_for", 20}}}};
  Fleet fleet(std::move(options));
  fleet.invoke(kScheduler, numbers_job("native", tasks, 50));
  fleet.run_until_empty(400);
  EXPECT_THAT(expect_numbers_done(fleet, "native", tasks), IsEmpty());
  Asked asked{.by_kind = fleet.dynamodb().counts(), .limitless = fleet.dynamodb().limitless()};
  std::int64_t all = 0;
  for (const auto& [kind, n] : asked.by_kind) {
    std::printf("  %-70s %6lld\n", kind.c_str(), static_cast<long long>(n));
    all += n;
  }
  asked.a_task = static_cast<double>(all) / static_cast<double>(tasks);
  std::printf("%s: %zu tasks, %.2f requests to DynamoDB for each\n", who.c_str(), tasks,
              asked.a_task);
  return asked;
}

// The original asks 11 times for each task with audit rows, 7 times without, and for each minute
// and labourer besides.
TEST(Requests, AreAFewForEachTask) {
  const std::size_t ours = full() ? 1000 : 200;
  const std::size_t originals = full() ? 200 : 60;
  const int limit = full() ? 50 : 30;
  const auto original = asked_by("the original", {}, originals, limit);
  const auto all = asked_by("ours with fence and audit", {.ours = kAllOurs}, ours, limit);
  EXPECT_LE(all.a_task, full() ? 3.5 : 4);
  EXPECT_LT(all.a_task * 3, original.a_task);
  EXPECT_THAT(all.limitless, IsEmpty());
  if (!full()) return;
  EXPECT_GE(original.a_task, 11);
  const auto bare = asked_by("the original without audit", {.audit = false}, originals, limit);
  EXPECT_GE(bare.a_task, 7);
  const auto fenced = asked_by("ours with fence", {.ours = kAllOurs, .audit = false}, ours, limit);
  EXPECT_LE(fenced.a_task, 2.5);
  const auto plain = asked_by("ours without both",
                              {.ours = kAllOurs, .audit = false, .fence = false}, ours, limit);
  EXPECT_LE(plain.a_task, 1.5);
}

// The Scheduler makes as many rows as it has time for, and invokes itself for the rest. moto copies
// whole tables in each transaction, so tasks that are made are put aside.
TEST(Requests, OfAGreatJobAreFewInWhateverRunsItTakes) {
  const std::size_t tasks = full() ? 100'000 : 5'000;
  const int at_once = 10;  // transactions, of 98 rows
  Fleet fleet({.ours = kAllOurs,
               .workers = {{.name = "native", .python = false}},
               .audit = false,
               .real_time = true,
               .scheduler_timeout_s = full() ? 300 : 40});
  // The time of one run is not enough for the job's transactions.
  fleet.dynamodb().latency(std::chrono::milliseconds(full() ? 300 : 400));
  std::set<int> numbers;
  std::set<std::string> ids;
  const auto put_aside = [&] {
    for (const auto& row : fleet.take_tasks()) {
      EXPECT_TRUE(numbers.insert(number_of(row)).second) << json::serialize(row);
      EXPECT_TRUE(ids.insert(attribute(row, "task_id")).second) << json::serialize(row);
    }
  };
  int transactions = 0;
  fleet.dynamodb().after_each([&](const std::string& operation) {
    if (operation == "TransactWriteItems" && ++transactions % at_once == 0) put_aside();
  });
  fleet.invoke(kScheduler, numbers_job("native", tasks));
  fleet.wait_until_quiet();
  fleet.dynamodb().after_each({});
  put_aside();
  EXPECT_EQ(numbers.size(), tasks);
  EXPECT_EQ(*numbers.rbegin(), static_cast<int>(tasks) - 1);

  std::int64_t all = 0;
  for (const auto& [kind, n] : fleet.dynamodb().counts()) {
    std::printf("  %-70s %6lld\n", kind.c_str(), static_cast<long long>(n));
    all += n;
  }
  std::printf("%zu tasks made: %.4f requests for each\n", tasks,
              static_cast<double>(all) / static_cast<double>(tasks));
  EXPECT_LE(all, static_cast<std::int64_t>(tasks) / (full() ? 50 : 25));
  EXPECT_THAT(fleet.dynamodb().limitless(), IsEmpty());
  const auto log = fleet.log_of(kScheduler);
  const std::string report = R"("essential":"scheduler")";
  int runs = 0;
  for (auto at = log.find(report); at != std::string::npos; at = log.find(report, at + 1)) ++runs;
  EXPECT_GE(runs, 2) << log;
}

}  // namespace
}  // namespace sosw::fleet
