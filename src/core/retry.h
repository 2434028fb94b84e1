// SPDX-License-Identifier: MIT
// What becomes of a task whose attempt has ended without completion, and when it is tried again.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace sosw {

namespace json = boost::json;
struct Labourer;
enum class State : std::uint8_t;

struct RetryPolicy {
  enum class Kind : std::uint8_t { linear, fixed, exponential };
  enum class Jitter : std::uint8_t { none, full };
  Kind kind = Kind::linear;      // linear: base * attempts, as the original
  std::optional<double> base_s;  // absent: Labourer::retry_base_s
  double factor = 2;             // exponential: base * factor^(attempts - 1)
  double max_s = 86400;          // no delay is longer
  Jitter jitter = Jitter::none;  // full: uniform in [0, delay], after Exponential Backoff And
                                 // Jitter (AWS, 2015)
};

// Reads {"policy": ..., "base_s": ..., "factor": ..., "max_s": ..., "jitter": ...}. Errors:
// invalid, naming the key.
[[nodiscard]] Result<RetryPolicy> read_retry_policy(const json::object& config);

// Seconds to wait after attempt number `attempts` (1 = the first has just failed). `seed` decides
// the jitter.
[[nodiscard]] double retry_delay_s(const RetryPolicy& policy, double base_s, int attempts,
                                   std::uint64_t seed);

// The longest delay that the policy can give to this labourer: a due time further away than that
// comes from a clock that has been set back.
[[nodiscard]] double longest_retry_delay_s(const Labourer& labourer);

// Of one attempt, in every store the same: however often it is asked, and another for each attempt.
[[nodiscard]] std::uint64_t jitter_seed(std::string_view task_id, std::string_view claim,
                                        int attempts);

struct Fate {
  State state;       // retry or dead
  std::int64_t due;  // retry: epoch s of the next attempt, whole seconds as `int(now) + delay`
};

// The only place that decides it. `attempts` counts the one that has just ended.
[[nodiscard]] Fate fate_after_attempt(const Labourer& labourer, int attempts, Time now,
                                      std::uint64_t seed);

}  // namespace sosw
