// SPDX-License-Identifier: MIT
// The simulated home on the real SQLite store: the same seed is the same story as on the model, and
// every invariant holds when a statement fails or the process is killed at any point below the
// port.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "local/store_test_support.h"
#include "simulation/simulation.h"
#include "sqlite_home.h"

namespace sosw::conformance {
namespace {

using simulation::Choices;
using simulation::Outcome;
using simulation::World;
using At = Fault::At;
using What = Fault::What;

const Plan kNoFault = [](std::int64_t) { return std::nullopt; };

// How many seeds; SOSW_SQLITE_SEEDS in the environment chooses otherwise.
std::uint64_t seeds(std::uint64_t otherwise) {
  const char* text =
      std::getenv("SOSW_SQLITE_SEEDS");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

// With SOSW_EVERY_POINT=1 every kind of fault at every point.
bool every_point() {
  return std::getenv("SOSW_EVERY_POINT") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

class SqliteSimulationTest : public ::testing::Test {
 protected:
  void SetUp() override { SqliteHome::new_file(folder_.file("template")); }

  struct Run {
    Outcome outcome;
    Journal journal;
  };
  // Plans may choose, too: `plan` is made for the world of the run.
  Run run(Choices& choices, const std::function<Plan(World&)>& plan, bool traced = false) {
    Run run;
    const std::string path = folder_.file();
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path + suffix);
    std::filesystem::copy_file(folder_.file("template"), path);
    run.outcome = simulate({.traced = traced,
                            .place = simulation::Settings::Place::home,
                            .home_store =
                                [&](World& world, const simulation::ModelStore::Options& options) {
                                  return std::make_unique<SqliteHome>(world, options, path, faults_,
                                                                      plan(world), run.journal);
                                }},
                           choices);
    if (const std::string found = local::contradictions(path); !found.empty())
      run.journal.wrong.push_back(found);
    return run;
  }
  Run run(std::uint64_t seed, const Plan& plan) {
    Choices choices(seed);
    return run(choices, [&](World&) { return plan; });
  }
  // The story of what went wrong, if anything did.
  void expect_right(const Run& run, const std::string& what) {
    EXPECT_FALSE(run.outcome.broken)
        << what << " breaks " << run.outcome.broken->invariant << ": " << run.outcome.broken->what;
    EXPECT_THAT(run.journal.wrong, ::testing::IsEmpty()) << what;
  }

  Faults faults_;  // before anything uses SQLite
  local::TemporaryFolder folder_;
};

TEST_F(SqliteSimulationTest, a_seed_is_the_same_story_as_on_the_model) {
  for (std::uint64_t seed = 0; seed < seeds(200) && !HasFailure(); ++seed) {
    Choices choices(seed), of_model(seed);
    const Run sqlite = run(
        choices, [](World&) { return kNoFault; }, true);
    const Outcome model =
        simulate({.traced = true, .place = simulation::Settings::Place::home}, of_model);
    expect_right(sqlite, fmt::format("seed {}", seed));
    const auto& ours = sqlite.outcome.trace;
    for (std::size_t i = 0; i < std::max(ours.size(), model.trace.size()); ++i) {
      const auto line = [i](const Outcome& outcome) {
        return i < outcome.trace.size() ? simulation::story({outcome.trace[i]}) : "the end";
      };
      ASSERT_EQ(line(sqlite.outcome), line(model)) << "seed " << seed << ", line " << i + 1;
    }
    EXPECT_EQ(sqlite.outcome.steps, model.steps);
    EXPECT_EQ(choices.taken(), of_model.taken());
  }
}

// --- A fault at every point of a run

// Calls of a run without faults below the port, until its calm.
std::int64_t statements(const Journal& journal) {
  std::int64_t all = 0;
  for (const Journal::Call& call : journal.calls) all += call.statements;
  return all;
}

// Short runs that together take what short runs can take of the lifecycle.
class EveryPointTest : public SqliteSimulationTest {
 protected:
  struct Chosen {
    std::uint64_t seed;
    std::vector<Journal::Call> calls;
  };
  std::vector<Chosen> chosen() {
    struct Known {
      Chosen chosen;
      std::set<std::size_t> takes;
      std::int64_t statements;
    };
    std::vector<Known> known;
    for (std::uint64_t seed = 0; seed < 100; ++seed) {
      const Run whole = run(seed, kNoFault);
      Known one{{seed, whole.journal.calls}, {}, statements(whole.journal)};
      const auto& transitions = whole.outcome.taken.transitions;
      for (std::size_t i = 0; i < transitions.size(); ++i)
        if (transitions[i] > 0) one.takes.insert(i);
      known.push_back(std::move(one));
    }
    std::vector<Chosen> all;
    std::set<std::size_t> taken;
    std::int64_t left = every_point() ? 4000 : kStatements;
    for (;;) {
      // The one that takes most for its length, of those that there is room for.
      const Known* best = nullptr;
      double most = 0;
      for (const Known& one : known) {
        const auto is_new = std::count_if(one.takes.begin(), one.takes.end(),
                                          [&](std::size_t row) { return !taken.contains(row); });
        const double worth = static_cast<double>(is_new) / static_cast<double>(one.statements + 1);
        if (one.statements <= left && worth > most) {
          best = &one;
          most = worth;
        }
      }
      if (best == nullptr) break;
      left -= best->statements;
      taken.insert(best->takes.begin(), best->takes.end());
      all.push_back(best->chosen);
    }
    std::cout << fmt::format("[   seeds  ]");
    for (const Chosen& one : all) std::cout << fmt::format(" {}", one.seed);
    std::cout << fmt::format(": {} transitions\n", taken.size());
    return all;
  }
  // Of all of them together.
  static constexpr std::int64_t kStatements = 400;
  std::int64_t visited_ = 0;
};

TEST_F(EveryPointTest, a_statement_fails) {
  constexpr What kWhat[] = {What::io_error, What::full, What::no_memory, What::busy};
  for (const Chosen& one : chosen()) {
    for (std::size_t i = 0; i < one.calls.size(); ++i) {
      for (std::int64_t n = 1; n <= one.calls[i].statements; ++n) {
        for (std::size_t kind = 0; kind < std::size(kWhat); ++kind) {
          if (!every_point() && kind != static_cast<std::size_t>(visited_) % std::size(kWhat))
            continue;
          const Point point{{At::statement, kWhat[kind]}, n};
          const Run failed = run(one.seed, [&](std::int64_t call) {
            return call == static_cast<std::int64_t>(i) + 1 ? std::optional(point) : std::nullopt;
          });
          const std::string what = fmt::format("seed {}, call {}, statement {}: {}", one.seed,
                                               i + 1, n, name(kWhat[kind]));
          expect_right(failed, what);
          EXPECT_EQ(failed.journal.struck, 1) << what;
          if (HasFailure()) return;
        }
        ++visited_;
      }
    }
  }
  std::cout << fmt::format("[   points ] {} visited\n", visited_);
}

TEST_F(EveryPointTest, the_process_is_killed) {
  constexpr Fault kDeaths[] = {
      {At::statement, What::killed}, {At::disk, What::killed}, {At::disk, What::torn}};
  for (const Chosen& one : chosen()) {
    for (std::size_t i = 0; i < one.calls.size(); ++i) {
      if (!one.calls[i].writes) continue;
      for (const Fault& fault : kDeaths) {
        bool struck = true;  // at last the call is done, and the process dies behind it
        for (std::int64_t n = 1; struck; ++n) {
          const Run killed = run(one.seed, [&](std::int64_t call) {
            return call == static_cast<std::int64_t>(i) + 1 ? std::optional(Point{fault, n})
                                                            : std::nullopt;
          });
          expect_right(killed, fmt::format("seed {}, call {}, {} {}: {}", one.seed, i + 1,
                                           name(fault.at), n, name(fault.what)));
          if (HasFailure()) return;
          struck = killed.journal.struck > 0;
          ++visited_;
        }
      }
    }
  }
  std::cout << fmt::format("[   points ] {} visited\n", visited_);
}

// --- Faults here and there, together with all others

TEST_F(SqliteSimulationTest, faults_below_the_port_are_accidents_as_any_other) {
  std::int64_t struck = 0;
  for (std::uint64_t seed = 100'000; seed < 100'000 + seeds(100) && !HasFailure(); ++seed) {
    Choices choices(seed);
    const auto plan = [](World& world) -> Plan {
      return [&world](std::int64_t) -> std::optional<Point> {
        constexpr Fault kAny[] = {{At::statement, What::io_error}, {At::statement, What::full},
                                  {At::statement, What::busy},     {At::statement, What::no_memory},
                                  {At::disk, What::io_error},      {At::disk, What::lasting},
                                  {At::disk, What::full},          {At::memory, What::no_memory},
                                  {At::statement, What::killed},   {At::disk, What::killed},
                                  {At::disk, What::torn}};
        Choices& draws = world.choices();
        if (!draws.chance(3, "fault below the port")) return std::nullopt;
        const Fault fault = kAny[draws.below(std::size(kAny), "which fault")];
        return Point{fault, 1 + draws.below(fault.at == At::memory ? 100 : 15, "which point")};
      };
    };
    const Run any = run(choices, plan);
    expect_right(any, fmt::format("seed {}", seed));
    struck += any.journal.struck;
  }
  EXPECT_GT(struck, 0);
  std::cout << fmt::format("[   points ] {} struck\n", struck);
}

}  // namespace
}  // namespace sosw::conformance
