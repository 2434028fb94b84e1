// SPDX-License-Identifier: MIT
// Every statement of the SQLite store, in one table: a test runs EXPLAIN QUERY PLAN on all of them.
//
// A query on a partial index repeats the index's own term (`state > 0 AND state = 1`): SQLite does
// not conclude the one from the other, and would read the whole table.
#pragma once

#include <array>
#include <cstddef>

namespace sosw::local {

// Values of job.state.
enum class JobState : int {
  open = 0,
  made = 1,        // every row is a task or history
  cancelling = 2,  // rows of it are still queued or in retry
  cancelled = 3,
};

enum class Sql : std::size_t {
  begin_write,
  begin_read,
  commit,
  rollback,
  savepoint,
  rollback_to_savepoint,
  release_savepoint,

  meta,
  reserve_ids,

  labourer_by_name,
  labourers,
  insert_labourer,
  tail,
  set_tail,
  gates,
  set_paused,
  set_blocked,

  insert_job,
  insert_description,
  description,
  drop_description,
  job_by_uid,
  job_by_foreign_id,
  job_of_id,
  job,
  jobs_newest,
  first_open_job,
  advance_job,
  set_job_state,
  next_pseudo_row,
  count_job,
  cancelling_jobs,
  live_rows_of_job,
  closable_rows_of_job,

  add_count,
  count,
  counts,

  insert_task,
  task,
  task_head,
  oldest_position,
  newest_position,
  take_queued,
  count_running,
  claim,
  free_claim,
  overdue,
  end_in_retry,
  due_now,
  cut_due,
  requeue,
  complete,
  completed,
  annotate_task,
  close,
  delete_task,
  next_time,

  closed,
  closed_head,
  close_late,
  annotate_closed,
  replay,
  delete_closed,

  insert_event,
  events,

  insert_alarm,
  drop_alarms,
  alarms,

  queued_up,
  queued_down,
  live_up,
  live_down,
  closed_up,
  closed_down,
  job_tasks_up,
  job_tasks_down,
  job_closed_up,
  job_closed_down,

  last  // not a statement: how many there are
};
inline constexpr std::size_t kStatementCount = static_cast<std::size_t>(Sql::last);

// Columns of job queries: see read_job(). Columns of a task: see read_row(); the same places in
// both tables, `due` or `closed_at` in the middle.
#define SOSW_JOB_COLUMNS \
  "first_id, rows, cursor, state, uid, key, labourer_id, foreign_id, position"
#define SOSW_JOB_COUNTS ", created_at, done, dead, cancelled"
#define SOSW_TASK_HEAD "id, labourer_id, state, position, attempts, claim, due, claimed_at, extra"
#define SOSW_TASK SOSW_TASK_HEAD ", created_at, payload, NULL"
#define SOSW_CLOSED_HEAD \
  "id, labourer_id, status, position, attempts, claim, closed_at, claimed_at, extra"
#define SOSW_CLOSED SOSW_CLOSED_HEAD ", created_at, payload, completed_at"

struct Statement {
  Sql name;
  const char* text;
};
inline constexpr Statement kStatements[] = {
    {Sql::begin_write, "BEGIN IMMEDIATE"},
    {Sql::begin_read, "BEGIN"},
    {Sql::commit, "COMMIT"},
    {Sql::rollback, "ROLLBACK"},
    {Sql::savepoint, "SAVEPOINT request"},
    {Sql::rollback_to_savepoint, "ROLLBACK TO request"},
    {Sql::release_savepoint, "RELEASE request"},

    {Sql::meta, "SELECT value FROM meta WHERE key = ?1"},
    {Sql::reserve_ids,
     "UPDATE meta SET value = value + ?1 WHERE key = 'next_id' RETURNING value - ?1"},

    {Sql::labourer_by_name, "SELECT id FROM labourer WHERE name = ?1"},
    {Sql::labourers, "SELECT id, name FROM labourer"},
    {Sql::insert_labourer, "INSERT INTO labourer(name) VALUES(?1) RETURNING id"},
    {Sql::tail, "SELECT tail FROM labourer WHERE id = ?1"},
    {Sql::set_tail, "UPDATE labourer SET tail = ?2 WHERE id = ?1"},
    {Sql::gates, "SELECT id, name, paused, blocked FROM labourer"},
    {Sql::set_paused, "UPDATE labourer SET paused = ?2 WHERE id = ?1"},
    {Sql::set_blocked, "UPDATE labourer SET blocked = ?2 WHERE id = ?1 AND blocked <> ?2"},

    {Sql::insert_job, "INSERT INTO job(" SOSW_JOB_COLUMNS
                      ", created_at) VALUES(?1, ?2, 0, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"},
    {Sql::insert_description, "INSERT INTO description(first_id, text) VALUES(?1, ?2)"},
    {Sql::description, "SELECT text FROM description WHERE first_id = ?1"},
    {Sql::drop_description, "DELETE FROM description WHERE first_id = ?1"},
    {Sql::job_by_uid, "SELECT " SOSW_JOB_COLUMNS " FROM job WHERE uid = ?1"},
    {Sql::job_by_foreign_id,
     "SELECT " SOSW_JOB_COLUMNS " FROM job WHERE foreign_id IS NOT NULL AND foreign_id = ?1"},
    {Sql::job_of_id,
     "SELECT " SOSW_JOB_COLUMNS " FROM job WHERE first_id <= ?1 ORDER BY first_id DESC LIMIT 1"},
    {Sql::job, "SELECT " SOSW_JOB_COLUMNS SOSW_JOB_COUNTS " FROM job WHERE uid = ?1"},
    {Sql::jobs_newest, "SELECT " SOSW_JOB_COLUMNS SOSW_JOB_COUNTS
                       " FROM job WHERE first_id < ?1 ORDER BY first_id DESC LIMIT ?2"},
    {Sql::first_open_job,
     "SELECT " SOSW_JOB_COLUMNS
     " FROM job WHERE state = 0 AND labourer_id = ?1 ORDER BY first_id LIMIT 1"},
    {Sql::advance_job,
     "UPDATE job SET cursor = cursor + ?3, state = (cursor + ?3 = rows) "
     "WHERE first_id = ?1 AND cursor = ?2 AND state = 0"},
    {Sql::set_job_state, "UPDATE job SET state = ?3 WHERE first_id = ?1 AND state = ?2"},
    {Sql::next_pseudo_row,
     "UPDATE job SET rows = rows + 1, cursor = cursor + 1 WHERE first_id = ?1 RETURNING rows - 1"},
    {Sql::count_job,
     "UPDATE job SET done = done + ?2, dead = dead + ?3, cancelled = cancelled + ?4 "
     "WHERE first_id = ?1"},
    {Sql::cancelling_jobs,
     "SELECT first_id, rows, uid FROM job WHERE state = 2 AND labourer_id = ?1"},
    {Sql::live_rows_of_job,
     "SELECT count(*) FROM task WHERE state > 0 AND state = ?4 AND labourer_id = ?1 "
     "AND +id BETWEEN ?2 AND ?3"},
    {Sql::closable_rows_of_job,
     "SELECT " SOSW_TASK_HEAD
     " FROM task WHERE id BETWEEN ?1 AND ?2 AND +state IN (0, 3) LIMIT ?3"},

    {Sql::add_count,
     "INSERT INTO counts(labourer_id, state, n) VALUES(?1, ?2, ?3) "
     "ON CONFLICT(labourer_id, state) DO UPDATE SET n = n + ?3"},
    {Sql::count, "SELECT n FROM counts WHERE labourer_id = ?1 AND state = ?2"},
    {Sql::counts, "SELECT labourer_id, state, n FROM counts"},

    {Sql::insert_task,
     "INSERT INTO task(id, labourer_id, state, position, attempts, claim, created_at, payload) "
     "VALUES(?1, ?2, 0, ?3, 0, 0, ?4, ?5)"},
    {Sql::task, "SELECT " SOSW_TASK " FROM task WHERE id = ?1"},
    {Sql::task_head, "SELECT " SOSW_TASK_HEAD " FROM task WHERE id = ?1"},
    {Sql::oldest_position,
     "SELECT position FROM task WHERE state = 0 AND labourer_id = ?1 ORDER BY position LIMIT 1"},
    {Sql::newest_position,
     "SELECT position FROM task WHERE state = 0 AND labourer_id = ?1 ORDER BY position DESC LIMIT "
     "1"},
    {Sql::take_queued,
     "SELECT " SOSW_TASK " FROM task WHERE state = 0 AND labourer_id = ?1 ORDER BY position, id"},
    {Sql::count_running,
     "SELECT count(*) FROM (SELECT 1 FROM task WHERE state > 0 AND state = 1 "
     "AND labourer_id = ?1 AND due > ?2 LIMIT ?3)"},
    {Sql::claim,
     "UPDATE task SET state = 1, attempts = attempts + 1, claim = claim + 1, due = ?3, "
     "claimed_at = ?4 WHERE id = ?1 AND claim = ?2 AND +state = 0"},
    {Sql::free_claim,
     "UPDATE task SET state = 0, position = ?3, attempts = ?4, due = 0, extra = ?5 "
     "WHERE id = ?1 AND claim = ?2 AND +state = 1"},
    {Sql::overdue,
     "SELECT id, claim FROM task WHERE state > 0 AND state = 1 AND labourer_id = ?1 AND due <= ?2 "
     "ORDER BY due, id"},
    {Sql::end_in_retry,
     "UPDATE task SET state = 3, due = ?3, extra = ?4 WHERE id = ?1 AND claim = ?2 AND +state = 1"},
    {Sql::due_now,
     "SELECT id FROM task WHERE state > 0 AND state = 3 AND labourer_id = ?1 AND due <= ?2 "
     "ORDER BY due, id LIMIT ?3"},
    {Sql::cut_due,
     "UPDATE task SET due = ?2 WHERE state > 0 AND state = 3 AND labourer_id = ?1 AND due > ?2"},
    {Sql::requeue,
     "UPDATE task SET state = 0, position = ?2, due = NULL WHERE id = ?1 AND +state = 3"},
    {Sql::complete,
     "UPDATE task SET state = 2, due = ?4, claimed_at = coalesce(claimed_at, ?5), extra = ?6 "
     "WHERE id = ?1 AND claim = ?2 AND +state = ?3"},
    {Sql::completed,
     "SELECT " SOSW_TASK_HEAD " FROM task WHERE state > 0 AND state = 2 AND labourer_id = ?1 "
     "ORDER BY due, id LIMIT ?2"},
    {Sql::annotate_task, "UPDATE task SET extra = ?3 WHERE id = ?1 AND claim = ?2"},
    {Sql::close,
     "INSERT INTO closed(id, labourer_id, status, position, attempts, claim, closed_at, "
     "claimed_at, "
     "extra, created_at, payload, completed_at) "
     "SELECT id, labourer_id, ?2, ?3, ?4, claim, ?5, coalesce(claimed_at, ?6), ?7, created_at, "
     "payload, ?8 FROM task WHERE id = ?1"},
    {Sql::delete_task, "DELETE FROM task WHERE id = ?1 AND claim = ?2 AND +state = ?3"},
    {Sql::next_time,
     "SELECT due FROM task WHERE state > 0 AND state = ?2 AND labourer_id = ?1 ORDER BY due LIMIT "
     "1"},

    {Sql::closed, "SELECT " SOSW_CLOSED " FROM closed WHERE id = ?1"},
    {Sql::closed_head, "SELECT " SOSW_CLOSED_HEAD " FROM closed WHERE id = ?1"},
    {Sql::close_late,
     "UPDATE closed SET status = 5, position = NULL, closed_at = ?3, completed_at = ?3, "
     "claimed_at = coalesce(claimed_at, ?3), extra = ?4 WHERE id = ?1 AND +status = ?2"},
    {Sql::annotate_closed, "UPDATE closed SET extra = ?2 WHERE id = ?1"},
    {Sql::replay,
     "INSERT INTO task(id, labourer_id, state, position, attempts, claim, claimed_at, created_at, "
     "payload, extra) "
     "SELECT id, labourer_id, 0, ?2, 0, claim, claimed_at, created_at, payload, ?3 "
     "FROM closed WHERE id = ?1"},
    {Sql::delete_closed, "DELETE FROM closed WHERE id = ?1 AND +status = ?2"},

    {Sql::insert_event,
     "INSERT INTO event(task_id, n, at, action, data) VALUES(?1, "
     "(SELECT coalesce(max(n), 0) + 1 FROM event WHERE task_id = ?1), ?2, ?3, ?4)"},
    {Sql::events, "SELECT at, action, data FROM event WHERE task_id = ?1 ORDER BY n"},

    {Sql::insert_alarm,
     "INSERT INTO alarm(kind, labourer, task, message, at) VALUES(?1, ?2, ?3, ?4, ?5)"},
    {Sql::drop_alarms, "DELETE FROM alarm WHERE number <= ?1"},
    {Sql::alarms,
     "SELECT number, kind, labourer, task, message, at FROM alarm ORDER BY number LIMIT ?1"},

    // Lists: of one labourer and state, from after (key, id) on. Of closed ones: those within ids
    // ?6 ... ?7, for what is rare in a long job.
    {Sql::queued_up, "SELECT " SOSW_TASK " FROM task WHERE state = 0 AND labourer_id = ?1 "
                     "AND (position, id) > (?2, ?3) ORDER BY position, id LIMIT ?4"},
    {Sql::queued_down, "SELECT " SOSW_TASK " FROM task WHERE state = 0 AND labourer_id = ?1 "
                       "AND (position, id) < (?2, ?3) ORDER BY position DESC, id DESC LIMIT ?4"},
    {Sql::live_up,
     "SELECT " SOSW_TASK " FROM task WHERE state > 0 AND state = ?5 AND labourer_id = ?1 "
     "AND (due, id) > (?2, ?3) ORDER BY due, id LIMIT ?4"},
    {Sql::live_down,
     "SELECT " SOSW_TASK " FROM task WHERE state > 0 AND state = ?5 AND labourer_id = ?1 "
     "AND (due, id) < (?2, ?3) ORDER BY due DESC, id DESC LIMIT ?4"},
    {Sql::closed_up,
     "SELECT " SOSW_CLOSED " FROM closed WHERE status = ?5 AND labourer_id = ?1 "
     "AND (closed_at, id) > (?2, ?3) AND +id BETWEEN ?6 AND ?7 ORDER BY closed_at, id LIMIT ?4"},
    {Sql::closed_down, "SELECT " SOSW_CLOSED " FROM closed WHERE status = ?5 AND labourer_id = ?1 "
                       "AND (closed_at, id) < (?2, ?3) AND +id BETWEEN ?6 AND ?7 "
                       "ORDER BY closed_at DESC, id DESC LIMIT ?4"},
    // Lists of a job: by id, which is the order of its rows. ?4: -1 for every state; ?5: 0 for
    // every labourer.
    {Sql::job_tasks_up, "SELECT " SOSW_TASK " FROM task WHERE id > ?1 AND id <= ?2 AND (?4 < 0 OR "
                        "+state = ?4) AND (?5 = 0 OR +labourer_id = ?5) "
                        "ORDER BY id LIMIT ?3"},
    {Sql::job_tasks_down, "SELECT " SOSW_TASK " FROM task WHERE id >= ?1 AND id < ?2 AND (?4 < 0 "
                          "OR +state = ?4) AND (?5 = 0 OR +labourer_id = ?5) "
                          "ORDER BY id DESC LIMIT ?3"},
    {Sql::job_closed_up,
     "SELECT " SOSW_CLOSED " FROM closed WHERE id > ?1 AND id <= ?2 "
     "AND (?4 < 0 OR +status = ?4) AND (?5 = 0 OR +labourer_id = ?5) ORDER BY id LIMIT ?3"},
    {Sql::job_closed_down,
     "SELECT " SOSW_CLOSED " FROM closed WHERE id >= ?1 AND id < ?2 "
     "AND (?4 < 0 OR +status = ?4) AND (?5 = 0 OR +labourer_id = ?5) ORDER BY id DESC LIMIT ?3"},
};
#undef SOSW_JOB_COLUMNS
#undef SOSW_JOB_COUNTS
#undef SOSW_TASK_HEAD
#undef SOSW_TASK
#undef SOSW_CLOSED_HEAD
#undef SOSW_CLOSED

static_assert(std::size(kStatements) == kStatementCount);
static_assert([] {
  for (std::size_t i = 0; i < kStatementCount; ++i)
    if (static_cast<std::size_t>(kStatements[i].name) != i) return false;
  return true;
}());
// The texts in order, as Database takes them.
inline constexpr std::array<const char*, kStatementCount> kStatementTexts = [] {
  std::array<const char*, kStatementCount> texts{};
  for (std::size_t i = 0; i < kStatementCount; ++i) texts[i] = kStatements[i].text;
  return texts;
}();

}  // namespace sosw::local
