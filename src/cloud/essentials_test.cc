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
  double seconds_per_transaction_ = 0;
  simulation::ModelTables tables_{simulation::sosw_tables(), [this] { return clock_.now(); },
                                  [this](std::uint32_t, std::string_view what) {
                                    if (what == "fault of a transaction")
                                      clock_.advance(seconds_per_transaction_);
                                    return 0U;
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

TEST_F(EssentialsOnTables, TellWhatIsWrongWithAReport) {
  const auto answer = essentials().assist(labourers_, json::object{{"task_id", "t"}});
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().text(), HasSubstr("action"));
}

}  // namespace
}  // namespace sosw::cloud
