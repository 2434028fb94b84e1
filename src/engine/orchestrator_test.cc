// SPDX-License-Identifier: MIT
#include "engine/orchestrator.h"

#include "engine/engine_fixture.h"

namespace sosw::engine {
namespace {

using Outcome = Invoked::Outcome;

class OrchestratorTest : public EngineTest {
 protected:
  OrchestratorTest() { labourers_.emplace("w", labourer("w", 4)); }
  Orchestrator::Pass pass(std::vector<Report> reports = {}) {
    const std::string_view which = "w";
    auto done = orchestrator_.orchestrate(labourers_, {&which, 1}, reports);
    EXPECT_TRUE(done) << done.error().text();
    return *done;
  }

  EcologyManager ecology_{metrics_};
  Orchestrator orchestrator_{store_, invoker_, ecology_, clock_, &audit_, {}};
};

TEST_F(OrchestratorTest, StartsInQueueOrderUpToTheLimit) {
  const auto ids = add_tasks("w", 6);
  EXPECT_EQ(pass().started, 4);
  ASSERT_EQ(invoker_.calls().size(), 4u);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(invoker_.calls()[i].task_id, ids[i]);
  EXPECT_EQ(count(State::running), 4);
  EXPECT_EQ(pass().started, 0);  // the limit is reached
  EXPECT_EQ(audit_.actions(ids[0]), std::vector<std::string>{"invoked"});
}

TEST_F(OrchestratorTest, TellsTheWorkerItsTaskAndClaim) {
  const auto ids = add_tasks("w", 1);
  pass();
  const json::object event = json::parse(invoker_.calls()[0].payload).as_object();
  EXPECT_EQ(event.at("n"), 0);
  EXPECT_EQ(event.at("task_id"), json::value(ids[0]));
  EXPECT_EQ(event.at("attempts"), 0);
  EXPECT_EQ(event.at("greenfield"), 2000);
  EXPECT_EQ(event.at("claim"), json::value(task(ids[0]).claim));
}

TEST_F(OrchestratorTest, AReportFreesItsPlaceInTheSamePass) {
  const auto ids = add_tasks("w", 5);
  pass();
  const auto next = pass({{Report::Kind::completed, ids[0], task(ids[0]).claim, {}, {}}});
  ASSERT_EQ(next.reported.size(), 1u);
  EXPECT_EQ(next.reported[0].answer, Answer::applied);
  EXPECT_EQ(next.started, 1);
  EXPECT_EQ(task(ids[4]).state, State::running);
}

TEST_F(OrchestratorTest, NeverClaimsWhatTheInvokerCannotStart) {
  add_tasks("w", 6);
  invoker_.set_free_slots("w", 2);
  EXPECT_EQ(pass().started, 2);
  invoker_.set_free_slots("w", 0);
  EXPECT_EQ(pass().started, 0);
  EXPECT_EQ(count(State::running), 2);
}

TEST_F(OrchestratorTest, HealthScalesTheLimit) {
  labourers_.at("w") = labourer("w", 10);
  labourers_.at("w").health_metrics["cpu"] =
      *read_health_metric("cpu", {{"details", {{"MetricName", "CPU"}}},
                                  {"feelings", {{"3", 50}, {"4", 25}}},
                                  {"feeling_comparison_operator", "<="}});
  add_tasks("w", 10);
  EXPECT_EQ(pass().started, 0);  // nobody knows yet how it feels
  metrics_.set(labourers_.at("w").health_metrics["cpu"].details, std::optional(40.0));
  ecology_.refresh(labourers_, clock_.now());
  EXPECT_EQ(pass().started, 7);  // floor(10 * 0.75)
  metrics_.set(labourers_.at("w").health_metrics["cpu"].details, std::optional(99.0));
  ecology_.refresh(labourers_, clock_.now());
  EXPECT_EQ(pass().started, 0);
}

TEST_F(OrchestratorTest, NoDataHoldsTheLastValueForTenMinutesThenCountsAsModerate) {
  labourers_.at("w").health_metrics["cpu"] =
      *read_health_metric("cpu", {{"details", {{"MetricName", "CPU"}}},
                                  {"feelings", {{"3", 50}, {"4", 25}}},
                                  {"feeling_comparison_operator", "<="}});
  const json::object details = labourers_.at("w").health_metrics["cpu"].details;
  metrics_.set(details, std::optional(10.0));
  ecology_.refresh(labourers_, clock_.now());
  metrics_.set(details, std::optional<double>());
  EXPECT_EQ(ecology_.refresh(labourers_, clock_.now()).size(), 1u);
  EXPECT_EQ(ecology_.status(labourers_.at("w"), clock_.now()), 4);
  clock_.advance(601);
  EXPECT_EQ(ecology_.status(labourers_.at("w"), clock_.now()), 2);
  clock_.advance(-1202);  // set back behind the answer: as old as if it were ahead
  EXPECT_EQ(ecology_.status(labourers_.at("w"), clock_.now()), 2);
  labourers_.at("w").health_metrics["cpu"].no_data = 0;
  EXPECT_EQ(ecology_.status(labourers_.at("w"), clock_.now()), 0);
}

TEST_F(OrchestratorTest, ARejectionGivesClaimAndAttemptBackAndBacksOff) {
  const auto ids = add_tasks("w", 3);
  invoker_.set_free_slots("w", 2);
  invoker_.script({Outcome::rejected, Outcome::accepted});
  const auto first = pass();
  EXPECT_EQ(first.started, 1);
  EXPECT_EQ(task(ids[0]).state, State::queued);
  EXPECT_EQ(task(ids[0]).attempts, 0);
  EXPECT_EQ(task(ids[0]).greenfield, 2000);
  ASSERT_TRUE(first.next);
  EXPECT_EQ(pass().started, 0);  // held back
  clock_.set(*first.next);
  EXPECT_EQ(pass().started, 2);
  EXPECT_EQ(task(ids[0]).attempts, 1);
}

TEST_F(OrchestratorTest, RepeatedRejectionsWaitLonger) {
  add_tasks("w", 1);
  double waited = 0;
  for (int i = 0; i < 12; ++i) {
    invoker_.script({Outcome::rejected});
    const auto refused = pass();
    ASSERT_TRUE(refused.next);
    const double wait = epoch(*refused.next) - epoch(clock_.now());
    EXPECT_GE(wait, waited - 1e-3);
    EXPECT_LE(wait, 30.001);
    waited = wait;
    clock_.set(*refused.next);
  }
  EXPECT_GT(waited, 29);
}

TEST_F(OrchestratorTest, AClockSetBackDoesNotHoldALabourerForLong) {
  add_tasks("w", 1);
  invoker_.script({Outcome::rejected});
  pass();
  clock_.advance(-86400);
  EXPECT_EQ(pass().started, 1);
}

TEST_F(OrchestratorTest, WhatNoWorkerCanTakeIsDeadWithAnAlarmAndStopsNobody) {
  const auto ids = add_tasks("w", 3);
  invoker_.script({Outcome::rejected_task});
  EXPECT_EQ(pass().started, 2);
  EXPECT_EQ(task(ids[0]).state, State::dead);
  EXPECT_EQ(task(ids[0]).attempts, 0);
  EXPECT_EQ(store_.alarms(0, 10)->size(), 1u);
  EXPECT_EQ(audit_.actions(ids[0]), std::vector<std::string>{"archived_dead"});
}

// As a row of the table that somebody else has written.
TEST_F(OrchestratorTest, ARowWithoutAnEventIsDeadWithAnAlarmAndStopsNobody) {
  const auto ids = add_tasks("w", 2);
  store_.after_exchange = [&](Exchanged& exchanged) {
    for (Claimed& one : exchanged.claimed)
      if (one.task.id == ids[0]) one.task.payload = "5";
  };
  const auto done = pass();
  EXPECT_EQ(done.started, 1);
  ASSERT_EQ(done.skipped.size(), 1u);
  EXPECT_NE(done.skipped[0].reason.find("payload is not a JSON object"), std::string::npos);
  EXPECT_EQ(task(ids[0]).state, State::dead);
  EXPECT_EQ(task(ids[1]).state, State::running);
  EXPECT_EQ(store_.alarms(0, 10)->size(), 1u);
}

TEST_F(OrchestratorTest, NeedsNoAuditLogToGiveBackWhatNoWorkerCanTake) {
  const auto ids = add_tasks("w", 1);
  Orchestrator silent(store_, invoker_, ecology_, clock_, nullptr, {});
  invoker_.script({Outcome::rejected_task});
  const std::string_view which = "w";
  ASSERT_TRUE(silent.orchestrate(labourers_, {&which, 1}, {}));
  EXPECT_EQ(task(ids[0]).state, State::dead);
}

TEST_F(OrchestratorTest, DoesNotComeBackForALabourerThatWasPausedMeanwhile) {
  labourers_.emplace("v", labourer("v"));
  add_tasks("w", 1);
  add_tasks("v", 1);
  invoker_.script({Outcome::rejected});
  ASSERT_TRUE(pass().next);
  ASSERT_TRUE(store_.gate("w", true, std::nullopt));
  orchestrator_.look_at_gates(*store_.status());
  const std::string_view both[] = {"v", "w"};
  const auto next = orchestrator_.orchestrate(labourers_, both, {});
  ASSERT_TRUE(next);
  EXPECT_EQ(next->started, 1);
  EXPECT_FALSE(next->next);
}

TEST_F(OrchestratorTest, APayloadThatIsNoObjectIsGivenUnderItsName) {
  TaskManager manager(store_, {});
  ASSERT_TRUE(
      manager.create_task(labourers_.at("w"), {json::value("[1, 2]"), {}, {}, {}}, clock_.now()));
  ASSERT_TRUE(manager.create_task(labourers_.at("w"), {json::value("no JSON"), {{"a", 1}}, {}, {}},
                                  clock_.now()));
  EXPECT_EQ(pass().started, 2);
  EXPECT_EQ(json::parse(invoker_.calls().at(0).payload).at("payload"), (json::array{1, 2}));
  EXPECT_EQ(json::parse(invoker_.calls().at(1).payload).at("payload"), "no JSON");
  EXPECT_EQ(json::parse(invoker_.calls().at(1).payload).at("a"), 1);
}

TEST_F(OrchestratorTest, ABlockedLabourerIsProbedWithOneTaskAndOpensWhenItWorks) {
  const auto ids = add_tasks("w", 4);
  invoker_.script(std::vector<Outcome>(4, Outcome::rejected_labourer));
  const auto refused = pass();
  EXPECT_EQ(refused.started, 0);
  EXPECT_EQ(count(State::queued), 4);
  EXPECT_EQ(orchestrator_.take_alarms().size(), 1u);
  EXPECT_EQ(store_.status()->at("w").blocked, "scripted");
  clock_.set(*refused.next);
  invoker_.script({Outcome::rejected_labourer});
  const auto again = pass();
  EXPECT_EQ(invoker_.calls().size(), 5u);  // one probe
  EXPECT_TRUE(orchestrator_.take_alarms().empty());
  clock_.set(*again.next);
  EXPECT_EQ(pass().started, 1);
  EXPECT_EQ(store_.status()->at("w").blocked, "");
  EXPECT_EQ(pass().started, 3);
}

TEST_F(OrchestratorTest, ABlockThatCannotBeStoredIsFoundAgainByTheNextProbe) {
  add_tasks("w", 1);
  invoker_.script({Outcome::rejected_labourer, Outcome::rejected_labourer});
  store_.refuse_gate = true;
  const auto refused = pass();
  EXPECT_TRUE(orchestrator_.take_alarms().empty());
  EXPECT_EQ(store_.status()->at("w").blocked, "");
  EXPECT_EQ(pass().started, 0);  // held back all the same
  store_.refuse_gate = false;
  clock_.set(*refused.next);
  pass();
  EXPECT_EQ(orchestrator_.take_alarms().size(), 1u);
  EXPECT_EQ(store_.status()->at("w").blocked, "scripted");
}

TEST_F(OrchestratorTest, AGateThatCannotBeOpenedIsOpenedByTheNextThatRuns) {
  const auto ids = add_tasks("w", 2);
  invoker_.script({Outcome::rejected_labourer, Outcome::rejected_labourer});
  const auto refused = pass();
  clock_.set(*refused.next);
  store_.refuse_gate = true;
  const auto probed = pass();
  EXPECT_EQ(probed.started, 1);
  ASSERT_EQ(probed.skipped.size(), 1u);
  EXPECT_EQ(probed.skipped[0].reason, "disk full");
  EXPECT_EQ(store_.status()->at("w").blocked, "scripted");
  store_.refuse_gate = false;
  EXPECT_EQ(pass({{Report::Kind::completed, ids[0], task(ids[0]).claim, {}, {}}}).started, 1);
  EXPECT_EQ(store_.status()->at("w").blocked, "");
}

TEST_F(OrchestratorTest, ComesBackWhenTheFirstOfThoseHeldBackMayRun) {
  labourers_.emplace("v", labourer("v", 4));
  add_tasks("v", 1);
  add_tasks("w", 1);
  const auto next_of = [&](std::vector<std::string_view> which) {
    return orchestrator_.orchestrate(labourers_, which, {})->next;
  };
  invoker_.script({Outcome::rejected, Outcome::rejected});
  const auto v = next_of({"v"});
  ASSERT_TRUE(v);
  clock_.advance(0.05);
  EXPECT_EQ(next_of({"w"}), v);  // both are held, and v is free before w
  EXPECT_EQ(next_of({"w", "v"}), v);
  EXPECT_EQ(next_of({"v", "w"}), v);
  EXPECT_EQ(next_of({"w"}), after(clock_.now(), 0.1));  // nothing was asked of v
}

TEST_F(OrchestratorTest, DoesNotComeBackForALabourerThatIsIllNow) {
  add_tasks("w", 1);
  invoker_.script({Outcome::rejected});
  const auto refused = pass();
  ASSERT_TRUE(refused.next);
  labourers_.at("w").health_metrics["cpu"] =
      *read_health_metric("cpu", {{"details", {{"MetricName", "CPU"}}},
                                  {"feelings", {{"4", 25}}},
                                  {"feeling_comparison_operator", "<="}});
  clock_.set(*refused.next);
  const auto ill = pass();  // nobody knows yet how it feels
  EXPECT_EQ(ill.started, 0);
  EXPECT_EQ(ill.next, std::nullopt);
}

TEST_F(OrchestratorTest, AnUnknownOutcomeKeepsTheClaim) {
  const auto ids = add_tasks("w", 1);
  invoker_.script({Outcome::unknown});
  EXPECT_EQ(pass().started, 1);
  EXPECT_EQ(task(ids[0]).state, State::running);
  EXPECT_EQ(task(ids[0]).attempts, 1);
}

TEST_F(OrchestratorTest, WhoHasRefusedIsNotAskedAtOnceBecauseAnotherEngineFoundItBlocked) {
  add_tasks("w", 1);
  invoker_.script({Outcome::rejected});
  const auto refused = pass();
  ASSERT_TRUE(refused.next);
  ASSERT_TRUE(store_.gate("w", std::nullopt, "no such function"));
  orchestrator_.look_at_gates(*store_.status());
  EXPECT_EQ(pass().started, 0);
  clock_.set(*refused.next);
  EXPECT_EQ(pass().started, 1);
  EXPECT_EQ(store_.status()->at("w").blocked, "");
}

TEST_F(OrchestratorTest, BacksOffThoughTheClockWasSetBackBehindAnOlderRefusal) {
  add_tasks("w", 1);
  invoker_.script({Outcome::rejected, Outcome::rejected});
  ASSERT_TRUE(pass().next);
  clock_.advance(-1000);
  const auto refused = pass();
  ASSERT_TRUE(refused.next);
  EXPECT_EQ(*refused.next, after(clock_.now(), 0.2));
  EXPECT_EQ(pass().started, 0);
  clock_.set(*refused.next);
  EXPECT_EQ(pass().started, 1);
}

TEST_F(OrchestratorTest, AGateThatAnotherEngineHasOpenedIsOpenHereToo) {
  add_tasks("w", 3);
  ASSERT_TRUE(store_.gate("w", std::nullopt, "no such function"));
  orchestrator_.look_at_gates(*store_.status());
  EXPECT_EQ(
      orchestrator_.get_desired_invocation_number_for_labourer(labourers_.at("w"), clock_.now()),
      1);
  ASSERT_TRUE(store_.gate("w", std::nullopt, ""));
  orchestrator_.look_at_gates(*store_.status());
  EXPECT_EQ(
      orchestrator_.get_desired_invocation_number_for_labourer(labourers_.at("w"), clock_.now()),
      labourers_.at("w").max_simultaneous_invocations);
  EXPECT_EQ(pass().started, 3);
}

TEST_F(OrchestratorTest, APausedLabourerStartsNothing) {
  add_tasks("w", 1);
  ASSERT_TRUE(store_.gate("w", true, std::nullopt));
  orchestrator_.look_at_gates(*store_.status());
  EXPECT_EQ(pass().started, 0);
  ASSERT_TRUE(store_.gate("w", false, std::nullopt));
  orchestrator_.look_at_gates(*store_.status());
  EXPECT_EQ(pass().started, 1);
}

TEST_F(OrchestratorTest, ClaimsThatTheStoreDidNotTakeBackAreGivenBackLater) {
  const auto ids = add_tasks("w", 1);
  store_.refuse_release = true;
  invoker_.script({Outcome::rejected});
  const auto refused = pass();
  EXPECT_EQ(task(ids[0]).state, State::running);
  store_.refuse_release = false;
  clock_.set(*refused.next);
  EXPECT_EQ(pass().started, 1);
  EXPECT_EQ(task(ids[0]).attempts, 1);  // the refused one was given back before
}

TEST_F(OrchestratorTest, AStoreThatRefusesChangesNothing) {
  add_tasks("w", 1);
  store_.refuse_exchange = true;
  const std::string_view which = "w";
  const auto refused = orchestrator_.orchestrate(labourers_, {&which, 1}, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exhausted);
  EXPECT_TRUE(invoker_.calls().empty());
}

}  // namespace
}  // namespace sosw::engine
