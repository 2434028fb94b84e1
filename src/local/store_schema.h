// SPDX-License-Identifier: MIT
// The tables of the SQLite store, and how a file of an older version becomes one of this version.
#pragma once

#include <cstdint>

#include "core/result.h"
#include "local/sqlite.h"

namespace sosw::local {

// The version that this program writes: the number of the newest migration.
[[nodiscard]] std::int64_t schema_version();

// Brings the open file up to `version` (tests stop earlier), each step in a transaction of its own.
// Errors: corrupt when the file is newer than this program, or not ours. Throws SqliteError.
Result<void> migrate(Database& database, std::int64_t version = schema_version());

// For those who cannot write: the file must have the version of this program. Errors: corrupt as
// above, denied when it is older. Throws SqliteError.
Result<void> check_version(Database& database);

// The ids of rows without a job: from here on. Jobs take the numbers from 1.
inline constexpr std::int64_t kPseudoJob = std::int64_t{1} << 62;

}  // namespace sosw::local
