// SPDX-License-Identifier: MIT
// Claims, their tokens and limits; release; the head of the queue. Protocol sections 1, 3, 7,
// 8, 11.
#include <gmock/gmock.h>

#include <set>

#include "task_store.h"

namespace sosw::conformance {
namespace {

using engine::Release;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::vector<std::string> ids_of(const std::vector<engine::Claimed>& claimed) {
  std::vector<std::string> ids;
  for (const auto& one : claimed) ids.push_back(one.task.id);
  return ids;
}

TEST_P(TaskStoreTest, a_claim_takes_from_the_front_of_the_queue) {
  const auto queued = queue_tasks(5);
  EXPECT_THAT(ids_of(claim(2)), ElementsAre(queued[0], queued[1]));
  EXPECT_THAT(ids_of(claim(2)), ElementsAre(queued[2], queued[3]));
  EXPECT_THAT(ids_of(claim(2)), ElementsAre(queued[4]));
  EXPECT_THAT(claim(2), IsEmpty());
  EXPECT_THAT(claim(2, "nobody"), IsEmpty());
}

TEST_P(TaskStoreTest, a_claim_gives_the_task_as_it_was_and_leaves_it_as_it_is_now) {
  const auto queued = queue_tasks(1);
  const auto claimed = claim_one();
  EXPECT_EQ(claimed.task.id, queued[0]);
  EXPECT_EQ(claimed.task.labourer_id, kWorker);
  EXPECT_EQ(claimed.task.state, State::queued);
  EXPECT_EQ(claimed.task.attempts, 0);
  EXPECT_EQ(claimed.task.greenfield, 2000);
  EXPECT_EQ(epoch_seconds(claimed.task.created_at), epoch_seconds(now_));
  EXPECT_TRUE(claimed.claim.starts_with('c')) << claimed.claim;
  const auto running = task(queued[0]);
  EXPECT_EQ(running.state, State::running);
  EXPECT_EQ(running.attempts, 1);
  EXPECT_EQ(running.greenfield, epoch_seconds(now_) + kInvocationDelta);
  EXPECT_EQ(running.claim, claimed.claim);
  EXPECT_EQ(running.payload, claimed.task.payload);
}

TEST_P(TaskStoreTest, the_limit_counts_what_runs) {
  queue_tasks(10);
  auto wanted = request(10);
  wanted.limit = 3;
  auto claim_more = [&] {
    const auto answer = store().exchange({}, std::span(&wanted, 1), labourers_, now_);
    EXPECT_TRUE(answer);
    return answer->claimed;
  };
  const auto running = claim_more();
  ASSERT_THAT(running, SizeIs(3));
  EXPECT_THAT(claim_more(), IsEmpty());
  complete(running[0].task.id, running[0].claim);
  EXPECT_THAT(claim_more(), SizeIs(1));
  fail(running[1].task.id, running[1].claim);
  EXPECT_THAT(claim_more(), SizeIs(1));
  release(running[2]);
  EXPECT_THAT(claim_more(), SizeIs(1));
  wanted.limit = 2;
  EXPECT_THAT(claim_more(), IsEmpty());
  wanted.limit = 0;
  EXPECT_THAT(claim_more(), IsEmpty());
  EXPECT_EQ(count(State::running), 3);
}

TEST_P(TaskStoreTest, a_claim_takes_at_most_what_it_asks_for) {
  queue_tasks(3);
  EXPECT_THAT(claim(0), IsEmpty());
  EXPECT_THAT(claim(2), SizeIs(2));
}

TEST_P(TaskStoreTest, an_attempt_past_its_deadline_holds_a_slot_only_where_the_host_tells_its_end) {
  queue_tasks(4);
  auto wanted = request(10);
  wanted.limit = 1;
  auto claim_with = [&](Expiry expiry) {
    wanted.expiry = expiry;
    const auto answer = store().exchange({}, std::span(&wanted, 1), labourers_, now_);
    EXPECT_TRUE(answer);
    return answer->claimed.size();
  };
  ASSERT_EQ(claim_with(Expiry::deadline), 1U);
  wait(kAttempt - 1);
  EXPECT_EQ(claim_with(Expiry::deadline), 0U);
  EXPECT_EQ(claim_with(Expiry::host), 0U);
  wait(2);
  EXPECT_EQ(claim_with(Expiry::host), 0U);
  wanted.deadline = after(now_, kAttempt);
  EXPECT_EQ(claim_with(Expiry::deadline), 1U);
  EXPECT_EQ(claim_with(Expiry::deadline), 0U);
  EXPECT_EQ(count(State::running), 2);
}

TEST_P(TaskStoreTest, each_attempt_has_the_deadline_of_its_own_claim) {
  queue_tasks(2);
  const auto late = claim_one();
  auto wanted = request(1);
  wanted.deadline = after(now_, 7);
  const auto soon = store().exchange({}, std::span(&wanted, 1), labourers_, now_);
  ASSERT_TRUE(soon);
  wait(7);
  const auto ended = expire();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].task_id, soon->claimed.at(0).task.id);
  EXPECT_EQ(status().next_deadline, epoch_seconds(now_) - 7 + kAttempt);
}

TEST_P(TaskStoreTest, a_claim_may_ask_for_one_task) {
  const auto queued = queue_tasks(3);
  auto wanted = request(5);
  auto claim_it = [&](std::string_view id) {
    wanted.task_id = id;
    const auto answer = store().exchange({}, std::span(&wanted, 1), labourers_, now_);
    EXPECT_TRUE(answer);
    return ids_of(answer->claimed);
  };
  EXPECT_THAT(claim_it(queued[1]), ElementsAre(queued[1]));
  EXPECT_THAT(claim_it(queued[1]), IsEmpty()) << "it runs";
  EXPECT_THAT(claim_it("nobody"), IsEmpty());
  wanted.limit = 1;
  EXPECT_THAT(claim_it(queued[2]), IsEmpty()) << "the limit holds";
  wanted.limit = 2;
  wanted.labourer_id = "other";
  EXPECT_THAT(claim_it(queued[2]), IsEmpty()) << "a task of another labourer";
  wanted.labourer_id = kWorker;
  EXPECT_THAT(claim_it(queued[2]), ElementsAre(queued[2]));
  EXPECT_THAT(queue(), ElementsAre(queued[0]));
}

TEST_P(TaskStoreTest, requests_of_one_exchange_share_the_limit) {
  queue_tasks(10);
  accept(job_of(2, {}, "other"));
  auto wanted = request(2);
  wanted.limit = 3;
  const std::vector<engine::ClaimRequest> requests = {wanted, request(9, "other"), wanted};
  const auto answer = store().exchange({}, requests, labourers_, now_);
  ASSERT_TRUE(answer);
  std::vector<std::string> order;
  for (const auto& claimed : answer->claimed) order.push_back(claimed.task.labourer_id);
  EXPECT_THAT(order, ElementsAre(kWorker, kWorker, "other", "other", kWorker));
}

TEST_P(TaskStoreTest, reports_free_their_slots_before_the_claims_of_the_same_exchange) {
  queue_tasks(5);
  auto wanted = request(5);
  wanted.limit = 2;
  auto first = store().exchange({}, std::span(&wanted, 1), labourers_, now_);
  ASSERT_TRUE(first);
  const std::vector<Report> reports = {
      completed(first->claimed[0].task.id, first->claimed[0].claim),
      failed(first->claimed[1].task.id, first->claimed[1].claim)};
  auto second = store().exchange(reports, std::span(&wanted, 1), labourers_, now_);
  ASSERT_TRUE(second);
  EXPECT_THAT(second->claimed, SizeIs(2));
  EXPECT_EQ(count(State::running), 2);
}

TEST_P(TaskStoreTest, a_claim_token_is_never_used_twice) {
  const auto id = queue_tasks(1)[0];
  std::set<std::string> tokens;
  auto next = [&] {
    auto claimed = claim_one();
    EXPECT_TRUE(tokens.insert(claimed.claim).second) << claimed.claim << " came again";
    return claimed;
  };
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(release(next()));
    ASSERT_TRUE(release(next(), Release::Why::interrupted));
    fail(id, next().claim);
    wait(kRetryDelay);
    requeue();
    next();
    wait(kAttempt);
    expire();
    wait(kRetryDelay);
    requeue();
    fail(id, next().claim);
    ASSERT_EQ(state(id), State::dead);
    ASSERT_TRUE(replay(id));
    ASSERT_TRUE(release(next(), Release::Why::impossible));
    ASSERT_TRUE(replay(id));
    reopen();
  }
  EXPECT_EQ(tokens.size(), 18U);
}

// --- Release

TEST_P(TaskStoreTest, a_rejected_claim_is_given_back_with_its_attempt) {
  const auto id = queue_tasks(2)[0];
  const auto claimed = claim_one();
  EXPECT_TRUE(release(claimed));
  EXPECT_EQ(state(id), State::queued);
  EXPECT_EQ(task(id).attempts, 0);
  EXPECT_EQ(task(id).greenfield, 2000);
  EXPECT_EQ(queue().front(), id);
  EXPECT_THAT(alarms(), IsEmpty());
  const auto again = claim_one();
  EXPECT_EQ(again.task.id, id);
  EXPECT_EQ(again.task.attempts, 0);
}

TEST_P(TaskStoreTest, a_claim_that_is_not_current_is_not_given_back) {
  const auto id = queue_tasks(1)[0];
  const auto first = claim_one();
  ASSERT_TRUE(release(first));
  std::string before = dump();
  for (const auto why :
       {Release::Why::rejected, Release::Why::interrupted, Release::Why::impossible}) {
    EXPECT_FALSE(release(first, why)) << "given back already";
  }
  EXPECT_EQ(dump(), before);

  const auto second = claim_one();
  before = dump();
  EXPECT_FALSE(release(first)) << "another claim is current";
  EXPECT_FALSE(release({second.task, ""})) << "no claim";
  engine::Claimed nobody = second;
  nobody.task.id = "nobody";
  EXPECT_FALSE(release(nobody)) << "no task";
  EXPECT_EQ(dump(), before);

  complete(id, second.claim);
  before = dump();
  EXPECT_FALSE(release(second)) << "completed";
  EXPECT_EQ(dump(), before);
}

TEST_P(TaskStoreTest, a_completed_task_is_not_given_back) {
  open({.two_step = true});
  queue_tasks(1);
  const auto claimed = claim_one();
  complete(claimed.task.id, claimed.claim);
  EXPECT_FALSE(release(claimed));
  EXPECT_EQ(state(claimed.task.id), State::completed);
}

TEST_P(TaskStoreTest, a_batch_of_releases_is_answered_item_by_item) {
  queue_tasks(3);
  const auto claimed = claim(3);
  ASSERT_THAT(claimed, SizeIs(3));
  std::vector<Release> given;
  for (const auto& one : {claimed[2], claimed[1], claimed[1], claimed[0]})
    given.push_back({one.task.id, one.claim, Release::Why::rejected, "429"});
  given.insert(given.begin() + 1, {"nobody", "c1", Release::Why::rejected, "429"});
  const auto answers = store().release(given, labourers_, now_);
  ASSERT_TRUE(answers);
  EXPECT_THAT(*answers, ElementsAre(true, false, true, false, true));
  EXPECT_THAT(queue(), ElementsAre(claimed[0].task.id, claimed[1].task.id, claimed[2].task.id));
}

TEST_P(TaskStoreTest, a_released_task_goes_to_its_old_place_where_that_is_the_front) {
  queue_tasks(3);
  const auto first = claim_one();
  const auto second = claim_one();
  release(second);
  release(first);
  EXPECT_EQ(task(first.task.id).greenfield, 2000);
  EXPECT_EQ(task(second.task.id).greenfield, 3000);
  EXPECT_EQ(queue()[0], first.task.id);
  EXPECT_EQ(queue()[1], second.task.id);
}

TEST_P(TaskStoreTest, a_released_task_goes_to_the_front_where_its_old_place_is_not) {
  queue_tasks(3);
  const auto claimed = claim(3);
  const auto later = queue_tasks(2);  // the tail has been reset: 2000, 3000
  ASSERT_TRUE(release(claimed[2]));
  EXPECT_EQ(task(claimed[2].task.id).greenfield, 1999);
  ASSERT_TRUE(release(claimed[1]));
  EXPECT_THAT(queue(), ElementsAre(claimed[1].task.id, claimed[2].task.id, later[0], later[1]));
}

TEST_P(TaskStoreTest,
       a_task_is_given_back_nine_times_from_a_host_that_dies_then_its_attempts_count) {
  const auto id = queue_tasks(1)[0];
  for (int n = 1; n < engine::kInterruptions; ++n) {
    ASSERT_TRUE(release(claim_one(), Release::Why::interrupted));
    EXPECT_EQ(state(id), State::queued);
    EXPECT_EQ(task(id).attempts, 0);
  }
  // From now on it ends, as any task that fails.
  for (int attempts = 0; attempts < worker().max_attempts; ++attempts) {
    ASSERT_EQ(state(id), State::queued);
    const auto claimed = claim_one();
    EXPECT_EQ(claimed.task.attempts, attempts);
    ASSERT_TRUE(release(claimed, Release::Why::interrupted));
    wait(86'400);
    expire();
    requeue();
  }
  EXPECT_EQ(state(id), State::dead);
  EXPECT_THAT(alarms(), SizeIs(1));
}

TEST_P(TaskStoreTest, the_attempt_of_a_task_interrupted_too_often_ends_by_its_labourers_policy) {
  const auto interrupt = [&](const std::string& id) {
    for (int n = 1; n <= engine::kInterruptions; ++n) {
      EXPECT_EQ(state(id), State::queued);
      EXPECT_TRUE(release(claim_one(), Release::Why::interrupted));
    }
  };
  const auto retried = queue_tasks(1)[0];
  interrupt(retried);
  EXPECT_EQ(state(retried), State::retry);
  EXPECT_EQ(task(retried).attempts, 1);
  EXPECT_EQ(task(retried).desired_launch_time, epoch_seconds(now_) + kRetryDelay);

  labourers_.at(std::string(kWorker)).max_attempts = 1;
  const auto dead = queue_tasks(1)[0];
  interrupt(dead);
  EXPECT_EQ(state(dead), State::dead);
  ASSERT_THAT(alarms(), SizeIs(1));
  EXPECT_EQ(alarms()[0].task_id, dead);

  labourers_.clear();
  const auto unconfigured = queue_tasks(1)[0];
  interrupt(unconfigured);
  EXPECT_EQ(state(unconfigured), State::retry) << "the defaults of Labourer allow more than one";
}

TEST_P(TaskStoreTest, a_late_completion_closes_a_task_that_was_interrupted_too_often) {
  const auto id = queue_tasks(1)[0];
  const auto first = claim_one();
  fail(id, first.claim);
  wait(kRetryDelay);
  requeue();
  for (int n = 1; n < engine::kInterruptions; ++n)
    ASSERT_TRUE(release(claim_one(), Release::Why::interrupted));
  const auto last = claim_one();
  ASSERT_EQ(complete(id, first.claim).answer, Answer::stale);
  ASSERT_TRUE(release(last, Release::Why::interrupted));
  wait(86'400);
  expire();
  EXPECT_EQ(state(id), State::done);
}

TEST_P(TaskStoreTest, what_no_worker_can_take_is_dead_with_an_alarm_and_uses_no_attempt) {
  const auto id = queue_tasks(1)[0];
  fail(id, claim_one().claim);
  wait(kRetryDelay);
  requeue();
  EXPECT_TRUE(release(claim_one(), Release::Why::impossible));
  const auto dead = task(id);
  EXPECT_EQ(dead.state, State::dead);
  EXPECT_EQ(dead.attempts, 1);
  EXPECT_EQ(dead.closed_at, epoch_seconds(now_));
  EXPECT_THAT(std::string(dead.extra.at("result_error").as_string()),
              ::testing::HasSubstr("as the test wants"));
  ASSERT_THAT(alarms(), SizeIs(1));
  EXPECT_EQ(alarms()[0].kind, engine::Alarm::Kind::dead_task);
  EXPECT_EQ(alarms()[0].task_id, id);
  EXPECT_EQ(alarms()[0].labourer_id, kWorker);
  EXPECT_THAT(alarms()[0].message, ::testing::HasSubstr("as the test wants"));
}

// --- The head of the queue

TEST_P(TaskStoreTest, due_tasks_go_to_the_head_in_order_of_their_due_times) {
  const auto made = queue_tasks(5);
  const auto claimed = claim(3);
  for (const int i : {2, 0, 1}) {
    fail(claimed[static_cast<std::size_t>(i)].task.id, claimed[static_cast<std::size_t>(i)].claim);
    wait(1);
  }
  EXPECT_THAT(requeue(), IsEmpty()) << "nothing is due yet";
  EXPECT_EQ(status().next_due, epoch_seconds(now_) - 3 + kRetryDelay);
  wait(kRetryDelay);
  EXPECT_THAT(requeue(), ElementsAre(made[2], made[0], made[1]));
  EXPECT_THAT(queue(), ElementsAre(made[2], made[0], made[1], made[3], made[4]));
  EXPECT_EQ(task(made[2]).greenfield, 4997);  // the oldest was at 5000
  EXPECT_EQ(task(made[1]).greenfield, 4999);
  EXPECT_EQ(task(made[2]).attempts, 1);
  EXPECT_EQ(task(made[2]).desired_launch_time, std::nullopt);
  EXPECT_EQ(status().next_due, std::nullopt);
}

TEST_P(TaskStoreTest, due_tasks_go_below_1000_when_the_queue_is_empty) {
  queue_tasks(2);
  for (const auto& claimed : claim(2)) {
    fail(claimed.task.id, claimed.claim);
    wait(1);
  }
  wait(kRetryDelay);
  const auto due = requeue();
  ASSERT_THAT(due, SizeIs(2));
  EXPECT_EQ(task(due[0]).greenfield, 998);
  EXPECT_EQ(task(due[1]).greenfield, 999);
}

TEST_P(TaskStoreTest, requeue_takes_at_most_what_it_is_told_the_earliest_first) {
  queue_tasks(3);
  std::vector<std::string> by_due;
  for (const auto& claimed : claim(3)) {
    fail(claimed.task.id, claimed.claim);
    by_due.push_back(claimed.task.id);
    wait(1);
  }
  wait(kRetryDelay);
  EXPECT_THAT(requeue(2), ElementsAre(by_due[0], by_due[1]));
  EXPECT_EQ(state(by_due[2]), State::retry);
  EXPECT_THAT(requeue(2), ElementsAre(by_due[2]));
}

TEST_P(TaskStoreTest, a_task_is_due_at_its_second_and_not_before) {
  queue_tasks(1);
  const auto claimed = claim_one();
  fail(claimed.task.id, claimed.claim);
  wait(kRetryDelay - 1);
  EXPECT_THAT(requeue(), IsEmpty());
  wait(1);
  EXPECT_THAT(requeue(), SizeIs(1));
}

TEST_P(TaskStoreTest, due_times_are_cut_when_the_clock_was_set_back) {
  const auto id = queue_tasks(1)[0];
  const auto claimed = claim_one();
  fail(id, claimed.claim);
  const auto due = task(id).desired_launch_time;
  ASSERT_EQ(due, epoch_seconds(now_) + kRetryDelay);
  ASSERT_TRUE(store().requeue(kWorker, 10, kRetryDelay, now_));
  EXPECT_EQ(task(id).desired_launch_time, due) << "the longest delay is no cut";
  wait(-86'400);
  ASSERT_TRUE(store().requeue(kWorker, 10, kRetryDelay, now_));
  EXPECT_EQ(task(id).desired_launch_time, epoch_seconds(now_) + kRetryDelay);
  EXPECT_EQ(status().next_due, epoch_seconds(now_) + kRetryDelay);
  wait(kRetryDelay);
  EXPECT_THAT(requeue(), ElementsAre(id));
}

}  // namespace
}  // namespace sosw::conformance
