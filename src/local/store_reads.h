// SPDX-License-Identifier: MIT
// What the store tells: each function is one read transaction's worth, on a connection of its own.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/ports.h"
#include "local/sqlite_store.h"
#include "local/store_session.h"

namespace sosw::local {

// Inside a transaction that the caller has begun. Throw SqliteError.
std::map<std::string, engine::LabourerStatus> read_status(Session& session);
Result<std::vector<Task>> read_tasks(Session& session, const StoreOptions& options,
                                     const engine::TaskQuery& query);
std::vector<engine::JobStatus> read_jobs(Session& session, const std::optional<std::string>& job_id,
                                         std::int64_t limit);
std::vector<std::string> read_cancelling(Session& session);  // ids of jobs
std::vector<engine::Alarm> read_alarms(Session& session, std::int64_t at_most);

// Ids and claims of the attempts past their deadline, oldest first.
struct OverdueAttempt {
  std::int64_t id, claim;
  std::string task_id;
};
std::vector<OverdueAttempt> read_overdue(Session& session, std::string_view labourer_id, Time now);

}  // namespace sosw::local
