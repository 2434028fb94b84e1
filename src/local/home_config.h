// SPDX-License-Identifier: MIT
// sosw.json: everything that is configured at home, in one typed value.
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/ecology.h"
#include "core/result.h"
#include "engine/ports.h"
#include "local/notifiers.h"
#include "local/rules.h"

namespace sosw::local {

struct HomeConfig {
  std::filesystem::path folder;  // of the file, absolute: relative paths start here
  engine::Labourers labourers;   // settings: the merged entry, for the host

  // For the Scheduler: what JobSchema::from_config() and Periods::from_config() read.
  json::object job_schema = {{"chunkable_attrs", json::array{}}};
  json::object job_schema_variants;
  json::value custom_period_patterns;  // null: none

  Coefficients coefficients{{0, 0}, {1, 0}, {2, 0.5}, {3, 0.75}, {4, 1}};
  std::vector<Rule> rules;
  AlarmTargets alarms;
  std::map<std::string, json::value> configs;  // what a worker's own get_config finds, by name

  std::int64_t watermark = 100'000;     // queued tasks of a labourer up to which rows are made
  std::int64_t retry_tasks_limit = -1;  // brought back in one pass; negative: all that are due
  int max_closed_to_analyse_for_duration = 10;
  double health_interval_s = 15;          // between two looks at the health metrics
  bool synchronous_full = true;           // false: the newest commits may be lost at a power cut
  std::string listen = "127.0.0.1:8787";  // empty: no HTTP
};

struct CheckedConfig {
  std::optional<HomeConfig> config;  // absent when there are errors
  std::vector<Error> errors;    // each names the file, the place, what is wrong and how to mend it
  std::vector<Error> warnings;  // it runs, but not as somebody may think: a command that is
                                // missing, a setting without effect at home
};

// Reads `text` (JSON; comments and trailing commas are allowed), the content of `file`, which needs
// not exist. `functions` are labourers whose worker is a function of this program: only they may
// say nothing about how to start it. Looks for the commands on this machine.
//
// The original's own documents are read too. Later ones win: sosw_essential_config,
// sosw_scheduler_config, sosw_orchestrator_config, sosw_scavenger_config,
// sosw_worker_assistant_config, the file itself; in each `labourers` wins over
// `task_config.labourers`. They are merged by recursive_update (core/config.h).
[[nodiscard]] CheckedConfig check_home_config(std::string_view text,
                                              const std::filesystem::path& file,
                                              std::span<const std::string_view> functions = {});

// The same for a file, all errors in one. Errors: not_found (no such file), invalid.
[[nodiscard]] Result<HomeConfig> read_home_config(const std::filesystem::path& file,
                                                  std::span<const std::string_view> functions = {});

}  // namespace sosw::local
