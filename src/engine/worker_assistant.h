// SPDX-License-Identifier: MIT
// The interface that workers call to tell how a task ended.
#pragma once

#include <functional>
#include <string>

#include "engine/ports.h"

namespace sosw::engine {

class WorkerAssistant {
 public:
  // Stores one report and tells what became of it; blocks until it is durable.
  using Submit = std::function<Result<Reported>(Report)>;

  // `audit` may be null; it and `clock` outlive this object.
  WorkerAssistant(Submit submit, const Clock& clock, AuditLog* audit)
      : submit_(std::move(submit)), clock_(clock), audit_(audit) {}

  // Event of the original: {"action": "mark_task_as_completed" | "mark_task_as_failed", "task_id":
  // text, "claim": text, "stats": object or JSON text, "result": object or JSON text}; other keys
  // are ignored. Answers
  // {"task_id": ..., "answer": "applied" | "already" | "late" | "stale" | "unknown"}. Safe to call
  // from any thread. `known_claim`: what the caller's host knows, for workers that do not echo
  // theirs; may be empty.
  [[nodiscard]] Result<json::object> call(const json::value& event,
                                          std::string_view known_claim = {});

  // The report in an event. Errors: invalid: no action, unknown action, no task_id, stats or result
  // that is not what it should be.
  [[nodiscard]] static Result<Report> read_event(const json::value& event);

 private:
  Submit submit_;
  const Clock& clock_;
  AuditLog* audit_;
};

}  // namespace sosw::engine
