// SPDX-License-Identifier: MIT
// How well the systems behind a worker feel, and how many invocations they can bear.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace sosw {

namespace json = boost::json;

// Eco statuses of the original: 0 Bad, 1 Poor, 2 Moderate, 3 Good, 4 High.
inline constexpr int kWorstHealth = 0;
inline constexpr int kBestHealth = 4;
[[nodiscard]] std::string_view health_name(int status);

enum class Comparison { lt, le, eq, ne, ge, gt };
// Symbols (<=), names (le) and Python's method names (__le__). nullopt: none of these.
[[nodiscard]] std::optional<Comparison> comparison_named(std::string_view text);
[[nodiscard]] bool holds(double value, Comparison comparison, double target);

struct HealthMetric {
  json::object details;  // where the value comes from; the metric source reads it
  std::map<int, double, std::greater<>> feelings;  // status -> target, best status first
  Comparison comparison = Comparison::le;
  std::optional<int>
      no_data;  // status when there is no value; absent: the last known for 10 minutes, then 2
};

// Errors: invalid (what, where): unknown operator, status outside 0..4, targets in an order that
// makes one unreachable.
[[nodiscard]] Result<HealthMetric> read_health_metric(std::string_view where,
                                                      const json::object& config);

// The first status, from the best down, whose comparison `value OP target` holds; none: 0.
[[nodiscard]] int health(double value, const HealthMetric& metric);

// Coefficients {status: share of the limit}; defaults {0: 0, 1: 0, 2: 0.5, 3: 0.75, 4: 1}; keys may
// be numbers or text.
using Coefficients = std::map<int, double>;
[[nodiscard]] Result<Coefficients> read_coefficients(const json::object& config);

// Invocations that may run at a time: floor(limit * coefficient of the status).
[[nodiscard]] int allowed_invocations(int limit, int status, const Coefficients& coefficients);

}  // namespace sosw
