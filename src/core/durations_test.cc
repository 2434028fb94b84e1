// SPDX-License-Identifier: MIT
#include "core/durations.h"

#include <gtest/gtest.h>

#include <vector>

namespace sosw {
namespace {

ClosedAttempts took(double seconds, std::int64_t claimed_at = 1'600'000'000) {
  return {claimed_at + kInvocationDelta, static_cast<double>(claimed_at) + seconds, 1};
}

std::int64_t average(std::vector<ClosedAttempts> tasks, std::size_t newest = 10) {
  return average_duration_s(tasks, 300, newest);
}

TEST(AverageDuration, RoundsTiesToTheEvenSecond) {
  EXPECT_EQ(average({}), 0);
  EXPECT_EQ(average({took(10)}), 10);
  EXPECT_EQ(average({took(1), took(2)}), 2);
  EXPECT_EQ(average({took(2), took(3)}), 2);
  EXPECT_EQ(average({took(1.5)}), 2);
  EXPECT_EQ(average({took(0), took(0), took(1)}), 0);
  EXPECT_EQ(average({took(-40)}), -40);
}

TEST(AverageDuration, ADeadTaskCountsForEachAttempt) {
  EXPECT_EQ(average({{1, std::nullopt, 3}}), 300);
  EXPECT_EQ(average({took(10), took(20), {1, std::nullopt, 3}}), 186);
  EXPECT_EQ(average({{1, std::nullopt, 0}}), 0);
  EXPECT_EQ(average({{1, 0.0, 2}}), 300);
}

TEST(AverageDuration, TakesTheNewest) {
  std::vector<ClosedAttempts> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(took(i, 1'600'000'000 + i));
  EXPECT_EQ(average(tasks, 3), 18);
}

TEST(AverageDuration, OtherDelta) {
  const ClosedAttempts task = {1548905000, 1548900030.0, 1};
  EXPECT_EQ(average_duration_s({&task, 1}, 300, 10, 5000), 30);
}

}  // namespace
}  // namespace sosw
