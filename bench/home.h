// SPDX-License-Identifier: MIT
// The parts of one home for benchmarks: a store with queued tasks, an engine, programs beside us.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "local/sqlite_store.h"
#include "local/system_clock.h"
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

// A program that lies beside this one.
[[nodiscard]] std::string program(const std::string& name);

class Process {
 public:
  // `output`: becomes its stdout; -1: ours. Its environment is `environment` alone.
  Process(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
          int output = -1);
  ~Process();  // ends it with SIGTERM
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Waits for its end, which must be exit code 0.
  rusage wait();

 private:
  std::string name_;
  pid_t pid_ = -1;
};

}  // namespace sosw::bench
