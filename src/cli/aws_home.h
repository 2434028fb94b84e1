// SPDX-License-Identifier: MIT
// The home on AWS that a command is about, with --aws.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>

#include "cli/command.h"
#include "cloud/audit_log.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/fleet_config.h"
#include "cloud/table_store.h"
#include "core/result.h"
#include "engine/engine.h"

namespace sosw::cli {

class AwsHome {
 public:
  // Its configuration is that of the Essential that `common.aws` names, which the table `config` or
  // SSM have; with --config the file's. What is odd about it is told on stderr. Writes nothing.
  // Errors: invalid: no region, no credentials, no table of configurations, a wrong configuration;
  // denied; unavailable.
  static Result<std::shared_ptr<AwsHome>> open(const Common& common);

  AwsHome(cloud::FleetConfig config, std::string region);

  [[nodiscard]] const cloud::FleetConfig& config() const { return config_; }
  [[nodiscard]] const std::string& region() const { return region_; }
  [[nodiscard]] cloud::TableStore& store() { return store_; }
  [[nodiscard]] engine::AuditLog* audit() { return config_.audit ? &audit_ : nullptr; }
  // As for an engine of this home; time zones are those of this machine.
  [[nodiscard]] engine::Engine::Settings settings() const;

  // TableStore::status() with every state whose number is known, 0 too. Missing are the closed ones
  // that nobody has counted, for an original's Scavenger archives without counting, and live ones
  // with kCountedAtMost tasks or more.
  Result<std::map<std::string, engine::LabourerStatus>> status();
  // Labourers of these jobs that have fewer rows than their jobs have left: an original's Scavenger
  // has archived some of them, and what these jobs have done is not known.
  Result<std::set<std::string>> uncounted(std::span<const engine::JobStatus> jobs);
  // Makes rows of the job as tasks, for at most `seconds`. Gives how many of it are made then; all,
  // if it is cancelled.
  Result<std::int64_t> make_rows(const std::string& job_id, double seconds);

 private:
  const cloud::FleetConfig config_;
  const std::string region_;
  cloud::DynamoDbTables tables_;
  cloud::TableStore store_;
  cloud::AuditLog audit_;
};

}  // namespace sosw::cli
