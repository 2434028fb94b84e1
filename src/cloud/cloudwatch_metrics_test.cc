// SPDX-License-Identifier: MIT
#include "cloud/cloudwatch_metrics.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "core/json_text.h"
#include "support/aws_peer.h"

namespace sosw::cloud {
namespace {

using testing::AwsPeer;
using testing::AwsRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

const Time kNow = from_epoch(1'795'000'000.5);  // 2026-11-18T11:06:40.5Z

json::object object(std::string_view text) { return parse_json(text)->as_object(); }

MetricQuestion read(std::string_view details, std::string_view defaults = "{}") {
  const auto question = read_metric_details(object(details), object(defaults));
  EXPECT_TRUE(question) << question.error().text();
  return question ? *question : MetricQuestion();
}

TEST(MetricDetails, are_those_of_the_original) {
  const auto full = read(R"({"Namespace": "AWS/RDS", "MetricName": "CPUUtilization",
      "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "db"}, {"Name": "a", "Value": "b"}],
      "Period": 300, "Statistics": ["Maximum"], "Unit": "Percent",
      "MetricAggregationTimeSlice": 900})");
  EXPECT_EQ(full.stat.name_space, "AWS/RDS");
  EXPECT_EQ(full.stat.metric, "CPUUtilization");
  EXPECT_THAT(full.stat.dimensions,
              ElementsAre(Pair("DBInstanceIdentifier", "db"), Pair("a", "b")));
  EXPECT_EQ(full.stat.period, std::chrono::seconds(300));
  EXPECT_EQ(full.stat.statistic, "Maximum");
  EXPECT_EQ(full.stat.unit, "Percent");
  EXPECT_EQ(full.slice, std::chrono::seconds(900));

  // D-39, and the defaults of the original.
  const auto least = read(R"({"Namespace": "N", "Name": "m"})");
  EXPECT_EQ(least.stat.metric, "m");
  EXPECT_THAT(least.stat.dimensions, IsEmpty());
  EXPECT_EQ(least.stat.period, std::chrono::seconds(60));
  EXPECT_EQ(least.stat.statistic, "Average");
  EXPECT_EQ(least.stat.unit, "");
  EXPECT_EQ(least.slice, std::chrono::seconds(300));
  EXPECT_EQ(read(R"({"Namespace": "N", "Name": "other", "MetricName": "m"})").stat.metric, "m");

  const auto* defaults = R"({"Period": 120, "Statistics": ["Sum"], "Namespace": "N"})";
  const auto configured = read(R"({"MetricName": "m"})", defaults);
  EXPECT_EQ(configured.stat.period, std::chrono::seconds(120));
  EXPECT_EQ(configured.stat.statistic, "Sum");
  EXPECT_EQ(configured.slice, std::chrono::seconds(300));
  EXPECT_EQ(read(R"({"MetricName": "m", "Period": 60})", defaults).stat.period,
            std::chrono::seconds(60));
}

TEST(MetricDetails, name_any_one_statistic) {
  const auto statistic = [](std::string_view given, std::string_view defaults = "{}") {
    return read(fmt::format(R"({{"Namespace": "N", "MetricName": "m", {}}})", given), defaults)
        .stat.statistic;
  };
  EXPECT_EQ(statistic(R"("Statistics": ["SampleCount"])"), "SampleCount");
  EXPECT_EQ(statistic(R"("Statistics": "Sum")"), "Sum");
  EXPECT_EQ(statistic(R"("Statistics": ["p99.9"])"), "p99.9");
  EXPECT_EQ(statistic(R"("ExtendedStatistics": ["p99"])"), "p99");
  EXPECT_EQ(statistic(R"x("ExtendedStatistics": ["TM(10%:90%)"])x", R"({"Statistics": ["Sum"]})"),
            "TM(10%:90%)");
  EXPECT_EQ(statistic(R"("Statistics": ["Sum"])", R"({"ExtendedStatistics": ["p99"]})"), "Sum");
}

TEST(MetricDetails, tell_each_mistake) {
  const auto refused = [](std::string_view details) {
    const auto question = read_metric_details(object(details), {});
    EXPECT_FALSE(question) << details;
    if (question) return std::string();
    EXPECT_EQ(question.error().code, Code::invalid);
    return question.error().text();
  };
  EXPECT_THAT(refused("{}"), ::testing::AllOf(HasSubstr("Namespace is missing"),
                                              HasSubstr("MetricName is missing")));
  const auto with = [&](std::string_view more) {
    return refused(fmt::format(R"({{"Namespace": "N", "MetricName": "m", {}}})", more));
  };
  EXPECT_THAT(with(R"("Statistics": ["Sum", "Average"])"), HasSubstr("exactly one, found 2"));
  EXPECT_THAT(with(R"("Statistics": ["Sum"], "ExtendedStatistics": ["p99"])"),
              HasSubstr("exactly one, found 2"));
  EXPECT_THAT(with(R"("Statistics": [])"), HasSubstr("Statistics"));
  EXPECT_THAT(with(R"("Statistics": [5])"), HasSubstr("Statistics"));
  EXPECT_THAT(with(R"("Dimensions": {"a": "b"})"), HasSubstr("Dimensions must be a list"));
  EXPECT_THAT(with(R"("Dimensions": [{"Name": "a"}])"), HasSubstr("Dimensions must be a list"));
  EXPECT_THAT(with(R"("Period": 0)"), HasSubstr("Period"));
  EXPECT_THAT(with(R"("Period": 45, "Statistics": ["Sum"])"), HasSubstr("a multiple of 60"));
  EXPECT_THAT(with(R"("MetricAggregationTimeSlice": "long")"),
              HasSubstr("MetricAggregationTimeSlice"));
  EXPECT_THAT(with(R"("Dimension": [])"), HasSubstr("Dimension"));
}

TEST(MetricFold, is_that_of_the_original) {
  const std::vector<double> values = {4, 1, 2.5};
  const auto folded = [&](std::string_view statistic) { return fold(statistic, values); };
  EXPECT_EQ(folded("Average"), 2.5);
  EXPECT_EQ(folded("Maximum"), 4);
  EXPECT_EQ(folded("Minimum"), 1);
  EXPECT_EQ(folded("Sum"), 7.5);
  EXPECT_EQ(folded("SampleCount"), 7.5);
  EXPECT_EQ(folded("TC(10%:)"), 7.5);
  EXPECT_EQ(folded("TS(10%:)"), 7.5);
  EXPECT_EQ(folded("TM(10%:)"), 2.5);
  EXPECT_EQ(folded("p99"), 2.5);
  EXPECT_EQ(fold("Average", {}), std::nullopt);  // D-33
  EXPECT_EQ(fold("Sum", {}), std::nullopt);
}

// --- Asking

CloudWatchMetrics::Options options(const AwsPeer& peer) {
  return {.client = {.region = "eu-west-1",
                     .endpoint = peer.url(),
                     .tries = 1,
                     .longest_first_pause = std::chrono::milliseconds(1)}};
}

json::object metric(std::string_view name) { return {{"Namespace", "N"}, {"MetricName", name}}; }

// One result, as GetMetricData gives it.
std::string result(std::string_view id, const std::vector<double>& values,
                   std::string_view status = "Complete") {
  std::string text =
      fmt::format("<member><Id>{}</Id><StatusCode>{}</StatusCode><Values>", id, status);
  for (const double value : values) text += fmt::format("<member>{}</member>", value);
  return text + "</Values></member>";
}
std::string results(const std::string& members, std::string_view next = "") {
  auto text = "<MetricDataResults>" + members + "</MetricDataResults>";
  if (!next.empty()) text += fmt::format("<NextToken>{}</NextToken>", next);
  return text;
}

const json::array& queries_of(const AwsRequest& request) {
  return request.params.at("MetricDataQueries").as_array();
}
std::string name_in(const json::value& query) {
  return std::string(query.at_pointer("/MetricStat/Metric/MetricName").as_string());
}
std::string id_in(const json::value& query) { return std::string(query.at("Id").as_string()); }

// Each metric is the number that it is called, in whatever order.
HttpReply numbers(const AwsRequest& request) {
  std::string members;
  for (const auto& query : queries_of(request))
    members.insert(0, result(id_in(query), {std::stod(name_in(query))}));
  return {.body = results(members)};
}

// Answers in words.
std::vector<std::string> ask(CloudWatchMetrics& metrics, const std::vector<json::object>& details,
                             const std::stop_token& stop = {}) {
  std::vector<std::string> words;
  for (const auto& value : metrics.values(details, kNow, stop))
    words.push_back(!value   ? value.error().message
                    : *value ? fmt::format("{}", **value)
                             : std::string("no data"));
  return words;
}

TEST(CloudWatchMetrics, asks_for_all_of_a_slice_in_one_request) {
  AwsPeer peer(numbers);
  CloudWatchMetrics metrics(options(peer));
  auto longer = metric("2");
  longer["MetricAggregationTimeSlice"] = 600;
  longer["Unit"] = "Count";
  longer["Dimensions"] = json::array{{{"Name", "d"}, {"Value", "v w"}}};
  EXPECT_THAT(ask(metrics, {metric("0"), metric("1.5"), longer, metric("-3")}),
              ElementsAre("0", "1.5", "2", "-3"));
  const auto requests = peer.requests();
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].operation, "GetMetricData");
  EXPECT_THAT(queries_of(requests[0]), SizeIs(3));
  EXPECT_EQ(requests[0].params.at("StartTime"), "2026-11-18T11:01:40Z");
  EXPECT_EQ(requests[0].params.at("EndTime"), "2026-11-18T11:06:40Z");
  EXPECT_EQ(requests[1].params.at("StartTime"), "2026-11-18T10:56:40Z");
  EXPECT_EQ(queries_of(requests[1])[0],
            parse_json(R"({"Id": "m0", "MetricStat": {"Metric": {"Namespace": "N",
                "MetricName": "2", "Dimensions": [{"Name": "d", "Value": "v w"}]}, "Period": "60",
                "Stat": "Average", "Unit": "Count"}})")
                .value());
  EXPECT_THAT(ask(metrics, {}), IsEmpty());
  EXPECT_THAT(peer.requests(), SizeIs(2));
}

TEST(CloudWatchMetrics, asks_for_at_most_500_in_a_request) {
  AwsPeer peer(numbers);
  CloudWatchMetrics metrics(options(peer));
  std::vector<json::object> details;
  std::vector<std::string> expected;
  for (int i = 0; i < 1'001; ++i) {
    expected.push_back(fmt::format("{}", i));
    details.push_back(metric(expected.back()));
  }
  EXPECT_EQ(ask(metrics, details), expected);
  std::vector<std::size_t> sizes;
  for (const auto& request : peer.requests()) sizes.push_back(queries_of(request).size());
  EXPECT_THAT(sizes, ElementsAre(500, 500, 1));
}

TEST(CloudWatchMetrics, folds_the_datapoints_of_all_pages) {
  AwsPeer peer(AwsPeer::Replies([](const AwsRequest& request) -> HttpReply {
    if (!request.params.contains("NextToken"))
      return {
          .body = results(
              result("m0", {6, 3}, "PartialData") + result("m1", {}) + result("m2", {1}), "more")};
    EXPECT_EQ(request.params.at("NextToken"), "more");
    return {.body = results(result("m0", {0}))};
  }));
  CloudWatchMetrics metrics(options(peer));
  auto greatest = metric("c");
  greatest["Statistics"] = json::array{"Maximum"};
  EXPECT_THAT(ask(metrics, {metric("a"), metric("b"), greatest}), ElementsAre("3", "no data", "1"));
}

TEST(CloudWatchMetrics, one_that_is_not_taken_touches_no_other) {
  AwsPeer peer(AwsPeer::Replies([](const AwsRequest& request) -> HttpReply {
    for (const auto& query : queries_of(request))
      if (name_in(query) == "13" || name_in(query) == "70")
        return {.status = 400,
                .body =
                    "<ErrorResponse><Error><Code>ValidationError</Code>"
                    "<Message>no such thing</Message></Error></ErrorResponse>"};
    return numbers(request);
  }));
  CloudWatchMetrics metrics(options(peer));
  std::vector<json::object> details;
  for (int i = 0; i < 100; ++i) details.push_back(metric(fmt::format("{}", i)));
  details[50] = {{"Namespace", "N"}};  // not even asked for
  const auto answers = ask(metrics, details);
  ASSERT_THAT(answers, SizeIs(100));
  for (int i = 0; i < 100; ++i) {
    const auto& answer = answers[static_cast<std::size_t>(i)];
    if (i == 50)
      EXPECT_THAT(answer, HasSubstr("MetricName is missing"));
    else if (i == 13 || i == 70)
      EXPECT_THAT(answer, HasSubstr("no such thing")) << i;
    else
      EXPECT_EQ(answer, fmt::format("{}", i));
  }
  // Halves, and no search for one among those that are all well.
  EXPECT_LT(peer.requests().size(), 30U);
}

TEST(CloudWatchMetrics, what_concerns_all_is_asked_once) {
  for (const auto& reply : std::vector<HttpReply>{
           {.status = 400,
            .body = "<ErrorResponse><Error><Code>Throttling</Code><Message>Rate exceeded</Message>"
                    "</Error></ErrorResponse>"},
           {.status = 403,
           .body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>not permitted"
                   "</Message></Error></ErrorResponse>"},
           {.status = 500, .body = "Rate exceeded, not permitted"}}) {
    AwsPeer peer(AwsPeer::Replies([&](const AwsRequest&) { return reply; }));
    CloudWatchMetrics metrics(options(peer));
    const auto answers = ask(metrics, {metric("1"), metric("2")});
    ASSERT_THAT(answers, SizeIs(2));
    EXPECT_THAT(answers, ::testing::Each(HasSubstr("GetMetricData")));
    EXPECT_THAT(peer.requests(), SizeIs(1)) << reply.status;
  }
}

TEST(CloudWatchMetrics, tells_what_cloudwatch_says_of_one) {
  AwsPeer peer(AwsPeer::Replies([](const AwsRequest&) -> HttpReply {
    return {.body =
                results(result("m0", {1}) +
                        "<member><Id>m1</Id><StatusCode>Forbidden</StatusCode><Messages><member>"
                        "<Code>c</Code><Value>not yours</Value></member></Messages></member>")};
  }));
  CloudWatchMetrics metrics(options(peer));
  EXPECT_THAT(ask(metrics, {metric("a"), metric("b")}),
              ElementsAre("1", "N b: CloudWatch says Forbidden: not yours"));
}

TEST(CloudWatchMetrics, asks_nothing_more_when_it_is_stopped) {
  std::stop_source stop;
  AwsPeer peer(AwsPeer::Replies([&](const AwsRequest& request) {
    stop.request_stop();
    return numbers(request);
  }));
  CloudWatchMetrics metrics(options(peer));
  auto longer = metric("2");
  longer["MetricAggregationTimeSlice"] = 600;
  EXPECT_THAT(ask(metrics, {metric("1"), longer}, stop.get_token()),
              ElementsAre("1", HasSubstr("broken off")));
  EXPECT_THAT(peer.requests(), SizeIs(1));
}

}  // namespace
}  // namespace sosw::cloud
