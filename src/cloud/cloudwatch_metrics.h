// SPDX-License-Identifier: MIT
// Health metrics out of CloudWatch.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <vector>

#include "aws/cloudwatch.h"
#include "engine/ports.h"

namespace sosw::cloud {

// What `details` ask for.
struct MetricQuestion {
  aws::MetricStat stat;
  std::chrono::seconds slice{};  // up to now, of which the datapoints are taken
};

// `details` as the original had them, which are those of GetMetricStatistics:
//   {"Namespace": "AWS/RDS", "MetricName": "CPUUtilization",     (`Name` is read as `MetricName`)
//    "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": "db"}],    (none: left out)
//    "Period": 60,                        seconds of one datapoint
//    "Statistics": ["Average"],           exactly one; or "ExtendedStatistics": ["p99"]
//    "Unit": "Percent",                   left out: any
//    "MetricAggregationTimeSlice": 300}   seconds up to now of which the datapoints are taken
// Any statistic of CloudWatch is one: Average, Sum, Minimum, Maximum, SampleCount, p99,
// TM(10%:90%),
// ... Several datapoints are one value: the least of Minimum, the greatest of Maximum, the sum of
// Sum, SampleCount, TC and TS, the mean of all others. None: no data.
//
// All details of a call with the same slice are one GetMetricData for each 500; a metric that
// CloudWatch does not take is found by asking for halves, so that the others have their values.
class CloudWatchMetrics final : public engine::MetricSource {
 public:
  struct Options {
    aws::ClientOptions client{.timeout = std::chrono::seconds(5), .tries = 3};
    json::object defaults{};  // `ecology_config.default_metric_values`, over those of the original
  };
  explicit CloudWatchMetrics(Options options);

  // Calls from several threads go one after the other. `stop` is looked at between two requests.
  std::vector<Result<std::optional<double>>> values(std::span<const json::object> details, Time now,
                                                    const std::stop_token& stop = {}) override;

 private:
  using Value = Result<std::optional<double>>;
  // Asks for the questions of these numbers, and puts down what comes.
  void ask(std::span<const MetricQuestion> questions, std::span<const std::size_t> which, Time now,
           const std::stop_token& stop, std::vector<Value>& values);

  const Options options_;
  std::mutex mutex_;  // of what follows
  aws::CloudWatch cloudwatch_;
};

// `defaults` as in the options. Errors: invalid, for each mistake.
[[nodiscard]] Result<MetricQuestion> read_metric_details(const json::object& details,
                                                         const json::object& defaults);
// One value of several datapoints; nullopt: of none.
[[nodiscard]] std::optional<double> fold(std::string_view statistic,
                                         std::span<const double> values);

}  // namespace sosw::cloud
