// SPDX-License-Identifier: MIT
// See lambda_invoker.h.
#include "cloud/lambda_invoker.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace sosw::cloud {
namespace {

using engine::Invoked;
using Outcome = Invoked::Outcome;

Outcome outcome_of(aws::Outcome outcome) {
  switch (outcome) {
    case aws::Outcome::accepted:
      return Outcome::accepted;
    case aws::Outcome::rejected_transient:
      return Outcome::rejected;
    case aws::Outcome::rejected_task:
      return Outcome::rejected_task;
    case aws::Outcome::rejected_function:
      return Outcome::rejected_labourer;
    case aws::Outcome::unknown:
      break;
  }
  return Outcome::unknown;
}

// "lambda Invoke f: TooManyRequestsException: Rate exceeded (HTTP 429) (request r-1)"
std::string reason_of(const std::string& function, const aws::InvokeResult& result) {
  auto reason = fmt::format("lambda Invoke {}: {}{}{}", function, result.error_type,
                            result.error_type.empty() ? "" : ": ", result.error_message);
  if (result.status != 0) reason += fmt::format(" (HTTP {})", result.status);
  if (!result.request_id.empty()) reason += fmt::format(" (request {})", result.request_id);
  return reason;
}

}  // namespace

LambdaInvoker::LambdaInvoker(Options options) : options_(std::move(options)) {}

std::vector<Invoked> LambdaInvoker::invoke(std::span<const engine::Invocation> invocations) {
  std::vector<aws::Invocation> asked;
  asked.reserve(invocations.size());
  for (const auto& one : invocations)
    asked.push_back({.function = one.labourer->arn.empty() ? one.labourer->id : one.labourer->arn,
                     .payload = one.payload,
                     .timeout = options_.client.timeout});
  auto lambda = [&]() -> std::unique_ptr<aws::Lambda> {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    auto taken = std::move(idle_.back());
    idle_.pop_back();
    return taken;
  }();
  if (!lambda) lambda = std::make_unique<aws::Lambda>(options_.client);
  const auto results = lambda->invoke_all(asked, std::max<std::size_t>(options_.most_in_flight, 1));
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(lambda));
  }
  std::vector<Invoked> answers;
  answers.reserve(results.size());
  for (std::size_t i = 0; i < results.size(); ++i) {
    const auto outcome = outcome_of(results[i].outcome);
    answers.push_back({outcome, outcome == Outcome::accepted
                                    ? std::string()
                                    : reason_of(asked[i].function, results[i])});
  }
  return answers;
}

}  // namespace sosw::cloud
