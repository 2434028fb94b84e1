// SPDX-License-Identifier: MIT
// See scheduler.h.
#include "engine/scheduler.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/suggest.h"

namespace sosw::engine {
namespace {

Result<Date> today_in_utc(std::string_view time_zone, Time now) {
  if (!time_zone.empty() && time_zone != "UTC") {
    return invalid(fmt::format("timezone '{}' is not known here", time_zone), "known: UTC");
  }
  return std::chrono::floor<std::chrono::days>(now);
}

// Takes a text out of the body: a setting of the job, no data of its rows.
Result<std::string> take_text(json::object& body, json::string_view key) {
  const auto* found = body.if_contains(key);
  if (found == nullptr || found->is_null()) return std::string();
  if (!found->is_string())
    return invalid(fmt::format("{}: a text is expected", std::string_view(key)));
  std::string text(found->get_string());
  body.erase(key);
  return text;
}

}  // namespace

Scheduler::Scheduler(TaskStore& store, const Clock& clock, AuditLog* audit, Settings settings)
    : store_(store), clock_(clock), audit_(audit), settings_(std::move(settings)) {}

Result<JobRows> Scheduler::plan(const Settings& settings, const Labourers& labourers,
                                json::value event, Time now) {
  Result<JobRequest> request = extract_job_from_payload(std::move(event));
  if (!request) return request.error();
  if (labourers.find(request->lambda_name) == labourers.end()) {
    std::vector<std::string_view> known;
    for (const auto& [id, labourer] : labourers) known.push_back(id);
    return Error{Code::not_found,
                 fmt::format("no labourer '{}' is configured", request->lambda_name),
                 suggestion(request->lambda_name, known)};
  }
  // The schema's name stays in the rows, as in the original.
  std::string schema_name;
  if (const auto* named = request->body.if_contains("job_schema_name");
      named != nullptr && named->is_string()) {
    schema_name = std::string_view(named->get_string());
  }
  const Result<JobSchema> schema = JobSchema::from_config(settings.schemas, schema_name);
  if (!schema) return schema.error();
  const Result<std::string> zone = take_text(request->body, "timezone");
  if (!zone) return zone.error();
  const Result<Date> today = settings.today ? settings.today(*zone, now) : today_in_utc(*zone, now);
  if (!today) return today.error();
  return JobRows::from_job(*std::move(request), *schema, settings.periods, *today,
                           zone->empty() ? "UTC" : *zone);
}

Result<Accepted> Scheduler::schedule(const Labourers& labourers, const json::value& event,
                                     std::string key) {
  const Time now = clock_.now();
  const Result<JobRows> rows = plan(settings_, labourers, event, now);
  if (!rows) return rows.error();
  Job job;
  job.key = std::move(key);
  job.labourer_id = rows->labourer_id();
  job.description = rows->description();
  job.rows = rows->count();
  auto accepted = store_.accept(job, settings_.make_now, now);
  if (accepted && !accepted->already) audit(job.labourer_id, accepted->job_id, 0, accepted->made);
  return accepted;
}

Scheduler::Pass Scheduler::continue_jobs(std::span<const std::string_view> which,
                                         std::optional<std::int64_t> at_most) {
  const auto batch = std::min(at_most.value_or(settings_.make_batch), settings_.make_batch);
  Pass pass;
  for (const std::string_view id : which) {
    const auto made = store_.make_rows(id, settings_.watermark, batch, clock_.now());
    if (!made) {
      pass.skipped.emplace_back(id, made.error().message);
      continue;
    }
    pass.rows += made->rows;
    pass.more = pass.more || made->more;
    audit(id, made->job_id, made->first_row, made->rows);
  }
  return pass;
}

void Scheduler::audit(std::string_view labourer_id, std::string_view job, std::int64_t first_row,
                      std::int64_t rows) {
  if (audit_ == nullptr || rows == 0) return;
  std::vector<AuditEvent> events;
  for (std::int64_t row = first_row; row < first_row + rows; ++row) {
    events.push_back({task_id(job, row), "created", std::string(labourer_id), clock_.now()});
  }
  audit_->append(events);
}

}  // namespace sosw::engine
