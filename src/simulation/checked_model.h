// SPDX-License-Identifier: MIT
// The protocol between claim, invocation, report, expiry, retry, archive and replay on DynamoDB,
// small enough to try every order of its steps.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sosw::simulation {

// The checks of the protocol that can be taken out of the model, one bit each in
// ModelBounds::without.
enum class ModelGuard : std::uint8_t {
  claim_position,        // a claim compares the position that was read
  claim_attempts,        // ... and the attempts
  claim_completed,       // ... and takes nothing that is completed
  claim_started,         // ... and forgets that an earlier claim was started
  claim_repeat,          // an unanswered claim is repeated until it is answered, never given up
  lease_holder,          // a claim compares the holder of the lease
  lease_name,            // ... which is another one for each run of an Orchestrator
  lease_epoch,           // ... and the epoch
  lease_seq,             // ... and the number of the claim before it (not in the first protocol)
  lease_pending,         // a holder counts the claims that the index does not show yet
  delivery_not_outcome,  // an answer that does not exclude a delivery is no rejection
  release_claim,         // a release compares the claim
  release_started,       // ... and gives nothing back that was started
  release_completed,     // ... or completed
  release_late,          // ... or whose completion was kept (not in the first protocol)
  start_fence,           // a worker asks whether its claim is current
  start_nonce,           // ... and a second delivery is told that it is the second
  claim_token,           // the table of reports tells an older claim from the current one
  complete_claim,        // the first write of a completion compares the claim
  fail_claim,            // ... of a failure
  fail_ends,             // a failure of the running claim ends its attempt at once
  report_same,    // a report that was decided by the table is written to the row that was read
  late_kept,      // a completion of an older claim is remembered
  late_position,  // a late completion takes the task out of the queue
  silent,         // an expired attempt is remembered: a failure without claim may be its own
  letter,         // a report that finds no task leaves a letter
  letter_kind,    // a failure's letter never replaces a completion's (not in the first protocol)
  letter_transaction,  // a letter goes in the transaction that settles it
  expire_same,         // an expiry moves the row that was read
  expire_absent,       // ... to a table where it is not
  expire_done,         // ... and makes nothing done but what has a kept completion
  requeue_same,        // a retry moves the row that was read (attempts and due time)
  requeue_absent,      // ... to a table where it is not
  archive_same,        // archiving moves the row that was read
  archive_absent,      // ... to a table where it is not
  replay_dead,         // a replay takes only what is dead
};
[[nodiscard]] std::span<const std::string_view> model_guards();  // names, in order of the values
[[nodiscard]] std::optional<ModelGuard> model_guard_named(std::string_view name);
[[nodiscard]] constexpr std::uint64_t without(ModelGuard guard) {
  return std::uint64_t{1} << static_cast<unsigned>(guard);
}

// What is explored. An Essential given as 0 acts in single steps that are never interrupted.
struct ModelBounds {
  int tasks = 2;          // 1 or 2
  int orchestrators = 0;  // 0 to 2; 0: tasks are claimed without limit, none is given back
  int scavengers = 0;     // 0 to 2
  int assistants = 0;     // 0 to 2
  int attempts = 2;       // 1 to 3, by the retry policy
  int claims = 3;         // of a task, those given back included; attempts to 4
  int replays = 0;        // of a task, 0 or 1; claims must be attempts more
  int limit = 1;          // of running tasks; 1 or 2
  int crashes = 2;        // 0 to 3, at any point between two steps of an actor
  int losses = 2;         // 0 to 3: requests that never arrive, or late, and answers that are lost
  bool python_workers = false;  // no start, and reports without claim
  bool contradict = false;      // one claim may report failure and completion
  bool merge = true;            // states that no later step can tell apart are one
  std::uint64_t without = 0;    // see ModelGuard
  std::uint64_t max_states = 60'000'000;
};
// A part of the protocol that is explored to its end. Each keeps two tasks, two attempts, two
// crashes, two losses and two of each Essential that it speaks of, where it does not say otherwise.
struct ModelCut {
  std::string_view name;
  std::string_view about;
  ModelBounds bounds;
  bool tested = true;  // explored by the tests; false: takes a minute and 1.4 GB
};
[[nodiscard]] std::span<const ModelCut> model_cuts();

// The shortest way to a state that must not be.
struct Story {
  std::string invariant;           // its name
  std::vector<std::string> steps;  // actor: what it did | what changed
};
[[nodiscard]] std::string to_text(const Story& story);

struct Explored {
  std::uint64_t states = 0, transitions = 0;  // states up to symmetry
  std::uint64_t bytes = 0;                    // of memory that were held
  bool complete = false;                      // every reachable state was seen
  std::optional<Story> broken;                // ends the exploration
};
// Breadth first, one thread, deterministic. Asks core for every decision: a mistake there is found.
[[nodiscard]] Explored explore(const ModelBounds& bounds);

}  // namespace sosw::simulation
