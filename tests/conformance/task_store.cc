// SPDX-License-Identifier: MIT
// Steps and looks of the suite, and the test that each row of the lifecycle was taken.
#include "task_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/chunking.h"

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

Labourer worker(std::string_view id) {
  Labourer labourer;
  labourer.id = id;
  labourer.max_attempts = 3;
  labourer.retry.kind = RetryPolicy::Kind::fixed;
  labourer.retry.base_s = kRetryDelay;
  return labourer;
}

engine::Job job_of(std::int64_t rows, std::string key, std::string_view labourer) {
  const std::int64_t days = rows > 10'000 ? 1'000 : 1;
  json::array words;
  for (std::int64_t word = 0; word < rows / days; ++word)
    words.emplace_back(fmt::format("word {}", word));
  json::object body = {{"words", words}, {"isolate_words", true}};
  if (days > 1) {
    body["isolate_days"] = true;
    body["period"] = fmt::format("last_{}_days", days);
  }
  const auto chunked =
      JobRows::from_job({std::string(labourer), body}, must(JobSchema::create({"word"})), {},
                        must(parse_iso_date("2026-11-24")));
  EXPECT_TRUE(chunked) << chunked.error().text();
  EXPECT_EQ(chunked->count(), rows);
  engine::Job job;
  job.key = std::move(key);
  job.labourer_id = labourer;
  job.rows = rows;
  job.description = chunked->description();
  return job;
}

std::string described(const Task& task) {
  auto number = [](const std::optional<std::int64_t>& n) {
    return n ? std::to_string(*n) : std::string("-");
  };
  std::string text = fmt::format("{} of {}: {}, attempts {}", task.id, task.labourer_id,
                                 name(task.state), task.attempts);
  if (task.state == State::running || task.state == State::completed)
    text += fmt::format(", greenfield {}", task.greenfield);
  if (task.state == State::running) text += task.claim.empty() ? ", no claim" : ", claimed";
  text += fmt::format(", completed {}, closed {}, due {}", number(task.completed_at),
                      number(task.closed_at), number(task.desired_launch_time));
  std::map<std::string, std::string> extra;
  for (const auto& [key, value] : task.extra) {
    static const std::set<std::string, std::less<>> kNamed = {"failed_attempts", "late_at",
                                                              "silent", "replays"};
    if (kNamed.contains(std::string_view(key)) || key.starts_with("stat_") ||
        key.starts_with("result_"))
      extra[std::string(key)] = json::serialize(value);
  }
  for (const auto& [key, value] : extra) text += fmt::format(", {} {}", key, value);
  return text + "\n  " + task.payload + "\n";
}

std::string described(engine::TaskStore& store,
                      const std::function<std::string(const std::string&)>& name_of) {
  std::string text;
  std::vector<std::string> lines;
  const auto all = must(store.status());
  for (const auto& [id, labourer] : all) {
    const bool nothing = std::all_of(labourer.tasks.begin(), labourer.tasks.end(),
                                     [](const auto& entry) { return entry.second == 0; });
    if (nothing && labourer.open_jobs == 0 && !labourer.paused && labourer.blocked.empty())
      continue;  // whether it is listed is no promise
    text += id + ":";
    for (const auto& [state, n] : labourer.tasks) {
      if (n != 0) text += fmt::format(" {} {}", name(state), n);
    }
    text += fmt::format(", folded {} in {}, paused {}, blocked '{}', due {}, deadline {}\n  queue:",
                        labourer.folded, labourer.open_jobs, labourer.paused, labourer.blocked,
                        labourer.next_due.value_or(-1), labourer.next_deadline.value_or(-1));
    engine::TaskQuery queue;
    queue.labourer_id = id;
    queue.state = State::queued;
    queue.limit = 1'000'000;
    for (const auto& task : must(store.tasks(queue))) text += " " + name_of(task.id);
    text += "\n";
  }
  engine::TaskQuery query;
  query.limit = 1'000'000;
  for (auto& task : must(store.tasks(query))) {
    task.id = name_of(task.id);
    lines.push_back(described(task));
  }
  std::sort(lines.begin(), lines.end());
  for (const auto& line : lines) text += line;
  for (const auto& known : must(store.jobs(std::nullopt, 1'000'000))) {
    if (known.key.empty()) continue;  // of a task made directly; whether it is listed is no promise
    text += fmt::format("job {} '{}' of {}: {} rows, {} made, {} done, {} dead, {} cancelled, {}\n",
                        known.id, known.key, known.labourer_id, known.rows, known.made, known.done,
                        known.dead, known.cancelled, static_cast<int>(known.state));
  }
  for (const auto& alarm : must(store.alarms(0, 1'000'000)))
    text += fmt::format("alarm {} {} {}\n", static_cast<int>(alarm.kind), alarm.labourer_id,
                        name_of(alarm.task_id));
  return text;
}

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
