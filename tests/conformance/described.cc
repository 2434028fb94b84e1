// SPDX-License-Identifier: MIT
#include "described.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "core/chunking.h"

namespace sosw::conformance {
namespace {

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

}  // namespace sosw::conformance
