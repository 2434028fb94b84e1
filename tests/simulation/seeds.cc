// SPDX-License-Identifier: MIT
// Runs seeds of the simulation, and stops at the first one that breaks an invariant, with its story
// made as short as it can be.
//   simulation_seeds FIRST COUNT [--home|--fleet] [--without-guards NAME,... [--covered-by
//   NAME,...]]
//                                   covered: both are off, and a run counts that the others alone
//                                   being off does not break
//   simulation_seeds FIRST COUNT --only-home|--only-fleet ...   leaves out the others of these
//   simulation_seeds FIRST 1 [--home|--fleet] --story   prints it, whatever becomes of it
//   simulation_seeds FIRST COUNT ... --keep FILE    writes the run that breaks as a named trace
//   simulation_seeds --shard N OF   its part of SOSW_SIMULATION_SEEDS (20,000) seeds from
//                                   SOSW_SIMULATION_FIRST (0) on; together they must meet every
//                                   fault at every method and every transition
//   simulation_seeds --soak N OF    fresh seeds for SOSW_SOAK_MINUTES, others in each part
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/guard.h"
#include "core/lifecycle.h"
#include "simulation/kept_trace.h"
#include "simulation/simulation.h"

namespace sosw::simulation {
namespace {

struct Arguments {
  std::uint64_t first = 0, count = 1;
  double minutes = 0;  // 0: by count
  std::string without_guards, covered_by;
  std::string keep;  // a file; empty: none
  Settings::Place place = Settings::Place::either;
  std::optional<Settings::Place> only;
  bool story = false;
  bool coverage = false;  // an error when some fault or transition was never taken
};

std::uint64_t number(const char* text, const char* what) {
  char* end = nullptr;
  const auto value = std::strtoull(text, &end, 10);
  if (*text == '\0' || *end != '\0') {
    fmt::print(stderr, "{} is no number: {}\n", what, text);
    std::exit(2);
  }
  return value;
}

// What DynamoDB itself does. All else that it may do to a request happens on the caller's side.
constexpr std::string_view kOfDynamoDb[] = {
    "write: throttled", "write: conflict",    "transact: throttled", "transact: conflict",
    "query: throttled", "get: throttled",     "append: throttled",   "append: partly done",
    "index: old image", "index: row missing", "index: row not gone"};

// Prints what no run has taken; gives how many.
int missing(const Taken& taken) {
  int missing = 0;
  for (std::size_t m = 0; m < kMethods; ++m) {
    const auto method = static_cast<Method>(m);
    // Nobody asks these.
    if (method == Method::config || method == Method::rows || method == Method::jobs) continue;
    for (std::size_t f = 1; f < kFaults; ++f) {
      const auto fault = static_cast<Fault>(f);
      if (!possible(method, fault) || taken.faults[m][f] > 0) continue;
      fmt::print("never taken: {} at {}\n", name(fault), name(method));
      ++missing;
    }
  }
  for (const std::string_view fault : kOfDynamoDb) {
    const auto known = taken.dynamodb.find(std::string(fault));
    if (known != taken.dynamodb.end() && known->second > 0) continue;
    fmt::print("never taken: {} by DynamoDB\n", fault);
    ++missing;
  }
  for (std::size_t i = 0; i < sosw::transitions().size(); ++i) {
    const Transition& row = sosw::transitions()[i];
    const bool elsewhere =
        // No run knows a worker's limit beforehand, and where a report can fail (on AWS) no
        // completion is done at once.
        (!row.from && row.to == State::dead) ||
        (row.from == State::failed && row.event == Event::complete && row.to == State::done) ||
        // Too rare to count on; the conformance tests have them.
        (row.event == Event::reject && row.to == State::done) ||
        (row.from == State::failed && row.event == Event::complete && row.to == State::failed);
    if (elsewhere || (i < taken.transitions.size() && taken.transitions[i] > 0)) continue;
    fmt::print("never taken: {} -> {} by {} ({})\n", row.from ? name(*row.from) : "folded",
               name(row.to), name(row.event), row.guard);
    ++missing;
  }
  return missing;
}

// False: this build cannot.
bool switch_off([[maybe_unused]] const std::string& guards) {
#ifdef SOSW_SWITCHABLE_GUARDS
  sosw::switch_off_guards(guards);
  return true;
#else
  return false;
#endif
}

bool breaks(const Settings& settings, std::uint64_t seed) {
  Choices choices(seed);
  return simulate(settings, choices).broken.has_value();
}

int keep(const Arguments& arguments, std::uint64_t seed) {
  const Settings settings{.place = arguments.place};
  Choices choices(seed);
  choices.keep_names();
  const Outcome outcome = simulate(settings, choices);
  KeptTrace trace = kept(settings, choices, outcome.broken, fmt::format("Seed {}", seed));
  trace.without_guard = arguments.without_guards;
  std::ofstream file(arguments.keep);
  file << to_text(trace) << std::flush;
  if (!file) fmt::print(stderr, "{} cannot be written\n", arguments.keep);
  return 1;
}

int run(const Arguments& arguments) {
  const auto began = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  const Settings settings{.traced = arguments.story, .place = arguments.place};
  Taken taken;
  std::uint64_t steps = 0;
  double simulated = 0;
  std::uint64_t seed = arguments.first;
  const auto more = [&] {
    return arguments.minutes > 0 ? elapsed() < arguments.minutes * 60
                                 : seed < arguments.first + arguments.count;
  };
  const std::string& others = arguments.covered_by;
  const std::string off = arguments.without_guards + (others.empty() ? "" : ',' + others);
  if (!off.empty() && !switch_off(off)) {
    fmt::print(stderr, "--without-guards needs a build with SOSW_SWITCHABLE_GUARDS\n");
    return 2;
  }
  for (; more(); ++seed) {
    if (arguments.only && place_of(seed) != *arguments.only) continue;
    Choices choices(seed);
    const Outcome outcome = simulate(settings, choices);
    steps += outcome.steps;
    simulated += outcome.lasted_s;
    taken += outcome.taken;
    if (arguments.story) fmt::print("{}", story(outcome.trace));
    if (!outcome.broken) continue;
    if (!others.empty()) {
      switch_off(others);
      const bool without = breaks(settings, seed);
      switch_off(off);
      if (without) continue;
    }
    fmt::print("seed {} breaks {}: {}\n", seed, outcome.broken->invariant, outcome.broken->what);
    fmt::print("  {} choices, {} steps, {:.1f} s\n", choices.taken().size(), outcome.steps,
               elapsed());
    if (!arguments.keep.empty()) return keep(arguments, seed);
    if (!arguments.without_guards.empty()) return 1;
    const Recorded recorded = simplest(settings, choices, outcome.broken->invariant);
    Choices simpler(recorded);
    const Outcome told = simulate({.traced = true, .place = arguments.place}, simpler);
    fmt::print("\n{}\nchoices: {}\n", story(told.trace), fmt::join(recorded, ", "));
    fmt::print("repeat it with: sosw chaos --seed {}{}\n", seed,
               arguments.place == Settings::Place::home    ? " --place home"
               : arguments.place == Settings::Place::fleet ? " --place fleet"
                                                           : "");
    return 1;
  }
  fmt::print("seeds {} to {}: {} steps, {:.1f} h simulated, {:.1f} s\n", arguments.first, seed - 1,
             steps, simulated / 3600, elapsed());
  return arguments.coverage && missing(taken) > 0 ? 1 : 0;
}

}  // namespace
}  // namespace sosw::simulation

int main(int argc, char** argv) {
  using namespace sosw::simulation;
  Arguments arguments;
  const auto setting = [](const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr ? otherwise : number(text, variable);
  };
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() > 2 && words[words.size() - 2] == "--keep") {
    arguments.keep = words.back();
    words.resize(words.size() - 2);
  }
  if (!words.empty() && words.back() == "--story") {
    arguments.story = true;
    words.pop_back();
  }
  if (words.size() > 2 && (words[2] == "--home" || words[2] == "--fleet")) {
    arguments.place = words[2] == "--home" ? Settings::Place::home : Settings::Place::fleet;
    words.erase(words.begin() + 2);
  }
  if (words.size() > 2 && (words[2] == "--only-home" || words[2] == "--only-fleet")) {
    arguments.only = words[2] == "--only-home" ? Settings::Place::home : Settings::Place::fleet;
    words.erase(words.begin() + 2);
  }
  if (words.size() == 6 && words[4] == "--covered-by") {
    arguments.covered_by = words[5];
    words.resize(4);
  }
  if (words.size() == 3 && words[0] == "--shard") {
    const std::uint64_t all = setting("SOSW_SIMULATION_SEEDS", 20'000);
    const std::uint64_t shard = number(argv[2], "N"), of = number(argv[3], "OF");
    arguments.count = (all + of - 1) / of;
    arguments.first = setting("SOSW_SIMULATION_FIRST", 0) + (shard - 1) * arguments.count;
    arguments.coverage = arguments.count >= 5'000;
  } else if (words.size() == 3 && words[0] == "--soak") {
    const std::uint64_t shard = number(argv[2], "N");
    number(argv[3], "OF");
    arguments.minutes = static_cast<double>(setting("SOSW_SOAK_MINUTES", 1));
    const auto now =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(
                                       std::chrono::system_clock::now().time_since_epoch())
                                       .count());
    // By the second, so far apart that no part comes to the seeds of another, nor of the next time.
    arguments.first = setting("SOSW_SIMULATION_FIRST", now << 20) + ((shard - 1) << 52);
  } else if (words.size() == 2 || (words.size() == 4 && words[2] == "--without-guards")) {
    arguments.first = number(argv[1], "FIRST");
    arguments.count = number(argv[2], "COUNT");
    if (words.size() == 4) arguments.without_guards = words[3];
  } else {
    fmt::print(stderr, "see the first lines of tests/simulation/seeds.cc\n");
    return 2;
  }
  return run(arguments);
}
