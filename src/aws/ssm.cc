// SPDX-License-Identifier: MIT
#include "aws/ssm.h"

#include <algorithm>
#include <boost/json/array.hpp>

#include "aws/fields.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

constexpr std::size_t kNamesInCall = 10;

Parameter parameter_in(const json::object& fields) {
  return {text_field(fields, "Name"), text_field(fields, "Type"), text_field(fields, "Value")};
}

}  // namespace

Reply<std::optional<Parameter>> Ssm::get_parameter(std::string_view name, bool decrypt) {
  const auto answer = client_.call("GetParameter", {{"Name", name}, {"WithDecryption", decrypt}});
  if (answer) return std::optional(parameter_in(object_field(answer->get_object(), "Parameter")));
  if (answer.error().code == "ParameterNotFound") return std::optional<Parameter>();
  return answer.error();
}

Reply<std::optional<Parameter>> Ssm::read_parameter(std::string_view name) {
  auto decrypted = get_parameter(name, true);
  if (decrypted || (decrypted.error().code != "AccessDeniedException" &&
                    decrypted.error().code != "InvalidKeyId"))
    return decrypted;
  // The key may not be used: of a SecureString the cipher would come.
  auto plain = get_parameter(name, false);
  if (!plain || (*plain && (*plain)->type == "SecureString")) return decrypted;
  return plain;
}

Reply<std::vector<Parameter>> Ssm::get_parameters(const std::vector<std::string>& names) {
  std::vector<Parameter> found;
  for (std::size_t i = 0; i < names.size(); i += kNamesInCall) {
    const auto last = std::min(i + kNamesInCall, names.size());
    const json::array some(names.begin() + static_cast<std::ptrdiff_t>(i),
                           names.begin() + static_cast<std::ptrdiff_t>(last));
    const auto answer = client_.call("GetParameters", {{"Names", some}, {"WithDecryption", true}});
    if (!answer) return answer.error();
    for_each_object(answer->get_object(), "Parameters",
                    [&](const json::object& fields) { found.push_back(parameter_in(fields)); });
  }
  return found;
}

Done Ssm::put_parameter(const Parameter& parameter, std::string_view description) {
  json::object input{{"Name", parameter.name},
                     {"Value", parameter.value},
                     {"Type", parameter.type},
                     {"Overwrite", true}};
  if (!description.empty()) input["Description"] = description;
  const auto answer = client_.call("PutParameter", input);
  if (!answer) return answer.error();
  return Nothing();
}

Reply<std::vector<std::string>> Ssm::list_names(std::string_view prefix, std::string_view tag,
                                                std::string_view tag_value) {
  json::object input{
      {"ParameterFilters",
       {json::object{{"Key", "tag:" + std::string(tag)}, {"Values", {tag_value}}},
        json::object{{"Key", "Name"}, {"Option", "BeginsWith"}, {"Values", {prefix}}}}}};
  std::vector<std::string> names;
  while (true) {
    const auto answer = client_.call("DescribeParameters", input);
    if (!answer) return answer.error();
    const auto& page = answer->get_object();
    for_each_object(page, "Parameters", [&](const json::object& fields) {
      names.push_back(text_field(fields, "Name"));
    });
    const auto token = text_field(page, "NextToken");
    if (token.empty()) return names;
    input["NextToken"] = token;
  }
}

}  // namespace sosw::aws
