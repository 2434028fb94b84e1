// SPDX-License-Identifier: MIT
#include "cloud/essentials.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>

#include "simulation/model_ports.h"
#include "simulation/model_tables.h"
#include "simulation/python_essentials.h"

namespace sosw::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class EssentialsOnTables : public ::testing::Test {
 protected:
  EssentialsOnTables() {
    Labourer f;
    f.id = "f";
    f.max_simultaneous_invocations = 3;
    labourers_.emplace("f", f);
    settings_.sleep = [this](double seconds) {
      clock_.advance(seconds);
      if (while_asleep_) while_asleep_();
    };
    settings_.scheduler.schemas = {
        {"job_schema",
         json::object{{"chunkable_attrs", json::array(1, json::array{"word", json::object()})}}}};
    settings_.scheduler.watermark = TableStore::kNoWatermark;
    store_options_.holder = store_options_.nonce = "test";
    store_options_.labourers = {"f"};
  }
  Essentials& essentials() {
    if (!store_) store_.emplace(tables_, store_options_);
    if (!essentials_)
      essentials_.emplace(
          Essentials::Ports{*store_, *store_, invoker_, metrics_, notifier_, clock_, &audit_},
          settings_);
    return *essentials_;
  }
  void schedule(int rows, const std::string& key = "key") {
    json::array words;
    for (int i = 0; i < rows; ++i) words.emplace_back(i);
    const auto accepted = essentials().schedule(
        labourers_, json::object{{"lambda_name", "f"}, {"isolate_words", true}, {"words", words}},
        key);
    ASSERT_TRUE(accepted) << accepted.error().text();
    EXPECT_EQ(accepted->rows, rows);
  }
  // The workers of the last `n` invocations end well.
  void complete(std::size_t n) {
    const auto calls = invoker_.calls();
    for (auto i = calls.size() - n; i < calls.size(); ++i) {
      const auto answer = essentials().assist(labourers_, {{"action", "mark_task_as_completed"},
                                                           {"task_id", calls[i].task_id},
                                                           {"claim", calls[i].claim}});
      ASSERT_TRUE(answer) << answer.error().text();
      EXPECT_EQ(answer->at("answer"), "applied");
    }
  }
  Time in(double seconds) { return after(clock_.now(), seconds); }

  simulation::ManualClock clock_;
  // Another labourer like f.
  void add(const std::string& id) {
    Labourer one = labourers_.at("f");
    one.id = id;
    labourers_.emplace(id, one);
  }
  void schedule_for(const std::string& id, int rows) {
    json::array words;
    for (int i = 0; i < rows; ++i) words.emplace_back(i);
    ASSERT_TRUE(essentials().schedule(
        labourers_, json::object{{"lambda_name", id}, {"isolate_words", true}, {"words", words}},
        "of " + id));
  }
  std::int64_t made_of(const std::string& id) {
    const auto jobs = store_->jobs(std::nullopt, 10);
    for (const auto& job : *jobs)
      if (job.labourer_id == id) return job.made;
    return -1;
  }
  // Each item that is changed from now on takes so long.
  void take_time(double seconds) {
    tables_.watch([this, seconds](auto, auto, auto) { clock_.advance(seconds); });
  }

  double seconds_per_transaction_ = 0;
  bool refuse_writes_ = false;
  simulation::ModelTables tables_{simulation::sosw_tables(), [this] { return clock_.now(); },
                                  [this](std::uint32_t, std::string_view what) {
                                    constexpr std::uint32_t kThrottled = 1;
                                    if (what == "fault of a transaction")
                                      clock_.advance(seconds_per_transaction_);
                                    return refuse_writes_ && what == "fault of a write" ? kThrottled
                                                                                        : 0;
                                  }};
  simulation::ScriptedInvoker invoker_;
  simulation::ModelMetrics metrics_;
  simulation::RecordingNotifier notifier_;
  simulation::RecordingAuditLog audit_;
  TableStore::Options store_options_;
  std::optional<TableStore> store_;
  std::optional<Essentials> essentials_;
  Essentials::Settings settings_;
  engine::Labourers labourers_;
  std::function<void()> while_asleep_;
};

TEST_F(EssentialsOnTables, MakeTheRestOfAJobInAnyRun) {
  schedule(250);
  const RunReport run = essentials().continue_jobs(labourers_, in(10));
  EXPECT_FALSE(run.failed);
  EXPECT_FALSE(run.more);
  const auto status = store_->status_of("f");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->tasks.at(State::queued), 250);
  EXPECT_EQ(status->open_jobs, 0);

  schedule(250, "another");
  EXPECT_GT(essentials().scavenge(labourers_, in(10)).rows_made, 0);
  EXPECT_EQ(store_->status_of("f")->tasks.at(State::queued), 500);
}

TEST_F(EssentialsOnTables, StopMakingRowsWhenTheirTimeIsOver) {
  schedule(250);
  const RunReport run = essentials().continue_jobs(labourers_, clock_.now());
  EXPECT_EQ(run.rows_made, 16);
  EXPECT_TRUE(run.more);
  EXPECT_EQ(store_->glance(std::vector<std::string_view>{"f"})->at("f").open_jobs, 1);
}

TEST_F(EssentialsOnTables, MakeFewRowsAtOnceOnTablesThatAreSlow) {
  schedule(5000);
  seconds_per_transaction_ = 3;
  const Time until = in(60);
  const RunReport run = essentials().continue_jobs(labourers_, until);
  EXPECT_TRUE(run.more);
  EXPECT_FALSE(run.failed);
  EXPECT_GT(run.rows_made, 16);
  EXPECT_GE(clock_.now(), until);
  EXPECT_LE(clock_.now(), after(until, 10));

  seconds_per_transaction_ = 0;
  EXPECT_FALSE(essentials().continue_jobs(labourers_, in(60)).more);
  EXPECT_EQ(store_->status_of("f")->tasks.at(State::queued), 5000);
}

// Inside of the minute: what has ended makes room.
TEST_F(EssentialsOnTables, TopUpWhatHasBecomeFree) {
  schedule(7);
  while_asleep_ = [this] {
    if (invoker_.calls().size() < 7) complete(3);
  };
  const RunReport run = essentials().orchestrate(labourers_, in(50));
  EXPECT_FALSE(run.failed);
  EXPECT_EQ(run.started, 7);
  EXPECT_THAT(invoker_.calls(), SizeIs(7));
  EXPECT_GE(run.looks, 3);
  EXPECT_THAT(run.skipped, IsEmpty());
}

TEST_F(EssentialsOnTables, NeverStartMoreThanTheLimit) {
  schedule(7);
  const Time until = in(50);
  const auto run = essentials().orchestrate(labourers_, until);
  EXPECT_EQ(run.started, 3);
  EXPECT_LE(clock_.now(), until);
  EXPECT_LT(run.looks, 12);  // none of them is for nothing
}

TEST_F(EssentialsOnTables, EndWhenAllThatIsQueuedHasStarted) {
  schedule(3);  // as many as the limit lets run
  const Time began = clock_.now();
  const auto run = essentials().orchestrate(labourers_, in(50));
  EXPECT_EQ(run.started, 3);
  EXPECT_EQ(run.looks, 2);
  EXPECT_LE(clock_.now(), after(began, 1));
}

TEST_F(EssentialsOnTables, FindWhatWasFullAtTheirFirstLook) {
  schedule(6);
  (void)essentials().orchestrate(labourers_, clock_.now());
  bool ended = false;
  while_asleep_ = [&] {
    if (!std::exchange(ended, true)) complete(3);
  };
  EXPECT_EQ(essentials().orchestrate(labourers_, in(50)).started, 3);
}

// A run that has nothing to do costs as little as it can.
TEST_F(EssentialsOnTables, EndAtOnceWhenNothingIsQueued) {
  const Time began = clock_.now();
  EXPECT_EQ(essentials().orchestrate(labourers_, in(50)).looks, 1);
  EXPECT_EQ(clock_.now(), began);
}

TEST_F(EssentialsOnTables, EndBeforeTheirTimeIsOver) {
  schedule(100);
  labourers_.at("f").max_simultaneous_invocations = 1;
  while_asleep_ = [this] { complete(1); };
  const Time until = in(20);
  const RunReport run = essentials().orchestrate(labourers_, until);
  EXPECT_GT(run.started, 5);
  EXPECT_LE(clock_.now(), until);
}

TEST_F(EssentialsOnTables, GoOnWithoutALabourerThatIsRefused) {
  Labourer g = labourers_.at("f");
  g.id = "g";
  labourers_.emplace("g", g);
  schedule(2);
  const auto accepted = essentials().schedule(labourers_, json::object{{"lambda_name", "g"}}, "g");
  ASSERT_TRUE(accepted);
  invoker_.answer_by([](const auto& call) -> engine::Invoked {
    if (call.labourer_id == "f")
      return {engine::Invoked::Outcome::rejected_labourer, "no such function"};
    return {};
  });
  const RunReport run = essentials().orchestrate(labourers_, in(50));
  EXPECT_EQ(run.started, 1);
  ASSERT_THAT(run.skipped, ::testing::Not(IsEmpty()));
  EXPECT_THAT(run.skipped[0].reason, HasSubstr("no such function"));
  ASSERT_THAT(notifier_.delivered(), SizeIs(1));
  EXPECT_EQ(notifier_.delivered()[0].kind, engine::Alarm::Kind::labourer_blocked);
  EXPECT_EQ(run.alarms_sent, 1);
  // Its tasks are where they were.
  EXPECT_EQ(store_->status_of("f")->tasks.at(State::queued), 2);
}

TEST_F(EssentialsOnTables, GoOnWithTheOthersWhenTheWorkForOneThrows) {
  Labourer g = labourers_.at("f");
  g.id = "g";
  labourers_.emplace("g", g);
  schedule(2);
  ASSERT_TRUE(essentials().schedule(labourers_, json::object{{"lambda_name", "g"}}, "g"));
  invoker_.answer_by([](const auto& call) -> engine::Invoked {
    if (call.labourer_id == "f") throw std::runtime_error("a row that makes no sense");
    return {};
  });
  const auto run = essentials().orchestrate(labourers_, clock_.now());
  EXPECT_TRUE(run.failed);
  EXPECT_EQ(run.started, 1);
  ASSERT_THAT(run.skipped, SizeIs(1));
  EXPECT_EQ(run.skipped[0].labourer_id, "f");
}

TEST_F(EssentialsOnTables, ArchiveAndAlarmWithinOneRun) {
  labourers_.at("f").max_attempts = 1;
  schedule(3);
  (void)essentials().orchestrate(labourers_, clock_.now());
  ASSERT_THAT(invoker_.calls(), SizeIs(3));
  complete(1);
  clock_.advance(2000);  // the others are silent
  const RunReport run = essentials().scavenge(labourers_, in(50));
  EXPECT_EQ(run.archived, 1);
  EXPECT_EQ(run.expired, 2);
  EXPECT_EQ(run.dead, 2);
  EXPECT_EQ(run.alarms_sent, 2);
  EXPECT_THAT(notifier_.delivered(), SizeIs(2));
}

// D-13: nobody is told that all is well while alarms wait.
TEST_F(EssentialsOnTables, FailWhileAlarmsCannotBeDelivered) {
  labourers_.at("f").max_attempts = 1;
  schedule(1);
  (void)essentials().orchestrate(labourers_, clock_.now());
  clock_.advance(2000);
  notifier_.refuse(Error{Code::denied, "no sns:Publish", {}, {}});
  const RunReport run = essentials().scavenge(labourers_, in(50));
  EXPECT_TRUE(run.failed);
  EXPECT_THAT(run.skipped.back().reason, HasSubstr("no sns:Publish"));
  notifier_.refuse(std::nullopt);
  EXPECT_EQ(essentials().scavenge(labourers_, in(50)).alarms_sent, 1);
}

// Lambda delivers twice, and late.
TEST_F(EssentialsOnTables, LetOneRunOfAClaimStartAndNoneThatIsOver) {
  schedule(1);
  (void)essentials().orchestrate(labourers_, clock_.now());
  ASSERT_THAT(invoker_.calls(), SizeIs(1));
  const auto call = invoker_.calls()[0];
  const auto start = [&](const char* run) {
    const auto answer = essentials().assist(
        labourers_,
        {{"action", "start"}, {"task_id", call.task_id}, {"claim", call.claim}, {"run", run}});
    EXPECT_TRUE(answer) << answer.error().text();
    return answer && answer->at("start").as_bool();
  };
  EXPECT_TRUE(start("a"));
  EXPECT_FALSE(start("b"));
  EXPECT_TRUE(start("a")) << "its answer was lost";
  complete(1);
  EXPECT_FALSE(start("a"));
}

// D-61
TEST_F(EssentialsOnTables, TellOnceOfALabourerThatIsConfiguredNoMore) {
  settings_.orphans_every_s = 600;
  schedule(4);
  labourers_.clear();
  store_options_.labourers.clear();
  store_.reset();
  essentials_.reset();
  const auto run = essentials().scavenge(labourers_, in(50));
  ASSERT_THAT(notifier_.delivered(), SizeIs(1));
  EXPECT_EQ(notifier_.delivered()[0].kind, engine::Alarm::Kind::labourer_removed);
  EXPECT_THAT(notifier_.delivered()[0].message, HasSubstr("has 4 tasks"));
  EXPECT_THAT(run.skipped, SizeIs(1));
  clock_.advance(700);
  EXPECT_THAT(essentials().scavenge(labourers_, in(50)).skipped, SizeIs(1));
  EXPECT_THAT(notifier_.delivered(), SizeIs(1));
}

TEST_F(EssentialsOnTables, TellOfTasksOfTheOriginalWhoseLabourerIsConfiguredNoMore) {
  settings_.orphans_every_s = 600;
  simulation::PythonEssentials python(tables_, [this] { return clock_.now(); }, {});
  ASSERT_TRUE(python.create_task("f", "t", "{}"));
  EXPECT_THAT(essentials().scavenge(labourers_, in(50)).skipped, IsEmpty());
  labourers_.clear();
  store_options_.labourers.clear();
  essentials_.reset();
  store_.reset();
  EXPECT_THAT(essentials().scavenge(labourers_, in(50)).skipped, SizeIs(1));
  ASSERT_THAT(notifier_.delivered(), SizeIs(1));
  EXPECT_EQ(notifier_.delivered()[0].labourer_id, "f");
}

// D-04: nothing is left behind that the next job would meet.
TEST_F(EssentialsOnTables, TakeTheNextJobAfterOneThatIsRefused) {
  for (const auto* job : {R"({"lambda_name": "g"})", R"({"lambda_name": "f", "period": "never"})",
                          R"({"job": "no JSON"})"}) {
    const auto refused = essentials().schedule(labourers_, json::parse(job), job);
    ASSERT_FALSE(refused);
    EXPECT_FALSE(refused.error().text().empty());
  }
  schedule(3);
  EXPECT_EQ(store_->status_of("f")->tasks.at(State::queued), 3);
}

// The linear policy of the original: the function's timeout times the attempt.
TEST_F(EssentialsOnTables, WaitForARetryAsLongAsTheFunctionMayRun) {
  settings_.task_manager.retry_base = engine::TaskManager::Settings::RetryBase::timeout;
  labourers_.at("f").timeout_s = 60;
  schedule(1);
  (void)essentials().orchestrate(labourers_, clock_.now());
  clock_.advance(2000);
  EXPECT_EQ(essentials().scavenge(labourers_, clock_.now()).expired, 1);
  clock_.advance(59);
  EXPECT_EQ(essentials().scavenge(labourers_, clock_.now()).retried, 0);
  clock_.advance(1);
  EXPECT_EQ(essentials().scavenge(labourers_, clock_.now()).retried, 1);
}

TEST_F(EssentialsOnTables, EndInTimeHoweverMuchIsToBeClearedUp) {
  labourers_.at("f").max_simultaneous_invocations = 200;
  add("dead");
  labourers_.at("dead").max_attempts = 1;
  settings_.scavenger.batch = 10;
  schedule(200);
  schedule_for("dead", 1);
  (void)essentials().orchestrate(labourers_, in(1));
  ASSERT_THAT(invoker_.calls(), SizeIs(201));
  for (const auto& call : invoker_.calls()) {
    if (call.labourer_id == "dead") continue;
    ASSERT_TRUE(essentials().assist(
        labourers_,
        {{"action", "mark_task_as_completed"}, {"task_id", call.task_id}, {"claim", call.claim}}));
  }
  clock_.advance(2000);
  take_time(1);
  const Time latest = in(60);
  const RunReport run = essentials().scavenge(labourers_, in(50), latest);
  EXPECT_LE(clock_.now(), after(latest, 10));
  EXPECT_TRUE(run.more);
  EXPECT_FALSE(run.failed);
  EXPECT_GE(run.archived, 10);
  EXPECT_LT(run.archived, 200);
  // What others wait for does not wait for the rest.
  EXPECT_EQ(run.alarms_sent, 1);
  take_time(0);
  EXPECT_EQ(essentials().scavenge(labourers_, in(50)).archived, 200 - run.archived);
}

TEST_F(EssentialsOnTables, BeginWithThoseForWhomThereWasNoTime) {
  add("g");
  schedule_for("g", 3);
  (void)essentials().orchestrate(labourers_, clock_.now());
  complete(3);
  schedule(3);
  (void)essentials().orchestrate(labourers_, clock_.now());
  complete(2);
  take_time(1);
  const auto archived = [&] {
    EXPECT_FALSE(essentials().scavenge(labourers_, clock_.now(), in(1)).failed);
    std::vector<std::int64_t> n;
    for (const char* id : {"f", "g"}) n.push_back(store_->status_of(id)->tasks[State::done]);
    return n;
  };
  EXPECT_THAT(archived(), ElementsAre(2, 0));
  // f has something again, and it is not its turn.
  const auto call = invoker_.calls()[3];
  ASSERT_TRUE(essentials().assist(
      labourers_,
      {{"action", "mark_task_as_completed"}, {"task_id", call.task_id}, {"claim", call.claim}}));
  EXPECT_THAT(archived(), ElementsAre(2, 3));
  EXPECT_THAT(archived(), ElementsAre(3, 3));
}

TEST_F(EssentialsOnTables, StartNothingWhenTheirTimeIsOver) {
  add("g");
  schedule(3);
  schedule_for("g", 3);
  take_time(1);
  const Time latest = in(2);
  const RunReport run = essentials().orchestrate(labourers_, clock_.now(), latest);
  EXPECT_EQ(run.started, 3);
  EXPECT_TRUE(run.more);
  const RunReport next = essentials().orchestrate(labourers_, clock_.now(), in(2));
  EXPECT_EQ(next.started, 3);
  EXPECT_EQ(invoker_.calls().back().labourer_id, "g");
}

TEST_F(EssentialsOnTables, MakeTheRowsOfOthersWhenThoseOfOneCannotBeMade) {
  settings_.scheduler.make_batch = 50;
  add("broken");
  schedule(250);
  schedule_for("broken", 250);
  const auto job = store_->jobs(std::nullopt, 10)->front();
  ASSERT_EQ(job.labourer_id, "broken");
  ASSERT_TRUE(tables_.write({Write::Kind::remove,
                             "sosw_tasks",
                             {{"task_id", {{"S", "sosw:job:" + job.id + ":part:0"}}}}}));
  // Another process has no copy of it.
  essentials_.reset();
  store_options_.holder = store_options_.nonce = "another";
  store_.emplace(tables_, store_options_);
  const RunReport run = essentials().continue_jobs(labourers_, in(10));
  EXPECT_TRUE(run.failed);
  ASSERT_THAT(run.skipped, SizeIs(1)) << run.skipped.back().reason;
  EXPECT_EQ(run.skipped[0].labourer_id, "broken");
  EXPECT_EQ(made_of("f"), 250);
}

TEST_F(EssentialsOnTables, MakeRowsOfEachInTurnWhenTimeIsShort) {
  add("g");
  schedule(250);
  schedule_for("g", 250);
  const auto f = made_of("f"), g = made_of("g");
  EXPECT_EQ(essentials().continue_jobs(labourers_, clock_.now()).rows_made, 16);
  EXPECT_EQ(essentials().continue_jobs(labourers_, clock_.now()).rows_made, 16);
  EXPECT_EQ(made_of("f"), f + 16);
  EXPECT_EQ(made_of("g"), g + 16);
}

// CloudWatch is paid for each metric of each look.
TEST_F(EssentialsOnTables, LookAtTheHealthOnceForAllLanes) {
  labourers_.at("f").health_metrics["cpu"] =
      *read_health_metric("cpu", {{"details", {{"MetricName", "CPU"}}},
                                  {"feelings", {{"3", 50}}},
                                  {"feeling_comparison_operator", "<="}});
  metrics_.set(labourers_.at("f").health_metrics["cpu"].details, std::optional(99.0));
  settings_.lanes = 8;
  for (int i = 0; i < 8; ++i) {
    add("f" + std::to_string(i));
    labourers_.at("f" + std::to_string(i)).health_metrics.clear();
    schedule_for("f" + std::to_string(i), 7);  // more than the limit: each lane looks again
  }
  const Time began = clock_.now();
  EXPECT_EQ(essentials().orchestrate(labourers_, in(500)).started, 24);
  const double took = std::chrono::duration<double>(clock_.now() - began).count();
  EXPECT_GT(took, 300);
  EXPECT_GT(metrics_.calls(), 1);
  EXPECT_LE(metrics_.calls(), 1 + static_cast<int>(took / 30));
}

// A new configuration is a new object; what the old one owed is owed still.
TEST_F(EssentialsOnTables, HandOverWhatTheyOwe) {
  settings_.orphans_every_s = 600;
  schedule(1);
  invoker_.answer_by([this](const auto&) -> engine::Invoked {
    refuse_writes_ = true;  // from now on: the claim cannot be given back
    return {engine::Invoked::Outcome::rejected_labourer, "no such function"};
  });
  notifier_.refuse(Error{Code::unavailable, "no pager", {}, {}});
  ASSERT_EQ(essentials().orchestrate(labourers_, clock_.now()).started, 0);
  refuse_writes_ = false;
  EXPECT_EQ(store_->status_of("f")->tasks[State::running], 1);
  engine::Labourers none;
  schedule_for("f", 1);
  (void)essentials().scavenge(none, clock_.now());  // f is an orphan
  auto owed = essentials().take_owed();
  EXPECT_THAT(owed.claims, SizeIs(1));
  EXPECT_THAT(owed.alarms, SizeIs(1));
  EXPECT_THAT(owed.orphans_told, ElementsAre("f"));
  EXPECT_THAT(essentials().take_owed().claims, IsEmpty());

  essentials_.reset();
  store_.reset();
  store_options_.holder = store_options_.nonce = "another";
  notifier_.refuse(std::nullopt);
  essentials().owe(std::move(owed));
  labourers_.at("f").max_simultaneous_invocations = 0;
  EXPECT_EQ(essentials().orchestrate(labourers_, clock_.now()).alarms_sent, 1);
  EXPECT_EQ(store_->status_of("f")->tasks[State::running], 0);
  EXPECT_EQ(store_->status_of("f")->tasks[State::queued], 2);
}

// By their numbers a target that has got them knows them again.
TEST_F(EssentialsOnTables, NumberTheAlarmsThatAreInNoStore) {
  schedule(1);
  invoker_.answer_by([](const auto&) -> engine::Invoked {
    return {engine::Invoked::Outcome::rejected_labourer, "no such function"};
  });
  EXPECT_EQ(essentials().orchestrate(labourers_, clock_.now()).alarms_sent, 1);
  ASSERT_TRUE(store_->gate("f", std::nullopt, ""));
  clock_.advance(600);
  EXPECT_EQ(essentials().orchestrate(labourers_, clock_.now()).alarms_sent, 1);
  ASSERT_THAT(notifier_.delivered(), SizeIs(2));
  EXPECT_EQ(notifier_.delivered()[0].number, -1);
  EXPECT_EQ(notifier_.delivered()[1].number, -2);
}

// Nobody counts a hundred thousand rows to say that there are some.
TEST_F(EssentialsOnTables, CountTheTasksOfARemovedLabourerOnlySoFar) {
  settings_.orphans_every_s = 600;
  schedule(1500);
  EXPECT_FALSE(essentials().continue_jobs(labourers_, in(60)).more);
  (void)essentials().scavenge({}, clock_.now());
  ASSERT_THAT(notifier_.delivered(), SizeIs(1));
  EXPECT_THAT(notifier_.delivered()[0].message, HasSubstr("has 1000 or more tasks"));
}

TEST_F(EssentialsOnTables, TellWhatIsWrongWithAReport) {
  const auto answer = essentials().assist(labourers_, json::object{{"task_id", "t"}});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("action"));
}

}  // namespace
}  // namespace sosw::cloud
