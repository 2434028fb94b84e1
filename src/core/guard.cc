// SPDX-License-Identifier: MIT
// See guard.h.
#include "core/guard.h"

#ifdef SOSW_SWITCHABLE_GUARDS
#include <algorithm>
#include <string>
#include <vector>

namespace sosw {
namespace {

std::vector<std::string>& switched_off() {
  static std::vector<std::string> names;
  return names;
}

}  // namespace

void switch_off_guards(std::string_view names) {
  auto& off = switched_off();
  off.assign(1, {});
  for (const char c : names) c == ',' ? void(off.emplace_back()) : off.back().push_back(c);
}

bool guard_is_on(std::string_view name) {
  const auto& off = switched_off();
  return std::find(off.begin(), off.end(), name) == off.end();
}

}  // namespace sosw
#endif
