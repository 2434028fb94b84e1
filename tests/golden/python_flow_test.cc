// SPDX-License-Identifier: MIT
// The Essentials of the original that the simulation has, on the tables that it has, against every
// recorded trace of the original: all rows after each step, and all invocations.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "core/json_text.h"
#include "flow_world.h"
#include "golden.h"
#include "simulation/model_tables.h"
#include "simulation/python_essentials.h"

namespace sosw::golden {
namespace {

using simulation::ModelTables;
using simulation::PythonEssentials;

std::int64_t setting(const json::object& config, std::string_view key, std::int64_t otherwise) {
  const auto* found = config.if_contains(key);
  return found ? found->to_number<std::int64_t>() : otherwise;
}

// As the recording shows it: text stays text, also where it looks like JSON.
json::value shown(const json::value& attribute) {
  const auto& entry = *attribute.as_object().begin();
  const std::string_view type = entry.key();
  if (type == "N") return parse_json(entry.value().as_string()).value();
  if (type == "L") {
    json::array list;
    for (const auto& element : entry.value().as_array()) list.push_back(shown(element));
    return list;
  }
  if (type == "M") {
    json::object map;
    for (const auto& [key, element] : entry.value().as_object()) map[key] = shown(element);
    return map;
  }
  return entry.value();
}

class PythonFlow {
 public:
  explicit PythonFlow(const Case& what)
      : world_(what), tables_(simulation::sosw_tables(), [this] { return world_.now; }) {
    tables_.watch([this](std::string_view table, const auto*, const auto*) {
      if (table == "sosw_tasks_meta") world_.now = after(world_.now, world_.step_after_meta_row_s);
    });
    for (const auto& id : world_.labourer_order) {
      auto labourer = read_labourer(id, world_.labourers.at(id).as_object(), world_.task_config);
      EXPECT_TRUE(labourer) << labourer.error().text();
      labourer->timeout_s = static_cast<int>(setting(world_.timeouts, labourer->arn, 300));
      labourers_.push_back(*std::move(labourer));
    }
    PythonEssentials::Settings settings;
    settings.invocation_delta =
        setting(world_.task_config, "greenfield_invocation_delta", kInvocationDelta);
    settings.task_step = setting(world_.task_config, "greenfield_task_step", kTaskStep);
    settings.retry_tasks_limit =
        static_cast<int>(setting(world_.scavenger, "retry_tasks_limit", 20));
    settings.author = "sosw_golden";
    settings.invocation_id = "golden-request";
    settings.log_stream_name = "golden-stream";
    python_.emplace(
        tables_, [this] { return world_.now; }, settings);
  }

  json::array run() {
    json::array trace;
    for (const json::value& step : world_.steps) trace.push_back(take(step.as_object()));
    return trace;
  }

 private:
  json::object take(const json::object& step) {
    const std::string op(step.at("op").as_string());
    json::object entry{{"op", op}, {"started_at", iso(world_.now)}};
    invocations_.clear();
    dead_.clear();
    Result<void> done;
    if (op == "advance") {
      world_.now = after(world_.now, step.at("seconds").to_number<double>());
    } else if (op == "create_tasks") {
      for (const auto& task : step.at("tasks").as_array()) {
        if (done) done = create(task.as_object());
      }
    } else if (op == "schedule") {
      const auto labourer = world_.labourer_of(step.at("event"));
      for (const auto& payload : world_.rows_of(step.at("event"))) {
        if (done) done = python_->create_task(labourer, next_id(), json_text(payload));
        if (done) done = python_->audit_created(labourer, last_id());
      }
    } else if (op == "orchestrate") {
      done = python_->orchestrate(
          labourers_,
          [this](const Labourer& labourer, const json::object& payload) -> Result<void> {
            invocations_.push_back(json::object{{"function", labourer.arn}, {"payload", payload}});
            return {};
          },
          [this](const Labourer& labourer) {
            static constexpr double kShare[] = {0, 0, 0.5, 0.75, 1};
            return kShare[world_.status_of(labourer.id)];
          });
    } else if (op == "scavenge") {
      done = python_->scavenge(labourers_, [this](const std::string& id) { dead_.push_back(id); });
    } else if (op == "mark_task_as_completed" || op == "mark_task_as_failed") {
      for (const auto& id : step.at("tasks").as_array()) {
        const auto mark = op == "mark_task_as_completed" ? &PythonEssentials::mark_task_as_completed
                                                         : &PythonEssentials::mark_task_as_failed;
        if (done)
          done =
              ((*python_).*mark)(id.as_string(), details(step, "stats"), details(step, "result"));
      }
    } else if (op == "set_metric") {
      world_.metric = step.at("value").to_number<double>();
    }  // durations only reads; invoke_task is only asked of tasks that run already: nothing is made
    if (!done) entry["error"] = done.error().message.substr(0, done.error().message.find(':'));
    entry["now"] = iso(world_.now);
    entry["invocations"] = invocations_;
    json::array published;
    if (!dead_.empty()) {
      std::sort(dead_.begin(), dead_.end());
      published.push_back(json::object{{"subject", "``sosw`` Dead Task"},
                                       {"task_ids", json::array(dead_.begin(), dead_.end())}});
    }
    entry["sns_publish"] = std::move(published);
    if (op != "advance" && op != "set_metric") entry["tables"] = tables();
    return entry;
  }

  static json::object details(const json::object& step, std::string_view field) {
    const auto* found = step.if_contains(field);
    return found ? found->as_object() : json::object();
  }

  Result<void> create(const json::object& task) {
    json::value payload = task.contains("payload") ? task.at("payload") : json::object();
    if (payload.is_string()) {
      auto read = parse_json(payload.as_string());
      payload = read ? *read : json::object{{"payload", payload}};
    }
    std::optional<std::int64_t> greenfield;
    if (task.contains("greenfield")) greenfield = setting(task, "greenfield", 0);
    return python_->create_task(task.at("labourer_id").as_string(), next_id(), json_text(payload),
                                greenfield);
  }
  std::string next_id() {
    ++made_;
    return last_id();
  }
  [[nodiscard]] std::string last_id() const { return fmt::format("task-{:04}", made_); }

  json::object tables() {
    json::object all;
    for (const char* table :
         {"sosw_tasks", "sosw_closed_tasks", "sosw_retry_tasks", "sosw_tasks_meta"}) {
      json::array rows;
      tables_.for_each(table, [&](const cloud::Item& item) {
        json::object row;
        for (const auto& [name, attribute] : item) row[name] = shown(attribute);
        rows.push_back(std::move(row));
      });
      all[table] = std::move(rows);
    }
    return tidy_tables(std::move(all));
  }

  FlowWorld world_;
  ModelTables tables_;
  std::vector<Labourer> labourers_;
  std::optional<PythonEssentials> python_;
  json::array invocations_;
  std::vector<std::string> dead_;
  int made_ = 0;
};

TEST(PythonFlow, gives_every_recorded_trace) {
  std::ifstream file(SOSW_FLOWS);
  ASSERT_TRUE(file) << SOSW_FLOWS;
  Area area;
  area.numbers_by_value = true;
  int traces = 0;
  for (std::string line; std::getline(file, line); ++traces) {
    auto parsed = parse_recorded(line);
    ASSERT_TRUE(std::holds_alternative<Recorded>(parsed));
    const auto& recorded = std::get<Recorded>(parsed);
    const json::array ours = PythonFlow(recorded.what).run();
    const json::array theirs = recorded.right.at(0).value().at("trace").as_array();
    ASSERT_EQ(ours.size(), theirs.size()) << recorded.id;
    for (std::size_t step = 0; step < ours.size(); ++step) {
      ASSERT_EQ(ours[step].as_object().contains("error"),
                theirs[step].as_object().contains("error"))
          << recorded.id << " step " << step;
      for (const auto& [key, value] : theirs[step].as_object()) {
        const std::string_view what = key;
        if (what == "requests" || what == "stats" || what == "average_duration") continue;
        const auto* found = ours[step].as_object().if_contains(key);
        ASSERT_TRUE(found && same(area, false, Answer::output(*found), Answer::output(value)))
            << recorded.id << " step " << step << " " << theirs[step].as_object().at("op") << " "
            << what << "\nours:   " << (found ? json_text(*found) : "nothing")
            << "\ntheirs: " << json_text(value);
      }
    }
  }
  EXPECT_EQ(traces, 29);
}

}  // namespace
}  // namespace sosw::golden
