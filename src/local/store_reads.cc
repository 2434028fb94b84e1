// SPDX-License-Identifier: MIT
// Status from the counts, lists by key, single tasks with their history.
#include "local/store_reads.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/chunking.h"
#include "core/json_text.h"
#include "local/store_schema.h"

namespace sosw::local {

using engine::Alarm;
using engine::JobStatus;
using engine::LabourerStatus;
using engine::TaskQuery;

namespace {

constexpr std::int64_t kLowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t kHighest = std::numeric_limits<std::int64_t>::max();
constexpr State kStates[] = {State::queued, State::running, State::completed, State::retry,
                             State::done,   State::dead,    State::cancelled};

// A place in a list of one state: its key, then the id.
struct Place {
  std::int64_t key, id;
};
Place place_of(const Row& row) {
  return {row.state == State::queued ? row.position.value_or(0) : row.time.value_or(0), row.id};
}
Place beginning(bool newest_first) {
  return newest_first ? Place{kHighest, kHighest} : Place{kLowest, kLowest};
}

Sql list_of(State state, bool newest_first) {
  if (state == State::queued) return newest_first ? Sql::queued_down : Sql::queued_up;
  if (closed(state)) return newest_first ? Sql::closed_down : Sql::closed_up;
  return newest_first ? Sql::live_down : Sql::live_up;
}

// Both included.
struct Ids {
  std::int64_t first = 1, last = kHighest;
};

// Rows of one state behind `from`, of one labourer or, merged by key, of all. `ids`: of closed
// ones.
void list_state(Session& session, const std::vector<std::int64_t>& labourers, State state, Ids ids,
                bool newest_first, Place from, std::size_t limit, std::vector<Row>& list) {
  const std::size_t begin = list.size();
  const auto want = static_cast<std::int64_t>(limit - begin);
  const Sql statement = list_of(state, newest_first);
  for (const std::int64_t labourer : labourers) {
    Rows rows = state == State::queued ? session.query(statement, labourer, from.key, from.id, want)
                : closed(state)
                    ? session.query(statement, labourer, from.key, from.id, want, stored(state),
                                    ids.first, ids.last)
                    : session.query(statement, labourer, from.key, from.id, want, stored(state));
    while (rows.next()) list.push_back(read_row(rows));
  }
  std::sort(list.begin() + static_cast<std::ptrdiff_t>(begin), list.end(),
            [&](const Row& a, const Row& b) {
              const Place x = place_of(newest_first ? b : a), y = place_of(newest_first ? a : b);
              return std::pair(x.key, x.id) < std::pair(y.key, y.id);
            });
  if (list.size() > limit) list.resize(limit);
}

// Rows in order of their ids, from both tables. `labourer` 0: of all.
std::vector<Row> list_range(Session& session, Ids ids, std::int64_t labourer,
                            const TaskQuery& query, std::optional<std::int64_t> after) {
  const bool down = query.newest_first;
  // Both ends exclusive at the side where the page begins.
  std::int64_t low = ids.first, high = ids.last;
  if (down)
    high = after.value_or(ids.last == kHighest ? ids.last : ids.last + 1);
  else
    low = after.value_or(ids.first - 1);
  const std::int64_t state = query.state ? stored(*query.state) : -1;
  std::vector<Row> list;
  if (!query.state || !closed(*query.state)) {
    Rows rows = session.query(down ? Sql::job_tasks_down : Sql::job_tasks_up, low, high,
                              query.limit, state, labourer);
    while (rows.next()) list.push_back(read_row(rows));
  }
  if (!query.state || closed(*query.state)) {
    Rows rows = session.query(down ? Sql::job_closed_down : Sql::job_closed_up, low, high,
                              query.limit, state, labourer);
    while (rows.next()) list.push_back(read_row(rows));
  }
  std::sort(list.begin(), list.end(),
            [&](const Row& a, const Row& b) { return down ? a.id > b.id : a.id < b.id; });
  if (std::ssize(list) > query.limit) list.resize(static_cast<std::size_t>(query.limit));
  return list;
}

json::array history(Session& session, std::int64_t id) {
  json::array history;
  Rows rows = session.query(Sql::events, id);
  while (rows.next()) {
    json::object event{{"at", static_cast<double>(rows.integer(0)) / static_cast<double>(kSecond)},
                       {"action", rows.text(1)}};
    const auto data = parse_json(rows.text(2));
    if (data && data->is_object())
      for (const auto& [key, value] : data->get_object()) event[key] = value;
    history.push_back(std::move(event));
  }
  return history;
}

// A row of an open job that is not made yet.
std::optional<Task> folded(Session& session, std::int64_t id) {
  std::int64_t created_at = 0;
  JobRow job;
  {
    auto found = session.job_of(id);
    if (!found || found->state != JobState::open) return std::nullopt;
    job = std::move(*found);
    Rows rows = session.query(Sql::job, job.uid);
    rows.next();
    created_at = rows.integer(9);
  }
  const std::int64_t row = id - job.first_id;
  if (row < job.cursor || row >= job.rows) return std::nullopt;
  Task task;
  task.id = session.text_id(id);
  task.labourer_id = session.labourer_name(job.labourer);
  task.created_at = Time(std::chrono::microseconds(created_at));
  task.extra["folded"] = true;
  Rows rows = session.query(Sql::description, job.first_id);
  if (rows.next()) {
    auto description = parse_json(rows.text(0));
    if (description && description->is_object())
      if (const auto opened = JobRows::open(std::move(description->get_object())))
        opened->at(row).next(task.payload);
  }
  return task;
}

std::vector<std::int64_t> labourers_of(Session& session, const TaskQuery& query) {
  std::vector<std::int64_t> labourers;
  if (query.labourer_id) {
    if (const auto known = session.labourer(*query.labourer_id)) labourers.push_back(*known);
    return labourers;
  }
  Rows rows = session.query(Sql::labourers);
  while (rows.next()) labourers.push_back(rows.integer(0));
  return labourers;
}

}  // namespace

std::map<std::string, LabourerStatus> read_status(Session& session) {
  std::map<std::int64_t, LabourerStatus> by_id;
  {
    Rows rows = session.query(Sql::counts);
    while (rows.next()) {
      LabourerStatus& status = by_id[rows.integer(0)];
      const std::int64_t n = rows.integer(2);
      if (rows.integer(1) == kFolded)
        status.folded = n;
      else if (rows.integer(1) == kOpenJobs)
        status.open_jobs = n;
      else if (n != 0)
        status.tasks[state_of(rows.integer(1))] = n;
    }
  }
  std::map<std::string, LabourerStatus> all;
  Rows rows = session.query(Sql::gates);
  while (rows.next()) {
    const std::int64_t id = rows.integer(0);
    LabourerStatus status = std::move(by_id[id]);
    status.paused = rows.integer(2) != 0;
    status.blocked = rows.text(3);
    if (status.tasks.contains(State::retry))
      if (Rows due = session.query(Sql::next_time, id, stored(State::retry)); due.next())
        status.next_due = due.integer(0) / kSecond;
    if (status.tasks.contains(State::running))
      if (Rows due = session.query(Sql::next_time, id, stored(State::running)); due.next())
        status.next_deadline = due.integer(0) / kSecond;
    all.emplace(rows.text(1), std::move(status));
  }
  return all;
}

Result<std::vector<Task>> read_tasks(Session& session, const StoreOptions& options,
                                     const TaskQuery& query) {
  std::vector<Task> tasks;
  if (query.task_id) {
    const auto id = session.resolve(*query.task_id);
    if (!id) return tasks;
    if (auto row = session.row(*id)) {
      tasks.push_back(to_task(session, std::move(*row), options.invocation_delta));
      if (auto past = history(session, *id); !past.empty())
        tasks.back().extra["history"] = std::move(past);
    } else if (auto task = folded(session, *id)) {
      tasks.push_back(std::move(*task));
    }
    return tasks;
  }
  if (query.limit <= 0) return tasks;
  if (query.state == State::failed) return tasks;  // on AWS only

  std::optional<Row> after;
  if (!query.after.empty()) {
    if (const auto id = session.resolve(query.after)) after = session.head(*id);
    if (!after || (query.state && after->state != *query.state))
      return Error{Code::conflict,
                   fmt::format("task {}, the last of the page before, is not in the list any more",
                               query.after),
                   "read the list from its beginning"};
  }

  std::vector<Row> list;
  std::vector<std::int64_t> labourers;
  Ids ids;
  if (query.job_id) {
    Rows rows = session.query(Sql::job_by_uid, *query.job_id);
    if (!rows.next()) return tasks;
    const JobRow job = read_job(rows);
    ids = {job.first_id, job.first_id + std::max<std::int64_t>(job.rows, 1) - 1};
    if (job.first_id != kPseudoJob) {
      labourers.push_back(job.labourer);
      if (query.labourer_id && session.labourer_name(job.labourer) != *query.labourer_id)
        return tasks;
    }
  }
  // Of a job, most rows of the table are wanted, unless it is dead or cancelled ones.
  const bool rare = query.state == State::dead || query.state == State::cancelled;
  if ((query.job_id && !rare) || (!query.labourer_id && !query.state)) {
    const std::int64_t labourer =
        query.labourer_id ? session.labourer(*query.labourer_id).value_or(-1) : 0;
    list =
        list_range(session, ids, labourer, query, after ? std::optional(after->id) : std::nullopt);
  } else {
    if (labourers.empty()) labourers = labourers_of(session, query);
    std::vector<State> states(std::begin(kStates), std::end(kStates));
    if (query.state) states = {*query.state};
    if (after) states.erase(states.begin(), std::find(states.begin(), states.end(), after->state));
    for (const State state : states) {
      const bool continued = after && after->state == state;
      list_state(session, labourers, state, ids, query.newest_first,
                 continued ? place_of(*after) : beginning(query.newest_first),
                 static_cast<std::size_t>(query.limit), list);
      if (std::ssize(list) >= query.limit) break;
    }
  }
  tasks.reserve(list.size());
  for (Row& row : list) tasks.push_back(to_task(session, std::move(row), options.invocation_delta));
  return tasks;
}

std::vector<JobStatus> read_jobs(Session& session, const std::optional<std::string>& job_id,
                                 std::int64_t limit) {
  std::vector<JobStatus> jobs;
  Rows rows = job_id ? session.query(Sql::job, *job_id)
                     : session.query(Sql::jobs_newest, kPseudoJob, limit);
  while (std::ssize(jobs) < limit && rows.next()) {
    const JobRow row = read_job(rows);
    if (row.first_id == kPseudoJob) continue;  // no job that anybody has accepted
    JobStatus status;
    status.id = row.uid;
    status.key = row.key;
    status.labourer_id = session.labourer_name(row.labourer);
    status.rows = row.rows;
    status.made = row.cursor;
    status.created_at = Time(std::chrono::microseconds(rows.integer(9)));
    status.done = rows.integer(10);
    status.dead = rows.integer(11);
    status.cancelled = rows.integer(12);
    status.state = row.state == JobState::open   ? JobStatus::State::open
                   : row.state == JobState::made ? JobStatus::State::made
                                                 : JobStatus::State::cancelled;
    jobs.push_back(std::move(status));
  }
  return jobs;
}

std::vector<std::string> read_cancelling(Session& session) {
  std::vector<std::string> ids;
  Rows labourers = session.query(Sql::labourers);
  while (labourers.next()) {
    Rows jobs = session.query(Sql::cancelling_jobs, labourers.integer(0));
    while (jobs.next()) ids.emplace_back(jobs.text(2));
  }
  return ids;
}

std::vector<Alarm> read_alarms(Session& session, std::int64_t at_most) {
  std::vector<Alarm> alarms;
  Rows rows = session.query(Sql::alarms, std::max<std::int64_t>(at_most, 0));
  while (rows.next()) {
    Alarm alarm;
    alarm.number = rows.integer(0);
    alarm.kind = static_cast<Alarm::Kind>(rows.integer(1));
    alarm.labourer_id = rows.text(2);
    alarm.task_id = rows.text(3);
    alarm.message = rows.text(4);
    alarm.at = Time(std::chrono::microseconds(rows.integer(5)));
    alarms.push_back(std::move(alarm));
  }
  return alarms;
}

std::vector<OverdueAttempt> read_overdue(Session& session, std::string_view labourer_id, Time now) {
  std::vector<OverdueAttempt> overdue;
  const auto labourer = session.labourer(labourer_id);
  if (!labourer) return overdue;
  Rows rows = session.query(Sql::overdue, *labourer, microseconds(now));
  while (rows.next())
    overdue.push_back({rows.integer(0), rows.integer(1), session.text_id(rows.integer(0))});
  return overdue;
}

}  // namespace sosw::local
