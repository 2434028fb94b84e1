// SPDX-License-Identifier: MIT
// Jobs: acceptance, folding, positions at the tail, cancelling, counts. Protocol sections 1, 5,
// 6, 7.
#include <gmock/gmock.h>

#include "task_store.h"

namespace sosw::conformance {
namespace {

using engine::JobStatus;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr std::int64_t kPlenty = 1'000'000;

TEST_P(TaskStoreTest, job_and_task_ids_come_from_the_key) {
  const std::string id = accept(job_of(2, "orders-2026-11-24"));
  EXPECT_EQ(id, "bfd13c7b8cb76d814870");  // sha256sum
  EXPECT_THAT(queue(), ElementsAre(id + "000000000000", id + "000000000001"));
}

TEST_P(TaskStoreTest, a_job_is_accepted_once_for_each_key) {
  const auto first = store().accept(job_of(3, "k"), 1, now_);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->already);
  EXPECT_EQ(first->rows, 3);
  const std::string before = dump();
  const auto second = store().accept(job_of(7, "k"), kPlenty, after(now_, 60));
  ASSERT_TRUE(second);
  EXPECT_TRUE(second->already);
  EXPECT_EQ(second->job_id, first->job_id);
  EXPECT_EQ(second->rows, 3);
  EXPECT_EQ(dump(), before);
}

TEST_P(TaskStoreTest, an_accepted_key_stays_known_when_its_tasks_are_history) {
  const std::string id = accept(job_of(1, "k"));
  const auto claimed = claim_one();
  complete(claimed.task.id, claimed.claim);
  const auto again = store().accept(job_of(1, "k"), kPlenty, now_);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->already);
  EXPECT_EQ(again->job_id, id);
  EXPECT_FALSE(make_rows(kPlenty).more);
  EXPECT_THAT(queue(), IsEmpty());
}

TEST_P(TaskStoreTest, tasks_made_directly_are_never_merged) {
  accept(job_of(1));
  accept(job_of(1));
  EXPECT_THAT(queue(), SizeIs(2));
}

TEST_P(TaskStoreTest, a_direct_task_may_choose_its_id_and_its_position) {
  auto direct = job_of(1);
  direct.position = 3000;
  accept(direct);
  direct.task_id = "task of somebody else";
  direct.position = -5;
  accept(direct);
  EXPECT_EQ(task("task of somebody else").greenfield, -5);
  const auto claimed = claim(2);
  ASSERT_THAT(claimed, SizeIs(2));
  EXPECT_EQ(claimed[0].task.id, "task of somebody else");
  EXPECT_EQ(claimed[1].task.greenfield, 3000);
  EXPECT_EQ(complete("task of somebody else", claimed[0].claim).answer, Answer::applied);
  EXPECT_EQ(state("task of somebody else"), State::done);
}

TEST_P(TaskStoreTest, an_id_that_exists_is_refused_to_another_key) {
  auto foreign = job_of(1, "one");
  foreign.task_id = "foreign";
  accept(foreign);
  for (const auto& moment : {"queued", "done"}) {
    SCOPED_TRACE(moment);
    const std::string before = dump();
    foreign.key = "two";
    const auto refused = store().accept(foreign, kPlenty, now_);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::conflict);
    EXPECT_NE(refused.error().message, "");
    EXPECT_EQ(dump(), before);
    if (state("foreign") == State::queued) complete("foreign", claim_one().claim);
  }
}

TEST_P(TaskStoreTest, an_id_stays_with_a_job_that_was_cancelled_before_its_row_was_made) {
  accept(job_of(1, "first"), 0);
  auto foreign = job_of(1, "one");
  foreign.task_id = "foreign";
  cancel(accept(foreign));
  ASSERT_EQ(state("foreign"), std::nullopt);
  foreign.key = "two";
  const auto refused = store().accept(foreign, kPlenty, now_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
}

TEST_P(TaskStoreTest, a_position_at_or_above_the_ceiling_is_refused) {
  auto direct = job_of(1, "high");
  const std::string before = dump();
  for (const std::int64_t position :
       {kPositionCeiling, kPositionCeiling + 1, std::int64_t{1} << 62}) {
    direct.position = position;
    const auto refused = store().accept(direct, kPlenty, now_);
    ASSERT_FALSE(refused) << position;
    EXPECT_EQ(refused.error().code, Code::invalid);
    EXPECT_EQ(dump(), before);
  }
  direct.position = kPositionCeiling - 1;
  const auto accepted = store().accept(direct, kPlenty, now_);
  ASSERT_TRUE(accepted) << "a refused job leaves no trace of its key";
  EXPECT_FALSE(accepted->already);
}

TEST_P(TaskStoreTest, only_a_job_of_one_row_may_choose) {
  auto job = job_of(2, "two rows");
  job.position = 5000;
  const auto placed = store().accept(job, kPlenty, now_);
  ASSERT_FALSE(placed);
  EXPECT_EQ(placed.error().code, Code::invalid);
  job.position.reset();
  job.task_id = "foreign";
  const auto named = store().accept(job, kPlenty, now_);
  ASSERT_FALSE(named);
  EXPECT_EQ(named.error().code, Code::invalid);
  EXPECT_THAT(queue(), IsEmpty());
}

// --- Folding

TEST_P(TaskStoreTest, acceptance_makes_as_many_rows_as_it_is_told) {
  const std::string id = accept(job_of(5, "k"), 2);
  EXPECT_EQ(count(State::queued), 2);
  EXPECT_EQ(status().folded, 3);
  EXPECT_EQ(status().open_jobs, 1);
  EXPECT_EQ(job(id).made, 2);
  EXPECT_EQ(job(id).state, JobStatus::State::open);
}

TEST_P(TaskStoreTest, a_job_behind_an_open_one_makes_no_rows) {
  accept(job_of(2, "first"), 0);
  accept(job_of(1, "second"));
  accept(job_of(1));
  EXPECT_THAT(queue(), IsEmpty());
  EXPECT_EQ(status().folded, 4);
  EXPECT_EQ(status().open_jobs, 3);
  accept(job_of(1, "of another labourer", "other"));
  EXPECT_THAT(ids(State::queued, "other"), SizeIs(1)) << "labourers do not wait for each other";
}

TEST_P(TaskStoreTest, rows_are_made_up_to_the_watermark_and_at_most_as_asked) {
  accept(job_of(10, "k"), 0);
  const auto some = make_rows(5, 2);
  EXPECT_EQ(some.rows, 2);
  EXPECT_TRUE(some.more);
  while (make_rows(5, 2).more) {
  }
  EXPECT_EQ(count(State::queued), 5);
  const auto full = make_rows(5, 2);
  EXPECT_EQ(full.rows, 0);
  EXPECT_FALSE(full.more);
  EXPECT_FALSE(full.no_room);
}

TEST_P(TaskStoreTest, each_row_becomes_a_task_once_and_the_cursor_tells_how_many) {
  const std::string id = accept(job_of(7, "k"), 0);
  std::vector<std::string> run;
  for (int made = 1; made <= 7; ++made) {
    EXPECT_EQ(make_rows(1).rows, 1);
    EXPECT_EQ(job(id).made, made);
    EXPECT_EQ(status().folded, 7 - made);
    const auto claimed = claim_one();
    run.push_back(claimed.task.id);
    EXPECT_EQ(complete(claimed.task.id, claimed.claim).answer, Answer::applied);
  }
  const auto over = make_rows(1);
  EXPECT_EQ(over.rows, 0);
  EXPECT_FALSE(over.more);
  EXPECT_EQ(job(id).state, JobStatus::State::made);
  EXPECT_EQ(job(id).done, 7);
  EXPECT_EQ(count(State::done), 7);
  std::vector<std::string> rows;
  for (int row = 0; row < 7; ++row) rows.push_back(task_id(id, row));
  EXPECT_EQ(run, rows);
}

TEST_P(TaskStoreTest, the_order_of_a_folded_run_equals_the_unfolded_one) {
  auto run_with = [&](std::int64_t watermark) {
    open({});
    const std::int64_t now_made = watermark == kPlenty ? kPlenty : 0;
    for (const auto& [rows, key] :
         {std::pair(4, "first"), std::pair(1, "one row"), std::pair(1, ""), std::pair(3, "last")}) {
      auto one = job_of(rows, key);
      one.description.at("job").as_object()["of"] = key;
      accept(one, now_made);
    }
    std::vector<std::string> payloads;
    for (int step = 0; step < 40; ++step) {
      while (make_rows(watermark).more) {
      }
      EXPECT_LE(count(State::queued), watermark);
      const auto claimed = claim(1);
      if (claimed.empty()) break;
      const auto& task = claimed[0].task;
      payloads.push_back(task.payload);
      complete(task.id, claimed[0].claim);
    }
    return payloads;
  };
  const auto unfolded = run_with(kPlenty);
  EXPECT_THAT(unfolded, SizeIs(9));
  for (const std::int64_t watermark : {1, 2, 3}) {
    SCOPED_TRACE(watermark);
    EXPECT_EQ(run_with(watermark), unfolded);
  }
}

TEST_P(TaskStoreTest, no_rows_are_made_while_more_than_ten_watermarks_wait_for_retry) {
  accept(job_of(30, "all fail"), 11);
  for (const auto& claimed : claim(11)) fail(claimed.task.id, claimed.claim);
  ASSERT_EQ(count(State::retry), 11);
  const auto held = make_rows(1);
  EXPECT_EQ(held.rows, 0);
  EXPECT_FALSE(held.more) << "else the caller would spin";
  wait(kRetryDelay);
  requeue(1);
  const auto back = claim_one();
  complete(back.task.id, back.claim);
  ASSERT_EQ(count(State::retry), 10);
  EXPECT_EQ(make_rows(1).rows, 1);
}

TEST_P(TaskStoreTest, a_job_of_ten_million_rows_costs_nothing_while_it_is_folded) {
  const std::string id = accept(job_of(10'000'000, "huge"), 3);
  EXPECT_EQ(status().folded, 9'999'997);
  EXPECT_EQ(job(id).rows, 10'000'000);
  EXPECT_EQ(state(task_id(id, 9'999'999)), State::queued);
  EXPECT_EQ(state(task_id(id, 10'000'000)), std::nullopt);
  EXPECT_EQ(cancel(id), 0);
  EXPECT_EQ(status().folded, 0);
}

TEST_P(TaskStoreTest, the_store_tells_which_rows_it_made) {
  const auto accepted = store().accept(job_of(7, "k"), 2, now_);
  ASSERT_TRUE(accepted);
  EXPECT_EQ(accepted->made, 2);
  const auto some = make_rows(kPlenty, 3);
  EXPECT_EQ(some.job_id, accepted->job_id);
  EXPECT_EQ(some.first_row, 2);
  EXPECT_EQ(some.rows, 3);
  const auto again = store().accept(job_of(7, "k"), kPlenty, now_);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->made, 5);
  EXPECT_EQ(make_rows(kPlenty, 3).first_row, 5);

  const auto one = store().accept(job_of(1, "one row"), kPlenty, now_);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->task_id, task_id(one->job_id, 0));
  const auto direct = store().accept(job_of(1), kPlenty, now_);
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->made, 1);
  EXPECT_EQ(state(direct->task_id), State::queued);
  EXPECT_TRUE(direct->task_id.starts_with(direct->job_id)) << direct->task_id;
}

TEST_P(TaskStoreTest, a_direct_task_that_waits_has_its_id_already) {
  accept(job_of(2, "first"), 0);
  const auto direct = store().accept(job_of(1), kPlenty, now_);
  ASSERT_TRUE(direct);
  EXPECT_EQ(direct->made, 0);
  EXPECT_EQ(task(direct->task_id).id, direct->task_id);
  ASSERT_EQ(make_rows(kPlenty).rows, 2);
  const auto made = make_rows(kPlenty);
  EXPECT_EQ(made.rows, 1);
  EXPECT_EQ(task_id(made.job_id, made.first_row), direct->task_id);
  EXPECT_EQ(queue().back(), direct->task_id);
}

TEST_P(TaskStoreTest, a_description_that_gives_no_rows_leaves_the_store_as_it_was) {
  const std::string before = dump();
  auto broken = job_of(3, "k");
  broken.description = {{"chunker", 1'000'000}};
  EXPECT_FALSE(store().accept(broken, kPlenty, now_));
  EXPECT_EQ(dump(), before);
  const auto mended = store().accept(job_of(3, "k"), kPlenty, now_);
  ASSERT_TRUE(mended);
  EXPECT_FALSE(mended->already);
  EXPECT_THAT(queue(), SizeIs(3));
}

TEST_P(TaskStoreTest, a_folded_row_is_found_by_its_id_and_takes_no_report) {
  const std::string id = accept(job_of(3, "k"), 1);
  const auto folded = task(task_id(id, 2));
  EXPECT_EQ(folded.id, task_id(id, 2));
  EXPECT_EQ(folded.labourer_id, kWorker);
  EXPECT_EQ(folded.state, State::queued);
  EXPECT_EQ(state(task_id(id, 3)), std::nullopt);
  EXPECT_EQ(state(std::string(32, '0')), std::nullopt);
  EXPECT_EQ(state("no id at all"), std::nullopt);

  const std::string before = dump();
  for (const auto& claim : {"", "c1"}) {
    EXPECT_EQ(complete(folded.id, claim).answer, Answer::unknown);
    EXPECT_EQ(fail(folded.id, claim).answer, Answer::unknown);
  }
  EXPECT_EQ(dump(), before);
}

// --- Positions at the tail

TEST_P(TaskStoreTest, positions_begin_at_2000_and_grow_by_1000) {
  const auto first = queue_tasks(2);
  EXPECT_EQ(task(first[0]).greenfield, 2000);
  EXPECT_EQ(task(first[1]).greenfield, 3000);
  EXPECT_EQ(task(queue_tasks(1)[0]).greenfield, 4000);
}

TEST_P(TaskStoreTest, positions_go_on_behind_the_last_one_ever_given_until_the_queue_is_empty) {
  const auto first = queue_tasks(3);
  const auto claimed = claim(2);
  EXPECT_EQ(task(queue_tasks(1)[0]).greenfield, 5000);
  claim(2);
  ASSERT_THAT(queue(), IsEmpty());
  EXPECT_EQ(task(queue_tasks(1)[0]).greenfield, 2000);
}

TEST_P(TaskStoreTest, a_position_is_not_given_again_while_anything_is_queued) {
  queue_tasks(1);
  const std::string id = accept(job_of(2, "k"));
  cancel(id);
  ASSERT_THAT(queue(), SizeIs(1));
  EXPECT_EQ(task(queue_tasks(1)[0]).greenfield, 5000);
}

TEST_P(TaskStoreTest, the_step_is_a_setting) {
  open({.task_step = 10});
  const auto made = queue_tasks(2);
  EXPECT_EQ(task(made[0]).greenfield, 20);
  EXPECT_EQ(task(made[1]).greenfield, 30);
}

TEST_P(TaskStoreTest, the_step_is_one_above_a_thousand_million) {
  auto direct = job_of(1);
  direct.position = 1'000'000'000 - 500;
  accept(direct);
  EXPECT_EQ(task(queue_tasks(1)[0]).greenfield, 1'000'000'000 - 499);
}

TEST_P(TaskStoreTest, rows_stay_folded_below_the_ceiling_until_the_queue_is_empty) {
  auto direct = job_of(1);
  direct.position = kPositionCeiling - 1;
  accept(direct);
  const std::string id = accept(job_of(2, "no room"));
  EXPECT_EQ(job(id).made, 0);
  const auto held = make_rows(kPlenty);
  EXPECT_EQ(held.rows, 0);
  EXPECT_TRUE(held.no_room);
  EXPECT_FALSE(held.more);
  claim_one();
  const auto made = make_rows(kPlenty);
  EXPECT_EQ(made.rows, 2);
  EXPECT_FALSE(made.no_room);
  EXPECT_EQ(task(task_id(id, 0)).greenfield, 2000);
  EXPECT_EQ(task(task_id(id, 1)).greenfield, 3000);
}

// --- Cancel

TEST_P(TaskStoreTest, cancel_drops_the_folded_rest_and_closes_what_waits) {
  const std::string id = accept(job_of(10, "k"), 5);
  const auto retried = claim_one();
  fail(retried.task.id, retried.claim);
  const auto running = claim_one();
  const auto done = claim_one();
  complete(done.task.id, done.claim);

  EXPECT_EQ(cancel(id), 0);
  EXPECT_EQ(job(id).state, JobStatus::State::cancelled);
  EXPECT_EQ(status().folded, 0);
  EXPECT_EQ(status().open_jobs, 0);
  EXPECT_EQ(count(State::queued), 0);
  EXPECT_EQ(count(State::retry), 0);
  EXPECT_EQ(state(retried.task.id), State::cancelled);
  EXPECT_EQ(state(running.task.id), State::running);
  EXPECT_EQ(state(done.task.id), State::done);
  EXPECT_EQ(state(task_id(id, 7)), std::nullopt);
  EXPECT_EQ(job(id).cancelled, 3);
  EXPECT_THAT(alarms(), IsEmpty());
  EXPECT_FALSE(make_rows(kPlenty).more);

  EXPECT_EQ(complete(running.task.id, running.claim).answer, Answer::applied);
  EXPECT_EQ(job(id).done, 2);
}

TEST_P(TaskStoreTest, cancel_in_portions_and_no_claim_of_the_rest) {
  const std::string id = accept(job_of(5, "k"));
  const auto other = queue_tasks(1, "other job");
  EXPECT_EQ(cancel(id, 2), 3);
  EXPECT_EQ(count(State::cancelled), 2);
  const auto claimed = claim(10);
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_EQ(claimed[0].task.id, other[0]);
  EXPECT_EQ(cancel(id, 2), 1);
  EXPECT_EQ(cancel(id, 2), 0);
  EXPECT_EQ(job(id).cancelled, 5);
  EXPECT_EQ(count(State::cancelled), 5);
}

TEST_P(TaskStoreTest, a_cancel_that_is_not_finished_is_found_after_a_restart) {
  auto unfinished = [&] {
    const auto ids = store().cancelling();
    EXPECT_TRUE(ids) << ids.error().text();
    return *ids;
  };
  const std::string id = accept(job_of(3, "k"));
  const std::string other = accept(job_of(2, "of another labourer", "other"));
  const std::string whole = accept(job_of(2, "at once"));
  EXPECT_THAT(unfinished(), IsEmpty());
  EXPECT_EQ(cancel(whole), 0);
  EXPECT_THAT(unfinished(), IsEmpty());
  EXPECT_EQ(cancel(id, 2), 1);
  EXPECT_EQ(cancel(other, 0), 2);
  reopen();
  EXPECT_THAT(unfinished(), UnorderedElementsAre(id, other));
  EXPECT_EQ(cancel(id, 2), 0);
  EXPECT_THAT(unfinished(), ElementsAre(other));
  EXPECT_EQ(cancel(other), 0);
  EXPECT_THAT(unfinished(), IsEmpty());
  EXPECT_EQ(job(id).cancelled, 3);
  EXPECT_EQ(job(other).cancelled, 2);
}

TEST_P(TaskStoreTest, a_cancel_ends_also_when_others_have_closed_its_rest) {
  const std::string id = accept(job_of(3, "k"));
  EXPECT_EQ(cancel(id, 1), 2);
  for (const auto& waiting : queue()) EXPECT_EQ(complete(waiting, "").answer, Answer::late);
  EXPECT_EQ(cancel(id, 1), 0);
  const auto unfinished = store().cancelling();
  ASSERT_TRUE(unfinished);
  EXPECT_THAT(*unfinished, IsEmpty());
}

TEST_P(TaskStoreTest, a_cancelled_job_lets_the_next_one_begin) {
  const std::string first = accept(job_of(4, "first"), 1);
  const std::string second = accept(job_of(2, "second"));
  cancel(first);
  EXPECT_EQ(make_rows(kPlenty).rows, 2);
  EXPECT_THAT(queue(), ElementsAre(task_id(second, 0), task_id(second, 1)));
}

TEST_P(TaskStoreTest, a_folded_job_can_be_cancelled_before_its_first_row) {
  accept(job_of(1, "first"), 0);
  const std::string id = accept(job_of(3, "behind"), 0);
  EXPECT_EQ(cancel(id), 0);
  EXPECT_EQ(job(id).state, JobStatus::State::cancelled);
  EXPECT_EQ(job(id).made, 0);
  while (make_rows(kPlenty).more) {
  }
  EXPECT_THAT(queue(), SizeIs(1));
}

TEST_P(TaskStoreTest, an_attempt_that_fails_after_the_cancel_is_not_the_beginning_of_another) {
  const std::string id = accept(job_of(1, "k"));
  const auto running = claim_one();
  EXPECT_EQ(cancel(id), 0);
  fail(running.task.id, running.claim);
  EXPECT_THAT(requeue(), IsEmpty());
  EXPECT_EQ(state(running.task.id), State::cancelled) << "closed without waiting for its retry";
  EXPECT_EQ(job(id).cancelled, 1);
  EXPECT_THAT(claim(1), IsEmpty());
}

TEST_P(TaskStoreTest, a_claim_that_is_given_back_after_the_cancel_closes_its_task) {
  const std::string id = accept(job_of(2, "k"));
  const auto running = claim(2);
  ASSERT_THAT(running, SizeIs(2));
  EXPECT_EQ(cancel(id), 0);
  EXPECT_TRUE(release(running[0], engine::Release::Why::rejected));
  EXPECT_TRUE(release(running[1], engine::Release::Why::interrupted));
  for (const auto& one : running) {
    EXPECT_EQ(state(one.task.id), State::cancelled);
    EXPECT_EQ(task(one.task.id).attempts, 0);
    EXPECT_EQ(task(one.task.id).closed_at, epoch_seconds(now_));
    EXPECT_FALSE(release(one)) << "it is over";
  }
  EXPECT_EQ(job(id).cancelled, 2);
  EXPECT_THAT(claim(2), IsEmpty());
  EXPECT_THAT(alarms(), IsEmpty());
}

TEST_P(TaskStoreTest, what_is_given_back_between_two_portions_of_a_cancel_is_closed_too) {
  const std::string id = accept(job_of(3, "k"));
  const auto running = claim_one();
  EXPECT_EQ(cancel(id, 1), 1);
  EXPECT_TRUE(release(running));
  EXPECT_EQ(state(running.task.id), State::cancelled);
  EXPECT_EQ(cancel(id, 1), 0);
  EXPECT_EQ(job(id).cancelled, 3);
}

TEST_P(TaskStoreTest, a_claim_given_back_after_the_cancel_keeps_a_late_completion) {
  const std::string id = accept(job_of(1, "k"));
  const auto first = claim_one();
  fail(first.task.id, first.claim);
  wait(kRetryDelay);
  requeue();
  const auto second = claim_one();
  ASSERT_EQ(complete(first.task.id, first.claim).answer, Answer::stale);
  const auto completed_at = epoch_seconds(now_);
  EXPECT_EQ(cancel(id), 0);
  wait(1);
  EXPECT_TRUE(release(second));
  EXPECT_EQ(state(second.task.id), State::done);
  EXPECT_EQ(task(second.task.id).completed_at, completed_at);
  EXPECT_EQ(job(id).done, 1);
  EXPECT_EQ(job(id).cancelled, 0);
}

TEST_P(TaskStoreTest, a_task_replayed_by_hand_outlives_the_cancel_of_its_job) {
  const std::string id = accept(job_of(2, "k"));
  const std::string dead = task_id(id, 0);
  kill(dead);
  EXPECT_EQ(cancel(id), 0);
  ASSERT_TRUE(replay(dead));
  const auto claimed = claim_one();
  EXPECT_EQ(claimed.task.id, dead);
  EXPECT_TRUE(release(claimed));
  const auto again = claim_one();
  fail(dead, again.claim);
  EXPECT_THAT(requeue(), IsEmpty()) << "it waits for its retry";
  wait(kRetryDelay);
  EXPECT_THAT(requeue(), ElementsAre(dead));
  EXPECT_EQ(complete(dead, claim_one().claim).answer, Answer::applied);
  EXPECT_EQ(job(id).done, 1);
}

TEST_P(TaskStoreTest, cancel_tells_what_it_cannot_do) {
  const auto nowhere = store().cancel("0123456789abcdef0123", 10, now_);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Code::not_found);

  const std::string id = accept(job_of(1, "k"));
  const auto claimed = claim_one();
  complete(claimed.task.id, claimed.claim);
  const std::string before = dump();
  const auto nothing = store().cancel(id, 10, now_);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::conflict);
  EXPECT_EQ(dump(), before);
}

// --- Counts

TEST_P(TaskStoreTest, counts_of_a_job_follow_its_tasks) {
  const std::string id = accept(job_of(6, "k"), 4);
  auto status = job(id);
  EXPECT_EQ(status.id, id);
  EXPECT_EQ(status.key, "k");
  EXPECT_EQ(status.labourer_id, kWorker);
  EXPECT_EQ(epoch_seconds(status.created_at), epoch_seconds(now_));
  EXPECT_EQ(std::tuple(status.rows, status.made, status.done, status.dead, status.cancelled),
            std::tuple(6, 4, 0, 0, 0));
  const auto done = claim_one();
  complete(done.task.id, done.claim);
  const auto dead = claim_one();
  release(dead, engine::Release::Why::impossible);
  status = job(id);
  EXPECT_EQ(std::tuple(status.made, status.done, status.dead), std::tuple(4, 1, 1));
  replay(dead.task.id);
  EXPECT_EQ(job(id).dead, 0);
  cancel(id);
  status = job(id);
  EXPECT_EQ(std::tuple(status.made, status.done, status.dead, status.cancelled),
            std::tuple(4, 1, 0, 3));
  complete(dead.task.id, "");
  status = job(id);
  EXPECT_EQ(std::tuple(status.done, status.cancelled), std::tuple(2, 2));
}

TEST_P(TaskStoreTest, jobs_are_listed_newest_first) {
  std::vector<std::string> newest_first;
  for (const auto& key : {"a", "b", "c", "d"}) {
    newest_first.insert(newest_first.begin(), accept(job_of(1, key)));
    wait(1);
  }
  auto ids_of = [&](std::int64_t limit) {
    std::vector<std::string> ids;
    const auto jobs = store().jobs(std::nullopt, limit);
    EXPECT_TRUE(jobs);
    for (const auto& job : *jobs) ids.push_back(job.id);
    return ids;
  };
  EXPECT_EQ(ids_of(10), newest_first);
  EXPECT_THAT(ids_of(2), ElementsAre(newest_first[0], newest_first[1]));
}

}  // namespace
}  // namespace sosw::conformance
