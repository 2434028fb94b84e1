// SPDX-License-Identifier: MIT
// See essentials.h.
#include "cloud/essentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <iterator>
#include <thread>
#include <utility>

#include "engine/worker_assistant.h"

namespace sosw::cloud {
namespace {

constexpr double kLongestPause = 8;   // s between two looks of a run
constexpr double kHealthEveryS = 30;  // a run looks at the metrics again
// Rows of a job are made so many at once at first, then twice as many after a batch that was quick
// (s), half as many after one that was slow.
constexpr std::int64_t kFirstRows = 16;
constexpr double kQuickS = 5, kSlowS = 10;
constexpr std::size_t kMostTold = 50;  // of what was skipped
// A step takes about a second: nobody waits long for its end, and 256 MB hold its rows.
constexpr std::int64_t kRetriesAtOnce = 2'000;
constexpr std::int64_t kRowsAtOnce = 2'000;
constexpr std::int64_t kOrphansCounted = 1'000;  // of each state: a person wants to know how many

std::vector<std::string_view> names_of(const engine::Labourers& labourers) {
  std::vector<std::string_view> names;
  for (const auto& [id, labourer] : labourers) names.emplace_back(id);
  return names;
}

// A defect in the work for one labourer, as with a row that nobody of us has written, is nothing to
// the others.
template <class Work>
void isolated(RunReport& run, std::string_view labourer, Work work) {
  try {
    work();
  } catch (const std::exception& error) {
    run.failed = true;
    run.skip(std::string(labourer), error.what());
  }
}

// Stays the same from run to run, for a lane remembers how its labourers do.
std::size_t lane_of(std::string_view labourer, std::size_t lanes) {
  return std::hash<std::string_view>()(labourer) % lanes;
}

}  // namespace

void RunReport::skip(std::string labourer_id, std::string reason) {
  if (skipped.size() < kMostTold) skipped.push_back({std::move(labourer_id), std::move(reason)});
}

void RunReport::add(RunReport other) {
  looks += other.looks;
  rows_made += other.rows_made;
  started += other.started;
  archived += other.archived;
  expired += other.expired;
  retried += other.retried;
  dead += other.dead;
  alarms_sent += other.alarms_sent;
  more = more || other.more;
  failed = failed || other.failed;
  for (auto& one : other.skipped) skip(std::move(one.labourer_id), std::move(one.reason));
}

// What one step takes is little beside the time of a run, however much waits.
Essentials::Settings Essentials::in_small_steps(Settings settings) {
  settings.scavenger.all_batches = false;
  settings.scavenger.retry_batch = std::min(settings.scavenger.retry_batch, kRetriesAtOnce);
  settings.scheduler.make_batch = std::min(settings.scheduler.make_batch, kRowsAtOnce);
  return settings;
}

Essentials::Essentials(Ports ports, Settings settings)
    : ports_(ports),
      settings_(in_small_steps(std::move(settings))),
      ecology_(ports.metrics),
      task_manager_(ports.store, settings_.task_manager),
      scheduler_(ports.store, ports.clock, ports.audit, settings_.scheduler),
      scavenger_(ports.store, ports.clock, ports.audit, settings_.scavenger) {
  for (std::size_t i = 0; i < std::max<std::size_t>(settings_.lanes, 1); ++i)
    lanes_.push_back(
        {std::make_unique<engine::Orchestrator>(ports.store, ports.invoker, ecology_, ports.clock,
                                                ports.audit, settings_.orchestrator),
         {}});
}
Essentials::~Essentials() = default;

Essentials::Owed Essentials::take_owed() {
  Owed owed = std::exchange(owed_, {});
  for (auto& alarm : owed.alarms) alarm.number = 0;  // the numbers of another object are others
  return owed;
}

void Essentials::owe(Owed owed) { owed_ = std::move(owed); }

RunReport Essentials::in_lanes(const Names& names,
                               const std::function<RunReport(Lane&, const Names&)>& work) {
  std::vector<Names> shares(lanes_.size());
  for (const auto name : names) shares[lane_of(name, lanes_.size())].push_back(name);
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const auto next = std::find(shares[i].begin(), shares[i].end(), lanes_[i].next);
    if (next != shares[i].end()) std::rotate(shares[i].begin(), next, shares[i].end());
    lanes_[i].next.clear();
  }
  std::vector<RunReport> runs(lanes_.size());
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < lanes_.size(); ++i) {
      if (shares[i].empty()) continue;
      others.emplace_back([&, i] { runs[i] = work(lanes_[i], shares[i]); });
    }
    if (!shares[0].empty()) runs[0] = work(lanes_[0], shares[0]);
  }
  RunReport all;
  for (auto& run : runs) all.add(std::move(run));
  return all;
}

// --- The Orchestrator

RunReport Essentials::orchestrate(const engine::Labourers& configured, Time until, Time latest) {
  RunReport run;
  engine::Labourers labourers = configured;
  const Names names = names_of(labourers);
  const auto glance = ports_.tables.glance(names);
  if (!glance) {
    run.failed = true;
    run.skip({}, glance.error().text());
    return run;
  }
  give_back_claims(run, labourers);
  for (auto& lane : lanes_) lane.orchestrator->look_at_gates(*glance);
  for (auto& problem : task_manager_.register_labourers(labourers)) run.skip({}, problem);
  look_at_health(run, labourers);
  make_rows(run, *glance, std::min(until, after(ports_.clock.now(), settings_.make_rows_s)));

  run.add(in_lanes(names, [&](Lane& lane, const Names& mine) {
    return start_tasks(lane, labourers, mine, until, latest);
  }));
  for (auto& lane : lanes_) {
    auto alarms = lane.orchestrator->take_alarms();
    std::move(alarms.begin(), alarms.end(), std::back_inserter(owed_.alarms));
    auto claims = lane.orchestrator->take_owed();
    std::move(claims.begin(), claims.end(), std::back_inserter(owed_.claims));
  }
  give_back_claims(run, labourers);
  send_direct_alarms(run);
  // Else they run out.
  if (const auto given = ports_.tables.give_back_leases(); !given)
    run.skip({}, given.error().text());
  return run;
}

void Essentials::give_back_claims(RunReport& run, const engine::Labourers& labourers) {
  if (owed_.claims.empty()) return;
  if (const auto given = ports_.store.release(owed_.claims, labourers, ports_.clock.now()); given)
    owed_.claims.clear();
  else
    run.skip({}, fmt::format("claims could not be given back: {}", given.error().text()));
}

void Essentials::send_direct_alarms(RunReport& run) {
  if (owed_.alarms.empty()) return;
  for (auto& alarm : owed_.alarms)
    if (alarm.number == 0) alarm.number = --last_direct_;
  if (const auto told = ports_.notifier.notify(owed_.alarms); told) {
    run.alarms_sent += std::ssize(owed_.alarms);
    owed_.alarms.clear();
  } else {
    run.skip({}, told.error().text());
  }
}

void Essentials::look_at_health(RunReport& run, const engine::Labourers& labourers) {
  const std::unique_lock lock(health_mutex_, std::try_to_lock);
  const Time now = ports_.clock.now();
  if (!lock || (now >= health_at_ && now < after(health_at_, kHealthEveryS))) return;
  health_at_ = now;
  for (auto& problem : ecology_.refresh(labourers, now)) run.skip({}, problem);
}

RunReport Essentials::start_tasks(Lane& lane, const engine::Labourers& labourers,
                                  const Names& names, Time until, Time latest) {
  RunReport run;
  for (double pause = 1;; pause = std::min(kLongestPause, 2 * pause)) {
    ++run.looks;
    std::int64_t started = 0;
    bool held_up = false;
    // One after the other: what is claimed must start at once.
    for (const auto name : names) {
      if (ports_.clock.now() >= (run.looks == 1 ? latest : until)) {
        lane.next = name;
        run.more = true;
        run.started += started;
        return run;
      }
      isolated(run, name, [&] {
        for (bool again = true; again;) {
          auto pass = lane.orchestrator->orchestrate(labourers, {&name, 1}, {});
          if (!pass) {
            run.failed = true;
            return run.skip(std::string(name), pass.error().text());
          }
          started += pass->started;
          held_up = held_up || !pass->held_up.empty();
          for (auto& one : pass->skipped)
            run.skip(std::move(one.labourer_id), std::move(one.reason));
          again = pass->full_batch && ports_.clock.now() < until;
          run.more = run.more || (pass->full_batch && !again);
        }
      });
    }
    run.started += started;
    if (started > 0) pause = 1;
    // A look that finds nothing which may start later is the last one: each costs money.
    if (started == 0 && !held_up) break;
    if (!settings_.sleep || after(ports_.clock.now(), pause) >= until) break;
    settings_.sleep(pause);
    isolated(run, {}, [&] { look_at_health(run, labourers); });
  }
  return run;
}

// --- The Scavenger

RunReport Essentials::scavenge(const engine::Labourers& configured, Time until, Time latest) {
  RunReport run;
  engine::Labourers labourers = configured;
  // What the pauses between attempts are made of.
  for (auto& problem : task_manager_.register_labourers(labourers)) run.skip({}, problem);
  const Names names = names_of(labourers);
  run.add(in_lanes(names, [&](Lane& lane, const Names& mine) {
    return clear_up(lane, labourers, mine, until, latest);
  }));
  send_stored_alarms(run, latest);
  finish_cancellations(run, until, latest);
  look_for_orphans(run, labourers, latest);
  send_direct_alarms(run);
  const auto glance = ports_.tables.glance(names);
  if (glance)
    make_rows(run, *glance, std::min(until, after(ports_.clock.now(), settings_.make_rows_s)));
  else
    run.skip({}, glance.error().text());
  if (run.rows_made > 0) send_stored_alarms(run, latest);  // one may have been too large
  return run;
}

RunReport Essentials::clear_up(Lane& lane, const engine::Labourers& labourers, const Names& names,
                               Time until, Time latest) {
  RunReport run;
  Names left = names;
  for (bool first = true; !left.empty(); first = false) {
    Names full;  // those of which more may be left
    for (const auto name : left) {
      if (ports_.clock.now() >= (first ? latest : until)) {
        lane.next = name;
        run.more = true;
        return run;
      }
      isolated(run, name, [&] {
        ++run.looks;
        auto pass = scavenger_.scavenge(labourers, {&name, 1}, {});
        run.archived += pass.archived;
        run.expired += pass.expired;
        run.retried += pass.retried;
        run.dead += pass.dead;
        run.failed = run.failed || !pass.skipped.empty();
        for (auto& one : pass.skipped) run.skip(std::move(one.labourer_id), std::move(one.reason));
        if (pass.archived + pass.expired + pass.retried > 0) full.push_back(name);
      });
    }
    if (!settings_.sleep || ports_.clock.now() >= until) {
      run.more = run.more || !full.empty();
      return run;
    }
    left = std::move(full);
  }
  return run;
}

void Essentials::send_stored_alarms(RunReport& run, Time latest) {
  const auto sent =
      engine::flush_alarms(ports_.store, ports_.notifier, {}, settings_.alarms_at_once,
                           [&] { return ports_.clock.now() >= latest; });
  if (sent) {
    run.alarms_sent += *sent;
  } else {
    run.failed = true;
    run.skip({}, fmt::format("alarms wait to be delivered: {}", sent.error().text()));
  }
}

void Essentials::finish_cancellations(RunReport& run, Time until, Time latest) {
  const auto jobs = ports_.store.cancelling();
  if (!jobs) return run.skip({}, jobs.error().text());
  for (const std::string& job : *jobs) {
    if (ports_.clock.now() >= latest) {
      run.more = true;
      return;
    }
    for (bool again = true; again;) {
      const auto left = ports_.store.cancel(job, settings_.closed_at_once, ports_.clock.now());
      // Another one may have come to its end first.
      if (!left && left.error().code != Code::conflict && left.error().code != Code::not_found)
        run.skip({}, left.error().text());
      again = left && *left > 0 && settings_.sleep && ports_.clock.now() < until;
    }
  }
}

// Tasks of a labourer that was renamed or removed are looked at by nobody (D-61).
void Essentials::look_for_orphans(RunReport& run, const engine::Labourers& labourers, Time latest) {
  const Time now = ports_.clock.now();
  if (settings_.orphans_every_s <= 0 || now >= latest ||
      (now >= looked_for_orphans_ && now < after(looked_for_orphans_, settings_.orphans_every_s)))
    return;
  looked_for_orphans_ = now;
  // Else only those would be known later that had a job from a Scheduler of ours.
  for (const auto& [id, labourer] : labourers) {
    owed_.orphans_told.erase(id);
    if (remembered_.contains(id)) continue;
    if (ports_.clock.now() >= latest) return;
    if (const auto noted = ports_.tables.gate(id, std::nullopt, std::nullopt); noted)
      remembered_.insert(id);
    else
      run.skip(id, noted.error().text());
  }
  const auto known = ports_.tables.known_labourers();
  if (!known) return run.skip({}, known.error().text());
  for (const auto& id : *known) {
    if (labourers.contains(id) || id.empty()) continue;
    if (ports_.clock.now() >= latest) return;
    const auto status = ports_.tables.status_of(id, kOrphansCounted);
    if (!status) {
      run.skip(id, status.error().text());
      continue;
    }
    std::int64_t live = status->folded;
    bool all = true;
    for (const auto& [state, n] : status->tasks) {
      if (closed(state)) continue;
      live += n;
      all = all && n < kOrphansCounted;
    }
    if (live == 0) continue;
    auto message = fmt::format(
        "labourer {} is not configured and has {}{} tasks that nothing will start: configure it "
        "again, or cancel its jobs",
        id, live, all ? "" : " or more");
    run.skip(id, message);
    if (owed_.orphans_told.insert(id).second)
      owed_.alarms.push_back(
          {0, engine::Alarm::Kind::labourer_removed, id, {}, std::move(message), now});
  }
}

// --- Jobs

void Essentials::make_rows(RunReport& run, const Status& glance, Time until) {
  Names names;
  for (const auto& [id, one] : glance)
    if (one.open_jobs > 0) names.emplace_back(id);
  // Behind the last one: the time may be too short for all, run after run.
  std::rotate(names.begin(), std::upper_bound(names.begin(), names.end(), rows_made_for_),
              names.end());
  // A table with two write units takes a second for each row: what is begun must not outlast the
  // run.
  std::int64_t at_most = kFirstRows;
  for (bool begun = false; !names.empty();) {
    Names open;
    for (const auto name : names) {
      const Time began = ports_.clock.now();
      if (std::exchange(begun, true) && began >= until) {
        run.more = true;
        return;
      }
      const auto pass = scheduler_.continue_jobs({&name, 1}, at_most);
      rows_made_for_ = name;
      run.rows_made += pass.rows;
      for (const auto& [labourer, why] : pass.skipped) {
        run.skip(labourer, why);
        run.failed = true;
      }
      if (pass.more && pass.skipped.empty()) open.push_back(name);
      const Time ended = ports_.clock.now();
      if (ended < after(began, kQuickS))
        at_most = std::min(2 * at_most, settings_.scheduler.make_batch);
      else if (ended > after(began, kSlowS))
        at_most = std::max(at_most / 2, std::int64_t{1});
    }
    names = std::move(open);
  }
}

RunReport Essentials::continue_jobs(const engine::Labourers& labourers, Time until) {
  RunReport run;
  const auto glance = ports_.tables.glance(names_of(labourers));
  if (glance) {
    make_rows(run, *glance, until);
  } else {
    run.failed = true;
    run.skip({}, glance.error().text());
  }
  return run;
}

Result<engine::Accepted> Essentials::schedule(const engine::Labourers& labourers,
                                              const json::value& event, std::string key) {
  return scheduler_.schedule(labourers, event, std::move(key));
}

// --- The WorkerAssistant

Result<json::object> Essentials::assist(const engine::Labourers& labourers,
                                        const json::value& event) {
  engine::WorkerAssistant assistant(
      [&](const Report& report) -> Result<engine::Reported> {
        auto exchanged = ports_.store.exchange({&report, 1}, {}, labourers, ports_.clock.now());
        if (!exchanged) return exchanged.error();
        return exchanged->reported.front();
      },
      ports_.clock, ports_.audit,
      [&](std::string_view task_id, std::string_view claim, std::string_view run) {
        return ports_.tables.start(task_id, claim, run);
      });
  return assistant.call(event);
}

}  // namespace sosw::cloud
