// SPDX-License-Identifier: MIT
// What others do between a look of the store and the write that it has decided, what rows keep on
// their way through the tables, and rows of other makers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "cloud/table_rows.h"
#include "cloud/table_store.h"
#include "core/chunking.h"
#include "simulation/model_tables.h"

namespace sosw::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kWorker = "worker";

// Before the next write, something else happens; or the retry table has no room.
class Meanwhile final : public Tables {
 public:
  explicit Meanwhile(Tables& tables) : tables_(tables) {}
  std::function<void()> before_next;
  bool retries_are_full = false;
  std::vector<std::int64_t> limits;  // of the queries

  Result<Written> write(const Write& write) override {
    if (before_next) std::exchange(before_next, nullptr)();
    return tables_.write(write);
  }
  Result<Written> transact(std::span<const Write> writes, std::string_view token) override {
    if (before_next) std::exchange(before_next, nullptr)();
    Written refused;
    for (const auto& one : writes) {
      const bool full = retries_are_full && one.table == "sosw_retry_tasks";
      refused.refused.push_back({full ? Refusal::too_large : Refusal::none, {}});
      refused.done = refused.done || full;
    }
    if (std::exchange(refused.done, false)) return refused;
    return tables_.transact(writes, token);
  }
  Result<Page> query(const Query& query) override {
    limits.push_back(query.limit);
    return tables_.query(query);
  }
  Result<std::vector<std::optional<Item>>> get(std::span<const Key> keys) override {
    return tables_.get(keys);
  }
  Result<void> append(std::string_view table, std::span<const Item> items) override {
    return tables_.append(table, items);
  }

 private:
  Tables& tables_;
};

class Races : public ::testing::Test {
 protected:
  template <class T>
  static T must(Result<T> result) {
    if (result) return std::move(*result);
    ADD_FAILURE() << result.error().text();
    return T{};
  }
  void wait(std::int64_t s) { now_ = after(now_, static_cast<double>(s)); }
  // One task in the queue.
  std::string accept_one() {
    const json::object body = {{"words", {"a"}}, {"isolate_words", true}};
    const auto rows =
        JobRows::from_job({std::string(kWorker), body}, *JobSchema::create({"word"}), {}, Date{});
    engine::Job job;
    job.key = "k";
    job.labourer_id = kWorker;
    job.rows = 1;
    job.description = rows->description();
    return task_id(must(ours_.accept(job, 10, now_)).job_id, 0);
  }
  std::vector<engine::Claimed> claim(TableStore& store) {
    const engine::ClaimRequest request{
        .labourer_id = kWorker, .limit = 10, .at_most = 10, .deadline = after(now_, 1'200)};
    auto claimed = must(store.exchange({}, {&request, 1}, labourers_, now_)).claimed;
    must(store.give_back_leases() ? Result<int>(0) : Result<int>(invalid("a lease is kept")));
    return claimed;
  }
  engine::Reported report(TableStore& store, const Report& report) {
    return must(store.exchange({&report, 1}, {}, labourers_, now_)).reported.at(0);
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
  TableStore::Options named(const std::string& name) {
    TableStore::Options options;
    options.holder = options.nonce = name;
    options.warn = [this](const std::string& line) { told_.push_back(line); };
    return options;
  }

  static constexpr auto kCompleted = Report::Kind::completed;
  static constexpr auto kFailed = Report::Kind::failed;
  const Labourer labourer_ = [] {
    Labourer worker;
    worker.id = kWorker;
    worker.retry.kind = RetryPolicy::Kind::fixed;
    worker.retry.base_s = 10;
    return worker;
  }();
  const engine::Labourers labourers_{{std::string(kWorker), labourer_}};
  Time now_ = from_epoch(1'795'000'000);
  std::vector<std::string> told_;
  simulation::ModelTables tables_{simulation::sosw_tables(), [this] { return now_; }};
  Meanwhile meanwhile_{tables_};
  TableStore ours_{meanwhile_, named("ours")};
  TableStore other_{tables_, named("other")};  // the same Essential once more
};

// --- Two that do the same

// D-18
TEST_F(Races, what_another_has_archived_is_no_error) {
  const std::string id = accept_one();
  report(ours_, {kCompleted, id, claim(ours_).at(0).claim, {}, {}});
  meanwhile_.before_next = [&] {
    EXPECT_THAT(must(other_.archive(kWorker, 10, now_)), ElementsAre(id));
  };
  EXPECT_THAT(must(ours_.archive(kWorker, 10, now_)), IsEmpty());
  EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
  EXPECT_EQ(must(ours_.jobs(std::nullopt, 1)).at(0).done, 1);
}

// D-21
TEST_F(Races, work_that_is_completed_while_it_expires_is_not_tried_again) {
  const std::string id = accept_one();
  const auto claimed = claim(ours_).at(0);
  wait(1'201);
  meanwhile_.before_next = [&] {
    EXPECT_EQ(report(other_, {kCompleted, id, claimed.claim, {}, {{"sum", 7}}}).answer,
              Answer::applied);
  };
  EXPECT_THAT(must(ours_.expire(labourer_, 10, {}, now_)), IsEmpty());
  EXPECT_THAT(must(ours_.archive(kWorker, 10, now_)), ElementsAre(id));
  EXPECT_THAT(places(id), ElementsAre("sosw_closed_tasks"));
  EXPECT_EQ(row("sosw_closed_tasks", id).at("result_sum"), number(7));
}

// D-22
TEST_F(Races, a_task_that_is_due_comes_back_once_though_two_bring_it_back) {
  const std::string id = accept_one();
  report(ours_, {kFailed, id, claim(ours_).at(0).claim, {}, {}});
  must(ours_.expire(labourer_, 10, {}, now_));
  wait(11);
  std::string running;
  meanwhile_.before_next = [&] {
    EXPECT_THAT(must(other_.requeue(kWorker, 10, 1e6, now_)), ElementsAre(id));
    const auto claimed = claim(other_);
    ASSERT_THAT(claimed, SizeIs(1));
    running = claimed[0].claim;
  };
  EXPECT_THAT(must(ours_.requeue(kWorker, 10, 1e6, now_)), IsEmpty());
  EXPECT_THAT(places(id), ElementsAre("sosw_tasks"));
  const Item still = row("sosw_tasks", id);
  EXPECT_EQ(still.at("claim"), text(running));
  EXPECT_EQ(integer_in(still, "attempts"), 2);
  EXPECT_EQ(integer_in(still, "greenfield"), greenfield_of(running));
}

// --- Looks

// D-31: nobody reads a page of a megabyte to learn one number.
TEST_F(Races, every_query_says_how_many_rows_it_wants) {
  const std::string id = accept_one();
  report(ours_, {kFailed, id, claim(ours_).at(0).claim, {}, {}});
  must(ours_.expire(labourer_, 10, {}, now_));
  wait(11);
  must(ours_.requeue(kWorker, 10, 1e6, now_));
  report(ours_, {kCompleted, id, claim(ours_).at(0).claim, {}, {}});
  must(ours_.archive(kWorker, 10, now_));
  must(ours_.make_rows(kWorker, 100, 10, now_));
  must(ours_.jobs(std::nullopt, 10));
  must(ours_.status());
  EXPECT_GT(meanwhile_.limits.size(), 10U);
  EXPECT_THAT(meanwhile_.limits, testing::Each(testing::Gt(0)));
}

// --- What rows keep

// D-09, D-10
TEST_F(Races, a_row_keeps_every_attribute_through_all_of_its_moves) {
  const std::string id = accept_one();
  const Item foreign = {{"payload", text(R"({"b": 1, "a": null, "t": true, "q": "it's"})")},
                        {"digits", text("007")},
                        {"word", text("true")},
                        {"flag", {{"BOOL", true}}},
                        {"price", {{"N", "1.5"}}},
                        {"nothing", {{"NULL", true}}},
                        {"names", {{"SS", {"a", "b"}}}},
                        {"bytes", {{"B", "AAE="}}},
                        {"deep", {{"M", {{"list", {{"L", {number(1), text("x")}}}}}}}}};
  Item given = row("sosw_tasks", id);
  for (const auto& [name, value] : foreign) given[name] = value;
  ASSERT_TRUE(tables_.write({.table = "sosw_tasks", .item = given}));

  report(ours_, {kFailed, id, claim(ours_).at(0).claim, {}, {{"error", "no such page"}}});
  must(ours_.expire(labourer_, 10, {}, now_));
  for (const auto& [name, value] : foreign) EXPECT_EQ(row("sosw_retry_tasks", id)[name], value);
  wait(11);
  EXPECT_THAT(must(ours_.requeue(kWorker, 10, 1e6, now_)), ElementsAre(id));
  report(ours_, {kCompleted, id, claim(ours_).at(0).claim, {}, {}});
  EXPECT_THAT(must(ours_.archive(kWorker, 10, now_)), ElementsAre(id));
  const Item closed = row("sosw_closed_tasks", id);
  for (const auto& [name, value] : foreign) EXPECT_EQ(closed.at(name), value) << name;
  EXPECT_EQ(closed.at("result_error"), text("no such page"));
  EXPECT_EQ(integer_in(closed, "failed_attempts"), 1);
}

// D-16, D-47
TEST_F(Races, a_completion_is_stored_whatever_its_details_are_called_and_are) {
  const std::string id = accept_one();
  const json::object result = {{"a-b", 1},
                               {"a.b", {1.5, 2}},
                               {"two words", {{"deep", nullptr}}},
                               {"", "empty"},
                               {"size", "007"},
                               {"session", true},
                               {"n\xC3\xA4me", "true"},
                               {std::string(300, 'x'), 5}};
  EXPECT_EQ(report(ours_, {kCompleted, id, claim(ours_).at(0).claim, result, result}).answer,
            Answer::applied);
  EXPECT_THAT(must(ours_.archive(kWorker, 10, now_)), ElementsAre(id));
  const Item closed = row("sosw_closed_tasks", id);
  for (const std::string prefix : {"stat_", "result_"}) {
    EXPECT_EQ(closed.at(prefix + "a-b"), number(1));
    EXPECT_EQ(closed.at(prefix + "a.b"), json::parse(R"({"L": [{"N": "1.5"}, {"N": "2"}]})"));
    EXPECT_EQ(closed.at(prefix + "two words"), json::parse(R"({"M": {"deep": {"NULL": true}}})"));
    EXPECT_EQ(closed.at(prefix), text("empty"));
    EXPECT_EQ(closed.at(prefix + "size"), text("007"));
    EXPECT_EQ(closed.at(prefix + "session"), json::parse(R"({"BOOL": true})"));
    EXPECT_EQ(closed.at(prefix + "n\xC3\xA4me"), text("true"));
  }
}

// --- Rows of other makers, and what DynamoDB does not take

// D-59
TEST_F(Races, a_row_without_attempts_has_none) {
  ASSERT_TRUE(tables_.write({.table = "sosw_tasks",
                             .item = {{"task_id", text("t")},
                                      {"labourer_id", text(kWorker)},
                                      {"created_at", number(1'790'000'000)},
                                      {"greenfield", number(2'000)},
                                      {"payload", text("{}")}}}));
  const auto claimed = claim(ours_);
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_EQ(claimed[0].task.attempts, 0);
  EXPECT_EQ(integer_in(row("sosw_tasks", "t"), "attempts"), 1);
  wait(1'201);
  const auto ended = must(ours_.expire(labourer_, 10, {}, now_));
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].state, State::retry);
}

// D-34: one key of the retry table holds 10 GB.
TEST_F(Races, a_task_that_the_retry_table_has_no_room_for_stays_and_is_told_of) {
  const std::string id = accept_one();
  claim(ours_);
  wait(1'201);
  meanwhile_.retries_are_full = true;
  EXPECT_THAT(must(ours_.expire(labourer_, 10, {}, now_)), IsEmpty());
  EXPECT_THAT(told_, ElementsAre(HasSubstr("1 task of worker cannot be moved")));
  EXPECT_THAT(places(id), ElementsAre("sosw_tasks"));
  meanwhile_.retries_are_full = false;
  EXPECT_THAT(must(ours_.expire(labourer_, 10, {}, now_)), SizeIs(1));
  EXPECT_THAT(places(id), ElementsAre("sosw_retry_tasks"));
}

}  // namespace
}  // namespace sosw::cloud
