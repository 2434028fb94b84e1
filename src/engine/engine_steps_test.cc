// SPDX-License-Identifier: MIT
// The loop in single steps, by a clock that stands still.
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <sstream>

#include "engine/engine.h"
#include "engine/engine_fixture.h"

namespace sosw::engine {
namespace {

using Outcome = Invoked::Outcome;

// What this process logs while it lives.
class Log {
 public:
  Log() {
    const auto sink = std::make_shared<spdlog::sinks::ostream_sink_st>(text_);
    spdlog::set_default_logger(std::make_shared<spdlog::logger>("", sink));
  }
  ~Log() { spdlog::set_default_logger(before_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  [[nodiscard]] int count(std::string_view part) const {
    const std::string text = text_.str();
    int n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
    return n;
  }

 private:
  std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream text_;
};

class StepsTest : public EngineTest {
 protected:
  StepsTest() { labourers_.emplace("w", labourer("w", 4)); }
  Engine& engine(TaskStore& store) {
    Engine::Settings settings;
    settings.labourers = labourers_;
    settings.scheduler.schemas =
        json::parse(R"({"job_schema": {"chunkable_attrs": [["word", {}]]}})").as_object();
    engine_.emplace(Engine::Ports{store, invoker_, metrics_, notifier_, clock_, nullptr}, settings);
    return *engine_;
  }
  Engine& engine() { return engine(store_); }
  // As run(..., until_empty) does.
  Engine::Outcome until_finished() {
    for (int n = 0; n < 100; ++n) {
      (void)engine_->pass();
      if (auto outcome = engine_->finished()) return *outcome;
    }
    ADD_FAILURE() << "it goes on and on";
    return {};
  }
  Report completed(std::size_t call = 0) {
    const auto one = invoker_.calls().at(call);
    return {Report::Kind::completed, one.task_id, one.claim, {}, {}};
  }
  void claim_one() {
    const ClaimRequest request{"w", 4, 1, after(clock_.now(), 1200), Expiry::deadline, {}};
    ASSERT_EQ(store_.exchange({}, {&request, 1}, labourers_, clock_.now())->claimed.size(), 1u);
  }

  std::optional<Engine> engine_;
};

TEST_F(StepsTest, IsWokenByWhateverThereIsToDo) {
  add_tasks("w", 1);
  engine().start();
  EXPECT_FALSE(engine_->finished());  // it has not looked yet
  while (invoker_.calls().empty()) (void)engine_->pass();
  (void)engine_->pass();
  EXPECT_FALSE(engine_->woken());
  engine_->wake();
  EXPECT_TRUE(engine_->woken());
  (void)engine_->pass();
  EXPECT_FALSE(engine_->woken());
  engine_->finished({});
  EXPECT_TRUE(engine_->woken());
  (void)engine_->pass();
  EXPECT_FALSE(engine_->woken());
  std::optional<Answer> answer;
  engine_->report(completed(), [&](const Result<Reported>& reported) {
    ASSERT_TRUE(reported);
    answer = reported->answer;
  });
  EXPECT_TRUE(engine_->woken());
  EXPECT_FALSE(answer);
  (void)engine_->pass();
  EXPECT_EQ(answer, Answer::applied);
  EXPECT_EQ(until_finished().why, Engine::Outcome::Why::empty);
}

TEST_F(StepsTest, WhatWasJustReportedIsNotForgottenAtTheEnd) {
  engine().start();
  EXPECT_EQ(until_finished().why, Engine::Outcome::Why::empty);
  int answers = 0;
  engine_->report({Report::Kind::completed, "nowhere", {}, {}, {}},
                  [&](const Result<Reported>&) { ++answers; });
  EXPECT_FALSE(engine_->finished());
  EXPECT_EQ(until_finished().why, Engine::Outcome::Why::empty);
  EXPECT_EQ(answers, 1);
  engine_->finished({{Report::Kind::completed, "nowhere", {}, {}, {}}});
  EXPECT_FALSE(engine_->finished());
  engine_->give_back({{"nowhere", "c1", Release::Why::rejected, {}}});
  EXPECT_FALSE(engine_->finished());
  EXPECT_EQ(until_finished().why, Engine::Outcome::Why::empty);
}

TEST_F(StepsTest, SaysOfEachLabourerWhyItCannotMove) {
  labourers_.emplace("v", labourer("v"));
  add_tasks("v", 1);
  add_tasks("w", 2);
  ASSERT_TRUE(engine().pause("v", true));
  invoker_.script(std::vector<Outcome>(2, Outcome::rejected_labourer));
  const Log log;
  engine_->start();
  const auto outcome = until_finished();
  EXPECT_EQ(outcome.why, Engine::Outcome::Why::stuck);
  EXPECT_EQ(outcome.message,
            "what is left cannot move: 1 tasks of 'v', which is paused; "
            "2 tasks of 'w', which is blocked: scripted");
  EXPECT_EQ(invoker_.calls().size(), 2u);
  EXPECT_EQ(log.count("w: scripted"), 1);  // one line for both
}

TEST_F(StepsTest, GoesOnUntilWhatIsCompletedIsArchived) {
  simulation::ModelStore::Options options;
  options.two_step = true;
  RefusingStore store(options);
  ASSERT_TRUE(
      TaskManager(store, {}).create_task(labourers_.at("w"), {{}, {}, {}, {}}, clock_.now()));
  engine(store).start();
  while (invoker_.calls().empty()) (void)engine_->pass();
  engine_->finished({completed()});
  (void)engine_->pass();
  EXPECT_EQ(store.status()->at("w").tasks[State::completed], 1);
  EXPECT_FALSE(engine_->finished());
  EXPECT_EQ(until_finished().why, Engine::Outcome::Why::empty);
  EXPECT_EQ(store.status()->at("w").tasks[State::done], 1);
}

TEST_F(StepsTest, AnOrphanIsToldOfOnce) {
  add_tasks("w", 1);
  labourers_.clear();
  engine().start();
  for (int n = 0; n < 3; ++n) {
    engine_->wake();
    (void)engine_->pass();
    ASSERT_TRUE(engine_->send_alarms());
  }
  ASSERT_EQ(notifier_.delivered().size(), 1u);
  EXPECT_EQ(notifier_.delivered()[0].kind, Alarm::Kind::labourer_removed);
}

TEST_F(StepsTest, AnAlarmThatSomebodyElseHasRaisedIsSentWithinTheMinute) {
  add_tasks("w", 1);
  const ClaimRequest request{"w", 4, 1, after(clock_.now(), 1200), Expiry::deadline, {}};
  const auto claimed = store_.exchange({}, {&request, 1}, labourers_, clock_.now());
  ASSERT_EQ(claimed->claimed.size(), 1u);
  engine().start();
  (void)engine_->pass();
  ASSERT_TRUE(engine_->send_alarms());
  const Release dead{claimed->claimed[0].task.id, claimed->claimed[0].claim,
                     Release::Why::impossible, "too large"};
  ASSERT_EQ(store_.release({&dead, 1}, labourers_, clock_.now())->at(0), true);
  clock_.advance(61);
  (void)engine_->pass();
  ASSERT_TRUE(engine_->alarms_wait());
  ASSERT_TRUE(engine_->send_alarms());
  EXPECT_TRUE(store_.alarms(0, 10)->empty());
  EXPECT_FALSE(engine_->alarms_wait());
}

TEST_F(StepsTest, ALabourerWhoseAverageIsNotKnownStartsItsTasksAllTheSame) {
  const auto ids = add_tasks("w", 1);
  store_.answer_tasks = [](const TaskQuery& query) {
    return query.state == State::done
               ? std::optional<Result<std::vector<Task>>>(RefusingStore::full())
               : std::nullopt;
  };
  const Log log;
  engine().start();
  for (int n = 0; n < 5; ++n) (void)engine_->pass();
  EXPECT_EQ(log.count("w: average duration: disk full"), 1);
  EXPECT_EQ(task(ids[0]).state, State::running);
}

TEST_F(StepsTest, PausesNobodyWhomTheStoreCannotTellOf) {
  store_.refuse_status = [] { return true; };
  EXPECT_EQ(engine().pause("nobody", true).error().code, Code::exhausted);
  EXPECT_TRUE(engine_->pause("w", true));
}

TEST_F(StepsTest, ACancellationThatCannotBeFinishedIsFinishedLater) {
  const auto accepted = engine().schedule(
      json::parse(R"({"lambda_name": "w", "words": ["a", "b", "c"], "isolate_words": true})"),
      "key");
  ASSERT_TRUE(accepted) << accepted.error().text();
  ASSERT_EQ(store_.cancel(accepted->job_id, 1, clock_.now()).value(), 2);
  std::stop_source stop;
  stop.request_stop();
  engine_->start(stop.get_token());
  EXPECT_EQ(count(State::cancelled), 1);
  store_.refuse_cancel = true;
  EXPECT_EQ(engine_->cancel(accepted->job_id).error().code, Code::exhausted);
  const Log log;
  engine_->start();
  (void)engine_->pass();
  EXPECT_EQ(count(State::cancelled), 1);
  EXPECT_EQ(log.count("unfinished cancellations stay for later: disk full"), 2);
  store_.refuse_cancel = false;
  (void)engine_->pass();
  EXPECT_EQ(count(State::cancelled), 3);
  EXPECT_TRUE(invoker_.calls().empty());
}

TEST_F(StepsTest, WhatCannotBeTakenBackStaysUntilItExpires) {
  const auto ids = add_tasks("w", 1);
  claim_one();
  const auto claim = task(ids[0]).claim;
  const auto start = [&](OnRestart on_restart) {
    labourers_.at("w").on_restart = on_restart;
    const Log log;
    engine().start();
    return log.count("w: running tasks of the last engine stay until they expire: disk full");
  };
  store_.refuse_release = store_.refuse_exchange = true;
  EXPECT_EQ(start(OnRestart::give_back), 1);
  EXPECT_EQ(start(OnRestart::use_attempt), 1);
  store_.refuse_release = store_.refuse_exchange = false;
  store_.answer_tasks = [](const TaskQuery&) { return RefusingStore::full(); };
  EXPECT_EQ(start(OnRestart::give_back), 1);
  store_.answer_tasks = [](const TaskQuery&) { return std::nullopt; };
  EXPECT_EQ(start(OnRestart::wait), 0);
  EXPECT_EQ(task(ids[0]).state, State::running);
  EXPECT_EQ(task(ids[0]).claim, claim);
}

TEST_F(StepsTest, WhatIsReportedWhileItIsTakenBackStaysAsItWasReported) {
  for (const auto on_restart : {OnRestart::give_back, OnRestart::use_attempt}) {
    labourers_.at("w").on_restart = on_restart;
    labourers_.at("w").max_attempts = 1;
    const auto ids = add_tasks("w", 1);
    claim_one();
    const auto report = [&, claim = task(ids[0]).claim] {
      const Report completion{Report::Kind::completed, ids[0], claim, {}, {}};
      (void)store_.exchange({&completion, 1}, {}, labourers_, clock_.now());
    };
    (on_restart == OnRestart::give_back ? store_.before_release : store_.before_exchange) = report;
    const Log log;
    engine().start();
    EXPECT_EQ(log.count("taken back"), 0);
    EXPECT_EQ(task(ids[0]).state, State::done);
    EXPECT_EQ(task(ids[0]).attempts, 1);
  }
}

}  // namespace
}  // namespace sosw::engine
