// SPDX-License-Identifier: MIT
// What the machine or the container that we run on knows about us, over HTTP.
#pragma once

#include <string>
#include <variant>

#include "aws/credentials.h"

namespace sosw::aws {

// Credentials in the form of the container's and the instance's endpoints, and of
// `credential_process`; else what is wrong with the text.
std::variant<Credentials, std::string> parse_credentials(const std::string& text);

// "2026-11-24T10:00:00Z", with or without a fraction or an offset.
std::optional<std::chrono::system_clock::time_point> parse_time(const std::string& text);

bool has_container_credentials();
// Of AWS_CONTAINER_CREDENTIALS_*, else what is wrong.
std::variant<Credentials, std::string> container_credentials();

// AWS_EC2_METADATA_DISABLED.
bool is_instance_metadata_disabled();
// Of the instance's role, by IMDSv2; else what is wrong.
std::variant<Credentials, std::string> instance_credentials();
// Empty: it is no instance, or does not tell.
std::string instance_region();

}  // namespace sosw::aws
