// SPDX-License-Identifier: MIT
// The Essentials of the original beside rows of ours: what they leave, lose and overwrite. That
// they do what was recorded is tested with the recorded flows.
#include "simulation/python_essentials.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/json_text.h"
#include "simulation/model_tables.h"
#include "simulation/python_values.h"

namespace sosw::simulation {
namespace {

using cloud::Item;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

json::value value(std::string_view text) {
  auto parsed = parse_json(text);
  EXPECT_TRUE(parsed) << text;
  return parsed ? *parsed : json::value();
}
json::object object(std::string_view text) { return value(text).as_object(); }

// --- Conversions

struct Conversion {
  const char* value;      // of a field that the original does not know
  const char* attribute;  // null: it raises
};

class PythonItem : public ::testing::TestWithParam<Conversion> {};

TEST_P(PythonItem, types_are_guessed_from_the_content) {
  const auto item = python_item({{"free", value(GetParam().value)}});
  ASSERT_EQ(static_cast<bool>(item), GetParam().attribute != nullptr);
  if (item) {
    EXPECT_EQ(item->at("free"), value(GetParam().attribute));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Recorded, PythonItem,
    ::testing::Values(
        Conversion{R"("text")", R"({"S": "text"})"}, Conversion{R"("5.5")", R"({"N": "5.5"})"},
        Conversion{R"("-5")", R"({"S": "-5"})"}, Conversion{R"("5.")", R"({"N": "5."})"},
        Conversion{R"(".")", R"({"S": "."})"}, Conversion{R"("")", R"({"S": ""})"},
        Conversion{R"("TRUE")", R"({"BOOL": true})"},
        Conversion{R"("false")", R"({"BOOL": false})"}, Conversion{"true", R"({"BOOL": true})"},
        Conversion{"5", R"({"N": "5"})"}, Conversion{"5.5", R"({"N": "5.5"})"},
        Conversion{"0", R"({"N": "0"})"}, Conversion{"null", R"({"NULL": true})"},
        Conversion{R"({"a": {"b": [1]}})", R"({"M": {"a": {"M": {"b": {"L": [{"N": "1"}]}}}}})"},
        Conversion{R"([1, "5", null, true])",
                   R"({"L": [{"N": "1"}, {"S": "5"}, {"NULL": true}, {"BOOL": true}]})"},
        Conversion{"[1.5]", nullptr}, Conversion{R"("0x1")", R"({"S": "0x1"})"},
        Conversion{R"("007")", R"({"N": "007"})"}, Conversion{R"("1,000")", R"({"S": "1,000"})"},
        Conversion{R"("{\"a\": 1}")", R"({"S": "{\"a\": 1}"})"},
        Conversion{R"({"x": "true", "y": "5", "z": "-5"})",
                   R"({"M": {"x": {"BOOL": true}, "y": {"N": "5"}, "z": {"S": "-5"}}})"}));

TEST(PythonItem, known_fields_have_their_type) {
  EXPECT_EQ(*python_item(object(R"({"payload": {"a": [1, null]}, "arn": 5, "created_at": 1.5,
                                    "attempts": "2", "closed_at": null})")),
            object(R"({"payload": {"S": "{'a': [1, None]}"}, "arn": {"S": "5"},
                       "created_at": {"N": "1.5"}, "attempts": {"N": "2"}})"));
}

TEST(PythonRow, text_between_braces_is_read_as_json) {
  const auto item = object(R"({"payload": {"S": "{\"a\": 1}"}, "arn": {"S": "{bad}"},
      "greenfield": {"N": "-5"}, "created_at": {"N": "1.50"}, "free": {"S": "{\"b\": true}"},
      "list": {"L": [{"S": "{}"}, {"N": "7"}]}, "map": {"M": {"s": {"S": "{}"}}}})");
  EXPECT_EQ(*python_row(item, true),
            object(R"({"payload": {"a": 1}, "arn": "{bad}", "greenfield": -5, "created_at": 1.5,
                       "free": {"b": true}, "list": ["{}", 7], "map": {"s": {}}})"));
  EXPECT_EQ(
      *python_row(item, false),
      object(R"({"payload": {"a": 1}, "arn": "{bad}", "greenfield": -5, "created_at": 1.5})"));
}

TEST(PythonRow, what_the_original_cannot_read_raises) {
  EXPECT_FALSE(python_row(object(R"({"greenfield": {"S": "1"}})"), false));
  EXPECT_TRUE(python_row(object(R"({"greenfield": {"S": "1"}})"), true));
  EXPECT_FALSE(python_row(object(R"({"greenfield": {"N": "1E+2"}})"), true));
  EXPECT_FALSE(python_row(object(R"({"free": {"SS": ["a"]}})"), true));
}

TEST(PythonRepr, is_python_notation) {
  const auto repr = [](std::string_view text) { return python_repr(value(text)); };
  EXPECT_EQ(repr(R"({"a": null, "b": [true, 1, 2.0, -1e22]})"),
            "{'a': None, 'b': [True, 1, 2.0, -1e+22]}");
  EXPECT_EQ(repr(R"("it's")"), "\"it's\"");
  EXPECT_EQ(repr(R"("\"it's\"")"), R"('"it\'s"')");
  EXPECT_EQ(repr(R"("a\\b\n\u0001\u00e9")"), "'a\\\\b\\n\\x01\u00e9'");
}

// --- Beside ours

class Python : public ::testing::Test {
 protected:
  Python() {
    Labourer labourer;
    labourer.id = "a";
    labourer.max_simultaneous_invocations = 2;
    labourer.timeout_s = 60;
    labourers_.push_back(labourer);
  }

  void put(std::string_view text, std::string table = "sosw_tasks") {
    const auto done = tables_.write({.table = std::move(table), .item = object(text)});
    ASSERT_TRUE(done) << done.error().text();
    ASSERT_TRUE(done->done);
  }
  std::vector<Item> rows(std::string_view table) const {
    std::vector<Item> found;
    tables_.for_each(table, [&](const Item& item) { found.push_back(item); });
    return found;
  }
  Result<void> orchestrate() {
    return python_.orchestrate(
        labourers_, [this](const Labourer&, const json::object& payload) -> Result<void> {
          invoked_.push_back(json_text(payload));
          return invoke_answer_;
        });
  }

  Time now_ = from_epoch(1'795'000'000.25);
  ModelTables tables_{sosw_tables(), [this] { return now_; },
                      [this](std::uint32_t, const char* what) {
                        const std::string_view choice = what;
                        if (choice == "index is behind" || choice == "age of an image")
                          return behind_ ? 1U : 0U;
                        return choice == fault_ ? std::exchange(answer_, 0U) : 0U;
                      }};
  PythonEssentials python_{tables_, [this] { return now_; }, {.audit = false}};
  std::vector<Labourer> labourers_;
  std::vector<std::string> invoked_;
  Result<void> invoke_answer_;
  bool behind_ = false;  // the index shows the state before the last change
  std::string_view fault_;
  std::uint32_t answer_ = 0;
};

TEST_F(Python, new_tasks_go_behind_the_newest_one_that_is_not_in_the_future) {
  ASSERT_TRUE(python_.create_task("a", "t1", "{}"));
  ASSERT_TRUE(python_.create_task("a", "t2", R"({"x": 1})"));
  put(R"({"task_id": {"S": "t9"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1795000001"}})");
  ASSERT_TRUE(python_.create_task("a", "t3", "{}"));
  EXPECT_EQ(
      rows("sosw_tasks")[1],
      object(R"({"task_id": {"S": "t2"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "3000"},
                       "created_at": {"N": "1795000000.25"}, "attempts": {"N": "0"},
                       "payload": {"S": "{\"x\": 1}"}})"));
  EXPECT_EQ(rows("sosw_tasks")[2].at("greenfield"), value(R"({"N": "4000"})"));
}

TEST_F(Python, creating_a_task_overwrites_the_row_of_that_id) {
  put(R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "9"},
          "completed_at": {"N": "5"}})");
  ASSERT_TRUE(python_.create_task("a", "t1", "{}", 7));
  EXPECT_FALSE(rows("sosw_tasks")[0].contains("completed_at"));
  EXPECT_EQ(rows("sosw_tasks")[0].at("greenfield"), value(R"({"N": "7"})"));
}

TEST_F(Python, a_claim_leaves_ours_in_the_row_and_the_payload_shows_the_row_before) {
  put(R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "2000"},
          "created_at": {"N": "1.5"}, "attempts": {"N": "1"}, "claim": {"S": "c1826-1-1"},
          "rev": {"N": "4"}, "payload": {"S": "{\"x\": 1, \"task_id\": \"mine\"}"}})");
  ASSERT_TRUE(orchestrate());
  EXPECT_EQ(
      rows("sosw_tasks")[0],
      object(
          R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1826557600"},
                       "created_at": {"N": "1.5"}, "attempts": {"N": "2"}, "claim": {"S": "c1826-1-1"},
                       "rev": {"N": "4"}, "payload": {"S": "{\"x\": 1, \"task_id\": \"mine\"}"}})"));
  ASSERT_THAT(invoked_, SizeIs(1));
  EXPECT_EQ(value(invoked_[0]),
            value(R"({"x": 1, "task_id": "t1", "labourer_id": "a", "greenfield": 2000,
                      "created_at": 1.5, "attempts": 1})"));
}

TEST_F(Python, an_orchestrator_starts_up_to_the_limit_in_queue_order) {
  for (const char* id : {"t1", "t2", "t3"}) ASSERT_TRUE(python_.create_task("a", id, "{}"));
  ASSERT_TRUE(orchestrate());
  EXPECT_THAT(invoked_, ElementsAre(HasSubstr("t1"), HasSubstr("t2")));
  ASSERT_TRUE(orchestrate());
  EXPECT_THAT(invoked_, SizeIs(2));
  ASSERT_TRUE(python_.mark_task_as_completed("t1"));
  ASSERT_TRUE(orchestrate());
  EXPECT_THAT(invoked_, SizeIs(3));
  ASSERT_TRUE(python_.create_task("a", "t4", "{}"));
  ASSERT_TRUE(orchestrate());
  EXPECT_THAT(invoked_, SizeIs(3));
  now_ = after(now_, 1201);  // now they have expired, and hold no place any more
  ASSERT_TRUE(orchestrate());
  EXPECT_THAT(invoked_, SizeIs(4));
}

TEST_F(Python, an_error_of_the_invocation_ends_the_run_and_costs_the_attempt) {
  ASSERT_TRUE(python_.create_task("a", "t1", "{}"));
  ASSERT_TRUE(python_.create_task("a", "t2", "{}"));
  invoke_answer_ = Error{Code::unavailable, "TooManyRequestsException", {}};
  const auto done = orchestrate();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::unavailable);
  EXPECT_THAT(invoked_, SizeIs(1));
  EXPECT_EQ(rows("sosw_tasks")[0].at("attempts"), value(R"({"N": "1"})"));
  EXPECT_EQ(rows("sosw_tasks")[1].at("attempts"), value(R"({"N": "0"})"));
}

TEST_F(Python, a_race_that_is_lost_starts_nothing) {
  ASSERT_TRUE(python_.create_task("a", "t1", "{}"));
  ASSERT_TRUE(orchestrate());
  behind_ = true;  // the index still has the task in the queue
  ASSERT_TRUE(orchestrate());
  EXPECT_THAT(invoked_, SizeIs(1));
  EXPECT_EQ(rows("sosw_tasks")[0].at("attempts"), value(R"({"N": "1"})"));
}

TEST_F(Python, a_task_whose_payload_is_no_object_is_marked_before_the_run_ends) {
  ASSERT_TRUE(python_.create_task("a", "t1", "not json"));
  const auto done = orchestrate();
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("AttributeError"));
  EXPECT_EQ(rows("sosw_tasks")[0].at("attempts"), value(R"({"N": "1"})"));
}

TEST_F(Python, archiving_takes_two_steps_and_spoils_the_payload) {
  put(R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1826557000"},
          "created_at": {"N": "1.5"}, "attempts": {"N": "1"}, "completed_at": {"N": "1795000000"},
          "payload": {"S": "{\"x\": null, \"y\": [true, \"z\"]}"}, "claim": {"S": "c5"},
          "rev": {"N": "4"}, "job": {"S": "007"}, "flag": {"S": "true"}})");
  fault_ = "fault of a write";
  answer_ = 4;  // the answer to the put is lost
  EXPECT_FALSE(python_.scavenge(labourers_));
  EXPECT_THAT(rows("sosw_tasks"), SizeIs(1));
  ASSERT_THAT(rows("sosw_closed_tasks"), SizeIs(1));
  EXPECT_EQ(
      rows("sosw_closed_tasks")[0],
      object(
          R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1826557000"},
                       "created_at": {"N": "1.5"}, "attempts": {"N": "1"}, "completed_at": {"N": "1795000000"},
                       "payload": {"S": "{'x': None, 'y': [True, 'z']}"}, "claim": {"S": "c5"},
                       "rev": {"N": "4"}, "job": {"N": "7"}, "flag": {"BOOL": true},
                       "closed_at": {"N": "1795000000"}, "labourer_id_task_status": {"S": "a_1"}})"));
  ASSERT_TRUE(python_.scavenge(labourers_));
  EXPECT_THAT(rows("sosw_tasks"), IsEmpty());
  EXPECT_THAT(rows("sosw_closed_tasks"), SizeIs(1));
}

TEST_F(Python, an_expired_task_moves_to_retry_in_two_steps_and_comes_back_without_our_attributes) {
  put(R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1795000100"},
          "created_at": {"N": "1.5"}, "attempts": {"N": "2"}, "payload": {"S": "{\"x\":1}"},
          "claim": {"S": "c5"}, "failed_attempts": {"N": "1"}})");
  ASSERT_TRUE(python_.scavenge(labourers_));
  EXPECT_THAT(rows("sosw_tasks"), IsEmpty());
  ASSERT_THAT(rows("sosw_retry_tasks"), SizeIs(1));
  EXPECT_EQ(
      rows("sosw_retry_tasks")[0],
      object(
          R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1795000100"},
                       "created_at": {"N": "1.5"}, "attempts": {"N": "2"}, "payload": {"S": "{\"x\": 1}"},
                       "claim": {"S": "c5"}, "failed_attempts": {"N": "1"},
                       "desired_launch_time": {"N": "1795000120"}})"));
  now_ = after(now_, 120);
  // Over whatever stands there meanwhile: a completion that came late is lost.
  ASSERT_TRUE(python_.mark_task_as_completed("t1"));
  ASSERT_TRUE(python_.scavenge(labourers_));
  EXPECT_THAT(rows("sosw_retry_tasks"), IsEmpty());
  EXPECT_THAT(rows("sosw_tasks"),
              ElementsAre(object(
                  R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "999"},
                      "created_at": {"N": "1.5"}, "attempts": {"N": "2"}, "payload": {"S": "{\"x\": 1}"}})")));
}

TEST_F(Python, a_crash_between_the_two_steps_leaves_task_and_retry_row) {
  put(R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1795000100"},
          "attempts": {"N": "1"}})");
  fault_ = "fault of a write";
  answer_ = 4;
  EXPECT_FALSE(python_.scavenge(labourers_));
  EXPECT_THAT(rows("sosw_tasks"), SizeIs(1));
  EXPECT_THAT(rows("sosw_retry_tasks"), SizeIs(1));
}

TEST_F(Python, retried_tasks_go_to_the_head_in_reverse_and_up_to_the_limit) {
  for (int i = 0; i < 25; ++i) {
    put(fmt::format(R"({{"task_id": {{"S": "r{:02}"}}, "labourer_id": {{"S": "a"}},
                        "created_at": {{"N": "1"}}, "desired_launch_time": {{"N": "{}"}}}})",
                    i, 1'794'000'000 + i),
        "sosw_retry_tasks");
  }
  ASSERT_TRUE(python_.create_task("a", "t1", "{}"));  // at 2000
  ASSERT_TRUE(python_.scavenge(labourers_));
  EXPECT_THAT(rows("sosw_retry_tasks"), SizeIs(5));
  const auto found = rows("sosw_tasks");
  ASSERT_THAT(found, SizeIs(21));
  EXPECT_EQ(found[0].at("greenfield"), value(R"({"N": "1999"})"));
  EXPECT_EQ(found[19].at("greenfield"), value(R"({"N": "1980"})"));
}

TEST_F(Python, a_task_out_of_attempts_is_archived_as_dead) {
  put(R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1795000100"},
          "attempts": {"N": "3"}})");
  std::vector<std::string> dead;
  ASSERT_TRUE(python_.scavenge(labourers_, [&](const std::string& id) { dead.push_back(id); }));
  EXPECT_THAT(dead, ElementsAre("t1"));
  ASSERT_THAT(rows("sosw_closed_tasks"), SizeIs(1));
  EXPECT_EQ(rows("sosw_closed_tasks")[0].at("labourer_id_task_status"), value(R"({"S": "a_0"})"));
  EXPECT_THAT(rows("sosw_tasks"), IsEmpty());
}

TEST_F(Python, a_row_without_attempts_ends_the_run) {
  put(R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1795000100"}})");
  const auto done = python_.scavenge(labourers_);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message, HasSubstr("TypeError"));
}

TEST_F(Python, a_row_that_is_gone_from_the_table_but_not_from_the_index_ends_the_run) {
  put(R"({"task_id": {"S": "t1"}, "labourer_id": {"S": "a"}, "greenfield": {"N": "1826557000"},
          "completed_at": {"N": "5"}})");
  ASSERT_TRUE(tables_.write({.kind = cloud::Write::Kind::remove,
                             .table = "sosw_tasks",
                             .item = object(R"({"task_id": {"S": "t1"}})")}));
  behind_ = true;
  const auto done = python_.scavenge(labourers_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message, "KeyError: 'labourer_id'");
  behind_ = false;
  EXPECT_TRUE(python_.scavenge(labourers_));
}

TEST_F(Python, reports_make_the_row_that_is_not_there) {
  ASSERT_TRUE(python_.mark_task_as_completed("ghost", {{"n", 1}}, {{"ok", "yes"}}));
  ASSERT_TRUE(python_.mark_task_as_failed("ghost2"));
  ASSERT_TRUE(python_.mark_task_as_failed("ghost2", {{"n", "7"}}));
  EXPECT_THAT(rows("sosw_tasks"),
              ElementsAre(object(R"({"task_id": {"S": "ghost"}, "completed_at": {"N": "1795000000"},
                                     "stat_n": {"N": "1"}, "result_ok": {"S": "yes"}})"),
                          object(R"({"task_id": {"S": "ghost2"}, "failed_attempts": {"N": "2"},
                                     "stat_n": {"N": "7"}})")));
}

TEST_F(Python, a_report_with_a_dash_in_a_key_is_lost) {
  EXPECT_FALSE(python_.mark_task_as_completed("t1", {{"some-key", 1}}));
  EXPECT_THAT(rows("sosw_tasks"), IsEmpty());
}

TEST_F(Python, an_audit_row_that_is_there_ends_the_run) {
  PythonEssentials audited(tables_, [this] { return now_; }, {});
  ASSERT_TRUE(audited.mark_task_as_completed("t1"));
  EXPECT_THAT(rows("sosw_tasks_meta"), SizeIs(1));
  const auto again = audited.mark_task_as_completed("t1");  // at the same time
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("ConditionalCheckFailedException"));
}

}  // namespace
}  // namespace sosw::simulation
