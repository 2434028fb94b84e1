// SPDX-License-Identifier: MIT
#include "aws/endpoints.h"

#include <fmt/format.h>

#include "aws/metadata.h"
#include "aws/shared_files.h"

namespace sosw::aws {
namespace {

std::string_view domain_of(std::string_view region) {
  if (region.starts_with("cn-")) return "amazonaws.com.cn";
  if (region.starts_with("us-isob-")) return "sc2s.sgov.gov";
  if (region.starts_with("us-iso-")) return "c2s.ic.gov";
  if (region.starts_with("eusc-")) return "amazonaws.eu";
  return "amazonaws.com";
}

std::string changed(std::string_view text, char first, char last, int by) {
  std::string out(text);
  for (auto& c : out) {
    if (c >= first && c <= last) c = static_cast<char>(c + by);
    if (c == ' ') c = '_';
  }
  return out;
}

}  // namespace

std::string find_region() {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
    if (auto region = environment(name); !region.empty()) return region;
  if (auto region = profile_setting(SharedFiles::read(), "region"); !region.empty()) return region;
  return instance_region();
}

Endpoint find_endpoint(const Service& service, std::string_view region) {
  Endpoint own{fmt::format("https://{}.{}.{}", service.endpoint, region, domain_of(region))};
  const auto is_true = [](std::string_view text) { return changed(text, 'A', 'Z', 32) == "true"; };
  if (is_true(environment("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"))) return own;
  for (const auto& name :
       {"AWS_ENDPOINT_URL_" + changed(service.id, 'a', 'z', -32), std::string("AWS_ENDPOINT_URL")})
    if (auto url = environment(name.c_str()); !url.empty()) return {std::move(url), false};
  const auto files = SharedFiles::read();
  if (is_true(profile_setting(files, "ignore_configured_endpoint_urls"))) return own;
  if (const auto services = files.services.find(profile_setting(files, "services"));
      services != files.services.end()) {
    const auto url = services->second.find(changed(service.id, 'A', 'Z', 32) + ".endpoint_url");
    if (url != services->second.end() && !url->second.empty()) return {url->second, false};
  }
  if (auto url = profile_setting(files, "endpoint_url"); !url.empty())
    return {std::move(url), false};
  return own;
}

}  // namespace sosw::aws
