// SPDX-License-Identifier: MIT
// The adapters of the ports on AWS, on moto's services.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "aws/moto.h"
#include "aws/s3.h"
#include "aws/sns.h"
#include "aws/ssm.h"
#include "cloud/alarm_notifier.h"
#include "cloud/cloudwatch_metrics.h"
#include "cloud/config_documents.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/functions.h"
#include "cloud/lambda_invoker.h"
#include "cloud/queue_files.h"
#include "cloud/table_store.h"
#include "core/json_text.h"
#include "support/create_table.h"

namespace sosw::cloud {
namespace {

namespace json = boost::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

Time now() { return std::chrono::floor<Time::duration>(std::chrono::system_clock::now()); }

struct RealClock final : engine::Clock {
  Time now() const override { return cloud::now(); }
};

class AdaptersOnMoto : public aws::MotoTest {
 protected:
  // What the call gave.
  static json::value call(std::string_view service, std::string_view operation,
                          const json::object& input) {
    const auto answer = aws::Client(service, options()).call(operation, input);
    EXPECT_TRUE(answer) << answer.error().text();
    return answer ? *answer : json::value(json::object());
  }
  static void make_role() {
    call("cloudformation", "CreateStack",
         {{"StackName", "role"},
          {"Capabilities", {"CAPABILITY_NAMED_IAM"}},
          {"TemplateBody",
           R"({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r",
               "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}}}})"}});
  }
  // A function of moto's, which runs nothing.
  static void make_function(std::string_view name, int timeout) {
    call("lambda", "CreateFunction",
         {{"FunctionName", name},
          {"Runtime", "provided.al2023"},
          {"Handler", "bootstrap"},
          {"Role", "arn:aws:iam::123456789012:role/r"},
          {"Timeout", timeout},
          {"Code", {{"ZipFile", "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA=="}}}});
  }

  RealClock clock_;
};

TEST_F(AdaptersOnMoto, ConfigDocumentsAreRowsOfTheTable) {
  ConfigDocuments documents({.client = options()}, clock_);
  EXPECT_EQ(documents.config("n").error().code, Code::invalid);
  EXPECT_THAT(documents.config("n").error().message, HasSubstr("no table 'config'"));
  call("dynamodb", "CreateTable",
       {{"TableName", "config"},
        {"KeySchema",
         json::array{json::object{{"AttributeName", "env"}, {"KeyType", "HASH"}},
                     json::object{{"AttributeName", "config_name"}, {"KeyType", "RANGE"}}}},
        {"AttributeDefinitions",
         json::array{json::object{{"AttributeName", "env"}, {"AttributeType", "S"}},
                     json::object{{"AttributeName", "config_name"}, {"AttributeType", "S"}}}},
        {"BillingMode", "PAY_PER_REQUEST"}});
  EXPECT_EQ(documents.config("n").error().code, Code::not_found);
  const auto put = [&](std::string_view env, std::string_view value) {
    call("dynamodb", "PutItem",
         {{"TableName", "config"},
          {"Item",
           {{"env", {{"S", env}}},
            {"config_name", {{"S", "m"}}},
            {"config_value", {{"S", value}}}}}});
  };
  put("production", R"({"é": 1})");
  put("dev", R"({"dev": true})");
  const auto document = documents.config("m");
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(json_text(*document), R"({"\u00e9": 1})");
  ConfigDocuments dev({.client = options(), .env = "dev"}, clock_);
  EXPECT_EQ(json_text(*dev.config("m")), R"({"dev": true})");
}

TEST_F(AdaptersOnMoto, ConfigDocumentsAreParametersOfSsm) {
  ConfigDocuments documents({.client = options(), .source = ConfigDocuments::Options::Source::ssm},
                            clock_);
  EXPECT_EQ(documents.config("n").error().code, Code::not_found);
  aws::Ssm ssm(options());
  ASSERT_TRUE(ssm.put_parameter({"m", "SecureString", R"({"a": [1]})"}));
  const auto document = documents.config("m");
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(json_text(*document), R"({"a": [1]})");
}

TEST_F(AdaptersOnMoto, HealthIsReadFromCloudWatch) {
  const auto put = [&](std::string_view metric, double value) {
    call("cloudwatch", "PutMetricData",
         {{"Namespace", "N"},
          {"MetricData",
           {{{"MetricName", metric},
             {"Timestamp", fmt::format("{:%FT%TZ}", fmt::gmtime(static_cast<std::time_t>(
                                                        epoch_seconds(now()) - 100)))},
             {"Value", value},
             {"Dimensions", {{{"Name", "Db"}, {"Value", "d"}}}}}}}});
  };
  put("Cpu", 10);
  put("Cpu", 30);
  put("Memory", 0.5);
  const auto details = [](std::string_view metric, std::string_view statistic) {
    return json::object{{"Namespace", "N"},
                        {"Name", metric},
                        {"Statistics", {statistic}},
                        {"Dimensions", {json::object{{"Name", "Db"}, {"Value", "d"}}}}};
  };
  CloudWatchMetrics metrics({.client = options()});
  auto longer = details("Cpu", "Minimum");
  longer["MetricAggregationTimeSlice"] = 900;
  const auto values = metrics.values(
      std::vector{details("Cpu", "Average"), details("Cpu", "Sum"), details("Cpu", "SampleCount"),
                  details("Memory", "Maximum"), longer, details("None", "Average")},
      now());
  std::vector<std::string> words;
  for (const auto& value : values)
    words.push_back(!value   ? value.error().text()
                    : *value ? fmt::format("{}", **value)
                             : "no data");
  EXPECT_THAT(words, ElementsAre("20", "40", "2", "0.5", "10", "no data"));
}

TEST_F(AdaptersOnMoto, AlarmsReachWhoeverHasSubscribed) {
  aws::Sns sns(options());
  const auto topic = sns.create_topic("sosw_info");
  ASSERT_TRUE(topic) << topic.error().text();
  const auto queue = call("sqs", "CreateQueue", {{"QueueName", "q"}});
  ASSERT_TRUE(sns.subscribe(*topic, "sqs", "arn:aws:sqs:eu-west-1:123456789012:q"));
  auto elsewhere = options();
  elsewhere.region = "us-east-1";  // the topic's region counts
  AlarmNotifier notifier({.client = elsewhere, .topic_arn = *topic});
  ASSERT_TRUE(notifier.notify(std::vector<engine::Alarm>{
      {.number = 1, .labourer_id = "w", .task_id = "t1", .message = "é \xFF why"}}));
  const auto received = call("sqs", "ReceiveMessage", {{"QueueUrl", queue.at("QueueUrl")}});
  ASSERT_TRUE(received.as_object().contains("Messages"));
  const auto message = parse_json(received.at_pointer("/Messages/0/Body").as_string())->as_object();
  EXPECT_EQ(message.at("Subject"), "``sosw`` Dead Task");
  EXPECT_EQ(message.at("Message"), "Closing dead task: t1 (labourer w): é \xEF\xBF\xBD why");
}

TEST_F(AdaptersOnMoto, FunctionsAreAskedForTheirTimeoutsAndInvoked) {
  make_role();
  make_function("first", 77);
  make_function("second", 5);
  call("lambda", "PutFunctionEventInvokeConfig",
       {{"FunctionName", "first"}, {"MaximumRetryAttempts", 0}});
  engine::Labourers labourers;
  for (const auto* id : {"first", "none", "second"}) {
    labourers[id].id = id;
    labourers[id].timeout_s = 1;
  }
  labourers["second"].arn = "arn:aws:lambda:eu-west-1:123456789012:function:second";
  Functions functions({.client = options()}, clock_);
  EXPECT_THAT(functions.register_labourers(labourers),
              ElementsAre(AllOf(HasSubstr("second"), HasSubstr("MaximumRetryAttempts to 0")),
                          HasSubstr("none cannot be asked")));
  EXPECT_EQ(labourers["first"].timeout_s, 77);
  EXPECT_EQ(labourers["second"].timeout_s, 5);
  EXPECT_EQ(labourers["none"].timeout_s, 1);
  EXPECT_EQ(functions.known(labourers["first"])->own_retries, 0);
  EXPECT_EQ(functions.known(labourers["second"])->own_retries, 2);

  LambdaInvoker invoker({.client = options()});
  const auto answers = invoker.invoke(std::vector<engine::Invocation>{
      {"t1", "c1", "{}", &labourers["second"]}, {"t2", "c1", "{}", &labourers["first"]}});
  ASSERT_THAT(answers, SizeIs(2));
  for (const auto& answer : answers)
    EXPECT_EQ(answer.outcome, engine::Invoked::Outcome::accepted) << answer.reason;
}

TEST_F(AdaptersOnMoto, QueueFilesBecomeTasks) {
  for (const auto& table : simulation::sosw_tables())
    call("dynamodb", "CreateTable", testing::create_table_input(table));
  DynamoDbTables tables({.client = options()});
  TableStore store(tables, {.holder = "h", .nonce = "n", .labourers = {"w"}});
  aws::S3 s3(options());
  ASSERT_TRUE(s3.create_bucket("my-bucket"));
  const std::string key = "sosw/scheduler/tasks_queue_r-1.txt";
  ASSERT_TRUE(s3.put("my-bucket", key,
                     "{\"labourer_id\": \"w\", \"n\": 1}\nrefused\n"
                     "{\"labourer_id\": \"w\", \"n\": 2}\n"));
  ASSERT_TRUE(s3.put("my-bucket", "sosw/scheduler/locked_tasks_queue_r-2.txt", "x"));
  QueueFiles files({.client = options(), .bucket = "my-bucket"});
  const auto waiting = files.waiting(now());
  ASSERT_TRUE(waiting) << waiting.error().text();
  ASSERT_THAT(*waiting, SizeIs(2));
  for (const auto& file : *waiting) {
    EXPECT_EQ(file.take, !file.locked) << file.name;
    EXPECT_EQ(file.remark, "") << file.name;
    if (!file.take) continue;
    for (int twice = 0; twice < 2; ++twice) {
      const auto content = files.read(file, {});
      ASSERT_TRUE(content) << content.error().text();
      ASSERT_THAT(content->jobs, SizeIs(1));
      const auto accepted = store.accept(content->jobs[0], 100, now());
      ASSERT_TRUE(accepted) << accepted.error().text();
      EXPECT_EQ(accepted->already, twice == 1);
      if (twice == 1) {
        const auto done = files.finish(file, content->refused);
        ASSERT_TRUE(done) << done.error().text();
      }
    }
  }
  engine::TaskQuery query;
  query.labourer_id = "w";
  query.state = State::queued;
  const auto tasks = store.tasks(query);
  ASSERT_TRUE(tasks) << tasks.error().text();
  ASSERT_THAT(*tasks, SizeIs(2));
  EXPECT_EQ((*tasks)[0].payload, R"({"n": 1})");
  EXPECT_EQ((*tasks)[1].payload, R"({"n": 2})");
  const auto left = s3.list("my-bucket");
  ASSERT_TRUE(left);
  std::vector<std::string> keys;
  for (const auto& entry : *left) keys.push_back(entry.key);
  ASSERT_THAT(keys, SizeIs(2));
  EXPECT_EQ(keys[0], "sosw/scheduler/locked_tasks_queue_r-2.txt");
  EXPECT_THAT(keys[1], MatchesRegex("sosw/scheduler/refused_[0-9a-f]+_tasks_queue_r-1.txt"));
  const auto later = files.waiting(after(now(), 1'000));
  ASSERT_TRUE(later);
  ASSERT_THAT(*later, SizeIs(1));
  EXPECT_FALSE((*later)[0].take);
  EXPECT_THAT((*later)[0].remark, HasSubstr("nobody can tell"));
}

TEST_F(AdaptersOnMoto, AnObjectIsRemovedAsTheOneThatWasRead) {
  aws::S3 s3(options());
  ASSERT_TRUE(s3.create_bucket("my-bucket"));
  ASSERT_TRUE(s3.put("my-bucket", "k", "old"));
  const auto old = s3.get("my-bucket", "k");
  ASSERT_TRUE(old && *old);
  ASSERT_TRUE(s3.put("my-bucket", "k", "new"));
  EXPECT_FALSE(*s3.remove_if_same("my-bucket", "k", (*old)->etag));
  const auto fresh = s3.get("my-bucket", "k");
  EXPECT_EQ((*fresh)->body, "new");
  EXPECT_TRUE(*s3.remove_if_same("my-bucket", "k", (*fresh)->etag));
  EXPECT_FALSE(*s3.get("my-bucket", "k"));
  EXPECT_FALSE(*s3.remove_if_same("my-bucket", "k", (*fresh)->etag));
}

}  // namespace
}  // namespace sosw::cloud
