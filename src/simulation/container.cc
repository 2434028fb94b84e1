// SPDX-License-Identifier: MIT
// See container.h.
#include "simulation/container.h"

#include <algorithm>
#include <cmath>

#include "engine/worker_assistant.h"

namespace sosw::simulation {
namespace {

constexpr double kLongestRun = 50;  // s; then a handler comes to its end
constexpr double kTimeout = 60;     // s; as the functions of the original are shipped

}  // namespace

Container::Container(Surroundings& around, std::string name, Kind kind)
    : around_(around),
      world_(around.world),
      process_(around.world, std::move(name)),
      kind_(kind),
      none_(around.world, Faults::None()) {
  caller_.process = &process_;
  caller_.original = kind == Kind::original;
  process_.on_death = [this] { died(); };
}

Container::~Container() {
  process_.on_death = {};
  world_.kill(process_);
}

void Container::begin(const Labourers& configured) {
  process_.begin();
  caller_.labourers = configured;
  ++begun_;
  Process& process = process_;
  tables_ = std::make_unique<FaultyTables>(around_.tables, world_, around_.faults, caller_,
                                           around_.changed, around_.latency_s);
  invoker_ = std::make_unique<FaultyInvoker>(
      world_, process, around_.faults, around_.log, around_.workers, around_.invoke_trouble,
      FaultyInvoker::Seen{
          kind_ == Kind::original ? nullptr : around_.handed_over, {}, around_.refuses});
  if (kind_ == Kind::original) {
    PythonEssentials::Settings settings;
    settings.audit = false;
    original_ = std::make_unique<PythonEssentials>(
        *tables_, [this] { return process_.now(); }, settings);
    return;
  }
  cloud::TableStore::Options options;
  options.holder = fmt::format("{} {}", process.name(), begun_);
  options.nonce = options.holder;
  options.leaves_letters = kind_ == Kind::worker_assistant;
  options.task_step = around_.task_step;
  options.most_pending = around_.most_pending;
  options.index_lag_s = around_.index_lag_s;
  options.largest_payload = around_.largest_payload;
  for (const auto& [id, labourer] : *configured) options.labourers.push_back(id);
  options.pause = [this](int round) {
    world_.sleep(world_.calm()
                     ? 0.1 * round
                     : 0.01 * (1 << std::min(round, 8)) * (1 + world_.choices().below(4, "pause")));
  };
  table_store_ = std::make_unique<cloud::TableStore>(*tables_, options);
  store_ = std::make_unique<FaultyStore>(
      *table_store_, world_, process, none_,
      FaultyStore::Seen{[](Time) {},
                        around_.answered,
                        [this](Time now) {
                          caller_.told = now;
                          caller_.began = world_.now();
                          caller_.lost = 0;
                          around_.begins(process_);
                        },
                        {},
                        {},
                        {},
                        [this](std::string_view call, const auto& names) {
                          // Fewer than the store gives up after.
                          if (caller_.lost < 3) around_.names(caller_, call, names);
                        }});
  metrics_ = std::make_unique<FaultyMetrics>(process, around_.faults, around_.metric,
                                             [](Time, const FaultyMetrics::Value&) {});
  notifier_ = std::make_unique<FaultyNotifier>(world_, process, around_.faults, around_.log);
  audit_ = std::make_unique<cloud::AuditLog>(*tables_,
                                             cloud::AuditLog::Options{.author = process.name()});
  essentials_ = std::make_unique<cloud::Essentials>(
      cloud::Essentials::Ports{*store_, *table_store_, *invoker_, *metrics_, *notifier_, process,
                               audit_.get()},
      around_.settings);
}

void Container::invoke(const Labourers& configured, std::function<bool(Container&)> body,
                       std::function<void(bool)> over) {
  if (!process_.alive()) begin(configured);
  caller_.labourers = configured;
  caller_.told = process_.now();
  caller_.began = world_.now();
  busy_ = true;
  over_ = std::move(over);
  if (kind_ == Kind::original) {
    world_.in(kTimeout, [this, run = ++runs_] {
      if (busy_ && run == runs_) kill();
    });
  }
  world_.start(process_, "run", [this, body = std::move(body)] {
    const bool good = body(*this);
    world_.in(0, [this, good, begun = begun_] {
      if (busy_ && begun == begun_) end(good);
    });
  });
}

void Container::end(bool good) {
  busy_ = false;
  if (over_) std::exchange(over_, {})(good);
}

void Container::kill() { world_.kill(process_); }

void Container::died() {
  world_.say_as(process_.name(), "dies");
  original_.reset();
  essentials_.reset();
  audit_.reset();
  store_.reset();
  table_store_.reset();
  if (!busy_) return;
  busy_ = false;
  if (over_) world_.in(0, [over = std::exchange(over_, {})] { over(false); });
}

bool Container::continue_jobs(double at_most_s) {
  return !essentials_->continue_jobs(labourers(), after(process_.now(), at_most_s)).failed;
}

Result<engine::Accepted> Container::schedule(const json::value& event, std::string key) {
  return essentials_->schedule(labourers(), event, std::move(key));
}

bool Container::orchestrate() {
  if (original_) return orchestrate_original();
  const std::uint64_t troubles = caller_.troubles;
  const auto run = essentials_->orchestrate(labourers(), after(process_.now(), kLongestRun));
  if (!run.failed && caller_.troubles == troubles) around_.orchestrated(process_);
  return !run.failed;
}

bool Container::scavenge() {
  if (original_) return scavenge_original();
  return !essentials_->scavenge(labourers(), after(process_.now(), kLongestRun)).failed;
}

bool Container::report(const json::object& event) {
  if (!original_) return bool(essentials_->assist(labourers(), event));
  const auto report = engine::WorkerAssistant::read_event(event);
  if (!report) return false;
  return bool(report->kind == Report::Kind::completed
                  ? original_->mark_task_as_completed(report->task_id)
                  : original_->mark_task_as_failed(report->task_id));
}

bool Container::create_task(std::string_view labourer_id, std::string_view task_id) {
  return bool(original_->create_task(labourer_id, task_id, R"({"n": 1})"));
}

bool Container::orchestrate_original() {
  std::vector<Labourer> all;
  for (const auto& [id, labourer] : labourers()) all.push_back(labourer);
  return bool(original_->orchestrate(
      all, [this](const Labourer& labourer, const json::object& payload) -> Result<void> {
        const engine::Invocation invocation{
            std::string(payload.at("task_id").as_string()), {}, {}, &labourer};
        const auto invoked = invoker_->invoke({&invocation, 1});
        if (invoked.front().outcome == engine::Invoked::Outcome::accepted) return {};
        return Error{Code::unavailable, invoked.front().reason, {}};
      }));
}

bool Container::scavenge_original() {
  std::vector<Labourer> all;
  for (const auto& [id, labourer] : labourers()) all.push_back(labourer);
  return bool(
      original_->scavenge(all, [this](const std::string& id) { world_.say("gives up {}", id); }));
}

}  // namespace sosw::simulation
