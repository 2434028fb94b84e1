// SPDX-License-Identifier: MIT
// The exploration: breadth first over packed states, then whether every state can still reach an
// end.
#include "simulation/checked_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>

#include "simulation/protocol_model.h"

namespace sosw::simulation {
namespace {

constexpr auto kGuardNames = std::to_array<std::string_view>({"claim_position",
                                                              "claim_attempts",
                                                              "claim_completed",
                                                              "claim_started",
                                                              "claim_repeat",
                                                              "lease_holder",
                                                              "lease_name",
                                                              "lease_epoch",
                                                              "lease_seq",
                                                              "lease_pending",
                                                              "delivery_not_outcome",
                                                              "release_claim",
                                                              "release_started",
                                                              "release_completed",
                                                              "release_late",
                                                              "start_fence",
                                                              "start_nonce",
                                                              "claim_token",
                                                              "complete_claim",
                                                              "fail_claim",
                                                              "fail_ends",
                                                              "report_same",
                                                              "late_kept",
                                                              "late_position",
                                                              "silent",
                                                              "letter",
                                                              "letter_kind",
                                                              "letter_transaction",
                                                              "expire_same",
                                                              "expire_absent",
                                                              "expire_done",
                                                              "requeue_same",
                                                              "requeue_absent",
                                                              "archive_same",
                                                              "archive_absent",
                                                              "replay_dead"});
static_assert(kGuardNames.size() == static_cast<std::size_t>(ModelGuard::replay_dead) + 1);

constexpr auto kCuts = std::to_array<ModelCut>({
    {"claiming",
     "lease, claim, invocation, release, with late reports; Scavenger and WorkerAssistant in "
     "single "
     "steps",
     {.orchestrators = 2}},
    {"settling",
     "report, expiry, retry, late report, letter, archive; claimed in single steps, without limit",
     {.scavengers = 2, .assistants = 2, .claims = 2}},
    {"replaying",
     "settling, and a dead task that is replayed once; one task",
     {.tasks = 1, .scavengers = 2, .assistants = 2, .claims = 4, .replays = 1}},
    {"three attempts",
     "settling with one attempt more; one task",
     {.tasks = 1, .scavengers = 2, .assistants = 2, .attempts = 3}},
    {"one task",
     "everything at once, of one task",
     {.tasks = 1, .orchestrators = 2, .scavengers = 2, .assistants = 2}},
    {"python workers",
     "settling with workers that know neither start nor claim",
     {.scavengers = 2, .assistants = 2, .claims = 2, .python_workers = true}},
    {"python claiming",
     "claiming with such workers; one task",
     {.tasks = 1, .orchestrators = 2, .python_workers = true}},
    {"everything",
     "everything at once, of two tasks; no crashes and no losses",
     {.orchestrators = 2, .scavengers = 2, .assistants = 2, .crashes = 0, .losses = 0},
     false},
});

constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

// The states seen, in the order they were met, each only as many words as the bounds use.
class StateSet {
 public:
  explicit StateSet(const ModelBounds& bounds) {
    words_ = {0, 1};
    words_.push_back(2);
    if (bounds.scavengers > 0) words_.push_back(3);
    if (bounds.assistants > 0) words_.push_back(4);
    slots_.assign(std::size_t{1} << 16, kNone);
  }

  std::uint32_t size() const { return size_; }
  std::uint64_t bytes() const {
    return flat_.capacity() * sizeof(flat_[0]) + slots_.capacity() * sizeof(slots_[0]);
  }
  PackedState operator[](std::uint32_t number) const {
    PackedState state{};
    for (std::size_t w = 0; w < words_.size(); ++w)
      state[words_[w]] = flat_[number * words_.size() + w];
    return state;
  }

  // Its number, and whether it is new.
  std::pair<std::uint32_t, bool> add(const PackedState& state) {
    if (std::size_t{size_} * 10 >= slots_.size() * 7) grow();
    std::size_t slot = hash(state) & (slots_.size() - 1);
    for (; slots_[slot] != kNone; slot = (slot + 1) & (slots_.size() - 1))
      if (same(slots_[slot], state)) return {slots_[slot], false};
    slots_[slot] = size_;
    for (const std::size_t w : words_) flat_.push_back(state[w]);
    return {size_++, true};
  }

 private:
  static std::uint64_t hash(const PackedState& state) {
    std::uint64_t h = 0;
    for (const std::uint64_t word : state) {
      h = (h ^ word) * 0x9e3779b97f4a7c15;
      h ^= h >> 29;
    }
    h *= 0xbf58476d1ce4e5b9;
    return h ^ h >> 32;
  }
  bool same(std::uint32_t number, const PackedState& state) const {
    for (std::size_t w = 0; w < words_.size(); ++w)
      if (flat_[number * words_.size() + w] != state[words_[w]]) return false;
    return true;
  }
  void grow() {
    slots_.assign(slots_.size() * 2, kNone);
    for (std::uint32_t number = 0; number < size_; ++number) {
      std::size_t slot = hash((*this)[number]) & (slots_.size() - 1);
      while (slots_[slot] != kNone) slot = (slot + 1) & (slots_.size() - 1);
      slots_[slot] = number;
    }
  }

  std::vector<std::size_t> words_;
  std::vector<std::uint64_t> flat_;
  std::vector<std::uint32_t> slots_;  // open addressing, by number
  std::uint32_t size_ = 0;
};

// --- Stories

void describe(std::string& text, const ModelTask& before, const ModelTask& after, std::size_t t) {
  const auto add = [&](std::string change) {
    text += text.empty() ? "" : ", ";
    text += fmt::format("task {} {}", t + 1, change);
  };
  const ModelRow& a = before.row;
  const ModelRow& b = after.row;
  if (a.state != b.state) add(fmt::format("{} -> {}", name(a.state), name(b.state)));
  if (a.attempts != b.attempts) add(fmt::format("attempts {} -> {}", a.attempts, b.attempts));
  if (a.token != b.token && b.token != 0) add(fmt::format("has claim {}", b.token));
  if (!a.late && b.late) add("late_at is set");
  if (!a.silent && b.silent) add("silent is set");
  if (!a.started && b.started) add("started is set");
  if (!before.recorded && after.recorded) add("a completion is acknowledged");
}

std::string sentence(const ModelStep& step, const ModelState& before, const ModelState& after) {
  std::string text = step.actor;
  if (step.number >= 0) text += fmt::format(" {}", step.number + 1);
  text += fmt::format(": {}", step.what);
  if (step.task >= 0) text += fmt::format(", task {}", step.task + 1);
  if (step.claim > 0) text += fmt::format(", claim {}", step.claim);
  std::string changes;
  for (std::size_t t = 0; t < kModelTasks; ++t)
    describe(changes, before.tasks[t], after.tasks[t], t);
  if (!changes.empty()) text += fmt::format(" | {}", changes);
  return text;
}

}  // namespace

std::span<const std::string_view> model_guards() { return kGuardNames; }

std::span<const ModelCut> model_cuts() { return kCuts; }

std::optional<ModelGuard> model_guard_named(std::string_view name) {
  const auto found = std::find(kGuardNames.begin(), kGuardNames.end(), name);
  if (found == kGuardNames.end()) return std::nullopt;
  return static_cast<ModelGuard>(found - kGuardNames.begin());
}

std::string to_text(const Story& story) {
  std::string text = fmt::format("{} is broken:\n", story.invariant);
  for (std::size_t i = 0; i < story.steps.size(); ++i)
    text += fmt::format("{:3}  {}\n", i + 1, story.steps[i]);
  return text;
}

Explored explore(const ModelBounds& bounds) {
  Explored explored;
  ProtocolModel model(bounds);
  StateSet states(bounds);
  std::vector<std::uint32_t> parents;       // of each state
  std::vector<std::uint32_t> edges;         // to where faultless steps lead
  std::vector<std::uint64_t> edges_before;  // of each state
  std::vector<bool> reaches_end;
  std::vector<Successor> successors;

  // From the initial state to `last` (the state with the number), then one step more if `broken`.
  const auto tell = [&](std::uint32_t last, std::string invariant, bool broken) {
    Story story{std::move(invariant), {}};
    std::vector<std::uint32_t> way;
    for (std::uint32_t at = last; at != 0; at = parents[at]) way.push_back(at);
    ModelState state = model.initial();
    const auto take = [&](auto&& wanted) {
      successors.clear();
      model.successors(state, successors);
      const auto found = std::find_if(successors.begin(), successors.end(), wanted);
      story.steps.push_back(sentence(found->step, state, found->state));
      state = found->state;  // not the packed one, so that everyone keeps his name
    };
    for (; !way.empty(); way.pop_back()) {
      const PackedState next = states[way.back()];
      take([&](const Successor& s) { return s.broken == nullptr && pack(s.state) == next; });
    }
    if (broken) take([](const Successor& s) { return s.broken != nullptr; });
    explored.broken = std::move(story);
  };

  states.add(pack(model.initial()));
  parents.push_back(0);
  for (std::uint32_t at = 0; at < states.size(); ++at) {
    explored.states = states.size();
    if (states.size() > bounds.max_states) return explored;
    const ModelState state = unpack(states[at]);
    reaches_end.push_back(model.ended(state));
    edges_before.push_back(edges.size());
    successors.clear();
    model.successors(state, successors);
    for (const Successor& next : successors) {
      ++explored.transitions;
      if (next.broken != nullptr) {
        tell(at, next.broken, true);
        return explored;
      }
      const auto [number, added] = states.add(pack(next.state));
      if (added) parents.push_back(at);
      if (!next.fault && number != at) edges.push_back(number);
    }
  }
  edges_before.push_back(edges.size());
  explored.states = states.size();
  explored.complete = true;
  explored.bytes = states.bytes() + parents.capacity() * 4 + edges.capacity() * 4 +
                   edges_before.capacity() * 8 + reaches_end.capacity() / 8;

  // Later states are nearer to the end, so few rounds are needed.
  for (bool more = true; more;) {
    more = false;
    for (std::uint32_t at = states.size(); at-- > 0;) {
      if (reaches_end[at]) continue;
      for (std::uint64_t e = edges_before[at]; e < edges_before[at + 1] && !reaches_end[at]; ++e)
        if (reaches_end[edges[e]]) more = reaches_end[at] = true;
    }
  }
  const auto stuck = std::find(reaches_end.begin(), reaches_end.end(), false);
  if (stuck != reaches_end.end())
    tell(static_cast<std::uint32_t>(stuck - reaches_end.begin()), "progress", false);
  return explored;
}

}  // namespace sosw::simulation
