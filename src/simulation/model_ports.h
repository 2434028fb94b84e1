// SPDX-License-Identifier: MIT
// The small ports in memory: set from the test, remember what they were asked. Safe from any
// thread; hooks are called without a lock held, on the caller's thread.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/ports.h"

namespace sosw::simulation {

// Stands still until it is told otherwise; may be set back.
class ManualClock final : public engine::Clock {
 public:
  explicit ManualClock(Time start = from_epoch(1'795'000'000)) : now_(start) {}  // November 2026

  Time now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  void set(Time now) {
    std::lock_guard lock(mutex_);
    now_ = now;
  }
  void advance(double seconds) {
    std::lock_guard lock(mutex_);
    now_ = after(now_, seconds);
  }

 private:
  mutable std::mutex mutex_;
  Time now_;
};

// Values by `details` (equal as JSON, whatever the order of keys). Not set: no data.
class ModelMetrics final : public engine::MetricSource {
 public:
  void set(json::object details, Result<std::optional<double>> value) {
    std::lock_guard lock(mutex_);
    for (auto& [known, v] : values_) {
      if (known == details) {
        v = std::move(value);
        return;
      }
    }
    values_.emplace_back(std::move(details), std::move(value));
  }

  std::vector<Result<std::optional<double>>> values(std::span<const json::object> details, Time,
                                                    const std::stop_token& = {}) override {
    std::lock_guard lock(mutex_);
    ++calls_;
    std::vector<Result<std::optional<double>>> answers;
    for (const auto& wanted : details) {
      auto known = std::find_if(values_.begin(), values_.end(),
                                [&](const auto& entry) { return entry.first == wanted; });
      answers.push_back(known == values_.end() ? std::optional<double>() : known->second);
    }
    return answers;
  }

  int calls() const {
    std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::pair<json::object, Result<std::optional<double>>>> values_;
  int calls_ = 0;
};

class RecordingNotifier final : public engine::Notifier {
 public:
  Result<void> notify(std::span<const engine::Alarm> alarms, const std::stop_token& = {}) override {
    std::lock_guard lock(mutex_);
    ++calls_;
    if (refusal_) return *refusal_;
    delivered_.insert(delivered_.end(), alarms.begin(), alarms.end());
    return {};
  }

  // From now on nothing is delivered; nullopt: delivered again.
  void refuse(std::optional<Error> why) {
    std::lock_guard lock(mutex_);
    refusal_ = std::move(why);
  }
  std::vector<engine::Alarm> delivered() const {
    std::lock_guard lock(mutex_);
    return delivered_;
  }
  int calls() const {
    std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<engine::Alarm> delivered_;
  std::optional<Error> refusal_;
  int calls_ = 0;
};

class RecordingAuditLog final : public engine::AuditLog {
 public:
  struct Row {
    std::string task_id, action, labourer_id;
    Time at{};
    bool operator==(const Row&) const = default;
  };
  using Hook = std::function<void(const Row&)>;

  // `after_row` is called after each row is kept; it may call the log.
  explicit RecordingAuditLog(Hook after_row = {}) : after_row_(std::move(after_row)) {}

  void append(std::span<const engine::AuditEvent> events) override {
    for (const auto& event : events) {
      Row row{event.task_id, std::string(event.action), event.labourer_id, event.at};
      {
        std::lock_guard lock(mutex_);
        rows_.push_back(row);
      }
      if (after_row_) after_row_(row);
    }
  }

  std::vector<Row> rows() const {
    std::lock_guard lock(mutex_);
    return rows_;
  }
  // The actions of one task, oldest first.
  std::vector<std::string> actions(std::string_view task_id) const {
    std::vector<std::string> actions;
    for (const auto& row : rows())
      if (row.task_id == task_id) actions.push_back(row.action);
    return actions;
  }

 private:
  const Hook after_row_;
  mutable std::mutex mutex_;
  std::vector<Row> rows_;
};

// Starts nothing. Answers each invocation with the next scripted outcome; when the script is empty,
// by `answer_by`, else accepted.
class ScriptedInvoker final : public engine::Invoker {
 public:
  struct Call {
    std::string labourer_id, task_id, claim, payload;
  };
  using Answer = std::function<engine::Invoked(const Call&)>;

  void script(std::vector<engine::Invoked> outcomes) {
    std::lock_guard lock(mutex_);
    script_.insert(script_.end(), outcomes.begin(), outcomes.end());
  }
  void script(const std::vector<engine::Invoked::Outcome>& outcomes) {
    std::lock_guard lock(mutex_);
    for (auto outcome : outcomes) script_.push_back({outcome, "scripted"});
  }
  // Decides what the script does not; may call the store, as a worker that is faster than its
  // invoker. Set it before the first invocation.
  void answer_by(Answer answer) { answer_ = std::move(answer); }

  // Negative: no limit of its own, as at the start.
  void set_free_slots(std::string labourer_id, int slots) {
    std::lock_guard lock(mutex_);
    free_slots_[std::move(labourer_id)] = slots;
  }

  std::vector<engine::Invoked> invoke(std::span<const engine::Invocation> invocations) override {
    std::vector<engine::Invoked> answers;
    for (const auto& invocation : invocations) {
      Call call{invocation.labourer->id, invocation.task_id, invocation.claim, invocation.payload};
      std::optional<engine::Invoked> scripted;
      {
        std::lock_guard lock(mutex_);
        calls_.push_back(call);
        if (!script_.empty()) {
          scripted = std::move(script_.front());
          script_.pop_front();
        }
      }
      if (scripted)
        answers.push_back(std::move(*scripted));
      else
        answers.push_back(answer_ ? answer_(call) : engine::Invoked{});
    }
    return answers;
  }

  // Claims that it says it runs; none at the start.
  void set_running(std::set<std::pair<std::string, std::string>> claims) {
    std::lock_guard lock(mutex_);
    running_ = std::move(claims);
  }
  bool running(std::string_view task_id, std::string_view claim) override {
    std::lock_guard lock(mutex_);
    return running_.count({std::string(task_id), std::string(claim)}) > 0;
  }

  int free_slots(const Labourer& labourer) override {
    std::lock_guard lock(mutex_);
    auto found = free_slots_.find(labourer.id);
    return found == free_slots_.end() ? -1 : found->second;
  }

  std::vector<Call> calls() const {
    std::lock_guard lock(mutex_);
    return calls_;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<engine::Invoked> script_;
  Answer answer_;
  std::map<std::string, int, std::less<>> free_slots_;
  std::set<std::pair<std::string, std::string>> running_;
  std::vector<Call> calls_;
};

class ModelConfig final : public engine::ConfigSource {
 public:
  void set(std::string name, Result<json::object> document) {
    std::lock_guard lock(mutex_);
    documents_.insert_or_assign(std::move(name), std::move(document));
  }

  Result<json::object> config(std::string_view name) override {
    std::lock_guard lock(mutex_);
    auto found = documents_.find(name);
    if (found != documents_.end()) return found->second;
    return Error{Code::not_found, "no configuration is named '" + std::string(name) + "'", {}};
  }

 private:
  std::mutex mutex_;
  std::map<std::string, Result<json::object>, std::less<>> documents_;
};

class ModelJobBuffer final : public engine::JobBuffer {
 public:
  void set(std::string file_name, std::vector<std::string> rows) {
    std::lock_guard lock(mutex_);
    files_[std::move(file_name)] = std::move(rows);
  }

  Result<std::vector<std::string>> rows(std::string_view file_name) override {
    std::lock_guard lock(mutex_);
    auto found = files_.find(file_name);
    if (found != files_.end()) return found->second;
    return Error{Code::not_found, "no queue file is named '" + std::string(file_name) + "'", {}};
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::vector<std::string>, std::less<>> files_;
};

}  // namespace sosw::simulation
