// SPDX-License-Identifier: MIT
// What a configuration means to the parts of the engine, for the command line and for programs that
// embed it.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string_view>

#include "core/periods.h"
#include "core/result.h"
#include "engine/engine.h"
#include "engine/ports.h"
#include "local/home_config.h"

namespace sosw::cli {

// The first labourer whose worker nothing at home can reach: a function of AWS alone.
std::optional<Error> unreachable_worker(const local::HomeConfig& config);

// The date in a time zone of this machine's tz database; empty: UTC. Errors: invalid.
Result<Date> today_in(std::string_view time_zone, Time now);

// Errors: invalid.
Result<engine::Engine::Settings> engine_settings(const local::HomeConfig& config);

std::filesystem::path database_in(const std::filesystem::path& folder);

// REQUIRES: the lock of the folder. Errors: those of SqliteStore::open().
Result<std::unique_ptr<engine::TaskStore>> open_to_write(const std::filesystem::path& folder,
                                                         const local::HomeConfig& config);

}  // namespace sosw::cli
