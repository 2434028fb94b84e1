// SPDX-License-Identifier: MIT
// What the store on DynamoDB does beyond the suite of the port: states that others see between two
// passes, letters, the original's processes beside it, lost answers, lagging indexes, its price.
#include "cloud/table_store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <set>

#include "cloud/table_rows.h"
#include "core/chunking.h"
#include "simulation/model_tables.h"

namespace sosw::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kWorker = "worker";

engine::Job job_of(std::int64_t rows, std::string key, std::string_view labourer = kWorker) {
  json::array words;
  for (std::int64_t i = 0; i < rows; ++i) words.emplace_back(fmt::format("word {}", i));
  const json::object body = {{"words", words}, {"isolate_words", true}};
  const auto chunked =
      JobRows::from_job({std::string(labourer), body}, *JobSchema::create({"word"}), {}, Date{});
  EXPECT_TRUE(chunked && chunked->count() == rows);
  engine::Job job;
  job.key = std::move(key);
  job.labourer_id = labourer;
  job.rows = rows;
  job.description = chunked->description();
  return job;
}

// Passes everything on, counts it, and loses the answers that the test wants lost.
class Wire final : public Tables {
 public:
  explicit Wire(Tables& tables) : tables_(tables) {}

  Result<Written> write(const Write& write) override {
    ++requests_["write"];
    auto written = tables_.write(write);
    return lost() ? Result<Written>(no_answer()) : written;
  }
  Result<Written> transact(std::span<const Write> writes, std::string_view token) override {
    if (before_repetition_ && !tokens_.empty() && tokens_.back() == token)
      std::exchange(before_repetition_, nullptr)();
    if (before_next_) std::exchange(before_next_, nullptr)();
    ++requests_["transact"];
    tokens_.emplace_back(token);
    largest_ = std::max(largest_, writes.size());
    if (throttled_above_ > 0 && writes.size() > throttled_above_) {
      Written refused;
      for (std::size_t i = 0; i < writes.size(); ++i)
        refused.refused.push_back({Refusal::throttled, {}});
      return refused;
    }
    auto written = tables_.transact(writes, token);
    return lost() ? Result<Written>(no_answer()) : written;
  }
  Result<Page> query(const Query& query) override {
    ++requests_["query"];
    return tables_.query(query);
  }
  Result<std::vector<std::optional<Item>>> get(std::span<const Key> keys) override {
    ++requests_["get"];
    if (lose_reads_ && lose_ == 0) return no_answer();
    return tables_.get(keys);
  }
  Result<void> append(std::string_view table, std::span<const Item> items) override {
    return tables_.append(table, items);
  }

  void lose_answers(int n) { lose_ = n; }
  void lose_reads_after_lost_answers() { lose_reads_ = true; }
  void read_again() { lose_reads_ = false; }
  // Happens when a transaction is about to be sent a second time.
  void before_repetition(std::function<void()> event) { before_repetition_ = std::move(event); }
  // Happens when the next transaction is about to be sent: behind all that it was decided by.
  void before_next(std::function<void()> event) { before_next_ = std::move(event); }
  void throttle_above(std::size_t writes) { throttled_above_ = writes; }
  [[nodiscard]] std::int64_t requests() const {
    std::int64_t sum = 0;
    for (const auto& [kind, n] : requests_) sum += n;
    return sum;
  }
  [[nodiscard]] std::int64_t queries() { return requests_["query"]; }
  [[nodiscard]] std::string told() const {
    std::string text;
    for (const auto& [kind, n] : requests_) text += fmt::format(" {} {}", n, kind);
    return text;
  }
  [[nodiscard]] const std::vector<std::string>& tokens() const { return tokens_; }
  [[nodiscard]] std::size_t largest() const { return largest_; }
  void forget() { requests_.clear(), tokens_.clear(), largest_ = 0; }

 private:
  bool lost() { return lose_ > 0 && lose_-- > 0; }
  static Error no_answer() { return {Code::unavailable, "no answer", {}}; }

  Tables& tables_;
  std::map<std::string, std::int64_t> requests_;
  std::vector<std::string> tokens_;
  std::size_t largest_ = 0, throttled_above_ = 0;
  int lose_ = 0;
  bool lose_reads_ = false;
  std::function<void()> before_repetition_, before_next_;
};

class TableStoreOnly : public ::testing::Test {
 protected:
  std::unique_ptr<TableStore> another(bool leaves_letters = false, std::size_t most_pending = 500) {
    TableStore::Options options;
    options.most_pending = most_pending;
    options.holder = fmt::format("holder {}", ++opened_);
    options.nonce = options.holder;
    options.leaves_letters = leaves_letters;
    return std::make_unique<TableStore>(wire_, options);
  }

  template <class T>
  static T must(Result<T> result) {
    if (result) return std::move(*result);
    ADD_FAILURE() << result.error().text();
    return T{};
  }
  void accept(std::int64_t rows, std::string key) {
    const auto accepted = must(store_->accept(job_of(rows, std::move(key)), 1'000, now_));
    EXPECT_EQ(accepted.made, rows);
  }
  std::vector<engine::Claimed> claim(int at_most, TableStore* store = nullptr, int limit = 100) {
    const engine::ClaimRequest request{
        .labourer_id = kWorker, .limit = limit, .at_most = at_most, .deadline = after(now_, 1'200)};
    return must((store ? store : store_.get())
                    ->exchange({}, std::span(&request, 1), labourers_, now_))
        .claimed;
  }
  engine::Reported report(Report::Kind kind, const std::string& task, const std::string& token,
                          TableStore* store = nullptr, json::object result = {}) {
    const Report one{kind, task, token, {}, std::move(result)};
    auto answers =
        must((store ? store : store_.get())->exchange(std::span(&one, 1), {}, labourers_, now_))
            .reported;
    return answers.empty() ? engine::Reported{} : answers.front();
  }
  Task task(const std::string& id) {
    engine::TaskQuery query;
    query.task_id = id;
    const auto found = must(store_->tasks(query));
    return found.empty() ? Task{} : found.front();
  }
  std::optional<Item> row(const std::string& id) {
    return tables_.peek("sosw_tasks", {{"task_id", text(id)}});
  }
  // As the original does it: no condition that ours would meet.
  void python(Write write) {
    const auto written = tables_.write(write);
    ASSERT_TRUE(written && written->done);
  }
  Write python_claim(const std::string& id, std::int64_t attempts) {
    return {.kind = Write::Kind::update,
            .table = "sosw_tasks",
            .item = {{"task_id", text(id)}},
            .update = "SET greenfield = :g, attempts = :n",
            .values = {{":g", number(epoch_seconds(now_) + kInvocationDelta)},
                       {":n", number(attempts)}}};
  }
  void wait(std::int64_t s) { now_ = after(now_, static_cast<double>(s)); }
  std::int64_t size_of(std::string_view table, std::string_view prefix = {}) {
    std::int64_t n = 0;
    tables_.for_each(table,
                     [&](const Item& item) { n += text_in(item, "task_id").starts_with(prefix); });
    return n;
  }
  engine::Labourers labourers_ = [] {
    Labourer worker;
    worker.id = kWorker;
    worker.retry.kind = RetryPolicy::Kind::fixed;
    worker.retry.base_s = 10;
    return engine::Labourers{{std::string(kWorker), worker}};
  }();
  const Labourer& worker() { return labourers_.at(std::string(kWorker)); }

  static constexpr auto kCompleted = Report::Kind::completed;
  static constexpr auto kFailed = Report::Kind::failed;
  Time now_ = from_epoch(1'795'000'000);
  std::function<std::uint32_t(std::uint32_t, const char*)> decide_;
  simulation::ModelTables tables_{
      simulation::sosw_tables(), [this] { return now_; },
      [this](std::uint32_t bound, const char* what) { return decide_ ? decide_(bound, what) : 0; }};
  Wire wire_{tables_};
  int opened_ = 0;
  std::unique_ptr<TableStore> store_ = another();
};

// --- Between the report and the Scavenger

TEST_F(TableStoreOnly, a_failed_task_looks_expired_to_everybody_and_frees_its_slot) {
  accept(2, "k");
  const auto claimed = claim(1, nullptr, 1);
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_THAT(claim(1, nullptr, 1), IsEmpty());
  const auto reported = report(kFailed, claimed[0].task.id, claimed[0].claim);
  EXPECT_EQ(reported.answer, Answer::applied);
  EXPECT_EQ(reported.state, State::failed);
  EXPECT_EQ(reported.labourer_id, kWorker);
  EXPECT_TRUE(reported.freed_slot);
  const auto greenfield = integer_in(*row(claimed[0].task.id), "greenfield");
  EXPECT_EQ(classify(*greenfield, false, epoch_seconds(now_), 1'200), Phase::expired);
  EXPECT_THAT(claim(1, nullptr, 1), SizeIs(1));
  const auto ended = must(store_->expire(worker(), 10, {}, now_));
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].state, State::retry);
  EXPECT_FALSE(task(claimed[0].task.id).extra.contains("silent"));
}

TEST_F(TableStoreOnly, reports_about_a_task_that_has_failed) {
  struct Cell {
    Report::Kind kind;
    enum Of { current, older, none } claim;
    Answer answer;
    State state;
  };
  int n = 0;
  for (const Cell& cell : {Cell{kCompleted, Cell::current, Answer::late, State::completed},
                           Cell{kCompleted, Cell::older, Answer::stale, State::failed},
                           Cell{kCompleted, Cell::none, Answer::late, State::completed},
                           Cell{kFailed, Cell::current, Answer::already, State::failed},
                           Cell{kFailed, Cell::older, Answer::stale, State::failed},
                           Cell{kFailed, Cell::none, Answer::stale, State::failed}}) {
    SCOPED_TRACE(n);
    accept(1, fmt::format("k{}", n++));
    const auto first = claim(1);
    ASSERT_THAT(first, SizeIs(1));
    const std::string id = first[0].task.id;
    report(kFailed, id, first[0].claim);
    must(store_->expire(worker(), 10, {}, now_));
    wait(10);
    must(store_->requeue(kWorker, 10, 100, now_));
    const auto second = claim(1);
    ASSERT_THAT(second, SizeIs(1));
    report(kFailed, id, second[0].claim);
    ASSERT_EQ(task(id).state, State::failed);
    const auto reported = report(cell.kind, id,
                                 cell.claim == Cell::current ? second[0].claim
                                 : cell.claim == Cell::older ? first[0].claim
                                                             : "");
    EXPECT_EQ(reported.answer, cell.answer);
    EXPECT_EQ(reported.state, cell.state);
    EXPECT_FALSE(reported.freed_slot);
    const Task after = task(id);
    EXPECT_EQ(after.state, cell.state);
    EXPECT_EQ(after.extra.contains("late_at"),
              cell.kind == kCompleted && cell.claim == Cell::older);
    if (cell.state == State::completed) {
      EXPECT_EQ(after.greenfield, greenfield_of(second[0].claim)) << "its duration is right again";
    }
    const auto ended = must(store_->expire(worker(), 10, {}, now_));
    if (cell.kind == kCompleted && cell.claim == Cell::older) {
      ASSERT_THAT(ended, SizeIs(1));
      EXPECT_EQ(ended[0].state, State::done);
      EXPECT_EQ(task(id).greenfield, greenfield_of(first[0].claim))
          << "of the one that has done it";
    }
    must(store_->archive(kWorker, 10, now_));
    wait(100);
    while (!must(store_->requeue(kWorker, 10, 100, now_)).empty()) {
    }
    for (const auto& left : claim(10)) report(kCompleted, left.task.id, left.claim);
    must(store_->archive(kWorker, 10, now_));
  }
}

// --- The original's processes beside ours

TEST_F(TableStoreOnly, a_token_counts_only_until_the_original_has_claimed_the_row) {
  accept(1, "k");
  const auto claimed = claim(1);
  const std::string id = claimed.at(0).task.id;
  wait(7);
  python(python_claim(id, 2));
  EXPECT_EQ(report(kFailed, id, claimed[0].claim).answer, Answer::stale);
  EXPECT_FALSE(must(store_->start(id, claimed[0].claim, "run")));
  EXPECT_EQ(report(kCompleted, id, claimed[0].claim).answer, Answer::stale);
  EXPECT_TRUE(row(id)->contains("late_at"));
  EXPECT_EQ(task(id).state, State::running);
  EXPECT_EQ(task(id).claim, "");
  EXPECT_EQ(report(kCompleted, id, "").answer, Answer::applied);
}

TEST_F(TableStoreOnly, what_the_originals_worker_assistant_completes_in_the_queue_is_archived) {
  accept(2, "k");
  const auto id = must(store_->tasks({.labourer_id = std::string(kWorker)})).at(0).id;
  python({.kind = Write::Kind::update,
          .table = "sosw_tasks",
          .item = {{"task_id", text(id)}},
          .update = "SET completed_at = :t",
          .values = {{":t", number(epoch_seconds(now_))}}});
  const auto claimed = claim(5);
  ASSERT_THAT(claimed, SizeIs(1));
  EXPECT_NE(claimed[0].task.id, id);
  EXPECT_THAT(must(store_->archive(kWorker, 10, now_)), ElementsAre(id));
  EXPECT_EQ(task(id).state, State::done);
}

// --- Letters

TEST_F(TableStoreOnly, a_report_of_a_task_that_has_moved_is_left_as_a_letter) {
  const auto assistant = another(true);
  accept(3, "k");
  const auto claimed = claim(3);
  ASSERT_THAT(claimed, SizeIs(3));
  // In retry, dead, and running all the time.
  report(kFailed, claimed[0].task.id, claimed[0].claim);
  must(store_->expire(worker(), 10, {}, now_));
  const engine::Release given{claimed[1].task.id, claimed[1].claim,
                              engine::Release::Why::impossible, "too large"};
  must(store_->release(std::span(&given, 1), labourers_, now_));
  EXPECT_EQ(report(kCompleted, claimed[2].task.id, claimed[2].claim, assistant.get()).answer,
            Answer::applied);
  for (int i : {0, 1}) {
    const auto& one = claimed[static_cast<std::size_t>(i)];
    const auto reported =
        report(kCompleted, one.task.id, one.claim, assistant.get(), {{"pages", 7}});
    EXPECT_EQ(reported.answer, Answer::late);
    EXPECT_EQ(reported.state, std::nullopt);
    // A failure does not take the place of the completion; a repeated one changes nothing.
    EXPECT_EQ(report(kFailed, one.task.id, one.claim, assistant.get()).answer, Answer::late);
  }
  EXPECT_EQ(size_of("sosw_tasks", "sosw:late:"), 2);
  must(store_->archive(kWorker, 10, now_));
  EXPECT_EQ(size_of("sosw_tasks", "sosw:late:"), 0);
  for (const auto& one : claimed) EXPECT_EQ(task(one.task.id).state, State::done);
  EXPECT_EQ(task(claimed[0].task.id).extra.at("result_pages"), 7);
  const auto jobs = must(store_->jobs(std::nullopt, 10));
  ASSERT_THAT(jobs, SizeIs(1));
  EXPECT_EQ(std::tuple(jobs[0].done, jobs[0].dead), std::tuple(3, 0));
}

TEST_F(TableStoreOnly, a_failure_without_its_claim_in_a_letter_ends_no_attempt_that_began_later) {
  const auto assistant = another(true);
  accept(1, "k");
  const auto first = claim(1);
  ASSERT_THAT(first, SizeIs(1));
  report(kFailed, first[0].task.id, first[0].claim);
  must(store_->expire(worker(), 10, {}, now_));
  EXPECT_EQ(report(kFailed, first[0].task.id, "", assistant.get()).answer, Answer::late);
  now_ = after(now_, 10'000);
  must(store_->requeue(kWorker, 10, 10'000, now_));
  ASSERT_THAT(claim(1), SizeIs(1));
  must(store_->archive(kWorker, 10, now_));
  EXPECT_EQ(size_of("sosw_tasks", "sosw:late:"), 0);
  EXPECT_EQ(task(first[0].task.id).state, State::running);
}

TEST_F(TableStoreOnly, a_letter_about_nothing_is_kept_for_a_day) {
  const auto assistant = another(true);
  EXPECT_EQ(report(kCompleted, "nobody", "c1-1-1", assistant.get()).answer, Answer::late);
  EXPECT_EQ(report(kFailed, "nobody", "", assistant.get()).answer, Answer::late);
  EXPECT_EQ(must(store_->settle_letters(labourers_, now_)), 0);
  wait(86'399);
  EXPECT_EQ(must(store_->settle_letters(labourers_, now_)), 0);
  EXPECT_EQ(size_of("sosw_tasks", "sosw:late:"), 2);
  wait(1);
  EXPECT_EQ(must(store_->settle_letters(labourers_, now_)), 0);
  EXPECT_EQ(size_of("sosw_tasks", "sosw:late:"), 0);
}

TEST_F(TableStoreOnly, letters_about_nothing_do_not_hold_up_the_others) {
  const auto assistant = another(true);
  accept(1, "k");
  const auto claimed = claim(1);
  report(kFailed, claimed[0].task.id, claimed[0].claim);
  must(store_->expire(worker(), 10, {}, now_));
  for (int i = 0; i < 250; ++i) report(kCompleted, fmt::format("nobody{}", i), "", assistant.get());
  wait(1);
  report(kCompleted, claimed[0].task.id, claimed[0].claim, assistant.get());
  ASSERT_EQ(size_of("sosw_tasks", "sosw:late:"), 251);
  EXPECT_EQ(must(store_->settle_letters(labourers_, now_)), 0);
  EXPECT_EQ(must(store_->settle_letters(labourers_, now_)), 0);
  EXPECT_EQ(must(store_->settle_letters(labourers_, now_)), 1);
  EXPECT_EQ(task(claimed[0].task.id).state, State::done);
  // Then from the beginning.
  wait(86'400);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(must(store_->settle_letters(labourers_, now_)), 0);
  EXPECT_EQ(size_of("sosw_tasks", "sosw:late:"), 0);
}

TEST_F(TableStoreOnly, a_completion_in_a_letter_is_not_lost_for_want_of_room) {
  const auto assistant = another(true);
  accept(1, "k");
  const auto claimed = claim(1);
  ASSERT_THAT(claimed, SizeIs(1));
  const std::string id = claimed[0].task.id;
  python({.kind = Write::Kind::update,
          .table = "sosw_tasks",
          .item = {{"task_id", text(id)}},
          .update = "SET payload = :p",
          .values = {{":p", text(R"({"p": ")" + std::string(200'000, 'p') + R"("})")}}});
  report(kFailed, id, claimed[0].claim);
  must(store_->expire(worker(), 10, {}, now_));
  EXPECT_EQ(report(kCompleted, id, claimed[0].claim, assistant.get(),
                   {{"pages", std::string(250'000, 'r')}})
                .answer,
            Answer::late);
  EXPECT_EQ(must(store_->settle_letters(labourers_, now_)), 1);
  EXPECT_EQ(task(id).state, State::done);
  EXPECT_EQ(size_of("sosw_tasks", "sosw:late:"), 0);
}

// --- The start fence

TEST_F(TableStoreOnly, a_claim_is_started_once_and_what_was_started_is_not_given_back) {
  accept(2, "k");
  const auto claimed = claim(2);
  ASSERT_THAT(claimed, SizeIs(2));
  const auto& started = claimed[0];
  EXPECT_TRUE(must(store_->start(started.task.id, started.claim, "1")));
  EXPECT_TRUE(must(store_->start(started.task.id, started.claim, "1"))) << "the answer was lost";
  EXPECT_FALSE(must(store_->start(started.task.id, started.claim, "2"))) << "a second delivery";
  EXPECT_FALSE(must(store_->start("nobody", started.claim, "1")));
  const auto& given = claimed[1];
  std::vector<engine::Release> releases;
  for (const auto* one : {&started, &given})
    releases.push_back({one->task.id, one->claim, engine::Release::Why::rejected, "429"});
  EXPECT_THAT(must(store_->release(releases, labourers_, now_)), ElementsAre(false, true));
  EXPECT_EQ(task(started.task.id).state, State::running);
  EXPECT_FALSE(must(store_->start(given.task.id, given.claim, "3"))) << "delivered all the same";
  EXPECT_EQ(report(kCompleted, started.task.id, started.claim).answer, Answer::applied);
  EXPECT_FALSE(must(store_->start(started.task.id, started.claim, "1"))) << "it is over";
}

// --- The limit

TEST_F(TableStoreOnly, the_limit_holds_however_old_the_index_is) {
  accept(20, "k");
  wait(60);
  // The oldest image of each row in every query: nothing is claimed, as far as it shows.
  decide_ = [](std::uint32_t bound, const char* what) -> std::uint32_t {
    if (std::string_view(what) == "index is behind") return 1;
    if (std::string_view(what) == "age of an image") return bound - 1;
    return 0;
  };
  EXPECT_THAT(claim(3, nullptr, 3), SizeIs(3));
  EXPECT_THAT(claim(3, nullptr, 3), IsEmpty());
  const auto successor = another();
  EXPECT_THAT(claim(3, successor.get(), 3), IsEmpty()) << "the lease is another's";
  must(store_->give_back_leases().operator bool() ? Result<int>(0) : Result<int>(invalid("")));
  EXPECT_THAT(claim(3, successor.get(), 3), IsEmpty()) << "what was claimed is told on";
  const auto frozen = claim(5, successor.get(), 5);
  EXPECT_THAT(claim(5, nullptr, 6), IsEmpty()) << "the old holder does not have it any more";
}

// The limit of the successor is one that a lease has room for.
TEST_F(TableStoreOnly, a_lease_that_does_not_tell_what_runs_is_not_believed_under_a_lower_limit) {
  accept(10, "k");
  wait(60);
  const auto first = another(false, 2), successor = another(false, 2);
  const auto running = claim(5, first.get(), 5);
  ASSERT_THAT(running, SizeIs(5));
  ASSERT_TRUE(first->give_back_leases());
  // What looks for the running ones finds old images, what looks for those in the queue does not.
  decide_ = [this, asked = wire_.queries()](std::uint32_t bound,
                                            const char* what) -> std::uint32_t {
    if (wire_.queries() > asked + 1) return 0;
    if (std::string_view(what) == "index is behind") return 1;
    if (std::string_view(what) == "age of an image") return bound - 1;
    return 0;
  };
  EXPECT_THAT(claim(2, successor.get(), 2), IsEmpty()) << "no index shows the five";
  wait(5);
  decide_ = nullptr;
  EXPECT_THAT(claim(2, successor.get(), 2), IsEmpty()) << "they run";
  for (std::size_t i = 0; i < 4; ++i) report(kCompleted, running[i].task.id, running[i].claim);
  EXPECT_THAT(claim(2, successor.get(), 2), SizeIs(1));
}

TEST_F(TableStoreOnly, a_holder_that_was_frozen_claims_nothing_by_what_it_knew) {
  accept(10, "k");
  const auto a = another(), b = another();
  EXPECT_THAT(claim(2, a.get(), 2), SizeIs(2));
  wait(21);
  EXPECT_THAT(claim(2, b.get(), 4), SizeIs(2));
  wait(-21);  // the clock of the first has stood still
  EXPECT_THAT(claim(2, a.get(), 4), IsEmpty());
  EXPECT_THAT(claim(2, b.get(), 6), SizeIs(2));
}

TEST_F(TableStoreOnly, tokens_of_all_holders_differ) {
  accept(40, "k");
  std::set<std::string> tokens;
  for (int i = 0; i < 8; ++i) {
    const auto holder = another();
    for (const auto& one : claim(5, holder.get())) EXPECT_TRUE(tokens.insert(one.claim).second);
    ASSERT_TRUE(holder->give_back_leases());
  }
  EXPECT_EQ(tokens.size(), 40U);
}

// The queue was empty for long, so both begin again at the head of it.
TEST_F(TableStoreOnly, two_that_find_the_queue_empty_do_not_give_the_same_position) {
  accept(1, "first");
  for (const auto& one : claim(1)) report(kCompleted, one.task.id, one.claim);
  ASSERT_THAT(must(store_->archive(kWorker, 10, now_)), SizeIs(1));
  wait(60);
  std::string before;
  wire_.before_next(
      [&] { before = must(another()->accept(job_of(1, "second"), 10, now_)).task_id; });
  const std::string behind = must(store_->accept(job_of(1, "third"), 10, now_)).task_id;
  ASSERT_TRUE(row(before) && row(behind));
  EXPECT_GT(integer_in(*row(behind), "greenfield"), integer_in(*row(before), "greenfield"));
}

// --- Lost answers, throttling

TEST_F(TableStoreOnly, a_transaction_whose_answer_is_lost_is_repeated_with_its_token) {
  accept(3, "k");
  wire_.forget();
  wire_.lose_answers(2);
  const auto claimed = claim(3);
  EXPECT_THAT(claimed, SizeIs(3));
  ASSERT_THAT(wire_.tokens(), SizeIs(3));
  EXPECT_EQ(std::set(wire_.tokens().begin(), wire_.tokens().end()).size(), 1U);
  for (const auto& one : claimed) EXPECT_EQ(task(one.task.id).attempts, 1);
}

TEST_F(TableStoreOnly, a_claim_whose_answers_are_all_lost_is_found_in_the_rows) {
  accept(2, "k");
  wire_.lose_answers(3);
  const auto claimed = claim(5);
  ASSERT_THAT(claimed, SizeIs(2));
  EXPECT_EQ(row(claimed[0].task.id)->at("claim"), text(claimed[0].claim));
}

TEST_F(TableStoreOnly, a_claim_that_nobody_can_find_out_about_ends_by_its_deadline) {
  accept(1, "k");
  wire_.lose_answers(3);
  wire_.lose_reads_after_lost_answers();
  const engine::ClaimRequest request{
      .labourer_id = kWorker, .limit = 5, .at_most = 5, .deadline = after(now_, 1'200)};
  const auto lost = store_->exchange({}, std::span(&request, 1), labourers_, now_);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::unavailable);
  wire_.read_again();
  EXPECT_THAT(claim(5), IsEmpty());
  wait(1'200);
  EXPECT_THAT(must(store_->expire(worker(), 10, {}, now_)), SizeIs(1));
}

TEST_F(TableStoreOnly, a_job_is_accepted_once_though_the_answer_was_lost) {
  wire_.lose_answers(3);
  ASSERT_FALSE(store_->accept(job_of(3, "k"), 10, now_));
  const auto again = must(store_->accept(job_of(3, "k"), 10, now_));
  EXPECT_TRUE(again.already);
  EXPECT_EQ(again.made, 3);
  EXPECT_EQ(size_of("sosw_tasks", again.job_id), 3);
}

// The first copy made the task, which ran and left the table before the maker, frozen for longer
// than DynamoDB remembers a token, sent the second one.
TEST_F(TableStoreOnly, a_task_made_directly_is_made_once_though_the_answer_was_lost) {
  for (const bool chosen : {false, true}) {
    wire_.forget();
    wire_.lose_answers(1);
    wire_.before_repetition([&] {
      for (const auto& one : claim(5)) report(kCompleted, one.task.id, one.claim);
      must(store_->archive(kWorker, 10, now_));
      wait(11 * 60);
    });
    engine::Job job = job_of(1, "");
    if (chosen) job.position = 500;
    const auto accepted = must(another()->accept(job, 10, now_));
    EXPECT_EQ(accepted.made, 1);
    EXPECT_EQ(task(accepted.task_id).state, State::done);
    EXPECT_THAT(claim(5), IsEmpty());
    EXPECT_EQ(size_of("sosw_closed_tasks"), chosen ? 2 : 1);
  }
}

TEST_F(TableStoreOnly, whether_a_task_was_made_directly_is_told_unknown_when_its_trace_is_gone) {
  wire_.lose_answers(1);
  wire_.before_repetition([&] {
    for (int i = 0; i < 40; ++i) must(store_->accept(job_of(1, ""), 10, now_));
    wait(11 * 60);
  });
  const auto told = another()->accept(job_of(1, ""), 10, now_);
  ASSERT_FALSE(told);
  EXPECT_EQ(told.error().code, Code::unavailable);
  EXPECT_THAT(told.error().message, HasSubstr("not known"));
  EXPECT_THAT(claim(100), SizeIs(41));
}

TEST_F(TableStoreOnly, batches_are_halved_until_throttled_tables_take_them) {
  wire_.throttle_above(12);
  const auto accepted = must(store_->accept(job_of(60, "k"), 60, now_));
  std::int64_t made = accepted.made;
  while (made < 60) {
    const auto some = must(store_->make_rows(kWorker, TableStore::kNoWatermark, 60, now_));
    ASSERT_GT(some.rows, 0);
    made += some.rows;
  }
  std::vector<engine::Claimed> claimed;
  while (claimed.size() < 60) {
    const auto some = claim(60);
    ASSERT_FALSE(some.empty());
    claimed.insert(claimed.end(), some.begin(), some.end());
  }
  for (const auto& one : claimed) report(kCompleted, one.task.id, one.claim);
  EXPECT_THAT(must(store_->archive(kWorker, 100, now_)), SizeIs(60));
  EXPECT_EQ(size_of("sosw_closed_tasks"), 60);
}

// --- Rows

TEST_F(TableStoreOnly, a_row_that_no_table_can_hold_is_made_dead_and_the_job_goes_on) {
  engine::Job job = job_of(3, "k");
  auto& words = job.description.at("job").as_object().at("words").as_array();
  words[1] = std::string(400'000, 'x');
  const auto accepted = must(store_->accept(job, 10, now_));
  EXPECT_EQ(accepted.made, 3);
  const Task dead = task(task_id(accepted.job_id, 1));
  EXPECT_EQ(dead.state, State::dead);
  EXPECT_LT(dead.payload.size(), 2'000U);
  const auto alarms = must(store_->alarms(0, 10));
  ASSERT_THAT(alarms, SizeIs(1));
  EXPECT_EQ(alarms[0].task_id, dead.id);
  EXPECT_THAT(claim(10), SizeIs(2));
  EXPECT_EQ(must(store_->jobs(accepted.job_id, 1)).at(0).dead, 1);
}

TEST_F(TableStoreOnly, a_long_description_is_kept_in_parts_until_its_last_row_is_made) {
  engine::Job job = job_of(200, "k");
  for (auto& word : job.description.at("job").as_object().at("words").as_array())
    word = std::string(4'000, 'y');
  const auto accepted = must(store_->accept(job, 1, now_));
  EXPECT_EQ(size_of("sosw_tasks", "sosw:job:" + accepted.job_id + ":part:"), 3);
  std::int64_t made = accepted.made;
  for (engine::Made some; made < 200; made += some.rows) {
    some = must(another()->make_rows(kWorker, TableStore::kNoWatermark, 1'000, now_));
    ASSERT_GT(some.rows, 0);
  }
  EXPECT_EQ(size_of("sosw_tasks", "sosw:job:" + accepted.job_id + ":part:"), 0);
  EXPECT_EQ(size_of("sosw_tasks", accepted.job_id), 200);
  EXPECT_LE(wire_.largest(), 100U);
}

TEST_F(TableStoreOnly, attributes_are_called_as_the_configuration_says) {
  TableStore::Options options;
  options.holder = options.nonce = "renamed";
  // The names of the keys are those of the tables; the others are free.
  options.field_names = {{"attempts", "tries"}, {"completed_at", "finished"}};
  TableStore renamed(wire_, options);
  must(renamed.accept(job_of(1, "k"), 10, now_));
  const auto claimed = claim(1, &renamed);
  ASSERT_THAT(claimed, SizeIs(1));
  const auto running = row(claimed[0].task.id);
  EXPECT_EQ(integer_in(*running, "tries"), 1);
  EXPECT_FALSE(running->contains("attempts"));
  EXPECT_EQ(report(kCompleted, claimed[0].task.id, claimed[0].claim, &renamed).answer,
            Answer::applied);
  EXPECT_TRUE(row(claimed[0].task.id)->contains("finished"));
  EXPECT_THAT(must(renamed.archive(kWorker, 10, now_)), SizeIs(1));
}

// --- The price

TEST_F(TableStoreOnly, a_thousand_tasks_cost_little_more_than_a_request_each) {
  wire_.forget();
  const auto step = [&](std::string_view what) {
    static std::int64_t sum = 0;
    RecordProperty(std::string(what), wire_.told());
    fmt::print("[ requests ] {}:{}\n", what, wire_.told());
    sum += wire_.requests();
    wire_.forget();
    return sum;
  };
  const auto accepted = must(store_->accept(job_of(1'000, "k"), 1'000, now_));
  std::int64_t made = accepted.made;
  while (made < 1'000)
    made += must(store_->make_rows(kWorker, TableStore::kNoWatermark, 10'000, now_)).rows;
  step("make");
  std::vector<engine::Claimed> claimed;
  while (claimed.size() < 1'000) {
    const auto some = claim(32, nullptr, 1'000);
    ASSERT_FALSE(some.empty());
    claimed.insert(claimed.end(), some.begin(), some.end());
  }
  step("claim");
  for (const auto& one : claimed)
    ASSERT_EQ(report(kCompleted, one.task.id, one.claim).answer, Answer::applied);
  step("complete");
  EXPECT_THAT(must(store_->archive(kWorker, 1'000, now_)), SizeIs(1'000));
  const std::int64_t all = step("archive");
  EXPECT_LE(all, 1'200);
}

}  // namespace
}  // namespace sosw::cloud
