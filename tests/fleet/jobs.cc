// SPDX-License-Identifier: MIT
#include "fleet/jobs.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <regex>

#include "fleet/original_rows.h"

namespace sosw::fleet {
namespace {

using ::testing::IsEmpty;

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

}  // namespace

bool full() { return std::getenv("SOSW_FLEET_FULL") != nullptr; }  // NOLINT(concurrency-mt-unsafe)

int number_of(const json::object& row) {
  return std::stoi(first_of(attribute(row, "payload"), "numbers"));
}

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

json::object numbers_job(const std::string& worker, std::size_t count, int step) {
  json::array numbers;
  for (std::size_t i = 0; i < count; ++i) numbers.emplace_back(static_cast<int>(i) * step);
  return {{"lambda_name", worker},
          {"job_schema_name", "numbers"},
          {"numbers", numbers},
          {"isolate_numbers", true}};
}

std::vector<std::string> expect_numbers_done(Fleet& fleet, const std::string& worker,
                                             std::size_t count) {
  std::vector<std::string> dead;
  const auto rows = closed_by(fleet, worker, {"numbers"});
  EXPECT_EQ(rows.size(), count);
  std::size_t attempts = 0;
  for (const auto& [key, row] : rows) {
    const int number = std::stoi(key);
    const int kind = number % 50;
    const bool twice = kind == 13 || kind == 17 || kind == 23;
    expect_end(row, worker, kind == 7, kind == 7 ? 3 : twice ? 2 : 1);
    attempts += std::stoul(attribute(row, "attempts"));
    if (kind == 7) {
      dead.push_back(attribute(row, "task_id"));
    } else {
      EXPECT_EQ(attribute(row, "result_square"), std::to_string(number * number));
    }
  }
  auto seen = fleet.witnessed(worker);
  EXPECT_EQ(seen["begin"].size(), attempts) << "attempts are not as many as workers have begun";
  EXPECT_THAT(seen["over"], IsEmpty()) << "more at once than the limit";
  return dead;
}

std::vector<std::string> expect_tutorial_done(Fleet& fleet) {
  std::vector<std::string> died;
  const auto rows = closed_by(fleet, kTutorial, {"date_list", "topics", "words"});
  EXPECT_EQ(rows.size(), 36);
  for (const auto& [key, row] : rows) {
    const auto word = key.substr(key.rfind(' ') + 1);
    const bool dead = word == "opera";
    expect_end(row, kTutorial, dead, dead ? 3 : word == "mazda" ? 2 : 1);
    if (dead) died.push_back(attribute(row, "task_id"));
  }
  EXPECT_THAT(fleet.witnessed(kTutorial)["over"], IsEmpty());
  return died;
}

void expect_rows_of_the_original(Fleet& fleet, const std::vector<std::string>& tables) {
  for (const auto& table : tables)
    for (const auto& row : fleet.rows(table)) {
      const auto wrong = not_of_the_original(table, row);
      EXPECT_TRUE(wrong.empty()) << wrong;
      if (!wrong.empty()) return;
    }
}

}  // namespace sosw::fleet
