// SPDX-License-Identifier: MIT
// The home that a command is about: its configuration, its data folder, its store.
#pragma once

#include <filesystem>
#include <memory>

#include "cli/assemble.h"
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

// Absolute.
std::filesystem::path data_folder(const Common& common);

// The store, to look at; no lock is taken, an engine may be running. Null when nothing has been
// stored yet.
Result<std::unique_ptr<engine::TaskStore>> open_to_read(const Common& common);
// Does what a request asks of an engine, one that runs or one that was made for it:
//   {"op": "schedule", "event": {...}, "key": text}     {"job_id", "rows", "already"}
//   {"op": "replay", "task_ids": [...]}                 {"replayed": [true, ...]}
//   {"op": "pause", "labourer_id": text, "paused": true}
//   {"op": "cancel", "job_id": text}
Result<json::object> perform(engine::Engine& engine, const json::object& request);

// The same by the engine that runs on the data folder; when none does, by this process, which holds
// the lock for that long. Waits a moment for another command that holds it.
Result<json::object> ask(const Common& common, const json::object& request);

}  // namespace sosw::cli
