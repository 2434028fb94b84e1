// SPDX-License-Identifier: MIT
#include "core/greenfield.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace sosw {
namespace {

std::int64_t last(const Positions& p, std::int64_t rows) { return p.first + p.step * (rows - 1); }

TEST(AllocateTail, FirstTasksAsTheOriginal) {
  const auto first = allocate_tail(true, 0, 0, 1);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->first, 2000);
  const auto second = allocate_tail(false, 2000, 2000, 3);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->first, 3000);
  EXPECT_EQ(second->step, 1000);
}

TEST(AllocateTail, KeepsBehindBothTheQueueAndTheTail) {
  EXPECT_EQ(allocate_tail(false, 7000, 5000, 1)->first, 8000);
  EXPECT_EQ(allocate_tail(false, 5000, 7000, 1)->first, 8000);
  EXPECT_EQ(allocate_tail(false, -12, -20, 1)->first, 988);
}

TEST(AllocateTail, AnEmptyQueueStartsAnew) {
  EXPECT_EQ(allocate_tail(true, 1'499'999'999, 1'500'000'000, 1)->first, 2000);
}

TEST(AllocateTail, OtherStep) {
  EXPECT_EQ(allocate_tail(true, 0, 0, 1, 10)->first, 20);
  EXPECT_EQ(allocate_tail(true, 0, 0, 1, kWideStepCeiling)->first, kWideStepCeiling + 1);
}

TEST(AllocateTail, NarrowsAtTheWideCeiling) {
  // 999,999 rows of step 1000 behind 1000 end exactly at the wide ceiling.
  EXPECT_EQ(last(*allocate_tail(true, 0, 0, 999'999), 999'999), kWideStepCeiling);
  const auto narrow = allocate_tail(true, 0, 0, 1'000'000);
  EXPECT_EQ(narrow->step, 1);
  EXPECT_EQ(narrow->first, 1001);
  EXPECT_EQ(allocate_tail(false, kWideStepCeiling, 0, 1)->step, 1);
}

TEST(AllocateTail, NoRoomAboveTheCeiling) {
  EXPECT_EQ(last(*allocate_tail(false, kPositionCeiling - 5, 0, 5), 5), kPositionCeiling);
  EXPECT_FALSE(allocate_tail(false, kPositionCeiling - 5, 0, 6));
  EXPECT_FALSE(allocate_tail(false, kPositionCeiling, 0, 1));
  EXPECT_FALSE(allocate_tail(false, kPositionCeiling + 100, 0, 1));
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  EXPECT_FALSE(allocate_tail(true, 0, 0, kMost));
  EXPECT_FALSE(allocate_tail(false, -kMost / 2, -kMost / 2, kMost));
}

// The queue never runs empty: rows keep their order and never reach a clock, for as many rows as
// the protocol promises.
TEST(AllocateTail, HundredsOfMillionsOfRowsWithoutTheQueueOnceBeingEmpty) {
  for (const std::int64_t batch : {1'000LL, 98LL * 7, 10'000LL, 1'000'003LL}) {
    std::int64_t tail = 0;
    std::int64_t made = 0;
    bool empty = true;
    while (const auto p = allocate_tail(empty, tail, tail, batch)) {
      ASSERT_GT(p->first, tail);
      ASSERT_GE(p->step, 1);
      tail = last(*p, batch);
      ASSERT_LE(tail, kPositionCeiling);
      made += batch;
      empty = false;
    }
    EXPECT_GT(made, 500'000'000) << batch;
  }
}

TEST(AllocateTail, RandomStatesKeepOrderAndCeiling) {
  std::mt19937_64 random(7);
  const auto up_to = [&](std::int64_t most) {
    return std::uniform_int_distribution<std::int64_t>(0, most)(random);
  };
  for (int i = 0; i < 200'000; ++i) {
    const bool empty = up_to(9) == 0;
    const auto newest = up_to(kPositionCeiling + 1000) - 500;
    const auto tail = up_to(kPositionCeiling);
    const auto rows = 1 + up_to(up_to(1) ? 100 : kPositionCeiling);
    const auto step = 1 + up_to(2000);
    const auto p = allocate_tail(empty, newest, tail, rows, step);
    if (!p) {
      // There was no room indeed.
      ASSERT_GT((empty ? step : std::max(newest, tail)) + rows, kPositionCeiling);
      continue;
    }
    ASSERT_TRUE(p->step == step || p->step == 1);
    ASSERT_LE(last(*p, rows), kPositionCeiling);
    ASSERT_GT(p->first, empty ? 0 : std::max(newest, tail));
  }
}

TEST(AllocateHead, BelowTheOldestInOrderOfDueTime) {
  EXPECT_EQ(allocate_head(5000, 3).first, 4997);
  EXPECT_EQ(last(allocate_head(5000, 3), 3), 4999);
  EXPECT_EQ(allocate_head(std::nullopt, 2).first, 998);
  EXPECT_EQ(allocate_head(std::nullopt, 2, 50).first, 48);
  EXPECT_EQ(allocate_head(-4, 2).first, -6);
}

TEST(Classify, HalfOpenRanges) {
  constexpr std::int64_t kStart = 1'700'000'000;
  constexpr std::int64_t kLimit = kStart + kInvocationDelta - 1200;
  EXPECT_EQ(classify(kStart - 1, false, kStart, 1200), Phase::queued);
  EXPECT_EQ(classify(-3, false, kStart, 1200), Phase::queued);
  EXPECT_EQ(classify(kStart, false, kStart, 1200), Phase::expired);
  EXPECT_EQ(classify(kLimit, false, kStart, 1200), Phase::expired);
  EXPECT_EQ(classify(kLimit + 1, false, kStart, 1200), Phase::running);
  EXPECT_EQ(classify(kStart + kInvocationDelta, false, kStart, 1200), Phase::running);
  EXPECT_EQ(classify(kStart + kInvocationDelta, true, kStart, 1200), Phase::completed);
  EXPECT_EQ(classify(2000, true, kStart, 1200), Phase::completed);
}

}  // namespace
}  // namespace sosw
