// SPDX-License-Identifier: MIT
#include "core/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

#include "core/json_text.h"
#include "core/suggest.h"

namespace sosw {
namespace {

constexpr std::string_view kReplace = "$replace";

// Equal values have equal texts; 1, 1.0 and true are equal, as they are to Python.
std::string identity(const json::value& value) {
  if (value.is_bool()) return value.get_bool() ? "1" : "0";
  boost::system::error_code inexact;
  if (value.is_double())
    if (const auto whole = value.to_number<std::int64_t>(inexact); !inexact)
      return json_text(whole);
  return json_text(value);
}

json::array united(const json::array& a, const json::array& b) {
  json::array all = a;
  all.insert(all.end(), b.begin(), b.end());
  const auto is_object = [](const json::value& value) { return value.is_object(); };
  const bool mixed = std::any_of(all.begin(), all.end(), is_object) &&
                     !std::all_of(all.begin(), all.end(), is_object);
  if (mixed ||
      std::any_of(all.begin(), all.end(), [](const auto& value) { return value.is_array(); }))
    return all;
  json::array unique;
  std::unordered_set<std::string> seen;
  for (auto& value : all)
    if (seen.insert(identity(value)).second) unique.push_back(std::move(value));
  return unique;
}

json::value updated(const json::value& base, const json::value& over) {
  if (over.is_object()) {
    const auto& object = over.get_object();
    if (const auto* replacement = object.if_contains(kReplace); replacement && object.size() == 1)
      return *replacement;
    return recursive_update(base.is_object() ? base.get_object() : json::object(), object);
  }
  if (over.is_array() && base.is_array()) return united(base.get_array(), over.get_array());
  return over;
}

}  // namespace

json::object recursive_update(const json::object& base, const json::object& over) {
  json::object result = base;
  for (const auto& [key, value] : over) {
    auto& place = result[key];
    place = updated(place, value);
  }
  return result;
}

json::object merged(std::initializer_list<const json::object*> layers) {
  json::object result;
  for (const auto* layer : layers) result = recursive_update(result, *layer);
  return result;
}

Result<void> check_keys(std::string_view where, const json::object& object,
                        std::span<const std::string_view> known) {
  std::vector<Error> unknown;
  for (const auto& [key, value] : object)
    if (std::find(known.begin(), known.end(), std::string_view(key)) == known.end())
      unknown.push_back(invalid(fmt::format("{}: unknown key '{}'", where, std::string_view(key)),
                                suggestion(key, known)));
  if (unknown.empty()) return {};
  Error first = std::move(unknown.front());
  first.others.assign(std::make_move_iterator(unknown.begin() + 1),
                      std::make_move_iterator(unknown.end()));
  return first;
}

}  // namespace sosw
