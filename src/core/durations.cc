// SPDX-License-Identifier: MIT
#include "core/durations.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace sosw {

std::int64_t average_duration_s(std::span<const ClosedAttempts> tasks, double max_duration_s,
                                std::size_t newest, std::int64_t delta) {
  std::vector<ClosedAttempts> latest(tasks.begin(), tasks.end());
  std::stable_sort(latest.begin(), latest.end(),
                   [](const auto& a, const auto& b) { return a.greenfield > b.greenfield; });
  if (latest.size() > newest) latest.resize(newest);
  double sum = 0;
  double count = 0;
  for (const auto& task : latest) {
    if (task.completed_at.value_or(0) != 0) {
      sum += *task.completed_at - static_cast<double>(task.greenfield - delta);
      count += 1;
    } else {
      sum += max_duration_s * std::max(task.attempts, 0);
      count += std::max(task.attempts, 0);
    }
  }
  // The default rounding mode is to nearest, ties to even.
  return count > 0 ? static_cast<std::int64_t>(std::nearbyint(sum / count)) : 0;
}

}  // namespace sosw
