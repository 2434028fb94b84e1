// SPDX-License-Identifier: MIT
// See faulty_store.h.
#include "simulation/faulty_store.h"

#include <algorithm>

namespace sosw::simulation {
namespace {

using namespace engine;  // NOLINT: every second word of this file is one of its

std::string brief(std::string_view id) {
  return id.size() < 12 ? std::string(id)
                        : fmt::format("{}..{}", id.substr(0, 4), id.substr(id.size() - 3));
}

std::string told(std::span<const Report> reports, const std::vector<Reported>& answers) {
  std::string text;
  for (std::size_t i = 0; i < reports.size(); ++i) {
    text += fmt::format("; {} {} {}: {}", brief(reports[i].task_id),
                        reports[i].claim.empty() ? "without claim" : reports[i].claim,
                        reports[i].kind == Report::Kind::completed ? "completed" : "failed",
                        name(answers[i].answer));
    if (answers[i].state) text += fmt::format(", {}", name(*answers[i].state));
  }
  return text;
}

template <class List>
std::string ids(const List& list) {
  std::string text;
  for (const auto& id : list) text += ' ' + brief(id);
  return text;
}

}  // namespace

Result<Accepted> FaultyStore::accept(const Job& job, std::int64_t make_now, Time now) {
  return call(Method::accept, [&] {
    begins(now);
    auto answer = inner_.accept(job, make_now, now);
    seen_.changed(now);
    if (answer)
      world_.say("accept job {} of {}: {} rows, {} made{}", brief(answer->job_id), job.labourer_id,
                 answer->rows, answer->made, answer->already ? " (known already)" : "");
    return answer;
  });
}

Result<Made> FaultyStore::make_rows(std::string_view labourer_id, std::int64_t watermark,
                                    std::int64_t at_most, Time now) {
  const auto make = [&](std::int64_t most) {
    begins(now);
    auto answer = inner_.make_rows(labourer_id, watermark, most, now);
    seen_.changed(now);
    if (answer && answer->rows > 0)
      world_.say("make rows of job {}: {} from {}", brief(answer->job_id), answer->rows,
                 answer->first_row);
    return answer;
  };
  return call(
      Method::make_rows, [&] { return make(at_most); }, [&] { (void)make(1); });
}

Result<Exchanged> FaultyStore::exchange(std::span<const Report> reports,
                                        std::span<const ClaimRequest> claims,
                                        const Labourers& labourers, Time now) {
  if (seen_.asks) seen_.asks(claims, now);
  const auto some = [&](std::span<const Report> told_now, std::span<const ClaimRequest> asked) {
    begins(now);
    auto answer = inner_.exchange(told_now, asked, labourers, now);
    seen_.changed(now);
    if (!answer) return answer;
    names("exchange", answer->claimed,
          [](const Claimed& one) -> std::string_view { return one.claim; });
    for (std::size_t i = 0; i < told_now.size(); ++i)
      seen_.answered(told_now[i], answer->reported[i]);
    if (world_.traced() && (!told_now.empty() || !answer->claimed.empty())) {
      std::string claimed;
      for (const Claimed& one : answer->claimed)
        claimed += fmt::format("; claim {} {}", brief(one.task.id), one.claim);
      world_.say("exchange{}{}", told(told_now, answer->reported), claimed);
    }
    return answer;
  };
  return call(
      Method::exchange, [&] { return some(reports, claims); },
      [&] { (void)some(reports.first(reports.size() / 2), claims.first(claims.size() / 2)); });
}

Result<std::vector<bool>> FaultyStore::release(std::span<const Release> claims,
                                               const Labourers& labourers, Time now) {
  const auto some = [&](std::span<const Release> given) {
    begins(now);
    auto answer = inner_.release(given, labourers, now);
    seen_.changed(now);
    if (answer && world_.traced()) {
      std::string text;
      for (std::size_t i = 0; i < given.size(); ++i)
        text += fmt::format("; {} {}: {}", brief(given[i].task_id), given[i].claim,
                            (*answer)[i] ? "given back" : "not current");
      world_.say("release{}", text);
    }
    return answer;
  };
  return call(
      Method::release, [&] { return some(claims); },
      [&] { (void)some(claims.first(claims.size() / 2)); });
}

Result<std::vector<Ended>> FaultyStore::expire(const Labourer& labourer, std::int64_t at_most,
                                               const StillRunning& still_running, Time now) {
  const auto some = [&](std::int64_t most) {
    begins(now);
    auto answer = inner_.expire(labourer, most, still_running, now);
    seen_.changed(now);
    if (answer)
      names("expire", *answer, [](const Ended& one) -> std::string_view { return one.task_id; });
    if (answer && world_.traced()) {
      for (const Ended& one : *answer)
        world_.say("expire: {} is {}", brief(one.task_id), name(one.state));
    }
    return answer;
  };
  return call(
      Method::expire, [&] { return some(at_most); }, [&] { (void)some(1); });
}

Result<std::vector<std::string>> FaultyStore::requeue(std::string_view labourer_id,
                                                      std::int64_t at_most, double longest_delay_s,
                                                      Time now) {
  const auto some = [&](std::int64_t most) {
    begins(now);
    auto answer = inner_.requeue(labourer_id, most, longest_delay_s, now);
    seen_.changed(now);
    if (answer)
      names("requeue", *answer, [](const std::string& id) -> std::string_view { return id; });
    if (answer && !answer->empty()) world_.say("requeue:{}", ids(*answer));
    return answer;
  };
  return call(
      Method::requeue, [&] { return some(at_most); }, [&] { (void)some(1); });
}

Result<std::vector<std::string>> FaultyStore::archive(std::string_view labourer_id,
                                                      std::int64_t at_most, Time now) {
  const auto some = [&](std::int64_t most) {
    begins(now);
    auto answer = inner_.archive(labourer_id, most, now);
    seen_.changed(now);
    if (answer)
      names("archive", *answer, [](const std::string& id) -> std::string_view { return id; });
    if (answer && !answer->empty()) world_.say("archive:{}", ids(*answer));
    return answer;
  };
  return call(
      Method::archive, [&] { return some(at_most); }, [&] { (void)some(1); });
}

Result<std::vector<bool>> FaultyStore::replay(std::span<const std::string> task_ids, Time now) {
  const auto some = [&](std::span<const std::string> some_ids) {
    begins(now);
    auto answer = inner_.replay(some_ids, now);
    seen_.changed(now);
    if (answer) {
      std::vector<std::string> replayed;
      for (std::size_t i = 0; i < some_ids.size(); ++i)
        if ((*answer)[i]) replayed.push_back(some_ids[i]);
      names("replay", replayed, [](const std::string& id) -> std::string_view { return id; });
      world_.say("replay:{}", ids(some_ids));
    }
    return answer;
  };
  return call(
      Method::replay, [&] { return some(task_ids); },
      [&] { (void)some(task_ids.first(task_ids.size() / 2)); });
}

Result<std::int64_t> FaultyStore::cancel(std::string_view job_id, std::int64_t at_most, Time now) {
  const auto some = [&](std::int64_t most) {
    begins(now);
    auto answer = inner_.cancel(job_id, most, now);
    seen_.changed(now);
    if (answer) world_.say("cancel job {}: {} rows left to close", brief(job_id), *answer);
    return answer;
  };
  return call(
      Method::cancel, [&] { return some(at_most); }, [&] { (void)some(1); });
}

Result<std::vector<std::string>> FaultyStore::cancelling() {
  return call(Method::cancelling, [&] { return inner_.cancelling(); });
}

Result<void> FaultyStore::gate(std::string_view labourer_id, std::optional<bool> paused,
                               std::optional<std::string> blocked) {
  return call(Method::gate, [&] {
    if (paused) world_.say("{} {}", *paused ? "pause" : "go on with", labourer_id);
    if (blocked)
      world_.say("{} {}", labourer_id, blocked->empty() ? "is blocked no more" : "is blocked");
    return inner_.gate(labourer_id, paused, blocked);
  });
}

Result<std::vector<Alarm>> FaultyStore::alarms(std::int64_t acknowledged, std::int64_t at_most) {
  return call(Method::alarms, [&] { return inner_.alarms(acknowledged, at_most); });
}

Result<std::map<std::string, LabourerStatus>> FaultyStore::status() {
  auto answer = call(Method::status, [&] { return inner_.status(); });
  if (answer && seen_.told) seen_.told(*answer);
  return answer;
}

Result<std::vector<Task>> FaultyStore::tasks(const TaskQuery& query) {
  return call(Method::tasks, [&] { return inner_.tasks(query); });
}

Result<std::vector<JobStatus>> FaultyStore::jobs(std::optional<std::string> job_id,
                                                 std::int64_t limit) {
  return call(Method::jobs, [&] { return inner_.jobs(job_id, limit); });
}

}  // namespace sosw::simulation
