// SPDX-License-Identifier: MIT
// The forms of the Query protocol, from the shapes of the API references, so that the same input
// works as with boto3. Its answers: xml.h.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "aws/services.h"

namespace sosw::aws {

// The body of a request: lists as `Name.member.N`, maps as `Name.entry.N.key`.
std::string form_of(const Service& service, std::string_view operation,
                    const boost::json::object& input);

}  // namespace sosw::aws
