// SPDX-License-Identifier: MIT
#include "sosw/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/serialize.hpp>
#include <mutex>
#include <set>
#include <utility>

#include "aws/secretsmanager.h"
#include "aws/ssm.h"
#include "sdk/environment.h"
#include "sdk/exact_json.h"
#include "sdk/python.h"
#include "sdk/replies.h"
#include "sdk/text.h"

namespace sosw {
namespace {

namespace json = boost::json;

constexpr std::string_view kProduction = "production";
constexpr std::string_view kDev = "dev";

json::value decoded(std::string_view text) {
  boost::system::error_code failed;
  auto value = sdk::parse_exactly(text, failed);
  return failed ? json::value(text) : value;
}

std::string as_text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

std::string setting(const json::object& config, std::string_view name) {
  const auto* const value = config.if_contains(name);
  return value && sdk::truth(*value) ? sdk::to_str(*value) : std::string();
}

// Asked for at the start of a function, which has ten seconds on Lambda.
template <class Options>
Options options(const json::object& config) {
  return {.region = setting(config, "region_name"), .timeout = std::chrono::seconds(5), .tries = 4};
}

json::object part_of(const json::object& config, std::string_view name) {
  const auto* const part = config.if_contains(name);
  if (!part || part->is_null()) return {};
  if (!part->is_object())
    throw ValueError(
        fmt::format("ConfigSource: `{}` is no object but {}", name, sdk::kind_name(*part)));
  return part->get_object();
}

// The original has those of the table in one more object.
const json::object& table_settings(const json::object& config) {
  const auto* const inner = config.if_contains("dynamo_client_config");
  return inner && inner->is_object() ? inner->get_object() : config;
}

const json::value& field(const json::value& answer, std::string_view name) {
  const auto* const object = answer.if_object();
  const auto* const found = object ? object->if_contains(name) : nullptr;
  if (!found) throw RuntimeError(fmt::format("an answer of AWS lacks `{}`", name));
  return *found;
}

// Which row it is, without the value: that may be a secret.
std::string key_of(const json::value& row) {
  json::object key;
  if (const auto* const attributes = row.if_object())
    for (const auto* const name : {"env", "config_name"})
      if (const auto* const value = attributes->if_contains(name)) key[name] = *value;
  return sdk::to_json(key);
}

// The text attribute `name` of a row of the table.
std::string attribute(const json::value& row, std::string_view name) {
  const auto* const attributes = row.if_object();
  const auto* const typed = attributes ? attributes->if_contains(name) : nullptr;
  const auto* const text =
      typed && typed->is_object() ? typed->get_object().if_contains("S") : nullptr;
  if (!text || !text->is_string())
    throw RuntimeError(
        fmt::format("a row of the table of configurations has no `{}` that is a text (type S): {}",
                    name, key_of(row)));
  return std::string(text->get_string());
}

std::string with_underscore(std::string_view prefix) {
  return std::string(prefix) + (prefix.ends_with('_') ? "" : "_");
}

void erase_all(std::string& text, std::string_view part) {
  for (auto at = text.find(part); at != text.npos; at = text.find(part, at))
    text.erase(at, part.size());
}

}  // namespace

bool is_test_stage() { return sdk::in_test(); }

// ------------------------------------------------------------------------------------------------

DynamoConfig::DynamoConfig(bool test, const json::object& config)
    : test_(test), dynamodb_("dynamodb", options<AwsClientOptions>(table_settings(config))) {
  table_ = setting(table_settings(config), "table_name");
  if (table_.empty()) table_ = test ? "autotest_config" : "config";
  if (test && table_ != "config" && !table_.starts_with("autotest_"))
    throw AssertionError(fmt::format(
        "a test may only use the table `config` and those that begin with `autotest_`, not `{}`",
        table_));
}

json::array DynamoConfig::query(std::string_view condition, std::string_view env,
                                std::string_view config_name) {
  json::object input{{"TableName", table_},
                     {"Select", "ALL_ATTRIBUTES"},
                     {"ExpressionAttributeValues",
                      {{":env", {{"S", env}}}, {":config_name", {{"S", config_name}}}}},
                     {"KeyConditionExpression", condition}};
  json::array rows;
  try {
    for (bool more = true; more;) {
      auto answer = dynamodb_.call("Query", input);
      const auto& items = field(answer, "Items").as_array();
      rows.insert(rows.end(), items.begin(), items.end());
      const auto* const next = answer.get_object().if_contains("LastEvaluatedKey");
      more = next && sdk::truth(*next);
      if (more) input["ExclusiveStartKey"] = *next;
    }
  } catch (const AwsError& error) {
    if (error.code() != "ResourceNotFoundException") throw;
  }
  return rows;
}

json::value DynamoConfig::get_config(std::string_view name, std::string_view env) {
  const auto rows = query("env = :env AND config_name = :config_name", env, name);
  if (rows.empty()) return json::object();
  return decoded(attribute(rows.front(), "config_value"));
}

void DynamoConfig::update_config(std::string_view name, const json::value& val) {
  dynamodb_.call(
      "UpdateItem",
      {{"TableName", table_},
       {"Key", {{"env", {{"S", test_ ? kDev : kProduction}}}, {"config_name", {{"S", name}}}}},
       {"UpdateExpression", "SET config_value = :config_value"},
       {"ExpressionAttributeValues", {{":config_value", {{"S", as_text(val)}}}}}});
}

json::object DynamoConfig::get_credentials_by_prefix(std::string_view prefix,
                                                     std::string_view env) {
  const auto begin = with_underscore(prefix);
  if (test_ || begin.starts_with("autotest_")) env = kDev;
  json::object out;
  for (const auto& row :
       query("env = :env AND begins_with (config_name, :config_name)", env, begin)) {
    auto name = attribute(row, "config_name");
    erase_all(name, begin);
    out[name] = decoded(attribute(row, "config_value"));
  }
  return out;
}

// ------------------------------------------------------------------------------------------------

struct SsmConfig::State {
  bool test;
  AwsClientOptions options;
  aws::Ssm ssm;
};

SsmConfig::SsmConfig(bool test, const json::object& config)
    : state_(std::make_unique<State>(State{test, options<AwsClientOptions>(config),
                                           aws::Ssm(options<aws::ClientOptions>(config))})) {}
SsmConfig::~SsmConfig() = default;
SsmConfig::SsmConfig(SsmConfig&&) noexcept = default;
SsmConfig& SsmConfig::operator=(SsmConfig&&) noexcept = default;

json::value SsmConfig::get_config(std::string_view name) {
  const auto found = sdk::value_of(state_->ssm.read_parameter(name));
  return found ? decoded(found->value) : json::object();
}

void SsmConfig::update_config(std::string_view name, const json::value& val,
                              std::string_view description, std::string_view param_type) {
  if (param_type != "String" && param_type != "StringList" && param_type != "SecureString")
    throw ValueError(fmt::format(
        "'{}' is no type of a parameter: String, StringList or SecureString", param_type));
  sdk::value_of(state_->ssm.put_parameter(
      {std::string(name), std::string(param_type), as_text(val)}, description));
}

json::object SsmConfig::get_credentials_by_prefix(std::string_view prefix) {
  const auto begin = with_underscore(prefix);
  const auto names = sdk::value_of(
      state_->ssm.list_names(begin, "Environment", state_->test ? kDev : kProduction));
  const auto parameters = sdk::value_of(state_->ssm.get_parameters(names));
  json::object out;
  std::set<std::string_view> lost(names.begin(), names.end());
  for (const auto& parameter : parameters) {
    lost.erase(parameter.name);
    auto name = parameter.name;
    erase_all(name, begin);
    out[name] = parameter.value == "None" ? json::value() : json::value(parameter.value);
  }
  if (!lost.empty())
    throw RuntimeError(
        fmt::format("SSM lists parameters that it does not give: {}", fmt::join(lost, ", ")));
  return out;
}

json::array SsmConfig::call_boto_with_pagination(std::string_view operation, json::object input) {
  AwsClient ssm("ssm", state_->options);
  json::array pages;
  for (bool more = true; more;) {
    pages.push_back(ssm.call(operation, input));
    const auto* const next = pages.back().as_object().if_contains("NextToken");
    more = next && sdk::truth(*next);
    if (more) input["NextToken"] = *next;
  }
  return pages;
}

// ------------------------------------------------------------------------------------------------

struct SecretsManager::State {
  aws::SecretsManager secrets;
};

SecretsManager::SecretsManager(const json::object& config)
    : state_(std::make_unique<State>(
          State{aws::SecretsManager(options<aws::ClientOptions>(config))})) {}
SecretsManager::~SecretsManager() = default;
SecretsManager::SecretsManager(SecretsManager&&) noexcept = default;
SecretsManager& SecretsManager::operator=(SecretsManager&&) noexcept = default;

json::object SecretsManager::get_secrets_credentials(std::string_view type,
                                                     std::string_view value) {
  if (type != "name" && type != "tag")
    throw KeyError(
        fmt::format("get_secrets_credentials: the type is 'name' or 'tag', not '{}'", type));
  if (value.empty()) throw KeyError("get_secrets_credentials: there is no value to look for");
  json::object out;
  for (const auto& [name, arn] :
       sdk::value_of(state_->secrets.list(type == "tag" ? "tag-value" : "name", value))) {
    const auto text = sdk::value_of(state_->secrets.get_text(arn));
    if (!text) throw RuntimeError(fmt::format("the secret {} is no text", name));
    out[name] = *text;
  }
  return out;
}

// ------------------------------------------------------------------------------------------------

ConfigSource::ConfigSource(bool test, std::string_view sources, const json::object& config)
    : secrets_config_(part_of(config, "secrets_config")) {
  bool first = true;
  for (const auto part : sdk::split(sources.empty() ? "Dynamo" : sources, ",")) {
    const auto name = sdk::strip(part);
    if (name == "Dynamo") {
      dynamo_.emplace(test, part_of(config, "dynamo_config"));
    } else if (name == "SSM") {
      ssm_.emplace(test, part_of(config, "ssm_config"));
      if (first) ssm_first_ = true;
    } else {
      throw AssertionError(
          fmt::format("'{}' is no source of configurations: Dynamo and SSM are", name));
    }
    first = false;
  }
}

json::value ConfigSource::get_config(std::string_view name) {
  return ssm_first_ ? ssm_->get_config(name) : dynamo_->get_config(name);
}

void ConfigSource::update_config(std::string_view name, const json::value& val) {
  ssm_first_ ? ssm_->update_config(name, val) : dynamo_->update_config(name, val);
}

json::object ConfigSource::get_credentials_by_prefix(std::string_view prefix) {
  return ssm_first_ ? ssm_->get_credentials_by_prefix(prefix)
                    : dynamo_->get_credentials_by_prefix(prefix);
}

json::object ConfigSource::get_secrets_credentials(std::string_view type, std::string_view value) {
  if (!secrets_) secrets_.emplace(secrets_config_);
  return secrets_->get_secrets_credentials(type, value);
}

namespace {

std::mutex shared_mutex;

// The program's own. REQUIRES: the mutex is held.
ConfigSource& shared_source() {
  static ConfigSource source;
  return source;
}

template <class Call>
auto with_shared_source(Call call) {
  const std::lock_guard lock(shared_mutex);
  return call(shared_source());
}

}  // namespace

json::value get_config(std::string_view name) {
  return with_shared_source([&](ConfigSource& source) { return source.get_config(name); });
}
void update_config(std::string_view name, const json::value& val) {
  with_shared_source([&](ConfigSource& source) { source.update_config(name, val); });
}
json::object get_credentials_by_prefix(std::string_view prefix) {
  return with_shared_source(
      [&](ConfigSource& source) { return source.get_credentials_by_prefix(prefix); });
}
json::object get_secrets_credentials(std::string_view type, std::string_view value) {
  return with_shared_source(
      [&](ConfigSource& source) { return source.get_secrets_credentials(type, value); });
}

}  // namespace sosw
