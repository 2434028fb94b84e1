// SPDX-License-Identifier: MIT
// What the tests of this folder share: the engine's parts over the models of the ports.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ports.h"
#include "engine/scheduler.h"
#include "engine/task_manager.h"
#include "simulation/model_ports.h"
#include "simulation/model_store.h"

namespace sosw::engine {

// A model store that can be told to refuse, and to be changed by somebody else meanwhile.
class RefusingStore final : public simulation::ModelStore {
 public:
  using ModelStore::ModelStore;
  std::atomic<bool> refuse_release = false, refuse_exchange = false, refuse_cancel = false,
                    refuse_gate = false;
  std::function<void()> before_release, before_exchange;  // called once
  std::function<void(Exchanged&)> after_exchange = [](Exchanged&) {};
  // nullopt: as the model does.
  std::function<std::optional<Result<std::vector<Task>>>(const TaskQuery&)> answer_tasks =
      [](const TaskQuery&) { return std::nullopt; };
  std::function<bool()> refuse_status = [] { return false; };
  Result<std::map<std::string, LabourerStatus>> status() override {
    if (refuse_status()) return full();
    return ModelStore::status();
  }
  Result<std::vector<bool>> release(std::span<const Release> claims, const Labourers& labourers,
                                    Time now) override {
    if (auto meanwhile = std::exchange(before_release, {})) meanwhile();
    if (refuse_release) return full();
    return ModelStore::release(claims, labourers, now);
  }
  Result<Exchanged> exchange(std::span<const Report> reports, std::span<const ClaimRequest> claims,
                             const Labourers& labourers, Time now) override {
    if (auto meanwhile = std::exchange(before_exchange, {})) meanwhile();
    if (refuse_exchange) return full();
    auto exchanged = ModelStore::exchange(reports, claims, labourers, now);
    after_exchange(*exchanged);
    return exchanged;
  }
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now) override {
    if (refuse_cancel) return full();
    return ModelStore::cancel(job_id, at_most, now);
  }
  Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                    std::optional<std::string> blocked) override {
    if (refuse_gate) return full();
    return ModelStore::gate(labourer_id, paused, std::move(blocked));
  }
  Result<std::vector<Task>> tasks(const TaskQuery& query) override {
    if (auto answer = answer_tasks(query)) return *std::move(answer);
    return ModelStore::tasks(query);
  }

  static Error full() { return {Code::exhausted, "disk full", {}}; }
};

class EngineTest : public testing::Test {
 protected:
  static Labourer labourer(std::string id, int limit = 10) {
    auto read = read_labourer(std::move(id),
                              {{"arn", "arn:aws:lambda:us-west-2:000000000000:function:x"}}, {});
    Labourer made = *read;
    made.max_simultaneous_invocations = limit;
    return made;
  }
  // `n` tasks with payload {"n": i}; gives their ids.
  std::vector<std::string> add_tasks(const std::string& labourer_id, int n) {
    std::vector<std::string> ids;
    TaskManager manager(store_, {});
    for (int i = 0; i < n; ++i) {
      const auto id = manager.create_task(labourers_.at(labourer_id),
                                          {json::object{{"n", i}}, {}, {}, {}}, clock_.now());
      EXPECT_TRUE(id) << id.error().text();
      ids.push_back(*id);
    }
    return ids;
  }
  Task task(const std::string& id) {
    TaskQuery query;
    query.task_id = id;
    const auto found = store_.tasks(query);
    EXPECT_TRUE(found && found->size() == 1) << id;
    return found && !found->empty() ? found->front() : Task{};
  }
  std::int64_t count(State state) {
    std::int64_t sum = 0;
    const auto status = store_.status();
    for (const auto& [id, one] : *status) {
      if (const auto found = one.tasks.find(state); found != one.tasks.end()) sum += found->second;
    }
    return sum;
  }

  RefusingStore store_;
  simulation::ManualClock clock_;
  simulation::ScriptedInvoker invoker_;
  simulation::ModelMetrics metrics_;
  simulation::RecordingNotifier notifier_;
  simulation::RecordingAuditLog audit_;
  Labourers labourers_;
};

}  // namespace sosw::engine
