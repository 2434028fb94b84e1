// SPDX-License-Identifier: MIT
// The workflow of the seed: 1,000 tasks, at most ten at a time, workers in three languages, some of
// which fail, hang or are killed.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <numeric>
#include <set>

#include "e2e/project.h"

namespace sosw::e2e {
namespace {

using ::testing::HasSubstr;

constexpr int kTasks = 1'000;
constexpr int kLimit = 10;
constexpr int kMaxAttempts = 3;

struct Language {
  const char* name;
  json::object (*worker)();  // keys of the labourer
  const char* raised;        // how the history tells of one that fails
};

std::ostream& operator<<(std::ostream& out, const Language& language) {
  return out << language.name;
}

const Language kLanguages[] = {
    {"cpp",
     [] {
       return json::object{{"command", {bin("witness_worker")}}};
     },
     "nobody can work"},
    {"python",
     [] {
       return json::object{
           {"command", {python(), "-m", "awslambdaric", "lambda_function.lambda_handler"}},
           {"working_dir", source("workers")},
           // Nothing is written beside the sources.
           {"environment", {{"PYTHONDONTWRITEBYTECODE", "1"}}}};
     },
     "nobody can work"},
    {"shell",
     [] {
       return json::object{{"exec", {source("workers/exec_worker.sh")}}};
     },
     "exit status 1"},
};

enum class Fate { fine, raises, hangs, is_killed, raises_first, is_killed_first };

Fate fate(std::int64_t number) {
  if (number % 200 == 13) return Fate::hangs;
  switch (number % 100) {
    case 7:
      return Fate::raises;
    case 17:
      return Fate::is_killed;
    case 23:
      return Fate::raises_first;
    case 37:
      return Fate::is_killed_first;
    default:
      return Fate::fine;
  }
}
bool dies(std::int64_t number) {
  return fate(number) == Fate::raises || fate(number) == Fate::hangs ||
         fate(number) == Fate::is_killed;
}

std::int64_t number_of(const json::object& task) {
  return json::parse(task.at("payload").as_string()).at("numbers").at(0).as_int64();
}

class Workflow : public ::testing::TestWithParam<Language> {};

TEST_P(Workflow, EndsEveryTaskOnceWithinTheLimitAndTellsOfTheDead) {
  Project project;
  json::object labourer = GetParam().worker();
  labourer["max_simultaneous_invocations"] = kLimit;
  labourer["max_attempts"] = kMaxAttempts;
  labourer["timeout"] = 2;
  labourer["retry"] = {{"policy", "fixed"}, {"base_s", 1}};
  json::object& environment =
      labourer.emplace("environment", json::object()).first->value().as_object();
  environment["WITNESS"] = project.file("witness");
  project.config({{"job_schema", json::parse(R"({"chunkable_attrs": [["number", {}]]})")},
                  {"labourers", {{"w", labourer}}},
                  {"alarms", json::parse(R"({"log": false, "command": ["./alarm.sh"]})")}});
  project.write("alarm.sh", "#!/bin/sh\n{ cat; echo; } >>alarms\n", true);
  json::array numbers;
  for (int i = 0; i < kTasks; ++i) numbers.emplace_back(i);
  project.write("job.json",
                json::serialize(json::object{
                    {"lambda_name", "w"}, {"numbers", numbers}, {"isolate_numbers", true}}));
  const Ended scheduled = project.sosw({"schedule", "--job", "job.json"});
  ASSERT_EQ(scheduled.status, 0) << scheduled;

  const Ended run = project.run_until_empty();
  EXPECT_EQ(run.status, 1) << run;  // some died
  EXPECT_TRUE(project.workers().empty());

  // What the workers have seen.
  std::map<std::string, int> begun, ended;
  for (const std::string& line : project.lines("witness/log")) {
    const std::string what = line.substr(0, line.find(' '));
    const std::string task = line.substr(line.find(' ') + 1);
    EXPECT_NE(what, "over") << "more than " << kLimit << " at once";
    if (what == "begin") ++begun[task];
    if (what == "end") ++ended[task];
  }

  // What the history says.
  const json::array tasks = project.tasks();
  std::set<std::int64_t> seen;
  std::set<std::string> dead;
  for (const json::value& value : tasks) {
    const json::object& task = value.as_object();
    const std::int64_t number = number_of(task);
    SCOPED_TRACE(json::serialize(task));
    EXPECT_TRUE(seen.insert(number).second);
    const std::string id = text(task, "task_id");
    const std::int64_t attempts = task.at("attempts").to_number<std::int64_t>();
    EXPECT_EQ(begun[id], attempts);
    if (dies(number)) {
      EXPECT_EQ(text(task, "state"), "dead");
      EXPECT_EQ(attempts, kMaxAttempts);
      dead.insert(id);
    } else {
      EXPECT_EQ(text(task, "state"), "done");
      EXPECT_GE(attempts, fate(number) == Fate::fine ? 1 : 2);
      EXPECT_LE(attempts, kMaxAttempts);
      EXPECT_EQ(task.at("result_square"), number * number);
      EXPECT_GE(ended[id], 1);
    }
    // The attempts that failed, and why the last one of them did.
    if (fate(number) == Fate::fine) continue;
    const char* reason = fate(number) == Fate::hangs          ? "Task timed out"
                         : fate(number) == Fate::raises       ? GetParam().raised
                         : fate(number) == Fate::raises_first ? ""
                                                              : "signal: killed";
    EXPECT_THAT(text(task, "result_error"), HasSubstr(reason));
    std::vector<std::int64_t> failed;
    const json::object whole = project.task(id);
    for (const json::value& event : whole.at("history").as_array()) {
      EXPECT_EQ(event.at("action"), "failed");
      failed.push_back(event.at("attempts").to_number<std::int64_t>());
    }
    std::vector<std::int64_t> expected(dies(number) ? attempts : attempts - 1);
    std::iota(expected.begin(), expected.end(), 1);
    EXPECT_EQ(failed, expected);
  }
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kTasks));
  EXPECT_EQ(dead.size(), 25U);

  // Who was told.
  std::set<std::string> told;
  for (const std::string& line : project.lines("alarms")) {
    const json::value message = json::parse(line);
    for (const json::value& alarm : message.at("alarms").as_array()) {
      EXPECT_EQ(alarm.at("kind"), "dead_task");
      EXPECT_TRUE(told.insert(text(alarm.as_object(), "task_id")).second) << "told twice: " << line;
    }
  }
  EXPECT_EQ(told, dead);
}

INSTANTIATE_TEST_SUITE_P(Languages, Workflow, ::testing::ValuesIn(kLanguages),
                         [](const auto& language) { return std::string(language.param.name); });

}  // namespace
}  // namespace sosw::e2e
