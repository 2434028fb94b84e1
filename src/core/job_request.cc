// SPDX-License-Identifier: MIT
#include "core/job_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "core/config_reader.h"
#include "core/json_text.h"

namespace sosw {
namespace {

Result<json::object> object_of(std::string_view what, json::value value) {
  constexpr auto kHint =
      R"(it is an object with the labourer's name: {"lambda_name": "word_count"})";
  if (value.is_object()) return std::move(value.get_object());
  if (!value.is_string())
    return invalid(fmt::format("{}: {} is neither an object nor JSON text", what, described(value)),
                   kHint);
  auto parsed = parse_json(value.get_string());
  if (!parsed)
    return invalid(fmt::format("{}: {}", what, parsed.error().message), parsed.error().hint);
  if (!parsed->is_object())
    return invalid(fmt::format("{}: its text holds {}, no object", what, described(*parsed)),
                   kHint);
  return std::move(parsed->get_object());
}

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kName =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_=,.@-";
constexpr std::string_view kWord =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";

// The length of the leading run of `allowed`, at most `most`.
std::size_t run(std::string_view text, std::string_view allowed,
                std::size_t most = std::string_view::npos) {
  return std::min({text.find_first_not_of(allowed), text.size(), most});
}

// What lies behind "arn:aws:service:region:account:type:" (or ".../"); the whole text if it does
// not begin like this.
std::string_view behind_prefix(std::string_view arn) {
  auto rest = arn;
  const auto part = [&](std::string_view allowed, std::size_t least, std::size_t most,
                        std::string_view end) {
    const auto size = run(rest, allowed, most);
    if (size < least || rest.find_first_of(end, size) != size) return false;
    rest.remove_prefix(size + 1);
    return true;
  };
  if (rest.substr(0, 8) != "arn:aws:") return arn;
  rest.remove_prefix(8);
  const bool prefix = part(kWord, 2, 20, ":") && part(kWord, 0, 12, ":") &&
                      part(kDigits, 12, 12, ":") && part(kWord, 2, 20, ":/");
  return prefix ? rest : arn;
}

}  // namespace

std::string labourer_name_of_arn(std::string_view arn) {
  // Names of services without region and account (buckets) have fewer parts.
  if (std::count(arn.begin(), arn.end(), ':') < 6 && arn.find('/') == arn.npos)
    return std::string(arn.substr(arn.rfind(':') + 1));
  const auto name = behind_prefix(arn);
  return std::string(name.substr(0, run(name, kName)));
}

Result<JobRequest> extract_job_from_payload(json::value event) {
  auto outer = object_of("event", std::move(event));
  if (!outer) return outer.error();
  auto body = std::move(*outer);
  if (auto* inner = body.if_contains("job")) {
    auto job = object_of("job", std::move(*inner));
    if (!job) return job.error();
    body = std::move(*job);
  }
  const std::string_view key = body.contains("lambda_name") ? "lambda_name" : "labourer_id";
  const auto* name = body.if_contains(key);
  if (!name)
    return invalid("the job names no labourer",
                   R"(add "lambda_name": the name or ARN of a labourer)");
  if (!name->is_string())
    return invalid(fmt::format("{}: {} is no name", key, described(*name)),
                   "it is the name or ARN of a labourer");
  JobRequest request{labourer_name_of_arn(name->get_string()), {}};
  body.stable_erase(key);
  request.body = std::move(body);
  return request;
}

}  // namespace sosw
