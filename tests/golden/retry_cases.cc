// SPDX-License-Identifier: MIT
// The file `retry`: what becomes of attempts that have ended, and of tasks that are over.
#include <algorithm>
#include <cmath>
#include <vector>

#include "areas.h"
#include "core/durations.h"
#include "core/greenfield.h"
#include "core/labourer.h"
#include "core/retry.h"
#include "core/task.h"
#include "rows.h"

namespace sosw::golden {

namespace {

constexpr std::uint64_t kSeed = 0;  // no jitter in any of these

const json::value* member(const json::value& object, std::string_view key) {
  return object.as_object().if_contains(key);
}

// Attempts of a row: absent or null counts as none.
std::optional<int> attempts_of(const json::value& task) {
  const auto* attempts = member(task, "attempts");
  if (!attempts || attempts->is_null()) return 0;
  if (attempts->is_bool()) return attempts->get_bool() ? 1 : 0;
  if (!attempts->is_int64()) return std::nullopt;
  return static_cast<int>(attempts->get_int64());
}

Answer should_retry_task(const Case& what) {
  const auto* limit = member(what.in("labourer"), "max_attempts");
  if (!limit) return Answer::error("AttributeError");
  const auto attempts = attempts_of(what.in("task"));
  if (!limit->is_int64() || !attempts) return Answer::error("TypeError");
  Labourer labourer;
  labourer.max_attempts = static_cast<int>(limit->get_int64());
  return Answer::output(fate_after_attempt(labourer, *attempts, Time(), kSeed).state ==
                        State::retry);
}

Answer calculate_delay(const Case& what) {
  const auto* duration = member(what.in("labourer"), "max_duration");
  const auto attempts = attempts_of(what.in("task"));
  if (!duration) return Answer::error("AttributeError");
  if (!duration->is_number() || !attempts) return Answer::error("TypeError");
  return Answer::output(
      retry_delay_s(RetryPolicy(), duration->to_number<double>(), *attempts, kSeed));
}

json::object closed_row(Task task, Time now) {
  task.closed_at = epoch_seconds(now);
  auto row = row_of_task(task);
  row["labourer_id_task_status"] =
      task.labourer_id + (task.completed_at.value_or(0) != 0 ? "_1" : "_0");
  return row;
}

json::array put(std::string_view table, json::object row) {
  return {{{"put", table}, {"row", std::move(row)}}};
}

Answer process_expired_task(const Case& what) {
  const auto now = now_of(what);
  Labourer labourer;
  labourer.max_attempts = static_cast<int>(what.in("labourer").at("max_attempts").as_int64());
  labourer.retry_base_s = what.in("labourer").at("max_duration").to_number<double>();
  auto task = task_of_row(what.in("task").as_object());
  const auto fate = fate_after_attempt(labourer, task.attempts, now, kSeed);
  if (fate.state == State::retry) {
    task.desired_launch_time = fate.due;
    return Answer::output({{"effects", put("sosw_retry_tasks", row_of_task(task))},
                           {"sns_queue_length", 0},
                           {"stats", {{"scheduled_for_retry_later_tasks", 1}}}});
  }
  if (what.in("stored_task").is_null())
    return Answer::output(
        {{"effects", json::array()}, {"sns_queue_length", 0}, {"stats", json::object()}});
  const auto stored = task_of_row(plain_row(what.in("stored_task").as_object()));
  const bool completed = classify(stored.greenfield, stored.completed_at.value_or(0) != 0,
                                  epoch_seconds(now), 0) == Phase::completed;
  json::object stats = {{"archived_tasks", 1}};
  if (!completed) stats["closed_dead_tasks"] = 1;
  return Answer::output({{"effects", put("sosw_closed_tasks", closed_row(stored, now))},
                         {"sns_queue_length", completed ? 0 : 1},
                         {"stats", std::move(stats)}});
}

Answer archive_task(const Case& what) {
  if (what.in("stored_task").is_null())
    return Answer::output({{"effects", json::array()}, {"stats", json::object()}});
  const auto task = task_of_row(plain_row(what.in("stored_task").as_object()));
  return Answer::output({{"effects", put("sosw_closed_tasks", closed_row(task, now_of(what)))},
                         {"stats", {{"archived_tasks", 1}}}});
}

Answer retry_tasks(const Case& what) {
  std::vector<Task> due;
  for (const auto& item : what.in("retry_table_items").as_array())
    due.push_back(task_of_row(plain_row(item.as_object())));
  const auto* limit = what.config.if_contains("retry_tasks_limit");
  const auto most = static_cast<std::size_t>(limit ? limit->as_int64() : 20);
  if (most > 0 && due.size() > most) due.resize(most);
  const auto& oldest = what.in("oldest_greenfield_in_queue");
  const auto places =
      allocate_head(oldest.is_null() ? std::nullopt : std::optional(oldest.as_int64()),
                    static_cast<std::int64_t>(due.size()));
  json::array effects;
  for (auto& task : due) {
    if (task.labourer_id != "some_function") return Answer::error("AssertionError");
    task.greenfield = places.first + static_cast<std::int64_t>(effects.size()) * places.step;
    task.desired_launch_time.reset();
    effects.push_back({{"put", "sosw_tasks"}, {"row", row_of_task(task)}});
  }
  json::object stats;
  if (!due.empty()) stats["due_for_retry_tasks"] = due.size();
  return Answer::output({{"effects", std::move(effects)}, {"stats", std::move(stats)}});
}

std::size_t analysed(const Case& what) {
  const auto* most = what.config.if_contains("max_closed_to_analyse_for_duration");
  return most ? static_cast<std::size_t>(most->as_int64()) : 10;
}

std::int64_t delta_of(const Case& what) {
  const auto* delta = what.config.if_contains("greenfield_invocation_delta");
  return delta ? delta->as_int64() : kInvocationDelta;
}

Answer get_average_labourer_duration(const Case& what) {
  const auto newest = analysed(what);
  std::vector<ClosedAttempts> closed;
  for (const auto list : {"completed", "failed"}) {
    const auto& rows = what.in(list).as_array();
    for (std::size_t i = 0; i < std::min(rows.size(), newest); ++i) {
      const auto* greenfield = member(rows[i], "greenfield");
      if (!greenfield) return Answer::error("KeyError");
      ClosedAttempts task;
      task.greenfield = greenfield->as_int64();
      if (const auto* at = member(rows[i], "completed_at"))
        task.completed_at = at->to_number<double>();
      task.attempts = attempts_of(rows[i]).value_or(0);
      closed.push_back(task);
    }
  }
  const auto average = average_duration_s(
      closed, what.in("labourer").at("max_duration").to_number<double>(), newest, delta_of(what));
  return Answer::output({{"average", average}});
}

json::value behaviour(const Case& what, const json::value& output) {
  if (what.function == "get_average_labourer_duration") return {{"average", output.at("average")}};
  return effects_of_output(what, output);
}

// Rules
// --------------------------------------------------------------------------------------------

bool without_attempts(const Case& what) {
  const auto& task = what.in("task");
  if (!task.is_object()) return false;
  const auto* attempts = member(task, "attempts");
  return !attempts || attempts->is_null();
}

std::optional<Answer> attempts_default_to_none(const Case& what, const Answer& recorded) {
  if (!recorded.is_error()) return std::nullopt;
  if (what.function == "should_retry_task" && without_attempts(what)) {
    const auto* limit = member(what.in("labourer"), "max_attempts");
    if (limit && limit->is_int64()) return Answer::output(limit->get_int64() > 0);
  }
  if (what.function == "calculate_delay_for_task_retry" && without_attempts(what)) {
    const auto* duration = member(what.in("labourer"), "max_duration");
    if (duration && duration->is_number()) return Answer::output(0);
  }
  if (what.function == "get_average_labourer_duration" && what.in("completed").as_array().empty() &&
      what.in("failed").as_array().size() == 1) {
    const auto& row = what.in("failed").at(0);
    if (member(row, "greenfield") && !member(row, "attempts"))
      return Answer::output({{"average", 0}});
  }
  return std::nullopt;
}

std::optional<Answer> attempts_are_whole(const Case& what, const Answer& recorded) {
  if (what.function != "should_retry_task" || recorded.is_error()) return std::nullopt;
  for (const auto* value :
       {member(what.in("labourer"), "max_attempts"), member(what.in("task"), "attempts")})
    if (value && (value->is_double() || value->is_string())) return Answer::error("TypeError");
  return std::nullopt;
}

std::optional<Answer> delay_of_numbers(const Case& what, const Answer& recorded) {
  if (what.function != "calculate_delay_for_task_retry" || recorded.is_error()) return std::nullopt;
  const auto* duration = member(what.in("labourer"), "max_duration");
  const auto* attempts = member(what.in("task"), "attempts");
  if ((duration && duration->is_string()) ||
      (attempts && (attempts->is_string() || attempts->is_double())))
    return Answer::error("TypeError");
  return std::nullopt;
}

std::optional<Answer> no_delay_below_zero(const Case& what, const Answer& recorded) {
  if (what.function != "calculate_delay_for_task_retry" || recorded.is_error()) return std::nullopt;
  if (!recorded.value().is_number() || recorded.value().to_number<double>() >= 0)
    return std::nullopt;
  return Answer::output(0);
}

std::optional<Answer> delay_of_a_day(const Case& what, const Answer& recorded) {
  if (what.function != "calculate_delay_for_task_retry" || recorded.is_error()) return std::nullopt;
  const auto longest = RetryPolicy().max_s;
  if (!recorded.value().is_number() || recorded.value().to_number<double>() <= longest)
    return std::nullopt;
  return Answer::output(static_cast<std::int64_t>(longest));
}

std::optional<Answer> order_of_due_time(const Case& what, const Answer& recorded) {
  if (what.function != "retry_tasks" || recorded.is_error()) return std::nullopt;
  auto output = recorded.value();
  std::vector<json::value> positions;
  for (const auto& effect : output.at("effects").as_array())
    positions.push_back(effect.at("row").at("greenfield"));
  for (auto& effect : output.at("effects").as_array()) {
    effect.at("row").as_object()["greenfield"] = positions.back();
    positions.pop_back();
  }
  return Answer::output(std::move(output));
}

// The rows as they are stored, and no alarm for what has been completed.
std::optional<Answer> rows_move_verbatim(const Case& what, const Answer& recorded) {
  if (recorded.is_error() || !what.in("stored_task").is_object()) return std::nullopt;
  auto output = recorded.value();
  for (auto& effect : output.at("effects").as_array())
    if (effect.at("put") == "sosw_closed_tasks")
      if (const auto* payload = what.in("stored_task").as_object().if_contains("payload"))
        effect.at("row").as_object()["payload"] = payload->at("S");
  if (what.function == "process_expired_task" &&
      what.in("stored_task").as_object().contains("completed_at")) {
    output.as_object()["sns_queue_length"] = 0;
    output.at("stats").as_object().erase("closed_dead_tasks");
  }
  return Answer::output(std::move(output));
}

std::optional<Answer> gone_is_done(const Case& what, const Answer& recorded) {
  if (!recorded.is_error() || recorded.error_class() != "KeyError" ||
      !what.in("stored_task").is_null())
    return std::nullopt;
  json::object nothing = {{"effects", json::array()}, {"stats", json::object()}};
  if (what.function == "process_expired_task")
    nothing["sns_queue_length"] = 0;
  else if (what.function != "archive_task")
    return std::nullopt;
  return Answer::output(std::move(nothing));
}

// The mean of the newest, not of the oldest of those that were fetched.
std::optional<Answer> newest_durations(const Case& what, const Answer& recorded) {
  if (what.function != "get_average_labourer_duration" || recorded.is_error()) return std::nullopt;
  const auto most = analysed(what);
  struct Row {
    std::int64_t greenfield;
    std::vector<double> durations;
  };
  std::vector<Row> rows;
  const double longest = what.in("labourer").at("max_duration").to_number<double>();
  for (const auto list : {"completed", "failed"}) {
    std::size_t fetched = 0;
    for (const auto& row : what.in(list).as_array()) {
      if (fetched++ == most) break;
      const auto greenfield = row.at("greenfield").as_int64();
      const auto* at = member(row, "completed_at");
      if (at && at->to_number<double>() != 0)
        rows.push_back({greenfield,
                        {at->to_number<double>() - static_cast<double>(greenfield) +
                         static_cast<double>(delta_of(what))}});
      else
        rows.push_back(
            {greenfield, std::vector<double>(
                             static_cast<std::size_t>(row.at("attempts").as_int64()), longest)});
    }
  }
  if (rows.size() <= most) return std::nullopt;
  std::stable_sort(rows.begin(), rows.end(),
                   [](const Row& a, const Row& b) { return a.greenfield > b.greenfield; });
  double sum = 0;
  double count = 0;
  for (std::size_t i = 0; i < most; ++i)
    for (const double duration : rows[i].durations) sum += duration, ++count;
  if (count == 0) return Answer::output({{"average", 0}});
  const double mean = sum / count;
  double rounded = std::floor(mean + 0.5);
  if (mean + 0.5 == rounded && std::fmod(rounded, 2) != 0) --rounded;
  return Answer::output({{"average", static_cast<std::int64_t>(rounded)}});
}

}  // namespace

Area retry_area() {
  Area area;
  area.name = "retry";
  area.handlers = {{"should_retry_task", should_retry_task},
                   {"calculate_delay_for_task_retry", calculate_delay},
                   {"process_expired_task", process_expired_task},
                   {"archive_task", archive_task},
                   {"retry_tasks", retry_tasks},
                   {"get_average_labourer_duration", get_average_labourer_duration}};
  area.rules = {{"attempts-default-to-none", "D-59", attempts_default_to_none},
                {"attempts-are-whole", "D-59", attempts_are_whole},
                {"delay-of-numbers", "upstream 3.13", delay_of_numbers},
                {"no-delay-below-zero", "upstream 3.13", no_delay_below_zero},
                {"delay-of-a-day", "`max_s` of the policy", delay_of_a_day},
                {"order-of-due-time", "D-27", order_of_due_time},
                {"rows-move-verbatim", "D-09, D-21", rows_move_verbatim},
                {"gone-is-done", "D-18", gone_is_done},
                {"newest-durations", "D-46", newest_durations}};
  for (const auto function :
       {"get_oldest_greenfield_for_labourer", "get_newest_greenfield_for_labourer",
        "get_running_tasks_for_labourer", "get_completed_tasks_for_labourer",
        "get_expired_tasks_for_labourer", "get_next_for_labourer", "get_invoked_tasks_for_labourer",
        "get_length_of_queue_for_labourer", "get_count_of_running_tasks_for_labourer",
        "get_tasks_to_retry_for_labourer"})
    area.exclusions.push_back({"answers-of-an-index", function, "tests/conformance"});
  area.behaviour = behaviour;
  area.numbers_by_value = true;
  area.json_text_by_value = true;
  return area;
}

}  // namespace sosw::golden
