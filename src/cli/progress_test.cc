// SPDX-License-Identifier: MIT
// The line of a run.
#include "cli/progress.h"

#include <gtest/gtest.h>

namespace sosw::cli {
namespace {

constexpr Screen kPipe{};
constexpr Screen kTerminal{true, false, 80};

TEST(Progress, TellsHowFarAndHowLong) {
  EXPECT_EQ(progress_line({1204, 0, 3, 1650}, 210.0, kPipe),
            " 42%  1204 done  3 running  1647 waiting  210/s  8 s to go");
  EXPECT_EQ(progress_line({10, 4, 0, 0}, std::nullopt, kPipe),
            "100%  6 done  4 dead  0 running  0 waiting");
  EXPECT_EQ(progress_line({0, 0, 0, 0}, std::nullopt, kPipe), "  0%  0 done  0 running  0 waiting");
}

TEST(Progress, IsNeverCompleteBeforeTheEnd) {
  EXPECT_EQ(progress_line({999'999, 0, 1, 1}, 1.0, kPipe).substr(0, 4), " 99%");
}

TEST(Progress, DrawsABarWhereThereIsRoom) {
  const std::string line = progress_line({50, 0, 2, 50}, 10.0, kTerminal);
  EXPECT_EQ(line.substr(0, 1), "[");
  EXPECT_LT(columns(line), 80);
  const auto full = std::count(line.begin(), line.end(), '#');
  EXPECT_NEAR(static_cast<double>(full), static_cast<double>(line.find(']') - 1) / 2, 1);
}

TEST(Progress, FitsANarrowTerminal) {
  for (int width = 10; width < 90; ++width) {
    const Screen screen{true, false, width};
    EXPECT_LT(columns(progress_line({1'000'000, 55, 20, 12'345'678}, 0.3, screen)), width);
  }
}

TEST(Rate, KnowsNothingAtFirst) {
  Rate rate;
  EXPECT_FALSE(rate.per_second());
  rate.observe(100, 5);
  EXPECT_FALSE(rate.per_second());
  rate.observe(100, 6);
  EXPECT_FALSE(rate.per_second());
  rate.observe(300, 7);
  EXPECT_DOUBLE_EQ(rate.per_second().value(), 200);
}

TEST(Rate, FollowsAChangeOfSpeed) {
  Rate rate;
  std::int64_t closed = 0;
  double at = 0;
  for (; at < 60; at += 0.2) rate.observe(closed += 20, at);
  EXPECT_NEAR(rate.per_second().value(), 100, 1);
  for (; at < 120; at += 0.2) rate.observe(closed += 2, at);
  EXPECT_NEAR(rate.per_second().value(), 10, 1);
}

TEST(Rate, ReadsWell) {
  EXPECT_EQ(rate_text(0.512), "0.5/s");
  EXPECT_EQ(rate_text(12.3), "12/s");
  EXPECT_EQ(rate_text(999.4), "999/s");
  EXPECT_EQ(rate_text(4210), "4.2k/s");
  EXPECT_EQ(rate_text(127'800), "128k/s");
  EXPECT_EQ(rate_text(2'500'000), "2.5M/s");
}

}  // namespace
}  // namespace sosw::cli
