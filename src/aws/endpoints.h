// SPDX-License-Identifier: MIT
// In which region, and at which address, a service is asked.
#pragma once

#include <string>
#include <string_view>

#include "aws/services.h"

namespace sosw::aws {

// AWS_REGION, AWS_DEFAULT_REGION, the profile's `region`, the instance's; else empty.
std::string find_region();

struct Endpoint {
  std::string url;
  bool own = true;  // the service's own: all of its host names are there
};

// AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the profile's `services` and `endpoint_url`, unless
// AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or the profile's `ignore_configured_endpoint_urls` is true;
// else the service's own in `region`.
Endpoint find_endpoint(const Service& service, std::string_view region);

}  // namespace sosw::aws
