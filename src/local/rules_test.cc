// SPDX-License-Identifier: MIT
// Schedules against AWS's documented examples, summer time, the ends of months and years; the
// timer.
#include "local/rules.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "local/file.h"

namespace sosw::local {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Time at(std::string_view text) {
  const auto time = utc_time(text);
  EXPECT_TRUE(time) << text;
  return time.value_or(Time{});
}

// The next `count` times in UTC.
std::vector<std::string> times(std::string_view schedule, std::string_view zone,
                               std::string_view after, int count) {
  const auto parsed = Schedule::parse(schedule, zone);
  if (!parsed) return {parsed.error().text()};
  std::vector<std::string> out;
  Time t = at(after);
  for (int i = 0; i < count; ++i) {
    const auto next = parsed->next(t);
    if (!next) {
      out.push_back("never");
      break;
    }
    out.push_back(utc_text(*next));
    t = *next;
  }
  return out;
}

struct Example {
  const char* schedule;
  const char* after;
  const char* next;
};

class Examples : public ::testing::TestWithParam<Example> {};

TEST_P(Examples, next) {
  const Example& example = GetParam();
  EXPECT_THAT(times(example.schedule, "UTC", example.after, 1), ElementsAre(example.next))
      << example.schedule;
}

INSTANTIATE_TEST_SUITE_P(
    documented_by_aws, Examples,
    ::testing::Values(
        Example{"cron(0 10 * * ? *)", "2026-11-24T10:00:00Z", "2026-11-25T10:00:00Z"},
        Example{"cron(15 12 * * ? *)", "2026-11-24T10:00:00Z", "2026-11-24T12:15:00Z"},
        Example{"cron(0 18 ? * MON-FRI *)", "2026-11-27T18:00:00Z", "2026-11-30T18:00:00Z"},
        Example{"cron(0 8 1 * ? *)", "2026-11-24T10:00:00Z", "2026-12-01T08:00:00Z"},
        Example{"cron(0/15 * * * ? *)", "2026-11-24T10:15:00Z", "2026-11-24T10:30:00Z"},
        Example{"cron(0/10 * ? * MON-FRI *)", "2026-11-27T23:50:00Z", "2026-11-30T00:00:00Z"},
        Example{"cron(0/5 8-17 ? * MON-FRI *)", "2026-11-24T17:55:00Z", "2026-11-25T08:00:00Z"},
        Example{"cron(0/30 20-2 ? * MON-FRI *)", "2026-11-24T02:30:00Z", "2026-11-24T20:00:00Z"},
        Example{"cron(15 10 ? * 6L 2022-2023)", "2022-02-01T00:00:00Z", "2022-02-25T10:15:00Z"},
        Example{"cron(15 10 ? * 6L 2022-2023)", "2023-12-29T10:15:00Z", "never"},
        Example{"cron(0 9 ? * 2#1 *)", "2026-11-24T10:00:00Z", "2026-12-07T09:00:00Z"},
        Example{"cron(1/10 * * * ? *)", "2026-11-24T10:11:00Z", "2026-11-24T10:21:00Z"},
        Example{"rate(1 minute)", "2026-11-24T10:00:00Z", "2026-11-24T10:01:00Z"},
        Example{"rate(5 minutes)", "2026-11-24T10:02:59Z", "2026-11-24T10:05:00Z"},
        Example{"rate(1 hour)", "2026-11-24T10:00:00Z", "2026-11-24T11:00:00Z"},
        Example{"rate(7 days)", "1970-01-05T00:00:00Z", "1970-01-08T00:00:00Z"}));

INSTANTIATE_TEST_SUITE_P(
    ends_of_months_and_years, Examples,
    ::testing::Values(
        Example{"cron(0 0 L * ? *)", "2027-02-01T00:00:00Z", "2027-02-28T00:00:00Z"},
        Example{"cron(0 0 L * ? *)", "2028-02-01T00:00:00Z", "2028-02-29T00:00:00Z"},
        Example{"cron(0 0 L * ? *)", "2026-12-31T00:00:00Z", "2027-01-31T00:00:00Z"},
        Example{"cron(0 0 31 * ? *)", "2026-08-31T00:00:00Z", "2026-10-31T00:00:00Z"},
        Example{"cron(0 0 29 2 ? *)", "2096-02-29T00:00:00Z", "2104-02-29T00:00:00Z"},
        Example{"cron(0 0 30 2 ? *)", "2026-01-01T00:00:00Z", "never"},
        Example{"cron(59 23 31 12 ? *)", "2026-12-31T23:59:00Z", "2027-12-31T23:59:00Z"},
        Example{"cron(59 23 31 12 ? 2199)", "2199-12-31T23:58:59Z", "2199-12-31T23:59:00Z"},
        Example{"cron(59 23 31 12 ? 2199)", "2199-12-31T23:59:00Z", "never"},
        Example{"cron(0 0 1 JAN ? *)", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"}));

INSTANTIATE_TEST_SUITE_P(
    letters, Examples,
    ::testing::Values(
        // 1 August 2026 is a Saturday, 2 August a Sunday, 31 October a Saturday, 31 May a Sunday.
        Example{"cron(0 0 1W * ? *)", "2026-07-31T00:00:00Z", "2026-08-03T00:00:00Z"},
        Example{"cron(0 0 2W * ? *)", "2026-07-31T00:00:00Z", "2026-08-03T00:00:00Z"},
        Example{"cron(0 0 15W * ? *)", "2026-08-02T00:00:00Z", "2026-08-14T00:00:00Z"},
        Example{"cron(0 0 31W * ? *)", "2026-10-01T00:00:00Z", "2026-10-30T00:00:00Z"},
        Example{"cron(0 0 31W * ? *)", "2026-05-01T00:00:00Z", "2026-05-29T00:00:00Z"},
        Example{"cron(0 0 31W 4-5 ? *)", "2026-04-01T00:00:00Z", "2026-05-29T00:00:00Z"},
        Example{"cron(0 0 LW * ? *)", "2026-10-01T00:00:00Z", "2026-10-30T00:00:00Z"},
        Example{"cron(0 0 ? * L *)", "2026-11-24T00:00:00Z", "2026-11-28T00:00:00Z"},
        Example{"cron(0 0 ? * FRIL *)", "2026-11-01T00:00:00Z", "2026-11-27T00:00:00Z"},
        Example{"cron(0 0 ? * 2#5 *)", "2026-09-01T00:00:00Z", "2026-11-30T00:00:00Z"},
        Example{"cron(0 0 ? * fri-MON *)", "2026-11-24T00:00:00Z", "2026-11-27T00:00:00Z"},
        Example{"cron(0 0 ? * fri-MON *)", "2026-11-30T00:00:00Z", "2026-12-04T00:00:00Z"},
        Example{"cron(0 0 1,L,15W * ? *)", "2026-11-02T00:00:00Z", "2026-11-16T00:00:00Z"},
        Example{"cron(5,10-20/5,50/5 0 * * ? *)", "2026-11-24T00:20:00Z", "2026-11-24T00:50:00Z"},
        Example{"cron( 0  8 ? NOV-FEB/2 MON 2026/2 )", "2026-11-30T08:00:00Z",
                "2028-01-03T08:00:00Z"}));

TEST(Schedule, follows_the_time_zone) {
  EXPECT_THAT(times("cron(0 8 ? * MON-FRI *)", "Europe/Berlin", "2026-11-24T00:00:00Z", 1),
              ElementsAre("2026-11-24T07:00:00Z"));
  EXPECT_THAT(times("cron(0 8 ? * MON-FRI *)", "Europe/Berlin", "2026-07-24T00:00:00Z", 1),
              ElementsAre("2026-07-24T06:00:00Z"));
  // The day of the week is the local one: Sunday evening in UTC is Monday in Tokyo.
  EXPECT_THAT(times("cron(0 5 ? * MON *)", "Asia/Tokyo", "2026-11-22T19:00:00Z", 1),
              ElementsAre("2026-11-22T20:00:00Z"));
  EXPECT_THAT(times("cron(30 0 1 1 ? *)", "Asia/Kolkata", "2026-12-01T00:00:00Z", 1),
              ElementsAre("2026-12-31T19:00:00Z"));
}

TEST(Schedule, leaves_out_what_summer_time_skips) {
  // Berlin: 2027-03-28, 02:00 becomes 03:00. New York: 2027-03-14.
  EXPECT_THAT(times("cron(30 2 * * ? *)", "Europe/Berlin", "2027-03-27T00:00:00Z", 3),
              ElementsAre("2027-03-27T01:30:00Z", "2027-03-29T00:30:00Z", "2027-03-30T00:30:00Z"));
  EXPECT_THAT(times("cron(30 2 * * ? *)", "America/New_York", "2027-03-13T00:00:00Z", 2),
              ElementsAre("2027-03-13T07:30:00Z", "2027-03-15T06:30:00Z"));
  EXPECT_THAT(times("cron(0/30 * * * ? *)", "Europe/Berlin", "2027-03-28T00:00:00Z", 3),
              ElementsAre("2027-03-28T00:30:00Z", "2027-03-28T01:00:00Z", "2027-03-28T01:30:00Z"));
  EXPECT_THAT(times("cron(0 3 * * ? *)", "Europe/Berlin", "2027-03-28T00:59:00Z", 1),
              ElementsAre("2027-03-28T01:00:00Z"));
}

TEST(Schedule, fires_once_for_what_comes_twice_in_autumn) {
  // Berlin: 2026-10-25, 03:00 becomes 02:00 again. New York: 2026-11-01, 02:00 becomes 01:00.
  EXPECT_THAT(times("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T00:00:00Z", 2),
              ElementsAre("2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"));
  EXPECT_THAT(times("cron(30 1 * * ? *)", "America/New_York", "2026-11-01T05:00:00Z", 2),
              ElementsAre("2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"));
  // Asked in the second pass as well.
  EXPECT_THAT(times("cron(30 2 * * ? *)", "Europe/Berlin", "2026-10-25T01:10:00Z", 1),
              ElementsAre("2026-10-26T01:30:00Z"));
  EXPECT_THAT(times("cron(0/30 * * * ? *)", "Europe/Berlin", "2026-10-25T00:00:00Z", 2),
              ElementsAre("2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"));
  // A rate knows no summer time.
  EXPECT_THAT(times("rate(30 minutes)", "Europe/Berlin", "2026-10-25T00:30:00Z", 2),
              ElementsAre("2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"));
}

TEST(Schedule, a_day_that_a_zone_has_left_out_does_not_happen) {
  // Samoa went from 29 to 31 December 2011.
  EXPECT_THAT(times("cron(0 12 * * ? *)", "Pacific/Apia", "2011-12-29T00:00:00Z", 2),
              ElementsAre("2011-12-29T22:00:00Z", "2011-12-30T22:00:00Z"));
}

TEST(Schedule, is_strictly_growing_through_a_year_of_every_zone_kind) {
  for (const char* zone :
       {"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"}) {
    const auto schedule = Schedule::parse("cron(7/13 * * * ? *)", zone);
    ASSERT_TRUE(schedule) << schedule.error().text();
    Time t = at("2026-01-01T00:00:00Z");
    int count = 0;
    while (t < at("2027-01-01T00:00:00Z")) {
      const auto next = schedule->next(t);
      ASSERT_TRUE(next);
      ASSERT_GT(*next, t);
      // Asking from anywhere in between gives the same answer.
      ASSERT_EQ(schedule->next(*next - std::chrono::microseconds{1}), next);
      t = *next;
      ++count;
    }
    // Five an hour; a zone with summer time loses an hour in spring and one in autumn.
    EXPECT_GE(count, 365 * 24 * 5 - 10) << zone;
    EXPECT_LE(count, 365 * 24 * 5 + 5) << zone;
  }
}

TEST(Schedule, says_what_is_wrong_and_how_to_mend_it) {
  const auto error = [](std::string_view text, std::string_view zone = "UTC") {
    const auto schedule = Schedule::parse(text, zone);
    return schedule ? std::string("accepted") : schedule.error().text();
  };
  EXPECT_THAT(error("cron(0 8 * * MON *)"),
              HasSubstr("exactly one of day-of-month and day-of-week must be ?"));
  EXPECT_THAT(error("cron(0 8 ? * ? *)"), HasSubstr("exactly one"));
  EXPECT_THAT(error("cron(0 8 * *)"), HasSubstr("six fields, these are 4"));
  EXPECT_THAT(error("cron(60 8 * * ? *)"), HasSubstr("minutes: '60'"));
  EXPECT_THAT(error("cron(0 24 * * ? *)"), HasSubstr("hours takes 0-23"));
  EXPECT_THAT(error("cron(0 8 ? * MOM *)"), HasSubstr("day-of-week takes 1-7 or SUN-SAT"));
  EXPECT_THAT(error("cron(0 8 ? * 0 *)"), HasSubstr("day-of-week: '0'"));
  EXPECT_THAT(error("cron(0 8 20-10 * ? *)"), HasSubstr("runs backwards"));
  EXPECT_THAT(error("cron(0 8 1, * ? *)"), HasSubstr("day-of-month: ''"));
  EXPECT_THAT(error("cron(0/0 8 * * ? *)"), HasSubstr("step"));
  EXPECT_THAT(error("cron(0 8 ? * 3#6 *)"), HasSubstr("1-5 after the #"));
  EXPECT_THAT(error("cron(0 8 ? * 3#1,6#3 *)"), HasSubstr("nothing else"));
  EXPECT_THAT(error("cron(0 8 * * ? 1969)"), HasSubstr("year takes 1970-2199"));
  EXPECT_THAT(error("rate(5 minute)"), HasSubstr("written 'minutes'"));
  EXPECT_THAT(error("rate(1 hours)"), HasSubstr("written 'hour'"));
  EXPECT_THAT(error("rate(0 minutes)"), HasSubstr("at least 1"));
  EXPECT_THAT(error("rate(5 weeks)"), HasSubstr("unknown unit 'weeks'"));
  EXPECT_THAT(error("rate(99999999999 minutes)"), HasSubstr("whole number"));
  EXPECT_THAT(error("every(5 minutes)"), HasSubstr("'every' is not known"));
  EXPECT_THAT(error(""), HasSubstr("neither rate(...) nor cron(...)"));
  EXPECT_THAT(error("cron(0 8 * * ? *)", "Europe/Berlim"),
              HasSubstr("unknown time zone 'Europe/Berlim'"));
}

class Timer : public ::testing::Test {
 protected:
  Timer() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sosw-rules-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Timer() override { std::filesystem::remove_all(folder_); }

  static Rule rule(std::string name, std::string schedule, CatchUp catch_up = CatchUp::last,
                   int limit = 100) {
    Rule rule;
    rule.name = std::move(name);
    rule.schedule_text = std::move(schedule);
    rule.schedule = Schedule::parse(rule.schedule_text).value();
    rule.catch_up = catch_up;
    rule.catch_up_limit = limit;
    return rule;
  }
  RuleTimer open(std::vector<Rule> rules, std::string_view now) {
    auto timer = RuleTimer::open(folder_ / "rules.json", std::move(rules), at(now));
    EXPECT_TRUE(timer) << (timer ? "" : timer.error().text());
    return *std::move(timer);
  }
  static std::vector<std::string> keys(const std::vector<Firing>& firings) {
    std::vector<std::string> out;
    out.reserve(firings.size());
    for (const Firing& firing : firings) out.push_back(firing.job_key);
    return out;
  }
  std::filesystem::path folder_;
};

TEST_F(Timer, a_new_rule_counts_from_now_on) {
  auto timer = open({rule("hourly", "rate(1 hour)")}, "2026-11-24T10:30:00Z");
  EXPECT_THAT(timer.due(at("2026-11-24T10:59:59Z")), IsEmpty());
  EXPECT_EQ(timer.next(at("2026-11-24T10:59:59Z")), at("2026-11-24T11:00:00Z"));
  const auto due = timer.due(at("2026-11-24T11:00:00Z"));
  EXPECT_THAT(keys(due), ElementsAre("rule hourly 2026-11-24T11:00:00Z"));
  EXPECT_THAT(keys(timer.due(at("2026-11-24T11:00:01Z"))),
              ElementsAre("rule hourly 2026-11-24T11:00:00Z"));
  ASSERT_TRUE(timer.fired(due[0]));
  EXPECT_THAT(timer.due(at("2026-11-24T11:00:02Z")), IsEmpty());
  EXPECT_EQ(timer.next(at("2026-11-24T11:00:02Z")), at("2026-11-24T12:00:00Z"));
}

TEST_F(Timer, makes_up_for_what_was_missed_as_the_rule_says) {
  const std::vector<Rule> rules = {
      rule("left_out", "rate(1 hour)", CatchUp::none), rule("newest", "rate(1 hour)"),
      rule("two", "rate(1 hour)", CatchUp::all, 2), rule("every", "rate(1 hour)", CatchUp::all)};
  open(rules, "2026-11-24T10:30:00Z");
  auto timer = open(rules, "2026-11-24T13:30:00Z");
  const auto due = timer.due(at("2026-11-24T13:30:00Z"));
  EXPECT_THAT(keys(due),
              ElementsAre("rule every 2026-11-24T11:00:00Z", "rule two 2026-11-24T12:00:00Z",
                          "rule every 2026-11-24T12:00:00Z", "rule newest 2026-11-24T13:00:00Z",
                          "rule two 2026-11-24T13:00:00Z", "rule every 2026-11-24T13:00:00Z"));
  EXPECT_EQ(due[0].left_out, 0);
  EXPECT_EQ(due[1].left_out, 1);
  EXPECT_EQ(due[3].left_out, 2);
  EXPECT_EQ(due[4].left_out, 0);
  for (const auto& firing : due) ASSERT_TRUE(timer.fired(firing));
  EXPECT_THAT(timer.due(at("2026-11-24T13:59:00Z")), IsEmpty());
  EXPECT_EQ(timer.next(at("2026-11-24T13:59:00Z")), at("2026-11-24T14:00:00Z"));
  // On time, that is within a minute, `none` fires as well.
  EXPECT_EQ(timer.due(at("2026-11-24T14:00:30Z")).size(), 4);
}

TEST_F(Timer, a_restart_between_firing_and_noting_it_repeats_the_same_key) {
  const std::vector<Rule> rules = {rule("daily", "cron(0 8 * * ? *)")};
  auto timer = open(rules, "2026-11-23T12:00:00Z");
  const auto before = keys(timer.due(at("2026-11-24T08:00:00Z")));
  auto again = open(rules, "2026-11-24T09:00:00Z");
  const auto due = again.due(at("2026-11-24T09:00:00Z"));
  EXPECT_EQ(keys(due), before);
  ASSERT_TRUE(again.fired(due.at(0)));
  EXPECT_THAT(open(rules, "2026-11-24T10:00:00Z").due(at("2026-11-24T10:00:00Z")), IsEmpty());
}

TEST_F(Timer, a_clock_set_back_repeats_keys_and_makes_no_new_ones) {
  auto timer = open({rule("hourly", "rate(1 hour)")}, "2026-11-24T10:30:00Z");
  const auto first = timer.due(at("2026-11-24T12:00:00Z"));
  ASSERT_TRUE(timer.fired(first.at(0)));
  EXPECT_THAT(timer.due(at("2026-11-24T11:30:00Z")), IsEmpty());
  EXPECT_EQ(keys(timer.due(at("2026-11-24T12:00:00Z"))),
            keys(timer.due(at("2026-11-24T12:30:00Z"))));
  EXPECT_EQ(timer.next(at("2026-11-24T11:30:00Z")), at("2026-11-24T12:00:00Z"));
}

TEST_F(Timer, another_schedule_counts_from_now_on) {
  open({rule("r", "cron(0 8 * * ? *)")}, "2026-11-24T00:00:00Z");
  EXPECT_THAT(
      open({rule("r", "rate(1 minute)")}, "2026-11-24T10:00:00Z").due(at("2026-11-24T10:00:00Z")),
      IsEmpty());
}

TEST_F(Timer, a_rule_switched_off_does_not_fire_nor_make_up_for_it_later) {
  auto off = rule("r", "rate(1 minute)");
  open({off}, "2026-11-24T00:00:00Z");
  off.enabled = false;
  auto timer = open({off}, "2026-11-24T01:00:00Z");
  EXPECT_THAT(timer.due(at("2026-11-24T02:00:00Z")), IsEmpty());
  EXPECT_EQ(timer.next(at("2026-11-24T02:00:00Z")), std::nullopt);
  off.enabled = true;
  EXPECT_THAT(open({off}, "2026-11-24T03:00:00Z").due(at("2026-11-24T03:00:30Z")), IsEmpty());
}

TEST_F(Timer, a_file_that_it_cannot_read_is_an_error) {
  ASSERT_TRUE(replace_file(folder_ / "rules.json", "{\"r\": {\"last\": \"yesterday\"}}"));
  const auto broken = RuleTimer::open(folder_ / "rules.json", {rule("r", "rate(1 hour)")}, Time{});
  ASSERT_FALSE(broken);
  EXPECT_EQ(broken.error().code, Code::corrupt);
  ASSERT_TRUE(replace_file(folder_ / "rules.json", ""));
  EXPECT_FALSE(RuleTimer::open(folder_ / "rules.json", {rule("r", "rate(1 hour)")}, Time{}));
  const auto nowhere = RuleTimer::open(folder_ / "none" / "rules.json", {}, Time{});
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, Code::not_found);
}

}  // namespace
}  // namespace sosw::local
