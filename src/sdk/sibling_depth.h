// SPDX-License-Identifier: MIT
// How a sibling is told its place in the chain. (A client context would be the place for it, but
// Lambda hands that on with synchronous invocations only.)
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <string_view>

namespace sosw::sdk {

inline constexpr std::string_view kSiblingDepth = "sosw_sibling_depth";

// Takes it out of the event; 0 where it is not there. Something else under that name stays.
inline std::int64_t take_sibling_depth(boost::json::object& event) {
  const auto* found = event.if_contains(kSiblingDepth);
  if (!found || !found->is_int64() || found->get_int64() < 1) return 0;
  const auto depth = found->get_int64();
  event.stable_erase(kSiblingDepth);
  return depth;
}

}  // namespace sosw::sdk
