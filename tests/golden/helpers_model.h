// SPDX-License-Identifier: MIT
// Values of Python in the forms that JSON has, and what the helpers mean, written without them: for
// the rules of helpers_cases.cc.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "golden.h"

namespace sosw::golden {

// A set or tuple as a list, bytes as a list of numbers, a date or datetime as its text, `nan` as
// the double, an integer beyond 64 bits as the nearest double, a dictionary whose keys are not all
// texts as the list of its sorted pairs.
json::value plain(const json::value& value);

json::value argument(const Case& what, std::string_view name);
json::object object_argument(const Case& what, std::string_view name);
std::string text_argument(const Case& what, std::string_view name);
std::int64_t number_argument(const Case& what, std::string_view name, std::int64_t otherwise);

json::value date_value(std::chrono::year_month_day date);
json::value datetime_value(std::chrono::sys_time<std::chrono::microseconds> time);
// "2019-01-31T05:06:07.5"
std::chrono::sys_time<std::chrono::microseconds> seconds_of_iso(std::string_view text);

// "int", "float", "str" or nothing.
std::string vtype_of(const Case& what);

// A text that is the same for values that Python takes for equal.
std::string by_value(const json::value& value);

// recursive_matches_extract; an empty `exclude_key` excludes nothing.
Answer model_extract(const json::value& src, std::string_view key, std::string_view separator,
                     std::string_view exclude_key, const json::value& exclude_val);

// recursive_update where null counts as absent.
json::value model_update(const json::value& d, const json::value& u);

// dunder_to_dict where null counts as absent. An empty separator is "__".
Answer model_dunder(const json::object& data, const std::string& separator);

// Whether the call could be written in C++ (helpers_rules.cc).
bool compiles(const Case& what);
std::vector<Rule> helpers_rules();

}  // namespace sosw::golden
