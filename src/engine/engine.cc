// SPDX-License-Identifier: MIT
// See engine.h.
#include "engine/engine.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <memory>

#include "core/guard.h"
#include "core/retry.h"

namespace sosw::engine {
namespace {

// How long the loop sleeps when it knows of nothing: while there is work, and when there is none.
constexpr double kLookAgainBusy = 1;
constexpr double kLookAgainIdle = 10;
constexpr double kStoreRetry = 1;
constexpr double kRegisterAgain = 60;
constexpr double kAlarmRetry = 5;

std::int64_t count(const LabourerStatus& status, State state) {
  const auto found = status.tasks.find(state);
  return found == status.tasks.end() ? 0 : found->second;
}

std::int64_t live(const LabourerStatus& status) {
  std::int64_t sum = status.folded;
  for (const auto& [state, n] : status.tasks) {
    if (!closed(state)) sum += n;
  }
  return sum;
}

void sleep(double seconds, const std::stop_token& stop) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any never;
  never.wait_for(lock, stop, std::chrono::duration<double>(seconds), [] { return false; });
}

}  // namespace

Engine::Engine(Ports ports, Settings settings)
    : ports_(ports),
      settings_(std::move(settings)),
      ecology_(ports.metrics),
      task_manager_(ports.store, settings_.task_manager),
      scheduler_(ports.store, ports.clock, ports.audit, settings_.scheduler),
      orchestrator_(ports.store, ports.invoker, ecology_, ports.clock, ports.audit,
                    settings_.orchestrator),
      scavenger_(ports.store, ports.clock, ports.audit, settings_.scavenger) {}

Engine::~Engine() = default;

// --- From any thread
// ---------------------------------------------------------------------------------------------------

void Engine::finished(std::vector<Report> reports) {
  {
    const std::lock_guard lock(mutex_);
    slot_free_ = true;
    if (inbox_.empty()) {
      inbox_ = std::move(reports);
    } else {
      inbox_.insert(inbox_.end(), std::make_move_iterator(reports.begin()),
                    std::make_move_iterator(reports.end()));
    }
  }
  woken_.notify_all();
}

void Engine::give_back(std::vector<Release> claims) {
  {
    const std::lock_guard lock(mutex_);
    given_back_.insert(given_back_.end(), std::make_move_iterator(claims.begin()),
                       std::make_move_iterator(claims.end()));
    slot_free_ = true;
  }
  woken_.notify_all();
}

Result<Reported> Engine::report(Report report) {
  // Shared: this function may return while the loop is still inside set_value().
  auto promise = std::make_shared<std::promise<Result<Reported>>>();
  auto answer = promise->get_future();
  this->report(std::move(report),
               [promise](Result<Reported> reported) { promise->set_value(std::move(reported)); });
  return answer.get();
}

void Engine::report(Report report, Answered answer) {
  {
    const std::lock_guard lock(mutex_);
    if (running_) {
      waiters_.push_back({std::move(report), std::move(answer)});
      woken_.notify_all();
      return;
    }
  }
  answer(Error{Code::unavailable, "the engine does not run", "report again when it does"});
}

Result<Accepted> Engine::schedule(const json::value& event, std::string key) {
  auto accepted = scheduler_.schedule(settings_.labourers, event, std::move(key));
  if (accepted && !accepted->already) wake();
  return accepted;
}

Result<std::vector<bool>> Engine::replay(std::span<const std::string> task_ids) {
  auto replayed = ports_.store.replay(task_ids, ports_.clock.now());
  wake();
  return replayed;
}

Result<void> Engine::cancel(std::string_view job_id) {
  for (;;) {
    const auto left = ports_.store.cancel(job_id, settings_.cancel_batch, ports_.clock.now());
    if (!left) {
      // Perhaps a part of the rows is closed: the loop closes the rest of a job that is cancelled.
      const std::lock_guard lock(mutex_);
      cancellations_left_ = true;
      return left.error();
    }
    if (*left == 0) break;
  }
  wake();
  return {};
}

Result<void> Engine::pause(std::string_view labourer_id, bool paused) {
  if (settings_.labourers.find(labourer_id) == settings_.labourers.end()) {
    const auto status = ports_.store.status();
    if (!status) return status.error();
    if (status->find(std::string(labourer_id)) == status->end()) {
      return Error{Code::not_found, fmt::format("no labourer '{}'", labourer_id),
                   "see them with: sosw labourers"};
    }
  }
  auto gated = ports_.store.gate(labourer_id, paused, std::nullopt);
  wake();
  return gated;
}

void Engine::wake() {
  {
    const std::lock_guard lock(mutex_);
    look_again_ = true;
  }
  woken_.notify_all();
}

void Engine::add_tick(Tick tick) {
  ticks_.push_back(std::move(tick));
  tick_at_.emplace_back(Time{});
}

// --- The loop
// ----------------------------------------------------------------------------------------------------------

// A stop token is a handle and is given by value, as std::jthread does.
Engine::Outcome Engine::run(std::stop_token stop,  // NOLINT(performance-unnecessary-value-param)
                            bool until_empty) {
  start(stop);
  std::optional<Outcome> outcome;
  std::stop_source too_late;  // for alarms
  std::jthread ending;
  {
    std::jthread alarms([this, &too_late](const std::stop_token& s) {
      keep_sending_alarms(s, too_late.get_token());
    });
    // The loop changes retry_base_s of its labourers, so the other thread has its own copy.
    std::jthread health([this, labourers = settings_.labourers](const std::stop_token& s) {
      keep_looking_at_health(labourers, s);
    });
    Time next{};
    while (!outcome && !stop.stop_requested()) {
      if (const Time now = ports_.clock.now(); next > now) {
        std::unique_lock lock(mutex_);
        woken_.wait_for(lock, stop, next - now, [&] { return woken_locked(); });
      }
      next = pass();
      if (until_empty) outcome = finished();
    }
    this->stop();
    ending = std::jthread([this, &too_late](const std::stop_token& s) {
      sleep(settings_.last_alarms_s, s);
      too_late.request_stop();
    });
  }
  if (const auto sent = send_alarms(too_late.get_token()); !sent) {
    spdlog::error("alarms could not be sent: {}", sent.error().message);
  }
  Outcome ended = outcome.value_or(Outcome{});
  ended.died = died_;
  return ended;
}

void Engine::start(const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    running_ = true;
  }
  if (SOSW_GUARD(interrupted_taken_back)) take_back();
  finish_cancellations(stop);
  stale_ = true;
}

Time Engine::pass() {
  dispatch();
  sweep(ports_.clock.now());
  return next_moment(ports_.clock.now());
}

bool Engine::woken() {
  const std::lock_guard lock(mutex_);
  return woken_locked();
}

bool Engine::woken_locked() const {
  return look_again_ || slot_free_ || !waiters_.empty();  // slot_free_: with the inbox, too
}

std::optional<Engine::Outcome> Engine::finished() {
  if (again_ || stale_) return std::nullopt;
  auto outcome = finished_for_good();
  const std::lock_guard lock(mutex_);
  if (!inbox_.empty() || !given_back_.empty() || !waiters_.empty()) return std::nullopt;
  return outcome;
}

void Engine::stop() {
  std::vector<Waiter> refused;
  {
    const std::lock_guard lock(mutex_);
    running_ = false;
    refused = std::exchange(waiters_, {});
  }
  for (const Waiter& waiter : refused) {
    waiter.answer(Error{Code::unavailable, "the engine is stopping", "report again when it runs"});
  }
}

// Gives the number that is not running any more.
std::int64_t Engine::take_back(const Labourer& labourer, const std::vector<Task>& tasks) {
  std::vector<Release> releases;
  std::vector<Report> reports;
  for (const Task& task : tasks) {
    if (labourer.on_restart == OnRestart::give_back) {
      releases.push_back({task.id, task.claim, Release::Why::interrupted, "the engine ended"});
    } else {
      reports.push_back({Report::Kind::failed,
                         task.id,
                         task.claim,
                         {},
                         {{"error", "the engine ended meanwhile"}}});
    }
  }
  const Time now = ports_.clock.now();
  std::int64_t taken = 0;
  const auto refused = [&](const Error& error) {
    spdlog::error("{}: running tasks of the last engine stay until they expire: {}", labourer.id,
                  error.message);
  };
  if (!releases.empty()) {
    const auto released = ports_.store.release(releases, settings_.labourers, now);
    if (!released) return refused(released.error()), 0;
    taken += std::count(released->begin(), released->end(), true);
    // The last of kInterruptions ends an attempt, and the last attempt the task.
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      if (!(*released)[i] || tasks[i].attempts < labourer.max_attempts) continue;
      TaskQuery query;
      query.task_id = tasks[i].id;
      const auto found = ports_.store.tasks(query);
      if (found && !found->empty() && found->front().state == State::dead) ++died_;
    }
  }
  if (!reports.empty()) {
    const auto exchanged = ports_.store.exchange(reports, {}, settings_.labourers, now);
    if (!exchanged) return refused(exchanged.error()), 0;
    for (const Reported& one : exchanged->reported) {
      if (one.answer == Answer::applied) ++taken;
      if (one.state == State::dead) ++died_;
    }
  }
  return taken;
}

// What ran when the last engine on this store died.
void Engine::take_back() {
  for (const auto& [id, labourer] : settings_.labourers) {
    if (labourer.on_restart == OnRestart::wait) continue;
    TaskQuery query;
    query.labourer_id = id;
    query.state = State::running;
    query.limit = 1000;
    std::int64_t count = 0;
    for (;;) {
      const auto tasks = ports_.store.tasks(query);
      if (!tasks) {
        spdlog::error("{}: running tasks of the last engine stay until they expire: {}", id,
                      tasks.error().message);
        break;
      }
      const std::int64_t taken = take_back(labourer, *tasks);
      count += taken;
      if (taken == 0) break;  // none left, or the store refuses them: they stay until they expire
    }
    if (count > 0)
      spdlog::warn("{}: {} tasks were running when the last engine ended; taken back", id, count);
  }
}

// Whoever cancelled may have died between two portions: then nobody else closes what waits.
void Engine::finish_cancellations(const std::stop_token& stop) {
  if (!SOSW_GUARD(cancellations_finished)) return;
  const auto not_yet = [this](const Error& error) {
    spdlog::error("unfinished cancellations stay for later: {}", error.message);
    const std::lock_guard lock(mutex_);
    cancellations_left_ = true;
  };
  const auto jobs = ports_.store.cancelling();
  if (!jobs) return not_yet(jobs.error());
  for (const std::string& id : *jobs) {
    for (std::int64_t left = 1; left > 0 && !stop.stop_requested();) {
      const auto rest = ports_.store.cancel(id, settings_.cancel_batch, ports_.clock.now());
      if (!rest) {
        not_yet(rest.error());
        break;
      }
      left = *rest;
    }
  }
}

Time Engine::next_moment(Time now) const {
  // Before all else: what is to be done again cannot be done either, and must not make the loop
  // spin. While the store works, nothing is stale here: the sweep has just looked.
  if (store_failing_) return store_failed_until_;
  if (again_) return now;
  // What was due at the last look and is so still does not change by looking: a labourer that is
  // configured no more, a host that runs on behind a deadline.
  const auto soon = after(swept_, 0.05);
  std::int64_t work = 0;
  Time next = after(now, kLookAgainIdle);
  const auto consider = [&](std::optional<std::int64_t> seconds) {
    if (!seconds) return;
    const Time at = from_epoch(static_cast<double>(*seconds));
    if (at > swept_) next = std::min(next, at);
  };
  for (const auto& [id, status] : status_) {
    work += live(status);
    consider(status.next_due);
    // Known to the second, rounded down.
    if (status.next_deadline) consider(*status.next_deadline + 1);
  }
  if (work > 0) next = std::min(next, after(now, kLookAgainBusy));
  if (held_until_) next = std::min(next, std::max(*held_until_, soon));
  for (const auto& at : tick_at_) {
    if (at) next = std::min(next, std::max(*at, soon));
  }
  return next;
}

void Engine::refresh(Time now) {
  const auto status = ports_.store.status();
  if (!status) {
    note_skipped({{"", status.error().message}});
    store_failing_ = true;
    store_failed_until_ = after(now, kStoreRetry);
    return;
  }
  const auto before = std::exchange(status_, *status);
  refreshed_ = now;
  stale_ = false;
  orchestrator_.look_at_gates(status_);
  for (const auto& [id, one] : status_) {
    if (live(one) > 0 && settings_.labourers.find(id) == settings_.labourers.end())
      tell_of_orphans(id, live(one), now);
    Needs& needs = needs_[id];
    const bool queued = count(one, State::queued) > 0;
    const auto known = before.find(id);
    const bool opened = known != before.end() && known->second.paused && !one.paused;
    // Start it now.
    if (queued && (opened || (!needs.queue && !needs.at_limit))) again_ = true;
    needs.queue = queued;
    needs.make = one.open_jobs > 0;
  }
}

// Tasks of a labourer that is configured no more stay until it comes back or they are cancelled:
// somebody must know (D-61).
void Engine::tell_of_orphans(const std::string& id, std::int64_t tasks, Time now) {
  if (!orphans_told_.insert(id).second) return;
  const std::string message =
      fmt::format("{} tasks of '{}' wait, which is not configured any more", tasks, id);
  spdlog::warn("{}", message);
  send_soon({{0, Alarm::Kind::labourer_removed, id, {}, message, now}});
}

// Stores what was reported and starts what can start.
void Engine::dispatch() {
  std::unique_lock lock(mutex_);
  if (std::exchange(look_again_, false)) stale_ = true;
  slot_free_ = false;
  if (unstored_.empty()) {
    unstored_ = std::exchange(inbox_, {});
  } else {
    unstored_.insert(unstored_.end(), std::make_move_iterator(inbox_.begin()),
                     std::make_move_iterator(inbox_.end()));
    inbox_.clear();
  }
  std::vector<Waiter> waiters = std::exchange(waiters_, {});
  std::vector<Release> given_back = std::exchange(given_back_, {});
  lock.unlock();
  bool dead = store_failing_;  // what an error hides may have been done
  if (!given_back.empty()) {
    orchestrator_.owe(std::move(given_back));
    stale_ = true;
  }

  const Time now = ports_.clock.now();
  again_ = false;
  // Behind those that are kept until they are stored: who waits repeats a report himself.
  const std::size_t kept = unstored_.size();
  for (Waiter& waiter : waiters) unstored_.push_back(std::move(waiter.report));
  std::vector<std::string_view> which;
  for (auto& [id, needs] : needs_) {
    needs.at_limit = false;
    if (needs.queue) which.push_back(id);
  }
  auto pass = orchestrator_.orchestrate(settings_.labourers, which, unstored_);
  if (!pass) {
    if (!store_failing_) {
      spdlog::error("the store does not take reports: {}", pass.error().text());
      send_soon({{0, Alarm::Kind::store, {}, {}, pass.error().message, now}});
    }
    store_failing_ = true;
    store_failed_until_ = after(now, kStoreRetry);
    unstored_.resize(SOSW_GUARD(unstored_reports_kept) ? kept : 0);
  } else {
    store_failing_ = false;
    for (const Reported& reported : pass->reported) {
      if (reported.state == State::dead && reported.answer == Answer::applied) {
        ++died_;
        dead = true;
      }
      if (reported.state == State::retry) stale_ = true;  // to learn when it is due
      if (reported.answer == Answer::late) stale_ = true;
    }
    if (which.empty() && !unstored_.empty()) stale_ = true;  // perhaps those were the last ones
    unstored_.clear();
    for (const std::string& id : pass->short_of) {
      // The next look at the counts tells whether the queue or the limit was short.
      Needs& needs = needs_[id];
      needs.queue = false;
      needs.at_limit = true;
      stale_ = true;
    }
    held_until_ = pass->next;
    // Who is dead now has left his place to another.
    again_ = pass->full_batch || pass->may_have_died;
    dead = dead || pass->may_have_died;
    note_skipped(pass->skipped);
    if (!pass->skipped.empty()) stale_ = true;
    auto blocked = orchestrator_.take_alarms();
    if (dead || !blocked.empty() || !pass->skipped.empty()) send_soon(std::move(blocked));
  }

  for (std::size_t i = 0; i < waiters.size(); ++i) {
    waiters[i].answer(pass ? Result<Reported>(std::move(pass->reported[kept + i]))
                           : Result<Reported>(pass.error()));
  }
}

void Engine::make_rows() {
  for (auto& [id, needs] : needs_) {
    if (!needs.make || settings_.labourers.find(id) == settings_.labourers.end()) continue;
    const std::string_view which = id;
    const Scheduler::Pass pass = scheduler_.continue_jobs({&which, 1});
    for (const auto& [labourer, why] : pass.skipped) note_skipped({{labourer, why}});
    if (pass.rows > 0) needs.queue = again_ = true;
    if (!pass.more) needs.make = false;  // until the next look at the counts
  }
}

// Everything that is due by time.
void Engine::sweep(Time now) {
  if (store_failing_ && now < store_failed_until_) return;
  swept_ = now;
  for (std::size_t i = 0; i < ticks_.size(); ++i) {
    if (tick_at_[i] && *tick_at_[i] <= now) {
      tick_at_[i] = ticks_[i](now);
      stale_ = true;
    }
  }
  std::vector<std::string_view> due;
  const std::int64_t seconds = epoch_seconds(now);
  // A retry that is further away than any delay comes from a clock that was set back since.
  const auto too_far = [&](const std::string& id, std::int64_t when) {
    const auto known = settings_.labourers.find(id);
    if (known == settings_.labourers.end()) return false;
    return static_cast<double>(when - seconds) > std::ceil(longest_retry_delay_s(known->second));
  };
  for (const auto& [id, status] : status_) {
    // Completed rows wait for the archive in the two-step form only.
    if (status.next_due.value_or(INT64_MAX) <= seconds ||
        status.next_deadline.value_or(INT64_MAX) <= seconds ||
        count(status, State::completed) > 0 || (status.next_due && too_far(id, *status.next_due))) {
      due.push_back(id);
    }
  }
  if (!due.empty()) {
    const auto still_running = [this](std::string_view id, std::string_view claim) {
      return ports_.invoker.running(id, claim);
    };
    const Scavenger::Pass pass = scavenger_.scavenge(settings_.labourers, due, still_running);
    died_ += pass.dead;
    note_skipped(pass.skipped);
    if (pass.archived + pass.expired + pass.retried > 0) stale_ = true;
    for (const std::string& id : pass.queued) needs_[id].queue = again_ = true;
    if (pass.expired > 0) again_ = true;  // their places are free
    if (pass.dead > 0 || !pass.skipped.empty()) send_soon({});
  }
  if (now - registered_ > std::chrono::duration<double>(kRegisterAgain) || now < registered_) {
    for (const std::string& problem : task_manager_.register_labourers(settings_.labourers))
      spdlog::warn("{}", problem);
    registered_ = now;
    send_soon({});  // those that somebody else on this store has raised and could not send
  }
  {
    std::unique_lock lock(mutex_);
    const bool left = std::exchange(cancellations_left_, false);
    lock.unlock();
    if (left) finish_cancellations({});
  }
  if (stale_ || now - refreshed_ >= std::chrono::duration<double>(kLookAgainBusy) ||
      now < refreshed_)
    refresh(now);
  make_rows();
}

// With until_empty: nothing is left, or nothing that is left can move.
std::optional<Engine::Outcome> Engine::finished_for_good() const {
  std::string why;
  for (const auto& [id, status] : status_) {
    if (live(status) == 0) continue;
    const auto labourer = settings_.labourers.find(id);
    if (count(status, State::running) > 0 || count(status, State::completed) > 0)
      return std::nullopt;
    std::string reason;
    if (labourer == settings_.labourers.end()) {
      reason = "is not configured any more";
    } else if (status.paused) {
      reason = "is paused";
    } else if (labourer->second.max_simultaneous_invocations < 1) {
      reason = "has max_simultaneous_invocations 0";
    } else if (!status.blocked.empty()) {
      reason = fmt::format("is blocked: {}", status.blocked);
    } else {
      return std::nullopt;
    }
    why += fmt::format("{}{} tasks of '{}', which {}", why.empty() ? "" : "; ", live(status), id,
                       reason);
  }
  if (why.empty()) return Outcome{Outcome::Why::empty, 0, {}};
  return Outcome{Outcome::Why::stuck, 0, "what is left cannot move: " + why};
}

void Engine::note_skipped(const std::vector<Skipped>& skipped) {
  // A labourer that is refused is refused many times: one line a pass and reason is enough.
  std::string last;
  for (const Skipped& one : skipped) {
    if (one.reason == last) continue;
    last = one.reason;
    spdlog::warn("{}{}{}", one.labourer_id, one.labourer_id.empty() ? "" : ": ", one.reason);
  }
}

// --- Threads beside the loop
// -----------------------------------------------------------------------------------------

void Engine::look_at_health(const Labourers& labourers, const std::stop_token& stop) {
  for (const std::string& failure : ecology_.refresh(labourers, ports_.clock.now(), stop)) {
    if (!stop.stop_requested()) spdlog::warn("health metric {}", failure);
  }
  wake();
}

void Engine::keep_looking_at_health(const Labourers& labourers, const std::stop_token& stop) {
  const bool any = std::any_of(labourers.begin(), labourers.end(),
                               [](const auto& one) { return !one.second.health_metrics.empty(); });
  if (!any) return;
  while (!stop.stop_requested()) {
    look_at_health(labourers, stop);
    sleep(settings_.health_interval_s, stop);
  }
}

bool Engine::alarms_wait() {
  const std::lock_guard lock(alarm_mutex_);
  return alarms_waiting_;
}

void Engine::keep_sending_alarms(const std::stop_token& stop, const std::stop_token& too_late) {
  std::unique_lock lock(alarm_mutex_);
  for (;;) {
    alarm_woken_.wait(lock, stop, [&] { return alarms_waiting_; });
    if (stop.stop_requested()) return;
    lock.unlock();
    const auto sent = send_alarms(too_late);
    lock.lock();
    if (sent) continue;
    spdlog::error("alarms could not be sent, tried again in {} s: {}", kAlarmRetry,
                  sent.error().message);
    alarm_woken_.wait_for(lock, stop, std::chrono::duration<double>(kAlarmRetry),
                          [] { return false; });
  }
}

// Those in the store, and these, which are only here.
void Engine::send_soon(std::vector<Alarm> direct) {
  const std::lock_guard alarm_lock(alarm_mutex_);
  for (Alarm& alarm : direct) {
    alarm.number = --last_direct_alarm_;
    direct_alarms_.push_back(std::move(alarm));
  }
  alarms_waiting_ = true;
  alarm_woken_.notify_all();
}

// Those in the store, then those that are only here.
Result<void> Engine::send_alarms(const std::stop_token& stop) {
  std::unique_lock lock(alarm_mutex_);
  alarms_waiting_ = false;
  const std::vector<Alarm> direct = direct_alarms_;
  lock.unlock();
  const auto stored = flush_alarms(ports_.store, ports_.notifier, stop);
  const auto told = direct.empty() ? Result<void>() : ports_.notifier.notify(direct, stop);
  lock.lock();
  if (told)
    direct_alarms_.erase(direct_alarms_.begin(),
                         direct_alarms_.begin() + static_cast<std::ptrdiff_t>(direct.size()));
  if (stored && told) return {};
  if (SOSW_GUARD(alarms_tried_again)) alarms_waiting_ = true;
  return stored ? told : Result<void>(stored.error());
}

}  // namespace sosw::engine
