// SPDX-License-Identifier: MIT
#include "cli/essential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sosw/helpers.h"

namespace sosw::cli {
namespace {

using cloud::Essential;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(EssentialFunction, IsChosenByItsHandlerElseByItsName) {
  EXPECT_EQ(*chosen_essential("sosw_scavenger", "x"), Essential::scavenger);
  EXPECT_EQ(*chosen_essential("scheduler.handler", "sosw_orchestrator"), Essential::scheduler);
  // As the templates of the original call all of them.
  EXPECT_EQ(*chosen_essential("app.lambda_handler", "sosw_worker_assistant"),
            Essential::worker_assistant);
  EXPECT_EQ(*chosen_essential("app.lambda_handler", "dev-sosw_orchestrator-2"),
            Essential::orchestrator);
  const auto none = chosen_essential("app.lambda_handler", "my_function");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text(), HasSubstr("sosw_worker_assistant"));
}

// D-23: what comes twice is accepted once, and what only looks alike is not taken for it.
TEST(EssentialFunction, KnowsAJobThatComesAgain) {
  const auto keys = [](std::string_view text) {
    const auto event = json::parse(text).as_object();
    return keys_of(event, unwrap_event_recursively(event), "r-1");
  };
  EXPECT_THAT(keys(R"({"lambda_name": "f"})"), ElementsAre("r-1"));
  EXPECT_THAT(keys(R"({"lambda_name": "f", "id": "customer 5"})"), ElementsAre("r-1"));
  EXPECT_THAT(keys(R"({"id": "mine", "job": {"lambda_name": "f", "id": "customer 5"}})"),
              ElementsAre("mine"));
  EXPECT_THAT(keys(R"({"id": "", "job": {"lambda_name": "f"}})"), ElementsAre("r-1"));
  EXPECT_THAT(keys(R"({"id": 7, "job": {"lambda_name": "f"}})"), ElementsAre("r-1"));
  EXPECT_THAT(keys(R"({"id": "e-1", "detail-type": "Scheduled Event", "lambda_name": "f"})"),
              ElementsAre("e-1"));
  const auto queued = [](std::string_view id, std::string_view body) {
    return json::serialize(
        json::object{{"eventSource", "aws:sqs"}, {"messageId", id}, {"body", body}});
  };
  EXPECT_THAT(keys(R"({"Records": [)" + queued("m-1", R"({"lambda_name": "f"})") + "," +
                   queued("m-2", R"({"id": "mine", "job": {"lambda_name": "f"}})") + "]}"),
              ElementsAre("m-1", "mine"));
  EXPECT_THAT(keys(R"({"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "s-1",
                       "Message": "{\"lambda_name\": \"f\"}"}}]})"),
              ElementsAre("s-1"));
}

TEST(EssentialFunction, ReportsInTheEmbeddedMetricFormat) {
  cloud::RunReport run;
  run.started = 7;
  run.skip("f", "no such function");
  const Time began = from_epoch(1'795'000'000);
  const auto line = report_of(Essential::orchestrator, run, 3, began, after(began, 1.5));
  EXPECT_EQ(line.at("started"), 7);
  EXPECT_EQ(line.at("duration_ms"), 1500);
  EXPECT_EQ(line.at("skipped").at(0).at("labourer_id"), "f");
  const auto& aws = line.at("_aws");
  EXPECT_EQ(aws.at("Timestamp"), 1'795'000'001'500);
  const auto& directive = aws.at("CloudWatchMetrics").at(0);
  EXPECT_EQ(directive.at("Namespace"), "sosw");
  EXPECT_EQ(directive.at("Dimensions"), json::parse(R"([["essential"]])"));
  EXPECT_EQ(line.at("essential"), "orchestrator");
  // Each metric and dimension that the directive names is a member of the line.
  for (const auto& metric : directive.at("Metrics").as_array())
    EXPECT_TRUE(line.at(metric.at("Name").as_string()).is_number());
}

}  // namespace
}  // namespace sosw::cli
