// SPDX-License-Identifier: MIT
// See home.h.
#include "simulation/home.h"

#include <algorithm>
#include <cmath>

#include "core/retry.h"

namespace sosw::simulation {
namespace {

constexpr int kCooldown = 8;
constexpr double kRuleEvery = 60;

double seconds(Time::duration d) { return std::chrono::duration<double>(d).count(); }

template <class T, std::size_t N>
T one_of(Choices& choices, const T (&list)[N], const char* what = __builtin_FUNCTION()) {
  return list[choices.below(N, what)];
}

class ModelOfHome final : public HomeStore {
 public:
  ModelOfHome(World& world, const ModelStore::Options& options) : model_(options) {
    model_.between_writes([&world] {
      if (Actor::current() != nullptr && !world.calm() &&
          world.choices().chance(30, "between writes"))
        world.die();
    });
  }
  engine::TaskStore& opened_by(Process&) override { return model_; }
  engine::TaskStore& judged() override { return model_; }
  void look(Snapshot& into) override { model_.look(into); }

 private:
  ModelStore model_;
};

}  // namespace

Home::Home(World& world, Faults& faults, Log& log, Invariants& invariants,
           const MakeHomeStore& make_store)
    : world_(world),
      choices_(world.choices()),
      faults_(faults),
      log_(log),
      invariants_(invariants),
      witness_(log, invariants) {
  const bool two_engines = choices_.chance(25, "two engines");
  ModelStore::Options options;
  options.two_step = choices_.chance(20, "completed first");
  room_in_queue_ = !choices_.chance(10, "wide steps");
  if (!room_in_queue_) options.task_step = 400'000'000;
  store_ = make_store ? make_store(world, options) : std::make_unique<ModelOfHome>(world, options);

  const std::uint32_t labourers = 1 + choices_.below(3, "labourers");
  for (std::uint32_t i = 0; i < labourers; ++i) {
    Labourer labourer = some_labourer(std::string(1, static_cast<char>('a' + i)));
    if (two_engines) {  // below the lock there is one host for children
      labourer.on_restart = OnRestart::wait;
      labourer.expiry = Expiry::deadline;
    }
    invariants_.configured(labourer);
    labourers_.emplace(labourer.id, labourer);
  }

  settings_.orchestrator.claim_batch = one_of(choices_, {1000, 1, 2}, "claim batch");
  settings_.scavenger.batch = one_of<std::int64_t>(choices_, {1000, 1, 2}, "scavenge batch");
  settings_.scavenger.retry_batch = one_of<std::int64_t>(choices_, {100'000, 1, 3}, "retry batch");
  settings_.scavenger.retry_tasks_limit =
      one_of<std::int64_t>(choices_, {-1, 1}, "retry tasks limit");
  settings_.scheduler.watermark = one_of<std::int64_t>(choices_, {1000, 1, 2, 3}, "watermark");
  settings_.scheduler.make_now = one_of<std::int64_t>(choices_, {1000, 0, 1, 3}, "make now");
  settings_.scheduler.make_batch = one_of<std::int64_t>(choices_, {1000, 1, 2}, "make batch");
  // An array in braces alone would be that array for clang, an array of it for g++.
  const json::array attributes(1, json::array{"word", json::object()});
  settings_.scheduler.schemas = {{"job_schema", json::object{{"chunkable_attrs", attributes}}}};
  settings_.cancel_batch = one_of<std::int64_t>(choices_, {10'000, 1, 2}, "cancel batch");
  settings_.health_interval_s = 15;

  calm_at_ = after(kBeginning, one_of(choices_, {20.0, 60.0, 200.0, 1000.0, 4000.0}, "calm at"));
  left_to_happen_ = static_cast<int>(choices_.below(
      one_of<std::uint32_t>(choices_, {16, 6, 50, 150}, "how much at most"), "how much happens"));
  invoke_trouble_ = one_of<std::uint32_t>(choices_, {0, 3, 10, 30}, "trouble of invocations");
  most_offset_ = one_of<std::uint32_t>(choices_, {0, kCooldown / 2, 1000}, "most offset");
  if (choices_.chance(20, "rule"))
    rule_last_ = static_cast<std::int64_t>(std::floor(epoch(kBeginning) / kRuleEvery));
  workers_.emplace(
      world_, Workers::Ways{[this](Process* process, json::object event, std::string known_claim,
                                   std::function<void(bool)> answered) {
                              Host* host = nullptr;
                              if (process == nullptr) host = some_host();
                              for (auto& one : hosts_) {
                                if (&one->process == process) host = one.get();
                              }
                              if (host == nullptr || !host->process.alive()) return answered(false);
                              auto request = std::make_shared<Request>(Request{"", {}, host});
                              // The connection breaks when the engine dies.
                              request->what = [this, answered](Host&) {
                                world_.in(0, [answered] { answered(false); });
                                return true;
                              };
                              requests_.push_back(request);
                              witness_.word(event, known_claim);
                              world_.start(
                                  host->process, "assistant",
                                  [this, host, event = std::move(event),
                                   known = std::move(known_claim), request, answered] {
                                    known_claims_[world_.self()] = known;
                                    const auto answer = host->assistant->call(event, known);
                                    witness_.answered(event, answer);
                                    request->done = true;
                                    world_.in(0,
                                              [answered, good = bool(answer)] { answered(good); });
                                  });
                            },
                            [this](Process& process, std::vector<Report> reports) {
                              for (auto& host : hosts_) {
                                if (&host->process != &process || !process.alive()) continue;
                                for (Report& report : reports) {
                                  witness_.word(report);
                                  host->unstored.push_back({report.task_id, report.claim});
                                }
                                host->engine->finished(std::move(reports));
                              }
                            }});
  for (int i = 0; i < (two_engines ? 2 : 1); ++i) {
    auto host = std::make_unique<Host>(world_, fmt::format("engine {}", i + 1));
    host->process.on_death = [this, host = host.get()] { died(*host); };
    hosts_.push_back(std::move(host));
  }
}

Home::~Home() {
  for (auto& host : hosts_) {
    host->process.on_death = {};
    world_.kill(host->process);
  }
}

Labourer Home::some_labourer(std::string id) {
  Labourer labourer;
  labourer.id = std::move(id);
  labourer.arn = "arn:aws:lambda:us-west-2:000000000000:function:" + labourer.id;
  labourer.max_simultaneous_invocations = static_cast<int>(1 + choices_.below(4, "limit"));
  labourer.max_attempts = one_of(choices_, {3, 1, 2}, "attempts");
  labourer.timeout_s = one_of(choices_, {10, 4, 30}, "timeout");
  labourer.duration_s = labourer.timeout_s;
  labourer.cooldown_s = kCooldown;
  switch (choices_.weighted({4, 4, 1}, "kind of worker")) {
    case 0:  // a command
      labourer.expiry = Expiry::host;
      labourer.on_restart = OnRestart::give_back;
      break;
    case 1:  // a function elsewhere
      labourer.expiry = Expiry::deadline;
      labourer.on_restart = OnRestart::wait;
      labourer.duration_s = 2 * labourer.timeout_s;
      break;
    default:  // inside the engine
      labourer.expiry = Expiry::host;
      labourer.on_restart = OnRestart::use_attempt;
      break;
  }
  labourer.retry.kind = static_cast<RetryPolicy::Kind>(choices_.below(3, "retry kind"));
  labourer.retry.base_s = one_of(choices_, {1.0, 0.0, 7.0, 30.0}, "retry base");
  if (choices_.chance(20, "jitter")) labourer.retry.jitter = RetryPolicy::Jitter::full;
  labourer.retry_base_s = *labourer.retry.base_s;
  if (choices_.chance(20, "health metric")) {
    HealthMetric metric;
    metric.details = {{"name", "load"}};
    metric.feelings = {{4, 10.0}, {3, 20.0}, {2, 30.0}, {1, 40.0}};
    if (choices_.chance(30, "no data means zero")) metric.no_data = 0;
    labourer.health_metrics.emplace("load", metric);
  }
  return labourer;
}

engine::Engine::Settings Home::settings(const engine::Labourers& labourers) {
  engine::Engine::Settings settings = settings_;
  settings.labourers = labourers;
  return settings;
}

// As it was at first, or with some labourers gone, renamed, or configured otherwise.
engine::Labourers Home::some_configuration() {
  engine::Labourers labourers = labourers_;
  for (const auto& [id, known] : labourers_) {
    Labourer& labourer = labourers.at(id);
    switch (choices_.weighted({5, 1, 1, 1, 1, 1}, "other configuration")) {
      case 1:
        world_.say_as("operator", "labourer {} is configured no more", id);
        labourers.erase(id);
        break;
      case 2: {
        Labourer renamed = labourer;
        renamed.id += '2';
        world_.say_as("operator", "labourer {} becomes {}", id, renamed.id);
        labourers.erase(id);
        invariants_.configured(renamed);
        labourers.emplace(renamed.id, renamed);
        break;
      }
      case 3:
        labourer.max_simultaneous_invocations = static_cast<int>(choices_.below(4, "other limit"));
        world_.say_as("operator", "labourer {} gets a limit of {}", id,
                      labourer.max_simultaneous_invocations);
        break;
      case 4:
        labourer.max_attempts = static_cast<int>(1 + choices_.below(4, "other attempts"));
        world_.say_as("operator", "labourer {} gets {} attempts", id, labourer.max_attempts);
        invariants_.configured(labourer);
        break;
      case 5:
        labourer.retry.kind = static_cast<RetryPolicy::Kind>(choices_.below(3, "retry kind"));
        labourer.retry_base_s = one_of(choices_, {1.0, 0.0, 7.0, 30.0}, "retry base");
        labourer.retry.base_s = labourer.retry_base_s;
        break;
      default:
        break;
    }
  }
  return labourers;
}

// --- Engines

void Home::start(Host& host, const engine::Labourers& labourers) {
  host.process.begin();
  host.labourers = labourers;
  host.unstored.clear();
  host.too_far_since.clear();
  host.as_at_first = true;
  host.took_back = false;
  host.cancels = 0;
  host.alarms.reset();
  world_.say_as(host.process.name(), "starts");
  Process& process = host.process;
  host.watch.emplace(Watch::Engine{
      world_, process, invariants_, host.labourers, settings_.scheduler.watermark,
      hosts_.size() == 1, room_in_queue_,
      [&host](const Labourer& labourer) { return host.invoker->free_slots(labourer); },
      [this, &host](std::string_view task, std::string_view claim) {
        return workers_->runs(host.process, task, claim);
      },
      [&host] { return host.cancels > 0; }, [this] { return *store_->judged().status(); },
      [this] { return waiting_alarms(); }});
  host.store = std::make_unique<FaultyStore>(
      store_->opened_by(process), world_, process, faults_,
      FaultyStore::Seen{[this, &host](Time now) { changed(host, now); },
                        [this, &host](const Report& report, const engine::Reported& reported) {
                          std::erase_if(host.unstored, [&](const Host::Unstored& one) {
                            return one.task_id == report.task_id && one.claim == report.claim;
                          });
                          witness_.stored(report, reported);
                          invariants_.answered(report, reported);
                        },
                        {},
                        [&host](std::span<const engine::ClaimRequest> claims, Time now) {
                          host.watch->asks(claims, now);
                        },
                        [this, &host](const std::map<std::string, engine::LabourerStatus>& all) {
                          if (world_.self() == host.loop) host.watch->told(all);
                        },
                        [this] { return store_->killed(); }});
  host.invoker = std::make_unique<FaultyInvoker>(
      world_, process, faults_, log_, *workers_, invoke_trouble_,
      FaultyInvoker::Seen{
          [this](const engine::Invocation& invocation) { witness_.arrived(invocation); },
          [&host](std::span<const engine::Invocation> invocations,
                  const std::vector<engine::Invoked>& outcomes) {
            host.watch->invoked(invocations, outcomes);
          },
          [this](const Labourer& labourer) -> std::optional<engine::Invoked::Outcome> {
            const auto known = broken_down_.find(labourer.id);
            if (world_.calm() || known == broken_down_.end() || known->second.first <= world_.now())
              return std::nullopt;
            return known->second.second;
          }});
  host.metrics = std::make_unique<FaultyMetrics>(
      process, faults_, metric_, [&host](Time asked, const FaultyMetrics::Value& value) {
        host.watch->told_health(asked, value);
      });
  host.notifier = std::make_unique<FaultyNotifier>(
      world_, process, faults_, log_, [&host](const auto& alarm) { host.watch->delivers(alarm); });
  host.audit = std::make_unique<FaultyAuditLog>(process, faults_);
  host.engine = std::make_unique<engine::Engine>(
      engine::Engine::Ports{*host.store, *host.invoker, *host.metrics, *host.notifier, process,
                            host.audit.get()},
      settings(labourers));
  host.assistant = std::make_unique<engine::WorkerAssistant>(
      [this, &host](Report report) { return submit(host, std::move(report)); }, process,
      host.audit.get());
  host.task_manager = std::make_unique<engine::TaskManager>(*host.store, settings_.task_manager);
  if (rule_last_) {
    host.watch->rule_is_due(process.now());
    host.engine->add_tick([this, &host](Time now) { return fire_rule(host, now); });
  }
  host.loop = world_.start(process, "loop", [this, &host] { run_engine(host); });
}

void Home::died(Host& host) {
  world_.say_as(host.process.name(), "dies");
  for (const auto& [task, claim] : workers_->kill(host.process)) {
    if (ClaimLog* known = log_.claim(task, claim)) known->given_back = true;
  }
  host.assistant.reset();
  host.task_manager.reset();
  host.engine.reset();
  come_back(host);
  for (const auto& request : requests_) {
    if (request->at != &host || request->done) continue;
    request->at = nullptr;
    if (request->who.empty()) {
      request->done = request->what(host);
    } else if (request->gives_up) {
      request->done = true;
    } else {
      world_.in(1, [this, request] { try_again(request); });
    }
  }
}

void Home::run_engine(Host& host) {
  std::uint32_t before = accidents();
  host.engine->start();
  host.took_back = accidents() == before;
  host.alarms = world_.start(host.process, "alarms", [this, &host] { send_alarms(host); });
  world_.start(host.process, "health", [this, &host] { look_at_health(host); });
  for (bool woken = true;;) {
    before = accidents();
    host.watch->pass_begins(woken, before);
    const Time next = host.engine->pass();
    if (accidents() == before) {
      after_clean_pass(host);
    } else {
      host.too_far_since.clear();  // it had no fair chance to look
    }
    host.passes_at_once = world_.now() == host.last_pass ? host.passes_at_once + 1 : 0;
    host.last_pass = world_.now();
    if (host.passes_at_once > 1000)
      invariants_.breaks("progress", "the engine makes pass after pass and no time goes by");
    host.watch->pass_ends(accidents(), host.engine->alarms_wait(), next);
    woken = world_.wait(host.engine->woken() ? 0 : seconds(next - host.process.now()));
  }
}

// A pass in which nothing has failed: what was owed to the store is there.
void Home::after_clean_pass(Host& host) {
  constexpr int kPatience = 3;
  for (const TaskRow& row : invariants_.latest().tasks) {
    const auto labourer = host.labourers.find(row.labourer_id);
    if (labourer == host.labourers.end()) continue;
    if (row.state == State::retry) {
      // The first that is due shows the way to the others, and may itself wait that long.
      const double longest_s = std::ceil(longest_retry_delay_s(labourer->second));
      const double away_s = static_cast<double>(row.due) - epoch(host.process.now());
      Time& since = host.too_far_since[row.id + row.claim];
      if (away_s <= longest_s + 1 || since == Time{}) since = world_.now();
      if (seconds(world_.now() - since) > longest_s + 10)
        invariants_.breaks("retry_place",
                           fmt::format("task {} is due in {:.0f} s, its labourer's longest delay "
                                       "is {} s",
                                       row.id, away_s, longest_s));
    }
    if (row.state != State::running) continue;
    ClaimLog* claim = log_.claim(row.id, row.claim);
    if (claim == nullptr || claim->owner != &host.process) continue;
    const bool ended_with_its_host =
        claim->life != host.process.life() && is_child(labourer->second) && host.took_back;
    const bool refused =
        claim->life == host.process.life() && (claim->rejected || claim->impossible);
    if ((ended_with_its_host || refused) && ++claim->clean_passes > kPatience)
      invariants_.breaks("owed_is_given_back",
                         fmt::format("task {} does not run, and its claim is kept", row.id));
  }
  for (Host::Unstored& one : host.unstored) {
    if (++one.clean_passes > kPatience)
      invariants_.breaks(
          "reports_are_kept",
          fmt::format("task {}: the host has told of {}, the store never heard of it", one.task_id,
                      one.claim));
  }
}

void Home::send_alarms(Host& host) {
  for (;;) {
    if (!host.engine->alarms_wait()) {
      world_.wait();
      continue;
    }
    host.watch->sends_alarms(accidents());
    const auto sent = host.engine->send_alarms();
    host.watch->sent_alarms(bool(sent), accidents());
    if (sent) continue;
    if (!host.engine->alarms_wait())
      invariants_.breaks("dead_is_alarmed", "alarms that could not be sent are not tried again");
    world_.sleep(5);
  }
}

void Home::look_at_health(Host& host) {
  const bool any = std::any_of(host.labourers.begin(), host.labourers.end(),
                               [](const auto& one) { return !one.second.health_metrics.empty(); });
  while (any) {
    host.engine->look_at_health(host.labourers);
    world_.sleep(settings_.health_interval_s);
  }
}

Result<engine::Reported> Home::submit(Host& host, Report report) {
  const World::ActorId me = world_.self();
  if (report.claim.empty() && !known_claims_[me].empty())
    invariants_.breaks(
        "report_ends_its_claim_only",
        fmt::format("the host knows that {} was claim {}, the report does not say it",
                    report.task_id, known_claims_[me]));
  auto answer = std::make_shared<std::optional<Result<engine::Reported>>>();
  host.engine->report(report, [this, me, answer](Result<engine::Reported> reported) {
    *answer = std::move(reported);
    world_.wake(me);
  });
  while (!*answer) world_.wait();
  witness_.answered(report, **answer);
  return **answer;
}

void Home::changed(Host& host, Time now) {
  store_->look(scratch_);
  const std::function<bool(std::string_view, std::string_view)> runs = [&](std::string_view task,
                                                                           std::string_view claim) {
    return workers_->runs(host.process, task, claim);
  };
  invariants_.look({host.process, host.labourers, now, settings_.scheduler.watermark,
                    settings_.scheduler.make_now, runs},
                   scratch_);
  for (auto& each : hosts_) {
    if (each->process.alive() && each->watch) each->watch->changed();
  }
}

// As the timer of a home does it: all that was missed, oldest first; what has been accepted is
// over.
std::optional<Time> Home::fire_rule(Host& host, Time now) {
  const auto passed = [](Time at) {
    return static_cast<std::int64_t>(std::floor(epoch(at) / kRuleEvery));
  };
  // In the calm only what was due before it.
  const Time until = world_.calm() ? std::min(now, calm_at_) : now;
  std::optional<Time> next;
  // A last time in the future comes from a clock that was set back.
  for (auto n = std::min(*rule_last_, passed(now)) + 1; n <= passed(until); ++n) {
    const auto& order = witness_.order_of_rule(n * static_cast<std::int64_t>(kRuleEvery),
                                               labourers_.begin()->first);
    const auto accepted = host.engine->schedule(order.event, order.key);
    if (accepted) {
      witness_.accepted(order, *accepted, invariants_.latest());
    } else if (accepted.error().code == Code::not_found) {
      rule_left_out_.insert(n);
    } else {
      next = after(now, 1);
      break;
    }
    rule_last_ = n;
  }
  const auto following = std::min(*rule_last_, passed(now)) + 1;
  if (!next && (!world_.calm() || following <= passed(calm_at_)))
    next = from_epoch(static_cast<double>(following) * kRuleEvery);
  host.watch->rule_is_due(next);
  return next;
}

void Home::after_event() {
  for (auto& host : hosts_) {
    if (!host->process.alive()) continue;
    if (host->engine->woken()) world_.wake(host->loop);
    if (host->alarms && host->engine->alarms_wait()) world_.wake(*host->alarms);
  }
}

// --- What people do

void Home::ask(std::string who, std::function<bool(Host&)> what, bool gives_up) {
  requests_.push_back(
      std::make_shared<Request>(Request{std::move(who), std::move(what), nullptr, gives_up}));
  try_again(requests_.back());
}

void Home::try_again(const std::shared_ptr<Request>& request) {
  Host* host = some_host();
  if (host == nullptr) return world_.in(1, [this, request] { try_again(request); });
  request->at = host;
  world_.start(host->process, request->who, [this, host, request] {
    request->done = request->what(*host);
    request->at = nullptr;
    if (!request->done) world_.in(1, [this, request] { try_again(request); });
  });
}

Home::Host* Home::some_host() {
  std::vector<Host*> alive;
  for (auto& host : hosts_) {
    if (host->process.alive()) alive.push_back(host.get());
  }
  if (alive.empty()) return nullptr;
  return alive[choices_.below(static_cast<std::uint32_t>(alive.size()), "host")];
}

std::string Home::some_labourer_id() {
  auto chosen = labourers_.begin();
  std::advance(chosen, choices_.below(static_cast<std::uint32_t>(labourers_.size()), "labourer"));
  return chosen->first;
}

void Home::schedule_a_job() {
  const auto& order = witness_.order_job(choices_, some_labourer_id());
  const auto schedule = [this, &order](Host& host) {
    const auto accepted = host.engine->schedule(order.event, order.key);
    if (accepted) witness_.accepted(order, *accepted, invariants_.latest());
    if (!accepted) world_.say("schedule {}: {}", order.key, accepted.error().message);
    // A labourer that is not configured now: the caller gives up.
    return bool(accepted) || accepted.error().code == Code::not_found;
  };
  ask("client", schedule);
  // Who gets no answer in time asks again, while the first one is still on its way.
  if (choices_.chance(20, "asks again")) ask("client again", schedule);
}

void Home::create_a_task() {
  const std::string id = some_labourer_id();
  constexpr std::int64_t kPlaces[] = {
      0, 2500, -5, kPositionCeiling - 1, kPositionCeiling, 1'795'000'000};
  std::optional<std::int64_t> position;
  if (choices_.chance(30, "place")) position = kPlaces[choices_.below(6, "which place")];
  ask("client", [this, id, task = witness_.order_task(position)](Host& host) {
    (void)host.task_manager->create_task(labourers_.at(id), task, host.process.now());
    return true;  // without a key nobody can ask twice
  });
}

// Whoever has died comes back after a while, perhaps configured otherwise.
void Home::come_back(Host& host) {
  if (world_.calm()) {  // by an accident that had begun before
    world_.in(1, [this, &host] {
      if (!host.process.alive()) start(host, labourers_);
    });
    return;
  }
  const double after_s = one_of(choices_, {1.0, 0.1, 20.0, 100.0}, "comes back after");
  const bool other = choices_.chance(30, "comes back otherwise");
  const engine::Labourers labourers = other ? some_configuration() : labourers_;
  world_.in(after_s, [this, &host, labourers, other] {
    if (host.process.alive()) return;
    start(host, labourers);
    host.as_at_first = !other;
  });
}

void Home::crash_again_and_again(Host& host, int times) {
  if (times == 0 || world_.calm()) return;
  if (host.process.alive()) world_.kill(host.process);
  world_.in(0.1, [this, &host] {
    if (!host.process.alive() && !world_.calm()) start(host, labourers_);
  });
  world_.in(0.2, [this, &host, times] { crash_again_and_again(host, times - 1); });
}

void Home::something_happens() {
  if (world_.calm()) return;
  constexpr double kGaps[] = {0, 0.3, 1, 4, 15, 60, 200};
  switch (choices_.weighted({2, 12, 2, 3, 12, 3, 3, 6, 2, 2, 2, 1, 2, 2, 1, 2}, "what happens")) {
    case 1:
      schedule_a_job();
      break;
    case 2: {  // the same again
      if (witness_.jobs() == 0) break;
      const auto& order =
          witness_.job(choices_.below(static_cast<std::uint32_t>(witness_.jobs()), "job"));
      ask("client", [this, &order](Host& host) {
        const auto accepted = host.engine->schedule(order.event, order.key);
        if (accepted) witness_.accepted(order, *accepted, invariants_.latest());
        return true;
      });
      break;
    }
    case 3: {
      if (witness_.jobs() == 0) break;
      const std::string id = job_id(
          witness_.job(choices_.below(static_cast<std::uint32_t>(witness_.jobs()), "job")).key);
      log_.cancels_asked.insert(id);
      const bool gives_up = choices_.below(2, "gives up") == 1;
      ask(
          "client",
          [id, gives_up](Host& host) {
            ++host.cancels;
            const auto cancelled = host.engine->cancel(id);
            --host.cancels;
            return gives_up || bool(cancelled) || cancelled.error().code == Code::not_found ||
                   cancelled.error().code == Code::conflict;
          },
          gives_up);
      break;
    }
    case 4:
      ask("client", [this](Host& host) {
        engine::TaskQuery query;
        query.state = State::dead;
        const auto dead = host.store->tasks(query);
        if (!dead) return true;
        std::vector<std::string> ids = {task_id(job_id("job 1"), 0)};  // whatever its state
        log_.tasks[ids[0]].replay_asked = true;
        for (const Task& task : *dead) {
          ids.push_back(task.id);
          log_.tasks[task.id].replay_asked = true;
        }
        (void)host.engine->replay(ids);
        return true;
      });
      break;
    case 5: {
      const std::string id = some_labourer_id();
      const bool paused = choices_.below(2, "paused") == 1;
      ask("client", [this, id, paused](Host& host) {
        // One that comes late must not undo that at the end all go on.
        if (!world_.calm()) (void)host.engine->pause(id, paused);
        return true;
      });
      break;
    }
    case 6:
      create_a_task();
      break;
    case 7: {
      Host& host = *hosts_[choices_.below(static_cast<std::uint32_t>(hosts_.size()), "host")];
      world_.kill(host.process);
      break;
    }
    case 8: {
      Host& host = *hosts_[choices_.below(static_cast<std::uint32_t>(hosts_.size()), "host")];
      if (!host.process.alive()) break;
      const double long_s = one_of(choices_, {1.0, 20.0, 100.0}, "how long");
      world_.say_as(host.process.name(), "stands still for {} s", long_s);
      host.process.freeze(long_s);
      host.watch->disturbed();
      break;
    }
    case 9: {
      if (most_offset_ == 0) break;
      Host& host = *hosts_[choices_.below(static_cast<std::uint32_t>(hosts_.size()), "host")];
      const auto offset = static_cast<double>(choices_.below(2 * most_offset_ + 1, "offset"));
      // 0 is no offset, then 1, -1, 2, -2 ...
      const double signed_s = (static_cast<int>(offset) % 2 == 1 ? 1 : -1) * std::ceil(offset / 2);
      set_clock(host, signed_s);
      break;
    }
    case 10: {
      constexpr double kLoads[] = {0, 15, 25, 35, 100};
      const auto which = choices_.below(6, "load");
      if (which < 5)
        metric_ = std::optional<double>(kLoads[which]);
      else
        metric_ = std::optional<double>();
      world_.say_as("world", "the load is {}", which < 5 ? fmt::to_string(kLoads[which]) : "gone");
      break;
    }
    case 11: {
      const double long_s = one_of(choices_, {1.0, 20.0, 100.0}, "how long");
      world_.say_as("world", "the store is down for {} s", long_s);
      faults_.take_store_down(long_s);
      break;
    }
    case 12: {  // the host breaks off what it runs, and lives on
      Host& host = *hosts_[choices_.below(static_cast<std::uint32_t>(hosts_.size()), "host")];
      if (!host.process.alive()) break;
      std::vector<engine::Release> broken_off;
      for (const auto& [task, claim] : workers_->kill(host.process)) {
        if (ClaimLog* known = log_.claim(task, claim)) known->given_back = true;
        broken_off.push_back({task, claim, engine::Release::Why::interrupted, "broken off"});
      }
      if (broken_off.empty()) break;
      world_.say_as(host.process.name(), "breaks off {} attempts", broken_off.size());
      host.engine->give_back(std::move(broken_off));
      break;
    }
    case 13: {
      Host& host = *hosts_[choices_.below(static_cast<std::uint32_t>(hosts_.size()), "host")];
      if (!host.process.alive()) break;
      host.engine->stop();
      world_.kill(host.process);
      break;
    }
    case 14: {  // a task that kills its engine, whenever it is started
      Host& host = *hosts_[choices_.below(static_cast<std::uint32_t>(hosts_.size()), "host")];
      crash_again_and_again(host, static_cast<int>(2 + choices_.below(12, "crashes in a row")));
      break;
    }
    case 15:
      break_down(some_labourer_id());
      break;
    default:
      break;
  }
  if (left_to_happen_-- > 0)
    world_.in(one_of(choices_, kGaps, "gap"), [this] { something_happens(); });
}

void Home::set_clock(Host& host, double ahead_s) {
  world_.say_as(host.process.name(), "its clock is {} s ahead now", ahead_s);
  host.process.set_offset(ahead_s);
  if (host.watch) host.watch->disturbed();
}

// What a labourer stands for is down: every invocation is refused.
void Home::break_down(const std::string& id) {
  using Outcome = engine::Invoked::Outcome;
  const double long_s = one_of(choices_, {20.0, 100.0, 400.0}, "how long");
  const bool gone = choices_.below(2, "gone") == 1;
  world_.say_as("world", "{} {} for {} s", id, gone ? "is gone" : "refuses", long_s);
  broken_down_[id] = {after(world_.now(), long_s),
                      gone ? Outcome::rejected_labourer : Outcome::rejected};
  // Meanwhile a clock is set right that was far ahead.
  if (most_offset_ < 1000 || choices_.below(2, "a clock is set back") == 0) return;
  Host& host = *hosts_[choices_.below(static_cast<std::uint32_t>(hosts_.size()), "host")];
  world_.in(long_s / 2, [this, &host] {
    if (!world_.calm()) set_clock(host, -static_cast<double>(most_offset_));
  });
}

void Home::begin() {
  for (auto& host : hosts_) start(*host, labourers_);
  schedule_a_job();
  world_.in(1, [this] { something_happens(); });
  world_.at(calm_at_, [this] { calm(); });
}

void Home::calm() {
  world_.say_as("world", "from now on nothing fails");
  metric_ = std::optional<double>(0);
  for (auto& host : hosts_) {
    set_clock(*host, 0);
    // Some go on as they are, with all that they remember.
    if (choices_.chance(50, "goes on as it is") && host->process.alive() && host->as_at_first)
      continue;
    world_.kill(host->process);
    start(*host, labourers_);
  }
  world_.become_calm();
  const auto go_on = [this] {
    for (const auto& [id, labourer] : labourers_) {
      ask("operator", [id = id](Host& host) { return bool(host.engine->pause(id, false)); });
    }
  };
  go_on();
  world_.in(310, go_on);  // until then a pause that was held up on its way may arrive
}

std::size_t Home::waiting_alarms() {
  const auto alarms = store_->judged().alarms(0, 1'000'000);
  return alarms ? alarms->size() : 0;
}

void Home::at_the_end() {
  if (rule_last_) {
    const auto when = [](Time at) {
      return static_cast<std::int64_t>(std::floor(epoch(at) / kRuleEvery));
    };
    for (auto n = when(kBeginning) + 1; n <= std::max(when(calm_at_), *rule_last_); ++n) {
      if (rule_left_out_.count(n) == 0)
        witness_.fired(n * static_cast<std::int64_t>(kRuleEvery), invariants_.latest());
    }
  }
  for (const TaskRow& row : invariants_.latest().tasks) {
    engine::TaskQuery query;
    query.task_id = row.id;
    const auto found = store_->judged().tasks(query);
    if (!found || found->size() != 1)
      return invariants_.breaks("one_place", fmt::format("task {} is not found", row.id));
    witness_.at_the_end(found->front());
  }
}

bool Home::settled() {
  if (!world_.calm()) return false;
  std::erase_if(requests_, [](const auto& request) { return request->done; });
  if (!requests_.empty()) return false;
  const Snapshot& now = invariants_.latest();
  for (const TaskRow& task : now.tasks) {
    if (!closed(task.state) && labourers_.count(task.labourer_id) > 0) return false;
  }
  for (const JobRow& job : now.jobs) {
    if (job.cursor < job.rows && !job.given_up) return false;
  }
  if (waiting_alarms() > 0) return false;
  if (rule_last_ && *rule_last_ < static_cast<std::int64_t>(epoch(calm_at_) / kRuleEvery))
    return false;
  for (auto& host : hosts_) {
    if (!host->engine) return false;  // it comes back
    if (host->engine->woken() || host->engine->alarms_wait()) return false;
  }
  return true;
}

}  // namespace sosw::simulation
