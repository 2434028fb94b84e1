// SPDX-License-Identifier: MIT
// Starts the number of invocations that each labourer and the systems behind it can bear.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/ecology_manager.h"
#include "engine/ports.h"

namespace sosw::engine {

// Something that was left out, and why. The pass went on without it.
struct Skipped {
  std::string labourer_id;
  std::string reason;
};

class Orchestrator {
 public:
  struct Settings {
    Coefficients coefficients{{0, 0.0}, {1, 0.0}, {2, 0.5}, {3, 0.75}, {4, 1.0}};
    int claim_batch = 1000;  // claims in one transaction
  };
  // The ports outlive this object; `audit` may be null. One thread calls.
  Orchestrator(TaskStore& store, Invoker& invoker, const EcologyManager& ecology,
               const Clock& clock, AuditLog* audit, Settings settings);

  struct Pass {
    std::vector<Reported> reported;  // one for each report given
    int started = 0;
    std::vector<std::string>
        short_of;  // labourers that gave fewer than asked: nothing queued, or the limit
    std::vector<std::string> held_up;  // see Exchanged
    // A claim was cut by claim_batch, or to the one that finds out about a blocked labourer: call
    // again.
    bool full_batch = false;
    std::optional<Time> next;  // when a labourer that is held back now may go on
    std::vector<Skipped> skipped;
    bool may_have_died = false;  // a claim was given back by which a task may be dead now
  };
  // Stores the reports and claims for the labourers named in `which`, in one exchange; then invokes
  // what was claimed. Error: the store did not take it; then nothing was reported or claimed and
  // the caller repeats it later.
  Result<Pass> orchestrate(const Labourers& labourers, std::span<const std::string_view> which,
                           std::span<const Report> reports);

  // Number of invocations that may run at a time now: floor(limit * coefficient(status)); 0 while
  // paused, held back or before the metrics are known.
  [[nodiscard]] int get_desired_invocation_number_for_labourer(const Labourer& labourer,
                                                               Time now) const;

  // Claims to give back to the store; the next pass does, and goes on trying until the store takes
  // them.
  void owe(std::vector<Release> claims);
  // Those that are owed now, for somebody else to give back: this object forgets them.
  [[nodiscard]] std::vector<Release> take_owed();

  // Takes over what the store says of labourers (paused, blocked). Call at the start and after
  // somebody has changed it.
  void look_at_gates(const std::map<std::string, LabourerStatus>& status);

  // Labourers that became blocked since the last call, for alarms.
  [[nodiscard]] std::vector<Alarm> take_alarms();

 private:
  struct Hold {
    bool paused = false;
    bool blocked = false;
    int refusals = 0;  // in a row
    Time until{};      // held back until then
    [[nodiscard]] bool waits(Time now) const;
  };
  [[nodiscard]] bool held_back(const std::string& id, Time now) const;
  void hold_back(const Labourer& labourer, Invoked::Outcome outcome, const std::string& reason,
                 Time now);
  void invoke(const Labourers& labourers, std::vector<Claimed> claimed, Pass& pass);
  void give_back(std::vector<Release> releases, const Labourers& labourers, Pass& pass);

  TaskStore& store_;
  Invoker& invoker_;
  const EcologyManager& ecology_;
  const Clock& clock_;
  AuditLog* audit_;
  Settings settings_;
  std::map<std::string, Hold, std::less<>> holds_;
  std::vector<Release> owed_;  // releases that the store did not take yet
  std::vector<Alarm> alarms_;
};

}  // namespace sosw::engine
