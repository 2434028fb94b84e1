// SPDX-License-Identifier: MIT
// Sees every transition that a store makes, and holds it against the table of core/lifecycle.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/lifecycle.h"
#include "engine/ports.h"

namespace sosw::conformance {

using Taken = std::set<std::tuple<std::optional<State>, Event, State>>;

// All transitions that any ObservedStore of this process has seen.
Taken& taken();
// Rows of transitions() that a store at home can take and that `taken` lacks, in words.
std::vector<std::string> missing(const Taken& taken);

// Passes every call on. Reads the touched tasks before and after; a transition that is not in the
// table fails the running test.
class ObservedStore final : public engine::TaskStore {
 public:
  explicit ObservedStore(engine::TaskStore& store) : store_(store) {}

  Result<engine::Accepted> accept(const engine::Job& job, std::int64_t make_now, Time now) override;
  Result<engine::Made> make_rows(std::string_view labourer_id, std::int64_t watermark,
                                 std::int64_t at_most, Time now) override;
  Result<engine::Exchanged> exchange(std::span<const Report> reports,
                                     std::span<const engine::ClaimRequest> claims,
                                     const engine::Labourers& labourers, Time now) override;
  Result<std::vector<bool>> release(std::span<const engine::Release> claims,
                                    const engine::Labourers& labourers, Time now) override;
  Result<std::vector<engine::Ended>> expire(const Labourer& labourer, std::int64_t at_most,
                                            const StillRunning& still_running, Time now) override;
  Result<std::vector<std::string>> requeue(std::string_view labourer_id, std::int64_t at_most,
                                           double longest_delay_s, Time now) override;
  Result<std::vector<std::string>> archive(std::string_view labourer_id, std::int64_t at_most,
                                           Time now) override;
  Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now) override;
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now) override;
  Result<std::vector<std::string>> cancelling() override { return store_.cancelling(); }
  Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                    std::optional<std::string> blocked) override {
    return store_.gate(labourer_id, paused, blocked);
  }
  Result<std::vector<engine::Alarm>> alarms(std::int64_t acknowledged,
                                            std::int64_t at_most) override {
    return store_.alarms(acknowledged, at_most);
  }
  Result<std::map<std::string, engine::LabourerStatus>> status() override {
    return store_.status();
  }
  Result<std::vector<Task>> tasks(const engine::TaskQuery& query) override {
    return store_.tasks(query);
  }
  Result<std::vector<engine::JobStatus>> jobs(std::optional<std::string> job_id,
                                              std::int64_t limit) override {
    return store_.jobs(std::move(job_id), limit);
  }

 private:
  using States = std::map<std::string, State, std::less<>>;
  // Of all tasks of all labourers that have rows.
  States states();
  // Holds everything that differs between `before` and now to be `event`.
  void see_changes(const States& before, Event event);

  engine::TaskStore& store_;
};

}  // namespace sosw::conformance
