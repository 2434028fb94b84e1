// SPDX-License-Identifier: MIT
// What stands between a fleet and DynamoDB: it counts requests by operation and table, and lets
// them pass one at a time, for moto takes no lock.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "aws/http.h"
#include "support/http_server.h"

namespace sosw::fleet {

class Gateway {
 public:
  explicit Gateway(std::string server) : server_(std::move(server)) {}

  [[nodiscard]] std::string url() const { return http_server_.url(); }

  // "PutItem sosw_tasks" -> how many since the last reset(). A request for several tables names
  // them all.
  [[nodiscard]] std::map<std::string, std::int64_t> counts() const;
  void reset();
  // What each request takes longer from now on, beside others.
  void latency(std::chrono::milliseconds latency);

 private:
  testing::HttpReply answer(const testing::HttpRequest& request);

  std::string server_;
  mutable std::mutex mutex_;  // guards the two below
  std::map<std::string, std::int64_t> counts_;
  std::chrono::milliseconds latency_{0};
  std::mutex one_at_a_time_;  // guards onward_
  aws::HttpClient onward_;
  testing::HttpServer http_server_{
      [this](const testing::HttpRequest& request) { return answer(request); }};
};

}  // namespace sosw::fleet
