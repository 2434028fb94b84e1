// SPDX-License-Identifier: MIT
// See audit_log.h.
#include "cloud/audit_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "cloud/table_rows.h"

namespace sosw::cloud {
namespace {

constexpr std::size_t kAtOnce = 100;
constexpr double kSlowS = 1;

}  // namespace

AuditLog::AuditLog(Tables& tables, Options options)
    : tables_(tables), options_(std::move(options)) {}

void AuditLog::invoked(std::string invocation_id, std::string log_stream_name) {
  const std::lock_guard lock(mutex_);
  invocation_id_ = std::move(invocation_id);
  log_stream_name_ = std::move(log_stream_name);
  waited_s_ = 0;
}

void AuditLog::append(std::span<const engine::AuditEvent> events) {
  std::vector<Item> rows;
  rows.reserve(events.size());
  const auto now = [this] { return options_.clock ? options_.clock->now() : Time(); };
  {
    const std::lock_guard lock(mutex_);
    if (waited_s_ >= options_.patience_s) return;  // it was told
    for (const auto& event : events) {
      // Two rows of a task with an equal time would be one.
      const bool again = event.at <= last_ && last_ - event.at < std::chrono::seconds(1);
      last_ = again ? last_ + Time::duration(1) : event.at;
      Item row = {
          {"task_id", text(event.task_id)},        {"created_at", seconds(last_)},
          {"action", text(event.action)},          {"author", text(options_.author)},
          {"invocation_id", text(invocation_id_)}, {"log_stream_name", text(log_stream_name_)}};
      if (!event.labourer_id.empty())
        row[event.action == "created" ? "labourer" : "labourer_id"] = text(event.labourer_id);
      rows.push_back(std::move(row));
    }
  }
  for (std::size_t from = 0; from < rows.size(); from += kAtOnce) {
    const auto portion = std::span(rows).subspan(from, std::min(kAtOnce, rows.size() - from));
    const Time asked = now();
    if (const auto appended = tables_.append(options_.table, portion); !appended) {
      // Those behind it would only wait as long.
      if (options_.warn)
        options_.warn(fmt::format("{} rows of the audit log were not written: {}",
                                  rows.size() - from, appended.error().message));
      return;
    }
    const double took = std::chrono::duration<double>(now() - asked).count();
    if (took < kSlowS) continue;
    {
      const std::lock_guard lock(mutex_);
      const bool told = waited_s_ >= options_.patience_s;
      waited_s_ += took;
      if (waited_s_ < options_.patience_s) continue;
      if (told) return;
    }
    if (options_.warn)
      options_.warn(
          fmt::format("no more rows of the audit log are written in this invocation: the "
                      "table '{}' is too slow, give it more capacity",
                      options_.table));
    return;
  }
}

}  // namespace sosw::cloud
