// SPDX-License-Identifier: MIT
#include "local/config_table.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "core/json_text.h"

namespace sosw::local {
namespace {

constexpr std::string_view kEnv = "production";

TableAnswer refuse(std::string_view type, std::string message) {
  return {400, json::serialize(json::object{
                   {"__type", fmt::format("com.amazonaws.dynamodb.v20120810#{}", type)},
                   {"message", std::move(message)}})};
}

std::string document(const json::value& v) {
  return v.is_string() ? std::string(v.get_string()) : json::serialize(v);
}

json::object item(std::string_view name, const json::value& value) {
  return {{"env", {{"S", kEnv}}},
          {"config_name", {{"S", name}}},
          {"config_value", {{"S", document(value)}}}};
}

// Text of {"S": text}.
std::optional<std::string> text_of(const json::value* attribute) {
  const auto* o = attribute ? attribute->if_object() : nullptr;
  const auto* s = o ? o->if_contains("S") : nullptr;
  if (s == nullptr || !s->is_string()) return std::nullopt;
  return std::string(s->get_string());
}

// Words of a key condition: names, placeholders, "=", "(", ")" and ",".
std::vector<std::string> words(std::string_view expression) {
  std::vector<std::string> found;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) found.push_back(std::exchange(word, {}));
  };
  for (const char c : expression) {
    if (c == ' ' || c == '\t' || c == '\n') {
      end_word();
    } else if (c == '=' || c == '(' || c == ')' || c == ',') {
      end_word();
      found.emplace_back(1, c);
    } else {
      word += c;
    }
  }
  end_word();
  return found;
}

bool is_and(std::string_view word) {
  return word.size() == 3 && (word[0] | 32) == 'a' && (word[1] | 32) == 'n' &&
         (word[2] | 32) == 'd';
}

struct Condition {
  std::optional<std::string> env;
  std::optional<std::string> name;
  bool prefix = false;  // names that begin with `name`
};

// "env = :e and begins_with(config_name, :n)", in any order, with #names or without, or brackets
// around the parts.
std::optional<Condition> read_condition(const json::object& request) {
  const auto* expression = request.if_contains("KeyConditionExpression");
  const auto* values = request.if_contains("ExpressionAttributeValues");
  if (!expression || !expression->is_string() || !values || !values->is_object())
    return std::nullopt;
  const auto* names = request.if_contains("ExpressionAttributeNames");

  Condition condition;
  const auto set = [&](std::string field, const std::string& placeholder, bool prefix) {
    if (field.starts_with('#')) {
      const auto* real =
          names && names->is_object() ? names->get_object().if_contains(field) : nullptr;
      if (!real || !real->is_string()) return false;
      field = std::string(real->get_string());
    }
    const auto value = text_of(values->get_object().if_contains(placeholder));
    if (!value) return false;
    if (field == "env" && !prefix) {
      condition.env = *value;
    } else if (field == "config_name") {
      condition.name = *value;
      condition.prefix = prefix;
    } else {
      return false;
    }
    return true;
  };
  const auto list = words(std::string_view(expression->get_string()));
  for (std::size_t i = 0; i < list.size();) {
    const auto at = [&](std::size_t k) {
      return i + k < list.size() ? list[i + k] : std::string();
    };
    if (is_and(list[i]) || list[i] == "(" || list[i] == ")") {
      ++i;
    } else if (list[i] == "begins_with" && at(1) == "(" && at(3) == "," && at(5) == ")") {
      if (!set(at(2), at(4), true)) return std::nullopt;
      i += 6;
    } else if (at(1) == "=") {
      if (!set(list[i], at(2), false)) return std::nullopt;
      i += 3;
    } else {
      return std::nullopt;
    }
  }
  return condition;
}

TableAnswer query(const json::object& request, const Configs& configs) {
  const auto condition = read_condition(request);
  if (!condition || !condition->env) {
    return refuse(
        "ValidationException",
        "The table config of sosw answers queries by KeyConditionExpression 'env = :e', with "
        "'config_name = :n' or 'begins_with(config_name, :n)' beside it");
  }
  json::array items;
  for (const auto& [name, value] : configs) {
    const bool wanted = !condition->name || (condition->prefix ? name.starts_with(*condition->name)
                                                               : name == *condition->name);
    if (*condition->env == kEnv && wanted) items.push_back(item(name, value));
  }
  const auto n = items.size();
  const auto* select = request.if_contains("Select");
  json::object answer{{"Count", n}, {"ScannedCount", n}};
  if (!select || *select != "COUNT") answer["Items"] = std::move(items);
  return {200, json::serialize(answer)};
}

TableAnswer get_item(const json::object& request, const Configs& configs) {
  const auto* key = request.if_contains("Key");
  const auto* fields = key ? key->if_object() : nullptr;
  const auto env = fields ? text_of(fields->if_contains("env")) : std::nullopt;
  const auto name = fields ? text_of(fields->if_contains("config_name")) : std::nullopt;
  if (!env || !name) {
    return refuse("ValidationException", "The key of the table config is env and config_name");
  }
  const auto found = configs.find(*name);
  if (*env != kEnv || found == configs.end()) return {200, "{}"};
  return {200, json::serialize(json::object{{"Item", item(found->first, found->second)}})};
}

TableAnswer describe(std::string_view region, std::size_t items) {
  const json::object table{
      {"TableName", "config"},
      {"TableArn", fmt::format("arn:aws:dynamodb:{}:000000000000:table/config", region)},
      {"TableStatus", "ACTIVE"},
      {"ItemCount", items},
      {"KeySchema",
       {json::object{{"AttributeName", "env"}, {"KeyType", "HASH"}},
        json::object{{"AttributeName", "config_name"}, {"KeyType", "RANGE"}}}},
      {"AttributeDefinitions",
       {json::object{{"AttributeName", "env"}, {"AttributeType", "S"}},
        json::object{{"AttributeName", "config_name"}, {"AttributeType", "S"}}}},
      {"ProvisionedThroughput",
       {{"NumberOfDecreasesToday", 0}, {"ReadCapacityUnits", 0}, {"WriteCapacityUnits", 0}}},
      {"BillingModeSummary", {{"BillingMode", "PAY_PER_REQUEST"}}}};
  return {200, json::serialize(json::object{{"Table", table}})};
}

}  // namespace

TableAnswer answer_config_table(std::string_view target, std::string_view body,
                                const Configs& configs, std::string_view region) {
  if (target.starts_with("AWSGlue.")) {
    return {400,
            R"({"__type": "EntityNotFoundException", "Message": "sosw has no Glue Data Catalog"})"};
  }
  const auto operation = target.substr(target.find('.') + 1);
  const auto parsed = parse_json(body);
  const auto* request = parsed ? parsed->if_object() : nullptr;
  if (request == nullptr) {
    return refuse("SerializationException", "The request is not a JSON object");
  }
  if (operation != "DescribeTable" && operation != "GetItem" && operation != "Query") {
    return refuse("UnknownOperationException",
                  fmt::format("sosw serves the table config only, and only to read: DescribeTable, "
                              "GetItem and Query, not {}. Set AWS_ENDPOINT_URL_DYNAMODB in "
                              "'environment' of the labourer to use a real DynamoDB",
                              operation));
  }
  const auto* name = request->if_contains("TableName");
  const std::string table = name && name->is_string() ? std::string(name->get_string()) : "";
  if (table != "config" && !table.ends_with(":table/config")) {
    return refuse("ResourceNotFoundException",
                  fmt::format("Requested resource not found: Table: {} not found. sosw serves the "
                              "table config only",
                              table));
  }
  if (operation == "DescribeTable") return describe(region, configs.size());
  return operation == "GetItem" ? get_item(*request, configs) : query(*request, configs);
}

}  // namespace sosw::local
