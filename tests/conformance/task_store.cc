// SPDX-License-Identifier: MIT
// Steps and looks of the suite, and the test that each row of the lifecycle was taken.
#include "task_store.h"

#include <fmt/format.h>

#include <algorithm>

namespace sosw::conformance {
namespace {

// When all tests of the program have run, each row of the table that applies has been taken.
class Coverage final : public ::testing::Environment {
 public:
  void TearDown() override {
    if (::testing::GTEST_FLAG(filter) != "*" || ::testing::GTEST_FLAG(list_tests)) return;
    for (const auto& row : missing(taken())) ADD_FAILURE() << "taken by no test: " << row;
  }
};
const auto* const kCoverage = ::testing::AddGlobalTestEnvironment(new Coverage);

template <class T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  ADD_FAILURE() << result.error().text();
  return T{};
}

}  // namespace

void TaskStoreTest::open(const StoreSettings& settings) {
  observed_.reset();
  opened_ = GetParam().open(settings);
  observed_ = std::make_unique<ObservedStore>(opened_->store());
}

void TaskStoreTest::reopen() {
  observed_.reset();
  opened_->reopen();
  observed_ = std::make_unique<ObservedStore>(opened_->store());
}

// --- Steps

std::string TaskStoreTest::accept(const engine::Job& job, std::int64_t make_now) {
  return must(store().accept(job, make_now, now_)).job_id;
}

engine::Made TaskStoreTest::make_rows(std::int64_t watermark, std::int64_t at_most) {
  return must(store().make_rows(kWorker, watermark, at_most, now_));
}

engine::ClaimRequest TaskStoreTest::request(int at_most, std::string_view labourer) const {
  return {.labourer_id = labourer,
          .limit = 1'000,
          .at_most = at_most,
          .deadline = after(now_, static_cast<double>(kAttempt)),
          .expiry = Expiry::deadline};
}

std::vector<engine::Claimed> TaskStoreTest::claim(int at_most, std::string_view labourer) {
  const auto wanted = request(at_most, labourer);
  return must(store().exchange({}, std::span(&wanted, 1), labourers_, now_)).claimed;
}

engine::Claimed TaskStoreTest::claim_one(std::string_view labourer) {
  auto claimed = claim(1, labourer);
  EXPECT_EQ(claimed.size(), 1U) << "a task to claim was expected";
  return claimed.empty() ? engine::Claimed{} : claimed.front();
}

Report TaskStoreTest::completed(std::string task_id, std::string claim) {
  Report report;
  report.kind = Report::Kind::completed;
  report.task_id = std::move(task_id);
  report.claim = std::move(claim);
  return report;
}

Report TaskStoreTest::failed(std::string task_id, std::string claim) {
  Report report = completed(std::move(task_id), std::move(claim));
  report.kind = Report::Kind::failed;
  return report;
}

std::vector<engine::Reported> TaskStoreTest::report(const std::vector<Report>& reports) {
  auto answers = must(store().exchange(reports, {}, labourers_, now_)).reported;
  answers.resize(reports.size());
  return answers;
}

engine::Reported TaskStoreTest::complete(const std::string& task_id, const std::string& claim) {
  return report({completed(task_id, claim)}).front();
}

engine::Reported TaskStoreTest::fail(const std::string& task_id, const std::string& claim) {
  return report({failed(task_id, claim)}).front();
}

bool TaskStoreTest::release(const engine::Claimed& claimed, engine::Release::Why why) {
  const engine::Release given{claimed.task.id, claimed.claim, why, "as the test wants"};
  auto answers = must(store().release(std::span(&given, 1), labourers_, now_));
  return !answers.empty() && answers.front();
}

std::vector<engine::Ended> TaskStoreTest::expire(std::int64_t at_most) {
  return must(store().expire(
      labourers_.at(std::string(kWorker)), at_most,
      [](std::string_view, std::string_view) { return false; }, now_));
}

std::vector<std::string> TaskStoreTest::requeue(std::int64_t at_most) {
  return must(store().requeue(kWorker, at_most, 86'400, now_));
}

std::vector<std::string> TaskStoreTest::archive(std::int64_t at_most) {
  return must(store().archive(kWorker, at_most, now_));
}

bool TaskStoreTest::replay(const std::string& task_id) {
  auto answers = must(store().replay(std::span(&task_id, 1), now_));
  return !answers.empty() && answers.front();
}

std::int64_t TaskStoreTest::cancel(std::string_view job_id, std::int64_t at_most) {
  return must(store().cancel(job_id, at_most, now_));
}

void TaskStoreTest::kill(const std::string& task_id) {
  for (int i = 0; i < 10 && state(task_id) != State::dead; ++i) {
    for (const auto& claimed : claim(1'000)) {
      if (claimed.task.id == task_id)
        fail(task_id, claimed.claim);
      else
        release(claimed);
    }
    wait(kRetryDelay);
    requeue();
  }
  ASSERT_EQ(state(task_id), State::dead);
}

std::vector<std::string> TaskStoreTest::queue_tasks(std::int64_t n, std::string key) {
  const auto before = queue();
  accept(job_of(n, std::move(key)));
  auto after = queue();
  EXPECT_EQ(after.size(), before.size() + static_cast<std::size_t>(n));
  after.erase(after.begin(), after.begin() + static_cast<std::ptrdiff_t>(before.size()));
  return after;
}

// --- Looks

std::vector<Task> TaskStoreTest::tasks(const engine::TaskQuery& query) {
  return must(store().tasks(query));
}

Task TaskStoreTest::task(std::string_view task_id) {
  engine::TaskQuery query;
  query.task_id = task_id;
  auto found = tasks(query);
  EXPECT_EQ(found.size(), 1U) << task_id;
  return found.empty() ? Task{} : found.front();
}

std::optional<State> TaskStoreTest::state(std::string_view task_id) {
  engine::TaskQuery query;
  query.task_id = task_id;
  auto found = tasks(query);
  if (found.empty()) return std::nullopt;
  return found.front().state;
}

std::vector<std::string> TaskStoreTest::ids(State state, std::string_view labourer) {
  engine::TaskQuery query;
  query.labourer_id = labourer;
  query.state = state;
  query.limit = 1'000'000;
  std::vector<std::string> found;
  for (const auto& task : tasks(query)) found.push_back(task.id);
  return found;
}

engine::LabourerStatus TaskStoreTest::status(std::string_view labourer) {
  auto all = must(store().status());
  return all[std::string(labourer)];
}

engine::JobStatus TaskStoreTest::job(std::string_view job_id) {
  auto found = must(store().jobs(std::string(job_id), 10));
  EXPECT_EQ(found.size(), 1U) << job_id;
  return found.empty() ? engine::JobStatus{} : found.front();
}

std::vector<engine::Alarm> TaskStoreTest::alarms(std::int64_t acknowledged) {
  return must(store().alarms(acknowledged, 1'000'000));
}

std::string TaskStoreTest::dump() {
  return described(store(), [](const std::string& id) { return id; });
}

}  // namespace sosw::conformance
