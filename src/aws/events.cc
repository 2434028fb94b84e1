// SPDX-License-Identifier: MIT
#include "aws/events.h"

#include <functional>
#include <optional>

#include "aws/fields.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

// Visits each page of the answer.
std::optional<CallError> for_each_page(Client& client, std::string_view operation,
                                       json::object input,
                                       const std::function<void(const json::object&)>& visit) {
  while (true) {
    const auto answer = client.call(operation, input);
    if (!answer) return answer.error();
    const auto& page = answer->get_object();
    visit(page);
    const auto token = text_field(page, "NextToken");
    if (token.empty()) return std::nullopt;
    input["NextToken"] = token;
  }
}

}  // namespace

Reply<std::vector<EventRule>> Events::list_rules() {
  std::vector<EventRule> rules;
  const auto failed = for_each_page(client_, "ListRules", {}, [&](const json::object& page) {
    for_each_object(page, "Rules", [&](const json::object& fields) {
      // There are other states of being enabled: ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS.
      rules.push_back(
          {text_field(fields, "Name"), text_field(fields, "State").starts_with("ENABLED")});
    });
  });
  if (failed) return *failed;
  return rules;
}

Reply<std::vector<std::string>> Events::list_targets(std::string_view rule) {
  std::vector<std::string> arns;
  const auto failed =
      for_each_page(client_, "ListTargetsByRule", {{"Rule", rule}}, [&](const json::object& page) {
        for_each_object(page, "Targets", [&](const json::object& fields) {
          arns.push_back(text_field(fields, "Arn"));
        });
      });
  if (failed) return *failed;
  return arns;
}

}  // namespace sosw::aws
