// SPDX-License-Identifier: MIT
// One warm or cold Lambda environment of an Essential: a process with its own clock and its own
// store on the tables.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "cloud/audit_log.h"
#include "cloud/essentials.h"
#include "cloud/table_store.h"
#include "simulation/faulty_ports.h"
#include "simulation/faulty_store.h"
#include "simulation/faulty_tables.h"
#include "simulation/python_essentials.h"

namespace sosw::simulation {

// What all of a fleet reach. All outlive it.
struct Surroundings {
  World& world;
  Faults& faults;
  Log& log;
  ModelTables& tables;
  Workers& workers;
  const Result<std::optional<double>>& metric;
  std::uint32_t invoke_trouble = 0;
  cloud::Essentials::Settings settings{};
  std::int64_t task_step = kTaskStep;
  std::size_t most_pending = cloud::TableStore::Options().most_pending;
  std::int64_t index_lag_s = 5;  // what the stores expect
  std::int64_t largest_payload = cloud::TableStore::Options().largest_payload;
  double latency_s = 0;
  FaultyTables::Changed changed{};
  std::function<void(const Report&, const engine::Reported&)> answered{};
  std::function<void(const Process&)> begins{};
  // A call of a store has changed these, it says; it had an answer to each of its requests.
  std::function<void(const Caller&, std::string_view call, const std::vector<std::string_view>&)>
      names{};
  // An event is handed over by one of ours.
  std::function<void(const engine::Invocation&)> handed_over{};
  // Whether what stands behind a labourer refuses every invocation, and how.
  std::function<std::optional<engine::Invoked::Outcome>(const Labourer&)> refuses{};
  // An Orchestrator has come to its end, and all its requests had an answer that counts.
  std::function<void(const Process&)> orchestrated{};
};

class Container {
 public:
  // worker_assistant: its role reaches no table but that of the tasks. original: it runs one of the
  // Essentials of the original.
  enum class Kind : std::uint8_t { essential, worker_assistant, original };
  Container(Surroundings& around, std::string name, Kind kind);
  ~Container();
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  [[nodiscard]] Process& process() { return process_; }
  [[nodiscard]] bool busy() const { return busy_; }
  // One invocation: of the objects that are there (warm) or, when it is dead, of new ones,
  // configured so. `body` may die anywhere. `over`: once, outside of actors, whether the body has
  // come to its end and given true. REQUIRES: not busy.
  using Labourers = std::shared_ptr<const engine::Labourers>;
  void invoke(const Labourers& configured, std::function<bool(Container&)> body,
              std::function<void(bool)> over);
  // The environment is given up.
  void kill();

  // --- For the body

  // One pass of each Essential over all labourers, as its handler does. False: something failed.
  bool orchestrate();
  bool scavenge();
  // Makes rows of open jobs for so long.
  bool continue_jobs(double at_most_s);
  Result<engine::Accepted> schedule(const json::value& event, std::string key);

  // By a worker, whose claim may be known. The answer is good.
  bool report(const json::object& event);
  // The original's Scheduler: one row, over whatever is there.
  bool create_task(std::string_view labourer_id, std::string_view task_id);

  // Of ours:
  engine::TaskStore& store() { return *store_; }
  cloud::TableStore& table_store() { return *table_store_; }
  engine::TaskManager& task_manager() { return essentials_->task_manager(); }
  [[nodiscard]] const engine::Labourers& labourers() const { return *caller_.labourers; }

 private:
  void begin(const Labourers& configured);
  bool orchestrate_original();
  bool scavenge_original();
  void died();
  void end(bool good);

  Surroundings& around_;
  World& world_;
  Process process_;
  const Kind kind_;
  Faults none_;
  Caller caller_;
  bool busy_ = false;
  int begun_ = 0, runs_ = 0;
  std::function<void(bool)> over_;
  std::unique_ptr<FaultyTables> tables_;
  std::unique_ptr<cloud::TableStore> table_store_;
  std::unique_ptr<FaultyStore> store_;
  std::unique_ptr<FaultyInvoker> invoker_;
  std::unique_ptr<FaultyMetrics> metrics_;
  std::unique_ptr<FaultyNotifier> notifier_;
  std::unique_ptr<cloud::AuditLog> audit_;
  std::unique_ptr<cloud::Essentials> essentials_;
  std::unique_ptr<PythonEssentials> original_;
};

}  // namespace sosw::simulation
