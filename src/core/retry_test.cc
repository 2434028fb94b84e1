// SPDX-License-Identifier: MIT
#include "core/retry.h"

#include <gtest/gtest.h>

#include <limits>

#include "core/labourer.h"
#include "core/task.h"

namespace sosw {
namespace {

using Kind = RetryPolicy::Kind;

RetryPolicy policy(Kind kind) {
  RetryPolicy p;
  p.kind = kind;
  return p;
}

TEST(RetryDelay, LinearIsBaseTimesAttempts) {
  EXPECT_EQ(retry_delay_s(policy(Kind::linear), 300, 0, 1), 0);
  EXPECT_EQ(retry_delay_s(policy(Kind::linear), 300, 1, 1), 300);
  EXPECT_EQ(retry_delay_s(policy(Kind::linear), 12.5, 10, 1), 125);
  EXPECT_EQ(retry_delay_s(policy(Kind::linear), 300, -1, 1), 0);
}

TEST(RetryDelay, ThePolicysOwnBaseWins) {
  auto p = policy(Kind::linear);
  p.base_s = 7;
  EXPECT_EQ(retry_delay_s(p, 300, 2, 1), 14);
}

TEST(RetryDelay, FixedAndExponential) {
  EXPECT_EQ(retry_delay_s(policy(Kind::fixed), 30, 9, 1), 30);
  auto p = policy(Kind::exponential);
  EXPECT_EQ(retry_delay_s(p, 10, 1, 1), 10);
  EXPECT_EQ(retry_delay_s(p, 10, 2, 1), 20);
  EXPECT_EQ(retry_delay_s(p, 10, 5, 1), 160);
  p.factor = 1.5;
  EXPECT_EQ(retry_delay_s(p, 10, 3, 1), 22.5);
}

TEST(RetryDelay, NeverLongerThanItsCapHoweverManyAttempts) {
  constexpr int kMost = std::numeric_limits<int>::max();
  for (const auto kind : {Kind::linear, Kind::fixed, Kind::exponential}) {
    EXPECT_LE(retry_delay_s(policy(kind), 300, kMost, 1), 86400);
    EXPECT_LE(retry_delay_s(policy(kind), 1e300, kMost, 1), 86400);
    EXPECT_EQ(retry_delay_s(policy(kind), 0, kMost, 1), 0);
  }
}

TEST(RetryDelay, FullJitterIsUniformAndDecidedByTheSeed) {
  auto p = policy(Kind::fixed);
  p.jitter = RetryPolicy::Jitter::full;
  double sum = 0;
  double least = 100;
  double most = 0;
  constexpr int kSeeds = 10'000;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    const double delay = retry_delay_s(p, 100, 1, seed);
    EXPECT_EQ(delay, retry_delay_s(p, 100, 1, seed));
    sum += delay;
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_NEAR(sum / kSeeds, 50, 1.5);
  EXPECT_GE(least, 0);
  EXPECT_LT(least, 1);
  EXPECT_GT(most, 99);
  EXPECT_LT(most, 100);
}

TEST(Fate, RetryUntilAttemptsAreUsedUp) {
  Labourer labourer;
  labourer.max_attempts = 3;
  labourer.retry_base_s = 60;
  const Time now = from_epoch(1548928800.75);
  const auto first = fate_after_attempt(labourer, 1, now, 1);
  EXPECT_EQ(first.state, State::retry);
  EXPECT_EQ(first.due, 1548928860);
  EXPECT_EQ(fate_after_attempt(labourer, 2, now, 1).due, 1548928920);
  EXPECT_EQ(fate_after_attempt(labourer, 3, now, 1).state, State::dead);
  EXPECT_EQ(fate_after_attempt(labourer, 4, now, 1).state, State::dead);
}

TEST(Fate, NoDelayIsLongerThanTheLongest) {
  for (const auto kind : {Kind::linear, Kind::fixed, Kind::exponential})
    for (const int limit : {1, 2, 5, 40}) {
      Labourer labourer;
      labourer.retry.kind = kind;
      labourer.retry_base_s = 10;
      labourer.max_attempts = limit;
      const Time now = from_epoch(1.6e9);
      for (int attempts = 0; attempts < limit; ++attempts)
        EXPECT_LE(fate_after_attempt(labourer, attempts, now, 1).due - epoch_seconds(now),
                  longest_retry_delay_s(labourer));
    }
}

TEST(JitterSeed, IsOfOneAttempt) {
  const std::string task(32, 'a');
  const std::uint64_t seed = jitter_seed(task, "c1", 1);
  EXPECT_EQ(jitter_seed(task, "c1", 1), seed);
  EXPECT_NE(jitter_seed(task, "c2", 1), seed);
  EXPECT_NE(jitter_seed(task, "c1", 2), seed);
  EXPECT_NE(jitter_seed(std::string(32, 'b'), "c1", 1), seed);
}

TEST(ReadRetryPolicy, ReadsAllKeys) {
  const auto read = read_retry_policy({{"policy", "exponential"},
                                       {"base_s", 5},
                                       {"factor", 3},
                                       {"max_s", 600},
                                       {"jitter", "full"}});
  ASSERT_TRUE(read);
  EXPECT_EQ(read->kind, Kind::exponential);
  EXPECT_EQ(read->base_s, 5);
  EXPECT_EQ(read->factor, 3);
  EXPECT_EQ(read->max_s, 600);
  EXPECT_EQ(read->jitter, RetryPolicy::Jitter::full);
  const auto defaults = read_retry_policy({});
  ASSERT_TRUE(defaults);
  EXPECT_EQ(defaults->kind, Kind::linear);
  EXPECT_FALSE(defaults->base_s);
}

TEST(ReadRetryPolicy, NamesWhatIsWrong) {
  const auto complaint = [](const json::object& config) {
    const auto read = read_retry_policy(config);
    return read ? std::string("accepted") : read.error().text();
  };
  EXPECT_EQ(complaint({{"policy", "exponentail"}}),
            "retry: policy must be one of linear, fixed, exponential, found 'exponentail'\n"
            "  did you mean 'exponential'?");
  EXPECT_EQ(complaint({{"base", 5}}), "retry: unknown key 'base'\n  did you mean 'base_s'?");
  EXPECT_EQ(complaint({{"max_s", -1}}), "retry: max_s must be between 0 and 31622400, found -1");
  EXPECT_EQ(complaint({{"factor", "2"}}), "retry: factor must be a number, found the text '2'");
}

}  // namespace
}  // namespace sosw
