// SPDX-License-Identifier: MIT
// Jobs: acceptance, rows and their positions. Protocol sections 1, 5, 6, 7.
#include <fmt/format.h>

#include <algorithm>

#include "cloud/table_store_body.h"
#include "core/guard.h"
#include "core/json_text.h"

namespace sosw::cloud {

using engine::Accepted;
using engine::Job;
using engine::JobStatus;
using engine::Made;

namespace {

constexpr std::int64_t kMostRows = std::int64_t{1} << 48;  // 12 hex digits of the task id
constexpr std::int64_t kMostWaiting = 10'000;              // jobs of a labourer
constexpr std::size_t kPart = 350'000;                     // bytes of a description in one item
constexpr std::size_t kMostParts = 9;
constexpr std::size_t kShown = 1'000;    // bytes of a payload that is too large
constexpr std::size_t kRemembered = 20;  // ids of direct jobs in the tail

std::string own_id_of(const Item& item) { return text_in(item, "own_id"); }

Accepted known_job(const std::string& id, const Item& item) {
  Accepted accepted;
  accepted.job_id = id;
  accepted.rows = integer_in(item, "rows").value_or(0);
  accepted.already = true;
  accepted.made = integer_in(item, "cursor").value_or(0);
  if (accepted.rows == 1) {
    accepted.task_id = own_id_of(item);
    if (accepted.task_id.empty()) accepted.task_id = task_id(id, 0);
  }
  return accepted;
}

std::string_view equal_or_absent(const Item* item, std::string_view name,
                                 std::string_view condition, std::string_view absent) {
  return item && item->contains(name) ? condition : absent;
}

// Row and job of a task id as ours are; nullopt: it is not of that form.
std::optional<std::pair<std::string, std::int64_t>> split_id(std::string_view id) {
  if (id.size() != 32 || id.find_first_not_of("0123456789abcdef") != std::string_view::npos)
    return std::nullopt;
  return std::pair(std::string(id.substr(0, 20)),
                   static_cast<std::int64_t>(std::stoull(std::string(id.substr(20)), nullptr, 16)));
}

}  // namespace

// --- Accept

Result<Accepted> TableStore::Body::accept(const Job& job, std::int64_t make_now, Time now) {
  const bool direct = job.key.empty();
  const std::string id = job_id(direct ? "direct:" + requests_.fresh() : job.key);
  std::optional<JobRows> job_rows;
  // A task made directly has no job item, and may have left the table by the time its maker learns
  // that an answer was lost. Its trace is in the tail: the ids of the last ones, changed by
  // compare-and-set. `seen`: what they were before the first answer was lost.
  std::optional<std::vector<std::string>> seen;
  for (int round = 1; round <= 2 * kRounds; ++round) {
    std::vector<Key> keys = {task_key(job_item_id(id)), task_key(tail_id(job.labourer_id))};
    if (job.task_id) {
      keys.push_back(task_key(own_id_item(*job.task_id)));
      keys.push_back(task_key(*job.task_id));
      keys.push_back(closed_key(*job.task_id));
      if (!job.labourer_id.empty()) keys.push_back(retry_key(job.labourer_id, *job.task_id));
      if (const auto parts = split_id(*job.task_id))
        keys.push_back(task_key(job_item_id(parts->first)));
    }
    const auto items = requests_.get(std::move(keys));
    if (!items) return items.error();
    if (const auto& known = (*items)[0]) {
      if (text_in(*known, "key") == job.key && !direct) return known_job(id, *known);
      return Error{
          Code::conflict,
          fmt::format("job '{}' has the id {} of job '{}'", job.key, id, text_in(*known, "key")),
          "choose another key"};
    }
    if (!job_rows) {
      if (job.labourer_id.empty()) return invalid("the job names no labourer");
      if (job.rows < 0 || job.rows > kMostRows)
        return invalid(fmt::format("a job of {} rows", job.rows), "0 to 2^48 rows are possible");
      if ((job.task_id || job.position) && job.rows != 1)
        return invalid(fmt::format("a job of {} rows chooses its task id or position", job.rows),
                       "only a job of one row may");
      if (job.task_id && (job.task_id->empty() || job.task_id->starts_with("sosw:")))
        return invalid(fmt::format("'{}' is no task id", *job.task_id), "choose another one");
      if (SOSW_GUARD(position_ceiling) && job.position && *job.position >= kPositionCeiling)
        return invalid(
            fmt::format("position {} in the queue of {}", *job.position, job.labourer_id),
            fmt::format("positions are below {}", kPositionCeiling));
      auto opened = JobRows::open(job.description);
      if (!opened) return opened.error();
      job_rows = std::move(*opened);
      if (job_rows->count() != job.rows)
        return invalid(fmt::format("a job of {} rows, but its description has {}", job.rows,
                                   job_rows->count()));
    }
    if (job.task_id) {
      const auto parts = split_id(*job.task_id);
      const auto& prefix = items->back();
      const bool a_row_of_ours = parts && prefix &&
                                 parts->second < integer_in(*prefix, "rows").value_or(0) &&
                                 own_id_of(*prefix).empty();
      const bool there = std::any_of(items->begin() + 2, items->end() - (parts ? 1 : 0),
                                     [](const auto& item) { return item.has_value(); });
      if (there || a_row_of_ours)
        return Error{Code::conflict, fmt::format("task '{}' exists", *job.task_id),
                     "choose another task id"};
    }

    const Item* tail = (*items)[1] ? &*(*items)[1] : nullptr;
    std::vector<std::string> remembered =
        tail ? texts_in(*tail, "direct") : std::vector<std::string>();
    if (seen) {
      const auto has = [&](const std::string& one) {
        return std::find(remembered.begin(), remembered.end(), one) != remembered.end();
      };
      if (has(id)) return Accepted{id, 1, false, 1, job.task_id.value_or(task_id(id, 0))};
      if (seen->empty() ? remembered.size() >= kRemembered : !has(seen->back()))
        return Error{Code::unavailable,
                     fmt::format("whether task {} of {} was made is not known: its answer was lost",
                                 job.task_id.value_or(task_id(id, 0)), job.labourer_id),
                     "give the job a key to be able to repeat it"};
    }
    const bool first = !tail || texts_in(*tail, "jobs").empty();
    Move move;
    move.labourer = job.labourer_id;
    std::vector<std::string> parts;
    const std::string description = json_text(job.description);
    for (std::size_t at = 0; at < description.size(); at += kPart)
      parts.push_back(description.substr(at, kPart));
    if (parts.size() > kMostParts)
      return invalid(fmt::format("the description of the job has {} bytes", description.size()),
                     fmt::format("at most {}", kPart * kMostParts));

    std::int64_t rows = 0;
    std::optional<Positions> positions;
    if (first && make_now > 0 && job.rows > 0) {
      rows = std::min<std::int64_t>({make_now, job.rows, kMostActions});
      if (job.position) {
        positions = Positions{*job.position, 0};
      } else {
        const auto newest = newest_position(job.labourer_id, now);
        if (!newest) return newest.error();
        positions = at_tail(*newest, tail, rows, now);
      }
      if (!positions) rows = 0;
    }
    const bool made_directly = direct && job.rows == 1 && rows == 1;
    if (rows > 0) {
      // Job, tail, labourer, own id, three shared ones; the parts, should not all rows fit.
      const bool all_fit = job.rows == 1;
      const std::size_t actions = 7 + (all_fit ? 0 : parts.size());
      rows = add_rows(move, rows, *job_rows, {id, job.task_id.value_or(""), !made_directly}, 0,
                      *positions, actions, all_fit ? 0 : description.size(), now);
    }
    const bool whole = rows == job.rows;

    if (rows > 0 || !whole) {
      Change change;
      if (rows > 0 && !job.position)
        change.set("tail", number(positions->first + (rows - 1) * positions->step));
      change.set("at", number(epoch_seconds(now)));
      std::string condition = "(attribute_not_exists(#jobs) OR size(#jobs) = :none)";
      if (!whole) {
        change.set_to("jobs", "list_append(if_not_exists(#jobs, :no_jobs), :added)")
            .with(":no_jobs", {{"L", json::array()}})
            .with(":added", {{"L", json::array{text(id)}}});
        if (rows == 0) condition = "(attribute_not_exists(#jobs) OR size(#jobs) < :most)";
      }
      if (made_directly) {
        json::array ids;
        const std::size_t kept = std::min(remembered.size(), kRemembered - 1);
        for (auto one = remembered.end() - static_cast<std::ptrdiff_t>(kept);
             one != remembered.end(); ++one)
          ids.push_back(text(*one));
        ids.push_back(text(id));
        change.set("direct", {{"L", std::move(ids)}});
      }
      Write write =
          tail_change(job.labourer_id, tail,
                      change.with(":none", number(0)).with(":most", number(kMostWaiting)),
                      SOSW_GUARD(first_in_line) ? condition : "", rows > 0 && !job.position);
      if (made_directly && SOSW_GUARD(direct_remembered)) {
        require(write, equal_or_absent(tail, "direct", "#direct = :direct_was",
                                       "attribute_not_exists(#direct)"));
        if (tail && tail->contains("direct")) write.values[":direct_was"] = tail->at("direct");
      }
      move.writes.push_back(std::move(write));
    }
    if (!made_directly) {
      Item item = {{"task_id", text(job_item_id(id))},
                   {"labourer", text(job.labourer_id)},
                   {"rows", number(job.rows)},
                   {"cursor", number(rows)},
                   {"state", text(whole ? "made" : "open")},
                   {"parts", number(whole ? 0 : static_cast<std::int64_t>(parts.size()))},
                   {"created_at", seconds(now)}};
      if (!direct) {
        item["key"] = text(job.key);
        item["labourer_id"] = text(kJobs);
        item["greenfield"] = number(epoch_seconds(now));
      }
      if (const auto* chunker = job.description.if_contains("chunker"))
        item["chunker"] = attribute(*chunker);
      if (job.task_id) item["own_id"] = text(*job.task_id);
      if (job.position) item["position"] = number(*job.position);
      move.writes.push_back(put(options_.tasks, std::move(item), SOSW_GUARD(put_job)));
      if (!whole) {
        for (std::size_t i = 0; i < parts.size(); ++i)
          move.writes.push_back(Write{Write::Kind::put,
                                      options_.tasks,
                                      {{"task_id", text(part_id(id, static_cast<std::int64_t>(i)))},
                                       {"text", text(parts[i])}}});
      }
    }
    if (job.task_id)
      move.writes.push_back(put(options_.tasks,
                                {{"task_id", text(own_id_item(*job.task_id))},
                                 {"job", text(id)},
                                 {"labourer", text(job.labourer_id)}},
                                SOSW_GUARD(put_own_id)));
    if (!tail)
      move.writes.push_back(
          Change()
              .set("labourer_id", text(kLabourers))
              .set("greenfield", number(0))
              .set("labourer", text(job.labourer_id))
              .of(options_.tasks, {{"task_id", text(labourer_item_id(job.labourer_id))}}));

    const auto committed = requests_.commit({&move, 1});
    if (move.throttled && rows > 0) {
      make_now = rows / 2;
      continue;
    }
    if (!committed) return committed.error();
    if (move.fate == Move::Fate::done) {
      Accepted accepted{id, job.rows, false, rows, {}};
      if (job.rows == 1) accepted.task_id = job.task_id.value_or(task_id(id, 0));
      return accepted;
    }
    if (made_directly && move.unsure && SOSW_GUARD(direct_remembered) && !seen)
      seen = std::move(remembered);
    requests_.pause(round);
  }
  return busy_tables(fmt::format("job '{}' of {} was not accepted", job.key, job.labourer_id));
}

Write TableStore::Body::tail_change(std::string_view labourer, const Item* tail, Change change,
                                    std::string_view condition, bool with_positions) const {
  Write write = change.of(options_.tasks, {{"task_id", text(tail_id(labourer))}});
  require(write, condition);
  if (with_positions && SOSW_GUARD(tail_position)) {
    require(write,
            equal_or_absent(tail, "tail", "#tail = :tail_was", "attribute_not_exists(#tail)"));
    if (tail && tail->contains("tail")) write.values[":tail_was"] = tail->at("tail");
    require(write, equal_or_absent(tail, "at", "#at = :at_was", "attribute_not_exists(#at)"));
    if (tail && tail->contains("at")) write.values[":at_was"] = tail->at("at");
  }
  return write;
}

Result<std::optional<std::int64_t>> TableStore::Body::newest_position(std::string_view labourer,
                                                                      Time now) {
  Query query = queued(labourer, now);
  query.forward = false;
  query.projection = "#task_id, #greenfield";
  const auto rows = requests_.query(std::move(query), 1);
  if (!rows) return rows.error();
  return rows->empty() ? std::nullopt : integer_in(rows->front(), "greenfield");
}

std::optional<Positions> TableStore::Body::at_tail(std::optional<std::int64_t> newest,
                                                   const Item* tail, std::int64_t rows,
                                                   Time now) const {
  const std::int64_t given = tail ? integer_in(*tail, "tail").value_or(0) : 0;
  const std::int64_t at = tail ? integer_in(*tail, "at").value_or(0) : 0;
  // Rows made a moment ago may not be in the index yet.
  const bool settled =
      !SOSW_GUARD(lag_at_tail) || given == 0 || epoch_seconds(now) - at >= options_.index_lag_s;
  return allocate_tail(!newest && settled, newest.value_or(0), given, rows, options_.task_step);
}

std::int64_t TableStore::Body::add_rows(Move& move, std::int64_t at_most, const JobRows& job_rows,
                                        const RowIds& ids, std::int64_t from,
                                        const Positions& positions, std::size_t actions,
                                        std::size_t bytes, Time now) const {
  JobRows::Cursor cursor = job_rows.at(from);
  std::int64_t made = 0;
  std::string payload;
  for (; made < at_most; ++made) {
    payload.clear();
    cursor.next(payload);
    const bool too_large = std::ssize(payload) > options_.largest_payload;
    const std::size_t own_actions = too_large ? 2 : 1;
    if (made > 0 && (actions + own_actions > kMostActions || bytes + payload.size() > kMostBytes))
      break;
    const std::string id = ids.own.empty() ? task_id(ids.job, from + made) : ids.own;
    Item row = {{"task_id", text(id)},
                {"labourer_id", text(move.labourer)},
                {"created_at", seconds(now)},
                {"greenfield", number(positions.first + made * positions.step)},
                {"attempts", number(0)},
                {"rev", number(0)}};
    if (ids.counted) row["job_id"] = text("j" + ids.job);
    if (too_large) {
      // The job goes on; a person learns of it.
      const std::string why = fmt::format("its payload has {} bytes, at most {} can be stored",
                                          payload.size(), options_.largest_payload);
      // No object: replay() knows by it that the rest is gone.
      row["payload"] = text(json_text(json::string(
          fmt::format("cut, {} bytes: {}", payload.size(), payload.substr(0, kShown)))));
      row["result_error"] = text(why);
      row["labourer_id_task_status"] = text(closed_status(move.labourer, false));
      row["closed_at"] = number(epoch_seconds(now));
      move.alarms.push_back(
          {.kind = engine::Alarm::Kind::dead_task,
           .labourer_id = move.labourer,
           .task_id = id,
           .message = fmt::format("task {} of {} is dead: {}", id, move.labourer, why),
           .at = now});
      move.closed.dead += 1;
      if (ids.counted) move.job = ids.job;
      move.writes.push_back(put(options_.closed, std::move(row), SOSW_GUARD(put_row)));
      bytes += kShown;
    } else {
      bytes += payload.size();
      row["payload"] = text(payload);
      move.writes.push_back(put(options_.tasks, std::move(row), SOSW_GUARD(put_row)));
    }
    actions += own_actions;
    bytes += 400;
  }
  return made;
}

// --- Make rows

Result<Made> TableStore::Body::make_rows(std::string_view labourer, std::int64_t watermark,
                                         std::int64_t at_most, Time now) {
  Made made;
  std::optional<std::int64_t> room;
  std::int64_t at_once = kMostActions;
  for (int round = 1; round <= kRounds; ++round) {
    const auto tail = requests_.get_one(task_key(tail_id(labourer)));
    if (!tail) return tail.error();
    auto waiting = *tail ? texts_in(**tail, "jobs") : std::vector<std::string>();
    if (waiting.empty()) {
      made.more = false;
      return made;
    }
    if (!room) {
      room = watermark;
      if (watermark < kNoWatermark) {
        // A job whose tasks all fail would else unfold itself into the retry state.
        const auto retries = requests_.count(waiting_for_retry(labourer), 10 * watermark + 1);
        if (!retries) return retries.error();
        if (*retries > 10 * watermark) return made;
        const auto queue = requests_.count(queued(labourer, now), watermark);
        if (!queue) return queue.error();
        room = watermark - *queue;
      }
    }
    if (*room - made.rows <= 0) {
      made.more = false;
      return made;
    }
    const std::string id = waiting.front();
    if (!made.job_id.empty() && made.job_id != id) {
      made.more = true;
      return made;
    }
    const auto item = requests_.get_one(task_key(job_item_id(id)));
    if (!item) return item.error();
    if (!*item || text_in(**item, "state") != "open") {
      requests_.pause(round);
      continue;  // it was cancelled between the two reads
    }
    const auto job_rows = rows_of(id, **item);
    if (!job_rows) return job_rows.error();

    // What this store has written it need not read again.
    Item tail_now = **tail;
    std::int64_t cursor = integer_in(**item, "cursor").value_or(0);
    const std::int64_t total = integer_in(**item, "rows").value_or(0);
    const std::int64_t parts = integer_in(**item, "parts").value_or(0);
    const auto position = integer_in(**item, "position");
    const std::string own_id = own_id_of(**item);
    if (made.job_id.empty()) {
      made.job_id = id;
      made.first_row = cursor;
    }
    std::optional<std::int64_t> newest;
    bool looked = false;
    for (;;) {
      std::int64_t rows =
          std::min({at_most - made.rows, *room - made.rows, total - cursor, at_once});
      if (rows <= 0) {
        made.more = *room - made.rows > 0;
        return made;
      }
      if (!position && !looked) {
        const auto found = newest_position(labourer, now);
        if (!found) return found.error();
        newest = *found;
        looked = true;
      }
      const auto positions =
          position ? std::optional(Positions{*position, 0}) : at_tail(newest, &tail_now, rows, now);
      if (!positions) {
        made.no_room = made.rows == 0;
        made.more = false;
        return made;
      }
      Move move;
      move.labourer = labourer;
      // Tail and job, three shared ones, and the parts that go with the last row.
      const std::size_t actions = 5 + static_cast<std::size_t>(parts);
      rows =
          add_rows(move, rows, *job_rows, {id, own_id, true}, cursor, *positions, actions, 0, now);
      const bool last = cursor + rows == total;

      Change tail_to;
      tail_to.set("at", number(epoch_seconds(now)));
      const std::int64_t last_position = positions->first + (rows - 1) * positions->step;
      if (!position) tail_to.set("tail", number(last_position));
      if (last) tail_to.remove("jobs[0]");
      tail_to.with(":job", text(id));
      move.writes.push_back(tail_change(labourer, &tail_now, tail_to,
                                        SOSW_GUARD(first_makes) ? "#jobs[0] = :job" : "",
                                        !position));
      Change job_to;
      job_to.set("cursor", number(cursor + rows));
      if (last) job_to.set("state", text("made")).set("parts", number(0));
      Write job_write = job_to.with(":was", number(cursor))
                            .with(":open", text("open"))
                            .of(options_.tasks, {{"task_id", text(job_item_id(id))}});
      if (SOSW_GUARD(job_cursor)) require(job_write, "#cursor = :was");
      if (SOSW_GUARD(job_open)) require(job_write, "#state = :open");
      move.writes.push_back(std::move(job_write));
      for (std::int64_t i = 0; last && i < parts; ++i)
        move.writes.push_back(
            Write{Write::Kind::remove, options_.tasks, {{"task_id", text(part_id(id, i))}}});

      const auto committed = requests_.commit({&move, 1});
      if (move.throttled && rows > 1) {
        at_once = rows / 2;
        continue;
      }
      if (!committed) return made.rows > 0 ? Result<Made>(made) : committed.error();
      if (move.fate != Move::Fate::done) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(rows) && i < move.refused.size();
             ++i) {
          if (move.refused[i].why != Refusal::condition) continue;
          const auto again = requests_.get_one(task_key(job_item_id(id)));
          if (!again) return again.error();
          if (!*again || integer_in(**again, "cursor") != cursor) break;  // another made it
          return Error{Code::conflict,
                       fmt::format("job {}: its row {} has the id {} of another task", id,
                                   cursor + static_cast<std::int64_t>(i),
                                   text_in(move.writes[i].item, "task_id")),
                       fmt::format("cancel the job (sosw cancel {}) so that later ones go on", id)};
        }
        break;  // somebody else makes rows of it, or it is cancelled: look again
      }
      made.rows += rows;
      cursor += rows;
      tail_now["at"] = number(epoch_seconds(now));
      if (!position) {
        tail_now["tail"] = number(last_position);
        newest = std::max(last_position, newest.value_or(last_position));
      }
      if (last) {
        made.more = waiting.size() > 1 && *room - made.rows > 0;
        return made;
      }
    }
    requests_.pause(round);
    // Somebody else makes the rows of the same job: ours are no longer one range.
    if (made.rows > 0) {
      made.more = true;
      return made;
    }
    made.job_id.clear();
  }
  return busy_tables(fmt::format("no rows of {} were made", labourer));
}

Result<JobRows> TableStore::Body::rows_of(std::string_view job, const Item& item) {
  {
    const std::lock_guard lock(mutex_);
    if (open_rows_ && open_rows_->first == job) return open_rows_->second;
  }
  const auto broken = [&](std::string_view why) {
    return Error{Code::corrupt,
                 fmt::format("job {} of labourer {}: its description cannot be read: {}", job,
                             text_in(item, "labourer"), why),
                 fmt::format("cancel it (sosw cancel {}) so that later jobs go on", job)};
  };
  std::vector<Key> keys;
  for (std::int64_t i = 0; i < integer_in(item, "parts").value_or(0); ++i)
    keys.push_back(task_key(part_id(job, i)));
  const auto parts = requests_.get(std::move(keys));
  if (!parts) return parts.error();
  std::string whole;
  for (const auto& part : *parts) {
    if (!part) return broken("a part is missing");
    whole += text_in(*part, "text");
  }
  auto description = parse_json(whole);
  if (!description) return broken(description.error().message);
  if (!description->is_object()) return broken("it is no object");
  auto opened = JobRows::open(std::move(description->get_object()));
  if (!opened) return broken(opened.error().message);
  const std::lock_guard lock(mutex_);
  open_rows_.emplace(std::string(job), *opened);
  return *opened;
}

Result<std::optional<Task>> TableStore::Body::folded(std::string_view id) {
  std::string job;
  std::int64_t row = 0;
  const auto parts = split_id(id);
  std::vector<Key> keys = {task_key(own_id_item(id))};
  if (parts) keys.push_back(task_key(job_item_id(parts->first)));
  auto items = requests_.get(std::move(keys));
  if (!items) return items.error();
  std::optional<Item> item;
  if (parts) {
    job = parts->first;
    row = parts->second;
    item = items->back();
    if (item && !own_id_of(*item).empty()) item.reset();
  }
  if (const auto& own = items->front()) {
    job = text_in(*own, "job");
    row = 0;
    auto found = requests_.get_one(task_key(job_item_id(job)));
    if (!found) return found.error();
    item = std::move(*found);
  }
  if (!item || text_in(*item, "state") != "open" || row < integer_in(*item, "cursor").value_or(0) ||
      row >= integer_in(*item, "rows").value_or(0))
    return std::optional<Task>();
  const auto rows = rows_of(job, *item);
  if (!rows) return rows.error();
  Task task;
  task.id = id;
  task.labourer_id = text_in(*item, "labourer");
  task.created_at = to_task(*item, State::queued).created_at;
  rows->at(row).next(task.payload);
  return std::optional(std::move(task));
}

// --- Looks

JobStatus TableStore::Body::job_status(std::string id, const Item& item,
                                       const std::optional<Item>& counts) {
  JobStatus status;
  status.id = std::move(id);
  status.key = text_in(item, "key");
  status.labourer_id = text_in(item, "labourer");
  status.rows = integer_in(item, "rows").value_or(0);
  status.made = integer_in(item, "cursor").value_or(0);
  const std::string state = text_in(item, "state");
  status.state = state == "open"   ? JobStatus::State::open
                 : state == "made" ? JobStatus::State::made
                                   : JobStatus::State::cancelled;
  status.created_at = to_task(item, State::queued).created_at;
  if (counts) {
    status.done = integer_in(*counts, "done").value_or(0);
    status.dead = integer_in(*counts, "dead").value_or(0);
    status.cancelled = integer_in(*counts, "cancelled").value_or(0);
  }
  return status;
}

Result<std::vector<JobStatus>> TableStore::Body::jobs(const std::optional<std::string>& job_id,
                                                      std::int64_t limit) {
  std::vector<std::string> ids;
  if (job_id) {
    ids.push_back(*job_id);
  } else {
    Query query{options_.tasks, options_.tasks_index, "#labourer_id = :kind"};
    query.values = {{":kind", text(kJobs)}};
    query.forward = false;
    const auto items = requests_.query(std::move(query), limit);
    if (!items) return items.error();
    for (const auto& item : *items)
      ids.push_back(text_in(item, "task_id").substr(job_item_id("").size()));
  }
  std::vector<Key> keys;
  for (const auto& id : ids) {
    keys.push_back(task_key(job_item_id(id)));
    keys.push_back(task_key(count_id(id)));
  }
  const auto items = requests_.get(std::move(keys));
  if (!items) return items.error();
  std::vector<JobStatus> found;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const auto& item = (*items)[2 * i];
    if (item && item->contains("key"))
      found.push_back(job_status(ids[i], *item, (*items)[2 * i + 1]));
  }
  return found;
}

}  // namespace sosw::cloud
