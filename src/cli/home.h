// SPDX-License-Identifier: MIT
// The home that a command is about: its configuration, its data folder, its store.
#pragma once

#include <filesystem>
#include <memory>

#include "cli/assemble.h"
#include "cli/aws_home.h"
#include "cli/command.h"
#include "core/result.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "local/home_config.h"
#include "local/system_clock.h"

namespace sosw::cli {

using local::SystemClock;

// Errors: invalid, also for a file that is not there, since every command that asks needs it.
Result<local::HomeConfig> read_config(const Common& common);

// What commands need of the configuration of either home. Errors: those of read_config() and
// AwsHome::open().
struct Configured {
  engine::Labourers labourers;
  engine::Scheduler::Settings scheduler;
  engine::TaskManager::Settings durations;
};
Result<Configured> read_configured(const Common& common);

// The home on AWS, opened at the first call. REQUIRES: --aws. Errors: those of AwsHome::open();
// invalid: with --data.
Result<AwsHome*> aws_home(const Common& common);

// At home always. On AWS it is that of the function, unless it is configured.
bool timeout_is_known(const Common& common, const Labourer& labourer);

// Absolute.
std::filesystem::path data_folder(const Common& common);

// The store of either home, to look at; no lock is taken, an engine may be running. Null when
// nothing has been stored yet.
Result<std::shared_ptr<engine::TaskStore>> open_to_read(const Common& common);
// Does what a request asks of an engine, one that runs or one that was made for it:
//   {"op": "schedule", "event": {...}, "key": text}     {"job_id", "rows", "already"}
//   {"op": "replay", "task_ids": [...]}                 {"replayed": [true, ...]}
//   {"op": "pause", "labourer_id": text, "paused": true}
//   {"op": "cancel", "job_id": text}
Result<json::object> perform(engine::Engine& engine, const json::object& request);

// The same by the engine that runs on the data folder; when none does, by this process, which holds
// the lock for that long. Waits a moment for another command that holds it. With --aws by this
// process on the tables.
Result<json::object> ask(const Common& common, const json::object& request);

}  // namespace sosw::cli
