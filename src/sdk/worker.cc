// SPDX-License-Identifier: MIT
#include "sosw/worker.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <optional>
#include <string>

#include "sdk/environment.h"
#include "sdk/invocation.h"
#include "sdk/python.h"
#include "sdk/report.h"
#include "sosw/logging.h"
#include "sosw/meta_handler.h"

namespace sosw {
namespace {

namespace json = boost::json;

constexpr std::string_view kAssistant = "sosw_worker_assistant";
constexpr const char* kAssistantSetting = "sosw_worker_assistant_lambda";
constexpr const char* kFenceVariable = "SOSW_START_FENCE";
constexpr std::chrono::seconds kOutsideOfInvocations{60};  // for a report

std::string assistant_of(const json::object& config) {
  if (const auto* name = config.if_contains(kAssistantSetting); name && name->is_string())
    return std::string(std::string_view(name->get_string()));
  auto name = sdk::environment(kAssistantSetting);
  return name.empty() ? std::string(kAssistant) : name;
}

bool fence_is_on(const json::object& config) {
  const auto variable = sdk::environment(kFenceVariable);
  if (variable == "off") return false;
  if (!variable.empty() && variable != "on")
    throw ValueError(fmt::format("{} is '{}': on or off is meant", kFenceVariable, variable));
  const auto* const setting = config.if_contains("start_fence");
  if (!setting) return true;
  if (!setting->is_bool())
    throw TypeError(fmt::format("`start_fence` of the configuration is true or false, not {}",
                                json::serialize(*setting)));
  return setting->get_bool();
}

// Null for an event that is no task.
const json::value* task_of(const json::object& event) {
  const auto* const id = event.if_contains("task_id");
  return id && sdk::truth(*id) ? id : nullptr;
}

}  // namespace

struct Worker::Reporting {
  std::optional<sdk::Reporter> reporter;
  std::optional<MetaHandler> meta;
  bool done = false;  // the fate of this invocation's task was told, or tried to

  sdk::Reporter& to_assistant(const json::object& config) {
    if (!reporter) reporter.emplace(assistant_of(config));
    return *reporter;
  }
};

Worker::Worker(json::object custom_config)
    : Processor(std::move(custom_config)), reporting_(std::make_unique<Reporting>()) {}
Worker::~Worker() = default;

json::value Worker::operator()(const json::object& event) {
  if (const auto* const id = task_of(event)) report(false, *id, event.if_contains("claim"), {});
  return Processor::operator()(event);
}

bool Worker::may_run(const json::object& event) {
  if (!Processor::may_run(event)) return false;
  const auto* const id = task_of(event);
  const auto* const claim = event.if_contains("claim");
  if (!id || !id->is_string() || !claim || !claim->is_string() || claim->get_string().empty())
    return true;
  if (context().sibling_depth > 0 || !fence_is_on(config())) return true;
  const auto answer = reporting_->to_assistant(config()).start(
      id->get_string(), claim->get_string(), context().deadline);
  if (!answer.unknown.empty()) log(LogLevel::warning, answer.unknown);
  if (!answer.allowed)
    log(LogLevel::warning,
        fmt::format("task {} is not run: its claim {} is over, or another run of it has begun. "
                    "Lambda has delivered this event twice, or too late",
                    json::serialize(*id), json::serialize(*claim)));
  return answer.allowed;
}

void Worker::mark_task_as_completed(const json::value& task_id) {
  report(false, task_id, nullptr, {});
}
void Worker::mark_task_as_failed(const json::value& task_id) { report(true, task_id, nullptr, {}); }

void Worker::report(bool failed, const json::value& task_id, const json::value* claim,
                    const json::object& error) {
  const auto* const event = current_event();
  const auto* const current = event ? task_of(*event) : nullptr;
  if (current && *current == task_id) {
    reporting_->done = true;
    if (!claim) claim = event->if_contains("claim");
  }
  sdk::Report report{.failed = failed, .task_id = task_id, .stats = figures(), .result = result()};
  if (claim) report.claim = *claim;
  for (const auto& field : error) report.result[field.key()] = field.value();
  const auto* const invocation = lambda_context();
  const auto deadline =
      invocation ? invocation->deadline : std::chrono::system_clock::now() + kOutsideOfInvocations;
  if (const auto unreported =
          reporting_->to_assistant(config()).send(std::move(report), deadline)) {
    log(LogLevel::error, *unreported);
    throw sdk::ReportFailed(*unreported);
  }
  if (const auto* const meta = config().if_contains("meta_handler_config");
      meta && meta->is_object() && task_id.is_string()) {
    if (!reporting_->meta) reporting_->meta.emplace(meta->get_object());
    reporting_->meta->post(task_id.get_string(), failed ? "failed" : "completed");
  }
}

void Worker::succeeded(const json::object& event) {
  const bool done = std::exchange(reporting_->done, false);
  if (const auto* const id = done ? nullptr : task_of(event))
    report(false, *id, event.if_contains("claim"), {});
  reporting_->done = false;
  Processor::succeeded(event);
}

void Worker::failed(const json::object& event, std::string_view error_type,
                    std::string_view error_message) {
  const bool done = std::exchange(reporting_->done, false);
  const auto* const id = done ? nullptr : task_of(event);
  if (!id) return;
  try {
    report(true, *id, event.if_contains("claim"),
           {{"error", error_message}, {"error_type", error_type}});
  } catch (const sdk::ReportFailed&) {  // NOLINT(bugprone-empty-catch): logged; the work's own
                                        // error counts
  }
  reporting_->done = false;
}

}  // namespace sosw
