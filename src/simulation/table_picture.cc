// SPDX-License-Identifier: MIT
// See table_picture.h.
#include "simulation/table_picture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cloud/table_rows.h"
#include "core/greenfield.h"

namespace sosw::simulation {
namespace {

using cloud::integer_in;
using cloud::Item;
using cloud::text_in;

// Above every position, also those that pass the ceiling, and below every clock.
constexpr std::int64_t kBetween = 1'700'000'000;

State state_in_tasks(const Item& item) {
  if (item.contains("completed_at")) return State::completed;
  if (integer_in(item, "greenfield").value_or(0) < kBetween) return State::queued;
  return item.contains("failed") ? State::failed : State::running;
}

State state_in_closed(const Item& item) {
  if (text_in(item, "labourer_id_task_status").ends_with("_1")) return State::done;
  return text_in(item, "reason") == "cancelled" ? State::cancelled : State::dead;
}

int count_in(const Item& item, std::string_view name) {
  return static_cast<int>(integer_in(item, name).value_or(0));
}

}  // namespace

void TablePicture::changed(std::string_view table, const Item* before, const Item* after) {
  if (table == "sosw_tasks_meta") return;
  dirty_ = true;
  const std::string id = text_in(after ? *after : *before, "task_id");
  if (table == "sosw_tasks" && id.starts_with("sosw:")) return control_changed(id, before, after);
  if (table == "sosw_tasks") return task_changed(tasks, id, after);
  if (table == "sosw_retry_tasks") return task_changed(retry, id, after);
  if (table == "sosw_closed_tasks") return task_changed(closed, id, after);
}

std::size_t TablePicture::job(std::string_view id) {
  const auto [found, is_new] = job_numbers_.emplace(std::string(id), jobs_.size());
  if (is_new) {
    jobs_.emplace_back();
    jobs_.back().row.id = id;
  }
  return found->second;
}

void TablePicture::control_changed(std::string_view id, const Item* before, const Item* after) {
  const auto rest = [&](std::string_view prefix) -> std::optional<std::string_view> {
    if (!id.starts_with(prefix)) return std::nullopt;
    return id.substr(prefix.size());
  };
  const std::size_t one = after != nullptr ? (before == nullptr ? 1 : 0) : std::size_t(-1);
  if (id == cloud::kAlarms) {
    alarms_ = after ? integer_in(*after, "last").value_or(0) : 0;
  } else if (rest("sosw:alarm:")) {
    waiting_alarms_ += one;
  } else if (rest("sosw:late:")) {
    letters_ += one;
  } else if (const auto of = rest("sosw:lease:")) {
    cancelling_[std::string(*of)] =
        after ? cloud::texts_in(*after, "cancelling") : std::vector<std::string>();
    lease_ = {before ? *before : Item(), after ? *after : Item()};
  } else if (const auto labourer = rest("sosw:tail:")) {
    tail_ = {before ? *before : Item(), after ? *after : Item()};
    in_line_[std::string(*labourer)] =
        after ? cloud::texts_in(*after, "jobs") : std::vector<std::string>();
  } else if (const auto name = rest("sosw:job:")) {
    const auto colon = name->find(':');
    Job& known = jobs_[job(name->substr(0, colon))];
    if (colon == std::string_view::npos) {
      known.there = after != nullptr;
      if (!after) return;
      known.row.key = text_in(*after, "key");
      known.row.labourer_id = text_in(*after, "labourer");
      known.row.rows = integer_in(*after, "rows").value_or(0);
      known.row.cursor = integer_in(*after, "cursor").value_or(0);
      known.row.chose_position = after->contains("position");
      known.state = text_in(*after, "state");
      if (!known.row.given_up && known.state.starts_with("cancel"))
        known.row.given_up_since = world_.now();
      known.row.given_up = known.state.starts_with("cancel");
      known.row.given_up_at_end = known.state == "cancelled";
    } else if (name->substr(colon) == ":count" && after) {
      known.row.done = integer_in(*after, "done").value_or(0);
      known.row.dead = integer_in(*after, "dead").value_or(0);
      known.row.cancelled = integer_in(*after, "cancelled").value_or(0);
    }
  }
}

TablePicture::RowKey TablePicture::key_of(std::string_view id, const Item& item) {
  if (const auto known = keys_.find(id); known != keys_.end()) return known->second;
  const std::string named = text_in(item, "job_id");
  std::string of = named.starts_with('j') ? named.substr(1) : std::string(id);
  RowKey key{job(of), 0};
  Job& in = jobs_[key.first];
  if (named.empty()) {
    in.is_item = false;
    in.row.labourer_id = text_in(item, "labourer_id");
    in.row.rows = in.row.cursor = 1;
    in.row.chose_position = true;
  } else if (id.size() == 32 && id.starts_with(of)) {
    key.second = std::strtoll(std::string(id.substr(20)).c_str(), nullptr, 16);
  }
  keys_.emplace(id, key);
  return key;
}

void TablePicture::task_changed(Place place, std::string_view id, const Item* after) {
  if (after == nullptr) {
    const auto known = keys_.find(id);
    if (known == keys_.end()) return;
    auto& places = rows_[known->second].places;
    places[place].reset();
    if (!places[tasks] && !places[retry] && !places[closed]) next_gone_ = id;
    return;
  }
  if (text_in(*after, "labourer_id").empty()) return ghosts_.emplace_back(id), void();
  const RowKey key = key_of(id, *after);
  auto& places = rows_[key].places;
  auto& kept = places[place];
  if (place == retry && !places[tasks]) next_retried_alone_ = id;
  if (next_gone_ == id) next_gone_.clear();  // it has moved
  TaskRow row;
  row.id = id;
  row.labourer_id = text_in(*after, "labourer_id");
  row.claim = text_in(*after, "claim");
  row.state = place == tasks   ? state_in_tasks(*after)
              : place == retry ? State::retry
                               : state_in_closed(*after);
  row.attempts = count_in(*after, "attempts");
  row.interrupted = count_in(*after, "interrupted");
  row.replays = count_in(*after, "replays");
  row.failures = count_in(*after, "failed_attempts");
  row.position =
      integer_in(*after, row.state == State::queued ? "greenfield" : "place").value_or(0);
  row.due = integer_in(*after, "desired_launch_time").value_or(0);
  if (row.state == State::running) {
    const auto told = integer_in(*after, "deadline");
    const std::int64_t claimed_at = integer_in(*after, "greenfield").value_or(0) - kInvocationDelta;
    row.deadline =
        Time(std::chrono::seconds(told.value_or(claimed_at + lifetime_s_(row.labourer_id))));
  }
  row.late_kept = after->contains("late_at");
  row.silent = after->contains("silent");
  if (place == tasks && row.state != State::queued) row.started = text_in(*after, "started");
  row.greenfield = integer_in(*after, "greenfield").value_or(0);
  row.job = key.first;
  row.row = key.second;
  row.since = kept && kept->state == row.state && kept->position == row.position ? kept->since
                                                                                 : world_.now();
  kept = std::move(row);
}

bool TablePicture::cancelled_to_the_end() const {
  return std::none_of(jobs_.begin(), jobs_.end(),
                      [](const Job& job) { return job.state == "cancelling"; });
}

void TablePicture::judge_request(std::string_view by, Time told, std::int64_t lag_s,
                                 const Breaks& breaks) {
  const std::int64_t now = epoch_seconds(told);
  const auto number = [](const Item& item, std::string_view name) {
    return integer_in(item, name).value_or(0);
  };
  if (lease_) {
    constexpr std::int64_t kLeaseS = 20;
    const auto [was, is] = *std::exchange(lease_, std::nullopt);
    const std::string holder = text_in(is, "holder");
    const std::int64_t until = number(was, "until"), at = number(was, "at");
    if (holder != text_in(was, "holder")) {
      if (until > now && until <= now + kLeaseS)
        breaks("lease", fmt::format("{} takes a lease that has {} s left", holder, until - now));
      if (was.contains("holder") && !was.contains("pending") && at <= now && now < at + lag_s)
        breaks("lease", fmt::format("{} takes a lease that does not tell what runs, and has not "
                                    "waited for the index",
                                    holder));
    } else if (until != 0 && number(is, "until") == 0 && !holder.starts_with(by)) {
      breaks("lease", fmt::format("{} gives back the lease of {}", by, holder));
    }
  }
  if (tail_) {
    const auto [was, is] = *std::exchange(tail_, std::nullopt);
    const std::int64_t tail = number(was, "tail"), at = number(was, "at");
    if (tail != 0 && is.contains("tail") && is.at("tail") != was.at("tail") && now - at < lag_s &&
        number(is, "tail") <= tail)
      breaks("queue_order",
             fmt::format("the tail goes from {} to {}, and what was made there may be "
                         "in no index yet",
                         tail, number(is, "tail")));
  }
}

void TablePicture::look(Snapshot& into, const Breaks& breaks) {
  dirty_ = false;
  retried_alone_ = std::exchange(next_retried_alone_, {});
  gone_ = std::exchange(next_gone_, {});
  doubled_ = 0;
  for (const auto& id : ghosts_)
    breaks("no_ghost_rows", fmt::format("item {} has no labourer", id));
  ghosts_.clear();
  into.alarms = alarms_;
  into.jobs.resize(jobs_.size());
  std::vector<JobRow> counted(jobs_.size());
  std::size_t n = 0;
  into.tasks.resize(rows_.size());
  for (const auto& [key, entry] : rows_) {
    const TaskRow* found = nullptr;
    bool doubled = false;
    for (const auto& place : entry.places) {
      if (!place) continue;
      if (found) {
        ++doubled_;
        doubled = true;
        breaks("one_table", fmt::format("task {} is {} and {}", place->id, sosw::name(found->state),
                                        sosw::name(place->state)));
        continue;
      }
      found = &*place;
    }
    if (found == nullptr) continue;  // whoever knows what was before will miss it
    into.tasks[n] = *found;
    into.tasks[n++].doubled = doubled;
    JobRow& job = counted[key.first];
    ++job.rows;
    if (found->state == State::done) ++job.done;
    if (found->state == State::dead) ++job.dead;
    if (found->state == State::cancelled) ++job.cancelled;
  }
  into.tasks.resize(n);
  for (std::size_t j = 0; j < jobs_.size(); ++j) {
    Job& job = jobs_[j];
    if (!job.is_item) {
      job.row.done = counted[j].done;
      job.row.dead = counted[j].dead;
      job.row.cancelled = counted[j].cancelled;
    } else if (!job.there) {
      breaks("one_row_one_task",
             fmt::format("there are rows of job {}, and no such job", job.row.id));
    }
    if (counted[j].done != job.row.done || counted[j].dead != job.row.dead ||
        counted[j].cancelled != job.row.cancelled)
      breaks("counts_exact",
             fmt::format("job {} counts {} done, {} dead, {} cancelled; there are {}, {}, {}",
                         job.row.id, job.row.done, job.row.dead, job.row.cancelled, counted[j].done,
                         counted[j].dead, counted[j].cancelled));
    if (job.is_item && (job.state == "open") != (job.row.cursor < job.row.rows) &&
        !job.row.given_up)
      breaks("cursor_and_line", fmt::format("job {} is {} at row {} of {}", job.row.id, job.state,
                                            job.row.cursor, job.row.rows));
    into.jobs[j] = job.row;
  }
  // The jobs in line are those that are open, in the order of their acceptance.
  std::size_t open = 0, in_line = 0;
  for (const Job& job : jobs_) open += job.state == "open" ? 1 : 0;
  for (const auto& [labourer, ids] : in_line_) {
    std::size_t last = 0;
    for (const std::string& id : ids) {
      const auto number = job_numbers_.find(id);
      if (number == job_numbers_.end() || jobs_[number->second].state != "open" ||
          jobs_[number->second].row.labourer_id != labourer || number->second + 1 <= last) {
        breaks("cursor_and_line", fmt::format("job {} is in the line of {}", id, labourer));
        break;
      }
      last = number->second + 1;
      ++in_line;
    }
  }
  if (open != in_line)
    breaks("cursor_and_line", fmt::format("{} jobs are open, and {} in line", open, in_line));
  // And whoever looks for what is to be closed finds it there, once.
  std::size_t cancelling = 0, listed = 0;
  for (const Job& job : jobs_) cancelling += job.state == "cancelling" ? 1 : 0;
  for (const auto& [labourer, ids] : cancelling_) {
    for (const std::string& id : ids) {
      const auto number = job_numbers_.find(id);
      if (number == job_numbers_.end() || jobs_[number->second].state != "cancelling" ||
          jobs_[number->second].row.labourer_id != labourer)
        breaks("cancelling_is_listed",
               fmt::format("job {} is listed to be closed, and is not", id));
      ++listed;
    }
  }
  if (cancelling != listed)
    breaks("cancelling_is_listed",
           fmt::format("{} jobs are to be closed, and {} are listed", cancelling, listed));
}

}  // namespace sosw::simulation
