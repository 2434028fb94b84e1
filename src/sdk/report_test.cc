// SPDX-License-Identifier: MIT
#include "sdk/report.h"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/json.hpp>
#include <chrono>

#include "sdk/runtime_api.h"
#include "support/http_server.h"
#include "support/variables.h"

namespace sosw::sdk {
namespace {

namespace json = boost::json;

TEST(CutDetails, leaves_alone_what_fits) {
  json::object stats{{"a", 1}};
  json::object result{{"text", std::string(50, 'x')}};
  const auto before = std::pair(stats, result);
  cut_details(stats, result, 100);
  EXPECT_EQ(std::pair(stats, result), before);
}

TEST(CutDetails, cuts_the_largest_first_and_no_more_than_needed) {
  json::object stats{{"rows", 1}, {"large", std::string(80, 'x')}};
  json::object result{{"larger", std::string(200, 'y')}, {"small", "z"}};
  cut_details(stats, result, 180);
  EXPECT_EQ(stats.at("large").as_string().size(), 80U);
  EXPECT_EQ(result, (json::object{{"larger", "(cut: 202 bytes)"}, {"small", "z"}}));
  cut_details(stats, result, 120);
  EXPECT_EQ(stats, (json::object{{"rows", 1}, {"large", "(cut: 82 bytes)"}}));
}

TEST(CutDetails, cuts_everything_when_there_are_too_many_small_ones) {
  json::object stats;
  for (int i = 100; i < 200; ++i) stats[std::to_string(i)] = i;
  json::object result{{"a", 1}};
  cut_details(stats, result, 200);
  EXPECT_TRUE(stats.empty());
  ASSERT_EQ(result.size(), 1U);
  EXPECT_EQ(result.at("cut"), "1010 bytes of stats and results");
}

TEST(CutDetails, never_leaves_more_than_the_limit) {
  for (std::size_t size = 1; size < 400; size += 13) {
    json::object stats{{"a", std::string(size, 'a')}, {"b", json::array{1, 2, 3}}};
    json::object result{{std::string(size, 'k'), size}};
    cut_details(stats, result, 120);
    EXPECT_LE(json::serialize(stats).size() + json::serialize(result).size(), 120U) << size;
  }
}

// One that is asked again as soon as it may know the action.
TEST(Start, leaves_an_assistant_that_knows_no_start_in_peace_for_a_while) {
  std::atomic<int> asked = 0;
  std::atomic<bool> knows = false;
  testing::HttpServer server([&](const testing::HttpRequest&) -> testing::HttpReply {
    ++asked;
    if (knows) return {.body = R"({"start":false})"};
    return {.headers = {{"X-Amz-Function-Error", "Unhandled"}},
            .body = R"({"errorMessage":"Action `start` is not supported"})"};
  });
  const testing::Variables environment({{"AWS_ENDPOINT_URL_LAMBDA", server.url()},
                                        {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                        {"AWS_SECRET_ACCESS_KEY", "secret"},
                                        {"AWS_REGION", "eu-west-1"}});
  auto now = std::chrono::system_clock::now();
  Reporter reporter("assistant", [&] { return now; });
  const auto start = [&] { return reporter.start("t", "c", now + std::chrono::minutes(1)); };
  const auto first = start();
  EXPECT_TRUE(first.allowed);
  EXPECT_NE(first.unknown.find("assistant does not know the action `start`"), std::string::npos);
  knows = true;
  now += kFenceless - std::chrono::seconds(1);
  const auto quiet = start();
  EXPECT_TRUE(quiet.allowed);
  EXPECT_EQ(quiet.unknown, "");
  EXPECT_EQ(asked, 1);
  now += std::chrono::seconds(1);
  const auto later = start();
  EXPECT_FALSE(later.allowed);
  EXPECT_EQ(later.unknown, "");
  EXPECT_EQ(asked, 2);
}

TEST(MakeUtf8, replaces_only_what_is_no_character) {
  const auto mended = [](std::string text) {
    make_utf8(text);
    return text;
  };
  EXPECT_EQ(mended("plain żółć 漢 🦊"), "plain żółć 漢 🦊");
  EXPECT_EQ(mended("\xff\x80"
                   "a\xc3"),
            "??a?");  // never a lead, a tail alone, an end too soon
  EXPECT_EQ(mended("\xc0\xaf\xe0\x80\xaf"), "?????");  // overlong
  EXPECT_EQ(mended("\xed\xa0\x80\xf4\x90\x80\x80"),
            "???????");  // surrogate, above the last character
}

}  // namespace
}  // namespace sosw::sdk
