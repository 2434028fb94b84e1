// SPDX-License-Identifier: MIT
#include "sosw/siblings.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "aws/cloudwatch.h"
#include "aws/events.h"
#include "sdk/environment.h"
#include "sdk/python.h"
#include "sdk/replies.h"
#include "sdk/sibling_depth.h"
#include "sdk/text.h"
#include "sosw/errors.h"
#include "sosw/helpers.h"
#include "sosw/logging.h"

namespace sosw {
namespace {

namespace json = boost::json;

constexpr std::int64_t kLongestChain = 1'000'000'000;
constexpr std::size_t kDepth = 512;  // of nested values in an event, as in runtime.cc

std::string own_name() {
  auto name = sdk::environment("AWS_LAMBDA_FUNCTION_NAME");
  return name.empty() ? "test_function" : name;
}

// arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
struct FunctionArn {
  std::string_view function;   // all but the qualifier
  std::string_view qualifier;  // version or alias; empty if there is none
};
FunctionArn split_qualifier(std::string_view arn) {
  constexpr std::size_t kQualifier = 7;  // parts before it
  const auto parts = sdk::split(arn, ":");
  if (parts.size() != kQualifier + 1) return {arn, {}};
  const auto qualifier = parts[kQualifier];
  return {arn.substr(0, arn.size() - qualifier.size() - 1), qualifier};
}

// The text of an object, with the place in the chain as its last member: a text is kept as it is,
// with numbers that no type of ours holds.
std::string event_of(const json::value& payload, std::int64_t depth) {
  std::string text = "{}";
  bool empty = true;
  if (payload.is_object()) {
    text = json::serialize(payload);
    empty = payload.get_object().empty();
  } else if (payload.is_string()) {
    text = payload.get_string();
    boost::system::error_code not_json;
    json::parse_options options;
    options.max_depth = kDepth;
    const auto parsed = json::parse(text, not_json, {}, options);
    if (not_json)
      throw ValueError(fmt::format("the payload of a sibling is no JSON: {}", not_json.message()));
    if (!parsed.is_object())
      throw TypeError(fmt::format("the payload of a sibling is the text of an object, not of a {}",
                                  sdk::kind_name(parsed)));
    empty = parsed.get_object().empty();
  } else if (!payload.is_null()) {
    throw TypeError(
        fmt::format("the payload of a sibling is an object, not a {}", sdk::kind_name(payload)));
  }
  text.insert(text.rfind('}'),
              fmt::format("{}\"{}\":{}", empty ? "" : ",", sdk::kSiblingDepth, depth));
  return text;
}

}  // namespace

struct SiblingsManager::Clients {
  explicit Clients(const aws::ClientOptions& options)
      : lambda("lambda", options), events(options), cloudwatch(options) {}
  aws::Client lambda;
  aws::Events events;
  aws::CloudWatch cloudwatch;
};

SiblingsManager::SiblingsManager(json::object config, AwsClientOptions options)
    : options_(std::move(options)) {
  if (const auto* value = config.if_contains("auto_spawning"); value && !value->is_null())
    auto_spawning_ = to_bool(*value);
  if (const auto* value = config.if_contains("max_depth")) {
    if (!value->is_int64() || value->get_int64() < 0 || value->get_int64() > kLongestChain)
      throw ValueError(
          fmt::format("siblings_config: 'max_depth' is a whole number from 0 to {}, not {}",
                      kLongestChain, sdk::to_repr(*value)));
    max_depth_ = value->get_int64();
  }
}

SiblingsManager::~SiblingsManager() = default;

SiblingsManager::Clients& SiblingsManager::clients() {
  if (!clients_)
    clients_ = std::make_unique<Clients>(aws::ClientOptions{.region = options_.region,
                                                            .endpoint = options_.endpoint,
                                                            .timeout = options_.timeout,
                                                            .tries = options_.tries});
  return *clients_;
}

bool SiblingsManager::any_events_rules_enabled(const Context& lambda_context) {
  const auto own = split_qualifier(lambda_context.invoked_function_arn).function;
  for (const auto& rule : sdk::value_of(clients().events.list_rules())) {
    if (!rule.enabled) continue;
    for (const auto& target : sdk::value_of(clients().events.list_targets(rule.name)))
      if (split_qualifier(target).function == own) return true;
  }
  return auto_spawning_;
}

void SiblingsManager::spawn_sibling(const Context& lambda_context, const json::value& payload,
                                    bool force) {
  const auto before = std::min(lambda_context.sibling_depth, kLongestChain);
  auto event = event_of(payload, before + 1);
  if (!force && !any_events_rules_enabled(lambda_context)) {
    log(LogLevel::error,
        fmt::format(
            "SiblingsManager: no enabled rule of EventBridge starts {}, so no sibling of it "
            "is started either; `force` and `auto_spawning` do without a rule",
            lambda_context.invoked_function_arn));
    return;
  }
  if (before >= max_depth_)
    throw RuntimeError(fmt::format(
        "no sibling is started: {} stand before it in a chain in which each has started the next, "
        "and 'max_depth' of siblings_config is {}. Is the work never done? If so many are meant, "
        "raise it",
        before, max_depth_));
  json::object input = {{"FunctionName", own_name()},
                        {"InvocationType", sdk::in_test() ? "DryRun" : "Event"},
                        {"Payload", std::move(event)}};
  if (const auto own = split_qualifier(lambda_context.invoked_function_arn); !own.qualifier.empty())
    input["Qualifier"] = own.qualifier;
  sdk::value_of(clients().lambda.call("Invoke", input));
}

std::int64_t SiblingsManager::get_approximate_concurrent_executions(
    int minutes_back, std::string_view name, std::chrono::system_clock::time_point now) {
  if (minutes_back < 1)
    throw ValueError(fmt::format("minutes_back is 1 or more, not {}", minutes_back));
  const std::chrono::minutes span(minutes_back);
  const auto end = std::chrono::floor<std::chrono::seconds>(now);
  aws::MetricStat stat{
      .name_space = "AWS/Lambda",
      .metric = "Duration",
      .dimensions = {{"FunctionName", name.empty() ? own_name() : std::string(name)}},
      .period = span,
      .statistic = "Average"};
  const auto ask = [&] {
    return sdk::value_of(
        clients().cloudwatch.get_metric_statistics(stat, {.start = end - span, .end = end}));
  };
  const auto durations = ask();
  if (durations.empty()) return 0;
  stat.metric = "Invocations";
  stat.statistic = "Sum";
  const auto invocations = ask();
  // Periods may begin at full minutes of CloudWatch's own, and two of them touch the span.
  const auto span_ms = std::chrono::duration<double, std::milli>(span).count();
  double busy = 0;
  for (const auto& [begin, sum] : invocations)
    if (const auto found = durations.find(begin); found != durations.end())
      busy += sum * (found->second / span_ms);
  return static_cast<std::int64_t>(std::ceil(busy));
}

}  // namespace sosw
