// SPDX-License-Identifier: MIT
// Forms of the Query protocol.
#include "aws/query.h"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "aws/sigv4.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

bool any_of(std::string_view name, std::initializer_list<std::string_view> names) {
  for (const auto one : names)
    if (one == name) return true;
  return false;
}

// Members that are maps in the requests: their form has entries.
bool is_map(std::string_view service, std::string_view member) {
  if (service == "sns") return any_of(member, {"Attributes", "attributes", "MessageAttributes"});
  if (service == "cloudwatch") return any_of(member, {"Attributes", "KeyAttributes"});
  return service == "cloudformation" && member == "ResourceIdentifier";
}

void add(std::string& form, std::string_view name, std::string_view value) {
  form += '&';
  form += percent_encoded(name, false);
  form += '=';
  form += percent_encoded(value, false);
}

void add(std::string& form, std::string_view service, const std::string& name,
         const json::value& value, bool map) {
  if (const auto* object = value.if_object()) {
    if (map) {
      // SNS names the parts of a message's attributes in its own way.
      const bool named = name.ends_with("MessageAttributes");
      int n = 0;
      for (const auto& [key, item] : *object) {
        const auto entry = fmt::format("{}.entry.{}.", name, ++n);
        add(form, entry + (named ? "Name" : "key"), key);
        add(form, service, entry + (named ? "Value" : "value"), item, false);
      }
    } else {
      for (const auto& [key, item] : *object)
        add(form, service,
            fmt::format("{}{}{}", name, name.empty() ? "" : ".", std::string_view(key)), item,
            is_map(service, key));
    }
  } else if (const auto* list = value.if_array()) {
    if (list->empty()) add(form, name, "");
    int n = 0;
    for (const auto& item : *list)
      add(form, service, fmt::format("{}.member.{}", name, ++n), item, false);
  } else if (const auto* text = value.if_string()) {
    add(form, name, *text);
  } else if (const auto* number = value.if_double()) {
    add(form, name, fmt::format("{}", *number));
  } else if (!value.is_null()) {
    add(form, name, json::serialize(value));
  }
}

}  // namespace

std::string form_of(const Service& service, std::string_view operation, const json::object& input) {
  std::string form = fmt::format("Action={}&Version={}", operation, service.version);
  add(form, service.name, "", input, false);
  return form;
}

}  // namespace sosw::aws
