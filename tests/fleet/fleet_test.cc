// SPDX-License-Identifier: MIT
// Fleets do their work: the original's, ours, and mixed ones.
#include "fleet/fleet.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <numeric>
#include <regex>

#include "fleet/original_rows.h"

namespace sosw::fleet {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

constexpr const char* kTutorial = "sosw_tutorial_pull_tweeter_hashtags";

// The job of the original's tutorial.
json::object tutorial_job() {
  auto job = json::parse(R"({
    "topics": {
      "cars": {"words": ["toyota", "mazda", "nissan", "racing", "automobile", "car"]},
      "food": {"words": ["recipe", "cooking", "eating", "food", "meal", "tasty"]},
      "shows": {"words": ["opera", "cinema", "movie", "concert", "show", "musical"]}
    },
    "period": "last_2_days",
    "isolate_days": true,
    "isolate_words": true
  })")
                 .as_object();
  job["lambda_name"] = kTutorial;
  return job;
}

json::object numbers_job(const std::string& worker, std::size_t count) {
  json::array numbers(count);
  std::iota(numbers.begin(), numbers.end(), 0);
  return {{"lambda_name", worker},
          {"job_schema_name", "numbers"},
          {"numbers", numbers},
          {"isolate_numbers", true}};
}

// The first list item of an attribute of a payload: JSON, or Python's literals.
std::string first_of(const std::string& payload, const std::string& name) {
  const std::regex item("[\"']" + name + "[\"']: ?\\[[\"']?([^\\]\"']*)[\"']?\\]");
  std::smatch found;
  return std::regex_search(payload, found, item) ? found[1].str() : "";
}

std::map<std::string, json::object> closed_by(Fleet& fleet, const std::string& worker,
                                              const std::vector<std::string>& attributes) {
  std::map<std::string, json::object> rows;
  for (auto& row : fleet.rows("sosw_closed_tasks")) {
    if (attribute(row, "labourer_id") != worker) continue;
    std::string key;
    for (const auto& name : attributes)
      key += (key.empty() ? "" : " ") + first_of(attribute(row, "payload"), name);
    EXPECT_TRUE(rows.emplace(key, row).second) << key << " was done twice";
  }
  return rows;
}

void expect_end(const json::object& row, const std::string& worker, bool dead, int attempts) {
  SCOPED_TRACE(json::serialize(row));
  EXPECT_EQ(attribute(row, "labourer_id_task_status"), worker + (dead ? "_0" : "_1"));
  EXPECT_EQ(row.contains("completed_at"), !dead);
  EXPECT_EQ(attribute(row, "attempts"), std::to_string(attempts));
}

// Every number went through the life that worker.py says; gives the ids of the dead.
std::vector<std::string> expect_numbers_done(Fleet& fleet, const std::string& worker,
                                             std::size_t count) {
  std::vector<std::string> dead;
  const auto rows = closed_by(fleet, worker, {"numbers"});
  EXPECT_EQ(rows.size(), count);
  int attempts = 0;
  for (const auto& [key, row] : rows) {
    const int number = std::stoi(key);
    const int kind = number % 50;
    const bool twice = kind == 13 || kind == 17 || kind == 23;
    expect_end(row, worker, kind == 7, kind == 7 ? 3 : twice ? 2 : 1);
    attempts += std::stoi(attribute(row, "attempts"));
    if (kind == 7) {
      dead.push_back(attribute(row, "task_id"));
    } else {
      EXPECT_EQ(attribute(row, "result_square"), std::to_string(number * number));
    }
  }
  auto seen = fleet.witnessed(worker);
  EXPECT_EQ(seen["begin"], attempts) << "attempts are not as many as workers have begun";
  EXPECT_EQ(seen["over"], 0) << "more at once than the limit";
  return dead;
}

void expect_tutorial_done(Fleet& fleet) {
  const auto rows = closed_by(fleet, kTutorial, {"date_list", "topics", "words"});
  EXPECT_EQ(rows.size(), 36);
  for (const auto& [key, row] : rows) {
    const auto word = key.substr(key.rfind(' ') + 1);
    const bool dead = word == "opera";
    expect_end(row, kTutorial, dead, dead ? 3 : word == "mazda" ? 2 : 1);
  }
  EXPECT_EQ(fleet.witnessed(kTutorial)["over"], 0);
}

void expect_rows_of_the_original(Fleet& fleet, const std::vector<std::string>& tables) {
  for (const auto& table : tables)
    for (const auto& row : fleet.rows(table)) EXPECT_EQ(not_of_the_original(table, row), "");
}

// How many tasks each worker gets besides the tutorial's: in a soak as many as the project
// promises, else what shows each kind of failure.
bool full() { return std::getenv("SOSW_FLEET_FULL") != nullptr; }  // NOLINT(concurrency-mt-unsafe)
std::size_t numbers_each() { return full() ? 100 : 30; }

Options three_workers() {
  return {.workers = {{.name = kTutorial}, {.name = "python"}, {.name = "native", .python = false}},
          .minute = std::chrono::minutes(full() ? 1 : 5)};
}

// The tutorial's job and one for each of the other workers go through their whole life.
void expect_whole_life(Fleet& fleet) {
  const auto each = numbers_each();
  fleet.invoke(kScheduler, tutorial_job());
  fleet.invoke(kScheduler, numbers_job("python", each));
  fleet.invoke(kScheduler, numbers_job("native", each));
  fleet.run_until_empty(400, [&] {
    expect_rows_of_the_original(fleet, {"sosw_tasks", "sosw_retry_tasks"});
  });
  expect_tutorial_done(fleet);
  for (const auto* worker : {"python", "native"})
    EXPECT_THAT(expect_numbers_done(fleet, worker, each), SizeIs((each + 42) / 50));
  expect_rows_of_the_original(fleet, {"sosw_closed_tasks", "sosw_tasks_meta"});
}

TEST(RowsOfTheOriginal, HaveItsNamesAndTypes) {
  const auto judged = [](const char* table, const std::string& change) {
    auto row = json::parse(R"({
      "task_id": {"S": "0123456789abcdef0123456789abcdef"}, "labourer_id": {"S": "w"},
      "created_at": {"N": "1790000000.5"}, "greenfield": {"N": "2000"}, "attempts": {"N": "0"},
      "payload": {"S": "{\"n\": 1}"}, "stat_done": {"N": "1"}, "claim": {"S": "c1-1-1"},
      "completed_at": {"N": "1790000100"}})")
                   .as_object();
    const auto changes = json::parse(change).as_object();
    for (const auto& [name, value] : changes)
      if (value.is_null())
        row.erase(name);
      else
        row[name] = value;
    return not_of_the_original(table, row);
  };
  EXPECT_EQ(judged("sosw_tasks", "{}"), "");
  EXPECT_EQ(judged("sosw_tasks", R"({"task_id": {"S": "sosw:tail:w"}, "jobs": {"L": []}})"), "");
  EXPECT_THAT(judged("sosw_tasks", R"({"task_id": {"S": "1"}})"), HasSubstr("another form"));
  EXPECT_THAT(judged("sosw_tasks", R"({"greenfield": {"S": "2000"}})"), HasSubstr("of type S"));
  EXPECT_THAT(judged("sosw_tasks", R"({"claim": {"S": "123"}})"), HasSubstr("another form"));
  EXPECT_THAT(judged("sosw_tasks", R"({"owner": {"S": "x"}})"), HasSubstr("owner is not known"));
  EXPECT_THAT(judged("sosw_tasks", R"({"attempts": null})"), HasSubstr("attempts is missing"));
  EXPECT_THAT(judged("sosw_tasks", R"({"payload": {"S": "{'n': 1}"}})"), HasSubstr("another form"));
  const std::string closed =
      R"({"closed_at": {"N": "1790000200"}, "labourer_id_task_status": {"S": "w_1"},
          "payload": {"S": "{'n': 1}"}})";
  EXPECT_EQ(judged("sosw_closed_tasks", closed), "");
  EXPECT_THAT(judged("sosw_tasks", closed), HasSubstr("closed_at is not known"));
  EXPECT_THAT(judged("sosw_retry_tasks", "{}"), HasSubstr("desired_launch_time is missing"));
  EXPECT_THAT(judged("sosw_tasks_meta", "{}"), HasSubstr("action is missing"));
}

TEST(OriginalFleet, TakesTasksThroughTheirLife) {
  Fleet fleet(three_workers());
  expect_whole_life(fleet);
}

}  // namespace
}  // namespace sosw::fleet
