// SPDX-License-Identifier: MIT
// The store as plain maps under one mutex: what every other store is compared with.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "core/chunking.h"
#include "core/greenfield.h"
#include "engine/ports.h"
#include "simulation/snapshot.h"

namespace sosw::simulation {

// Every call looks at every row: for thousands of tasks, not for millions. Keeps nothing beyond its
// own life. Where the protocol leaves an order open (equal due times, deadlines or positions), the
// order is that of acceptance, then of rows; tasks that were made directly come behind those of
// jobs, for the SQLite store keeps them so.
class ModelStore : public engine::TaskStore {
 public:
  struct Options {
    bool two_step = false;  // a completion waits in `completed` for archive()
    std::int64_t invocation_delta = kInvocationDelta;
    std::int64_t task_step = kTaskStep;
    bool direct_last = true;         // among equals; else in order of acceptance as all others
    std::string store_id = "model";  // what ids of tasks made directly come from, as in SQLite
  };
  ModelStore() = default;
  explicit ModelStore(Options options) : options_(options) {}

  Result<engine::Accepted> accept(const engine::Job& job, std::int64_t make_now, Time now) override;
  Result<engine::Made> make_rows(std::string_view labourer_id, std::int64_t watermark,
                                 std::int64_t at_most, Time now) override;
  Result<engine::Exchanged> exchange(std::span<const Report> reports,
                                     std::span<const engine::ClaimRequest> claims,
                                     const engine::Labourers& labourers, Time now) override;
  Result<std::vector<bool>> release(std::span<const engine::Release> claims,
                                    const engine::Labourers& labourers, Time now) override;
  Result<std::vector<engine::Ended>> expire(const Labourer& labourer, std::int64_t at_most,
                                            const StillRunning& still_running, Time now) override;
  Result<std::vector<std::string>> requeue(std::string_view labourer_id, std::int64_t at_most,
                                           double longest_delay_s, Time now) override;
  Result<std::vector<std::string>> archive(std::string_view labourer_id, std::int64_t at_most,
                                           Time now) override;
  Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now) override;
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now) override;
  Result<std::vector<std::string>> cancelling() override;
  Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                    std::optional<std::string> blocked) override;
  Result<std::vector<engine::Alarm>> alarms(std::int64_t acknowledged,
                                            std::int64_t at_most) override;
  Result<std::map<std::string, engine::LabourerStatus>> status() override;
  Result<std::vector<Task>> tasks(const engine::TaskQuery& query) override;
  Result<std::vector<engine::JobStatus>> jobs(std::optional<std::string> job_id,
                                              std::int64_t limit) override;

  // Everything, for whoever checks the store. Reuses what `into` has.
  void look(Snapshot& into);
  // Called between two writes that belong together, and only when their guard is switched off: it
  // may throw, as a process may die there.
  void between_writes(std::function<void()> hook) { between_writes_ = std::move(hook); }

 private:
  struct JobEntry {
    engine::Job job;
    engine::JobStatus status;  // id of a task made at once: the job of all such
    JobRows rows;
    std::int64_t first_row = 0;  // number of row 0 in its task id
    bool cancelling = false;     // cancel() has left rows to close
    bool made_directly = false;  // not by make_rows(), and without an id of its own
  };
  struct Row {
    Task task;
    std::size_t job = 0;        // index in jobs_
    std::int64_t number = 0;    // in the job
    std::int64_t position = 0;  // the last one in the queue; release() gives it back
    std::int64_t claims = 0;    // counts tokens; only grows
    std::int64_t claimed_greenfield = 0;
    Time deadline{};
    Time completed{};  // while it waits for archive()
    int interrupted = 0;
    std::string failed;   // the claim whose failure was applied
    json::array history;  // ended attempts: `extra.history` of tasks() with task_id
  };
  struct LabourerEntry {
    std::int64_t tail = 0;
    bool paused = false;
    std::string blocked;
  };
  using Rows = std::vector<Row*>;

  // All of these need the mutex.
  Row* find(std::string_view task_id);
  // In order of acceptance.
  Rows select(std::string_view labourer_id, State state);
  // Queued rows in queue order, those of cancelled jobs too.
  Rows queue(std::string_view labourer_id);
  // Its job is cancelled, and nobody has replayed it by hand.
  bool given_up(const Row& row) const;
  JobEntry* first_open_job(std::string_view labourer_id);
  std::optional<Positions> at_tail(std::string_view labourer_id, std::int64_t rows);
  // Gives how many rows it made; nullopt: no room.
  std::optional<std::int64_t> make(JobEntry& job, std::int64_t at_most, Time now);
  engine::Reported apply(const Report& report, const engine::Labourers& labourers, Time now);
  std::vector<engine::Claimed> claim(const engine::ClaimRequest& request, Time now);
  void release_to_queue(Row& row);
  void give_back(Row& row, std::string_view why, Time now);
  // `error`: what the history keeps besides `why`.
  void end_attempt(Row& row, const Labourer& labourer, std::string_view why,
                   const json::object& error, Time now);
  void end_attempt(Row& row, const engine::Labourers& labourers, std::string_view why,
                   const json::object& error, Time now);
  void close(Row& row, State state, Time now);
  void count_closed(const Row& row, std::int64_t n);
  void raise_dead(const Row& row, std::string message, Time now);
  // The job that has such a row, be it folded or gone, and the number of the row.
  std::optional<std::pair<const JobEntry*, std::int64_t>> row_of(std::string_view task_id) const;
  std::optional<Task> folded_task(std::string_view task_id) const;
  static std::string id_of_row(const JobEntry& job, std::int64_t row);
  void tear() {
    if (between_writes_) between_writes_();
  }

  const Options options_{};
  std::mutex mutex_;
  std::vector<JobEntry> jobs_;  // in order of acceptance
  std::map<std::tuple<bool, std::size_t, std::int64_t>, Row>
      rows_;  // every task, by whether it was made directly, job and row number
  std::map<std::string, LabourerEntry, std::less<>> labourers_;
  std::vector<engine::Alarm> alarms_;
  std::int64_t last_alarm_ = 0;
  std::function<void()> between_writes_;
  std::int64_t direct_rows_ = 0;  // of tasks that were made at once, without a job of their own
  std::int64_t next_id_ = 1;      // what the SQLite store would number the next job's first row
};

}  // namespace sosw::simulation
