// SPDX-License-Identifier: MIT
// Section 7 of the storage protocol, written so that nothing overflows.
#include "core/greenfield.h"

#include <algorithm>

#include "core/guard.h"

namespace sosw {

std::optional<Positions> allocate_tail(bool queue_empty, std::int64_t newest, std::int64_t tail,
                                       std::int64_t rows, std::int64_t step) {
  const std::int64_t from = queue_empty                     ? step
                            : SOSW_GUARD(behind_the_newest) ? std::max(tail, newest)
                                                            : tail;
  if (from < kWideStepCeiling && rows <= (kWideStepCeiling - from) / step)
    return Positions{from + step, step};
  if (SOSW_GUARD(room_below_the_ceiling) &&
      (from > kPositionCeiling || rows > kPositionCeiling - from))
    return std::nullopt;
  return Positions{from + 1, 1};
}

Positions allocate_head(std::optional<std::int64_t> oldest, std::int64_t rows, std::int64_t step) {
  return {oldest.value_or(step) - (SOSW_GUARD(before_the_oldest) ? rows : 0), 1};
}

Phase classify(std::int64_t greenfield, bool completed, std::int64_t start, std::int64_t expiry_s,
               std::int64_t delta) {
  if (completed) return Phase::completed;
  if (greenfield < start) return Phase::queued;
  return greenfield - start <= delta - expiry_s ? Phase::expired : Phase::running;
}

}  // namespace sosw
