// SPDX-License-Identifier: MIT
// The judge itself: that it sees differences, keeps rules in their limits, and that every rule is
// documented.
#include "golden.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>

namespace sosw::golden {
namespace {

Answer output(std::string_view text) { return Answer::output(json::parse(text)); }

Recorded recorded(std::string_view line) {
  auto parsed = parse_recorded(line);
  EXPECT_TRUE(std::holds_alternative<Recorded>(parsed)) << line;
  return std::get<Recorded>(std::move(parsed));
}

TEST(Same, TellsIntegersFromFloatsUnlessByValue) {
  Area area;
  EXPECT_FALSE(same(area, false, output("1000"), output("1000.0")));
  area.numbers_by_value = true;
  EXPECT_TRUE(same(area, false, output("1000"), output("1000.0")));
  EXPECT_FALSE(same(area, false, output("1000"), output("1000.5")));
}

TEST(Same, OrderOfListsCountsUnlessUnordered) {
  const Area area;
  const auto a = output(R"([{"x": [1, 2], "y": 0}, 3])");
  const auto b = output(R"([3, {"y": 0, "x": [2, 1]}])");
  EXPECT_FALSE(same(area, false, a, b));
  EXPECT_TRUE(same(area, true, a, b));
  EXPECT_FALSE(same(area, true, output("[1, 1, 2]"), output("[1, 2, 2]")));
}

TEST(Same, ErrorsAreComparedByClass) {
  const Area area;
  EXPECT_TRUE(same(area, false, Answer::error("ValueError"), Answer::error("ValueError")));
  EXPECT_FALSE(same(area, false, Answer::error("ValueError"), Answer::error("KeyError")));
  EXPECT_FALSE(same(area, false, Answer::error("null"), output("null")));
}

TEST(Same, TypedValuesHaveANearestForm) {
  const Area area;
  EXPECT_TRUE(
      same(area, false, output(R"({"$type": "tuple", "value": [1, 2]})"), output("[1, 2]")));
  EXPECT_TRUE(same(area, false, output(R"({"$type": "set", "value": [1, 2]})"),
                   output(R"({"$type": "set", "value": [2, 1]})")));
  EXPECT_TRUE(same(area, false, output(R"({"$type": "float", "value": "inf"})"),
                   Answer::output(std::numeric_limits<double>::infinity())));
  EXPECT_FALSE(same(area, false, output(R"({"$type": "date", "value": "2019-01-01"})"),
                    output(R"({"$type": "date", "value": "2019-01-02"})")));
}

TEST(Same, IgnoredPartsAndJsonText) {
  Area area;
  area.ignored = {"query", "trace/*/requests"};
  EXPECT_TRUE(same(area, false, output(R"({"r": 1, "query": [1]})"), output(R"({"r": 1})")));
  EXPECT_TRUE(same(area, false, output(R"({"trace": [{"requests": 1, "x": 2}]})"),
                   output(R"({"trace": [{"requests": 2, "x": 2}]})")));
  EXPECT_FALSE(
      same(area, false, output(R"({"trace": [{"x": 1}]})"), output(R"({"trace": [{"x": 2}]})")));
  const auto a = output(R"("{\"a\": 1, \"b\": 2}")");
  const auto b = output(R"("{\"b\":2,\"a\":1}")");
  EXPECT_FALSE(same(area, false, a, b));
  area.json_text_by_value = true;
  EXPECT_TRUE(same(area, false, a, b));
}

TEST(ParseRecorded, KeepsIntegersBeyond64Bits) {
  const auto big = recorded(
      R"({"id": "x/y/1", "input": {"n": 100000000000000000000, "s": "\"100000000000000000000"},
                                "output": -9223372036854775808})");
  EXPECT_EQ(big.what.in("n"), json::parse(R"({"$type": "int", "value": "100000000000000000000"})"));
  EXPECT_EQ(big.what.in("s"), json::value("\"100000000000000000000"));
  EXPECT_EQ(big.right.front().value(), json::value(std::numeric_limits<std::int64_t>::min()));
  EXPECT_TRUE(big.what.in("absent").is_null());
}

TEST(ParseRecorded, ComplainsInsteadOfCrashing) {
  for (const auto* line : {"", "{", "[]", "nonsense", "\"\\", "{\"id\": 1e5"})
    EXPECT_TRUE(std::holds_alternative<std::string>(parse_recorded(line))) << line;
}

TEST(Judge, NeedsAnAnswerAHandlerAndAnEqualOutput) {
  Area area;
  area.handlers = {
      {"echo", [](const Case& what) { return Answer::output(what.in("v")); }},
      {"thrower", [](const Case& what) { return Answer::output(what.in("v").at("x")); }}};
  using Kind = Judgement::Kind;
  EXPECT_EQ(judge(area, recorded(R"({"function": "echo", "input": {"v": 1}, "output": 1})")).kind,
            Kind::matched);
  EXPECT_EQ(judge(area, recorded(R"({"function": "echo", "input": {"v": 1}, "output": 2})")).kind,
            Kind::failed);
  EXPECT_EQ(judge(area, recorded(R"({"function": "echo", "input": {"v": 1}})")).kind, Kind::failed);
  EXPECT_EQ(judge(area, recorded(R"({"function": "other", "output": null})")).kind, Kind::failed);
  EXPECT_EQ(judge(area, recorded(R"({"function": "thrower", "output": null})")).kind, Kind::failed);
  EXPECT_EQ(judge(area, recorded(R"({"function": "echo", "input": {"v": 3}, "output": 2,
                                     "alternatives": [{"output": 3}]})"))
                .kind,
            Kind::matched);
}

TEST(Judge, ARuleThatSpeaksDecides) {
  Area area;
  area.handlers = {
      {"double", [](const Case& what) { return Answer::output(what.in("v").as_int64() * 2); }}};
  area.rules = {{"fives", "a test", [](const Case& what, const Answer&) -> std::optional<Answer> {
                   if (what.in("v") != json::value(5)) return std::nullopt;
                   return Answer::output(10);
                 }}};
  const auto five =
      judge(area, recorded(R"({"function": "double", "input": {"v": 5}, "output": 11})"));
  EXPECT_EQ(five.kind, Judgement::Kind::by_rule);
  EXPECT_EQ(five.name, "fives");
  area.handlers[0].run = [](const Case&) { return Answer::output(11); };
  EXPECT_EQ(
      judge(area, recorded(R"({"function": "double", "input": {"v": 5}, "output": 11})")).kind,
      Judgement::Kind::failed);
}

TEST(Judge, ARuleOrFormThatDoesNotFitTheCaseFailsNoOther) {
  const auto nothing_to_read = [](const Case& what, const Answer&) -> std::optional<Answer> {
    return Answer::output(what.in("x").as_object());
  };
  const auto echo = [](const Case& what) { return Answer::output(what.in("x")); };
  Area area;
  area.handlers = {{"echo", echo}};
  area.rules = {{"reads_objects", "", nothing_to_read}};
  const auto right =
      recorded(R"({"id": "a/echo/1", "function": "echo", "input": {"x": 5}, "output": 5})");
  EXPECT_EQ(judge(area, right).kind, Judgement::Kind::matched);
  const auto wrong =
      recorded(R"({"id": "a/echo/2", "function": "echo", "input": {"x": 5}, "output": 6})");
  EXPECT_EQ(judge(area, wrong).kind, Judgement::Kind::failed);
  area.behaviour = [](const Case&, const json::value& output) -> json::value {
    return output.as_object();
  };
  EXPECT_EQ(judge(area, right).kind, Judgement::Kind::failed);
}

TEST(Judge, AnExcludedFunctionNeverMatches) {
  Area area;
  area.exclusions = {{"not_here", "gone", "a test"}};
  const auto judgement = judge(area, recorded(R"({"function": "gone", "output": 1})"));
  EXPECT_EQ(judgement.kind, Judgement::Kind::excluded);
  EXPECT_EQ(judgement.name, "not_here");
}

TEST(RuleLimit, IsATenthOrFive) {
  EXPECT_EQ(rule_limit(0), 5U);
  EXPECT_EQ(rule_limit(59), 5U);
  EXPECT_EQ(rule_limit(746), 74U);
}

TEST(Differences, DocumentsExactlyTheRulesAndExclusionsOfTheCode) {
  std::set<std::string> in_code;
  for (const auto& area : areas()) {
    for (const auto& rule : area.rules) {
      EXPECT_FALSE(rule.reason.empty()) << rule.name;
      in_code.emplace(rule.name);
    }
    for (const auto& exclusion : area.exclusions) {
      EXPECT_FALSE(exclusion.reason.empty()) << exclusion.name;
      in_code.emplace(exclusion.name);
    }
  }
  std::set<std::string> documented;
  std::ifstream file(SOSW_DIFFERENCES);
  ASSERT_TRUE(file) << SOSW_DIFFERENCES;
  for (std::string line; std::getline(file, line);)
    if (line.rfind("## ", 0) == 0) documented.insert(line.substr(3));
  EXPECT_EQ(in_code, documented);
}

}  // namespace
}  // namespace sosw::golden
