// SPDX-License-Identifier: MIT
// Whole calls of the Scheduler, as far as core decides them: which tasks an event becomes. S3,
// siblings, positions and audit rows of the recording are not compared.
#include <algorithm>

#include "areas.h"
#include "chunking_model.h"
#include "core/chunking.h"
#include "core/json_text.h"
#include "core/queue_file.h"

namespace sosw::golden {
namespace {

Answer pop_rows(const Case& what) {
  const std::string content(what.in("content").is_string() ? what.in("content").get_string() : "");
  std::string_view left = content;
  json::array rows;
  for (const auto row : pop_rows_from_file(
           left, static_cast<std::size_t>(std::max<std::int64_t>(0, what.in("rows").as_int64()))))
    rows.emplace_back(row);
  return Answer::output(
      json::object{{"rows", rows}, {"left", left.empty() ? json::value() : json::value(left)}});
}

Answer created(json::array tasks) {
  return Answer::output(json::object{{"created_tasks", std::move(tasks)}});
}

Answer call(const Case& what) {
  json::array tasks;
  const auto add = [&](const std::string& labourer, std::string_view payload) {
    tasks.push_back({{"labourer_id", labourer}, {"payload", *parse_json(payload)}});
  };
  auto job = extract_job_from_payload(what.in("event"));
  if (!job) return error_answer(job.error());
  if (job->body.contains("file_name")) {
    const std::string file(what.in("remote_file").is_string() ? what.in("remote_file").get_string()
                                                              : "");
    std::string_view left = file;
    for (const auto line : pop_rows_from_file(left, file.size())) {
      const auto row = read_queue_file_row(line);
      if (!row) return Answer::error("JSONDecodeError");
      add(row->labourer_id, row->payload);
    }
    return created(std::move(tasks));
  }
  const auto schema = JobSchema::from_config(what.config, {});
  if (!schema) return Answer::error("AssertionError");
  // Whether a labourer is registered is the engine's to know; these are those of the recording.
  if (job->lambda_name != "some_function" && job->lambda_name != "other_function")
    return Answer::error("RuntimeError");
  const auto rows =
      JobRows::from_job(std::move(*job), *schema, Periods(), *parse_iso_date("2019-01-31"));
  if (!rows) return error_answer(rows.error());
  auto cursor = rows->at(0);
  for (std::string text; cursor.next(text); text.clear()) add(rows->labourer_id(), text);
  return created(std::move(tasks));
}

// The tasks that the job means, by the model.
std::optional<json::array> meant(const Case& what, Faults faults) {
  try {
    json::array tasks;
    for (auto& row :
         model_parse_event(what.in("event"), what.config, *parse_iso_date("2019-01-31"), faults)) {
      auto& payload = row.as_object();
      const auto labourer = payload.at("labourer_id");
      payload.erase("labourer_id");
      tasks.push_back({{"labourer_id", labourer}, {"payload", payload}});
    }
    return tasks;
  } catch (const PythonError&) {
    return std::nullopt;
  } catch (const std::exception&) {  // an input of a type that the model does not know
    return std::nullopt;
  }
}

// The call ended before its rows, which the sibling started for them never finds.
std::optional<Answer> no_time_limit(const Case& what, const Answer& recorded) {
  if (what.function != "call" || !what.in("remaining_ms_sequence").is_array() ||
      recorded.is_error())
    return std::nullopt;
  const auto tasks = meant(what, Faults());
  if (!tasks || tasks->size() <= recorded.value().at("created_tasks").as_array().size())
    return std::nullopt;
  return created(*tasks);
}

// A key of the job that is a parameter of the original's create_task, and is taken as such.
std::optional<Answer> reserved_names_are_data(const Case& what, const Answer&) {
  const auto* event = what.in("event").if_object();
  if (what.function != "call" || !event) return std::nullopt;
  for (const auto* name :
       {"greenfield", "task_id", "attempts", "created_at", "labourer", "strict", "payload"})
    if (event->contains(name))
      if (auto tasks = meant(what, Faults())) return created(std::move(*tasks));
  return std::nullopt;
}

std::optional<Answer> labourer_is_no_data(const Case& what, const Answer& recorded) {
  const auto* event = what.in("event").if_object();
  if (what.function != "call" || !event || !event->contains("lambda_name") ||
      !event->contains("labourer_id") ||
      (recorded.is_error() && recorded.error_class() != "AttributeError"))
    return std::nullopt;
  auto tasks = meant(what, Faults());
  return tasks ? std::optional(created(std::move(*tasks))) : std::nullopt;
}

// A fault of the chunking (see its rules): with all of them it gave what was recorded.
template <bool Faults::*kFault>
std::optional<Answer> without_fault(const Case& what, const Answer& recorded) {
  if (what.function != "call" || recorded.is_error() || !what.in("event").is_object())
    return std::nullopt;
  const auto tasks_of = [](const json::value& output) {
    json::array tasks;
    for (const auto& task : output.at("created_tasks").as_array())
      tasks.push_back({{"labourer_id", task.at("labourer_id")}, {"payload", task.at("payload")}});
    return tasks;
  };
  auto mended = Faults::all(false);
  mended.*kFault = false;
  const auto original = meant(what, Faults::all(false));
  if (!original || *original != tasks_of(recorded.value()) || meant(what, mended) == original)
    return std::nullopt;
  auto right = meant(what, Faults());
  return right ? std::optional(created(std::move(*right))) : std::nullopt;
}

std::optional<Answer> labourer_id_accepted(const Case& what, const Answer& recorded) {
  const auto* event = what.in("event").if_object();
  if (what.function != "call" || !recorded.is_error() || !event || event->contains("lambda_name") ||
      !event->contains("labourer_id") || event->contains("file_name"))
    return std::nullopt;
  auto tasks = meant(what, Faults());
  return tasks ? std::optional(created(std::move(*tasks))) : std::nullopt;
}

}  // namespace

Area scheduler_file_area() {
  Area area;
  area.name = "scheduler_file";
  area.handlers = {{"pop_rows_from_file", pop_rows}, {"call", call}};
  area.rules = {
      {"no_time_limit", "D-01", no_time_limit},
      {"reserved_names_are_data", "D-45", reserved_names_are_data},
      {"labourer_is_no_data", "D-45", labourer_is_no_data},
      {"labourer_id_accepted", "messages of the original, 3.4", labourer_id_accepted},
      {"dates_without_chunking", "D-44", without_fault<&Faults::dates_without_chunking>},
      {"fields_kept", "3.5", without_fault<&Faults::fields_kept>},
      {"flat_job_is_one_row", "3.5", without_fault<&Faults::flat_job_is_one_row>},
      {"flat_values_are_leaves", "3.5", without_fault<&Faults::flat_values_are_leaves>},
      {"singular_once", "3.5", without_fault<&Faults::singular_once>},
  };
  area.exclusions = {
      {"no_pause_between_writes", "sleeptime_for_dynamo",
       "D-30: tasks are written in batches, as fast as the store takes them"},
      {"no_budget_of_time", "sufficient_execution_time_left",
       "at home nothing ends the Scheduler; a job continues at its cursor"},
  };
  area.ignored = {"created_tasks/*/greenfield",
                  "created_tasks/*/attempts",
                  "meta_actions",
                  "s3",
                  "uploads",
                  "siblings",
                  "stats",
                  "slept"};
  area.numbers_by_value = true;
  return area;
}

}  // namespace sosw::golden
