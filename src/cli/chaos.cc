// SPDX-License-Identifier: MIT
// chaos: the engine under simulated accidents. Needs no project, no data folder and no clock.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/screen.h"
#include "simulation/checked_model.h"
#include "simulation/kept_trace.h"
#include "simulation/simulation.h"

namespace sosw::cli {
namespace {

using simulation::Choices;
using simulation::Outcome;

struct Arguments {
  std::uint64_t seed = 0, seeds = 1, steps = 0;
  std::string where;
  std::string keep, trace;  // files
  bool model = false;
  simulation::Settings::Place place = simulation::Settings::Place::either;
};

double now_s() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

simulation::Settings settings_of(const Arguments& arguments, bool traced) {
  simulation::Settings settings;
  settings.only = arguments.steps;
  settings.place = arguments.place;
  settings.traced = traced;
  return settings;
}

// The run that breaks the same, made as short as it can be.
Outcome simplest_of(const Arguments& arguments, const Choices& failing, const Outcome& outcome) {
  Choices shorter(
      simulation::simplest(settings_of(arguments, false), failing, outcome.broken->invariant));
  return simulation::simulate(settings_of(arguments, true), shorter);
}

std::string repeat_with(const Arguments& arguments, std::uint64_t seed) {
  using Place = simulation::Settings::Place;
  return fmt::format("sosw chaos --seed {}{}{}", seed,
                     arguments.place == Place::home    ? " --place home"
                     : arguments.place == Place::fleet ? " --place fleet"
                                                       : "",
                     arguments.steps > 0 ? fmt::format(" --steps {}", arguments.steps) : "");
}

json::array lines_of(const Outcome& outcome) {
  json::array lines;
  for (const auto& line : outcome.trace) {
    lines.push_back(json::object{{"at", line.at}, {"actor", line.actor}, {"what", line.what}});
  }
  return lines;
}

// The accidents that happened, and how often: by method of a port, then by kind.
json::object counts_of(const simulation::Taken& taken) {
  json::object methods;
  for (std::size_t m = 0; m < simulation::kMethods; ++m) {
    json::object kinds;
    for (std::size_t f = 1; f < simulation::kFaults; ++f) {
      const auto count = taken.faults[m][f];
      if (count > 0) kinds.emplace(name(static_cast<simulation::Fault>(f)), count);
    }
    if (!kinds.empty()) methods.emplace(name(static_cast<simulation::Method>(m)), kinds);
  }
  json::object dynamodb;
  for (const auto& [fault, count] : taken.dynamodb) {
    if (count == 0) continue;
    const std::size_t colon = fault.find(": ");
    json::value& method = dynamodb[fault.substr(0, colon)];
    if (!method.is_object()) method.emplace_object();
    method.get_object()[fault.substr(colon + 2)] = count;
  }
  return {{"ports", methods}, {"dynamodb", dynamodb}};
}

json::object described(std::uint64_t seed, const Outcome& outcome) {
  json::object object{{"seed", seed},
                      {"steps", outcome.steps},
                      {"simulated_s", outcome.lasted_s},
                      {"accidents", counts_of(outcome.taken)},
                      {"broken", nullptr}};
  if (outcome.broken) {
    object["broken"] =
        json::object{{"invariant", outcome.broken->invariant}, {"what", outcome.broken->what}};
  }
  return object;
}

int replay(const Common& common, const Arguments& arguments) {
  Choices choices(arguments.seed);
  const Outcome outcome = simulation::simulate(settings_of(arguments, true), choices);
  if (common.json) {
    json::object object = described(arguments.seed, outcome);
    object["story"] = lines_of(outcome);
    if (outcome.broken) object["simplest"] = lines_of(simplest_of(arguments, choices, outcome));
    print_json(object);
    return outcome.broken ? kFailed : kDone;
  }
  fmt::print("{}", simulation::story(outcome.trace));
  const Screen screen = Screen::of(stdout);
  fmt::print("\nseed {}: {} steps, {} accidents, {} simulated, ", arguments.seed,
             screen.number(static_cast<std::int64_t>(outcome.steps)),
             screen.number(static_cast<std::int64_t>(outcome.taken.accidents())),
             duration(outcome.lasted_s));
  if (!outcome.broken) {
    fmt::print("{}\n", screen.paint(Colour::green, "nothing is broken"));
    return kDone;
  }
  fmt::print("{} {}\n", screen.paint(Colour::red, outcome.broken->invariant + ":"),
             outcome.broken->what);
  fmt::print("\nThe same, as simple as it can be:\n\n{}",
             simulation::story(simplest_of(arguments, choices, outcome).trace));
  return kFailed;
}

// Writes the run as a file by the names of its choices: the simplest one that breaks the same, or
// all of a run that breaks nothing.
int keep(const Arguments& arguments) {
  Choices choices(arguments.seed);
  choices.keep_names();
  const Outcome outcome = simulation::simulate(settings_of(arguments, true), choices);
  const simulation::KeptTrace kept =
      simulation::kept(settings_of(arguments, false), choices, outcome.broken,
                       fmt::format("Seed {}", arguments.seed));
  std::ofstream file(arguments.keep);
  file << simulation::to_text(kept) << std::flush;
  if (!file)
    return complain(Error{Code::denied, fmt::format("{} cannot be written", arguments.keep), {}},
                    kFailed);
  fmt::print(
      "seed {} is kept in {}{}\nrepeat it with: sosw chaos --trace {}\n", arguments.seed,
      arguments.keep,
      outcome.broken ? fmt::format(", as simple as it can be; it breaks {}", kept.invariant) : "",
      arguments.keep);
  return kDone;
}

int replay_kept(const Common& common, const Arguments& arguments) {
  const Result<Input> file = read_input(arguments.trace);
  if (!file) return complain(file.error());
  const auto kept = simulation::read_trace(file->text);
  if (!kept)
    return complain(invalid(fmt::format("{}: {}", file->name, kept.error().message),
                            "give a file that sosw chaos --keep has written"));
  const Outcome outcome = simulation::replay(*kept);
  const std::string missing = simulation::left_out(*kept, outcome);
  const bool good = !outcome.broken && missing.empty();
  if (common.json) {
    json::object object{{"title", kept->title}, {"broken", nullptr}, {"left_out", nullptr}};
    if (outcome.broken)
      object["broken"] =
          json::object{{"invariant", outcome.broken->invariant}, {"what", outcome.broken->what}};
    if (!missing.empty()) object["left_out"] = missing;
    object["story"] = lines_of(outcome);
    print_json(object);
    return good ? kDone : kFailed;
  }
  const Screen screen = Screen::of(stdout);
  fmt::print("{}\n\n{}\n", kept->title, simulation::story(outcome.trace));
  if (!missing.empty())
    fmt::print("{} {}\n", screen.paint(Colour::red, "it does not happen any more:"), missing);
  if (!outcome.broken) fmt::print("{}\n", screen.paint(Colour::green, "nothing is broken"));
  return good ? kDone : kFailed;
}

// One line that is drawn over, on a terminal only.
class Bar {
 public:
  explicit Bar(std::uint64_t seeds) : seeds_(seeds), screen_(Screen::of(stderr)) {}
  ~Bar() {
    if (drawn_) fmt::print(stderr, "\r\x1b[K");
  }
  Bar(const Bar&) = delete;
  Bar& operator=(const Bar&) = delete;

  void show(std::uint64_t done) {
    const double now = now_s();
    if (!screen_.terminal || now < next_) return;
    next_ = now + 0.1;
    drawn_ = true;
    const double rate = static_cast<double>(done) / std::max(now - began_, 1e-3);
    std::string line = fmt::format(
        "{} of {} seeds  {:.0f}/s  {} to go", screen_.number(static_cast<std::int64_t>(done)),
        screen_.number(static_cast<std::int64_t>(seeds_)), rate,
        rate > 0 ? duration(static_cast<double>(seeds_ - done) / rate) : "?");
    fmt::print(stderr, "\r\x1b[K{}", cut(line, screen_.width - 1));
    std::fflush(stderr);
  }

 private:
  const std::uint64_t seeds_;
  const Screen screen_;
  const double began_ = now_s();
  double next_ = 0;
  bool drawn_ = false;
};

int many(const Common& common, const Arguments& arguments) {
  const double began = now_s();
  std::uint64_t steps = 0, seed = arguments.seed;
  double simulated = 0;
  simulation::Taken taken;
  std::optional<Outcome> simplest;
  json::object broken;
  {
    Bar bar(arguments.seeds);
    for (; seed - arguments.seed < arguments.seeds && !simplest; ++seed) {
      bar.show(seed - arguments.seed);
      Choices choices(seed);
      const Outcome outcome = simulation::simulate(settings_of(arguments, false), choices);
      steps += outcome.steps;
      simulated += outcome.lasted_s;
      taken += outcome.taken;
      if (!outcome.broken) continue;
      broken = described(seed, outcome);
      simplest = simplest_of(arguments, choices, outcome);
    }
  }
  const std::uint64_t done = seed - arguments.seed;
  if (common.json) {
    json::object object{{"first", arguments.seed},
                        {"seeds", done},
                        {"steps", steps},
                        {"simulated_s", simulated},
                        {"accidents", counts_of(taken)},
                        {"took_s", now_s() - began},
                        {"broken", nullptr}};
    if (simplest) {
      broken["simplest"] = lines_of(*simplest);
      object["broken"] = broken;
    }
    print_json(object);
    return simplest ? kFailed : kDone;
  }
  if (simplest) {
    const std::uint64_t which = seed - 1;
    fmt::print("{}\nseed {} breaks {}: {}\nrepeat it with: {}\n",
               simulation::story(simplest->trace), which, simplest->broken->invariant,
               simplest->broken->what, repeat_with(arguments, which));
    return kFailed;
  }
  const Screen screen = Screen::of(stdout);
  fmt::print("{} seeds from {}: {} steps, {} accidents, {} simulated in {}, nothing is broken\n",
             screen.number(static_cast<std::int64_t>(done)), arguments.seed,
             screen.number(static_cast<std::int64_t>(steps)),
             screen.number(static_cast<std::int64_t>(taken.accidents())), duration(simulated),
             duration(now_s() - began));
  return kDone;
}

// Every order of the steps of the protocol, in parts.
int explore_model(const Common& common) {
  const Screen screen = Screen::of(stdout);
  Table table({{"PART"},
               {"TASKS", Table::Kind::number},
               {"STATES", Table::Kind::number},
               {"TRANSITIONS", Table::Kind::number},
               {"BROKEN"},
               {"ABOUT", Table::Kind::flexible}});
  json::array parts;
  std::string stories;
  for (const simulation::ModelCut& cut : simulation::model_cuts()) {
    if (!cut.tested) continue;
    if (Screen::of(stderr).terminal) fmt::print(stderr, "\r\x1b[K{} ...", cut.name);
    const simulation::Explored explored = simulation::explore(cut.bounds);
    if (explored.broken) stories += fmt::format("\n{}", simulation::to_text(*explored.broken));
    const std::string verdict = explored.broken      ? explored.broken->invariant
                                : !explored.complete ? "not explored to its end"
                                                     : "nothing";
    if (!explored.broken && !explored.complete) stories += "\n";
    table.add({std::string(cut.name), std::to_string(cut.bounds.tasks),
               screen.number(static_cast<std::int64_t>(explored.states)),
               screen.number(static_cast<std::int64_t>(explored.transitions)), verdict,
               std::string(cut.about)});
    parts.push_back(json::object{{"part", cut.name},
                                 {"tasks", cut.bounds.tasks},
                                 {"states", explored.states},
                                 {"transitions", explored.transitions},
                                 {"complete", explored.complete},
                                 {"broken", explored.broken ? json::value(verdict) : nullptr}});
  }
  if (Screen::of(stderr).terminal) fmt::print(stderr, "\r\x1b[K");
  if (common.json)
    print_json_list(parts);
  else
    fmt::print("{}{}", table.text(screen), stories);
  return stories.empty() ? kDone : kFailed;
}

int chaos(const Common& common, Arguments arguments) {
  using Place = simulation::Settings::Place;
  if (arguments.where == "home") {
    arguments.place = Place::home;
  } else if (arguments.where == "fleet") {
    arguments.place = Place::fleet;
  } else if (!arguments.where.empty()) {
    return complain(invalid(fmt::format("--place {}: there is no such place", arguments.where),
                            "give home or fleet, or leave it out"),
                    kUsage);
  }
  if (arguments.seeds == 0)
    return complain(invalid("--seeds 0: there is nothing to run", "give a number above 0"), kUsage);
  if (arguments.model) return explore_model(common);
  if (!arguments.trace.empty()) return replay_kept(common, arguments);
  if (!arguments.keep.empty()) return keep(arguments);
  return arguments.seeds == 1 ? replay(common, arguments) : many(common, arguments);
}

}  // namespace

void add_chaos_command(CLI::App& app, Common& common) {
  CLI::App* command = add_command(
      app, common, "chaos",
      "Run the engine under simulated accidents, and check that nothing is lost\n\nNeeds no "
      "project "
      "and no data folder. A seed is one run, always the same.",
      "sosw chaos --seeds 1000           # the first run that breaks an invariant is told\n"
      "sosw chaos --seed 42              # the story of one\n"
      "sosw chaos --seed 42 --steps 80   # its beginning\n"
      "sosw chaos --seeds 1000 --json    # with the accidents counted, by method of a port and by "
      "kind\n"
      "sosw chaos --model                # every order of the steps of the protocol");
  command->group("Check");
  const auto arguments = std::make_shared<Arguments>();
  auto* seed =
      command->add_option("--seed", arguments->seed, "the run, or the first of them (default 0)");
  auto* seeds = command->add_option("--seeds", arguments->seeds,
                                    "how many runs; a single one prints its story");
  auto* steps =
      command->add_option("--steps", arguments->steps, "only the first steps of each run");
  auto* place = command->add_option(
      "--place", arguments->where,
      "home: one machine; fleet: functions over DynamoDB; else the seed chooses");
  auto* keep = command->add_option(
      "--keep", arguments->keep,
      "write the run to a file; of one that breaks something the simplest that breaks it");
  auto* trace =
      command->add_option("--trace", arguments->trace, "the run that such a file has kept");
  seed->type_name("N");
  seeds->type_name("COUNT");
  steps->type_name("M");
  place->type_name("PLACE");
  keep->type_name("FILE")->excludes(seeds)->excludes(steps);
  trace->type_name("FILE")
      ->excludes(seed)
      ->excludes(seeds)
      ->excludes(steps)
      ->excludes(place)
      ->excludes(keep);
  command->add_flag("--model", arguments->model,
                    "explore the checked model of the protocol; about a minute");
  add_json_option(command, common);
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return chaos(common, *arguments); };
  });
}

}  // namespace sosw::cli
