// SPDX-License-Identifier: MIT
// What each Essential does in one invocation, over the ports. The functions on AWS run it, and so
// does the simulation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/table_store.h"
#include "engine/ecology_manager.h"
#include "engine/orchestrator.h"
#include "engine/ports.h"
#include "engine/scavenger.h"
#include "engine/scheduler.h"
#include "engine/task_manager.h"

namespace sosw::cloud {

// What an invocation has done.
struct RunReport {
  std::int64_t looks = 0;      // passes over the labourers
  std::int64_t rows_made = 0;  // of jobs
  std::int64_t started = 0;
  std::int64_t archived = 0, expired = 0, retried = 0, dead = 0;
  std::int64_t alarms_sent = 0;
  bool more = false;    // time was up before all was done
  bool failed = false;  // the store refused a whole pass, or alarms could not be delivered
  std::vector<engine::Skipped> skipped;  // what was left out; the run went on without it

  void skip(std::string labourer_id, std::string reason);
  void add(RunReport other);
};

// One object for each warm environment: it remembers holds of labourers and what it owes. One
// invocation at a time.
class Essentials {
 public:
  // All outlive it; `audit` may be null. `store` is `tables` itself, or something that stands
  // before it.
  struct Ports {
    engine::TaskStore& store;
    TableStore& tables;
    engine::Invoker& invoker;
    engine::MetricSource& metrics;
    engine::Notifier& notifier;
    const engine::Clock& clock;
    engine::AuditLog* audit = nullptr;
  };
  struct Settings {
    engine::Orchestrator::Settings orchestrator;
    engine::Scavenger::Settings scavenger;
    engine::TaskManager::Settings task_manager;
    engine::Scheduler::Settings scheduler;
    std::int64_t alarms_at_once = 100;  // in one message
    std::int64_t closed_at_once = 100;  // rows of a cancelled job in one call
    double make_rows_s = 5;             // at most so long at the beginning of other work
    // Between two looks for labourers that are configured no more and still have tasks; 0: none.
    double orphans_every_s = 0;
    std::size_t lanes = 1;                // labourers that are worked on at the same time
    std::function<void(double)> sleep{};  // seconds; between two looks of a run. None: one look
  };
  Essentials(Ports ports, Settings settings);
  ~Essentials();

  // Starts what may start, and looks again until the end of its time, as long as something was
  // started or waits behind a limit. Only the first look at each labourer may be after `until`;
  // after `latest` nothing is begun. The next run begins with those that were not looked at.
  RunReport orchestrate(const engine::Labourers& labourers, Time until, Time latest = Time::max());
  // Archives, ends, brings back and alarms until nothing of it is left to do or its time is over.
  // `until` and `latest` as of orchestrate().
  RunReport scavenge(const engine::Labourers& labourers, Time until, Time latest = Time::max());
  // Makes rows of open jobs of these labourers.
  RunReport continue_jobs(const engine::Labourers& labourers, Time until);
  // See Scheduler::schedule(). Most rows are made by continue_jobs().
  Result<engine::Accepted> schedule(const engine::Labourers& labourers, const json::value& event,
                                    std::string key);
  // One report of a worker, or its question whether it may start: see WorkerAssistant::call().
  Result<json::object> assist(const engine::Labourers& labourers, const json::value& event);

  // What this object owes, for the one that takes its place: a configuration has changed. Then it
  // owes nothing any more.
  struct Owed {
    std::vector<engine::Alarm> alarms;    // that are in no store
    std::vector<engine::Release> claims;  // under which nothing runs
    std::set<std::string> orphans_told;
  };
  [[nodiscard]] Owed take_owed();
  void owe(Owed owed);

  [[nodiscard]] engine::TaskManager& task_manager() { return task_manager_; }

 private:
  static Settings in_small_steps(Settings settings);

  using Names = std::vector<std::string_view>;
  using Status = std::map<std::string, engine::LabourerStatus>;
  struct Lane {
    std::unique_ptr<engine::Orchestrator> orchestrator;  // of its own labourers
    std::string next;  // with which the next run begins, for the time of the last one was over
  };
  // The names whose share the lane is, done by `work` on a thread of its own for each but the first
  // one.
  RunReport in_lanes(const Names& names, const std::function<RunReport(Lane&, const Names&)>& work);
  RunReport start_tasks(Lane& lane, const engine::Labourers& labourers, const Names& names,
                        Time until, Time latest);
  RunReport clear_up(Lane& lane, const engine::Labourers& labourers, const Names& names, Time until,
                     Time latest);
  // From any lane: the others do not wait for it. Not more often than is of use.
  void look_at_health(RunReport& run, const engine::Labourers& labourers);
  void make_rows(RunReport& run, const Status& glance, Time until);
  void finish_cancellations(RunReport& run, Time until, Time latest);
  void look_for_orphans(RunReport& run, const engine::Labourers& labourers, Time latest);
  void give_back_claims(RunReport& run, const engine::Labourers& labourers);
  void send_stored_alarms(RunReport& run, Time latest);
  void send_direct_alarms(RunReport& run);

  Ports ports_;
  Settings settings_;
  engine::EcologyManager ecology_;
  engine::TaskManager task_manager_;
  engine::Scheduler scheduler_;
  engine::Scavenger scavenger_;
  std::vector<Lane> lanes_;
  Owed owed_;
  std::int64_t last_direct_ = 0;  // number of an alarm that is in no store; they fall
  std::string rows_made_for_;     // the labourer that was the last one
  std::mutex health_mutex_;       // of the next
  Time health_at_{};
  std::set<std::string, std::less<>> remembered_;  // labourers that are noted in the tables
  Time looked_for_orphans_{};
};

}  // namespace sosw::cloud
