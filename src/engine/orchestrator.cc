// SPDX-License-Identifier: MIT
// See orchestrator.h.
#include "engine/orchestrator.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/guard.h"

namespace sosw::engine {
namespace {

// A refused labourer waits 0.1 s, doubling up to this; a blocked one is probed as rarely at last.
constexpr double kFirstHold = 0.1;
constexpr double kLongestBackOff = 30;
constexpr double kFirstProbe = 1;
constexpr double kLongestProbe = 300;

double hold_s(double first, double longest, int refusals) {
  return std::min(longest, first * std::exp2(std::min(refusals, 30)));
}

}  // namespace

Orchestrator::Orchestrator(TaskStore& store, Invoker& invoker, const EcologyManager& ecology,
                           const Clock& clock, AuditLog* audit, Settings settings)
    : store_(store),
      invoker_(invoker),
      ecology_(ecology),
      clock_(clock),
      audit_(audit),
      settings_(std::move(settings)) {}

bool Orchestrator::held_back(const std::string& id, Time now) const {
  const auto hold = holds_.find(id);
  if (hold == holds_.end()) return false;
  return (hold->second.paused && SOSW_GUARD(paused_is_held)) || hold->second.waits(now);
}

// A clock that was set back must not hold a labourer for longer than any hold can be.
bool Orchestrator::Hold::waits(Time now) const {
  return until > now && until <= after(now, kLongestProbe);
}

int Orchestrator::get_desired_invocation_number_for_labourer(const Labourer& labourer,
                                                             Time now) const {
  if (held_back(labourer.id, now)) return 0;
  const std::optional<int> status = ecology_.status(labourer, now);
  if (!status) return 0;
  const int allowed =
      allowed_invocations(labourer.max_simultaneous_invocations, *status, settings_.coefficients);
  const auto hold = holds_.find(labourer.id);
  // One task is enough to find out whether a blocked labourer works again.
  return hold != holds_.end() && hold->second.blocked ? std::min(allowed, 1) : allowed;
}

Result<Orchestrator::Pass> Orchestrator::orchestrate(const Labourers& labourers,
                                                     std::span<const std::string_view> which,
                                                     std::span<const Report> reports) {
  Pass pass;
  if (!owed_.empty()) give_back(std::exchange(owed_, {}), labourers, pass);

  const Time now = clock_.now();
  std::vector<ClaimRequest> claims;
  for (const std::string_view id : which) {
    const auto found = labourers.find(id);
    if (found == labourers.end()) continue;
    const Labourer& labourer = found->second;
    const int limit = get_desired_invocation_number_for_labourer(labourer, now);
    if (limit < 1) {
      const auto hold = holds_.find(id);
      if (hold != holds_.end() && !hold->second.paused && hold->second.waits(now)) {
        pass.next = pass.next ? std::min(*pass.next, hold->second.until) : hold->second.until;
      }
      continue;
    }
    int at_most = std::min(limit, settings_.claim_batch);
    if (const int free = invoker_.free_slots(labourer); free >= 0 && SOSW_GUARD(host_has_room))
      at_most = std::min(at_most, free);
    if (at_most < 1) continue;
    const double lifetime = labourer.expiry == Expiry::deadline
                                ? labourer.duration_s + labourer.cooldown_s
                                : labourer.timeout_s + labourer.cooldown_s;
    claims.push_back({labourer.id, limit, at_most, after(now, lifetime), labourer.expiry});
  }
  if (reports.empty() && claims.empty()) return pass;

  Result<Exchanged> exchanged = store_.exchange(reports, claims, labourers, now);
  if (!exchanged) return exchanged.error();
  pass.reported = std::move(exchanged->reported);
  pass.held_up = std::move(exchanged->held_up);

  std::map<std::string_view, int> taken;
  for (const Claimed& one : exchanged->claimed) ++taken[one.task.labourer_id];
  for (const ClaimRequest& claim : claims) {
    const int got = taken[claim.labourer_id];
    if (got < claim.at_most) {
      pass.short_of.emplace_back(claim.labourer_id);
    } else if (got == settings_.claim_batch) {
      pass.full_batch = true;
    }
  }
  if (!exchanged->claimed.empty()) invoke(labourers, std::move(exchanged->claimed), pass);
  return pass;
}

void Orchestrator::invoke(const Labourers& labourers, std::vector<Claimed> claimed, Pass& pass) {
  std::vector<Invocation> invocations;
  std::vector<Release> releases;
  std::vector<AuditEvent> events;
  invocations.reserve(claimed.size());
  for (Claimed& one : claimed) {
    const Labourer& labourer = labourers.find(one.task.labourer_id)->second;
    Result<std::string> payload = invocation_payload(one.task, one.claim);
    if (!payload) {
      releases.push_back(
          {one.task.id, one.claim, Release::Why::impossible, payload.error().message});
      pass.skipped.push_back(
          {one.task.labourer_id, fmt::format("task {}: {}", one.task.id, payload.error().message)});
      continue;
    }
    invocations.push_back({one.task.id, one.claim, *std::move(payload), &labourer});
  }
  const std::vector<Invoked> outcomes = invoker_.invoke(invocations);

  const Time now = clock_.now();
  for (std::size_t i = 0; i < invocations.size(); ++i) {
    const Invocation& invocation = invocations[i];
    const Labourer& labourer = *invocation.labourer;
    const Invoked& outcome = outcomes[i];
    switch (outcome.outcome) {
      case Invoked::Outcome::accepted:
        ++pass.started;
        if (const auto hold = holds_.find(labourer.id); hold != holds_.end()) {
          // One that cannot be opened stays to be opened, by the next that starts.
          if (hold->second.blocked) {
            if (auto opened = store_.gate(labourer.id, std::nullopt, ""); opened) {
              hold->second.blocked = false;
              pass.full_batch = true;  // the others need not wait for the next look
            } else {
              pass.skipped.push_back({labourer.id, opened.error().message});
            }
          }
          hold->second.refusals = 0;
        }
        if (audit_ != nullptr) events.push_back({invocation.task_id, "invoked", labourer.id, now});
        break;
      case Invoked::Outcome::unknown:
        // It may run: the claim stays until a report or the expiry.
        if (!SOSW_GUARD(unknown_keeps_its_claim)) {
          releases.push_back(
              {invocation.task_id, invocation.claim, Release::Why::rejected, outcome.reason});
        }
        ++pass.started;
        pass.skipped.push_back(
            {labourer.id, fmt::format("task {}: outcome of the invocation unknown: {}",
                                      invocation.task_id, outcome.reason)});
        break;
      case Invoked::Outcome::rejected_task:
        releases.push_back(
            {invocation.task_id, invocation.claim, Release::Why::impossible, outcome.reason});
        if (audit_ != nullptr) {
          events.push_back({invocation.task_id, "archived_dead", labourer.id, now});
        }
        pass.skipped.push_back(
            {labourer.id, fmt::format("task {}: {}", invocation.task_id, outcome.reason)});
        break;
      case Invoked::Outcome::rejected:
      case Invoked::Outcome::rejected_labourer:
        if (SOSW_GUARD(rejected_is_given_back)) {
          releases.push_back(
              {invocation.task_id, invocation.claim, Release::Why::rejected, outcome.reason});
        }
        hold_back(labourer, outcome.outcome, outcome.reason, now);
        pass.skipped.push_back({labourer.id, outcome.reason});
        break;
    }
  }
  if (audit_ != nullptr && !events.empty()) audit_->append(events);
  for (const auto& [id, hold] : holds_) {
    if (hold.waits(now) && !hold.paused)
      pass.next = pass.next ? std::min(*pass.next, hold.until) : hold.until;
  }
  if (!releases.empty()) give_back(std::move(releases), labourers, pass);
}

void Orchestrator::give_back(std::vector<Release> releases, const Labourers& labourers,
                             Pass& pass) {
  const Time now = clock_.now();
  Result<std::vector<bool>> released = store_.release(releases, labourers, now);
  if (!released) {
    // Nothing runs under these claims: they are owed to the store until it takes them.
    pass.skipped.push_back(
        {"", fmt::format("claims could not be given back: {}", released.error().message)});
    if (!SOSW_GUARD(owed_releases_kept)) return;
    owed_.insert(owed_.end(), std::make_move_iterator(releases.begin()),
                 std::make_move_iterator(releases.end()));
    return;
  }
  pass.may_have_died =
      pass.may_have_died || std::any_of(releases.begin(), releases.end(), [](const Release& one) {
        return one.why != Release::Why::rejected;
      });
}

void Orchestrator::owe(std::vector<Release> claims) {
  owed_.insert(owed_.end(), std::make_move_iterator(claims.begin()),
               std::make_move_iterator(claims.end()));
}

void Orchestrator::hold_back(const Labourer& labourer, Invoked::Outcome outcome,
                             const std::string& reason, Time now) {
  Hold& hold = holds_[labourer.id];
  if (hold.waits(now)) return;  // one refusal of a batch is enough
  if (outcome == Invoked::Outcome::rejected) {
    hold.until = after(now, hold_s(kFirstHold, kLongestBackOff, hold.refusals++));
    return;
  }
  hold.until = after(now, hold_s(kFirstProbe, kLongestProbe, hold.refusals++));
  if (hold.blocked) return;
  hold.blocked = true;
  if (auto stored = store_.gate(labourer.id, std::nullopt, reason); !stored) {
    // Only the display misses it: this object knows, and asks again at the next probe.
    hold.blocked = false;
    return;
  }
  alarms_.push_back({0,
                     Alarm::Kind::labourer_blocked,
                     labourer.id,
                     {},
                     fmt::format("labourer {} is blocked: {}", labourer.id, reason),
                     now});
}

void Orchestrator::look_at_gates(const std::map<std::string, LabourerStatus>& status) {
  // Whoever opened a gate again may be somebody else.
  for (auto& [id, hold] : holds_) hold.paused = hold.blocked = false;
  for (const auto& [id, one] : status) {
    if (!one.paused && one.blocked.empty()) continue;
    Hold& hold = holds_[id];
    hold.paused = one.paused;
    // Found so: it is probed now, or when a refusal that was met here lets it.
    hold.blocked = !one.blocked.empty();
  }
}

std::vector<Alarm> Orchestrator::take_alarms() { return std::exchange(alarms_, {}); }

std::vector<Release> Orchestrator::take_owed() { return std::exchange(owed_, {}); }

}  // namespace sosw::engine
