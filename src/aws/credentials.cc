// SPDX-License-Identifier: MIT
// Reading of the environment that Lambda, the local host and the AWS tools set.
#include "aws/credentials.h"

#include <fmt/format.h>

#include <cstdlib>

namespace sosw::aws {
namespace {

std::string environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): we only read
  return value ? value : "";
}

}  // namespace

std::optional<Credentials> credentials_from_environment() {
  Credentials credentials{environment("AWS_ACCESS_KEY_ID"), environment("AWS_SECRET_ACCESS_KEY"),
                          environment("AWS_SESSION_TOKEN")};
  if (credentials.access_key_id.empty() || credentials.secret_access_key.empty())
    return std::nullopt;
  return credentials;
}

std::string region_from_environment() {
  auto region = environment("AWS_REGION");
  return region.empty() ? environment("AWS_DEFAULT_REGION") : region;
}

std::string endpoint_from_environment(std::string_view service, std::string_view host,
                                      std::string_view region) {
  std::string variable = "AWS_ENDPOINT_URL_";
  for (const char c : service)
    variable += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  if (auto url = environment(variable); !url.empty()) return url;
  if (auto url = environment("AWS_ENDPOINT_URL"); !url.empty()) return url;
  return fmt::format("https://{}.{}.amazonaws.com{}", host, region,
                     region.starts_with("cn-") ? ".cn" : "");
}

}  // namespace sosw::aws
