// SPDX-License-Identifier: MIT
// See worker_assistant.h.
#include "engine/worker_assistant.h"

#include <fmt/format.h>

#include "core/guard.h"

namespace sosw::engine {
namespace {

constexpr std::string_view kStart = "start";
constexpr const char* kKnown = "known actions: mark_task_as_completed, mark_task_as_failed, start";

// null, false, 0, "", [] and {}, which are false to the original.
bool is_nothing(const json::value& value) {
  if (const auto* text = value.if_string()) return text->empty();
  if (const auto* list = value.if_array()) return list->empty();
  if (const auto* object = value.if_object()) return object->empty();
  if (value.is_bool()) return !value.get_bool();
  return value.is_null() || (value.is_number() && value.to_number<double>() == 0);
}

Result<std::string> action_of(const json::value& event) {
  const auto* object = event.if_object();
  if (object == nullptr) {
    return invalid("WorkerAssistant: the event is not a JSON object",
                   R"(send {"action": "mark_task_as_completed", "task_id": "..."})");
  }
  const json::value* action = object->if_contains("action");
  // The original's getter takes the plural with one element too.
  if (action == nullptr || is_nothing(*action)) {
    const json::value* actions = object->if_contains("actions");
    if (actions != nullptr && actions->is_array() && actions->get_array().size() == 1)
      action = &actions->get_array()[0];
  }
  if (action == nullptr || !action->is_string())
    return invalid("WorkerAssistant: the event has no `action`", kKnown);
  return std::string(std::string_view(action->get_string()));
}

// A parameter that the action can not do without.
Result<std::string> text_of(const json::object& event, std::string_view key,
                            std::string_view action) {
  const json::value* found = event.if_contains(key);
  if (found == nullptr || !found->is_string() || found->get_string().empty()) {
    return invalid(fmt::format(
        "WorkerAssistant: missing required parameter `{}` (text) in event for action `{}`", key,
        action));
  }
  return std::string(std::string_view(found->get_string()));
}

// `stats` or `result`: an object as it is; JSON text is read first; anything else that says
// something is kept under one key, so that no detail can cost the completion (D-16).
json::object details(const json::object& event, json::string_view key) {
  const json::value* found = event.if_contains(key);
  if (found == nullptr || found->is_null()) return {};
  json::value value = *found;
  if (const auto* text = value.if_string()) {
    boost::system::error_code failed;
    json::value parsed = json::parse(*text, failed);
    if (!failed) value = std::move(parsed);
  }
  if (is_nothing(value)) return {};
  if (auto* object = value.if_object()) return std::move(*object);
  return {{"value", std::move(value)}};
}

}  // namespace

Result<Report> WorkerAssistant::read_event(const json::value& event) {
  const Result<std::string> action = action_of(event);
  if (!action) return action.error();
  Report report;
  if (*action == "mark_task_as_completed") {
    report.kind = Report::Kind::completed;
  } else if (*action == "mark_task_as_failed") {
    report.kind = Report::Kind::failed;
  } else {
    return invalid(fmt::format("WorkerAssistant: action `{}` is not supported", *action), kKnown);
  }
  const json::object& object = event.get_object();
  Result<std::string> id = text_of(object, "task_id", *action);
  if (!id) return id.error();
  report.task_id = *std::move(id);
  if (const json::value* claim = object.if_contains("claim");
      claim != nullptr && claim->is_string()) {
    report.claim = std::string_view(claim->get_string());
  }
  report.stats = details(object, "stats");
  report.result = details(object, "result");
  return report;
}

Result<json::object> WorkerAssistant::call(const json::value& event, std::string_view known_claim) {
  if (const Result<std::string> action = action_of(event); action && *action == kStart)
    return start(event.get_object());
  Result<Report> report = read_event(event);
  if (!report) return report.error();
  if (SOSW_GUARD(host_adds_the_claim) && report->claim.empty()) report->claim = known_claim;
  const Report::Kind kind = report->kind;
  const std::string id = report->task_id;
  Result<Reported> reported = submit_(*std::move(report));
  if (!reported) return reported.error();
  if (audit_ != nullptr && reported->answer != Answer::unknown) {
    const AuditEvent row{
        id,
        kind == Report::Kind::completed ? "marked_as_completed" : "marked_as_failed",
        {},
        clock_.now()};
    audit_->append({&row, 1});
  }
  return json::object{{"task_id", id}, {"answer", name(reported->answer)}};
}

Result<json::object> WorkerAssistant::start(const json::object& event) const {
  const Result<std::string> id = text_of(event, "task_id", kStart);
  if (!id) return id.error();
  const Result<std::string> claim = text_of(event, "claim", kStart);
  if (!claim) return claim.error();
  const Result<std::string> run = text_of(event, "run", kStart);
  if (!run) return run.error();
  const Result<bool> begins = start_ ? start_(*id, *claim, *run) : Result<bool>(true);
  if (!begins) return begins.error();
  return json::object{{"task_id", *id}, {"start", *begins}};
}

}  // namespace sosw::engine
