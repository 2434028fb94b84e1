// SPDX-License-Identifier: MIT
#include "engine/scheduler.h"

#include "engine/engine_fixture.h"

namespace sosw::engine {
namespace {

class SchedulerTest : public EngineTest {
 protected:
  SchedulerTest() { labourers_.emplace("w", labourer("w")); }
  Result<JobRows> plan(std::string_view event) {
    return Scheduler::plan(settings_, labourers_, json::parse(event), clock_.now());
  }
  std::string refused(std::string_view event) {
    const auto rows = plan(event);
    EXPECT_FALSE(rows) << event;
    return rows ? "" : rows.error().text();
  }

  Scheduler::Settings settings_;
};

TEST_F(SchedulerTest, TheTimeZoneOfAJobIsASettingAndNoData) {
  const auto rows = plan(R"({"lambda_name": "w", "timezone": "UTC", "period": "today", "k": 1})");
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(rows->description().at("time_zone"), "UTC");
  EXPECT_EQ(rows->summary().first,
            std::vector<std::string>{R"({"k": 1, "date_list": ["2026-11-18"]})"});
  EXPECT_TRUE(plan(R"({"lambda_name": "w", "timezone": null})"));
  EXPECT_EQ(refused(R"({"lambda_name": "w", "timezone": 5})"), "timezone: a text is expected");
  EXPECT_EQ(refused(R"({"lambda_name": "w", "timezone": "Europe/Berlin"})"),
            "timezone 'Europe/Berlin' is not known here\n  known: UTC");
}

TEST_F(SchedulerTest, TheHomeSaysWhatDayItIsInAZone) {
  settings_.today = [](std::string_view zone, Time) -> Result<Date> {
    if (zone != "Asia/Tokyo") return invalid("no such zone");
    return parse_iso_date("2026-11-19");
  };
  const auto rows = plan(R"({"lambda_name": "w", "timezone": "Asia/Tokyo", "period": "today"})");
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(rows->description().at("time_zone"), "Asia/Tokyo");
  EXPECT_EQ(rows->summary().first, std::vector<std::string>{R"({"date_list": ["2026-11-19"]})"});
  EXPECT_EQ(refused(R"({"lambda_name": "w", "timezone": "Mars"})"), "no such zone");
}

TEST_F(SchedulerTest, AJobNamesItsSchema) {
  settings_.schemas =
      json::parse(R"({"job_schema_variants": {"by_word": {"chunkable_attrs": [["word", {}]]}}})")
          .as_object();
  const auto rows = plan(
      R"({"lambda_name": "w", "job_schema_name": "by_word", "words": ["a", "b"], "isolate_words": 1})");
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(rows->count(), 2);
  const auto by_default = plan(
      R"({"lambda_name": "w", "job_schema_name": 5, "words": ["a", "b"], "isolate_words": 1})");
  ASSERT_TRUE(by_default) << by_default.error().text();
  EXPECT_EQ(by_default->count(), 1);
  EXPECT_EQ(refused(R"({"lambda_name": "w", "job_schema_name": "by_wrod"})"),
            "unknown job_schema_name 'by_wrod'\n  did you mean 'by_word'?");
}

TEST_F(SchedulerTest, WhatIsNoJobIsRefusedAndNothingIsStored) {
  Scheduler scheduler(store_, clock_, nullptr, settings_);
  const auto refused = scheduler.schedule(labourers_, json::array(), "key");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_TRUE(store_.jobs(std::nullopt, 10)->empty());
}

}  // namespace
}  // namespace sosw::engine
