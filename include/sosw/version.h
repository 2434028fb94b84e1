// SPDX-License-Identifier: MIT
// The version that a program was compiled against.
#pragma once

#define SOSW_VERSION_MAJOR 0
#define SOSW_VERSION_MINOR 1
#define SOSW_VERSION_PATCH 0

namespace sosw {

inline constexpr const char* kVersion = "0.1.0";

}  // namespace sosw
