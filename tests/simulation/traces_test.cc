// SPDX-License-Identifier: MIT
// Runs that once broke an invariant hold now, and still are what they are about.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/guard.h"
#include "simulation/kept_trace.h"

namespace sosw::simulation {
namespace {

std::vector<std::filesystem::path> files() {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(SOSW_TRACES))
    if (entry.path().extension() == ".json") found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

Result<KeptTrace> read(const std::filesystem::path& file) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  return read_trace(text.str());
}

TEST(Traces, HoldAndStillHappen) {
  ASSERT_THAT(files(), testing::Not(testing::IsEmpty()));
  for (const auto& file : files()) {
    SCOPED_TRACE(file.filename().string());
    const auto trace = read(file);
    ASSERT_TRUE(trace) << trace.error().text();
    EXPECT_THAT(trace->must_happen, testing::Not(testing::IsEmpty()));
    const Outcome outcome = replay(*trace);
    EXPECT_FALSE(outcome.broken) << outcome.broken->invariant << ": " << outcome.broken->what
                                 << '\n'
                                 << story(outcome.trace);
    EXPECT_EQ(left_out(*trace, outcome), "") << story(outcome.trace);
  }
}

#ifdef SOSW_SWITCHABLE_GUARDS
TEST(Traces, BreakAgainWithoutTheirGuard) {
  int guarded = 0;
  for (const auto& file : files()) {
    SCOPED_TRACE(file.filename().string());
    const auto trace = read(file);
    ASSERT_TRUE(trace);
    if (trace->without_guard.empty()) continue;
    ++guarded;
    switch_off_guards(trace->without_guard);
    const Outcome outcome = replay(*trace);
    switch_off_guards("");
    ASSERT_TRUE(outcome.broken) << "nothing is broken without " << trace->without_guard;
    EXPECT_EQ(outcome.broken->invariant, trace->invariant);
  }
  EXPECT_GT(guarded, 0);
}
#endif

TEST(Traces, ATraceIsReadAsItWasWritten) {
  KeptTrace trace{"A \"title\"",
                  "in_time",
                  Settings::Place::fleet,
                  "a_guard",
                  {"accept: lost after", "dies"},
                  {{"engine 1 accept", {{1, 4}, {12, 3}}}}};
  const auto again = read_trace(to_text(trace));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->title, trace.title);
  EXPECT_EQ(again->invariant, trace.invariant);
  EXPECT_EQ(again->place, trace.place);
  EXPECT_EQ(again->without_guard, trace.without_guard);
  EXPECT_EQ(again->must_happen, trace.must_happen);
  EXPECT_EQ(again->choices, trace.choices);
}

TEST(Traces, AMistakeInATraceIsNamed) {
  const auto error = [](std::string_view text) {
    const auto trace = read_trace(text);
    return trace ? std::string() : trace.error().message;
  };
  EXPECT_EQ(error("[]"), "a kept trace is a JSON object");
  EXPECT_EQ(error("{}"), "title: a text is expected");
  EXPECT_THAT(error(R"({"title": "t", "invariant": "i", "place": "moon"})"),
              testing::HasSubstr("place:"));
  EXPECT_THAT(
      error(R"({"title": "t", "invariant": "i", "place": "home", "choices": {"a": {"x": 1}}})"),
      testing::HasSubstr("choices.a.x"));
  EXPECT_THAT(
      error(R"({"title": "t", "invariant": "i", "place": "home", "choices": {"a": {"1": -1}}})"),
      testing::HasSubstr("choices.a.1"));
}

TEST(Traces, WhatIsLeftOutIsFoundInItsOrder) {
  KeptTrace trace;
  Outcome outcome;
  outcome.trace = {{0, "engine 1 loop", "status: refused"}, {1, "engine 1", "dies"}};
  EXPECT_THAT(accidents(outcome.trace), testing::ElementsAre("status: refused", "dies"));
  EXPECT_THAT(accidents({{0, "engine 1 loop", "invoke ..000 c1: 502, 1 deliveries"},
                         {1, "engine 1 loop", "exchange; claim 5ba2..000 c1"}}),
              testing::ElementsAre("502, 1 deliveries"));
  trace.must_happen = {"status: refused", "dies"};
  EXPECT_EQ(left_out(trace, outcome), "");
  trace.must_happen = {"dies", "status: refused"};
  EXPECT_EQ(left_out(trace, outcome), "status: refused");
}

}  // namespace
}  // namespace sosw::simulation
