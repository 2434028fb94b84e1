// SPDX-License-Identifier: MIT
#include "core/lifecycle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>
#include <tuple>

namespace sosw {
namespace {

using S = State;
using A = Answer;
using Kind = Report::Kind;
using M = ClaimMatch;

// Effects in one letter each: c complete, e end_attempt, l keep_late, f count_failure.
std::string written(const ReportEffect& effect) {
  std::string letters;
  if (effect.complete) letters += 'c';
  if (effect.end_attempt) letters += 'e';
  if (effect.keep_late) letters += 'l';
  if (effect.count_failure) letters += 'f';
  return letters;
}

struct Cell {
  S found;
  M claim;
  Kind kind;
  A answer;
  const char* effect;
  bool silent = false;
  bool same_failure = false;
  bool late_kept = false;
};

// Section 4 of the storage protocol, row by row, each cell by hand.
constexpr Cell kCells[] = {
    // running
    {S::running, M::current, Kind::completed, A::applied, "c"},
    {S::running, M::older, Kind::completed, A::stale, "l"},
    {S::running, M::older, Kind::completed, A::stale, "", false, false, true},
    {S::running, M::none, Kind::completed, A::applied, "c"},
    {S::running, M::none, Kind::completed, A::applied, "c", true},
    {S::running, M::current, Kind::completed, A::applied, "c", true, false, true},
    {S::running, M::current, Kind::failed, A::applied, "ef"},
    {S::running, M::current, Kind::failed, A::applied, "ef", true},
    {S::running, M::current, Kind::failed, A::applied, "ef", false, false, true},
    {S::running, M::older, Kind::failed, A::stale, "f"},
    {S::running, M::none, Kind::failed, A::applied, "ef"},
    {S::running, M::none, Kind::failed, A::stale, "f", true},
    // failed, not yet moved
    {S::failed, M::current, Kind::completed, A::late, "c"},
    {S::failed, M::older, Kind::completed, A::stale, "l"},
    {S::failed, M::older, Kind::completed, A::stale, "", false, false, true},
    {S::failed, M::none, Kind::completed, A::late, "c"},
    {S::failed, M::current, Kind::failed, A::already, ""},
    {S::failed, M::older, Kind::failed, A::stale, "f"},
    {S::failed, M::none, Kind::failed, A::stale, "f"},
    // queued
    {S::queued, M::current, Kind::completed, A::late, "c"},
    {S::queued, M::older, Kind::completed, A::late, "c"},
    {S::queued, M::none, Kind::completed, A::late, "c"},
    {S::queued, M::current, Kind::failed, A::stale, "f"},
    {S::queued, M::older, Kind::failed, A::stale, "f"},
    {S::queued, M::none, Kind::failed, A::stale, "f"},
    // retry
    {S::retry, M::current, Kind::completed, A::late, "c"},
    {S::retry, M::older, Kind::completed, A::late, "c"},
    {S::retry, M::none, Kind::completed, A::late, "c"},
    {S::retry, M::current, Kind::failed, A::already, "", false, true},
    {S::retry, M::current, Kind::failed, A::stale, "f"},
    {S::retry, M::older, Kind::failed, A::stale, "f"},
    {S::retry, M::none, Kind::failed, A::stale, "f"},
    // completed, closed done
    {S::completed, M::current, Kind::completed, A::already, ""},
    {S::completed, M::older, Kind::completed, A::already, ""},
    {S::completed, M::none, Kind::completed, A::already, ""},
    {S::completed, M::current, Kind::failed, A::already, ""},
    {S::completed, M::older, Kind::failed, A::stale, ""},
    {S::completed, M::none, Kind::failed, A::stale, ""},
    {S::done, M::current, Kind::completed, A::already, ""},
    {S::done, M::older, Kind::completed, A::already, ""},
    {S::done, M::none, Kind::completed, A::already, ""},
    {S::done, M::current, Kind::failed, A::already, ""},
    {S::done, M::older, Kind::failed, A::stale, ""},
    {S::done, M::none, Kind::failed, A::stale, ""},
    // closed dead or cancelled
    {S::dead, M::current, Kind::completed, A::late, "c"},
    {S::dead, M::older, Kind::completed, A::late, "c"},
    {S::dead, M::none, Kind::completed, A::late, "c"},
    {S::dead, M::current, Kind::failed, A::already, ""},
    {S::dead, M::older, Kind::failed, A::stale, ""},
    {S::dead, M::none, Kind::failed, A::stale, ""},
    {S::cancelled, M::current, Kind::completed, A::late, "c"},
    {S::cancelled, M::older, Kind::completed, A::late, "c"},
    {S::cancelled, M::none, Kind::completed, A::late, "c"},
    {S::cancelled, M::current, Kind::failed, A::already, ""},
    {S::cancelled, M::older, Kind::failed, A::stale, ""},
    {S::cancelled, M::none, Kind::failed, A::stale, ""},
};

constexpr S kAllStates[] = {S::queued, S::running, S::completed, S::failed,
                            S::retry,  S::done,    S::dead,      S::cancelled};

TEST(ReportEffect, EveryCellOfTheProtocol) {
  std::set<std::tuple<S, M, Kind>> seen;
  for (const auto& cell : kCells) {
    const auto effect = report_effect(
        cell.kind, {cell.found, cell.claim, cell.silent, cell.same_failure, cell.late_kept});
    const auto where = fmt::format("{} reported for {} (claim {})",
                                   cell.kind == Kind::completed ? "completion" : "failure",
                                   name(cell.found), static_cast<int>(cell.claim));
    EXPECT_EQ(name(effect.answer), name(cell.answer)) << where;
    EXPECT_EQ(written(effect), cell.effect) << where;
    seen.emplace(cell.found, cell.claim, cell.kind);
  }
  EXPECT_EQ(seen.size(), std::size(kAllStates) * 3 * 2);
}

// Whatever a report writes is a row of the table of transitions, and what it answers says whether
// anything changed.
TEST(ReportEffect, WritesOnlyWhatTheTableOfTransitionsHas) {
  for (const auto state : kAllStates)
    for (const auto claim : {M::current, M::older, M::none})
      for (const auto kind : {Kind::completed, Kind::failed})
        for (int flags = 0; flags < 8; ++flags) {
          const Found found = {state, claim, (flags & 1) != 0, (flags & 2) != 0, (flags & 4) != 0};
          const auto effect = report_effect(kind, found);
          if (effect.complete) {
            EXPECT_TRUE(permitted(state, Event::complete, S::done));
          }
          if (effect.keep_late) {
            EXPECT_TRUE(permitted(state, Event::complete, state));
          }
          if (effect.end_attempt) {
            EXPECT_TRUE(permitted(state, Event::fail, S::retry));
          } else if (effect.count_failure) {
            EXPECT_TRUE(permitted(state, Event::fail, state));
          }
          EXPECT_EQ(effect.complete || effect.end_attempt,
                    effect.answer == A::applied || effect.answer == A::late);
          if (effect.answer == A::already) {
            EXPECT_EQ(written(effect), "");
          }
        }
}

TEST(Transitions, HaveNoRowTwiceAndNoWayOutOfDoneOrIntoNothing) {
  std::set<std::tuple<std::optional<S>, Event, S, std::string_view>> rows;
  for (const auto& t : transitions()) {
    EXPECT_TRUE(rows.emplace(t.from, t.event, t.to, t.guard).second);
    EXPECT_NE(t.from, std::optional(S::done));
    EXPECT_TRUE(permitted(t.from, t.event, t.to));
  }
  EXPECT_FALSE(permitted(S::queued, Event::expire, S::dead));
  EXPECT_FALSE(permitted(S::cancelled, Event::replay, S::queued));
  EXPECT_FALSE(permitted(std::nullopt, Event::complete, S::done));
}

// Nothing is stuck: from every state but the closed ones `done` can be reached without anybody's
// hand.
TEST(Transitions, LeadToDone) {
  std::set<S> reaching = {S::done};
  for (std::size_t before = 0; before != reaching.size();) {
    before = reaching.size();
    for (const auto& t : transitions())
      if (t.from && t.event != Event::replay && reaching.contains(t.to)) reaching.insert(*t.from);
  }
  for (const auto state : kAllStates) EXPECT_TRUE(reaching.contains(state)) << name(state);
}

TEST(LateCompletion, ClosesATaskThatKeptOne) {
  Task task;
  EXPECT_FALSE(late_completion_closes(task));
  task.extra["late_at"] = 1548928800;
  EXPECT_TRUE(late_completion_closes(task));
}

std::string document() {
  std::string text =
      "# The life of a task\n\n"
      "Generated from the table in `src/core/lifecycle.cc`: `SOSW_WRITE_DOCS=1 core_test`. Do not "
      "edit.\n\n"
      "```mermaid\nstateDiagram-v2\n";
  for (const auto& t : transitions())
    if (t.from != t.to)
      text += fmt::format("    {} --> {}: {}\n", t.from ? name(*t.from) : "[*]", name(t.to),
                          name(t.event));
  // Of several rows between the same two states by the same event one arrow is enough.
  std::istringstream lines(text);
  std::set<std::string> drawn;
  text.clear();
  for (std::string line; std::getline(lines, line);)
    if (line.find("-->") == line.npos || drawn.insert(line).second) text += line + "\n";
  text += "```\n\n| from | event | when | to |\n|---|---|---|---|\n";
  for (const auto& t : transitions())
    text += fmt::format("| {} | {} | {} | {} |\n", t.from ? name(*t.from) : "(folded)",
                        name(t.event), t.guard, name(t.to));
  text +=
      "\n`done`, `dead` and `cancelled` are the closed states. A row from a state to itself "
      "changes "
      "the task, not its state.\n";
  return text;
}

TEST(Transitions, AreWhatTheDocumentationShows) {
  const std::string path = SOSW_SOURCE_DIR "/docs/lifecycle.md";
  const char* write =
      std::getenv("SOSW_WRITE_DOCS");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  if (write != nullptr) std::ofstream(path) << document();
  std::ifstream file(path);
  std::stringstream found;
  found << file.rdbuf();
  EXPECT_EQ(found.str(), document()) << path << " is old: run SOSW_WRITE_DOCS=1 core_test";
}

}  // namespace
}  // namespace sosw
