// SPDX-License-Identifier: MIT
// Workers that break the rules of the Runtime API, and a disk that is full for a while: each is
// told clearly, and touches nobody else. See also cli_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <map>

#include "e2e/project.h"

namespace sosw::e2e {
namespace {

using ::testing::HasSubstr;

json::object config_with(const json::array& command, const char* more) {
  json::object config =
      json::parse(R"({"job_schema": {"chunkable_attrs": [["deed", {}]]}})").as_object();
  json::object labourer = json::parse(more).as_object();
  labourer["command"] = command;
  config["labourers"] = {{"w", labourer}};
  return config;
}

struct Deed {
  const char* name;
  const char* state;
  const char* error;     // in the task
  const char* statuses;  // that the worker got for its answers; "": it tells none
};
const Deed kDeeds[] = {
    {"is_killed", "dead", "signal: killed", ""},
    {"hangs", "dead", "timed out", ""},
    {"asks_again", "dead", "without answering this one", ""},
    {"answers_garbage", "dead", "not JSON", ""},
    {"fails_in_garbage", "dead", "{not json", ""},
    {"answers_too_much", "dead", "larger than", ""},
    {"answers_twice", "done", "", "[202, 400, 400]"},
    {"answers_for_another", "done", "", "[400, 202]"},
    {"answers_once", "done", "", "[202]"},
    // The last one tells nothing: with its end the engine ends, and a worker that writes down what
    // it was answered would be killed in the middle.
    {"exits", "dead", "exit status 3", ""},
};

TEST(BadWorkers, EndTheirOwnTaskOnly) {
  Project project;
  project.config(config_with({python(), source("workers/bad_worker.py")},
                             R"({"max_simultaneous_invocations": 1, "max_attempts": 1, "timeout": 2,
                                 "init_timeout": 60})"));
  json::array deeds;
  for (const Deed& deed : kDeeds) deeds.emplace_back(deed.name);
  const json::object job{{"lambda_name", "w"}, {"deeds", deeds}, {"isolate_deeds", true}};
  const Ended scheduled = project.sosw({"schedule", "--job", json::serialize(job)});
  ASSERT_EQ(scheduled.status, 0) << scheduled;
  const Ended run = project.run_until_empty();
  EXPECT_EQ(run.status, 1) << run;
  const json::value labourers = project.ask({"labourers"});
  EXPECT_EQ(labourers.at(0).at("labourer_id"), "w");
  EXPECT_EQ(labourers.at(0).at("dead").to_number<std::size_t>() +
                labourers.at(0).at("done").to_number<std::size_t>(),
            std::size(kDeeds));

  std::map<std::string, json::object> by_deed;
  for (const json::value& task : project.tasks()) {
    const json::value payload = json::parse(task.at("payload").as_string());
    by_deed[std::string(payload.at("deeds").at(0).as_string())] = task.as_object();
  }
  ASSERT_EQ(by_deed.size(), std::size(kDeeds));
  for (const Deed& deed : kDeeds) {
    const json::object& task = by_deed[deed.name];
    SCOPED_TRACE(json::serialize(task));
    EXPECT_EQ(text(task, "state"), deed.state);
    EXPECT_EQ(task.at("attempts"), 1);
    EXPECT_THAT(text(task, "result_error"), HasSubstr(deed.error));
    EXPECT_EQ(text(task, "result_error").empty(), deed.state == std::string_view("done"));
    EXPECT_EQ(project.read(deed.name), deed.statuses);
  }
}

TEST(BadWorkers, ThatCannotStartFailWithWhatTheySay) {
  struct Case {
    const char *start, *error;
  };
  for (const Case& one :
       {Case{"exits", "exit status 1"}, Case{"hangs", "did not ask for work within 1 s"}}) {
    Project project;
    project.config(config_with({python(), source("workers/bad_worker.py"), one.start},
                               R"({"max_attempts": 1, "timeout": 2, "init_timeout": 1})"));
    const Ended scheduled =
        project.sosw({"schedule", "--job", R"({"lambda_name": "w", "deeds": ["none"]})"});
    ASSERT_EQ(scheduled.status, 0) << scheduled;
    const Ended run = project.run_until_empty();
    EXPECT_EQ(run.status, 1) << run;
    const json::array dead = project.tasks({"--state", "dead"});
    ASSERT_EQ(dead.size(), 1U) << run;
    SCOPED_TRACE(json::serialize(dead));
    EXPECT_THAT(text(dead[0].as_object(), "result_error"), HasSubstr(one.error));
    if (one.start == std::string_view("exits")) {
      EXPECT_THAT(text(dead[0].as_object(), "result_log"), HasSubstr("no licence found"));
    }
  }
}

TEST(FullDisk, StopsTheEngineUntilThereIsSpaceAndLosesNothing) {
  constexpr std::int64_t kTasks = 3'000;
  Project project;
  json::object config =
      config_with({bin("witness_worker")}, R"({"max_simultaneous_invocations": 4})");
  json::object& labourer = config.at("labourers").at("w").as_object();
  labourer["environment"] = {{"WITNESS", project.file("witness")}};
  config["job_schema"] = json::parse(R"({"chunkable_attrs": [["number", {}]]})");
  project.config(config);
  json::array numbers;
  for (std::int64_t i = 0; i < kTasks; ++i) numbers.emplace_back(100 * i);
  const json::object job{{"lambda_name", "w"}, {"numbers", numbers}, {"isolate_numbers", true}};
  const Ended scheduled = project.sosw({"schedule", "--job", json::serialize(job)});
  ASSERT_EQ(scheduled.status, 0) << scheduled;

  // No file of it may grow beyond this: the log of the database comes to it soon.
  const auto engine = project.run({"--until-empty"}, {"/usr/bin/prlimit", "--fsize=600000:"});
  ASSERT_TRUE(eventually([&] {
    return !engine->running() || engine->error_so_far().find("disk") != std::string::npos;
  }));
  ASSERT_TRUE(engine->running()) << engine->wait();
  EXPECT_LT(project.count("done"), kTasks);
  const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
  ASSERT_EQ(prlimit(engine->pid(), RLIMIT_FSIZE, &none, nullptr), 0);
  const Ended ended = engine->wait();
  EXPECT_EQ(ended.status, 0) << ended;
  EXPECT_EQ(project.count("done"), kTasks);
  for (const json::value& task : project.tasks()) EXPECT_EQ(task.at("attempts"), 1) << task;
}

TEST(Plan, GivesTheRowsOfTheOriginalForTheJobOfTheTutorial) {
  std::ifstream vectors(source("../golden/chunking.jsonl"));
  int found = 0;
  for (std::string line; std::getline(vectors, line);) {
    if (line.find("\"chunking/parse_job/0001\"") == std::string::npos) continue;
    ++found;
    const json::object vector = json::parse(line).as_object();
    Project project;
    json::object config = vector.at("config").as_object();
    config["labourers"] = {{"some_function", {{"exec", {"/bin/true"}}}}};
    project.config(config);
    const Ended plan = project.sosw({"plan", "--rows", "--now", text(vector, "now"), "--job",
                                     json::serialize(vector.at("input").at("event"))});
    EXPECT_EQ(plan.status, 0) << plan;
    json::array rows;
    std::istringstream lines(plan.out);
    for (std::string row; std::getline(lines, row);) rows.push_back(json::parse(row));
    EXPECT_EQ(rows.size(), 36U);
    EXPECT_EQ(rows, vector.at("output").as_array());
  }
  EXPECT_EQ(found, 1);
}

}  // namespace
}  // namespace sosw::e2e
