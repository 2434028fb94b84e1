// SPDX-License-Identifier: MIT
// AWS as the recording had it: a server on loopback that answers what a case says and keeps what it
// was asked, in boto3's shapes.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "golden.h"
#include "support/http_server.h"
#include "support/variables.h"

namespace sosw::golden {

// The service and operation of a request, with what was asked.
struct AwsRequest {
  std::string operation;  // "ListRules"
  json::object params;
};

class AwsPeer {
 public:
  // The body of the answer: JSON, or what stands inside of `...Result`.
  using Answers = std::function<std::string(const AwsRequest&)>;
  explicit AwsPeer(Answers answers);

  [[nodiscard]] std::string url() const { return server_.url(); }
  // In their order.
  [[nodiscard]] std::vector<AwsRequest> requests() const;

 private:
  sosw::testing::Variables credentials_;
  Answers answers_;
  mutable std::mutex mutex_;
  std::vector<AwsRequest> requests_;
  sosw::testing::HttpServer server_;
};

}  // namespace sosw::golden
