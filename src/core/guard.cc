// SPDX-License-Identifier: MIT
// See guard.h.
#include "core/guard.h"

#ifdef SOSW_SWITCHABLE_GUARDS
#include <string>

namespace sosw {
namespace {

std::string& switched_off() {
  static std::string name;
  return name;
}

}  // namespace

void switch_off_guard(std::string_view name) { switched_off() = name; }

bool guard_is_on(std::string_view name) { return name != switched_off(); }

}  // namespace sosw
#endif
