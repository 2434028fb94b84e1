// SPDX-License-Identifier: MIT
// The table of transitions, and what a report does.
#include "core/lifecycle.h"

#include <algorithm>
#include <array>

#include "core/guard.h"

namespace sosw {
namespace {

using S = State;
using E = Event;

constexpr std::array kTransitions = std::to_array<Transition>({
    {std::nullopt, E::make, "first open job, below the watermark", S::queued},
    {std::nullopt, E::make, "payload too large for any worker", S::dead},

    {S::queued, E::claim, "fewer than the limit run", S::running},
    {S::running, E::start, "its claim is current (AWS)", S::running},

    {S::running, E::release, "rejected for certain, or the host died", S::queued},
    {S::running, E::release, "interrupted too often, attempts left", S::retry},
    {S::running, E::release, "interrupted too often, no attempt left", S::dead},
    {S::running, E::release, "a late completion was kept", S::done},
    {S::running, E::release, "its job is cancelled", S::cancelled},
    {S::running, E::reject, "no worker can ever take it", S::dead},
    {S::running, E::reject, "a late completion was kept", S::done},

    {S::running, E::complete, "at once", S::done},
    {S::running, E::complete, "in two steps", S::completed},
    {S::running, E::complete, "older claim: kept in late_at", S::running},
    {S::failed, E::complete, "older claim: kept in late_at", S::failed},
    {S::failed, E::complete, "late, by the same attempt or without claim", S::done},
    {S::failed, E::complete, "late, by the same attempt or without claim, in two steps",
     S::completed},
    {S::queued, E::complete, "late", S::done},
    {S::queued, E::complete, "late, in two steps", S::completed},
    {S::retry, E::complete, "late", S::done},
    {S::dead, E::complete, "late", S::done},
    {S::cancelled, E::complete, "late", S::done},

    {S::running, E::fail, "moved by the Scavenger (AWS)", S::failed},
    {S::running, E::fail, "attempts left", S::retry},
    {S::running, E::fail, "no attempt left", S::dead},
    {S::running, E::fail, "a late completion was kept", S::done},
    {S::running, E::fail, "older claim, or none after a silent attempt: counted", S::running},
    {S::failed, E::fail, "older claim, or none: counted", S::failed},
    {S::queued, E::fail, "stale: counted", S::queued},
    {S::retry, E::fail, "stale: counted", S::retry},

    {S::running, E::expire, "attempts left", S::retry},
    {S::running, E::expire, "no attempt left", S::dead},
    {S::running, E::expire, "a late completion was kept", S::done},
    {S::failed, E::expire, "attempts left", S::retry},
    {S::failed, E::expire, "no attempt left", S::dead},
    {S::failed, E::expire, "a late completion was kept", S::done},

    {S::retry, E::due, "its time has come", S::queued},
    {S::completed, E::archive, "", S::done},
    {S::dead, E::replay, "by hand", S::queued},
    {S::queued, E::cancel, "its job is cancelled", S::cancelled},
    {S::retry, E::cancel, "its job is cancelled", S::cancelled},
});

constexpr ReportEffect nothing(Answer answer) { return {.answer = answer}; }
constexpr ReportEffect completes(Answer answer) { return {.answer = answer, .complete = true}; }
constexpr ReportEffect counts() { return {.answer = Answer::stale, .count_failure = true}; }

ReportEffect completion_effect(const Found& found) {
  const ReportEffect kept = {.answer = Answer::stale, .keep_late = !found.late_kept};
  switch (found.state) {
    case S::running:
      return found.claim == ClaimMatch::older && SOSW_GUARD(older_completion_only_kept)
                 ? kept
                 : completes(Answer::applied);
    case S::failed:
      // The same claim may have been delivered twice: one run of the two has done the work.
      return found.claim == ClaimMatch::older ? kept : completes(Answer::late);
    case S::queued:
    case S::retry:
    case S::dead:
    case S::cancelled:
      return SOSW_GUARD(late_completion_counts) ? completes(Answer::late) : nothing(Answer::stale);
    case S::completed:
    case S::done:
      return nothing(Answer::already);
  }
  return nothing(Answer::unknown);
}

ReportEffect failure_effect(const Found& found) {
  const bool current = found.claim == ClaimMatch::current;
  switch (found.state) {
    case S::running:
      if (current || !SOSW_GUARD(older_failure_ends_nothing) ||
          (found.claim == ClaimMatch::none && !(SOSW_GUARD(silent_attempt) && found.silent)))
        return {.answer = Answer::applied, .end_attempt = true, .count_failure = true};
      return counts();
    case S::failed:
      return current ? nothing(Answer::already) : counts();
    case S::queued:
      return counts();
    case S::retry:
      return current && found.same_failure ? nothing(Answer::already) : counts();
    case S::completed:
    case S::done:
    case S::dead:
    case S::cancelled:
      if (!SOSW_GUARD(closed_stays_closed)) return {.answer = Answer::applied, .end_attempt = true};
      return nothing(current ? Answer::already : Answer::stale);
  }
  return nothing(Answer::unknown);
}

}  // namespace

std::span<const Transition> transitions() { return kTransitions; }

bool permitted(std::optional<State> from, Event event, State to) {
  return std::any_of(kTransitions.begin(), kTransitions.end(), [&](const Transition& t) {
    return t.from == from && t.event == event && t.to == to;
  });
}

std::string_view name(Event event) {
  switch (event) {
    case E::make:
      return "make";
    case E::claim:
      return "claim";
    case E::start:
      return "start";
    case E::release:
      return "release";
    case E::complete:
      return "complete";
    case E::fail:
      return "fail";
    case E::expire:
      return "expire";
    case E::due:
      return "due";
    case E::archive:
      return "archive";
    case E::reject:
      return "reject";
    case E::replay:
      return "replay";
    case E::cancel:
      return "cancel";
  }
  return "";
}

ReportEffect report_effect(Report::Kind kind, const Found& found) {
  return kind == Report::Kind::completed ? completion_effect(found) : failure_effect(found);
}

bool late_completion_closes(const Task& task) {
  return SOSW_GUARD(kept_completion_closes) && task.extra.contains("late_at");
}

}  // namespace sosw
