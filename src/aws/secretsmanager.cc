// SPDX-License-Identifier: MIT
#include "aws/secretsmanager.h"

#include "aws/fields.h"

namespace sosw::aws {

namespace json = boost::json;

Reply<std::vector<SecretEntry>> SecretsManager::list(std::string_view filter,
                                                     std::string_view value) {
  json::object input{{"Filters", {json::object{{"Key", filter}, {"Values", {value}}}}}};
  std::vector<SecretEntry> secrets;
  while (true) {
    const auto answer = client_.call("ListSecrets", input);
    if (!answer) return answer.error();
    const auto& page = answer->get_object();
    for_each_object(page, "SecretList", [&](const json::object& fields) {
      secrets.push_back({text_field(fields, "Name"), text_field(fields, "ARN")});
    });
    const auto token = text_field(page, "NextToken");
    if (token.empty()) return secrets;
    input["NextToken"] = token;
  }
}

Reply<std::optional<std::string>> SecretsManager::get_text(std::string_view id) {
  const auto answer = client_.call("GetSecretValue", {{"SecretId", id}});
  if (!answer) return answer.error();
  const auto* const text = answer->get_object().if_contains("SecretString");
  if (!text || !text->is_string()) return std::optional<std::string>();
  return std::optional(std::string(text->get_string()));
}

}  // namespace sosw::aws
