// SPDX-License-Identifier: MIT
// Watches one life of an engine: it starts no more than it may, and nothing waits longer than it
// must.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/engine.h"
#include "simulation/invariants.h"
#include "simulation/world.h"

namespace sosw::simulation {

// Decides for itself, by what the engine has been told, what is due and when; never asks the engine
// or core. What an accident has touched is given a new beginning: only in clean time must anything
// be in time.
class Watch {
 public:
  struct Engine {
    const World& world;
    const Process& process;
    Invariants& invariants;
    const engine::Labourers& labourers;  // as it is configured
    std::int64_t watermark;
    bool alone;          // no other engine is on this store
    bool room_in_queue;  // positions are never used up
    // Places that its host has left for the labourer; negative: no limit.
    std::function<int(const Labourer&)> places;
    // Whether its host runs that claim of a task.
    std::function<bool(std::string_view, std::string_view)> runs;
    // Whether somebody in its process is closing the rows of a job, and may be held up.
    std::function<bool()> cancels;
    // What the store has, whoever is told of it.
    std::function<std::map<std::string, engine::LabourerStatus>()> truth;
    // How many alarms wait there.
    std::function<std::size_t()> alarms;
  };
  explicit Watch(Engine engine) : engine_(std::move(engine)) {}

  // --- What it is told

  void told(const std::map<std::string, engine::LabourerStatus>& all);
  // `asked`: when, by its clock.
  void told_health(Time asked, const Result<std::optional<double>>& load);
  void invoked(std::span<const engine::Invocation> invocations,
               const std::vector<engine::Invoked>& outcomes);
  // When its rule is due by its clock; nullopt: never.
  void rule_is_due(std::optional<Time> at) { rule_at_ = at; }

  // --- What it does

  // It wants to start so many; `now` by its clock.
  void asks(std::span<const engine::ClaimRequest> claims, Time now);
  void delivers(const engine::Alarm& alarm);
  // Before and after a pass of the loop. `woken`: not by time; `accidents`: how many there were so
  // far; `next`: when it wants to go on, by its clock.
  void pass_begins(bool woken, std::uint32_t accidents);
  void pass_ends(std::uint32_t accidents, bool alarms_wait, Time next);
  // Around an attempt to send what alarms wait.
  void sends_alarms(std::uint32_t accidents);
  void sent_alarms(bool all, std::uint32_t accidents);

  // Anybody has changed the store.
  void changed();
  // Its clock was set, or it stood still.
  void disturbed() { clean_since_.reset(); }

 private:
  enum Want : std::uint8_t { start, again, expire, archive, make, cancel };
  static constexpr std::size_t kWants = 6;
  // What the engine must remember of refusals, by its clock.
  struct Hold {
    int refusals = 0;  // in a row
    Time until{};
    double offset_s = 0;  // of the clock then
    bool blocked = false;
  };
  struct Mine {                                     // of one labourer
    std::array<std::optional<Time>, kWants> since;  // true time
    Hold hold;
    bool opens = false, closes = false;  // its gate, in this pass
    bool news = false;                   // and nobody knew of it
  };
  using About = std::pair<engine::Alarm::Kind, std::string>;

  // How many may run by health; nullopt: nobody can tell from here.
  [[nodiscard]] std::optional<int> by_health(const Labourer& labourer, Time now) const;
  // The most that may run by health, where that is not known exactly.
  [[nodiscard]] int most_by_health(const Labourer& labourer, Time now) const;
  [[nodiscard]] bool holds(const Mine& mine, Time now) const;
  void check();
  void check_gates();
  void check_alarms();
  void owes(engine::Alarm::Kind kind, const std::string& labourer_id);

  const Engine engine_;
  std::map<std::string, Mine, std::less<>> mine_;
  std::map<std::string, engine::LabourerStatus> told_;
  std::optional<Time> busy_since_;  // it knows that there is work
  std::optional<double> load_;      // the last that was known
  bool load_missing_ = true;
  std::optional<Time> load_at_;  // by its clock; none: not asked yet
  std::optional<Time> rule_at_;
  std::optional<Time> clean_since_;  // true time
  Time looked_{};                    // at the store
  Time pass_began_{};
  std::uint32_t accidents_ = 0;  // when the last pass began, or ended
  Time timed_from_{};
  int timed_ = 0;  // passes that only time has brought, since then
  // Alarms that are in no store.
  std::set<About> delivered_, owed_, owed_when_sending_;
  std::uint32_t accidents_before_sending_ = 0;
  bool sending_ = false;
  Time looked_at_alarms_{};
  std::optional<Time> alarms_since_;  // that lie in the store, true time
};

}  // namespace sosw::simulation
