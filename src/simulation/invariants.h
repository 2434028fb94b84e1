// SPDX-License-Identifier: MIT
// The promise, as checks that are made after every change of a store and at the end of a run.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lifecycle.h"
#include "engine/ports.h"
#include "simulation/log.h"
#include "simulation/snapshot.h"

namespace sosw::simulation {

struct Broken {
  std::string invariant;  // its name
  std::string what;
};

// Knows nothing of methods or statements: it sees what a store had before and has now, who changed
// it, and what really happened. So the same checks hold for every kind of store.
class Invariants {
 public:
  explicit Invariants(Log& log) : log_(log), taken_(transitions().size()) {}

  // Who changed the store, and what he believed.
  struct Look {
    const Process& by;
    const engine::Labourers& labourers;
    Time now;  // as he told the store
    std::int64_t watermark;
    std::int64_t make_now;
    // Whether his host has that attempt and will tell its end.
    const std::function<bool(std::string_view, std::string_view)>& still_running;
    // He may not have seen in an index what changed later than that (true time).
    Time seen_until = Time::max();
    // By an Essential of the original: its claims have no token, and what its Scavenger moves
    // (`moves`) follows no rule but that nothing is lost.
    enum class Original : std::uint8_t { no, yes, moves } original = Original::no;
    // What he has read from the rows themselves is not older than that.
    Time began = Time::max();
    // What the index does not show yet may run above a limit (more than a lease can tell).
    bool limit_by_index = false;
  };
  // Takes `now` and gives back the one before it, so that its memory is used again.
  void look(const Look& look, Snapshot& now);
  // The store has answered a report.
  void answered(const Report& report, const engine::Reported& reported);
  // A call of a store that changes it begins; it has come to its end and names these tasks (of an
  // exchange: these claims). REQUIRES for the latter: no request has stayed without an answer.
  void begins(const Process& by) { log_.landed[&by].clear(); }
  void told(const Process& by, Time began, std::string_view call,
            const std::vector<std::string_view>& named);
  // A labourer has been configured so in some process.
  void configured(const Labourer& labourer);
  // When everything should have come to its end; `waiting`: alarms still in the store.
  void at_the_end(std::size_t waiting_alarms);

  void breaks(std::string_view invariant, std::string what);
  // What is not promised here, by its name; `touched`: about a task that the original has moved.
  void waive(std::function<bool(std::string_view invariant, bool touched)> waived) {
    waived_ = std::move(waived);
  }
  // From now on nothing is judged any more.
  void excuse() { excused_ = true; }
  [[nodiscard]] bool excused() const { return excused_; }
  [[nodiscard]] const std::optional<Broken>& broken() const { return broken_; }
  // How often each row of transitions() was taken.
  [[nodiscard]] const std::vector<std::uint32_t>& taken() const { return taken_; }
  [[nodiscard]] const Snapshot& latest() const { return latest_; }
  // The place of the last row that was put behind all others of the labourer. The next one goes
  // behind it, wherever that row is now, unless the queue is empty.
  [[nodiscard]] std::int64_t tail(std::string_view labourer_id) const;

 private:
  struct Change {
    const TaskRow* was;  // null: it was not there
    const TaskRow* is;
  };
  void check_jobs(const Look& look, const Snapshot& now);
  // Whether he knows that the task is wanted no more.
  [[nodiscard]] bool known_given_up(const Look& look, const Snapshot& now, const TaskRow& is) const;
  void check_new(const Look& look, const Snapshot& now, const TaskRow& is);
  void check_change(const Look& look, const Snapshot& now, const TaskRow& was, const TaskRow& is);
  void check_claim(const Look& look, const Snapshot& now, const TaskRow& was, const TaskRow& is);
  void note_moved(const Look& look, const TaskRow& is);
  void check_release(const Look& look, const Snapshot& now, const TaskRow& was, const TaskRow& is);
  void check_bad_end(const Look& look, const Snapshot& now, const TaskRow& was, const TaskRow& is);
  void check_completion(const Look& look, const TaskRow& was, const TaskRow& is);
  void check_queue(const Look& look, const Snapshot& now, std::string_view labourer_id);
  void take(std::optional<State> from, Event event, State to);

  Log& log_;
  Snapshot latest_;
  std::vector<Change> changes_;
  std::map<std::string, int, std::less<>> most_attempts_;
  std::map<std::string, std::int64_t, std::less<>> tails_;  // by labourer
  std::vector<std::uint32_t> taken_;
  std::int64_t deaths_ = 0;
  std::optional<Broken> broken_;
  bool excused_ = false;
  std::function<bool(std::string_view, bool)> waived_;
  const TaskLog* judged_ = nullptr;  // whose task is looked at
};

}  // namespace sosw::simulation
