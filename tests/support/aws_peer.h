// SPDX-License-Identifier: MIT
// AWS in this process: a server on loopback that answers by operation and keeps what it was asked,
// in boto3's shapes. It knows the JSON and the Query services, and of Lambda Invoke,
// GetFunctionConfiguration and GetFunctionEventInvokeConfig.
#pragma once

#include <boost/json.hpp>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "support/http_server.h"
#include "support/variables.h"

namespace sosw::testing {

// What was asked.
struct AwsRequest {
  std::string operation;  // "ListRules"
  boost::json::object params;
};

// While it lives, the environment has credentials and a region; no endpoint, that is for the test.
class AwsPeer {
 public:
  // The answer, from one request at a time. Its body is JSON, or what stands inside of `...Result`.
  using Replies = std::function<HttpReply(const AwsRequest&)>;
  explicit AwsPeer(Replies replies);
  // The same where every answer is a success: its body.
  using Answers = std::function<std::string(const AwsRequest&)>;
  explicit AwsPeer(Answers answers);

  [[nodiscard]] std::string url() const { return server_.url(); }
  // In their order.
  [[nodiscard]] std::vector<AwsRequest> requests() const;

 private:
  Variables credentials_;
  Replies replies_;
  mutable std::mutex mutex_;
  std::vector<AwsRequest> requests_;
  HttpServer server_;
};

}  // namespace sosw::testing
