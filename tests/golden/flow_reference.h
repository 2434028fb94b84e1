// SPDX-License-Identifier: MIT
// A plain reading of what the original does in a flow, with its faults, each of which can be mended
// by a switch. With no switch it gives the recorded trace; with one it computes the trace that is
// right instead, without our code.
#pragma once

#include "golden.h"

namespace sosw::golden {

struct Mended {
  bool retry_order = false;  // D-27: tasks due in one pass keep the order of their due times
  bool failure_at_once =
      false;  // D-25: a failure report ends the attempt; D-10: rows move with all they have
  bool queued_completion = false;  // D-17: a completion that finds the task queued closes it
  bool no_ghost = false;  // D-07: a repeated completion changes nothing, one that finds the task
                          // dead makes it done
  bool bad_payload =
      false;  // D-57: a task whose payload is no object gets it under `payload`, and stops nobody
  bool positions = false;  // D-11: a position that a clock could meet is refused

  bool operator==(const Mended&) const = default;
};

// The output of a case of flow.jsonl: {"trace": [...]}, without `requests`.
Answer flow_reference(const Case& what, const Mended& mended);

}  // namespace sosw::golden
