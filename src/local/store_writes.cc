// SPDX-License-Identifier: MIT
// Writes about tasks: reports, claims, releases, ends of attempts, moves.
#include "local/store_writes.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>

#include "core/greenfield.h"
#include "core/json_text.h"
#include "core/lifecycle.h"
#include "core/retry.h"
#include "local/store_schema.h"

namespace sosw::local {

using engine::Alarm;
using engine::Claimed;
using engine::ClaimRequest;
using engine::Ended;
using engine::Exchanged;
using engine::Release;
using engine::Reported;

namespace {

void add(json::object& extra, std::string_view key, std::int64_t n) {
  const auto* before = extra.if_contains(key);
  extra[key] = n + (before != nullptr && before->is_int64() ? before->get_int64() : 0);
}

std::optional<std::int64_t> integer(const json::object& extra, std::string_view key) {
  const auto* value = extra.if_contains(key);
  if (value == nullptr || !value->is_int64()) return std::nullopt;
  return value->get_int64();
}

// What a worker reports may be what no JSON text can hold: NaN, bytes that are not UTF-8, more
// levels than are read. It is kept as near as it can be: the work is done, whatever it says.
void keep_detail(json::object& extra, std::string_view prefix, std::string_view key,
                 const json::value& value) {
  const std::string name = std::string(prefix).append(key);
  auto readable = parse_json(json_text(json::object{{name, value}}));
  if (!readable) readable = parse_json(json_text(json::object{{name, json_text(value)}}));
  for (auto& [kept, detail] : readable->as_object()) extra[kept] = std::move(detail);
}

void keep_details(json::object& extra, const Report& report) {
  for (const auto& [key, value] : report.stats) keep_detail(extra, "stat_", key, value);
  for (const auto& [key, value] : report.result) keep_detail(extra, "result_", key, value);
}

// As it is stored: no text at all, rather than {}.
std::string text_of(const json::object& extra) {
  return extra.empty() ? std::string() : json::serialize(extra);
}

bool is_token_of(std::string_view token, std::int64_t claim) {
  return claim > 0 && token == claim_token(claim);
}

// A new wish: the cancellation of its job does not concern it.
bool replayed_by_hand(const json::object& extra) { return extra.contains("replays"); }

Labourer unconfigured(std::string id) {
  Labourer labourer;
  labourer.id = std::move(id);
  return labourer;
}

}  // namespace

// --- Reports and claims

Result<Exchanged> Writes::exchange(std::span<const Report> reports,
                                   std::span<const ClaimRequest> claims,
                                   const engine::Labourers& labourers, Time now) {
  Exchanged exchanged;
  exchanged.reported.reserve(reports.size());
  for (const Report& report : reports) exchanged.reported.push_back(apply(report, labourers, now));
  for (const ClaimRequest& request : claims) claim(request, now, exchanged.claimed);
  return exchanged;
}

Reported Writes::apply(const Report& report, const engine::Labourers& labourers, Time now) {
  const auto id = session_.resolve(report.task_id);
  const auto row = id ? session_.head(*id) : std::nullopt;
  if (!row) return {};
  json::object extra = attributes(row->extra);
  Found found{row->state, ClaimMatch::none};
  if (!report.claim.empty())
    found.claim = is_token_of(report.claim, row->claim) ? ClaimMatch::current : ClaimMatch::older;
  if (!extra.empty()) {
    const auto* failed = extra.if_contains("failed");
    found.same_failure = failed != nullptr && failed->is_string() && !report.claim.empty() &&
                         failed->get_string() == report.claim;
    found.silent = extra.contains("silent");
    found.late_kept = extra.contains("late_at");
  }
  const ReportEffect effect = report_effect(report.kind, found);

  Reported reported{effect.answer, row->state, session_.labourer_name(row->labourer), false};
  const bool changes = effect.complete || effect.keep_late || effect.count_failure;
  if (changes) keep_details(extra, report);
  if (effect.keep_late) extra["late_at"] = epoch_seconds(now);
  if (effect.count_failure) add(extra, "failed_attempts", 1);

  if (effect.complete) {
    const bool waits =
        options_.two_step && (row->state == State::running || row->state == State::queued);
    reported.state = waits ? State::completed : State::done;
    const std::string text = text_of(extra);
    if (closed(row->state)) {
      must_change(session_.run(Sql::close_late, row->id, stored(row->state), epoch_seconds(now),
                               TextOrNull{text}),
                  row->id);
      count_closed(row->id, row->state, -1);
      count_closed(row->id, State::done, 1);
      move_count(row->labourer, row->state, State::done);
    } else if (waits) {
      must_change(session_.run(Sql::complete, row->id, row->claim, stored(row->state),
                               microseconds(now), epoch_seconds(now), TextOrNull{text}),
                  row->id);
      move_count(row->labourer, row->state, State::completed);
    } else {
      close(*row, State::done, row->attempts, extra, epoch_seconds(now), now);
    }
  } else if (effect.end_attempt) {
    extra["failed"] = claim_token(row->claim);
    reported.state =
        end_attempt(*row, std::move(extra), labourers, "failed", error_of(report), now);
  } else if (changes) {
    const std::string text = text_of(extra);
    must_change(closed(row->state)
                    ? session_.run(Sql::annotate_closed, row->id, TextOrNull{text})
                    : session_.run(Sql::annotate_task, row->id, row->claim, TextOrNull{text}),
                row->id);
  }
  if (effect.answer == Answer::late || effect.answer == Answer::stale)
    record(*row, name(effect.answer),
           {{"report", report.kind == Report::Kind::completed ? "completed" : "failed"},
            {"state", name(row->state)},
            {"claim", report.claim}},
           now);
  reported.freed_slot = row->state == State::running && reported.state != State::running;
  return reported;
}

void Writes::claim(const ClaimRequest& request, Time now, std::vector<Claimed>& claimed) {
  const auto labourer = session_.labourer(request.labourer_id);
  if (!labourer || request.limit <= 0 || request.at_most <= 0) return;
  std::int64_t free = 0;
  {
    const std::int64_t holds_slot_after = request.expiry == Expiry::host
                                              ? std::numeric_limits<std::int64_t>::min()
                                              : microseconds(now);
    Rows running = session_.query(Sql::count_running, *labourer, holds_slot_after,
                                  std::int64_t{request.limit});
    running.next();
    free = std::min<std::int64_t>(request.limit - running.integer(0), request.at_most);
  }
  if (free <= 0) return;

  std::vector<std::pair<std::int64_t, std::int64_t>> cancelled;  // first id, rows
  {
    Rows rows = session_.query(Sql::cancelling_jobs, *labourer);
    while (rows.next()) cancelled.emplace_back(rows.integer(0), rows.integer(1));
  }
  const auto is_cancelled = [&](std::int64_t id) {
    return std::any_of(cancelled.begin(), cancelled.end(), [&](const auto& job) {
      return id >= job.first && id - job.first < job.second;
    });
  };
  std::vector<Row> taken;
  if (request.task_id) {
    const auto id = session_.resolve(*request.task_id);
    auto row = id ? session_.row(*id) : std::nullopt;
    if (row && row->state == State::queued && row->labourer == *labourer && !is_cancelled(*id))
      taken.push_back(std::move(*row));
  } else {
    Rows rows = session_.query(Sql::take_queued, *labourer);
    while (std::ssize(taken) < free && rows.next())
      if (!is_cancelled(rows.integer(0))) taken.push_back(read_row(rows));
  }
  claimed.reserve(claimed.size() + taken.size());
  for (Row& row : taken) {
    must_change(session_.run(Sql::claim, row.id, row.claim, microseconds(request.deadline),
                             epoch_seconds(now)),
                row.id);
    const std::int64_t token = row.claim + 1;
    claimed.push_back(
        {to_task(session_, std::move(row), options_.invocation_delta), claim_token(token)});
  }
  counts_[{*labourer, stored(State::queued)}] -= std::ssize(taken);
  counts_[{*labourer, stored(State::running)}] += std::ssize(taken);
}

Result<std::vector<bool>> Writes::release(std::span<const Release> claims,
                                          const engine::Labourers& labourers, Time now) {
  std::vector<bool> released(claims.size());
  // Later positions first: each then finds its place before those that were behind it.
  std::vector<std::pair<std::int64_t, std::size_t>> order;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const auto id = session_.resolve(claims[i].task_id);
    const auto row = id ? session_.head(*id) : std::nullopt;
    if (row && row->position) order.emplace_back(*row->position, i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  for (const auto& [position, i] : order) {
    const Release& given = claims[i];
    const auto row = session_.head(*session_.resolve(given.task_id));
    if (!row || row->state != State::running || !is_token_of(given.claim, row->claim)) continue;
    released[i] = true;
    json::object extra = attributes(row->extra);
    if (const auto late_at = integer(extra, "late_at")) {
      record(*row, "released", {{"claim", claim_token(row->claim)}, {"reason", given.reason}}, now);
      close(*row, State::done, row->attempts - 1, extra, late_at, now);
      continue;
    }
    switch (given.why) {
      case Release::Why::rejected:
        give_back(*row, std::move(extra), given.reason, now);
        break;
      case Release::Why::interrupted:
        add(extra, "interrupted", 1);
        if (integer(extra, "interrupted").value_or(0) < engine::kInterruptions)
          give_back(*row, std::move(extra), given.reason, now);
        else
          end_attempt(*row, std::move(extra), labourers, "interrupted too often",
                      {{"error", given.reason}}, now);
        break;
      case Release::Why::impossible:
        keep_detail(extra, "result_", "error", json::string(given.reason));
        close(*row, State::dead, row->attempts - 1, extra, std::nullopt, now);
        raise_dead(*row, given.reason, now);
        break;
    }
  }
  return released;
}

void Writes::give_back(const Row& row, json::object extra, std::string_view why, Time now) {
  record(row, "released", {{"claim", claim_token(row.claim)}, {"reason", why}}, now);
  if (job_cancelled(row.id) && !replayed_by_hand(extra)) {
    extra["reason"] = "cancelled";
    close(row, State::cancelled, row.attempts - 1, extra, std::nullopt, now);
    return;
  }
  std::optional<std::int64_t> oldest;
  if (Rows rows = session_.query(Sql::oldest_position, row.labourer); rows.next())
    oldest = rows.integer(0);
  std::int64_t position = row.position.value_or(0);
  if (position >= oldest.value_or(options_.task_step))
    position = allocate_head(oldest, 1, options_.task_step).first;
  const std::string text = text_of(extra);
  must_change(session_.run(Sql::free_claim, row.id, row.claim, position,
                           std::int64_t{row.attempts - 1}, TextOrNull{text}),
              row.id);
  move_count(row.labourer, State::running, State::queued);
}

bool Writes::job_cancelled(std::int64_t id) {
  const auto job = session_.job_of(id);
  return job && (job->state == JobState::cancelling || job->state == JobState::cancelled);
}

// --- Ends

State Writes::end_attempt(const Row& row, json::object extra, const Labourer& labourer,
                          std::string_view why, const json::object& error, Time now) {
  json::object event{{"claim", claim_token(row.claim)},
                     {"attempts", row.attempts},
                     {"claimed_at", row.claimed_at.value_or(0)}};
  for (const auto& [key, text] : error) event[key] = text;
  record(row, why, event, now);
  Task task;
  task.extra = std::move(extra);
  if (late_completion_closes(task)) {
    close(row, State::done, row.attempts, task.extra,
          integer(task.extra, "late_at").value_or(epoch_seconds(now)), now);
    return State::done;
  }
  Fate fate = fate_after_attempt(
      labourer, row.attempts, now,
      jitter_seed(session_.text_id(row.id), claim_token(row.claim), row.attempts));
  if (fate.state == State::dead) {
    close(row, State::dead, row.attempts, task.extra, std::nullopt, now);
    raise_dead(row,
               fmt::format("task {} of {} is dead: attempt {} {}", session_.text_id(row.id),
                           session_.labourer_name(row.labourer), row.attempts, why),
               now);
    return State::dead;
  }
  // The rest of a cancelled job is not kept waiting: requeue() closes it at once.
  if (job_cancelled(row.id) && !replayed_by_hand(task.extra)) fate.due = epoch_seconds(now);
  const std::string text = text_of(task.extra);
  must_change(
      session_.run(Sql::end_in_retry, row.id, row.claim, fate.due * kSecond, TextOrNull{text}),
      row.id);
  move_count(row.labourer, State::running, State::retry);
  return State::retry;
}

State Writes::end_attempt(const Row& row, json::object extra, const engine::Labourers& labourers,
                          std::string_view why, const json::object& error, Time now) {
  const std::string& name = session_.labourer_name(row.labourer);
  const auto known = labourers.find(name);
  return end_attempt(row, std::move(extra),
                     known == labourers.end() ? unconfigured(name) : known->second, why, error,
                     now);
}

Result<std::vector<Ended>> Writes::expire(const Labourer& labourer,
                                          std::span<const Attempt> attempts, Time now) {
  std::vector<Ended> ended;
  for (const Attempt& attempt : attempts) {
    const auto row = session_.head(attempt.id);
    if (!row || row->state != State::running || row->claim != attempt.claim ||
        row->time.value_or(0) > microseconds(now))
      continue;
    json::object extra = attributes(row->extra);
    extra["silent"] = 1;
    const State state = end_attempt(*row, std::move(extra), labourer, "expired", {}, now);
    ended.push_back({session_.text_id(row->id), state});
  }
  return ended;
}

Result<std::vector<std::string>> Writes::requeue(std::string_view labourer_id, std::int64_t at_most,
                                                 double longest_delay_s, Time now) {
  std::vector<std::string> ids;
  const auto labourer = session_.labourer(labourer_id);
  if (!labourer || at_most <= 0) return ids;
  const double longest = std::min(std::ceil(longest_delay_s), 1e9);
  session_.run(Sql::cut_due, *labourer,
               (epoch_seconds(now) + static_cast<std::int64_t>(longest)) * kSecond);
  std::vector<std::int64_t> due;
  {
    Rows rows = session_.query(Sql::due_now, *labourer, microseconds(now), at_most);
    while (rows.next()) due.push_back(rows.integer(0));
  }
  // Nobody else closes a row of a cancelled job that was running when the job was cancelled.
  std::erase_if(due, [&](std::int64_t id) {
    if (!job_cancelled(id)) return false;
    const auto row = session_.head(id);
    json::object extra = attributes(row->extra);
    if (replayed_by_hand(extra)) return false;
    extra["reason"] = "cancelled";
    close(*row, State::cancelled, row->attempts, extra, std::nullopt, now);
    return true;
  });
  if (due.empty()) return ids;

  std::optional<std::int64_t> oldest;
  if (Rows rows = session_.query(Sql::oldest_position, *labourer); rows.next())
    oldest = rows.integer(0);
  const Positions head = allocate_head(oldest, std::ssize(due), options_.task_step);
  std::int64_t position = head.first;
  for (const std::int64_t id : due) {
    must_change(session_.run(Sql::requeue, id, position), id);
    position += head.step;
    ids.push_back(session_.text_id(id));
  }
  counts_[{*labourer, stored(State::retry)}] -= std::ssize(due);
  counts_[{*labourer, stored(State::queued)}] += std::ssize(due);
  return ids;
}

Result<std::vector<std::string>> Writes::archive(std::string_view labourer_id, std::int64_t at_most,
                                                 Time now) {
  std::vector<std::string> ids;
  const auto labourer = session_.labourer(labourer_id);
  if (!labourer) return ids;
  std::vector<Row> completed;
  {
    Rows rows = session_.query(Sql::completed, *labourer, std::max<std::int64_t>(at_most, 0));
    while (rows.next()) completed.push_back(read_head(rows));
  }
  for (const Row& row : completed) {
    close(row, State::done, row.attempts, attributes(row.extra), row.time.value_or(0) / kSecond,
          now);
    ids.push_back(session_.text_id(row.id));
  }
  return ids;
}

Result<std::vector<bool>> Writes::replay(std::span<const std::string> task_ids, Time now) {
  std::vector<bool> replayed;
  for (const std::string& text : task_ids) {
    const auto id = session_.resolve(text);
    const auto row = id ? session_.head(*id) : std::nullopt;
    replayed.push_back(row && row->state == State::dead);
    if (!replayed.back()) continue;
    const auto positions = at_tail(row->labourer, 1);
    if (!positions)
      return Error{Code::exhausted,
                   fmt::format("no queue position is left for task {} of {}: none is replayed",
                               text, session_.labourer_name(row->labourer)),
                   "replay again when the queue has been empty once"};
    json::object extra = attributes(row->extra);
    add(extra, "replays", 1);
    session_.run(Sql::set_tail, row->labourer, positions->first);
    must_change(session_.run(Sql::replay, row->id, positions->first, json::serialize(extra)),
                row->id);
    must_change(session_.run(Sql::delete_closed, row->id, stored(State::dead)), row->id);
    count_closed(row->id, State::dead, -1);
    move_count(row->labourer, State::dead, State::queued);
    record(*row, "replayed", {{"attempts", row->attempts}, {"closed_at", row->time.value_or(0)}},
           now);
  }
  return replayed;
}

void Writes::close(const Row& row, State state, int attempts, const json::object& extra,
                   std::optional<std::int64_t> completed_at, Time now) {
  const std::optional<std::int64_t> position =
      row.state == State::queued && state == State::cancelled ? row.position : std::nullopt;
  // A completion gives a row without claim the time of one: durations are counted from it.
  const std::optional<std::int64_t> claimed_at = state == State::done ? completed_at : std::nullopt;
  const std::string text = text_of(extra);
  must_change(session_.run(Sql::close, row.id, stored(state), position, std::int64_t{attempts},
                           epoch_seconds(now), claimed_at, TextOrNull{text}, completed_at),
              row.id);
  must_change(session_.run(Sql::delete_task, row.id, row.claim, stored(row.state)), row.id);
  move_count(row.labourer, row.state, state);
  count_closed(row.id, state, 1);
}

void Writes::raise_dead(const Row& row, const std::string& message, Time now) {
  session_.run(Sql::insert_alarm, static_cast<std::int64_t>(Alarm::Kind::dead_task),
               session_.labourer_name(row.labourer), session_.text_id(row.id), message,
               microseconds(now));
}

// --- The rest

Result<void> Writes::gate(std::string_view labourer_id, std::optional<bool> paused,
                          std::optional<std::string> blocked) {
  if (labourer_id.empty()) return invalid("a gate of no labourer");
  const std::int64_t labourer = labourer_or_new(labourer_id);
  if (paused) session_.run(Sql::set_paused, labourer, std::int64_t{*paused});
  if (blocked) session_.run(Sql::set_blocked, labourer, *blocked);
  return {};
}

void Writes::drop_alarms(std::int64_t acknowledged) {
  session_.run(Sql::drop_alarms, acknowledged);
}

void Writes::record(const Row& row, std::string_view action, const json::object& data, Time now) {
  session_.run(Sql::insert_event, row.id, microseconds(now), action, json::serialize(data));
}

std::int64_t Writes::labourer_or_new(std::string_view name) {
  if (const auto known = session_.labourer(name)) return *known;
  Rows made = session_.query(Sql::insert_labourer, name);
  made.next();
  return made.integer(0);
}

std::int64_t Writes::count_of(std::int64_t labourer, std::int64_t state) {
  Rows rows = session_.query(Sql::count, labourer, state);
  return rows.next() ? rows.integer(0) : 0;
}

void Writes::move_count(std::int64_t labourer, State from, State to) {
  counts_[{labourer, stored(from)}] -= 1;
  counts_[{labourer, stored(to)}] += 1;
}

void Writes::count_closed(std::int64_t id, State state, std::int64_t n) {
  JobCounts& counts = job_counts_[session_.range_of(id).first_id];
  (state == State::done ? counts.done : state == State::dead ? counts.dead : counts.cancelled) += n;
}

void Writes::must_change(int rows, std::int64_t id) const {
  if (rows != 1)
    throw SqliteError(SQLITE_CORRUPT,
                      fmt::format("row {} changed while it was being written to", id));
}

void Writes::flush() {
  for (const auto& [key, n] : counts_)
    if (n != 0) session_.run(Sql::add_count, key.first, key.second, n);
  for (const auto& [first_id, n] : job_counts_)
    session_.run(Sql::count_job, first_id, n.done, n.dead, n.cancelled);
  counts_.clear();
  job_counts_.clear();
}

void Writes::forget() {
  counts_.clear();
  job_counts_.clear();
  open_rows_.reset();
  session_.forget();
}

}  // namespace sosw::local
