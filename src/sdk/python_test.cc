// SPDX-License-Identifier: MIT
// Expected values are what CPython 3.11 prints.
#include "sdk/python.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>

#include "sosw/errors.h"

namespace sosw::sdk {
namespace {

TEST(Python, WritesValuesAsStrDoes) {
  EXPECT_EQ(to_str("a'b"), "a'b");
  EXPECT_EQ(to_str(nullptr), "None");
  EXPECT_EQ(to_str(true), "True");
  EXPECT_EQ(to_str(-5), "-5");
  EXPECT_EQ(to_str(json::array{"a", 1, 2.0, nullptr}), "['a', 1, 2.0, None]");
  EXPECT_EQ(to_str(json::object{{"k", {{"l", false}}}}), "{'k': {'l': False}}");
}

TEST(Python, WritesJsonAsDumpsDoes) {
  const json::value value = {{"a", {1, 1.0, -2.5e-7, true, nullptr}},
                             {"\u00e9\U0001F600", "x\"y\\z\n\t\x01\x7f"},
                             {"e", json::object()},
                             {"l", json::array()}};
  EXPECT_EQ(to_json(value),
            "{\"a\": [1, 1.0, -2.5e-07, true, null], \"\\u00e9\\ud83d\\ude00\": "
            "\"x\\\"y\\\\z\\n\\t\\u0001\\u007f\", \"e\": {}, \"l\": []}");
  EXPECT_EQ(to_json(std::nan("")), "NaN");
  EXPECT_EQ(to_json(-HUGE_VAL), "-Infinity");
  EXPECT_EQ(to_json(json::value(json::string("a\xff"))), "\"a\\ufffd\"");
}

TEST(Python, WritesFloatsInTheShortestForm) {
  EXPECT_EQ(to_str(1.0), "1.0");
  EXPECT_EQ(to_str(0.1), "0.1");
  EXPECT_EQ(to_str(-2.5), "-2.5");
  EXPECT_EQ(to_str(1e15), "1000000000000000.0");
  EXPECT_EQ(to_str(1e16), "1e+16");
  EXPECT_EQ(to_str(1.5e300), "1.5e+300");
  EXPECT_EQ(to_str(0.0001), "0.0001");
  EXPECT_EQ(to_str(0.00001), "1e-05");
  EXPECT_EQ(to_str(1548928800.25), "1548928800.25");
  EXPECT_EQ(to_str(std::nan("")), "nan");
  EXPECT_EQ(to_str(-HUGE_VAL), "-inf");
}

TEST(Python, QuotesTextsInsideOfOthers) {
  EXPECT_EQ(to_repr("it's"), R"("it's")");
  EXPECT_EQ(to_repr(R"(it's "x")"), R"('it\'s "x"')");
  EXPECT_EQ(to_repr("a\\\n\t\x01\u00A0é"), R"('a\\\n\t\x01\xa0é')");
}

TEST(Python, ComparesNumbersByValue) {
  EXPECT_TRUE(equal(1, 1.0));
  EXPECT_TRUE(equal(1, true));
  EXPECT_TRUE(equal(0.0, false));
  EXPECT_TRUE(equal(std::uint64_t{5}, 5));
  EXPECT_FALSE(equal(1, "1"));
  EXPECT_FALSE(equal(1.5, 1));
  EXPECT_FALSE(equal(-1, 1));
  EXPECT_FALSE(equal(std::nan(""), std::nan("")));
  EXPECT_TRUE(equal(json::array{1, {{"a", 1}, {"b", 2}}}, json::array{1.0, {{"b", 2}, {"a", 1}}}));
  EXPECT_FALSE(equal(json::array{1, 2}, json::array{2, 1}));
  EXPECT_FALSE(equal(json::object{{"a", 1}}, json::object{{"b", 1}}));
}

TEST(Python, ReadsWholeNumbers) {
  EXPECT_EQ(to_int(" +1_000 "), 1000);
  EXPECT_EQ(to_int("-7"), -7);
  EXPECT_EQ(to_int("\uFF11\uFF12"), 12);
  EXPECT_EQ(to_int(3.99), 3);
  EXPECT_EQ(to_int(-3.99), -3);
  EXPECT_EQ(to_int(true), 1);
  for (const char* text : {"", "x", "1.0", "1__0", "_1", "1_", "+-1", "--1", "0x10"})
    EXPECT_THROW(to_int(text), ValueError) << text;
  EXPECT_THROW(to_int("9223372036854775808"), ValueError);
  EXPECT_THROW(to_int(1e19), ValueError);
  EXPECT_THROW(to_int(std::nan("")), ValueError);
  EXPECT_THROW(to_int(nullptr), TypeError);
  EXPECT_THROW(to_int(json::array{1}), TypeError);
}

TEST(Python, ReadsFloats) {
  EXPECT_EQ(to_float(" 2.5\n"), 2.5);
  EXPECT_EQ(to_float("1e3"), 1000);
  EXPECT_EQ(to_float(".5"), 0.5);
  EXPECT_EQ(to_float("5."), 5);
  EXPECT_EQ(to_float("-1_0.5"), -10.5);
  EXPECT_EQ(to_float("1e999"), HUGE_VAL);
  EXPECT_EQ(to_float("1e-999"), 0);
  EXPECT_EQ(to_float("-Infinity"), -HUGE_VAL);
  EXPECT_TRUE(std::isnan(to_float("NaN")));
  EXPECT_EQ(to_float(true), 1);
  for (const char* text : {"", "x", "1e", "0x10", "1__0", "e5", "nan(1)", "+-1"})
    EXPECT_THROW(to_float(text), ValueError) << text;
  EXPECT_THROW(to_float(nullptr), TypeError);
}

TEST(Python, TakesEmptyThingsForFalse) {
  for (const json::value& value :
       json::array{nullptr, false, 0, 0.0, "", json::array{}, json::object{}})
    EXPECT_FALSE(truth(value)) << value;
  for (const json::value& value : json::array{true, -1, 0.5, "0", json::array{0}, {{"a", 0}}})
    EXPECT_TRUE(truth(value)) << value;
}

}  // namespace
}  // namespace sosw::sdk
