// SPDX-License-Identifier: MIT
// Metrics of CloudWatch, as far as we need them.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/client.h"

namespace sosw::aws {

struct MetricStat {
  std::string name_space;  // "AWS/Lambda"
  std::string metric;      // "Duration"
  std::vector<std::pair<std::string, std::string>> dimensions;
  std::chrono::seconds period{60};  // of each datapoint
  // "Average", "Sum", "Minimum", "Maximum", "SampleCount"; get_metric_data() takes "p99",
  // "TM(10%:90%)" and their like too.
  std::string statistic;
  std::string unit{};  // "Percent"; empty: any
};

// Of all whole periods in between.
struct MetricTimes {
  std::chrono::sys_seconds start;
  std::chrono::sys_seconds end;
};

// What CloudWatch has of one metric.
struct MetricData {
  std::vector<double> values;  // newest first; empty: no data
  std::string problem;         // why there are not all of them; empty: these are all
};

inline constexpr std::size_t kMetricsInRequest = 500;

// Not for use by two threads at once.
class CloudWatch {
 public:
  explicit CloudWatch(ClientOptions options = {}) : client_("cloudwatch", std::move(options)) {}

  // The values by the beginning of their period (ISO 8601, UTC), at most 1,440. Empty: no data.
  Reply<std::map<std::string, double>> get_metric_statistics(const MetricStat& stat,
                                                             const MetricTimes& times);
  // One for each of `stats`, in their order; all pages of them. One that CloudWatch does not take
  // makes the whole call fail. REQUIRES: at most kMetricsInRequest.
  Reply<std::vector<MetricData>> get_metric_data(std::span<const MetricStat> stats,
                                                 const MetricTimes& times);

 private:
  Client client_;
};

}  // namespace sosw::aws
