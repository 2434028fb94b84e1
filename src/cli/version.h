// SPDX-License-Identifier: MIT
// Which sosw this is.
#pragma once

namespace sosw::cli {

extern const char* const kVersion;  // "0.1.0"
extern const char* const
    kCommit;  // short name of the commit, "+" after it when files were changed; may be empty

}  // namespace sosw::cli
