// SPDX-License-Identifier: MIT
// What a Worker asks and tells the WorkerAssistant: whether its task may start, and how it ended.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "aws/lambda.h"

namespace sosw::sdk {

// Stats and results of a report above this are cut, in bytes of JSON: the task's row can not hold
// more.
constexpr std::size_t kMaxDetails = 300UL * 1024;

constexpr std::chrono::minutes kFenceless{15};

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
  using Clock = std::function<std::chrono::system_clock::time_point()>;

  // `assistant`: name or ARN of the WorkerAssistant. Credentials, region and endpoint come from the
  // environment.
  explicit Reporter(std::string assistant, Clock now = std::chrono::system_clock::now)
      : assistant_(std::move(assistant)), now_(std::move(now)) {}

  struct Start {
    bool allowed = true;
    std::string unknown;  // why nobody could tell; then it is allowed. For the log
  };
  // Whether a run of the handler may begin. Every call is another run; it repeats its question
  // twice, and gives up when the deadline has passed. An assistant that does not know the question
  // is left in peace for kFenceless.
  Start start(std::string_view task_id, std::string_view claim,
              std::chrono::system_clock::time_point deadline);

  // Repeats the report until it is acknowledged: three times synchronously, then once for delivery
  // by Lambda's queue. Nothing if it was acknowledged, else why it was not. A report that the
  // assistant fails on goes without details in the end: they are not worth the completion.
  std::optional<std::string> send(Report report, std::chrono::system_clock::time_point deadline);

 private:
  // Else why there is no way to it.
  std::optional<std::string> connect();

  std::string assistant_;
  Clock now_;
  std::chrono::system_clock::time_point fenceless_until_{};
  std::optional<aws::Lambda> lambda_;
};

// Replaces the largest values of both by a text that says how large they were, until the rest fits
// in `limit` bytes.
void cut_details(boost::json::object& stats, boost::json::object& result, std::size_t limit);

}  // namespace sosw::sdk
