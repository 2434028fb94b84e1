// SPDX-License-Identifier: MIT
// The commands of `sosw` with --aws: the program itself, on the tables that moto plays.
#include <gmock/gmock.h>

#include <atomic>
#include <boost/json.hpp>

#include "aws/moto.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/table_store.h"
#include "e2e/project.h"
#include "sosw/aws_client.h"
#include "support/create_table.h"
#include "support/http_server.h"
#include "support/variables.h"

namespace sosw {
namespace {

namespace json = boost::json;
using e2e::Ended;
using e2e::Project;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

Time now() { return std::chrono::floor<Time::duration>(std::chrono::system_clock::now()); }

const char* const kEssential = R"({"task_config": {"labourers": {
  "resize": {"arn": "arn:aws:lambda:eu-west-1:123456789012:function:resizer", "max_simultaneous_invocations": 3,
             "max_attempts": 1, "duration": 200, "cooldown": 10},
  "mail": {"max_duration": 5}}}})";
const char* const kScheduler = R"({"job_schema": {"chunkable_attrs": [["word", {}]]}})";

class AwsCommands : public aws::MotoTest {
 protected:
  void SetUp() override {
    MotoTest::SetUp();
    for (const auto& table : simulation::sosw_tables())
      dynamodb_.call("CreateTable", testing::create_table_input(table));
    configure("sosw_essential_config", kEssential);
    configure("sosw_scheduler_config", kScheduler);
  }
  void configure(std::string_view name, std::string_view document) {
    dynamodb_.call("PutItem", {{"TableName", "config"},
                               {"Item",
                                {{"env", {{"S", "production"}}},
                                 {"config_name", {{"S", name}}},
                                 {"config_value", {{"S", document}}}}}});
  }
  // Runs it with --aws.
  Ended sosw(std::vector<std::string> arguments, std::string_view input = {}) {
    arguments.emplace_back("--aws");
    return project_.sosw(std::move(arguments), input);
  }
  json::value ask(std::vector<std::string> arguments) {
    arguments.emplace_back("--aws");
    return project_.ask(std::move(arguments));
  }
  json::object schedule(int rows, const std::string& id, const std::string& labourer = "resize") {
    json::object job{{"lambda_name", labourer}, {"isolate_words", true}};
    auto& words = job["words"].emplace_array();
    for (int i = 0; i < rows; ++i) words.push_back(i);
    return ask({"schedule", "--job", json::serialize(job), "--id", id}).as_object();
  }
  json::object status_of(std::string_view labourer) {
    const json::value all = ask({"status"});
    for (const auto& one : all.as_array())
      if (one.at("labourer_id") == json::value(labourer)) return one.as_object();
    ADD_FAILURE() << "no labourer " << labourer;
    return {};
  }
  // All that stands there of tasks, in DynamoDB's form.
  json::array rows(std::string_view table) {
    json::array found;
    const json::value all = dynamodb_.call("Scan", {{"TableName", table}});
    for (const auto& item : all.at("Items").as_array())
      if (!item.at("task_id").at("S").as_string().starts_with("sosw:")) found.push_back(item);
    return found;
  }

  // The Essentials' part, by our store.
  std::vector<engine::Claimed> claim(int n, Time when = now()) {
    const engine::ClaimRequest request{
        .labourer_id = "resize", .limit = 100, .at_most = n, .deadline = after(when, 210)};
    auto exchanged = store_.exchange({}, std::span(&request, 1), labourers_, when);
    EXPECT_TRUE(exchanged) << exchanged.error().text();
    return exchanged ? std::move(exchanged->claimed) : std::vector<engine::Claimed>();
  }
  void report(const engine::Claimed& claimed, Report::Kind kind) {
    const Report report{kind, claimed.task.id, claimed.claim, {}, {{"n", 7}}};
    ASSERT_TRUE(store_.exchange(std::span(&report, 1), {}, labourers_, now()));
  }
  void scavenge() {
    ASSERT_TRUE(store_.archive("resize", 1000, now()));
    ASSERT_TRUE(store_.expire(labourers_.at("resize"), 1000, {}, now()));
  }

  testing::Variables environment_{{"AWS_ENDPOINT_URL", url()},
                                  {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                  {"AWS_SECRET_ACCESS_KEY", "secret"},
                                  {"AWS_REGION", "eu-west-1"},
                                  {"AWS_DEFAULT_REGION", std::nullopt},
                                  {"AWS_PROFILE", std::nullopt},
                                  {"AWS_CONFIG_FILE", "/dev/null"},
                                  {"AWS_SHARED_CREDENTIALS_FILE", "/dev/null"},
                                  {"AWS_EC2_METADATA_DISABLED", "true"},
                                  {"SOSW_CONFIG_TABLE", std::nullopt},
                                  {"SOSW_CONFIG_SOURCE", std::nullopt},
                                  {"STAGE", std::nullopt},
                                  {"autotest", std::nullopt}};
  Project project_;
  AwsClient dynamodb_{"dynamodb"};
  cloud::DynamoDbTables tables_{{.client = options()}};
  engine::Labourers labourers_{
      {"resize", {.id = "resize", .max_attempts = 1, .duration_s = 200, .cooldown_s = 10}}};
  cloud::TableStore store_{tables_, {.index_lag_s = 0, .holder = "h", .nonce = "n"}};
};

TEST_F(AwsCommands, queue_a_job_once_with_all_its_rows) {
  const auto first = schedule(120, "monday");
  EXPECT_EQ(first.at("rows"), 120);
  EXPECT_EQ(first.at("already"), false);
  const auto again = schedule(120, "monday");
  EXPECT_EQ(again.at("job_id"), first.at("job_id"));
  EXPECT_EQ(again.at("already"), true);
  EXPECT_THAT(rows("sosw_tasks"), SizeIs(120));  // more than a transaction has
  EXPECT_EQ(dynamodb_.call("Scan", {{"TableName", "sosw_tasks_meta"}}).at("Count"), 120);

  const auto jobs = ask({"jobs"}).as_array();
  ASSERT_THAT(jobs, SizeIs(1));
  EXPECT_EQ(jobs[0].at("key"), "monday");
  EXPECT_EQ(jobs[0].at("state"), "made");
  EXPECT_EQ(jobs[0].at("made"), 120);
  EXPECT_EQ(jobs[0].at("done"), 0);

  const auto status = status_of("resize");
  EXPECT_EQ(status.at("queued"), 120);
  EXPECT_EQ(status.at("running"), 0);
  EXPECT_EQ(status.at("done"), 0);
  EXPECT_EQ(status.at("configured"), true);
  EXPECT_EQ(status_of("mail").at("queued"), 0);

  const Ended text = sosw({"schedule", "--job", "-", "--id", "tuesday"},
                          R"({"lambda_name": "mail", "words": ["a", "b"]})");
  EXPECT_EQ(text.status, 0) << text;
  EXPECT_THAT(text.out, AllOf(HasSubstr("job    "), HasSubstr("tasks  1")));
  const Ended table = sosw({"status"});
  EXPECT_EQ(table.status, 0) << table;
  EXPECT_THAT(table.out, AllOf(HasSubstr("resize"), HasSubstr("total"),
                               HasSubstr("AWS: sosw_tasks in eu-west-1")));
}

TEST_F(AwsCommands, tell_that_a_job_is_accepted_whose_rows_are_not_all_made) {
  std::atomic<int> transactions = 0;
  const testing::HttpServer refusing(
      [&](const testing::HttpRequest& request) -> testing::HttpReply {
        const auto& headers = request.headers;
        if (headers.at("x-amz-target").ends_with("TransactWriteItems") && ++transactions > 1)
          return {.status = 400,
                  .body = R"({"__type": "AccessDeniedException", "message": "no more today"})"};
        aws::Request onward{.method = request.method, .url = url() + "/", .body = request.body};
        for (const auto* name : {"x-amz-target", "content-type", "authorization", "x-amz-date"})
          onward.headers.emplace_back(name, headers.at(name));
        auto response = aws::HttpClient().send(onward);
        return {.status = response.status, .body = std::move(response.body)};
      });
  json::object job{{"lambda_name", "resize"}, {"isolate_words", true}};
  auto& words = job["words"].emplace_array();
  for (int i = 0; i < 120; ++i) words.push_back(i);
  {
    const testing::Variables there{{"AWS_ENDPOINT_URL", refusing.url()}};
    const Ended ended =
        sosw({"schedule", "--job", json::serialize(job), "--id", "monday", "--json"});
    EXPECT_EQ(ended.status, 1) << ended;
    EXPECT_THAT(ended.error, AllOf(HasSubstr("is accepted, but not all of its tasks are made"),
                                   HasSubstr("no more today"), HasSubstr("or this command again")));
    EXPECT_EQ(json::parse(ended.out).at("rows"), 120);
    transactions = 0;
    const Ended unnamed = sosw({"schedule", "--job", json::serialize(job)});
    EXPECT_EQ(unnamed.status, 1) << unnamed;
    EXPECT_THAT(unnamed.error, AllOf(HasSubstr("is accepted, but not all of its tasks are made"),
                                     Not(HasSubstr("again"))));  // that would be another job
  }
  const auto made = rows("sosw_tasks").size();
  EXPECT_GT(made, 0U);
  EXPECT_LT(made, 120U);
  EXPECT_EQ(schedule(120, "monday").at("already"), true);
  EXPECT_THAT(rows("sosw_tasks"), SizeIs(120));
}

TEST_F(AwsCommands, show_what_has_become_of_tasks_and_queue_the_dead_again) {
  schedule(4, "k");
  const auto claimed = claim(3);
  ASSERT_THAT(claimed, SizeIs(3));
  report(claimed[0], Report::Kind::completed);
  report(claimed[1], Report::Kind::failed);
  EXPECT_EQ(status_of("resize").at("completed"), 1);
  scavenge();

  auto status = status_of("resize");
  EXPECT_EQ(
      std::tuple(status.at("queued"), status.at("running"), status.at("done"), status.at("dead"),
                 status.at("cancelled")),
      std::tuple(json::value(1), json::value(1), json::value(1), json::value(1), json::value(0)));
  const auto done = ask({"task", claimed[0].task.id});
  EXPECT_EQ(done.at("state"), "done");
  EXPECT_EQ(done.at("result_n"), 7);
  const auto running = ask({"tasks", "--state", "running"}).as_array();
  ASSERT_THAT(running, SizeIs(1));
  EXPECT_EQ(running[0].at("task_id"), json::value(claimed[2].task.id));
  EXPECT_THAT(ask({"tasks", "--labourer", "resize"}).as_array(), SizeIs(4));
  const auto dead = ask({"dead"}).as_array();
  ASSERT_THAT(dead, SizeIs(1));
  EXPECT_EQ(dead[0].at("task_id"), json::value(claimed[1].task.id));
  const auto jobs = ask({"jobs"}).as_array();
  EXPECT_EQ(std::tuple(jobs[0].at("done"), jobs[0].at("dead")),
            std::tuple(json::value(1), json::value(1)));

  const Ended none = sosw({"task", "0123456789abcdef0123456789abcdef"});
  EXPECT_EQ(none.status, 3) << none;
  const Ended not_dead = sosw({"retry", claimed[2].task.id});
  EXPECT_EQ(not_dead.status, 3) << not_dead;
  EXPECT_THAT(not_dead.error, HasSubstr("is running, not dead"));
  EXPECT_EQ(ask({"retry", "--all"}), (json::value{{"replayed", 1}}));
  EXPECT_EQ(ask({"task", claimed[1].task.id}).at("state"), "queued");
  EXPECT_THAT(ask({"dead"}).as_array(), IsEmpty());
  EXPECT_EQ(status_of("resize").at("dead"), 0);
}

TEST_F(AwsCommands, pause_resume_and_cancel) {
  const auto job = schedule(3, "k");
  EXPECT_EQ(sosw({"pause", "resize"}).status, 0);
  EXPECT_EQ(status_of("resize").at("paused"), true);
  EXPECT_EQ(sosw({"resume", "resize"}).status, 0);
  EXPECT_EQ(status_of("resize").at("paused"), false);
  const Ended nobody = sosw({"pause", "resise"});
  EXPECT_EQ(nobody.status, 3) << nobody;

  const std::string id(job.at("job_id").as_string());
  const Ended cancelled = sosw({"cancel", id});
  EXPECT_EQ(cancelled.status, 0) << cancelled;
  EXPECT_THAT(rows("sosw_tasks"), IsEmpty());
  const auto jobs = ask({"jobs"}).as_array();
  EXPECT_EQ(std::tuple(jobs[0].at("state"), jobs[0].at("cancelled")),
            std::tuple(json::value("cancelled"), json::value(3)));
  EXPECT_EQ(sosw({"cancel", "0123456789abcdef0123"}).status, 3);
}

TEST_F(AwsCommands, tell_what_nobody_has_counted_as_unknown) {
  schedule(2, "k");
  schedule(1, "m", "mail");
  // A Scavenger of the original archives one: no count, and its own rows.
  const auto row = rows("sosw_tasks");
  json::object closed;
  for (const auto& one : row)
    if (one.at("labourer_id").at("S") == "resize") closed = one.as_object();
  dynamodb_.call("DeleteItem",
                 {{"TableName", "sosw_tasks"}, {"Key", {{"task_id", closed.at("task_id")}}}});
  closed["labourer_id_task_status"] = {{"S", "resize_1"}};
  closed["closed_at"] = closed["completed_at"] = {{"N", "1700000000"}};
  dynamodb_.call("PutItem", {{"TableName", "sosw_closed_tasks"}, {"Item", closed}});

  const auto status = status_of("resize");
  EXPECT_EQ(status.at("done"), nullptr);
  EXPECT_EQ(status.at("dead"), 0);
  EXPECT_EQ(status.at("queued"), 1);
  EXPECT_EQ(status_of("mail").at("done"), 0);
  EXPECT_THAT(sosw({"status"}).out, HasSubstr("?"));
  const json::value jobs = ask({"jobs"});
  for (const auto& job : jobs.as_array()) {
    const json::value expected = job.at("key") == "k" ? json::value() : json::value(0);
    EXPECT_EQ(job.at("done"), expected);
    EXPECT_EQ(job.at("dead"), expected);
    EXPECT_EQ(job.at("cancelled"), expected);
  }
  EXPECT_THAT(sosw({"jobs"}).out, HasSubstr("?"));

  const json::value labourers = ask({"labourers"});
  for (const auto& labourer : labourers.as_array()) {
    const bool mail = labourer.at("labourer_id") == "mail";
    EXPECT_EQ(labourer.at("timeout"), mail ? json::value(5) : json::value());
  }
}

TEST_F(AwsCommands, plan_by_the_configuration_of_the_scheduler) {
  const auto plan = ask({"plan", "--job", R"({"lambda_name": "resize", "words": [1, 2, 3],
                                              "isolate_words": true})"});
  EXPECT_EQ(plan.at("tasks"), 3);
  EXPECT_EQ(plan.at("forecast").at("limit"), 3);
  EXPECT_EQ(plan.at("forecast").at("seconds"), nullptr);
  EXPECT_EQ(plan.at("forecast").at("task_seconds"), nullptr);
  const auto timed = ask({"plan", "--job", R"({"lambda_name": "mail", "words": [1, 2],
                                               "isolate_words": true})"});
  EXPECT_EQ(timed.at("forecast").at("seconds"), 10.0);
  EXPECT_THAT(rows("sosw_tasks"), IsEmpty());
  const Ended text = sosw({"plan", "--job", R"({"lambda_name": "resize"})"});
  EXPECT_THAT(text.out, HasSubstr("forecast: not known"));
}

TEST_F(AwsCommands, take_the_configuration_of_a_file_and_its_tables) {
  auto other = simulation::sosw_tables().front();
  other.name = "mine";
  dynamodb_.call("CreateTable", testing::create_table_input(other));
  dynamodb_.call("DeleteTable", {{"TableName", "config"}});
  project_.write("fleet.json", R"({
    // as at home
    "sosw_essential_config": {"task_config": {"dynamo_db_config": {"table_name": "mine"}}},
    "sosw_scheduler_config": {"job_schema": {"chunkable_attrs": [["word", {}]]}},
    "labourers": {"resize": {}},
    "rules": {},
  })");
  const Ended scheduled =
      sosw({"schedule", "--config", "fleet.json", "--job",
            R"({"lambda_name": "resize", "words": [1, 2], "isolate_words": true})"});
  EXPECT_EQ(scheduled.status, 0) << scheduled;
  EXPECT_EQ(scheduled.error, "");
  EXPECT_THAT(rows("mine"), SizeIs(2));
  EXPECT_THAT(rows("sosw_tasks"), IsEmpty());
}

TEST_F(AwsCommands, find_the_configuration_in_another_table_or_in_parameters) {
  const auto labourers = [&] {
    std::vector<std::string> found;
    const json::value all = ask({"labourers"});
    for (const auto& one : all.as_array()) found.emplace_back(one.at("labourer_id").as_string());
    return found;
  };
  auto table = simulation::sosw_tables().back();
  ASSERT_EQ(table.name, "config");
  table.name = "dev-config";
  dynamodb_.call("CreateTable", testing::create_table_input(table));
  dynamodb_.call("PutItem",
                 {{"TableName", "dev-config"},
                  {"Item",
                   {{"env", {{"S", "production"}}},
                    {"config_name", {{"S", "sosw_orchestrator_config"}}},
                    {"config_value", {{"S", R"({"labourers": {"in_another_table": {}}})"}}}}}});
  AwsClient("ssm").call("PutParameter", {{"Name", "sosw_essential_config"},
                                         {"Type", "String"},
                                         {"Value", R"({"labourers": {"in_a_parameter": {}}})"}});
  EXPECT_THAT(labourers(), ElementsAre("mail", "resize"));
  {
    const testing::Variables there{{"SOSW_CONFIG_TABLE", "dev-config"}};
    EXPECT_THAT(labourers(), ElementsAre("in_another_table"));
  }
  const testing::Variables there{{"SOSW_CONFIG_SOURCE", "SSM"}};
  EXPECT_THAT(labourers(), ElementsAre("in_a_parameter"));
}

TEST_F(AwsCommands, say_what_is_missing_before_anything_is_written) {
  const std::vector<std::string> schedule{"schedule", "--job", R"({"lambda_name": "resize"})"};
  {
    const testing::Variables none{{"AWS_REGION", std::nullopt}};
    const Ended ended = sosw(schedule);
    EXPECT_EQ(ended.status, 2) << ended;
    EXPECT_THAT(ended.error, AllOf(HasSubstr("no region"), HasSubstr("set AWS_REGION")));
  }
  {
    const testing::Variables none{{"AWS_ACCESS_KEY_ID", std::nullopt}};
    const Ended ended = sosw(schedule);
    EXPECT_EQ(ended.status, 2) << ended;
    EXPECT_THAT(ended.error, AllOf(HasSubstr("no credentials"), HasSubstr("set AWS_PROFILE")));
  }
  for (const auto* command : {"status", "invoke"}) {
    std::vector<std::string> arguments{command, "--data", "here"};
    if (arguments[0] == "invoke") arguments.emplace_back("f");
    const Ended ended = sosw(arguments);
    EXPECT_EQ(ended.status, 2) << ended;
    EXPECT_THAT(ended.error, HasSubstr("--data"));
  }
  const Ended unknown = sosw({"schedule", "--job", R"({"lambda_name": "resise"})"});
  EXPECT_EQ(unknown.status, 3) << unknown;
  EXPECT_THAT(unknown.error, HasSubstr("resise"));
  EXPECT_THAT(rows("sosw_tasks"), IsEmpty());

  dynamodb_.call("DeleteTable", {{"TableName", "sosw_tasks"}});
  for (const auto& command :
       std::vector<std::vector<std::string>>{schedule, {"status"}, {"jobs"}, {"dead"}}) {
    const Ended ended = sosw(command);
    EXPECT_EQ(ended.status, 2) << ended;
    EXPECT_THAT(ended.error, AllOf(HasSubstr("ResourceNotFoundException"), HasSubstr("sosw_tasks"),
                                   HasSubstr("this region and account")));
  }
  dynamodb_.call("DeleteTable", {{"TableName", "config"}});
  const Ended ended = sosw({"status"});
  EXPECT_EQ(ended.status, 2) << ended;
  EXPECT_THAT(ended.error, AllOf(HasSubstr("no table 'config'"), HasSubstr("SOSW_CONFIG_TABLE"),
                                 HasSubstr("--config")));
}

TEST_F(AwsCommands, say_what_is_not_permitted) {
  const testing::HttpServer refusing([](const testing::HttpRequest&) {
    return testing::HttpReply{
        .status = 400, .body = R"({"__type": "com.amazon.coral.service#AccessDeniedException",
                    "message": "User: me is not authorized to perform: dynamodb:Query"})"};
  });
  const testing::Variables there{{"AWS_ENDPOINT_URL", refusing.url()}};
  const Ended ended = sosw({"status"});
  EXPECT_EQ(ended.status, 1) << ended;
  EXPECT_THAT(ended.error, AllOf(HasSubstr("not authorized to perform: dynamodb:Query"),
                                 HasSubstr("must permit")));
}

TEST_F(AwsCommands, warn_of_a_fleet_without_any_configuration) {
  for (const auto* name : {"sosw_essential_config", "sosw_scheduler_config"})
    dynamodb_.call("DeleteItem",
                   {{"TableName", "config"},
                    {"Key", {{"env", {{"S", "production"}}}, {"config_name", {{"S", name}}}}}});
  const Ended ended = sosw({"status"});
  EXPECT_EQ(ended.status, 0) << ended;
  EXPECT_THAT(ended.error, HasSubstr("neither sosw_essential_config nor sosw_orchestrator_config"));
}

TEST_F(AwsCommands, call_the_function_of_a_labourer) {
  std::vector<std::string> asked;
  std::mutex mutex;
  const testing::HttpServer lambda([&](const testing::HttpRequest& request) -> testing::HttpReply {
    const std::lock_guard lock(mutex);
    asked.push_back(request.target + " " + request.body);
    if (request.target.find("function:resizer") != std::string::npos ||
        request.target.find("%3Aresizer") != std::string::npos)
      return {.body = R"({"size": 3})"};
    if (request.target.find("/broken/") != std::string::npos)
      return {.headers = {{"X-Amz-Function-Error", "Unhandled"}},
              .body = R"({"errorMessage": "no disk"})"};
    if (request.target.find("/secret/") != std::string::npos)
      return {.status = 403,
              .headers = {{"x-amzn-ErrorType", "AccessDeniedException"}},
              .body = R"({"Message": "not authorized"})"};
    return {.status = 404,
            .headers = {{"x-amzn-ErrorType", "ResourceNotFoundException"}},
            .body = R"({"Message": "Function not found"})"};
  });
  const testing::Variables there{{"AWS_ENDPOINT_URL_LAMBDA", lambda.url()}};
  const Ended well = sosw({"invoke", "resize", "--payload", R"({"image": "cat"})"});
  EXPECT_EQ(well.status, 0) << well;
  EXPECT_EQ(well.out, "{\"size\": 3}\n");
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_THAT(asked[0], HasSubstr(R"({"image":"cat"})"));
  const Ended broken = sosw({"invoke", "broken"});
  EXPECT_EQ(broken.status, 1) << broken;
  EXPECT_THAT(broken.error, HasSubstr("broken has failed: no disk"));
  const Ended secret = sosw({"invoke", "secret"});
  EXPECT_EQ(secret.status, 1) << secret;
  EXPECT_THAT(secret.error, HasSubstr("your role may invoke it"));
  EXPECT_EQ(sosw({"invoke", "nowhere"}).status, 3);
}

}  // namespace
}  // namespace sosw
