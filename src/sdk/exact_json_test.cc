// SPDX-License-Identifier: MIT
#include "sdk/exact_json.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <random>

namespace sosw::sdk {
namespace {

json::value read(std::string_view text) {
  json::error_code error;
  auto value = parse_exactly(text, error);
  EXPECT_FALSE(error) << text << ": " << error.message();
  return value;
}

TEST(ExactJson, ReadsWhatParseReads) {
  for (const char* text :
       {"null", "true", "[]", "{}", " {\"a\": [1, -2, {\"b\": \"\\u00e9\\n\"}], \"c\": null} ",
        "18446744073709551615", "-9223372036854775808", "\"x\""})
    EXPECT_EQ(read(text), json::parse(text)) << text;
}

TEST(ExactJson, GivesTheNearestDouble) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const double number = static_cast<double>(random() % 100'000'000) / 100'000;
    char text[64];
    const auto* const end = std::to_chars(text, text + sizeof text, number).ptr;
    ASSERT_EQ(read({text, end}).to_number<double>(), number) << std::string_view(text, end);
  }
  EXPECT_EQ(read("0.30000000000000004"), json::value(0.1 + 0.2));
  EXPECT_EQ(read("1e400"), json::value(HUGE_VAL));
  EXPECT_EQ(read("1e-400"), json::value(0.0));
  EXPECT_EQ(read("1.0"), json::value(1.0));
}

TEST(ExactJson, KeepsWholeNumbersBeyond64Bits) {
  EXPECT_EQ(read("[12345678901234567890123]"), (json::array{"12345678901234567890123"}));
  EXPECT_EQ(read("-9223372036854775809"), json::value("-9223372036854775809"));
  EXPECT_EQ(read("10000000000000000000000"), json::value(1e22)) << "a double holds it";
  EXPECT_EQ(read("{\"a\": 123456789012345678901, \"b\": 5}"),
            (json::object{{"a", "123456789012345678901"}, {"b", 5}}));
}

TEST(ExactJson, RefusesWhatParseRefuses) {
  for (const std::string& text :
       {std::string("{"), std::string("{} x"), std::string("{'a': 1}"), std::string("{\"a\": 01}"),
        std::string("[1,]"), std::string(), std::string("\"\xff\""), std::string(300, '[')}) {
    json::error_code error;
    parse_exactly(text, error);
    EXPECT_TRUE(error) << text;
  }
}

}  // namespace
}  // namespace sosw::sdk
