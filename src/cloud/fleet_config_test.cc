// SPDX-License-Identifier: MIT
#include "cloud/fleet_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sosw::cloud {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

FleetConfig read(std::vector<json::object> documents) {
  auto config = read_fleet_config(documents);
  EXPECT_TRUE(config) << config.error().text();
  return config ? *std::move(config) : FleetConfig();
}

TEST(FleetConfig, IsThatOfTheOriginalWithoutAnyDocument) {
  const auto config = read({});
  EXPECT_EQ(config.tasks.tables.tasks, "sosw_tasks");
  EXPECT_EQ(config.tasks.tables.closed_index, "labourer_task_status_with_time");
  EXPECT_EQ(config.audit_table, "sosw_tasks_meta");
  EXPECT_EQ(config.queue_prefix, "sosw/scheduler");
  EXPECT_THAT(config.queue_bucket, IsEmpty());
  EXPECT_TRUE(config.audit);
  EXPECT_EQ(config.tasks.durations.retry_base, engine::TaskManager::Settings::RetryBase::timeout);
  EXPECT_THAT(config.labourers, IsEmpty());
}

TEST(FleetConfig, PutsTheFunctionsDocumentOverTheSharedOne) {
  const auto config =
      read({{{"task_config",
              {{"labourers", {{"some_function", {{"arn", "arn:x"}, {"max_attempts", 5}}}}},
               {"sosw_closed_tasks_table", "closed"}}},
             {"retry_tasks_limit", 500}},
            {{"task_config", {{"labourers", {{"some_function", {{"max_attempts", 7}}}}}}},
             {"sns_config", {{"recipient", "arn:aws:sns:eu-west-1:1:dead"}}},
             {"queue_bucket", "b"},
             {"s3_prefix", "p"},
             {"queue_file", "q.txt"},
             {"invocation_number_coefficient", {{"4", 0}}}}});
  EXPECT_EQ(config.labourers.at("some_function").max_attempts, 7);
  EXPECT_EQ(config.labourers.at("some_function").arn, "arn:x");
  EXPECT_EQ(config.labourers.at("some_function").expiry, Expiry::deadline);
  EXPECT_THAT(config.tasks.tables.labourers, ElementsAre("some_function"));
  EXPECT_EQ(config.tasks.tables.closed, "closed");
  // D-42: what all Essentials share is not under the defaults. D-41: keys are texts in JSON.
  EXPECT_EQ(config.scavenger.retry_tasks_limit, 500);
  EXPECT_EQ(config.orchestrator.coefficients.at(4), 0);
  EXPECT_EQ(config.orchestrator.coefficients.at(3), 0.75);
  EXPECT_EQ(config.alarm_topic, "arn:aws:sns:eu-west-1:1:dead");
  EXPECT_EQ(config.queue_bucket, "b");
  EXPECT_EQ(config.queue_prefix, "p");
  EXPECT_EQ(config.queue_file, "q.txt");
}

TEST(FleetConfig, TakesLabourersAndTheTableAtTheTopOfADocument) {
  const auto config =
      read({{{"labourers", {{"f", {{"max_simultaneous_invocations", 4}}}}},
             {"dynamo_db_config", {{"table_name", "tasks"}, {"index_greenfield", "index"}}},
             {"max_attempts", 9},
             {"retry", {{"policy", "fixed"}, {"base_s", 3}}}}});
  EXPECT_EQ(config.labourers.at("f").max_simultaneous_invocations, 4);
  EXPECT_EQ(config.labourers.at("f").max_attempts, 9);
  EXPECT_EQ(config.labourers.at("f").retry.base_s, 3);
  EXPECT_EQ(config.tasks.tables.tasks, "tasks");
  EXPECT_EQ(config.tasks.tables.tasks_index, "index");
  const auto inner = read({{{"dynamo_db_config", {{"table_name", "tasks"}}},
                            {"task_config", {{"dynamo_db_config", {{"table_name", "own"}}}}}}});
  EXPECT_EQ(inner.tasks.tables.tasks, "own");
}

// D-26, D-28: one that is wrong stops no other one.
// Those of docs/aws.md and docs/from-sosw.md.
TEST(FleetConfig, KnowsEveryKeyOfTheDocumentation) {
  const auto config = read({json::parse(R"({
    "run_for": 5, "watermark": 7, "retry": {"policy": "fixed", "base_s": 3}, "retry_tasks_limit": 20,
    "invocation_number_coefficient": {"4": 0.5}, "job_schema": {"chunkable_attrs": [["word", {}]]},
    "job_schema_variants": {"other": {}}, "custom_period_patterns": ["last_x_days"],
    "sns_config": {"recipient": "arn:aws:sns:eu-west-1:1:t", "subject": "s"}, "alarm_function": "f",
    "meta_handler_config": {"write_meta_to_ddb": false, "dynamo_db_config": {"table_name": "m"}},
    "queue_bucket": "b", "s3_prefix": "p", "queue_file": "q.txt", "take_locked_queue_files": true,
    "dynamo_db_config": {"table_name": "t"},
    "init_clients": [], "shutdown_period": 60, "rows_to_process": 50, "siblings_config": {},
    "task_operational_overhead_for_ddb": 0.03, "default_simultaneous_invocations": 2,
    "task_config": {
      "dynamo_db_config": {"index_greenfield": "i", "field_names": {"attempts": "tries"},
                           "row_mapper": {}, "required_fields": []},
      "sosw_closed_tasks_table": "c", "sosw_closed_tasks_labourer_status_index": "ci",
      "sosw_retry_tasks_table": "r", "sosw_retry_tasks_greenfield_index": "ri",
      "greenfield_task_step": 10, "greenfield_invocation_delta": 1000000, "max_attempts": 4,
      "max_attempts_g": 5, "max_simultaneous_invocations": 6, "max_closed_to_analyse_for_duration": 9,
      "ecology_config": {"default_metric_values": {"Period": 300}}, "lambda_config": {},
      "labourers": {"g": {"expiry": "timeout", "timeout": 20, "cooldown": 10}, "h": {}}}})")
                                .as_object()});
  EXPECT_THAT(config.tasks.warnings, IsEmpty());
  EXPECT_THAT(config.tasks.bad_labourers, IsEmpty());
  EXPECT_EQ(config.run_s, 5);
  EXPECT_EQ(config.scheduler.watermark, 7);
  EXPECT_EQ(config.labourers.at("g").retry.base_s, 3);
  EXPECT_EQ(config.labourers.at("g").max_attempts, 5);
  EXPECT_EQ(config.labourers.at("g").duration_s, 20);
  EXPECT_EQ(config.labourers.at("h").max_attempts, 4);
  EXPECT_EQ(config.labourers.at("h").max_simultaneous_invocations, 6);
  EXPECT_EQ(config.scavenger.retry_tasks_limit, 20);
  EXPECT_EQ(config.alarm_subject, "s");
  EXPECT_EQ(config.alarm_function, "f");
  EXPECT_FALSE(config.audit);
  EXPECT_EQ(config.audit_table, "m");
  EXPECT_TRUE(config.take_locked_queue_files);
  EXPECT_EQ(config.default_metric_values.at("Period"), 300);
  const auto& tables = config.tasks.tables;
  EXPECT_THAT((std::vector{tables.tasks, tables.tasks_index, tables.closed, tables.closed_index,
                           tables.retry, tables.retry_index, tables.field_names.at("attempts")}),
              ElementsAre("t", "i", "c", "ci", "r", "ri", "tries"));
  EXPECT_EQ(tables.task_step, 10);
  EXPECT_EQ(tables.invocation_delta, 1'000'000);
}

TEST(FleetConfig, LeavesOutALabourerThatMakesNoSense) {
  const auto config = read({{{"task_config",
                              {{"labourers",
                                {{"good", {{"duration", 60}, {"cooldown", 10}}},
                                 {"typo", {{"max_atempts", 1}}},
                                 {"text", "x"}}}}},
                             {"retry_task_limit", 3}}});
  EXPECT_THAT(config.labourers, SizeIs(1));
  EXPECT_EQ(config.labourers.at("good").duration_s, 60);
  ASSERT_THAT(config.tasks.bad_labourers, SizeIs(2));
  EXPECT_THAT(config.tasks.bad_labourers[0].text(), HasSubstr("max_attempts"));
  EXPECT_THAT(config.tasks.bad_labourers[1].text(), HasSubstr("'text' must be an object"));
  ASSERT_THAT(config.tasks.warnings, SizeIs(1));
  EXPECT_THAT(config.tasks.warnings[0], HasSubstr("retry_tasks_limit"));
}

TEST(FleetConfig, RefusesWhatItCannotReplaceByADefault) {
  const auto config = read_fleet_config(
      std::vector<json::object>{{{"task_config", {{"sosw_closed_tasks_table", 5}}},
                                 {"job_schema", {{"chunkable_attrs", "words"}}},
                                 {"run_for", -1}}});
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().text(), HasSubstr("sosw_closed_tasks_table"));
  EXPECT_THAT(config.error().text(), HasSubstr("chunkable_attrs"));
  EXPECT_THAT(config.error().text(), HasSubstr("run_for"));
}

// upstream 3.1: what is called a test touches no table of anybody else.
TEST(FleetConfig, KnowsWhichTablesAreForTests) {
  const auto usual = only_tables_of_tests(read({{}}));
  ASSERT_FALSE(usual);
  for (const auto* name :
       {"sosw_tasks", "sosw_closed_tasks", "sosw_retry_tasks", "sosw_tasks_meta"})
    EXPECT_THAT(usual.error().text(), HasSubstr(name));
  json::object config = {{"task_config",
                          {{"dynamo_db_config", {{"table_name", "autotest_sosw_tasks"}}},
                           {"sosw_closed_tasks_table", "autotest_sosw_closed_tasks"},
                           {"sosw_retry_tasks_table", "autotest_sosw_retry_tasks"}}},
                         {"meta_handler_config",
                          {{"dynamo_db_config", {{"table_name", "autotest_sosw_tasks_meta"}}}}}};
  EXPECT_TRUE(only_tables_of_tests(read({config})));
  config["meta_handler_config"] = {{"write_meta_to_ddb", false}};
  EXPECT_TRUE(only_tables_of_tests(read({config}))) << "none is written";
  config["meta_handler_config"] = json::object();
  EXPECT_FALSE(only_tables_of_tests(read({config})));
}

}  // namespace
}  // namespace sosw::cloud
