// SPDX-License-Identifier: MIT
// What the original's language does with values: str(), int(), float(), ==, truth.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace sosw::sdk {

namespace json = boost::json;

// False for null, false, 0, and what is empty.
bool truth(const json::value& value);

// Numbers by value, true and false among them as 1 and 0; objects without order.
bool equal(const json::value& a, const json::value& b);

// str() and repr() of the value: True, None, 1e+22, ['a', 1.0], {'k': None}.
std::string to_str(const json::value& value);
std::string to_repr(const json::value& value);
// json.dumps() of the value: ", " and ": " between, ASCII only. Bytes that are no UTF-8 become
// U+FFFD.
std::string to_json(const json::value& value);

// int() of the value: a number without its fraction, or a text with a whole number. Throws
// ValueError for a text that is none and what 64 bits cannot hold, TypeError for other values.
std::int64_t to_int(const json::value& value);
// float() of the value. Throws ValueError, TypeError.
double to_float(const json::value& value);

// sum += n for numbers, true and false among them; what is no number in `sum` counts as 0. Beyond
// 64 bits it goes on as a double. REQUIRES: n is one of these
void add_number(json::value& sum, const json::value& n);

// time.time(): seconds since 1970, with microseconds.
inline double epoch_seconds(std::chrono::system_clock::time_point time) {
  const auto us = std::chrono::floor<std::chrono::microseconds>(time).time_since_epoch().count();
  return static_cast<double>(us) / 1e6;  // both exact, so what is written is what is meant
}

// "text", "object", ... for a message.
std::string_view kind_name(const json::value& value);

}  // namespace sosw::sdk
