// SPDX-License-Identifier: MIT
// See protocol_model.h. What a step may do is asked of core: the table of reports, the permitted
// transitions, the fate of an attempt. Long, because the protocol's steps are read as one whole.
#include "simulation/protocol_model.h"

#include <algorithm>
#include <bit>

#include "core/labourer.h"
#include "core/retry.h"

namespace sosw::simulation {
namespace {

using G = ModelGuard;
using Orchestrator = ModelOrchestrator;
using Scavenger = ModelScavenger;
using Assistant = ModelAssistant;

enum class Table : std::uint8_t { tasks, retry, closed };
Table table_of(State state) {
  if (state == State::retry) return Table::retry;
  return closed(state) ? Table::closed : Table::tasks;
}

constexpr std::uint8_t bit(int claim) { return static_cast<std::uint8_t>(1U << (claim - 1)); }
constexpr std::uint8_t letter_bit(Report::Kind kind) {
  return kind == Report::Kind::completed ? 1 : 2;
}

ModelStep step(const char* actor, int number, const char* what, int task = -1, int claim = -1) {
  return {actor, what, static_cast<std::int8_t>(number), static_cast<std::int8_t>(task),
          static_cast<std::int8_t>(claim)};
}

void rest(Orchestrator& one) {
  const bool holder = one.holder;
  const bool sent = one.sent;
  one = {};
  one.holder = holder;
  one.sent = sent;
}

}  // namespace

ProtocolModel::ProtocolModel(const ModelBounds& bounds) : bounds_(bounds) {
  Labourer labourer;
  labourer.max_attempts = bounds.attempts;
  for (int n = 0; n < 5; ++n)
    fate_[static_cast<std::size_t>(n)] = fate_after_attempt(labourer, n, Time{}, 0).state;
  Task task;
  closes_[0] = late_completion_closes(task);
  task.extra["late_at"] = 1;
  closes_[1] = late_completion_closes(task);
  for (unsigned n = 0; n < 8U * 2 * 2 * 2 * 2; ++n) {
    const Found found = {.state = static_cast<State>(n & 7),
                         .claim = (n & 8) != 0 ? ClaimMatch::current : ClaimMatch::older,
                         .silent = (n & 16) != 0,
                         .same_failure = (n & 32) != 0,
                         .late_kept = (n & 64) != 0};
    for (const auto kind : {Report::Kind::completed, Report::Kind::failed}) {
      const ReportEffect does = report_effect(kind, found);
      if (!does.complete && !does.end_attempt && !does.keep_late) continue;
      if (found.state == State::done) done_is_final_ = false;
      const bool current = found.state == State::running && found.claim == ClaimMatch::current;
      if (kind == Report::Kind::failed && !current) old_failures_count_only_ = false;
    }
  }
  for (std::size_t event = 0; event < permitted_.size(); ++event)
    for (std::size_t from = 0; from < 8; ++from)
      for (unsigned to = 0; to < 8; ++to)
        if (permitted(static_cast<State>(from), static_cast<Event>(event), static_cast<State>(to)))
          permitted_[event][from] |= static_cast<std::uint8_t>(1U << to);
}

ModelState ProtocolModel::initial() const {
  ModelState s;
  s.crashes = static_cast<std::uint8_t>(bounds_.crashes);
  s.losses = static_cast<std::uint8_t>(bounds_.losses);
  for (int t = bounds_.tasks; t < kModelTasks; ++t) {
    s.tasks[static_cast<std::size_t>(t)].row.state = State::done;
    s.tasks[static_cast<std::size_t>(t)].recorded = true;
    s.tasks[static_cast<std::size_t>(t)].finished = true;
  }
  return s;
}

bool ProtocolModel::ended(const ModelState& s) const {
  return std::all_of(s.tasks.begin(), s.tasks.end(), [](const ModelTask& task) {
    return closed(task.row.state) &&
           std::all_of(task.letters.begin(), task.letters.end(), [](auto l) { return l == 0; });
  });
}

void ProtocolModel::break_invariant(const char* name) {
  if (broken_ == nullptr) broken_ = name;
}

const char* ProtocolModel::invariant(const ModelState& s) const {
  int running = 0;
  for (const ModelTask& task : s.tasks) {
    const ModelRow& row = task.row;
    if (row.state == State::running && !row.old) ++running;
    if (task.finished && row.state != State::completed && row.state != State::done)
      return "finished_stays_finished";
    int counted = task.claims - task.forgotten;
    for (int k = task.forgotten + 1; k <= task.claims; ++k)
      if ((task.given & bit(k)) != 0) --counted;
    if (row.attempts != counted) return "attempts_exact";
    if (row.attempts > bounds_.attempts) return "attempts_at_most";
    const bool kept =
        task.finished || row.late ||
        std::any_of(task.letters.begin(), task.letters.end(), [](auto l) { return (l & 1) != 0; });
    if (task.recorded && !kept) return "completion_kept";
    if (row.state == State::dead && (row.attempts < bounds_.attempts || row.late))
      return "dead_only_when_used_up";
    // Else no delivery of the current claim could ever start.
    if (row.state == State::running && row.started && (task.ran & bit(row.token)) == 0)
      return "started_by_its_claim";
  }
  if (bounds_.orchestrators > 0 && running > bounds_.limit) return "limit";
  return nullptr;
}

void ProtocolModel::emit(ModelState& next, const ModelStep& what, bool fault) {
  if (broken_ == nullptr) broken_ = invariant(next);
  if (broken_ == nullptr && bounds_.merge) tidy(next);
  out_->push_back({next, what, broken_, fault});
  broken_ = nullptr;
}

// Makes states equal that no later step can tell apart: what can only fail from now on is dropped.
// Only what the guards that are on make certain.
void ProtocolModel::tidy(ModelState& s) const {
  const bool fence = !bounds_.python_workers && on(G::start_fence) && on(G::start_nonce);
  const bool by_claim = old_failures_count_only_ && !bounds_.python_workers && on(G::claim_token) &&
                        on(G::fail_claim);
  for (ModelTask& task : s.tasks) {
    const State state = task.row.state;
    if (state == State::done && done_is_final_) {
      task.row = {.state = state, .attempts = task.row.attempts};
      task.ran = task.said_done = task.said_failed = 0;
      task.lapsed = 0;
      if (on(G::replay_dead)) task.listed = task.replayed = false;
      if (fence) task.invoked = 0;
      if (fence && on(G::replay_dead))
        task.row.attempts = task.claims = task.forgotten = task.given = 0;
      continue;
    }
    if (state == State::queued) task.row.failed = false;
    if (state == State::queued && on(G::claim_started)) task.row.started = false;
    for (int k = 1; k <= task.claims; ++k) {
      if (state == State::running && task.row.token == k) continue;
      const auto rest = static_cast<std::uint8_t>(~bit(k));
      if (fence) task.invoked &= rest;
      if (fence && by_claim && !bounds_.contradict && (task.said_failed & bit(k)) != 0) {
        task.ran &= rest;
        task.said_failed &= rest;
      } else if (fence && !bounds_.contradict && (task.said_done & bit(k)) != 0) {
        task.ran &= rest;
      }
    }
    if (!bounds_.python_workers) task.lapsed = 0;
  }
  if (fence && on(G::release_claim) && on(G::release_started)) {
    for (ModelTask& task : s.tasks) {  // how many, not which: they never ran and never will
      const int given = std::popcount(static_cast<unsigned>(task.given >> task.forgotten));
      if (task.forgotten == 0) task.given = static_cast<std::uint8_t>((1 << given) - 1);
    }
  }
  const auto runs = [&](int t, int k) {
    const ModelRow& row = s.tasks[static_cast<std::size_t>(t)].row;
    return row.state == State::running && row.token == k;
  };
  const auto forget = [&](auto& pending) {
    for (int t = 0; t < kModelTasks; ++t) {
      auto& k = pending[static_cast<std::size_t>(t)];
      if (!runs(t, k) || s.tasks[static_cast<std::size_t>(t)].row.old) k = 0;
    }
  };
  const auto bound_to_fail = [&](const auto& claim) {
    return (on(G::lease_seq) && !claim.seq) || (on(G::lease_epoch) && !claim.epoch);
  };
  forget(s.pending);
  if (s.air.present) forget(s.air.pending);
  if (s.air.present && bound_to_fail(s.air)) {
    s.air = {};
    for (Orchestrator& one : s.orchestrators) one.sent = one.mine = false;
  }
  for (Orchestrator& one : s.orchestrators) {
    forget(one.pending);
    switch (one.at) {
      case Orchestrator::At::idle:
        break;
      case Orchestrator::At::taken:
      case Orchestrator::At::counted:
        if (!one.mine && bound_to_fail(one)) rest(one);
        break;
      case Orchestrator::At::unanswered:
      case Orchestrator::At::claimed:
        if (fence && on(G::release_claim) && on(G::release_completed) && !runs(one.task, one.claim))
          rest(one);
        break;
      case Orchestrator::At::rejected:
        if (on(G::release_claim) && on(G::release_completed) && !runs(one.task, one.claim))
          rest(one);
        break;
    }
  }
}

// The row of task t becomes `to`. Copies that were read before it are old from now on: where the
// write of a copy compares it, it is bound to fail and its holder as good as idle.
void ProtocolModel::change(ModelState& s, int t, Event event, State from, const ModelRow& to) {
  if ((permitted_[static_cast<std::size_t>(event)][static_cast<std::size_t>(from)] >>
           static_cast<unsigned>(to.state) &
       1) == 0)
    break_invariant("permitted");
  ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
  const auto counts_as_done = [](State state) {
    return state == State::completed || state == State::done;
  };
  if (counts_as_done(to.state) && !counts_as_done(task.row.state) && task.said_done == 0)
    break_invariant("done_was_said");
  const ModelRow before = task.row;
  task.row = to;
  const auto age = [&](auto& one, bool compared) {
    if (one.task != t || one.stale) return;
    if (compared) {
      one = {};
    } else {
      one.stale = true;
      one.copy = before;
    }
  };
  for (Scavenger& one : s.scavengers) {
    switch (one.at) {
      case Scavenger::At::idle:
        break;
      case Scavenger::At::expire:
        age(one, on(G::expire_same));
        break;
      case Scavenger::At::archive:
        age(one, on(G::archive_same));
        break;
      case Scavenger::At::requeue:
        age(one, on(G::requeue_same));
        break;
      case Scavenger::At::completion:
      case Scavenger::At::failure:
        age(one, on(G::report_same));
        break;
    }
  }
  for (Assistant& one : s.assistants)
    if (one.at == Assistant::At::write) age(one, on(G::report_same));
}

// One transaction: Delete where `copy` was read (`same`: compared), Put `to` (`absent`: where no
// row is).
bool ProtocolModel::move(ModelState& s, int t, Event event, const ModelRow& copy, ModelRow to,
                         bool same, bool absent) {
  const ModelRow& base = s.tasks[static_cast<std::size_t>(t)].row;
  if (!same) return false;
  const Table target = table_of(to.state);
  const bool taken = table_of(base.state) == target;
  if (absent && taken) return false;
  if (table_of(base.state) != table_of(copy.state) && !taken) break_invariant("one_place");
  if (target == Table::closed && taken) break_invariant("closed_once");
  to.old = to.parked = false;
  if (on(G::claim_started)) to.started = false;  // as good as: the next claim does
  change(s, t, event, copy.state, to);
  return true;
}

void ProtocolModel::crash(ModelState& next, const ModelStep& what) {
  --next.crashes;
  emit(next, what, true);
}

void ProtocolModel::successors(const ModelState& s, std::vector<Successor>& out) {
  out_ = &out;
  broken_ = nullptr;
  for (int t = 0; t < kModelTasks; ++t) {
    environment(s, t);
    if (bounds_.orchestrators == 0) claim_atomically(s, t);
  }
  for (int i = 0; i < bounds_.orchestrators; ++i) orchestrate(s, i);
  if (bounds_.orchestrators > 0) {
    land(s);
    if (!s.lapsed) {
      ModelState next = s;
      next.lapsed = true;
      emit(next, step("time", -1, "the lease runs out"));
    }
  }
  for (int i = 0; i < std::max(bounds_.scavengers, 1); ++i) {
    const Scavenger& one = s.scavengers[static_cast<std::size_t>(i)];
    if (one.at == Scavenger::At::idle) {
      for (int t = 0; t < kModelTasks; ++t) scavenge(s, i, t);
      continue;
    }
    ModelState next = s;
    next.scavengers[static_cast<std::size_t>(i)] = {};
    Scavenger work = one;
    if (!work.stale) work.copy = s.tasks[work.task].row;
    finish(next, work);
    emit(next, step("Scavenger", i, "writes what it had in mind", work.task));
    if (s.crashes > 0) {
      next = s;
      next.scavengers[static_cast<std::size_t>(i)] = {};
      crash(next, step("Scavenger", i, "crashes"));
    }
  }
  for (int i = 0; i < std::max(bounds_.assistants, 1); ++i) {
    const Assistant& one = s.assistants[static_cast<std::size_t>(i)];
    if (one.at == Assistant::At::idle) {
      for (int t = 0; t < kModelTasks; ++t) {
        const ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
        for (int k = 1; k <= task.claims; ++k) {
          if ((task.said_done & bit(k)) != 0) report(s, i, t, k, Report::Kind::completed);
          if ((task.said_failed & bit(k)) != 0) report(s, i, t, k, Report::Kind::failed);
        }
      }
      continue;
    }
    ModelState next = s;
    next.assistants[static_cast<std::size_t>(i)] = {};
    if (one.at == Assistant::At::letter) {
      put_letter(next, one.task, one.claim, one.kind);
      emit(next, step("WorkerAssistant", i, "leaves a letter", one.task, one.claim));
    } else {
      const ModelRow copy = one.stale ? one.copy : s.tasks[one.task].row;
      apply_report(next, one.task, one.claim, one.kind, copy);
      emit(next, step("WorkerAssistant", i, "writes by the table", one.task, one.claim));
    }
    if (s.crashes > 0) {
      next = s;
      next.assistants[static_cast<std::size_t>(i)] = {};
      crash(next, step("WorkerAssistant", i, "crashes"));
    }
  }
}

// --- Time, workers, people, a Python Orchestrator

void ProtocolModel::environment(const ModelState& s, int t) {
  const ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
  const auto change_task = [&](auto&& what, const ModelStep& label) {
    ModelState next = s;
    what(next.tasks[static_cast<std::size_t>(t)]);
    emit(next, label);
  };
  if (task.row.state == State::running && !task.row.old)
    change_task([](ModelTask& x) { x.row.old = true; },
                step("time", -1, "the attempt expires", t, task.row.token));
  for (int k = 1; k <= task.claims; ++k) {
    if ((task.invoked & bit(k)) != 0) run_worker(s, t, k);
    if ((task.ran & bit(k)) == 0) continue;
    const bool done = (task.said_done & bit(k)) != 0;
    const bool failed = (task.said_failed & bit(k)) != 0;
    if (!done && (bounds_.contradict || !failed))
      change_task([&](ModelTask& x) { x.said_done |= bit(k); },
                  step("worker", -1, "succeeds and says so, once or more", t, k));
    if (!failed && (bounds_.contradict || !done))
      change_task([&](ModelTask& x) { x.said_failed |= bit(k); },
                  step("worker", -1, "fails and says so, once or more", t, k));
  }
  if (bounds_.replays > 0 && !task.replayed && task.claims + bounds_.attempts <= bounds_.claims) {
    if (task.row.state == State::dead && !task.listed)
      change_task([](ModelTask& x) { x.listed = true; },
                  step("operator", -1, "sees a dead task", t));
    if (task.listed && (!on(G::replay_dead) || task.row.state == State::dead)) {
      ModelState next = s;
      ModelTask& replayed = next.tasks[static_cast<std::size_t>(t)];
      ModelRow to = task.row;
      to.state = State::queued;
      to.attempts = 0;
      to.failed = to.started = to.old = false;
      replayed.forgotten = replayed.claims;
      replayed.replayed = true;
      replayed.listed = false;
      change(next, t, Event::replay, State::dead, to);
      emit(next, step("operator", -1, "replays it", t));
    }
  }
  if (task.row.parked) {
    ModelState next = s;
    break_invariant("finished_never_starts");
    emit(next, step("Python Orchestrator", -1, "starts what has a position", t));
  }
}

void ProtocolModel::run_worker(const ModelState& s, int t, int k) {
  ModelState next = s;
  ModelTask& task = next.tasks[static_cast<std::size_t>(t)];
  const bool fence = !bounds_.python_workers && on(G::start_fence);
  if (fence) {
    if (task.row.state != State::running || task.row.token != k) return;
    if (on(G::start_nonce) && task.row.started) return;
    ModelRow to = task.row;
    to.started = true;
    change(next, t, Event::start, task.row.state, to);
  }
  if ((task.given & bit(k)) != 0) break_invariant("given_back_never_runs");
  if (!bounds_.python_workers) {
    if (task.finished) break_invariant("finished_never_starts");
    if ((task.ran & bit(k)) != 0) break_invariant("claim_runs_once");
  } else if ((task.ran & bit(k)) != 0 && broken_ == nullptr) {
    return;  // again: says nothing that it could not say before
  }
  task.ran |= bit(k);
  emit(next, step("worker", -1, "gets the task and runs", t, k));
}

// --- Orchestrators

bool ProtocolModel::claim_row(ModelState& s, int t, int attempts) {
  ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
  const ModelRow& row = task.row;
  if (table_of(row.state) != Table::tasks || task.claims >= bounds_.claims) return false;
  if (on(G::claim_position) && row.state != State::queued && !row.parked) return false;
  if (on(G::claim_attempts) && row.attempts != attempts) return false;
  if (on(G::claim_completed) && row.state == State::completed) return false;
  if (task.finished || row.late) break_invariant("finished_never_starts");
  ModelRow to = row;
  to.state = State::running;
  to.attempts = static_cast<std::uint8_t>(attempts + 1);
  to.token = ++task.claims;
  to.old = to.failed = to.parked = false;
  if (on(G::claim_started)) to.started = false;
  // What it read was queued; a mistake shows in the other invariants.
  change(s, t, Event::claim, State::queued, to);
  return true;
}

bool ProtocolModel::release_row(ModelState& s, int t, int k, int attempts) {
  ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
  const ModelRow& row = task.row;
  if (table_of(row.state) != Table::tasks) return false;
  const bool current = row.token == k && row.state != State::failed && row.state != State::queued;
  if (on(G::release_claim) && !current) return false;
  if (on(G::release_started) && row.started) return false;
  if (on(G::release_completed) && row.state == State::completed) return false;
  if (on(G::release_late) && row.late) return false;
  ModelRow to = row;
  to.state = State::queued;
  to.attempts = static_cast<std::uint8_t>(attempts);
  to.token = 0;
  to.old = to.started = to.failed = to.parked = false;
  if ((task.ran & bit(k)) != 0) break_invariant("started_is_not_given_back");
  task.given |= bit(k);
  change(s, t, Event::release, State::running, to);
  return true;
}

void ProtocolModel::claim_atomically(const ModelState& s, int t) {
  ModelState next = s;
  if (s.tasks[static_cast<std::size_t>(t)].row.state != State::queued) return;
  if (!claim_row(next, t, s.tasks[static_cast<std::size_t>(t)].row.attempts)) return;
  ModelTask& task = next.tasks[static_cast<std::size_t>(t)];
  task.invoked |= bit(task.claims);
  emit(next, step("Orchestrator", -1, "claims and invokes", t, task.claims));
}

void ProtocolModel::orchestrate(const ModelState& s, int i) {
  const auto index = static_cast<std::size_t>(i);
  const Orchestrator& one = s.orchestrators[index];
  const auto label = [&](const char* what, int k = -1) {
    return step("Orchestrator", i, what, one.at >= Orchestrator::At::counted ? one.task : -1, k);
  };
  ModelState next = s;
  Orchestrator& me = next.orchestrators[index];
  switch (one.at) {
    case Orchestrator::At::idle: {
      if (!s.lapsed && !one.holder) return;
      if (std::none_of(s.tasks.begin(), s.tasks.end(), [](const ModelTask& task) {
            return task.row.state == State::queued || task.row.parked;
          }))
        return;
      if (!one.holder) {
        for (Orchestrator& each : next.orchestrators) each.holder = each.epoch = false;
        next.air.epoch = false;
        me.holder = true;
      }
      next.lapsed = false;
      ModelState unheard = next;
      me.at = Orchestrator::At::taken;
      me.epoch = me.seq = true;
      me.pending = next.pending;
      emit(next, label("takes the lease"));
      if (s.losses > 0) {
        --unheard.losses;
        emit(unheard, label("takes the lease, but the answer is lost"), true);
      }
      return;
    }
    case Orchestrator::At::taken: {
      // The index may show any queued image that there was, and no running one; what is pending is
      // looked up in base rows.
      int busy = 0;
      for (std::size_t t = 0; t < kModelTasks; ++t) {
        const ModelRow& row = s.tasks[t].row;
        const bool runs = me.pending[t] != 0 && row.state == State::running && !row.old &&
                          row.token == me.pending[t];
        if (runs) ++busy;
        if (!runs || !on(G::lease_pending)) me.pending[t] = 0;
      }
      if (!on(G::lease_pending)) busy = 0;
      for (int t = 0; t < kModelTasks && busy < bounds_.limit; ++t) {
        const ModelRow& row = s.tasks[static_cast<std::size_t>(t)].row;
        if (me.pending[static_cast<std::size_t>(t)] != 0) continue;
        const bool shown = row.state == State::queued || row.parked;
        const bool image = row.state == State::running || row.state == State::failed;
        if (!shown && (!image || row.attempts == 0)) continue;
        ModelState planned = next;
        Orchestrator& mine = planned.orchestrators[index];
        mine.at = Orchestrator::At::counted;
        mine.task = static_cast<std::uint8_t>(t);
        mine.attempts = static_cast<std::uint8_t>(shown ? row.attempts : row.attempts - 1);
        emit(planned, step("Orchestrator", i,
                           shown ? "counts and means to claim"
                                 : "counts and means to claim what an old index image shows",
                           t));
      }
      rest(me);
      emit(next, label("finds nothing to start"));
      break;
    }
    case Orchestrator::At::counted:
      send_claim(s, i);
      break;
    case Orchestrator::At::unanswered: {
      me.at = Orchestrator::At::claimed;
      emit(next,
           label("repeats the claim under the same token and hears that it is done", one.claim));
      next = s;
      rest(me);
      emit(next, label("repeats the claim too late for the token and gives it up", one.claim));
      break;
    }
    case Orchestrator::At::claimed: {
      ModelTask& task = next.tasks[one.task];
      rest(me);
      task.invoked |= bit(one.claim);
      emit(next, label("invokes: accepted, or no certain answer", one.claim));
      // A rejection only while the task has claims enough for its attempts: the bound of the model
      // is no dead end of the protocol.
      const int left = bounds_.attempts - one.attempts;
      if (task.claims + left > bounds_.claims) break;
      next = s;
      me.at = Orchestrator::At::rejected;
      me.epoch = me.seq = false;
      me.pending = {};
      ModelState delivered = next;
      emit(next, label("invokes: rejected", one.claim));
      if (bounds_.python_workers && on(G::delivery_not_outcome)) break;
      delivered.tasks[one.task].invoked |= bit(one.claim);
      emit(delivered,
           label(bounds_.python_workers ? "invokes: a 5xx, though it arrived, taken as rejection"
                                        : "invokes: rejected, yet delivered",
                 one.claim));
      break;
    }
    case Orchestrator::At::rejected: {
      release_row(next, one.task, one.claim, one.attempts);
      ModelState unheard = next;
      rest(me);
      emit(next, label("releases the claim", one.claim));
      if (s.losses > 0) {
        --unheard.losses;
        emit(unheard, label("releases the claim, but the answer is lost", one.claim), true);
      }
      break;
    }
  }
  if (s.crashes > 0) {
    next = s;
    // Its next run has another name; the lease it holds must run out.
    if (on(G::lease_name)) {
      next.orchestrators[index] = {};
    } else {
      rest(me);
    }
    crash(next, label("crashes"));
  }
}

void ProtocolModel::send_claim(const ModelState& s, int i) {
  const auto index = static_cast<std::size_t>(i);
  const Orchestrator& one = s.orchestrators[index];
  const auto label = [&](const char* what, int k = -1) {
    return step("Orchestrator", i, what, one.task, k);
  };
  ModelState next = s;
  Orchestrator& me = next.orchestrators[index];
  const bool leased = (!on(G::lease_holder) || one.holder) && (!on(G::lease_epoch) || one.epoch) &&
                      (!on(G::lease_seq) || one.seq);
  if (leased && claim_row(next, one.task, one.attempts)) {
    const std::uint8_t k = next.tasks[one.task].claims;
    next.pending = one.pending;
    next.pending[one.task] = k;
    for (Orchestrator& each : next.orchestrators) each.seq = false;
    next.air.seq = false;
    if (one.mine) {  // the same token: what is in the air will change nothing
      next.air = {};
      me.sent = me.mine = false;
    }
    me.at = Orchestrator::At::claimed;
    me.claim = k;
    me.epoch = me.seq = false;
    me.pending = {};
    ModelState unheard = next;
    const char* broken = broken_;
    emit(next, label("claims", k));
    if (s.losses > 0 && broken == nullptr) {
      --unheard.losses;
      Orchestrator& deaf = unheard.orchestrators[index];
      deaf.at = Orchestrator::At::unanswered;
      if (!on(G::claim_repeat)) rest(deaf);
      emit(unheard, label("claims, but the answer is lost", k), true);
    }
  } else {
    rest(me);
    emit(next, label("claims in vain: a condition does not hold"));
  }
  if (s.losses > 0 && !s.air.present) {
    next = s;
    --next.losses;
    next.air = {.present = true,
                .task = one.task,
                .attempts = one.attempts,
                .pending = one.pending,
                .epoch = one.epoch,
                .seq = one.seq};
    me.sent = me.mine = true;
    if (!on(G::claim_repeat)) rest(me);
    emit(next, label("sends a claim that arrives later, and hears nothing"), true);
  }
}

// The delayed request arrives.
void ProtocolModel::land(const ModelState& s) {
  if (!s.air.present) return;
  ModelState next = s;
  bool holder = false;
  bool mine = false;
  std::size_t sender = 0;
  for (std::size_t i = 0; i < kModelActors; ++i) {
    Orchestrator& one = next.orchestrators[i];
    if (!one.sent) continue;
    sender = i;
    holder = one.holder;
    mine = one.mine;
    one.sent = one.mine = false;
  }
  const bool leased = (!on(G::lease_holder) || holder) && (!on(G::lease_epoch) || s.air.epoch) &&
                      (!on(G::lease_seq) || s.air.seq);
  if (leased && claim_row(next, s.air.task, s.air.attempts)) {
    const std::uint8_t k = next.tasks[s.air.task].claims;
    next.pending = s.air.pending;
    next.pending[s.air.task] = k;
    for (Orchestrator& each : next.orchestrators) each.seq = false;
    if (mine) {
      Orchestrator& one = next.orchestrators[sender];
      one.at = Orchestrator::At::unanswered;
      one.claim = k;
      one.epoch = false;
      one.pending = {};
    }
    next.air = {};
    emit(next, step("network", -1, "the delayed claim arrives and takes effect", s.air.task, k));
  } else {
    next.air = {};
    emit(next, step("network", -1, "the delayed claim arrives in vain", s.air.task));
  }
}

// --- Reports

ReportEffect ProtocolModel::effect(const ModelRow& row, int k, Report::Kind kind) const {
  ClaimMatch match = row.token == k ? ClaimMatch::current : ClaimMatch::older;
  if (!on(G::claim_token)) match = ClaimMatch::current;
  if (bounds_.python_workers) match = ClaimMatch::none;
  ReportEffect does = report_effect(kind, {.state = row.state,
                                           .claim = match,
                                           .silent = row.silent && on(G::silent),
                                           .same_failure = row.failed && row.token == k,
                                           .late_kept = row.late});
  if (!on(G::late_kept)) does.keep_late = false;
  return does;
}

void ProtocolModel::report(const ModelState& s, int i, int t, int k, Report::Kind kind) {
  const auto index = static_cast<std::size_t>(i);
  const ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
  const ModelRow& row = task.row;
  const int number = bounds_.assistants > 0 ? i : -1;
  const bool completes = kind == Report::Kind::completed;
  const auto label = [&](const char* what) { return step("WorkerAssistant", number, what, t, k); };
  ModelState next = s;
  if (table_of(row.state) != Table::tasks) {
    // A letter about a finished task is answered `already`; a failure's letter moves nothing where
    // reports carry their claim.
    if (row.state == State::done && done_is_final_) return;
    if (!completes && old_failures_count_only_ && !bounds_.python_workers && !bounds_.contradict)
      return;
    if (bounds_.assistants == 0) {
      put_letter(next, t, k, kind);
      emit(next, label("finds no row and leaves a letter"));
      return;
    }
    next.assistants[index] = {.at = Assistant::At::letter,
                              .kind = kind,
                              .task = static_cast<std::uint8_t>(t),
                              .claim = static_cast<std::uint8_t>(k)};
    emit(next, label(completes ? "finds no row for a completion" : "finds no row for a failure"));
    return;
  }
  // The first request compares the claim itself, and so needs none where the worker has none.
  const bool compared = on(completes ? G::complete_claim : G::fail_claim);
  const bool first =
      row.state == State::running && (compared ? row.token == k && !bounds_.python_workers : true);
  if (first) {
    ReportEffect does =
        report_effect(kind, {.state = State::running, .claim = ClaimMatch::current});
    if (!on(G::fail_ends)) does.end_attempt = false;
    write_report(next, t, k, kind, does, {.state = State::running});
    if (next.tasks[static_cast<std::size_t>(t)].row.state == State::running)
      break_invariant("own_report_ends_attempt");
    emit(next, label(completes ? "records a completion" : "records a failure"));
    return;
  }
  const ReportEffect does = effect(row, k, kind);
  if (!does.complete && !does.end_attempt && !does.keep_late) {
    if (completes && does.answer != Answer::already && !task.recorded) {
      next.tasks[static_cast<std::size_t>(t)].recorded = true;
      emit(next, label("answers a completion, and changes nothing"));
    } else if (completes && bounds_.contradict && !task.recorded) {
      next.tasks[static_cast<std::size_t>(t)].recorded = true;
      emit(next, label("answers a completion `already`, and changes nothing"));
    }
    return;
  }
  if (bounds_.assistants == 0) {
    apply_report(next, t, k, kind, row);
    emit(next, label("applies a report by the table"));
    return;
  }
  next.assistants[index] = {.at = Assistant::At::write,
                            .kind = kind,
                            .task = static_cast<std::uint8_t>(t),
                            .claim = static_cast<std::uint8_t>(k)};
  emit(next, label(completes ? "reads the row for a completion" : "reads the row for a failure"));
}

void ProtocolModel::put_letter(ModelState& s, int t, int k, Report::Kind kind) {
  ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
  if (task.row.state == State::done && done_is_final_) return;
  if (kind == Report::Kind::completed) task.recorded = true;
  if (!on(G::letter)) return;
  std::uint8_t& letter = task.letters[bounds_.python_workers ? 0 : static_cast<std::size_t>(k)];
  letter =
      static_cast<std::uint8_t>(on(G::letter_kind) ? letter | letter_bit(kind) : letter_bit(kind));
}

// Does what the table says about `copy`, which may be an old one.
bool ProtocolModel::apply_report(ModelState& s, int t, int k, Report::Kind kind,
                                 const ModelRow& copy) {
  return write_report(s, t, k, kind, effect(copy, k, kind), copy);
}

bool ProtocolModel::write_report(ModelState& s, int t, int k, Report::Kind kind,
                                 const ReportEffect& does, const ModelRow& copy) {
  ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
  const Table table = table_of(copy.state);
  if (table == Table::retry) {
    ModelRow to = copy;
    to.state = State::done;
    if (does.end_attempt) break_invariant("permitted");  // none runs
    if (does.end_attempt) break_invariant("permitted");  // none runs
    if (!does.complete || !move(s, t, Event::complete, copy, to, true, true)) return false;
    task.recorded = task.finished = true;
    return true;
  }
  if (table_of(task.row.state) != table) return false;
  if (kind == Report::Kind::completed) task.recorded = true;  // whatever becomes of it
  // An update sets single attributes of the row that is there.
  ModelRow to = task.row;
  const bool ends_other = task.row.state == State::running && task.row.token != k;
  if (does.complete) {
    to.state = table == Table::closed ? State::done : State::completed;
    to.parked = task.row.state == State::queued && !on(G::late_position);
    if (ends_other && !bounds_.python_workers) break_invariant("report_ends_its_claim");
    change(s, t, Event::complete, copy.state, to);
    task.finished = true;
  } else if (does.end_attempt) {
    to.state = State::failed;
    to.failed = true;
    // Without claim only this is promised: the failure of an attempt that had expired ends no
    // other.
    if (ends_other && (!bounds_.python_workers || (k > 0 && (task.lapsed & bit(k)) != 0)))
      break_invariant("report_ends_its_claim");
    change(s, t, Event::fail, copy.state, to);
  } else if (does.keep_late) {
    to.late = true;
    change(s, t, Event::complete, copy.state, to);
  }
  return true;
}

// --- Scavengers

void ProtocolModel::scavenge(const ModelState& s, int i, int t) {
  const ModelTask& task = s.tasks[static_cast<std::size_t>(t)];
  const ModelRow& row = task.row;
  const int number = bounds_.scavengers > 0 ? i : -1;
  const auto can = [&](Scavenger::At at, const char* what, int k = -1) {
    Scavenger work;
    work.at = at;
    work.task = static_cast<std::uint8_t>(t);
    work.claim = static_cast<std::uint8_t>(std::max(k, 0));
    begin(s, i, work, step("Scavenger", number, what, t, k));
  };
  if ((row.state == State::running && row.old) || row.state == State::failed)
    can(Scavenger::At::expire, "finds an ended attempt");
  if (row.state == State::completed) can(Scavenger::At::archive, "finds a completed task");
  if (row.state == State::retry) can(Scavenger::At::requeue, "finds a retry that is due");
  for (int k = 0; k <= kModelClaims; ++k) {
    const std::uint8_t letter = task.letters[static_cast<std::size_t>(k)];
    if ((letter & 1) != 0) can(Scavenger::At::completion, "finds the letter of a completion", k);
    if ((letter & 2) != 0) can(Scavenger::At::failure, "finds the letter of a failure", k);
  }
}

void ProtocolModel::begin(const ModelState& s, int i, const Scavenger& work,
                          const ModelStep& label) {
  ModelState next = s;
  if (bounds_.scavengers == 0) {
    Scavenger now = work;
    now.copy = s.tasks[work.task].row;
    if (!finish(next, now)) return;
  } else {
    next.scavengers[static_cast<std::size_t>(i)] = work;
    if (work.at >= Scavenger::At::completion && !on(G::letter_transaction))
      next.tasks[work.task].letters[work.claim] = 0;
  }
  emit(next, label);
}

// The one write of a Scavenger's piece of work. False: a condition does not hold.
bool ProtocolModel::finish(ModelState& s, const Scavenger& work) {
  const int t = work.task;
  ModelTask& task = s.tasks[work.task];
  const ModelRow base = task.row;
  ModelRow to = work.copy;
  switch (work.at) {
    case Scavenger::At::idle:
      return false;
    case Scavenger::At::expire: {
      to.state = closes_[work.copy.late || !on(G::expire_done) ? 1 : 0] ? State::done
                                                                        : fate_[work.copy.attempts];
      if (work.copy.state == State::running) to.silent = true;
      const ModelTask before = task;
      if (!move(s, t, Event::expire, work.copy, to, true, on(G::expire_absent))) return false;
      if (to.state == State::done) task.finished = true;
      if (before.row.state == State::running && work.copy.state == State::running)
        task.lapsed |= bit(work.copy.token);
      return true;
    }
    case Scavenger::At::archive:
      to.state = State::done;
      return move(s, t, Event::archive, work.copy, to, true, on(G::archive_absent));
    case Scavenger::At::requeue:
      to.state = State::queued;
      to.failed = false;
      return move(s, t, Event::due, work.copy, to,
                  !on(G::requeue_same) ||
                      (base.state == State::retry && base.attempts == work.copy.attempts &&
                       base.token == work.copy.token),
                  on(G::requeue_absent));
    case Scavenger::At::completion:
    case Scavenger::At::failure: {
      const Report::Kind kind =
          work.at == Scavenger::At::completion ? Report::Kind::completed : Report::Kind::failed;
      // Letters without claim are compared as such; the number is for the invariants only.
      const int k = work.claim;
      const ReportEffect does = effect(work.copy, k, kind);
      const bool nothing = !does.complete && !does.end_attempt && !does.keep_late;
      if (!nothing && !apply_report(s, t, k, kind, work.copy)) return false;
      std::uint8_t& letter = task.letters[work.claim];
      letter = static_cast<std::uint8_t>(on(G::letter_kind) ? letter & ~letter_bit(kind)
                                                            : std::uint8_t{0});
      return true;
    }
  }
  return false;
}

}  // namespace sosw::simulation
