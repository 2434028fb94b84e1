// SPDX-License-Identifier: MIT
// The protocol in every order of its steps, and without each of its guards.
#include "simulation/checked_model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <iostream>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace sosw::simulation {
namespace {

using G = ModelGuard;
using testing::ElementsAreArray;
using testing::HasSubstr;

const ModelBounds& bounds_of(std::string_view cut) {
  for (const ModelCut& each : model_cuts())
    if (each.name == cut) return each.bounds;
  throw std::invalid_argument("no such cut");
}

ModelBounds unguarded(ModelBounds bounds, const std::vector<G>& guards) {
  for (const G guard : guards) bounds.without |= without(guard);
  return bounds;
}

std::string told(const Explored& explored) {
  return explored.broken ? to_text(*explored.broken) : "";
}

// --- Every order of the steps

class Cut : public testing::TestWithParam<ModelCut> {};

TEST_P(Cut, KeepsEveryInvariantAndCanAlwaysEnd) {
  const Explored explored = explore(GetParam().bounds);
  EXPECT_EQ(told(explored), "");
  EXPECT_TRUE(explored.complete);
  std::cout << GetParam().name << ": " << explored.states << " states, " << explored.transitions
            << " transitions, " << explored.bytes / 1'000'000 << " MB\n";
}

std::vector<ModelCut> tested_cuts() {
  std::vector<ModelCut> cuts;
  for (const ModelCut& each : model_cuts())
    if (each.tested) cuts.push_back(each);
  return cuts;
}
INSTANTIATE_TEST_SUITE_P(Model, Cut, testing::ValuesIn(tested_cuts()), [](const auto& of) {
  std::string name(of.param.name);
  for (char& c : name)
    if (c == ' ') c = '_';
  return name;
});

// States that are taken for one must have the same future: without that, no other verdict.
TEST(Model, MergingStatesHidesNothing) {
  for (const std::string_view cut : {"one task", "replaying", "three attempts"}) {
    ModelBounds bounds = bounds_of(cut);
    bounds.crashes = bounds.losses = 0;
    const Explored merged = explore(bounds);
    bounds.merge = false;
    const Explored plain = explore(bounds);
    EXPECT_TRUE(merged.complete && plain.complete) << cut;
    EXPECT_EQ(told(plain), "") << cut;
    EXPECT_LT(merged.states, plain.states) << cut;
  }
}

TEST(Model, AnswersHowFarItCameWhenItMayHoldNoMoreStates) {
  ModelBounds bounds = bounds_of("settling");
  bounds.max_states = 1000;
  const Explored explored = explore(bounds);
  EXPECT_FALSE(explored.complete);
  EXPECT_FALSE(explored.broken);
  EXPECT_GT(explored.states, 1000U);
}

// A task that may be claimed less often than its attempts ask for waits for ever.
TEST(Model, SeesThatAStateHasNoWayToAnEnd) {
  const Explored explored = explore({.tasks = 1, .attempts = 2, .claims = 1});
  ASSERT_TRUE(explored.broken);
  EXPECT_EQ(explored.broken->invariant, "progress");
  EXPECT_TRUE(explored.complete);
}

// --- Without guards

struct Planted {
  std::vector<G> off;
  std::string_view cut;
  std::string_view invariant;
};

std::string title(const Planted& planted) {
  std::string text;
  for (const G guard : planted.off)
    text += (text.empty() ? "" : "_and_") +
            std::string(model_guards()[static_cast<std::size_t>(guard)]);
  return text;
}

void PrintTo(const Planted& planted, std::ostream* out) { *out << title(planted); }

const std::vector<Planted> kPlanted = {
    {{G::claim_attempts}, "claiming", "attempts_exact"},
    {{G::claim_started}, "one task", "started_by_its_claim"},
    {{G::lease_seq}, "claiming", "limit"},
    {{G::lease_pending}, "claiming", "limit"},
    {{G::delivery_not_outcome}, "python claiming", "started_is_not_given_back"},
    {{G::release_claim}, "claiming", "started_is_not_given_back"},
    {{G::release_started}, "claiming", "started_is_not_given_back"},
    {{G::release_completed}, "one task", "finished_stays_finished"},
    {{G::release_late}, "one task", "finished_never_starts"},
    {{G::start_fence}, "claiming", "claim_runs_once"},
    {{G::start_nonce}, "claiming", "claim_runs_once"},
    {{G::claim_token}, "settling", "report_ends_its_claim"},
    {{G::complete_claim}, "settling", "report_ends_its_claim"},
    {{G::fail_claim}, "settling", "report_ends_its_claim"},
    {{G::fail_ends}, "one task", "own_report_ends_attempt"},
    {{G::report_same}, "settling", "report_ends_its_claim"},
    {{G::late_kept}, "settling", "completion_kept"},
    {{G::late_position}, "settling", "finished_never_starts"},
    {{G::silent}, "python workers", "report_ends_its_claim"},
    {{G::letter}, "settling", "completion_kept"},
    {{G::letter_kind}, "python workers", "completion_kept"},
    {{G::letter_transaction}, "settling", "completion_kept"},
    {{G::expire_same}, "settling", "finished_stays_finished"},
    {{G::expire_done}, "one task", "done_was_said"},
    {{G::requeue_same}, "settling", "one_place"},
    {{G::replay_dead}, "replaying", "finished_stays_finished"},
    // Guards that stand for each other: none of them is missed alone (below).
    {{G::claim_position, G::claim_attempts}, "claiming", "attempts_exact"},
    {{G::claim_position, G::claim_completed}, "one task", "finished_never_starts"},
    {{G::lease_seq, G::claim_repeat}, "claiming", "limit"},
    {{G::lease_seq, G::lease_name}, "claiming", "limit"},
    {{G::lease_seq, G::lease_epoch}, "claiming", "limit"},
    {{G::lease_seq, G::lease_epoch, G::lease_holder}, "claiming", "limit"},
    {{G::expire_same, G::expire_absent}, "one task", "attempts_exact"},
    {{G::requeue_same, G::requeue_absent}, "one task", "attempts_exact"},
    {{G::archive_same, G::archive_absent}, "settling", "closed_once"},
};

class Guard : public testing::TestWithParam<Planted> {};

TEST_P(Guard, IsMissed) {
  const Explored explored = explore(unguarded(bounds_of(GetParam().cut), GetParam().off));
  ASSERT_TRUE(explored.broken) << explored.states << " states";
  EXPECT_EQ(explored.broken->invariant, GetParam().invariant) << told(explored);
  std::cout << title(GetParam()) << ": " << explored.broken->steps.size() << " steps, "
            << explored.states << " states\n";
}
INSTANTIATE_TEST_SUITE_P(Model, Guard, testing::ValuesIn(kPlanted),
                         [](const auto& of) { return title(of.param); });

TEST(Model, MissesEachGuardAloneOrWithAnother) {
  std::set<G> missed;
  for (const Planted& planted : kPlanted) missed.insert(planted.off.begin(), planted.off.end());
  EXPECT_EQ(missed.size(), model_guards().size());
}

TEST(Model, FindsAGuardByItsName) {
  for (std::size_t i = 0; i < model_guards().size(); ++i)
    EXPECT_EQ(model_guard_named(model_guards()[i]), static_cast<G>(i));
  EXPECT_EQ(model_guard_named("no_such_guard"), std::nullopt);
}

// The second line of defence: while the first holds, nothing passes it to be caught. The moves' are
// for what a Python Scavenger leaves behind between its two steps, which this model does not have.
TEST(Model, DoesNotMissTheSecondLineOfDefence) {
  ModelBounds claiming = bounds_of("claiming");
  claiming.crashes = 0;
  claiming.losses = 1;
  const std::vector<std::pair<std::vector<G>, ModelBounds>> spare = {
      {{G::claim_position}, bounds_of("one task")},
      {{G::claim_completed}, bounds_of("one task")},
      {{G::lease_holder, G::lease_name, G::lease_epoch, G::claim_repeat}, claiming},
      {{G::expire_absent, G::requeue_absent, G::archive_absent}, bounds_of("three attempts")},
      {{G::archive_same}, bounds_of("three attempts")},
  };
  for (const auto& [guards, bounds] : spare) {
    const Explored explored = explore(unguarded(bounds, guards));
    EXPECT_TRUE(explored.complete) << title({guards, "", ""});
    EXPECT_EQ(told(explored), "");
  }
}

// --- What the model has found in the first form of the protocol

std::vector<std::string> story_without(G guard, std::string_view cut) {
  const Explored explored = explore(unguarded(bounds_of(cut), {guard}));
  return explored.broken ? explored.broken->steps : std::vector<std::string>{};
}

// The epoch alone tells two claims of one holder not apart: a request that comes late, after its
// repetition has failed, starts a task beside the one that was claimed in its place.
TEST(ModelFound, ADelayedClaimPassesTheLimitWhereOnlyTheEpochIsCompared) {
  const auto steps = story_without(G::lease_seq, "claiming");
  ASSERT_FALSE(steps.empty());
  EXPECT_THAT(steps.back(), HasSubstr("the delayed claim arrives and takes effect"));
  EXPECT_THAT(steps, testing::Contains(HasSubstr("claims in vain")));
}

TEST(ModelFound, AReleaseForgetsThatTheWorkIsDone) {
  const auto steps = story_without(G::release_late, "one task");
  ASSERT_FALSE(steps.empty());
  EXPECT_THAT(steps, testing::Contains(HasSubstr("late_at is set")));
  EXPECT_THAT(steps.back(), HasSubstr("queued -> running"));
}

TEST(ModelFound, AFailuresLetterReplacesACompletions) {
  const auto steps = story_without(G::letter_kind, "python workers");
  ASSERT_GE(steps.size(), 2U);
  EXPECT_THAT(steps, testing::Contains(HasSubstr("a completion is acknowledged")));
  EXPECT_THAT(steps.back(), HasSubstr("leaves a letter"));
}

// One claim that reports failure, then completion (two deliveries without the fence). In the first
// form it was `already` while the task had not been moved, and the work was lost.
TEST(ModelFound, ACompletionAfterAFailureOfTheSameClaimIsKept) {
  ModelBounds bounds = bounds_of("one task");
  bounds.contradict = true;
  const Explored explored = explore(bounds);
  EXPECT_FALSE(explored.broken) << told(explored);
}

TEST(ModelFound, IsToldTheSameEachTime) {
  EXPECT_THAT(story_without(G::lease_seq, "claiming"),
              ElementsAreArray(story_without(G::lease_seq, "claiming")));
}

}  // namespace
}  // namespace sosw::simulation
