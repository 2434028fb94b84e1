// SPDX-License-Identifier: MIT
// See cloudwatch_metrics.h.
#include "cloud/cloudwatch_metrics.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "cloud/call_error.h"
#include "core/config_reader.h"

namespace sosw::cloud {
namespace {

constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kLongestSlice = 455 * kDay;  // as long as CloudWatch keeps anything

// Those of the original.
json::object with_defaults(const json::object& details, const json::object& defaults) {
  json::object all = details;
  for (const auto& [key, value] : defaults) all.emplace(key, value);
  for (const auto& [key, value] : std::initializer_list<std::pair<std::string_view, json::value>>{
           {"Period", 60},
           {"Statistics", json::array{"Average"}},
           {"MetricAggregationTimeSlice", 300}})
    all.emplace(key, value);
  // A statistic of the other kind was not asked for beside the own one.
  if (details.contains("ExtendedStatistics") && !details.contains("Statistics"))
    all.erase("Statistics");
  if (details.contains("Statistics") && !details.contains("ExtendedStatistics"))
    all.erase("ExtendedStatistics");
  if (const auto* name = all.if_contains("Name"); name && !all.contains("MetricName"))
    all["MetricName"] = *name;
  all.erase("Name");
  return all;
}

void read_dimensions(ConfigReader& reader, aws::MetricStat& stat) {
  const auto* dimensions = reader.value("Dimensions");
  if (!dimensions || dimensions->is_null()) return;
  const auto complain = [&] {
    reader.fail("Dimensions", "must be a list of {\"Name\": ..., \"Value\": ...}, found " +
                                  described(*dimensions));
  };
  if (!dimensions->is_array()) return complain();
  for (const auto& one : dimensions->get_array()) {
    const auto* object = one.if_object();
    const auto* name = object ? object->if_contains("Name") : nullptr;
    const auto* value = object ? object->if_contains("Value") : nullptr;
    if (!name || !value || !name->is_string() || !value->is_string()) return complain();
    stat.dimensions.emplace_back(name->get_string(), value->get_string());
  }
}

}  // namespace

Result<MetricQuestion> read_metric_details(const json::object& details,
                                           const json::object& defaults) {
  const auto all = with_defaults(details, defaults);
  ConfigReader reader("the metric", all);
  MetricQuestion question;
  const auto text = [&](std::string_view key) {
    if (!all.contains(key)) reader.fail(key, "is missing");
    return reader.text(key).value_or("");
  };
  question.stat.name_space = text("Namespace");
  question.stat.metric = text("MetricName");
  read_dimensions(reader, question.stat);
  question.stat.period = std::chrono::seconds(reader.integer("Period", 1, kDay).value_or(60));
  if (const auto s = question.stat.period.count();
      s % 60 != 0 && s != 1 && s != 5 && s != 10 && s != 20 && s != 30)
    reader.fail("Period",
                fmt::format("must be 1, 5, 10, 20, 30 or a multiple of 60 seconds, found {}", s));
  question.slice = std::chrono::seconds(
      reader.integer("MetricAggregationTimeSlice", 1, kLongestSlice).value_or(300));
  question.stat.unit = reader.text("Unit").value_or("");
  std::vector<std::string> statistics;
  for (const auto* key : {"Statistics", "ExtendedStatistics"}) {
    if (const auto* value = all.if_contains(key); value && value->is_string())
      statistics.push_back(reader.text(key).value_or(""));
    else if (auto some = reader.texts(key))
      statistics.insert(statistics.end(), some->begin(), some->end());
  }
  if (statistics.size() != 1)
    reader.fail("Statistics", fmt::format("must be exactly one, found {}", statistics.size()),
                "for example [\"Average\"]");
  if (const auto read = reader.finish(); !read) return read.error();
  question.stat.statistic = std::move(statistics.front());
  return question;
}

std::optional<double> fold(std::string_view statistic, std::span<const double> values) {
  if (values.empty()) return std::nullopt;
  if (statistic == "Maximum") return *std::max_element(values.begin(), values.end());
  if (statistic == "Minimum") return *std::min_element(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0);
  // TC and TS are the trimmed SampleCount and Sum.
  if (statistic == "Sum" || statistic == "SampleCount" || statistic.starts_with("TC(") ||
      statistic.starts_with("TS("))
    return sum;
  return sum / static_cast<double>(values.size());
}

CloudWatchMetrics::CloudWatchMetrics(Options options)
    : options_(std::move(options)), cloudwatch_(options_.client) {}

std::vector<Result<std::optional<double>>> CloudWatchMetrics::values(
    std::span<const json::object> details, Time now, const std::stop_token& stop) {
  std::vector<Value> values(details.size(), Value(std::optional<double>()));
  std::vector<MetricQuestion> questions(details.size());
  std::map<std::chrono::seconds, std::vector<std::size_t>> by_slice;
  for (std::size_t i = 0; i < details.size(); ++i) {
    auto question = read_metric_details(details[i], options_.defaults);
    if (!question) {
      values[i] = question.error();
      continue;
    }
    questions[i] = *std::move(question);
    by_slice[questions[i].slice].push_back(i);
  }
  const std::lock_guard lock(mutex_);
  for (const auto& [slice, which] : by_slice)
    for (std::size_t at = 0; at < which.size(); at += aws::kMetricsInRequest)
      ask(questions,
          std::span(which).subspan(at, std::min(aws::kMetricsInRequest, which.size() - at)), now,
          stop, values);
  return values;
}

void CloudWatchMetrics::ask(std::span<const MetricQuestion> questions,
                            std::span<const std::size_t> which, Time now,
                            const std::stop_token& stop, std::vector<Value>& values) {
  const auto fail_all = [&](const Error& error) {
    for (const auto i : which) values[i] = error;
  };
  if (stop.stop_requested())
    return fail_all({Code::unavailable, "broken off before CloudWatch was asked", {}, {}});
  std::vector<aws::MetricStat> stats;
  stats.reserve(which.size());
  for (const auto i : which) stats.push_back(questions[i].stat);
  const auto end = std::chrono::floor<std::chrono::seconds>(now);
  const auto answer = cloudwatch_.get_metric_data(
      stats, {.start = end - questions[which.front()].slice, .end = end});
  if (!answer) {
    auto error = error_of(answer.error());
    // One of them may be what CloudWatch does not take: the others shall not suffer.
    if (error.code != Code::internal || which.size() == 1) {
      if (error.code == Code::internal) error.code = Code::invalid;
      return fail_all(error);
    }
    const auto half = which.size() / 2;
    ask(questions, which.first(half), now, stop, values);
    return ask(questions, which.subspan(half), now, stop, values);
  }
  for (std::size_t n = 0; n < which.size(); ++n) {
    const auto& one = (*answer)[n];
    const auto& stat = questions[which[n]].stat;
    if (one.problem.empty())
      values[which[n]] = fold(stat.statistic, one.values);
    else
      values[which[n]] = Error{Code::unavailable,
                               fmt::format("{} {}: {}", stat.name_space, stat.metric, one.problem),
                               {},
                               {}};
  }
}

}  // namespace sosw::cloud
