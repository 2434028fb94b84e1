// SPDX-License-Identifier: MIT
// Expressions mean what the Amazon DynamoDB developer guide says, and mistakes are refused.
#include "simulation/expression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json_text.h"
#include "simulation/attribute_value.h"

namespace sosw::simulation {
namespace {

using ::testing::HasSubstr;

json::object object(std::string_view text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text << ": " << (value ? "" : value.error().text());
  return value ? value->as_object() : json::object();
}

constexpr std::string_view kTask = R"({
  "task_id": {"S": "t1"}, "greenfield": {"N": "2000"}, "attempts": {"N": "0"},
  "claim": {"S": "c2000-1-1"}, "created_at": {"N": "1795000000.25"}, "done": {"BOOL": true},
  "nothing": {"NULL": true}, "state": {"S": "open"},
  "jobs": {"L": [{"S": "a"}, {"S": "b"}, {"N": "3"}]}, "bare": {"L": []},
  "details": {"M": {"deep": {"M": {"n": {"N": "5"}}}, "elements": {"L": [{"M": {"x": {"S": "y"}}}]}}},
  "words": {"SS": ["x", "y"]}, "numbers": {"NS": ["1", "2.5"]}})";

constexpr std::string_view kValues = R"({
  ":g": {"N": "2000"}, ":zero": {"N": "0"}, ":one": {"N": "1"}, ":half": {"N": "0.50"},
  ":big": {"N": "9007199254740993"}, ":t": {"S": "t1"}, ":c": {"S": "c2000"}, ":a": {"S": "a"},
  ":x": {"S": "x"}, ":open": {"S": "open"}, ":true": {"BOOL": true}, ":type": {"S": "N"},
  ":badtype": {"S": "INTEGER"}, ":list": {"L": [{"S": "z"}]}, ":two": {"N": "2.50"},
  ":set": {"SS": ["y", "z"]}, ":xy": {"SS": ["y", "x"]}, ":created": {"N": "1795000000.250"},
  ":map": {"M": {"n": {"N": "5.0"}}}, ":null": {"NULL": true}, ":nset": {"NS": ["2"]}})";
constexpr std::string_view kNames = R"({"#state": "state", "#dotted": "a.b", "#n": "n"})";

// The names and values that the text uses, so that none is left over.
json::object used_of(std::string_view all, std::string_view text) {
  json::object used;
  for (const auto& [key, value] : object(all)) {
    const std::string_view name = key;
    for (auto at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
      const auto end = at + name.size();
      if (end == text.size() || !(std::isalnum(text[end]) || text[end] == '_')) used[key] = value;
    }
  }
  return used;
}

struct Truth {
  const char* text;
  bool of_task;
  bool of_nothing;  // there is no item
};

class Conditions : public ::testing::TestWithParam<Truth> {};

TEST_P(Conditions, hold_or_not) {
  const auto names = used_of(kNames, GetParam().text);
  Expressions expressions(names, used_of(kValues, GetParam().text));
  auto read = expressions.read_condition(GetParam().text);
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_TRUE(expressions.all_used());
  json::object task = object(kTask);
  ASSERT_TRUE(check_item(task));
  EXPECT_EQ(expressions.condition_holds(&task), GetParam().of_task);
  EXPECT_EQ(expressions.condition_holds(nullptr), GetParam().of_nothing);
}

INSTANTIATE_TEST_SUITE_P(
    Expression, Conditions,
    ::testing::Values(
        Truth{"attribute_exists(task_id)", true, false},
        Truth{"attribute_exists(absent)", false, false},
        Truth{"attribute_not_exists(task_id)", false, true},
        Truth{"attribute_not_exists(absent)", true, true},
        Truth{"attribute_type(greenfield, :type)", true, false},
        Truth{"attribute_type(claim, :type)", false, false},
        Truth{"begins_with(claim, :c)", true, false},
        Truth{"begins_with(task_id, :c)", false, false},
        Truth{"begins_with(greenfield, :c)", false, false},
        Truth{"contains(claim, :c)", true, false}, Truth{"contains(jobs, :a)", true, false},
        Truth{"contains(jobs, :x)", false, false}, Truth{"contains(words, :x)", true, false},
        Truth{"contains(numbers, :two)", true, false}, Truth{"contains(words, :one)", false, false},
        Truth{"greenfield = :g", true, false}, Truth{"greenfield <> :g", false, true},
        Truth{"greenfield < :g", false, false}, Truth{"greenfield <= :g", true, false},
        Truth{"greenfield > :zero", true, false}, Truth{"greenfield >= :g", true, false},
        Truth{":zero < greenfield", true, false}, Truth{"greenfield < :big", true, false},
        Truth{"greenfield = :t", false, false}, Truth{"greenfield <> :t", true, true},
        Truth{"greenfield < :t", false, false}, Truth{"created_at = :created", true, false},
        Truth{"created_at > :half", true, false}, Truth{"absent = :g", false, false},
        Truth{"absent <> :g", true, true}, Truth{"absent < :g", false, false},
        Truth{"NOT absent < :g", true, true}, Truth{"done = :true", true, false},
        Truth{"nothing = :null", true, false}, Truth{"words = :xy", true, false},
        Truth{"words = :set", false, false}, Truth{"details.deep = :map", true, false},
        Truth{"greenfield BETWEEN :zero AND :g", true, false},
        Truth{"attempts BETWEEN :one AND :g", false, false},
        Truth{"absent BETWEEN :one AND :g", false, false},
        Truth{"attempts IN (:one, :zero)", true, false}, Truth{"attempts IN (:one)", false, false},
        Truth{"size(jobs) > :two", true, false}, Truth{"size(bare) = :zero", true, false},
        Truth{"size(claim) > :two", true, false}, Truth{"size(greenfield) > :zero", false, false},
        Truth{"size(absent) = :zero", false, false}, Truth{"size(details) = :two", false, false},
        Truth{"jobs[0] = :a", true, false}, Truth{"jobs[7] = :a", false, false},
        Truth{"attribute_not_exists(bare[0])", true, true},
        Truth{"details.deep.n > :one", true, false}, Truth{"details.deep.#n > :one", true, false},
        Truth{"details.elements[0].x = :x", false, false}, Truth{"claim.deep = :x", false, false},
        Truth{"#state = :open", true, false}, Truth{"attribute_not_exists(#dotted)", true, true},
        // NOT binds closest, then AND, then OR.
        Truth{"greenfield = :g OR absent = :g AND attempts = :one", true, false},
        Truth{"(greenfield = :g OR absent = :g) AND attempts = :one", false, false},
        Truth{"absent = :g AND attempts = :zero OR attempts = :zero", true, false},
        Truth{"NOT greenfield = :g OR attempts = :zero", true, true},
        Truth{"NOT (greenfield = :g OR attempts = :zero)", false, true},
        Truth{"not attempts = :one and attempts between :zero and :one", true, false},
        Truth{"claim=:c OR(attribute_not_exists(rev))", true, true}));

struct Mistake {
  const char* text;
  const char* says;
};

class WrongConditions : public ::testing::TestWithParam<Mistake> {};

TEST_P(WrongConditions, are_refused) {
  const auto names = used_of(kNames, GetParam().text);
  Expressions expressions(names, used_of(kValues, GetParam().text));
  const auto read = expressions.read_condition(GetParam().text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::internal);
  EXPECT_THAT(read.error().message, HasSubstr("ValidationException: Invalid ConditionExpression"));
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Expression, WrongConditions,
    ::testing::Values(
        Mistake{"state = :open", "reserved keyword; reserved keyword: state"},
        Mistake{"until < :one", "reserved keyword; reserved keyword: until"},
        Mistake{"details.Count = :one", "reserved keyword: Count"},
        Mistake{"greenfield = :nowhere", "attribute value: :nowhere"},
        Mistake{"#nowhere = :g", "attribute name: #nowhere"},
        Mistake{"greenfield = ", "token: \"<EOF>\""}, Mistake{"greenfield :g", "token: \":g\""},
        Mistake{"greenfield == :g", "token: \"=\""}, Mistake{"greenfield = :g AND", "<EOF>"},
        Mistake{"greenfield = :g attempts = :one", "token: \"attempts\""},
        Mistake{"(greenfield = :g", "<EOF>"}, Mistake{"greenfield = 2000", "token: \"2000\""},
        Mistake{"jobs[a] = :a", "token: \"a\""}, Mistake{"greenfield != :g", "token: \"!\""},
        Mistake{"jobs[0 = :a", "token: \"=\""}, Mistake{"greenfield", "<EOF>"},
        Mistake{"attempts BETWEEN :zero :one", "token: \":one\""},
        Mistake{"attempts IN :one", "token: \":one\""}, Mistake{"# = :g", "token: \"#\""},
        Mistake{"((greenfield = :g))", "redundant parentheses"},
        Mistake{"exists(task_id)", "Invalid function name; function: exists"},
        Mistake{"SIZE(jobs) = :one", "Invalid function name; function: SIZE"},
        Mistake{"size(jobs)", "not allowed to be used this way in an expression; function: size"},
        Mistake{"if_not_exists(attempts, :one) = :one", "not allowed in a condition expression"},
        Mistake{"begins_with(claim)", "function: begins_with, number of operands: 1"},
        Mistake{"attribute_exists(claim, task_id)", "number of operands: 2"},
        Mistake{"attribute_exists(:t)", "requires a document path"},
        Mistake{"begins_with(claim, :one)", "function: begins_with, operand type: N"},
        Mistake{"attribute_type(claim, :one)", "function: attribute_type, operand type: N"},
        Mistake{"attribute_type(claim, :badtype)", "type: INTEGER"},
        Mistake{"size(:one) = :one", "function: size, operand type: N"},
        Mistake{"done < :true", "function: <, operand type: BOOL"},
        Mistake{"words BETWEEN :set AND :xy", "function: BETWEEN, operand type: SS"},
        Mistake{"attempts BETWEEN :one AND :zero", "upper bound to be greater than or equal"},
        Mistake{"attempts BETWEEN :one AND :t", "same data type for lower and upper bounds"},
        Mistake{"attempts = attempts", "first operand must be distinct"}));

TEST(Expression, too_long_ones_are_refused) {
  std::string text = "greenfield = :g";
  while (text.size() <= 4096) text += " OR greenfield = :g";
  Expressions long_text({}, object(R"({":g": {"N": "1"}})"));
  const auto read = long_text.read_condition(text);
  ASSERT_FALSE(read);
  EXPECT_THAT(read.error().message, HasSubstr("exceeded the maximum allowed size"));

  std::string many = "greenfield IN (:g";
  for (int i = 0; i < 100; ++i) many += ",:g";
  const auto in = long_text.read_condition(many + ")");
  ASSERT_FALSE(in);
  EXPECT_THAT(in.error().message, HasSubstr("function: IN, number of operands: 102"));
}

struct Wrong {
  const char* names;
  const char* values;
  const char* says;
};

class WrongPlaceholders : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongPlaceholders, are_refused) {
  const auto names = object(GetParam().names);
  Expressions expressions(names, object(GetParam().values));
  auto read = expressions.read_condition("attempts = :n");
  if (read) read = expressions.all_used();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::internal);
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Expression, WrongPlaceholders,
    ::testing::Values(
        Wrong{"{}", R"({":n": {"N": "1"}, ":m": {"N": "1"}})",
              "ExpressionAttributeValues unused in expressions: keys: {:m}"},
        Wrong{R"({"#a": "a", "#b": "b"})", R"({":n": {"N": "1"}})",
              "ExpressionAttributeNames unused in expressions: keys: {#a, #b}"},
        Wrong{"{}", R"({":n": {"N": "1"}, "m": {"N": "1"}})", "Syntax error; key: \"m\""},
        Wrong{R"({"a": "a"})", R"({":n": {"N": "1"}})", "Syntax error; key: \"a\""},
        Wrong{R"({"#a": ""})", R"({":n": {"N": "1"}})", "invalid value for key #a"},
        Wrong{"{}", R"({":n": {}})", "Supplied AttributeValue is empty"},
        Wrong{"{}", R"({":n": 1})", "Supplied AttributeValue is empty"},
        Wrong{"{}", R"({":n": {"N": 1}})", "Supplied AttributeValue is empty"},
        Wrong{"{}", R"({":n": {"N": "1", "S": "1"}})", "must contain exactly one"},
        Wrong{"{}", R"({":n": {"I": "1"}})", "must contain exactly one"},
        Wrong{"{}", R"({":n": {"N": "one"}})", "cannot be converted to a numeric value: one"},
        Wrong{"{}", R"({":n": {"N": ""}})", "cannot be converted to a numeric value"},
        Wrong{"{}", R"({":n": {"N": "1e126"}})", "cannot be converted to a numeric value"},
        Wrong{"{}", R"({":n": {"N": "1.00000000000000000000000000000000000001"}})", "38 digits"},
        Wrong{"{}", R"({":n": {"SS": []}})", "may not be empty"},
        Wrong{"{}", R"({":n": {"NS": ["1", "1.0"]}})", "contains duplicates"},
        Wrong{"{}", R"({":n": {"NULL": false}})", "must have the value of true"}));

TEST(Expression, names_and_values_need_an_expression) {
  Expressions expressions({}, object(R"({":n": {"N": "1"}})"));
  const auto used = expressions.all_used();
  ASSERT_FALSE(used);
  EXPECT_THAT(used.error().message, HasSubstr("can only be specified when using expressions"));
}

struct Change {
  const char* text;
  const char* changed;  // attributes that it must have; null: the attribute must be gone
};

class Updates : public ::testing::TestWithParam<Change> {};

TEST_P(Updates, change_the_item) {
  const auto names = used_of(kNames, GetParam().text);
  Expressions expressions(names, used_of(kValues, GetParam().text));
  auto read = expressions.read_update(GetParam().text);
  ASSERT_TRUE(read) << read.error().text();
  ASSERT_TRUE(expressions.all_used());
  json::object item = object(kTask);
  ASSERT_TRUE(check_item(item));
  json::object expected = item;
  for (const auto& [name, value] : object(GetParam().changed)) {
    if (value.is_null())
      expected.erase(name);
    else
      expected[name] = value;
  }
  const auto updated = expressions.update(item);
  ASSERT_TRUE(updated) << updated.error().text();
  EXPECT_EQ(item, expected) << json::serialize(item);
}

INSTANTIATE_TEST_SUITE_P(
    Expression, Updates,
    ::testing::Values(
        Change{"SET greenfield = :one", R"({"greenfield": {"N": "1"}})"},
        Change{"set greenfield = :one", R"({"greenfield": {"N": "1"}})"},
        Change{"SET attempts = attempts + :one", R"({"attempts": {"N": "1"}})"},
        Change{"SET attempts = attempts - :one", R"({"attempts": {"N": "-1"}})"},
        Change{"SET greenfield = greenfield + :big",
               R"({"greenfield": {"N": "9007199254742993"}})"},
        Change{"SET greenfield = greenfield - :half", R"({"greenfield": {"N": "1999.5"}})"},
        Change{"SET attempts = :half + :half", R"({"attempts": {"N": "1"}})"},
        Change{"SET rev = if_not_exists(rev, :zero) + :one", R"({"rev": {"N": "1"}})"},
        Change{"SET attempts = if_not_exists(attempts, :big) + :one",
               R"({"attempts": {"N": "1"}})"},
        Change{"SET rev = :one, claim = :t", R"({"rev": {"N": "1"}, "claim": {"S": "t1"}})"},
        // Everything is read from the item as it was.
        Change{"SET claim = task_id, #state = claim",
               R"({"claim": {"S": "t1"}, "state": {"S": "c2000-1-1"}})"},
        Change{"SET jobs = list_append(jobs, :list)",
               R"({"jobs": {"L": [{"S": "a"}, {"S": "b"}, {"N": "3"}, {"S": "z"}]}})"},
        Change{"SET fresh = list_append(if_not_exists(fresh, bare), :list)",
               R"({"fresh": {"L": [{"S": "z"}]}})"},
        Change{"SET jobs[1] = :one, jobs[9] = :x",
               R"({"jobs": {"L": [{"S": "a"}, {"N": "1"}, {"N": "3"}, {"S": "x"}]}})"},
        Change{"SET details.deep.#n = :one",
               R"({"details": {"M": {"deep": {"M": {"n": {"N": "1"}}},
                   "elements": {"L": [{"M": {"x": {"S": "y"}}}]}}}})"},
        Change{
            "SET details.fresh = :one REMOVE details.elements[0].x",
            R"({"details": {"M": {"deep": {"M": {"n": {"N": "5"}}}, "elements": {"L": [{"M": {}}]},
                   "fresh": {"N": "1"}}}})"},
        Change{"REMOVE claim, absent", R"({"claim": null})"},
        Change{"REMOVE jobs[0]", R"({"jobs": {"L": [{"S": "b"}, {"N": "3"}]}})"},
        Change{"REMOVE jobs[0], jobs[2]", R"({"jobs": {"L": [{"S": "b"}]}})"},
        Change{"REMOVE jobs[9]", R"({})"},
        Change{"SET rev = :one REMOVE claim ADD attempts :two",
               R"({"rev": {"N": "1"}, "claim": null, "attempts": {"N": "2.5"}})"},
        Change{"ADD fresh :one", R"({"fresh": {"N": "1"}})"},
        Change{"ADD words :set", R"({"words": {"SS": ["x", "y", "z"]}})"},
        Change{"ADD fresh :set", R"({"fresh": {"SS": ["y", "z"]}})"},
        Change{"DELETE words :set", R"({"words": {"SS": ["x"]}})"},
        Change{"DELETE words :xy", R"({"words": null})"}, Change{"DELETE fresh :xy", R"({})"}));

class WrongUpdates : public ::testing::TestWithParam<Mistake> {};

TEST_P(WrongUpdates, are_refused) {
  const auto names = used_of(kNames, GetParam().text);
  Expressions expressions(names, used_of(kValues, GetParam().text));
  auto refused = expressions.read_update(GetParam().text);
  json::object item = object(kTask);
  ASSERT_TRUE(check_item(item));
  if (refused) refused = expressions.update(item);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::internal);
  EXPECT_THAT(refused.error().message, HasSubstr("ValidationException: "));
  EXPECT_THAT(refused.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Expression, WrongUpdates,
    ::testing::Values(
        Mistake{"greenfield = :one",
                "Invalid UpdateExpression: Syntax error; token: "
                "\"greenfield\""},
        Mistake{"SET", "<EOF>"}, Mistake{"SET greenfield", "<EOF>"},
        Mistake{"SET greenfield = :one SET claim = :t", "\"SET\" section can only be used once"},
        Mistake{"SET state = :open", "reserved keyword: state"},
        Mistake{"SET greenfield = :nowhere", "attribute value: :nowhere"},
        Mistake{"SET greenfield = :one, greenfield = :zero", "paths overlap with each other"},
        Mistake{"SET jobs = :list REMOVE jobs[0]", "path one: [jobs], path two: [jobs, [0]]"},
        Mistake{"SET details.deep = :one, details[0] = :one", "paths conflict with each other"},
        Mistake{"SET attempts = attempts + :t", "function: +, operand type: S"},
        Mistake{"SET attempts = :one - :t", "function: -, operand type: S"},
        Mistake{"SET jobs = list_append(jobs, :a)", "function: list_append, operand type: S"},
        Mistake{"SET attempts = claim + :one", "operand in the update expression has an incorrect"},
        Mistake{"SET jobs = list_append(claim, :list)", "an incorrect data type"},
        Mistake{"SET rev = rev + :one", "attribute that does not exist in the item"},
        Mistake{"SET rev = absent", "attribute that does not exist in the item"},
        Mistake{"SET rev = attempts + :one + :one", "token: \"+\""},
        Mistake{"SET absent.deep = :one", "document path provided in the update expression"},
        Mistake{"SET claim.deep = :one", "document path provided in the update expression"},
        Mistake{"SET details[0] = :one", "document path provided in the update expression"},
        Mistake{"SET jobs.deep = :one", "document path provided in the update expression"},
        Mistake{"REMOVE absent[0]", "document path provided in the update expression"},
        Mistake{"REMOVE claim[0]", "document path provided in the update expression"},
        Mistake{"SET rev = attribute_exists(claim)", "not allowed in an update expression"},
        Mistake{"SET rev = size(claim)", "not allowed in an update expression"},
        Mistake{"SET rev = now(claim)", "Invalid function name; function: now"},
        Mistake{"SET rev = if_not_exists(:one, :zero)", "requires a document path"},
        Mistake{"SET rev = if_not_exists(rev)", "number of operands: 1"},
        Mistake{"ADD claim :t", "function: ADD, operand type: S"},
        Mistake{"ADD claim :one", "an incorrect data type"},
        Mistake{"ADD words :nset", "an incorrect data type"},
        Mistake{"ADD attempts = :one", "token: \"=\""},
        Mistake{"DELETE words :one", "function: DELETE, operand type: N"},
        Mistake{"DELETE claim :set", "an incorrect data type"}));

TEST(Expression, number_overflow_is_refused) {
  Expressions expressions({}, object(R"({":n": {"N": "99999999999999999999999999999999999999"},
                                         ":m": {"N": "0.5"}})"));
  ASSERT_TRUE(expressions.read_update("SET a = :n + :m"));
  json::object item;
  const auto updated = expressions.update(item);
  ASSERT_FALSE(updated);
  EXPECT_THAT(updated.error().message, HasSubstr("Number overflow"));
}

TEST(Expression, key_conditions_are_taken_apart) {
  Expressions expressions({}, object(R"({":l": {"S": "a"}, ":f": {"N": "1"}, ":t": {"N": "2"}})"));
  ASSERT_TRUE(
      expressions.read_key_condition("(greenfield BETWEEN :f AND :t) AND labourer_id = :l"));
  const auto& keys = expressions.key_condition();
  EXPECT_EQ(keys.hash, "labourer_id");
  EXPECT_EQ(text_of(keys.hash_value), "a");
  EXPECT_EQ(keys.range, "greenfield");
  EXPECT_EQ(keys.comparison, "BETWEEN");
  EXPECT_EQ(text_of(keys.from), "1");
  EXPECT_EQ(text_of(keys.to), "2");
}

class WrongKeyConditions : public ::testing::TestWithParam<Mistake> {};

TEST_P(WrongKeyConditions, are_refused) {
  const auto names = used_of(kNames, GetParam().text);
  Expressions expressions(names, used_of(kValues, GetParam().text));
  const auto read = expressions.read_key_condition(GetParam().text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, Code::internal);
  EXPECT_THAT(read.error().message, HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Expression, WrongKeyConditions,
    ::testing::Values(
        Mistake{"", "must be specified in the request"},
        Mistake{"labourer_id < :a", "Query key condition not supported"},
        Mistake{"labourer_id = :a OR greenfield = :g",
                "Invalid operator used in "
                "KeyConditionExpression: OR"},
        Mistake{"labourer_id <> :a", "KeyConditionExpression: <>"},
        Mistake{"attribute_exists(labourer_id)", "KeyConditionExpression: attribute_exists"},
        Mistake{"labourer_id = :a AND greenfield = :g AND attempts = :one", "length 1 or 2 only"},
        Mistake{"labourer_id = :a AND labourer_id = :x", "only contain one condition per key"},
        Mistake{"labourer_id = greenfield", "must be values"},
        Mistake{":a = labourer_id", "must stand first"},
        Mistake{"details.deep = :a", "nested attributes"}));

struct Numbers {
  const char* text;
  const char* kept;  // null: not a number that can be kept
};

class NumberTexts : public ::testing::TestWithParam<Numbers> {};

TEST_P(NumberTexts, are_kept_exactly) {
  const auto number = read_number(GetParam().text);
  ASSERT_EQ(number.has_value(), GetParam().kept != nullptr);
  if (number) {
    EXPECT_EQ(number_text(*number), GetParam().kept);
  }
}

INSTANTIATE_TEST_SUITE_P(
    AttributeValue, NumberTexts,
    ::testing::Values(Numbers{"0", "0"}, Numbers{"-0", "0"}, Numbers{"007", "7"},
                      Numbers{"2000", "2000"}, Numbers{"-31557600", "-31557600"},
                      Numbers{"9223372036854775807", "9223372036854775807"},
                      Numbers{"-9223372036854775808", "-9223372036854775808"},
                      Numbers{"18446744073709551616", "18446744073709551616"},
                      Numbers{"1.50", "1.5"}, Numbers{"1795000000.123456", "1795000000.123456"},
                      Numbers{"-0.001", "-0.001"}, Numbers{".5", "0.5"}, Numbers{"5.", "5"},
                      Numbers{"1e3", "1000"}, Numbers{"1.5E+2", "150"}, Numbers{"15e-4", "0.0015"},
                      Numbers{"1e-130", "1E-130"}, Numbers{"1.2e60", "1.2E+60"}, Numbers{"+3", "3"},
                      Numbers{"1e22", "10000000000000000000000"}, Numbers{"", nullptr},
                      Numbers{"-", nullptr}, Numbers{".", nullptr}, Numbers{"1e", nullptr},
                      Numbers{"1 ", nullptr}, Numbers{"0x1", nullptr}, Numbers{"NaN", nullptr},
                      Numbers{"1e126", nullptr}, Numbers{"1e-131", nullptr},
                      Numbers{"123456789012345678901234567890123456789", nullptr}));

TEST(AttributeValue, numbers_are_ordered_by_value) {
  const std::vector<const char*> ascending = {"-1e20",
                                              "-9223372036854775808",
                                              "-2.5",
                                              "-2",
                                              "0",
                                              "1e-10",
                                              "0.5",
                                              "1",
                                              "1.000001",
                                              "2",
                                              "10",
                                              "9007199254740992",
                                              "9007199254740993",
                                              "9223372036854775807",
                                              "9223372036854775808",
                                              "1e100"};
  for (std::size_t a = 0; a < ascending.size(); ++a) {
    for (std::size_t b = 0; b < ascending.size(); ++b) {
      const json::value x = {{"N", ascending[a]}}, y = {{"N", ascending[b]}};
      EXPECT_EQ(order(x, y), a <=> b) << ascending[a] << " " << ascending[b];
    }
  }
}

TEST(AttributeValue, sizes_are_counted_as_the_guide_says) {
  EXPECT_EQ(size_of(object(R"({"ab": {"S": "xyz"}})")), 5);
  EXPECT_EQ(size_of(object(R"({"n": {"N": "2000"}, "b": {"BOOL": true}})")), 1 + 3 + 1 + 1);
  EXPECT_EQ(size_of(object(R"({"l": {"L": [{"S": "a"}, {"S": "b"}]}})")), 1 + 3 + 2 + 2);
  EXPECT_EQ(size_of(object(R"({"m": {"M": {"k": {"S": "v"}}}})")), 1 + 3 + 1 + 2);
}

}  // namespace
}  // namespace sosw::simulation
