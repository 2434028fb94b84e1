// SPDX-License-Identifier: MIT
// A worker written for sosw 0.7 in Python, at home without a change; and the same in C++.
#include <gtest/gtest.h>

#include <atomic>
#include <utility>

#include "e2e/project.h"
#include "support/http_server.h"

namespace sosw::e2e {
namespace {

// `command` in `folder` multiplies by the factor that is stored for it.
void completes_its_tasks(const json::array& command, const std::string& folder) {
  Project project;
  json::object config = json::parse(R"({
    "job_schema": {"chunkable_attrs": [["number", {}]]},
    "labourers": {"multiply": {
      "max_simultaneous_invocations": 2, "max_attempts": 1, "timeout": 60,
      "completes": "report", "environment": {"PYTHONDONTWRITEBYTECODE": "1"}
    }},
    "configs": {"multiply_config": {"factor": 7}}
  })")
                            .as_object();
  json::object& labourer = config["labourers"].at("multiply").as_object();
  labourer["command"] = command;
  labourer["working_dir"] = folder;
  project.config(config);
  const Ended scheduled = project.sosw({"schedule", "--job", "-"}, R"({
    "lambda_name": "multiply", "numbers": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
    "isolate_numbers": true})");
  ASSERT_EQ(scheduled.status, 0) << scheduled;

  const Ended run = project.run_until_empty();
  EXPECT_EQ(run.status, 0) << run;
  const json::array tasks = project.tasks({"--state", "done"});
  EXPECT_EQ(tasks.size(), 12U);
  for (const json::value& task : tasks) {
    SCOPED_TRACE(json::serialize(task));
    const json::value payload = json::parse(task.at("payload").as_string());
    EXPECT_EQ(task.at("attempts"), 1);
    EXPECT_EQ(task.at("stat_numbers"), 1);
    EXPECT_EQ(task.at("result_product"), payload.at("numbers").at(0).as_int64() * 7);
  }
}

TEST(SoswWorker, ReadsItsConfigAndCompletesItsTasksThroughTheWorkerAssistant) {
  completes_its_tasks({python(), "-m", "awslambdaric", "sosw_worker.lambda_handler"},
                      source("workers"));
}

TEST(NativeWorker, ReadsItsConfigAndCompletesItsTasksThroughTheWorkerAssistant) {
  completes_its_tasks({SOSW_MULTIPLY_WORKER}, source("workers"));
}

// What a worker of ours asks the WorkerAssistant about each of `tasks` tasks, counted in its place:
// (questions whether it may start, reports).
std::pair<int, int> asked_at_home(int tasks, const json::object& environment) {
  std::atomic<int> starts = 0;
  std::atomic<int> reports = 0;
  const testing::HttpServer assistant([&](const testing::HttpRequest& request) {
    const bool start = json::parse(request.body).at("action") == "start";
    ++(start ? starts : reports);
    return testing::HttpReply{.body = start ? R"({"start":true})" : R"({"answer":"applied"})"};
  });
  Project project;
  json::object config = json::parse(R"({
    "job_schema": {"chunkable_attrs": [["number", {}]]},
    "labourers": {"multiply": {"max_attempts": 1}},
    "configs": {"multiply_config": {"factor": 7}}
  })")
                            .as_object();
  json::object& labourer = config["labourers"].at("multiply").as_object();
  labourer["command"] = json::array{SOSW_MULTIPLY_WORKER};
  labourer["environment"] = environment;
  labourer["environment"].as_object()["AWS_ENDPOINT_URL_LAMBDA"] = assistant.url();
  project.config(config);
  json::object job{{"lambda_name", "multiply"}, {"isolate_numbers", true}};
  auto& numbers = job["numbers"].emplace_array();
  for (int i = 0; i < tasks; ++i) numbers.push_back(i);
  const Ended scheduled = project.sosw({"schedule", "--job", "-"}, json::serialize(job));
  EXPECT_EQ(scheduled.status, 0) << scheduled;
  const Ended run = project.run_until_empty();
  EXPECT_EQ(run.status, 0) << run;
  EXPECT_EQ(project.count("done"), tasks);
  return {starts, reports};
}

// Here nothing is delivered twice, so nobody need ask.
TEST(NativeWorker, AsksNothingMoreAtHomeThanItReports) {
  EXPECT_EQ(asked_at_home(12, {}), std::pair(0, 12));
  EXPECT_EQ(asked_at_home(12, {{"SOSW_START_FENCE", "on"}}), std::pair(12, 12));
}

}  // namespace
}  // namespace sosw::e2e
