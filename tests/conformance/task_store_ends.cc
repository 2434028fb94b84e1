// SPDX-License-Identifier: MIT
// Expiry, alarms, replay, gates, and what the store tells. Protocol sections 2, 10, 11.
#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "task_store.h"

namespace sosw::conformance {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// --- Expiry

TEST_P(TaskStoreTest, an_attempt_ends_when_its_deadline_has_passed_and_not_before) {
  const auto id = queue_tasks(1)[0];
  claim_one();
  EXPECT_EQ(status().next_deadline, epoch_seconds(now_) + kAttempt);
  wait(kAttempt - 1);
  EXPECT_THAT(expire(), IsEmpty());
  wait(1);
  const auto ended = expire();
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].task_id, id);
  EXPECT_EQ(ended[0].state, State::retry);
  EXPECT_EQ(task(id).desired_launch_time, epoch_seconds(now_) + kRetryDelay);
  EXPECT_EQ(task(id).attempts, 1);
  EXPECT_TRUE(task(id).extra.contains("silent"));
  EXPECT_EQ(status().next_deadline, std::nullopt);
  EXPECT_THAT(expire(), IsEmpty());
}

TEST_P(TaskStoreTest, the_next_deadline_is_known_to_the_second_before_it) {
  now_ = after(now_, 0.7);
  queue_tasks(1);
  claim_one();
  // The tables keep whole seconds, rounded up.
  const std::int64_t kept_later = GetParam().as_the_model ? 0 : 1;
  EXPECT_EQ(status().next_deadline, epoch_seconds(now_) + kAttempt + kept_later);
}

TEST_P(TaskStoreTest, the_oldest_deadlines_end_first_and_at_most_as_many_as_asked) {
  queue_tasks(3);
  std::vector<std::string> by_deadline;
  for (int i = 0; i < 3; ++i) {
    by_deadline.push_back(claim_one().task.id);
    wait(1);
  }
  wait(kAttempt);
  const auto ended = expire(2);
  ASSERT_THAT(ended, SizeIs(2));
  EXPECT_EQ(ended[0].task_id, by_deadline[0]);
  EXPECT_EQ(ended[1].task_id, by_deadline[1]);
  EXPECT_EQ(state(by_deadline[2]), State::running);
}

TEST_P(TaskStoreTest, what_the_host_knows_to_run_does_not_expire) {
  queue_tasks(3);
  const auto claimed = claim(3);
  ASSERT_THAT(claimed, SizeIs(3));
  wait(kAttempt);
  const auto ended = store().expire(
      worker(), 2,
      [&](std::string_view id, std::string_view claim) {
        return id == claimed[0].task.id && claim == claimed[0].claim;
      },
      now_);
  ASSERT_TRUE(ended);
  EXPECT_THAT(*ended, SizeIs(2)) << "one that runs does not use up the portion";
  EXPECT_EQ(state(claimed[0].task.id), State::running);
}

TEST_P(TaskStoreTest, a_task_whose_attempts_all_expire_is_dead_with_an_alarm) {
  const auto id = queue_tasks(1)[0];
  for (int attempt = 1; attempt <= 3; ++attempt) {
    claim_one();
    wait(kAttempt);
    const auto ended = expire();
    ASSERT_THAT(ended, SizeIs(1));
    EXPECT_EQ(ended[0].state, attempt < 3 ? State::retry : State::dead);
    wait(kRetryDelay);
    requeue();
  }
  EXPECT_EQ(state(id), State::dead);
  ASSERT_THAT(alarms(), SizeIs(1));
  EXPECT_EQ(alarms()[0].task_id, id);
}

TEST_P(TaskStoreTest, expiry_of_one_labourer_leaves_the_others) {
  accept(job_of(1, {}, "other"));
  const auto other = claim_one("other");
  wait(kAttempt);
  EXPECT_THAT(expire(), IsEmpty());
  EXPECT_EQ(state(other.task.id), State::running);
}

// --- Alarms

TEST_P(TaskStoreTest, alarms_stay_until_they_are_acknowledged) {
  const auto made = queue_tasks(3);
  for (const auto& claimed : claim(3)) {
    release(claimed, engine::Release::Why::impossible);
    wait(1);
  }
  const auto all = alarms();
  ASSERT_THAT(all, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(all[i].task_id, made[i]);
    EXPECT_NE(all[i].message, "");
    EXPECT_EQ(epoch_seconds(all[i].at), epoch_seconds(now_) - 3 + static_cast<std::int64_t>(i));
    EXPECT_GT(all[i].number, i == 0 ? 0 : all[i - 1].number);
  }
  EXPECT_THAT(alarms(), SizeIs(3)) << "looking is no acknowledgement";
  reopen();
  const auto oldest = store().alarms(0, 2);
  ASSERT_TRUE(oldest);
  ASSERT_THAT(*oldest, SizeIs(2));
  EXPECT_EQ((*oldest)[0].number, all[0].number);
  const auto rest = alarms(all[1].number);
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_EQ(rest[0].number, all[2].number);
  EXPECT_THAT(alarms(all[2].number), IsEmpty());

  // Else an acknowledgement that is repeated would drop a new one.
  reopen();
  replay(made[0]);
  release(claim_one(), engine::Release::Why::impossible);
  ASSERT_THAT(alarms(all[2].number), SizeIs(1));
  EXPECT_GT(alarms()[0].number, all[2].number);
}

// --- Replay

TEST_P(TaskStoreTest, a_replayed_task_begins_anew_at_the_tail) {
  const std::string job_id = accept(job_of(2, "k"));
  const std::string id = task_id(job_id, 0);
  kill(id);
  const auto later = queue_tasks(1);
  ASSERT_TRUE(replay(id));
  const auto again = task(id);
  EXPECT_EQ(again.state, State::queued);
  EXPECT_EQ(again.attempts, 0);
  EXPECT_EQ(again.closed_at, std::nullopt);
  EXPECT_EQ(again.extra.at("replays").to_number<int>(), 1);
  EXPECT_EQ(again.extra.at("failed_attempts").to_number<int>(), 3) << "the history stays";
  EXPECT_THAT(queue(), ElementsAre(task_id(job_id, 1), later[0], id));
  EXPECT_EQ(job(job_id).dead, 0);
  EXPECT_EQ(count(State::dead), 0);
  EXPECT_GT(task(queue_tasks(1)[0]).greenfield, again.greenfield);
  kill(id);
  ASSERT_TRUE(replay(id));
  EXPECT_EQ(task(id).extra.at("replays").to_number<int>(), 2);
}

TEST_P(TaskStoreTest, only_dead_tasks_are_replayed) {
  const std::string job_id = accept(job_of(6, "k"));
  const auto dead = claim_one();
  release(dead, engine::Release::Why::impossible);
  const auto done = claim_one();
  complete(done.task.id, done.claim);
  const auto retried = claim_one();
  fail(retried.task.id, retried.claim);
  const auto running = claim_one();
  const std::vector<std::string> wanted = {task_id(job_id, 5), dead.task.id, "nobody",
                                           dead.task.id,       done.task.id, retried.task.id,
                                           running.task.id};
  const auto answers = store().replay(wanted, now_);
  ASSERT_TRUE(answers);
  EXPECT_THAT(*answers, ElementsAre(false, true, false, false, false, false, false));
  EXPECT_EQ(task(dead.task.id).extra.at("replays").to_number<int>(), 1);
  EXPECT_EQ(state(retried.task.id), State::retry);

  cancel(job_id);
  EXPECT_FALSE(replay(task_id(job_id, 5))) << "cancelled";
}

// --- What the store tells

TEST_P(TaskStoreTest, a_gate_is_kept_as_it_is_set) {
  auto gate = [&](std::optional<bool> paused, std::optional<std::string> blocked) {
    const auto set = store().gate(kWorker, paused, std::move(blocked));
    EXPECT_TRUE(set) << set.error().text();
  };
  gate(true, std::nullopt);
  EXPECT_TRUE(status().paused);
  EXPECT_EQ(status().blocked, "");
  gate(std::nullopt, "no such function");
  EXPECT_TRUE(status().paused);
  EXPECT_EQ(status().blocked, "no such function");
  reopen();
  gate(false, std::nullopt);
  EXPECT_FALSE(status().paused);
  EXPECT_EQ(status().blocked, "no such function");
  gate(std::nullopt, "");
  EXPECT_EQ(status().blocked, "");
  EXPECT_FALSE(status("other").paused);
}

TEST_P(TaskStoreTest, status_counts_the_tasks_of_each_labourer_by_state) {
  accept(job_of(7, "k"), 6);
  accept(job_of(2, {}, "other"));
  const auto done = claim_one();
  complete(done.task.id, done.claim);
  release(claim_one(), engine::Release::Why::impossible);
  const auto retried = claim_one();
  fail(retried.task.id, retried.claim);
  const auto first = claim_one();
  wait(10);
  claim_one();
  auto all = status();
  EXPECT_EQ(all.tasks[State::queued], 1);
  EXPECT_EQ(all.tasks[State::running], 2);
  EXPECT_EQ(all.tasks[State::retry], 1);
  EXPECT_EQ(all.tasks[State::done], 1);
  EXPECT_EQ(all.tasks[State::dead], 1);
  EXPECT_EQ(all.folded, 1);
  EXPECT_EQ(all.open_jobs, 1);
  EXPECT_EQ(all.next_due, epoch_seconds(now_) - 10 + kRetryDelay);
  EXPECT_EQ(all.next_deadline, epoch_seconds(now_) - 10 + kAttempt);
  complete(first.task.id, first.claim);
  EXPECT_EQ(status().next_deadline, epoch_seconds(now_) + kAttempt);
  EXPECT_EQ(status("other").tasks[State::queued], 2);
  EXPECT_EQ(status("other").next_due, std::nullopt);
}

TEST_P(TaskStoreTest, pages_of_a_list_make_the_list) {
  const std::string long_job = accept(job_of(23, "long"));
  accept(job_of(4, "short"));
  accept(job_of(3, {}, "other"));
  int n = 0;
  for (const auto& claimed : claim(20)) {
    if (n % 4 == 0) complete(claimed.task.id, claimed.claim);
    if (n % 4 == 1) fail(claimed.task.id, claimed.claim);
    if (n % 4 == 2) release(claimed, engine::Release::Why::impossible);
    if (n % 3 == 0) wait(1);
    ++n;
  }
  cancel(accept(job_of(4, "for nothing")));

  auto whole = [&](engine::TaskQuery query) {
    query.limit = 1'000;
    std::vector<std::string> list;
    for (const auto& task : tasks(query)) list.push_back(task.id);
    return list;
  };
  auto in_pages = [&](engine::TaskQuery query, std::int64_t limit) {
    query.limit = limit;
    std::vector<std::string> list;
    for (int page = 0; page < 1'000; ++page) {
      const auto found = tasks(query);
      EXPECT_LE(static_cast<std::int64_t>(found.size()), limit);
      for (const auto& task : found) list.push_back(task.id);
      if (found.empty()) break;
      query.after = found.back().id;
    }
    return list;
  };

  std::vector<std::optional<State>> states = {std::nullopt};
  for (const auto state :
       {State::queued, State::running, State::retry, State::done, State::dead, State::cancelled})
    states.emplace_back(state);
  std::map<std::optional<State>, std::size_t> sizes;
  for (const auto& labourer : {std::optional<std::string>(), std::optional<std::string>(kWorker)}) {
    for (const auto& job : {std::optional<std::string>(), std::optional<std::string>(long_job)}) {
      for (const auto& state : states) {
        for (const bool newest_first : {false, true}) {
          SCOPED_TRACE(::testing::Message()
                       << labourer.value_or("all") << ", " << job.value_or("all") << ", "
                       << (state ? name(*state) : "all") << (newest_first ? ", newest first" : ""));
          engine::TaskQuery query;
          query.labourer_id = labourer;
          query.job_id = job;
          query.state = state;
          query.newest_first = newest_first;
          const auto list = whole(query);
          EXPECT_EQ(std::set(list.begin(), list.end()).size(), list.size()) << "none twice";
          for (const std::int64_t limit : {1, 3, 7, 1'000}) EXPECT_EQ(in_pages(query, limit), list);
          if (!labourer && !job && !newest_first) sizes[state] = list.size();
        }
      }
    }
  }
  EXPECT_EQ(sizes[std::nullopt], 34U);
  EXPECT_EQ(sizes[State::done], 5U);
  EXPECT_EQ(sizes[State::retry], 5U);
  EXPECT_EQ(sizes[State::dead], 5U);
  EXPECT_EQ(sizes[State::running], 5U);
  EXPECT_EQ(sizes[State::cancelled], 4U);
  EXPECT_EQ(sizes[State::queued], 10U);
}

TEST_P(TaskStoreTest, lists_are_in_order_of_position_deadline_or_end) {
  queue_tasks(9);
  std::vector<std::string> ended;
  for (int i = 0; i < 3; ++i) {
    const auto claimed = claim_one();
    complete(claimed.task.id, claimed.claim);
    ended.push_back(claimed.task.id);
    wait(1);
  }
  std::vector<std::string> running;
  for (int i = 0; i < 3; ++i) {
    running.push_back(claim_one().task.id);
    wait(1);
  }
  const auto queued = queue();
  EXPECT_TRUE(std::is_sorted(queued.begin(), queued.end()));
  EXPECT_EQ(ids(State::running), running);
  EXPECT_EQ(ids(State::done), ended);
  for (auto [state, list] : {std::pair(State::queued, queued), std::pair(State::running, running),
                             std::pair(State::done, ended)}) {
    engine::TaskQuery query;
    query.labourer_id = kWorker;
    query.state = state;
    query.newest_first = true;
    query.limit = 1;
    EXPECT_EQ(tasks(query).at(0).id, list.back()) << name(state);
  }
}

TEST_P(TaskStoreTest, a_task_is_found_by_its_id_wherever_it_is) {
  const std::string job_id = accept(job_of(5, "k"), 4);
  const auto done = claim_one();
  complete(done.task.id, done.claim);
  const auto retried = claim_one();
  fail(retried.task.id, retried.claim);
  const auto running = claim_one();
  EXPECT_EQ(state(done.task.id), State::done);
  EXPECT_EQ(state(retried.task.id), State::retry);
  EXPECT_EQ(state(running.task.id), State::running);
  EXPECT_EQ(state(task_id(job_id, 3)), State::queued);
  EXPECT_EQ(state(task_id(job_id, 4)), State::queued) << "folded";
  EXPECT_EQ(task(done.task.id).payload, done.task.payload);
  EXPECT_EQ(epoch_seconds(task(done.task.id).created_at), epoch_seconds(done.task.created_at));
}

TEST_P(TaskStoreTest, all_is_there_after_a_restart) {
  const std::string job_id = accept(job_of(8, "k"), 5);
  auto foreign = job_of(1, {}, "other");
  foreign.task_id = "foreign";
  accept(foreign);
  const auto done = claim_one();
  complete(done.task.id, done.claim);
  release(claim_one(), engine::Release::Why::impossible);
  const auto retried = claim_one();
  fail(retried.task.id, retried.claim);
  const auto running = claim_one();
  const std::string before = dump();
  reopen();
  EXPECT_EQ(dump(), before);
  EXPECT_EQ(complete(running.task.id, running.claim).answer, Answer::applied);
  EXPECT_EQ(fail(retried.task.id, retried.claim).answer, Answer::already);
  EXPECT_EQ(make_rows(1'000).rows, 3);
  EXPECT_EQ(queue().back(), task_id(job_id, 7));
}

}  // namespace
}  // namespace sosw::conformance
