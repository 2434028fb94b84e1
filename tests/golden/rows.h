// SPDX-License-Identifier: MIT
// Rows of the original's tables, as recorded, and what a recorded transcript of requests did to
// them.
#pragma once

#include <vector>

#include "core/task.h"
#include "golden.h"

namespace sosw::golden {

// {"a": {"N": "1"}} to {"a": 1}. Text stays text.
json::object plain_row(const json::object& item);

// A row with plain values as a task; what is missing keeps its default.
Task task_of_row(const json::object& row);
// The task as a row: the attributes of the original, without ours (state, claim).
json::object row_of_task(const Task& task);

// [{"put": TABLE, "row": {...}}, {"claim": TASK_ID, "greenfield": N}, ...] in order; reads, deletes
// and rows of the audit table left out.
json::array effects_of(const json::array& requests);

// An output with `dynamo` turned into `effects` and the counters that mean something.
json::value effects_of_output(const Case& what, const json::value& output);

// Whether a {"$type": ...} is in it anywhere.
bool has_typed_value(const json::value& value);

Time now_of(const Case& what);

}  // namespace sosw::golden
