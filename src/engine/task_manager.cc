// SPDX-License-Identifier: MIT
// See task_manager.h.
#include "engine/task_manager.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/chunking.h"
#include "core/durations.h"
#include "core/json_text.h"

namespace sosw::engine {
std::vector<std::string> TaskManager::register_labourers(Labourers& labourers) {
  std::vector<std::string> problems;
  for (auto& [id, labourer] : labourers) {
    if (labourer.retry.base_s) continue;
    if (settings_.retry_base == Settings::RetryBase::timeout) {
      labourer.retry_base_s = labourer.timeout_s;
      continue;
    }
    const Result<double> average = get_average_labourer_duration(labourer);
    if (!average) {
      problems.push_back(fmt::format("{}: average duration: {}", id, average.error().message));
      continue;
    }
    labourer.retry_base_s = std::max(1.0, *average);
  }
  return problems;
}

Result<double> TaskManager::get_average_labourer_duration(const Labourer& labourer) {
  const auto newest = static_cast<std::size_t>(settings_.max_closed_to_analyse_for_duration);
  std::vector<ClosedAttempts> closed;
  for (const State state : {State::done, State::dead}) {
    TaskQuery query;
    query.labourer_id = labourer.id;
    query.state = state;
    query.newest_first = true;
    query.limit = settings_.max_closed_to_analyse_for_duration;
    const auto tasks = store_.tasks(query);
    if (!tasks) return tasks.error();
    for (const Task& task : *tasks)
      closed.push_back({task.greenfield, task.completed_at, task.attempts});
  }
  return static_cast<double>(
      average_duration_s(closed, labourer.timeout_s, newest, settings_.invocation_delta));
}

Result<std::string> TaskManager::create_task(const Labourer& labourer, NewTask task, Time now) {
  json::object fields{{"payload", std::move(task.payload)}};
  if (fields.at("payload").is_null()) fields.clear();
  for (auto& [key, value] : task.attributes) fields[key] = value;
  const Result<std::string> text = construct_payload(fields);
  if (!text) return text.error();
  Result<json::value> payload = parse_json(*text);
  if (!payload) return payload.error();
  // JSON text that is no object stays as it is in the original, and then no worker can take it
  // (D-57).
  if (!payload->is_object()) payload = json::value(json::object{{"payload", *std::move(payload)}});

  // A job of one row whose payload is data through and through: a `period` in it is no setting.
  Job job;
  job.labourer_id = labourer.id;
  job.description =
      JobRows::from_job({labourer.id, {}}, JobSchema(), Periods(), Date{})->description();
  job.description["job"] = *std::move(payload);
  job.rows = 1;
  job.task_id = std::move(task.task_id);
  job.position = task.greenfield;
  const Result<Accepted> accepted = store_.accept(job, 1, now);
  if (!accepted) return accepted.error();
  return accepted->task_id;
}

}  // namespace sosw::engine
