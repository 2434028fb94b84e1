// SPDX-License-Identifier: MIT
// Reading of answers for the typed services: a member that is not there, or of another type, is
// empty.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace sosw::aws {

// The JSON value of a text, null if it is none. DynamoDB's items are 32 maps deep, which are 64
// objects in an answer; Boost.JSON stops at 32 by itself.
inline boost::json::value parse_json(std::string_view text) {
  boost::json::parse_options options;
  options.max_depth = 256;
  boost::system::error_code wrong;
  auto value = boost::json::parse(text, wrong, {}, options);
  return wrong ? boost::json::value() : value;
}

inline std::string text_field(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

inline std::int64_t number_field(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_int64() ? value->get_int64() : 0;
}

inline bool flag_field(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_bool() && value->get_bool();
}

inline const boost::json::object& object_field(const boost::json::object& object,
                                               std::string_view name) {
  static const boost::json::object kEmpty;
  const auto* value = object.if_contains(name);
  return value && value->is_object() ? value->get_object() : kEmpty;
}

inline const boost::json::array& list_field(const boost::json::object& object,
                                            std::string_view name) {
  static const boost::json::array kEmpty;
  const auto* value = object.if_contains(name);
  return value && value->is_array() ? value->get_array() : kEmpty;
}

// Calls `visit` for each object in the list.
template <class Visit>
void for_each_object(const boost::json::object& object, std::string_view name, Visit visit) {
  for (const auto& item : list_field(object, name))
    if (const auto* fields = item.if_object()) visit(*fields);
}

}  // namespace sosw::aws
