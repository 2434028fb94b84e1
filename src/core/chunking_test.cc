// SPDX-License-Identifier: MIT
#include "core/chunking.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "core/json_text.h"
#include "core/sha256.h"

namespace sosw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

JobSchema schema(std::vector<std::string> attrs) {
  auto created = JobSchema::create(std::move(attrs));
  EXPECT_TRUE(created) << created.error().text();
  return *created;
}

const Date kToday = *parse_iso_date("2026-11-24");

Result<JobRows> open_job(std::string_view body,
                         std::vector<std::string> attrs = {"topic", "word"}) {
  return JobRows::from_job({"word_count", parse_json(body)->as_object()}, schema(std::move(attrs)),
                           Periods(), kToday);
}

std::vector<std::string> all(const JobRows& rows, JobRows::Form form = JobRows::Form::payload) {
  std::vector<std::string> texts;
  auto cursor = rows.at(0, form);
  for (std::string text; cursor.next(text); text.clear()) texts.push_back(text);
  return texts;
}

std::vector<std::string> rows_of(std::string_view body,
                                 std::vector<std::string> attrs = {"topic", "word"}) {
  const auto rows = open_job(body, std::move(attrs));
  EXPECT_TRUE(rows) << rows.error().text();
  if (!rows) return {};
  EXPECT_EQ(static_cast<std::int64_t>(all(*rows).size()), rows->count());
  return all(*rows);
}

Error refused(std::string_view body, std::vector<std::string> attrs = {"topic", "word"}) {
  const auto rows = open_job(body, std::move(attrs));
  EXPECT_FALSE(rows) << body;
  return rows ? Error() : rows.error();
}

TEST(Chunking, ADescriptionWithoutOneOfItsPartsIsCorrupt) {
  const auto whole = open_job(R"({"words": ["kia"], "isolate_words": true})");
  ASSERT_TRUE(whole);
  ASSERT_TRUE(JobRows::open(whole->description()));
  for (const char* part : {"chunker", "labourer_id", "chunkable_attrs", "job"}) {
    for (const bool present : {false, true}) {
      json::object damaged = whole->description();
      damaged.erase(part);
      if (present) damaged[part] = nullptr;
      const auto opened = JobRows::open(damaged);
      ASSERT_FALSE(opened) << part;
      EXPECT_EQ(opened.error().code, Code::corrupt);
      EXPECT_THAT(opened.error().message,
                  HasSubstr(std::string_view(part) == "chunker" ? "chunker version" : part));
    }
  }
  json::object damaged = whole->description();
  damaged["chunkable_attrs"].as_array().push_back(7);
  EXPECT_EQ(JobRows::open(damaged).error().code, Code::corrupt);
  damaged = whole->description();
  damaged["dates"] = "2026-11-24";
  EXPECT_EQ(JobRows::open(damaged).error().code, Code::corrupt);
}

TEST(Chunking, IsolatesTopicsWordsAndDays) {
  EXPECT_THAT(
      rows_of(R"({"topics": {"cars": {"words": ["kia", "vw"]}, "food": {"words": ["pie"]}},
                          "period": "last_2_days", "isolate_days": true, "isolate_words": true})"),
      ElementsAre(
          R"({"isolate_words": true, "date_list": ["2026-11-22"], "topics": ["cars"], "words": ["kia"]})",
          R"({"isolate_words": true, "date_list": ["2026-11-22"], "topics": ["cars"], "words": ["vw"]})",
          R"({"isolate_words": true, "date_list": ["2026-11-22"], "topics": ["food"], "words": ["pie"]})",
          R"({"isolate_words": true, "date_list": ["2026-11-23"], "topics": ["cars"], "words": ["kia"]})",
          R"({"isolate_words": true, "date_list": ["2026-11-23"], "topics": ["cars"], "words": ["vw"]})",
          R"({"isolate_words": true, "date_list": ["2026-11-23"], "topics": ["food"], "words": ["pie"]})"));
}

TEST(Chunking, BatchesAndKeepsTheFieldsOfEachLevel) {
  EXPECT_THAT(
      rows_of(R"({"topics": {"a": {"words": [1, 2, 3], "max_words_per_batch": 2, "note": "x"},
                                     "b": {"words": ["q", "r"], "note": "y"}, "c": null}, "note": 0})"),
      ElementsAre(R"({"note": "x", "topics": ["a"], "max_words_per_batch": 2, "words": [1, 2]})",
                  R"({"note": "x", "topics": ["a"], "max_words_per_batch": 2, "words": [3]})",
                  R"({"note": "y", "topics": ["b"], "words": ["q", "r"]})",
                  R"({"note": 0, "topics": ["c"]})"));
}

TEST(Chunking, TheSizeOfABatchIsReadAsPythonReadsAWholeNumber) {
  const auto with_size = [](std::string_view size) {
    return fmt::format(R"({{"words": [1, 2, 3], "max_words_per_batch": {}}})", size);
  };
  const auto rows = [&](std::string_view size) {
    return rows_of(with_size(size), {"word"}).size();
  };
  for (const auto* two : {"2", "2.9", R"("2")", R"(" \t2\n")", R"("+2")", R"("0_2")"})
    EXPECT_EQ(rows(two), 2U) << two;
  EXPECT_EQ(rows("true"), 3U);
  for (const auto* all_in_one : {"9223372036854775807", "18446744073709551615", "1e300",
                                 R"("99999999999999999999")", R"("1_0")"})
    EXPECT_EQ(rows(all_in_one), 1U) << all_in_one;
  for (const auto* no_number : {R"("1__0")", R"("_1")", R"("1_")", R"("-_1")", R"("+_1")",
                                R"("+-2")", R"("+")", R"("-")", R"("  ")", R"("2.0")", R"("2 3")"})
    EXPECT_THAT(refused(with_size(no_number), {"word"}).message,
                HasSubstr("can not be read as a whole number"))
        << no_number;
  EXPECT_EQ(refused(with_size("[2]"), {"word"}).message,
            "max_words_per_batch: a list is no number");
  for (const auto* below_one : {"-1e300", "-2.5", "0.5", R"("-99999999999999999999")", R"("0")"})
    EXPECT_THAT(refused(with_size(below_one), {"word"}).message, HasSubstr("at least 1"))
        << below_one;
  EXPECT_THAT(refused(R"({"isolate_topics": true, "topics": {"a": {"words": [1],
                          "max_words_per_batch": false}}})")
                  .message,
              HasSubstr("0 is no size"));
  EXPECT_THAT(refused(R"({"isolate_topics": true, "topics": {"a": {"words": [1],
                          "max_words_per_batch": ""}}})")
                  .message,
              HasSubstr("can not be read as a whole number"));
}

TEST(Chunking, AnEmptyPluralGivesWayToTheSingular) {
  EXPECT_THAT(rows_of(R"({"topics": {"a": {"words": [], "word": ["x"]}}, "isolate_topics": true})"),
              ElementsAre(R"({"isolate_topics": true, "topics": ["a"], "words": ["x"]})"));
  EXPECT_THAT(rows_of(R"({"topics": {"a": {"words": [], "word": []}}, "isolate_topics": true})"),
              ElementsAre(R"({"isolate_topics": true, "topics": ["a"], "word": []})"));
}

TEST(Chunking, ThePluralOfAPluralAsksForChunkingAtTheTopOnly) {
  EXPECT_EQ(rows_of(R"({"words": ["a", "b"], "isolate_wordss": true})", {"word"}).size(), 2U);
  EXPECT_EQ(rows_of(R"({"words": ["a", "b"], "max_wordss_per_batch": 5})", {"word"}).size(), 2U);
  const std::vector<std::string> attrs = {"topic", "word", "letter"};
  const auto nested = [](std::string_view words) {
    return fmt::format(
        R"({{"topics": {{"t": null, "a": {{"{}": {{"x": {{"letters": [1, 2], "isolate_letters": 1}}}}}}}}}})",
        words);
  };
  EXPECT_EQ(rows_of(nested("words"), attrs).size(), 3U);
  EXPECT_EQ(rows_of(nested("wordss"), attrs).size(), 1U);
}

TEST(Chunking, AJobOfManyFieldsIsReadByTheNamesThatMatter) {
  const auto rows = rows_of(
      R"({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9, "j": 10,
          "words": ["x", "y"], "isolate_words": true})",
      {"word"});
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[1],
            R"({"a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8, "i": 9, "j": 10, )"
            R"("isolate_words": true, "words": ["y"]})");
}

TEST(Chunking, ASingularNameIsTheSameAttribute) {
  const auto plural = rows_of(R"({"words": ["a", "b"], "isolate_words": true})", {"word"});
  EXPECT_EQ(plural.size(), 2U);
  EXPECT_THAT(rows_of(R"({"word": ["a", "b"], "isolate_word": true})", {"word"}),
              ElementsAre(R"({"isolate_word": true, "words": ["a"]})",
                          R"({"isolate_word": true, "words": ["b"]})"));
  EXPECT_THAT(rows_of(R"({"word": ["a"], "isolate_word": true, "words": ["b"]})", {"word"}),
              ElementsAre(R"({"isolate_word": true, "words": ["b"]})",
                          R"({"isolate_word": true, "words": ["a"]})"));
}

TEST(Chunking, WhatAsksForNothingStaysOneRow) {
  EXPECT_THAT(
      rows_of(R"({"topics": {"a": {"words": ["x"]}}, "k": null, "isolate_days": true})"),
      ElementsAre(R"({"topics": {"a": {"words": ["x"]}}, "k": null, "isolate_days": true})"));
  EXPECT_THAT(rows_of(R"({"topics": ["a", "b"], "words": ["x"], "isolate_words": true})"),
              ElementsAre(R"({"topics": ["a", "b"], "words": ["x"], "isolate_words": true})"));
  EXPECT_THAT(rows_of("{}", {}), ElementsAre("{}"));
}

TEST(Chunking, ALevelThatIsNotChunkedKeepsItsValuesAsTheyAre) {
  const auto inside = [](std::string_view words) {
    return rows_of(fmt::format(R"({{"topics": {{"a": {{{}}}}}, "isolate_topics": true}})", words));
  };
  const auto row = [](std::string_view words) {
    return fmt::format(R"({{"isolate_topics": true, "topics": ["a"]{}}})", words);
  };
  EXPECT_THAT(inside(R"("words": "x")"), ElementsAre(row(R"(, "words": "x")")));
  EXPECT_THAT(inside(R"("word": "x")"), ElementsAre(row(R"(, "word": "x")")));
  EXPECT_THAT(inside(R"("words": ["x", ["y"]])"), ElementsAre(row(R"(, "words": ["x", ["y"]])")));
  EXPECT_THAT(inside(R"("words": ["x", null])"), ElementsAre(row(R"(, "words": ["x", null])")));
  EXPECT_THAT(inside(R"("words": {"x": 1, "y": 2})"),
              ElementsAre(row(R"(, "words": {"x": 1, "y": 2})")));
  EXPECT_THAT(inside(R"("words": [])"), ElementsAre(row("")));
}

TEST(Chunking, OneTextIsOneValue) {
  EXPECT_THAT(rows_of(R"({"words": "x", "isolate_words": true})", {"word"}),
              ElementsAre(R"({"isolate_words": true, "words": ["x"]})"));
}

TEST(Chunking, WhatIsInsideOfTheLastLevelAreFieldsOfItsRow) {
  EXPECT_THAT(rows_of(R"({"words": {"x": {"n": 1}, "y": null}, "isolate_words": true})", {"word"}),
              ElementsAre(R"({"isolate_words": true, "words": ["x"], "n": 1})",
                          R"({"isolate_words": true, "words": ["y"]})"));
}

TEST(Chunking, DatesNeedNoChunkableAttribute) {
  EXPECT_THAT(rows_of(R"({"period": "last_2_days", "isolate_days": true, "k": 1})", {}),
              ElementsAre(R"({"k": 1, "date_list": ["2026-11-22"]})",
                          R"({"k": 1, "date_list": ["2026-11-23"]})"));
  EXPECT_THAT(rows_of(R"({"period": "last_2_days", "topics": ["a"]})"),
              ElementsAre(R"({"topics": ["a"], "date_list": ["2026-11-22", "2026-11-23"]})"));
  EXPECT_THAT(rows_of(R"({"st_date": "2026-11-23", "isolate_days": 1})", {}),
              ElementsAre(R"({"date_list": ["2026-11-23"]})", R"({"date_list": ["2026-11-24"]})"));
  EXPECT_THAT(rows_of(R"({"st_date": "2026-02-28", "en_date": "2026-03-01"})", {}),
              ElementsAre(R"({"date_list": ["2026-02-28", "2026-03-01"]})"));
  EXPECT_THAT(rows_of(R"({"period": "last_2_days", "isolate_days": false})", {}),
              ElementsAre(R"({"date_list": ["2026-11-22", "2026-11-23"]})"));
  EXPECT_THAT(rows_of(R"({"en_date": "2026-03-01"})", {}),
              ElementsAre(R"({"en_date": "2026-03-01"})"));
}

TEST(Chunking, ALaterValueTakesThePlaceOfTheEarlierKey) {
  EXPECT_THAT(rows_of(R"({"n": 0, "topics": {"a": {"n": 1, "m": 2}}, "isolate_topics": true})"),
              ElementsAre(R"({"n": 1, "isolate_topics": true, "topics": ["a"], "m": 2})"));
  EXPECT_THAT(
      rows_of(R"({"words": "raw", "z": 1, "date_list": 0, "period": "today",
                          "topics": {"t": {"words": ["a", "b"], "isolate_words": true, "topics": "mine", "z": 2}}})"),
      ElementsAre(
          R"({"words": ["a"], "z": 2, "date_list": ["2026-11-24"], "topics": "mine", "isolate_words": true})",
          R"({"words": ["b"], "z": 2, "date_list": ["2026-11-24"], "topics": "mine", "isolate_words": true})"));
}

TEST(Chunking, TheLabourerIsNoData) {
  const auto rows = open_job(
      R"({"labourer_id": "spoofed", "words": ["a"], "isolate_words": true, "k": 1})", {"word"});
  ASSERT_TRUE(rows);
  EXPECT_THAT(all(*rows), ElementsAre(R"({"isolate_words": true, "k": 1, "words": ["a"]})"));
  EXPECT_THAT(
      all(*rows, JobRows::Form::queue_file),
      ElementsAre(
          R"({"labourer_id": "word_count", "isolate_words": true, "k": 1, "words": ["a"]})"));
  const auto nested = open_job(
      R"({"topics": {"a": {"labourer_id": 1, "words": ["x"]}, "b": null}, "isolate_topics": true})");
  ASSERT_TRUE(nested);
  EXPECT_THAT(
      all(*nested, JobRows::Form::queue_file),
      ElementsAre(
          R"({"isolate_topics": true, "topics": ["a"], "labourer_id": "word_count", "words": ["x"]})",
          R"({"isolate_topics": true, "topics": ["b"], "labourer_id": "word_count"})"));
  const auto above = open_job(
      R"({"labourer_id": "spoofed", "z": 1, "topics": {"a": {"z": 2}, "b": null}, "isolate_topics": true})");
  ASSERT_TRUE(above);
  EXPECT_THAT(
      all(*above, JobRows::Form::queue_file),
      ElementsAre(
          R"({"labourer_id": "word_count", "z": 2, "isolate_topics": true, "topics": ["a"]})",
          R"({"labourer_id": "word_count", "z": 1, "isolate_topics": true, "topics": ["b"]})"));
  const auto merged =
      open_job(R"({"z": 1, "topics": {"a": {"labourer_id": 1, "z": 2}}, "isolate_topics": true})");
  ASSERT_TRUE(merged);
  EXPECT_THAT(
      all(*merged, JobRows::Form::queue_file),
      ElementsAre(
          R"({"z": 2, "isolate_topics": true, "topics": ["a"], "labourer_id": "word_count"})"));
  const auto plain = open_job(R"({"k": 1, "labourer_id": "spoofed"})");
  ASSERT_TRUE(plain);
  EXPECT_THAT(all(*plain, JobRows::Form::queue_file),
              ElementsAre(R"({"labourer_id": "word_count", "k": 1})"));
  EXPECT_THAT(all(*plain), ElementsAre(R"({"k": 1})"));
}

TEST(Chunking, ErrorsSayWhereAndHowToMend) {
  const auto embedded =
      refused(R"({"topics": {"cars": {"words": ["a", "b", 1, ["c"]], "isolate_words": true}}})");
  EXPECT_EQ(embedded.code, Code::invalid);
  EXPECT_EQ(embedded.message, "topics.cars.words[3]: a list among values that are to be flat");
  EXPECT_THAT(embedded.hint, HasSubstr("isolate_ATTRIBUTE"));
  EXPECT_THAT(refused(R"({"topics": {"cars": 5}, "isolate_topics": true})").message,
              HasSubstr("topics.cars: the number 5"));
  EXPECT_THAT(
      refused(R"({"topics": [{"cars": {"words": {"a": 1}}}], "isolate_words": true})").message,
      HasSubstr("topics[0].cars.words.a: the number 1"));
  EXPECT_THAT(refused(R"({"words": ["a"], "max_words_per_batch": "many"})", {"word"}).message,
              HasSubstr("max_words_per_batch: the text 'many' can not be read"));
  EXPECT_THAT(refused(R"({"words": ["a"], "max_words_per_batch": -2})", {"word"}).message,
              HasSubstr("at least 1"));
  EXPECT_THAT(
      refused(
          R"({"topics": {"a": {"words": ["a"]}}, "isolate_words": 1, "max_words_per_batch": 0})")
          .message,
      HasSubstr("used in 'topics.a.words'"));
  EXPECT_THAT(refused(R"({"period": "last_0_days", "isolate_days": true})").message,
              HasSubstr("no dates to isolate"));
  EXPECT_THAT(refused(R"({"period": "last_weak"})").hint, HasSubstr("last_week"));
  EXPECT_THAT(refused(R"({"period": 7})").message,
              HasSubstr("the number 7 is no name of a period"));
  EXPECT_THAT(refused(R"({"period": "today", "st_date": "2026-11-01"})").message,
              HasSubstr("beside period"));
  EXPECT_EQ(refused(R"({"st_date": "0001-01-01", "en_date": "9999-12-31"})").message,
            "st_date 0001-01-01 to en_date 9999-12-31 are 3652059 dates");
  EXPECT_THAT(refused(R"({"st_date": "1.11.2026"})").message, HasSubstr("st_date: '1.11.2026'"));
  EXPECT_EQ(refused(R"({"st_date": 20261101})").message, "st_date: the number 20261101 is no date");
  EXPECT_THAT(refused(R"({"st_date": "2026-11-01", "en_date": "soon"})").message,
              HasSubstr("en_date: 'soon'"));
  EXPECT_THAT(refused(R"({"topics": [{"a": null}, {"b": 5}], "isolate_topics": true})").message,
              HasSubstr("topics[1].b: the number 5 is no element"));
  EXPECT_THAT(refused(R"({"st_date": "2026-11-30"})").message,
              HasSubstr("after en_date 2026-11-24"));
  EXPECT_THAT(refused(R"({"period": "today", "isolate_date_lists": true})", {"date_list"}).message,
              HasSubstr("date_list"));
}

TEST(Chunking, AFlagWithoutValuesGivesNoRowButAWarning) {
  const auto rows = open_job(
      R"({"topics": {"a": {"wrods": ["x"]}, "b": {"words": ["y"]}}, "isolate_words": true})");
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->count(), 1);
  EXPECT_THAT(rows->summary().warnings, ElementsAre(HasSubstr("topics.a.words")));
  EXPECT_THAT(rows_of(R"({"isolate_words": true})", {"word"}), ElementsAre());
}

TEST(Chunking, ManyWarningsAreShownInAFew) {
  json::object topics;
  for (int i = 0; i < 13; ++i) topics[std::to_string(i)] = json::object{{"wrods", 1}};
  const auto rows = open_job(json_text(json::object{{"topics", topics}, {"isolate_words", true}}));
  ASSERT_TRUE(rows);
  const auto warnings = rows->summary().warnings;
  ASSERT_EQ(warnings.size(), 11U);
  EXPECT_THAT(warnings[9], HasSubstr("topics.9.words"));
  EXPECT_EQ(warnings[10], "and 3 more such places");
}

TEST(Chunking, SummaryCountsByLevel) {
  const auto rows = open_job(
      R"({"topics": {"a": {"words": [1, 2, 3]}, "b": {"words": [4, 5]}}, "isolate_words": true,
                                 "period": "last_3_days", "isolate_days": true})");
  ASSERT_TRUE(rows);
  const auto summary = rows->summary(2);
  EXPECT_EQ(summary.rows, 15);
  EXPECT_EQ(summary.dates, 3);
  EXPECT_TRUE(summary.isolate_days);
  ASSERT_EQ(summary.levels.size(), 2U);
  EXPECT_EQ(summary.levels[0].attr, "topics");
  EXPECT_EQ(summary.levels[0].values, 2);
  EXPECT_EQ(summary.levels[1].values, 5);
  EXPECT_EQ(summary.first.size(), 2U);
  ASSERT_EQ(summary.last.size(), 2U);
  EXPECT_EQ(
      summary.last[1],
      R"({"isolate_words": true, "date_list": ["2026-11-23"], "topics": ["b"], "words": [5]})");
  EXPECT_EQ(
      open_job(R"({"words": [1, 2, 3], "isolate_words": 1})", {"word"})->summary(2).last.size(),
      1U);
}

TEST(Description, GivesTheSameRowsWhenOpenedAgain) {
  const auto rows =
      open_job(R"({"topics": {"a": {"words": {"x": null, "y": null}}}, "isolate_words": true,
                                 "period": "last_2_days", "isolate_days": true, "f": 1.0})");
  ASSERT_TRUE(rows);
  const auto stored = json_text(rows->description());
  const auto again = JobRows::open(parse_json(stored)->as_object());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(all(*again), all(*rows));
  EXPECT_EQ(again->labourer_id(), "word_count");
  EXPECT_EQ(json_text(again->description()), stored);
}

TEST(Description, WithoutDatesHasNoneToIsolate) {
  auto description =
      open_job(R"({"words": ["a", "b"], "isolate_words": true})", {"word"})->description();
  description["isolate_days"] = true;
  const auto rows = JobRows::open(description);
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(rows->count(), 2);
  EXPECT_EQ(rows->summary().dates, 0);
}

TEST(Description, ThatIsNotOursIsCorrupt) {
  const auto good =
      open_job(R"({"words": ["a", "b"], "isolate_words": true})", {"word"})->description();
  const auto code_without = [&](std::string_view key, const json::value& value) {
    auto changed = good;
    changed[key] = value;
    const auto opened = JobRows::open(changed);
    EXPECT_FALSE(opened) << key;
    return opened ? Code::internal : opened.error().code;
  };
  ASSERT_TRUE(JobRows::open(good));
  EXPECT_EQ(code_without("chunker", 2), Code::corrupt);  // that of lists
  EXPECT_EQ(code_without("chunker", 3), Code::corrupt);
  EXPECT_EQ(code_without("chunker", nullptr), Code::corrupt);
  EXPECT_EQ(code_without("labourer_id", 1), Code::corrupt);
  EXPECT_EQ(code_without("chunkable_attrs", "word"), Code::corrupt);
  EXPECT_EQ(code_without("chunkable_attrs", {"words"}), Code::corrupt);
  EXPECT_EQ(code_without("job", json::array()), Code::corrupt);
  EXPECT_EQ(code_without("dates", {1}), Code::corrupt);
  EXPECT_EQ(code_without("rows", 3), Code::corrupt);
}

// The rows of an accepted job must never change: not in a later release, not by a mended fault. If
// this fails, the change needs a new chunker version beside the old one, not a new hash.
TEST(Description, RowsOfChunker1ArePinned) {
  const auto job = parse_json(
      R"({"chunker": 1, "labourer_id": "f", "chunkable_attrs": ["topic", "word", "letter"],
    "dates": ["2026-11-22", "2026-11-23"], "isolate_days": true, "time_zone": "UTC", "job": {
      "word": "upper", "isolate_words": true, "z": [1.0, 1e22, "\u00e9"], "max_letters_per_batch": 2,
      "topics": [{"a": {"words": {"x": null, "y": {"letters": ["p", "q", "r"], "z": 0}}, "note": {"k": null}},
                  "b": null, "c": {"words": ["m", 5, true], "date_list": "mine"}, "d": {"words": []}, "e": {}},
                 {"f": null, "g": null}],
      "topic": {"h": {"word": ["one"], "labourer_id": "x"}, "i": {"words": [{"n": {"letters": {"s": null}}}]}}}})");
  const auto rows = JobRows::open(job->as_object());
  ASSERT_TRUE(rows) << rows.error().text();
  std::string text;
  for (const auto form : {JobRows::Form::payload, JobRows::Form::queue_file}) {
    auto cursor = rows->at(0, form);
    while (cursor.next(text)) text += '\n';
  }
  EXPECT_EQ(rows->count(), 22);
  EXPECT_EQ(fmt::format("{:02x}", fmt::join(sha256(text), "")),
            "0f8ba2e3766a085126de41a55797b13b82b14cbaf5f8ea4ad924f953884da40e")
      << text;
}

TEST(List, HasTheRowsThatItWasGiven) {
  const auto payloads = parse_json(
      R"([{"period": "last_2_days", "isolate_words": true, "words": ["a", "b"], "labourer_id": "x"},
          {}, {"payload": {"n": 1.5}}])");
  const auto rows = JobRows::of_list("word_count", payloads->as_array());
  ASSERT_TRUE(rows) << rows.error().text();
  EXPECT_EQ(rows->labourer_id(), "word_count");
  EXPECT_EQ(rows->count(), 3);
  const auto are_right = [](const JobRows& list) {
    EXPECT_THAT(
        all(list),
        ElementsAre(R"({"period": "last_2_days", "isolate_words": true, "words": ["a", "b"]})",
                    "{}", R"({"payload": {"n": 1.5}})"));
    EXPECT_THAT(all(list, JobRows::Form::queue_file),
                ElementsAre(testing::_, R"({"labourer_id": "word_count"})",
                            R"({"labourer_id": "word_count", "payload": {"n": 1.5}})"));
  };
  are_right(*rows);
  const auto again = JobRows::open(parse_json(json_text(rows->description()))->as_object());
  ASSERT_TRUE(again) << again.error().text();
  are_right(*again);
  auto cursor = again->at(2);
  std::string last;
  EXPECT_TRUE(cursor.next(last));
  EXPECT_EQ(last, R"({"payload": {"n": 1.5}})");
  EXPECT_FALSE(cursor.next(last));
}

TEST(List, OfManyStartsAtAnyRow) {
  json::array payloads;
  for (int i = 0; i < 1'000; ++i) payloads.emplace_back(json::object{{"n", i}});
  const auto rows = JobRows::of_list("word_count", std::move(payloads));
  ASSERT_TRUE(rows);
  for (const std::int64_t first : {0, 1, 500, 999}) {
    auto cursor = rows->at(first);
    for (auto row = first; row < 1'000; ++row) {
      std::string text;
      ASSERT_TRUE(cursor.next(text));
      EXPECT_EQ(text, fmt::format(R"({{"n": {}}})", row));
    }
    std::string text;
    EXPECT_FALSE(cursor.next(text));
  }
  EXPECT_EQ(JobRows::of_list("word_count", {})->count(), 0);
}

TEST(List, OfAnythingElseIsRefused) {
  const auto rows = JobRows::of_list("word_count", {json::object(), 5});
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, Code::invalid);
  EXPECT_EQ(rows.error().message, "row 1 must be an object, found the number 5");
  const json::object good = JobRows::of_list("word_count", {json::object()})->description();
  ASSERT_TRUE(JobRows::open(good));
  for (const auto& [key, value] : std::vector<std::pair<std::string, json::value>>{
           {"labourer_id", 5}, {"listed", 5}, {"listed", json::array{5}}, {"rows", 2}}) {
    auto damaged = good;
    damaged[key] = value;
    const auto opened = JobRows::open(damaged);
    ASSERT_FALSE(opened) << key;
    EXPECT_EQ(opened.error().code, Code::corrupt) << key;
  }
  auto without = good;
  without.erase("labourer_id");
  EXPECT_EQ(JobRows::open(without).error().code, Code::corrupt);
  without = good;
  without.erase("listed");
  EXPECT_EQ(JobRows::open(without).error().code, Code::corrupt);
}

TEST(Cursor, StartsAtAnyRowOfABillion) {
  json::object topics;
  for (int t = 0; t < 1000; ++t) {
    json::array words;
    for (int w = 0; w < 1000; ++w) words.emplace_back("w" + std::to_string(w));
    topics["t" + std::to_string(t)] = {{"words", std::move(words)}};
  }
  json::object body = {{"topics", std::move(topics)},
                       {"isolate_words", true},
                       {"period", "last_1000_days"},
                       {"isolate_days", true}};
  const auto rows =
      JobRows::from_job({"f", std::move(body)}, schema({"topic", "word"}), Periods(), kToday);
  ASSERT_TRUE(rows);
  EXPECT_EQ(rows->count(), 1'000'000'000);
  std::string text;
  auto last = rows->at(999'999'999);
  EXPECT_TRUE(last.next(text));
  EXPECT_EQ(
      text,
      R"({"isolate_words": true, "date_list": ["2026-11-23"], "topics": ["t999"], "words": ["w999"]})");
  EXPECT_FALSE(last.next(text));
  text.clear();
  auto middle = rows->at(123'456'789);
  EXPECT_TRUE(middle.next(text));
  EXPECT_EQ(
      text,
      R"({"isolate_words": true, "date_list": ["2024-06-30"], "topics": ["t456"], "words": ["w789"]})");
  EXPECT_EQ(middle.row(), 123'456'790);
  EXPECT_FALSE(rows->at(rows->count()).next(text));
}

TEST(Cursor, MovesAndOutlivesTheRows) {
  auto rows = std::make_unique<JobRows>(
      *open_job(R"({"words": ["a", "b"], "isolate_words": true})", {"word"}));
  auto cursor = rows->at(0);
  rows.reset();
  auto moved = std::move(cursor);
  std::string text;
  EXPECT_TRUE(moved.next(text));
  EXPECT_TRUE(moved.next(text));
  EXPECT_FALSE(moved.next(text));
  EXPECT_EQ(text,
            R"({"isolate_words": true, "words": ["a"]}{"isolate_words": true, "words": ["b"]})");
}

}  // namespace
}  // namespace sosw
