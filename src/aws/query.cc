// SPDX-License-Identifier: MIT
// Forms and XML of the Query protocol.
#include "aws/query.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <pugixml.hpp>

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
  return service == "sns" && any_of(member, {"Attributes", "MessageAttributes"});
}

void encode(std::string& form, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
        (byte >= 'a' && byte <= 'z') || any_of({&c, 1}, {"-", "_", ".", "~"}))
      form += c;
    else
      fmt::format_to(std::back_inserter(form), "%{:02X}", byte);
  }
}

void add(std::string& form, std::string_view name, std::string_view value) {
  form += '&';
  encode(form, name);
  form += '=';
  encode(form, value);
}

void add(std::string& form, std::string_view service, const std::string& name,
         const json::value& value, bool map) {
  if (const auto* object = value.if_object()) {
    if (map) {
      // SNS names the parts of a message's attributes in its own way.
      const bool named = name == "MessageAttributes";
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
  } else if (!value.is_null()) {
    add(form, name, json::serialize(value));
  }
}

// Leaves that are no texts.
bool is_number(std::string_view name) {
  return any_of(name, {"SampleCount", "Average", "Sum", "Minimum", "Maximum", "Values", "Period",
                       "EvaluationPeriods", "Threshold", "StateTransitionCount", "TimeoutInMinutes",
                       "PackedPolicySize", "DatapointsToAlarm", "StorageResolution"});
}

bool is_boolean(std::string_view name) {
  return any_of(name, {"ActionsEnabled", "ReturnData", "DisableRollback",
                       "EnableTerminationProtection", "NoEcho", "ReturnSubscriptionArn"});
}

// Elements that are lists even when nothing is in them.
bool is_list(std::string_view name) {
  return any_of(name, {"Datapoints",
                       "MetricDataResults",
                       "Messages",
                       "Metrics",
                       "Dimensions",
                       "Topics",
                       "Subscriptions",
                       "Stacks",
                       "StackEvents",
                       "StackResources",
                       "StackResourceSummaries",
                       "StackSummaries",
                       "Exports",
                       "Imports",
                       "Outputs",
                       "Parameters",
                       "Capabilities",
                       "Tags",
                       "NotificationARNs",
                       "Values",
                       "Timestamps",
                       "MetricAlarms",
                       "Changes",
                       "Failed",
                       "Successful"});
}

json::value leaf(std::string_view name, std::string_view text) {
  if (is_boolean(name) && (text == "true" || text == "false")) return text == "true";
  if (is_number(name)) {
    std::int64_t whole = 0;
    const char* const end = text.data() + text.size();
    if (const auto read = std::from_chars(text.data(), end, whole);
        read.ec == std::errc() && read.ptr == end)
      return whole;
    double number = 0;
    if (const auto read = std::from_chars(text.data(), end, number);
        read.ec == std::errc() && read.ptr == end)
      return number;
  }
  return json::string(text);
}

json::value value_of(const pugi::xml_node& node, std::string_view name) {
  const auto first =
      node.find_child([](const auto& child) { return child.type() == pugi::node_element; });
  if (!first) {
    if (is_list(name)) return json::array();
    return leaf(name, node.text().get());
  }
  const std::string_view kind = first.name();
  if (kind == "member") {
    json::array list;
    for (const auto& child : node.children("member")) list.push_back(value_of(child, name));
    return list;
  }
  json::object object;
  if (kind == "entry") {
    for (const auto& child : node.children("entry"))
      object[child.child_value("key")] = value_of(child.child("value"), "");
    return object;
  }
  for (const auto& child : node.children())
    if (child.type() == pugi::node_element) object[child.name()] = value_of(child, child.name());
  return object;
}

bool ends_with(std::string_view text, std::string_view end) { return text.ends_with(end); }

}  // namespace

std::string form_of(const Service& service, std::string_view operation, const json::object& input) {
  std::string form = fmt::format("Action={}&Version={}", operation, service.version);
  add(form, service.name, "", input, false);
  return form;
}

json::value value_of_xml(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return nullptr;
  const auto root = document.document_element();
  if (!ends_with(root.name(), "Response")) return nullptr;
  for (const auto& child : root.children())
    if (ends_with(child.name(), "Result")) {
      auto value = value_of(child, "");
      return value.is_object() ? std::move(value) : json::value(json::object());
    }
  return json::object();
}

json::object error_of_xml(std::string_view xml) {
  pugi::xml_document document;
  if (!document.load_buffer(xml.data(), xml.size())) return {};
  const auto root = document.document_element();
  const auto error = std::string_view(root.name()) == "Error" ? root : root.child("Error");
  if (!error) return {};
  const auto id = root.child("RequestId") ? root.child("RequestId") : error.child("RequestId");
  return {{"Code", error.child_value("Code")},
          {"Message", error.child_value("Message")},
          {"RequestId", id.child_value()}};
}

}  // namespace sosw::aws
