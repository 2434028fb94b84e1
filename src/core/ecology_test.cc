// SPDX-License-Identifier: MIT
#include "core/ecology.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <utility>

#include "core/json_text.h"

namespace sosw {
namespace {

json::object object(std::string_view text) { return parse_json(text)->as_object(); }

HealthMetric metric(std::string_view feelings, std::string_view comparison) {
  const auto read = read_health_metric("m", {{"details", json::object()},
                                             {"feelings", object(feelings)},
                                             {"feeling_comparison_operator", comparison}});
  EXPECT_TRUE(read) << (read ? "" : read.error().text());
  return read ? *read : HealthMetric();
}

std::string complaint(std::string_view config) {
  const auto read = read_health_metric("labourer 'f': health_metrics 'cpu'", object(config));
  return read ? "accepted" : read.error().text();
}

TEST(Health, TheBestStatusThatHolds) {
  const auto cpu = metric(R"({"3": 50, "4": 25})", "<=");
  EXPECT_EQ(health(25, cpu), 4);
  EXPECT_EQ(health(25.000001, cpu), 3);
  EXPECT_EQ(health(50, cpu), 3);
  EXPECT_EQ(health(51, cpu), 0);
  const auto memory = metric(R"({"4": 75, "3": 50, "2": 25})", ">=");
  EXPECT_EQ(health(80, memory), 4);
  EXPECT_EQ(health(75, memory), 4);
  EXPECT_EQ(health(30, memory), 2);
  EXPECT_EQ(health(0, memory), 0);
  EXPECT_EQ(health(0, metric("{}", "le")), 0);
}

TEST(Health, NoNumberIsTheWorst) {
  EXPECT_EQ(health(std::numeric_limits<double>::quiet_NaN(), metric(R"({"4": 25})", "le")), 0);
}

TEST(Comparison, AllForms) {
  const std::pair<const char*, Comparison> forms[] = {
      {"<", Comparison::lt},  {"lt", Comparison::lt}, {"__lt__", Comparison::lt},
      {"<=", Comparison::le}, {"le", Comparison::le}, {"__le__", Comparison::le},
      {"==", Comparison::eq}, {"eq", Comparison::eq}, {"__eq__", Comparison::eq},
      {"!=", Comparison::ne}, {"ne", Comparison::ne}, {"__ne__", Comparison::ne},
      {">=", Comparison::ge}, {"ge", Comparison::ge}, {"__ge__", Comparison::ge},
      {">", Comparison::gt},  {"gt", Comparison::gt}, {"__gt__", Comparison::gt}};
  for (const auto& [text, comparison] : forms) EXPECT_EQ(comparison_named(text), comparison);
  for (const auto* text : {"", "LE", "=<", "add", "__le"}) EXPECT_FALSE(comparison_named(text));
}

TEST(Comparison, HoldsAsItIsWritten) {
  const std::pair<Comparison, std::array<bool, 3>> of_below_equal_above[] = {
      {Comparison::lt, {true, false, false}}, {Comparison::le, {true, true, false}},
      {Comparison::eq, {false, true, false}}, {Comparison::ne, {true, false, true}},
      {Comparison::ge, {false, true, true}},  {Comparison::gt, {false, false, true}}};
  for (const auto& [comparison, expected] : of_below_equal_above)
    for (int i = 0; i < 3; ++i)
      EXPECT_EQ(holds(4 + i, comparison, 5), expected[static_cast<std::size_t>(i)])
          << static_cast<int>(comparison) << " of " << 4 + i;
}

TEST(ReadHealthMetric, NameIsAnAliasOfMetricName) {
  const auto read = read_health_metric(
      "m", object(R"({"details": {"Name": "CPU", "Namespace": "AWS/RDS"}, "feelings": {"4": 1},
                      "feeling_comparison_operator": "<="})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->details, object(R"({"MetricName": "CPU", "Namespace": "AWS/RDS"})"));
  const auto both = read_health_metric(
      "m", object(R"({"details": {"Name": "a", "MetricName": "b"}, "feelings": {"4": 1},
                      "feeling_comparison_operator": "<="})"));
  ASSERT_TRUE(both);
  EXPECT_EQ(both->details.at("MetricName"), "b");
}

TEST(ReadHealthMetric, NeighboursOnlyDecideTheOrder) {
  EXPECT_EQ(health(0, metric(R"({"4": 0, "3": 10})", "le")), 4);
  EXPECT_EQ(health(25, metric(R"({"4": 25, "3": 25})", "le")), 4);
  EXPECT_EQ(health(-7, metric(R"({"4": -5})", "lt")), 4);
  EXPECT_EQ(health(9, metric(R"({"4": 1, "3": 9, "2": 5})", "eq")), 3);
  EXPECT_EQ(
      complaint(R"({"details": {}, "feelings": {"4": 10, "3": 5},
                          "feeling_comparison_operator": "le"})"),
      "labourer 'f': health_metrics 'cpu': status 3 (5) can never be reached behind status 4 (10)\n"
      "  feelings are compared from the best status down: each next one must be easier to fulfil");
  const auto accepts = [](std::string_view comparison, std::string_view feelings) {
    return complaint(fmt::format(
               R"({{"details": {{}}, "feelings": {}, "feeling_comparison_operator": "{}"}})",
               feelings, comparison)) == "accepted";
  };
  for (const auto* above : {">", ">="}) {
    EXPECT_FALSE(accepts(above, R"({"4": 50, "3": 75})")) << above;
    EXPECT_TRUE(accepts(above, R"({"4": 75, "3": 50})")) << above;
  }
  for (const auto* below : {"<", "<="}) {
    EXPECT_FALSE(accepts(below, R"({"4": 75, "3": 50})")) << below;
    EXPECT_TRUE(accepts(below, R"({"4": 50, "3": 75})")) << below;
  }
  for (const auto* either : {"==", "!="}) {
    EXPECT_TRUE(accepts(either, R"({"4": 75, "3": 50})")) << either;
    EXPECT_TRUE(accepts(either, R"({"4": 50, "3": 75})")) << either;
  }
}

TEST(ReadHealthMetric, NoData) {
  const auto read = [](std::string_view value) {
    return read_health_metric(
        "m",
        object(
            R"({"details": {}, "feelings": {}, "feeling_comparison_operator": "<", "no_data": )" +
            std::string(value) + "}"));
  };
  EXPECT_FALSE(read("\"last\"")->no_data);
  EXPECT_FALSE(read("null")->no_data);
  EXPECT_EQ(read("0")->no_data, 0);
  EXPECT_EQ(read("\"4\"")->no_data, 4);
  EXPECT_EQ(read("\" 4 \"")->no_data, 4);
  for (const auto* wrong : {"5", "-1", "\"4x\"", "\" \"", "2.5", "\"first\"", "true", "[]"})
    EXPECT_FALSE(read(wrong)) << wrong;
}

TEST(ReadHealthMetric, NamesWhatIsWrong) {
  EXPECT_EQ(
      complaint(
          R"({"details": {}, "feelings": {"4": 1, "3": 0}, "feeling_comparison_operator": "=<"})"),
      "labourer 'f': health_metrics 'cpu': feeling_comparison_operator '=<' is no comparison\n"
      "  known: < <= == != >= >, or lt le eq ne ge gt");
  EXPECT_EQ(complaint(R"({"feelings": {"4": 1}, "feeling_comparison_operator": "<"})"),
            "labourer 'f': health_metrics 'cpu': details is missing");
  EXPECT_EQ(complaint(R"({"details": {}, "feeling_comparison_operator": "<"})"),
            "labourer 'f': health_metrics 'cpu': feelings is missing");
  EXPECT_EQ(
      complaint(R"({"details": {}, "feelings": {"10": 1}, "feeling_comparison_operator": "<"})"),
      "labourer 'f': health_metrics 'cpu': feelings: '10' is no status\n"
      "  statuses: 0 (Bad), 1 (Poor), 2 (Moderate), 3 (Good), 4 (High)");
  EXPECT_EQ(
      complaint(R"({"details": {}, "feelings": {"4": "1"}, "feeling_comparison_operator": "<"})"),
      "labourer 'f': health_metrics 'cpu': feelings: status 4 must have a number, found the text "
      "'1'");
  EXPECT_EQ(complaint(R"({"details": {}, "feelings": {"4": 1}, "feeling_comparison_operator": "<",
                          "nodata": 1})"),
            "labourer 'f': health_metrics 'cpu': unknown key 'nodata'\n  did you mean 'no_data'?");
}

TEST(HealthName, OfEachStatus) {
  EXPECT_EQ(health_name(0), "Bad");
  EXPECT_EQ(health_name(4), "High");
  EXPECT_EQ(health_name(5), "unknown");
  EXPECT_EQ(health_name(-1), "unknown");
}

TEST(Coefficients, TextKeysOverrideTheDefaults) {
  const auto read = read_coefficients(object(R"({"4": 0, "2": 0.1})"));
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (Coefficients{{0, 0}, {1, 0}, {2, 0.1}, {3, 0.75}, {4, 0}}));
  EXPECT_FALSE(read_coefficients(object(R"({"5": 1})")));
  EXPECT_FALSE(read_coefficients(object(R"({"4": "1"})")));
}

TEST(AllowedInvocations, FloorOfTheDoubleProduct) {
  const auto defaults = *read_coefficients({});
  EXPECT_EQ(allowed_invocations(10, 4, defaults), 10);
  EXPECT_EQ(allowed_invocations(10, 3, defaults), 7);
  EXPECT_EQ(allowed_invocations(1, 2, defaults), 0);
  EXPECT_EQ(allowed_invocations(10, 0, defaults), 0);
  EXPECT_EQ(allowed_invocations(0, 4, defaults), 0);
  EXPECT_EQ(allowed_invocations(10, 7, defaults), 0);
  // 0.29 * 100 is a little less than 29 in doubles, and in Python.
  EXPECT_EQ(allowed_invocations(100, 4, {{4, 0.29}}), 28);
  EXPECT_EQ(allowed_invocations(10, 4, {{4, -1}}), 0);
  constexpr int kMost = std::numeric_limits<int>::max();
  EXPECT_EQ(allowed_invocations(kMost, 4, {{4, 2}}), kMost);
}

}  // namespace
}  // namespace sosw
