// SPDX-License-Identifier: MIT
// See home.h.
#include "cli/home.h"

#include <fmt/format.h>

#include <chrono>
#include <thread>

#include "cli/control.h"
#include "local/data_folder.h"
#include "local/sqlite_store.h"

namespace sosw::cli {
namespace {

namespace fs = std::filesystem;

// How long a command waits for another one that holds the lock, or for an engine that has just
// begun and does not listen yet.
constexpr auto kLockPatience = std::chrono::seconds{10};
constexpr auto kLockPause = std::chrono::milliseconds{5};

// An engine that does not run starts nothing, measures nothing and tells nobody.
class Nobody final : public engine::Invoker, public engine::MetricSource, public engine::Notifier {
 public:
  std::vector<engine::Invoked> invoke(std::span<const engine::Invocation> invocations) override {
    return std::vector<engine::Invoked>(
        invocations.size(), {engine::Invoked::Outcome::rejected, "the engine does not run"});
  }
  int free_slots(const Labourer&) override { return 0; }
  bool running(std::string_view, std::string_view) override { return false; }
  std::vector<Result<std::optional<double>>> values(std::span<const json::object> details, Time,
                                                    const std::stop_token&) override {
    return std::vector<Result<std::optional<double>>>(details.size(), std::optional<double>());
  }
  Result<void> notify(std::span<const engine::Alarm>, const std::stop_token&) override {
    return Error{Code::unavailable, "the engine does not run", {}};
  }
};

Result<std::string_view> text_of(const json::object& request, std::string_view key) {
  const json::value* value = request.if_contains(key);
  if (value == nullptr || !value->is_string())
    return invalid(fmt::format("request: '{}' must be a text", key));
  return std::string_view(value->get_string());
}

}  // namespace

Result<local::HomeConfig> read_config(const Common& common) {
  auto config = local::read_home_config(common.config);
  if (!config && config.error().code == Code::not_found) {
    return invalid(config.error().message,
                   "name it with --config FILE, or begin a project: sosw init");
  }
  return config;
}

Result<Configured> read_configured(const Common& common) {
  if (!common.aws.empty()) {
    const auto home = aws_home(common);
    if (!home) return home.error();
    auto settings = (*home)->settings();
    return Configured{std::move(settings.labourers), std::move(settings.scheduler),
                      settings.task_manager};
  }
  const auto config = read_config(common);
  if (!config) return config.error();
  auto settings = engine_settings(*config);
  if (!settings) return settings.error();
  return Configured{std::move(settings->labourers), std::move(settings->scheduler),
                    settings->task_manager};
}

Result<AwsHome*> aws_home(const Common& common) {
  if (common.data_given)
    return invalid("--data is of the home on this machine: leave it out with --aws");
  if (!common.aws_home) {
    auto home = AwsHome::open(common);
    if (!home) return home.error();
    common.aws_home = *std::move(home);
  }
  return common.aws_home.get();
}

bool timeout_is_known(const Common& common, const Labourer& labourer) {
  return common.aws.empty() || labourer.settings.contains("timeout") ||
         labourer.settings.contains("max_duration");
}

fs::path data_folder(const Common& common) { return fs::absolute(common.data).lexically_normal(); }

Result<std::shared_ptr<engine::TaskStore>> open_to_read(const Common& common) {
  if (!common.aws.empty()) {
    const auto home = aws_home(common);
    if (!home) return home.error();
    return std::shared_ptr<engine::TaskStore>(common.aws_home, &(*home)->store());
  }
  const fs::path database = database_in(data_folder(common));
  std::error_code code;
  if (!fs::exists(database, code)) {
    if (code) {
      return Error{Code::denied, fmt::format("{}: {}", database.string(), code.message()), {}};
    }
    return std::shared_ptr<engine::TaskStore>();
  }
  auto store = local::SqliteStore::open_to_read({.path = database.string()});
  if (!store) return store.error();
  return std::shared_ptr<engine::TaskStore>(*std::move(store));
}

Result<json::object> perform(engine::Engine& engine, const json::object& request) {
  const auto op = text_of(request, "op");
  if (!op) return op.error();
  if (*op == "schedule") {
    const auto key = text_of(request, "key");
    if (!key) return key.error();
    const json::value* event = request.if_contains("event");
    const auto accepted =
        engine.schedule(event != nullptr ? *event : json::value(), std::string(*key));
    if (!accepted) return accepted.error();
    return json::object{
        {"job_id", accepted->job_id}, {"rows", accepted->rows}, {"already", accepted->already}};
  }
  if (*op == "replay") {
    std::vector<std::string> ids;
    if (const json::value* list = request.if_contains("task_ids");
        list != nullptr && list->is_array()) {
      for (const json::value& id : list->get_array()) {
        if (id.is_string()) ids.emplace_back(id.get_string());
      }
    }
    const auto replayed = engine.replay(ids);
    if (!replayed) return replayed.error();
    json::array answers;
    for (const bool one : *replayed) answers.emplace_back(one);
    return json::object{{"replayed", std::move(answers)}};
  }
  if (*op == "pause") {
    const auto labourer = text_of(request, "labourer_id");
    if (!labourer) return labourer.error();
    const json::value* paused = request.if_contains("paused");
    const auto done = engine.pause(*labourer, paused != nullptr && *paused == json::value(true));
    if (!done) return done.error();
    return json::object{};
  }
  if (*op == "cancel") {
    const auto job = text_of(request, "job_id");
    if (!job) return job.error();
    const auto done = engine.cancel(*job);
    if (!done) return done.error();
    return json::object{};
  }
  return invalid(fmt::format("request: unknown op '{}'", *op),
                 "the engine that runs may be of another version than this command");
}

Result<json::object> ask(const Common& common, const json::object& request) {
  if (!common.aws.empty()) {
    const auto home = aws_home(common);
    if (!home) return home.error();
    Nobody nobody;
    const SystemClock clock;
    engine::Engine engine({(*home)->store(), nobody, nobody, nobody, clock, (*home)->audit()},
                          (*home)->settings());
    return perform(engine, request);
  }
  const fs::path folder = data_folder(common);
  const auto patience_ends = std::chrono::steady_clock::now() + kLockPatience;
  for (;;) {
    auto answer = ask_engine(folder, request);
    if (!answer) return answer.error();
    if (answer->has_value()) return **std::move(answer);
    const auto config = read_config(common);
    if (!config) return config.error();
    const auto settings = engine_settings(*config);
    if (!settings) return settings.error();
    const auto lock = local::DataFolderLock::take(folder);
    if (lock) {
      const auto store = open_to_write(folder, *config);
      if (!store) return store.error();
      Nobody nobody;
      const SystemClock clock;
      engine::Engine engine({**store, nobody, nobody, nobody, clock}, *settings);
      return perform(engine, request);
    }
    if (lock.error().code != Code::conflict || std::chrono::steady_clock::now() > patience_ends) {
      return lock.error();
    }
    std::this_thread::sleep_for(kLockPause);
  }
}

}  // namespace sosw::cli
