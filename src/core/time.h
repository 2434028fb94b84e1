// SPDX-License-Identifier: MIT
// Points in time. Core and engine never ask a clock: time is an argument.
#pragma once

#include <chrono>
#include <cmath>
#include <cstdint>

namespace sosw {

// Microseconds since 1970-01-01 UTC, leap seconds not counted.
using Time = std::chrono::sys_time<std::chrono::microseconds>;

// Whole seconds, rounded down: what `int(time.time())` gives in the original.
inline std::int64_t epoch_seconds(Time t) {
  return std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count();
}
// Seconds with fraction, as in `created_at`.
inline double epoch(Time t) { return std::chrono::duration<double>(t.time_since_epoch()).count(); }

// To the nearest microsecond. REQUIRES: |seconds| < 9e12.
inline Time from_epoch(double seconds) {
  return Time{std::chrono::microseconds{std::llround(seconds * 1e6)}};
}
inline Time after(Time t, double seconds) {
  return t + std::chrono::microseconds{std::llround(seconds * 1e6)};
}

}  // namespace sosw
