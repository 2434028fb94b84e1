// SPDX-License-Identifier: MIT
// What a store has at one moment, in words that are the same for every kind of store.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/task.h"

namespace sosw::simulation {

struct TaskRow {
  std::string id, labourer_id, claim;
  State state = State::queued;
  int attempts = 0;
  int interrupted = 0;
  int replays = 0;
  int failures = 0;           // reports of a failure, all that were counted
  std::int64_t position = 0;  // queued: now; else when it was in the queue last
  std::int64_t due = 0;       // retry: epoch s
  Time deadline{};            // running
  bool late_kept = false;     // an older attempt's completion is kept
  bool silent = false;        // an attempt ended by expiry
  std::string started;        // from the claim on: which run of the worker has the start (AWS)
  bool doubled = false;       // in another table too
  std::int64_t greenfield = 0;
  std::size_t job = 0;   // index in Snapshot::jobs
  std::int64_t row = 0;  // of that job
  Time since{};          // true time of the last change of its state or position, if known
};

struct JobRow {
  std::string id, key, labourer_id;
  std::int64_t rows = 0, cursor = 0;  // rows below the cursor are tasks or history
  std::int64_t done = 0, dead = 0, cancelled = 0;
  bool given_up = false;         // cancelled
  bool given_up_at_end = false;  // and no row of it is left to close
  Time given_up_since{};         // true time, if known
  bool chose_position = false;   // its one row has a place in the queue of its own
};

struct Snapshot {
  std::vector<TaskRow> tasks;  // in any order that does not change
  std::vector<JobRow> jobs;    // in order of acceptance
  std::int64_t alarms = 0;     // raised so far
};

}  // namespace sosw::simulation
