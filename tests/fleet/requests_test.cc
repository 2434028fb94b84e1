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
  const int limit = 30;
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

}  // namespace
}  // namespace sosw::fleet
