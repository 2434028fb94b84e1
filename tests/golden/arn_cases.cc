// SPDX-License-Identifier: MIT
// The file `arn`.
#include <regex>

#include "areas.h"
#include "exceptions.h"
#include "sosw/helpers.h"

namespace sosw::golden {
namespace {

template <std::string (*Function)(std::string_view)>
Answer of_text(const Case& what) {
  const auto& arn = what.in("arn");
  if (!arn.is_string()) return Answer::error("TypeError");
  return answer_of([&] { return json::value(Function(arn.get_string())); });
}

std::optional<Answer> arn_is_a_text(const Case& what, const Answer&) {
  if (what.in("arn").is_string()) return std::nullopt;
  return Answer::error("TypeError");
}

std::optional<Answer> arns_of_every_kind(const Case& what, const Answer& recorded) {
  if (what.function != "trim_arn_to_name" || recorded.is_error() || recorded.value() != "arn")
    return std::nullopt;
  static const std::regex kArn(
      "arn:[^:]*:[^:]*:[^:]*:(?:[^:]+:(?:[0-9a-zA-Z-]+[:/])?|:/*)([0-9a-zA-Z_=,.@-]*).*");
  std::smatch parts;
  const std::string text(what.in("arn").as_string());
  if (!std::regex_match(text, parts, kArn)) return std::nullopt;
  return Answer::output(json::value(parts[1].str()));
}

}  // namespace

Area arn_area() {
  return {.name = "arn",
          .handlers = {{"trim_arn_to_name", of_text<trim_arn_to_name>},
                       {"trim_arn_to_account", of_text<trim_arn_to_account>}},
          .rules = {{"arn_is_a_text", "the compiler checks it", arn_is_a_text},
                    {"arns_of_every_kind", "a name is asked for", arns_of_every_kind}}};
}

}  // namespace sosw::golden
