// SPDX-License-Identifier: MIT
// One state of the checked model: base rows, what Essentials have in mind, messages, and what is
// true whatever the rows say.
#pragma once

#include <array>
#include <cstdint>

#include "core/task.h"

namespace sosw::simulation {

inline constexpr int kModelTasks = 2;
inline constexpr int kModelActors = 2;  // of a kind
inline constexpr int kModelClaims = 4;  // of a task

// A base row. It stands in one of three tables, by its state. All positions in the queue are equal,
// the worst that equal positions can do; a claimed row's greenfield is its claim's.
struct ModelRow {
  State state = State::queued;
  std::uint8_t attempts = 0;
  std::uint8_t token = 0;  // number of the claim; 0: none
  bool old = false;        // running: its expiry has passed
  bool started = false;    // `started` holds the nonce of a delivery
  bool late = false;       // late_at
  bool silent = false;
  bool failed = false;  // `failed` equals the claim
  bool parked = false;  // completed, but its greenfield is still a position
};

struct ModelTask {
  ModelRow row;
  // What is true, whatever the row says. Masks have bit k - 1 for claim k.
  std::uint8_t claims = 0;     // made so far
  std::uint8_t forgotten = 0;  // of those, before the last replay
  std::uint8_t given = 0;      // given back
  std::uint8_t lapsed = 0;     // ended by expiry
  bool recorded = false;       // a completion was accepted
  bool finished = false;       // ... and the task has become completed or done by it
  bool replayed = false;
  bool listed = false;  // the operator has seen it dead
  // Messages stay for ever: each can arrive at any time, more than once, or never.
  std::uint8_t invoked = 0;
  std::uint8_t ran = 0;
  std::uint8_t said_done = 0;
  std::uint8_t said_failed = 0;
  std::array<std::uint8_t, kModelClaims + 1> letters{};  // 1 completion, 2 failure; [0]: no claim
};

struct ModelOrchestrator {
  enum class At : std::uint8_t { idle, taken, counted, unanswered, claimed, rejected };
  At at = At::idle;
  std::uint8_t task = 0, attempts = 0;  // that it read
  std::uint8_t claim = 0;
  std::array<std::uint8_t, kModelTasks> pending{};  // claim of each task, 0 none
  bool epoch = false;                               // the epoch it has is still the lease's
  bool seq = false;                                 // no claim was made since it read the lease
  bool holder = false;                              // of the lease
  bool sent = false;                                // what is in the air was sent by it
  bool mine = false;                                // ... and is the request that it repeats
};

struct ModelScavenger {
  enum class At : std::uint8_t { idle, expire, archive, requeue, completion, failure };
  At at = At::idle;
  std::uint8_t task = 0, claim = 0;  // claim: of the letter
  bool stale = false;                // the row has changed since; `copy` is what was read
  ModelRow copy;
};

struct ModelAssistant {
  enum class At : std::uint8_t { idle, write, letter };
  At at = At::idle;
  Report::Kind kind = Report::Kind::completed;
  std::uint8_t task = 0, claim = 0;
  bool stale = false;
  ModelRow copy;
};

struct ModelState {
  std::array<ModelTask, kModelTasks> tasks;
  std::array<ModelOrchestrator, kModelActors> orchestrators;
  std::array<ModelScavenger, kModelActors> scavengers;
  std::array<ModelAssistant, kModelActors> assistants;
  bool lapsed = true;                               // the lease: `until` has passed
  std::array<std::uint8_t, kModelTasks> pending{};  // the lease
  struct {                                          // a claim that arrives later
    bool present = false;
    std::uint8_t task = 0, attempts = 0;
    std::array<std::uint8_t, kModelTasks> pending{};
    bool epoch = false, seq = false;
  } air;
  std::uint8_t crashes = 0, losses = 0;  // left
};

// Five words that are equal for states that differ only in the names of tasks and actors.
using PackedState = std::array<std::uint64_t, 5>;
[[nodiscard]] PackedState pack(const ModelState& state);
[[nodiscard]] ModelState unpack(const PackedState& packed);

}  // namespace sosw::simulation
