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

  // Whether this run of the worker may begin: its claim is current and no other run has begun.
  // Safe to repeat: the same run is given the same answer.
  using Start = std::function<Result<bool>(std::string_view task_id, std::string_view claim,
                                           std::string_view run)>;

  // `audit` may be null; it and `clock` outlive this object. Without `start` every run may begin:
  // for a home, where nothing is delivered twice.
  WorkerAssistant(Submit submit, const Clock& clock, AuditLog* audit, Start start = {})
      : submit_(std::move(submit)), start_(std::move(start)), clock_(clock), audit_(audit) {}

  // Event of the original: {"action": "mark_task_as_completed" | "mark_task_as_failed", "task_id":
  // text, "claim": text, "stats": object or JSON text, "result": object or JSON text}; other keys
  // are ignored. Answers
  // {"task_id": ..., "answer": "applied" | "already" | "late" | "stale" | "unknown"}. Safe to call
  // from any thread. `known_claim`: what the caller's host knows, for workers that do not echo
  // theirs; may be empty.
  //
  // Ours, asked by a worker before it runs anything: {"action": "start", "task_id": text, "claim":
  // text, "run": text, random, of this run of the handler}. Answers {"task_id": ..., "start":
  // bool}.
  [[nodiscard]] Result<json::object> call(const json::value& event,
                                          std::string_view known_claim = {});

  // The report in an event. Errors: invalid: no action, one that is no report, no task_id.
  [[nodiscard]] static Result<Report> read_event(const json::value& event);

 private:
  Result<json::object> start(const json::object& event) const;

  Submit submit_;
  Start start_;
  const Clock& clock_;
  AuditLog* audit_;
};

}  // namespace sosw::engine
