// SPDX-License-Identifier: MIT
#include "cli/essential.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sosw/app.h"
#include "sosw/errors.h"
#include "sosw/helpers.h"
#include "support/played_aws.h"

namespace sosw::cli {
namespace {

using cloud::Essential;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;

TEST(EssentialFunction, IsChosenByItsHandlerElseByItsName) {
  EXPECT_EQ(*chosen_essential("sosw_scavenger", "x"), Essential::scavenger);
  EXPECT_EQ(*chosen_essential("scheduler.handler", "sosw_orchestrator"), Essential::scheduler);
  // As the templates of the original call all of them.
  EXPECT_EQ(*chosen_essential("app.lambda_handler", "sosw_worker_assistant"),
            Essential::worker_assistant);
  EXPECT_EQ(*chosen_essential("app.lambda_handler", "dev-sosw_orchestrator-2"),
            Essential::orchestrator);
  const auto none = chosen_essential("app.lambda_handler", "my_function");
  ASSERT_FALSE(none);
  EXPECT_THAT(none.error().text(), HasSubstr("sosw_worker_assistant"));
}

// D-23: what comes twice is accepted once, and what only looks alike is not taken for it.
TEST(EssentialFunction, KnowsAJobThatComesAgain) {
  const auto keys = [](std::string_view text) {
    const auto event = json::parse(text).as_object();
    return keys_of(event, unwrap_event_recursively(event), "r-1");
  };
  EXPECT_THAT(keys(R"({"lambda_name": "f"})"), ElementsAre("r-1"));
  EXPECT_THAT(keys(R"({"lambda_name": "f", "id": "customer 5"})"), ElementsAre("r-1"));
  EXPECT_THAT(keys(R"({"id": "mine", "job": {"lambda_name": "f", "id": "customer 5"}})"),
              ElementsAre("mine"));
  EXPECT_THAT(keys(R"({"id": "", "job": {"lambda_name": "f"}})"), ElementsAre("r-1"));
  EXPECT_THAT(keys(R"({"id": 7, "job": {"lambda_name": "f"}})"), ElementsAre("r-1"));
  EXPECT_THAT(keys(R"({"id": "e-1", "detail-type": "Scheduled Event", "lambda_name": "f"})"),
              ElementsAre("e-1"));
  const auto queued = [](std::string_view id, std::string_view body) {
    return json::serialize(
        json::object{{"eventSource", "aws:sqs"}, {"messageId", id}, {"body", body}});
  };
  EXPECT_THAT(keys(R"({"Records": [)" + queued("m-1", R"({"lambda_name": "f"})") + "," +
                   queued("m-2", R"({"id": "mine", "job": {"lambda_name": "f"}})") + "]}"),
              ElementsAre("m-1", "mine"));
  EXPECT_THAT(keys(R"({"Records": [{"EventSource": "aws:sns", "Sns": {"MessageId": "s-1",
                       "Message": "{\"lambda_name\": \"f\"}"}}]})"),
              ElementsAre("s-1"));
}

// When one message of several is none, the others are done all the same.
TEST(EssentialFunction, TakesEachMessageOutOfItsOwnEnvelope) {
  const auto record = [](std::string_view id, std::string_view body) {
    return json::object{{"eventSource", "aws:sqs"}, {"messageId", id}, {"body", body}};
  };
  std::optional<Error> refused;
  const auto messages = [&](const json::object& event) {
    std::vector<std::string> all;
    for (const auto& one : messages_of(event, "r-1", refused))
      all.push_back(one.key + " " + json::serialize(one.body));
    return all;
  };
  EXPECT_THAT(messages({{"Records", json::array{record("m-1", R"({"n":1})"), record("m-2", "tick"),
                                                record("m-3", R"({"n":3})")}}}),
              ElementsAre(R"(m-1 {"n":1})", R"(m-3 {"n":3})"));
  ASSERT_TRUE(refused);
  EXPECT_THAT(refused->text(), HasSubstr("message 2"));

  refused.reset();
  // Those without an id of their own have the place, so that none is taken for another one.
  EXPECT_THAT(messages({{"Records", json::array{json::object{{"body", "x"}}, 5}}}),
              ElementsAre(R"(r-1/0 {"Records":[{"body":"x"}]})", R"(r-1/1 {"Records":[5]})"));
  EXPECT_THAT(messages({{"Records", 5}}), ElementsAre(R"(r-1 {"Records":5})"));
  EXPECT_THAT(messages({{"Records", json::array()}}), ElementsAre(R"(r-1 {"Records":[]})"));
  EXPECT_THAT(messages({{"file_name", 5}}), ElementsAre(R"(r-1 {"file_name":5})"));
  // Two in one record.
  EXPECT_THAT(
      messages(
          {{"Records",
            json::array{{{"EventSource", "aws:sns"},
                         {"Sns", {{"MessageId", "s-1"}, {"Message", R"([{"n":1},{"n":2}])"}}}}}}}),
      ElementsAre(R"(r-1/0 {"n":1})", R"(r-1/1 {"n":2})"));
  EXPECT_FALSE(refused);
}

TEST(EssentialFunction, ReportsInTheEmbeddedMetricFormat) {
  cloud::RunReport run;
  run.started = 7;
  run.skip("f", "no such function");
  const Time began = from_epoch(1'795'000'000);
  const auto line = report_of(Essential::orchestrator, run, 3, began, after(began, 1.5));
  EXPECT_EQ(line.at("started"), 7);
  EXPECT_EQ(line.at("duration_ms"), 1500);
  EXPECT_EQ(line.at("skipped").at(0).at("labourer_id"), "f");
  const auto& aws = line.at("_aws");
  EXPECT_EQ(aws.at("Timestamp"), 1'795'000'001'500);
  const auto& directive = aws.at("CloudWatchMetrics").at(0);
  EXPECT_EQ(directive.at("Namespace"), "sosw");
  EXPECT_EQ(directive.at("Dimensions"), json::parse(R"([["essential"]])"));
  EXPECT_EQ(line.at("essential"), "orchestrator");
  // Each metric and dimension that the directive names is a member of the line.
  for (const auto& metric : directive.at("Metrics").as_array())
    EXPECT_TRUE(line.at(metric.at("Name").as_string()).is_number());
}

// An Essential whole, with AWS played: tables with what `items_` has, where transactions succeed.
class PlayedEssential : public testing::PlayedAws {
 protected:
  struct SetClock final : engine::Clock {
    Time now() const override { return from_epoch(1'795'000'000); }
  };

  void SetUp() override {
    PlayedAws::SetUp();
    set("_HANDLER", "sosw_scheduler");
    on_call = [this](const Call& call) { return answer(call); };
  }
  void TearDown() override {
    for (const auto* name : {"_HANDLER", "SOSW_CONFIG_TABLE"})
      unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    global_vars.set_processor(nullptr);
    PlayedAws::TearDown();
  }
  json::value call(const json::object& event) {
    const LambdaHandler handler([this] { return std::make_unique<EssentialFunction>(&clock_); },
                                global_vars);
    Context context;
    context.aws_request_id = "r-1";
    context.deadline = std::chrono::system_clock::now() + std::chrono::minutes(1);
    return handler(event, context);
  }
  HttpReply answer(const Call& call) {
    if (call.operation == "Query") {
      const auto& values = call.params.at("ExpressionAttributeValues").as_object();
      const auto* name = values.if_contains(":config_name");
      json::array found;
      if (name != nullptr && name->at("S") == "sosw_essential_config")
        found.push_back(json::object{{"config_value", {{"S", json::serialize(config_)}}}});
      return {.body = json::serialize(json::object{{"Items", found}, {"Count", found.size()}})};
    }
    if (call.operation == "BatchGetItem") {
      json::object responses;
      for (const auto& table : call.params.at("RequestItems").as_object()) {
        json::array found;
        for (const auto& key : table.value().at("Keys").as_array())
          if (const auto* item = items_.if_contains(key.at("task_id").at("S").as_string()))
            found.push_back(*item);
        responses[table.key()] = std::move(found);
      }
      return {.body = json::serialize(json::object{{"Responses", std::move(responses)}})};
    }
    if (call.operation == "TransactWriteItems") return {.body = "{}"};
    return refusal("ConditionalCheckFailedException");
  }

  SetClock clock_;
  json::object config_ = {{"labourers", {{"f", json::object()}, {"g", json::object()}}},
                          {"meta_handler_config", {{"write_meta_to_ddb", false}}}};
  json::object items_;  // by task_id
};

// Who is told that it failed sends the job once more, and then it is another one.
TEST_F(PlayedEssential, hasAcceptedAJobWhateverBecomesOfTheRowsOfOthers) {
  // A job of g that nobody can read.
  const std::string job = "0123456789abcdef0123";
  items_["sosw:tail:g"] = {{"task_id", {{"S", "sosw:tail:g"}}},
                           {"jobs", {{"L", json::array{{{"S", job}}}}}}};
  items_["sosw:job:" + job] = {{"task_id", {{"S", "sosw:job:" + job}}},
                               {"labourer", {{"S", "g"}}},
                               {"rows", {{"N", "5"}}},
                               {"cursor", {{"N", "0"}}},
                               {"parts", {{"N", "0"}}},
                               {"state", {{"S", "open"}}}};
  EXPECT_THROW(call({{"continue_jobs", true}}), RuntimeError);
  const auto accepted = call({{"lambda_name", "f"}});
  EXPECT_EQ(accepted.at("tasks"), 1);
  EXPECT_EQ(accepted.at("rows_made"), 1);
}

// Who is answered that it is accepted sends no job again.
TEST_F(PlayedEssential, takesNoJobForAnEventAboutAQueueFile) {
  const json::object job = {{"lambda_name", "f"}, {"file_name", "data.csv"}};
  EXPECT_EQ(call({{"job", job}, {"file_name", "data.csv"}}).at("tasks"), 1);
  EXPECT_EQ(call(job).at("tasks"), 1);
  EXPECT_EQ(call({{"job", job}, {"continue_jobs", true}}).at("tasks"), 1);
  EXPECT_FALSE(call({{"file_name", "/tmp/tasks_queue_1.txt"}}).as_object().contains("tasks"));
}

// upstream 3.1
TEST_F(PlayedEssential, touchesOnlyTablesOfTestsInATest) {
  set("STAGE", "test");
  try {
    call({{"lambda_name", "f"}});
    FAIL() << "it works on " << cloud::TableStore::Options().tasks;
  } catch (const ValueError& error) {
    EXPECT_THAT(error.what(), HasSubstr("autotest_"));
  }
  EXPECT_THAT(operations(), ::testing::Each("Query")) << "of its configuration";
  set("SOSW_CONFIG_TABLE", "config_of_others");
  global_vars.set_processor(nullptr);
  const auto before = calls().size();
  EXPECT_THROW(call({{"lambda_name", "f"}}), ValueError);
  EXPECT_EQ(calls().size(), before);
}

}  // namespace
}  // namespace sosw::cli
