// SPDX-License-Identifier: MIT
// Expected values are what CPython 3.11 gives in the C locale.
#include "sdk/strptime.h"

#include <gtest/gtest.h>

#include <string>

#include "sosw/errors.h"

namespace sosw::sdk {
namespace {

using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

TEST(Strptime, ReadsDatesAndTimes) {
  EXPECT_EQ(strptime("2018-09-16", "%Y-%m-%d"), sys_days(year(2018) / 9 / 16));
  EXPECT_EQ(strptime("18-9-6", "%y-%m-%d"), sys_days(year(2018) / 9 / 6));
  EXPECT_EQ(strptime("69", "%y"), sys_days(year(1969) / 1 / 1));
  EXPECT_EQ(strptime("10:11:12.5", "%H:%M:%S.%f"),
            sys_days(year(1900) / 1 / 1) + 10h + 11min + 12s + 500ms);
  EXPECT_EQ(strptime("Sun, 16 SEP 2018", "%a, %d %b %Y"), sys_days(year(2018) / 9 / 16));
  EXPECT_EQ(strptime("Sunday September  6 2018", "%A %B %d %Y"), sys_days(year(2018) / 9 / 6));
  EXPECT_EQ(strptime("12:30 am", "%I:%M %p"), sys_days(year(1900) / 1 / 1) + 30min);
  EXPECT_EQ(strptime("01:30 PM", "%I:%M %p"), sys_days(year(1900) / 1 / 1) + 13h + 30min);
  EXPECT_EQ(strptime("Sun Sep 16 10:11:12 2018", "%c"),
            sys_days(year(2018) / 9 / 16) + 10h + 11min + 12s);
  EXPECT_EQ(strptime("09/16/18 10:11:12", "%x %X"),
            sys_days(year(2018) / 9 / 16) + 10h + 11min + 12s);
  EXPECT_EQ(strptime("100%2018", "100%%%Y"), sys_days(year(2018) / 1 / 1));
}

TEST(Strptime, ReadsDaysOfWeeksAndYears) {
  EXPECT_EQ(strptime("2018 259", "%Y %j"), sys_days(year(2018) / 9 / 16));
  EXPECT_EQ(strptime("2019 366", "%Y %j"), sys_days(year(2020) / 1 / 1));
  EXPECT_EQ(strptime("2018 37 0", "%Y %U %w"), sys_days(year(2018) / 9 / 16));
  EXPECT_EQ(strptime("2018 37 0", "%Y %W %w"), sys_days(year(2018) / 9 / 16));
  EXPECT_EQ(strptime("2018 0 0", "%Y %U %w"), sys_days(year(2017) / 12 / 31));
  EXPECT_EQ(strptime("2018-W37-7", "%G-W%V-%u"), sys_days(year(2018) / 9 / 16));
  EXPECT_EQ(strptime("2020-W53-5", "%G-W%V-%u"), sys_days(year(2021) / 1 / 1));
  EXPECT_THROW(strptime("2018-W53-1", "%G-W%V-%u"), ValueError);
  EXPECT_THROW(strptime("2018-W37", "%G-W%V"), ValueError);
  EXPECT_THROW(strptime("2018 37 1", "%Y %V %u"), ValueError);
}

TEST(Strptime, ReadsZonesWithoutApplyingThem) {
  for (const char* text : {"10 +0200", "10 -02:00", "10 +02:00:30.123", "10 +020030", "10 Z"})
    EXPECT_EQ(strptime(text, "%H %z"), sys_days(year(1900) / 1 / 1) + 10h) << text;
  for (const char* text : {"10 0200", "10 +02", "10 +02:0030", "10 +0299", "10 z"})
    EXPECT_THROW(strptime(text, "%H %z"), ValueError) << text;
  EXPECT_EQ(strptime("10 utc", "%H %Z"), sys_days(year(1900) / 1 / 1) + 10h);
}

TEST(Strptime, RefusesWhatIsNoDateInTheFormat) {
  for (const auto& [text, format] : std::initializer_list<std::pair<const char*, const char*>>{
           {"2019-02-29", "%Y-%m-%d"},
           {"29 Feb", "%d %b"},  // 1900 had none
           {"2018-13-01", "%Y-%m-%d"},
           {"2018-09-16x", "%Y-%m-%d"},
           {" 2018", "%Y"},
           {"0000", "%Y"},
           {"60", "%S"},
           {"24", "%H"},
           {"x", "%Q"},
           {"x", "%"},
           {"2018 2018", "%Y %Y"},
           {"", "%Y"}})
    EXPECT_THROW(strptime(text, format), ValueError) << text << " as " << format;
}

TEST(Strptime, TakesABlankForBlanks) {
  EXPECT_EQ(strptime("2018 \t 9", "%Y %m"), sys_days(year(2018) / 9 / 1));
  EXPECT_THROW(strptime("20189", "%Y %m"), ValueError);
  EXPECT_EQ(strptime("11 1", "%m%d"), sys_days(year(1900) / 11 / 1));  // a blank and a digit: a day
}

TEST(Strptime, IsNotLedIntoTheDepth) {
  EXPECT_THROW(strptime(std::string(2000, ' '), "%Y"), ValueError);
  EXPECT_THROW(strptime("x", std::string(2000, 'x')), ValueError);
  EXPECT_EQ(strptime(std::string(1000, 'x'), std::string(1000, 'x')), sys_days(year(1900) / 1 / 1));
}

}  // namespace
}  // namespace sosw::sdk
