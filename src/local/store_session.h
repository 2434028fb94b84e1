// SPDX-License-Identifier: MIT
// One connection to the store with what never changes about its contents: names, ids of jobs.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/task.h"
#include "engine/ports.h"
#include "local/sqlite.h"
#include "local/store_sql.h"

namespace sosw::local {

// What a state is called in the file: columns task.state, closed.status, counts.state.
[[nodiscard]] std::int64_t stored(State state);
[[nodiscard]] State state_of(std::int64_t stored);
// Of counts.state only.
inline constexpr std::int64_t kFolded = 8;
inline constexpr std::int64_t kOpenJobs = 9;

[[nodiscard]] constexpr std::int64_t microseconds(Time t) { return t.time_since_epoch().count(); }
inline constexpr std::int64_t kSecond = 1'000'000;  // in microseconds

// A row of task or closed. `time`: due or closed_at. Payload, created_at and completed_at are only
// there when they were asked for.
struct Row {
  std::int64_t id = 0;
  std::int64_t labourer = 0;
  State state = State::queued;
  std::optional<std::int64_t> position;
  int attempts = 0;
  std::int64_t claim = 0;
  std::optional<std::int64_t> time;
  std::optional<std::int64_t> claimed_at;
  std::string extra;
  std::int64_t created_at = 0;
  std::string payload;
  std::optional<std::int64_t> completed_at;
};
[[nodiscard]] Row read_head(const Rows& rows);
[[nodiscard]] Row read_row(const Rows& rows);

struct JobRow {
  std::int64_t first_id = 0, rows = 0, cursor = 0;
  JobState state = JobState::open;
  std::string uid, key;
  std::int64_t labourer = 0;
  std::string foreign_id;
  std::optional<std::int64_t> position;
};
[[nodiscard]] JobRow read_job(const Rows& rows);

[[nodiscard]] std::string claim_token(std::int64_t claim);

// One thread at a time. Everything throws SqliteError.
class Session {
 public:
  // Sets up the connection; does not create or migrate tables.
  Session(const std::string& path, const char* pragmas,
          Database::Access access = Database::Access::write);

  template <class... Values>
  [[nodiscard]] Rows query(Sql statement, const Values&... values) {
    return database_.query(static_cast<std::size_t>(statement), values...);
  }
  template <class... Values>
  int run(Sql statement, const Values&... values) {
    return database_.run(static_cast<std::size_t>(statement), values...);
  }
  [[nodiscard]] Database& database() { return database_; }
  // After a rollback: what was read may never have been there.
  void forget();

  [[nodiscard]] std::optional<std::int64_t> labourer(std::string_view name);
  [[nodiscard]] const std::string& labourer_name(std::int64_t id);

  // Row ids and the ids of the world. A job's range of ids, its uid and a foreign id never change.
  struct Range {
    std::int64_t first_id, rows;
    std::string uid, foreign_id;
  };
  [[nodiscard]] const Range& range_of(std::int64_t id);
  [[nodiscard]] std::string text_id(std::int64_t id);
  // nullopt: no job can have such a task. The row itself may be folded, or not be there.
  [[nodiscard]] std::optional<std::int64_t> resolve(std::string_view text_id);

  // The row without payload, from whichever table has it.
  [[nodiscard]] std::optional<Row> head(std::int64_t id);
  [[nodiscard]] std::optional<Row> row(std::int64_t id);
  [[nodiscard]] std::optional<JobRow> job_of(std::int64_t id);

 private:
  const Range& remember(JobRow job);

  Database database_;
  std::unordered_map<std::int64_t, std::string> labourer_names_;
  std::map<std::string, std::int64_t, std::less<>> labourer_ids_;
  std::map<std::int64_t, Range> ranges_;                        // by first_id
  std::map<std::string, std::int64_t, std::less<>> first_ids_;  // by uid
};

// The task as the engine knows it; takes what it needs out of `row`.
[[nodiscard]] Task to_task(Session& session, Row&& row, std::int64_t invocation_delta);
// A row's `extra`. What cannot be read is kept as {"unreadable": text}: one such row must not stop
// every group and list that it is in.
[[nodiscard]] json::object attributes(const std::string& extra);

}  // namespace sosw::local
