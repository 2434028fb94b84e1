// SPDX-License-Identifier: MIT
#include "core/ecology.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "core/config_reader.h"

namespace sosw {
namespace {

struct ComparisonName {
  std::string_view symbol;
  std::string_view name;
  std::string_view method;
  Comparison comparison;
};
constexpr std::array<ComparisonName, 6> kComparisons = {{
    {"<", "lt", "__lt__", Comparison::lt},
    {"<=", "le", "__le__", Comparison::le},
    {"==", "eq", "__eq__", Comparison::eq},
    {"!=", "ne", "__ne__", Comparison::ne},
    {">=", "ge", "__ge__", Comparison::ge},
    {">", "gt", "__gt__", Comparison::gt},
}};

std::optional<int> status_of(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  int status = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), status);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  if (status < kWorstHealth || status > kBestHealth) return std::nullopt;
  return status;
}

// Reads {"4": 25, "3": 50}.
Result<std::map<int, double>> read_by_status(const std::string& where, const json::object& config) {
  ConfigReader reader(where, config);
  std::map<int, double> values;
  for (const auto& [key, value] : config) {
    const auto status = status_of(key);
    if (!status)
      reader.fail(invalid(fmt::format("{}: '{}' is no status", where, std::string_view(key)),
                          "statuses: 0 (Bad), 1 (Poor), 2 (Moderate), 3 (Good), 4 (High)"));
    else if (!value.is_number())
      reader.fail(invalid(fmt::format("{}: status {} must have a number, found {}", where, *status,
                                      described(value))));
    else
      values[*status] = value.to_number<double>();
  }
  if (reader.failed()) return *reader.failed();
  return values;
}

// Whether a better status than the one with `target` takes all its values away.
bool hidden(double better, Comparison comparison, double target) {
  switch (comparison) {
    case Comparison::lt:
    case Comparison::le:
      return target < better;
    case Comparison::gt:
    case Comparison::ge:
      return target > better;
    case Comparison::eq:
    case Comparison::ne:
      return false;
  }
  return false;
}

}  // namespace

std::string_view health_name(int status) {
  static constexpr std::array<std::string_view, 5> kNames = {"Bad", "Poor", "Moderate", "Good",
                                                             "High"};
  return status >= kWorstHealth && status <= kBestHealth ? kNames[status] : "unknown";
}

std::optional<Comparison> comparison_named(std::string_view text) {
  for (const auto& known : kComparisons)
    if (text == known.symbol || text == known.name || text == known.method) return known.comparison;
  return std::nullopt;
}

bool holds(double value, Comparison comparison, double target) {
  switch (comparison) {
    case Comparison::lt:
      return value < target;
    case Comparison::le:
      return value <= target;
    case Comparison::eq:
      return value == target;
    case Comparison::ne:
      return value != target;
    case Comparison::ge:
      return value >= target;
    case Comparison::gt:
      return value > target;
  }
  return false;
}

Result<HealthMetric> read_health_metric(std::string_view where, const json::object& config) {
  ConfigReader reader{std::string(where), config};
  HealthMetric metric;
  for (const std::string_view key : {"details", "feelings", "feeling_comparison_operator"})
    if (!reader.value(key)) reader.fail(key, "is missing");
  if (const auto* details = reader.object("details")) {
    metric.details = *details;
    // The documents of the original show `Name`, CloudWatch wants `MetricName`.
    if (const auto* alias = details->if_contains("Name");
        alias && !details->contains("MetricName")) {
      metric.details["MetricName"] = *alias;
      metric.details.erase("Name");
    }
  }
  if (const auto* feelings = reader.object("feelings")) {
    if (const auto read = read_by_status(fmt::format("{}: feelings", where), *feelings))
      metric.feelings.insert(read->begin(), read->end());
    else
      reader.fail(read.error());
  }
  bool comparable = false;
  if (const auto text = reader.text("feeling_comparison_operator")) {
    const auto comparison = comparison_named(*text);
    comparable = comparison.has_value();
    if (comparison)
      metric.comparison = *comparison;
    else
      reader.fail("feeling_comparison_operator", fmt::format("'{}' is no comparison", *text),
                  "known: < <= == != >= >, or lt le eq ne ge gt");
  }
  if (const auto* no_data = reader.value("no_data");
      no_data && !(no_data->is_string() && no_data->get_string() == "last")) {
    const auto status = no_data->is_string()  ? status_of(no_data->get_string())
                        : no_data->is_int64() ? status_of(std::to_string(no_data->get_int64()))
                                              : std::nullopt;
    if (status)
      metric.no_data = status;
    else
      reader.fail("no_data", "must be 'last' or a status 0 to 4, found " + described(*no_data));
  }
  const std::pair<const int, double>* better = nullptr;
  for (const auto& feeling : metric.feelings) {
    if (better && comparable && hidden(better->second, metric.comparison, feeling.second))
      reader.fail(invalid(
          fmt::format("{}: status {} ({}) can never be reached behind status {} ({})", where,
                      feeling.first, feeling.second, better->first, better->second),
          "feelings are compared from the best status down: each next one must be easier to "
          "fulfil"));
    better = &feeling;
  }
  if (auto read = reader.finish(); !read) return read.error();
  return metric;
}

int health(double value, const HealthMetric& metric) {
  for (const auto& [status, target] : metric.feelings)
    if (holds(value, metric.comparison, target)) return status;
  return kWorstHealth;
}

Result<Coefficients> read_coefficients(const json::object& config) {
  auto coefficients = read_by_status("invocation_number_coefficient", config);
  if (coefficients) coefficients->merge(Coefficients{{0, 0}, {1, 0}, {2, 0.5}, {3, 0.75}, {4, 1}});
  return coefficients;
}

int allowed_invocations(int limit, int status, const Coefficients& coefficients) {
  const auto found = coefficients.find(status);
  if (found == coefficients.end()) return 0;
  const double allowed = std::floor(limit * found->second);
  if (!(allowed > 0)) return 0;
  constexpr int kMost = std::numeric_limits<int>::max();
  return allowed >= kMost ? kMost : static_cast<int>(allowed);
}

}  // namespace sosw
