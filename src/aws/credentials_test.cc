// SPDX-License-Identifier: MIT
#include "aws/credentials.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace sosw::aws {
namespace {

class Environment : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name :
         {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION",
          "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_LAMBDA"})
      unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  }
  static void set(const char* name, const char* value) {
    setenv(name, value, 1);  // NOLINT(concurrency-mt-unsafe)
  }
};

TEST_F(Environment, has_credentials_only_with_key_and_secret) {
  EXPECT_EQ(credentials_from_environment(), std::nullopt);
  set("AWS_ACCESS_KEY_ID", "id");
  EXPECT_EQ(credentials_from_environment(), std::nullopt);
  set("AWS_SECRET_ACCESS_KEY", "secret");
  EXPECT_EQ(credentials_from_environment(), (Credentials{"id", "secret", ""}));
  set("AWS_SESSION_TOKEN", "token");
  EXPECT_EQ(credentials_from_environment(), (Credentials{"id", "secret", "token"}));
}

TEST_F(Environment, prefers_the_region_over_the_default_region) {
  EXPECT_EQ(region_from_environment(), "");
  set("AWS_DEFAULT_REGION", "us-east-1");
  EXPECT_EQ(region_from_environment(), "us-east-1");
  set("AWS_REGION", "eu-west-1");
  EXPECT_EQ(region_from_environment(), "eu-west-1");
}

TEST_F(Environment, prefers_the_endpoint_of_the_service) {
  EXPECT_EQ(endpoint_from_environment("lambda", "lambda", "eu-west-1"),
            "https://lambda.eu-west-1.amazonaws.com");
  EXPECT_EQ(endpoint_from_environment("lambda", "lambda", "cn-north-1"),
            "https://lambda.cn-north-1.amazonaws.com.cn");
  set("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
  EXPECT_EQ(endpoint_from_environment("lambda", "lambda", "eu-west-1"), "http://127.0.0.1:1");
  set("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:2");
  EXPECT_EQ(endpoint_from_environment("lambda", "lambda", "eu-west-1"), "http://127.0.0.1:2");
  EXPECT_EQ(endpoint_from_environment("dynamodb", "dynamodb", "eu-west-1"), "http://127.0.0.1:1");
}

}  // namespace
}  // namespace sosw::aws
