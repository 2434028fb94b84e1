// SPDX-License-Identifier: MIT
// Turns business jobs into tasks: a job is stored folded and becomes rows as the queue needs them.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/chunking.h"
#include "core/periods.h"
#include "engine/ports.h"

namespace sosw::engine {

class Scheduler {
 public:
  // The date in a time zone ("Europe/Berlin"; empty: UTC). Error: invalid, for a zone that is not
  // known.
  using Today = std::function<Result<Date>(std::string_view time_zone, Time now)>;

  struct Settings {
    json::object schemas;  // `job_schema` and `job_schema_variants`
    Periods periods;
    Today today;                       // absent: UTC is the only zone
    std::int64_t watermark = 100'000;  // queued tasks of a labourer up to which rows are made
    std::int64_t make_now = 1'000;     // rows made in the transaction that accepts a job
    std::int64_t make_batch = 10'000;  // rows made in one later transaction
  };
  // The ports outlive this object; `audit` may be null. Safe to call from any thread.
  Scheduler(TaskStore& store, const Clock& clock, AuditLog* audit, Settings settings);

  // Accepts the job in a Scheduler event; `key` makes it idempotent (empty: it never is). Nothing
  // is stored unless the whole job is sound. Errors: invalid, with the path in the job; not_found:
  // the labourer is not configured.
  [[nodiscard]] Result<Accepted> schedule(const Labourers& labourers, const json::value& event,
                                          std::string key);

  // The rows that schedule() would make. Stores nothing and needs no store.
  [[nodiscard]] static Result<JobRows> plan(const Settings& settings, const Labourers& labourers,
                                            json::value event, Time now);

  struct Pass {
    std::int64_t rows = 0;
    bool more = false;                                         // call again
    std::vector<std::pair<std::string, std::string>> skipped;  // labourer, why
  };
  // Makes the next batch of rows for each of the labourers named in `which`; smaller ones than
  // `make_batch` if `at_most` says so.
  Pass continue_jobs(std::span<const std::string_view> which,
                     std::optional<std::int64_t> at_most = {});

 private:
  void audit(std::string_view labourer_id, std::string_view job, std::int64_t first_row,
             std::int64_t rows);

  TaskStore& store_;
  const Clock& clock_;
  AuditLog* audit_;
  Settings settings_;
};

}  // namespace sosw::engine
