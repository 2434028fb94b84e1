// SPDX-License-Identifier: MIT
// What every store must do, by the lifecycle and storage protocol. A store passes the suite by
// instantiating TaskStoreTest with a way to open an empty one.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "core/greenfield.h"
#include "described.h"
#include "engine/ports.h"
#include "observed_store.h"

namespace sosw::conformance {

struct StoreSettings {
  bool two_step = false;  // a completion waits in `completed` for archive()
  std::int64_t task_step = kTaskStep;
};

// A store with all that belongs to it, a folder for instance.
class OpenStore {
 public:
  virtual ~OpenStore() = default;
  virtual engine::TaskStore& store() = 0;
  // Closes the store and opens the same data again, as after a restart. False: it keeps nothing.
  virtual bool reopen() { return false; }
};

struct StoreUnderTest {
  std::string name;
  std::function<std::unique_ptr<OpenStore>(const StoreSettings&)> open;  // a new, empty one
  // What the protocol leaves open is as in the model: the order of rows with equal times, and when
  // a task was claimed whose claim was given back. Else the clock of the random walk moves with
  // each step, all that is due is taken, and such times are not compared.
  bool as_the_model = true;
};
inline std::ostream& operator<<(std::ostream& out, const StoreUnderTest& store) {
  return out << store.name;
}

inline constexpr std::int64_t kAttempt = 100;  // s from a claim of the suite to its deadline

// Runs against a new store with the default settings; open() gives another one.
class TaskStoreTest : public ::testing::TestWithParam<StoreUnderTest> {
 protected:
  void SetUp() override { open({}); }

  void open(const StoreSettings& settings);
  // As after a restart, where the store keeps anything.
  void reopen();
  engine::TaskStore& store() { return *observed_; }

  // Steps. Each fails the test on an error of the store.
  std::string accept(const engine::Job& job, std::int64_t make_now = 1'000'000);  // the job id
  engine::Made make_rows(std::int64_t watermark, std::int64_t at_most = 1'000'000);
  std::vector<engine::Claimed> claim(int at_most, std::string_view labourer = kWorker);
  engine::Claimed claim_one(std::string_view labourer = kWorker);
  std::vector<engine::Reported> report(const std::vector<Report>& reports);
  engine::Reported complete(const std::string& task_id, const std::string& claim);
  engine::Reported fail(const std::string& task_id, const std::string& claim);
  bool release(const engine::Claimed& claimed,
               engine::Release::Why why = engine::Release::Why::rejected);
  std::vector<engine::Ended> expire(std::int64_t at_most = 1'000'000);
  std::vector<std::string> requeue(std::int64_t at_most = 1'000'000);
  std::vector<std::string> archive(std::int64_t at_most = 1'000'000);
  bool replay(const std::string& task_id);
  std::int64_t cancel(std::string_view job_id, std::int64_t at_most = 1'000'000);
  // Fails the attempts of a queued task until it is dead.
  void kill(const std::string& task_id);
  // The n tasks of a new job, queued, by row.
  std::vector<std::string> queue_tasks(std::int64_t n, std::string key = {});
  void wait(std::int64_t seconds) { now_ = after(now_, static_cast<double>(seconds)); }

  // Looks.
  Task task(std::string_view task_id);
  std::optional<State> state(std::string_view task_id);  // nullopt: no such task
  std::vector<Task> tasks(const engine::TaskQuery& query);
  std::vector<std::string> ids(State state, std::string_view labourer = kWorker);
  std::vector<std::string> queue() { return ids(State::queued); }  // in queue order
  engine::LabourerStatus status(std::string_view labourer = kWorker);
  std::int64_t count(State state) { return status().tasks[state]; }
  engine::JobStatus job(std::string_view job_id);
  std::vector<engine::Alarm> alarms(std::int64_t acknowledged = 0);
  // All that the store says about everything.
  std::string dump();

  engine::ClaimRequest request(int at_most, std::string_view labourer = kWorker) const;
  static Report completed(std::string task_id, std::string claim);
  static Report failed(std::string task_id, std::string claim);

  Time now_ = from_epoch(1'795'000'000);
  engine::Labourers labourers_ = {{std::string(kWorker), worker()}, {"other", worker("other")}};
  std::unique_ptr<OpenStore> opened_;

 private:
  std::unique_ptr<ObservedStore> observed_;
};

}  // namespace sosw::conformance
