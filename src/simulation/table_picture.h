// SPDX-License-Identifier: MIT
// What the tables have at one moment, from their base rows alone, in the words of a snapshot.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cloud/tables.h"
#include "simulation/invariants.h"
#include "simulation/snapshot.h"
#include "simulation/world.h"

namespace sosw::simulation {

class TablePicture {
 public:
  // `lifetime_s`: of an attempt, where the claim does not tell (of the original).
  TablePicture(const World& world, std::function<std::int64_t(std::string_view)> lifetime_s)
      : world_(world), lifetime_s_(std::move(lifetime_s)) {}

  // An item was made (before is null), changed, or removed (after is null).
  void changed(std::string_view table, const cloud::Item* before, const cloud::Item* after);
  // Something was since the last look.
  [[nodiscard]] bool dirty() const { return dirty_; }
  using Breaks = std::function<void(std::string_view invariant, std::string what)>;
  // Judges the leases and tails of the last request by its sender's name and clock: what they allow
  // depends on the time that he believes. `lag_s`: how far an index may be behind.
  void judge_request(std::string_view by, Time told, std::int64_t lag_s, const Breaks& breaks);
  // Takes the picture into `into`, whose memory is used again; a task in several tables is where it
  // is most alive. `breaks` is told what is wrong with the items by themselves, whatever they were
  // before.
  void look(Snapshot& into, const Breaks& breaks);

  // Of what has changed before the last look: the task that was put into the retry table alone, and
  // one that is in no table any more; empty: none.
  [[nodiscard]] const std::string& retried_alone() const { return retried_alone_; }
  [[nodiscard]] const std::string& gone() const { return gone_; }
  // Tasks that are in more than one table.
  [[nodiscard]] std::size_t doubled() const { return doubled_; }
  [[nodiscard]] std::size_t letters() const { return letters_; }
  [[nodiscard]] std::size_t waiting_alarms() const { return waiting_alarms_; }
  // Every job that is cancelled has been cancelled to its end.
  [[nodiscard]] bool cancelled_to_the_end() const;

 private:
  enum Place : std::uint8_t { tasks, retry, closed };
  struct Entry {
    std::array<std::optional<TaskRow>, 3> places;
  };
  struct Job {
    JobRow row;
    std::string state;
    bool there = false;   // its item
    bool is_item = true;  // else a task made directly
  };
  using RowKey = std::pair<std::size_t, std::int64_t>;  // job, number of the row

  void control_changed(std::string_view id, const cloud::Item* before, const cloud::Item* after);
  void task_changed(Place place, std::string_view id, const cloud::Item* after);
  RowKey key_of(std::string_view id, const cloud::Item& item);
  std::size_t job(std::string_view id);

  const World& world_;
  const std::function<std::int64_t(std::string_view)> lifetime_s_;
  bool dirty_ = false;
  std::map<RowKey, Entry> rows_;
  std::map<std::string, RowKey, std::less<>> keys_;  // by task id
  std::vector<Job> jobs_;
  std::map<std::string, std::size_t, std::less<>> job_numbers_;              // by id
  std::map<std::string, std::vector<std::string>, std::less<>> in_line_;     // by labourer: job ids
  std::map<std::string, std::vector<std::string>, std::less<>> cancelling_;  // the same
  // Before and after the last request.
  std::optional<std::pair<cloud::Item, cloud::Item>> lease_, tail_;
  std::int64_t alarms_ = 0;
  std::size_t doubled_ = 0, letters_ = 0, waiting_alarms_ = 0;
  // Since the last look; `next_`: since then.
  std::vector<std::string> ghosts_;
  std::string retried_alone_, gone_, next_retried_alone_, next_gone_;
};

}  // namespace sosw::simulation
