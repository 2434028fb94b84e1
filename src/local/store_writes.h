// SPDX-License-Identifier: MIT
// What the store writes: each method is one request, inside the transaction of its group.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/chunking.h"
#include "engine/ports.h"
#include "local/sqlite_store.h"
#include "local/store_session.h"

namespace sosw::local {

// Of one connection, in its thread. Inside BEGIN IMMEDIATE, so whatever a method has read stays
// true until it is done. A method that answers an error, or throws SqliteError, may have written:
// the caller rolls back to where the request began and calls forget().
class Writes {
 public:
  Writes(Session& session, const StoreOptions& options) : session_(session), options_(options) {}

  // `description`: JSON text of the job's; `rows`: what it describes.
  Result<engine::Accepted> accept(const engine::Job& job, std::string_view description,
                                  const JobRows& rows, std::int64_t make_now, Time now);
  Result<engine::Made> make_rows(std::string_view labourer_id, std::int64_t watermark,
                                 std::int64_t at_most, Time now);
  Result<engine::Exchanged> exchange(std::span<const Report> reports,
                                     std::span<const engine::ClaimRequest> claims,
                                     const engine::Labourers& labourers, Time now);
  Result<std::vector<bool>> release(std::span<const engine::Release> claims,
                                    const engine::Labourers& labourers, Time now);
  // Ends those of the attempts that are still current, running and overdue.
  struct Attempt {
    std::int64_t id, claim;
  };
  Result<std::vector<engine::Ended>> expire(const Labourer& labourer,
                                            std::span<const Attempt> attempts, Time now);
  Result<std::vector<std::string>> requeue(std::string_view labourer_id, std::int64_t at_most,
                                           double longest_delay_s, Time now);
  Result<std::vector<std::string>> archive(std::string_view labourer_id, std::int64_t at_most,
                                           Time now);
  Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now);
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now);
  Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                    std::optional<std::string> blocked);
  void drop_alarms(std::int64_t acknowledged);

  // Writes the counts that the request has changed: its last step.
  void flush();
  void forget();

 private:
  std::int64_t labourer_or_new(std::string_view name);
  std::int64_t count_of(std::int64_t labourer, std::int64_t state);
  void move_count(std::int64_t labourer, State from, State to);
  void count_closed(std::int64_t id, State state, std::int64_t n);

  std::optional<JobRow> first_open_job(std::int64_t labourer);
  std::optional<Positions> at_tail(std::int64_t labourer, std::int64_t rows);
  // Gives how many rows it made; nullopt: no room.
  std::optional<std::int64_t> make(const JobRow& job, const JobRows& rows, std::int64_t at_most,
                                   Time now);
  std::optional<engine::Accepted> make_directly(const engine::Job& job, std::int64_t labourer,
                                                const JobRows& rows, Time now);
  Result<const JobRows*> rows_of(const JobRow& job);

  engine::Reported apply(const Report& report, const engine::Labourers& labourers, Time now);
  void claim(const engine::ClaimRequest& request, Time now, std::vector<engine::Claimed>& claimed);
  void give_back(const Row& row, json::object extra, std::string_view why, Time now);
  bool job_cancelled(std::int64_t id);
  // What a bad end makes of a running task; `why` is what history and alarm say, `error` what else
  // the history keeps.
  State end_attempt(const Row& row, json::object extra, const Labourer& labourer,
                    std::string_view why, const json::object& error, Time now);
  State end_attempt(const Row& row, json::object extra, const engine::Labourers& labourers,
                    std::string_view why, const json::object& error, Time now);
  void close(const Row& row, State state, int attempts, const json::object& extra,
             std::optional<std::int64_t> completed_at, Time now);
  void raise_dead(const Row& row, const std::string& message, Time now);
  void record(const Row& row, std::string_view action, const json::object& data, Time now);
  void must_change(int rows, std::int64_t id) const;

  Session& session_;
  const StoreOptions& options_;
  std::map<std::pair<std::int64_t, std::int64_t>, std::int64_t> counts_;  // (labourer, state)
  struct JobCounts {
    std::int64_t done = 0, dead = 0, cancelled = 0;
  };
  std::map<std::int64_t, JobCounts> job_counts_;  // by first_id
  // Of the job that made rows last.
  std::int64_t open_job_ = 0;
  std::optional<JobRows> open_rows_;
};

}  // namespace sosw::local
