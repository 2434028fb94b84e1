// SPDX-License-Identifier: MIT
// What a recorded flow is about: configuration, clock and steps, read once for our engine and for
// the reference.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/time.h"
#include "golden.h"

namespace sosw::golden {

struct FlowWorld {
  explicit FlowWorld(const Case& what);

  json::object labourers;                   // config by id
  std::vector<std::string> labourer_order;  // ids as configured
  json::object task_config, timeouts, scheduler, scavenger;
  json::array steps;
  double metric = 0;
  double step_after_meta_row_s = 1;
  Time now;

  // Status of the labourer at the present metric.
  [[nodiscard]] int status_of(const std::string& labourer) const;
  // The payloads that the job in the event becomes, in order.
  [[nodiscard]] std::vector<json::object> rows_of(const json::value& event) const;
  [[nodiscard]] static std::string labourer_of(const json::value& event);
};

// "2019-01-31T10:00:00.250000Z", the fraction only when there is one.
std::string iso(Time t);

// Rows in the order of the recording: by task_id, those of the audit table also by created_at.
json::object tidy_tables(json::object tables);

// Payloads of closed tasks as JSON text: the original stored them as Python writes a dict (D-09).
json::value read_archived_payloads(json::value output);

}  // namespace sosw::golden
