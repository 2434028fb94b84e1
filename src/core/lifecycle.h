// SPDX-License-Identifier: MIT
// Every way a task can change its state, as one table. docs/lifecycle.md is generated from it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "core/task.h"

namespace sosw {

enum class Event : std::uint8_t {
  make,      // folded row -> queued
  claim,     // queued -> running
  start,     // running, the worker asks whether its claim is current (AWS)
  release,   // running -> queued, claim and attempt given back; of a cancelled job: closed
  complete,  // report of a completion
  fail,      // report of a failure
  expire,    // nobody reported in time
  due,       // retry -> queued
  archive,   // completed -> done
  reject,    // the worker can never take it (payload too large, not an object): dead
  replay,    // dead -> queued, by hand
  cancel,    // queued or retry -> cancelled
};
[[nodiscard]] std::string_view name(Event event);

// Of the claim in a report, compared with the row.
enum class ClaimMatch : std::uint8_t { current, older, none };

struct Transition {
  std::optional<State> from;  // nullopt: no row yet (folded)
  Event event;
  std::string_view guard;  // in words, for the diagram
  State to;
};
// A row whose states are equal changes the task, not its state. A report that changes nothing at
// all has no row.
[[nodiscard]] std::span<const Transition> transitions();
[[nodiscard]] bool permitted(std::optional<State> from, Event event, State to);

// Table of protocol section 4: what a report does to the row that was found.
struct Found {
  State state;
  ClaimMatch claim;
  bool silent = false;        // an earlier attempt ended by expiry
  bool same_failure = false;  // the row's `failed` equals the claim of the report
  bool late_kept = false;     // the row has `late_at`
};
struct ReportEffect {
  Answer answer;
  // What to write; nothing when all are false.
  bool complete = false;     // the task is done (closed as done, or completed in the two-step form)
  bool end_attempt = false;  // the attempt has failed: retry or dead by fate_after_attempt
  bool keep_late = false;    // remember the completion in late_at: it closes the task when the
                             // running attempt ends badly
  bool count_failure = false;  // failed_attempts + 1, details kept; also beside end_attempt
};
// A row that is not there, or folded, is answered `unknown` by the store itself.
[[nodiscard]] ReportEffect report_effect(Report::Kind kind, const Found& found);

// When the running attempt ends without a completion of its own (fail, expire, release, reject): a
// kept late completion makes the task done instead.
[[nodiscard]] bool late_completion_closes(const Task& task);

}  // namespace sosw
