// SPDX-License-Identifier: MIT
// States as a few words, the same for all names of tasks and actors.
#include "simulation/protocol_state.h"

#include <algorithm>
#include <utility>

namespace sosw::simulation {
namespace {

class Packer {
 public:
  explicit Packer(PackedState& words) : words_(words) {}
  void word(std::size_t number) {
    word_ = number;
    shift_ = 0;
  }
  template <typename T>
  void operator()(T& value, unsigned bits) {
    words_[word_] |= static_cast<std::uint64_t>(value) << shift_;
    shift_ += bits;
  }

 private:
  PackedState& words_;
  std::size_t word_ = 0;
  unsigned shift_ = 0;
};

class Unpacker {
 public:
  explicit Unpacker(const PackedState& words) : words_(words) {}
  void word(std::size_t number) {
    word_ = number;
    shift_ = 0;
  }
  template <typename T>
  void operator()(T& value, unsigned bits) {
    value = static_cast<T>(words_[word_] >> shift_ & ((std::uint64_t{1} << bits) - 1));
    shift_ += bits;
  }

 private:
  const PackedState& words_;
  std::size_t word_ = 0;
  unsigned shift_ = 0;
};

void transfer(auto& io, auto& row) requires requires { row.parked; }
{
  io(row.state, 3);
  io(row.attempts, 2);
  io(row.token, 3);
  io(row.old, 1);
  io(row.started, 1);
  io(row.late, 1);
  io(row.silent, 1);
  io(row.failed, 1);
  io(row.parked, 1);
}

constexpr unsigned kOrchestratorBits = 20;
constexpr unsigned kEssentialBits = 22;  // of a Scavenger and of a WorkerAssistant

// At most 64 bits a word.
void transfer(auto& io, auto& s) requires requires { s.orchestrators; }
{
  for (std::size_t t = 0; t < kModelTasks; ++t) {
    auto& task = s.tasks[t];
    io.word(t);
    transfer(io, task.row);
    io(task.claims, 3);
    io(task.forgotten, 3);
    io(task.given, 4);
    io(task.lapsed, 4);
    io(task.recorded, 1);
    io(task.finished, 1);
    io(task.replayed, 1);
    io(task.listed, 1);
    io(task.invoked, 4);
    io(task.ran, 4);
    io(task.said_done, 4);
    io(task.said_failed, 4);
    for (auto& letter : task.letters) io(letter, 2);
  }
  io.word(2);
  for (auto& one : s.orchestrators) {
    io(one.at, 3);
    io(one.task, 1);
    io(one.attempts, 2);
    io(one.claim, 3);
    for (auto& claim : one.pending) io(claim, 3);
    io(one.epoch, 1);
    io(one.seq, 1);
    io(one.holder, 1);
    io(one.sent, 1);
    io(one.mine, 1);
  }
  io(s.lapsed, 1);
  for (auto& claim : s.pending) io(claim, 3);
  io(s.air.present, 1);
  io(s.air.task, 1);
  io(s.air.attempts, 2);
  for (auto& claim : s.air.pending) io(claim, 3);
  io(s.air.epoch, 1);
  io(s.air.seq, 1);
  io(s.crashes, 2);
  io(s.losses, 2);
  io.word(3);
  for (auto& one : s.scavengers) {
    io(one.at, 3);
    io(one.task, 1);
    io(one.claim, 3);
    io(one.stale, 1);
    transfer(io, one.copy);
  }
  io.word(4);
  for (auto& one : s.assistants) {
    io(one.at, 2);
    io(one.kind, 1);
    io(one.task, 1);
    io(one.claim, 3);
    io(one.stale, 1);
    transfer(io, one.copy);
  }
}

PackedState pack_as_is(const ModelState& state) {
  PackedState words{};
  Packer packer(words);
  transfer(packer, state);
  return words;
}

// Two fields at the low end of a word in order of their values: the two actors of a kind, whatever
// their names. The larger one first: of a kind with one actor the second stays idle.
void put_in_order(std::uint64_t& word, unsigned bits) {
  const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
  const std::uint64_t first = word & mask;
  const std::uint64_t second = word >> bits & mask;
  if (first < second) word = (word >> 2 * bits) << 2 * bits | first << bits | second;
}

PackedState pack_with_actors_in_order(const ModelState& state) {
  PackedState words = pack_as_is(state);
  put_in_order(words[2], kOrchestratorBits);
  put_in_order(words[3], kEssentialBits);
  put_in_order(words[4], kEssentialBits);
  return words;
}

void swap_tasks(ModelState& s) {
  std::swap(s.tasks[0], s.tasks[1]);
  std::swap(s.pending[0], s.pending[1]);
  for (auto& one : s.orchestrators) {
    std::swap(one.pending[0], one.pending[1]);
    if (one.at >= ModelOrchestrator::At::counted) one.task ^= 1;
  }
  for (auto& one : s.scavengers)
    if (one.at != ModelScavenger::At::idle) one.task ^= 1;
  for (auto& one : s.assistants)
    if (one.at != ModelAssistant::At::idle) one.task ^= 1;
  if (s.air.present) {
    s.air.task ^= 1;
    std::swap(s.air.pending[0], s.air.pending[1]);
  }
}

}  // namespace

PackedState pack(const ModelState& state) {
  const PackedState first = pack_with_actors_in_order(state);
  ModelState swapped = state;
  swap_tasks(swapped);
  return std::min(first, pack_with_actors_in_order(swapped));
}

ModelState unpack(const PackedState& packed) {
  ModelState state;
  Unpacker unpacker(packed);
  transfer(unpacker, state);
  return state;
}

}  // namespace sosw::simulation
