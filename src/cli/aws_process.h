// SPDX-License-Identifier: MIT
// What a process brings along that works on the tables of AWS: names of its own, patience, and
// where its environment says that the configuration is.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "cloud/config_documents.h"
#include "cloud/fleet_config.h"
#include "core/result.h"

namespace sosw::cli {

// 128 random bits of the system's: never the same in any two processes.
[[nodiscard]] std::string random_name();

// Before the repeat number `round`, from 1: a random time up to 50 ms, which doubles with each.
void pause_between_tries(int round);

// SOSW_CONFIG_TABLE, and SOSW_CONFIG_SOURCE=SSM for parameters; in a test the table for tests.
// Error: invalid: in a test another one.
[[nodiscard]] Result<cloud::ConfigDocuments::Options> configured_documents(
    std::function<void(const std::string& line)> warn);

// read_fleet_config(); in a test with tables for tests only.
[[nodiscard]] Result<cloud::FleetConfig> fleet_config(std::span<const json::object> documents);

}  // namespace sosw::cli
