// SPDX-License-Identifier: MIT
// See workers.h.
#include "simulation/workers.h"

#include <algorithm>

namespace sosw::simulation {
namespace {

constexpr int kMostTries = 6;

std::string brief(std::string_view id) {
  return fmt::format("{}..{}", id.substr(0, 4), id.substr(std::max<std::size_t>(id.size(), 3) - 3));
}

}  // namespace

Workers::Workers(World& world, Ways ways) : world_(world), ways_(std::move(ways)) {
  constexpr std::uint32_t kShares[] = {0, 10, 30, 60};
  trouble_ = kShares[world.choices().below(4, "trouble of workers")];
  all_fail_ = world.choices().chance(8, "all workers fail");
}

void Workers::later(const RunPtr& run, double seconds, std::function<void()> what) {
  world_.in(seconds, [run, what = std::move(what)] {
    if (run->alive) what();
  });
}

double Workers::some_time(const RunPtr& run, double longest_s) {
  return longest_s * (1 + world_.choices().below(16, "takes", run->name)) / 16;
}

void Workers::deliver(const engine::Invocation& invocation, Process* host) {
  auto run = std::make_shared<Run>(Run{invocation.task_id, invocation.claim, host,
                                       static_cast<double>(invocation.labourer->timeout_s),
                                       brief(invocation.task_id) + ' ' + invocation.claim});
  const double lifetime =
      invocation.labourer->expiry == Expiry::deadline
          ? static_cast<double>(invocation.labourer->duration_s + invocation.labourer->cooldown_s)
          : run->timeout_s;
  at_work_.push_back(run);
  if (ways_.admit && host == nullptr)
    return ways_.admit(invocation, [this, run, lifetime] { begin(run, lifetime); });
  begin(run, lifetime);
}

void Workers::begin(const RunPtr& run, double lifetime) {
  Process* host = run->host;
  Choices& choices = world_.choices();
  enum : std::uint8_t {
    succeeds,
    succeeds_slowly,
    fails,
    crashes,
    hangs,
    succeeds_late,
    fails_late,
    succeeds_twice,
    fails_twice,
    succeeds_without_claim,
    fails_without_claim,
    succeeds_unheard,
    succeeds_again_later,
    succeeds_and_fails,
    fails_and_succeeds,
  };
  std::uint32_t way = succeeds;
  if (!world_.calm() && all_fail_) {
    way = fails;
  } else if (!world_.calm()) {
    const std::uint32_t t = trouble_;
    const std::uint32_t alone = host == nullptr ? t : 0;  // a host ends it and tells
    const std::uint32_t weights[] = {
        (100 - t) * 8, (100 - t) * 2, 4 * t, t, t, alone, alone, t, t, t, t, alone, t,
        alone,         alone};
    way = choices.weighted(weights, "worker", run->name);
  }
  world_.say_as("worker", "{} {} begins", brief(run->task_id), run->claim);
  switch (way) {
    case succeeds:
      return later(run, 0.5, [this, run] { complete(run, true); });
    case succeeds_slowly:
      return later(run, some_time(run, run->timeout_s), [this, run] { complete(run, true); });
    case fails: {
      const bool tells_itself = choices.below(2, "tells itself", run->name) == 1;
      return later(run, some_time(run, run->timeout_s),
                   [this, run, tells_itself] { fail(run, true, tells_itself); });
    }
    case crashes:
      return later(run, some_time(run, run->timeout_s), [this, run] {
        world_.say_as("worker", "{} {} crashes", brief(run->task_id), run->claim);
        end(run, {{Report::Kind::failed, run->task_id, run->claim, {}, {{"error", "crashed"}}}});
      });
    case hangs:
      // Its host ends it; without one nobody does.
      return later(run, run->timeout_s, [this, run] {
        world_.say_as("worker", "{} {} hangs", brief(run->task_id), run->claim);
        end(run, {{Report::Kind::failed, run->task_id, run->claim, {}, {{"error", "timeout"}}}});
      });
    case succeeds_late:
      return later(run, lifetime + some_time(run, 4 * lifetime),
                   [this, run] { complete(run, true); });
    case fails_late:
      return later(run, lifetime + some_time(run, 4 * lifetime),
                   [this, run] { fail(run, true, true); });
    case succeeds_twice:
      later(run, 1, [this, run] { complete(run, true); });
      return world_.in(1, [this, run] { tell(run, Report::Kind::completed, true, [] {}); });
    case fails_twice:
      later(run, 1, [this, run] { fail(run, true, true); });
      return world_.in(1 + some_time(run, 2 * lifetime),
                       [this, run] { tell(run, Report::Kind::failed, true, [] {}); });
    case succeeds_without_claim: {
      const double when =
          host == nullptr ? some_time(run, 2 * lifetime) : some_time(run, run->timeout_s);
      return later(run, when, [this, run] { complete(run, false); });
    }
    case fails_without_claim: {
      const double when =
          host == nullptr ? some_time(run, 2 * lifetime) : some_time(run, run->timeout_s);
      return later(run, when, [this, run] { fail(run, false, true); });
    }
    case succeeds_unheard:
      return later(run, 1, [this, run] {
        world_.say_as("worker", "{} {} is done, and nobody hears it", brief(run->task_id),
                      run->claim);
        end(run, {});
      });
    case succeeds_again_later:
      later(run, 1, [this, run] { complete(run, true); });
      return world_.in(1 + some_time(run, 4 * lifetime),
                       [this, run] { tell(run, Report::Kind::completed, true, [] {}); });
    case succeeds_and_fails:
    case fails_and_succeeds: {
      // Its own word, and that of who invoked it: the one is told at once, the other a while later.
      const bool first = way == succeeds_and_fails;
      const double when =
          choices.below(2, "late", run->name) == 1 ? lifetime + some_time(run, lifetime) : 1;
      later(run, when, [this, run, first] { first ? complete(run, true) : fail(run, true, true); });
      return world_.in(when + some_time(run, 8), [this, run, first] {
        tell(run, first ? Report::Kind::failed : Report::Kind::completed, true, [] {});
      });
    }
    default:
      return;
  }
}

void Workers::complete(const RunPtr& run, bool knows_its_claim) {
  // A host may itself tell what its worker has returned.
  if (run->host != nullptr && knows_its_claim &&
      (world_.calm() || world_.choices().below(2, "tells after its end", run->name) == 0)) {
    return end(run, {{Report::Kind::completed, run->task_id, run->claim, {}, {}}});
  }
  tell(run, Report::Kind::completed, knows_its_claim, [this, run] { end(run, {}); });
}

void Workers::fail(const RunPtr& run, bool knows_its_claim, bool tells_itself) {
  Report report{Report::Kind::failed, run->task_id, run->claim, {}, {{"error", "no"}}};
  if (!tells_itself) return end(run, {std::move(report)});
  tell(run, Report::Kind::failed, knows_its_claim, [this, run] { end(run, {}); });
}

void Workers::tell(const RunPtr& run, Report::Kind kind, bool knows_its_claim,
                   std::function<void()> then) {
  json::object event{{"action", kind == Report::Kind::completed ? "mark_task_as_completed"
                                                                : "mark_task_as_failed"},
                     {"task_id", run->task_id}};
  if (knows_its_claim) event["claim"] = run->claim;
  const std::string known = run->host != nullptr ? run->claim : "";
  const bool completed = kind == Report::Kind::completed;
  world_.say_as("worker", "{} {} tells that it has {}{}", brief(run->task_id), run->claim,
                completed ? "completed" : "failed", knows_its_claim ? "" : ", without its claim");
  const auto again = [this, run, kind, knows_its_claim, then](bool answered) {
    if (answered) return then();
    if (++run->tries >= kMostTries) {
      world_.say_as("worker", "{} {} gives up telling", brief(run->task_id), run->claim);
      return end(run, {{Report::Kind::failed, run->task_id, run->claim, {}, {{"error", "mute"}}}});
    }
    world_.in(1 << run->tries, [this, run, kind, knows_its_claim, then] {
      if (run->host == nullptr || run->alive) tell(run, kind, knows_its_claim, then);
    });
  };
  if (!world_.calm()) {
    // The word may be lost on its way there or back: then the worker tells it again.
    const std::uint32_t weights[] = {100 - trouble_ / 4, trouble_ / 8, trouble_ / 8};
    const auto lost = world_.choices().weighted(weights, "word", run->name);
    if (lost == 1) return again(false);
    if (lost == 2) {
      ways_.call_assistant(run->host, std::move(event), known, [again](bool) { again(false); });
      return;
    }
  }
  ways_.call_assistant(run->host, std::move(event), known, again);
}

void Workers::end(const RunPtr& run, std::vector<Report> reports) {
  if (!run->alive) return;
  run->alive = false;
  std::erase(at_work_, run);
  if (run->host != nullptr) ways_.ended(*run->host, std::move(reports));
}

bool Workers::runs(const Process& host, std::string_view task_id, std::string_view claim) const {
  return std::any_of(at_work_.begin(), at_work_.end(), [&](const RunPtr& run) {
    return run->host == &host && run->task_id == task_id && run->claim == claim;
  });
}

std::vector<Workers::Attempt> Workers::kill(const Process& host) {
  std::vector<Attempt> killed;
  std::erase_if(at_work_, [&](const RunPtr& run) {
    if (run->host != &host) return false;
    run->alive = false;
    killed.push_back({run->task_id, run->claim});
    return true;
  });
  return killed;
}

int Workers::at_work(const Process& host) const {
  return static_cast<int>(std::count_if(at_work_.begin(), at_work_.end(),
                                        [&](const RunPtr& run) { return run->host == &host; }));
}

}  // namespace sosw::simulation
