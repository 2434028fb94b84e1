// SPDX-License-Identifier: MIT
// The parts of one home for benchmarks: a store with queued tasks, an engine.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "engine/engine.h"
#include "local/sqlite_store.h"
#include "local/system_clock.h"
#include "process.h"
#include "simulation/model_ports.h"

namespace sosw::bench {

using Synchronous = local::StoreOptions::Synchronous;

inline const std::string kLabourer = "bench";

// A job of `rows` tasks on two levels, with payloads of about 190 bytes. REQUIRES: rows is a
// multiple of 1000, or below that.
[[nodiscard]] json::object two_level_job(int rows);
[[nodiscard]] json::object job_schema();
// `command`: empty when the workers are functions of this program.
[[nodiscard]] engine::Labourers one_labourer(int limit, const std::string& command = {});

[[nodiscard]] std::unique_ptr<local::SqliteStore> open_store(const std::filesystem::path& folder,
                                                             Synchronous synchronous);
// Queues a job and makes all of its rows, `batch` in one transaction. The seconds that the writing
// took.
double queue_rows(engine::TaskStore& store, const engine::Labourers& labourers, int rows,
                  int batch);

// What an engine needs beside store and workers.
struct Surroundings {
  local::SystemClock clock;
  simulation::ModelMetrics metrics;
  simulation::RecordingNotifier notifier;
};
[[nodiscard]] std::unique_ptr<engine::Engine> make_engine(engine::TaskStore& store,
                                                          engine::Invoker& invoker,
                                                          Surroundings& surroundings,
                                                          const engine::Labourers& labourers);

}  // namespace sosw::bench
