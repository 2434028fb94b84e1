// SPDX-License-Identifier: MIT
// What the recorded cases of the original cannot ask: texts of every class, ranges, conversions,
// limits, and properties of arbitrary input. The rest is tests/golden/helpers.jsonl.
#include "sosw/helpers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <boost/json.hpp>
#include <list>
#include <map>
#include <set>

namespace sosw {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using namespace std::chrono_literals;
using std::chrono::sys_days;

constexpr auto k2020 = std::chrono::year(2020);

// Numbers, texts, lists
// --------------------------------------------------------------------------------------------

TEST(Helpers, TakeTextsOfEveryClass) {
  const std::string text = "1,2";
  EXPECT_THAT(validate_list_of_numbers_from_csv(text), ElementsAre(1, 2));
  EXPECT_THAT(validate_list_of_numbers_from_csv(std::string_view(text)), ElementsAre(1, 2));
  EXPECT_THAT(validate_list_of_numbers_from_csv("1,2"), ElementsAre(1, 2));
  EXPECT_THAT(validate_list_of_numbers_from_csv(json::string("1,2")), ElementsAre(1, 2));
  EXPECT_THAT(validate_list_of_numbers_from_csv(json::value("1,2")), ElementsAre(1, 2));
  EXPECT_TRUE(to_bool(std::string("True")));
  EXPECT_TRUE(to_bool(5));
  EXPECT_EQ(validate_account_to_int(std::string("123-456-7890")), 1234567890);
  EXPECT_EQ(validate_account_to_dashed(1234567890), "123-456-7890");
  EXPECT_EQ(camel_case_to_underscore(std::string("HTTPResponse")), "http_response");
  EXPECT_THAT(validate_list_of_words_from_csv_or_list(std::string("a, b")), ElementsAre("a", "b"));
}

TEST(Helpers, AnswerNumbersBeyond64BitsWithAnError) {
  EXPECT_THROW(validate_list_of_numbers_from_csv("99999999999999999999"), ValueError);
  EXPECT_THROW(validate_list_of_numbers_from_csv(1e19), ValueError);
  EXPECT_THROW(small_int_from_string("a", 20), ValueError);
  EXPECT_LT(small_int_from_string("a", 19), 10'000'000'000'000'000'000U);
}

TEST(Helpers, KnowRandomUuidsOnly) {
  EXPECT_TRUE(validate_uuid4("550e8400-e29b-41d4-a716-446655440000"));
  EXPECT_TRUE(validate_uuid4("{550E8400E29B41D4A716446655440000}"));
  EXPECT_TRUE(validate_uuid4("urn:uuid:550e8400-e29b-41d4-a716-446655440000"));
  EXPECT_FALSE(validate_uuid4("550e8400-e29b-11d4-a716-446655440000"));  // version 1
  EXPECT_FALSE(validate_uuid4("550e8400-e29b-41d4-c716-446655440000"));  // of Microsoft
  EXPECT_FALSE(validate_uuid4("550e8400-e29b-41d4-a716-44665544000"));
  EXPECT_FALSE(validate_uuid4(""));
}

TEST(Chunks, ReferToARangeOfAnyKind) {
  std::vector<int> numbers = {1, 2, 3, 4, 5};
  std::vector<std::vector<int>> seen;
  for (const auto chunk : chunks(numbers, 2)) seen.emplace_back(chunk.begin(), chunk.end());
  EXPECT_THAT(seen, ElementsAre(ElementsAre(1, 2), ElementsAre(3, 4), ElementsAre(5)));
  for (const auto chunk : chunks(numbers, 3))
    for (int& number : chunk) number *= 10;
  EXPECT_THAT(numbers, ElementsAre(10, 20, 30, 40, 50));

  const std::list<std::string> words = {"a", "b", "c"};
  EXPECT_EQ(chunks(words, 2).front().size(), 2U);
  const std::map<int, int> map = {{1, 1}, {2, 2}};
  EXPECT_EQ(chunks(map, 1).size(), 2U);
  const json::array array = {1, "x"};
  EXPECT_EQ(chunks(array, 5).front().size(), 2U);
  EXPECT_TRUE(chunks(std::as_const(seen), 7).size() == 1);
}

TEST(Chunks, CountTheCharactersOfAText) {
  EXPECT_THAT(chunks("aé€😀z", 2), ElementsAre("aé", "€😀", "z"));
  EXPECT_TRUE(chunks("", 3).empty());
  EXPECT_THROW(chunks("abc", 0), ValueError);
  const std::vector<int> none;
  EXPECT_THROW(chunks(none, -1), ValueError);
}

RC_GTEST_PROP(Chunks, TogetherAreTheRange, (const std::vector<int>& list)) {
  const auto n = *rc::gen::inRange(1, 10);
  std::vector<int> all;
  const auto pieces = chunks(list, n);
  for (const auto& piece : pieces) {
    RC_ASSERT(piece.size() == static_cast<std::size_t>(n) || &piece == &pieces.back());
    RC_ASSERT(piece.size() > 0U);
    all.insert(all.end(), piece.begin(), piece.end());
  }
  RC_ASSERT(all == list);
}

TEST(FirstOrNone, GivesACopyOfTheFirstThatFits) {
  const std::vector<int> numbers = {1, 2, 3};
  EXPECT_EQ(first_or_none(numbers), 1);
  EXPECT_EQ(first_or_none(numbers, [](int x) { return x > 1; }), 2);
  EXPECT_EQ(first_or_none(numbers, [](int x) { return x > 3; }), std::nullopt);
  EXPECT_EQ(first_or_none(std::set<std::string>{"b", "a"}), "a");
  EXPECT_EQ(first_or_none(std::vector<int>()), std::nullopt);
  const json::array rows = {{{"id", 1}}, {{"id", 2}}};
  EXPECT_EQ(first_or_none(rows, [](const auto& row) { return row.at("id") == 2; }),
            json::value({{"id", 2}}));
}

RC_GTEST_PROP(RstripAll, LeavesNothingToStrip, (const std::string& text)) {
  const std::vector<std::string> patterns = {"a", "bc", " "};
  const auto rest = rstrip_all(text, patterns);
  RC_ASSERT(rstrip_all(rest, patterns) == rest);
  RC_ASSERT(text.find(rest) != std::string::npos);
  for (const auto& pattern : patterns) RC_ASSERT(!rest.ends_with(pattern));
}

RC_GTEST_PROP(SmallInt, IsSmallAndAlwaysTheSame, (const std::string& text)) {
  std::uint64_t limit = 10;
  for (int digits = 1; digits < 19; ++digits, limit *= 10) {
    const auto number = small_int_from_string(text, digits);
    RC_ASSERT(number < limit);
    RC_ASSERT(number == small_int_from_string(text, digits + 1) % limit);
  }
}

// Values out of an event
// --------------------------------------------------------------------------------------------

TEST(FromDict, ConvertsToTypes) {
  const json::object event = {{"word", "7"}, {"ids", {"1", 2, 3.9}}, {"rates", {0.5}}};
  EXPECT_EQ(get_one_or_none_from_dict<std::int64_t>(event, "word"), 7);
  EXPECT_EQ(get_one_or_none_from_dict<std::int64_t>(event, "none"), std::nullopt);
  EXPECT_EQ(get_one_from_dict<double>(event, "rate"), 0.5);
  EXPECT_EQ(get_one_from_dict<std::string>(event, "rate"), "0.5");
  EXPECT_THAT(get_list_of_multiple_or_one_or_empty_from_dict<std::int64_t>(event, "ids"),
              ElementsAre(1, 2, 3));
  EXPECT_THROW(get_one_from_dict<double>(event, "none"), ValueError);
  EXPECT_THROW(get_one_from_dict<std::int64_t>({{"word", "0"}}, "word"), ValueError);
  EXPECT_THROW(get_one_from_dict<std::int64_t>({{"word", {{"a", 1}}}}, "word"), TypeError);
}

TEST(FromDict, TellsANullInTheListFromNothing) {
  EXPECT_EQ(get_one_or_none_from_dict<std::string>({{"as", {nullptr}}}, "a"), "None");
  EXPECT_EQ(get_one_or_none_from_dict<std::string>(json::object(), "a"), std::nullopt);
}

// Dates
// --------------------------------------------------------------------------------------------

TEST(Dates, OfEveryClass) {
  const auto day = k2020 / 2 / 29;
  EXPECT_EQ(validate_date_from_something("2020-02-29"), day);
  EXPECT_EQ(validate_date_from_something(std::string("2020-02-29 23:59:59")), day);
  EXPECT_EQ(validate_date_from_something(1582934400), day);
  EXPECT_EQ(validate_date_from_something(1582934400000), day);
  EXPECT_EQ(validate_date_from_something("1582934400000"), day);
  EXPECT_EQ(validate_date_from_something(day), day);
  EXPECT_EQ(validate_date_from_something(sys_days(day) + 23h), day);
  EXPECT_EQ(validate_date_from_something(std::chrono::system_clock::time_point(sys_days(day))),
            day);
  EXPECT_THROW(validate_date_from_something(k2020 / 2 / 30), ValueError);
  EXPECT_EQ(validate_datetime_from_something(1.0078125), sys_days() + 1s + 7812us);  // ties to even
  EXPECT_EQ(validate_datetime_from_something(1.0234375), sys_days() + 1s + 23438us);
}

TEST(Dates, BeyondTheCalendarAreAnError) {
  for (const json::value& beyond :
       json::array{1e300, -1e300, 253402300800000, -62135596801, "999999999999999999999"})
    EXPECT_THROW(validate_datetime_from_something(beyond), ValueError) << beyond;
  EXPECT_EQ(validate_date_from_something(253402300799999), std::chrono::year(9999) / 12 / 31);
  EXPECT_EQ(validate_date_from_something(-62135596800), std::chrono::year(1) / 1 / 1);
  EXPECT_THROW(validate_date_list_from_event_or_days_back({}, std::int64_t{1} << 40), ValueError);
  EXPECT_THROW(validate_date_list_from_event_or_days_back({}, 1'000'000), ValueError);
}

TEST(Dates, OfAPeriodCountFromItsEnd) {
  const auto [start, end] =
      construct_dates_from_event({{"days_back", 29}, {"en_date", "2020-03-01"}}, k2020 / 12 / 31);
  EXPECT_EQ(start, k2020 / 2 / 1);
  EXPECT_EQ(end, k2020 / 3 / 1);
  EXPECT_THROW(construct_dates_from_event({{"days_back", 1}, {"st_date", "2020-03-01"}}),
               AttributeError);
  EXPECT_THROW(construct_dates_from_event({{"st_date", "2020-03-02"}, {"en_date", "2020-03-01"}}),
               AssertionError);
}

TEST(Dates, DefaultToToday) {
  const auto before = today_utc();
  const auto dates = validate_date_list_from_event_or_days_back({});
  const auto after = today_utc();
  ASSERT_EQ(dates.size(), 1U);
  EXPECT_TRUE(before <= dates.front() && dates.front() <= after);
}

TEST(Dates, SayWhatIsWrongWithAFormat) {
  EXPECT_NO_THROW(validate_string_matches_datetime_format("2018/09/16", "%Y/%m/%d"));
  try {
    validate_string_matches_datetime_format("16.9.2018", "%Y/%m/%d", "st_date");
    FAIL();
  } catch (const ValueError& error) {
    EXPECT_STREQ(error.what(), "st_date: '16.9.2018' does not match the format '%Y/%m/%d'");
  }
  EXPECT_TRUE(is_valid_date("16.9.2018", {"%Y/%m/%d", "%d.%m.%Y"}));
  EXPECT_FALSE(is_valid_date("16.9.2018", {}));
}

RC_GTEST_PROP(Dates, ReadBackWhatTheyAre, ()) {
  const auto seconds = *rc::gen::inRange<std::int64_t>(-62135596800, 253402214400);
  const std::chrono::sys_seconds time{std::chrono::seconds(seconds)};
  RC_ASSERT(validate_datetime_from_something(seconds) == time);
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  const auto text = [&](int value, std::size_t width) {
    auto digits = std::to_string(value);
    return std::string(width - digits.size(), '0') + digits;
  };
  const auto iso = text(static_cast<int>(date.year()), 4) + "-" +
                   text(static_cast<int>(static_cast<unsigned>(date.month())), 2) + "-" +
                   text(static_cast<int>(static_cast<unsigned>(date.day())), 2);
  RC_ASSERT(validate_date_from_something(iso) == date);
  RC_ASSERT(is_valid_date(iso, {"%Y-%m-%d"}));
}

// Nested dictionaries
// --------------------------------------------------------------------------------------------

const json::object kNested = {
    {"A", {{"b", {{{"c", 1}, {"k", "x"}}, {{"c", 2}, {"k", "y"}}}}, {"n", nullptr}}}};

TEST(Matches, ObjectsAndValuesAlike) {
  EXPECT_TRUE(recursive_matches_soft(kNested, "A.b.c", 2));
  EXPECT_TRUE(recursive_matches_soft(json::value(kNested), "A.b.c", 2.0));
  EXPECT_TRUE(recursive_matches_strict(kNested, "A.n", nullptr));
  EXPECT_THROW(recursive_matches_strict(kNested, "A.x", 1), KeyError);
  EXPECT_EQ(recursive_matches_extract(kNested, "A.b.k"), "x");
  EXPECT_EQ(recursive_matches_extract(kNested, "A/b/k", "/"), "x");
}

TEST(Matches, LeaveOutWhatIsExcluded) {
  const MatchOptions no_x = {.exclude_key = "k", .exclude_val = "x"};
  EXPECT_FALSE(recursive_matches_soft(kNested, "A.b.c", 1, no_x));
  EXPECT_EQ(recursive_matches_extract(kNested, "A.b.c", ".", no_x), 2);
  EXPECT_THROW(recursive_matches_soft(kNested, "A.b.c", 1, {.exclude_key = "k"}), AttributeError);
  EXPECT_THROW(recursive_matches_extract(kNested, "A", ".", {.exclude_val = 1}), AttributeError);
}

TEST(Matches, MayIgnoreTheCaseOfKeys) {
  EXPECT_FALSE(recursive_matches_soft(kNested, "a.B.c", 1));
  EXPECT_TRUE(recursive_matches_soft(kNested, "a.B.c", 1, {.ignore_case = true}));
  EXPECT_EQ(recursive_matches_extract(kNested, "a.B.K", ".", {.ignore_case = true}), "x");
}

TEST(Dunder, MakesDictionaries) {
  EXPECT_EQ(json::value(dunder_to_dict({{"a", 1}, {"b__c", 2}, {"b__d__e", 3}})),
            json::value({{"a", 1}, {"b", {{"c", 2}, {"d", {{"e", 3}}}}}}));
  EXPECT_THROW(dunder_to_dict({{"a", 1}, {"a__b", 2}}), TypeError);
  EXPECT_THROW(dunder_to_dict({{"a__", 1}}), ValueError);
  EXPECT_EQ(nested_dict_from_keys({"a", "b"}, 42), json::value({{"a", {{"b", 42}}}}));
  EXPECT_EQ(nested_dict_from_keys({}, 42), json::value(42));
}

TEST(RecursiveInsert, MakesWhatLacksOnTheWay) {
  const json::object d = {{"a", {{"b", 1}}}};
  EXPECT_EQ(json::value(recursive_insert(d, "a.c.d", 2)),
            json::value({{"a", {{"b", 1}, {"c", {{"d", 2}}}}}}));
  EXPECT_EQ(json::value(recursive_insert(d, "a/b", 2, "/")), json::value({{"a", {{"b", 2}}}}));
  EXPECT_THROW(recursive_insert(d, "a.b.c", 2), ValueError);
  EXPECT_THROW(recursive_insert(d, "", 2), ValueError);
}

TEST(RecursiveUpdate, MergesListsInTheirOrder) {
  const auto merged = [](json::array a, json::array b) {
    return recursive_update({{"l", std::move(a)}}, {{"l", std::move(b)}}).at("l");
  };
  EXPECT_EQ(merged({3, 1, "a"}, {1.0, 2, true, "a"}), json::value({3, 1, "a", 2}));
  EXPECT_EQ(merged({{{"a", 1}}}, {{{"b", 1}}, {{"a", 1}}}), json::value({{{"a", 1}}, {{"b", 1}}}));
  EXPECT_EQ(merged({json::array{1}}, {json::array{1}}),
            json::value(json::array{json::array{1}, json::array{1}}));
}

// An object of texts and objects, at most two levels deep.
json::object arbitrary_object(int depth) {
  json::object out;
  const auto size = *rc::gen::inRange(0, 4);
  for (int i = 0; i < size; ++i) {
    const auto key = std::string(1, *rc::gen::inRange('a', 'e'));
    if (depth > 0 && *rc::gen::arbitrary<bool>())
      out[key] = arbitrary_object(depth - 1);
    else
      out[key] = *rc::gen::inRange(0, 5);
  }
  return out;
}

// Whether every leaf of `part` is in `whole`.
bool holds(const json::value& whole, const json::value& part) {
  if (!part.is_object()) return whole == part;
  for (const auto& member : part.get_object()) {
    if (!whole.is_object()) return false;
    const auto* found = whole.get_object().if_contains(member.key());
    if (!found || !holds(*found, member.value())) return false;
  }
  return true;
}

RC_GTEST_PROP(RecursiveUpdate, HoldsTheWholeUpdateAndKeepsWhatItDoesNotName, ()) {
  const auto d = arbitrary_object(2);
  const auto u = arbitrary_object(2);
  const auto updated = recursive_update(d, u);
  RC_ASSERT(holds(updated, u));
  for (const auto& member : d)
    if (!u.contains(member.key())) RC_ASSERT(updated.at(member.key()) == member.value());
  RC_ASSERT(json::value(recursive_update(updated, u)) == json::value(updated));
}

RC_GTEST_PROP(MakeHash, DoesNotDependOnTheOrderOfKeys, ()) {
  const auto object = arbitrary_object(2);
  json::object reversed;
  std::vector<std::string> keys;
  for (const auto& member : object) keys.emplace_back(member.key());
  for (auto key = keys.rbegin(); key != keys.rend(); ++key) reversed[*key] = object.at(*key);
  RC_ASSERT(make_hash(reversed) == make_hash(object));
  auto other = object;
  other["z"] = 1;
  RC_ASSERT(make_hash(other) != make_hash(object));
}

TEST(MakeHash, TellsValuesApart) {
  const std::vector<json::value> values = {nullptr,
                                           0,
                                           1,
                                           -1,
                                           -2,
                                           0.5,
                                           "",
                                           "a",
                                           "1",
                                           json::array(),
                                           json::array{0},
                                           json::array{json::array()},
                                           json::object(),
                                           {{"a", 1}},
                                           {{"a", {{"b", 1}}}},
                                           {{"b", {{"a", 1}}}},
                                           json::array{1, 2},
                                           json::array{2, 1}};
  std::set<std::size_t> hashes;
  for (const auto& value : values) hashes.insert(make_hash(value));
  EXPECT_EQ(hashes.size(), values.size());
  EXPECT_EQ(make_hash(1), make_hash(1.0));
  EXPECT_EQ(make_hash(true), make_hash(1));
  EXPECT_EQ(make_hash(std::uint64_t{1} << 63U), make_hash(9223372036854775808.0));
  EXPECT_EQ(make_hash(-5), make_hash(-5.0));
}

// ARNs, events
// --------------------------------------------------------------------------------------------

TEST(Arn, NamesOfEveryPartition) {
  EXPECT_EQ(trim_arn_to_name("arn:aws-cn:lambda:cn-north-1:123456789012:function:f:live"), "f");
  EXPECT_EQ(trim_arn_to_name("arn:aws:s3:::bucket/key"), "bucket");
  EXPECT_EQ(trim_arn_to_name(""), "");
  EXPECT_EQ(trim_arn_to_name(":::::::"), "");
  EXPECT_EQ(trim_arn_to_account("arn:aws-cn:sns:cn-north-1:123456789012:t"), "123456789012");
  EXPECT_THROW(trim_arn_to_account("arn:aws:s3:::bucket"), AttributeError);
  EXPECT_THROW(trim_arn_to_account(""), AttributeError);
}

RC_GTEST_PROP(Arn, GivesTheNameThatIsInIt, ()) {
  const auto pick = [](std::string_view from, int least, int most) {
    std::string out;
    for (int n = *rc::gen::inRange(least, most + 1); n > 0; --n)
      out += from[*rc::gen::inRange<std::size_t>(0, from.size())];
    return out;
  };
  const auto name = pick("abcXYZ019-_", 1, 20);
  const auto account = pick("0123456789", 12, 12);
  const auto arn = "arn:aws:lambda:" + pick("abc-1", 0, 12) + ":" + account + ":function:" + name;
  RC_ASSERT(trim_arn_to_name(arn) == name);
  RC_ASSERT(trim_arn_to_name(arn + ":live") == name);
  RC_ASSERT(trim_arn_to_account(arn) == account);
}

TEST(Events, SayWhichMessageCannotBeRead) {
  const json::value event = {{"Records", {{{"Sns", {{"Message", "not json"}}}}}}};
  EXPECT_THROW(get_message_dict_from_sns_event(event), JSONDecodeError);
  EXPECT_THROW(unwrap_event_recursively(event), JSONDecodeError);
  EXPECT_THROW(get_message_dict_from_sns_event({{"a", 1}}), ValueError);
  EXPECT_THROW(unwrap_event_recursively(event, {"s3"}), KeyError);
}

TEST(Events, AreUnwrappedInsideOfEachOther) {
  const json::value sns = {{"Message", R"({"x": 1})"}, {"TopicArn", "arn:aws:sns:r:1:t"}};
  const json::value sqs = {{"Records",
                            {{{"eventSource", "aws:sqs"}, {"body", json::serialize(sns)}},
                             {{"eventSource", "aws:sqs"}, {"body", "[2]"}}}}};
  EXPECT_EQ(unwrap_event_recursively(sqs), (json::array{{{"x", 1}}, json::array{2}}));
  EXPECT_EQ(unwrap_event_recursively(sqs, {"SQS"}), (json::array{sns, json::array{2}}));
  EXPECT_EQ(unwrap_event_recursively("anything"), json::array{"anything"});
}

}  // namespace
}  // namespace sosw
