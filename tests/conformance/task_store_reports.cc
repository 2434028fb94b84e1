// SPDX-License-Identifier: MIT
// What a report does to the task that it finds. Protocol section 4.
#include <gmock/gmock.h>

#include "task_store.h"

namespace sosw::conformance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

enum class Of { current, older, none };  // the claim in the report

// Where the report finds the task, with two claims behind it.
enum class At {
  running,
  running_silent,  // the first attempt ended by expiry
  queued,          // the second attempt failed and is due again
  retry_by_failure,
  retry_by_expiry,
  completed,  // in two steps
  done,
  done_archived,  // in two steps
  dead,
  cancelled,
};

enum class Effect {
  nothing,
  completes,     // the task is done by it
  keeps_late,    // late_at
  counts,        // failed_attempts + 1
  ends_attempt,  // the task goes to retry by it; failed_attempts + 1
};

struct Cell {
  At at;
  Report::Kind kind;
  Of claim;
  Answer answer;
  Effect effect;
};

constexpr auto kCompleted = Report::Kind::completed;
constexpr auto kFailed = Report::Kind::failed;

// The table, column by column, in the order of the protocol.
constexpr Cell kTable[] = {
    {At::running, kCompleted, Of::current, Answer::applied, Effect::completes},
    {At::running, kCompleted, Of::older, Answer::stale, Effect::keeps_late},
    {At::running, kCompleted, Of::none, Answer::applied, Effect::completes},
    {At::running, kFailed, Of::current, Answer::applied, Effect::ends_attempt},
    {At::running, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::running, kFailed, Of::none, Answer::applied, Effect::ends_attempt},

    {At::running_silent, kCompleted, Of::current, Answer::applied, Effect::completes},
    {At::running_silent, kCompleted, Of::older, Answer::stale, Effect::keeps_late},
    {At::running_silent, kCompleted, Of::none, Answer::applied, Effect::completes},
    {At::running_silent, kFailed, Of::current, Answer::applied, Effect::ends_attempt},
    {At::running_silent, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::running_silent, kFailed, Of::none, Answer::stale, Effect::counts},

    {At::queued, kCompleted, Of::current, Answer::late, Effect::completes},
    {At::queued, kCompleted, Of::older, Answer::late, Effect::completes},
    {At::queued, kCompleted, Of::none, Answer::late, Effect::completes},
    {At::queued, kFailed, Of::current, Answer::stale, Effect::nothing},
    {At::queued, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::queued, kFailed, Of::none, Answer::stale, Effect::nothing},

    {At::retry_by_failure, kCompleted, Of::current, Answer::late, Effect::completes},
    {At::retry_by_failure, kCompleted, Of::older, Answer::late, Effect::completes},
    {At::retry_by_failure, kCompleted, Of::none, Answer::late, Effect::completes},
    {At::retry_by_failure, kFailed, Of::current, Answer::already, Effect::nothing},
    {At::retry_by_failure, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::retry_by_failure, kFailed, Of::none, Answer::stale, Effect::nothing},

    {At::retry_by_expiry, kCompleted, Of::current, Answer::late, Effect::completes},
    {At::retry_by_expiry, kCompleted, Of::older, Answer::late, Effect::completes},
    {At::retry_by_expiry, kCompleted, Of::none, Answer::late, Effect::completes},
    {At::retry_by_expiry, kFailed, Of::current, Answer::stale, Effect::nothing},
    {At::retry_by_expiry, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::retry_by_expiry, kFailed, Of::none, Answer::stale, Effect::nothing},

    {At::completed, kCompleted, Of::current, Answer::already, Effect::nothing},
    {At::completed, kCompleted, Of::older, Answer::already, Effect::nothing},
    {At::completed, kCompleted, Of::none, Answer::already, Effect::nothing},
    {At::completed, kFailed, Of::current, Answer::already, Effect::nothing},
    {At::completed, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::completed, kFailed, Of::none, Answer::stale, Effect::nothing},

    {At::done, kCompleted, Of::current, Answer::already, Effect::nothing},
    {At::done, kCompleted, Of::older, Answer::already, Effect::nothing},
    {At::done, kCompleted, Of::none, Answer::already, Effect::nothing},
    {At::done, kFailed, Of::current, Answer::already, Effect::nothing},
    {At::done, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::done, kFailed, Of::none, Answer::stale, Effect::nothing},

    {At::done_archived, kCompleted, Of::current, Answer::already, Effect::nothing},
    {At::done_archived, kCompleted, Of::older, Answer::already, Effect::nothing},
    {At::done_archived, kCompleted, Of::none, Answer::already, Effect::nothing},
    {At::done_archived, kFailed, Of::current, Answer::already, Effect::nothing},
    {At::done_archived, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::done_archived, kFailed, Of::none, Answer::stale, Effect::nothing},

    {At::dead, kCompleted, Of::current, Answer::late, Effect::completes},
    {At::dead, kCompleted, Of::older, Answer::late, Effect::completes},
    {At::dead, kCompleted, Of::none, Answer::late, Effect::completes},
    {At::dead, kFailed, Of::current, Answer::already, Effect::nothing},
    {At::dead, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::dead, kFailed, Of::none, Answer::stale, Effect::nothing},

    {At::cancelled, kCompleted, Of::current, Answer::late, Effect::completes},
    {At::cancelled, kCompleted, Of::older, Answer::late, Effect::completes},
    {At::cancelled, kCompleted, Of::none, Answer::late, Effect::completes},
    {At::cancelled, kFailed, Of::current, Answer::already, Effect::nothing},
    {At::cancelled, kFailed, Of::older, Answer::stale, Effect::nothing},
    {At::cancelled, kFailed, Of::none, Answer::stale, Effect::nothing},
};

std::int64_t failures(const Task& task) {
  const auto* n = task.extra.if_contains("failed_attempts");
  return n ? n->to_number<std::int64_t>() : 0;
}

std::int64_t number(const Task& task, std::string_view key) {
  const auto* n = task.extra.if_contains(key);
  return n ? n->to_number<std::int64_t>() : -1;
}

TEST_P(TaskStoreTest, each_cell_of_the_table_of_reports) {
  for (const Cell& cell : kTable) {
    SCOPED_TRACE(::testing::Message()
                 << "cell " << &cell - kTable << ": place " << static_cast<int>(cell.at)
                 << (cell.kind == kCompleted ? ", completion" : ", failure") << ", claim "
                 << static_cast<int>(cell.claim));
    open({.two_step = cell.at == At::completed || cell.at == At::done_archived});
    const std::string job_id = accept(job_of(1, "k"));
    const std::string id = task_id(job_id, 0);

    const auto first = claim_one();
    if (cell.at == At::running_silent) {
      wait(kAttempt);
      ASSERT_THAT(expire(), SizeIs(1));
    } else {
      fail(id, first.claim);
    }
    wait(kRetryDelay);
    requeue();
    const auto second = claim_one();
    ASSERT_NE(first.claim, second.claim);
    switch (cell.at) {
      case At::running:
      case At::running_silent:
        break;
      case At::queued:
        fail(id, second.claim);
        wait(kRetryDelay);
        requeue();
        break;
      case At::retry_by_failure:
        fail(id, second.claim);
        break;
      case At::retry_by_expiry:
        wait(kAttempt);
        expire();
        break;
      case At::completed:
      case At::done:
        complete(id, second.claim);
        break;
      case At::done_archived:
        complete(id, second.claim);
        archive();
        break;
      case At::dead: {
        labourers_.at(std::string(kWorker)).max_attempts = 2;
        fail(id, second.claim);
        labourers_.at(std::string(kWorker)) = worker();
        break;
      }
      case At::cancelled:
        fail(id, second.claim);
        cancel(job_id);
        break;
    }
    wait(1);
    const Task before = task(id);
    const auto counts_before = job(job_id);

    Report sent = completed(id, cell.claim == Of::current ? second.claim
                                : cell.claim == Of::older ? first.claim
                                                          : "");
    sent.kind = cell.kind;
    sent.result = {{"sent", "by the test"}};
    const auto reported = report({sent}).front();
    const Task after = task(id);

    const bool completes = cell.effect == Effect::completes;
    const bool keeps_late = cell.effect == Effect::keeps_late;
    const bool ends_attempt = cell.effect == Effect::ends_attempt;
    const bool counted = ends_attempt || cell.effect == Effect::counts;
    const State expected = completes ? State::done : ends_attempt ? State::retry : before.state;
    EXPECT_EQ(reported.answer, cell.answer);
    EXPECT_EQ(reported.state, expected);
    EXPECT_EQ(reported.labourer_id, kWorker);
    EXPECT_EQ(reported.freed_slot, before.state == State::running && expected != State::running);
    EXPECT_EQ(after.state, expected);
    EXPECT_EQ(after.attempts, before.attempts);
    EXPECT_EQ(after.desired_launch_time.has_value(), expected == State::retry);
    EXPECT_EQ(number(after, "late_at"), keeps_late ? epoch_seconds(now_) : -1);
    if (completes) {
      EXPECT_EQ(after.completed_at, epoch_seconds(now_));
    } else {
      EXPECT_EQ(after.completed_at, before.completed_at);
      EXPECT_EQ(after.closed_at, before.closed_at);
    }
    if (completes || keeps_late || counted) {
      EXPECT_EQ(after.extra.at("result_sent"), "by the test");
    }
    if (counted) {
      EXPECT_EQ(failures(after), failures(before) + 1);
    }
    if (cell.answer == Answer::already) {
      EXPECT_EQ(described(after), described(before));
    }
    if (cell.answer == Answer::stale && !keeps_late) {
      EXPECT_EQ(after.desired_launch_time, before.desired_launch_time);
    }
    if (ends_attempt) {
      EXPECT_EQ(after.desired_launch_time, epoch_seconds(now_) + kRetryDelay);
    }

    const auto counts = job(job_id);
    EXPECT_EQ(counts.done, counts_before.done + (completes ? 1 : 0));
    EXPECT_EQ(counts.dead + counts.cancelled + counts.done, closed(expected) ? 1 : 0);
    EXPECT_EQ(count(expected), 1);
  }
}

TEST_P(TaskStoreTest, a_completion_is_late_also_for_a_task_that_was_never_claimed) {
  const auto id = queue_tasks(1)[0];
  EXPECT_EQ(complete(id, "").answer, Answer::late);
  EXPECT_EQ(state(id), State::done);
  EXPECT_THAT(claim(1), IsEmpty());
}

TEST_P(TaskStoreTest, a_completion_of_a_released_claim_closes_the_queued_task) {
  const auto id = queue_tasks(1)[0];
  const auto claimed = claim_one();
  release(claimed);
  EXPECT_EQ(fail(id, claimed.claim).answer, Answer::stale);
  EXPECT_EQ(state(id), State::queued);
  EXPECT_EQ(complete(id, claimed.claim).answer, Answer::late);
  EXPECT_EQ(state(id), State::done);
}

TEST_P(TaskStoreTest, a_report_of_a_released_claim_does_not_end_the_next_one) {
  const auto id = queue_tasks(1)[0];
  const auto first = claim_one();
  release(first);
  const auto second = claim_one();  // in the same second, with the same number of attempts
  ASSERT_EQ(first.task.attempts, second.task.attempts);
  EXPECT_EQ(fail(id, first.claim).answer, Answer::stale);
  EXPECT_EQ(state(id), State::running);
  EXPECT_EQ(complete(id, first.claim).answer, Answer::stale);
  EXPECT_EQ(state(id), State::running);
  EXPECT_EQ(complete(id, second.claim).answer, Answer::applied);
}

TEST_P(TaskStoreTest, a_report_from_before_a_replay_does_not_end_an_attempt_after_it) {
  const auto id = queue_tasks(1)[0];
  const auto first = claim_one();
  release(first, engine::Release::Why::impossible);
  replay(id);
  const auto second = claim_one();
  EXPECT_EQ(fail(id, first.claim).answer, Answer::stale);
  EXPECT_EQ(state(id), State::running);
  EXPECT_EQ(fail(id, second.claim).answer, Answer::applied);
}

TEST_P(TaskStoreTest, a_claim_that_nobody_was_given_counts_as_older) {
  const auto id = queue_tasks(1)[0];
  claim_one();
  EXPECT_EQ(fail(id, "nobody's").answer, Answer::stale);
  EXPECT_EQ(state(id), State::running);
}

// --- late_at

TEST_P(TaskStoreTest, a_kept_completion_closes_the_task_when_the_next_attempt_ends_badly) {
  for (const bool by_expiry : {false, true}) {
    for (const int max_attempts : {2, 3}) {
      SCOPED_TRACE(::testing::Message()
                   << (by_expiry ? "expiry" : "failure") << " of attempt 2 of " << max_attempts);
      open({});
      labourers_.at(std::string(kWorker)).max_attempts = max_attempts;
      const std::string job_id = accept(job_of(1, "k"));
      const std::string id = task_id(job_id, 0);
      const auto first = claim_one();
      wait(kAttempt);
      expire();
      wait(kRetryDelay);
      requeue();
      const auto second = claim_one();
      wait(1);
      Report late = completed(id, first.claim);
      late.result = {{"pages", 7}};
      ASSERT_EQ(report({late}).front().answer, Answer::stale);
      EXPECT_EQ(complete(id, first.claim).answer, Answer::stale) << "the same once more";
      const auto kept_at = epoch_seconds(now_);
      wait(1);
      if (by_expiry) {
        wait(kAttempt);
        const auto ended = expire();
        ASSERT_THAT(ended, SizeIs(1));
        EXPECT_EQ(ended[0].task_id, id);
        EXPECT_EQ(ended[0].state, State::done);
      } else {
        const auto reported = fail(id, second.claim);
        EXPECT_EQ(reported.answer, Answer::applied);
        EXPECT_EQ(reported.state, State::done);
        EXPECT_TRUE(reported.freed_slot);
      }
      const Task done = task(id);
      EXPECT_EQ(done.state, State::done);
      EXPECT_EQ(done.completed_at, kept_at);
      EXPECT_EQ(done.closed_at, epoch_seconds(now_));
      EXPECT_EQ(done.extra.at("result_pages"), 7);
      EXPECT_EQ(job(job_id).done, 1);
      EXPECT_THAT(alarms(), IsEmpty());
    }
  }
}

TEST_P(TaskStoreTest, a_kept_completion_closes_the_task_when_the_next_claim_is_given_back) {
  using Why = engine::Release::Why;
  for (const Why why : {Why::rejected, Why::interrupted, Why::impossible}) {
    SCOPED_TRACE(static_cast<int>(why));
    open({});
    const std::string job_id = accept(job_of(1, "k"));
    const std::string id = task_id(job_id, 0);
    const auto first = claim_one();
    fail(id, first.claim);
    wait(kRetryDelay);
    requeue();
    const auto second = claim_one();
    ASSERT_EQ(complete(id, first.claim).answer, Answer::stale);
    const auto kept_at = epoch_seconds(now_);
    wait(1);
    const std::vector<engine::Release> given = {{id, second.claim, why, "no"}};
    const auto released = store().release(given, labourers_, now_);
    ASSERT_TRUE(released);
    EXPECT_TRUE(released->front());
    const Task done = task(id);
    EXPECT_EQ(done.state, State::done);
    EXPECT_EQ(done.attempts, 1) << "the one that was given back is not counted";
    EXPECT_EQ(done.completed_at, kept_at);
    EXPECT_EQ(job(job_id).done, 1);
    EXPECT_THAT(alarms(), IsEmpty());
  }
}

TEST_P(TaskStoreTest, the_running_attempt_may_still_complete_beside_a_kept_completion) {
  const auto id = queue_tasks(1)[0];
  const auto first = claim_one();
  fail(id, first.claim);
  wait(kRetryDelay);
  requeue();
  const auto second = claim_one();
  complete(id, first.claim);
  wait(5);
  EXPECT_EQ(complete(id, second.claim).answer, Answer::applied);
  EXPECT_EQ(state(id), State::done);
  EXPECT_EQ(task(id).completed_at, epoch_seconds(now_));
}

// --- Failures

TEST_P(TaskStoreTest, a_failure_leads_to_retry_until_the_attempts_are_used_then_to_death) {
  const auto id = queue_tasks(1)[0];
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const auto claimed = claim_one();
    const auto reported = fail(id, claimed.claim);
    EXPECT_EQ(reported.answer, Answer::applied);
    EXPECT_TRUE(reported.freed_slot);
    EXPECT_EQ(reported.state, attempt < 3 ? State::retry : State::dead);
    EXPECT_EQ(task(id).attempts, attempt);
    EXPECT_EQ(failures(task(id)), attempt);
    EXPECT_THAT(alarms(), SizeIs(attempt < 3 ? 0 : 1));
    wait(kRetryDelay);
    requeue();
  }
  EXPECT_EQ(alarms()[0].task_id, id);
  EXPECT_EQ(task(id).closed_at, epoch_seconds(now_) - kRetryDelay);
  EXPECT_EQ(task(id).completed_at, std::nullopt);
}

TEST_P(TaskStoreTest, a_labourer_that_is_not_configured_has_the_defaults) {
  const auto id = queue_tasks(1)[0];
  const auto claimed = claim_one();
  const Report failure = failed(id, claimed.claim);
  const auto answer = store().exchange(std::span(&failure, 1), {}, {}, now_);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->reported[0].state, State::retry);
  EXPECT_EQ(task(id).desired_launch_time, epoch_seconds(now_) + 300);
}

TEST_P(TaskStoreTest, details_are_kept_under_their_prefixes_and_survive_the_next_attempts) {
  const auto id = queue_tasks(1)[0];
  Report failure = failed(id, claim_one().claim);
  failure.stats = {{"seconds", 1.5}};
  failure.result = {{"error", "no such page"}, {"at", json::array{1, "two", nullptr}}};
  report({failure});
  wait(kRetryDelay);
  requeue();
  Report completion = completed(id, claim_one().claim);
  completion.result = {{"pages", 7}};
  report({completion});
  const auto extra = task(id).extra;
  EXPECT_EQ(extra.at("stat_seconds"), 1.5);
  EXPECT_EQ(extra.at("result_error"), "no such page");
  EXPECT_EQ(extra.at("result_at"), (json::array{1, "two", nullptr}));
  EXPECT_EQ(extra.at("result_pages"), 7);
  EXPECT_EQ(extra.at("failed_attempts").to_number<int>(), 1);
}

// --- Batches

TEST_P(TaskStoreTest, the_same_report_twice_in_one_batch_is_applied_once) {
  const auto made = queue_tasks(3);
  const auto claimed = claim(3);
  ASSERT_THAT(claimed, SizeIs(3));
  const Report done = completed(made[0], claimed[0].claim);
  const Report lost = failed(made[1], claimed[1].claim);
  const Report anonymous = failed(made[2], "");
  std::vector<Answer> answers;
  for (const auto& reported : report({done, done, lost, lost, anonymous, anonymous}))
    answers.push_back(reported.answer);
  EXPECT_THAT(answers, ElementsAre(Answer::applied, Answer::already, Answer::applied,
                                   Answer::already, Answer::applied, Answer::stale));
  EXPECT_EQ(failures(task(made[1])), 1);
  EXPECT_EQ(count(State::done), 1);
  EXPECT_EQ(count(State::retry), 2);
}

TEST_P(TaskStoreTest, a_batch_is_answered_item_by_item_in_its_order) {
  const auto made = queue_tasks(4);
  const auto claimed = claim(3);
  ASSERT_THAT(claimed, SizeIs(3));
  const auto answers =
      report({completed(made[2], claimed[2].claim), completed("nobody", "c1"),
              failed(made[0], "older"), completed(made[3], ""), failed(made[1], claimed[1].claim),
              completed(made[1], claimed[1].claim)});
  std::vector<std::pair<Answer, std::optional<State>>> told;
  for (const auto& reported : answers) told.emplace_back(reported.answer, reported.state);
  EXPECT_THAT(
      told,
      ElementsAre(std::pair(Answer::applied, State::done), std::pair(Answer::unknown, std::nullopt),
                  std::pair(Answer::stale, State::running), std::pair(Answer::late, State::done),
                  std::pair(Answer::applied, State::retry), std::pair(Answer::late, State::done)));
  EXPECT_EQ(answers[1].labourer_id, "");
  EXPECT_FALSE(answers[1].freed_slot);
}

TEST_P(TaskStoreTest, nothing_is_ever_written_for_a_task_that_is_nowhere) {
  const std::string before = dump();
  EXPECT_EQ(complete(std::string(32, 'a'), "c1").answer, Answer::unknown);
  EXPECT_EQ(fail("", "").answer, Answer::unknown);
  EXPECT_EQ(dump(), before);
}

// --- Two steps

TEST_P(TaskStoreTest, in_two_steps_a_completion_waits_for_the_archive) {
  open({.two_step = true});
  const std::string job_id = accept(job_of(3, "k"));
  const auto claimed = claim(3);
  ASSERT_THAT(claimed, SizeIs(3));
  for (const auto i : {1U, 2U, 0U}) {
    const auto reported = complete(claimed[i].task.id, claimed[i].claim);
    EXPECT_EQ(reported.answer, Answer::applied);
    EXPECT_EQ(reported.state, State::completed);
    EXPECT_TRUE(reported.freed_slot);
    wait(1);
  }
  EXPECT_EQ(count(State::completed), 3);
  EXPECT_EQ(job(job_id).done, 0);
  const auto waiting = task(claimed[1].task.id);
  EXPECT_EQ(waiting.greenfield, epoch_seconds(now_) - 3 + kInvocationDelta);
  EXPECT_EQ(waiting.completed_at, epoch_seconds(now_) - 3);
  EXPECT_EQ(waiting.closed_at, std::nullopt);

  EXPECT_THAT(archive(2), ElementsAre(claimed[1].task.id, claimed[2].task.id));
  EXPECT_EQ(job(job_id).done, 2);
  EXPECT_THAT(archive(), ElementsAre(claimed[0].task.id));
  EXPECT_THAT(archive(), IsEmpty());
  const auto done = task(claimed[1].task.id);
  EXPECT_EQ(done.state, State::done);
  EXPECT_EQ(done.closed_at, epoch_seconds(now_));
  EXPECT_EQ(done.completed_at, waiting.completed_at);
}

TEST_P(TaskStoreTest, in_two_steps_a_late_completion_gets_back_the_greenfield_of_its_claim) {
  open({.two_step = true});
  const auto id = queue_tasks(1)[0];
  const auto claimed_at = epoch_seconds(now_);
  const auto claimed = claim_one();
  fail(id, claimed.claim);
  wait(kRetryDelay);
  requeue();
  ASSERT_EQ(state(id), State::queued);
  EXPECT_EQ(complete(id, claimed.claim).answer, Answer::late);
  const auto waiting = task(id);
  EXPECT_EQ(waiting.state, State::completed);
  // Else its duration would be half a century, and it would look like a queued task.
  EXPECT_EQ(waiting.greenfield, claimed_at + kInvocationDelta);
  EXPECT_THAT(claim(1), IsEmpty());
  EXPECT_THAT(archive(), ElementsAre(id));
}

TEST_P(TaskStoreTest, in_two_steps_a_late_completion_closes_what_waits_for_retry_or_is_over) {
  open({.two_step = true});
  const auto made = queue_tasks(2);
  const auto retried = claim_one();
  fail(made[0], retried.claim);
  EXPECT_EQ(complete(made[0], "").state, State::done);
  kill(made[1]);
  EXPECT_EQ(complete(made[1], "").state, State::done);
}

}  // namespace
}  // namespace sosw::conformance
