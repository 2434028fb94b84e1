// SPDX-License-Identifier: MIT
// What the store tells: status, lists, alarms; gates.
#include <fmt/format.h>

#include <algorithm>

#include "cloud/table_store_body.h"
#include "core/guard.h"

namespace sosw::cloud {

using engine::Alarm;
using engine::LabourerStatus;
using engine::TaskQuery;

namespace {

constexpr std::int64_t kEvery = std::int64_t{1} << 40;
constexpr State kStates[] = {State::queued, State::running, State::completed, State::failed,
                             State::retry,  State::done,    State::dead,      State::cancelled};

void read_gates(const Item& item, LabourerStatus& status) {
  status.paused = integer_in(item, "paused").value_or(0) != 0;
  status.blocked = text_in(item, "blocked");
}

bool in_claimed_range(State state) {
  return state == State::running || state == State::completed || state == State::failed;
}

}  // namespace

// --- Gates

Result<void> TableStore::Body::gate(std::string_view labourer, std::optional<bool> paused,
                                    const std::optional<std::string>& blocked) {
  if (labourer.empty()) return invalid("a gate of no labourer");
  Change change;
  change.set("labourer_id", text(kLabourers))
      .set("greenfield", number(0))
      .set("labourer", text(labourer));
  if (paused) change.set("paused", number(*paused ? 1 : 0));
  if (blocked) change.set("blocked", text(*blocked));
  const auto written =
      requests_.write(change.of(options_.tasks, {{"task_id", text(labourer_item_id(labourer))}}));
  if (!written) return written.error();
  return {};
}

// --- Alarms

Result<std::vector<Alarm>> TableStore::Body::alarms(std::int64_t acknowledged,
                                                    std::int64_t at_most) {
  std::int64_t first = 1, last = 0;
  for (int round = 1; round <= kRounds; ++round) {
    const auto control = requests_.get_one(task_key(kAlarms));
    if (!control) return control.error();
    last = *control ? integer_in(**control, "last").value_or(0) : 0;
    first = *control ? integer_in(**control, "first").value_or(1) : 1;
    const std::int64_t to = std::min(acknowledged, last);
    if (first > to) break;
    Move move;
    const std::int64_t n = std::min<std::int64_t>(to - first + 1, kMostActions - 1);
    Write numbers = Change()
                        .set("first", number(first + n))
                        .with(":was", number(first))
                        .of(options_.tasks, {{"task_id", text(kAlarms)}});
    if (SOSW_GUARD(alarms_first))
      require(numbers,
              first == 1 ? "(attribute_not_exists(#first) OR #first = :was)" : "#first = :was");
    move.writes.push_back(std::move(numbers));
    for (std::int64_t i = first; i < first + n; ++i)
      move.writes.push_back(
          Write{Write::Kind::remove, options_.tasks, {{"task_id", text(alarm_id(i))}}});
    if (auto committed = requests_.commit({&move, 1}); !committed) return committed.error();
    if (move.fate == Move::Fate::done)
      round = 0;  // more than one transaction may be needed
    else
      requests_.pause(round);
  }
  std::vector<Alarm> found;
  const std::int64_t n =
      std::clamp<std::int64_t>(last - first + 1, 0, std::max<std::int64_t>(at_most, 0));
  std::vector<Key> keys;
  for (std::int64_t i = first; i < first + n; ++i) keys.push_back(task_key(alarm_id(i)));
  const auto items = requests_.get(std::move(keys));
  if (!items) return items.error();
  for (std::int64_t i = 0; i < n; ++i) {
    const auto& item = (*items)[static_cast<std::size_t>(i)];
    if (!item) continue;  // acknowledged by another one just now
    Item as_task = *item;
    as_task["created_at"] = item->at("at");
    found.push_back({.number = first + i,
                     .kind = static_cast<Alarm::Kind>(integer_in(*item, "kind").value_or(0)),
                     .labourer_id = text_in(*item, "labourer"),
                     .task_id = text_in(*item, "task"),
                     .message = text_in(*item, "message"),
                     .at = to_task(as_task, State::queued).created_at});
  }
  return found;
}

// --- Status

Result<std::map<std::string, LabourerStatus>> TableStore::Body::status() {
  std::map<std::string, LabourerStatus> all;
  const auto known = known_labourers();
  if (!known) return known.error();
  for (const auto& id : *known) {
    auto status = status_of(id, kCountedAtMost);
    if (!status) return status.error();
    all[id] = std::move(*status);
  }
  return all;
}

Result<std::map<std::string, LabourerStatus>> TableStore::Body::glance(
    std::span<const std::string_view> labourers) {
  std::vector<Key> keys;
  for (const auto id : labourers) {
    keys.push_back(task_key(labourer_item_id(id)));
    keys.push_back(task_key(tail_id(id)));
  }
  const auto items = requests_.get(std::move(keys));
  if (!items) return items.error();
  std::map<std::string, LabourerStatus> all;
  for (std::size_t i = 0; i < labourers.size(); ++i) {
    LabourerStatus& status = all[std::string(labourers[i])];
    if (const auto& gates = (*items)[2 * i]) read_gates(*gates, status);
    if (const auto& tail = (*items)[2 * i + 1])
      status.open_jobs = std::ssize(texts_in(*tail, "jobs"));
  }
  return all;
}

Result<LabourerStatus> TableStore::Body::status_of(const std::string& id, std::int64_t counted) {
  LabourerStatus status;
  const auto items = requests_.get(
      {task_key(labourer_item_id(id)), task_key(tail_id(id)), task_key(count_id_of_labourer(id))});
  if (!items) return items.error();
  if (const auto& gates = (*items)[0]) read_gates(*gates, status);
  if (const auto& tail = (*items)[1]) {
    std::vector<Key> keys;
    for (const auto& job : texts_in(*tail, "jobs")) keys.push_back(task_key(job_item_id(job)));
    const auto jobs = requests_.get(std::move(keys));
    if (!jobs) return jobs.error();
    for (const auto& job : *jobs) {
      if (!job) continue;
      status.open_jobs += 1;
      status.folded +=
          integer_in(*job, "rows").value_or(0) - integer_in(*job, "cursor").value_or(0);
    }
  }
  if (const auto& counts = (*items)[2]) {
    status.tasks[State::done] = integer_in(*counts, "done").value_or(0);
    status.tasks[State::dead] = integer_in(*counts, "dead").value_or(0);
    status.tasks[State::cancelled] = integer_in(*counts, "cancelled").value_or(0);
  }
  const auto queue = requests_.count(queued(id, kBoundary), counted);
  if (!queue) return queue.error();
  status.tasks[State::queued] = *queue;
  Query running = claimed(id, kBoundary);
  running.projection = "#task_id, #greenfield, #completed_at, #failed, #claim, #deadline";
  const auto rows = requests_.query(std::move(running), counted);
  if (!rows) return rows.error();
  for (const auto& row : *rows) {
    const State state = live_state(row, kBoundary);
    status.tasks[state] += 1;
    if (state != State::running) continue;
    const auto deadline = epoch_seconds(deadline_of(row, Labourer(), options_.invocation_delta));
    status.next_deadline = std::min(status.next_deadline.value_or(deadline), deadline);
  }
  const auto waiting = requests_.count(waiting_for_retry(id), counted);
  if (!waiting) return waiting.error();
  status.tasks[State::retry] = *waiting;
  if (*waiting > 0) {
    const auto next = requests_.query(waiting_for_retry(id), 1);
    if (!next) return next.error();
    if (!next->empty()) status.next_due = integer_in(next->front(), "desired_launch_time");
  }
  return status;
}

// --- Lists

// Rows of one labourer and state, in order. `behind`: those after this row, which was there.
Result<std::vector<Item>> TableStore::Body::rows_in(std::string_view labourer, State state,
                                                    bool newest_first, const Item* behind,
                                                    std::int64_t at_most) {
  std::vector<Item> rows;
  if (in_claimed_range(state)) {
    auto all = requests_.query(claimed(labourer, kBoundary), kEvery);
    if (!all) return all.error();
    std::erase_if(*all, [&](const Item& row) { return live_state(row, kBoundary) != state; });
    const auto place = [&](const Item& row) {
      return std::tuple(deadline_of(row, Labourer(), options_.invocation_delta),
                        to_task(row, state).created_at, text_in(row, "task_id"));
    };
    std::sort(all->begin(), all->end(), [&](const Item& a, const Item& b) {
      return newest_first ? place(b) < place(a) : place(a) < place(b);
    });
    for (auto& row : *all) {
      if (behind && (newest_first ? place(row) >= place(*behind) : place(row) <= place(*behind)))
        continue;
      if (std::ssize(rows) < at_most) rows.push_back(std::move(row));
    }
    return rows;
  }
  Query query;
  std::vector<std::string_view> key_names;
  if (state == State::queued) {
    query = queued(labourer, kBoundary);
    key_names = {"task_id", "labourer_id", "greenfield"};
  } else if (state == State::retry) {
    query = waiting_for_retry(labourer);
    key_names = {"task_id", "labourer_id", "desired_launch_time"};
  } else {
    query = {options_.closed, options_.closed_index, "#labourer_id_task_status = :status"};
    query.values[":status"] = text(closed_status(labourer, state == State::done));
    key_names = {"task_id", "labourer_id_task_status", "closed_at"};
  }
  query.forward = !newest_first;
  if (behind) {
    query.after.emplace();
    for (const auto name : key_names) (*query.after)[name] = behind->at(name);
  }
  std::set<std::string> seen;
  while (std::ssize(rows) < at_most) {
    query.limit = std::min<std::int64_t>(at_most - std::ssize(rows), 100);
    auto page = requests_.page(query);
    if (!page) return page.error();
    if (closed(state)) {
      // The index has only a part of each row.
      std::vector<Key> keys;
      for (const auto& row : page->items) keys.push_back(closed_key(text_in(row, "task_id")));
      auto whole = requests_.get(std::move(keys));
      if (!whole) return whole.error();
      page->items.clear();
      for (auto& row : *whole)
        if (row && closed_state(*row) == state) page->items.push_back(std::move(*row));
    } else if (state == State::queued) {
      std::erase_if(page->items,
                    [](const Item& row) { return live_state(row, kBoundary) != State::queued; });
    }
    for (auto& row : page->items)
      if (seen.insert(text_in(row, "task_id")).second) rows.push_back(std::move(row));
    if (!page->last) break;
    query.after = std::move(page->last);
  }
  return rows;
}

Result<std::vector<Task>> TableStore::Body::tasks(const TaskQuery& wanted) {
  std::vector<Task> list;
  if (wanted.task_id) {
    const auto place = find(*wanted.task_id, {}, kBoundary);
    if (!place) return place.error();
    if (*place) {
      list.push_back(to_task((*place)->row, (*place)->state));
      return list;
    }
    auto waiting = folded(*wanted.task_id);
    if (!waiting) return waiting.error();
    if (*waiting) list.push_back(std::move(**waiting));
    return list;
  }
  std::vector<std::pair<std::string, State>> parts;
  {
    std::set<std::string, std::less<>> labourers;
    if (wanted.labourer_id) {
      if (!wanted.labourer_id->empty()) labourers.insert(*wanted.labourer_id);
    } else {
      auto known = known_labourers();
      if (!known) return known.error();
      labourers = std::move(*known);
    }
    for (const auto& id : labourers)
      for (const State state : kStates)
        if (!wanted.state || state == *wanted.state) parts.emplace_back(id, state);
  }
  if (wanted.newest_first) std::reverse(parts.begin(), parts.end());
  auto part = parts.begin();
  std::optional<Item> behind;
  if (!wanted.after.empty()) {
    const auto place = find(wanted.after, {}, kBoundary);
    if (!place) return place.error();
    if (*place)
      part = std::find(parts.begin(), parts.end(),
                       std::pair(text_in((*place)->row, "labourer_id"), (*place)->state));
    if (!*place || part == parts.end())
      return Error{Code::conflict,
                   fmt::format("task {}, the last of the page before, is not in the list any more",
                               wanted.after),
                   "read the list from its beginning"};
    behind = (*place)->row;
  }
  for (; part != parts.end() && std::ssize(list) < wanted.limit; ++part) {
    for (;;) {
      const std::int64_t missing = wanted.limit - std::ssize(list);
      const std::int64_t portion = wanted.job_id ? std::max<std::int64_t>(missing, 100) : missing;
      const auto rows = rows_in(part->first, part->second, wanted.newest_first,
                                behind ? &*behind : nullptr, portion);
      if (!rows) return rows.error();
      for (const auto& row : *rows) {
        const bool matches = !wanted.job_id || job_of(row) == *wanted.job_id;
        if (matches && std::ssize(list) < wanted.limit) list.push_back(to_task(row, part->second));
      }
      if (std::ssize(list) >= wanted.limit || std::ssize(*rows) < portion) break;
      behind = rows->back();
    }
    behind.reset();
  }
  return list;
}

}  // namespace sosw::cloud
