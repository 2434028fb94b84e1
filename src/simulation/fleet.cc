// SPDX-License-Identifier: MIT
// See fleet.h.
#include "simulation/fleet.h"

#include <algorithm>
#include <cmath>

#include "core/retry.h"
#include "engine/worker_assistant.h"

namespace sosw::simulation {
namespace {

constexpr int kCooldown = 8;
constexpr int kStartTries = 3;
constexpr std::int64_t kShortRow = 100;  // bytes

template <class T, std::size_t N>
T one_of(Choices& choices, const T (&list)[N], const char* what = __builtin_FUNCTION()) {
  return list[choices.below(N, what)];
}

}  // namespace

Fleet::Fleet(World& world, Faults& faults, Log& log, Invariants& invariants)
    : world_(world),
      choices_(world.choices()),
      faults_(faults),
      log_(log),
      invariants_(invariants),
      witness_(log, invariants),
      picture_(world, [this](std::string_view id) {
        const auto known = labourers_->find(id);
        const Labourer labourer = known == labourers_->end() ? Labourer() : known->second;
        return std::int64_t{labourer.duration_s} + labourer.cooldown_s;
      }) {
  original_ = static_cast<Original>(choices_.weighted({12, 1, 1, 1, 1}, "original"));
  invariants_.waive([this](std::string_view invariant, bool touched) {
    return waived(original_, invariant, by_original_, touched);
  });
  lag_s_ = one_of(choices_, {5, 5, 30}, "longest lag");
  ModelTables::Options options;
  options.index_lag_s = lag_s_;
  token_life_s_ = one_of(choices_, {600.0, 600.0, 20.0}, "life of a token");
  options.token_life_s = token_life_s_;
  tables_.emplace(
      sosw_tables(), [this] { return world_.now(); },
      [this](std::uint32_t bound, const char* what) { return decide(bound, what); }, options);
  tables_->watch([this](std::string_view table, const cloud::Item* before,
                        const cloud::Item* after) { picture_.changed(table, before, after); });

  auto labourers = std::make_shared<engine::Labourers>();
  const std::uint32_t n = 1 + choices_.below(3, "labourers");
  for (std::uint32_t i = 0; i < n; ++i) {
    Labourer labourer = some_labourer(std::string(1, static_cast<char>('a' + i)));
    invariants_.configured(labourer);
    labourers->emplace(labourer.id, labourer);
  }
  labourers_ = configured_ = std::move(labourers);

  workers_.emplace(world_, Workers::Ways{[this](Process*, json::object event, const std::string&,
                                                std::function<void(bool)> heard) {
                                           call_assistant(std::move(event), std::move(heard));
                                         },
                                         [](Process&, const std::vector<Report>&) {},
                                         [this](const engine::Invocation& invocation,
                                                std::function<void()> begin) {
                                           admit(invocation, std::move(begin));
                                         }});
  around_.emplace(Surroundings{world_, faults_, log_, *tables_, *workers_, metric_});
  auto& settings = around_->settings;
  settings.orchestrator.claim_batch = one_of(choices_, {1000, 1, 2}, "claim batch");
  settings.scavenger.batch = one_of<std::int64_t>(choices_, {1000, 1, 2}, "scavenge batch");
  settings.scavenger.retry_batch = one_of<std::int64_t>(choices_, {100'000, 1, 3}, "retry batch");
  settings.scavenger.retry_tasks_limit =
      one_of<std::int64_t>(choices_, {-1, 1}, "retry tasks limit");
  settings.scheduler.watermark =
      one_of<std::int64_t>(choices_, {1'000'000, 1000, 1, 3}, "watermark");
  settings.scheduler.make_now = one_of<std::int64_t>(choices_, {1000, 0, 1, 3}, "make now");
  settings.scheduler.make_batch = one_of<std::int64_t>(choices_, {1000, 1, 2}, "make batch");
  // An array in braces alone would be that array for clang, an array of it for g++.
  const json::array attributes(1, json::array{"word", json::object()});
  settings.scheduler.schemas = {{"job_schema", json::object{{"chunkable_attrs", attributes}}}};
  if (choices_.chance(10, "wide steps")) around_->task_step = 400'000'000;
  around_->most_pending = one_of<std::size_t>(choices_, {500, 500, 0, 2}, "most pending");
  around_->latency_s = one_of(choices_, {0.0, 0.0, 0.0, 0.05, 0.5, 3.0}, "latency");
  around_->index_lag_s = lag_s_;
  if (choices_.chance(15, "little room for a row")) around_->largest_payload = kShortRow;
  settings.alarms_at_once = one_of<std::int64_t>(choices_, {100, 1, 2}, "alarms at once");
  settings.closed_at_once = one_of<std::int64_t>(choices_, {100, 1, 2}, "cancel batch");
  around_->begins = [this](const Process& process) { invariants_.begins(process); };
  around_->names = [this](const Caller& caller, std::string_view call, const auto& names) {
    // It must know what a lost answer has hidden as long as the token tells.
    if (caller.lost == 0 || world_.now() < after(caller.began, token_life_s_))
      invariants_.told(*caller.process, caller.began, call, names);
  };
  around_->refuses = [this](const Labourer& labourer) -> std::optional<engine::Invoked::Outcome> {
    const auto known = broken_down_.find(labourer.id);
    if (world_.calm() || known == broken_down_.end() || known->second.first <= world_.now())
      return std::nullopt;
    return known->second.second;
  };
  // What the original makes, claims, moves or merges has not the form of ours.
  if (original_ == Original::none || original_ == Original::assistant)
    around_->handed_over = [this](const engine::Invocation& one) { witness_.arrived(one); };
  around_->orchestrated = [this](const Process& process) { orchestrated(process); };
  around_->changed = [this](const Caller& caller) { changed(caller); };
  around_->answered = [this](const Report& report, const engine::Reported& reported) {
    answered(report, reported);
  };

  calm_at_ = after(kBeginning, one_of(choices_, {100.0, 30.0, 300.0, 1000.0}, "calm at"));
  left_to_happen_ = static_cast<int>(choices_.below(12, "how much happens"));
  around_->invoke_trouble =
      one_of<std::uint32_t>(choices_, {0, 3, 10, 30}, "trouble of invocations");
  trouble_ = one_of<std::uint32_t>(choices_, {0, 5, 30, 150}, "trouble of DynamoDB");
  lag_ = one_of<std::uint32_t>(choices_, {0, 10, 60}, "lag");
  most_offset_ = one_of<std::uint32_t>(choices_, {0, kCooldown / 2, 1000}, "most offset");
  every_s_ = one_of(choices_, {15.0, 60.0}, "every");
  fence_ = !choices_.chance(25, "no fence");
  assistants_reach_all_ = choices_.chance(20, "assistants reach all tables");
  // How long ours wait for a Scavenger of the original is measured by their clocks.
  if (original_ == Original::scavenger) most_offset_ = std::min(most_offset_, kCooldown / 2U);
  using enum Container::Kind;
  for (int i = 1; i <= 2; ++i) {
    const bool of_original = original_ == Original::orchestrator && i == 1;
    orchestrators_.push_back(std::make_unique<Container>(
        *around_, of_original ? "the original's orchestrator" : fmt::format("orchestrator {}", i),
        of_original ? original : essential));
    scavengers_.push_back(
        std::make_unique<Container>(*around_, fmt::format("scavenger {}", i), essential));
  }
  if (original_ == Original::scavenger)
    scavengers_.push_back(
        std::make_unique<Container>(*around_, "the original's scavenger", original));
  for (const auto& [id, labourer] : *labourers_)
    if (choices_.chance(20, "workers of the original"))
      of_python_.emplace(id, choices_.chance(40, "some of them") ? 50 : 100);
}

Fleet::~Fleet() {
  for (auto* pool :
       {&orchestrators_, &scavengers_, &schedulers_, &assistants_, &clients_, &originals_})
    pool->clear();
}

Labourer Fleet::some_labourer(std::string id) {
  Labourer labourer;
  labourer.id = std::move(id);
  labourer.arn = "arn:aws:lambda:us-west-2:000000000000:function:" + labourer.id;
  labourer.max_simultaneous_invocations = static_cast<int>(1 + choices_.below(4, "limit"));
  labourer.max_attempts = one_of(choices_, {3, 1, 2}, "attempts");
  labourer.timeout_s = one_of(choices_, {10, 4, 30}, "timeout");
  labourer.duration_s = labourer.timeout_s;
  labourer.cooldown_s = kCooldown;
  labourer.expiry = Expiry::deadline;
  labourer.on_restart = OnRestart::wait;
  labourer.retry.kind = static_cast<RetryPolicy::Kind>(choices_.below(3, "retry kind"));
  labourer.retry.base_s = one_of(choices_, {1.0, 0.0, 7.0, 30.0, 120.0}, "retry base");
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

// As it was at first, or with some labourers gone or configured otherwise.
std::shared_ptr<const engine::Labourers> Fleet::some_configuration() {
  auto labourers = std::make_shared<engine::Labourers>(*labourers_);
  for (const auto& [id, known] : *labourers_) {
    Labourer& labourer = labourers->at(id);
    switch (choices_.weighted({5, 1, 1, 1, 1}, "other configuration")) {
      case 1:
        world_.say_as("operator", "labourer {} is configured no more", id);
        labourers->erase(id);
        break;
      case 2:
        labourer.max_simultaneous_invocations = static_cast<int>(choices_.below(4, "other limit"));
        world_.say_as("operator", "labourer {} gets a limit of {}", id,
                      labourer.max_simultaneous_invocations);
        break;
      case 3:
        labourer.max_attempts = static_cast<int>(1 + choices_.below(4, "other attempts"));
        world_.say_as("operator", "labourer {} gets {} attempts", id, labourer.max_attempts);
        invariants_.configured(labourer);
        break;
      case 4:
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

// --- The tables

// Lost, late and repeated requests are on the caller's side; here is what DynamoDB itself does.
std::uint32_t Fleet::decide(std::uint32_t bound, const char* name) {
  const std::string_view what = name;
  if (world_.calm() && !what.starts_with("index") && !what.starts_with("age")) return 0;
  if (what == "index is behind") return lag_ > 0 && choices_.chance(lag_, name) ? 1 : 0;
  if (what == "fault of a write" || what == "fault of a transaction" ||
      what == "fault of an append")
    return trouble_ == 0 ? 0 : choices_.weighted({1000 - 2 * trouble_, trouble_, trouble_}, name);
  if (what == "fault of a query" || what == "fault of a get")
    return trouble_ == 0 ? 0 : choices_.weighted({1000 - trouble_, trouble_}, name);
  return choices_.below(bound, name);
}

void Fleet::changed(const Caller& caller) {
  if (!picture_.dirty()) return;
  by_original_ = caller.original;
  const auto breaks = [this](std::string_view invariant, std::string what) {
    invariants_.breaks(invariant, std::move(what));
  };
  picture_.judge_request(caller.process->name() + ' ', caller.told, std::int64_t{lag_s_}, breaks);
  picture_.look(scratch_, breaks);
  if (original_ == Original::scavenger && caller.original) {
    if (!picture_.gone().empty() && picture_.gone() == retried_alone_) invariants_.excuse();
    retried_alone_ = picture_.retried_alone();
  }
  static const std::function<bool(std::string_view, std::string_view)> kNobodyKnows =
      [](std::string_view, std::string_view) { return false; };
  const auto& settings = around_->settings.scheduler;
  using Who = Invariants::Look::Original;
  const Who by = !caller.original                   ? Who::no
                 : original_ == Original::scavenger ? Who::moves
                                                    : Who::yes;
  invariants_.look({*caller.process, *caller.labourers, caller.told, settings.watermark,
                    settings.make_now, kNobodyKnows, after(caller.began, -lag_s_), by, caller.began,
                    around_->most_pending < cloud::TableStore::Options().most_pending},
                   scratch_);
}

void Fleet::answered(const Report& report, const engine::Reported& reported) {
  if (reported.answer == Answer::late && !reported.state) {
    if (report.kind == Report::Kind::completed) log_.tasks[report.task_id].acknowledged = true;
    return;
  }
  invariants_.answered(report, reported);
}

// The Orchestrator has come to its end without any trouble: what was refused for certain waits
// again.
void Fleet::orchestrated(const Process& process) {
  for (const TaskRow& row : invariants_.latest().tasks) {
    // One that somebody has started all the same keeps its claim.
    if (row.state != State::running || !row.started.empty() || row.doubled) continue;
    const ClaimLog* claim = log_.claim(row.id, row.claim);
    const bool its_own =
        claim != nullptr && claim->owner == &process && claim->life == process.life();
    if (its_own && (claim->rejected || claim->impossible) && !log_.tasks[row.id].touched)
      invariants_.breaks("owed_is_given_back",
                         fmt::format("task {} does not run, and its claim is kept", row.id));
  }
}

// Who reports has a good answer: from now on the store must know.
void Fleet::heard(const Report& report) {
  if (report.kind == Report::Kind::completed) {
    log_.tasks[report.task_id].acknowledged = true;
    return;
  }
  for (const TaskRow& row : invariants_.latest().tasks) {
    if (row.id != report.task_id || row.state != State::running || report.claim.empty() ||
        row.claim != report.claim || row.doubled)
      continue;
    const ClaimLog* claim = log_.claim(row.id, row.claim);
    if (claim == nullptr || !claim->by_original)
      invariants_.breaks("reports_are_kept",
                         fmt::format("task {}: who told that {} has failed has a good answer, and "
                                     "it runs still",
                                     row.id, report.claim));
  }
}

void Fleet::note(const Report& report) {
  const bool completed = report.kind == Report::Kind::completed;
  if (report.claim.empty()) {
    TaskLog& task = log_.tasks[report.task_id];
    (completed ? task.completed_without_claim : task.failed_without_claim) = true;
    if (!completed) ++task.failures_told_without_claim;
  } else if (ClaimLog* claim = log_.claim(report.task_id, report.claim)) {
    (completed ? claim->completed : claim->failed) = true;
  }
}

// --- Processes

Container* Fleet::idle(std::vector<ContainerPtr>& pool, std::string_view name, std::size_t most,
                       Container::Kind kind) {
  for (auto& one : pool) {
    if (one->busy()) continue;
    // A warm environment may be used again, or another one is started in its place.
    if (one->process().alive() && !world_.calm() && choices_.weighted({4, 1}, "cold start") == 1)
      one->kill();
    return one.get();
  }
  if (pool.size() >= most) return nullptr;
  pool.push_back(
      std::make_unique<Container>(*around_, fmt::format("{} {}", name, pool.size() + 1), kind));
  return pool.back().get();
}

void Fleet::tick(Container& container, bool (Container::*pass)(), std::string_view what) {
  world_.in(world_.calm() ? 15 : every_s_,
            [this, &container, pass, what] { tick(container, pass, what); });
  if (container.busy()) return;
  if (container.process().alive() && !world_.calm() && choices_.weighted({4, 1}, "cold start") == 1)
    container.kill();
  container.invoke(configured_, [pass](Container& one) { return (one.*pass)(); }, {});
}

void Fleet::call_assistant(json::object event, std::function<void(bool)> heard) {
  const bool of_original =
      original_ == Original::assistant && choices_.below(2, "assistant of the original") == 1;
  Container* one = of_original
                       ? idle(originals_, "the original's assistant", 20, Container::Kind::original)
                       : our_assistant();
  if (one == nullptr) return heard(false);
  bool tells_claim = !of_original;
  const auto& id = event.at("task_id").as_string();
  for (const TaskRow& task : invariants_.latest().tasks) {
    if (task.id == std::string_view(id) && by_python(task.labourer_id)) tells_claim = false;
  }
  if (!tells_claim) event.erase("claim");
  const auto report = engine::WorkerAssistant::read_event(event);
  if (report) note(*report);
  one->invoke(
      configured_, [event = std::move(event)](Container& me) { return me.report(event); },
      [this, report, of_original, heard = std::move(heard)](bool good) {
        if (good && report && !of_original) this->heard(*report);
        heard(good);
      });
}

bool Fleet::by_python(std::string_view labourer) {
  const auto share = of_python_.find(labourer);
  return share != of_python_.end() && choices_.chance(share->second, "a worker of the original");
}

Container* Fleet::our_assistant() {
  return idle(
      assistants_, "assistant", 20,
      assistants_reach_all_ ? Container::Kind::essential : Container::Kind::worker_assistant);
}

// Each delivery of an event is a run of the handler of its own.
void Fleet::admit(const engine::Invocation& invocation, std::function<void()> begin) {
  if (!fence_ || invocation.claim.empty() || by_python(invocation.labourer->id)) return begin();
  ask_to_start(invocation.task_id, invocation.claim, fmt::format("{}", ++runs_), 1,
               std::move(begin));
}

void Fleet::ask_to_start(std::string task_id, std::string claim, std::string run, int tries,
                         std::function<void()> begin) {
  const auto again = [this, task_id, claim, run, tries, begin] {
    if (tries < kStartTries)
      world_.in(tries, [=, this] { ask_to_start(task_id, claim, run, tries + 1, begin); });
  };
  Container* one = our_assistant();
  if (one == nullptr) return again();
  log_.starts["r" + run] = claim;
  auto may = std::make_shared<bool>(false);
  one->invoke(
      configured_,
      [=](Container& me) {
        const auto started = me.table_store().start(task_id, claim, run);
        *may = started && *started;
        return bool(started);
      },
      [=, this](bool heard) {
        if (!heard) return again();
        if (*may) return begin();
        world_.say_as("worker", "run {} may not start with {}", run, claim);
      });
}

// --- What people do

void Fleet::ask(std::string who, std::function<bool(Container&)> what) {
  requests_.push_back(std::make_shared<Request>(Request{std::move(who), std::move(what)}));
  try_again(requests_.back());
}

void Fleet::try_again(const std::shared_ptr<Request>& request) {
  Container* one = idle(clients_, request->who, 3, Container::Kind::essential);
  const auto again = [this, request] { world_.in(1, [this, request] { try_again(request); }); };
  if (one == nullptr) return again();
  one->invoke(configured_, request->what, [request, again](bool done) {
    request->done = done;
    if (!done) again();
  });
}

std::string Fleet::some_labourer_id() {
  auto chosen = labourers_->begin();
  std::advance(chosen, choices_.below(static_cast<std::uint32_t>(labourers_->size()), "labourer"));
  return chosen->first;
}

void Fleet::schedule(const Witness::JobOrder& order) {
  ask("scheduler", [this, &order](Container& one) {
    const auto accepted = one.schedule(order.event, order.key);
    if (!accepted) world_.say("schedule {}: {}", order.key, accepted.error().message);
    // A labourer that is not configured now: the caller gives up.
    if (!accepted) return accepted.error().code == Code::not_found;
    witness_.accepted(order, *accepted, invariants_.latest());
    (void)one.continue_jobs(10);
    return true;
  });
}

void Fleet::schedule_a_job() {
  Witness::Wish wish;
  if (choices_.chance(15, "a large job")) wish.most_words = 30;
  // Some rows are too large where there is little room.
  if (around_->largest_payload == kShortRow) wish.long_word = kShortRow;
  const auto& order = witness_.order_job(choices_, some_labourer_id(), wish);
  schedule(order);
  // The event may be delivered twice, at the same time too.
  if (choices_.chance(20, "delivered twice")) schedule(order);
}

// One of somebody's own, or one that a row of a job has, or will have.
std::string Fleet::some_task_id() {
  constexpr const char* kIds[] = {"my task", "my other task"};
  const auto which = choices_.below(3, "which id");
  std::vector<const JobRow*> jobs;
  for (const JobRow& job : invariants_.latest().jobs)
    if (!job.key.empty() && job.rows > 0) jobs.push_back(&job);
  if (which < 2 || jobs.empty()) return kIds[which % 2];
  const JobRow& job =
      *jobs[choices_.below(static_cast<std::uint32_t>(jobs.size()), "of which job")];
  return task_id(job.id, choices_.below(static_cast<std::uint32_t>(job.rows), "of which row"));
}

// What a labourer stands for is down: every invocation is refused.
void Fleet::break_down(const std::string& id) {
  using Outcome = engine::Invoked::Outcome;
  const double long_s = one_of(choices_, {60.0, 200.0, 600.0}, "how long");
  const bool gone = choices_.below(2, "gone") == 1;
  world_.say_as("world", "{} {} for {} s", id, gone ? "is gone" : "refuses", long_s);
  broken_down_[id] = {after(world_.now(), long_s),
                      gone ? Outcome::rejected_labourer : Outcome::rejected};
}

void Fleet::create_a_task() {
  const std::string id = some_labourer_id();
  constexpr std::int64_t kPlaces[] = {
      0, 2500, -5, kPositionCeiling - 1, kPositionCeiling, 1'795'000'000};
  std::optional<std::int64_t> position;
  if (choices_.chance(30, "place")) position = kPlaces[choices_.below(6, "which place")];
  engine::TaskManager::NewTask task = witness_.order_task(position);
  if (choices_.chance(30, "own id")) task.task_id = some_task_id();
  const auto create = [this, id, task](Container& one) {
    (void)one.task_manager().create_task(labourers_->at(id), task, one.process().now());
    return true;  // without a key nobody can ask again
  };
  ask("client", create);
  if (choices_.chance(30, "two of them")) ask("client", create);
}

const Witness::JobOrder& Fleet::some_order() {
  return witness_.job(choices_.below(static_cast<std::uint32_t>(witness_.jobs()), "job"));
}

void Fleet::cancel_a_job() {
  if (witness_.jobs() == 0) return;
  std::string id = job_id(some_order().key);
  std::vector<const JobRow*> in_line;
  for (const JobRow& job : invariants_.latest().jobs)
    if (!job.key.empty() && job.cursor < job.rows && !job.given_up) in_line.push_back(&job);
  if (!in_line.empty() && choices_.below(2, "one in line") == 1)
    id = in_line[choices_.below(static_cast<std::uint32_t>(in_line.size()), "which in line")]->id;
  log_.cancels_asked.insert(id);
  ask("client", [id, closed_at_once = around_->settings.closed_at_once](Container& one) {
    const auto left = one.store().cancel(id, closed_at_once, one.process().now());
    if (!left) return left.error().code == Code::not_found || left.error().code == Code::conflict;
    return *left == 0;
  });
}

Container& Fleet::some_container() {
  auto& pool = choices_.below(2, "scavenger") == 0 ? orchestrators_ : scavengers_;
  return *pool[choices_.below(static_cast<std::uint32_t>(pool.size()), "which of them")];
}

void Fleet::something_happens() {
  if (world_.calm()) return;
  constexpr double kGaps[] = {0, 1, 5, 20, 60, 200};
  const std::uint32_t python = original_ == Original::scheduler ? 8 : 0;
  switch (choices_.weighted({1, 8, 2, 3, 2, 3, 2, 3, 3, 3, 2, 1, python, 2}, "what happens")) {
    case 1:
      schedule_a_job();
      if (choices_.chance(15, "many jobs"))
        for (int i = 0; i < 4; ++i) schedule_a_job();
      break;
    case 2: {  // the same event again
      if (witness_.jobs() > 0) schedule(some_order());
      break;
    }
    case 3: {
      cancel_a_job();
      if (choices_.chance(40, "two of them")) cancel_a_job();
      break;
    }
    case 4: {
      const auto replay = [this](Container& one) {
        engine::TaskQuery query;
        query.state = State::dead;
        const auto dead = one.store().tasks(query);
        if (!dead || dead->empty()) return true;
        std::vector<std::string> ids;
        for (const Task& task : *dead) {
          ids.push_back(task.id);
          log_.tasks[task.id].replay_asked = true;
        }
        (void)one.store().replay(ids, one.process().now());
        return true;
      };
      ask("client", replay);
      if (choices_.chance(50, "two of them")) ask("client", replay);
      break;
    }
    case 5: {
      const std::string id = some_labourer_id();
      const bool paused = choices_.below(2, "paused") == 1;
      ask("client", [this, id, paused](Container& one) {
        // One that comes late must not undo that at the end all go on.
        if (!world_.calm()) (void)one.store().gate(id, paused, std::nullopt);
        return true;
      });
      break;
    }
    case 6:
      create_a_task();
      break;
    case 7:
      some_container().kill();
      break;
    case 8: {
      Container& one = some_container();
      if (!one.process().alive()) break;
      const double long_s = one_of(choices_, {20.0, 60.0, 200.0}, "how long");
      world_.say_as(one.process().name(), "stands still for {} s", long_s);
      one.process().freeze(long_s);
      break;
    }
    case 9: {
      if (most_offset_ == 0) break;
      Container& one = some_container();
      const auto offset = static_cast<double>(choices_.below(2 * most_offset_ + 1, "offset"));
      // 0 is no offset, then 1, -1, 2, -2 ...
      const double signed_s = (static_cast<int>(offset) % 2 == 1 ? 1 : -1) * std::ceil(offset / 2);
      world_.say_as(one.process().name(), "its clock is {} s ahead now", signed_s);
      one.process().set_offset(signed_s);
      break;
    }
    case 10:
      configured_ = some_configuration();
      break;
    case 11: {
      const double long_s = one_of(choices_, {1.0, 20.0, 100.0}, "how long");
      world_.say_as("world", "DynamoDB is down for {} s", long_s);
      faults_.take_store_down(long_s);
      break;
    }
    case 12: {
      Container* one = idle(originals_, "the original's scheduler", 2, Container::Kind::original);
      if (one == nullptr) break;
      const std::string id = fmt::format("{:032x}", ++created_);
      one->invoke(configured_,
                  [id, labourer = some_labourer_id()](Container& me) {
                    return me.create_task(labourer, id);
                  },
                  {});
      break;
    }
    case 13:
      break_down(some_labourer_id());
      break;
    default:
      break;
  }
  if (left_to_happen_-- > 0)
    world_.in(one_of(choices_, kGaps, "gap"), [this] { something_happens(); });
}

void Fleet::begin() {
  constexpr double kPhases[] = {0, 0.5, 7, 30};
  for (auto& one : orchestrators_)
    world_.in(1 + one_of(choices_, kPhases, "phase"),
              [this, &one] { tick(*one, &Container::orchestrate, "orchestrate"); });
  for (auto& one : scavengers_)
    world_.in(3 + one_of(choices_, kPhases, "phase"),
              [this, &one] { tick(*one, &Container::scavenge, "scavenge"); });
  schedule_a_job();
  world_.in(1, [this] { something_happens(); });
  world_.at(calm_at_, [this] { calm(); });
}

void Fleet::calm() {
  world_.say_as("world", "from now on nothing fails");
  world_.become_calm();
  calm_since_ = world_.now();
  metric_ = std::optional<double>(0);
  configured_ = labourers_;
  for (auto* pool :
       {&orchestrators_, &scavengers_, &schedulers_, &assistants_, &clients_, &originals_}) {
    for (auto& one : *pool) {
      one->kill();
      one->process().set_offset(0);
    }
  }
  const auto go_on = [this] {
    for (const auto& [id, labourer] : *labourers_) {
      ask("operator",
          [id = id](Container& one) { return bool(one.store().gate(id, false, std::nullopt)); });
    }
  };
  go_on();
  world_.in(300, go_on);  // until then a pause that was stuck on its way may arrive
}

// A retry whose time comes from a clock that was ahead has been cut by now, all clocks being right.
void Fleet::too_far(const TaskRow& task) {
  constexpr double kFairChance = 120;  // s
  const auto labourer = labourers_->find(task.labourer_id);
  const bool had_its_chance =
      world_.now() > after(std::max(task.since, calm_since_), kFairChance) && !task.doubled;
  if (labourer == labourers_->end() || !had_its_chance) return;
  const double away_s = static_cast<double>(task.due) - epoch(world_.now());
  if (away_s > std::ceil(longest_retry_delay_s(labourer->second)))
    invariants_.breaks(
        "retry_place",
        fmt::format("task {} is due in {:.0f} s, its labourer has no such delay", task.id, away_s));
}

bool Fleet::settled() {
  if (!world_.calm()) return false;
  by_original_ = false;
  if (invariants_.excused()) return true;
  std::erase_if(requests_, [](const auto& request) { return request->done; });
  if (!requests_.empty()) return false;
  const Snapshot& now = invariants_.latest();
  bool live = false;
  for (const TaskRow& task : now.tasks) {
    live = live || !closed(task.state);
    if (task.state == State::retry) too_far(task);
  }
  if (live) return false;
  for (const JobRow& job : now.jobs) {
    if (job.cursor < job.rows && !job.given_up) return false;
  }
  return picture_.waiting_alarms() == 0 && picture_.letters() == 0 && picture_.doubled() == 0 &&
         picture_.cancelled_to_the_end();
}

}  // namespace sosw::simulation
