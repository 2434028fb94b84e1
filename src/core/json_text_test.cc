// SPDX-License-Identifier: MIT
#include "core/json_text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sosw {
namespace {

std::string rewritten(std::string_view text) {
  const auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value ? json_text(*value) : value.error().message;
}

TEST(JsonText, HasPythonsSeparatorsAndOrder) {
  EXPECT_EQ(rewritten(R"({"b":[1,2,{}],"a":{"x":null,"y":true},"c":[],"d":false})"),
            R"({"b": [1, 2, {}], "a": {"x": null, "y": true}, "c": [], "d": false})");
}

// A text that comes in pieces of `size` bytes.
Result<json::value> parsed_in_pieces(std::string_view text, std::size_t size) {
  return parse_json([&text, size] {
    const auto piece = text.substr(0, size);
    text.remove_prefix(piece.size());
    return piece;
  });
}

TEST(JsonText, ReadsPiecesCutAnywhereLikeTheWhole) {
  for (
      const std::string_view text : {
          R"({"b": [1, -2.50e-3, {}], "k\u00e9y": {"x": null, "y": true}, "\ud83d\ude00": "é寿"} )",
          R"(12345)",
          R"(  "only a text")",
          R"(0.1234567890123456789)",
      }) {
    const auto whole = parse_json(text);
    ASSERT_TRUE(whole) << text;
    for (std::size_t size = 1; size <= text.size(); ++size) {
      const auto read = parsed_in_pieces(text, size);
      ASSERT_TRUE(read) << text << " in pieces of " << size << ": " << read.error().message;
      EXPECT_EQ(json_text(*read), json_text(*whole)) << text << " in pieces of " << size;
    }
  }
}

TEST(JsonText, NamesThePlaceOfAnErrorInPiecesToo) {
  for (const std::string_view text : {
           "{\n \"a\": [1,\n 2, x]}",
           "{\n\"a\": 123456789012345678901234567890}",
           "{} {}",
       }) {
    const auto whole = parse_json(text);
    ASSERT_FALSE(whole) << text;
    for (std::size_t size = 1; size <= text.size(); ++size) {
      const auto read = parsed_in_pieces(text, size);
      ASSERT_FALSE(read) << text << " in pieces of " << size;
      EXPECT_EQ(read.error().message, whole.error().message) << "in pieces of " << size;
    }
  }
  EXPECT_FALSE(parsed_in_pieces("{\"a\": 1", 3));
  EXPECT_FALSE(parsed_in_pieces("", 3));
}

TEST(JsonText, EscapesAllButPrintableAscii) {
  EXPECT_EQ(rewritten(R"("\"\\\/\b\f\n\r\t\u0001\u007f ~")"), R"("\"\\/\b\f\n\r\t\u0001\u007f ~")");
  EXPECT_EQ(json_text("\xC3\xA9 \xE5\xAF\xBF \xF0\x9F\x98\x80"), R"("\u00e9 \u5bff \ud83d\ude00")");
  EXPECT_EQ(json_text(json::string("a\xFFz\xC3")), R"("a\ufffdz\ufffd")");
  EXPECT_EQ(json_text(json::string("\xED\xA0\x80")),
            R"("\ufffd\ufffd\ufffd")");  // a lone surrogate
  EXPECT_EQ(json_text(json::string("\xEE\x80\x80")), R"("\ue000")");
  for (const auto* three : {"\xE0\x80\x80", "\xF5\x80\x80"})  // too long; beyond Unicode
    EXPECT_EQ(json_text(json::string(three)), R"("\ufffd\ufffd\ufffd")");
  EXPECT_EQ(json_text(json::string("\xF4\x90\x80\x80")), R"("\ufffd\ufffd\ufffd\ufffd")");
  EXPECT_EQ(json_text(json::string("\0", 1)), R"("\u0000")");
}

TEST(JsonText, WritesFloatsAsPythonsRepr) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {1e22, "1e+22"},
      {1.5e300, "1.5e+300"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {1.25e-7, "1.25e-07"},
      {5e-324, "5e-324"},
      {0.1, "0.1"},
      {1548928800.25, "1548928800.25"},
      {9007199254740993.0, "9007199254740992.0"},
      {123456789012345680.0, "1.2345678901234568e+17"},
      {1.7976931348623157e308, "1.7976931348623157e+308"},
      {std::nan(""), "NaN"},
      {std::numeric_limits<double>::infinity(), "Infinity"},
      {-std::numeric_limits<double>::infinity(), "-Infinity"}};
  for (const auto& [number, text] : cases) EXPECT_EQ(json_text(number), text);
}

TEST(JsonText, KeepsIntegersAsTheyAre) {
  for (const auto* text :
       {"0", "-1", "9223372036854775807", "-9223372036854775808", "18446744073709551615"})
    EXPECT_EQ(rewritten(text), text);
}

TEST(ParseJson, RoundsFloatsToTheNearest) {
  // Cases that the parser of Boost.JSON 1.81 reads a unit in the last place off.
  for (const auto* text : {"3.141592653589793", "0.30000000000000004", "2.2250738585072014e-308",
                           "7.2057594037927933e+16", "123456.7890123456789"}) {
    const auto value = parse_json(text);
    ASSERT_TRUE(value) << text;
    EXPECT_EQ(value->get_double(), std::strtod(text, nullptr)) << text;
  }
  EXPECT_EQ(rewritten("1e-999"), "0.0");
}

TEST(ParseJson, RefusesNumbersItCannotKeep) {
  for (const auto* text : {"100000000000000000000", "-9223372036854775809", "[1, 1e999]",
                           R"({"a": {"b": [18446744073709551616]}})"}) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, Code::invalid);
    EXPECT_NE(value.error().message.find("does not fit"), std::string::npos)
        << value.error().message;
  }
}

TEST(ParseJson, TheLastOfEqualKeysWinsInThePlaceOfTheFirst) {
  EXPECT_EQ(rewritten(R"({"a": 1, "b": 2, "a": 3})"), R"({"a": 3, "b": 2})");
}

TEST(ParseJson, SaysWhereTheTextIsWrong) {
  const auto value = parse_json("{\"a\": 1,\n  b}");
  ASSERT_FALSE(value);
  EXPECT_NE(value.error().message.find("line 2, column 3"), std::string::npos)
      << value.error().message;
  for (const auto* text : {"", "  ", "{", "[1,]", "1 2", "nul", "\"\xFF\"", "\"\\ud800\"", "NaN"})
    EXPECT_FALSE(parse_json(text)) << text;
}

TEST(ParseJson, BoundsTheNesting) {
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_TRUE(parse_json(nested(200)));
  const auto value = parse_json(nested(100'000));
  ASSERT_FALSE(value);
  EXPECT_NE(value.error().message.find("nested deeper"), std::string::npos);
}

TEST(Fits64Bits, KnowsBothEnds) {
  EXPECT_TRUE(fits_64_bits("18446744073709551615"));
  EXPECT_FALSE(fits_64_bits("18446744073709551616"));
  EXPECT_TRUE(fits_64_bits("-9223372036854775808"));
  EXPECT_FALSE(fits_64_bits("-9223372036854775809"));
}

}  // namespace
}  // namespace sosw
