// SPDX-License-Identifier: MIT
// XML answers of AWS: results of the Query protocol, roots of REST XML, errors. The first byte
// tells which.
#include "aws/xml.h"

#include <boost/json.hpp>
#include <cmath>

#include "target.h"

namespace {

namespace json = boost::json;
using sosw::fuzz::require;

// Elements that are too deep are left out, for they would take the stack; a list of S3 takes two
// steps for one element.
constexpr int kDeepest = 2 * 65;

void check(const json::value& value, int depth = 0) {
  require(depth <= kDeepest, "an answer is not deeper than what is read");
  if (const auto* object = value.if_object())
    for (const auto& [key, item] : *object) check(item, depth + 1);
  else if (const auto* list = value.if_array())
    for (const auto& item : *list) check(item, depth + 1);
  else if (const auto* number = value.if_double())
    require(std::isfinite(*number), "a number can be written as JSON");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto xml = sosw::fuzz::text_of(data + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      const auto value = sosw::aws::value_of_xml(xml);
      require(value.is_null() || value.is_object(), "a result is an object");
      check(value);
      break;
    }
    case 1:
      check(sosw::aws::value_of_root(xml));
      break;
    default: {
      const auto error = sosw::aws::error_of_xml(xml);
      for (const auto& [key, value] : error)
        require(value.is_string(), "what an error has are texts");
      require(error.empty() || (error.contains("Code") && error.contains("Message") &&
                                error.contains("RequestId")),
              "an error has a code, a message and a request, be they empty");
    }
  }
  return 0;
}
