// SPDX-License-Identifier: MIT
// What stands between a fleet and DynamoDB: it counts requests by operation and table, lets them
// pass one at a time, for moto takes no lock, and lets chosen ones have accidents.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "aws/http.h"
#include "support/http_server.h"

namespace sosw::fleet {

// How many of a thousand requests each happens to.
struct Accidents {
  int throttled = 0;
  int failed = 0;               // a 500, nothing was done
  int lost = 0;                 // done, but the connection ends before the answer
  int failed_all_the_same = 0;  // done, and a 500
  int old_index = 0;  // a query of an index gets the answer that the same query had before
};

class Gateway {
 public:
  explicit Gateway(std::string server) : server_(std::move(server)) {}

  [[nodiscard]] std::string url() const { return http_server_.url(); }

  // "PutItem sosw_tasks" -> how many since the last reset(). A request for several tables names
  // them all.
  [[nodiscard]] std::map<std::string, std::int64_t> counts() const;
  // Queries and scans without a limit since the last reset(), as they were sent; but not those of
  // the table `config`.
  [[nodiscard]] std::vector<std::string> limitless() const;
  void reset();
  // That the server has taken for all requests so far.
  [[nodiscard]] double server_seconds();

  // What each request takes longer from now on, beside others.
  void latency(std::chrono::milliseconds latency);
  // From now on, drawn from `seed`.
  void accidents(const Accidents& accidents, std::uint32_t seed);
  // Called after each request that the server has answered, before the next one passes.
  void after_each(std::function<void(const std::string& operation)> then);
  // No answer from before now comes again.
  void forget_answers();
  // What happened since the last accidents(): "lost" -> how many.
  [[nodiscard]] std::map<std::string, int> happened() const;

 private:
  testing::HttpReply answer(const testing::HttpRequest& request);
  std::string drawn(bool of_index);  // mutex_ held
  testing::HttpReply forward(const testing::HttpRequest& request, const std::string& operation);

  std::string server_;
  mutable std::mutex mutex_;  // guards those below
  std::map<std::string, std::int64_t> counts_;
  std::vector<std::string> limitless_;
  std::chrono::milliseconds latency_{0};
  Accidents accidents_;
  std::mt19937 random_;
  std::map<std::string, int> happened_;
  std::map<std::string, std::deque<testing::HttpReply>> answers_;  // by query, the last ones

  std::mutex one_at_a_time_;  // guards the three below
  std::function<void(const std::string&)> then_;
  std::chrono::steady_clock::duration server_time_{0};
  aws::HttpClient onward_;
  testing::HttpServer http_server_{
      [this](const testing::HttpRequest& request) { return answer(request); }};
};

}  // namespace sosw::fleet
