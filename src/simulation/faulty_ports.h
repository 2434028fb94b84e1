// SPDX-License-Identifier: MIT
// The small ports as one process reaches them: with every accident that can happen on the way.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/ports.h"
#include "simulation/faults.h"
#include "simulation/log.h"
#include "simulation/workers.h"

namespace sosw::simulation {

// What comes back and what arrives are independent of each other.
class FaultyInvoker final : public engine::Invoker {
 public:
  // `host_of`: the process that runs the workers of a labourer; null: they run elsewhere.
  // `trouble`: percent of invocations that do not simply succeed.
  // All may be empty.
  struct Seen {
    // Called with each invocation, whatever becomes of it.
    std::function<void(const engine::Invocation&)> handed_over{};
    // The caller has learned this.
    std::function<void(std::span<const engine::Invocation>, const std::vector<engine::Invoked>&)>
        answered{};
    // How every invocation of that labourer is refused now; nullopt: it is not.
    std::function<std::optional<engine::Invoked::Outcome>(const Labourer&)> refuses{};
  };
  FaultyInvoker(World& world, Process& process, Faults& faults, Log& log, Workers& workers,
                std::uint32_t trouble, Seen seen)
      : world_(world),
        process_(process),
        faults_(faults),
        log_(log),
        workers_(workers),
        trouble_(trouble),
        seen_(std::move(seen)) {}

  std::vector<engine::Invoked> invoke(std::span<const engine::Invocation> invocations) override;
  int free_slots(const Labourer& labourer) override;
  bool running(std::string_view task_id, std::string_view claim) override {
    return workers_.runs(process_, task_id, claim);
  }

 private:
  engine::Invoked invoke_one(const engine::Invocation& invocation);
  void deliver(const engine::Invocation& invocation, double in_s);

  World& world_;
  Process& process_;
  Faults& faults_;
  Log& log_;
  Workers& workers_;
  const std::uint32_t trouble_;
  const Seen seen_;
};

// Every value is the same one, or none.
class FaultyMetrics final : public engine::MetricSource {
 public:
  using Value = Result<std::optional<double>>;
  // `told`: called with what the caller learns, and when he asked by his clock.
  FaultyMetrics(Process& process, Faults& faults, const Value& value,
                std::function<void(Time, const Value&)> told)
      : process_(process), faults_(faults), value_(value), told_(std::move(told)) {}
  std::vector<Result<std::optional<double>>> values(std::span<const json::object> details, Time now,
                                                    const std::stop_token& stop) override;

 private:
  Process& process_;
  Faults& faults_;
  const Value& value_;
  const std::function<void(Time, const Value&)> told_;
};

class FaultyNotifier final : public engine::Notifier {
 public:
  // `delivered`: called with each alarm that somebody gets; may be empty.
  FaultyNotifier(World& world, Process& process, Faults& faults, Log& log,
                 std::function<void(const engine::Alarm&)> delivered = {})
      : world_(world),
        process_(process),
        faults_(faults),
        log_(log),
        delivered_(std::move(delivered)) {}
  Result<void> notify(std::span<const engine::Alarm> alarms, const std::stop_token& stop) override;

 private:
  void deliver(std::span<const engine::Alarm> alarms);
  World& world_;
  Process& process_;
  Faults& faults_;
  Log& log_;
  const std::function<void(const engine::Alarm&)> delivered_;
};

class FaultyAuditLog final : public engine::AuditLog {
 public:
  FaultyAuditLog(Process& process, Faults& faults) : process_(process), faults_(faults) {}
  void append(std::span<const engine::AuditEvent> events) override;

 private:
  Process& process_;
  Faults& faults_;
};

// Whether the workers of that labourer are children of the engine's process.
[[nodiscard]] inline bool is_child(const Labourer& labourer) {
  return labourer.on_restart != OnRestart::wait;
}

}  // namespace sosw::simulation
