// SPDX-License-Identifier: MIT
// See simulation.h.
#include "simulation/simulation.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <numeric>

#include "simulation/fleet.h"
#include "simulation/home.h"

namespace sosw::simulation {
namespace {

// By then the slowest of them is done: the longest expiry and the longest delay for each attempt,
// and a clock that was far ahead.
constexpr double kTimeToEnd = 6000;

// The engine tells its log of every accident; here they are meant.
class Silence {
 public:
  Silence() : before_(spdlog::get_level()) { spdlog::set_level(spdlog::level::off); }
  ~Silence() { spdlog::set_level(before_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  spdlog::level::level_enum before_;
};

template <class Place>
bool live(Place& place, World& world, Invariants& invariants, const Settings& settings) {
  place.begin();
  bool over = false;
  const bool whole = settings.only == 0;
  world.run(after(place.calm_at(), kTimeToEnd), whole ? settings.most_steps : settings.only, [&] {
    place.after_event();
    over = invariants.broken().has_value() || (world.calm() && place.settled());
    return over;
  });
  if (!whole && !over) return true;  // the end was not wanted
  if (!invariants.broken()) {
    invariants.at_the_end(place.waiting_alarms());
    if constexpr (requires { place.at_the_end(); }) place.at_the_end();
  }
  return over;
}

// A task that was made directly has another id when it waited folded: it is called by its number.
History history_of(const Log& log, const Snapshot& at_the_end) {
  History history;
  std::map<std::size_t, std::string> direct;  // by job
  for (std::size_t i = 0; i < at_the_end.jobs.size(); ++i) {
    const JobRow& job = at_the_end.jobs[i];
    if (job.key.empty()) direct[i] = fmt::format("direct {}", direct.size() + 1);
    history.jobs[job.key.empty() ? direct[i] : job.id] = {job.rows, job.done, job.dead,
                                                          job.cancelled};
  }
  std::map<std::string_view, std::string_view> called;  // by id
  for (const TaskRow& task : at_the_end.tasks) {
    const auto known = direct.find(task.job);
    called[task.id] = known == direct.end() ? task.id : known->second;
    history.ended[std::string(called[task.id])] = {task.state, task.attempts};
  }
  for (const Started& one : log.started)
    history.started[one.labourer_id].emplace_back(called.at(one.task_id));
  return history;
}

}  // namespace

Taken& Taken::operator+=(const Taken& other) {
  for (std::size_t method = 0; method < kMethods; ++method) {
    for (std::size_t fault = 0; fault < kFaults; ++fault)
      faults[method][fault] += other.faults[method][fault];
  }
  for (const auto& [name, count] : other.dynamodb) dynamodb[name] += count;
  transitions.resize(std::max(transitions.size(), other.transitions.size()));
  for (std::size_t row = 0; row < other.transitions.size(); ++row)
    transitions[row] += other.transitions[row];
  return *this;
}

std::uint64_t Taken::accidents() const {
  std::uint64_t all = 0;
  for (const auto& method : faults) all += std::accumulate(method.begin(), method.end(), all * 0);
  for (const auto& [name, count] : dynamodb) all += static_cast<std::uint64_t>(count);
  return all;
}

namespace {

bool far_away(Choices& choices) { return choices.below(2, "simulate") == 1; }

}  // namespace

Settings::Place place_of(std::uint64_t seed) {
  Choices choices(seed);
  return far_away(choices) ? Settings::Place::fleet : Settings::Place::home;
}

Outcome simulate(const Settings& settings, Choices& choices) {
  const Silence silence;
  using Where = Settings::Place;
  const bool at_aws =
      settings.place == Where::either ? far_away(choices) : settings.place == Where::fleet;
  World world(choices, settings.traced);
  Faults faults(world);
  Log log;
  Invariants invariants(log);
  bool over = false;
  std::map<std::string, std::int64_t> dynamodb;
  if (at_aws) {
    Fleet fleet(world, faults, log, invariants);
    over = live(fleet, world, invariants, settings);
    dynamodb = fleet.faults_of_dynamodb();
  } else {
    Home home(world, faults, log, invariants, settings.home_store);
    over = live(home, world, invariants, settings);
  }
  if (!over && !invariants.broken())
    invariants.breaks("progress", fmt::format("no end after {} steps", world.events()));
  Outcome outcome;
  outcome.broken = invariants.broken();
  outcome.steps = world.events();
  outcome.lasted_s = std::chrono::duration<double>(world.now() - kBeginning).count();
  outcome.taken = {
      faults.taken(), std::move(dynamodb), {invariants.taken().begin(), invariants.taken().end()}};
  outcome.trace = world.trace();
  if (settings.history) outcome.history = history_of(log, invariants.latest());
  if (outcome.broken && settings.traced)
    outcome.trace.push_back(
        {outcome.lasted_s, "BROKEN",
         fmt::format("{}: {}", outcome.broken->invariant, outcome.broken->what)});
  return outcome;
}

Recorded simplest(const Settings& settings, const Choices& failing, const std::string& invariant,
                  int most_runs) {
  const auto still_fails = [&](Recorded& recorded) {
    Choices choices(recorded);
    const Outcome outcome = simulate(settings, choices);
    if (!outcome.broken || outcome.broken->invariant != invariant) return false;
    recorded = choices.taken();
    return true;
  };
  return shrink(failing.taken(), still_fails, most_runs);
}

Choices::Named named(const Settings& settings, const Recorded& recorded) {
  Choices choices(recorded);
  choices.keep_names();
  (void)simulate(settings, choices);
  return choices.taken_by_name();
}

std::string story(const std::vector<TraceLine>& trace) {
  std::size_t width = 0;
  for (const TraceLine& line : trace) width = std::max(width, line.actor.size());
  std::string text;
  for (const TraceLine& line : trace)
    text += fmt::format("{:10.3f}  {:{}}  {}\n", line.at, line.actor, width, line.what);
  return text;
}

}  // namespace sosw::simulation
