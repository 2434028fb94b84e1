// SPDX-License-Identifier: MIT
// Names for the checks that the promise rests on, so that a test can take each of them away.
#pragma once

#include <string_view>

// Written where the check is made, in front of it:
//
//     if (SOSW_GUARD(claim_token) && row.claim != report.claim) return stale;
//
// Always true, and free, but in a build with SOSW_SWITCHABLE_GUARDS (CMake option of that name):
// there guards can be switched off while the program runs, and the simulation must then find a run
// that breaks an invariant. docs/reliability.md has the table.
#ifdef SOSW_SWITCHABLE_GUARDS
namespace sosw {

// From now on these (separated by commas) are off, and all others are on. Before the first engine.
void switch_off_guards(std::string_view names);
[[nodiscard]] bool guard_is_on(std::string_view name);

}  // namespace sosw
#define SOSW_GUARD(name) ::sosw::guard_is_on(#name)
#else
#define SOSW_GUARD(name) true
#endif
