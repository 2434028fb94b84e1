// SPDX-License-Identifier: MIT
// How the services of AWS are spoken to.
#pragma once

#include <string_view>

namespace sosw::aws {

enum class Protocol {
  json,       // POST / with X-Amz-Target
  query,      // POST / of a form; XML comes back
  rest_json,  // a method and a path for each operation: rest.h
  rest_xml,
};

struct Service {
  std::string_view name;      // as boto3 has it
  std::string_view id;        // as the variables AWS_ENDPOINT_URL_* have it
  std::string_view endpoint;  // first part of its host name
  std::string_view signing;   // its name in signatures
  Protocol protocol;
  std::string_view version = {};  // json: "1.0" or "1.1"; query: date of the API
  std::string_view target = {};   // json: before the operation in X-Amz-Target
};

// Null: not known here.
const Service* find_service(std::string_view name);

}  // namespace sosw::aws
