// SPDX-License-Identifier: MIT
// Reports of a task's fate to the WorkerAssistant.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "aws/lambda.h"

namespace sosw::sdk {

// Stats and results of a report above this are cut, in bytes of JSON: the task's row can not hold
// more.
constexpr std::size_t kMaxDetails = 300UL * 1024;

struct Report {
  bool failed = false;
  boost::json::value task_id;
  std::optional<boost::json::value> claim;
  boost::json::object stats;
  boost::json::object result;
};

// Not for use by two threads at once.
class Reporter {
 public:
  // `assistant`: name or ARN of the WorkerAssistant. Credentials, region and endpoint come from the
  // environment.
  explicit Reporter(std::string assistant) : assistant_(std::move(assistant)) {}

  // Repeats the report until it is acknowledged: three times synchronously, then once for delivery
  // by Lambda's queue. Nothing if it was acknowledged, else why it was not. A report that the
  // assistant fails on goes without details in the end: they are not worth the completion.
  std::optional<std::string> send(Report report, std::chrono::system_clock::time_point deadline);

 private:
  std::string assistant_;
  std::optional<aws::Lambda> lambda_;
};

// Replaces the largest values of both by a text that says how large they were, until the rest fits
// in `limit` bytes.
void cut_details(boost::json::object& stats, boost::json::object& result, std::size_t limit);

}  // namespace sosw::sdk
