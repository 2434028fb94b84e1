// SPDX-License-Identifier: MIT
// Metrics of CloudWatch, as far as we need them.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "aws/client.h"

namespace sosw::aws {

struct MetricQuery {
  std::string name_space;  // "AWS/Lambda"
  std::string metric;      // "Duration"
  std::vector<std::pair<std::string, std::string>> dimensions;
  std::chrono::sys_seconds start;
  std::chrono::sys_seconds end;
  std::chrono::seconds period{60};  // of each datapoint
  std::string statistic;            // "Average", "Sum", "Minimum", "Maximum", "SampleCount"
};

// Not for use by two threads at once.
class CloudWatch {
 public:
  explicit CloudWatch(ClientOptions options = {}) : client_("cloudwatch", std::move(options)) {}

  // The values by the beginning of their period (ISO 8601, UTC), at most 1,440. Empty: no data.
  Reply<std::map<std::string, double>> get_metric_statistics(const MetricQuery& query);

 private:
  Client client_;
};

}  // namespace sosw::aws
