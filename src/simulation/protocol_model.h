// SPDX-License-Identifier: MIT
// Every step that can follow a state of the checked model.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/lifecycle.h"
#include "core/task.h"
#include "simulation/checked_model.h"
#include "simulation/protocol_state.h"

namespace sosw::simulation {

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
  bool write_report(ModelState& s, int t, int k, Report::Kind kind, const ReportEffect& does,
                    const ModelRow& copy);
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
