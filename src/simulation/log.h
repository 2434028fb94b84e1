// SPDX-License-Identifier: MIT
// What really happened in a run, whatever a store says: the invariants compare the two.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/world.h"

namespace sosw::simulation {

struct ClaimLog {
  std::string token;
  const Process* owner = nullptr;  // who claimed
  int life = 0;                    // of that process
  bool rejected = false;           // told the engine: for certain not started
  bool impossible = false;         // told the engine: no worker can ever take it
  bool given_back = false;         // the host has broken it off, or died with it
  bool completed = false;          // somebody has begun to report so, with this token
  bool failed = false;
  bool by_original = false;  // its Orchestrator leaves the token of an earlier claim in the row
  // Who has rejected it owes the release; looks that it survived since then without a fault.
  int clean_passes = 0;
  int attempts_before = 0;  // when it was given out, and where the task waited
  std::int64_t position_before = 0;
};

struct TaskLog {
  std::vector<ClaimLog> claims;  // in order
  bool made = false;
  bool completed_without_claim = false;
  bool failed_without_claim = false;
  // How often that was told, and how many attempts it has ended: a request that arrives late must
  // not end another one.
  int failures_told_without_claim = 0;
  int failed_by_none = 0;
  bool replay_asked = false;
  bool silent = false;    // an attempt has ended by expiry
  bool finished = false;  // a report of a completion was answered: the store knows
  // Whoever has told of a completion was answered well: it may lie in a letter, and will count.
  bool acknowledged = false;
  int deaths = 0;
  bool touched = false;  // a Scavenger of the original has moved it
  bool claim_known(std::string_view token) const {
    for (const ClaimLog& claim : claims) {
      if (claim.token == token) return true;
    }
    return false;
  }
};

struct Started {
  std::string labourer_id, task_id;
  std::int64_t position = 0;  // in the queue
};

// What a process has changed in the store since its call began, as it happened.
struct Landed {
  Time began;  // true time, of the call
  std::string task_id;
  State was, is;
  std::string claim;
};

struct Log {
  std::vector<Started> started;  // in order; those of one exchange in the order of the queue
  std::map<std::string, TaskLog, std::less<>> tasks;
  std::set<std::string, std::less<>> cancels_asked;        // job ids
  std::map<std::string, int, std::less<>> alarmed;         // by task: alarms that were delivered
  std::set<std::int64_t> alarms_delivered;                 // their numbers
  std::map<std::string, std::string, std::less<>> starts;  // claims, by the run that asked
  std::map<const Process*, std::vector<Landed>> landed;

  // Null: the store has never given that claim out.
  ClaimLog* claim(std::string_view task_id, std::string_view token) {
    const auto task = tasks.find(task_id);
    if (task == tasks.end()) return nullptr;
    for (ClaimLog& claim : task->second.claims) {
      if (claim.token == token) return &claim;
    }
    return nullptr;
  }
};

}  // namespace sosw::simulation
