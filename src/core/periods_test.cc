// SPDX-License-Identifier: MIT
#include "core/periods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

namespace sosw {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::HasSubstr;

Date date(std::string_view text) { return *parse_iso_date(text); }

std::vector<std::string> dates(std::string_view period, std::string_view today,
                               const Periods& periods = {}) {
  const auto result = periods.dates(period, date(today));
  EXPECT_TRUE(result) << result.error().text();
  return result ? *result : std::vector<std::string>();
}

Error refused(std::string_view period, const Periods& periods = {}) {
  const auto result = periods.dates(period, date("2026-11-24"));
  EXPECT_FALSE(result) << period;
  return result ? Error() : result.error();
}

TEST(Periods, OfTheOriginal) {
  EXPECT_THAT(dates("last_2_days", "2019-03-01"), ElementsAre("2019-02-27", "2019-02-28"));
  EXPECT_THAT(dates("last_0_days", "2019-03-01"), ElementsAre());
  EXPECT_THAT(dates("0_days_back", "2019-03-01"), ElementsAre("2019-03-01"));
  EXPECT_THAT(dates("366_days_back", "2021-01-01"), ElementsAre("2020-01-01"));
  EXPECT_THAT(dates("yesterday", "2020-03-01"), ElementsAre("2020-02-29"));
  EXPECT_THAT(dates("today_x", "2020-03-01"), ElementsAre("2020-03-01"));  // a prefix is enough
  EXPECT_THAT(dates("previous_2_days", "2019-04-30"), ElementsAre("2019-04-26", "2019-04-27"));
}

TEST(Periods, LastWeekEndsOnASaturdayAtLeastTwoDaysAgo) {
  for (Date today = date("2026-11-01"); today < date("2026-12-31"); today += days(1)) {
    const auto week = *Periods().dates("last_week", today);
    ASSERT_EQ(week.size(), 7U);
    EXPECT_EQ(std::chrono::weekday(date(week.front())), std::chrono::Sunday);
    const auto ago = (today - date(week.back())).count();
    EXPECT_TRUE(ago >= 2 && ago <= 8) << iso_date(today);
    EXPECT_EQ(date(Periods().dates("previous_week", today)->back()) + days(1), date(week.front()));
  }
  EXPECT_EQ(dates("last_week", "2026-11-22").front(), "2026-11-08");  // a Sunday: D-49
  EXPECT_EQ(dates("last_week", "2026-11-23").front(), "2026-11-15");
}

TEST(Periods, SmartIsDenseNearYesterday) {
  EXPECT_THAT(dates("smart_1_of_9_days_back", "2026-11-24"), ElementsAre("2026-11-23"));
  // 1 + 9 (i/3)^2 = 1, 2, 5, 10
  EXPECT_THAT(dates("smart_4_of_10_days_back", "2026-11-24"),
              ElementsAre("2026-11-14", "2026-11-19", "2026-11-22", "2026-11-23"));
  // 1, 1.5, 3 -> 1, 2, 3
  EXPECT_EQ(dates("smart_3_of_3_days_back", "2026-11-24"), dates("last_3_days", "2026-11-24"));
}

TEST(Periods, SmartTakesXDifferentDaysOfTheLastY) {
  const auto today = date("2026-11-24");
  for (int y = 1; y <= 40; ++y)
    for (int x = 1; x <= y; ++x) {
      const auto taken = *Periods().dates(
          "smart_" + std::to_string(x) + "_of_" + std::to_string(y) + "_days_back", today);
      ASSERT_EQ(taken.size(), static_cast<std::size_t>(x));
      EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end()));
      EXPECT_EQ(std::adjacent_find(taken.begin(), taken.end()), taken.end()) << x << " of " << y;
      EXPECT_EQ(taken.back(), "2026-11-23");
      EXPECT_GE(date(taken.front()), today - days(y)) << x << " of " << y;
    }
  EXPECT_THAT(refused("smart_0_of_5_days_back").message, HasSubstr("0 of 5"));
  EXPECT_THAT(refused("smart_6_of_5_days_back").message, HasSubstr("6 of 5"));
  EXPECT_THAT(refused("smart_2_of_900000_days_back").message, HasSubstr("beyond the years"));
}

TEST(Periods, UnknownOnesAreNamedWithTheNearest) {
  const auto error = refused("last_weak");
  EXPECT_EQ(error.message, "unknown period 'last_weak'");
  EXPECT_THAT(error.hint, HasSubstr("did you mean 'last_week'?"));
  EXPECT_THAT(error.hint,
              HasSubstr("known: last_X_days, X_days_back, yesterday, today, previous_X_days"));
  EXPECT_THAT(refused("last_17_dais").hint, HasSubstr("did you mean 'last_X_days'?"));
  EXPECT_THAT(refused("7_dais_back").hint, HasSubstr("did you mean 'X_days_back'?"));
  EXPECT_THAT(refused(" last_2_days").message, HasSubstr("unknown"));
  EXPECT_THAT(refused("").message, HasSubstr("unknown"));
  EXPECT_THAT(refused(std::string(100'000, 'a')).message, HasSubstr("unknown"));
}

TEST(Periods, RefusesWhatTheCalendarOrMemoryCannotHold) {
  EXPECT_THAT(refused("900000_days_back").message, HasSubstr("beyond the years"));
  EXPECT_THAT(refused("last_99999999999999999999999_days").message, HasSubstr("beyond the years"));
  EXPECT_THAT(refused("last_9000000000000000000_days").message, HasSubstr("beyond the years"));
  EXPECT_THAT(refused("previous_500000_days").message, HasSubstr("beyond the years"));
  EXPECT_THAT(refused("last_100001_days").message, HasSubstr("100001 dates"));
  EXPECT_THAT(refused("smart_100001_of_200000_days_back").message, HasSubstr("100001 dates"));
  EXPECT_EQ(dates("last_100000_days", "2026-11-24").size(), 100'000U);
  EXPECT_EQ(dates("700000_days_back", "2026-11-24").front(), "0110-05-13");
}

TEST(Periods, CustomPatterns) {
  const auto periods = Periods::from_config(json::parse(
      R"([ "last_week", {"fortnight": {"from": -14, "to": -1, "step": 7}, "next_[0-9]+": {"from": 1, "to": 2}}])"));
  ASSERT_TRUE(periods) << periods.error().text();
  EXPECT_THAT(dates("fortnight", "2026-11-24", *periods), ElementsAre("2026-11-10", "2026-11-17"));
  EXPECT_THAT(dates("next_5", "2026-11-24", *periods), ElementsAre("2026-11-25", "2026-11-26"));
  EXPECT_THAT(refused("the_next_5", *periods).hint, HasSubstr("fortnight"));
  const auto far = Periods::from_config(json::parse(R"({"far": {"from": 1, "to": 9999999}})"));
  ASSERT_TRUE(far);
  EXPECT_THAT(refused("far", *far).message, HasSubstr("beyond the years"));
  const auto names = Periods::from_config(json::parse(R"(["my_period"])"));
  ASSERT_TRUE(names);
  EXPECT_EQ(dates("today", "2026-11-24", *names).size(), 1U);
  EXPECT_THAT(refused("my_period", *names).message, HasSubstr("not built in"));
}

TEST(Periods, CustomPatternsThatMeanNothingAreRefused) {
  for (const auto* config :
       {R"("my_period")", "[5]", R"({"a": 1})", R"({"a": {"from": 1}})",
        R"({"a": {"from": "1", "to": 2}})", R"({"a": {"from": 2, "to": 1}})",
        R"({"a": {"from": -9223372036854775808, "to": 2}})",
        R"({"a": {"from": 1, "to": 10000000}})", R"({"a": {"from": 1, "to": 2, "step": "x"}})",
        R"({"a": {"from": 1, "to": 2, "step": 0}})", R"({"a(": {"from": 1, "to": 2}})",
        R"({"a": {"from": 1, "to": 2, "stepp": 1}})"}) {
    const auto periods = Periods::from_config(json::parse(config));
    ASSERT_FALSE(periods) << config;
    EXPECT_THAT(periods.error().message, HasSubstr("custom_period_patterns"));
  }
  EXPECT_TRUE(Periods::from_config(nullptr));
  EXPECT_TRUE(Periods::from_config(json::array()));
}

TEST(Dates, BetweenIncludesBothEnds) {
  EXPECT_THAT(*dates_between(date("2024-02-28"), date("2024-03-01")),
              ElementsAre("2024-02-28", "2024-02-29", "2024-03-01"));
  EXPECT_THAT(*dates_between(date("2024-02-28"), date("2024-02-28")), ElementsAre("2024-02-28"));
  EXPECT_FALSE(dates_between(date("2024-03-01"), date("2024-02-28")));
  EXPECT_FALSE(dates_between(date("0001-01-01"), date("9999-12-31")));
}

TEST(Dates, AreReadStrictly) {
  for (const auto* text :
       {"", "2024-2-28", "2024-02-30", "2023-02-29", "20240228", "2024-02-28 ", "2024/02-28",
        "2024-02/28", "0000-01-01", "+024-01-01", "2024-02--1", "2024-00-01", "abcd-ef-gh"})
    EXPECT_FALSE(parse_iso_date(text)) << text;
  EXPECT_EQ(iso_date(date("0001-01-01")), "0001-01-01");
  EXPECT_EQ(iso_date(date("9999-12-31")), "9999-12-31");
}

}  // namespace
}  // namespace sosw
