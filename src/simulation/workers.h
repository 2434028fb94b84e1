// SPDX-License-Identifier: MIT
// Workers of every character, and the ways their words take to an engine.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/ports.h"
#include "simulation/world.h"

namespace sosw::simulation {

class Workers {
 public:
  // How a worker is heard. All are called outside of actors.
  struct Ways {
    // Calls the WorkerAssistant: of that host, or of any engine that lives (null). `known_claim`:
    // what the host adds. `answered`: once, with whether a good answer came.
    std::function<void(Process* host, json::object event, std::string known_claim,
                       std::function<void(bool)> answered)>
        call_assistant;
    // The host has seen the end of an attempt, and tells its engine this.
    std::function<void(Process& host, std::vector<Report>)> ended;
    // Whether one that no host runs may begin: calls `begin` later, or never. Empty: all may.
    std::function<void(const engine::Invocation&, std::function<void()> begin)> admit{};
  };
  Workers(World& world, Ways ways);

  // The event arrives at a worker now. `host`: the process that runs it and dies with it; null: it
  // runs somewhere else.
  void deliver(const engine::Invocation& invocation, Process* host);
  // That attempt runs on this host.
  [[nodiscard]] bool runs(const Process& host, std::string_view task_id,
                          std::string_view claim) const;
  // Ends all that the host runs; nobody hears of it. Gives what it was.
  struct Attempt {
    std::string task_id, claim;
  };
  std::vector<Attempt> kill(const Process& host);
  [[nodiscard]] int at_work(const Process& host) const;

 private:
  struct Run {
    std::string task_id, claim;
    Process* host;
    double timeout_s;
    std::string name;  // of its choices: they do not depend on what others do
    bool alive = true;
    int tries = 0;
  };
  using RunPtr = std::shared_ptr<Run>;
  void begin(const RunPtr& run, double lifetime);
  void later(const RunPtr& run, double seconds, std::function<void()> what);
  void complete(const RunPtr& run, bool knows_its_claim);
  void fail(const RunPtr& run, bool knows_its_claim, bool tells_itself);
  void tell(const RunPtr& run, Report::Kind kind, bool knows_its_claim, std::function<void()> then);
  void end(const RunPtr& run, std::vector<Report> reports);
  double some_time(const RunPtr& run, double longest_s);

  World& world_;
  const Ways ways_;
  std::uint32_t trouble_;  // percent of runs that do not simply succeed
  bool all_fail_;          // until the calm
  std::vector<RunPtr> at_work_;
};

}  // namespace sosw::simulation
