// SPDX-License-Identifier: MIT
// Reading rows, and the way from a row's integer id to the id that the world knows and back.
#include "local/store_session.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/json_text.h"
#include "local/store_schema.h"

namespace sosw::local {
namespace {

constexpr std::size_t kUidDigits = 20;
constexpr std::size_t kRowDigits = 12;
constexpr std::size_t kMostRanges = 10'000;  // kept in memory; beyond that they are read again

}  // namespace

std::int64_t stored(State state) {
  switch (state) {
    case State::queued:
      return 0;
    case State::running:
      return 1;
    case State::completed:
      return 2;
    case State::retry:
      return 3;
    case State::done:
      return 5;
    case State::dead:
      return 6;
    case State::cancelled:
      return 7;
    case State::failed:
      break;
  }
  throw SqliteError(SQLITE_MISUSE, "a task at home cannot be in state failed");
}

State state_of(std::int64_t stored) {
  constexpr State kStates[] = {State::queued, State::running, State::completed, State::retry,
                               State::failed, State::done,    State::dead,      State::cancelled};
  if (stored < 0 || stored >= std::ssize(kStates) || stored == 4)
    throw SqliteError(SQLITE_CORRUPT, fmt::format("a row has the unknown state {}", stored));
  return kStates[stored];
}

Row read_head(const Rows& rows) {
  Row row;
  row.id = rows.integer(0);
  row.labourer = rows.integer(1);
  row.state = state_of(rows.integer(2));
  row.position = rows.maybe(3);
  row.attempts = static_cast<int>(rows.integer(4));
  row.claim = rows.integer(5);
  row.time = rows.maybe(6);
  row.claimed_at = rows.maybe(7);
  row.extra = rows.text(8);
  return row;
}

Row read_row(const Rows& rows) {
  Row row = read_head(rows);
  row.created_at = rows.integer(9);
  row.payload = rows.text(10);
  row.completed_at = rows.maybe(11);
  return row;
}

JobRow read_job(const Rows& rows) {
  JobRow job;
  job.first_id = rows.integer(0);
  job.rows = rows.integer(1);
  job.cursor = rows.integer(2);
  job.state = static_cast<JobState>(rows.integer(3));
  job.uid = rows.text(4);
  job.key = rows.text(5);
  job.labourer = rows.integer(6);
  job.foreign_id = rows.text(7);
  job.position = rows.maybe(8);
  return job;
}

std::string claim_token(std::int64_t claim) { return fmt::format(FMT_STRING("c{}"), claim); }

Session::Session(const std::string& path, const char* pragmas, Database::Access access)
    : database_(path, kStatementTexts, access) {
  database_.script(pragmas);
}

void Session::forget() {
  labourer_names_.clear();
  labourer_ids_.clear();
  ranges_.clear();
  first_ids_.clear();
}

std::optional<std::int64_t> Session::labourer(std::string_view name) {
  if (const auto known = labourer_ids_.find(name); known != labourer_ids_.end())
    return known->second;
  Rows rows = query(Sql::labourer_by_name, name);
  if (!rows.next()) return std::nullopt;
  return labourer_ids_.emplace(name, rows.integer(0)).first->second;
}

const std::string& Session::labourer_name(std::int64_t id) {
  if (const auto known = labourer_names_.find(id); known != labourer_names_.end())
    return known->second;
  Rows rows = query(Sql::labourers);
  while (rows.next()) labourer_names_.emplace(rows.integer(0), rows.text(1));
  const auto known = labourer_names_.find(id);
  if (known == labourer_names_.end())
    throw SqliteError(SQLITE_CORRUPT, fmt::format("a row names the unknown labourer {}", id));
  return known->second;
}

const Session::Range& Session::remember(JobRow job) {
  if (ranges_.size() >= kMostRanges) {
    ranges_.clear();
    first_ids_.clear();
  }
  if (job.first_id == kPseudoJob) job.rows = std::int64_t{1} << 48;
  first_ids_.emplace(job.uid, job.first_id);
  return ranges_
      .insert_or_assign(job.first_id, Range{job.first_id, job.rows, std::move(job.uid),
                                            std::move(job.foreign_id)})
      .first->second;
}

const Session::Range& Session::range_of(std::int64_t id) {
  if (auto known = ranges_.upper_bound(id); known != ranges_.begin()) {
    --known;
    if (id - known->first < known->second.rows) return known->second;
  }
  auto job = job_of(id);
  if (!job) throw SqliteError(SQLITE_CORRUPT, fmt::format("task {} belongs to no job", id));
  return remember(std::move(*job));
}

std::string Session::text_id(std::int64_t id) {
  const Range& range = range_of(id);
  if (!range.foreign_id.empty()) return range.foreign_id;
  return task_id(range.uid, id - range.first_id);
}

std::optional<std::int64_t> Session::resolve(std::string_view text) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (text.size() == kUidDigits + kRowDigits && std::all_of(text.begin(), text.end(), is_hex)) {
    const std::string_view uid = text.substr(0, kUidDigits);
    const Range* range = nullptr;
    if (const auto known = first_ids_.find(uid); known != first_ids_.end()) {
      range = &ranges_.at(known->second);
    } else if (Rows rows = query(Sql::job_by_uid, uid); rows.next()) {
      range = &remember(read_job(rows));
    }
    if (range != nullptr && range->foreign_id.empty()) {
      std::int64_t row = 0;
      std::from_chars(text.data() + kUidDigits, text.data() + text.size(), row, 16);
      if (row < range->rows) return range->first_id + row;
    }
  }
  Rows rows = query(Sql::job_by_foreign_id, text);
  if (!rows.next()) return std::nullopt;
  return rows.integer(0);
}

std::optional<Row> Session::head(std::int64_t id) {
  if (Rows rows = query(Sql::task_head, id); rows.next()) return read_head(rows);
  if (Rows rows = query(Sql::closed_head, id); rows.next()) return read_head(rows);
  return std::nullopt;
}

std::optional<Row> Session::row(std::int64_t id) {
  if (Rows rows = query(Sql::task, id); rows.next()) return read_row(rows);
  if (Rows rows = query(Sql::closed, id); rows.next()) return read_row(rows);
  return std::nullopt;
}

std::optional<JobRow> Session::job_of(std::int64_t id) {
  Rows rows = query(Sql::job_of_id, id);
  if (!rows.next()) return std::nullopt;
  return read_job(rows);
}

Task to_task(Session& session, Row&& row, std::int64_t invocation_delta) {
  Task task;
  task.id = session.text_id(row.id);
  task.labourer_id = session.labourer_name(row.labourer);
  task.state = row.state;
  // The position counts while the task is queued, and at the end of one that was cancelled there.
  const bool has_position = row.state == State::queued || closed(row.state);
  task.greenfield = (has_position && row.position) || !row.claimed_at
                        ? row.position.value_or(0)
                        : *row.claimed_at + invocation_delta;
  task.attempts = row.attempts;
  const bool given_back = row.state == State::queued && row.time;
  if (row.claim > 0 && !given_back) task.claim = claim_token(row.claim);
  task.created_at = Time(std::chrono::microseconds(row.created_at));
  task.completed_at = row.completed_at;
  if (closed(row.state)) task.closed_at = row.time;
  if (row.state == State::retry) task.desired_launch_time = *row.time / kSecond;
  if (row.state == State::completed) task.completed_at = *row.time / kSecond;
  task.payload = std::move(row.payload);
  task.extra = attributes(row.extra);
  return task;
}

json::object attributes(const std::string& extra) {
  if (extra.empty()) return {};
  auto value = parse_json(extra);
  if (value && value->is_object()) return std::move(value->get_object());
  return {{"unreadable", parse_json(json_text(json::value(extra))).value()}};
}

}  // namespace sosw::local
