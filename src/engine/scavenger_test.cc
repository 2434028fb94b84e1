// SPDX-License-Identifier: MIT
#include "engine/scavenger.h"

#include "engine/engine_fixture.h"

namespace sosw::engine {
namespace {

class ScavengerTest : public EngineTest {
 protected:
  ScavengerTest() {
    labourers_.emplace("w", labourer("w", 10));
    labourers_.at("w").max_attempts = 2;
  }
  std::vector<Claimed> claim(int n) {
    const Labourer& w = labourers_.at("w");
    const ClaimRequest request{w.id,     100, n, after(clock_.now(), w.duration_s + w.cooldown_s),
                               w.expiry, {}};
    return store_.exchange({}, {&request, 1}, labourers_, clock_.now())->claimed;
  }
  Scavenger::Pass pass(const TaskStore::StillRunning& running = [](auto, auto) { return false; }) {
    const std::string_view which = "w";
    return scavenger_.scavenge(labourers_, {&which, 1}, running);
  }

  Scavenger scavenger_{store_, clock_, &audit_, {}};
};

TEST_F(ScavengerTest, AnExpiredTaskIsTriedAgainThenDies) {
  const auto ids = add_tasks("w", 1);
  claim(1);
  clock_.advance(1199);
  EXPECT_EQ(pass().expired, 0);
  clock_.advance(2);
  EXPECT_EQ(pass().expired, 1);
  EXPECT_EQ(task(ids[0]).state, State::retry);
  EXPECT_EQ(*task(ids[0]).desired_launch_time,
            epoch_seconds(clock_.now()) + 300);  // timeout * attempts
  clock_.advance(301);
  const auto back = pass();
  EXPECT_EQ(back.retried, 1);
  EXPECT_EQ(back.queued, std::vector<std::string>{"w"});
  claim(1);
  clock_.advance(1201);
  EXPECT_EQ(pass().dead, 1);
  EXPECT_EQ(task(ids[0]).state, State::dead);
  EXPECT_EQ(task(ids[0]).attempts, 2);
  EXPECT_EQ(audit_.actions(ids[0]),
            (std::vector<std::string>{"scheduled_for_retry", "ready_for_retry", "archived_dead"}));
}

TEST_F(ScavengerTest, WhatItsHostStillRunsDoesNotExpire) {
  labourers_.at("w").expiry = Expiry::host;
  const auto ids = add_tasks("w", 1);
  const auto claimed = claim(1);
  clock_.advance(5000);  // or the clock was set forward
  EXPECT_EQ(
      pass([&](auto id, auto claim) { return id == ids[0] && claim == claimed[0].claim; }).expired,
      0);
  EXPECT_EQ(pass().expired, 1);
}

TEST_F(ScavengerTest, AllThatIsDueComesBackInOrderUnlessLimited) {
  const auto ids = add_tasks("w", 10);
  claim(10);
  clock_.advance(1201);
  pass();
  clock_.advance(301);
  Scavenger::Settings settings;
  settings.retry_tasks_limit = 4;
  Scavenger limited(store_, clock_, nullptr, settings);
  const std::string_view which = "w";
  EXPECT_EQ(limited.scavenge(labourers_, {&which, 1}, [](auto, auto) { return false; }).retried, 4);
  for (int i = 1; i < 4; ++i) EXPECT_LT(task(ids[i - 1]).greenfield, task(ids[i]).greenfield);
  EXPECT_EQ(pass().retried, 6);
}

TEST_F(ScavengerTest, AlarmsStayUntilTheyAreSent) {
  labourers_.at("w").max_attempts = 1;
  add_tasks("w", 3);
  claim(3);
  clock_.advance(1201);
  EXPECT_EQ(pass().dead, 3);
  notifier_.refuse(Error{Code::unavailable, "pager is down", {}});
  EXPECT_FALSE(flush_alarms(store_, notifier_));
  notifier_.refuse(std::nullopt);
  EXPECT_EQ(*flush_alarms(store_, notifier_), 3);
  EXPECT_EQ(notifier_.delivered().size(), 3u);
  EXPECT_EQ(*flush_alarms(store_, notifier_), 0);
}

TEST_F(ScavengerTest, AlarmsThatThereIsNoTimeForStayAndNoneComesTwice) {
  labourers_.at("w").max_attempts = 1;
  add_tasks("w", 3);
  claim(3);
  clock_.advance(1201);
  EXPECT_EQ(pass().dead, 3);
  EXPECT_EQ(*flush_alarms(store_, notifier_, {}, 2, [] { return true; }), 2);
  EXPECT_EQ(*flush_alarms(store_, notifier_, {}, 2, [] { return true; }), 1);
  EXPECT_EQ(notifier_.delivered().size(), 3u);
}

TEST_F(ScavengerTest, ACallerWhoseTimeIsCountedGetsItBackAfterOneBatch) {
  add_tasks("w", 10);
  claim(10);
  clock_.advance(1201);
  Scavenger::Settings settings;
  settings.batch = 4;
  settings.all_batches = false;
  Scavenger counted(store_, clock_, nullptr, settings);
  const std::string_view which = "w";
  const auto once = [&] { return counted.scavenge(labourers_, {&which, 1}, {}).expired; };
  EXPECT_EQ(once(), 4);
  EXPECT_EQ(once(), 4);
  EXPECT_EQ(once(), 2);
}

// A request for each row would cost more than the move itself.
TEST_F(ScavengerTest, WhatExpiresTogetherIsAuditedTogether) {
  struct Counting final : AuditLog {
    std::vector<std::size_t> appended;
    void append(std::span<const AuditEvent> events) override { appended.push_back(events.size()); }
  } counting;
  add_tasks("w", 5);
  claim(5);
  clock_.advance(1201);
  Scavenger scavenger(store_, clock_, &counting, {});
  const std::string_view which = "w";
  EXPECT_EQ(scavenger.scavenge(labourers_, {&which, 1}, {}).expired, 5);
  EXPECT_EQ(counting.appended, std::vector<std::size_t>{5});
}

}  // namespace
}  // namespace sosw::engine
