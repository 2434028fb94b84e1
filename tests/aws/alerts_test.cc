// SPDX-License-Identifier: MIT
// Topics, rules and metrics: what the engine and its health checks ask.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "aws/cloudwatch.h"
#include "aws/events.h"
#include "aws/moto.h"
#include "aws/sns.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class AlertsTest : public MotoTest {};

TEST_F(AlertsTest, AMessageReachesASubscriber) {
  Sns sns(options());
  Client sqs("sqs", options());
  const auto topic = sns.create_topic("my-topic");
  ASSERT_TRUE(topic) << topic.error().text();
  EXPECT_EQ(*sns.create_topic("my-topic"), *topic);
  const auto queue = sqs.call("CreateQueue", {{"QueueName", "q"}})->at("QueueUrl");
  const auto subscribed = sns.subscribe(*topic, "sqs", "arn:aws:sqs:eu-west-1:123456789012:q");
  ASSERT_TRUE(subscribed) << subscribed.error().text();
  const auto id = sns.publish(*topic, "My subject", "text é\n&=+",
                              {{"kind", {{"DataType", "String"}, {"StringValue", "x"}}}});
  ASSERT_TRUE(id) << id.error().text();
  const auto got = sqs.call("ReceiveMessage", {{"QueueUrl", queue}});
  ASSERT_TRUE(got) << got.error().text();
  ASSERT_THAT(got->at("Messages").as_array(), SizeIs(1));
  const auto message =
      json::parse(std::string(got->at("Messages").at(0).at("Body").as_string())).as_object();
  EXPECT_EQ(message.at("Subject"), "My subject");
  EXPECT_EQ(message.at("Message"), "text é\n&=+");
  EXPECT_EQ(message.at("MessageId"), json::value(*id));
  EXPECT_EQ(message.at("MessageAttributes").at("kind").at("Value"), "x");

  const auto refused = sns.publish("arn:aws:sns:eu-west-1:123456789012:none", "s", "m");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "NotFound");
  EXPECT_EQ(refused.error().fate, CallError::Fate::not_done);
}

TEST_F(AlertsTest, RulesOfAllPagesAreListed) {
  Client client("events", options());
  std::vector<Operation> puts;
  for (int i = 0; i < 120; ++i)
    puts.push_back({"PutRule",
                    {{"Name", "rule-" + std::to_string(1'000 + i)},
                     {"ScheduleExpression", "rate(1 minute)"},
                     {"State", i % 2 == 0 ? "ENABLED" : "DISABLED"}}});
  for (const auto& answer : client.call_all(puts, 8)) ASSERT_TRUE(answer) << answer.error().text();
  ASSERT_TRUE(client.call(
      "PutTargets",
      {{"Rule", "rule-1000"},
       {"Targets",
        {{{"Id", "1"}, {"Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f"}},
         {{"Id", "2"}, {"Arn", "arn:aws:lambda:eu-west-1:123456789012:function:g"}}}}}));
  Events events(options());
  const auto rules = events.list_rules();
  ASSERT_TRUE(rules) << rules.error().text();
  ASSERT_THAT(*rules, SizeIs(120));
  for (const auto& rule : *rules)
    EXPECT_EQ(rule.enabled, (rule.name.back() - '0') % 2 == 0) << rule.name;
  const auto targets = events.list_targets("rule-1000");
  ASSERT_TRUE(targets) << targets.error().text();
  EXPECT_THAT(*targets, UnorderedElementsAre("arn:aws:lambda:eu-west-1:123456789012:function:f",
                                             "arn:aws:lambda:eu-west-1:123456789012:function:g"));
  EXPECT_EQ(events.list_targets("none").error().code, "ResourceNotFoundException");
}

TEST_F(AlertsTest, MetricsAreReadByTheirPeriods) {
  using std::chrono::sys_seconds;
  const sys_seconds start = std::chrono::sys_days(std::chrono::year(2026) / 11 / 24);
  Client client("cloudwatch", options());
  const auto put = [&](const char* time, double value) {
    const auto done =
        client.call("PutMetricData", {{"Namespace", "N"},
                                      {"MetricData",
                                       {{{"MetricName", "m"},
                                         {"Timestamp", time},
                                         {"Value", value},
                                         {"Dimensions", {{{"Name", "d"}, {"Value", "v w"}}}}}}}});
    ASSERT_TRUE(done) << done.error().text();
  };
  put("2026-11-24T00:00:00Z", 1.5);
  put("2026-11-24T00:00:30Z", 2.5);
  put("2026-11-24T00:01:10Z", 7);
  CloudWatch cloudwatch(options());
  MetricStat stat{
      .name_space = "N", .metric = "m", .dimensions = {{"d", "v w"}}, .statistic = "Average"};
  const MetricTimes times{start, start + std::chrono::minutes(5)};
  const auto values = cloudwatch.get_metric_statistics(stat, times);
  ASSERT_TRUE(values) << values.error().text();
  EXPECT_THAT(*values,
              ElementsAre(Pair("2026-11-24T00:00:00Z", 2.0), Pair("2026-11-24T00:01:00Z", 7.0)));

  auto other = stat;
  other.metric = "none";
  EXPECT_THAT(*cloudwatch.get_metric_statistics(other, times), SizeIs(0));

  auto greatest = stat;
  greatest.statistic = "Maximum";
  const auto data = cloudwatch.get_metric_data(std::vector{stat, other, greatest}, times);
  ASSERT_TRUE(data) << data.error().text();
  ASSERT_THAT(*data, SizeIs(3));
  EXPECT_THAT((*data)[0].values, ElementsAre(7.0, 2.0));
  EXPECT_THAT((*data)[1].values, SizeIs(0));
  EXPECT_THAT((*data)[2].values, ElementsAre(7.0, 2.5));
  for (const auto& one : *data) EXPECT_EQ(one.problem, "");
}

}  // namespace
}  // namespace sosw::aws
