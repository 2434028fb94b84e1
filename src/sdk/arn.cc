// SPDX-License-Identifier: MIT
// Names and accounts in ARNs: arn:PARTITION:SERVICE:REGION:ACCOUNT:[TYPE:|TYPE/]NAME[:VERSION].
#include <algorithm>

#include "sdk/text.h"
#include "sosw/helpers.h"

namespace sosw {
namespace {

constexpr std::size_t kAccountDigits = 12;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_type_character(char c) { return is_digit(c) || is_letter(c) || c == '-'; }
bool is_name_character(char c) {
  return is_type_character(c) || std::string_view("_=,.@").find(c) != std::string_view::npos;
}

template <class Predicate>
std::string_view leading(std::string_view text, Predicate predicate) {
  const auto* end = std::find_if_not(text.data(), text.data() + text.size(), predicate);
  return text.substr(0, static_cast<std::size_t>(end - text.data()));
}

// What stands behind the type; the bucket of an S3 object, which has neither type nor account. The
// text itself if it is no ARN.
std::string_view named_part(std::string_view arn) {
  const auto parts = sdk::split(arn, ":");
  if (parts.size() < 6 || parts[0] != "arn") return arn;
  const auto resource = arn.substr(static_cast<std::size_t>(parts[5].data() - arn.data()));
  if (parts[4].empty())
    return resource.substr(std::min(resource.find_first_not_of('/'), resource.size()));
  const auto type = leading(resource, is_type_character);
  const auto rest = resource.substr(type.size());
  if (!type.empty() && (rest.starts_with(':') || rest.starts_with('/'))) return rest.substr(1);
  return resource;
}

}  // namespace

std::string trim_arn_to_name(std::string_view arn) {
  if (std::count(arn.begin(), arn.end(), ':') < 6 && arn.find('/') == arn.npos)
    return std::string(arn.substr(arn.rfind(':') + 1));
  return std::string(leading(named_part(arn), is_name_character));
}

std::string trim_arn_to_account(std::string_view arn) {
  for (std::size_t at = 0; at < arn.size();) {
    const auto digits = leading(arn.substr(at), is_digit);
    if (digits.size() >= kAccountDigits) return std::string(digits.substr(0, kAccountDigits));
    at += digits.size() + 1;
  }
  throw AttributeError("there is no account in '" + std::string(arn) + "'");
}

}  // namespace sosw
