// SPDX-License-Identifier: MIT
// What the parts of the store share. Nothing here keeps a lock while it waits for the tables.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/table_requests.h"
#include "cloud/table_rows.h"
#include "cloud/table_store.h"
#include "core/chunking.h"
#include "core/lifecycle.h"

namespace sosw::cloud {

// Looks have no clock: every position is below this moment, and every claim above it.
inline constexpr Time kBoundary{std::chrono::seconds(kPositionCeiling)};

class TableStore::Body {
 public:
  Body(Tables& tables, Options options);

  // --- table_store_jobs.cc, table_store_cancel.cc
  Result<engine::Accepted> accept(const engine::Job& job, std::int64_t make_now, Time now);
  Result<engine::Made> make_rows(std::string_view labourer, std::int64_t watermark,
                                 std::int64_t at_most, Time now);
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now);
  Result<std::vector<std::string>> cancelling();
  Result<std::vector<engine::JobStatus>> jobs(const std::optional<std::string>& job_id,
                                              std::int64_t limit);

  // --- table_store_claims.cc
  enum class Claiming : std::uint8_t {
    done,     // there was no more, or all that was asked for
    held_up,  // the limit, another holder of the lease: there may be more
  };
  Result<Claiming> claim(const engine::ClaimRequest& request, const Labourer& labourer, Time now,
                         std::vector<engine::Claimed>& claimed);
  Result<std::vector<bool>> release(std::span<const engine::Release> claims,
                                    const engine::Labourers& labourers, Time now,
                                    int last_round = 0);
  Result<bool> start(std::string_view task_id, std::string_view claim, std::string_view run);
  Result<void> give_back_leases();

  // --- table_store_reports.cc
  Result<engine::Reported> report(const Report& report, const engine::Labourers& labourers,
                                  Time now);
  Result<std::int64_t> settle_letters(const engine::Labourers& labourers, Time now);

  // --- table_store_moves.cc
  Result<std::vector<engine::Ended>> expire(const Labourer& labourer, std::int64_t at_most,
                                            const StillRunning& still_running, Time now);
  Result<std::vector<std::string>> requeue(std::string_view labourer, std::int64_t at_most,
                                           double longest_delay_s, Time now);
  Result<std::vector<std::string>> archive(std::string_view labourer, std::int64_t at_most,
                                           Time now);
  Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now);

  // --- table_store_looks.cc
  Result<void> gate(std::string_view labourer, std::optional<bool> paused,
                    const std::optional<std::string>& blocked);
  Result<std::vector<engine::Alarm>> alarms(std::int64_t acknowledged, std::int64_t at_most);
  Result<std::map<std::string, engine::LabourerStatus>> status();
  Result<engine::LabourerStatus> status_of(const std::string& labourer, std::int64_t counted);
  Result<std::map<std::string, engine::LabourerStatus>> glance(
      std::span<const std::string_view> labourers);
  Result<std::vector<Task>> tasks(const engine::TaskQuery& query);
  Result<std::set<std::string, std::less<>>> known_labourers();

 private:
  // A row of a task where it is.
  struct Place {
    enum class Where : std::uint8_t { tasks, retry, closed } where = Where::tasks;
    Item row;
    State state = State::queued;
  };
  struct Lease {
    std::string holder;
    std::int64_t epoch = 0, seq = 0, until = 0, at = 0;
    bool tells_all = true;                       // of `pending`; else there was no room for them
    std::set<std::string, std::less<>> pending;  // tasks that may run though no index says so
  };
  struct RowIds {
    std::string job;
    std::string own;       // of the only row; empty: by the job and its number
    bool counted = false;  // by the job
  };

  // --- Shared
  Key task_key(std::string_view id) const;
  Key closed_key(std::string_view id) const;
  Key retry_key(std::string_view labourer, std::string_view id) const;
  // `where_nothing_is`: the guard of the place, always on.
  static Write put(const std::string& table, Item row, bool where_nothing_is);
  Write removal(const Item& row, Place::Where where) const;  // of exactly this row
  // Rows of the index with a greenfield below `start` (queued), or not below it (claimed).
  Query queued(std::string_view labourer, Time now) const;
  Query claimed(std::string_view labourer, Time now) const;
  Query waiting_for_retry(std::string_view labourer) const;
  Result<std::optional<std::int64_t>> oldest_position(std::string_view labourer, Time now);
  // Wherever the task is. `labourers`: whose retry rows are looked at, beside the known ones.
  Result<std::optional<Place>> find(std::string_view task_id, const engine::Labourers& labourers,
                                    Time now);
  // Those of the jobs that are cancelled, or being so; true: no sweep closes their rows any more.
  using Cancelled = std::map<std::string, bool>;
  Result<Cancelled> cancelled_jobs(std::span<const Item> rows);
  static bool given_up(const Item& row, const Cancelled& cancelled);

  // --- Moves
  Move closing(const Item& row, Place::Where from, State state,
               std::optional<std::int64_t> completed_at, Time now) const;
  // The end of an attempt that nobody has completed.
  Move ending(Item row, bool silent, const Labourer& labourer, bool job_cancelled,
              std::string_view why, Time now, State& state) const;
  // What the original leaves behind where a row of ours was to go: `refused` is a removal, then a
  // put.
  Result<void> repair(const Move& refused, Time now);
  Result<void> repair_refused(std::span<const Move> moves, Time now);
  std::int64_t greenfield_of_claim(std::string_view claim, const Item& row, Time now) const;

  // --- Jobs
  Result<std::optional<std::int64_t>> newest_position(std::string_view labourer, Time now);
  std::optional<Positions> at_tail(std::optional<std::int64_t> newest, const Item* tail,
                                   std::int64_t rows, Time now) const;
  Result<JobRows> rows_of(std::string_view job, const Item& item);
  Write tail_change(std::string_view labourer, const Item* tail, Change change,
                    std::string_view condition, bool with_positions) const;
  // Adds the rows from number `from` on that fit in one transaction of which `actions` and `bytes`
  // are taken. Gives how many, one at least.
  std::int64_t add_rows(Move& move, std::int64_t at_most, const JobRows& job_rows,
                        const RowIds& ids, std::int64_t from, const Positions& positions,
                        std::size_t actions, std::size_t bytes, Time now) const;
  std::vector<Key> keys_of_rows(std::string_view job, const Item& item, std::int64_t from,
                                std::int64_t to) const;
  Result<bool> live_rows(std::string_view job, const Item& item);
  Result<std::optional<Task>> folded(std::string_view task_id);
  static engine::JobStatus job_status(std::string id, const Item& item,
                                      const std::optional<Item>& counts);

  // --- Claims
  Result<Lease> read_lease(std::string_view labourer);
  Write lease_write(std::string_view labourer, const Lease& was, const Lease& will) const;
  Result<std::int64_t> busy(const engine::ClaimRequest& request, const Labourer& labourer,
                            Lease& lease, Time now);
  Result<bool> ours_after_all(const std::string& labourer, const Lease& tried,
                              std::span<const engine::Claimed> claims);
  // The original marks a queued row as completed and leaves it in the queue.
  Result<void> take_out_of_queue(const Item& completed, Time now);
  Result<std::vector<Item>> candidates(const engine::ClaimRequest& request, std::int64_t n,
                                       Time now);

  // --- Reports
  Move effect_on(const Place& place, const Report& report, const ReportEffect& effect,
                 const engine::Labourers& labourers, Time now, State& after) const;
  ReportEffect effect_of(const Place& place, const Report& report) const;
  Write first_try(const Report& report, const engine::Labourers& labourers, Time now) const;
  void set_failure(Change& change, const Item* row, const engine::Labourers& labourers,
                   Time now) const;
  Result<engine::Reported> settle(const Report& report, const Item* letter,
                                  const engine::Labourers& labourers, Time now);
  Write removal_of(const Item& letter) const;
  Result<engine::Reported> leave_letter(const Report& report, Time now);

  // --- Looks
  Result<std::vector<Item>> rows_in(std::string_view labourer, State state, bool newest_first,
                                    const Item* behind, std::int64_t at_most);

  const Options options_;
  Requests requests_;

  std::mutex mutex_;  // of what follows; never held during a request
  std::map<std::string, Lease, std::less<>> leases_;  // as last written by this store
  std::optional<std::pair<std::string, JobRows>> open_rows_;
  std::optional<Time> letters_at_;
  std::optional<Item> letters_after_;  // the last one that was looked at, if there were more
};

Error busy_tables(std::string_view what);
// What holds for a labourer that the caller does not know.
const Labourer& configured(const engine::Labourers& labourers, const std::string& id);

}  // namespace sosw::cloud
