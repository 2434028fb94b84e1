// SPDX-License-Identifier: MIT
// A run that once broke an invariant, kept as a small file: by the names of its choices, so that it
// goes on to mean the same when others are drawn in between.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "simulation/simulation.h"

namespace sosw::simulation {

struct KeptTrace {
  std::string title;      // reads like the story
  std::string invariant;  // that it broke
  Settings::Place place = Settings::Place::home;
  // Breaks it again when this guard (core/guard.h) is switched off; empty: no guard is behind it.
  std::string without_guard;
  // Lines of its story, or parts of them, that must be there in this order: without them the run is
  // not about this any more.
  std::vector<std::string> must_happen;
  Choices::Named choices;
};

// JSON: {"title", "invariant", "place": "home" or "fleet", "without_guard", "must_happen": [...],
// "choices": {name: {"n": answer}}}. Errors: invalid, naming the key.
[[nodiscard]] Result<KeptTrace> read_trace(std::string_view text);
[[nodiscard]] std::string to_text(const KeptTrace& trace);

// A run by the names of its choices: the simplest that breaks the same invariant, or all of one
// that breaks nothing. REQUIRES: `run` was told to keep names, and `broken` is what came of it.
[[nodiscard]] KeptTrace kept(const Settings& settings, const Choices& run,
                             const std::optional<Broken>& broken, std::string title);

// Runs it and tells its story.
[[nodiscard]] Outcome replay(const KeptTrace& trace);
// The first line of must_happen that the story leaves out; empty: it is all there.
[[nodiscard]] std::string left_out(const KeptTrace& trace, const Outcome& outcome);
// The accidents of a story, as must_happen wants them.
[[nodiscard]] std::vector<std::string> accidents(const std::vector<TraceLine>& story);

}  // namespace sosw::simulation
