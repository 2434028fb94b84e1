// SPDX-License-Identifier: MIT
// The store beside Essentials of the original: their moves in two steps, held up between the two or
// never finished, and what their WorkerAssistant leaves of reports that come late.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cloud/table_rows.h"
#include "cloud/table_store.h"
#include "core/chunking.h"
#include "simulation/model_tables.h"
#include "simulation/python_essentials.h"

namespace sosw::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kWorker = "worker";
constexpr std::int64_t kLongestRunS = 900;  // of a Lambda function

// The tables as a Scavenger of the original reaches them: before it deletes a task, something else
// happens, or it dies there.
class HeldUp final : public Tables {
 public:
  explicit HeldUp(Tables& tables) : tables_(tables) {}
  std::function<void()> meanwhile;
  bool dies = false;
  int deletions = 0;

  Result<Written> write(const Write& write) override {
    if (write.kind == Write::Kind::remove && write.table == "sosw_tasks") {
      ++deletions;
      if (meanwhile) meanwhile();
      if (dies) return Error{Code::unavailable, "it is dead", {}};
    }
    return tables_.write(write);
  }
  Result<Written> transact(std::span<const Write> writes, std::string_view token) override {
    return tables_.transact(writes, token);
  }
  Result<Page> query(const Query& query) override { return tables_.query(query); }
  Result<std::vector<std::optional<Item>>> get(std::span<const Key> keys) override {
    return tables_.get(keys);
  }
  Result<void> append(std::string_view table, std::span<const Item> items) override {
    return tables_.append(table, items);
  }

 private:
  Tables& tables_;
};

class BesideTheOriginal : public ::testing::Test {
 protected:
  template <class T>
  static T must(Result<T> result) {
    if (result) return std::move(*result);
    ADD_FAILURE() << result.error().text();
    return T{};
  }
  void wait(std::int64_t s) { now_ = after(now_, static_cast<double>(s)); }

  std::string accept_one(std::string key = "k") {
    const json::object body = {{"words", {"a"}}, {"isolate_words", true}, {"note", "it's"}};
    const auto rows =
        JobRows::from_job({std::string(kWorker), body}, *JobSchema::create({"word"}), {}, Date{});
    engine::Job job;
    job.key = std::move(key);
    job.labourer_id = kWorker;
    job.rows = 1;
    job.description = rows->description();
    return task_id(must(store_.accept(job, 10, now_)).job_id, 0);
  }
  std::vector<engine::Claimed> claim() {
    const engine::ClaimRequest request{
        .labourer_id = kWorker, .limit = 10, .at_most = 10, .deadline = after(now_, 1'200)};
    return must(store_.exchange({}, {&request, 1}, labourers_, now_)).claimed;
  }
  void complete(const std::string& id, const std::string& claim) {
    const Report report{Report::Kind::completed, id, claim, {}, {{"sum", 7}}};
    must(store_.exchange({&report, 1}, {}, labourers_, now_));
  }
  // A pass of our Scavenger.
  void scavenge() {
    must(store_.archive(kWorker, 10, now_));
    must(store_.expire(labourer_, 10, {}, now_));
    must(store_.requeue(kWorker, 10, 1e6, now_));
  }
  void python_scavenges() {
    simulation::PythonEssentials python(held_up_, [this] { return now_; }, {.audit = false});
    EXPECT_EQ(bool(python.scavenge({&labourer_, 1})), !held_up_.dies);
  }
  void python_dies_in_its_move() {
    held_up_.dies = true;
    python_scavenges();
    held_up_.dies = false;
  }
  Item row(std::string_view table, const std::string& id) {
    Item key = {{"task_id", text(id)}};
    if (table == "sosw_retry_tasks") key["labourer_id"] = text(kWorker);
    return tables_.peek(table, key).value_or(Item());
  }
  std::vector<std::string> places(const std::string& id) {
    std::vector<std::string> all;
    for (const auto* table : {"sosw_tasks", "sosw_retry_tasks", "sosw_closed_tasks"})
      if (!row(table, id).empty()) all.emplace_back(table);
    return all;
  }
  Task task(const std::string& id) {
    engine::TaskQuery query;
    query.task_id = id;
    const auto found = must(store_.tasks(query));
    return found.empty() ? Task{} : found.front();
  }
  // Whatever has happened: it goes on and ends well.
  void comes_to_its_end(const std::string& id) {
    for (int pass = 0; pass < 8; ++pass) {
      wait(kLongestRunS + 1);
      scavenge();
      for (const auto& one : claim()) complete(one.task.id, one.claim);
    }
    EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
    EXPECT_EQ(task(id).state, State::done);
  }
  void python(Write write) {
    const auto written = tables_.write(write);
    ASSERT_TRUE(written && written->done);
  }
  void put_copy(std::string_view table, Item copy, std::int64_t attempts) {
    copy["attempts"] = number(attempts);
    if (table == "sosw_retry_tasks") {
      copy["desired_launch_time"] = number(epoch_seconds(now_));
    } else {
      copy["closed_at"] = number(epoch_seconds(now_));
      copy["labourer_id_task_status"] = text(closed_status(kWorker, false));
    }
    python({.table = std::string(table), .item = std::move(copy)});
  }
  void python_reports(const std::string& id, bool completed) {
    simulation::PythonEssentials python(tables_, [this] { return now_; }, {.audit = false});
    EXPECT_TRUE(completed ? python.mark_task_as_completed(id, {}, {{"sum", 7}})
                          : python.mark_task_as_failed(id));
  }

  Labourer labourer_ = [] {
    Labourer worker;
    worker.id = kWorker;
    worker.timeout_s = 3;  // what a function of Lambda has unless it is told otherwise
    worker.retry.kind = RetryPolicy::Kind::fixed;
    worker.retry.base_s = 10;
    return worker;
  }();
  const engine::Labourers labourers_{{std::string(kWorker), labourer_}};
  Time now_ = from_epoch(1'795'000'000);
  simulation::ModelTables tables_{simulation::sosw_tables(), [this] { return now_; }};
  HeldUp held_up_{tables_};
  TableStore store_{tables_, [] {
                      TableStore::Options options;
                      options.holder = options.nonce = "ours";
                      return options;
                    }()};
};

// --- A Scavenger between its two requests

TEST_F(BesideTheOriginal, a_task_that_it_moves_to_retry_is_not_lost_whatever_ours_do_meanwhile) {
  for (const int waits_s : {0, 5, 60}) {
    SCOPED_TRACE(waits_s);  // the retry is due after 3 s
    const std::string id = accept_one(fmt::format("k{}", waits_s));
    ASSERT_THAT(claim(), SizeIs(1));
    wait(1'201);
    held_up_.deletions = 0;
    held_up_.meanwhile = [&] {
      scavenge();
      wait(waits_s);
      scavenge();
      scavenge();
      EXPECT_THAT(claim(), IsEmpty());
    };
    python_scavenges();
    EXPECT_EQ(held_up_.deletions, 1);
    EXPECT_FALSE(places(id).empty());
    comes_to_its_end(id);
  }
}

TEST_F(BesideTheOriginal, a_task_that_it_gives_up_is_not_lost_whatever_ours_do_meanwhile) {
  labourer_.max_attempts = 1;
  const std::string id = accept_one();
  ASSERT_THAT(claim(), SizeIs(1));
  wait(1'201);
  held_up_.meanwhile = [&] {
    scavenge();
    // Nobody replays it before the original is through: it would delete that.
    EXPECT_THAT(must(store_.replay(std::vector{id}, now_)), ElementsAre(false));
    scavenge();
  };
  python_scavenges();
  EXPECT_EQ(held_up_.deletions, 1);
  EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
  EXPECT_EQ(task(id).state, State::dead);
}

TEST_F(BesideTheOriginal, work_that_is_completed_while_it_gives_the_task_up_is_done) {
  labourer_.max_attempts = 1;
  const std::string id = accept_one();
  const auto claimed = claim();
  ASSERT_THAT(claimed, SizeIs(1));
  wait(1'201);
  held_up_.meanwhile = [&] {
    complete(id, claimed[0].claim);
    scavenge();
    scavenge();
  };
  python_scavenges();
  EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
  EXPECT_EQ(task(id).state, State::done);
  EXPECT_EQ(task(id).extra.at("result_sum"), 7);
}

// --- A Scavenger that has died there

TEST_F(BesideTheOriginal,
       a_move_to_retry_that_it_never_ended_is_ended_when_it_can_not_live_any_more) {
  const std::string id = accept_one();
  ASSERT_THAT(claim(), SizeIs(1));
  wait(1'201);
  python_dies_in_its_move();
  scavenge();
  wait(kLongestRunS - 1);
  scavenge();
  EXPECT_THAT(places(id), ElementsAre("sosw_tasks", "sosw_retry_tasks"));
  wait(1);
  must(store_.expire(labourer_, 10, {}, now_));
  EXPECT_THAT(places(id), ElementsAre("sosw_retry_tasks"));
  scavenge();
  EXPECT_THAT(places(id), ElementsAre("sosw_tasks"));
  EXPECT_FALSE(row("sosw_tasks", id).contains("met_at"));
  EXPECT_EQ(task(id).attempts, 1);
  comes_to_its_end(id);
}

TEST_F(BesideTheOriginal, each_of_its_moves_is_waited_for_anew) {
  const std::string id = accept_one();
  ASSERT_THAT(claim(), SizeIs(1));
  wait(1'201);
  python_dies_in_its_move();
  scavenge();
  wait(kLongestRunS - 1);
  held_up_.meanwhile = [&] {
    for (int i = 0; i < 3; ++i) wait(10), scavenge();
    EXPECT_THAT(places(id), ElementsAre("sosw_tasks", "sosw_retry_tasks"));
  };
  python_scavenges();
  EXPECT_THAT(places(id), ElementsAre("sosw_retry_tasks"));
  comes_to_its_end(id);
}

TEST_F(BesideTheOriginal, a_task_that_it_gave_up_and_never_deleted_is_dead) {
  labourer_.max_attempts = 1;
  const std::string id = accept_one();
  ASSERT_THAT(claim(), SizeIs(1));
  wait(1'201);
  python_dies_in_its_move();
  scavenge();
  wait(kLongestRunS);
  scavenge();
  EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
  EXPECT_EQ(task(id).state, State::dead);
}

TEST_F(BesideTheOriginal, an_archived_task_that_it_never_deleted_is_deleted) {
  const std::string id = accept_one();
  complete(id, claim().at(0).claim);
  wait(1);
  python_dies_in_its_move();
  scavenge();
  EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
  EXPECT_EQ(task(id).state, State::done);
}

// --- Copies that are older than the task

// By old images of an index it moves what has gone on since.
TEST_F(BesideTheOriginal, an_older_copy_is_replaced_by_the_end_of_the_attempt) {
  struct Case {
    std::string_view where;
    int max_attempts;
    State state;
  };
  int n = 0;
  for (const Case& one :
       {Case{"sosw_retry_tasks", 3, State::retry}, Case{"sosw_closed_tasks", 1, State::dead}}) {
    SCOPED_TRACE(one.where);
    labourer_.max_attempts = one.max_attempts;
    const std::string id = accept_one(fmt::format("k{}", n++));
    ASSERT_THAT(claim(), SizeIs(1));
    put_copy(one.where, row("sosw_tasks", id), 0);
    wait(1'201);
    for (int i = 0; i < 2; ++i) {
      must(store_.expire(labourer_, 10, {}, now_));
      wait(kLongestRunS);
    }
    EXPECT_THAT(places(id), ElementsAre(std::string(one.where)));
    EXPECT_EQ(task(id).state, one.state);
    EXPECT_EQ(task(id).attempts, 1);
  }
}

TEST_F(BesideTheOriginal, what_it_wants_to_retry_though_it_is_over_is_closed_by_a_late_completion) {
  labourer_.max_attempts = 1;
  const std::string id = accept_one();
  const auto claimed = claim();
  ASSERT_THAT(claimed, SizeIs(1));
  const Item old = row("sosw_tasks", id);
  wait(1'201);
  scavenge();
  ASSERT_EQ(task(id).state, State::dead);
  put_copy("sosw_retry_tasks", old, 1);
  complete(id, claimed[0].claim);
  EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
  EXPECT_EQ(task(id).state, State::done);
}

TEST_F(BesideTheOriginal, a_job_is_cancelled_though_a_row_of_it_is_in_two_tables) {
  const std::string id = accept_one();
  put_copy("sosw_retry_tasks", row("sosw_tasks", id), 0);
  std::int64_t left = 1;
  for (int i = 0; i < 5 && left > 0; ++i) left = must(store_.cancel(id.substr(0, 20), 10, now_));
  EXPECT_EQ(left, 0);
  EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
  EXPECT_EQ(task(id).state, State::cancelled);
}

// --- Its WorkerAssistant

TEST_F(BesideTheOriginal, a_completion_of_a_task_in_retry_closes_it_and_a_failure_does_not) {
  for (const bool completed : {true, false}) {
    SCOPED_TRACE(completed);
    const std::string id = accept_one(completed ? "k" : "l");
    ASSERT_THAT(claim(), SizeIs(1));
    wait(1'201);
    must(store_.expire(labourer_, 10, {}, now_));
    python_reports(id, completed);
    ASSERT_THAT(places(id), ElementsAre("sosw_tasks", "sosw_retry_tasks"));
    for (int i = 0; i < 2; ++i) {
      wait(11);
      scavenge();
    }
    EXPECT_EQ(task(id).state, completed ? State::done : State::queued);
    EXPECT_EQ(task(id).extra.contains("result_sum"), completed);
    EXPECT_THAT(places(id), SizeIs(1));
    comes_to_its_end(id);
  }
}

TEST_F(BesideTheOriginal, a_dead_task_that_was_completed_late_is_done_instead_of_replayed) {
  for (const bool completed : {true, false}) {
    SCOPED_TRACE(completed);
    labourer_.max_attempts = 1;
    const std::string id = accept_one(completed ? "k" : "l");
    ASSERT_THAT(claim(), SizeIs(1));
    wait(1'201);
    scavenge();
    ASSERT_EQ(task(id).state, State::dead);
    python_reports(id, completed);
    EXPECT_THAT(must(store_.replay(std::vector{id}, now_)), ElementsAre(!completed));
    EXPECT_EQ(task(id).state, completed ? State::done : State::queued);
    EXPECT_THAT(places(id), SizeIs(1));
    comes_to_its_end(id);
    const auto jobs = must(store_.jobs(id.substr(0, 20), 1));
    ASSERT_THAT(jobs, SizeIs(1));
    EXPECT_EQ(jobs[0].done, 1);
    EXPECT_EQ(jobs[0].dead, 0);
  }
}

TEST_F(BesideTheOriginal,
       what_was_reported_of_a_row_that_is_over_does_not_keep_its_job_from_ending) {
  const std::string id = accept_one();
  complete(id, claim().at(0).claim);
  wait(1);
  scavenge();
  python_reports(id, false);
  const auto left = store_.cancel(id.substr(0, 20), 10, now_);
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, Code::conflict);  // there is nothing left to cancel
}

TEST_F(BesideTheOriginal, a_late_completion_counts_though_the_task_is_dead_and_waits_for_a_retry) {
  labourer_.max_attempts = 1;
  const std::string id = accept_one();
  ASSERT_THAT(claim(), SizeIs(1));
  const Item old = row("sosw_tasks", id);
  wait(1'201);
  scavenge();
  put_copy("sosw_retry_tasks", old, 1);
  python_reports(id, true);
  ASSERT_THAT(places(id), SizeIs(3));
  scavenge();
  EXPECT_EQ(text_in(row("sosw_closed_tasks", id), "labourer_id_task_status"), "worker_1");
  EXPECT_THAT(places(id), ElementsAre("sosw_retry_tasks", "sosw_closed_tasks"));
  comes_to_its_end(id);
}

// --- What it has archived

TEST_F(BesideTheOriginal, a_replayed_task_has_the_payload_that_it_had_before_it_was_archived) {
  labourer_.max_attempts = 1;
  const std::string id = accept_one();
  const auto before = claim().at(0).task.payload;
  wait(1'201);
  python_scavenges();
  ASSERT_EQ(text_in(row("sosw_closed_tasks", id), "payload").find("\"it's\"") != std::string::npos,
            true);
  EXPECT_THAT(must(store_.replay(std::vector{id}, now_)), ElementsAre(true));
  EXPECT_EQ(json::parse(claim().at(0).task.payload), json::parse(before));
}

TEST_F(BesideTheOriginal, a_replayed_task_has_nothing_left_of_the_attempt_that_it_has_archived) {
  labourer_.max_attempts = 1;
  const std::string id = accept_one();
  ASSERT_TRUE(must(store_.start(id, claim().at(0).claim, "1")));
  wait(1'201);
  python_scavenges();
  ASSERT_TRUE(row("sosw_closed_tasks", id).contains("started"));
  ASSERT_THAT(must(store_.replay(std::vector{id}, now_)), ElementsAre(true));
  for (const auto* left : {"started", "deadline", "place"})
    EXPECT_FALSE(row("sosw_tasks", id).contains(left)) << left;
}

}  // namespace
}  // namespace sosw::cloud
