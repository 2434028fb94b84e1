// SPDX-License-Identifier: MIT
// A task: one future invocation of one worker, and what is known about it.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "core/time.h"

namespace sosw {

namespace json = boost::json;

// Where a task is. `failed` exists on AWS only, between the report and the Scavenger; at home a
// failure goes straight to retry or dead. done, dead and cancelled are the closed states.
enum class State : std::uint8_t {
  queued,
  running,
  completed,
  failed,
  retry,
  done,
  dead,
  cancelled
};

[[nodiscard]] std::string_view name(State state);
[[nodiscard]] std::optional<State> state_named(std::string_view name);
[[nodiscard]] constexpr bool closed(State s) { return s >= State::done; }

struct Task {
  std::string id;           // 32 hex: job id (20) and row number (12)
  std::string labourer_id;  // name of the worker type
  State state = State::queued;
  std::int64_t greenfield =
      0;              // queued: position in the queue; claimed: claim time + delta (epoch s)
  int attempts = 0;   // invocations so far, for the retry policy only: no fence
  std::string claim;  // token of the newest claim, never used twice; empty before the first one
  Time created_at{};
  std::optional<std::int64_t> completed_at;         // epoch s
  std::optional<std::int64_t> closed_at;            // epoch s
  std::optional<std::int64_t> desired_launch_time;  // epoch s; in state retry
  std::string payload;                              // JSON object text, as the worker gets it
  json::object extra;  // every other attribute: stat_*, result_*, failed_attempts, late_at, silent,
                       // replays...
};

// The task as a JSON object with the attribute names of the original (task_id, labourer_id,
// created_at, greenfield, attempts, completed_at ..., payload as text), plus `state`, `claim` and
// the extra attributes.
[[nodiscard]] json::object to_json(const Task& task);

// The event that the worker gets: the keys of the payload, then the task's own fields over them
// (task_id, labourer_id, created_at, greenfield and attempts as they were before the claim), and
// `claim`. JSON text. `task` is the copy from before the claim; `claim` the new token (empty: the
// field is left out). Errors: invalid, when the payload is not a JSON object.
[[nodiscard]] Result<std::string> invocation_payload(const Task& task, std::string_view claim);

// The payload of a new task from the fields of a job's row, as JSON text: the keys of the field
// `payload` (an object, or the text of one), then the other fields over them. Text that is no JSON,
// or another value, becomes {"payload": ...}. JSON text that is no object stays as it is when it is
// alone; no worker can take it. Errors: invalid, when there are other fields beside such.
[[nodiscard]] Result<std::string> construct_payload(const json::object& fields);

// A new task as create_task of the original makes one. `generated` has the five fields that are
// made for it (task_id, labourer_id, created_at, greenfield, attempts); the rest of `fields`
// becomes the payload. strict: a generated field that is given too, and is not empty, must be the
// same. Otherwise what is given is taken, but for null. Errors: invalid, naming the field. A job
// never comes this way: its keys are data, whatever their names.
[[nodiscard]] Result<Task> new_task(Task generated, const json::object& fields, bool strict);

// 20 hex digits: the first 80 bits of SHA-256(key).
[[nodiscard]] std::string job_id(std::string_view key);
// Job id and row number (0 <= row < 2^48) as 32 hex digits.
[[nodiscard]] std::string task_id(std::string_view job, std::int64_t row);

// Reports
// ------------------------------------------------------------------------------------------------------------

// What a worker, or the host for it, says about an attempt.
struct Report {
  enum class Kind : std::uint8_t { completed, failed };
  Kind kind = Kind::completed;
  std::string task_id;
  std::string claim;    // token from the payload; empty: the worker does not know it
  json::object stats;   // stored as stat_{key}
  json::object result;  // stored as result_{key}
};

// What the history of a task keeps of the report that ended an attempt: error, error_type and log
// of its result as texts, of a long one the first thousand bytes, of the log the last.
[[nodiscard]] json::object error_of(const Report& report);

// What became of a report.
enum class Answer : std::uint8_t {
  applied,  // the task changed state by it
  already,  // the same had been reported before; nothing changed
  late,     // accepted although the task was no longer running
  stale,    // recorded; the state did not change
  unknown,  // no such task
};
[[nodiscard]] std::string_view name(Answer answer);

}  // namespace sosw
