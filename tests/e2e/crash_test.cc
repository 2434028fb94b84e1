// SPDX-License-Identifier: MIT
// The engine is killed ten times in the middle of its work. Seed: environment variable SOSW_SEED.
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <map>
#include <memory>
#include <random>

#include "e2e/project.h"

namespace sosw::e2e {
namespace {

constexpr int kTasks = 10'000;
constexpr int kKills = 10;

TEST(KilledEngine, LosesNoTaskAndLeavesNoWorker) {
  const char* given = std::getenv("SOSW_SEED");  // NOLINT(concurrency-mt-unsafe): one thread
  const unsigned seed = given != nullptr ? std::stoul(given) : std::random_device()();
  SCOPED_TRACE("SOSW_SEED=" + std::to_string(seed));
  std::mt19937 random(seed);

  Project project;
  json::object config = json::parse(R"({
    "job_schema": {"chunkable_attrs": [["number", {}]]},
    "labourers": {"w": {"max_simultaneous_invocations": 8, "max_attempts": 3, "timeout": 60}}
  })")
                            .as_object();
  json::object& labourer = config["labourers"].at("w").as_object();
  labourer["command"] = {bin("witness_worker")};
  labourer["environment"] = {{"WITNESS", project.file("witness")}};
  project.config(config);
  json::array numbers;
  for (int i = 0; i < kTasks; ++i) numbers.emplace_back(100 * i);  // none that fails
  project.write("job.json",
                json::serialize(json::object{
                    {"lambda_name", "w"}, {"numbers", numbers}, {"isolate_numbers", true}}));
  const Ended scheduled = project.sosw({"schedule", "--job", "job.json"});
  ASSERT_EQ(scheduled.status, 0) << scheduled;

  const auto begun = [&] {
    std::error_code none_yet;
    const auto size = std::filesystem::file_size(project.file("witness/log"), none_yet);
    return none_yet ? 0 : static_cast<std::int64_t>(size / 80);  // "begin ID\n" and "end ID\n"
  };
  for (int i = 0; i < kKills; ++i) {
    // From "has hardly begun" to a thirteenth of all the work.
    const std::int64_t until = begun() + std::uniform_int_distribution<>(0, kTasks / 13)(random);
    const auto engine = project.run();
    ASSERT_TRUE(eventually([&] { return begun() >= until || !engine->running(); }));
    ASSERT_TRUE(engine->running()) << engine->wait();
    engine->signal(SIGKILL);
    EXPECT_EQ(engine->wait().status, 128 + SIGKILL);
    EXPECT_TRUE(eventually([&] { return project.workers().empty(); })) << "workers live on";
  }
  EXPECT_LT(project.count("done"), kTasks) << "nothing was left for the last run";

  const Ended run = project.run_until_empty();
  EXPECT_EQ(run.status, 0) << run;
  EXPECT_TRUE(project.workers().empty());
  std::map<std::string, int> ended;
  for (const std::string& line : project.lines("witness/log")) {
    EXPECT_NE(line.substr(0, 4), "over") << line;
    if (line.starts_with("end ")) ++ended[line.substr(4)];
  }
  std::map<std::int64_t, int> finished;
  for (const json::value& task : project.tasks()) {
    EXPECT_EQ(task.at("state"), "done") << task;
    EXPECT_EQ(task.at("attempts"), 1) << "an interrupted attempt was counted: " << task;
    EXPECT_GE(ended[std::string(task.at("task_id").as_string())], 1) << "never ran: " << task;
    const json::value payload = json::parse(task.at("payload").as_string());
    ++finished[payload.at("numbers").at(0).as_int64()];
  }
  EXPECT_EQ(finished.size(), static_cast<std::size_t>(kTasks));
  for (const auto& [number, times] : finished) EXPECT_EQ(times, 1) << number;
  EXPECT_EQ(project.count("done"), kTasks);
}

}  // namespace
}  // namespace sosw::e2e
