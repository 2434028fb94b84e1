// SPDX-License-Identifier: MIT
// How long a worker takes on average.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/greenfield.h"

namespace sosw {

struct ClosedAttempts {
  std::int64_t greenfield = 0;         // of the last claim
  std::optional<double> completed_at;  // epoch s; absent or 0: the task died
  int attempts = 0;
};

// Whole seconds, ties to the even one; 0 without tasks. Of the tasks the `newest` ones by
// greenfield are taken (the original took the oldest of what it had fetched); a dead task counts
// `max_duration_s` for each of its attempts.
[[nodiscard]] std::int64_t average_duration_s(std::span<const ClosedAttempts> tasks,
                                              double max_duration_s, std::size_t newest,
                                              std::int64_t delta = kInvocationDelta);

}  // namespace sosw
