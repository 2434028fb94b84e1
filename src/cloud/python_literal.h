// SPDX-License-Identifier: MIT
// Values as the original's language prints them: what its Scavenger makes of a payload when it
// archives a task.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string_view>

namespace sosw::cloud {

// The value of "{'a': [None, True, 'it\'s', 1e-05]}" and the like. Nullopt: it is no such text, or
// no value of JSON (inf, a key that is no text, nesting deeper than 100).
[[nodiscard]] std::optional<boost::json::value> python_literal(std::string_view text);

}  // namespace sosw::cloud
