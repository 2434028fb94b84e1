// SPDX-License-Identifier: MIT
// JSON text that is exact both ways: read without rounding, written as Python's json.dumps writes
// it.
#pragma once

#include <boost/json/value.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sosw {

namespace json = boost::json;

// Reads one JSON value. Floats are rounded to the nearest double (the parser of Boost.JSON 1.81
// alone is off by a digit now and then); of equal keys in an object the last one wins, in the place
// of the first, as in Python. Refused with Code::invalid, and the place, what could not be kept as
// it is: integers outside of -2^63 .. 2^64-1 (Python keeps them, Boost.JSON would silently turn
// them into a rounded float, and no other part of this program has a use for them: write such a
// number as a text), floats beyond the double, nesting deeper than 200, bytes that are not UTF-8.
Result<json::value> parse_json(std::string_view text);
// The same for a text that comes in pieces, cut anywhere, so that it is never held as a whole.
// `next`: the next piece, valid until the next call; empty at the end, or to give up, and then what
// comes back is an error about the text so far.
Result<json::value> parse_json(const std::function<std::string_view()>& next);
// The same for a file that a person edits: comments (// and /* */) and trailing commas are allowed,
// and each error begins with `what` ("sosw.json: ...").
Result<json::value> parse_config(std::string_view text, std::string_view what);

// Appends `value` as json.dumps writes it: separators ", " and ": ", keys in their order, ASCII
// only with \uXXXX (a pair of surrogates beyond U+FFFF), floats in the shortest form that reads
// back, with a point or an exponent (1.0, 1e+22, 1e-05, NaN, Infinity). Bytes that are no UTF-8
// become U+FFFD.
void append_json(const json::value& value, std::string& out);
void append_json(std::string_view text, std::string& out);
void append_json(double number, std::string& out);
void append_json(std::int64_t number, std::string& out);
void append_json(std::uint64_t number, std::string& out);

std::string json_text(const json::value& value);

// Whether a JSON integer (digits, maybe a minus) lies within -2^63 .. 2^64-1.
bool fits_64_bits(std::string_view integer);

}  // namespace sosw
