// SPDX-License-Identifier: MIT
// The promises of engine::Invoker.
#include "invoker.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <chrono>
#include <thread>

namespace sosw::conformance {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using Outcome = engine::Invoked::Outcome;

constexpr std::chrono::seconds kPatience(60);

std::vector<Outcome> outcomes(const std::vector<engine::Invoked>& answers) {
  std::vector<Outcome> found;
  for (const auto& answer : answers) found.push_back(answer.outcome);
  return found;
}

std::vector<Attempt> attempts(int n, int first = 0) {
  std::vector<Attempt> made;
  for (int i = first; i < first + n; ++i) made.emplace_back(fmt::format("task {}", i), "c1");
  return made;
}

// Polls until it is true.
bool eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace

std::vector<engine::Invoked> InvokerTest::invoke(const std::vector<Attempt>& attempts) {
  std::vector<engine::Invocation> invocations;
  for (const auto& [task, claim] : attempts)
    invocations.push_back({task, claim, R"({"word": "x"})", &opened_->labourer()});
  return opened_->invoker().invoke(invocations);
}

void InvokerTest::see(const std::vector<Attempt>& ended) {
  std::vector<Attempt> not_running;
  for (const auto& attempt : ended)
    if (!invoker_->running(attempt.first, attempt.second)) not_running.push_back(attempt);
  const std::lock_guard lock(mutex_);
  for (const auto& attempt : ended) ++ends_[attempt];
  not_running_.insert(not_running_.end(), not_running.begin(), not_running.end());
  changed_.notify_all();
}

void InvokerTest::wait_for_ends(std::size_t n) {
  std::unique_lock lock(mutex_);
  ASSERT_TRUE(changed_.wait_for(lock, kPatience, [&] { return ends_.size() >= n; }))
      << ends_.size() << " of " << n;
}

TEST_P(InvokerTest, answers_are_in_order_and_a_refusal_touches_no_other) {
  Labourer nobody;
  nobody.id = "nobody";
  const Labourer& known = opened_->labourer();
  const auto answers =
      opened_->invoker().invoke(std::vector<engine::Invocation>{{"first", "c1", "{}", &known},
                                                                {"second", "c1", "{}", &nobody},
                                                                {"third", "c1", "{}", &known}});
  EXPECT_THAT(outcomes(answers),
              ElementsAre(Outcome::accepted, Outcome::rejected_labourer, Outcome::accepted));
  EXPECT_NE(answers.at(1).reason, "");
  EXPECT_FALSE(opened_->invoker().running("second", "c1"));
  EXPECT_THAT(opened_->invoker().invoke({}), IsEmpty());
  opened_->let_go();
}

TEST_P(InvokerEndsTest, what_is_accepted_ends_exactly_once) {
  opened_->let_go();
  constexpr int kAll = 12;
  for (int n = 0; n < kAll;) {
    const int free = opened_->invoker().free_slots(opened_->labourer());
    const int now = free < 0 ? kAll : std::min(free, kAll - n);
    EXPECT_THAT(outcomes(invoke(attempts(now, n))), Each(Outcome::accepted));
    n += now;
    ASSERT_NO_FATAL_FAILURE(wait_for_ends(static_cast<std::size_t>(n)));
  }
  opened_.reset();  // whatever would come, has come
  EXPECT_THAT(ends_, SizeIs(kAll));
  EXPECT_THAT(ends_, Each(Pair(::testing::_, 1)));
}

TEST_P(InvokerEndsTest, an_attempt_runs_until_its_end_has_been_told) {
  auto& invoker = opened_->invoker();
  EXPECT_FALSE(invoker.running("task 0", "c1"));
  ASSERT_THAT(outcomes(invoke(attempts(2))), Each(Outcome::accepted));
  for (const auto& [task, claim] : attempts(2)) {
    EXPECT_TRUE(invoker.running(task, claim));
    EXPECT_FALSE(invoker.running(task, "c0")) << "an older claim";
  }
  EXPECT_FALSE(invoker.running("task 2", "c1"));
  EXPECT_THAT(ends_, IsEmpty());
  opened_->let_go();
  ASSERT_NO_FATAL_FAILURE(wait_for_ends(2));
  for (const auto& [task, claim] : attempts(2))
    EXPECT_TRUE(eventually([&, t = task, c = claim] { return !invoker.running(t, c); })) << task;
  const std::lock_guard lock(mutex_);
  EXPECT_THAT(not_running_, IsEmpty()) << "the end was told after it counted as over";
}

TEST_P(InvokerEndsTest, free_slots_are_what_it_would_start_at_once) {
  auto& invoker = opened_->invoker();
  const int free = invoker.free_slots(opened_->labourer());
  ASSERT_NE(free, 0);
  const int all = free < 0 ? 20 : free;
  ASSERT_THAT(outcomes(invoke(attempts(all))), Each(Outcome::accepted));
  EXPECT_EQ(invoker.free_slots(opened_->labourer()), free < 0 ? free : 0);
  opened_->let_go();
  ASSERT_NO_FATAL_FAILURE(wait_for_ends(static_cast<std::size_t>(all)));
  EXPECT_TRUE(eventually([&] { return invoker.free_slots(opened_->labourer()) == free; }));
}

}  // namespace sosw::conformance
