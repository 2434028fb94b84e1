// SPDX-License-Identifier: MIT
#include "core/task.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "core/config_reader.h"
#include "core/guard.h"
#include "core/json_text.h"
#include "core/sha256.h"

namespace sosw {
namespace {

constexpr std::array<std::string_view, 8> kStates = {"queued", "running", "completed", "failed",
                                                     "retry",  "done",    "dead",      "cancelled"};
constexpr std::array<std::string_view, 5> kAnswers = {"applied", "already", "late", "stale",
                                                      "unknown"};

constexpr double kFarthestTime = 9e12;  // epoch s; from_epoch() holds no more

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

// As Python's str() writes it.
std::string python_text(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "True" : "False";
  return json_text(value);
}

bool empty(const json::value& value) {
  if (value.is_string()) return value.get_string().empty();
  if (value.is_bool()) return !value.get_bool();
  return value.is_null() || (value.is_number() && value.to_number<double>() == 0);
}

// Takes a given value for a generated field, out of a number or the text of one.
template <class Number>
bool take_number(const json::value& given, Number& field) {
  auto value = given;
  if (given.is_string()) {
    const auto parsed = parse_json(given.get_string());
    value = parsed ? *parsed : json::value();
  }
  if (!value.is_number()) return false;
  boost::system::error_code inexact;
  const auto number = value.to_number<Number>(inexact);
  if (inexact) return false;
  field = number;
  return true;
}

bool take(std::string_view name, const json::value& given, Task& task) {
  double created_at = 0;
  if (name == "task_id") return task.id = python_text(given), !task.id.empty();
  if (name == "labourer_id")
    return task.labourer_id = python_text(given), !task.labourer_id.empty();
  if (name == "greenfield") return take_number(given, task.greenfield);
  if (name == "attempts") return take_number(given, task.attempts) && task.attempts >= 0;
  if (!take_number(given, created_at) || std::abs(created_at) > kFarthestTime) return false;
  task.created_at = from_epoch(created_at);
  return true;
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

Result<std::string> construct_payload(const json::object& fields) {
  json::value payload = json::object();
  if (const auto* given = fields.if_contains("payload")) {
    payload = {{"payload", *given}};
    if (given->is_object()) payload = *given;
    if (given->is_string()) {
      boost::system::error_code not_json;
      json::parse(given->get_string(), not_json);
      auto parsed = parse_json(given->get_string());
      // JSON that cannot be kept exactly is an error, not a text that happens to look like JSON.
      if (!parsed && !not_json)
        return invalid("payload: " + parsed.error().message, parsed.error().hint);
      if (parsed) payload = std::move(*parsed);
    }
  }
  for (const auto& [key, value] : fields) {
    if (key == "payload") continue;
    if (!payload.is_object())
      return invalid(fmt::format("payload is not a JSON object, so '{}' cannot be put beside it",
                                 std::string_view(key)));
    payload.get_object()[key] = value;
  }
  return json_text(payload);
}

Result<Task> new_task(Task generated, const json::object& fields, bool strict) {
  static constexpr std::array<std::string_view, 5> kGenerated = {
      "task_id", "labourer_id", "created_at", "greenfield", "attempts"};
  json::object own;
  set_row(own, generated);
  json::object rest;
  for (const auto& [key, given] : fields) {
    if (std::find(kGenerated.begin(), kGenerated.end(), std::string_view(key)) ==
        kGenerated.end()) {
      rest[key] = given;
    } else if (strict && !empty(given) && python_text(given) != python_text(own.at(key))) {
      return invalid(fmt::format("{} is {}, but it must be {}", std::string_view(key),
                                 described(given), python_text(own.at(key))),
                     "leave it out: it is made for the task");
    } else if (!strict && !given.is_null() && !take(key, given, generated)) {
      return invalid(fmt::format("{} cannot be {}", std::string_view(key), described(given)));
    }
  }
  auto payload = construct_payload(rest);
  if (!payload) return payload.error();
  generated.payload = std::move(*payload);
  return generated;
}

json::object error_of(const Report& report) {
  constexpr std::size_t kLongest = 1000;
  constexpr int kLongestCharacter = 4;
  const auto inside_of_a_character = [](char c) { return (c & 0xC0) == 0x80; };
  json::object error;
  for (const std::string_view key : {"error", "error_type", "log"}) {
    const auto* value = report.result.if_contains(key);
    if (value == nullptr || value->is_null()) continue;
    std::string text = value->is_string() ? std::string(value->get_string()) : json_text(*value);
    if (text.size() > kLongest) {
      std::size_t cut = key == "log" ? text.size() - kLongest : kLongest;
      for (int n = 1; n < kLongestCharacter && cut > 0 && inside_of_a_character(text[cut]); ++n)
        --cut;
      key == "log" ? text.erase(0, cut) : text.erase(cut);
    }
    error[key] = text;
  }
  // What a worker says may be no UTF-8: what is read again is.
  return parse_json(json_text(error)).value().get_object();
}

std::string job_id(std::string_view key) {
  constexpr std::size_t kBytes = 10;
  std::string named(key);
  if (!SOSW_GUARD(job_id_of_key)) {
    static int calls = 0;
    named += std::to_string(++calls);
  }
  const auto digest = sha256(named);
  return fmt::format("{:02x}", fmt::join(digest.begin(), digest.begin() + kBytes, ""));
}

std::string task_id(std::string_view job, std::int64_t row) {
  return fmt::format("{}{:012x}", job, row);
}

}  // namespace sosw
