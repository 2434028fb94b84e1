// SPDX-License-Identifier: MIT
// A store of two steps and a Scavenger as one: for tests that want to see where a report leads.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/ports.h"

namespace sosw::testing {

// A store with the Scavenger's pass behind each report: a failed attempt is moved at once, and so
// is a completed one unless the suite wants two steps.
class SweptStore : public engine::TaskStore {
 public:
  SweptStore(engine::TaskStore& store, bool two_step) : store_(store), two_step_(two_step) {}

  Result<engine::Accepted> accept(const engine::Job& job, std::int64_t make_now,
                                  Time now) override {
    return store_.accept(job, make_now, now);
  }
  Result<engine::Made> make_rows(std::string_view labourer_id, std::int64_t watermark,
                                 std::int64_t at_most, Time now) override {
    return store_.make_rows(labourer_id, watermark, at_most, now);
  }
  Result<engine::Exchanged> exchange(std::span<const Report> reports,
                                     std::span<const engine::ClaimRequest> claims,
                                     const engine::Labourers& labourers, Time now) override {
    engine::Exchanged all;
    for (const auto& report : reports) {
      auto one = store_.exchange(std::span(&report, 1), {}, labourers, now);
      if (!one) return one.error();
      auto& reported = one->reported.front();
      if (auto swept = sweep(report.task_id, reported, labourers, now); !swept)
        return swept.error();
      all.reported.push_back(std::move(reported));
    }
    auto rest = store_.exchange({}, claims, labourers, now);
    if (!rest) return rest.error();
    all.claimed = std::move(rest->claimed);
    return all;
  }
  Result<std::vector<bool>> release(std::span<const engine::Release> claims,
                                    const engine::Labourers& labourers, Time now) override {
    return store_.release(claims, labourers, now);
  }
  Result<std::vector<engine::Ended>> expire(const Labourer& labourer, std::int64_t at_most,
                                            const StillRunning& still_running, Time now) override {
    return store_.expire(labourer, at_most, still_running, now);
  }
  Result<std::vector<std::string>> requeue(std::string_view labourer_id, std::int64_t at_most,
                                           double longest_delay_s, Time now) override {
    return store_.requeue(labourer_id, at_most, longest_delay_s, now);
  }
  Result<std::vector<std::string>> archive(std::string_view labourer_id, std::int64_t at_most,
                                           Time now) override {
    return store_.archive(labourer_id, at_most, now);
  }
  Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now) override {
    return store_.replay(task_ids, now);
  }
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now) override {
    return store_.cancel(job_id, at_most, now);
  }
  Result<std::vector<std::string>> cancelling() override { return store_.cancelling(); }
  Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                    std::optional<std::string> blocked) override {
    return store_.gate(labourer_id, paused, std::move(blocked));
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
  static constexpr std::int64_t kAll = 1'000'000;

  Result<void> sweep(const std::string& task_id, engine::Reported& reported,
                     const engine::Labourers& labourers, Time now) {
    if (reported.state == State::failed) {
      Labourer labourer;
      if (const auto known = labourers.find(reported.labourer_id); known != labourers.end())
        labourer = known->second;
      labourer.id = reported.labourer_id;
      const auto ended = store_.expire(
          labourer, kAll, [&](std::string_view id, std::string_view) { return id != task_id; },
          now);
      if (!ended) return ended.error();
      if (ended->size() == 1) reported.state = ended->front().state;
    }
    if (reported.state == State::completed && !two_step_ && reported.answer != Answer::already) {
      const auto archived = store_.archive(reported.labourer_id, kAll, now);
      if (!archived) return archived.error();
      if (archived->size() == 1) reported.state = State::done;
    }
    return {};
  }

  engine::TaskStore& store_;
  const bool two_step_;
};

}  // namespace sosw::testing
