// SPDX-License-Identifier: MIT
// Values in attribute form ({"N": "2000"}) as DynamoDB takes, orders and measures them.
#pragma once

#include <boost/json.hpp>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sosw::simulation {

namespace json = boost::json;

// Exact, up to 38 significant digits.
struct Number {
  __extension__ using Digits = __int128;
  Digits digits = 0;  // no zeros at its end
  int exponent = 0;   // of ten
  bool operator==(const Number&) const = default;
};
// nullopt: not a number, or more digits than DynamoDB keeps.
[[nodiscard]] std::optional<Number> read_number(std::string_view text);
// As DynamoDB writes it back: no zeros in front, none behind the point, no exponent where 40
// characters do without.
[[nodiscard]] std::string number_text(const Number& number);
[[nodiscard]] std::strong_ordering order(const Number& a, const Number& b);
// nullopt: more digits than DynamoDB keeps.
[[nodiscard]] std::optional<Number> sum(const Number& a, const Number& b);
[[nodiscard]] std::optional<Number> difference(const Number& a, const Number& b);

// "S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS". REQUIRES: a checked value.
[[nodiscard]] inline std::string_view type_of(const json::value& value) {
  return value.get_object().begin()->key();
}
// What stands under the type. REQUIRES: a checked value.
[[nodiscard]] inline const json::value& content(const json::value& value) {
  return value.get_object().begin()->value();
}
[[nodiscard]] inline std::string_view text_of(const json::value& value) {
  return content(value).get_string();
}

// An error says, in DynamoDB's words, why it takes no such value. Numbers are rewritten as it keeps
// them.
Result<void> check_value(json::value& value);
Result<void> check_item(json::object& item);

// The same type and content; numbers by value, sets in any order. REQUIRES: checked values.
[[nodiscard]] bool equal(const json::value& a, const json::value& b);
// nullopt: of different types, or of a type without order. REQUIRES: checked values.
[[nodiscard]] std::optional<std::strong_ordering> order(const json::value& a, const json::value& b);

// Bytes of an item as DynamoDB counts them. REQUIRES: a checked item.
[[nodiscard]] std::int64_t size_of(const json::object& item);

// ValidationException: the request is wrong.
[[nodiscard]] Error bad_request(std::string message);

}  // namespace sosw::simulation
