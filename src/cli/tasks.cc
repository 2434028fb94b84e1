// SPDX-License-Identifier: MIT
// TaskManager and EcologyManager of workers, on the store and services of AWS: see
// include/sosw/tasks.h.
#include "sosw/tasks.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>
#include <utility>

#include "cli/aws_process.h"
#include "cloud/cloudwatch_metrics.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/fleet_config.h"
#include "cloud/table_store.h"
#include "core/config.h"
#include "core/config_reader.h"
#include "core/ecology.h"
#include "core/labourer.h"
#include "core/task.h"
#include "engine/task_manager.h"
#include "sdk/environment.h"
#include "sosw/errors.h"
#include "sosw/logging.h"

namespace sosw {
namespace {

constexpr std::int64_t kAll = 1'000'000'000;  // of a list
constexpr int kHealthWithoutData = 2;

template <class T>
T must(Result<T> result) {
  if (result) return *std::move(result);
  if (result.error().code == Code::invalid) throw ValueError(result.error().text());
  throw RuntimeError(result.error().text());
}

Time now() { return std::chrono::floor<Time::duration>(std::chrono::system_clock::now()); }

// What is configured of the tasks. A worker with a labourer that makes no sense has no TaskManager.
cloud::TaskConfig read(const json::object& config) {
  auto given = cloud::read_task_config(config);
  if (!given) throw ValueError(given.error().text());
  if (!given->bad_labourers.empty()) {
    std::string all;
    for (const Error& bad : given->bad_labourers) all += (all.empty() ? "" : "\n") + bad.text();
    throw ValueError(all);
  }
  for (const auto& warning : given->warnings) log(LogLevel::warning, warning);
  auto& tables = given->tables;
  if (sdk::in_test()) {
    for (const auto* name : {&tables.tasks, &tables.closed, &tables.retry})
      if (!name->starts_with("autotest_"))
        throw AssertionError(
            fmt::format("a test may only use tables that begin with `autotest_`, not `{}`", *name));
  }
  tables.holder = cli::random_name();
  tables.nonce = cli::random_name();
  tables.pause = cli::pause_between_tries;
  return *std::move(given);
}

json::object part_of(const json::object& config, std::string_view name) {
  const auto* const part = config.if_contains(name);
  return part && part->is_object() ? part->get_object() : json::object();
}

// What Python takes for nothing.
bool is_empty(const json::value& value) {
  return value.is_null() || value == "" || value == 0 || value == false;
}

std::string text_of(std::string_view key, const json::value& value) {
  if (!value.is_string())
    throw ValueError(
        fmt::format("create_task: {} must be a text, found {}", key, described(value)));
  return std::string(value.get_string());
}

std::int64_t position_of(const json::value& value) {
  if (value.is_int64()) return value.get_int64();
  throw ValueError(
      fmt::format("create_task: greenfield must be a whole number, found {}", described(value)));
}

}  // namespace

// ------------------------------------------------------------------------------------------------

struct TaskManager::State {
  State(json::object given, AwsClientOptions options)
      : config(std::move(given)),
        settings(read(config)),
        tables({.client = {.region = options.region,
                           .endpoint = options.endpoint,
                           .timeout = options.timeout},
                .pause = cli::pause_between_tries}),
        store(tables, settings.tables),
        durations(store, settings.durations),
        ecology(part_of(config, "ecology_config"), std::move(options)) {
    for (const auto& one : settings.labourers)
      labourers.push_back({.id = one.id,
                           .arn = one.arn,
                           .config = one.settings,
                           .max_simultaneous_invocations = one.max_simultaneous_invocations,
                           .max_attempts = one.max_attempts});
  }

  // As configured; of one that is not, the defaults.
  [[nodiscard]] sosw::Labourer settings_of(const Labourer& labourer) const {
    const auto found = std::find_if(settings.labourers.begin(), settings.labourers.end(),
                                    [&](const auto& one) { return one.id == labourer.id; });
    sosw::Labourer out = found == settings.labourers.end() ? sosw::Labourer() : *found;
    out.id = labourer.id;
    if (labourer.max_duration > 0)
      out.timeout_s = static_cast<int>(
          std::min<std::int64_t>(labourer.max_duration, std::numeric_limits<int>::max()));
    return out;
  }
  std::vector<Task> tasks(const Labourer& labourer, sosw::State state, std::int64_t at_most = kAll,
                          bool newest_first = false) {
    engine::TaskQuery query;
    query.labourer_id = labourer.id;
    query.state = state;
    query.limit = at_most;
    query.newest_first = newest_first;
    return must(store.tasks(query));
  }
  // Those that are not known to have ended, before their deadline or behind it.
  std::vector<Task> invoked(const Labourer& labourer, bool expired) {
    const auto configured = settings_of(labourer);
    const auto start = epoch_seconds(now());
    auto all = tasks(labourer, sosw::State::running);
    std::erase_if(all, [&](const Task& task) {
      const auto phase = classify(task.greenfield, false, start,
                                  std::int64_t{configured.duration_s} + configured.cooldown_s,
                                  settings.tables.invocation_delta);
      return (phase != Phase::running) != expired;
    });
    return all;
  }
  std::int64_t place(const Labourer& labourer, bool newest) {
    const auto first = tasks(labourer, sosw::State::queued, 1, newest);
    return first.empty() ? settings.tables.task_step : first.front().greenfield;
  }

  json::object config;
  cloud::TaskConfig settings;
  std::vector<Labourer> labourers;
  cloud::DynamoDbTables tables;
  cloud::TableStore store;
  engine::TaskManager durations;
  EcologyManager ecology;
};

namespace {

json::array shown(const std::vector<Task>& tasks) {
  json::array out;
  for (const auto& task : tasks) out.push_back(to_json(task));
  return out;
}

}  // namespace

TaskManager::TaskManager(json::object config, AwsClientOptions options)
    : state_(std::make_unique<State>(std::move(config), std::move(options))) {
  state_->ecology.register_task_manager(*this);
}
TaskManager::~TaskManager() = default;

const json::object& TaskManager::config() const { return state_->config; }

std::string TaskManager::get_db_field_name(std::string_view key) const {
  const auto& names = state_->settings.tables.field_names;
  const auto found = names.find(key);
  return found == names.end() ? std::string(key) : found->second;
}

const std::vector<TaskManager::Labourer>& TaskManager::get_labourers() const {
  return state_->labourers;
}

const TaskManager::Labourer* TaskManager::get_labourer(std::string_view id) const {
  const auto found = std::find_if(state_->labourers.begin(), state_->labourers.end(),
                                  [&](const Labourer& one) { return one.id == id; });
  return found == state_->labourers.end() ? nullptr : &*found;
}

const TaskManager::Labourer& TaskManager::labourer(std::string_view id) const {
  if (const auto* const found = get_labourer(id)) return *found;
  const auto& known = state_->settings.tables.labourers;
  throw KeyError(fmt::format("there is no labourer '{}' in `task_config`; known: {}", id,
                             known.empty() ? "none" : fmt::format("{}", fmt::join(known, ", "))));
}

const std::vector<TaskManager::Labourer>& TaskManager::register_labourers() {
  state_->ecology.register_task_manager(*this);
  const auto start = epoch_seconds(now());
  for (auto& one : state_->labourers) {
    auto registered = one;
    const auto configured = state_->settings_of(one);
    registered.start = start;
    registered.invoked = start + state_->settings.tables.invocation_delta;
    registered.expired = registered.invoked - configured.duration_s - configured.cooldown_s;
    registered.health = state_->ecology.get_labourer_status(one);
    registered.max_duration = one.config.contains("max_duration") || one.config.contains("timeout")
                                  ? configured.timeout_s
                                  : state_->ecology.get_max_labourer_duration(one);
    registered.average_duration = get_average_labourer_duration(registered);
    one = std::move(registered);
  }
  return state_->labourers;
}

EcologyManager& TaskManager::ecology_client() { return state_->ecology; }

json::object TaskManager::create_task(const Labourer& labourer, const json::object& attributes,
                                      bool strict) {
  auto configured = state_->settings_of(labourer);
  engine::TaskManager::NewTask task;
  for (const auto& [key, value] : attributes) {
    const bool made_here = key == "task_id" || key == "labourer_id" || key == "created_at" ||
                           key == "greenfield" || key == "attempts";
    if (!made_here) {
      (key == "payload" ? task.payload : task.attributes[key]) = value;
    } else if (strict
                   ? is_empty(value) || (key == "labourer_id" && value == json::value(labourer.id))
                   : value.is_null()) {
      continue;
    } else if (strict) {
      throw ValueError(
          fmt::format("create_task: {} is made for the task, it cannot be {}: leave "
                      "it out",
                      std::string_view(key), described(value)));
    } else if (key == "task_id") {
      task.task_id = text_of(key, value);
    } else if (key == "labourer_id") {
      configured.id = text_of(key, value);
    } else if (key == "greenfield") {
      task.greenfield = position_of(value);
    } else {
      throw ValueError(
          fmt::format("create_task: {} cannot be chosen: leave it out", std::string_view(key)));
    }
  }
  const auto id = must(state_->durations.create_task(configured, std::move(task), now()));
  json::object made = {{"task_id", id}, {"labourer_id", configured.id}};
  try {
    if (auto found = get_task_by_id(id); !found.empty()) made = std::move(found);
  } catch (const RuntimeError& error) {
    // It is queued: who heard of an error would queue it again.
    log(LogLevel::warning,
        fmt::format("task {} is queued, but cannot be read back: {}", id, error.what()));
  }
  return made;
}

std::string TaskManager::construct_payload_for_task(const json::object& attributes) {
  return must(construct_payload(attributes));
}

bool TaskManager::is_valid_task(const json::object& task) const {
  return task.contains("task_id") && task.contains("labourer_id") && task.contains("created_at");
}

json::object TaskManager::get_task_by_id(std::string_view task_id) {
  engine::TaskQuery query;
  query.task_id = std::string(task_id);
  const auto found = must(state_->store.tasks(query));
  return found.empty() ? json::object() : to_json(found.front());
}

std::int64_t TaskManager::get_length_of_queue_for_labourer(const Labourer& labourer) {
  const auto status = must(state_->store.status_of(labourer.id));
  const auto queued = status.tasks.find(sosw::State::queued);
  return status.folded + (queued == status.tasks.end() ? 0 : queued->second);
}

json::array TaskManager::get_next_for_labourer(const Labourer& labourer, int cnt, bool only_ids) {
  const auto next = state_->tasks(labourer, sosw::State::queued, cnt);
  if (!only_ids) return shown(next);
  json::array ids;
  for (const auto& task : next) ids.emplace_back(task.id);
  return ids;
}

std::int64_t TaskManager::get_oldest_greenfield_for_labourer(const Labourer& labourer,
                                                             bool reverse) {
  return state_->place(labourer, reverse);
}
std::int64_t TaskManager::get_newest_greenfield_for_labourer(const Labourer& labourer) {
  return state_->place(labourer, true);
}

json::array TaskManager::get_running_tasks_for_labourer(const Labourer& labourer) {
  return shown(state_->invoked(labourer, false));
}
std::int64_t TaskManager::get_count_of_running_tasks_for_labourer(const Labourer& labourer) {
  return std::ssize(state_->invoked(labourer, false));
}
json::array TaskManager::get_expired_tasks_for_labourer(const Labourer& labourer) {
  return shown(state_->invoked(labourer, true));
}
json::array TaskManager::get_completed_tasks_for_labourer(const Labourer& labourer) {
  return shown(state_->tasks(labourer, sosw::State::completed));
}

std::int64_t TaskManager::get_average_labourer_duration(const Labourer& labourer) {
  return static_cast<std::int64_t>(
      must(state_->durations.get_average_labourer_duration(state_->settings_of(labourer))));
}

// ------------------------------------------------------------------------------------------------

struct EcologyManager::State {
  AwsClientOptions options;
  json::object defaults = {
      {"Period", 60}, {"Statistics", {"Average"}}, {"MetricAggregationTimeSlice", 300}};
  TaskManager* tasks = nullptr;
  std::optional<AwsClient> cloudwatch, lambda;
  std::map<std::string, std::optional<double>> values;  // by `details`
  std::map<std::string, std::int64_t> running;          // by labourer

  AwsClient& client(std::optional<AwsClient>& place, std::string_view service) const {
    return place ? *place : place.emplace(service, options);
  }
  [[nodiscard]] TaskManager& task_manager() const {
    if (!tasks)
      throw RuntimeError("the EcologyManager knows no TaskManager: register_task_manager() first");
    return *tasks;
  }
};

EcologyManager::EcologyManager(json::object config, AwsClientOptions options)
    : state_(std::make_unique<State>()) {
  state_->options = std::move(options);
  const auto* const given = config.if_contains("default_metric_values");
  if (!given) return;
  if (!given->is_object())
    throw TypeError("ecology_config: `default_metric_values` must be an object, found " +
                    described(*given));
  for (const auto& [key, value] : given->get_object()) state_->defaults[key] = value;
}
EcologyManager::~EcologyManager() = default;

std::vector<EcologyManager::EcoStatus> EcologyManager::eco_statuses() {
  std::vector<EcoStatus> out;
  for (int status = kWorstHealth; status <= kBestHealth; ++status)
    out.push_back({status, health_name(status)});
  return out;
}

void EcologyManager::register_task_manager(TaskManager& manager) {
  state_->tasks = &manager;
  state_->values.clear();
  state_->running.clear();
}

int EcologyManager::get_labourer_status(const TaskManager::Labourer& labourer) {
  int worst = kBestHealth;
  for (const auto& [name, config] : part_of(labourer.config, "health_metrics")) {
    const auto where =
        fmt::format("labourer '{}': health_metrics '{}'", labourer.id, std::string_view(name));
    if (!config.is_object())
      throw ValueError(where + " must be an object, found " + described(config));
    const auto metric = must(read_health_metric(where, config.get_object()));
    const auto key = json::serialize(metric.details);
    auto known = state_->values.find(key);
    if (known == state_->values.end())
      known = state_->values.emplace(key, fetch_metric_stats(metric.details)).first;
    worst = std::min(worst, known->second ? sosw::health(*known->second, metric)
                                          : metric.no_data.value_or(kHealthWithoutData));
  }
  return worst;
}

int EcologyManager::get_health(double value, const json::object& metric) {
  return sosw::health(value, must(read_health_metric("get_health: the metric", metric)));
}

std::optional<double> EcologyManager::fetch_metric_stats(const json::object& metric) {
  json::object input = metric;
  for (const auto& [key, value] : state_->defaults) input.emplace(key, value);
  if (const auto* const name = input.if_contains("Name"); name && !input.contains("MetricName"))
    input["MetricName"] = *name;
  input.erase("Name");
  ConfigReader reader("the metric", input);
  const auto slice = reader.integer("MetricAggregationTimeSlice", 1, kAll);
  const auto statistics = reader.texts("Statistics");
  if (reader.failed()) throw ValueError(reader.failed()->text());
  if (!statistics || statistics->size() != 1 || input.contains("ExtendedStatistics"))
    throw AssertionError(
        fmt::format("a metric of health has one of Average, Sum, SampleCount, Minimum, Maximum as "
                    "its `Statistics`: {}",
                    json::serialize(metric)));
  input.erase("MetricAggregationTimeSlice");
  const auto end = epoch_seconds(now());
  input["StartTime"] =
      fmt::format("{:%FT%TZ}", fmt::gmtime(static_cast<std::time_t>(end - slice.value_or(0))));
  input["EndTime"] = fmt::format("{:%FT%TZ}", fmt::gmtime(static_cast<std::time_t>(end)));

  const auto answer =
      state_->client(state_->cloudwatch, "cloudwatch").call("GetMetricStatistics", input);
  const auto& statistic = statistics->front();
  std::vector<double> values;
  for (const auto& point : answer.at("Datapoints").as_array())
    values.push_back(point.at(statistic).to_number<double>());
  return cloud::fold(statistic, values);
}

std::int64_t EcologyManager::count_running_tasks_for_labourer(
    const TaskManager::Labourer& labourer) {
  auto& manager = state_->task_manager();
  const auto known = state_->running.find(labourer.id);
  if (known != state_->running.end()) return known->second;
  return state_->running[labourer.id] = manager.get_count_of_running_tasks_for_labourer(labourer);
}

void EcologyManager::add_running_tasks_for_labourer(const TaskManager::Labourer& labourer,
                                                    int count) {
  const auto before = count_running_tasks_for_labourer(labourer);
  state_->running[labourer.id] = before + count;
}

std::int64_t EcologyManager::get_labourer_average_duration(const TaskManager::Labourer& labourer) {
  return state_->task_manager().get_average_labourer_duration(labourer);
}

std::int64_t EcologyManager::get_max_labourer_duration(const TaskManager::Labourer& labourer) {
  const auto answer =
      state_->client(state_->lambda, "lambda")
          .call("GetFunctionConfiguration",
                {{"FunctionName", labourer.arn.empty() ? labourer.id : labourer.arn}});
  return answer.at("Timeout").to_number<std::int64_t>();
}

// ------------------------------------------------------------------------------------------------

namespace {

[[maybe_unused]] const bool kRegistered = [] {
  register_component<TaskManager>("Task");
  register_component<EcologyManager>("Ecology");
  return true;
}();

}  // namespace

}  // namespace sosw

// Whoever links sosw::engine asks for this name (CMakeLists.txt), else the linker would take
// nothing of this file into a program that knows the two by their names in a configuration only.
extern "C" void sosw_engine_components() {}
