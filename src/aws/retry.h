// SPDX-License-Identifier: MIT
// Which errors pass, and which calls may be made twice.
#pragma once

#include <string>
#include <string_view>

#include "aws/client.h"

namespace sosw::aws {

// The service did nothing, for it is asked too much.
bool is_throttling(std::string_view code, int status);

// The clock of the request is not the service's.
bool is_skew(std::string_view code);

// The key is unknown or has expired.
bool is_refused_key(std::string_view code);

// The member of a call's input by which the service knows that it is the same call again; empty if
// it has none. It is filled in where the caller gives none.
std::string_view token_member(std::string_view service, std::string_view operation);

// Whether twice is as good as once, when nobody knows whether it was done. An operation that is not
// known here is made once.
bool is_repeatable(std::string_view service, const Operation& call);

}  // namespace sosw::aws
