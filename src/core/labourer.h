// SPDX-License-Identifier: MIT
// A labourer: a type of worker and everything that is configured about it.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/ecology.h"
#include "core/result.h"
#include "core/retry.h"
#include "core/time.h"

namespace sosw {

// How the end of an attempt without a report is noticed.
enum class Expiry : std::uint8_t {
  host,  // our own host runs the attempt and always tells its end; only a restart needs the stored
         // deadline
  deadline,  // nobody tells: when the deadline has passed, the attempt has expired and holds no
             // slot any more
};

// What becomes of an attempt that was running when the engine died.
enum class OnRestart : std::uint8_t {
  wait,         // it may still run: its deadline decides (http, arn)
  give_back,    // it died with the host: queued again, attempt not counted, up to kInterruptions
                // times
  use_attempt,  // it ran inside the engine and may have been what killed it: the attempt has failed
};

struct Labourer {
  std::string id;
  std::string arn;                       // of the function, when it has one
  int max_simultaneous_invocations = 1;  // 0 pauses
  int max_attempts = 3;
  int duration_s = 900;  // expiry = duration + cooldown after the claim
  int cooldown_s = 300;
  int timeout_s = 300;  // of the worker itself; `max_duration` in the original
  Expiry expiry = Expiry::deadline;
  OnRestart on_restart = OnRestart::wait;
  RetryPolicy retry;
  double retry_base_s =
      300;  // what the retry policy multiplies: see RetryPolicy; set by the engine
  std::map<std::string, HealthMetric> health_metrics;
  json::object settings;  // the whole merged configuration of the labourer, for the adapters
                          // (command, http, memory_mb...)
};

// Reads one entry of `labourers` (or `task_config.labourers`). `defaults` is the enclosing
// task_config: max_attempts, max_attempts_{id}, max_simultaneous_invocations. Accepts what the
// original accepted and what its documents show. Errors: invalid, for each mistake, naming
// labourer, key and the nearest known key.
[[nodiscard]] Result<Labourer> read_labourer(std::string id, const json::object& config,
                                             const json::object& defaults);

}  // namespace sosw
