// SPDX-License-Identifier: MIT
// Delays, in doubles that saturate.
#include "core/retry.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/config_reader.h"
#include "core/guard.h"
#include "core/labourer.h"
#include "core/sha256.h"
#include "core/task.h"

namespace sosw {
namespace {

constexpr double kLongestDelay = 366.0 * 86400;  // seconds

// Uniform in [0, 1): one output of SplitMix64 (Steele, Lea, Flood 2014).
double uniform(std::uint64_t seed) {
  std::uint64_t z = seed + 0x9e3779b97f4a7c15;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
  z = (z ^ z >> 27) * 0x94d049bb133111eb;
  z ^= z >> 31;
  return static_cast<double>(z >> 11) * 0x1p-53;
}

double undithered_delay_s(const RetryPolicy& policy, double base_s, int attempts) {
  const double base = policy.base_s.value_or(base_s);
  const double n = std::max(attempts, 0);
  double delay = base;
  if (policy.kind == RetryPolicy::Kind::linear) delay = base * n;
  // A power of more than a double gives infinity, and 0 * infinity no number: nothing times
  // anything is no delay.
  if (policy.kind == RetryPolicy::Kind::exponential)
    delay = base > 0 ? base * std::pow(policy.factor, std::max(n - 1, 0.0)) : 0;
  return std::clamp(delay, 0.0, policy.max_s);
}

}  // namespace

Result<RetryPolicy> read_retry_policy(const json::object& config) {
  ConfigReader reader("retry", config);
  RetryPolicy policy;
  if (const auto kind = reader.choice("policy", {"linear", "fixed", "exponential"}))
    policy.kind = static_cast<RetryPolicy::Kind>(*kind);
  policy.base_s = reader.number("base_s", 0, kLongestDelay);
  policy.factor = reader.number("factor", 1, 1e6).value_or(policy.factor);
  policy.max_s = reader.number("max_s", 0, kLongestDelay).value_or(policy.max_s);
  if (const auto jitter = reader.choice("jitter", {"none", "full"}))
    policy.jitter = static_cast<RetryPolicy::Jitter>(*jitter);
  if (auto read = reader.finish(); !read) return read.error();
  return policy;
}

double retry_delay_s(const RetryPolicy& policy, double base_s, int attempts, std::uint64_t seed) {
  const double delay = undithered_delay_s(policy, base_s, attempts);
  return policy.jitter == RetryPolicy::Jitter::full ? delay * uniform(seed) : delay;
}

double longest_retry_delay_s(const Labourer& labourer) {
  return undithered_delay_s(labourer.retry, labourer.retry_base_s,
                            std::max(labourer.max_attempts - 1, 1));
}

std::uint64_t jitter_seed(std::string_view task_id, std::string_view claim, int attempts) {
  const auto digest = sha256(fmt::format("{}:{}:{}", task_id, claim, attempts));
  std::uint64_t seed = 0;
  for (std::size_t i = 0; i < sizeof(seed); ++i) seed = seed << 8 | digest[i];
  return seed;
}

Fate fate_after_attempt(const Labourer& labourer, int attempts, Time now, std::uint64_t seed) {
  if (SOSW_GUARD(attempts_end) && attempts >= labourer.max_attempts) return {State::dead, 0};
  const double delay = retry_delay_s(labourer.retry, labourer.retry_base_s, attempts, seed);
  return {State::retry, epoch_seconds(now) + static_cast<std::int64_t>(std::ceil(delay))};
}

}  // namespace sosw
