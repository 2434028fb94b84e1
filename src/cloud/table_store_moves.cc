// SPDX-License-Identifier: MIT
// The Scavenger's moves between the tables, each one transaction; replay. Protocol sections 2, 7.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cloud/python_literal.h"
#include "cloud/table_store_body.h"
#include "core/guard.h"
#include "core/json_text.h"
#include "core/retry.h"

namespace sosw::cloud {

using engine::Ended;

namespace {

constexpr std::int64_t kCutAtOnce = 1'000;
// An index is in order of the claims, not of the ends: fewer are chosen from so many.
constexpr std::int64_t kChosenFrom = 1'000;
// No Lambda function lives longer: a Scavenger of the original that has begun a move has ended it
// by then, or never will.
constexpr std::int64_t kLongestRunS = 900;

// What an attempt leaves that means nothing afterwards.
void forget_attempt(Item& row) {
  for (const auto name : {"started", "deadline", "place", "late_claim", "met_at"}) row.erase(name);
}

// The original archives a payload as its own language prints it; a worker gets JSON.
void mend_payload(Item& row) {
  const std::string payload = text_in(row, "payload");
  if (parse_json(payload)) return;
  if (const auto read = python_literal(payload); read && read->is_object())
    row["payload"] = text(json_text(*read));
}

std::string id_of(const Item& row) { return text_in(row, "task_id"); }

// By time, then as they were made: which of equal ones comes first is open, but not by chance.
template <class Time>
void sort_by(std::vector<Item>& rows, Time time) {
  std::stable_sort(rows.begin(), rows.end(), [&](const Item& a, const Item& b) {
    const auto made = [](const Item& row) { return to_task(row, State::queued).created_at; };
    return std::tuple(time(a), made(a), id_of(a)) < std::tuple(time(b), made(b), id_of(b));
  });
}

// DynamoDB refuses an item above 400 KB, and more than 10 GB of retries of one labourer: the rows
// stay where they are.
void tell_too_large(std::span<const Move> moves, std::string_view labourer,
                    const std::function<void(const std::string&)>& warn) {
  const auto n = std::count_if(moves.begin(), moves.end(),
                               [](const Move& move) { return move.fate == Move::Fate::too_large; });
  if (n > 0 && warn)
    warn(
        fmt::format("{} task{} of {} cannot be moved and will be tried again: DynamoDB takes no "
                    "item above 400 KB, and no more than 10 GB of retries of one labourer",
                    n, n == 1 ? "" : "s", labourer));
}

template <class T>
std::size_t within(const std::vector<T>& all, std::int64_t at_most) {
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(at_most, 0, static_cast<std::int64_t>(all.size())));
}

}  // namespace

Move TableStore::Body::closing(const Item& row, Place::Where from, State state,
                               std::optional<std::int64_t> completed_at, Time now) const {
  Move move;
  move.job = job_of(row);
  move.labourer = text_in(row, "labourer_id");
  (state == State::done   ? move.closed.done
   : state == State::dead ? move.closed.dead
                          : move.closed.cancelled) = 1;
  Item closed = next_revision(row);
  forget_attempt(closed);
  closed.erase("desired_launch_time");
  closed["closed_at"] = number(epoch_seconds(now));
  closed["labourer_id_task_status"] = text(closed_status(move.labourer, state == State::done));
  if (completed_at) closed["completed_at"] = number(*completed_at);
  if (state == State::cancelled) closed["reason"] = text("cancelled");
  move.writes.push_back(removal(row, from));
  move.writes.push_back(put(options_.closed, std::move(closed), SOSW_GUARD(put_closed)));
  return move;
}

Move TableStore::Body::ending(Item row, bool silent, const Labourer& labourer, bool job_cancelled,
                              std::string_view why, Time now, State& state) const {
  const Item was = row;
  if (silent) row["silent"] = number(1);
  // Its report has moved it to where the expired ones are.
  if (row.contains("failed"))
    row["greenfield"] = number(greenfield_of_claim(text_in(row, "failed"), row, now));
  const std::int64_t attempts = integer_in(row, "attempts").value_or(0);
  Move move;
  if (const auto late_at = integer_in(row, "late_at"); late_at && SOSW_GUARD(late_completion)) {
    state = State::done;
    row["greenfield"] = number(greenfield_of_claim(text_in(row, "late_claim"), row, now));
    move = closing(row, Place::Where::tasks, state, late_at, now);
  } else {
    const auto n = static_cast<int>(attempts);
    Fate fate =
        fate_after_attempt(labourer, n, now, jitter_seed(id_of(row), text_in(row, "claim"), n));
    state = fate.state;
    if (state == State::dead) {
      move = closing(row, Place::Where::tasks, state, std::nullopt, now);
      move.alarms.push_back({.kind = engine::Alarm::Kind::dead_task,
                             .labourer_id = move.labourer,
                             .task_id = id_of(row),
                             .message = fmt::format("task {} of {} is dead: attempt {} {}",
                                                    id_of(row), move.labourer, attempts, why),
                             .at = now});
    } else {
      // The rest of a cancelled job is not kept waiting: requeue() closes it at once.
      if (job_cancelled) fate.due = epoch_seconds(now);
      row = next_revision(std::move(row));
      forget_attempt(row);
      row["desired_launch_time"] = number(fate.due);
      move.writes = {removal(was, Place::Where::tasks),
                     put(options_.retry, std::move(row), SOSW_GUARD(put_retry))};
    }
  }
  move.writes.front() = removal(was, Place::Where::tasks);
  return move;
}

// --- Expire

Result<std::vector<Ended>> TableStore::Body::expire(const Labourer& labourer, std::int64_t at_most,
                                                    const StillRunning& still_running, Time now) {
  std::vector<Ended> ended;
  if (at_most <= 0) return ended;
  Query query = claimed(labourer.id, now);
  query.filter =
      "attribute_not_exists(#completed_at) AND (attribute_exists(#failed) OR "
      "attribute_not_exists(#deadline) OR #deadline <= :start)";
  query.limit = 100;
  const auto deadline = [&](const Item& row) {
    return deadline_of(row, labourer, options_.invocation_delta);
  };
  std::vector<Item> rows;
  std::set<std::string> seen;
  do {
    auto page = requests_.page(query);
    if (!page) return page.error();
    for (auto& row : page->items) {
      const State state = live_state(row, now);
      if (state != State::failed && (state != State::running || deadline(row) > now)) continue;
      if (still_running && still_running(id_of(row), text_in(row, "claim"))) continue;
      if (seen.insert(id_of(row)).second) rows.push_back(std::move(row));
    }
    query.after = std::move(page->last);
  } while (query.after && std::ssize(rows) < std::max(at_most, kChosenFrom));
  sort_by(rows, deadline);
  rows.resize(within(rows, at_most));
  if (rows.empty()) return ended;
  const auto cancelled = cancelled_jobs(rows);
  if (!cancelled) return cancelled.error();

  std::vector<Move> moves;
  std::vector<State> states;
  for (const Item& row : rows) {
    const bool failed = row.contains("failed");
    State state = State::retry;
    moves.push_back(ending(row, !failed, labourer, given_up(row, *cancelled),
                           failed ? "has failed" : "has expired", now, state));
    states.push_back(state);
  }
  if (auto committed = requests_.commit(moves); !committed) return committed.error();
  tell_too_large(moves, labourer.id, options_.warn);
  for (std::size_t i = 0; i < moves.size(); ++i)
    if (moves[i].fate == Move::Fate::done) ended.push_back({id_of(rows[i]), states[i]});
  if (auto repaired = repair_refused(moves, now); !repaired) return repaired.error();
  return ended;
}

// --- Requeue

Result<std::vector<std::string>> TableStore::Body::requeue(std::string_view labourer,
                                                           std::int64_t at_most,
                                                           double longest_delay_s, Time now) {
  std::vector<std::string> ids;
  if (at_most <= 0) return ids;
  const std::int64_t at = epoch_seconds(now);
  const std::int64_t longest =
      at + static_cast<std::int64_t>(std::min(std::ceil(longest_delay_s), 1e9));
  Query far = waiting_for_retry(labourer);
  far.key += " AND #desired_launch_time > :longest";
  far.values[":longest"] = number(longest);
  const auto too_late = requests_.query(std::move(far), kCutAtOnce);
  if (!too_late) return too_late.error();
  std::vector<Move> cuts;
  for (const Item& row : *too_late) {
    Key key = retry_key(labourer, id_of(row));
    Write write = Change()
                      .set("desired_launch_time", number(longest))
                      .counted()
                      .of(std::move(key.table), std::move(key.key));
    require_same(write, row, Same::retry);
    cuts.emplace_back().writes.push_back(std::move(write));
  }
  if (auto committed = requests_.commit(cuts); !committed) return committed.error();

  Query query = waiting_for_retry(labourer);
  query.key += " AND #desired_launch_time <= :now";
  query.values[":now"] = number(at);
  auto rows = requests_.query(std::move(query), at_most);
  if (!rows) return rows.error();
  if (rows->empty()) return ids;
  sort_by(*rows,
          [](const Item& row) { return integer_in(row, "desired_launch_time").value_or(0); });
  const auto cancelled = cancelled_jobs(*rows);
  if (!cancelled) return cancelled.error();

  std::vector<Move> moves;
  std::vector<const Item*> due;
  // Nobody else closes a row that was running when its job was cancelled.
  for (const Item& row : *rows) {
    if (given_up(row, *cancelled) && SOSW_GUARD(cancelled_retry))
      moves.push_back(closing(row, Place::Where::retry, State::cancelled, std::nullopt, now));
    else
      due.push_back(&row);
  }
  const std::size_t closed = moves.size();
  const auto oldest = oldest_position(labourer, now);
  if (!oldest) return oldest.error();
  const Positions head = allocate_head(*oldest, std::ssize(due), options_.task_step);
  for (std::size_t i = 0; i < due.size(); ++i) {
    Item row = next_revision(*due[i]);
    forget_attempt(row);
    row.erase("desired_launch_time");
    row.erase("failed");
    row["greenfield"] = number(head.first + static_cast<std::int64_t>(i) * head.step);
    moves.emplace_back().writes = {removal(*due[i], Place::Where::retry),
                                   put(options_.tasks, std::move(row), SOSW_GUARD(put_due))};
  }
  if (auto committed = requests_.commit(moves); !committed) return committed.error();
  tell_too_large(moves, labourer, options_.warn);
  for (std::size_t i = 0; i < due.size(); ++i)
    if (moves[closed + i].fate == Move::Fate::done) ids.push_back(id_of(*due[i]));
  if (auto repaired = repair_refused(moves, now); !repaired) return repaired.error();
  return ids;
}

// --- Archive

Result<std::vector<std::string>> TableStore::Body::archive(std::string_view labourer,
                                                           std::int64_t at_most, Time now) {
  bool look_for_letters = false;
  {
    const std::lock_guard lock(mutex_);
    const auto every = std::chrono::seconds(options_.letters_every_s);
    look_for_letters = !letters_at_ || now < *letters_at_ || now - *letters_at_ >= every;
    if (look_for_letters) letters_at_ = now;
  }
  if (look_for_letters && !options_.leaves_letters) {
    if (auto settled = settle_letters({}, now); !settled) return settled.error();
  }
  std::vector<std::string> ids;
  if (at_most <= 0) return ids;
  Query query = claimed(labourer, now);
  query.filter = "attribute_exists(#completed_at)";
  auto rows = requests_.query(std::move(query), std::max(at_most, kChosenFrom));
  if (!rows) return rows.error();
  sort_by(*rows, [](const Item& row) { return integer_in(row, "completed_at").value_or(0); });
  rows->resize(within(*rows, at_most));
  std::vector<Move> moves;
  for (const Item& row : *rows)
    moves.push_back(closing(row, Place::Where::tasks, State::done, std::nullopt, now));
  if (auto committed = requests_.commit(moves); !committed) return committed.error();
  tell_too_large(moves, labourer, options_.warn);
  for (std::size_t i = 0; i < moves.size(); ++i)
    if (moves[i].fate == Move::Fate::done) ids.push_back(id_of((*rows)[i]));
  if (auto repaired = repair_refused(moves, now); !repaired) return repaired.error();
  return ids;
}

// --- Repair

// The original moves a task by two requests: it puts the copy, then it deletes the task, whatever
// has become of that by then. So while the task stands, the copy may at any moment be all that is
// left: it is never deleted, only replaced by the transaction that ends the task. And as long as
// the original may still come to its second request, nothing is done that would put the task where
// it deletes.
Result<void> TableStore::Body::repair_refused(std::span<const Move> moves, Time now) {
  for (const Move& move : moves) {
    // The row is where it was, and the place where it was to go is taken.
    if (move.fate != Move::Fate::refused || move.refused.size() < 2) continue;
    if (move.refused[0].why == Refusal::condition || move.refused[1].why != Refusal::condition)
      continue;
    if (auto repaired = repair(move, now); !repaired) return repaired.error();
  }
  return {};
}

Result<void> TableStore::Body::repair(const Move& refused, Time now) {
  const Write& wanted = refused.writes[1];
  const std::string id = id_of(wanted.item);
  const auto rows = requests_.get(
      {task_key(id), retry_key(text_in(wanted.item, "labourer_id"), id), closed_key(id)});
  if (!rows) return rows.error();
  const auto &task = (*rows)[0], &retry = (*rows)[1], &closed = (*rows)[2];
  const auto attempts = [](const std::optional<Item>& row) {
    return integer_in(*row, "attempts").value_or(0);
  };
  Move mended;
  // By the transaction that ends the other copy.
  const auto replaces = [&](Move ending, const Item& older, Same same) {
    mended = std::move(ending);
    mended.fate = Move::Fate::left;
    mended.unsure = false;
    mended.writes[1].condition.clear();
    require_same(mended.writes[1], older, same);
  };
  // Whoever has put the copy does nothing about it any more; else notes when it was met first.
  const auto is_left = [&](const Item& copy, Place::Where where) {
    const auto met_at = integer_in(copy, "met_at");
    const std::int64_t at = epoch_seconds(now);
    if (met_at && at - *met_at >= kLongestRunS) return true;
    if (met_at && *met_at <= at) return false;
    Key key =
        where == Place::Where::retry ? retry_key(text_in(copy, "labourer_id"), id) : closed_key(id);
    Write note =
        Change().set("met_at", number(at)).counted().of(std::move(key.table), std::move(key.key));
    require_same(note, copy, where == Place::Where::retry ? Same::retry : Same::closed);
    mended.writes.push_back(std::move(note));
    return false;
  };
  const auto done = [&](const Item& row, Place::Where where) {
    return closing(row, where, State::done, std::nullopt, now);
  };
  const bool completed = task && task->contains("completed_at");
  const bool is_done = closed && closed_state(*closed) == State::done;

  if (task && !task->contains("labourer_id")) {
    // A WorkerAssistant of the original was told of a task that had moved, and made this of it.
    if (completed && (retry || closed) && !is_done) {
      const Item& from = closed ? *closed : *retry;
      Item row = from;
      for (const auto& [name, value] : *task)
        if (name != "failed_attempts") row[name] = value;
      row["greenfield"] = number(greenfield_of_claim({}, from, now));
      row.erase("reason");
      Move ending = done(row, Place::Where::tasks);
      if (closed) {
        (closed_state(from) == State::dead ? ending.closed.dead : ending.closed.cancelled) = -1;
        replaces(std::move(ending), from, Same::closed);
      } else {
        mended = std::move(ending);
        mended.writes.push_back(removal(from, Place::Where::retry));
      }
      mended.writes.front() = removal(*task, Place::Where::tasks);
    } else {
      mended.writes.push_back(removal(*task, Place::Where::tasks));
    }
  } else if (task && closed && is_done) {
    mended.writes.push_back(removal(*task, Place::Where::tasks));
  } else if (task && closed && completed) {
    replaces(done(*task, Place::Where::tasks), *closed, Same::closed);
  } else if (task && closed && attempts(closed) >= attempts(task)) {
    if (is_left(*closed, Place::Where::closed))
      mended.writes.push_back(removal(*task, Place::Where::tasks));
  } else if (task && closed && wanted.table == options_.closed) {
    replaces(refused, *closed, Same::closed);
  } else if (task && retry && completed) {
    mended = done(*task, Place::Where::tasks);
    mended.writes.push_back(removal(*retry, Place::Where::retry));
  } else if (task && retry && attempts(retry) >= attempts(task)) {
    if (is_left(*retry, Place::Where::retry))
      mended.writes.push_back(removal(*task, Place::Where::tasks));
  } else if (task && retry && wanted.table == options_.retry) {
    if (is_left(*retry, Place::Where::retry)) replaces(refused, *retry, Same::retry);
  } else if (!task && retry && closed) {
    if (is_done || attempts(closed) >= attempts(retry))
      mended.writes.push_back(removal(*retry, Place::Where::retry));
    else if (wanted.table == options_.closed)
      replaces(refused, *closed, Same::closed);
  }
  if (mended.writes.empty()) return {};
  return requests_.commit({&mended, 1});
}

// --- Replay

Result<std::vector<bool>> TableStore::Body::replay(std::span<const std::string> task_ids,
                                                   Time now) {
  std::vector<bool> replayed;
  for (const std::string& id : task_ids) {
    replayed.push_back(false);
    if (id.empty()) continue;
    for (int round = 1; round <= kRounds && !replayed.back(); ++round) {
      const auto closed = requests_.get_one(closed_key(id));
      if (!closed) return closed.error();
      if (!*closed || closed_state(**closed) != State::dead) break;
      // Of one that was too large there is only the beginning, as a text: no worker may get that.
      if (const auto kept = parse_json(text_in(**closed, "payload")); kept && kept->is_string())
        break;
      const std::string labourer = text_in(**closed, "labourer_id");
      const auto tail = requests_.get_one(task_key(tail_id(labourer)));
      if (!tail) return tail.error();
      const Item* last = *tail ? &**tail : nullptr;
      const auto newest = newest_position(labourer, now);
      if (!newest) return newest.error();
      const auto positions = at_tail(*newest, last, 1, now);
      if (!positions)
        return Error{Code::exhausted,
                     fmt::format("task {} and those after it: no queue position is left for {}", id,
                                 labourer),
                     "replay again when the queue has been empty once"};
      Item row = next_revision(**closed);
      forget_attempt(row);  // a Scavenger of the original has kept it
      for (const auto name : {"closed_at", "labourer_id_task_status", "failed", "completed_at"})
        row.erase(name);
      mend_payload(row);
      row["attempts"] = number(0);
      row["replays"] = number(integer_in(row, "replays").value_or(0) + 1);
      row["greenfield"] = number(positions->first);
      Move move;
      move.job = job_of(row);
      move.labourer = labourer;
      move.closed.dead = -1;
      move.writes = {
          removal(**closed, Place::Where::closed),
          put(options_.tasks, std::move(row), SOSW_GUARD(put_replayed)),
          tail_change(
              labourer, last,
              Change().set("tail", number(positions->first)).set("at", number(epoch_seconds(now))),
              "", true)};
      if (auto committed = requests_.commit({&move, 1}); !committed) return committed.error();
      replayed.back() = move.fate == Move::Fate::done;
      if (replayed.back()) break;
      if (auto repaired = repair_refused({&move, 1}, now); !repaired) return repaired.error();
      requests_.pause(round);
    }
  }
  return replayed;
}

}  // namespace sosw::cloud
