// SPDX-License-Identifier: MIT
// See watch.h.
#include "simulation/watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/greenfield.h"

namespace sosw::simulation {
namespace {

// What the engine promises, written again: a mistake there must not excuse itself.
constexpr double kLongestBackOff = 30, kLongestProbe = 300;
// It looks at the store each second while it knows of work, else every ten.
constexpr double kLateBusy = 3, kLateIdle = 12;
constexpr double kLateRule = 2;
constexpr double kLookAtAlarms = 10, kLateAlarm = 100;  // it looks for them each minute
constexpr double kAtOnce = 1;  // a pass that is not held up takes no longer
constexpr int kMostTimedPasses = 60;
constexpr double kTimedPassesIn = 10;

double seconds(Time::duration d) { return std::chrono::duration<double>(d).count(); }

constexpr std::string_view kWanted[] = {"started",  "tried again", "ended by its deadline",
                                        "archived", "made",        "closed"};

}  // namespace

// --- What it is told

void Watch::told(const std::map<std::string, engine::LabourerStatus>& all) {
  told_ = all;
  bool work = false;
  for (const auto& [id, status] : all) {
    std::int64_t live = status.folded;
    for (const auto& [state, n] : status.tasks) live += closed(state) ? 0 : n;
    work = work || live > 0;
    if (live > 0 && engine_.labourers.count(id) == 0)
      owes(engine::Alarm::Kind::labourer_removed, id);
  }
  if (!work)
    busy_since_.reset();
  else if (!busy_since_)
    busy_since_ = engine_.world.now();
}

void Watch::told_health(Time asked, const Result<std::optional<double>>& load) {
  load_missing_ = !load || !*load;
  if (!load_missing_) load_ = **load;
  load_at_ = asked;
}

void Watch::invoked(std::span<const engine::Invocation> invocations,
                    const std::vector<engine::Invoked>& outcomes) {
  using Outcome = engine::Invoked::Outcome;
  const Time now = engine_.process.now();
  for (std::size_t i = 0; i < invocations.size(); ++i) {
    const std::string& id = invocations[i].labourer->id;
    Mine& mine = mine_[id];
    Hold& hold = mine.hold;
    const Outcome outcome = outcomes[i].outcome;
    if (outcome == Outcome::accepted) {
      mine.opens = mine.opens || !told_[id].blocked.empty();
      mine.closes = false;
      hold.blocked = false;
      hold.refusals = 0;
    }
    if (outcome != Outcome::rejected && outcome != Outcome::rejected_labourer) continue;
    if (holds(mine, now)) continue;  // one of a batch is enough
    const double first = outcome == Outcome::rejected ? 0.1 : 1;
    const double longest = outcome == Outcome::rejected ? kLongestBackOff : kLongestProbe;
    hold.until = after(now, std::min(longest, first * std::pow(2, hold.refusals++)));
    hold.offset_s = engine_.process.offset();
    if (outcome == Outcome::rejected) continue;
    mine.opens = false;
    mine.closes = !hold.blocked;
    mine.news = told_[id].blocked.empty();
    hold.blocked = true;
  }
}

std::optional<int> Watch::by_health(const Labourer& labourer, Time now) const {
  constexpr auto kKnown = std::chrono::minutes(3);
  const int most = labourer.max_simultaneous_invocations;
  if (labourer.health_metrics.empty()) return most;
  if (!load_at_) return 0;
  if (now - *load_at_ > kKnown || *load_at_ - now > kKnown) return std::nullopt;
  // Of its limit all, three quarters, half, nothing.
  const auto share = [&](double load) {
    return load < 10 ? most : load < 20 ? most * 3 / 4 : load < 30 ? most / 2 : 0;
  };
  if (!load_missing_) return share(*load_);
  return std::nullopt;
}

int Watch::most_by_health(const Labourer& labourer, Time now) const {
  if (const auto exactly = by_health(labourer, now)) return *exactly;
  const int most = labourer.max_simultaneous_invocations;
  if (now - *load_at_ > std::chrono::minutes(3) || *load_at_ - now > std::chrono::minutes(3))
    return most;
  // Half where nobody knows, or by what was known last.
  const int half = most / 2;
  const int last = !load_        ? 0
                   : *load_ < 10 ? most
                   : *load_ < 20 ? most * 3 / 4
                   : *load_ < 30 ? half
                                 : 0;
  return labourer.health_metrics.begin()->second.no_data ? 0 : std::max(last, half);
}

// A clock that was set back holds nobody for longer than any hold can be.
bool Watch::holds(const Mine& mine, Time now) const {
  return mine.hold.until > now && mine.hold.until <= after(now, kLongestProbe);
}

// --- What it does

void Watch::asks(std::span<const engine::ClaimRequest> claims, Time now) {
  const auto wrong = [&](std::string_view invariant, std::string what) {
    engine_.invariants.breaks(invariant, std::move(what));
  };
  for (const engine::ClaimRequest& claim : claims) {
    const std::string id(claim.labourer_id);
    const auto known = engine_.labourers.find(id);
    if (known == engine_.labourers.end())
      return wrong("limit", fmt::format("{} is not configured, and started", id));
    const Labourer& labourer = known->second;
    if (told_[id].paused)
      wrong("paused_starts_nothing", fmt::format("{} is paused, and started", id));
    const int places = engine_.places(labourer);
    if (places >= 0 && claim.at_most > places)
      wrong("limit", fmt::format("{} of {} are to start, its host has {} places", claim.at_most, id,
                                 places));
    const int lifetime =
        labourer.cooldown_s +
        (labourer.expiry == Expiry::deadline ? labourer.duration_s : labourer.timeout_s);
    if (claim.deadline != after(now, lifetime))
      wrong("expires_in_time",
            fmt::format("an attempt of {} gets a deadline that is not {} s away", id, lifetime));
    if (const int most = most_by_health(labourer, now); claim.limit > most)
      wrong("health_respected",
            fmt::format("{} of {} may run, and {} are to start", most, id, claim.limit));
    const Mine& mine = mine_[id];
    if (holds(mine, now) && mine.hold.offset_s == engine_.process.offset())
      wrong("backs_off", fmt::format("{} has refused {} times, and is asked again {} s early", id,
                                     mine.hold.refusals, seconds(mine.hold.until - now)));
    if (mine.hold.blocked && !told_[id].blocked.empty() && claim.limit > 1)
      wrong("backs_off", fmt::format("{} is blocked, and {} are to find out", id, claim.limit));
  }
}

void Watch::pass_begins(bool woken, std::uint32_t accidents) {
  const Time now = engine_.world.now();
  if (accidents != accidents_) disturbed();  // another actor's: perhaps all stood still
  accidents_ = accidents;
  pass_began_ = now;
  if (seconds(now - timed_from_) > kTimedPassesIn) {
    timed_from_ = now;
    timed_ = 0;
  }
  if (!woken && ++timed_ > kMostTimedPasses)
    engine_.invariants.breaks("progress",
                              fmt::format("{} passes in {} s, and nothing woke the engine", timed_,
                                          seconds(now - timed_from_)));
  check();
}

void Watch::pass_ends(std::uint32_t accidents, bool alarms_wait, Time next) {
  const Time now = engine_.world.now();
  const bool clean = accidents == accidents_ && seconds(now - pass_began_) < kAtOnce;
  accidents_ = accidents;
  if (next <= engine_.process.now()) --timed_;  // it has more to do
  if (!clean) {
    disturbed();
    for (auto& [id, mine] : mine_) mine.opens = mine.closes = false;
    owed_.clear();  // perhaps they were sent meanwhile, perhaps they were never raised
    return;
  }
  check_gates();
  check_alarms();
  if (!clean_since_) clean_since_ = now;
  changed();
  if (!owed_.empty() && !alarms_wait && !sending_)
    engine_.invariants.breaks("alarms_are_sent",
                              fmt::format("nobody is to hear of {}", owed_.begin()->second));
}

// After a clean pass: what it has learned of a labourer is in the store.
void Watch::check_gates() {
  std::optional<std::map<std::string, engine::LabourerStatus>> truth;
  for (auto& [id, mine] : mine_) {
    const bool opens = std::exchange(mine.opens, false);
    const bool closes = std::exchange(mine.closes, false);
    if ((!opens && !closes) || !engine_.alone) continue;
    if (!truth) truth = engine_.truth();
    const bool blocked = !(*truth)[id].blocked.empty();
    if (opens && blocked)
      engine_.invariants.breaks("gate_as_found",
                                fmt::format("{} works again, and is blocked still", id));
    if (!closes) continue;
    if (!blocked)
      engine_.invariants.breaks("gate_as_found",
                                fmt::format("{} does not work, and is not blocked", id));
    if (mine.news) owes(engine::Alarm::Kind::labourer_blocked, id);
  }
}

// Those that somebody else has raised, or that it does not know it has raised.
void Watch::check_alarms() {
  const Time now = engine_.world.now();
  if (!clean_since_ || sending_) alarms_since_.reset();
  if (seconds(now - looked_at_alarms_) < kLookAtAlarms) return;
  looked_at_alarms_ = now;
  if (engine_.alarms() == 0)
    alarms_since_.reset();
  else if (!alarms_since_)
    alarms_since_ = now;
  if (alarms_since_ && seconds(now - *alarms_since_) > kLateAlarm)
    engine_.invariants.breaks("dead_is_alarmed",
                              fmt::format("alarms lie in the store for {:.0f} s, and nobody looks",
                                          seconds(now - *alarms_since_)));
}

void Watch::owes(engine::Alarm::Kind kind, const std::string& labourer_id) {
  // Of what is only in its memory each is told once.
  if (delivered_.count({kind, labourer_id}) == 0) owed_.emplace(kind, labourer_id);
}

void Watch::delivers(const engine::Alarm& alarm) {
  const About about(alarm.kind, alarm.labourer_id);
  delivered_.insert(about);
  owed_.erase(about);
  owed_when_sending_.erase(about);
}

void Watch::sends_alarms(std::uint32_t accidents) {
  sending_ = true;
  owed_when_sending_ = owed_;
  accidents_before_sending_ = accidents;
}

void Watch::sent_alarms(bool all, std::uint32_t accidents) {
  sending_ = false;
  if (all && accidents == accidents_before_sending_ && !owed_when_sending_.empty())
    engine_.invariants.breaks("alarms_are_sent",
                              fmt::format("all alarms were sent, and none is about {}",
                                          owed_when_sending_.begin()->second));
}

// --- What must be done by now

void Watch::changed() {
  const Time now = engine_.world.now(), here = engine_.process.now();
  const double offset = engine_.process.offset();
  struct Count {
    std::int64_t in_queue = 0, queued = 0, running = 0, retry = 0, completed = 0, cancelled = 0;
    std::int64_t newest = 0;            // position in the queue
    std::optional<Time> due, deadline;  // true time
    const JobRow* first_open = nullptr;
  };
  std::map<std::string_view, Count> counts;
  int on_their_way = 0;  // claimed, and not yet at the host
  const auto earliest = [](std::optional<Time>& known, Time at) {
    known = std::min(known.value_or(at), at);
  };
  const Snapshot& store = engine_.invariants.latest();
  for (const TaskRow& row : store.tasks) {
    if (closed(row.state)) continue;
    const auto labourer = engine_.labourers.find(row.labourer_id);
    if (labourer == engine_.labourers.end()) continue;
    Count& count = counts[labourer->first];
    const bool given_up = store.jobs[row.job].given_up;
    // What waits for its due time is closed then.
    if (row.state == State::queued && given_up && row.replays == 0) ++count.cancelled;
    if (row.state == State::queued) {
      ++count.in_queue;
      count.newest = std::max(count.newest, row.position);
    }
    if (row.state == State::queued && !given_up) ++count.queued;
    if (row.state == State::completed) ++count.completed;
    if (row.state == State::retry) {
      ++count.retry;
      earliest(count.due, after(from_epoch(static_cast<double>(row.due)), -offset));
    }
    if (row.state != State::running) continue;
    if (labourer->second.expiry == Expiry::host || row.deadline > here) ++count.running;
    const bool at_work = engine_.runs(row.id, row.claim);
    if (!at_work) ++on_their_way;
    if (labourer->second.expiry == Expiry::deadline || !at_work)
      earliest(count.deadline, after(row.deadline, -offset));
  }
  for (const JobRow& job : store.jobs) {
    if (job.cursor >= job.rows || job.given_up || engine_.labourers.count(job.labourer_id) == 0)
      continue;
    Count& count = counts[job.labourer_id];
    if (count.first_open == nullptr) count.first_open = &job;
  }
  for (const auto& [id, labourer] : engine_.labourers) {
    const Count& count = counts[id];
    Mine& mine = mine_[id];
    const auto wants = [&](Want want, bool wanted, std::optional<Time> due = {}) {
      auto& known = mine.since[want];
      // Since it was due, but not before it was seen that it was not, or was not there.
      if (!wanted)
        known.reset();
      else
        known = std::max(known.value_or(due ? looked_ : now), due.value_or(Time{}));
    };
    int may = by_health(labourer, here).value_or(0);
    if (mine.hold.blocked || !told_[id].blocked.empty()) may = std::min(may, 1);
    const int places = engine_.places(labourer);
    if (told_[id].paused || (places >= 0 && places <= on_their_way)) may = 0;
    wants(start, count.queued > 0 && count.running < may);
    wants(again, count.due && *count.due <= now, count.due);
    wants(expire, count.deadline && *count.deadline <= now, count.deadline);
    wants(archive, count.completed > 0);
    // Behind one that has chosen a far place there may be no room until the queue is empty, also
    // when that one has been started since: a new row goes behind the last that was put at the
    // tail, and as long as anything waits, a retry at the head too, no store may begin anew. So
    // nobody can make it. One that chooses its place itself needs no room.
    const bool room = count.in_queue == 0 ||
                      (count.first_open != nullptr && count.first_open->chose_position) ||
                      std::max(count.newest, engine_.invariants.tail(id)) < kPositionCeiling / 2;
    wants(make, engine_.room_in_queue && count.first_open != nullptr && room &&
                    count.in_queue < engine_.watermark && count.retry <= 10 * engine_.watermark);
    wants(cancel, engine_.alone && count.cancelled > 0 && !engine_.cancels());
  }
  looked_ = now;
}

void Watch::check() {
  if (!clean_since_) return;
  changed();  // time may have gone by since the last one
  const Time now = engine_.world.now();
  const auto late = [&](Time since) {
    since = std::max(since, *clean_since_);
    return seconds(now - since) > kLateIdle ||
           (busy_since_ && seconds(now - std::max(since, *busy_since_)) > kLateBusy);
  };
  for (const auto& [id, mine] : mine_) {
    if (engine_.labourers.count(id) == 0) continue;
    for (std::size_t want = 0; want < kWants; ++want) {
      if (!mine.since[want]) continue;
      Time since = *mine.since[want];
      if (want == start && holds(mine, engine_.process.now())) continue;
      if (want == start && mine.hold.until <= engine_.process.now())
        since = std::max(since, after(mine.hold.until, -engine_.process.offset()));
      if (late(since))
        engine_.invariants.breaks(
            "in_time", fmt::format("something of {} should be {} since {:.1f} s", id, kWanted[want],
                                   seconds(now - since)));
    }
  }
  if (!rule_at_) return;
  const Time rule = std::max(after(*rule_at_, -engine_.process.offset()), *clean_since_);
  if (seconds(now - rule) > kLateRule)
    engine_.invariants.breaks("in_time",
                              fmt::format("a rule is {:.1f} s late", seconds(now - rule)));
}

}  // namespace sosw::simulation
