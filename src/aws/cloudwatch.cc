// SPDX-License-Identifier: MIT
#include "aws/cloudwatch.h"

#include <fmt/format.h>

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

}  // namespace

Reply<std::map<std::string, double>> CloudWatch::get_metric_statistics(const MetricQuery& query) {
  json::array dimensions;
  for (const auto& [name, value] : query.dimensions)
    dimensions.push_back({{"Name", name}, {"Value", value}});
  const auto answer =
      client_.call("GetMetricStatistics", {{"Namespace", query.name_space},
                                           {"MetricName", query.metric},
                                           {"StartTime", iso(query.start)},
                                           {"EndTime", iso(query.end)},
                                           {"Period", query.period.count()},
                                           {"Statistics", json::array{query.statistic}},
                                           {"Dimensions", std::move(dimensions)}});
  if (!answer) return answer.error();
  std::map<std::string, double> values;
  for_each_object(answer->get_object(), "Datapoints", [&](const json::object& fields) {
    if (const auto* value = fields.if_contains(query.statistic); value && value->is_number())
      values[text_field(fields, "Timestamp")] = value->to_number<double>();
  });
  return values;
}

}  // namespace sosw::aws
