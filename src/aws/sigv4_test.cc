// SPDX-License-Identifier: MIT
// That signatures are botocore's is seen by tests/golden/sigv4_cases.cc and
// tests/aws/signatures_test.cc.
#include "aws/sigv4.h"

#include <gtest/gtest.h>

#include <ctime>

namespace sosw::aws {
namespace {

std::chrono::system_clock::time_point parse_date(const std::string& date) {
  std::tm utc{};
  EXPECT_NE(strptime(date.c_str(), "%Y%m%dT%H%M%SZ", &utc), nullptr);
  return std::chrono::system_clock::from_time_t(timegm(&utc));
}

TEST(Sigv4, derives_the_key_anew_for_another_day_or_secret) {
  const auto now = parse_date("20260301T120000Z");
  const Credentials one{"A", "one", ""};
  const Credentials two{"A", "two", ""};
  const auto fresh = [](const Credentials& credentials, auto time) {
    Signer signer("lambda", "eu-west-1", "http://127.0.0.1:1");
    return signer.sign({}, credentials, time).headers;
  };
  Signer signer("lambda", "eu-west-1", "http://127.0.0.1:1");
  EXPECT_EQ(signer.sign({}, one, now).headers, fresh(one, now));
  EXPECT_EQ(signer.sign({}, two, now).headers, fresh(two, now));
  EXPECT_EQ(signer.sign({}, two, now + std::chrono::hours(24)).headers,
            fresh(two, now + std::chrono::hours(24)));
}

TEST(Sigv4, keeps_the_prefix_of_an_endpoint) {
  Signer signer("lambda", "eu-west-1", "http://127.0.0.1:9000/aws/");
  const auto request =
      signer.sign({.path = "/x:y"}, {"A", "b", ""}, parse_date("20260301T120000Z"));
  EXPECT_EQ(request.url, "http://127.0.0.1:9000/aws/x%3Ay");
  EXPECT_EQ(find_header(request.headers, "host"), "127.0.0.1:9000");
}

TEST(Sigv4, puts_a_host_prefix_before_the_endpoint) {
  Signer signer("s3", "eu-west-1", "https://s3.eu-west-1.amazonaws.com");
  const auto request = signer.sign({.path = "/k", .host_prefix = "my-bucket."}, {"A", "b", ""},
                                   parse_date("20260301T120000Z"));
  EXPECT_EQ(request.url, "https://my-bucket.s3.eu-west-1.amazonaws.com/k");
  EXPECT_EQ(find_header(request.headers, "host"), "my-bucket.s3.eu-west-1.amazonaws.com");
}

}  // namespace
}  // namespace sosw::aws
