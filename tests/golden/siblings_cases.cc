// SPDX-License-Identifier: MIT
// The file `siblings`.
#include <algorithm>

#include "areas.h"
#include "exceptions.h"
#include "helpers_model.h"
#include "rows.h"
#include "sdk/python.h"
#include "sdk/sibling_depth.h"
#include "sosw/siblings.h"
#include "support/aws_peer.h"

namespace sosw::golden {
namespace {

using sosw::testing::AwsPeer;
using sosw::testing::AwsRequest;

constexpr std::string_view kArn = "arn:aws:lambda:us-west-2:123456789012:function:sosw_golden";
constexpr auto kNow =
    std::chrono::sys_days(std::chrono::year(2019) / 1 / 31) + std::chrono::hours(10);

std::optional<std::string> variable(const Case& what, std::string_view name) {
  const auto& value = what.in(name);
  return value.is_string() ? std::optional(std::string(value.get_string())) : std::nullopt;
}

sosw::testing::Variables environment_of(const Case& what) {
  return sosw::testing::Variables(
      {{"STAGE", variable(what, "STAGE")},
       {"autotest", std::nullopt},
       {"AWS_LAMBDA_FUNCTION_NAME", variable(what, "AWS_LAMBDA_FUNCTION_NAME")}});
}

Answer concurrent_executions(const Case& what) {
  const auto environment = environment_of(what);
  AwsPeer peer([&](const AwsRequest& request) {
    const bool sum = request.params.at("MetricName") == "Invocations";
    const auto& value = what.in(sum ? "invocations_sum" : "average_duration_ms");
    if (value.is_null()) return std::string("<Datapoints/>");
    const std::string name = sum ? "Sum" : "Average";
    return "<Datapoints><member><Timestamp>2019-01-31T09:55:00Z</Timestamp><" + name + ">" +
           json::serialize(value) + "</" + name + "></member></Datapoints>";
  });
  return answer_of([&]() -> json::value {
    SiblingsManager siblings(what.config, {.endpoint = peer.url()});
    const auto name = variable(what, "name").value_or("");
    const auto result = siblings.get_approximate_concurrent_executions(
        static_cast<int>(what.in("minutes_back").as_int64()), name, kNow);
    json::array requests;
    for (const auto& request : peer.requests()) requests.push_back(request.params);
    return {{"result", result}, {"requests", std::move(requests)}};
  });
}

// Rules as the case has them, else none.
std::string rules_answer(const Case& what, const AwsRequest& request) {
  if (request.operation == "ListRules")
    return json::serialize(json::object{{"Rules", what.in("rules")}});
  json::array targets;
  const auto& by_rule = what.in("targets_by_rule").as_object();
  if (const auto* arns = by_rule.if_contains(request.params.at("Rule").as_string()))
    for (const auto& arn : arns->as_array()) targets.push_back({{"Id", "1"}, {"Arn", arn}});
  return json::serialize(json::object{{"Targets", std::move(targets)}});
}

Answer rules_enabled(const Case& what) {
  const auto environment = environment_of(what);
  AwsPeer peer([&](const AwsRequest& request) { return rules_answer(what, request); });
  return answer_of([&]() -> json::value {
    SiblingsManager siblings(what.config, {.endpoint = peer.url()});
    Context context;
    context.invoked_function_arn = what.in("invoked_function_arn").as_string();
    const bool result = siblings.any_events_rules_enabled(context);
    json::array requests;
    for (const auto& request : peer.requests())
      requests.push_back(
          {{"operation", request.operation == "ListRules" ? "list_rules" : "list_targets_by_rule"},
           {"params", request.params}});
    return {{"result", result}, {"requests", std::move(requests)}};
  });
}

// What a sibling was started with, as its function gets it.
json::value seen_by_sibling(const AwsRequest& request) {
  auto event = json::parse(request.params.at("Payload").as_string()).as_object();
  if (sdk::take_sibling_depth(event) != 1) return "the sibling does not know its place";
  auto seen = request.params;
  seen["Payload"] = json::serialize(event);
  return seen;
}

// Of what JSON has no form for only a tuple is written, as a list.
bool has_json_form(const json::value& value) {
  if (const auto* list = value.if_array())
    return std::all_of(list->begin(), list->end(), has_json_form);
  const auto* object = value.if_object();
  if (!object) return true;
  if (const auto* type = object->if_contains("$type"))
    return *type == "tuple" && has_json_form(object->at("value"));
  return std::all_of(object->begin(), object->end(),
                     [](const auto& member) { return has_json_form(member.value()); });
}

Answer spawn(const Case& what) {
  if (!has_json_form(what.in("payload"))) return Answer::error("TypeError");
  const auto payload = plain(what.in("payload"));
  const auto environment = environment_of(what);
  const bool enabled = what.in("rule_enabled").as_bool();
  AwsPeer peer([&](const AwsRequest& request) -> std::string {
    if (request.operation == "ListRules")
      return enabled ? R"({"Rules": [{"Name": "r", "State": "ENABLED"}]})" : R"({"Rules": []})";
    if (request.operation == "ListTargetsByRule")
      return json::serialize(
          json::object{{"Targets", json::array{json::object{{"Id", "1"}, {"Arn", kArn}}}}});
    return "";
  });
  return answer_of([&]() -> json::value {
    SiblingsManager siblings(what.config, {.endpoint = peer.url()});
    Context context;
    context.invoked_function_arn = kArn;
    siblings.spawn_sibling(context, payload, what.in("force").as_bool());
    json::array invoked;
    for (const auto& request : peer.requests())
      if (request.operation == "Invoke") invoked.push_back(seen_by_sibling(request));
    return {{"invoke", std::move(invoked)}};
  });
}

// ------------------------------------------------------------------------------------------------

std::optional<Answer> payload_is_an_object(const Case& what, const Answer& recorded) {
  if (what.function != "spawn_sibling" || recorded.is_error()) return std::nullopt;
  const auto& payload = what.in("payload");
  if (payload.is_null() || payload.is_object()) return std::nullopt;
  if (!payload.is_string()) return Answer::error("TypeError");
  boost::system::error_code not_json;
  const auto parsed = json::parse(payload.get_string(), not_json);
  if (not_json) return Answer::error("ValueError");
  if (!parsed.is_object()) return Answer::error("TypeError");
  return std::nullopt;
}

// Rules are asked in their order, until one starts the function. nullopt: `auto_spawning` is a
// text.
std::optional<Answer> asked(const Case& what, bool by_any_version, bool in_any_state) {
  const auto function = [&](std::string_view arn) {
    // arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
    const bool qualified = std::count(arn.begin(), arn.end(), ':') == 7;
    return arn.substr(0, by_any_version && qualified ? arn.rfind(':') : arn.npos);
  };
  const auto* spawning = what.config.if_contains("auto_spawning");
  if (spawning && spawning->is_string()) return std::nullopt;
  const auto& own = what.in("invoked_function_arn").as_string();
  const auto& by_rule = what.in("targets_by_rule").as_object();
  json::array requests = {json::object{{"operation", "list_rules"}, {"params", json::object()}}};
  bool found = false;
  for (const auto& rule : what.in("rules").as_array()) {
    const std::string_view state = rule.at("State").as_string();
    if (found || (state != "ENABLED" && !(in_any_state && state.starts_with("ENABLED_")))) continue;
    requests.push_back({{"operation", "list_targets_by_rule"},
                        {"params", json::object{{"Rule", rule.at("Name")}}}});
    if (const auto* targets = by_rule.if_contains(rule.at("Name").as_string()))
      for (const auto& target : targets->as_array())
        found = found || function(target.as_string()) == function(own);
  }
  return Answer::output({{"result", found || (spawning && sdk::truth(*spawning))},
                         {"requests", std::move(requests)}});
}

// Applies where what was recorded is right but for the one thing.
std::optional<Answer> rules_mended(const Case& what, const Answer& recorded, bool version,
                                   bool state) {
  if (what.function != "any_events_rules_enabled" || recorded.is_error()) return std::nullopt;
  const auto original = asked(what, false, false);
  if (!original || original->value() != recorded.value() ||
      asked(what, version, state)->value() == recorded.value())
    return std::nullopt;
  return asked(what, true, true);
}

std::optional<Answer> started_by_any_version(const Case& what, const Answer& recorded) {
  return rules_mended(what, recorded, true, false);
}

std::optional<Answer> enabled_for_more_events(const Case& what, const Answer& recorded) {
  return rules_mended(what, recorded, false, true);
}

std::optional<Answer> no_invocations_are_none(const Case& what, const Answer& recorded) {
  if (what.function != "get_approximate_concurrent_executions" || !recorded.is_error() ||
      !what.in("invocations_sum").is_null() || what.in("average_duration_ms").is_null() ||
      what.in("minutes_back").as_int64() < 1)
    return std::nullopt;
  auto asked_for = what;
  asked_for.input["invocations_sum"] = 0;
  const auto same_requests = concurrent_executions(asked_for);
  return Answer::output({{"result", 0}, {"requests", same_requests.value().at("requests")}});
}

std::optional<Answer> autotest_is_a_test(const Case& what, const Answer& recorded) {
  if (what.function != "spawn_sibling" || recorded.is_error() || what.in("STAGE") != "autotest")
    return std::nullopt;
  auto output = recorded.value();
  for (auto& call : output.at("invoke").as_array()) call.as_object()["InvocationType"] = "DryRun";
  return Answer::output(std::move(output));
}

// Moments as they go over the wire.
json::value with_moments(const json::value& value) {
  if (const auto* object = value.if_object()) {
    if (const auto* type = object->if_contains("$type"); type && *type == "datetime")
      return json::value(std::string(object->at("value").as_string()) + "Z");
    json::object out;
    for (const auto& [name, inner] : *object) out[name] = with_moments(inner);
    return out;
  }
  if (const auto* list = value.if_array()) {
    json::array out;
    for (const auto& inner : *list) out.push_back(with_moments(inner));
    return out;
  }
  return value;
}

json::value behaviour(const Case& what, const json::value& output) {
  auto out = with_moments(output);
  // `auto_spawning` as it was given.
  if (what.function == "any_events_rules_enabled" && !out.at("result").is_string())
    out.as_object()["result"] = sdk::truth(out.at("result"));
  return out;
}

}  // namespace

Area siblings_area() {
  return {.name = "siblings",
          .handlers = {{"get_approximate_concurrent_executions", concurrent_executions},
                       {"any_events_rules_enabled", rules_enabled},
                       {"spawn_sibling", spawn}},
          .rules = {{"payload_is_an_object", "a function takes nothing else", payload_is_an_object},
                    {"started_by_any_version", "it is the same function", started_by_any_version},
                    {"enabled_for_more_events", "a newer state of rules", enabled_for_more_events},
                    {"no_invocations_are_none", "it raises", no_invocations_are_none},
                    {"autotest_is_a_test", "as everywhere else", autotest_is_a_test}},
          .behaviour = behaviour,
          .numbers_by_value = true,
          .json_text_by_value = true};
}

}  // namespace sosw::golden
