// SPDX-License-Identifier: MIT
#include "sosw/processor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>

#include "aws/services.h"
#include "aws/sns.h"
#include "aws/sts.h"
#include "sdk/clients.h"
#include "sdk/environment.h"
#include "sdk/python.h"
#include "sdk/replies.h"
#include "sdk/text.h"
#include "sosw/config.h"
#include "sosw/decorators.h"
#include "sosw/dynamo_db.h"
#include "sosw/helpers.h"
#include "sosw/logging.h"

namespace sosw {

namespace json = boost::json;

struct Processor::State {
  json::object custom_config;
  json::object config;
  bool configured = false;
  bool started = false;
  bool starting = false;
  std::map<std::string, MakeComponent, std::less<>> own;
  std::map<std::string, std::unique_ptr<Component>, std::less<>> clients;
  std::string account;
};

namespace {

std::string kept_as(std::string_view name) { return camel_case_to_underscore(name); }

bool is_total(std::string_view figure) { return figure.starts_with("total_"); }

bool is_on(const json::value* setting) { return setting && sdk::truth(*setting); }

bool lookup_is_off() {
  const auto setting = sdk::environment("DISABLE_DDB_CONFIG");
  try {
    return !setting.empty() && to_bool(setting);
  } catch (const ValueError&) {
    throw ValueError("DISABLE_DDB_CONFIG is '" + setting + "': true or false is meant");
  }
}

// On Lambda and at home they always are. Elsewhere to look for more, as AwsClient does, may take
// seconds.
bool environment_names_region_and_credentials() {
  const auto any = [](std::initializer_list<const char*> variables) {
    return std::any_of(variables.begin(), variables.end(),
                       [](const char* variable) { return !sdk::environment(variable).empty(); });
  };
  return any({"AWS_REGION", "AWS_DEFAULT_REGION"}) &&
         any({"AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
              "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"});
}

std::vector<std::string> texts(const json::value& list, std::string_view name) {
  std::vector<std::string> out;
  const auto* const array = list.if_array();
  const bool right = array && std::all_of(array->begin(), array->end(),
                                          [](const json::value& one) { return one.is_string(); });
  if (!right)
    throw TypeError(fmt::format("`{}` of the configuration is not a list of texts: {}", name,
                                json::serialize(list)));
  for (const auto& one : *array) out.emplace_back(one.get_string());
  return out;
}

}  // namespace

Processor::Processor(json::object custom_config) : state_(std::make_unique<State>()) {
  state_->custom_config = std::move(custom_config);
}
Processor::~Processor() = default;

json::value Processor::operator()(const json::object&) {
  base_called_ = true;
  count("processor_calls");
  result_.clear();
  return nullptr;
}

// ------------------------------------------------------------------------------------------------
// Configuration

json::value Processor::get_config(std::string_view name) const {
  if (!environment_names_region_and_credentials()) return json::object();
  try {
    return DynamoConfig().get_config(name);
  } catch (const AwsError& error) {
    if (error.code() == "AccessDeniedException") {
      log(LogLevel::warning,
          fmt::format("{}; so {} is left out. Permit dynamodb:Query on the table, or set "
                      "DISABLE_DDB_CONFIG=true",
                      error.what(), name));
      return json::object();
    }
    log(LogLevel::error, fmt::format("{} could not be read. A function without stored "
                                     "configuration may set DISABLE_DDB_CONFIG=true",
                                     name));
    throw;
  }
}

const json::object& Processor::config() const {
  // Of an object that has not been started yet: it is not const then, and reading is all we do.
  if (!state_->configured)
    const_cast<Processor*>(this)->init_config(state_->custom_config);  // NOLINT
  return state_->config;
}

json::value Processor::c(std::string_view path, json::value otherwise) const {
  const json::value* at = nullptr;
  const auto* level = &config();
  for (const auto key : sdk::split(path, ".")) {
    at = level ? level->if_contains(key) : nullptr;
    if (!at) return otherwise;
    level = at->if_object();
  }
  return at->is_null() ? otherwise : *at;
}

void Processor::init_config(json::object custom_config) {
  auto config = default_config();
  const auto function = sdk::environment("AWS_LAMBDA_FUNCTION_NAME");
  const auto rest = recursive_update(config, custom_config);
  if (!function.empty() && !lookup_is_off() && !is_on(rest.if_contains("disable_ddb_config"))) {
    const auto name = function + "_config";
    const auto stored = get_config(name);
    if (!stored.is_object() && !stored.is_null())
      throw RuntimeError(fmt::format("the stored configuration {} is no JSON object but {}", name,
                                     sdk::kind_name(stored)));
    if (stored.is_object()) config = recursive_update(std::move(config), stored.get_object());
  }
  state_->config = recursive_update(std::move(config), custom_config);
  state_->custom_config = std::move(custom_config);
  state_->configured = true;
}

void Processor::start() {
  if (state_->started || state_->starting) return;
  struct Starting {
    bool& now;
    ~Starting() { now = false; }
  } const starting{state_->starting = true};
  const auto* const names = config().if_contains("init_clients");
  register_clients(names ? texts(*names, "init_clients") : std::vector<std::string>());
  state_->started = true;
}

// ------------------------------------------------------------------------------------------------
// Clients

void Processor::add_component(std::string_view name, MakeComponent make) {
  state_->own.insert_or_assign(std::string(name), std::move(make));
}

void Processor::register_clients(const std::vector<std::string>& names) {
  const auto find = [&](const std::string& name) -> std::optional<MakeComponent> {
    if (const auto own = state_->own.find(name); own != state_->own.end()) return own->second;
    if (auto found = sdk::find_component(name)) return found;
    if (aws::find_service(name))
      return [name](const json::object&) { return std::make_unique<sdk::AwsService>(name); };
    for (const auto& [own, make] : state_->own)
      if (kept_as(own) == name) return make;
    for (const auto& known : sdk::component_names())
      if (kept_as(known) == name) return sdk::find_component(known);
    return std::nullopt;
  };
  const auto config_of = [&](const std::string& module) -> json::object {
    const auto* const part = config().if_contains(module + "_config");
    if (!part) return {};
    if (!part->is_object())
      throw TypeError(fmt::format("`{}_config` of the configuration is no JSON object but {}",
                                  module, sdk::kind_name(*part)));
    return part->get_object();
  };
  benchmark(stats_, "register_clients", [&] {
    for (const auto& name : names) {
      const auto module = kept_as(name);
      if (state_->clients.contains(module)) continue;
      const auto make = find(name);
      if (!make) {
        auto known = sdk::component_names();
        for (const auto& [own, unused] : state_->own) known.push_back(own);
        throw RuntimeError(
            fmt::format("Failed to import {}: it is neither a component ({}) nor a service of AWS "
                        "that is known here. Components of your own: add_component()",
                        name, fmt::join(known, ", ")));
      }
      state_->clients.emplace(module, (*make)(config_of(module)));
    }
  });
}

Component* Processor::find_client(std::string_view name) {
  start();
  const auto found = state_->clients.find(name);
  return found == state_->clients.end() ? nullptr : found->second.get();
}

std::vector<std::pair<std::string_view, Component*>> Processor::clients() {
  start();
  std::vector<std::pair<std::string_view, Component*>> out;
  for (const auto& [name, one] : state_->clients) out.emplace_back(name, one.get());
  return out;
}

void Processor::wrong_client(std::string_view name, bool found) {
  if (found) throw TypeError(fmt::format("the client '{}' is of another class", name));
  throw KeyError(fmt::format("there is no client '{}': name it in `init_clients`", name));
}

DynamoDbClient& Processor::get_ddbc(std::string_view prefix) {
  constexpr std::string_view kSuffix = "_dynamo_db_config";
  start();
  return benchmark(stats_, "get_ddbc", [&]() -> DynamoDbClient& {
    const auto name = fmt::format("{}_dynamo_db", prefix);
    if (!state_->clients.contains(name)) {
      const auto* const part = config().if_contains(fmt::format("{}{}", prefix, kSuffix));
      if (!part || !part->is_object()) {
        std::vector<std::string_view> known;
        for (const auto& setting : config())
          if (const std::string_view key = setting.key(); key.ends_with(kSuffix))
            known.push_back(key.substr(0, key.size() - kSuffix.size()));
        throw ValueError(
            fmt::format("the configuration has no `{}{}`; known prefixes: {}", prefix, kSuffix,
                        known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
      }
      state_->clients.emplace(name, std::make_unique<DynamoDbClient>(part->get_object()));
    }
    return client<DynamoDbClient>(name);
  });
}

AwsClient& Processor::aws_client(std::string_view name) {
  return client<sdk::AwsService>(name).client;
}

// ------------------------------------------------------------------------------------------------
// Figures

void Processor::count(std::string_view name, std::int64_t n) {
  auto& figure = stats_[name];
  figure = (figure.is_int64() ? figure.get_int64() : 0) + n;
}

json::object Processor::get_stats(bool recursive) const {
  auto stats = stats_;
  if (recursive)
    for (const auto& [name, one] : state_->clients)
      for (const auto& figure : one->get_stats()) stats[figure.key()] = figure.value();
  return stats;
}

void Processor::reset_stats(bool recursive) {
  json::object kept;
  const auto* const lifetime =
      state_->configured ? state_->config.if_contains("lifetime_stats_params") : nullptr;
  const auto lives = [&](std::string_view figure) {
    const auto* const list = lifetime ? lifetime->if_array() : nullptr;
    return list && std::any_of(list->begin(), list->end(), [&](const json::value& name) {
             return name.is_string() && name.get_string() == figure;
           });
  };
  const auto keep = [&](std::string_view figure) { return is_total(figure) || lives(figure); };
  const auto all = get_stats(recursive);
  for (const auto& figure : all)
    if (keep(figure.key())) kept[figure.key()] = figure.value();
  for (const auto& figure : all)
    if (!keep(figure.key()) && (figure.value().is_number() || figure.value().is_bool()))
      sdk::add_number(kept["total_" + std::string(figure.key())], figure.value());
  stats_ = std::move(kept);
  if (recursive)
    for (const auto& [name, one] : state_->clients) one->reset_stats();
}

void Processor::pre_call(bool recursive) {
  result_.clear();
  reset_stats(recursive);
}

json::object Processor::figures() const {
  auto out = get_stats();
  for (auto it = out.begin(); it != out.end();)
    it = is_total(it->key()) ? out.stable_erase(it) : it + 1;
  return out;
}

bool Processor::may_run(const json::object&) { return true; }

void Processor::succeeded(const json::object&) {
  if (!base_called_) count("processor_calls");
}

void Processor::failed(const json::object&, std::string_view, std::string_view) {}

// ------------------------------------------------------------------------------------------------

bool Processor::test() { return sdk::in_test(); }

std::string Processor::region() { return sdk::environment("AWS_REGION"); }

const std::string& Processor::account() {
  if (context_ && !context_->invoked_function_arn.empty()) {
    state_->account = trim_arn_to_account(context_->invoked_function_arn);
  } else if (state_->account.empty()) {
    state_->account = sdk::value_of(aws::Sts().get_caller_identity()).account;
  }
  return state_->account;
}

void Processor::die(std::string_view message) {
  log(LogLevel::critical, message);
  json::object figures{{"status", "failed"}};
  for (const auto& figure : get_stats()) figures[figure.key()] = figure.value();
  log(LogLevel::critical, json::serialize(figures));
  if (!test()) {
    try {
      const auto named = c("dead_sns_topic");
      const auto function = sdk::environment("AWS_LAMBDA_FUNCTION_NAME");
      sdk::value_of(
          aws::Sns({.timeout = std::chrono::seconds(5), .tries = 2})
              .publish(fmt::format("arn:aws:sns:{}:{}:{}", region(), account(),
                                   sdk::truth(named) ? sdk::to_str(named) : "SoswWorkerErrors"),
                       (function.empty() ? "Some Function" : function) + " died", message));
    } catch (const std::exception& error) {
      log(LogLevel::error, fmt::format("the death could not be published: {}", error.what()));
    }
  }
  throw Died(std::string(message));
}

}  // namespace sosw
