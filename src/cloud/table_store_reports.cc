// SPDX-License-Identifier: MIT
// Reports and letters. Protocol section 4.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "cloud/table_store_body.h"
#include "core/guard.h"

namespace sosw::cloud {

using engine::Reported;

namespace {

constexpr int kDecisions = 4;                 // of one report, each on what the last one found
constexpr std::int64_t kLetterS = 86'400;     // a letter about a task that is nowhere waits so long
constexpr std::int64_t kLettersAtOnce = 100;  // each is looked for everywhere

bool completion(const Report& report) { return report.kind == Report::Kind::completed; }

json::value kept_json(const json::object& object) { return text(json::serialize(object)); }

json::object read_json(const Item& item, std::string_view name) {
  boost::system::error_code failed;
  auto value = json::parse(text_in(item, name), failed);
  return !failed && value.is_object() ? std::move(value.get_object()) : json::object();
}

}  // namespace

// --- What a report does

ReportEffect TableStore::Body::effect_of(const Place& place, const Report& report) const {
  const Item& row = place.row;
  Found found{place.state, ClaimMatch::none};
  if (!report.claim.empty()) {
    // What a Python Orchestrator has claimed since is not what the token was given for.
    const std::string claim =
        place.state == State::running ? current_claim(row) : text_in(row, "claim");
    found.claim = claim == report.claim ? ClaimMatch::current : ClaimMatch::older;
    if (!SOSW_GUARD(report_claim)) found.claim = ClaimMatch::current;
    found.same_failure = text_in(row, "failed") == report.claim;
    if (place.state == State::failed)
      found.claim = found.same_failure ? ClaimMatch::current : ClaimMatch::older;
  }
  found.silent = row.contains("silent");
  found.late_kept = row.contains("late_at");
  return report_effect(report.kind, found);
}

std::int64_t TableStore::Body::greenfield_of_claim(std::string_view claim, const Item& row,
                                                   Time now) const {
  if (const auto own = greenfield_of(claim)) return *own;
  if (const auto last = greenfield_of(text_in(row, "claim"))) return *last;
  return epoch_seconds(now) + options_.invocation_delta;
}

// Frees the slot: any Scavenger, ours or the original's, sees the row as expired at once.
void TableStore::Body::set_failure(Change& change, const Item* row,
                                   const engine::Labourers& labourers, Time now) const {
  std::int64_t lifetime = Labourer().duration_s + Labourer().cooldown_s;
  if (row) {
    const auto& labourer = configured(labourers, text_in(*row, "labourer_id"));
    lifetime = labourer.duration_s + labourer.cooldown_s;
  } else {
    for (const auto& [id, labourer] : labourers)
      lifetime = std::max<std::int64_t>(lifetime, labourer.duration_s + labourer.cooldown_s);
  }
  const std::int64_t middle =
      epoch_seconds(now) + std::max<std::int64_t>((options_.invocation_delta - lifetime) / 2, 1);
  change.set("greenfield", number(middle))
      .set_to("failed_attempts", "if_not_exists(#failed_attempts, :zero) + :one")
      .with(":zero", number(0))
      .with(":one", number(1));
}

Move TableStore::Body::effect_on(const Place& place, const Report& report,
                                 const ReportEffect& effect, const engine::Labourers& labourers,
                                 Time now, State& after) const {
  const Item& row = place.row;
  const std::int64_t at = epoch_seconds(now);
  after = place.state;
  Move move;
  if (effect.complete && place.where == Place::Where::retry) {
    Item done = row;
    set_details(done, report);
    done["greenfield"] = number(greenfield_of_claim(report.claim, row, now));
    after = State::done;
    move = closing(done, Place::Where::retry, State::done, at, now);
    move.writes.front() = removal(row, Place::Where::retry);
    return move;
  }
  Change change;
  set_details(change, report);
  change.counted();
  if (effect.keep_late) {
    change.set("late_at", number(at));
    if (greenfield_of(report.claim)) change.set("late_claim", text(report.claim));
  }
  if (effect.complete) {
    // By a clock that is behind, or a process that was frozen: nothing ends before it began.
    const std::int64_t began =
        place.state == State::running
            ? integer_in(row, "greenfield").value_or(0) - options_.invocation_delta
            : at;
    change.set("completed_at", number(std::max(at, began)));
    after = place.where == Place::Where::tasks ? State::completed : State::done;
    // Else a Python Orchestrator would start it again, and its duration would be half a century.
    if (place.state != State::running && SOSW_GUARD(late_greenfield))
      change.set("greenfield", number(greenfield_of_claim(report.claim, row, now)));
    if (place.where == Place::Where::closed) {
      const std::string labourer = text_in(row, "labourer_id");
      change.set("closed_at", number(at))
          .set("labourer_id_task_status", text(closed_status(labourer, true)))
          .remove("reason");
      move.job = job_of(row);
      move.labourer = labourer;
      move.closed.done = 1;
      (place.state == State::dead ? move.closed.dead : move.closed.cancelled) = -1;
    }
  } else if (effect.end_attempt) {
    const std::string claim = current_claim(row);
    set_failure(change, &row, labourers, now);
    change.set("failed", text(claim.empty() ? "unknown" : claim));
    after = State::failed;
  } else if (effect.count_failure) {
    change.set_to("failed_attempts", "if_not_exists(#failed_attempts, :zero) + :one");
  }
  Key key = place.where == Place::Where::tasks ? task_key(text_in(row, "task_id"))
            : place.where == Place::Where::retry
                ? retry_key(text_in(row, "labourer_id"), text_in(row, "task_id"))
                : closed_key(text_in(row, "task_id"));
  Write write = change.of(std::move(key.table), std::move(key.key));
  require_same(write, row,
               place.where == Place::Where::tasks   ? Same::task
               : place.where == Place::Where::retry ? Same::retry
                                                    : Same::closed);
  move.writes.push_back(std::move(write));
  return move;
}

// --- A report

// One request is enough for what nearly all reports are: the end of the running attempt.
Write TableStore::Body::first_try(const Report& report, const engine::Labourers& labourers,
                                  Time now) const {
  Change change;
  set_details(change, report);
  change.counted();
  if (completion(report)) {
    change.set("completed_at", number(epoch_seconds(now)));
  } else {
    set_failure(change, nullptr, labourers, now);
    if (report.claim.empty())
      change.set_to("failed", "if_not_exists(#claim, :unknown)").with(":unknown", text("unknown"));
    else
      change.set("failed", text(report.claim));
  }
  change.with(":claim", text(report.claim))
      .with(":of_claim", number(greenfield_of(report.claim).value_or(-1)))
      .with(":now", number(epoch_seconds(now)))
      .with(":latest", number(epoch_seconds(now) + options_.invocation_delta));
  Write write = change.of(options_.tasks, {{"task_id", text(report.task_id)}});
  if (SOSW_GUARD(no_ghost_row)) require(write, "attribute_exists(#labourer_id)");
  if (SOSW_GUARD(report_completed)) require(write, "attribute_not_exists(#completed_at)");
  if (report.claim.empty()) {
    if (SOSW_GUARD(report_running))
      require(write, "#greenfield >= :now AND attribute_not_exists(#failed)");
    // Should this request arrive late: it is not about what was claimed since.
    if (SOSW_GUARD(report_unclaimed)) require(write, "#greenfield <= :latest");
    if (SOSW_GUARD(report_silent) && !completion(report))
      require(write, "attribute_not_exists(#silent)");
  } else if (SOSW_GUARD(report_claim)) {
    require(write, "#claim = :claim AND #greenfield = :of_claim");
  }
  return write;
}

Result<Reported> TableStore::Body::report(const Report& report, const engine::Labourers& labourers,
                                          Time now) {
  if (report.task_id.empty() || report.task_id.starts_with("sosw:")) return Reported{};
  auto written = requests_.write(first_try(report, labourers, now));
  if (!written) return written.error();
  if (written->done)
    return Reported{Answer::applied, completion(report) ? State::completed : State::failed,
                    written->before ? text_in(*written->before, "labourer_id") : std::string(),
                    true};
  std::optional<Item> row = std::move(written->refused.front().found);
  for (int decision = 0; decision < kDecisions; ++decision) {
    if (!row || !row->contains("labourer_id")) break;
    const Place place{Place::Where::tasks, *row, live_state(*row, now)};
    const ReportEffect effect = effect_of(place, report);
    Reported reported{effect.answer, place.state, text_in(*row, "labourer_id"), false};
    if (!effect.complete && !effect.end_attempt && !effect.keep_late && !effect.count_failure)
      return reported;
    State after = place.state;
    Move move = effect_on(place, report, effect, labourers, now, after);
    written = requests_.write(std::move(move.writes.front()));
    if (!written) return written.error();
    if (written->done) {
      reported.state = after;
      reported.freed_slot = place.state == State::running && after != State::running;
      return reported;
    }
    if (written->refused.front().why == Refusal::too_large)
      return Error{Code::exhausted,
                   fmt::format("task {}: its item has no room for the report", report.task_id),
                   "report less detail"};
    row = std::move(written->refused.front().found);
  }
  if (row && row->contains("labourer_id"))
    return Error{
        Code::unavailable,
        fmt::format("task {} changes all the time: its report is not kept", report.task_id),
        "report it again"};
  return options_.leaves_letters ? leave_letter(report, now)
                                 : settle(report, nullptr, labourers, now);
}

// Wherever the task is. `letter`: goes in the same transaction; null: there is none.
Result<Reported> TableStore::Body::settle(const Report& given, const Item* letter,
                                          const engine::Labourers& labourers, Time now) {
  Report report = given;
  for (int decision = 0; decision < kDecisions; ++decision) {
    const auto place = find(report.task_id, labourers, now);
    if (!place) return place.error();
    if (!*place) return Reported{};
    ReportEffect effect = effect_of(**place, report);
    // A failure of whatever ran when the letter was left is none of what was claimed since.
    const bool claimed_since =
        letter && report.claim.empty() &&
        integer_in((*place)->row, "greenfield").value_or(0) >
            integer_in(*letter, "greenfield").value_or(0) + options_.invocation_delta;
    if (effect.end_attempt && claimed_since) effect = {Answer::stale, false, false, false, true};
    Reported reported{effect.answer, (*place)->state, text_in((*place)->row, "labourer_id"), false};
    State after = (*place)->state;
    Move move;
    if (effect.complete || effect.end_attempt || effect.keep_late || effect.count_failure)
      move = effect_on(**place, report, effect, labourers, now, after);
    if (letter) {
      move.writes.push_back(removal_of(*letter));
    }
    if (!move.writes.empty()) {
      if (auto committed = requests_.commit({&move, 1}); !committed) return committed.error();
      const bool letter_gone = letter && move.fate == Move::Fate::refused &&
                               move.refused.back().why == Refusal::condition;
      if (letter_gone)
        return Reported{Answer::already, (*place)->state, reported.labourer_id, false};
      if (move.fate == Move::Fate::too_large) {
        // Nobody is there to report less of it: details are not worth the completion.
        report.stats.clear();
        report.result = {{"cut", "the task's item has no room for what was reported"}};
        continue;
      }
      if (move.fate != Move::Fate::done) {
        if ((*place)->where == Place::Where::retry) {
          if (auto repaired = repair_refused({&move, 1}, now); !repaired) return repaired.error();
        }
        requests_.pause(decision + 1);
        continue;
      }
    }
    reported.state = after;
    reported.freed_slot = (*place)->state == State::running && after != State::running;
    return reported;
  }
  return Error{Code::unavailable,
               fmt::format("task {} moves all the time: its report is not kept", report.task_id),
               "report it again"};
}

// --- Letters

// Of the letter as it was read: a completion may have been written over a failure since.
Write TableStore::Body::removal_of(const Item& letter) const {
  Write gone{Write::Kind::remove, options_.tasks, {{"task_id", letter.at("task_id")}}};
  gone.values[":kind"] = letter.at("kind");
  if (SOSW_GUARD(letter_same)) require(gone, "#kind = :kind");
  return gone;
}

Result<Reported> TableStore::Body::leave_letter(const Report& report, Time now) {
  if (!SOSW_GUARD(letters)) return Reported{};
  Change change;
  change.set("labourer_id", text(kLetters))
      .set("greenfield", number(epoch_seconds(now)))
      .set("kind", text(completion(report) ? "completed" : "failed"))
      .set("task", text(report.task_id))
      .set("stats", kept_json(report.stats))
      .set("result", kept_json(report.result));
  if (!report.claim.empty()) change.set("claim", text(report.claim));
  Write write =
      change.with(":completed", text("completed"))
          .of(options_.tasks, {{"task_id", text(letter_id(report.task_id, report.claim))}});
  // A completion stays, whatever is reported beside it.
  if (SOSW_GUARD(letter_completed) && !completion(report))
    require(write, "attribute_not_exists(#kind) OR #kind <> :completed");
  const auto written = requests_.write(std::move(write));
  if (!written) return written.error();
  return Reported{Answer::late, std::nullopt, {}, false};
}

Result<std::int64_t> TableStore::Body::settle_letters(const engine::Labourers& labourers,
                                                      Time now) {
  Query query{options_.tasks, options_.tasks_index, "#labourer_id = :kind"};
  query.values = {{":kind", text(kLetters)}};
  {
    // Behind those that were looked at: some may be about nothing, for a day.
    const std::lock_guard lock(mutex_);
    query.after = std::exchange(letters_after_, std::nullopt);
  }
  auto letters = requests_.query(std::move(query), kLettersAtOnce);
  if (!letters) return letters.error();
  const bool more = std::ssize(*letters) >= kLettersAtOnce;
  if (more) {
    const Item& last = letters->back();
    const std::lock_guard lock(mutex_);
    letters_after_.emplace();
    for (const auto* name : {"task_id", "labourer_id", "greenfield"})
      (*letters_after_)[name] = last.at(name);
  }
  std::vector<Key> keys;
  for (const auto& letter : *letters) keys.push_back(task_key(text_in(letter, "task_id")));
  const auto base = requests_.get(std::move(keys));
  if (!base) return base.error();
  std::int64_t settled = 0;
  std::optional<Error> failed;
  for (const auto& letter : *base) {
    if (!letter) continue;  // another one was faster
    Report report;
    report.kind =
        text_in(*letter, "kind") == "completed" ? Report::Kind::completed : Report::Kind::failed;
    report.task_id = text_in(*letter, "task");
    report.claim = text_in(*letter, "claim");
    report.stats = read_json(*letter, "stats");
    report.result = read_json(*letter, "result");
    const auto reported = settle(report, &*letter, labourers, now);
    if (!reported) {
      failed = reported.error();
      continue;
    }
    if (reported->answer != Answer::unknown) {
      ++settled;
      continue;
    }
    if (epoch_seconds(now) - integer_in(*letter, "greenfield").value_or(0) < kLetterS) continue;
    if (options_.warn)
      options_.warn(fmt::format("a report about task {}, which is nowhere, is dropped after a day",
                                report.task_id));
    if (const auto written = requests_.write(removal_of(*letter)); !written)
      failed = written.error();
  }
  if (failed && settled == 0) return *failed;
  if (more && settled > kLettersAtOnce / 2) {
    // It is worth while: the next archive() goes on.
    const std::lock_guard lock(mutex_);
    letters_at_.reset();
  }
  return settled;
}

}  // namespace sosw::cloud
