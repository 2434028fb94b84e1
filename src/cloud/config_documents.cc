// SPDX-License-Identifier: MIT
// See config_documents.h.
#include "cloud/config_documents.h"

#include <fmt/format.h>

#include <utility>

#include "cloud/call_error.h"
#include "core/config_reader.h"
#include "core/json_text.h"

namespace sosw::cloud {
namespace {

Result<std::optional<json::object>> document_in(std::string_view text, std::string_view where) {
  auto value = parse_json(text);
  if (!value)
    return invalid(fmt::format("{}: {}", where, value.error().message), value.error().hint);
  auto* object = value->if_object();
  if (!object)
    return invalid(fmt::format("{} must be an object, found {}", where, described(*value)));
  return std::optional(std::move(*object));
}

}  // namespace

ConfigDocuments::ConfigDocuments(Options options, const engine::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      dynamodb_("dynamodb", options_.client),
      ssm_(options_.client) {}

Result<json::object> ConfigDocuments::config(std::string_view name) {
  const std::lock_guard lock(mutex_);
  const Time now = clock_.now();
  auto known = known_.find(name);
  const bool fresh = known != known_.end() && now >= known->second.asked &&
                     now - known->second.asked < options_.ttl;
  if (!fresh) {
    auto found = options_.source == Options::Source::table ? in_table(name) : in_ssm(name);
    if (found) {
      known = known_.insert_or_assign(std::string(name), Known{*std::move(found), now, now}).first;
    } else if (known == known_.end()) {
      return found.error();
    } else {
      known->second.asked = now;
      if (options_.warn)
        options_.warn(fmt::format("the configuration '{}' is that of {} seconds ago: {}", name,
                                  epoch_seconds(now) - epoch_seconds(known->second.had),
                                  found.error().text()));
    }
  }
  if (known->second.document) return *known->second.document;
  return Error{
      Code::not_found, fmt::format("there is no configuration '{}' in {}", name, place()), {}, {}};
}

std::string ConfigDocuments::place() const {
  return options_.source == Options::Source::table
             ? fmt::format("the table '{}' with env = '{}'", options_.table, options_.env)
             : std::string("the parameters of SSM");
}

ConfigDocuments::Found ConfigDocuments::in_table(std::string_view name) {
  // A key is whole, so there is one row at most.
  const auto answer = dynamodb_.call(
      "Query", {{"TableName", options_.table},
                {"KeyConditionExpression", "env = :env AND config_name = :config_name"},
                {"ExpressionAttributeValues",
                 {{":env", {{"S", options_.env}}}, {":config_name", {{"S", name}}}}}});
  if (!answer) {
    if (answer.error().code == "ResourceNotFoundException")
      return invalid(
          fmt::format("there is no table '{}': {}", options_.table, answer.error().text()),
          "create it, or name the one that has the configurations");
    return error_of(answer.error());
  }
  const auto where = fmt::format("the configuration '{}' in {}", name, place());
  const auto* object = answer->if_object();
  const auto* items = object ? object->if_contains("Items") : nullptr;
  if (!items || !items->is_array())
    return Error{Code::unavailable, where + ": DynamoDB's answer has no Items", {}, {}};
  if (items->get_array().empty()) return std::optional<json::object>();
  boost::system::error_code none;
  const auto* text = items->get_array().front().find_pointer("/config_value/S", none);
  if (!text || !text->is_string()) return invalid(where + " has no text `config_value`");
  return document_in(text->get_string(), where);
}

ConfigDocuments::Found ConfigDocuments::in_ssm(std::string_view name) {
  const auto found = ssm_.read_parameter(name);
  if (!found) return error_of(found.error());
  if (!*found) return std::optional<json::object>();
  return document_in((*found)->value, fmt::format("the configuration '{}' in {}", name, place()));
}

}  // namespace sosw::cloud
