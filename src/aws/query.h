// SPDX-License-Identifier: MIT
// The Query protocol: JSON to a form, XML to JSON. Shapes as in the API references, so that the
// same input works as with boto3.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "aws/services.h"

namespace sosw::aws {

// The body of a request: lists as `Name.member.N`, maps as `Name.entry.N.key`.
std::string form_of(const Service& service, std::string_view operation,
                    const boost::json::object& input);

// What an answer says: its `...Result` element, without the metadata beside it. Elements named
// `member` and `entry` make lists and maps; numbers and booleans where the API reference has them.
// `error`: `Code`, `Message` and `RequestId` of an error's answer. Null if it is no such XML.
boost::json::value value_of_xml(std::string_view xml);
boost::json::object error_of_xml(std::string_view xml);

}  // namespace sosw::aws
