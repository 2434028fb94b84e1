// SPDX-License-Identifier: MIT
// The Essentials of the original, as they behave upon the tables: with upserts, moves in two steps,
// attributes that get lost, and unconditional retries. They stand beside ours in the simulation.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cloud/tables.h"
#include "core/greenfield.h"
#include "core/labourer.h"
#include "core/result.h"
#include "core/time.h"

namespace sosw::simulation {

namespace json = boost::json;

// An error is an exception of the original: the run ends there, and what was done stays. Each call
// of the tables is a place where such a process may be paused or die. Left out: the queries of
// average durations, which change nothing, and the queue files of the Scheduler.
class PythonEssentials {
 public:
  struct Settings {
    std::int64_t invocation_delta = kInvocationDelta;
    std::int64_t task_step = kTaskStep;
    int retry_tasks_limit = 20;
    bool audit = true;  // write sosw_tasks_meta
    std::string author = "sosw_python", invocation_id = "request", log_stream_name = "stream";
  };
  // Gets the payload of one invocation; an error is one of Lambda.
  using Invoke = std::function<Result<void>(const Labourer& labourer, const json::object& payload)>;

  // Asks `now` as often as the original asks its clock. `tables` outlives this.
  PythonEssentials(cloud::Tables& tables, std::function<Time()> now, Settings settings);

  // Scheduler: one task of a labourer. `payload` is the text of a JSON object; `greenfield`: a
  // position of the caller's own choice (create_task with strict=False).
  Result<void> create_task(std::string_view labourer_id, std::string_view task_id,
                           std::string_view payload,
                           std::optional<std::int64_t> greenfield = std::nullopt);
  // The audit row of a task that the Scheduler made.
  Result<void> audit_created(std::string_view labourer_id, std::string_view task_id);

  // Orchestrator: one run. `share` of the limit that the health of a labourer allows; absent: all.
  Result<void> orchestrate(std::span<const Labourer> labourers, const Invoke& invoke,
                           const std::function<double(const Labourer&)>& share = {});

  // Scavenger: one run. `dead` gets the id of each task that it gives up.
  Result<void> scavenge(std::span<const Labourer> labourers,
                        const std::function<void(const std::string& task_id)>& dead = {});

  // WorkerAssistant.
  Result<void> mark_task_as_completed(std::string_view task_id, const json::object& stats = {},
                                      const json::object& result = {});
  Result<void> mark_task_as_failed(std::string_view task_id, const json::object& stats = {},
                                   const json::object& result = {});

 private:
  struct Registered;  // a labourer at the start of a run

  std::vector<Registered> registered(std::span<const Labourer> labourers) const;
  Result<std::vector<json::object>> rows(cloud::Query query, std::size_t at_most, bool all_fields);
  Result<std::int64_t> greenfield_at_end(std::string_view labourer_id, bool newest);
  Result<void> put(std::string table, const json::object& row);
  Result<void> remove_task(std::string_view task_id);
  Result<void> audit(std::string_view task_id, std::string_view action, std::string_view field,
                     std::string_view labourer_id);
  Result<void> mark(std::string_view task_id, const json::object& attributes, bool failed);
  Result<void> invoke_task(const Registered& labourer, json::object task, const Invoke& invoke);
  Result<void> archive(std::string_view task_id);
  Result<void> archive_completed(const Registered& labourer);
  Result<void> handle_expired(const Registered& labourer,
                              const std::function<void(const std::string&)>& dead);
  Result<void> retry(const Registered& labourer);

  cloud::Tables& tables_;
  const std::function<Time()> now_;
  const Settings settings_;
};

}  // namespace sosw::simulation
