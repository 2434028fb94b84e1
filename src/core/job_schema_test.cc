// SPDX-License-Identifier: MIT
#include "core/job_schema.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "core/json_text.h"

namespace sosw {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(JobSchemaTest, VariantsAndTheDefault) {
  const auto config = parse_json(R"({"job_schema": {"chunkable_attrs": [["topic", {}], "word"]},
                                     "job_schema_variants": {"by_word": {"chunkable_attrs": [["word", {}]]}}})")
                          ->as_object();
  EXPECT_THAT(JobSchema::from_config(config, "")->attrs(), ElementsAre("topic", "word"));
  EXPECT_THAT(JobSchema::from_config(config, "default")->attrs(), ElementsAre("topic", "word"));
  EXPECT_THAT(JobSchema::from_config(config, "by_word")->attrs(), ElementsAre("word"));
  EXPECT_THAT(JobSchema::from_config({}, "")->attrs(), ElementsAre());
  const auto unknown = JobSchema::from_config(config, "by_wrod");
  ASSERT_FALSE(unknown);
  EXPECT_THAT(unknown.error().text(), HasSubstr("unknown job_schema_name 'by_wrod'"));
  EXPECT_THAT(unknown.error().hint, HasSubstr("by_word"));
  EXPECT_EQ(
      JobSchema::from_config({{"job_schema_variants", {{"default", {}}, {"a", {}}}}}, "by_word")
          .error()
          .text(),
      "unknown job_schema_name 'by_word'\n  known: default, a");
  EXPECT_EQ(JobSchema::from_config({}, "by_word").error().text(),
            "unknown job_schema_name 'by_word'\n  known: default");
  EXPECT_THAT(JobSchema::from_config(parse_json(R"({"job_schema": {}})")->as_object(), "")->attrs(),
              ElementsAre());
  for (const auto* wrong :
       {R"({"job_schema": 5})", R"({"job_schema": {"chunkable_attrs": "word"}})",
        R"({"job_schema": {"chunkable_attrs": [5]}})",
        R"({"job_schema": {"chunkable_attrs": [[]]}})",
        R"({"job_schema": {"chunkable_attrs": [[5]]}})",
        R"({"job_schema": {"chunkable_attrs": [["words", {}]]}})",
        R"({"job_schema": {"chunkable_attrs": [["a"], ["a"]]}})", R"({"job_schema_variants": []})",
        R"({"job_schema": {"chunkable_attrs": [[""]]}})"})
    EXPECT_FALSE(JobSchema::from_config(parse_json(wrong)->as_object(), "")) << wrong;
  EXPECT_FALSE(JobSchema::create(std::vector<std::string>(17, "a")));
}

TEST(JobSchemaTest, TellsAllThatIsWrongWithItsAttributes) {
  const auto created = JobSchema::create({"words", "", "a", "a"});
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().text(),
            "chunkable attribute 'words' ends with 's'\n"
            "  name it in the singular; jobs may use 'words' as well\n"
            "a chunkable attribute without a name\n"
            "chunkable attribute 'a' is named twice");
}

TEST(JobSchemaTest, AnAttributeThatIsNotItsOwnIsAskedForByItsFlagsAlone) {
  const auto asks = [](std::string_view data) {
    return JobSchema().needs_chunking("word", parse_json(data)->as_object());
  };
  for (const auto* yes : {R"({"isolate_words": true})", R"({"isolate_word": 1})",
                          R"({"isolate_words": false, "max_words_per_batch": 2})"})
    EXPECT_TRUE(asks(yes)) << yes;
  for (const auto* no : {"{}", R"({"isolate_words": false})", R"({"max_word_per_batch": 0})",
                         R"({"words": {"a": {"isolate_letters": true}}})"})
    EXPECT_FALSE(asks(no)) << no;
}

TEST(JobSchemaTest, KnowsWhatIsInside) {
  const auto schema = JobSchema::create({"topic", "word"});
  ASSERT_TRUE(schema);
  EXPECT_EQ(schema->get_next_chunkable_attr("topic"), "word");
  EXPECT_EQ(schema->get_next_chunkable_attr("topics"), "word");
  EXPECT_EQ(schema->get_next_chunkable_attr("word"), std::nullopt);
  EXPECT_EQ(schema->get_next_chunkable_attr("letter"), std::nullopt);
}

TEST(JobSchemaTest, TheSingularAsksForBatchesToo) {
  const auto schema = JobSchema::create({"word"});
  ASSERT_TRUE(schema);
  EXPECT_TRUE(
      schema->needs_chunking("word", parse_json(R"({"max_word_per_batch": 2})")->as_object()));
}

TEST(Plural, OfNothingButTheLetterIsTheLetter) {
  EXPECT_EQ(plural("word"), "words");
  EXPECT_EQ(plural("words"), "words");
  EXPECT_EQ(plural("sss"), "s");
}

TEST(FlatValues, AreWhatNeedsNoLookInside) {
  const auto values = [](std::string_view text) {
    const json::value value = *parse_json(text);
    const auto flat = FlatValues::validate_list_of_vals(value);
    if (!flat) return flat.error().message;
    std::string joined = fmt::format("{}:", flat->size());
    for (std::int64_t i = 0; i < flat->size(); ++i) {
      joined += ' ';
      flat->append(i, joined);
    }
    return joined;
  };
  EXPECT_EQ(values(R"(["a", 1, 2.5, true])"), R"(4: "a" 1 2.5 true)");
  EXPECT_EQ(values(R"({"a": null, "b": null})"), R"(2: "a" "b")");
  EXPECT_EQ(values(R"({"a": {"b": 1}})"), R"(1: {"a": {"b": 1}})");
  EXPECT_EQ(values("[]"), "0:");
  EXPECT_EQ(values(R"(["a", ["b"]])"), "[1]: a list among values that are to be flat");
  EXPECT_EQ(values("[null]"), "[0]: null among values that are to be flat");
  EXPECT_EQ(values(R"({"a": null, "b": 1})"), ".b: the number 1 among values that are to be flat");
  EXPECT_EQ(values("7"), ": the number 7 is neither a list nor an object");
}

TEST(JobSchemaTest, ThePluralOfAPluralIsLookedIntoWhenAskedByThePlural) {
  const auto schema = JobSchema::create({"topic", "word"});
  ASSERT_TRUE(schema);
  const auto data =
      parse_json(R"({"topicss": {"a": {"words": [1], "isolate_words": true}}})")->as_object();
  EXPECT_TRUE(schema->needs_chunking("topics", data));
  EXPECT_FALSE(schema->needs_chunking("topic", data));
}

TEST(IsIsolateAttribute, BeginsAsOneIsWritten) {
  for (const auto* yes : {"isolate_words", "isolate_", "max_words_per_batch", "max_W0_per_batch",
                          "max_\xC3\xA9_per_batch", "max_words_per_batches"})
    EXPECT_TRUE(is_isolate_attribute(yes)) << yes;
  for (const auto* no :
       {"", "words", "isolated", "max_words", "maximum_per_batch", "max_a-b_per_batch",
        "max_a:b_per_batch", "max_a[b_per_batch", "max_a{b_per_batch"})
    EXPECT_FALSE(is_isolate_attribute(no)) << no;
}

TEST(Truthy, IsPythonsBool) {
  constexpr auto kMost = std::numeric_limits<std::uint64_t>::max();
  for (const json::value& yes :
       {json::value(true), json::value(-1), json::value(kMost), json::value(0.5), json::value("x"),
        json::value(json::array{0}), json::value(json::object{{"k", nullptr}})})
    EXPECT_TRUE(truthy(yes)) << yes;
  for (const json::value& no : {json::value(), json::value(false), json::value(0),
                                json::value(std::uint64_t{0}), json::value(-0.0), json::value(""),
                                json::value(json::array()), json::value(json::object())})
    EXPECT_FALSE(truthy(no)) << no;
}

}  // namespace
}  // namespace sosw
