// SPDX-License-Identifier: MIT
// Who asks, in which region, at which address: as the environment tells it.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sosw::aws {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty for a user's own key

  bool operator==(const Credentials&) const = default;
};

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN; nothing unless both of the first
// are set.
std::optional<Credentials> credentials_from_environment();

// AWS_REGION, else AWS_DEFAULT_REGION, else empty.
std::string region_from_environment();

// Where `service` ("lambda", "cloudwatch") answers: AWS_ENDPOINT_URL_{SERVICE}, else
// AWS_ENDPOINT_URL, else `host` ("lambda", "monitoring") in `region`.
std::string endpoint_from_environment(std::string_view service, std::string_view host,
                                      std::string_view region);

}  // namespace sosw::aws
