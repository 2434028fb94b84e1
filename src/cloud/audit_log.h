// SPDX-License-Identifier: MIT
// The audit log of the original: a row of `sosw_tasks_meta` for each thing that happens to a task.
#pragma once

#include <functional>
#include <mutex>
#include <span>
#include <string>

#include "cloud/tables.h"
#include "engine/ports.h"

namespace sosw::cloud {

// Rows as the original's MetaHandler writes them: task_id, created_at, action, the labourer where
// it is known (`labourer` of a created task, else `labourer_id`), and the invocation that wrote
// them. Best effort: what the tables do not take is lost, and a line in the log of the program says
// so.
class AuditLog final : public engine::AuditLog {
 public:
  struct Options {
    std::string table = "sosw_tasks_meta";
    std::string author;                                   // the function's name
    std::function<void(const std::string& line)> warn{};  // for the log of the program
    // Measures how long requests take; outlives the log. Null: nobody minds.
    const engine::Clock* clock = nullptr;
    // Of one Lambda invocation in requests of more than a second, as a table without capacity makes
    // them: then nothing more is written in it, for its real work has an end of its own.
    double patience_s = 5;
  };
  // `tables` outlives it.
  AuditLog(Tables& tables, Options options);

  // The Lambda invocation that writes from now on.
  void invoked(std::string invocation_id, std::string log_stream_name);

  // From any thread. A request for every 25 events.
  void append(std::span<const engine::AuditEvent> events) override;

 private:
  Tables& tables_;
  const Options options_;
  std::mutex mutex_;  // of what follows
  std::string invocation_id_, log_stream_name_;
  double waited_s_ = 0;
  Time last_{};  // `created_at`, which is a part of the key
};

}  // namespace sosw::cloud
