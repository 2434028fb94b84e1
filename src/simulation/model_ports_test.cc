// SPDX-License-Identifier: MIT
// The small ports in memory keep the promises of the ports.
#include "simulation/model_ports.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sosw::simulation {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST(ClockModel, stands_where_it_is_set_and_may_go_back) {
  ManualClock clock(from_epoch(1'800'000'000));
  clock.advance(1.5);
  EXPECT_EQ(clock.now(), from_epoch(1'800'000'001.5));
  clock.set(from_epoch(1'700'000'000));
  EXPECT_EQ(clock.now(), from_epoch(1'700'000'000));
}

TEST(MetricsModel, answers_each_question_in_order_and_an_error_touches_no_other) {
  ModelMetrics metrics;
  metrics.set({{"name", "cpu"}, {"host", 1}}, std::optional<double>(0.5));
  metrics.set({{"name", "broken"}}, Error{Code::unavailable, "throttled", {}});
  const std::vector<json::object> asked = {
      {{"name", "broken"}}, {{"host", 1}, {"name", "cpu"}}, {{"name", "nobody"}}};
  const auto values = metrics.values(asked, Time{});
  ASSERT_THAT(values, SizeIs(3));
  ASSERT_FALSE(values[0]);
  EXPECT_EQ(values[0].error().code, Code::unavailable);
  ASSERT_TRUE(values[1]);
  EXPECT_EQ(*values[1], 0.5);
  ASSERT_TRUE(values[2]);
  EXPECT_EQ(*values[2], std::nullopt);
}

TEST(NotifierModel, delivers_all_or_tells_why_not) {
  RecordingNotifier notifier;
  engine::Alarm alarm;
  alarm.number = 7;
  notifier.refuse(Error{Code::unavailable, "no network", {}});
  EXPECT_FALSE(notifier.notify(std::span(&alarm, 1)));
  EXPECT_THAT(notifier.delivered(), IsEmpty());
  notifier.refuse(std::nullopt);
  EXPECT_TRUE(notifier.notify(std::span(&alarm, 1)));
  ASSERT_THAT(notifier.delivered(), SizeIs(1));
  EXPECT_EQ(notifier.delivered()[0].number, 7);
}

TEST(AuditLogModel, keeps_rows_in_order_and_calls_after_each) {
  std::vector<std::string> seen;
  RecordingAuditLog log([&](const auto& row) { seen.push_back(row.action); });
  const std::vector<engine::AuditEvent> events = {
      {"t", "created", "a", Time{}}, {"u", "created", "a", Time{}}, {"t", "invoked", "a", Time{}}};
  log.append(events);
  EXPECT_THAT(log.actions("t"), ElementsAre("created", "invoked"));
  EXPECT_THAT(seen, ElementsAre("created", "created", "invoked"));
}

TEST(InvokerModel, answers_by_its_script_then_by_its_rule) {
  using Outcome = engine::Invoked::Outcome;
  ScriptedInvoker invoker;
  Labourer labourer;
  labourer.id = "a";
  invoker.script(std::vector<Outcome>{Outcome::rejected, Outcome::unknown});
  invoker.answer_by([](const auto& call) {
    return engine::Invoked{Outcome::rejected_task, call.task_id};
  });
  const std::vector<engine::Invocation> three(3, {"t", "c1", "{}", &labourer});
  std::vector<Outcome> outcomes;
  for (const auto& invoked : invoker.invoke(three)) outcomes.push_back(invoked.outcome);
  EXPECT_THAT(outcomes, ElementsAre(Outcome::rejected, Outcome::unknown, Outcome::rejected_task));
  EXPECT_THAT(invoker.calls(), SizeIs(3));
  EXPECT_LT(invoker.free_slots(labourer), 0);
  invoker.set_free_slots("a", 2);
  EXPECT_EQ(invoker.free_slots(labourer), 2);
}

}  // namespace
}  // namespace sosw::simulation
