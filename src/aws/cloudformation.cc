// SPDX-License-Identifier: MIT
#include "aws/cloudformation.h"

#include <fmt/format.h>

#include "aws/fields.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

constexpr std::size_t kLongestBody = 51'200;

std::map<std::string, std::string> pairs(const json::object& object, std::string_view list,
                                         std::string_view key, std::string_view value) {
  std::map<std::string, std::string> all;
  for_each_object(object, list, [&](const json::object& fields) {
    all[text_field(fields, key)] = text_field(fields, value);
  });
  return all;
}

json::array list_of(const std::map<std::string, std::string>& all, std::string_view key,
                    std::string_view value) {
  json::array list;
  for (const auto& [name, text] : all) list.emplace_back(json::object{{key, name}, {value, text}});
  return list;
}

// Nothing to send: what is wrong with it.
std::variant<json::object, CallError> input_of(const StackChange& change, const char* operation) {
  json::object input = {{"StackName", change.name}};
  if (!change.url.empty()) {
    input["TemplateURL"] = change.url;
  } else if (change.body.size() <= kLongestBody) {
    input["TemplateBody"] = change.body;
  } else {
    return CallError{
        .service = "cloudformation",
        .operation = operation,
        .message = fmt::format("the template has {} bytes, {} are taken: put it into S3 "
                               "and give its URL",
                               change.body.size(), kLongestBody)};
  }
  if (!change.capabilities.empty())
    input["Capabilities"] = json::array(change.capabilities.begin(), change.capabilities.end());
  if (!change.tags.empty()) input["Tags"] = list_of(change.tags, "Key", "Value");
  return input;
}

bool is_absent(const CallError& error) {
  return error.code == "ValidationError" &&
         error.message.find("does not exist") != std::string::npos;
}

}  // namespace

bool Stack::is_good() const {
  return status == "CREATE_COMPLETE" || status == "UPDATE_COMPLETE" ||
         status == "IMPORT_COMPLETE" || status == "DELETE_COMPLETE";
}

Reply<std::optional<Stack>> CloudFormation::describe(std::string_view name) {
  const auto answer = client_.call("DescribeStacks", {{"StackName", name}});
  if (!answer) {
    if (is_absent(answer.error())) return std::nullopt;
    return answer.error();
  }
  std::optional<Stack> stack;
  for_each_object(answer->get_object(), "Stacks", [&](const json::object& fields) {
    stack = Stack{.id = text_field(fields, "StackId"),
                  .name = text_field(fields, "StackName"),
                  .status = text_field(fields, "StackStatus"),
                  .reason = text_field(fields, "StackStatusReason"),
                  .parameters = pairs(fields, "Parameters", "ParameterKey", "ParameterValue"),
                  .outputs = pairs(fields, "Outputs", "OutputKey", "OutputValue")};
  });
  return stack;
}

Reply<std::string> CloudFormation::create(const StackChange& change) {
  auto made = input_of(change, "CreateStack");
  if (auto* wrong = std::get_if<CallError>(&made)) return std::move(*wrong);
  auto& input = std::get<json::object>(made);
  if (!change.parameters.empty())
    input["Parameters"] = list_of(change.parameters, "ParameterKey", "ParameterValue");
  const auto answer = client_.call("CreateStack", input);
  if (!answer) return answer.error();
  return text_field(answer->get_object(), "StackId");
}

Reply<bool> CloudFormation::update(const StackChange& change) {
  auto made = input_of(change, "UpdateStack");
  if (auto* wrong = std::get_if<CallError>(&made)) return std::move(*wrong);
  const auto stack = describe(change.name);
  if (!stack) return stack.error();
  auto& input = std::get<json::object>(made);
  auto parameters = list_of(change.parameters, "ParameterKey", "ParameterValue");
  if (*stack) {
    // The new template may not have all of the old one's.
    const char* const source = change.url.empty() ? "TemplateBody" : "TemplateURL";
    const auto summary = client_.call("GetTemplateSummary", {{source, input.at(source)}});
    if (!summary) return summary.error();
    for (const auto& [key, ignored] :
         pairs(summary->get_object(), "Parameters", "ParameterKey", "DefaultValue"))
      if (!change.parameters.contains(key) && (*stack)->parameters.contains(key))
        parameters.emplace_back(json::object{{"ParameterKey", key}, {"UsePreviousValue", true}});
  }
  if (!parameters.empty()) input["Parameters"] = std::move(parameters);
  const auto answer = client_.call("UpdateStack", input);
  if (answer) return true;
  if (answer.error().message.find("No updates are to be performed") != std::string::npos)
    return false;
  return answer.error();
}

Done CloudFormation::remove(std::string_view name) {
  const auto answer = client_.call("DeleteStack", {{"StackName", name}});
  if (!answer && !is_absent(answer.error())) return answer.error();
  return Nothing{};
}

Reply<std::vector<StackEvent>> CloudFormation::events(std::string_view name,
                                                      std::string_view until) {
  std::vector<StackEvent> events;
  json::object input = {{"StackName", name}};
  while (true) {
    const auto answer = client_.call("DescribeStackEvents", input);
    if (!answer) return answer.error();
    const auto& page = answer->get_object();
    for (const auto& item : list_field(page, "StackEvents")) {
      const auto* fields = item.if_object();
      if (!fields) continue;
      auto id = text_field(*fields, "EventId");
      if (!until.empty() && id == until) return events;
      events.push_back({std::move(id), text_field(*fields, "Timestamp"),
                        text_field(*fields, "LogicalResourceId"),
                        text_field(*fields, "ResourceType"), text_field(*fields, "ResourceStatus"),
                        text_field(*fields, "ResourceStatusReason")});
    }
    const auto next = text_field(page, "NextToken");
    if (next.empty()) return events;
    input["NextToken"] = next;
  }
}

}  // namespace sosw::aws
