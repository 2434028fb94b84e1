// SPDX-License-Identifier: MIT
// A store as one process reaches it: with every accident that can happen on the way.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ports.h"
#include "simulation/faults.h"

namespace sosw::simulation {

class FaultyStore final : public engine::TaskStore {
 public:
  struct Seen {
    // After each call that may have changed the store, at that moment; `now` as the caller gave it.
    std::function<void(Time now)> changed;
    // What the store said to each report, whether the caller learns it or not.
    std::function<void(const Report&, const engine::Reported&)> answered;
    // Before each call that may change the store; `now` as the caller gives it. May be empty.
    std::function<void(Time now)> begins{};
    // Before each exchange: what the engine wants to start. May be empty.
    std::function<void(std::span<const engine::ClaimRequest>, Time now)> asks{};
    // The caller has learned this. May be empty.
    std::function<void(const std::map<std::string, engine::LabourerStatus>&)> told{};
    // Whether the process has died in the midst of the call that was just made. May be empty.
    std::function<bool()> killed{};
    // The call has changed these tasks, it says (an exchange: has given out these claims). May be
    // empty.
    std::function<void(std::string_view call, const std::vector<std::string_view>&)> names{};
  };
  // All outlive this object. Only actors of `process` call.
  FaultyStore(engine::TaskStore& inner, World& world, Process& process, Faults& faults, Seen seen)
      : inner_(inner), world_(world), process_(process), faults_(faults), seen_(std::move(seen)) {}

  Result<engine::Accepted> accept(const engine::Job& job, std::int64_t make_now, Time now) override;
  Result<engine::Made> make_rows(std::string_view labourer_id, std::int64_t watermark,
                                 std::int64_t at_most, Time now) override;
  Result<engine::Exchanged> exchange(std::span<const Report> reports,
                                     std::span<const engine::ClaimRequest> claims,
                                     const engine::Labourers& labourers, Time now) override;
  Result<std::vector<bool>> release(std::span<const engine::Release> claims,
                                    const engine::Labourers& labourers, Time now) override;
  Result<std::vector<engine::Ended>> expire(const Labourer& labourer, std::int64_t at_most,
                                            const StillRunning& still_running, Time now) override;
  Result<std::vector<std::string>> requeue(std::string_view labourer_id, std::int64_t at_most,
                                           double longest_delay_s, Time now) override;
  Result<std::vector<std::string>> archive(std::string_view labourer_id, std::int64_t at_most,
                                           Time now) override;
  Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now) override;
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now) override;
  Result<std::vector<std::string>> cancelling() override;
  Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                    std::optional<std::string> blocked) override;
  Result<std::vector<engine::Alarm>> alarms(std::int64_t acknowledged,
                                            std::int64_t at_most) override;
  Result<std::map<std::string, engine::LabourerStatus>> status() override;
  Result<std::vector<Task>> tasks(const engine::TaskQuery& query) override;
  Result<std::vector<engine::JobStatus>> jobs(std::optional<std::string> job_id,
                                              std::int64_t limit) override;

 private:
  void begins(Time now) const {
    if (seen_.begins) seen_.begins(now);
  }
  // Faults::call, of which nobody hears any more when the store has killed who made it.
  template <class Effect, class Partly>
  auto call(Method method, const Effect& effect, const Partly& partly)
      -> std::invoke_result_t<Effect> {
    const auto survive = [this] {
      if (seen_.killed && seen_.killed()) world_.die();
    };
    return faults_.call(
        process_, method,
        [&] {
          auto answer = effect();
          survive();
          return answer;
        },
        [&] {
          partly();
          survive();
        });
  }
  template <class Effect>
  auto call(Method method, const Effect& effect) {
    return call(method, effect, [] {});
  }

  template <class List, class Name>
  void names(std::string_view call, const List& list, const Name& name) const {
    if (!seen_.names) return;
    std::vector<std::string_view> all;
    for (const auto& one : list) all.push_back(name(one));
    seen_.names(call, all);
  }
  engine::TaskStore& inner_;
  World& world_;
  Process& process_;
  Faults& faults_;
  const Seen seen_;
};

}  // namespace sosw::simulation
