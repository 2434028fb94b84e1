// SPDX-License-Identifier: MIT
#include "cli/essential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sosw::cli {
namespace {

using cloud::Essential;
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
