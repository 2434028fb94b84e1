// SPDX-License-Identifier: MIT
// The loop, with real threads: a test waits for what must happen, never for a time.
#include "engine/engine.h"

#include <atomic>
#include <future>
#include <thread>

#include "engine/engine_fixture.h"

namespace sosw::engine {
namespace {

class WallClock final : public Clock {
 public:
  Time now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
};

// Runs what it is given on a thread of its own, one after the other.
class ThreadInvoker final : public Invoker {
 public:
  using Work = std::function<Report(const Invocation&)>;
  explicit ThreadInvoker(Work work)
      : work_(std::move(work)), thread_([this](const std::stop_token& s) { loop(s); }) {}

  std::vector<Invoked> invoke(std::span<const Invocation> invocations) override {
    const std::lock_guard lock(mutex_);
    for (const Invocation& one : invocations) {
      pending_.push_back({one.task_id, one.claim, one.payload, nullptr});
      most_ = std::max(most_, ++held_);
    }
    ready_.notify_all();
    return std::vector<Invoked>(invocations.size());
  }
  int free_slots(const Labourer&) override { return -1; }
  bool running(std::string_view, std::string_view) override { return false; }
  void connect(Engine& engine) { engine_ = &engine; }
  int most_at_once() {
    const std::lock_guard lock(mutex_);
    return most_;
  }

 private:
  void loop(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (ready_.wait(lock, stop, [&] { return !pending_.empty(); })) {
      const Invocation one = pending_.front();
      pending_.pop_front();
      lock.unlock();
      Report report = work_(one);
      lock.lock();
      --held_;
      lock.unlock();
      engine_.load()->finished({std::move(report)});
      lock.lock();
    }
  }

  const Work work_;
  std::mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<Invocation> pending_;
  int held_ = 0, most_ = 0;
  std::atomic<Engine*> engine_ = nullptr;
  std::jthread thread_;
};

Report completed(const Invocation& one) {
  return {Report::Kind::completed, one.task_id, one.claim, {}, {}};
}
Report failed(const Invocation& one) {
  return {Report::Kind::failed, one.task_id, one.claim, {}, {{"error", "no"}}};
}

class LoopTest : public EngineTest {
 protected:
  LoopTest() {
    Labourer w = labourer("w", 4);
    w.expiry = Expiry::host;
    w.retry.kind = RetryPolicy::Kind::fixed;
    w.retry.base_s = 0;
    labourers_.emplace("w", w);
  }
  Engine::Settings settings() {
    Engine::Settings settings;
    settings.labourers = labourers_;
    return settings;
  }
  Engine::Outcome run(ThreadInvoker& invoker) {
    Engine engine({store_, invoker, metrics_, notifier_, wall_, nullptr}, settings());
    invoker.connect(engine);
    return engine.run({}, true);
  }

  WallClock wall_;
};

TEST_F(LoopTest, RunsUntilNothingIsLeft) {
  add_tasks("w", 100);
  ThreadInvoker invoker(completed);
  const auto outcome = run(invoker);
  EXPECT_EQ(outcome.why, Engine::Outcome::Why::empty);
  EXPECT_EQ(outcome.died, 0);
  EXPECT_EQ(count(State::done), 100);
  EXPECT_LE(invoker.most_at_once(), 4);
}

TEST_F(LoopTest, FailuresAreTriedAgainAndTheDeadAreAlarmed) {
  labourers_.at("w").max_attempts = 2;
  const auto ids = add_tasks("w", 10);
  std::atomic<int> attempts = 0;
  ThreadInvoker invoker([&](const Invocation& one) {
    ++attempts;
    return json::parse(one.payload).at("n").as_int64() % 2 == 0 ? completed(one) : failed(one);
  });
  const auto outcome = run(invoker);
  EXPECT_EQ(outcome.died, 5);
  EXPECT_EQ(attempts, 5 + 2 * 5);
  EXPECT_EQ(count(State::done), 5);
  EXPECT_EQ(count(State::dead), 5);
  EXPECT_EQ(notifier_.delivered().size(), 5u);
  EXPECT_EQ(task(ids[1]).attempts, 2);
}

TEST_F(LoopTest, SaysWhatCannotMove) {
  add_tasks("w", 3);
  labourers_.at("w").max_simultaneous_invocations = 0;
  ThreadInvoker invoker(completed);
  const auto outcome = run(invoker);
  EXPECT_EQ(outcome.why, Engine::Outcome::Why::stuck);
  EXPECT_NE(outcome.message.find("3 tasks of 'w', which has max_simultaneous_invocations 0"),
            std::string::npos)
      << outcome.message;
}

TEST_F(LoopTest, TasksOfALabourerThatIsConfiguredNoMoreStayAndAreNamed) {
  add_tasks("w", 2);
  labourers_.clear();
  ThreadInvoker invoker(completed);
  const auto outcome = run(invoker);
  EXPECT_EQ(outcome.why, Engine::Outcome::Why::stuck);
  EXPECT_NE(outcome.message.find("'w', which is not configured any more"), std::string::npos)
      << outcome.message;
  EXPECT_EQ(count(State::queued), 2);
  ASSERT_EQ(notifier_.delivered().size(), 1u);
  EXPECT_EQ(notifier_.delivered()[0].kind, Alarm::Kind::labourer_removed);
  EXPECT_EQ(notifier_.delivered()[0].number, -1);  // what targets know it by: it is in no store
}

TEST_F(LoopTest, AJobIsAcceptedWhileItRunsAndMadeByAndBy) {
  ThreadInvoker invoker(completed);
  Engine::Settings config = settings();
  config.scheduler.schemas =
      json::parse(R"({"job_schema": {"chunkable_attrs": [["word", {}]]}})").as_object();
  config.scheduler.watermark = 3;
  config.scheduler.make_now = 1;
  Engine engine({store_, invoker, metrics_, notifier_, wall_, nullptr}, config);
  invoker.connect(engine);
  std::stop_source stop;
  auto outcome = std::async(std::launch::async, [&] { return engine.run(stop.get_token()); });
  json::array words;
  for (int i = 0; i < 50; ++i) words.push_back(json::value(std::to_string(i)));
  const json::object job{{"lambda_name", "w"}, {"words", words}, {"isolate_words", true}};
  const auto accepted = engine.schedule(job, "key");
  ASSERT_TRUE(accepted) << accepted.error().text();
  EXPECT_EQ(accepted->rows, 50);
  const auto again = engine.schedule(job, "key");
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->already);
  EXPECT_EQ(again->job_id, accepted->job_id);
  while (count(State::done) < 50) std::this_thread::yield();
  stop.request_stop();
  EXPECT_EQ(outcome.get().why, Engine::Outcome::Why::stopped);
  EXPECT_EQ(count(State::done), 50);
}

TEST_F(LoopTest, AReportFromAnotherThreadReturnsWhenItIsStored) {
  const auto ids = add_tasks("w", 1);
  simulation::ScriptedInvoker invoker;  // accepts and never ends by itself
  Engine engine({store_, invoker, metrics_, notifier_, wall_, nullptr}, settings());
  EXPECT_EQ(engine.report({Report::Kind::completed, ids[0], {}, {}, {}}).error().code,
            Code::unavailable);
  std::stop_source stop;
  auto outcome = std::async(std::launch::async, [&] { return engine.run(stop.get_token()); });
  while (count(State::running) < 1) std::this_thread::yield();
  const auto reported = engine.report({Report::Kind::completed, ids[0], {}, {}, {}});
  ASSERT_TRUE(reported) << reported.error().text();
  EXPECT_EQ(reported->answer, Answer::applied);
  EXPECT_EQ(task(ids[0]).state, State::done);
  stop.request_stop();
  outcome.get();
}

TEST_F(LoopTest, ReportsAreKeptWhileTheStoreRefusesThem) {
  add_tasks("w", 8);
  std::promise<void> refused;
  std::atomic<bool> first = true;
  ThreadInvoker invoker([&](const Invocation& one) {
    if (first.exchange(false)) {
      store_.refuse_exchange = true;
      refused.set_value();
    }
    return completed(one);
  });
  std::jthread mend([&] {
    refused.get_future().wait();
    // The engine tells of it by an alarm; then there is space again.
    while (notifier_.delivered().empty()) std::this_thread::yield();
    store_.refuse_exchange = false;
  });
  const auto outcome = run(invoker);
  EXPECT_EQ(outcome.why, Engine::Outcome::Why::empty);
  EXPECT_EQ(count(State::done), 8);
  EXPECT_EQ(notifier_.delivered().at(0).kind, Alarm::Kind::store);
}

// Never answers; until it is told to stop.
class Hanging final : public MetricSource, public Notifier {
 public:
  std::vector<Result<std::optional<double>>> values(std::span<const json::object> details, Time,
                                                    const std::stop_token& stop) override {
    hang(stop);
    return {details.size(), Error{Code::unavailable, "stopped", {}}};
  }
  Result<void> notify(std::span<const Alarm>, const std::stop_token& stop) override {
    hang(stop);
    return Error{Code::unavailable, "stopped", {}};
  }
  void wait_for_both() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return hanging_ == 2; });
  }

 private:
  void hang(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++hanging_;
    changed_.notify_all();
    changed_.wait(lock, stop, [] { return false; });
  }
  std::mutex mutex_;
  std::condition_variable_any changed_;
  int hanging_ = 0;
};

TEST_F(LoopTest, TheEndBreaksOffWhatHangsAndKeepsTheAlarm) {
  Labourer& w = labourers_.at("w");
  w.max_attempts = 1;
  const auto ids = add_tasks("w", 1);
  const ClaimRequest request{"w", 4, 1, after(wall_.now(), 1200), Expiry::host, {}};
  const auto claimed = store_.exchange({}, {&request, 1}, labourers_, wall_.now());
  const Report failure{Report::Kind::failed, ids[0], claimed->claimed.at(0).claim, {}, {}};
  ASSERT_TRUE(store_.exchange({&failure, 1}, {}, labourers_, wall_.now()));
  w.health_metrics.emplace("cpu",
                           *read_health_metric("cpu", {{"details", {{"command", "x"}}},
                                                       {"feelings", {{"4", 1}}},
                                                       {"feeling_comparison_operator", "<"}}));
  Hanging hanging;
  ThreadInvoker invoker(completed);
  auto config = settings();
  config.last_alarms_s = 0;
  Engine engine({store_, invoker, hanging, hanging, wall_, nullptr}, config);
  invoker.connect(engine);
  std::stop_source stop;
  std::jthread end([&] {
    hanging.wait_for_both();
    stop.request_stop();
  });
  EXPECT_EQ(engine.run(stop.get_token()).why, Engine::Outcome::Why::stopped);
  const auto alarms = store_.alarms(0, 10);
  ASSERT_TRUE(alarms);
  EXPECT_EQ(alarms->size(), 1U);
}

TEST_F(LoopTest, AClockThatWasSetBackHoldsUpNoRetry) {
  const auto ids = add_tasks("w", 1);
  const Time ahead = after(wall_.now(), 3 * 86400);
  const ClaimRequest request{"w", 4, 1, after(ahead, 1200), Expiry::host, {}};
  const auto claimed = store_.exchange({}, {&request, 1}, labourers_, ahead);
  const Report failure{Report::Kind::failed, ids[0], claimed->claimed.at(0).claim, {}, {}};
  ASSERT_TRUE(store_.exchange({&failure, 1}, {}, labourers_, ahead));
  ASSERT_EQ(task(ids[0]).state, State::retry);

  ThreadInvoker invoker(completed);
  Engine engine({store_, invoker, metrics_, notifier_, wall_, nullptr}, settings());
  invoker.connect(engine);
  std::stop_source stop;
  auto ended = std::async(std::launch::async, [&] { return engine.run(stop.get_token(), true); });
  if (ended.wait_for(std::chrono::seconds(30)) != std::future_status::ready) stop.request_stop();
  EXPECT_EQ(ended.get().why, Engine::Outcome::Why::empty);
  EXPECT_EQ(task(ids[0]).state, State::done);
}

TEST_F(LoopTest, WaitsBetweenTwoLooksAtAStoreThatFails) {
  struct CountingClock final : Clock {
    [[nodiscard]] Time now() const override {
      ++asked;
      return WallClock().now();
    }
    mutable std::atomic<int> asked = 0;
  } clock;
  ThreadInvoker invoker(completed);
  Engine engine({store_, invoker, metrics_, notifier_, clock, nullptr}, settings());
  invoker.connect(engine);
  std::stop_source stop;
  std::atomic<int> asked_at_first = 0;
  store_.refuse_status = [&, calls = 0]() mutable {
    if (++calls == 1) asked_at_first = clock.asked.load();
    if (calls == 2) stop.request_stop();
    return true;
  };
  (void)engine.run(stop.get_token());
  EXPECT_LT(clock.asked - asked_at_first, 100);
}

TEST_F(LoopTest, WhatTheLastEngineLeftRunningIsTakenBack) {
  labourers_.at("w").on_restart = OnRestart::give_back;
  const auto ids = add_tasks("w", 2);
  const ClaimRequest request{"w", 4, 2, after(wall_.now(), 1200), Expiry::host, {}};
  ASSERT_EQ(store_.exchange({}, {&request, 1}, labourers_, wall_.now())->claimed.size(), 2u);
  ThreadInvoker invoker(completed);
  run(invoker);
  EXPECT_EQ(count(State::done), 2);
  EXPECT_EQ(task(ids[0]).attempts, 1);  // the interrupted one does not count
}

TEST_F(LoopTest, TheLastInterruptionOfTheLastAttemptIsADeath) {
  Labourer& w = labourers_.at("w");
  w.on_restart = OnRestart::give_back;
  w.max_attempts = 1;
  const auto ids = add_tasks("w", 2);
  const auto claim_both = [&] {
    const ClaimRequest request{"w", 4, 2, after(wall_.now(), 1200), Expiry::host, {}};
    return store_.exchange({}, {&request, 1}, labourers_, wall_.now())->claimed;
  };
  for (int n = 1; n < kInterruptions; ++n)
    for (const Claimed& one : claim_both()) {
      if (one.task.id != ids[0] && n > 1) continue;
      const Release release{one.task.id, one.claim, Release::Why::interrupted, "the host died"};
      ASSERT_TRUE(store_.release({&release, 1}, labourers_, wall_.now()));
    }
  (void)claim_both();
  ThreadInvoker invoker(completed);
  EXPECT_EQ(run(invoker).died, 1);
  EXPECT_EQ(task(ids[0]).state, State::dead);
  EXPECT_EQ(task(ids[1]).state, State::done);
  const json::array history = task(ids[0]).extra.at("history").as_array();
  EXPECT_EQ(history.back().at("action"), "interrupted too often");
  EXPECT_EQ(history.back().at("error"), "the engine ended");
}

TEST_F(LoopTest, ADeathThatCannotBeLookedUpIsAlarmedAndNotCounted) {
  Labourer& w = labourers_.at("w");
  w.on_restart = OnRestart::give_back;
  w.max_attempts = 1;
  for (const bool refused : {true, false}) {  // else it has been purged meanwhile
    const auto ids = add_tasks("w", 1);
    for (int n = 1; n <= kInterruptions; ++n) {
      const ClaimRequest request{"w", 4, 1, after(wall_.now(), 1200), Expiry::host, {}};
      const auto claimed = store_.exchange({}, {&request, 1}, labourers_, wall_.now())->claimed;
      if (n == kInterruptions) break;
      const Release release{ids[0], claimed.at(0).claim, Release::Why::interrupted, "died"};
      ASSERT_TRUE(store_.release({&release, 1}, labourers_, wall_.now()));
    }
    store_.answer_tasks = [&](const TaskQuery& query) -> std::optional<Result<std::vector<Task>>> {
      if (!query.task_id) return std::nullopt;
      if (refused) return RefusingStore::full();
      return std::vector<Task>();
    };
    ThreadInvoker invoker(completed);
    EXPECT_EQ(run(invoker).died, 0);
    store_.answer_tasks = [](const TaskQuery&) { return std::nullopt; };
    EXPECT_EQ(task(ids[0]).state, State::dead);
    EXPECT_EQ(notifier_.delivered().back().task_id, ids[0]);
  }
}

TEST_F(LoopTest, AnInterruptedFunctionOfThisProcessHasUsedItsAttempt) {
  labourers_.at("w").on_restart = OnRestart::use_attempt;
  labourers_.at("w").max_attempts = 1;
  const auto ids = add_tasks("w", 1);
  const ClaimRequest request{"w", 4, 1, after(wall_.now(), 1200), Expiry::host, {}};
  ASSERT_EQ(store_.exchange({}, {&request, 1}, labourers_, wall_.now())->claimed.size(), 1u);
  ThreadInvoker invoker(completed);
  run(invoker);
  EXPECT_EQ(task(ids[0]).state, State::dead);
}

TEST_F(LoopTest, AClaimThatTheHostGivesBackIsStartedAgain) {
  const auto ids = add_tasks("w", 1);
  std::atomic<int> calls = 0;
  simulation::ScriptedInvoker invoker;
  Engine engine({store_, invoker, metrics_, notifier_, wall_, nullptr}, settings());
  invoker.answer_by([&](const simulation::ScriptedInvoker::Call& call) {
    if (++calls == 1) {
      engine.give_back({{call.task_id, call.claim, Release::Why::rejected, "busy"}});
    } else {
      engine.finished({{Report::Kind::completed, call.task_id, call.claim, {}, {}}});
    }
    return Invoked{};
  });
  EXPECT_EQ(engine.run({}, true).why, Engine::Outcome::Why::empty);
  EXPECT_EQ(calls, 2);
  EXPECT_EQ(task(ids[0]).attempts, 1);
}

TEST_F(LoopTest, ACancellationThatWasBegunIsFinishedAtTheStart) {
  Engine::Settings config = settings();
  config.scheduler.schemas =
      json::parse(R"({"job_schema": {"chunkable_attrs": [["word", {}]]}})").as_object();
  ThreadInvoker invoker(completed);
  Engine engine({store_, invoker, metrics_, notifier_, wall_, nullptr}, config);
  invoker.connect(engine);
  const auto accepted = engine.schedule(
      json::parse(R"({"lambda_name": "w", "words": ["a", "b", "c", "d"], "isolate_words": true})"),
      "key");
  ASSERT_TRUE(accepted) << accepted.error().text();
  ASSERT_EQ(count(State::queued), 4);
  ASSERT_EQ(store_.cancel(accepted->job_id, 1, wall_.now()).value(), 3);
  // Here whoever cancelled has died.
  EXPECT_EQ(engine.run({}, true).why, Engine::Outcome::Why::empty);
  EXPECT_EQ(count(State::cancelled), 4);
  EXPECT_EQ(invoker.most_at_once(), 0);
}

TEST_F(LoopTest, ATickIsCalledWhenItAskedForIt) {
  simulation::ScriptedInvoker invoker;
  Engine engine({store_, invoker, metrics_, notifier_, wall_, nullptr}, settings());
  std::stop_source stop;
  std::vector<Time> called;
  engine.add_tick([&](Time now) -> std::optional<Time> {
    called.push_back(now);
    if (called.size() == 3) {
      stop.request_stop();
      return std::nullopt;
    }
    return after(now, 0.06);
  });
  (void)engine.run(stop.get_token());
  ASSERT_EQ(called.size(), 3u);
  EXPECT_GE(epoch(called[2]) - epoch(called[0]), 0.119);
}

TEST_F(LoopTest, APausedLabourerWaitsUntilItIsResumed) {
  add_tasks("w", 5);
  ThreadInvoker invoker(completed);
  Engine engine({store_, invoker, metrics_, notifier_, wall_, nullptr}, settings());
  invoker.connect(engine);
  ASSERT_TRUE(engine.pause("w", true));
  EXPECT_EQ(engine.pause("nobody", true).error().code, Code::not_found);
  EXPECT_EQ(engine.run({}, true).why, Engine::Outcome::Why::stuck);
  EXPECT_EQ(count(State::queued), 5);
  ASSERT_TRUE(engine.pause("w", false));
  EXPECT_EQ(engine.run({}, true).why, Engine::Outcome::Why::empty);
  EXPECT_EQ(count(State::done), 5);
}

// --- What the simulation has found: the loop in single steps, over a clock that stands still

class StepTest : public EngineTest {
 protected:
  Labourer& child(const std::string& id) {
    Labourer made = labourer(id, 4);
    made.expiry = Expiry::host;
    made.on_restart = OnRestart::give_back;
    made.timeout_s = 10;
    made.cooldown_s = 5;
    return labourers_.emplace(id, made).first->second;
  }
  std::unique_ptr<Engine> engine() {
    Engine::Settings settings;
    settings.labourers = labourers_;
    settings.scheduler.schemas =
        json::parse(R"({"job_schema": {"chunkable_attrs": [["word", {}]]}})").as_object();
    return std::make_unique<Engine>(
        Engine::Ports{store_, invoker_, metrics_, notifier_, clock_, nullptr}, settings);
  }
  // Passes until the loop would sleep; gives for how long.
  double settle(Engine& engine) {
    for (int i = 0; i < 100; ++i) {
      const Time next = engine.pass();
      if (next > clock_.now() && !engine.woken())
        return std::chrono::duration<double>(next - clock_.now()).count();
    }
    ADD_FAILURE() << "the loop makes pass after pass and no time goes by";
    return 0;
  }
};

TEST_F(StepTest, TheLoopSleepsBehindADeadlineWhoseHostRunsOn) {
  child("w");
  const auto ids = add_tasks("w", 1);
  const auto one = engine();
  one->start();
  settle(*one);
  invoker_.set_running({{ids[0], task(ids[0]).claim}});
  clock_.advance(600);
  settle(*one);
  clock_.advance(0.5);  // nothing is stale, and the deadline lies far behind
  EXPECT_GT(settle(*one), 0.4);
  EXPECT_EQ(count(State::running), 1);
}

TEST_F(StepTest, TheLoopSleepsInTheSecondBeforeADeadline) {
  child("w");
  clock_.advance(0.1);
  add_tasks("w", 1);
  const auto one = engine();
  one->start();
  settle(*one);
  clock_.advance(14.95);  // the deadline is at 15.1, and known to the store's reader as 15
  EXPECT_GT(settle(*one), 0.04);
  clock_.advance(1);
  settle(*one);
  EXPECT_EQ(count(State::running), 0);
}

TEST_F(StepTest, TheLoopSleepsWhenARetryOfARemovedLabourerIsDue) {
  child("w").retry.base_s = 0;
  const auto ids = add_tasks("w", 1);
  {
    const auto one = engine();
    one->start();
    settle(*one);
    one->finished({failed({ids[0], task(ids[0]).claim, "", nullptr})});
    (void)one->pass();
    ASSERT_EQ(count(State::retry), 1);
  }
  labourers_.clear();
  const auto one = engine();
  one->start();
  clock_.advance(10);
  settle(*one);
  clock_.advance(0.2);
  EXPECT_GT(settle(*one), 0.1);
}

TEST_F(StepTest, WhatBecomesFreeIsUsedBeforeTheNextLook) {
  Labourer& w = child("w");
  w.max_simultaneous_invocations = 1;
  w.max_attempts = 1;
  add_tasks("w", 4);
  const auto one = engine();
  one->start();
  invoker_.script({Invoked::Outcome::rejected_task});
  settle(*one);
  EXPECT_EQ(count(State::dead), 1);
  EXPECT_EQ(count(State::running), 1);  // in the place of the one that no worker can take

  clock_.advance(1);
  settle(*one);  // now it knows of the deadline
  clock_.advance(15);
  settle(*one);
  EXPECT_EQ(count(State::dead), 2);
  EXPECT_EQ(count(State::running), 1);  // in the place of the one that expired
}

TEST_F(StepTest, AResumedLabourerStartsBeforeTheNextLook) {
  child("w");
  add_tasks("w", 1);
  const auto one = engine();
  ASSERT_TRUE(one->pause("w", true));
  one->start();
  settle(*one);
  ASSERT_EQ(count(State::queued), 1);
  ASSERT_TRUE(one->pause("w", false));
  settle(*one);
  EXPECT_EQ(count(State::running), 1);
}

TEST_F(StepTest, AllStartWhenOneHasFoundThatABlockedLabourerWorks) {
  child("w");
  add_tasks("w", 3);
  ASSERT_TRUE(store_.gate("w", std::nullopt, "no such function"));
  const auto one = engine();
  one->start();
  settle(*one);
  EXPECT_EQ(count(State::running), 3);
}

TEST_F(StepTest, ADeathByAClaimThatIsGivenBackLateIsAlarmed) {
  child("w");
  add_tasks("w", 1);
  const auto one = engine();
  one->start();
  settle(*one);
  ASSERT_TRUE(one->send_alarms());
  const auto ids = add_tasks("w", 1);
  invoker_.script({Invoked::Outcome::rejected_task});
  store_.refuse_release = true;
  one->wake();
  settle(*one);
  ASSERT_TRUE(one->send_alarms());
  ASSERT_EQ(count(State::dead), 0);
  store_.refuse_release = false;
  clock_.advance(1);
  settle(*one);
  ASSERT_EQ(count(State::dead), 1);
  EXPECT_TRUE(one->alarms_wait());
  ASSERT_TRUE(one->send_alarms());
  ASSERT_EQ(notifier_.delivered().size(), 1u);
  EXPECT_EQ(notifier_.delivered()[0].task_id, ids[0]);
}

}  // namespace
}  // namespace sosw::engine
