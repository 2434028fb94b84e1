// SPDX-License-Identifier: MIT
// One run of the system under accidents: from a seed, or from recorded choices.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "simulation/choices.h"
#include "simulation/faults.h"
#include "simulation/home_store.h"
#include "simulation/invariants.h"
#include "simulation/shrink.h"
#include "simulation/world.h"

namespace sosw::simulation {

struct Settings {
  std::uint64_t most_steps = 200'000;  // events; a run that needs more makes no progress
  std::uint64_t only = 0;              // judge no more than so many first steps; 0: all
  bool traced = false;                 // tell the story
  bool history = false;                // and what has become of everything
  // home: one machine; fleet: the Essentials as functions over DynamoDB; either: the run chooses.
  enum class Place : std::uint8_t { either, home, fleet } place = Place::either;
  MakeHomeStore home_store{};  // empty: the model
};

// What happened on the way, and how often; of one run or of many.
struct Taken {
  FaultCounts faults{};  // on the callers' side of the ports
  // What DynamoDB itself did to a request: "write: conflict". Of the fleet only.
  std::map<std::string, std::int64_t> dynamodb;
  std::vector<std::uint64_t> transitions;  // rows of transitions()

  Taken& operator+=(const Taken& other);
  [[nodiscard]] std::uint64_t accidents() const;  // all faults, those that only slow down too
};

// What has become of a run, whatever it took. A task that was made directly is called "direct N".
struct History {
  std::map<std::string, std::vector<std::string>> started;  // tasks by labourer, in order
  std::map<std::string, std::pair<State, int>> ended;       // tasks: how, after how many attempts
  std::map<std::string, std::array<std::int64_t, 4>> jobs;  // rows, done, dead, cancelled
  bool operator==(const History&) const = default;
};

struct Outcome {
  std::optional<Broken> broken;
  std::vector<TraceLine> trace;
  std::uint64_t steps = 0;
  double lasted_s = 0;  // simulated
  Taken taken;
  History history;  // told when the settings ask for it
};

// Where the run of a seed happens when the settings leave it to the seed.
[[nodiscard]] Settings::Place place_of(std::uint64_t seed);

[[nodiscard]] Outcome simulate(const Settings& settings, Choices& choices);

// The simplest run that breaks the same invariant. Takes at most `most_runs` runs.
[[nodiscard]] Recorded simplest(const Settings& settings, const Choices& failing,
                                const std::string& invariant, int most_runs = 20000);

// The same run by the names of its choices.
[[nodiscard]] Choices::Named named(const Settings& settings, const Recorded& recorded);

// A line for each line of the trace, as a person reads it.
[[nodiscard]] std::string story(const std::vector<TraceLine>& trace);

}  // namespace sosw::simulation
