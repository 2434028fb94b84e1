// SPDX-License-Identifier: MIT
// Arithmetic of the greenfield: one number that is a position in the queue before the claim and a
// time after it.
#pragma once

#include <cstdint>
#include <optional>

namespace sosw {

// A claimed task's greenfield is claim time + this (365.25 days), so it sorts behind every queued
// one.
inline constexpr std::int64_t kInvocationDelta = 31'557'600;
inline constexpr std::int64_t kTaskStep = 1000;
// Positions stay below this constant, hence below every clock since July 2017, and can never look
// like a time.
inline constexpr std::int64_t kPositionCeiling = 1'500'000'000;
inline constexpr std::int64_t kWideStepCeiling = 1'000'000'000;

struct Positions {
  std::int64_t first;  // of row 0
  std::int64_t step;   // row i is at first + i * step
};

// Where `rows` new rows go. `queue_empty`: the labourer has no queued row; `newest`: largest
// position in the queue; `tail`: last one ever given out. nullopt: no room below the ceiling before
// the queue has been empty once. Protocol section 7. `step` is greenfield_task_step (wide step) of
// the configuration.
// REQUIRES: rows > 0, 0 < step <= kWideStepCeiling.
[[nodiscard]] std::optional<Positions> allocate_tail(bool queue_empty, std::int64_t newest,
                                                     std::int64_t tail, std::int64_t rows,
                                                     std::int64_t step = kTaskStep);

// Where `rows` tasks that are due again go, in order of due time: oldest - rows ... oldest - 1.
// `oldest`: smallest position in the queue; nullopt: the queue is empty, which counts as `step`.
[[nodiscard]] Positions allocate_head(std::optional<std::int64_t> oldest, std::int64_t rows,
                                      std::int64_t step = kTaskStep);

// What a row of the original's tables is by its numbers alone, at `start` (epoch s).
enum class Phase : std::uint8_t {
  queued,     // greenfield < start
  expired,    // start <= greenfield <= start + delta - expiry
  running,    // above that
  completed,  // completed_at is set, wherever the greenfield is
};
// `expiry_s`: duration + cooldown of the labourer. The original counts a task on the upper boundary
// as expired and as running; here each row is one thing.
[[nodiscard]] Phase classify(std::int64_t greenfield, bool completed, std::int64_t start,
                             std::int64_t expiry_s, std::int64_t delta = kInvocationDelta);

}  // namespace sosw
