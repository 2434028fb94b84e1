// SPDX-License-Identifier: MIT
#include "fault_scripts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sosw::conformance {
namespace {

using engine::Release;

std::string text(const engine::Accepted& accepted) {
  return fmt::format("{} {} {} {} {}", accepted.job_id, accepted.rows, accepted.already,
                     accepted.made, accepted.task_id);
}
std::string text(const engine::Made& made) {
  return fmt::format("{} {} {} {} {}", made.job_id, made.first_row, made.rows, made.more,
                     made.no_room);
}
std::string text(const engine::Exchanged& exchanged) {
  std::string lines;
  for (const auto& reported : exchanged.reported)
    lines += fmt::format("{} {} {} {}\n", name(reported.answer),
                         reported.state ? name(*reported.state) : "-", reported.labourer_id,
                         reported.freed_slot);
  for (const auto& claimed : exchanged.claimed)
    lines += claimed.claim + " " + described(claimed.task);
  return lines;
}
std::string text(const std::vector<bool>& answers) { return fmt::format("{}", answers); }
std::string text(const std::vector<std::string>& ids) { return fmt::format("{}", ids); }
std::string text(const std::vector<engine::Ended>& all) {
  std::string lines;
  for (const auto& ended : all) lines += fmt::format("{} {}\n", ended.task_id, name(ended.state));
  return lines;
}
std::string text(const std::vector<engine::Alarm>& all) {
  std::string lines;
  for (const auto& alarm : all)
    lines += fmt::format("{} {} {}\n", alarm.number, alarm.task_id, alarm.message);
  return lines;
}
std::string text(const std::vector<Task>& all) {
  std::string lines;
  for (const auto& task : all) lines += task.claim + " " + described(task);
  return lines;
}
std::string text(const std::vector<engine::JobStatus>& all) {
  std::string lines;
  for (const auto& job : all)
    lines += fmt::format("{} {} {} {} {}\n", job.id, job.rows, job.made, job.done, job.cancelled);
  return lines;
}
std::string text(const std::map<std::string, engine::LabourerStatus>& all) {
  std::string lines;
  for (const auto& [id, status] : all)
    lines += fmt::format("{} {} {} {}\n", id, status.folded, status.paused, status.blocked);
  return lines;
}
std::string text(std::int64_t n) { return std::to_string(n); }

}  // namespace

std::string Script::state(engine::TaskStore& store) const {
  return described(store, [this](const std::string& id) {
    const auto named = names.find(id);
    return named == names.end() ? id : named->second;
  });
}

class Recorder {
 public:
  explicit Recorder(OpenStore& opened) : opened_(opened) { script_.empty = script_.state(store()); }

  Time now = from_epoch(1'795'000'000);
  engine::Labourers labourers = [] {
    engine::Labourers all = {{std::string(kWorker), worker()}, {"other", worker("other")}};
    all.at("other").max_attempts = 1;
    return all;
  }();
  Script& script() { return script_; }

  void reopen() {
    opened_.reopen();
    add({"close and open", nullptr, {}, {}, true});
  }
  // The next call may be repeated once it is done.
  Recorder& again() {
    repeatable_ = true;
    return *this;
  }
  engine::Accepted accept(const engine::Job& job, std::int64_t make_now) {
    auto accepted = call<engine::Accepted>(
        fmt::format("accept {} rows, key '{}'", job.rows, job.key),
        [=, now = now](auto& store) { return store.accept(job, make_now, now); });
    if (job.key.empty() && !accepted.task_id.empty() && !job.task_id) {
      script_.names[accepted.task_id] = fmt::format("direct {}", script_.names.size());
      script_.calls.back().state = script_.state(store());
    }
    return accepted;
  }
  void make_rows(std::int64_t watermark, std::int64_t at_most) {
    call<engine::Made>("make rows", [=, now = now](auto& store) {
      return store.make_rows(kWorker, watermark, at_most, now);
    });
  }
  std::vector<engine::Claimed> exchange(const std::vector<Report>& reports, int at_most,
                                        std::string_view labourer = kWorker) {
    return call<engine::Exchanged>(
               fmt::format("exchange {} reports, claim {}", reports.size(), at_most),
               [=, now = now, known = labourers](auto& store) {
                 std::vector<engine::ClaimRequest> claims;
                 if (at_most > 0)
                   claims.push_back({.labourer_id = labourer,
                                     .limit = 100,
                                     .at_most = at_most,
                                     .deadline = after(now, static_cast<double>(kAttempt)),
                                     .expiry = Expiry::host});
                 return store.exchange(reports, claims, known, now);
               })
        .claimed;
  }
  void release(const std::vector<Release>& claims) {
    call<std::vector<bool>>("release", [=, now = now, known = labourers](auto& store) {
      return store.release(claims, known, now);
    });
  }
  void expire() {
    call<std::vector<engine::Ended>>(
        "expire", [now = now, labourer = labourers.at(std::string(kWorker))](auto& store) {
          return store.expire(labourer, 10, nullptr, now);
        });
  }
  void requeue(std::string_view labourer = kWorker) {
    call<std::vector<std::string>>(
        "requeue", [=, now = now](auto& store) { return store.requeue(labourer, 10, 600, now); });
  }
  void archive() {
    call<std::vector<std::string>>(
        "archive", [now = now](auto& store) { return store.archive(kWorker, 10, now); });
  }
  void replay(const std::string& id) {
    call<std::vector<bool>>(
        "replay", [=, now = now](auto& store) { return store.replay(std::span(&id, 1), now); });
  }
  std::int64_t cancel(const std::string& job, std::int64_t at_most) {
    return call<std::int64_t>(fmt::format("cancel {}", at_most), [=, now = now](auto& store) {
      return store.cancel(job, at_most, now);
    });
  }
  void cancelling() {
    call<std::vector<std::string>>("cancelling", [](auto& store) { return store.cancelling(); });
  }
  void gate(std::optional<bool> paused, std::optional<std::string> blocked) {
    call<std::vector<bool>>("gate", [=](auto& store) -> Result<std::vector<bool>> {
      if (auto done = store.gate(kWorker, paused, blocked); !done) return done.error();
      return std::vector<bool>{};
    });
  }
  std::vector<engine::Alarm> alarms(std::int64_t acknowledged) {
    return call<std::vector<engine::Alarm>>(
        fmt::format("alarms, {} acknowledged", acknowledged),
        [=](auto& store) { return store.alarms(acknowledged, 10); });
  }
  void look(const std::string& id) {
    call<std::map<std::string, engine::LabourerStatus>>("status",
                                                        [](auto& s) { return s.status(); });
    call<std::vector<engine::JobStatus>>("jobs",
                                         [](auto& store) { return store.jobs(std::nullopt, 10); });
    engine::TaskQuery one, all;
    one.task_id = id;
    call<std::vector<Task>>("task", [=](auto& store) { return store.tasks(one); });
    call<std::vector<Task>>("tasks", [=](auto& store) { return store.tasks(all); });
  }

 private:
  engine::TaskStore& store() { return opened_.store(); }

  template <class T>
  T call(std::string name, std::function<Result<T>(engine::TaskStore&)> make) {
    Result<T> answer = make(store());
    if (!answer) {
      ADD_FAILURE() << name << ": " << answer.error().text();
      return {};
    }
    add({std::move(name),
         [make](engine::TaskStore& store) -> Result<std::string> {
           auto again = make(store);
           if (!again) return again.error();
           return text(*again);
         },
         text(*answer),
         {},
         std::exchange(repeatable_, false)});
    return std::move(*answer);
  }
  void add(Call call) {
    call.state = script_.state(store());
    script_.calls.push_back(std::move(call));
  }

  OpenStore& opened_;
  Script script_;
  bool repeatable_ = false;
};

namespace {

Report report(const engine::Claimed& claimed, Report::Kind kind) {
  Report report;
  report.kind = kind;
  report.task_id = claimed.task.id;
  report.claim = claimed.claim;
  report.result = {{"n", 1}};
  return report;
}
Report completed(const engine::Claimed& claimed) {
  return report(claimed, Report::Kind::completed);
}
Report failed(const engine::Claimed& claimed) { return report(claimed, Report::Kind::failed); }
Release given_back(const engine::Claimed& claimed, Release::Why why = Release::Why::rejected) {
  return {claimed.task.id, claimed.claim, why, "because"};
}

void jobs(Recorder& r) {
  const auto first = r.again().accept(job_of(4, "first"), 2);
  r.again().accept(job_of(4, "first"), 2);
  r.again().accept(job_of(3, "second"), 2);
  auto foreign = job_of(1, "", "other");
  foreign.task_id = "foreign";
  foreign.position = 7;
  r.accept(foreign, 1);
  r.accept(job_of(1, "", "other"), 1);
  r.look(task_id(first.job_id, 3));
  r.make_rows(10, 1);
  r.exchange({}, 1);
  r.cancel(first.job_id, 1);
  r.again().cancelling();
  r.reopen();
  r.cancel(first.job_id, 10);
  r.make_rows(10, 10);
  r.gate(true, std::nullopt);
  r.again().gate(std::nullopt, "no such function");
  r.again().gate(false, "");
  r.look(task_id(first.job_id, 0));
}

void attempts(Recorder& r) {
  const auto job = r.accept(job_of(6, "words"), 5);
  const auto claimed = r.exchange({}, 4);
  if (claimed.size() < 4) return;
  r.again().exchange({completed(claimed[0]), failed(claimed[1])}, 0);
  r.again().exchange({completed(claimed[0]), failed(claimed[1])}, 0);
  r.again().release({given_back(claimed[2])});
  r.now = after(r.now, 1 + kAttempt);
  r.expire();
  // Counted each time that it is told: a report of an attempt that is over.
  r.exchange({failed(claimed[3])}, 0);
  r.now = after(r.now, 1 + kRetryDelay);
  r.requeue();
  const auto second = r.exchange({}, 2);
  if (second.size() < 2) return;
  // By an older claim, late; and what runs is given back to a job that is cancelled.
  r.again().exchange({completed(claimed[3])}, 0);
  r.exchange({}, 1);
  r.cancel(job.job_id, 10);
  r.again().release({given_back(second[0]), given_back(second[1])});
  r.reopen();
  r.look(claimed[3].task.id);
}

void ends(Recorder& r) {
  r.accept(job_of(3, "words"), 3);
  const auto direct = r.accept(job_of(1), 1);
  const auto more = r.accept(job_of(3, "more", "other"), 3);
  const auto claimed = r.exchange({}, 4);
  const auto other = r.exchange({}, 2, "other");
  if (claimed.size() < 4 || other.size() < 2) return;
  r.again().exchange({completed(claimed[0]), completed(claimed[3])}, 0);
  r.archive();
  r.again().release({given_back(claimed[1], Release::Why::impossible),
                     given_back(claimed[2], Release::Why::interrupted)});
  r.again().exchange({failed(other[0]), failed(other[1])}, 0);
  const auto raised = r.alarms(0);
  if (raised.empty()) return;
  r.again().alarms(raised.front().number);
  r.replay(other[0].task.id);
  r.reopen();
  r.again().exchange({completed(other[1])}, 0);
  r.look(other[0].task.id);
}

}  // namespace

const std::vector<Scenario>& scenarios() {
  static const std::vector<Scenario> kAll = {
      {"jobs", false, jobs}, {"attempts", false, attempts}, {"ends", true, ends}};
  return kAll;
}

Script record(const Scenario& scenario, OpenStore& store) {
  Recorder recorder(store);
  scenario.play(recorder);
  return std::move(recorder.script());
}

}  // namespace sosw::conformance
