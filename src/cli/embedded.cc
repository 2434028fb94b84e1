// SPDX-License-Identifier: MIT
// The engine inside of somebody's program: see include/sosw/engine.h.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <stdexcept>
#include <stop_token>
#include <thread>

#include "cli/assemble.h"
#include "local/data_folder.h"
#include "local/functions.h"
#include "local/notifiers.h"
#include "local/probes.h"
#include "local/system_clock.h"
#include "sosw/engine.h"

namespace sosw {
namespace {

namespace fs = std::filesystem;

template <class T>
T value_or_throw(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().text());
  return *std::move(result);
}

local::HomeConfig read_config(boost::json::object config,
                              const std::vector<std::string_view>& functions) {
  // A function that the configuration does not name is a labourer with the defaults.
  auto& labourers = config["labourers"];
  if (labourers.is_null()) labourers.emplace_object();
  if (auto* named = labourers.if_object()) {
    for (const auto name : functions) {
      if (!named->contains(name)) named->emplace(name, boost::json::object());
    }
  }
  auto checked = local::check_home_config(boost::json::serialize(config),
                                          fs::current_path() / "Options::config", functions);
  std::string problems;
  for (const Error& error : checked.errors)
    problems += (problems.empty() ? "" : "\n") + error.text();
  if (!problems.empty()) throw std::runtime_error(problems);
  return *std::move(checked.config);
}

std::vector<std::string_view> names_of(
    const std::map<std::string, Engine::Function, std::less<>>& functions) {
  std::vector<std::string_view> names;
  for (const auto& [name, function] : functions) names.push_back(name);
  return names;
}

int threads_for(int wanted) {
  return wanted > 0 ? wanted : static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
}

}  // namespace

class Engine::Parts {
 public:
  Parts(Options options, std::map<std::string, Function, std::less<>> functions)
      : config_(read_config(std::move(options.config), names_of(functions))),
        folder_(fs::absolute(options.data_folder)),
        lock_(value_or_throw(local::DataFolderLock::take(folder_))),
        store_(open(options.durable)),
        notifier_(local::make_notifier(config_.alarms, config_.folder)),
        probes_(config_.folder),
        functions_(
            std::move(functions),
            [this](std::vector<Report> reports) { engine_->finished(std::move(reports)); },
            threads_for(options.threads)) {
    engine_ = std::make_unique<engine::Engine>(
        engine::Engine::Ports{*store_, functions_, probes_, *notifier_, clock_},
        value_or_throw(cli::engine_settings(config_)));
  }

  Scheduled schedule(const boost::json::object& job, std::string key) {
    const auto accepted = engine_->schedule(job, std::move(key));
    if (!accepted) throw std::runtime_error(accepted.error().text());
    return {accepted->job_id, accepted->rows, accepted->already};
  }

  Summary run(bool until_empty) {
    std::stop_token token;
    {
      const std::lock_guard lock(mutex_);
      stop_ = std::stop_source();
      token = stop_.get_token();
    }
    const auto outcome = engine_->run(token, until_empty);
    return {outcome.died, outcome.message};
  }
  void stop() {
    const std::lock_guard lock(mutex_);
    stop_.request_stop();
  }

 private:
  std::unique_ptr<engine::TaskStore> open(bool durable) {
    config_.synchronous_full = durable;
    return value_or_throw(cli::open_to_write(folder_, config_));
  }

  local::HomeConfig config_;
  fs::path folder_;
  local::DataFolderLock lock_;
  std::unique_ptr<engine::TaskStore> store_;
  std::unique_ptr<engine::Notifier> notifier_;
  local::Probes probes_;
  local::SystemClock clock_;
  std::mutex mutex_;
  std::stop_source stop_;  // of the present run
  std::unique_ptr<engine::Engine> engine_;
  // The last: while it lives it calls the engine.
  local::Functions functions_;
};

Engine::Engine(Options options, std::map<std::string, Function, std::less<>> functions)
    : parts_(std::make_unique<Parts>(std::move(options), std::move(functions))) {}
Engine::~Engine() = default;

Engine::Scheduled Engine::schedule(const boost::json::object& job, std::string key) {
  return parts_->schedule(job, std::move(key));
}
Engine::Summary Engine::run_until_empty() { return parts_->run(true); }
void Engine::run() { parts_->run(false); }
void Engine::stop() { parts_->stop(); }

}  // namespace sosw
