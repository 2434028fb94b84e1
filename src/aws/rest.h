// SPDX-License-Identifier: MIT
// The REST protocols: each operation has a method, a path, and places for its members. A table says
// which, one line for each operation, so that input and answer have the shapes that boto3 gives
// them.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "aws/http.h"
#include "aws/services.h"
#include "aws/sigv4.h"

namespace sosw::aws {

// `input` and `output` are words, one for each member that has a place of its own:
//
//   Member?name   in the query string          Member:Name   in the header Name
//   Member=       the whole body, as bytes     Member*Name-  a map, in headers that begin with
//   Name- Member<       the whole body, as XML       Member#       the HTTP status (output)
//
// Members in braces are part of the path; `{Key+}` may hold slashes. What is left is a JSON object
// in the body where the service speaks JSON.
struct RestOperation {
  std::string_view service;
  std::string_view name;
  std::string_view method;
  std::string_view path;
  std::string_view input;
  std::string_view output;
};

std::span<const RestOperation> rest_operations();

// Null: not known here.
const RestOperation* find_rest_operation(std::string_view service, std::string_view name);

// What to send, or why it cannot be: a member is missing, or has no place.
// `virtual_host`: a bucket goes into the host's name where its own name permits.
std::variant<Call, std::string> rest_call(const RestOperation& operation, Protocol protocol,
                                          const boost::json::object& input, bool virtual_host);

// What a good answer says, an object; null if it cannot be read.
boost::json::value rest_value(const RestOperation& operation, Protocol protocol,
                              const Response& response);

}  // namespace sosw::aws
