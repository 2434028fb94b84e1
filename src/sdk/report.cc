// SPDX-License-Identifier: MIT
#include "sdk/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <random>
#include <thread>
#include <vector>

#include "aws/credentials.h"
#include "aws/endpoints.h"
#include "sdk/runtime_api.h"

namespace sosw::sdk {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr int kTries = 3;
constexpr milliseconds kLongestTry{10'000};

json::object marker(std::string why) { return {{"cut", std::move(why)}}; }

std::string payload_of(const Report& report) {
  json::object payload{{"action", report.failed ? "mark_task_as_failed" : "mark_task_as_completed"},
                       {"task_id", report.task_id}};
  if (report.claim) payload["claim"] = *report.claim;
  if (!report.stats.empty()) payload["stats"] = report.stats;
  if (!report.result.empty()) payload["result"] = report.result;
  auto text = json::serialize(payload);
  make_utf8(text);
  return text;
}

// Empty: acknowledged.
std::string problem_of(const aws::InvokeResult& answer) {
  if (answer.outcome != aws::Outcome::accepted)
    return answer.error_type.empty()
               ? answer.error_message
               : fmt::format("{}: {}", answer.error_type, answer.error_message);
  if (!answer.function_error.empty())
    return fmt::format("it failed ({}): {}", answer.function_error,
                       answer.payload.substr(0, 1'000));
  return {};
}

// 128 bits of the system's.
std::string new_run() {
  std::random_device device;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
}

// Nothing: it has not said yes or no.
std::optional<bool> said(const aws::InvokeResult& answer) {
  if (!answer.function_error.empty()) return std::nullopt;
  json::error_code malformed;
  const auto parsed = json::parse(answer.payload, malformed);
  const auto* const object = malformed ? nullptr : parsed.if_object();
  const auto* const start = object ? object->if_contains("start") : nullptr;
  return start && start->is_bool() ? std::optional(start->get_bool()) : std::nullopt;
}

// That of the original, in its words; or one that takes every action for another one.
bool knows_no_start(const aws::InvokeResult& answer) {
  return answer.function_error.empty() ||
         answer.payload.find("ction `start` is not supported") != std::string::npos;
}

}  // namespace

Reporter::Start Reporter::start(std::string_view task_id, std::string_view claim,
                                std::chrono::system_clock::time_point deadline) {
  if (now_() < fenceless_until_) return {};
  const auto unknown = [&](std::string_view why) {
    return Start{true, fmt::format("task {}: {} could not be asked whether it may start, so it is "
                                   "run: {}",
                                   json::serialize(json::value(task_id)), assistant_, why)};
  };
  if (const auto wrong = connect()) return unknown(*wrong);
  auto payload = json::serialize(json::object{
      {"action", "start"}, {"task_id", task_id}, {"claim", claim}, {"run", new_run()}});
  make_utf8(payload);
  std::string problem = "the deadline has passed";
  for (int tried = 0; tried < kTries; ++tried) {
    if (tried > 0) std::this_thread::sleep_for(milliseconds(50 << tried));
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - now_());
    if (left.count() <= 0) break;
    const auto answer =
        lambda_->invoke({.function = assistant_,
                         .payload = payload,
                         .type = aws::InvocationType::request_response,
                         .timeout = std::clamp(left / 4, milliseconds(1), kLongestTry),
                         // The same run gets the same answer.
                         .repeatable = true});
    if (answer.outcome == aws::Outcome::accepted) {
      if (const auto allowed = said(answer)) return {*allowed, {}};
      if (knows_no_start(answer)) {
        fenceless_until_ = now_() + kFenceless;
        return {true, fmt::format("{} does not know the action `start`: for {} minutes this worker "
                                  "runs what Lambda may deliver twice (`start_fence: false` "
                                  "keeps it from asking)",
                                  assistant_, kFenceless.count())};
      }
    }
    problem = problem_of(answer);
    // It would be the same again.
    if (answer.outcome == aws::Outcome::rejected_function ||
        answer.outcome == aws::Outcome::rejected_task)
      break;
  }
  return unknown(problem);
}

std::optional<std::string> Reporter::connect() {
  if (lambda_) return std::nullopt;
  auto found = aws::credentials_of_process().get();
  if (auto* wrong = std::get_if<std::string>(&found)) return std::move(*wrong);
  auto region = aws::find_region();
  if (region.empty()) region = "us-east-1";
  lambda_.emplace(std::nullopt, region,
                  aws::find_endpoint(*aws::find_service("lambda"), region).url);
  return std::nullopt;
}

std::optional<std::string> Reporter::send(Report report,
                                          std::chrono::system_clock::time_point deadline) {
  const auto failure = [&](std::string_view why) {
    return fmt::format("task {}: its {} could not be reported to {}: {}",
                       json::serialize(report.task_id), report.failed ? "failure" : "completion",
                       assistant_, why);
  };
  if (const auto wrong = connect()) return failure(*wrong);
  cut_details(report.stats, report.result, kMaxDetails);
  std::string problem = "the deadline has passed";
  bool details_refused = false;
  for (int tried = 0; tried <= kTries; ++tried) {
    if (tried > 0)
      std::this_thread::sleep_for(std::min(milliseconds(50 << tried), milliseconds(500)));
    const bool last = tried == kTries;
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - now_());
    if (left.count() <= 0)
      return failure(tried == 0 ? problem : problem + "; then the deadline passed");
    if (details_refused && tried + 1 >= kTries) {
      report.stats.clear();
      report.result = marker("the WorkerAssistant failed on the stats and results of this report");
    }
    const auto answer = lambda_->invoke(
        {.function = assistant_,
         .payload = payload_of(report),
         .type = last ? aws::InvocationType::event : aws::InvocationType::request_response,
         // A synchronous try leaves half of what is left to the next ones.
         .timeout = std::clamp(last ? left : left / 2, milliseconds(1), kLongestTry),
         .repeatable = true});  // the assistant answers `already` to a second copy
    problem = problem_of(answer);
    if (problem.empty()) return std::nullopt;
    const bool ran_or_refused =
        answer.outcome == aws::Outcome::accepted || answer.outcome == aws::Outcome::rejected_task;
    details_refused = ran_or_refused && !(report.stats.empty() && report.result.empty());
  }
  return failure(problem);
}

void cut_details(json::object& stats, json::object& result, std::size_t limit) {
  struct Detail {
    json::value* value;
    std::size_t size;
  };
  std::size_t total = 4;
  std::vector<Detail> details;
  for (auto* object : {&stats, &result}) {
    for (auto& [key, value] : *object) {
      const auto size = json::serialize(value).size();
      total += size + json::serialize(key).size() + 2;
      details.push_back({&value, size});
    }
  }
  if (total <= limit) return;
  std::sort(details.begin(), details.end(),
            [](const Detail& a, const Detail& b) { return a.size > b.size; });
  const auto all = total;
  for (const auto& detail : details) {
    if (total <= limit) return;
    const auto mark = fmt::format("(cut: {} bytes)", detail.size);
    if (mark.size() + 2 >= detail.size) break;
    *detail.value = mark;
    total -= detail.size - (mark.size() + 2);
  }
  if (total <= limit) return;
  stats.clear();
  result = marker(fmt::format("{} bytes of stats and results", all));
}

}  // namespace sosw::sdk
