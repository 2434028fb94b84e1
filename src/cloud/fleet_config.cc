// SPDX-License-Identifier: MIT
// See fleet_config.h.
#include "cloud/fleet_config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "core/config.h"
#include "core/config_reader.h"
#include "core/job_schema.h"
#include "core/periods.h"

namespace sosw::cloud {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

// What only the original needs is known and means nothing.
constexpr std::string_view kKnown[] = {"labourers",
                                       "task_config",
                                       "dynamo_db_config",
                                       "job_schema",
                                       "job_schema_variants",
                                       "custom_period_patterns",
                                       "invocation_number_coefficient",
                                       "retry_tasks_limit",
                                       "retry",
                                       "max_attempts",
                                       "max_simultaneous_invocations",
                                       "sns_config",
                                       "alarm_function",
                                       "meta_handler_config",
                                       "queue_bucket",
                                       "s3_prefix",
                                       "take_locked_queue_files",
                                       "watermark",
                                       "run_for",
                                       "init_clients",
                                       "queue_file",
                                       "shutdown_period",
                                       "rows_to_process",
                                       "task_operational_overhead_for_ddb",
                                       "siblings_config",
                                       "default_simultaneous_invocations"};
constexpr std::string_view kKnownOfTasks[] = {"dynamo_db_config",
                                              "sosw_closed_tasks_table",
                                              "sosw_closed_tasks_labourer_status_index",
                                              "sosw_retry_tasks_table",
                                              "sosw_retry_tasks_greenfield_index",
                                              "greenfield_invocation_delta",
                                              "greenfield_task_step",
                                              "max_attempts",
                                              "max_simultaneous_invocations",
                                              "max_closed_to_analyse_for_duration",
                                              "labourers",
                                              "ecology_config",
                                              "init_clients",
                                              "lambda_config"};

template <class T, class U>
void set(T& place, std::optional<U> value) {
  if (value) place = static_cast<T>(*std::move(value));
}

void warn_of_unknown_keys(std::string_view where, const json::object& config,
                          std::span<const std::string_view> known,
                          std::vector<std::string>& warnings) {
  json::object ours;
  for (const auto& [key, value] : config)
    if (!std::string_view(key).starts_with("max_attempts_")) ours[key] = value;
  if (const auto checked = check_keys(where, ours, known); !checked)
    warnings.push_back(checked.error().text());
}

void read_table(ConfigReader& reader, TableStore::Options& tables) {
  const auto* table = reader.object("dynamo_db_config");
  if (table == nullptr) return;
  ConfigReader inner("task_config.dynamo_db_config", *table);
  set(tables.tasks, inner.text("table_name"));
  set(tables.tasks_index, inner.text("index_greenfield"));
  if (const auto* names = inner.object("field_names")) {
    ConfigReader fields("task_config.dynamo_db_config.field_names", *names);
    for (const auto& name : *names) {
      if (auto text = fields.text(name.key())) tables.field_names[name.key()] = std::move(*text);
    }
    if (fields.failed()) inner.fail(*fields.failed());
  }
  if (inner.failed()) reader.fail(*inner.failed());
}

void read_labourers(ConfigReader& reader, const json::object& config, TaskConfig& out) {
  const auto* labourers = reader.object("labourers");
  if (labourers == nullptr) return;
  for (const auto& [id, entry] : *labourers) {
    if (!entry.is_object()) {
      out.bad_labourers.push_back(invalid(fmt::format("labourer '{}' must be an object, found {}",
                                                      std::string_view(id), described(entry))));
    } else if (auto labourer = read_labourer(id, entry.get_object(), config)) {
      out.labourers.push_back(std::move(*labourer));
      out.tables.labourers.emplace_back(id);
    } else {
      out.bad_labourers.push_back(labourer.error());
    }
  }
}

// `labourers` moves into task_config.labourers, where it wins; what holds for all labourers, too.
json::object with_everything_in_task_config(const json::object& document) {
  json::object out = document;
  const auto* table = out.if_contains("dynamo_db_config");
  if (table != nullptr && table->is_object()) {
    json::object under = {{"task_config", {{"dynamo_db_config", *table}}}};
    out.erase("dynamo_db_config");
    out = recursive_update(under, out);
  }
  for (const auto* key : {"labourers", "max_attempts", "max_simultaneous_invocations"}) {
    const auto* value = out.if_contains(key);
    if (value == nullptr) continue;
    json::object over = {{"task_config", {{key, *value}}}};
    out.erase(key);
    out = recursive_update(out, over);
  }
  return out;
}

// Of all labourers that have none of their own.
void give_retry_policy(json::object& task_config, const json::value* retry) {
  auto* labourers = task_config.if_contains("labourers");
  if (retry == nullptr || labourers == nullptr || !labourers->is_object()) return;
  for (auto& [id, entry] : labourers->get_object()) {
    if (entry.is_object() && !entry.get_object().contains("retry"))
      entry.get_object()["retry"] = *retry;
  }
}

void read_scheduler(ConfigReader& reader, engine::Scheduler::Settings& scheduler) {
  scheduler.watermark = TableStore::kNoWatermark;
  set(scheduler.watermark, reader.integer("watermark", 1, kMost));
  for (const auto* key : {"job_schema", "job_schema_variants"})
    if (const auto* object = reader.object(key)) scheduler.schemas[key] = *object;
  if (const auto schema = JobSchema::from_config(scheduler.schemas, ""); !schema)
    reader.fail(schema.error());
  const auto* patterns = reader.value("custom_period_patterns");
  auto periods = Periods::from_config(patterns ? *patterns : json::value());
  if (periods)
    scheduler.periods = *std::move(periods);
  else
    reader.fail(periods.error());
}

void read_alarms(ConfigReader& reader, FleetConfig& config) {
  set(config.alarm_function, reader.text("alarm_function"));
  const auto* sns = reader.object("sns_config");
  if (sns == nullptr) return;
  ConfigReader inner("sns_config", *sns);
  set(config.alarm_topic, inner.text("recipient"));
  set(config.alarm_subject, inner.text("subject"));
  if (inner.failed()) reader.fail(*inner.failed());
}

void read_audit(ConfigReader& reader, FleetConfig& config) {
  const auto* meta = reader.object("meta_handler_config");
  if (meta == nullptr) return;
  ConfigReader inner("meta_handler_config", *meta);
  set(config.audit, inner.flag("write_meta_to_ddb"));
  if (const auto* table = inner.object("dynamo_db_config")) {
    ConfigReader names("meta_handler_config.dynamo_db_config", *table);
    set(config.audit_table, names.text("table_name"));
    if (names.failed()) inner.fail(*names.failed());
  }
  if (inner.failed()) reader.fail(*inner.failed());
}

}  // namespace

Result<TaskConfig> read_task_config(const json::object& config) {
  TaskConfig out;
  ConfigReader reader("task_config", config);
  auto& tables = out.tables;
  read_table(reader, tables);
  set(tables.closed, reader.text("sosw_closed_tasks_table"));
  set(tables.closed_index, reader.text("sosw_closed_tasks_labourer_status_index"));
  set(tables.retry, reader.text("sosw_retry_tasks_table"));
  set(tables.retry_index, reader.text("sosw_retry_tasks_greenfield_index"));
  set(tables.invocation_delta, reader.integer("greenfield_invocation_delta", 1, kPositionCeiling));
  set(tables.task_step, reader.integer("greenfield_task_step", 1, kWideStepCeiling));
  out.durations.invocation_delta = tables.invocation_delta;
  set(out.durations.max_closed_to_analyse_for_duration,
      reader.integer("max_closed_to_analyse_for_duration", 1, std::numeric_limits<int>::max()));
  reader.object("ecology_config");
  read_labourers(reader, config, out);
  if (reader.failed()) {  // all that is wrong is told at once
    for (const Error& bad : out.bad_labourers) reader.fail(bad);
    return *reader.failed();
  }
  warn_of_unknown_keys("task_config", config, kKnownOfTasks, out.warnings);
  return out;
}

Result<FleetConfig> read_fleet_config(std::span<const json::object> documents) {
  json::object merged;
  std::vector<std::string> warnings;
  for (const auto& document : documents) {
    warn_of_unknown_keys("configuration", document, kKnown, warnings);
    merged = recursive_update(merged, with_everything_in_task_config(document));
  }
  FleetConfig config;
  ConfigReader reader("configuration", merged);
  json::object task_config;
  if (const auto* given = reader.object("task_config")) task_config = *given;
  give_retry_policy(task_config, reader.object("retry") ? merged.if_contains("retry") : nullptr);
  if (auto tasks = read_task_config(task_config))
    config.tasks = *std::move(tasks);
  else
    reader.fail(tasks.error());
  config.tasks.warnings.insert(config.tasks.warnings.begin(), warnings.begin(), warnings.end());
  config.tasks.durations.retry_base = engine::TaskManager::Settings::RetryBase::timeout;
  for (const auto& labourer : config.tasks.labourers)
    config.labourers.emplace(labourer.id, labourer);

  if (const auto* coefficients = reader.object("invocation_number_coefficient")) {
    auto given = read_coefficients(*coefficients);
    if (given)
      config.orchestrator.coefficients = *std::move(given);
    else
      reader.fail(given.error());
  }
  set(config.scavenger.retry_tasks_limit, reader.integer("retry_tasks_limit", -1, kMost));
  read_scheduler(reader, config.scheduler);
  read_alarms(reader, config);
  read_audit(reader, config);
  if (const auto* ecology = task_config.if_contains("ecology_config");
      ecology != nullptr && ecology->is_object()) {
    ConfigReader inner("task_config.ecology_config", ecology->get_object());
    if (const auto* values = inner.object("default_metric_values"))
      config.default_metric_values = *values;
    if (inner.failed()) reader.fail(*inner.failed());
  }
  set(config.queue_bucket, reader.text("queue_bucket"));
  set(config.queue_prefix, reader.text("s3_prefix"));
  set(config.queue_file, reader.text("queue_file"));
  set(config.take_locked_queue_files, reader.flag("take_locked_queue_files"));
  set(config.run_s, reader.number("run_for", 0, 900));
  if (reader.failed()) return *reader.failed();
  return config;
}

Result<void> only_tables_of_tests(const FleetConfig& config) {
  const auto& tables = config.tasks.tables;
  std::vector<std::string> others;
  for (const auto& name : {tables.tasks, tables.closed, tables.retry})
    if (!name.starts_with("autotest_")) others.push_back(name);
  if (config.audit && !config.audit_table.starts_with("autotest_"))
    others.push_back(config.audit_table);
  if (others.empty()) return {};
  return invalid(
      fmt::format("STAGE or `autotest` say that this is a test, and its tables must begin with "
                  "autotest_, unlike {}",
                  fmt::join(others, ", ")),
      "name them in task_config (dynamo_db_config.table_name, sosw_closed_tasks_table, "
      "sosw_retry_tasks_table) and meta_handler_config, or unset STAGE");
}

}  // namespace sosw::cloud
