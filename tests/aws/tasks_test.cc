// SPDX-License-Identifier: MIT
// A worker looks at the queues of sosw, and adds to them, on the tables that moto plays.
#include "sosw/tasks.h"

#include <fmt/chrono.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "aws/moto.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/table_store.h"
#include "sosw/errors.h"
#include "sosw/processor.h"
#include "support/create_table.h"
#include "support/variables.h"

namespace sosw {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct Importer : Processor {
  using Processor::Processor;
  json::object default_config() const override {
    return {{"init_clients", {"Task"}},
            {"task_config",
             {{"labourers",
               {{"resize", {{"max_duration", 100}, {"duration", 200}, {"cooldown", 10}}},
                {"mail", {{"max_duration", 5}}}}}}}};
  }
  json::value operator()(const json::object&) override { return nullptr; }
};

class TasksOnMoto : public aws::MotoTest {
 protected:
  void SetUp() override {
    MotoTest::SetUp();
    AwsClient dynamodb("dynamodb");
    for (const auto& table : simulation::sosw_tables())
      dynamodb.call("CreateTable", testing::create_table_input(table));
  }
  static Time now() { return std::chrono::floor<Time::duration>(std::chrono::system_clock::now()); }
  // What an Orchestrator does, at `when`.
  std::vector<engine::Claimed> invoke(int n, Time when = now()) {
    const engine::ClaimRequest request{
        .labourer_id = "resize", .limit = 10, .at_most = n, .deadline = after(when, 210)};
    auto exchanged = store_.exchange({}, std::span(&request, 1), labourers_, when);
    EXPECT_TRUE(exchanged) << exchanged.error().text();
    return exchanged ? std::move(exchanged->claimed) : std::vector<engine::Claimed>();
  }
  void complete(const engine::Claimed& claimed) {
    const Report report{Report::Kind::completed, claimed.task.id, claimed.claim, {}, {}};
    const auto exchanged = store_.exchange(std::span(&report, 1), {}, labourers_, now());
    ASSERT_TRUE(exchanged) << exchanged.error().text();
    EXPECT_EQ(exchanged->reported.front().answer, Answer::applied);
  }

 private:
  testing::Variables environment_{{"AWS_ENDPOINT_URL", url()},
                                  {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                  {"AWS_SECRET_ACCESS_KEY", "secret"},
                                  {"AWS_REGION", "eu-west-1"},
                                  {"AWS_LAMBDA_FUNCTION_NAME", std::nullopt},
                                  {"STAGE", std::nullopt},
                                  {"autotest", std::nullopt}};
  cloud::DynamoDbTables tables_{{.client = options()}};
  engine::Labourers labourers_{{"resize", {.id = "resize", .duration_s = 200, .cooldown_s = 10}}};

 protected:
  cloud::TableStore store_{tables_, {.index_lag_s = 0, .holder = "h", .nonce = "n"}};
  Importer importer_;
  TaskManager& tasks_ = importer_.client<TaskManager>();
  const TaskManager::Labourer& resize_ = tasks_.labourer("resize");
};

std::string id_of(const json::object& task) {
  return json::value_to<std::string>(task.at("task_id"));
}

TEST_F(TasksOnMoto, ATaskIsQueuedAndFound) {
  EXPECT_EQ(tasks_.get_length_of_queue_for_labourer(resize_), 0);
  EXPECT_EQ(tasks_.get_oldest_greenfield_for_labourer(resize_), 1000);
  EXPECT_THAT(tasks_.get_next_for_labourer(resize_), IsEmpty());

  const auto first = tasks_.create_task(resize_, {{"image", "cat"}, {"labourer_id", "resize"}});
  EXPECT_EQ(first.at("labourer_id"), "resize");
  EXPECT_EQ(first.at("state"), "queued");
  EXPECT_EQ(first.at("attempts"), 0);
  EXPECT_EQ(first.at("greenfield"), 2000);
  EXPECT_EQ(json::parse(first.at("payload").as_string()), (json::object{{"image", "cat"}}));
  EXPECT_TRUE(tasks_.is_valid_task(first));
  EXPECT_EQ(tasks_.get_task_by_id(id_of(first)), first);
  EXPECT_THAT(tasks_.get_task_by_id("0123456789abcdef0123456789abcdef"), IsEmpty());

  const auto second = tasks_.create_task(resize_, {{"payload", R"({"image": "dog"})"}, {"n", 1}});
  EXPECT_EQ(json::parse(second.at("payload").as_string()),
            (json::object{{"image", "dog"}, {"n", 1}}));
  EXPECT_EQ(tasks_.get_length_of_queue_for_labourer(resize_), 2);
  EXPECT_EQ(tasks_.get_length_of_queue_for_labourer(tasks_.labourer("mail")), 0);
  EXPECT_EQ(tasks_.get_oldest_greenfield_for_labourer(resize_), 2000);
  EXPECT_EQ(tasks_.get_oldest_greenfield_for_labourer(resize_, true), 3000);
  EXPECT_EQ(tasks_.get_newest_greenfield_for_labourer(resize_), 3000);
  EXPECT_THAT(tasks_.get_next_for_labourer(resize_, 5, true),
              ElementsAre(json::value(id_of(first)), json::value(id_of(second))));
  EXPECT_THAT(tasks_.get_next_for_labourer(resize_), ElementsAre(first));
}

TEST_F(TasksOnMoto, ATaskMayChooseItsIdAndPlace) {
  const auto task = tasks_.create_task(
      resize_, {{"task_id", "own"}, {"greenfield", 5}, {"labourer_id", "mail"}}, false);
  EXPECT_EQ(task.at("task_id"), "own");
  EXPECT_EQ(task.at("greenfield"), 5);
  EXPECT_EQ(tasks_.get_length_of_queue_for_labourer(tasks_.labourer("mail")), 1);
  EXPECT_THROW(tasks_.create_task(resize_, {{"task_id", "own"}, {"other", 1}}, false),
               RuntimeError);
}

TEST_F(TasksOnMoto, TasksAreFollowedToTheirEnd) {
  for (int i = 0; i < 4; ++i) tasks_.create_task(resize_, {{"n", i}});
  const auto silent = invoke(1, after(now(), -1000));
  ASSERT_THAT(silent, SizeIs(1));
  const auto running = invoke(2);
  ASSERT_THAT(running, SizeIs(2));
  auto& ecology = tasks_.ecology_client();
  EXPECT_EQ(ecology.count_running_tasks_for_labourer(resize_), 2);
  complete(running[0]);

  EXPECT_EQ(tasks_.get_length_of_queue_for_labourer(resize_), 1);
  EXPECT_EQ(tasks_.get_count_of_running_tasks_for_labourer(resize_), 1);
  const auto now_running = tasks_.get_running_tasks_for_labourer(resize_);
  ASSERT_THAT(now_running, SizeIs(1));
  EXPECT_EQ(now_running[0].at("task_id"), json::value(running[1].task.id));
  EXPECT_EQ(now_running[0].at("attempts"), 1);
  const auto expired = tasks_.get_expired_tasks_for_labourer(resize_);
  ASSERT_THAT(expired, SizeIs(1));
  EXPECT_EQ(expired[0].at("task_id"), json::value(silent[0].task.id));
  const auto completed = tasks_.get_completed_tasks_for_labourer(resize_);
  ASSERT_THAT(completed, SizeIs(1));
  EXPECT_EQ(completed[0].at("task_id"), json::value(running[0].task.id));

  // Counted once for each registration, and added to by whoever starts more.
  EXPECT_EQ(ecology.count_running_tasks_for_labourer(resize_), 2);
  ecology.add_running_tasks_for_labourer(resize_, 3);
  EXPECT_EQ(ecology.count_running_tasks_for_labourer(resize_), 5);
  tasks_.register_labourers();
  EXPECT_EQ(ecology.count_running_tasks_for_labourer(resize_), 1);

  const auto archived = store_.archive("resize", 10, now());
  ASSERT_TRUE(archived) << archived.error().text();
  EXPECT_EQ(tasks_.get_task_by_id(running[0].task.id).at("state"), "done");
}

TEST_F(TasksOnMoto, LabourersAreRegistered) {
  tasks_.create_task(resize_);
  const auto start = after(now(), -40);
  const auto claimed = invoke(1, start);
  ASSERT_THAT(claimed, SizeIs(1));
  complete(claimed[0]);
  ASSERT_TRUE(store_.archive("resize", 10, now()));
  const auto& all = tasks_.register_labourers();
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(&all[0], &resize_);
  EXPECT_EQ(resize_.invoked, resize_.start + 31'557'600);
  EXPECT_EQ(resize_.expired, resize_.invoked - 210);
  EXPECT_EQ(resize_.health, 4);
  EXPECT_EQ(resize_.max_duration, 100);
  EXPECT_GE(resize_.average_duration, 40);
  EXPECT_LT(resize_.average_duration, 400);
  EXPECT_EQ(tasks_.ecology_client().get_labourer_average_duration(resize_),
            resize_.average_duration);
  EXPECT_EQ(all[1].average_duration, 0);
}

TEST_F(TasksOnMoto, HealthComesFromCloudWatch) {
  const auto minute_ago = static_cast<std::time_t>(epoch_seconds(after(now(), -60)));
  const auto datum = [&](double value) {
    return json::object{{"MetricName", "CPUUtilization"},
                        {"Timestamp", fmt::format("{:%FT%TZ}", fmt::gmtime(minute_ago))},
                        {"Dimensions", {json::object{{"Name", "Db"}, {"Value", "d"}}}},
                        {"Value", value}};
  };
  AwsClient("cloudwatch")
      .call("PutMetricData", {{"Namespace", "AWS/RDS"}, {"MetricData", {datum(20), datum(60)}}});
  const json::object details = {{"Name", "CPUUtilization"},
                                {"Namespace", "AWS/RDS"},
                                {"Dimensions", {json::object{{"Name", "Db"}, {"Value", "d"}}}}};
  EcologyManager ecology;
  EXPECT_EQ(ecology.fetch_metric_stats(details), 40);
  TaskManager::Labourer labourer;
  labourer.config = {{"health_metrics",
                      {{"Cpu",
                        {{"details", details},
                         {"feelings", {{"3", 50}, {"4", 25}}},
                         {"feeling_comparison_operator", "<="}}}}}};
  EXPECT_EQ(ecology.get_labourer_status(labourer), 3);
}

}  // namespace
}  // namespace sosw
