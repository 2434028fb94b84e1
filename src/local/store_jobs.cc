// SPDX-License-Identifier: MIT
// Writes about jobs: accepting, making rows, cancelling.
#include <fmt/format.h>

#include <algorithm>

#include "core/json_text.h"
#include "local/store_schema.h"
#include "local/store_writes.h"

namespace sosw::local {

using engine::Accepted;
using engine::Job;
using engine::Made;

namespace {

constexpr std::int64_t kMostRows = std::int64_t{1} << 48;  // 12 hex digits of the task id

Accepted answer(const JobRow& job, bool already, std::int64_t made) {
  Accepted accepted{job.uid, job.rows, already, made, {}};
  if (job.rows == 1)
    accepted.task_id = job.foreign_id.empty() ? task_id(job.uid, 0) : job.foreign_id;
  return accepted;
}

}  // namespace

Result<Accepted> Writes::accept(const Job& job, std::string_view description,
                                const JobRows& job_rows, std::int64_t make_now, Time now) {
  const std::string keyed_uid = job.key.empty() ? std::string() : job_id(job.key);
  if (!job.key.empty()) {
    if (Rows rows = session_.query(Sql::job_by_uid, keyed_uid); rows.next()) {
      const JobRow known = read_job(rows);
      if (known.key == job.key) return answer(known, true, known.cursor);
      return Error{Code::conflict,
                   fmt::format("job '{}' has the id {} of job '{}'", job.key, keyed_uid, known.key),
                   "choose another key"};
    }
  }
  if (job.labourer_id.empty()) return invalid("the job names no labourer");
  if (job.rows < 0 || job.rows > kMostRows)
    return invalid(fmt::format("a job of {} rows", job.rows), "0 to 2^48 rows are possible");
  if ((job.task_id || job.position) && job.rows != 1)
    return invalid(fmt::format("a job of {} rows chooses its task id or position", job.rows),
                   "only a job of one row may");
  if (job.task_id && job.task_id->empty()) return invalid("the task id is empty");
  if (job.position && *job.position >= kPositionCeiling)
    return invalid(fmt::format("position {} in the queue of {}", *job.position, job.labourer_id),
                   fmt::format("positions are below {}", kPositionCeiling));
  if (job.rows != job_rows.count())
    return invalid(
        fmt::format("a job of {} rows, but its description has {}", job.rows, job_rows.count()));
  if (job.task_id && session_.resolve(*job.task_id))
    return Error{Code::conflict, fmt::format("task '{}' exists", *job.task_id),
                 "choose another task id"};

  const std::int64_t labourer = labourer_or_new(job.labourer_id);
  const bool waits = first_open_job(labourer).has_value();
  if (job.key.empty() && job.rows == 1 && !job.task_id && !waits && make_now > 0) {
    if (auto accepted = make_directly(job, labourer, job_rows, now)) return *accepted;
  }

  JobRow row;
  {
    Rows reserved = session_.query(Sql::reserve_ids, std::max<std::int64_t>(job.rows, 1));
    reserved.next();
    row.first_id = reserved.integer(0);
  }
  if (row.first_id > kPseudoJob - kMostRows)
    return Error{Code::exhausted, "the store has given out all of its 2^62 task ids", {}};
  if (job.key.empty()) {
    Rows id = session_.query(Sql::meta, "store_id");
    id.next();
    row.uid = job_id(fmt::format("store:{}:{}", id.text(0), row.first_id));
  } else {
    row.uid = keyed_uid;
  }
  row.rows = job.rows;
  row.labourer = labourer;
  row.position = job.position;
  row.state = job.rows == 0 ? JobState::made : JobState::open;
  if (job.task_id) row.foreign_id = *job.task_id;
  session_.run(Sql::insert_job, row.first_id, row.rows, static_cast<std::int64_t>(row.state),
               row.uid, TextOrNull{job.key}, labourer, TextOrNull{row.foreign_id}, row.position,
               microseconds(now));
  std::int64_t made = 0;
  if (row.state == JobState::open) {
    session_.run(Sql::insert_description, row.first_id, description);
    counts_[{labourer, kFolded}] += row.rows;
    counts_[{labourer, kOpenJobs}] += 1;
    if (!waits) made = make(row, job_rows, make_now, now).value_or(0);
  }
  return answer(row, false, made);
}

std::optional<Accepted> Writes::make_directly(const Job& job, std::int64_t labourer,
                                              const JobRows& job_rows, Time now) {
  std::optional<std::int64_t> position = job.position;
  if (!position) {
    const auto positions = at_tail(labourer, 1);
    if (!positions) return std::nullopt;
    position = positions->first;
    session_.run(Sql::set_tail, labourer, *position);
  }
  Accepted accepted{session_.range_of(kPseudoJob).uid, 1, false, 1, {}};
  std::int64_t id = kPseudoJob;
  {
    Rows taken = session_.query(Sql::next_pseudo_row, kPseudoJob);
    taken.next();
    id += taken.integer(0);
  }
  std::string payload;
  job_rows.at(0).next(payload);
  session_.run(Sql::insert_task, id, labourer, *position, microseconds(now), payload);
  counts_[{labourer, stored(State::queued)}] += 1;
  accepted.task_id = session_.text_id(id);
  return accepted;
}

Result<Made> Writes::make_rows(std::string_view labourer_id, std::int64_t watermark,
                               std::int64_t at_most, Time now) {
  Made made;
  const auto labourer = session_.labourer(labourer_id);
  if (!labourer) return made;
  // A job whose tasks all fail would else unfold itself into the retry state.
  if ((count_of(*labourer, stored(State::retry)) - 1) / 10 >= watermark) return made;
  const std::int64_t room = watermark - count_of(*labourer, stored(State::queued));
  const auto job = first_open_job(*labourer);
  if (!job || room <= 0) return made;

  const auto job_rows = rows_of(*job);
  if (!job_rows) return job_rows.error();
  const auto rows = make(*job, **job_rows, std::min(at_most, room), now);
  if (!rows) {
    made.no_room = true;
    return made;
  }
  made.job_id = job->uid;
  made.first_row = job->cursor;
  made.rows = *rows;
  made.more = made.rows < room && first_open_job(*labourer).has_value();
  return made;
}

std::optional<std::int64_t> Writes::make(const JobRow& job, const JobRows& job_rows,
                                         std::int64_t at_most, Time now) {
  const std::int64_t n = std::min(at_most, job.rows - job.cursor);
  if (n <= 0) return 0;
  const auto positions = job.position ? Positions{*job.position, 0} : at_tail(job.labourer, n);
  if (!positions) return std::nullopt;
  std::int64_t id = job.first_id + job.cursor;
  std::int64_t position = positions->first;
  JobRows::Cursor cursor = job_rows.at(job.cursor);
  std::string payload;
  for (std::int64_t i = 0; i < n; ++i) {
    payload.clear();
    cursor.next(payload);
    session_.run(Sql::insert_task, id++, job.labourer, position, microseconds(now), payload);
    position += positions->step;
  }
  if (!job.position) session_.run(Sql::set_tail, job.labourer, position - positions->step);
  must_change(session_.run(Sql::advance_job, job.first_id, job.cursor, n), job.first_id);
  counts_[{job.labourer, stored(State::queued)}] += n;
  counts_[{job.labourer, kFolded}] -= n;
  if (job.cursor + n == job.rows) {
    counts_[{job.labourer, kOpenJobs}] -= 1;
    session_.run(Sql::drop_description, job.first_id);
  }
  return n;
}

Result<std::int64_t> Writes::cancel(std::string_view uid, std::int64_t at_most, Time now) {
  JobRow job;
  std::int64_t live = 0;
  {
    Rows rows = session_.query(Sql::job, uid);
    if (!rows.next() || rows.integer(0) == kPseudoJob)
      return Error{Code::not_found, fmt::format("there is no job {}", uid),
                   "`sosw jobs` lists them"};
    job = read_job(rows);
    live = job.cursor - rows.integer(10) - rows.integer(11) - rows.integer(12);
  }
  const std::int64_t last_id = job.first_id + job.rows - 1;
  const auto rows_in = [&](State state) {
    Rows rows =
        session_.query(Sql::live_rows_of_job, job.labourer, job.first_id, last_id, stored(state));
    rows.next();
    return rows.integer(0);
  };
  live -= rows_in(State::completed);
  std::int64_t left = live - rows_in(State::running);
  // What a portion has left may have been closed by others since: then this ends it.
  if (job.state != JobState::open && job.state != JobState::cancelling && live == 0)
    return Error{Code::conflict, fmt::format("job {} has nothing left to cancel", uid), {}};
  if (job.state == JobState::open) {
    counts_[{job.labourer, kFolded}] -= job.rows - job.cursor;
    counts_[{job.labourer, kOpenJobs}] -= 1;
    session_.run(Sql::drop_description, job.first_id);
  }

  std::vector<Row> waiting;
  {
    Rows rows = session_.query(Sql::closable_rows_of_job, job.first_id, last_id,
                               std::max<std::int64_t>(at_most, 0));
    while (rows.next()) waiting.push_back(read_head(rows));
  }
  for (const Row& row : waiting) {
    json::object extra = attributes(row.extra);
    extra["reason"] = "cancelled";
    close(row, State::cancelled, row.attempts, extra, std::nullopt, now);
  }
  left -= std::ssize(waiting);
  const JobState after = left > 0 ? JobState::cancelling : JobState::cancelled;
  if (after != job.state)
    must_change(session_.run(Sql::set_job_state, job.first_id, static_cast<std::int64_t>(job.state),
                             static_cast<std::int64_t>(after)),
                job.first_id);
  return left;
}

std::optional<JobRow> Writes::first_open_job(std::int64_t labourer) {
  Rows rows = session_.query(Sql::first_open_job, labourer);
  if (!rows.next()) return std::nullopt;
  return read_job(rows);
}

std::optional<Positions> Writes::at_tail(std::int64_t labourer, std::int64_t rows) {
  std::optional<std::int64_t> newest;
  if (Rows found = session_.query(Sql::newest_position, labourer); found.next())
    newest = found.integer(0);
  Rows tail = session_.query(Sql::tail, labourer);
  tail.next();
  return allocate_tail(!newest, newest.value_or(0), tail.integer(0), rows, options_.task_step);
}

Result<const JobRows*> Writes::rows_of(const JobRow& job) {
  if (open_job_ == job.first_id && open_rows_) return &*open_rows_;
  const auto broken = [&](const Error& why) {
    return Error{Code::corrupt,
                 fmt::format("job {} of labourer {}: its description cannot be read: {}", job.uid,
                             session_.labourer_name(job.labourer), why.message),
                 fmt::format("cancel it (sosw cancel {}) so that later jobs go on", job.uid)};
  };
  Rows rows = session_.query(Sql::description, job.first_id);
  if (!rows.next()) return broken({Code::corrupt, "it is not there", {}});
  auto description = parse_json(rows.text(0));
  if (!description) return broken(description.error());
  if (!description->is_object()) return broken({Code::corrupt, "it is no object", {}});
  auto opened = JobRows::open(std::move(description->get_object()));
  if (!opened) return broken(opened.error());
  open_job_ = job.first_id;
  open_rows_ = std::move(*opened);
  return &*open_rows_;
}

}  // namespace sosw::local
