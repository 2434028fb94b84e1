// SPDX-License-Identifier: MIT
// See functions.h.
#include "cloud/functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "cloud/call_error.h"

namespace sosw::cloud {
namespace {

constexpr std::size_t kPortion = 8;
constexpr int kRetriesByDefault = 2;  // of Lambda, where nothing is configured

const std::string& function_of(const Labourer& labourer) {
  return labourer.arn.empty() ? labourer.id : labourer.arn;
}

std::optional<int> whole_number(const json::value& answer, std::string_view name) {
  const auto* object = answer.if_object();
  const auto* value = object ? object->if_contains(name) : nullptr;
  if (!value || !value->is_int64()) return std::nullopt;
  return static_cast<int>(value->get_int64());
}

}  // namespace

Functions::Functions(Options options, const engine::Clock& clock)
    : options_(std::move(options)), clock_(clock), lambda_("lambda", options_.client) {}

std::optional<Function> Functions::known(const Labourer& labourer) const {
  const std::lock_guard lock(mutex_);
  const auto found = known_.find(function_of(labourer));
  return found == known_.end() ? std::nullopt : std::optional(found->second.function);
}

std::vector<std::string> Functions::register_labourers(engine::Labourers& labourers) {
  const std::lock_guard lock(mutex_);
  const Time now = clock_.now();
  std::set<std::string> stale;
  for (const auto& [id, labourer] : labourers) {
    const auto found = known_.find(function_of(labourer));
    if (found == known_.end() || now - found->second.asked >= options_.ttl ||
        now < found->second.asked)
      stale.insert(function_of(labourer));
  }
  auto lines = ask(std::vector(stale.begin(), stale.end()), now);
  for (auto& [id, labourer] : labourers) {
    const auto found = known_.find(function_of(labourer));
    if (found == known_.end() || labourer.settings.contains("timeout") ||
        labourer.settings.contains("max_duration"))
      continue;
    labourer.timeout_s = found->second.function.timeout_s;
    if (const auto* expiry = labourer.settings.if_contains("expiry");
        expiry != nullptr && *expiry == json::value("timeout"))
      labourer.duration_s = labourer.timeout_s;
  }
  return lines;
}

// In portions: what a run would like to know is not worth its time when nobody answers.
std::vector<std::string> Functions::ask(std::span<const std::string> functions, Time now) {
  std::vector<std::string> lines;
  while (!functions.empty()) {
    const auto portion = functions.first(std::min(kPortion, functions.size()));
    functions = functions.subspan(portion.size());
    if (ask_some(portion, now, lines) || functions.empty()) continue;
    lines.push_back(
        fmt::format("Lambda does not answer: {} more functions were not asked", functions.size()));
    break;
  }
  return lines;
}

bool Functions::ask_some(std::span<const std::string> functions, Time now,
                         std::vector<std::string>& lines) {
  std::vector<aws::Operation> calls;
  for (const auto& function : functions) {
    calls.push_back({"GetFunctionConfiguration", {{"FunctionName", function}}});
    if (may_ask_retries_)
      calls.push_back({"GetFunctionEventInvokeConfig", {{"FunctionName", function}}});
  }
  const auto answers = lambda_.call_all(calls, std::max<std::size_t>(options_.most_in_flight, 1));
  const std::size_t step = may_ask_retries_ ? 2 : 1;

  bool answered = false;
  for (std::size_t i = 0; i < functions.size(); ++i) {
    const auto& function = functions[i];
    const auto& configuration = answers[i * step];
    answered =
        answered || configuration || error_of(configuration.error()).code != Code::unavailable;
    const auto timeout = configuration ? whole_number(*configuration, "Timeout") : std::nullopt;
    if (!timeout || *timeout < 1) {
      lines.push_back(fmt::format(
          "the function {} cannot be asked for its timeout: {}", function,
          configuration ? "the answer has none" : error_of(configuration.error()).message));
      continue;
    }
    Known known{.function = {.timeout_s = *timeout, .own_retries = std::nullopt}, .asked = now};
    if (step == 2) {
      const auto& retries = answers[i * step + 1];
      if (retries) {
        known.function.own_retries =
            whole_number(*retries, "MaximumRetryAttempts").value_or(kRetriesByDefault);
      } else if (retries.error().code == "ResourceNotFoundException") {
        known.function.own_retries = kRetriesByDefault;  // the function is there, we have seen it
      } else {
        // One such line is enough: the role hardly changes under a running program.
        const bool denied = retries.error().code == "AccessDeniedException";
        if (!denied || std::exchange(may_ask_retries_, false))
          lines.push_back(
              fmt::format("whether Lambda itself repeats failed events of {} is not "
                          "known: {}",
                          function, retries.error().text()));
      }
      if (const auto before = known_.find(function);
          !known.function.own_retries && before != known_.end())
        known.function.own_retries = before->second.function.own_retries;
    }
    if (known.function.own_retries.value_or(0) > 0)
      lines.push_back(fmt::format(
          "Lambda itself runs a failed event of {} up to {} more times, beside the attempts that "
          "are counted here: set its MaximumRetryAttempts to 0",
          function, *known.function.own_retries));
    known_[function] = known;
  }
  return answered;
}

}  // namespace sosw::cloud
