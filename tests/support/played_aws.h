// SPDX-License-Identifier: MIT
// A fixture for tests of what asks AWS: the environment leads to a peer that answers as the test
// says.
#pragma once

#include <gtest/gtest.h>
#include <stdlib.h>

#include <functional>
#include <string>
#include <vector>

#include "support/aws_peer.h"

namespace sosw::testing {

class PlayedAws : public ::testing::Test {
 protected:
  using Call = AwsRequest;

  void SetUp() override {
    for (const auto* name : {"STAGE", "autotest", "AWS_LAMBDA_FUNCTION_NAME", "AWS_SESSION_TOKEN",
                             "AWS_SECURITY_TOKEN", "AWS_ENDPOINT_URL_DYNAMODB"})
      unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    set("AWS_ENDPOINT_URL", peer_.url());
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

  std::vector<Call> calls() { return peer_.requests(); }
  std::vector<std::string> operations() {
    std::vector<std::string> out;
    for (const auto& call : calls()) out.push_back(call.operation);
    return out;
  }

 private:
  AwsPeer peer_{AwsPeer::Replies([this](const Call& call) { return on_call(call); })};
};

}  // namespace sosw::testing
