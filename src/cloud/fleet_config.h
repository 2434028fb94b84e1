// SPDX-License-Identifier: MIT
// What the configuration documents of the original say, in typed values.
#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/table_store.h"
#include "core/labourer.h"
#include "core/result.h"
#include "engine/orchestrator.h"
#include "engine/scavenger.h"
#include "engine/scheduler.h"
#include "engine/task_manager.h"

namespace sosw::cloud {

// `task_config` of the Essentials, which is also what the TaskManager of a worker is made of.
struct TaskConfig {
  // Names of tables, indexes and fields, positions. Not set: holder, nonce, pause, and what else
  // belongs to the process.
  TableStore::Options tables;
  engine::TaskManager::Settings durations;
  // In the order of the configuration, those that are sound. An attempt of theirs counts as expired
  // `duration` + `cooldown` after its claim.
  std::vector<Labourer> labourers;
  std::vector<Error> bad_labourers;   // the others: nothing is started or moved for them
  std::vector<std::string> warnings;  // keys that mean nothing
};

// Errors: invalid, for each mistake outside of `labourers`: with other tables than the ones that
// were meant nothing can be right.
[[nodiscard]] Result<TaskConfig> read_task_config(const json::object& task_config);

// All that is configured for the four Essentials.
struct FleetConfig {
  TaskConfig tasks;
  engine::Labourers labourers;  // those of `tasks`, by id
  engine::Orchestrator::Settings orchestrator;
  engine::Scavenger::Settings scavenger;
  engine::Scheduler::Settings scheduler;
  json::object default_metric_values;  // of `ecology_config`; over the original's defaults

  bool audit = true;  // `meta_handler_config.write_meta_to_ddb`
  std::string audit_table = "sosw_tasks_meta";
  // Where alarms go; both may be empty: then they wait in the store.
  std::string alarm_topic;    // `sns_config.recipient`
  std::string alarm_subject;  // `sns_config.subject`; empty: the notifier's own
  std::string alarm_function;
  // Where a Scheduler of the original leaves its queue files. No bucket: none is looked for.
  std::string queue_bucket, queue_prefix = "sosw/scheduler";
  std::string queue_file = "tasks_queue.txt";  // pattern of their names
  bool take_locked_queue_files = false;
  double run_s =
      50;  // that a run of the Orchestrator goes on for while there is something to start
};

// The documents from the weakest to the strongest: `sosw_essential_config`, then the one of the
// function ("sosw_orchestrator_config"); an absent one is an empty object. They are merged by
// recursive_update(); `labourers` at the top of a document wins over its `task_config.labourers`,
// as does `task_config.dynamo_db_config` over one at the top. Errors: as read_task_config().
[[nodiscard]] Result<FleetConfig> read_fleet_config(std::span<const json::object> documents);

// In a test only tables may be touched whose names begin with "autotest_", as in the original.
// Error: invalid, with those that do not.
[[nodiscard]] Result<void> only_tables_of_tests(const FleetConfig& config);

}  // namespace sosw::cloud
