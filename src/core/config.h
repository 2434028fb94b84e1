// SPDX-License-Identifier: MIT
// How configurations of several origins become one.
#pragma once

#include <boost/json.hpp>
#include <initializer_list>
#include <span>
#include <string_view>

#include "core/result.h"

namespace sosw {

namespace json = boost::json;

// `base` with `over` put over it, as recursive_update of the original: objects are merged key by
// key, a list over a list gives the values of both without doubles, in their order, anything else
// replaces (null too). Lists that hold lists are appended as they are. {"$replace": VALUE} replaces
// whatever is there, which is the only way to take something out of a list.
[[nodiscard]] json::object recursive_update(const json::object& base, const json::object& over);

// Layers from the weakest to the strongest. For an Essential: its defaults, the shared
// `sosw_essential_config`, the configuration of the function, what the caller gave. (The original
// put the shared one under the defaults, where it had no effect.)
[[nodiscard]] json::object merged(std::initializer_list<const json::object*> layers);

// Errors: invalid, for each key that is not among the known ones; names the nearest.
[[nodiscard]] Result<void> check_keys(std::string_view where, const json::object& object,
                                      std::span<const std::string_view> known);

}  // namespace sosw
