// SPDX-License-Identifier: MIT
// See assemble.h.
#include "cli/assemble.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <chrono>
#include <stdexcept>

#include "local/function_settings.h"
#include "local/sqlite_store.h"

namespace sosw::cli {

namespace fs = std::filesystem;

Result<Date> today_in(std::string_view time_zone, Time now) {
  if (time_zone.empty() || time_zone == "UTC") return std::chrono::floor<std::chrono::days>(now);
  try {
    const auto local =
        date::locate_zone(time_zone)->to_local(std::chrono::floor<std::chrono::seconds>(now));
    return Date{std::chrono::floor<std::chrono::days>(local.time_since_epoch())};
  } catch (const std::runtime_error&) {
    return invalid(fmt::format("timezone '{}' is not known on this machine", time_zone),
                   "a name of the tz database: UTC, Europe/Berlin, America/New_York ...");
  }
}

std::optional<Error> unreachable_worker(const local::HomeConfig& config) {
  for (const auto& [id, labourer] : config.labourers) {
    const auto worker = local::read_function(labourer, config.folder.string());
    if (!worker) return worker.error();
    if (!*worker) {
      return invalid(
          fmt::format(
              "labourer '{}': its worker is a function of AWS, which this home does not call", id),
          "give its command, exec or http; arn alone is for the home on AWS");
    }
  }
  return std::nullopt;
}

Result<engine::Engine::Settings> engine_settings(const local::HomeConfig& config) {
  engine::Engine::Settings settings;
  settings.labourers = config.labourers;
  settings.orchestrator.coefficients = config.coefficients;
  settings.scavenger.retry_tasks_limit = config.retry_tasks_limit;
  settings.task_manager.max_closed_to_analyse_for_duration =
      config.max_closed_to_analyse_for_duration;
  settings.scheduler.schemas = {{"job_schema", config.job_schema},
                                {"job_schema_variants", config.job_schema_variants}};
  auto periods = Periods::from_config(config.custom_period_patterns);
  if (!periods) return periods.error();
  settings.scheduler.periods = *std::move(periods);
  settings.scheduler.today = today_in;
  settings.scheduler.watermark = config.watermark;
  settings.health_interval_s = config.health_interval_s;
  return settings;
}

fs::path database_in(const fs::path& folder) { return folder / "sosw.db"; }

Result<std::unique_ptr<engine::TaskStore>> open_to_write(const fs::path& folder,
                                                         const local::HomeConfig& config) {
  using Synchronous = local::StoreOptions::Synchronous;
  auto store = local::SqliteStore::open(
      {.path = database_in(folder).string(),
       .synchronous = config.synchronous_full ? Synchronous::full : Synchronous::normal});
  if (!store) return store.error();
  return std::unique_ptr<engine::TaskStore>(*std::move(store));
}

}  // namespace sosw::cli
