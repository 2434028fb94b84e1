// SPDX-License-Identifier: MIT
#include "core/config.h"

#include <gtest/gtest.h>

#include <vector>

#include "core/config_reader.h"
#include "core/json_text.h"
#include "core/suggest.h"

namespace sosw {
namespace {

json::object object(std::string_view text) { return parse_json(text)->as_object(); }

std::string update(std::string_view base, std::string_view over) {
  return json_text(recursive_update(object(base), object(over)));
}

TEST(RecursiveUpdate, MergesObjectsAndReplacesTheRest) {
  EXPECT_EQ(update(R"({"a": 1, "b": {"c": 2, "d": 3}})", R"({"b": {"d": 4, "e": 5}, "f": 6})"),
            R"({"a": 1, "b": {"c": 2, "d": 4, "e": 5}, "f": 6})");
  EXPECT_EQ(update(R"({"a": {"x": 1}})", R"({"a": 2})"), R"({"a": 2})");
  EXPECT_EQ(update(R"({"a": {"x": 1}})", R"({"a": null})"), R"({"a": null})");
  EXPECT_EQ(update(R"({"a": 2})", R"({"a": {"x": 1}})"), R"({"a": {"x": 1}})");
  EXPECT_EQ(update(R"({"a": null})", R"({"a": {"x": 1}})"), R"({"a": {"x": 1}})");
  EXPECT_EQ(update(R"({"a": 1})", R"({"a": [1]})"), R"({"a": [1]})");
  EXPECT_EQ(update(R"({"a": [1]})", R"({"a": 1})"), R"({"a": 1})");
}

TEST(RecursiveUpdate, UnitesListsInOrder) {
  EXPECT_EQ(update(R"({"a": [3, 1]})", R"({"a": [2, 1, 3, 4]})"), R"({"a": [3, 1, 2, 4]})");
  EXPECT_EQ(update(R"({"a": ["x", "x"]})", R"({"a": []})"), R"({"a": ["x"]})");
  EXPECT_EQ(update(R"({"a": [1, "1"]})", R"({"a": [1.0, 1.5]})"), R"({"a": [1, "1", 1.5]})");
  EXPECT_EQ(update(R"({"a": [{"x": 1}]})", R"({"a": [{"x": 2}, {"x": 1}]})"),
            R"({"a": [{"x": 1}, {"x": 2}]})");
  EXPECT_EQ(update(R"({"a": [["topic", {}]]})", R"({"a": [["topic", {}]]})"),
            R"({"a": [["topic", {}], ["topic", {}]]})");
  EXPECT_EQ(update(R"({"a": [{"x": 1}, 2]})", R"({"a": [2, 2.0]})"),
            R"({"a": [{"x": 1}, 2, 2, 2.0]})");
  EXPECT_EQ(update(R"({"a": [true, 0]})", R"({"a": [1, false, 2]})"), R"({"a": [true, 0, 2]})");
}

TEST(RecursiveUpdate, AnExplicitReplacementTakesOut) {
  EXPECT_EQ(update(R"({"a": [1, 2]})", R"({"a": {"$replace": [2]}})"), R"({"a": [2]})");
  EXPECT_EQ(update(R"({"a": {"x": 1}})", R"({"a": {"$replace": {"y": 2}}})"), R"({"a": {"y": 2}})");
  EXPECT_EQ(update("{}", R"({"a": {"b": {"$replace": [2]}}})"), R"({"a": {"b": [2]}})");
  EXPECT_EQ(update(R"({"a": {"x": 1}})", R"({"a": {"$replace": [2], "y": 2}})"),
            R"({"a": {"x": 1, "$replace": [2], "y": 2}})");
}

TEST(Merged, TheLaterLayerWins) {
  const auto defaults = object(R"({"retry_tasks_limit": 20, "a": 1, "b": 1})");
  const auto shared = object(R"({"retry_tasks_limit": 500, "a": 2})");
  const auto function = object(R"({"a": 3})");
  EXPECT_EQ(json_text(merged({&defaults, &shared, &function})),
            R"({"retry_tasks_limit": 500, "a": 3, "b": 1})");
  EXPECT_EQ(json_text(merged({})), "{}");
}

TEST(ParseConfig, AllowsCommentsAndSaysWhereItIsWrong) {
  const auto read =
      parse_config("{\n  // how many\n  \"a\": 1, /* more */ \"b\": [1, 2,],\n}", "sosw.json");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(json_text(*read), R"({"a": 1, "b": [1, 2]})");
  EXPECT_FALSE(parse_json("{\"a\": 1} // no"));
  const auto wrong = parse_config("{\n  \"a\": 1\n  \"b\": 2\n}", "sosw.json");
  ASSERT_FALSE(wrong);
  EXPECT_TRUE(wrong.error().message.starts_with("sosw.json: not JSON: ")) << wrong.error().message;
  EXPECT_TRUE(wrong.error().message.ends_with(" at line 3, column 3")) << wrong.error().message;
  const auto number = parse_config("{\"a\":\n 100000000000000000000}", "sosw.json");
  ASSERT_FALSE(number);
  EXPECT_NE(number.error().message.find("line 2"), std::string::npos) << number.error().message;
}

TEST(CheckKeys, NamesTheNearest) {
  constexpr std::string_view kKnown[] = {"labourers", "rules", "alarms"};
  EXPECT_TRUE(check_keys("sosw.json", object(R"({"rules": {}, "alarms": 1})"), kKnown));
  const auto near = check_keys("sosw.json", object(R"({"labourer": {}})"), kKnown);
  ASSERT_FALSE(near);
  EXPECT_EQ(near.error().text(), "sosw.json: unknown key 'labourer'\n  did you mean 'labourers'?");
  EXPECT_EQ(check_keys("sosw.json", object(R"({"zzz": {}})"), kKnown).error().hint,
            "known: labourers, rules, alarms");
}

TEST(Nearest, OneSlipOrTwo) {
  constexpr std::string_view kKnown[] = {"max_attempts", "max_simultaneous_invocations", "cooldown",
                                         "arn", "exec"};
  EXPECT_EQ(nearest("max_atempts", kKnown), "max_attempts");
  EXPECT_EQ(nearest("max_attepmts", kKnown), "max_attempts");
  EXPECT_EQ(nearest("Cool_Down", kKnown), "cooldown");
  EXPECT_EQ(nearest("cooldwon", kKnown), "cooldown");
  EXPECT_EQ(nearest("max_simultanous_invocation", kKnown), "max_simultaneous_invocations");
  EXPECT_EQ(nearest("arm", kKnown), "arn");
  EXPECT_EQ(nearest("exce", kKnown), "exec");
  EXPECT_FALSE(nearest("colour", kKnown));
  EXPECT_FALSE(nearest("", kKnown));
  EXPECT_FALSE(nearest(std::string(100'000, 'x'), kKnown));
  EXPECT_FALSE(nearest("x", {}));
  constexpr std::string_view kClose[] = {"timeout_x", "timeouts", "timeout_s", "timeout_z"};
  EXPECT_EQ(nearest("timeout_s", kClose), "timeout_s");
  EXPECT_EQ(nearest("timeout_y", kClose), "timeout_x");  // the first of equals
}

TEST(ConfigReader, TellsAllErrorsInOne) {
  const auto config = object(R"({"n": "x", "t": 5, "nn": 1, "tt": 2})");
  ConfigReader reader("here", config);
  reader.integer("n", 0, 9);
  reader.text("t");
  Error inner = invalid("first");
  inner.others = {invalid("second", "hint")};
  reader.fail_in("there", inner);
  const auto read = reader.finish();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().others.size(), 5U);
  EXPECT_EQ(read.error().text(),
            "here: n must be a whole number, found the text 'x'\n"
            "here: t must be a text, found the number 5\n"
            "there: first\n"
            "there: second\n  hint\n"
            "here: unknown key 'nn'\n  known: n, t\n"
            "here: unknown key 'tt'\n  known: n, t");
}

TEST(ConfigReader, SaysWhatAValueMustBe) {
  const auto config = object(R"({"n": "x", "m": 1.5, "t": 5, "list": ["a", 1], "o": [], "b": 1})");
  const auto complaint = [&](auto read) {
    ConfigReader reader("here", config);
    read(reader);
    const auto read_all = reader.finish({"n", "m", "t", "list", "o", "b"});
    return read_all ? std::string("fine") : read_all.error().text();
  };
  EXPECT_EQ(complaint([](auto& r) { r.integer("n", 0, 9); }),
            "here: n must be a whole number, found the text 'x'");
  EXPECT_EQ(complaint([](auto& r) { r.integer("m", 0, 9); }),
            "here: m must be a whole number, found the number 1.5");
  EXPECT_EQ(complaint([](auto& r) { r.integer("t", 6, 9); }),
            "here: t must be between 6 and 9, found 5");
  EXPECT_EQ(complaint([](auto& r) { r.integer("t", 0, 4); }),
            "here: t must be between 0 and 4, found 5");
  EXPECT_EQ(complaint([](auto& r) { r.number("t", 6); }), "here: t must be at least 6, found 5");
  EXPECT_EQ(complaint([](auto& r) { r.number("t", 0, 4); }),
            "here: t must be between 0 and 4, found 5");
  EXPECT_EQ(complaint([](auto& r) { r.text("t"); }), "here: t must be a text, found the number 5");
  EXPECT_EQ(complaint([](auto& r) { r.texts("list"); }),
            "here: list must be a list of texts, found in it the number 1");
  EXPECT_EQ(complaint([](auto& r) { r.texts("o"); }),
            "here: o must be a list of texts, found a list");
  EXPECT_EQ(complaint([](auto& r) { r.object("o"); }), "here: o must be an object, found a list");
  EXPECT_EQ(complaint([](auto& r) { r.flag("b"); }),
            "here: b must be true or false, found the number 1");
  EXPECT_EQ(
      complaint([](auto& r) { r.integer("absent", 0, 9), r.number("m", 0), r.integer("t", 5, 5); }),
      "fine");
}

TEST(Described, ShowsAValueInAFewWords) {
  EXPECT_EQ(described(nullptr), "null");
  EXPECT_EQ(described(true), "true");
  EXPECT_EQ(described(false), "false");
  EXPECT_EQ(described(1.0), "the number 1.0");
  EXPECT_EQ(described(json::array()), "a list");
  EXPECT_EQ(described(json::object()), "an object");
  const std::string sixty(60, 'x');
  EXPECT_EQ(described(json::value(sixty)), "the text '" + sixty + "'");
  EXPECT_EQ(described(json::value(sixty + "y")), "the text '" + sixty + "...'");
}

TEST(ConfigReader, WholeNumbersMayBeWrittenWithAPoint) {
  const auto config = object(R"({"a": 3.0, "huge": 18446744073709551615, "far": 1e300})");
  ConfigReader reader("here", config);
  EXPECT_EQ(reader.integer("a", 0, 9), 3);
  EXPECT_FALSE(reader.failed());
  EXPECT_FALSE(reader.integer("huge", 0, 9));
  EXPECT_EQ(reader.failed()->message,
            "here: huge must be between 0 and 9, found 18446744073709551615");
  ConfigReader other("here", config);
  EXPECT_FALSE(other.integer("far", 0, 9));
  EXPECT_TRUE(other.failed());
}

}  // namespace
}  // namespace sosw
