// SPDX-License-Identifier: MIT
// What really passes between people, workers and engines, and what must come of it. A fleet has no
// words of workers yet.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/ports.h"
#include "engine/task_manager.h"
#include "simulation/choices.h"
#include "simulation/invariants.h"
#include "simulation/log.h"

namespace sosw::simulation {

// Knows what was ordered and said in the words of those who did so. What the engine makes of it is
// compared with that, and never with what the engine itself read.
class Witness {
 public:
  Witness(Log& log, Invariants& invariants) : log_(log), invariants_(invariants) {}

  // --- Orders

  struct JobOrder {
    std::string key, labourer;
    std::int64_t rows = 0;
    json::value event;  // for the Scheduler
  };
  struct Wish {
    std::uint32_t most_words = 8;  // no job has more rows
    // Every fourth word has so many bytes more, and rows without one have fewer than that; 0: no
    // word is long.
    std::size_t long_word = 0;
  };
  // A new job for that labourer. Stays valid.
  const JobOrder& order_job(Choices& choices, std::string labourer, const Wish& wish);
  const JobOrder& order_job(Choices& choices, std::string labourer) {
    return order_job(choices, std::move(labourer), Wish());
  }
  // What a rule orders at that moment: the same each time it is asked for.
  const JobOrder& order_of_rule(std::int64_t nominal, std::string labourer);
  [[nodiscard]] std::size_t jobs() const { return orders_.size(); }  // of order_job()
  [[nodiscard]] const JobOrder& job(std::size_t i) const { return *orders_[i]; }
  // A new task that is made directly; its place in the queue may be chosen.
  engine::TaskManager::NewTask order_task(std::optional<std::int64_t> position);

  // A job was accepted, as the engine says. `now`: what the store has.
  void accepted(const JobOrder& order, const engine::Accepted& answer, const Snapshot& now);
  // A rule must have fired at that moment: its job is there, once.
  void fired(std::int64_t nominal, const Snapshot& now);
  // The engine has handed an event to a worker.
  void arrived(const engine::Invocation& invocation);

  // --- Words of workers

  // Somebody tells an engine this: adds what makes it known again. `known_claim`: what the host
  // adds.
  void word(json::object& event, std::string_view known_claim);
  void word(Report& report);
  // The store has answered a report.
  void stored(const Report& report, const engine::Reported& reported);
  // The engine has answered a word that it was told by `event`.
  void answered(const json::object& event, const Result<json::object>& answer);
  void answered(const Report& report, const Result<engine::Reported>& answer);

  // What the store tells of a task when everything has come to its end.
  void at_the_end(const Task& task);

 private:
  // How the rows of a job are cut.
  enum class Cut : std::uint8_t { one_by_one, in_pairs, by_days };
  struct Ordered : JobOrder {
    Cut cut = Cut::one_by_one;
    std::vector<std::string> words;
    json::object data;  // in every row
  };
  struct Word {
    std::string task_id, claim;
    Report::Kind kind = Report::Kind::completed;
    json::object stats, result;  // as they must be stored
    std::vector<engine::Reported> answers;
  };
  struct TaskWords {
    std::vector<std::int64_t> kept;  // of which the store may have the details
    bool has_some = false;           // it must have those of one
    std::vector<std::pair<std::string, std::string>> failures;  // claim and error, in order
  };
  [[nodiscard]] static json::object row_of(const Ordered& order, std::int64_t row);
  Word* word_of(const json::object& stats);
  std::int64_t keep(Word word, std::string_view said_claim);
  void check_direct(const engine::Invocation& invocation, const json::object& event,
                    std::int64_t told_position);

  Log& log_;
  Invariants& invariants_;
  std::vector<const Ordered*> orders_;
  std::map<std::string, Ordered, std::less<>> by_id_;
  std::vector<std::optional<std::int64_t>> direct_;  // the places that they were to have
  std::vector<Word> words_;                          // by serial number
  std::map<std::string, TaskWords, std::less<>> tasks_;
};

}  // namespace sosw::simulation
