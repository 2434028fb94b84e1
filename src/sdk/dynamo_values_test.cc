// SPDX-License-Identifier: MIT
#include "sdk/dynamo_values.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>

#include "sdk/dynamo_expressions.h"
#include "sdk/exact_json.h"
#include "sosw/errors.h"

namespace sosw::sdk {
namespace {

using ::testing::HasSubstr;

json::object written(const DynamoRows& rows, const json::object& row) {
  return rows.to_item(row, "", false, [](auto) {});
}
json::object read(const DynamoRows& rows, const json::object& item) {
  std::int64_t unread = 0;
  return rows.to_row(item, false, unread);
}
json::object parsed(const char* text) { return json::parse(text).as_object(); }

template <class Error, class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  } catch (const std::exception& error) {
    return std::string("another error: ") + error.what();
  }
  return "no error";
}

TEST(DynamoValues, ReadsNumbersWithoutRounding) {
  EXPECT_EQ(exact_number("-5"), json::value(-5));
  EXPECT_EQ(exact_number("007"), json::value(7));
  EXPECT_EQ(exact_number("+5"), json::value(5));
  EXPECT_EQ(exact_number("-0"), json::value(0));
  EXPECT_EQ(exact_number("9223372036854775807"), json::value(INT64_MAX));
  EXPECT_EQ(exact_number("-9223372036854775808"), json::value(INT64_MIN));
  EXPECT_EQ(exact_number("18446744073709551615"), json::value(UINT64_MAX));
  EXPECT_EQ(exact_number("18446744073709551616"), json::value(18446744073709551616.0))
      << "2^64, which a double holds";
  EXPECT_EQ(exact_number("18446744073709551617"), json::value("18446744073709551617"));
  EXPECT_EQ(exact_number("-9223372036854775809"), json::value("-9223372036854775809"));
  EXPECT_EQ(exact_number("1E+2"), json::value(100));
  EXPECT_EQ(exact_number("1200e-2"), json::value(12));
  EXPECT_EQ(exact_number("1e-2"), json::value(0.01));
  EXPECT_EQ(exact_number("1.0"), json::value(1.0));
  EXPECT_TRUE(exact_number("1.0").is_double());
  EXPECT_EQ(exact_number("0.1"), json::value(0.1));
  EXPECT_EQ(exact_number("5."), json::value(5.0));
  EXPECT_EQ(exact_number("-.5"), json::value(-0.5));
  EXPECT_EQ(exact_number("0.10000000000000000001"), json::value("0.10000000000000000001"));
  EXPECT_EQ(exact_number("1.2345678901234567890123456789012345678"),
            json::value("1.2345678901234567890123456789012345678"));
}

TEST(DynamoValues, RefusesWhatIsNoNumber) {
  for (const char* text : {"", "-", ".", "e5", "1e", "1e+-5", "0x1", "nan", "inf", "1,5", " 1",
                           "1 ", "1_0", "1.2.3", "--1", "1e99999999999"})
    EXPECT_THROW(exact_number(text), ValueError) << text;
}

TEST(DynamoValues, GivesBackTheNumberThatItRead) {
  const DynamoRows rows({{"row_mapper", {{"n", "N"}}}});
  for (const char* number : {"5", "-5.25", "123456789012345678901234567890", "1e-7",
                             "-0.12345678901234567890123456789012345678", "18446744073709551615"}) {
    const json::object item{{"n", {{"N", number}}}};
    const auto again = written(rows, read(rows, item));
    EXPECT_EQ(exact_number(again.at("n").at("N").as_string()), exact_number(number));
  }
}

TEST(DynamoValues, MakesSetsOfListsWhereTheColumnIsOne) {
  const DynamoRows rows({{"row_mapper", {{"s", "SS"}, {"n", "NS"}, {"b", "BS"}, {"raw", "B"}}}});
  const json::object row{
      {"s", {"b", "a", "b"}}, {"n", {1, 2.5, "3"}}, {"b", {"eA=="}}, {"raw", "eA=="}};
  const auto item = written(rows, row);
  EXPECT_EQ(item, parsed(R"({"s": {"SS": ["b", "a"]}, "n": {"NS": ["1", "2.5", "3"]},
                             "b": {"BS": ["eA=="]}, "raw": {"B": "eA=="}})"));
  EXPECT_EQ(read(rows, item), parsed(R"({"s": ["b", "a"], "n": [1, 2.5, 3], "b": ["eA=="],
                                         "raw": "eA=="})"));
  EXPECT_THAT(message_of<TypeError>([&] {
                written(rows, {{"s", {"a", 1}}});
              }),
              HasSubstr("the column 's' is declared SS, and 1 cannot be in it"));
  EXPECT_THAT(message_of<ValueError>([&] {
                written(rows, {{"n", {"x"}}});
              }),
              HasSubstr("'n' holds numbers"));
}

TEST(DynamoValues, WritesStructuresIntoTextsAsJson) {
  const DynamoRows rows({{"row_mapper", {{"payload", "S"}}}});
  const json::object row{{"payload", {{"a", {1, nullptr, true, "\u00e9"}}, {"b", 0.5}}}};
  const auto item = written(rows, row);
  EXPECT_EQ(item.at("payload").at("S"), R"({"a": [1, null, true, "\u00e9"], "b": 0.5})");
  EXPECT_EQ(read(rows, item), row);
  const DynamoRows as_it_is(
      {{"row_mapper", {{"payload", "S"}}}, {"dont_json_loads_results", true}});
  EXPECT_TRUE(read(as_it_is, item).at("payload").is_string());
}

TEST(DynamoValues, CountsTextsInBracesThatAreNoJson) {
  const DynamoRows rows({{"row_mapper", {{"a", "S"}, {"b", "S"}}}});
  std::int64_t unread = 0;
  EXPECT_EQ(rows.to_row({{"a", {{"S", "{x}"}}}, {"b", {{"S", "{}"}}}}, false, unread),
            parsed(R"({"a": "{x}", "b": {}})"));
  EXPECT_EQ(unread, 1);
}

TEST(DynamoValues, GuessesNoMoreThanDynamoDbTakes) {
  const DynamoRows rows((json::object()));
  const auto type = [&](std::string_view text) {
    return std::string(rows.attribute("x", json::value(text)).as_object().begin()->key());
  };
  EXPECT_EQ(type("007"), "N");
  EXPECT_EQ(type(std::string(38, '9')), "N");
  EXPECT_EQ(type(std::string(39, '9')), "S");
  EXPECT_EQ(type("1" + std::string(60, '0')), "N");
  EXPECT_EQ(type("1" + std::string(130, '0')), "S");
  EXPECT_EQ(type("\u0665"), "S");  // a five in Arabic
  EXPECT_EQ(type("False"), "BOOL");
  EXPECT_EQ(type("falsely"), "S");
}

TEST(DynamoValues, GuessesNothingIfItIsToldSo) {
  const DynamoRows rows({{"guess_types", false}, {"row_mapper", {{"n", "N"}}}});
  EXPECT_EQ(written(rows, {{"x", "5"}, {"y", "true"}, {"z", 5}, {"n", "5"}}),
            parsed(R"({"x": {"S": "5"}, "y": {"S": "true"}, "z": {"N": "5"}, "n": {"N": "5"}})"));
}

TEST(DynamoValues, RefusesNumbersThatDynamoDbHasNot) {
  const DynamoRows rows({{"row_mapper", {{"n", "N"}}}});
  for (const json::value& value : {json::value(true), json::value("x"), json::value(HUGE_VAL),
                                   json::value(json::array{1}), json::value("")})
    EXPECT_THROW(written(rows, {{"n", value}}), ValueError) << value;
  EXPECT_THROW(written(rows, {{"free", std::nan("")}}), ValueError);
  EXPECT_THROW(written(rows, {{"free", {1, std::nan("")}}}), TypeError);
}

TEST(DynamoValues, RefusesWhatIsNoItem) {
  const DynamoRows rows({{"row_mapper", {{"a", "S"}}}});
  for (const char* item :
       {R"({"a": 5})", R"({"a": {}})", R"({"a": {"S": "x", "N": "1"}})", R"({"a": {"S": 5}})",
        R"({"a": {"X": "y"}})", R"({"a": {"L": [5]}})", R"({"a": {"NS": [5]}})",
        R"({"a": {"M": 5}})", R"({"a": {"N": 5}})", R"({"a": {"BOOL": "true"}})"}) {
    std::int64_t unread = 0;
    EXPECT_THROW(static_cast<void>(rows.to_row(parsed(item), true, unread)), TypeError) << item;
  }
}

TEST(DynamoValues, RefusesSettingsOfAnotherShape) {
  EXPECT_THROW(DynamoRows({{"row_mapper", {"a"}}}), TypeError);
  EXPECT_THROW(DynamoRows({{"row_mapper", {{"a", 5}}}}), TypeError);
  EXPECT_THROW(DynamoRows({{"required_fields", "a"}}), TypeError);
}

TEST(DynamoExpressions, GiveEveryNameAPlaceholder) {
  Placeholders placeholders;
  EXPECT_EQ(placeholders.name("session"), "#n0");
  EXPECT_EQ(placeholders.name("a.b c"), "#n1");
  EXPECT_EQ(placeholders.name("session"), "#n0");
  EXPECT_EQ(placeholders.path("session.list[0][12].x"), "#n0.#n2[0][12].#n3");
  EXPECT_EQ(placeholders.path("odd[x]"), "#n4");
  EXPECT_EQ(placeholders.path("[0]"), "#n5");
  json::object request;
  placeholders.add_to(request);
  EXPECT_EQ(request, parsed(R"({"ExpressionAttributeNames": {"#n0": "session", "#n1": "a.b c",
      "#n2": "list", "#n3": "x", "#n4": "odd[x]", "#n5": "[0]"}})"));
}

TEST(DynamoExpressions, ReadWordsOfAFilterByTheirColumn) {
  const DynamoRows rows({{"row_mapper", {{"text", "S"}, {"number", "N"}, {"flag", "BOOL"}}}});
  const auto value = [&](const char* expression) {
    Placeholders placeholders;
    filter(rows, expression, placeholders);
    json::object request;
    placeholders.add_to(request);
    return request.at("ExpressionAttributeValues").at(":v0");
  };
  EXPECT_EQ(value("text = 5"), json::parse(R"({"S": "5"})"));
  EXPECT_EQ(value("number > -5"), json::parse(R"({"N": "-5"})"));
  EXPECT_EQ(value("flag = 1"), json::parse(R"({"BOOL": true})"));
  EXPECT_EQ(value("free > -5.5"), json::parse(R"({"N": "-5.5"})"));
  EXPECT_EQ(value("free = TRUE"), json::parse(R"({"BOOL": true})"));
  EXPECT_EQ(value("free = -"), json::parse(R"({"S": "-"})"));
  EXPECT_EQ(value("\tfree\u00a0=\u3000x\n"), json::parse(R"({"S": "x"})"));
  EXPECT_THROW(value("number = x"), ValueError);
}

TEST(DynamoExpressions, KeepTheLimitsOfARangeAndOfAFilterApart) {
  const DynamoRows rows({{"row_mapper", {{"k", "N"}}}});
  Placeholders placeholders;
  const auto keys =
      key_condition(rows, {{"st_between_k", 1}, {"en_between_k", 2}}, {}, placeholders);
  const auto filtered = filter(rows, "k between 10 and 20", placeholders);
  json::object request;
  placeholders.add_to(request);
  EXPECT_EQ(keys, "#n0 between :v0 and :v1");
  EXPECT_EQ(filtered, "#n0 between :v2 and :v3");
  EXPECT_EQ(request.at("ExpressionAttributeValues").as_object(),
            parsed(R"({":v0": {"N": "1"}, ":v1": {"N": "2"}, ":v2": {"N": "10"},
                       ":v3": {"N": "20"}})"));
}

TEST(DynamoExpressions, SayWhatAFilterIsWhenItIsNone) {
  const DynamoRows rows((json::object()));
  Placeholders placeholders;
  EXPECT_THAT(message_of<ValueError>([&] { filter(rows, "name = two words", placeholders); }),
              HasSubstr("the filter 'name = two words' is none of"));
  EXPECT_THAT(message_of<AssertionError>([&] { filter(rows, "size x", placeholders); }),
              HasSubstr("no function that is known"));
  EXPECT_THAT(message_of<AssertionError>([&] { filter(rows, "x != y", placeholders); }),
              HasSubstr("operator"));
  EXPECT_THAT(message_of<ValueError>([&] {
                key_condition(rows, {{"en_between_k", 2}}, {}, placeholders);
              }),
              HasSubstr("has no 'st_between_k'"));
}

}  // namespace
}  // namespace sosw::sdk
