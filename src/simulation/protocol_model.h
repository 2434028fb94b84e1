// SPDX-License-Identifier: MIT
// One state of the checked model, and every step that can follow it.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/lifecycle.h"
#include "core/task.h"
#include "simulation/checked_model.h"

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

struct ModelStep {
  const char* actor = "";
  const char* what = "";
  std::int8_t number = -1;  // of the actor
  std::int8_t task = -1;
  std::int8_t claim = -1;
};
struct Successor {
  ModelState state;
  ModelStep step;
  const char* broken = nullptr;  // name of the invariant
  bool fault = false;            // a crash or a loss
};

class ProtocolModel {
 public:
  explicit ProtocolModel(const ModelBounds& bounds);
  [[nodiscard]] ModelState initial() const;
  // Appends every state that one step leads to. Not for two threads at once.
  void successors(const ModelState& state, std::vector<Successor>& out);
  // All tasks are final and no letter waits.
  [[nodiscard]] bool ended(const ModelState& state) const;

 private:
  bool on(ModelGuard guard) const { return (bounds_.without & without(guard)) == 0; }
  void emit(ModelState& next, const ModelStep& step, bool fault = false);
  void tidy(ModelState& state) const;
  void crash(ModelState& next, const ModelStep& step);
  const char* invariant(const ModelState& state) const;
  void break_invariant(const char* name);
  void change(ModelState& s, int t, Event event, State from, const ModelRow& to);
  bool move(ModelState& s, int t, Event event, const ModelRow& copy, ModelRow to, bool same,
            bool absent);

  void environment(const ModelState& s, int t);
  void run_worker(const ModelState& s, int t, int k);

  void orchestrate(const ModelState& s, int i);
  void send_claim(const ModelState& s, int i);
  void land(const ModelState& s);
  void claim_atomically(const ModelState& s, int t);
  bool claim_row(ModelState& s, int t, int attempts);
  bool release_row(ModelState& s, int t, int k, int attempts);

  void report(const ModelState& s, int i, int t, int k, Report::Kind kind);
  bool apply_report(ModelState& s, int t, int k, Report::Kind kind, const ModelRow& copy);
  bool write_report(ModelState& s, int t, int k, const ReportEffect& does, const ModelRow& copy);
  void put_letter(ModelState& s, int t, int k, Report::Kind kind);
  ReportEffect effect(const ModelRow& row, int k, Report::Kind kind) const;

  void scavenge(const ModelState& s, int i, int t);
  void begin(const ModelState& s, int i, const ModelScavenger& work, const ModelStep& step);
  bool finish(ModelState& s, const ModelScavenger& work);

  ModelBounds bounds_;
  std::array<State, 5> fate_{};                              // by attempts
  std::array<bool, 2> closes_{};                             // late_completion_closes, by late
  std::array<std::array<std::uint8_t, 8>, 12> permitted_{};  // [event][from]: mask of to
  // What states may be taken for one by, asked of core: a report about a done task writes nothing,
  // nor does a failure but that of the running claim.
  bool done_is_final_ = true;
  bool old_failures_count_only_ = true;
  std::vector<Successor>* out_ = nullptr;
  const char* broken_ = nullptr;
};

}  // namespace sosw::simulation
