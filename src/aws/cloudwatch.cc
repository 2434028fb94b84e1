// SPDX-License-Identifier: MIT
#include "aws/cloudwatch.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "aws/fields.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

std::string iso(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count());
}

json::array dimensions_of(const MetricStat& stat) {
  json::array dimensions;
  for (const auto& [name, value] : stat.dimensions)
    dimensions.push_back({{"Name", name}, {"Value", value}});
  return dimensions;
}

// "m17" is the 17th.
std::size_t number_of(std::string_view id) {
  std::size_t number = 0;
  if (!id.starts_with('m') ||
      std::from_chars(id.data() + 1, id.data() + id.size(), number).ec != std::errc())
    return kMetricsInRequest;
  return number;
}

}  // namespace

Reply<std::map<std::string, double>> CloudWatch::get_metric_statistics(const MetricStat& stat,
                                                                       const MetricTimes& times) {
  json::object input{
      {"Namespace", stat.name_space},     {"MetricName", stat.metric},
      {"StartTime", iso(times.start)},    {"EndTime", iso(times.end)},
      {"Period", stat.period.count()},    {"Statistics", json::array{stat.statistic}},
      {"Dimensions", dimensions_of(stat)}};
  if (!stat.unit.empty()) input["Unit"] = stat.unit;
  const auto answer = client_.call("GetMetricStatistics", input);
  if (!answer) return answer.error();
  std::map<std::string, double> values;
  for_each_object(answer->get_object(), "Datapoints", [&](const json::object& fields) {
    if (const auto* value = fields.if_contains(stat.statistic); value && value->is_number())
      values[text_field(fields, "Timestamp")] = value->to_number<double>();
  });
  return values;
}

Reply<std::vector<MetricData>> CloudWatch::get_metric_data(std::span<const MetricStat> stats,
                                                           const MetricTimes& times) {
  std::vector<MetricData> data(stats.size());
  if (stats.empty()) return data;
  json::array queries;
  for (std::size_t i = 0; i < stats.size(); ++i) {
    const auto& one = stats[i];
    json::object stat{{"Metric",
                       {{"Namespace", one.name_space},
                        {"MetricName", one.metric},
                        {"Dimensions", dimensions_of(one)}}},
                      {"Period", one.period.count()},
                      {"Stat", one.statistic}};
    if (!one.unit.empty()) stat["Unit"] = one.unit;
    queries.push_back(
        json::object{{"Id", "m" + std::to_string(i)}, {"MetricStat", std::move(stat)}});
  }
  json::object input{{"MetricDataQueries", std::move(queries)},
                     {"StartTime", iso(times.start)},
                     {"EndTime", iso(times.end)},
                     {"ScanBy", "TimestampDescending"}};
  while (true) {
    const auto answer = client_.call("GetMetricData", input);
    if (!answer) return answer.error();
    const auto& page = answer->get_object();
    for_each_object(page, "MetricDataResults", [&](const json::object& fields) {
      const auto number = number_of(text_field(fields, "Id"));
      if (number >= data.size()) return;
      auto& one = data[number];
      for (const auto& value : list_field(fields, "Values"))
        if (value.is_number()) one.values.push_back(value.to_number<double>());
      // PartialData: the rest is on another page.
      const auto status = text_field(fields, "StatusCode");
      if (status == "InternalError" || status == "Forbidden") {
        one.problem = "CloudWatch says " + status;
        for_each_object(fields, "Messages", [&](const json::object& message) {
          one.problem += ": " + text_field(message, "Value");
        });
      }
    });
    const auto token = text_field(page, "NextToken");
    if (token.empty()) return data;
    input["NextToken"] = token;
  }
}

}  // namespace sosw::aws
