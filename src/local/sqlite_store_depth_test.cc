// SPDX-License-Identifier: MIT
// What the work costs with ten million tasks in the queue of one labourer, in steps of SQLite's
// machine: a count that no other program on the computer can change.
#include <gtest/gtest.h>

#include <iostream>
#include <map>

#include "local/store_reads.h"
#include "local/store_schema.h"
#include "local/store_session.h"
#include "local/store_test_support.h"
#include "local/store_writes.h"

namespace sosw::local {
namespace {

const Time kNow = from_epoch(1'795'000'000);
constexpr int kBatch = 100;  // tasks of each operation

using Costs = std::map<std::string, std::int64_t>;

Costs costs_at(std::int64_t queued) {
  const TemporaryFolder folder;
  Session session(folder.file(), "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL;");
  EXPECT_TRUE(migrate(session.database()));
  StoreOptions options;
  Writes writes(session, options);
  Labourer labourer;
  labourer.id = "w";
  const auto transaction = [&](const auto& step) {
    session.run(Sql::begin_write);
    step();
    writes.flush();
    session.run(Sql::commit);
  };

  const engine::Job job = job_of(2 * queued, "k");
  const auto rows = JobRows::open(job.description);
  transaction(
      [&] { EXPECT_TRUE(writes.accept(job, json::serialize(job.description), *rows, 0, kNow)); });
  for (std::int64_t made = 0; made < queued; made += 10'000) {
    transaction([&] { EXPECT_TRUE(writes.make_rows("w", queued, 10'000, kNow)); });
  }

  Costs costs;
  const auto measured = [&](const std::string& what, const auto& step) {
    const auto steps = [&] { return session.database().counter(SQLITE_STMTSTATUS_VM_STEP); };
    const auto scanned = [&] {
      return session.database().counter(SQLITE_STMTSTATUS_FULLSCAN_STEP);
    };
    const std::int64_t steps_before = steps();
    const std::int64_t scanned_before = scanned();
    step();
    costs[what] = steps() - steps_before;
    // Tables with a row for each labourer or kind may be read as a whole.
    EXPECT_LE(scanned() - scanned_before, 1'000) << what << " reads a whole table";
  };
  const engine::ClaimRequest wanted{"w", 1'000'000, kBatch, after(kNow, 100), Expiry::deadline, {}};
  const auto claim = [&](std::span<const Report> reports) {
    engine::Exchanged exchanged;
    transaction([&] {
      auto answer = writes.exchange(reports, std::span(&wanted, 1), {}, kNow);
      ASSERT_TRUE(answer) << answer.error().text();
      exchanged = *std::move(answer);
    });
    EXPECT_EQ(exchanged.claimed.size(), static_cast<std::size_t>(kBatch));
    return exchanged.claimed;
  };
  const auto reports_of = [](const std::vector<engine::Claimed>& claimed, Report::Kind kind) {
    std::vector<Report> reports;
    for (const engine::Claimed& one : claimed) {
      Report report;
      report.kind = kind;
      report.task_id = one.task.id;
      report.claim = one.claim;
      reports.push_back(std::move(report));
    }
    return reports;
  };

  std::vector<engine::Claimed> claimed;
  measured("claim", [&] { claimed = claim({}); });
  measured("complete and claim",
           [&] { claimed = claim(reports_of(claimed, Report::Kind::completed)); });
  measured("fail and claim", [&] { claimed = claim(reports_of(claimed, Report::Kind::failed)); });
  measured("release", [&] {
    std::vector<engine::Release> releases;
    releases.reserve(claimed.size());
    for (const engine::Claimed& one : claimed) releases.push_back({one.task.id, one.claim, {}, ""});
    transaction([&] { EXPECT_TRUE(writes.release(releases, {}, kNow)); });
  });
  claimed = claim({});
  measured("expire", [&] {
    std::vector<Writes::Attempt> attempts;
    for (const OverdueAttempt& one : read_overdue(session, "w", after(kNow, 10'000))) {
      attempts.push_back({one.id, one.claim});
    }
    EXPECT_EQ(attempts.size(), static_cast<std::size_t>(kBatch));
    transaction([&] { EXPECT_TRUE(writes.expire(labourer, attempts, after(kNow, 10'000))); });
  });
  measured("requeue", [&] {
    transaction([&] {
      const auto back = writes.requeue("w", kBatch, 86'400, after(kNow, 50'000));
      ASSERT_TRUE(back);
      EXPECT_EQ(back->size(), static_cast<std::size_t>(kBatch));
    });
  });
  measured("make rows", [&] {
    transaction([&] { EXPECT_TRUE(writes.make_rows("w", 2 * queued, kBatch, kNow)); });
  });
  measured("status", [&] {
    const auto status = read_status(session);
    EXPECT_GT(status.at("w").tasks.at(State::queued), queued / 2);
  });
  measured("first page of tasks", [&] {
    engine::TaskQuery query;
    query.labourer_id = "w";
    query.state = State::queued;
    const auto page = read_tasks(session, options, query);
    ASSERT_TRUE(page);
    EXPECT_EQ(page->size(), 100U);
  });
  return costs;
}

TEST(DepthTest, ten_million_queued_tasks_cost_at_most_twice_what_ten_thousand_do) {
  const Costs few = costs_at(10'000);
  const Costs many = costs_at(10'000'000);
  for (const auto& [what, steps] : few) {
    std::cout << what << ": " << steps << " steps at 10,000 queued, " << many.at(what)
              << " at 10,000,000\n";
    EXPECT_GT(steps, 0) << what;
    EXPECT_LE(many.at(what), 2 * steps) << what;
  }
}

}  // namespace
}  // namespace sosw::local
