// SPDX-License-Identifier: MIT
// Numbers as they stand in a text, in JSON and elsewhere. The parser of Boost.JSON 1.81 gets one in
// ten decimals wrong by a digit.
#pragma once

#include <boost/json/value.hpp>
#include <cstddef>
#include <optional>
#include <string_view>

namespace sosw::sdk {

namespace json = boost::json;

// The digits of a decimal number without the zeros at both ends; nothing for a text that is none:
// [+-] digits [. digits] [e digits], with digits before or after the point.
std::optional<std::size_t> significant_digits(std::string_view text);

// An integer if the number is whole, has no point and 64 bits hold it; else a double if that reads
// back as the same number; else its text, as it is. Throws ValueError for a text that is no number.
json::value exact_number(std::string_view text);

// As json::parse(), nested up to `max_depth` deep. A number with a point or an exponent is the
// nearest double; a whole one that neither 64 bits nor a double hold is a text of its digits.
json::value parse_exactly(std::string_view text, json::error_code& error,
                          std::size_t max_depth = 200);

}  // namespace sosw::sdk
