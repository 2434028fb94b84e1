// SPDX-License-Identifier: MIT
// The engine's store in the DynamoDB tables of the original, by the lifecycle and storage protocol.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/tables.h"
#include "core/greenfield.h"
#include "engine/ports.h"

namespace sosw::cloud {

// Several stores on the same tables, in any processes, are safe beside each other, and beside the
// Essentials of the original but for the limit of running tasks, which is kept among ours. A query
// of an index is a hint; each write is conditional on the base row.
//
// What DynamoDB can not do is different from what the port says elsewhere:
// - A completion always waits in `completed` for archive(), a failure in `failed` for expire().
// - Calls that change many tasks are many transactions. Their answers name what was done; an error
//   comes back only when nothing was. After an error a write may still have been made: a report
//   that is repeated is answered `already`, a claim that nobody knows of ends by its deadline.
// - accept() makes at most the rows of one transaction (about 95), make_rows() the rest. A
//   watermark of kNoWatermark or more is none: then nothing is counted.
// - Counts of closed tasks are those that our own writes have counted, and status() counts at most
//   kCountedAtMost queued or waiting rows of a labourer.
// - Which of several rows with an equal time or position comes first is open.
class TableStore final : public engine::TaskStore {
 public:
  static constexpr std::int64_t kNoWatermark = 1'000'000;
  static constexpr std::int64_t kCountedAtMost = 100'000;

  struct Options {
    std::string tasks = "sosw_tasks", tasks_index = "sosw_tasks_greenfield";
    std::string closed = "sosw_closed_tasks", closed_index = "labourer_task_status_with_time";
    std::string retry = "sosw_retry_tasks", retry_index = "labourer_id_greenfield";
    // What an attribute of the original is called in these tables, by its own name.
    std::map<std::string, std::string, std::less<>> field_names;
    std::int64_t invocation_delta = kInvocationDelta;  // seconds
    std::int64_t task_step = kTaskStep;
    std::int64_t index_lag_s = 5;  // the longest that a row is expected to be missing in an index
    // Claims that a lease remembers, about what its item has room for. A labourer whose limit is
    // above it may overshoot when its lease changes hands.
    std::size_t most_pending = 500;
    std::string holder;  // of leases: one name for each store object, never used again
    std::string nonce;   // random, never used again: ids and request tokens come from it
    // The role may write to `tasks` and nothing else (WorkerAssistant): a report of a task that is
    // not there is left as a letter, and answered `late`.
    bool leaves_letters = false;
    std::int64_t letters_every_s = 30;       // archive() looks for letters no more often
    std::int64_t largest_payload = 350'000;  // bytes; a row above is made as a dead task
    std::vector<std::string> labourers;  // configured ones: what the original made is found by them
    // For the log of the program: what was given up. None: nobody is told.
    std::function<void(const std::string& line)> warn;
    // Called before a repeat, after a conflict, throttling or a lost answer; counts from 1. The
    // place to sleep, with jitter.
    std::function<void(int round)> pause;
  };
  // `tables` outlives the store.
  TableStore(Tables& tables, Options options);
  ~TableStore() override;

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
  // Settles the letters first, now and then.
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

  // What status() tells of this labourer: a few queries, however many others there are. Of each
  // live state at most `counted` rows are read and counted.
  Result<engine::LabourerStatus> status_of(const std::string& labourer_id,
                                           std::int64_t counted = kCountedAtMost);
  // Of these labourers what status() tells without counting: paused, blocked, open_jobs. A request
  // for each 50 of them.
  Result<std::map<std::string, engine::LabourerStatus>> glance(
      std::span<const std::string_view> labourers);
  // The configured ones, and all for which this kind of store has ever written anything.
  Result<std::vector<std::string>> known_labourers();
  // The worker asks, before it runs anything, whether its claim is current and nobody has started
  // it. `run`: random, of this run of the handler; the same asks again for the same answer.
  Result<bool> start(std::string_view task_id, std::string_view claim, std::string_view run);
  // Reports that were left as letters. Gives how many are settled; one of a task that is nowhere
  // waits for a day.
  Result<std::int64_t> settle_letters(const engine::Labourers& labourers, Time now);
  // At the end of a run: others need not wait until the leases of this store have run out.
  Result<void> give_back_leases();

 private:
  class Body;
  const std::unique_ptr<Body> body_;
};

}  // namespace sosw::cloud
