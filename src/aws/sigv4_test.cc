// SPDX-License-Identifier: MIT
// Recorded signatures of botocore.
#include "aws/sigv4.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <ctime>
#include <fstream>

namespace sosw::aws {
namespace {

namespace json = boost::json;

std::string text(const json::value& value) { return std::string(value.as_string()); }

std::vector<std::pair<std::string, std::string>> pairs(const json::value& list) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& pair : list.as_array()) out.emplace_back(text(pair.at(0)), text(pair.at(1)));
  return out;
}

std::chrono::system_clock::time_point parse_date(const std::string& date) {
  std::tm utc{};
  EXPECT_NE(strptime(date.c_str(), "%Y%m%dT%H%M%SZ", &utc), nullptr);
  return std::chrono::system_clock::from_time_t(timegm(&utc));
}

TEST(Sigv4, matches_botocore) {
  std::ifstream file(SOSW_GOLDEN_SIGV4);
  ASSERT_TRUE(file) << SOSW_GOLDEN_SIGV4;
  int cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const auto recorded = json::parse(line).as_object();
    SCOPED_TRACE(text(recorded.at("id")));
    Call call{.method = text(recorded.at("method")),
              .path = text(recorded.at("path")),
              .query = pairs(recorded.at("query")),
              .headers = pairs(recorded.at("headers"))};
    for (auto n = recorded.at("body_repeat").as_int64(); n > 0; --n)
      call.body += text(recorded.at("body"));
    Credentials credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
    if (const auto& token = recorded.at("session_token"); !token.is_null())
      credentials.session_token = text(token);

    const auto origin = "https://" + text(recorded.at("host"));
    Signer signer(text(recorded.at("service")), text(recorded.at("region")), origin);
    const auto request = signer.sign(call, credentials, parse_date(text(recorded.at("date"))));

    auto url = origin + text(recorded.at("wire_path"));
    if (const auto query = text(recorded.at("wire_query")); !query.empty()) url += '?' + query;
    EXPECT_EQ(request.url, url);
    EXPECT_EQ(find_header(request.headers, "authorization"), text(recorded.at("authorization")));
    const auto& hash = recorded.at("content_sha256");
    EXPECT_EQ(find_header(request.headers, "x-amz-content-sha256"),
              hash.is_null() ? "" : text(hash));
    EXPECT_EQ(request.body, call.body);
  }
  EXPECT_EQ(cases, 87);
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

}  // namespace
}  // namespace sosw::aws
