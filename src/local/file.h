// SPDX-License-Identifier: MIT
// Whole small files: read one, replace one so that a crash leaves the old or the new.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sosw::local {

// Errors: not_found, denied, unavailable, naming the file.
[[nodiscard]] Result<std::string> read_file(const std::filesystem::path& path);

// Written beside it, flushed to the disk, then renamed over it. Mode 0600. Errors: exhausted,
// denied, unavailable.
[[nodiscard]] Result<void> replace_file(const std::filesystem::path& path, std::string_view text);

}  // namespace sosw::local
