// SPDX-License-Identifier: MIT
// The lifecycle and storage protocol, written down as plainly as it can be.
#include "simulation/model_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/guard.h"

namespace sosw::simulation {
namespace {

using engine::Accepted;
using engine::Alarm;
using engine::Claimed;
using engine::ClaimRequest;
using engine::Ended;
using engine::Exchanged;
using engine::Job;
using engine::JobStatus;
using engine::LabourerStatus;
using engine::Made;
using engine::Release;
using engine::Reported;
using engine::TaskQuery;

constexpr std::int64_t kMostRows = std::int64_t{1} << 48;  // 12 hex digits of the task id

std::int64_t integer(const json::object& extra, std::string_view key) {
  const auto* value = extra.if_contains(key);
  return value ? value->to_number<std::int64_t>() : 0;
}

// What holds for a labourer that the caller does not know.
Labourer unconfigured(std::string id) {
  Labourer labourer;
  labourer.id = std::move(id);
  return labourer;
}

void keep_details(Task& task, const Report& report) {
  for (const auto& [key, value] : report.stats) task.extra["stat_" + std::string(key)] = value;
  for (const auto& [key, value] : report.result) task.extra["result_" + std::string(key)] = value;
}

}  // namespace

// --- Jobs

Result<Accepted> ModelStore::accept(const Job& job, std::int64_t make_now, Time now) {
  std::lock_guard lock(mutex_);
  const bool direct = job.key.empty();
  std::string id = direct ? std::string() : job_id(job.key);
  auto accepted = [](const JobEntry& entry, bool already) {
    return Accepted{.job_id = entry.status.id,
                    .rows = entry.status.rows,
                    .already = already,
                    .made = entry.status.made,
                    .task_id = entry.status.rows == 1 ? id_of_row(entry, 0) : ""};
  };
  for (const auto& known : jobs_) {
    if (direct || !SOSW_GUARD(key_accepted_once) || known.status.id != id) continue;
    if (known.job.key == job.key) return accepted(known, true);
    return Error{Code::conflict, fmt::format("job {} is known with another key", id), {}};
  }

  if (job.labourer_id.empty()) return invalid("the job names no labourer");
  if (job.rows < 0 || job.rows > kMostRows)
    return invalid(fmt::format("a job of {} rows", job.rows), "0 to 2^48 rows are possible");
  if ((job.task_id || job.position) && job.rows != 1)
    return invalid(fmt::format("a job of {} rows chooses its task id or position", job.rows),
                   "only a job of one row may");
  if (SOSW_GUARD(chosen_position_bound) && job.position && *job.position >= kPositionCeiling)
    return invalid(fmt::format("position {} of job {}", *job.position, id),
                   fmt::format("positions are below {}", kPositionCeiling));
  auto rows = JobRows::open(job.description);
  if (!rows) return rows.error();
  if (rows->count() != job.rows)
    return invalid(fmt::format("job {} is said to have {} rows, its description gives {}", id,
                               job.rows, rows->count()));
  if (job.task_id && row_of(*job.task_id))
    return Error{Code::conflict, fmt::format("task {} exists", *job.task_id), {}};

  const bool first = !SOSW_GUARD(jobs_in_order) || !first_open_job(job.labourer_id);
  const bool at_once = first && direct && job.rows == 1 && !job.task_id && make_now > 0 &&
                       (job.position || at_tail(job.labourer_id, 1));
  if (at_once) {
    id = job_id("store:" + options_.store_id);
  } else if (direct) {
    id = job_id(fmt::format("store:{}:{}", options_.store_id, next_id_));
  }
  JobEntry entry{.job = job,
                 .status = {},
                 .rows = *rows,
                 .first_row = at_once ? direct_rows_++ : 0,
                 .made_directly = at_once && options_.direct_last};
  if (!at_once) next_id_ += std::max<std::int64_t>(job.rows, 1);
  entry.status = {.id = id,
                  .key = job.key,
                  .labourer_id = job.labourer_id,
                  .rows = job.rows,
                  .state = job.rows == 0 ? JobStatus::State::made : JobStatus::State::open,
                  .created_at = now};
  jobs_.push_back(std::move(entry));
  if (first) make(jobs_.back(), make_now, now);
  return accepted(jobs_.back(), false);
}

Result<Made> ModelStore::make_rows(std::string_view labourer_id, std::int64_t watermark,
                                   std::int64_t at_most, Time now) {
  std::lock_guard lock(mutex_);
  auto room = [&] {
    const auto retry = static_cast<std::int64_t>(select(labourer_id, State::retry).size());
    if ((retry - 1) / 10 >= watermark) return std::int64_t{0};
    return watermark - static_cast<std::int64_t>(select(labourer_id, State::queued).size());
  };
  Made made;
  if (auto* job = first_open_job(labourer_id)) {
    made.job_id = job->status.id;
    made.first_row = job->first_row + job->status.made;
    const auto rows = make(*job, std::min(at_most, room()), now);
    made.rows = rows.value_or(0);
    made.no_room = !rows;
  }
  made.more = !made.no_room && first_open_job(labourer_id) && room() > 0;
  return made;
}

std::optional<std::int64_t> ModelStore::make(JobEntry& entry, std::int64_t at_most, Time now) {
  const Job& job = entry.job;
  JobStatus& status = entry.status;
  const std::int64_t rows = std::min(at_most, status.rows - status.made);
  if (rows <= 0) return 0;
  const auto positions =
      job.position ? Positions{*job.position, 0} : at_tail(job.labourer_id, rows);
  if (!positions) return std::nullopt;

  const auto job_number = static_cast<std::size_t>(&entry - jobs_.data());
  if (!SOSW_GUARD(cursor_with_rows)) {
    status.made += rows;
    tear();
    status.made -= rows;
  }
  auto cursor = entry.rows.at(status.made);
  for (std::int64_t i = 0; i < rows; ++i) {
    Row row;
    row.job = job_number;
    row.number = status.made++;
    row.position = positions->first + i * positions->step;
    row.task.id = id_of_row(entry, row.number);
    row.task.labourer_id = job.labourer_id;
    row.task.greenfield = row.position;
    row.task.created_at = now;
    cursor.next(row.task.payload);
    auto& labourer = labourers_[job.labourer_id];
    if (!job.position) labourer.tail = row.position;
    const std::tuple key(entry.made_directly, job_number, row.number);
    rows_.emplace(key, std::move(row));
  }
  if (status.made == status.rows) status.state = JobStatus::State::made;
  return rows;
}

std::string ModelStore::id_of_row(const JobEntry& entry, std::int64_t row) {
  return entry.job.task_id.value_or(task_id(entry.status.id, entry.first_row + row));
}

Result<std::int64_t> ModelStore::cancel(std::string_view id, std::int64_t at_most, Time now) {
  std::lock_guard lock(mutex_);
  auto entry = std::find_if(jobs_.begin(), jobs_.end(), [&](const JobEntry& known) {
    return !known.job.key.empty() && known.status.id == id;
  });
  if (entry == jobs_.end()) return Error{Code::not_found, fmt::format("no job {}", id), {}};
  auto& status = entry->status;
  Rows waiting;
  bool running = false;
  for (auto& [key, row] : rows_) {
    if (row.job != static_cast<std::size_t>(entry - jobs_.begin())) continue;
    if (row.task.state == State::queued || row.task.state == State::retry) waiting.push_back(&row);
    running = running || row.task.state == State::running;
  }
  if (status.state != JobStatus::State::open && !entry->cancelling && waiting.empty() && !running)
    return Error{Code::conflict, fmt::format("job {} has nothing left to cancel", id), {}};
  status.state = JobStatus::State::cancelled;
  std::int64_t left = static_cast<std::int64_t>(waiting.size());
  for (Row* row : waiting) {
    if (at_most-- <= 0) break;
    close(*row, State::cancelled, now);
    --left;
  }
  entry->cancelling = left > 0 && SOSW_GUARD(cancellation_remembered);
  return left;
}

Result<std::vector<std::string>> ModelStore::cancelling() {
  std::lock_guard lock(mutex_);
  std::vector<std::string> ids;
  for (const auto& entry : jobs_) {
    if (entry.cancelling) ids.push_back(entry.status.id);
  }
  return ids;
}

// --- Reports and claims

Result<Exchanged> ModelStore::exchange(std::span<const Report> reports,
                                       std::span<const ClaimRequest> claims,
                                       const engine::Labourers& labourers, Time now) {
  std::lock_guard lock(mutex_);
  Exchanged answer;
  for (const auto& report : reports) answer.reported.push_back(apply(report, labourers, now));
  for (const auto& request : claims) {
    for (auto& claimed : claim(request, now)) answer.claimed.push_back(std::move(claimed));
  }
  return answer;
}

Reported ModelStore::apply(const Report& report, const engine::Labourers& labourers, Time now) {
  Row* row = find(report.task_id);
  if (!row) return {};
  Task& task = row->task;
  const State found = task.state;
  const ClaimMatch match = report.claim.empty() ? ClaimMatch::none
                           : report.claim == task.claim || !SOSW_GUARD(claim_compared)
                               ? ClaimMatch::current
                               : ClaimMatch::older;
  const ReportEffect effect = report_effect(
      report.kind, {.state = found,
                    .claim = match,
                    .silent = task.extra.contains("silent"),
                    .same_failure = !row->failed.empty() && row->failed == report.claim,
                    .late_kept = task.extra.contains("late_at")});

  if (effect.complete || effect.keep_late || effect.count_failure) keep_details(task, report);
  if (effect.keep_late) task.extra["late_at"] = epoch_seconds(now);
  if (effect.count_failure)
    task.extra["failed_attempts"] = integer(task.extra, "failed_attempts") + 1;
  if (effect.complete) {
    task.completed_at = epoch_seconds(now);
    if (options_.two_step && (found == State::running || found == State::queued)) {
      task.state = State::completed;
      row->completed = now;
      // Else it would look like a queued task, and its duration would be half a century.
      task.greenfield = row->claimed_greenfield ? row->claimed_greenfield
                                                : epoch_seconds(now) + options_.invocation_delta;
    } else {
      close(*row, State::done, now);
    }
  }
  if (effect.end_attempt) {
    row->failed = task.claim;
    end_attempt(*row, labourers, "failed", error_of(report), now);
  }
  return {.answer = effect.answer,
          .state = task.state,
          .labourer_id = task.labourer_id,
          .freed_slot = found == State::running && task.state != State::running};
}

std::vector<Claimed> ModelStore::claim(const ClaimRequest& request, Time now) {
  std::int64_t free = SOSW_GUARD(limit_in_the_claim) ? request.limit : kMostRows;
  for (const Row* row : select(request.labourer_id, State::running)) {
    if (request.expiry == Expiry::host || row->deadline > now) --free;
  }
  free = std::min<std::int64_t>(free, request.at_most);
  std::vector<Claimed> claimed;
  Rows candidates = queue(request.labourer_id);
  if (!SOSW_GUARD(claim_in_queue_order)) std::reverse(candidates.begin(), candidates.end());
  if (!SOSW_GUARD(claim_of_the_queued_only)) {
    for (Row* row : select(request.labourer_id, State::running)) candidates.push_back(row);
  }
  for (Row* row : candidates) {
    if (free <= 0) break;
    if (SOSW_GUARD(cancelled_not_claimed) && jobs_[row->job].cancelling) continue;
    if (request.task_id && row->task.id != *request.task_id) continue;
    --free;
    Task& task = row->task;
    const Task before = task;
    task.state = State::running;
    if (SOSW_GUARD(claim_counts_the_attempt)) task.attempts += 1;
    task.claim = fmt::format("c{}", SOSW_GUARD(claim_never_used_twice) ? ++row->claims : 1);
    task.greenfield = epoch_seconds(now) + options_.invocation_delta;
    row->claimed_greenfield = task.greenfield;
    row->deadline = request.deadline;
    claimed.push_back({before, task.claim});
  }
  return claimed;
}

Result<std::vector<bool>> ModelStore::release(std::span<const Release> claims,
                                              const engine::Labourers& labourers, Time now) {
  std::lock_guard lock(mutex_);
  // Later positions first: each then finds its place before those that were behind it.
  std::vector<std::pair<Row*, std::size_t>> order;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    if (Row* row = find(claims[i].task_id)) order.emplace_back(row, i);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return a.first->position > b.first->position && SOSW_GUARD(released_in_order);
  });
  std::vector<bool> released(claims.size());
  for (const auto& [row, i] : order) {
    const Release& given = claims[i];
    if (row->task.state != State::running) continue;
    if (SOSW_GUARD(release_of_the_current_claim) && row->task.claim != given.claim) continue;
    released[i] = true;
    if (late_completion_closes(row->task)) {
      row->task.attempts -= 1;
      row->task.completed_at = integer(row->task.extra, "late_at");
      close(*row, State::done, now);
      continue;
    }
    switch (given.why) {
      case Release::Why::rejected:
        give_back(*row, given.reason, now);
        break;
      case Release::Why::interrupted:
        if (++row->interrupted < engine::kInterruptions || !SOSW_GUARD(interruptions_bounded))
          give_back(*row, given.reason, now);
        else
          end_attempt(*row, labourers, "interrupted too often", {{"error", given.reason}}, now);
        break;
      case Release::Why::impossible:
        row->task.extra["result_error"] = given.reason;
        if (SOSW_GUARD(impossible_not_counted)) row->task.attempts -= 1;
        close(*row, State::dead, now);
        raise_dead(*row, given.reason, now);
        break;
    }
  }
  return released;
}

void ModelStore::give_back(Row& row, std::string_view why, Time now) {
  row.history.push_back(
      {{"at", epoch(now)}, {"action", "released"}, {"claim", row.task.claim}, {"reason", why}});
  if (!SOSW_GUARD(cancelled_is_closed) || !given_up(row)) return release_to_queue(row);
  row.task.attempts -= 1;
  close(row, State::cancelled, now);
}

void ModelStore::release_to_queue(Row& row) {
  const Rows waiting = queue(row.task.labourer_id);
  std::optional<std::int64_t> oldest;
  if (!waiting.empty()) oldest = waiting.front()->position;
  if (SOSW_GUARD(released_at_the_head) && row.position >= oldest.value_or(options_.task_step))
    row.position = allocate_head(oldest, 1, options_.task_step).first;
  row.task.state = State::queued;
  row.task.greenfield = row.position;
  if (SOSW_GUARD(release_gives_the_attempt_back)) row.task.attempts -= 1;
  row.task.claim.clear();
}

// --- Ends

void ModelStore::end_attempt(Row& row, const Labourer& labourer, std::string_view why,
                             const json::object& error, Time now) {
  Task& task = row.task;
  json::object event{
      {"at", epoch(now)}, {"action", why}, {"claim", task.claim}, {"attempts", task.attempts}};
  for (const auto& [key, text] : error) event[key] = text;
  row.history.push_back(std::move(event));
  if (late_completion_closes(task)) {
    task.completed_at = integer(task.extra, "late_at");
    close(row, State::done, now);
    return;
  }
  const Fate fate = fate_after_attempt(labourer, task.attempts, now,
                                       jitter_seed(task.id, task.claim, task.attempts));
  if (fate.state == State::retry) {
    task.state = State::retry;
    // The rest of a cancelled job is not kept waiting: requeue() closes it.
    task.desired_launch_time = given_up(row) ? epoch_seconds(now) : fate.due;
  } else {
    close(row, State::dead, now);
    raise_dead(row,
               fmt::format("task {} of {} is dead: attempt {} {}", task.id, task.labourer_id,
                           task.attempts, why),
               now);
  }
}

void ModelStore::end_attempt(Row& row, const engine::Labourers& labourers, std::string_view why,
                             const json::object& error, Time now) {
  const auto known = labourers.find(row.task.labourer_id);
  end_attempt(row, known == labourers.end() ? unconfigured(row.task.labourer_id) : known->second,
              why, error, now);
}

void ModelStore::close(Row& row, State state, Time now) {
  count_closed(row, -1);
  row.task.state = state;
  row.task.closed_at = epoch_seconds(now);
  row.task.desired_launch_time.reset();
  count_closed(row, 1);
}

void ModelStore::count_closed(const Row& row, std::int64_t n) {
  auto& status = jobs_[row.job].status;
  if (row.task.state == State::done) status.done += n;
  if (row.task.state == State::dead) status.dead += n;
  if (row.task.state == State::cancelled) status.cancelled += n;
}

void ModelStore::raise_dead(const Row& row, std::string message, Time now) {
  if (!SOSW_GUARD(alarm_with_the_death)) tear();
  alarms_.push_back({.number = ++last_alarm_,
                     .kind = Alarm::Kind::dead_task,
                     .labourer_id = row.task.labourer_id,
                     .task_id = row.task.id,
                     .message = std::move(message),
                     .at = now});
}

Result<std::vector<Ended>> ModelStore::expire(const Labourer& labourer, std::int64_t at_most,
                                              const StillRunning& still_running, Time now) {
  std::lock_guard lock(mutex_);
  Rows late = select(labourer.id, State::running);
  std::stable_sort(late.begin(), late.end(),
                   [](const Row* a, const Row* b) { return a->deadline < b->deadline; });
  std::vector<Ended> ended;
  for (Row* row : late) {
    if (at_most <= 0 || (SOSW_GUARD(deadline_passed) && row->deadline > now)) break;
    if (still_running && still_running(row->task.id, row->task.claim)) continue;
    --at_most;
    if (SOSW_GUARD(expiry_is_remembered)) row->task.extra["silent"] = 1;
    end_attempt(*row, labourer, "expired", {}, now);
    ended.push_back({row->task.id, row->task.state});
  }
  return ended;
}

Result<std::vector<std::string>> ModelStore::requeue(std::string_view labourer_id,
                                                     std::int64_t at_most, double longest_delay_s,
                                                     Time now) {
  std::lock_guard lock(mutex_);
  const std::int64_t longest =
      epoch_seconds(now) + static_cast<std::int64_t>(std::ceil(longest_delay_s));
  Rows due;
  for (Row* row : select(labourer_id, State::retry)) {
    auto& launch = row->task.desired_launch_time;
    if (SOSW_GUARD(far_due_times_cut)) launch = std::min(*launch, longest);
    if (!SOSW_GUARD(due_before_requeue) || *launch <= epoch_seconds(now)) due.push_back(row);
  }
  std::stable_sort(due.begin(), due.end(), [](const Row* a, const Row* b) {
    return SOSW_GUARD(requeued_by_due_time) &&
           a->task.desired_launch_time < b->task.desired_launch_time;
  });
  due.resize(std::min(due.size(), static_cast<std::size_t>(std::max<std::int64_t>(at_most, 0))));
  // Nobody else closes a row that was running when its job was cancelled.
  std::erase_if(due, [&](Row* row) {
    const bool gone = SOSW_GUARD(cancelled_not_requeued) && given_up(*row);
    if (gone) close(*row, State::cancelled, now);
    return gone;
  });

  const Rows waiting = queue(labourer_id);
  std::optional<std::int64_t> oldest;
  if (!waiting.empty()) oldest = waiting.front()->position;
  const Positions head =
      allocate_head(oldest, static_cast<std::int64_t>(due.size()), options_.task_step);
  std::vector<std::string> ids;
  for (Row* row : due) {
    row->position = head.first + static_cast<std::int64_t>(ids.size()) * head.step;
    row->task.state = State::queued;
    row->task.greenfield = row->position;
    row->task.desired_launch_time.reset();
    ids.push_back(row->task.id);
  }
  return ids;
}

Result<std::vector<std::string>> ModelStore::archive(std::string_view labourer_id,
                                                     std::int64_t at_most, Time now) {
  std::lock_guard lock(mutex_);
  Rows completed = select(labourer_id, State::completed);
  std::stable_sort(completed.begin(), completed.end(),
                   [](const Row* a, const Row* b) { return a->completed < b->completed; });
  std::vector<std::string> ids;
  for (Row* row : completed) {
    if (at_most-- <= 0) break;
    close(*row, State::done, now);
    ids.push_back(row->task.id);
  }
  return ids;
}

Result<std::vector<bool>> ModelStore::replay(std::span<const std::string> task_ids, Time) {
  std::lock_guard lock(mutex_);
  std::vector<bool> replayed;
  for (const auto& id : task_ids) {
    Row* row = find(id);
    replayed.push_back(
        row && (row->task.state == State::dead ||
                (!SOSW_GUARD(only_the_dead_are_replayed) && row->task.state != State::queued)));
    if (!replayed.back()) continue;
    Task& task = row->task;
    const auto positions = at_tail(task.labourer_id, 1);
    if (!positions)
      return Error{Code::exhausted,
                   fmt::format("task {} and those after it: no queue position is left for {}", id,
                               task.labourer_id),
                   "replay again when the queue has been empty once"};
    count_closed(*row, -1);
    row->position = labourers_[task.labourer_id].tail = positions->first;
    task.state = State::queued;
    task.greenfield = row->position;
    if (SOSW_GUARD(replay_starts_anew)) task.attempts = 0;
    task.closed_at.reset();
    task.extra["replays"] = integer(task.extra, "replays") + 1;
  }
  return replayed;
}

// --- Looks

Result<void> ModelStore::gate(std::string_view labourer_id, std::optional<bool> paused,
                              std::optional<std::string> blocked) {
  std::lock_guard lock(mutex_);
  auto& entry = labourers_[std::string(labourer_id)];
  if (paused) entry.paused = *paused;
  if (blocked) entry.blocked = *blocked;
  return {};
}

Result<std::vector<Alarm>> ModelStore::alarms(std::int64_t acknowledged, std::int64_t at_most) {
  std::lock_guard lock(mutex_);
  std::erase_if(alarms_, [&](const Alarm& alarm) { return alarm.number <= acknowledged; });
  const auto n = std::clamp<std::int64_t>(at_most, 0, static_cast<std::int64_t>(alarms_.size()));
  return std::vector<Alarm>(alarms_.begin(), alarms_.begin() + n);
}

Result<std::map<std::string, LabourerStatus>> ModelStore::status() {
  std::lock_guard lock(mutex_);
  std::map<std::string, LabourerStatus> all;
  for (const auto& [id, entry] : labourers_) {
    all[id].paused = entry.paused;
    all[id].blocked = entry.blocked;
  }
  for (const auto& entry : jobs_) {
    const auto& status = entry.status;
    if (status.state != JobStatus::State::open) continue;
    all[status.labourer_id].open_jobs += 1;
    all[status.labourer_id].folded += status.rows - status.made;
  }
  auto earliest = [](std::optional<std::int64_t>& known, std::int64_t at) {
    known = std::min(known.value_or(at), at);
  };
  for (const auto& [key, row] : rows_) {
    auto& labourer = all[row.task.labourer_id];
    labourer.tasks[row.task.state] += 1;
    if (row.task.state == State::retry) earliest(labourer.next_due, *row.task.desired_launch_time);
    if (row.task.state == State::running)
      earliest(labourer.next_deadline, epoch_seconds(row.deadline));
  }
  return all;
}

Result<std::vector<Task>> ModelStore::tasks(const TaskQuery& query) {
  std::lock_guard lock(mutex_);
  if (query.task_id) {
    std::vector<Task> one;
    if (const Row* row = find(*query.task_id)) {
      one.push_back(row->task);
      if (!row->history.empty()) one.back().extra["history"] = row->history;
    } else if (auto folded = folded_task(*query.task_id)) {
      one.push_back(*folded);
    }
    return one;
  }

  Rows wanted;
  for (auto& [key, row] : rows_) {
    if (query.labourer_id && row.task.labourer_id != *query.labourer_id) continue;
    if (query.job_id && jobs_[row.job].status.id != *query.job_id) continue;
    if (query.state && row.task.state != *query.state) continue;
    wanted.push_back(&row);
  }
  auto place = [&](const Row* row) -> std::int64_t {
    if (!query.state) return 0;  // in order of acceptance
    if (sosw::closed(*query.state)) return *row->task.closed_at;
    if (*query.state == State::queued) return row->position;
    if (*query.state == State::retry) return *row->task.desired_launch_time;
    const Time time = *query.state == State::running ? row->deadline : row->completed;
    return time.time_since_epoch().count();
  };
  std::stable_sort(wanted.begin(), wanted.end(),
                   [&](const Row* a, const Row* b) { return place(a) < place(b); });
  if (query.newest_first) std::reverse(wanted.begin(), wanted.end());

  auto from = wanted.begin();
  if (!query.after.empty()) {
    from = std::find_if(wanted.begin(), wanted.end(),
                        [&](const Row* row) { return row->task.id == query.after; });
    if (from == wanted.end())
      return Error{Code::conflict,
                   fmt::format("task {}, the last of the page before, is not in the list any more",
                               query.after),
                   "read the list from its beginning"};
    ++from;
  }
  std::vector<Task> page;
  for (; from != wanted.end() && static_cast<std::int64_t>(page.size()) < query.limit; ++from)
    page.push_back((*from)->task);
  return page;
}

Result<std::vector<JobStatus>> ModelStore::jobs(std::optional<std::string> id, std::int64_t limit) {
  std::lock_guard lock(mutex_);
  std::vector<JobStatus> found;
  for (auto entry = jobs_.rbegin(); entry != jobs_.rend(); ++entry) {
    if (static_cast<std::int64_t>(found.size()) >= limit) break;
    if (entry->job.key.empty()) continue;  // a task, not a job
    if (!id || entry->status.id == *id) found.push_back(entry->status);
  }
  return found;
}

void ModelStore::look(Snapshot& into) {
  std::lock_guard lock(mutex_);
  into.alarms = last_alarm_;
  into.jobs.resize(jobs_.size());
  for (std::size_t i = 0; i < jobs_.size(); ++i) {
    const JobEntry& entry = jobs_[i];
    JobRow& job = into.jobs[i];
    job.id = entry.status.id;
    job.key = entry.job.key;
    job.labourer_id = entry.status.labourer_id;
    job.rows = entry.status.rows;
    job.cursor = entry.status.made;
    job.done = entry.status.done;
    job.dead = entry.status.dead;
    job.cancelled = entry.status.cancelled;
    job.given_up = entry.status.state == JobStatus::State::cancelled;
    job.given_up_at_end = job.given_up && !entry.cancelling;
    job.chose_position = entry.job.position.has_value();
  }
  into.tasks.resize(rows_.size());
  std::size_t i = 0;
  for (const auto& [key, row] : rows_) {
    TaskRow& task = into.tasks[i++];
    task.id = row.task.id;
    task.labourer_id = row.task.labourer_id;
    task.claim = row.task.claim;
    task.state = row.task.state;
    task.attempts = row.task.attempts;
    task.greenfield = row.task.greenfield;
    task.interrupted = row.interrupted;
    task.position = row.position;
    task.due = row.task.desired_launch_time.value_or(0);
    task.deadline = row.deadline;
    const bool plain = row.task.extra.empty();
    task.replays = plain ? 0 : static_cast<int>(integer(row.task.extra, "replays"));
    task.failures = plain ? 0 : static_cast<int>(integer(row.task.extra, "failed_attempts"));
    task.late_kept = !plain && late_completion_closes(row.task);
    task.silent = !plain && row.task.extra.contains("silent");
    task.job = row.job;
    task.row = row.number;
  }
}

// --- Rows

ModelStore::Row* ModelStore::find(std::string_view task_id) {
  for (auto& [key, row] : rows_) {
    if (row.task.id == task_id) return &row;
  }
  return nullptr;
}

std::optional<std::pair<const ModelStore::JobEntry*, std::int64_t>> ModelStore::row_of(
    std::string_view id) const {
  for (const auto& entry : jobs_) {
    std::int64_t row = 0;
    if (!entry.job.task_id && id.starts_with(entry.status.id)) {
      const std::string digits(id.substr(entry.status.id.size()));
      row = std::strtoll(digits.c_str(), nullptr, 16) - entry.first_row;
    }
    if (row >= 0 && row < entry.status.rows && id_of_row(entry, row) == id)
      return std::pair(&entry, row);
  }
  return std::nullopt;
}

std::optional<Task> ModelStore::folded_task(std::string_view id) const {
  const auto found = row_of(id);
  if (!found) return std::nullopt;
  const auto& [entry, row] = *found;
  if (entry->status.state != JobStatus::State::open || row < entry->status.made)
    return std::nullopt;
  Task task;
  task.id = id;
  task.labourer_id = entry->status.labourer_id;
  task.created_at = entry->status.created_at;
  entry->rows.at(row).next(task.payload);
  return task;
}

bool ModelStore::given_up(const Row& row) const {
  return jobs_[row.job].status.state == JobStatus::State::cancelled &&
         !row.task.extra.contains("replays");
}

ModelStore::Rows ModelStore::select(std::string_view labourer_id, State state) {
  Rows found;
  for (auto& [key, row] : rows_) {
    if (row.task.labourer_id == labourer_id && row.task.state == state) found.push_back(&row);
  }
  return found;
}

ModelStore::Rows ModelStore::queue(std::string_view labourer_id) {
  Rows waiting = select(labourer_id, State::queued);
  std::stable_sort(waiting.begin(), waiting.end(),
                   [](const Row* a, const Row* b) { return a->position < b->position; });
  return waiting;
}

ModelStore::JobEntry* ModelStore::first_open_job(std::string_view labourer_id) {
  for (auto& entry : jobs_) {
    if (entry.status.labourer_id == labourer_id && entry.status.state == JobStatus::State::open)
      return &entry;
  }
  return nullptr;
}

std::optional<Positions> ModelStore::at_tail(std::string_view labourer_id, std::int64_t rows) {
  const Rows waiting = queue(labourer_id);
  auto known = labourers_.find(labourer_id);
  return allocate_tail(waiting.empty(), waiting.empty() ? 0 : waiting.back()->position,
                       known == labourers_.end() ? 0 : known->second.tail, rows,
                       options_.task_step);
}

}  // namespace sosw::simulation
