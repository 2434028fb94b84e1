// SPDX-License-Identifier: MIT
// The services of AWS as moto plays them: one server for the whole program, started when first
// asked for.
//
//   class SnsTest : public MotoTest {};
//   TEST_F(SnsTest, Publishes) { aws::Sns sns(options()); ... }
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "aws/client.h"
#include "aws/http.h"
#include "support/python_server.h"

namespace sosw::aws {

// Each test begins with nothing in any service.
class MotoTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto emptied = HttpClient().send({.method = "POST", .url = url() + "/moto-api/reset"});
    ASSERT_EQ(emptied.status, 200) << (emptied.error ? emptied.error->message : emptied.body);
  }

  static std::string url() {
    static testing::PythonServer kServer(SOSW_SOURCE "/tests/aws/moto_server.py");
    return kServer.url();
  }
  // Of a client of moto, or of what stands before it at `endpoint`.
  static ClientOptions options(const std::string& endpoint = url()) {
    return {.region = "eu-west-1",
            .endpoint = endpoint,
            .credentials = Credentials{"AKIDEXAMPLE", "secret", ""},
            .longest_first_pause = std::chrono::milliseconds(5)};
  }
};

}  // namespace sosw::aws
