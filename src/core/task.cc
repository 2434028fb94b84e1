// SPDX-License-Identifier: MIT
#include "core/task.h"

#include <fmt/format.h>

#include <array>

#include "core/json_text.h"
#include "core/sha256.h"

namespace sosw {
namespace {

constexpr std::array<std::string_view, 8> kStates = {"queued", "running", "completed", "failed",
                                                     "retry",  "done",    "dead",      "cancelled"};
constexpr std::array<std::string_view, 5> kAnswers = {"applied", "already", "late", "stale",
                                                      "unknown"};

// A key that is there already keeps its place, as in Python.
void set_if(json::object& object, std::string_view key, const std::optional<std::int64_t>& value) {
  if (value) object[key] = *value;
}

// The fields that the original's row mapper has, in its order, but for the payload.
void set_row(json::object& object, const Task& task) {
  object["task_id"] = task.id;
  object["labourer_id"] = task.labourer_id;
  object["created_at"] = epoch(task.created_at);
  set_if(object, "completed_at", task.completed_at);
  object["greenfield"] = task.greenfield;
  object["attempts"] = task.attempts;
  set_if(object, "closed_at", task.closed_at);
  set_if(object, "desired_launch_time", task.desired_launch_time);
  if (const auto* arn = task.extra.if_contains("arn")) object["arn"] = *arn;
}

}  // namespace

std::string_view name(State state) { return kStates[static_cast<std::size_t>(state)]; }

std::optional<State> state_named(std::string_view name) {
  for (std::size_t i = 0; i < kStates.size(); ++i)
    if (kStates[i] == name) return static_cast<State>(i);
  return std::nullopt;
}

std::string_view name(Answer answer) { return kAnswers[static_cast<std::size_t>(answer)]; }

json::object to_json(const Task& task) {
  json::object object;
  set_row(object, task);
  object["payload"] = task.payload;
  object["state"] = name(task.state);
  object["claim"] = task.claim;
  for (const auto& [key, value] : task.extra)
    if (!object.contains(key)) object[key] = value;
  return object;
}

Result<std::string> invocation_payload(const Task& task, std::string_view claim) {
  auto payload = parse_json(task.payload);
  if (!payload)
    return invalid(
        fmt::format("task {}: payload is not JSON: {}", task.id, payload.error().message),
        payload.error().hint);
  if (!payload->is_object())
    return invalid(fmt::format("task {}: payload is not a JSON object", task.id));
  auto& event = payload->get_object();
  set_row(event, task);
  if (!claim.empty()) event["claim"] = claim;
  return json_text(*payload);
}

std::string job_id(std::string_view key) {
  constexpr std::size_t kBytes = 10;
  const auto digest = sha256(key);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + kBytes, ""));
}

std::string task_id(std::string_view job, std::int64_t row) {
  return fmt::format("{}{:012x}", job, row);
}

}  // namespace sosw
