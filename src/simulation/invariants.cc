// SPDX-License-Identifier: MIT
// See invariants.h.
#include "simulation/invariants.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "core/greenfield.h"
#include "core/retry.h"

namespace sosw::simulation {
namespace {

const Labourer kUnconfigured{};
constexpr int kInterruptions = 10;  // of a task, until its attempt counts; written again, too

const Labourer& labourer_of(const Invariants::Look& look, std::string_view id) {
  const auto found = look.labourers.find(id);
  return found == look.labourers.end() ? kUnconfigured : found->second;
}

bool same(const TaskRow& a, const TaskRow& b) {
  return a.state == b.state && a.attempts == b.attempts && a.position == b.position &&
         a.due == b.due && a.late_kept == b.late_kept && a.silent == b.silent &&
         a.failures == b.failures && a.deadline == b.deadline && a.replays == b.replays &&
         a.interrupted == b.interrupted && a.claim == b.claim && a.started == b.started;
  // Not the greenfield: what it means shows in the state and the position.
}

// What waits in the queue and may be claimed.
std::string text(const TaskRow& row) {
  return fmt::format(
      "{} of {} (attempts {}, claim {})",
      row.id.substr(0, 4) + ".." + row.id.substr(std::max<std::size_t>(row.id.size(), 3) - 3),
      row.labourer_id, row.attempts, row.claim.empty() ? "-" : row.claim);
}

// Written again, and not asked of core: a mistake there must not excuse itself.
double delay_s(const Labourer& labourer, int attempts) {
  const double base = labourer.retry.base_s.value_or(labourer.retry_base_s);
  double delay = base;
  if (labourer.retry.kind == RetryPolicy::Kind::linear) delay *= attempts;
  if (labourer.retry.kind == RetryPolicy::Kind::exponential) {
    for (int i = 1; i < attempts; ++i) delay *= labourer.retry.factor;
  }
  return std::min(delay, labourer.retry.max_s);
}

// No retry of it is further away.
std::int64_t longest_delay_s(const Labourer& labourer) {
  return static_cast<std::int64_t>(
      std::ceil(delay_s(labourer, std::max(labourer.max_attempts - 1, 1))));
}

bool finished_state(State state) { return state == State::done || state == State::completed; }

}  // namespace

void Invariants::breaks(std::string_view invariant, std::string what) {
  if (excused_ || (waived_ && waived_(invariant, judged_ != nullptr && judged_->touched))) return;
  if (!broken_) broken_ = Broken{std::string(invariant), std::move(what)};
}

void Invariants::take(std::optional<State> from, Event event, State to) {
  const auto rows = transitions();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].from == from && rows[i].event == event && rows[i].to == to) {
      ++taken_[i];
      return;
    }
  }
  breaks("lifecycle",
         fmt::format("{} -> {} by {} is no transition",
                     from ? name(*from) : std::string_view("folded"), name(to), name(event)));
}

void Invariants::configured(const Labourer& labourer) {
  int& most = most_attempts_[labourer.id];
  most = std::max(most, labourer.max_attempts);
}

std::int64_t Invariants::tail(std::string_view labourer_id) const {
  const auto known = tails_.find(labourer_id);
  return known == tails_.end() ? 0 : known->second;
}

void Invariants::look(const Look& look, Snapshot& now) {
  check_jobs(look, now);
  changes_.clear();
  const auto& before = latest_.tasks;
  std::size_t i = 0;
  for (const TaskRow& is : now.tasks) {
    if (i < before.size() && before[i].job == is.job && before[i].row == is.row) {
      if (!same(before[i], is)) changes_.push_back({&before[i], &is});
      ++i;
    } else {
      changes_.push_back({nullptr, &is});
    }
  }
  if (i != before.size()) breaks("one_place", fmt::format("task {} is gone", text(before[i])));
  std::set<std::string_view> touched;
  const auto started = static_cast<std::ptrdiff_t>(log_.started.size());
  for (const TaskRow& is : now.tasks)
    if (is.doubled) log_.tasks[is.id].touched = true;
  for (const Change& change : changes_) {
    touched.insert(change.is->labourer_id);
    TaskLog& log = log_.tasks[change.is->id];
    const bool moves = look.original == Look::Original::moves;
    log.touched = log.touched || moves;
    judged_ = &log;
    if (change.was == nullptr)
      check_new(look, now, *change.is);
    else if (moves || change.was->doubled || change.is->doubled)
      note_moved(look, *change.is);
    else
      check_change(look, now, *change.was, *change.is);
    if (change.was != nullptr && change.was->state != change.is->state && !change.was->doubled &&
        !change.is->doubled)
      log_.landed[&look.by].push_back(
          {look.began, change.is->id, change.was->state, change.is->state, change.is->claim});
    if (change.is->state == State::queued && change.is->position > kPositionCeiling)
      breaks("positions_below_ceiling",
             fmt::format("task {} waits at {}", text(*change.is), change.is->position));
    judged_ = nullptr;
  }
  std::stable_sort(log_.started.begin() + started, log_.started.end(),
                   [](const Started& a, const Started& b) { return a.position < b.position; });
  if (look.original != Look::Original::moves)
    for (const std::string_view id : touched) check_queue(look, now, id);
  if (now.alarms < deaths_)
    breaks("dead_is_alarmed",
           fmt::format("{} tasks have died, {} alarms were raised", deaths_, now.alarms));
  std::swap(latest_, now);
}

void Invariants::check_jobs(const Look&, const Snapshot& now) {
  const auto& before = latest_.jobs;
  if (now.jobs.size() < before.size()) return breaks("one_row_one_task", "a job is gone");
  for (std::size_t j = 0; j < now.jobs.size(); ++j) {
    const JobRow& job = now.jobs[j];
    if (job.cursor > job.rows)
      breaks("one_row_one_task",
             fmt::format("job {} has {} of {} rows made", job.id, job.cursor, job.rows));
    if (j >= before.size()) {
      if (job.key.empty()) continue;
      if (job.id != job_id(job.key))
        breaks("one_row_one_task", fmt::format("job {} does not have the id of its key", job.key));
      for (std::size_t other = 0; other < j; ++other) {
        if (now.jobs[other].key == job.key)
          breaks("one_row_one_task", fmt::format("job {} was accepted twice", job.key));
      }
      continue;
    }
    if (job.cursor < before[j].cursor || job.rows != before[j].rows || job.id != before[j].id)
      breaks("one_row_one_task", fmt::format("job {} has changed", job.id));
    if (job.given_up_at_end && !before[j].given_up_at_end) {
      for (const TaskRow& task : now.tasks) {
        if (task.job == j && task.state == State::queued && task.replays == 0 &&
            log_.tasks[task.id].claims.empty())
          breaks(
              "cancelled_is_closed",
              fmt::format("job {} is cancelled to its end, and task {} waits", job.id, text(task)));
      }
    }
    if (job.given_up != before[j].given_up && log_.cancels_asked.count(job.id) == 0)
      breaks("lifecycle", fmt::format("job {} is cancelled, and nobody asked for it", job.id));
  }
}

bool Invariants::known_given_up(const Look& look, const Snapshot& now, const TaskRow& is) const {
  // What was replayed by hand is a new wish.
  return is.replays == 0 && is.job < latest_.jobs.size() && latest_.jobs[is.job].given_up &&
         now.jobs[is.job].given_up_since < look.began;
}

void Invariants::check_new(const Look& look, const Snapshot& now, const TaskRow& is) {
  const JobRow& job = now.jobs[is.job];
  take(std::nullopt, Event::make, is.state);
  const bool old_job = is.job < latest_.jobs.size();
  const std::int64_t from = old_job ? latest_.jobs[is.job].cursor : 0;
  if (is.row < from || is.row >= job.cursor)
    breaks("one_row_one_task", fmt::format("row {} of job {} was made, the cursor went {} to {}",
                                           is.row, job.id, from, job.cursor));
  if (old_job && latest_.jobs[is.job].given_up)
    breaks("one_row_one_task",
           fmt::format("job {} was cancelled, and row {} is made", job.id, is.row));
  if (is.state == State::dead) {  // too large for any worker
    ++deaths_;
    ++log_.tasks[is.id].deaths;
  }
  if (is.labourer_id != job.labourer_id || is.attempts != 0 || !is.claim.empty())
    breaks("lifecycle", fmt::format("task {} is not new", text(is)));
  if (std::exchange(log_.tasks[is.id].made, true))
    breaks("one_row_one_task", fmt::format("task {} is there twice", text(is)));
  // Strictly by acceptance: an earlier job of the labourer has no row left to make.
  for (std::size_t j = 0; j < is.job; ++j) {
    const JobRow& earlier = now.jobs[j];
    if (earlier.labourer_id == job.labourer_id && earlier.cursor < earlier.rows &&
        !earlier.given_up)
      breaks("folded_as_unfolded",
             fmt::format("row {} of job {} is made before job {}", is.row, job.id, earlier.id));
  }
  if (!old_job && !job.key.empty() && is.row >= look.make_now)
    breaks("watermark", fmt::format("row {} of job {} is made at once", is.row, job.id));
}

void Invariants::check_change(const Look& look, const Snapshot& now, const TaskRow& was,
                              const TaskRow& is) {
  if (was.id != is.id || was.labourer_id != is.labourer_id)
    return breaks("lifecycle", fmt::format("task {} has become {}", text(was), text(is)));
  TaskLog& log = log_.tasks[is.id];
  if (is.replays != was.replays && !(was.state == State::dead && is.state == State::queued))
    breaks("lifecycle", fmt::format("task {} is replayed though it is not dead", text(is)));
  // A failure waits where it is for whoever closes it by the completion that was kept.
  const bool kept = is.state == State::failed && is.late_kept;
  if (log.finished && is.state != was.state && !finished_state(is.state) && !kept)
    breaks("finished_not_started_again",
           fmt::format("task {} was reported as completed and goes from {} to {}", text(is),
                       name(was.state), name(is.state)));
  if (is.started != was.started && !is.started.empty()) {
    take(was.state, Event::start, is.state);
    const auto asked = log_.starts.find(is.started);
    if (asked == log_.starts.end() || asked->second != is.claim || !was.started.empty())
      breaks("start_fence", fmt::format("task {} is started by {} after {}", text(is), is.started,
                                        was.started.empty() ? "nobody" : was.started));
  }
  if (is.late_kept && !was.late_kept) {
    take(was.state, Event::complete, is.state == State::running ? State::running : is.state);
    const bool known = log.completed_without_claim ||
                       std::any_of(log.claims.begin(), log.claims.end(),
                                   [](const ClaimLog& claim) { return claim.completed; });
    if (!known) breaks("report_ends_its_claim_only", "a completion is kept that nobody reported");
  }
  if (is.failures > was.failures && is.state == was.state && is.late_kept == was.late_kept)
    take(was.state, Event::fail, is.state);
  if (is.state == was.state) {
    if (is.attempts != was.attempts)
      breaks("attempts_exact", fmt::format("task {} had {} attempts, is {} still", text(is),
                                           was.attempts, name(is.state)));
    if (is.claim != was.claim)
      breaks("lifecycle",
             fmt::format("task {} has a new claim while it is {}", text(is), name(is.state)));
    if (is.state == State::queued && is.position != was.position)
      breaks("queue_order", fmt::format("task {} moves from {} to {} in the queue", text(is),
                                        was.position, is.position));
    if (is.state == State::retry && is.due > was.due)
      breaks("retry_place", fmt::format("task {} is put off by {} s", text(is), is.due - was.due));
    return;
  }
  if (is.state != State::running && is.state != State::queued && is.claim != was.claim)
    breaks("lifecycle", fmt::format("task {} had claim {}", text(is), was.claim));
  switch (is.state) {
    case State::running:
      return check_claim(look, now, was, is);
    case State::queued:
      if (was.state == State::running) return check_release(look, now, was, is);
      if (was.state == State::retry) {
        take(was.state, Event::due, is.state);
        if (known_given_up(look, now, is))
          breaks("cancelled_not_started",
                 fmt::format("task {} waits again, its job is cancelled", text(is)));
        if (was.due > epoch_seconds(look.now) + longest_delay_s(labourer_of(look, is.labourer_id)))
          return;  // a clock was set back: cut, and due at once when the delay is 0
        if (was.due > epoch_seconds(look.now))
          breaks("retry_place", fmt::format("task {} is tried again {} s early", text(is),
                                            was.due - epoch_seconds(look.now)));
        if (is.attempts != was.attempts)
          breaks("attempts_exact",
                 fmt::format("task {} had {} attempts in the retry state", text(is), was.attempts));
        return;
      }
      take(was.state, Event::replay, is.state);
      if (!log.replay_asked)
        breaks("lifecycle", fmt::format("task {} is replayed, and nobody asked for it", text(is)));
      if (is.attempts != 0) breaks("attempts_exact", fmt::format("task {} is replayed", text(is)));
      if (is.replays != was.replays + 1)
        breaks("lifecycle", fmt::format("task {} is replayed, and its replays are {} after {}",
                                        text(is), is.replays, was.replays));
      return;
    case State::retry:
    case State::dead:
    case State::failed:
      return check_bad_end(look, now, was, is);
    case State::completed:
    case State::done:
      return check_completion(look, was, is);
    case State::cancelled: {
      take(was.state, was.state == State::running ? Event::release : Event::cancel, is.state);
      if (!now.jobs[is.job].given_up)
        breaks("lifecycle", fmt::format("task {} is cancelled, its job is not", text(is)));
      const int given_back = was.state == State::running ? 1 : 0;
      if (is.attempts != was.attempts - given_back)
        breaks("attempts_exact",
               fmt::format("task {} had {} attempts, is cancelled", text(is), was.attempts));
      if (given_back > 0) check_release(look, now, was, is);
      return;
    }
  }
}

void Invariants::check_claim(const Look& look, const Snapshot& now, const TaskRow& was,
                             const TaskRow& is) {
  take(was.state, Event::claim, is.state);
  TaskLog& log = log_.tasks[is.id];
  if (look.original != Look::Original::no)
    std::erase_if(log.claims, [&](const ClaimLog& claim) {
      if (claim.token != is.claim) return false;
      log.completed_without_claim |= claim.completed;  // its letter may still be on the way
      return true;
    });
  else if (is.claim.empty() || log.claim_known(is.claim))
    breaks("claim_once", fmt::format("task {} gets a claim that is not new", text(is)));
  ClaimLog& claim = log.claims.emplace_back();
  log_.started.push_back({is.labourer_id, is.id, was.position});
  claim.token = is.claim;
  claim.by_original = look.original != Look::Original::no;
  claim.owner = &look.by;
  claim.life = look.by.life();
  claim.attempts_before = was.attempts;
  claim.position_before = was.position;
  if (is.attempts != was.attempts + 1)
    breaks("attempts_exact",
           fmt::format("task {} is claimed after {} attempts", text(is), was.attempts));
  if (now.jobs[is.job].given_up && is.replays == 0)
    breaks("cancelled_not_started",
           fmt::format("task {} is claimed, its job is cancelled", text(is)));
  // While a labourer is not configured, the defaults hold.
  const auto most = most_attempts_.find(is.labourer_id);
  if (is.attempts >
      std::max(most == most_attempts_.end() ? 0 : most->second, kUnconfigured.max_attempts))
    breaks("attempts_maximum", fmt::format("task {} is claimed once too often", text(is)));
}

// By a Scavenger of the original, or out of what it has left half done: no transition is of it, and
// attributes get lost.
void Invariants::note_moved(const Look& look, const TaskRow& is) {
  TaskLog& log = log_.tasks[is.id];
  log.silent = is.silent;
  if (is.state == State::running && !log.claim_known(is.claim)) {
    ClaimLog& claim = log.claims.emplace_back();
    claim.token = is.claim;
    claim.owner = &look.by;
    claim.life = look.by.life();
  }
}

void Invariants::check_release(const Look& look, const Snapshot& now, const TaskRow& was,
                               const TaskRow& is) {
  if (is.state == State::queued) {
    take(was.state, Event::release, is.state);
    if (was.late_kept)
      breaks("finished_not_started_again",
             fmt::format("task {} had a completion that was kept, and waits again", text(is)));
    if (known_given_up(look, now, is))
      breaks("cancelled_not_started",
             fmt::format("task {} is given back, its job is cancelled", text(is)));
  }
  if (is.attempts != was.attempts - 1)
    breaks("attempts_exact",
           fmt::format("task {} is given back after {} attempts", text(is), was.attempts));
  if (!was.started.empty())
    breaks("start_fence",
           fmt::format("task {} is given back, and {} runs it", text(is), was.started));
  if (is.interrupted > was.interrupted && is.interrupted >= kInterruptions)
    breaks("attempts_maximum", fmt::format("task {} was interrupted {} times and is tried again",
                                           text(is), is.interrupted));
  const ClaimLog* claim = log_.claim(is.id, was.claim);
  if (claim == nullptr) return breaks("lifecycle", fmt::format("task {} had no claim", text(is)));
  const bool owner_died = !claim->owner->alive() || claim->owner->life() != claim->life;
  if (!claim->rejected && !claim->given_back && !owner_died)
    breaks("release_only_what_never_runs",
           fmt::format("task {} is given back and may run", text(was)));
}

void Invariants::check_bad_end(const Look& look, const Snapshot& now, const TaskRow& was,
                               const TaskRow& is) {
  TaskLog& log = log_.tasks[is.id];
  if (is.state == State::dead) {
    ++deaths_;
    ++log.deaths;
  }
  if (was.state != State::running && was.state != State::failed)
    return take(was.state, Event::expire, is.state);  // there is no such row: it breaks
  if ((was.late_kept || is.late_kept) && is.state != State::failed)
    breaks(
        "finished_not_started_again",
        fmt::format("task {} had a completion that was kept, and is {}", text(is), name(is.state)));
  const ClaimLog* claim = log_.claim(is.id, was.claim);
  if (claim == nullptr) return breaks("lifecycle", fmt::format("task {} had no claim", text(is)));
  if (claim->impossible && is.state == State::dead && is.failures == was.failures &&
      is.interrupted == was.interrupted &&  // else it died before it could tell
      (is.attempts == was.attempts - 1 || was.deadline > look.now)) {
    if (is.attempts != was.attempts - 1)
      breaks("attempts_exact", fmt::format("task {} is impossible, and it is counted", text(is)));
    return take(was.state, Event::reject, is.state);
  }
  const Labourer& labourer = labourer_of(look, is.labourer_id);
  const bool owner_died = !claim->owner->alive() || claim->owner->life() != claim->life;
  const bool fails = claim->failed || (log.failed_without_claim && !log.silent) ||
                     (owner_died && labourer.on_restart == OnRestart::use_attempt);
  // Both may be true: a failure that is counted is a report, expiry makes it silent.
  if (is.interrupted > was.interrupted) {
    take(was.state, Event::release, is.state);
    if (is.interrupted < kInterruptions)
      breaks("attempts_exact",
             fmt::format("task {} was interrupted {} times only", text(is), is.interrupted));
    if (!claim->given_back && !owner_died)
      breaks("release_only_what_never_runs", fmt::format("task {} may run", text(was)));
  } else if (is.failures > was.failures) {
    take(was.state, Event::fail, is.state);
    const bool by_none = !claim->failed && !owner_died && look.original == Look::Original::no;
    if (!fails || (by_none && ++log.failed_by_none > log.failures_told_without_claim))
      breaks("report_ends_its_claim_only",
             fmt::format("task {} ends by a failure of another claim", text(was)));
  } else {
    take(was.state, Event::expire, is.state);
    if (was.state == State::running) log.silent = true;
    if (was.state == State::running && !is.silent)
      breaks("expires_in_time", fmt::format("task {} has expired, and nothing tells it", text(is)));
    if (was.state == State::running && was.deadline > look.now)
      breaks("expires_in_time",
             fmt::format("task {} is ended {} s before its deadline", text(was),
                         std::chrono::duration<double>(was.deadline - look.now).count()));
    if (labourer.expiry == Expiry::host && look.still_running(is.id, was.claim))
      breaks("expires_in_time", fmt::format("task {} is ended, and its host runs it", text(was)));
  }
  if (is.attempts != was.attempts)
    breaks("attempts_exact",
           fmt::format("task {} had {} attempts, is {}", text(is), was.attempts, name(is.state)));
  if (is.state == State::failed) return;
  if ((is.attempts >= labourer.max_attempts) != (is.state == State::dead))
    breaks("attempts_maximum", fmt::format("task {} is {} at {} attempts of {}", text(is),
                                           name(is.state), is.attempts, labourer.max_attempts));
  if (is.state == State::retry) {
    const std::int64_t seconds = epoch_seconds(look.now);
    const bool given_up = now.jobs[is.job].given_up && is.replays == 0;
    // The rest of a cancelled job does not wait, where whoever ends it cannot but know of it.
    const bool at_once = given_up && look.seen_until == Time::max();
    const bool exact = at_once || (labourer.retry.jitter == RetryPolicy::Jitter::none && !given_up);
    const std::int64_t longest =
        at_once ? 0
        : exact ? static_cast<std::int64_t>(std::ceil(delay_s(labourer, is.attempts)))
                : longest_delay_s(labourer);
    if (is.due > seconds + longest || is.due < seconds || (exact && is.due != seconds + longest))
      breaks("retry_place", fmt::format("task {} is due in {} s instead of {}", text(is),
                                        is.due - seconds, longest));
  }
}

void Invariants::check_completion(const Look& look, const TaskRow& was, const TaskRow& is) {
  TaskLog& log = log_.tasks[is.id];
  if (was.state == State::completed) return take(was.state, Event::archive, is.state);
  const bool any = log.completed_without_claim ||
                   std::any_of(log.claims.begin(), log.claims.end(),
                               [](const ClaimLog& claim) { return claim.completed; });
  if (!any) breaks("report_ends_its_claim_only", fmt::format("nobody completed {}", text(is)));
  if (is.state == State::completed && is.greenfield <= kPositionCeiling &&
      look.original == Look::Original::no)
    breaks("completed_out_of_queue",
           fmt::format("task {} is completed, and looks like a queued one to others", text(is)));
  if (was.state == State::failed && is.state == State::done && is.late_kept)
    return take(was.state, Event::expire, is.state);
  if (was.state != State::running) return take(was.state, Event::complete, is.state);
  const ClaimLog* claim = log_.claim(is.id, was.claim);
  if (is.late_kept) {  // perhaps only just now, by another report of the same exchange
    // By whatever has ended the attempt that ran beside it.
    const bool by_itself = log.completed_without_claim || (claim != nullptr && claim->completed);
    Event event = Event::expire;
    if (is.attempts == was.attempts - 1)
      event = claim != nullptr && claim->impossible ? Event::reject : Event::release;
    else if (by_itself)
      event = Event::complete;
    else if (is.failures > was.failures)
      event = Event::fail;
    take(was.state, event, is.state);
    return;
  }
  take(was.state, Event::complete, is.state);
  if (is.attempts != was.attempts)
    breaks("attempts_exact",
           fmt::format("task {} had {} attempts, is done", text(is), was.attempts));
  // In one exchange the attempt may have failed first, and the completion of another came late.
  const bool failed_first =
      is.failures > was.failures && (log.failed_without_claim || (claim && claim->failed));
  if (!log.completed_without_claim && (claim == nullptr || !claim->completed) && !failed_first)
    breaks("report_ends_its_claim_only",
           fmt::format("task {} ends by a completion of another claim", text(was)));
}

// What is about several tasks of a labourer at once.
void Invariants::check_queue(const Look& look, const Snapshot& now, std::string_view labourer_id) {
  constexpr std::int64_t kNone = INT64_MAX;
  const auto mine = [&](const Change& change) { return change.is->labourer_id == labourer_id; };
  // Those that were in the queue and still are.
  std::int64_t oldest = kNone, oldest_claimable = kNone, newest = -kNone, queued = 0, retries = 0;
  {
    const auto& before = latest_.tasks;
    std::size_t i = 0;
    for (const TaskRow& is : now.tasks) {
      const TaskRow* was = nullptr;
      if (i < before.size() && before[i].job == is.job && before[i].row == is.row)
        was = &before[i++];
      if (is.labourer_id != labourer_id) continue;
      if (is.state == State::queued && (was == nullptr || is.since <= look.seen_until)) ++queued;
      if (is.state == State::retry && is.since <= look.seen_until) ++retries;
      if (was == nullptr || was->state != State::queued || is.state != State::queued) continue;
      if (is.since > look.seen_until) continue;
      oldest = std::min(oldest, is.position);
      newest = std::max(newest, is.position);
      // What was replayed before its job was cancelled is closed, afterwards it runs: neither must
      // be first.
      if (!now.jobs[is.job].given_up) oldest_claimable = std::min(oldest_claimable, is.position);
    }
  }
  // Further away is no due time, but a clock that was set back: it counts as this.
  const std::int64_t latest_due =
      epoch_seconds(look.now) + longest_delay_s(labourer_of(look, labourer_id));
  bool claimed = false, made_later = false;
  struct Placed {
    std::int64_t by, position;
  };
  std::vector<Placed> made, due, released;
  std::optional<std::int64_t> tail;
  for (const Change& change : changes_) {
    if (!mine(change)) continue;
    const TaskRow& is = *change.is;
    if (change.was == nullptr) {
      const JobRow& job = now.jobs[is.job];
      if (is.job < latest_.jobs.size()) made_later = true;
      if (is.state == State::queued && !job.chose_position) {
        made.push_back({static_cast<std::int64_t>(is.job << 20) + is.row, is.position});
        tail = std::max(tail.value_or(is.position), is.position);
      }
      continue;
    }
    const TaskRow& was = *change.was;
    if (was.state != State::running && is.state == State::running) {
      claimed = true;
      if (was.position > oldest_claimable)
        breaks("queue_order", fmt::format("task {} at {} is started before one at {}", text(is),
                                          was.position, oldest_claimable));
    }
    if (is.state == State::queued && was.state == State::retry)
      due.push_back({std::min(was.due, latest_due), is.position});
    if (is.state == State::queued && was.state == State::running)
      released.push_back({was.position, is.position});
    if (is.state != State::queued || was.state != State::dead) continue;
    tail = std::max(tail.value_or(is.position), is.position);
    if (is.position <= newest)
      breaks("queue_order", fmt::format("task {} is replayed at {}, before the tail {}", text(is),
                                        is.position, newest));
  }
  if (tail) tails_[std::string(labourer_id)] = *tail;
  const auto by = [](const Placed& a, const Placed& b) { return a.by < b.by; };
  const auto in_order = [&](std::vector<Placed>& placed) {
    std::stable_sort(placed.begin(), placed.end(), by);
    for (std::size_t i = 1; i < placed.size(); ++i) {
      if (placed[i].by > placed[i - 1].by && placed[i].position <= placed[i - 1].position)
        return false;
    }
    return true;
  };
  if (!in_order(made) || std::any_of(made.begin(), made.end(),
                                     [&](const Placed& one) { return one.position <= newest; }))
    breaks("queue_order", fmt::format("new tasks of {} are not behind the others in the order of "
                                      "their rows",
                                      labourer_id));
  const auto at_the_head = [&](const Placed& one) { return one.position < oldest; };
  if (!in_order(due) || !std::all_of(due.begin(), due.end(), at_the_head))
    breaks("retry_place", fmt::format("tasks of {} that are due again are not at the head in the "
                                      "order of their times",
                                      labourer_id));
  if (!in_order(released) || !std::all_of(released.begin(), released.end(), at_the_head))
    breaks("queue_order", fmt::format("tasks of {} that are given back are not at the head in "
                                      "their old order",
                                      labourer_id));
  if (made_later && queued > look.watermark)
    breaks("watermark", fmt::format("{} tasks of {} wait, rows are made up to {}", queued,
                                    labourer_id, look.watermark));
  // A job whose tasks all fail would else unfold itself into the retry state.
  if (made_later && retries > 10 * look.watermark)
    breaks("watermark",
           fmt::format("rows of {} are made, and {} wait for their retry", labourer_id, retries));
  if (!claimed) return;
  const Labourer& labourer = labourer_of(look, labourer_id);
  std::int64_t running = 0;
  for (const TaskRow& is : now.tasks) {
    if (look.limit_by_index && is.since > look.seen_until) continue;
    if (is.labourer_id == labourer_id && is.state == State::running &&
        (labourer.expiry == Expiry::host || is.deadline > look.now))
      ++running;
  }
  if (running > labourer.max_simultaneous_invocations)
    breaks("limit", fmt::format("{} tasks of {} run, its limit is {}", running, labourer_id,
                                labourer.max_simultaneous_invocations));
}

void Invariants::told(const Process& by, Time began, std::string_view call,
                      const std::vector<std::string_view>& named) {
  for (const Landed& one : log_.landed[&by]) {
    if (one.began != began) continue;  // a request of an earlier call, that was stuck
    const bool its_own = call == "exchange"  ? one.is == State::running
                         : call == "expire"  ? one.was == State::running || one.was == State::failed
                         : call == "requeue" ? one.was == State::retry && one.is == State::queued
                         : call == "archive" ? one.was == State::completed
                                             : one.was == State::dead && one.is == State::queued;
    const std::string& name = call == "exchange" ? one.claim : one.task_id;
    if (its_own && std::find(named.begin(), named.end(), name) == named.end())
      breaks("done_is_told", fmt::format("task {} is {} now, and {} does not say so", one.task_id,
                                         sosw::name(one.is), call));
  }
}

void Invariants::answered(const Report& report, const engine::Reported& reported) {
  if (reported.answer == Answer::unknown && log_.tasks[report.task_id].made)
    breaks("reports_are_kept",
           fmt::format("a report about task {} is answered as if there were none", report.task_id));
  if (report.kind != Report::Kind::completed || reported.answer == Answer::unknown) return;
  log_.tasks[report.task_id].finished = true;
}

void Invariants::at_the_end(std::size_t waiting_alarms) {
  for (const JobRow& job : latest_.jobs) {
    if (job.cursor < job.rows && !job.given_up)
      breaks("progress", fmt::format("job {} of {} has {} of {} rows made", job.id, job.labourer_id,
                                     job.cursor, job.rows));
  }
  std::vector<JobRow> counted(latest_.jobs.size());
  for (const TaskRow& task : latest_.tasks) {
    TaskLog& log = log_.tasks[task.id];
    judged_ = &log;
    ++counted[task.job].rows;
    if (task.state == State::done) ++counted[task.job].done;
    if (task.state == State::dead) ++counted[task.job].dead;
    if (task.state == State::cancelled) ++counted[task.job].cancelled;
    if (!closed(task.state))
      breaks("progress", fmt::format("task {} is {} still", text(task), name(task.state)));
    if ((log.finished || log.acknowledged) && task.state != State::done)
      breaks(
          "finished_not_started_again",
          fmt::format("task {} was reported as completed and is {}", text(task), name(task.state)));
    const auto alarmed = log_.alarmed.find(task.id);
    if ((alarmed == log_.alarmed.end() ? 0 : alarmed->second) < log.deaths)
      breaks("dead_is_alarmed",
             fmt::format("task {} died {} times, and there are {} alarms", text(task), log.deaths,
                         alarmed == log_.alarmed.end() ? 0 : alarmed->second));
    judged_ = nullptr;
  }
  for (std::size_t j = 0; j < counted.size(); ++j) {
    const JobRow& job = latest_.jobs[j];
    if (counted[j].rows != job.cursor)
      breaks("one_row_one_task", fmt::format("job {} has {} rows made and {} tasks", job.id,
                                             job.cursor, counted[j].rows));
    if (counted[j].done != job.done || counted[j].dead != job.dead ||
        counted[j].cancelled != job.cancelled)
      breaks("counts_exact", fmt::format("job {} counts {} done, {} dead, {} cancelled", job.id,
                                         job.done, job.dead, job.cancelled));
  }
  if (waiting_alarms > 0)
    breaks("dead_is_alarmed", fmt::format("{} alarms wait still", waiting_alarms));
}

}  // namespace sosw::simulation
