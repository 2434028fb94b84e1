// SPDX-License-Identifier: MIT
// AWS in this process, for tests of what asks it: answers by operation, and keeps what it was
// asked.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <boost/json.hpp>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "support/http_server.h"

namespace sosw::testing {

class PlayedAws : public ::testing::Test {
 protected:
  struct Call {
    std::string operation;
    boost::json::object input;
  };

  void SetUp() override {
    for (const auto* name : {"STAGE", "autotest", "AWS_LAMBDA_FUNCTION_NAME", "AWS_SESSION_TOKEN",
                             "AWS_SECURITY_TOKEN", "AWS_ENDPOINT_URL_DYNAMODB"})
      unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    set("AWS_ENDPOINT_URL", server_.url());
    set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    set("AWS_SECRET_ACCESS_KEY", "secret");
    set("AWS_REGION", "eu-west-1");
    set("AWS_EC2_METADATA_DISABLED", "true");
  }
  void TearDown() override {
    for (const auto* name : {"STAGE", "AWS_ENDPOINT_URL"})
      unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  }
  static void set(const char* name, const std::string& value) {
    setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  static HttpReply refusal(const std::string& code) {
    return {.status = 400, .body = R"({"__type":"x#)" + code + R"(","message":"refused"})"};
  }

  // Called with one call at a time.
  std::function<HttpReply(const Call&)> on_call = [](const Call&) {
    return HttpReply{.body = "{}"};
  };

  std::vector<Call> calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::vector<std::string> operations() {
    std::vector<std::string> out;
    for (const auto& call : calls()) out.push_back(call.operation);
    return out;
  }

 private:
  HttpReply answer(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    const auto& target = request.headers.at("x-amz-target");
    calls_.push_back(
        {target.substr(target.find('.') + 1), boost::json::parse(request.body).as_object()});
    return on_call(calls_.back());
  }

  std::mutex mutex_;
  std::vector<Call> calls_;
  HttpServer server_{[this](const HttpRequest& request) { return answer(request); }};
};

}  // namespace sosw::testing
