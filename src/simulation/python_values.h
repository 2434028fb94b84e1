// SPDX-License-Identifier: MIT
// Values as the original writes them to its tables, and reads them back.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "cloud/tables.h"
#include "core/result.h"

namespace sosw::simulation {

namespace json = boost::json;

// What the original stores for the fields of a task, and what it reads again (dict_to_dynamo with
// strict=False, dynamo_to_dict): digits become numbers, `true` becomes a BOOL, an object in a text
// field gets Python's notation. Errors: internal, what the original raises; sets and binary values
// are not modelled.
[[nodiscard]] Result<cloud::Item> python_item(const json::object& row);
// Without `all_fields` only those that the TaskManager knows.
[[nodiscard]] Result<json::object> python_row(const cloud::Item& item, bool all_fields);
// repr() of the value.
[[nodiscard]] std::string python_repr(const json::value& value);

// str() of the value.
[[nodiscard]] std::string python_text(const json::value& value);
// repr() of a float: the shortest text that reads back.
[[nodiscard]] std::string python_float(double number);

// An exception of the original.
[[nodiscard]] Error raised(std::string what);

[[nodiscard]] json::value text_value(std::string_view text);
[[nodiscard]] json::value number_value(std::string_view text);
[[nodiscard]] json::value number_value(std::int64_t number);

}  // namespace sosw::simulation
