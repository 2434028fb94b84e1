// SPDX-License-Identifier: MIT
// The file `health`: status of a labourer and what it allows.
#include <algorithm>
#include <cmath>
#include <map>

#include "areas.h"
#include "core/ecology.h"
#include "core/json_text.h"
#include "core/labourer.h"

namespace sosw::golden {

namespace {

// The class of Python's error for what is wrong with a metric.
std::string error_class(const json::object& config) {
  if (!config.contains("details") || !config.contains("feelings")) return "KeyError";
  const auto* comparison = config.if_contains("feeling_comparison_operator");
  if (!comparison || !comparison->is_string()) return "TypeError";
  if (!comparison_named(comparison->get_string())) return "AttributeError";
  for (const auto& [status, target] : config.at("feelings").as_object())
    if (!target.is_number()) return "TypeError";
  return "ValueError";
}

Answer get_health(const Case& what) {
  const auto& value = what.in("value");
  const auto& config = what.in("metric").as_object();
  const auto metric = read_health_metric("metric", config);
  if (!metric) return Answer::error(error_class(config));
  if (value.is_bool()) return Answer::output(health(value.get_bool() ? 1 : 0, *metric));
  if (!value.is_number()) return Answer::error("TypeError");
  return Answer::output(health(value.to_number<double>(), *metric));
}

// What a metrics service's answer amounts to; nullopt: no data.
std::optional<double> folded(const json::array& datapoints, std::string_view statistic) {
  std::optional<double> result;
  for (const auto& point : datapoints) {
    const double value = point.at(statistic).to_number<double>();
    if (!result)
      result = value;
    else if (statistic == "Maximum")
      result = std::max(*result, value);
    else if (statistic == "Minimum")
      result = std::min(*result, value);
    else
      result = *result + value;
  }
  if (result && statistic == "Average") *result /= static_cast<double>(datapoints.size());
  return result;
}

constexpr int kNeutral = 2;  // without a value and without a last known one

Answer get_labourer_status(const Case& what) {
  int worst = kBestHealth;
  std::map<std::string, std::optional<double>> values;  // by details: one look at each
  const auto& series = what.in("cloudwatch_datapoints").as_array();
  for (const auto& [name, config] : what.in("health_metrics").as_object()) {
    const auto metric = read_health_metric(name, config.as_object());
    if (!metric) return Answer::error(error_class(config.as_object()));
    const auto key = json_text(metric->details);
    if (!values.contains(key)) {
      const auto* statistics = metric->details.if_contains("Statistics");
      const std::string_view statistic =
          statistics ? std::string_view(statistics->at(0).as_string()) : "Average";
      values[key] = folded(series.at(values.size()).as_array(), statistic);
    }
    const auto value = values[key];
    worst = std::min(worst, value ? health(*value, *metric) : metric->no_data.value_or(kNeutral));
  }
  return Answer::output({{"status", worst}});
}

json::object coefficients_of(const Case& what) {
  const auto* given = what.config.if_contains("invocation_number_coefficient");
  if (!given) return {};
  const auto* items = given->as_object().if_contains("items");
  if (!items) return given->as_object();
  json::object texts;
  for (const auto& pair : items->as_array()) texts[json_text(pair.at(0))] = pair.at(1);
  return texts;
}

Answer get_desired_invocation_number(const Case& what) {
  const auto& given = what.in("labourer_status");
  const json::value status = given.is_bool() ? json::value(given.get_bool() ? 1 : 0) : given;
  if (!status.is_int64() || status.get_int64() < kWorstHealth || status.get_int64() > kBestHealth)
    return Answer::error("StopIteration");
  const auto labourer = read_labourer(
      "f", {{"max_simultaneous_invocations", what.in("max_simultaneous_invocations")}},
      what.config);
  const auto coefficients = read_coefficients(coefficients_of(what));
  if (!labourer || !coefficients) return Answer::error("TypeError");
  const auto allowed = allowed_invocations(labourer->max_simultaneous_invocations,
                                           static_cast<int>(status.get_int64()), *coefficients);
  return Answer::output(std::max<std::int64_t>(allowed - what.in("running").as_int64(), 0));
}

// Rules
// --------------------------------------------------------------------------------------------

// The health of a value after the documents, written down a second time.
Answer documented_health(const Case& what) {
  static const std::map<std::string_view, std::string_view> kSymbols = {
      {"lt", "<"},      {"le", "<="},    {"eq", "=="},     {"ne", "!="},     {"ge", ">="},
      {"gt", ">"},      {"__lt__", "<"}, {"__le__", "<="}, {"__eq__", "=="}, {"__ne__", "!="},
      {"__ge__", ">="}, {"__gt__", ">"}, {"<", "<"},       {"<=", "<="},     {"==", "=="},
      {"!=", "!="},     {">=", ">="},    {">", ">"}};
  const auto& metric = what.in("metric").as_object();
  const auto* named = metric.if_contains("feeling_comparison_operator");
  if (!named) return Answer::error("TypeError");
  const auto symbol = kSymbols.find(std::string_view(named->as_string()));
  if (symbol == kSymbols.end()) return Answer::error("AttributeError");
  const std::string_view op = symbol->second;

  std::map<int, double, std::greater<>> feelings;
  for (const auto& [key, target] : metric.at("feelings").as_object()) {
    if (!target.is_number()) return Answer::error("TypeError");
    std::string status(key);
    std::erase(status, ' ');
    if (status.size() != 1 || status[0] < '0' || status[0] > '4')
      return Answer::error("ValueError");
    feelings[status[0] - '0'] = target.to_number<double>();
  }
  for (auto next = feelings.begin(); next != feelings.end(); ++next) {
    if (next == feelings.begin()) continue;
    const double before = std::prev(next)->second;
    if ((op[0] == '<' && next->second < before) || (op[0] == '>' && next->second > before))
      return Answer::error("ValueError");
  }
  if (!what.in("value").is_number()) return Answer::error("TypeError");
  const double value = what.in("value").to_number<double>();
  for (const auto& [status, target] : feelings) {
    const bool equal = value == target;
    if (op == "=="     ? equal
        : op == "!="   ? !equal
        : op[0] == '<' ? value < target || (equal && op == "<=")
                       : value > target || (equal && op == ">="))
      return Answer::output(status);
  }
  return Answer::output(0);
}

bool is_health(const Case& what) { return what.function == "get_health"; }

std::string_view operator_of(const Case& what) {
  const auto* named = what.in("metric").as_object().if_contains("feeling_comparison_operator");
  return named && named->is_string() ? std::string_view(named->get_string()) : "";
}

std::optional<Answer> symbols(const Case& what, const Answer&) {
  if (!is_health(what) || operator_of(what).find_first_of("<>=!") == std::string_view::npos)
    return std::nullopt;
  return documented_health(what);
}

std::optional<Answer> comparisons_only(const Case& what, const Answer&) {
  if (!is_health(what) || operator_of(what).empty()) return std::nullopt;
  const auto right = documented_health(what);
  return right.is_error() && right.error_class() == "AttributeError" ? std::optional(right)
                                                                     : std::nullopt;
}

std::optional<Answer> statuses_0_to_4(const Case& what, const Answer&) {
  if (!is_health(what)) return std::nullopt;
  for (const auto& [key, target] : what.in("metric").at("feelings").as_object()) {
    const auto read = parse_json(key);
    if (read && read->is_int64() && (read->get_int64() < 0 || read->get_int64() > 4))
      return Answer::error("ValueError");
  }
  return std::nullopt;
}

bool more_is_better(const Case& what) {
  const auto comparison = comparison_named(operator_of(what));
  return comparison == Comparison::gt || comparison == Comparison::ge;
}

std::optional<Answer> more_may_be_better(const Case& what, const Answer& recorded) {
  if (!is_health(what) || !more_is_better(what) || !recorded.is_error()) return std::nullopt;
  auto right = documented_health(what);
  return right.is_error() ? std::nullopt : std::optional(std::move(right));
}

std::optional<Answer> order_of_neighbours(const Case& what, const Answer& recorded) {
  if (!is_health(what) || more_is_better(what) || !recorded.is_error() ||
      recorded.error_class() != "ValueError")
    return std::nullopt;
  auto right = documented_health(what);
  return right.is_error() ? std::nullopt : std::optional(std::move(right));
}

std::optional<Answer> metric_checked_when_read(const Case& what, const Answer& recorded) {
  if (!is_health(what) || recorded.is_error() || !what.in("value").is_number()) return std::nullopt;
  auto right = documented_health(what);
  return right.is_error() ? std::optional(std::move(right)) : std::nullopt;
}

std::optional<Answer> text_coefficients(const Case& what, const Answer& recorded) {
  const auto* given = what.config.if_contains("invocation_number_coefficient");
  if (!given || recorded.is_error()) return std::nullopt;
  const auto& limit = what.in("max_simultaneous_invocations");
  const auto* share = given->as_object().if_contains(json_text(what.in("labourer_status")));
  if (!share || !share->is_number() || !limit.is_number()) return std::nullopt;
  const double allowed = std::floor(limit.to_number<double>() * share->to_number<double>());
  return Answer::output(std::max<std::int64_t>(
      static_cast<std::int64_t>(allowed) - what.in("running").as_int64(), 0));
}

std::optional<Answer> limits_are_whole(const Case& what, const Answer& recorded) {
  const auto& limit = what.in("max_simultaneous_invocations");
  if (what.function != "get_desired_invocation_number_for_labourer" || recorded.is_error())
    return std::nullopt;
  const bool fraction = limit.is_double() && std::floor(limit.get_double()) != limit.get_double();
  const bool negative = limit.is_number() && limit.to_number<double>() < 0;
  return fraction || negative || limit.is_bool() ? std::optional(Answer::error("TypeError"))
                                                 : std::nullopt;
}

std::optional<Answer> one_default_limit(const Case& what, const Answer& recorded) {
  if (!recorded.is_error() || recorded.error_class() != "KeyError" ||
      what.function != "get_desired_invocation_number_for_labourer" ||
      !what.in("max_simultaneous_invocations").is_null())
    return std::nullopt;
  const bool one = what.in("labourer_status") == 4 && what.in("running") == 0;
  return Answer::output(one ? 1 : 0);
}

std::optional<Answer> no_data(const Case& what, const Answer& recorded) {
  if (what.function != "get_labourer_status" || !recorded.is_error()) return std::nullopt;
  const auto& metrics = what.in("health_metrics").as_object();
  const auto& series = what.in("cloudwatch_datapoints").as_array();
  if (metrics.size() != 1 || series.empty() || !series.at(0).as_array().empty())
    return std::nullopt;
  return Answer::output({{"status", 2}});
}

std::optional<Answer> all_statistics(const Case& what, const Answer& recorded) {
  if (what.function != "get_labourer_status" || !recorded.is_error()) return std::nullopt;
  const auto& metrics = what.in("health_metrics").as_object();
  if (metrics.size() != 1) return std::nullopt;
  const auto* details = metrics.begin()->value().as_object().if_contains("details");
  const auto* statistics = details ? details->as_object().if_contains("Statistics") : nullptr;
  if (!statistics || statistics->as_array().size() != 1 || statistics->at(0) != "Sum")
    return std::nullopt;
  double sum = 0;
  const auto& points = what.in("cloudwatch_datapoints").at(0).as_array();
  for (const auto& point : points) sum += point.at("Sum").to_number<double>();
  if (points.empty()) return std::nullopt;
  Case asked = what;
  asked.input = {{"value", sum}, {"metric", metrics.begin()->value()}};
  const auto status = documented_health(asked);
  return status.is_error() ? status : Answer::output({{"status", status.value()}});
}

}  // namespace

Area health_area() {
  Area area;
  area.name = "health";
  area.handlers = {{"get_health", get_health},
                   {"get_labourer_status", get_labourer_status},
                   {"get_desired_invocation_number_for_labourer", get_desired_invocation_number}};
  area.rules = {{"comparison-symbols", "D-38", symbols},
                {"comparisons-only", "D-38", comparisons_only},
                {"statuses-0-to-4", "upstream 3.9", statuses_0_to_4},
                {"more-may-be-better", "D-36", more_may_be_better},
                {"order-of-neighbours", "D-36", order_of_neighbours},
                {"metric-checked-when-read", "D-36", metric_checked_when_read},
                {"text-coefficients", "D-41", text_coefficients},
                {"limits-are-whole", "design 8", limits_are_whole},
                {"one-default-limit", "D-43", one_default_limit},
                {"no-data", "D-33", no_data},
                {"all-statistics", "D-37", all_statistics}};
  area.exclusions = {
      {"running-counted-by-the-claim", "count_running_tasks_for_labourer", "protocol 8"}};
  area.ignored = {"requests"};
  area.numbers_by_value = true;
  return area;
}

}  // namespace sosw::golden
