// SPDX-License-Identifier: MIT
#include "observed_store.h"

#include <gtest/gtest.h>

namespace sosw::conformance {
namespace {

std::string words(std::optional<State> from, Event event, State to) {
  return std::string(from ? name(*from) : "folded") + " --" + std::string(name(event)) + "--> " +
         std::string(name(to));
}

void see(std::optional<State> from, Event event, State to) {
  EXPECT_TRUE(permitted(from, event, to)) << "not in the table: " << words(from, event, to);
  taken().emplace(from, event, to);
}

Event event_of(const Report& report) {
  return report.kind == Report::Kind::completed ? Event::complete : Event::fail;
}

// A row of another home: what a store at home never does, by protocol section 2.
bool elsewhere(const Transition& row) {
  const bool failed = row.from == State::failed || row.to == State::failed;
  const bool cut = row.event == Event::make && row.to == State::dead;  // a row above 350 KB
  return failed || cut || row.event == Event::start;
}

}  // namespace

Taken& taken() {
  static Taken all;
  return all;
}

std::vector<std::string> missing(const Taken& seen) {
  std::vector<std::string> rows;
  for (const auto& row : transitions()) {
    if (!elsewhere(row) && !seen.contains({row.from, row.event, row.to}))
      rows.push_back(words(row.from, row.event, row.to));
  }
  return rows;
}

ObservedStore::States ObservedStore::states() {
  States all;
  engine::TaskQuery query;
  query.limit = 1'000'000;
  auto tasks = store_.tasks(query);
  EXPECT_TRUE(tasks) << tasks.error().text();
  if (tasks) {
    for (const auto& task : *tasks) EXPECT_TRUE(all.emplace(task.id, task.state).second) << task.id;
  }
  return all;
}

void ObservedStore::see_changes(const States& before, Event event) {
  for (const auto& [id, state] : states()) {
    const auto known = before.find(id);
    if (known == before.end())
      see(std::nullopt, event, state);
    else if (known->second != state)
      see(known->second, event, state);
  }
}

Result<engine::Accepted> ObservedStore::accept(const engine::Job& job, std::int64_t make_now,
                                               Time now) {
  const States before = states();
  auto answer = store_.accept(job, make_now, now);
  see_changes(before, Event::make);
  return answer;
}

Result<engine::Made> ObservedStore::make_rows(std::string_view labourer_id, std::int64_t watermark,
                                              std::int64_t at_most, Time now) {
  const States before = states();
  auto answer = store_.make_rows(labourer_id, watermark, at_most, now);
  see_changes(before, Event::make);
  return answer;
}

Result<engine::Exchanged> ObservedStore::exchange(std::span<const Report> reports,
                                                  std::span<const engine::ClaimRequest> claims,
                                                  const engine::Labourers& labourers, Time now) {
  States before = states();
  auto answer = store_.exchange(reports, claims, labourers, now);
  if (!answer) {
    EXPECT_EQ(before, states()) << "an error leaves the store as it was";
    return answer;
  }
  EXPECT_EQ(answer->reported.size(), reports.size());
  for (std::size_t i = 0; i < std::min(reports.size(), answer->reported.size()); ++i) {
    const auto& reported = answer->reported[i];
    const auto known = before.find(reports[i].task_id);
    EXPECT_EQ(known == before.end(), reported.answer == Answer::unknown);
    EXPECT_EQ(known == before.end(), !reported.state);
    if (known == before.end() || !reported.state) continue;
    const Event event = event_of(reports[i]);
    // A stale report of a task that is over changes nothing: it is no row of the table.
    const bool over = closed(*reported.state) || *reported.state == State::completed;
    if (known->second != *reported.state || (reported.answer == Answer::stale && !over))
      see(known->second, event, *reported.state);
    EXPECT_EQ(reported.freed_slot,
              known->second == State::running && *reported.state != State::running);
    known->second = *reported.state;
  }
  const States after = states();
  for (const auto& claimed : answer->claimed) {
    see(before.at(claimed.task.id), Event::claim, after.at(claimed.task.id));
    before.at(claimed.task.id) = State::running;
  }
  EXPECT_EQ(before, after) << "nothing changes but what the answer says";
  return answer;
}

Result<std::vector<bool>> ObservedStore::release(std::span<const engine::Release> claims,
                                                 const engine::Labourers& labourers, Time now) {
  const States before = states();
  auto answer = store_.release(claims, labourers, now);
  const States after = states();
  States expected = before;
  if (answer) {
    EXPECT_EQ(answer->size(), claims.size());
    for (std::size_t i = 0; i < std::min(claims.size(), answer->size()); ++i) {
      if (!(*answer)[i]) continue;
      const auto& id = claims[i].task_id;
      const bool impossible = claims[i].why == engine::Release::Why::impossible;
      see(before.at(id), impossible ? Event::reject : Event::release, after.at(id));
      expected.at(id) = after.at(id);
    }
  }
  EXPECT_EQ(expected, after) << "nothing changes but what the answer says";
  return answer;
}

Result<std::vector<engine::Ended>> ObservedStore::expire(const Labourer& labourer,
                                                         std::int64_t at_most,
                                                         const StillRunning& still_running,
                                                         Time now) {
  States before = states();
  auto answer = store_.expire(labourer, at_most, still_running, now);
  see_changes(before, Event::expire);
  if (answer) {
    for (const auto& ended : *answer) before[ended.task_id] = ended.state;
    EXPECT_EQ(before, states()) << "nothing changes but what the answer says";
  }
  return answer;
}

Result<std::vector<std::string>> ObservedStore::requeue(std::string_view labourer_id,
                                                        std::int64_t at_most,
                                                        double longest_delay_s, Time now) {
  States before = states();
  auto answer = store_.requeue(labourer_id, at_most, longest_delay_s, now);
  const States after = states();
  if (answer) {
    for (const auto& id : *answer) {
      see(before.at(id), Event::due, after.at(id));
      before.at(id) = State::queued;
    }
  }
  // What has come back from an attempt that outlived its cancelled job.
  for (const auto& [id, state] : after) {
    if (state != State::cancelled || before.at(id) == state) continue;
    see(before.at(id), Event::cancel, state);
    before.at(id) = state;
  }
  EXPECT_EQ(before, after) << "nothing changes but what the answer says";
  return answer;
}

Result<std::vector<std::string>> ObservedStore::archive(std::string_view labourer_id,
                                                        std::int64_t at_most, Time now) {
  States before = states();
  auto answer = store_.archive(labourer_id, at_most, now);
  see_changes(before, Event::archive);
  if (answer) {
    for (const auto& id : *answer) before[id] = State::done;
    EXPECT_EQ(before, states()) << "nothing changes but what the answer says";
  }
  return answer;
}

Result<std::vector<bool>> ObservedStore::replay(std::span<const std::string> task_ids, Time now) {
  const States before = states();
  auto answer = store_.replay(task_ids, now);
  see_changes(before, Event::replay);
  return answer;
}

Result<std::int64_t> ObservedStore::cancel(std::string_view job_id, std::int64_t at_most,
                                           Time now) {
  const States before = states();
  auto answer = store_.cancel(job_id, at_most, now);
  see_changes(before, Event::cancel);
  return answer;
}

}  // namespace sosw::conformance
