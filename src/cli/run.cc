// SPDX-License-Identifier: MIT
// run: the engine with everything it needs, until it is stopped or nothing is left.
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "cli/command.h"
#include "cli/control.h"
#include "cli/home.h"
#include "cli/progress.h"
#include "cli/screen.h"
#include "cli/version.h"
#include "engine/engine.h"
#include "engine/worker_assistant.h"
#include "local/child_process.h"
#include "local/credentials.h"
#include "local/data_folder.h"
#include "local/lambda_host.h"
#include "local/notifiers.h"
#include "local/probes.h"
#include "local/rules.h"

namespace sosw::cli {
namespace {

using Steady = std::chrono::steady_clock;

constexpr auto kLockPatience = std::chrono::seconds{3};  // another command may hold it for a moment
constexpr auto kLook = std::chrono::milliseconds{200};   // between two looks at the counts
constexpr auto kFlush = std::chrono::seconds{5};         // for the last reports to reach the disk
constexpr auto kSameSignal = std::chrono::milliseconds{500};
const std::string kDefaultListen = "127.0.0.1:8787";

struct Arguments {
  bool until_empty = false;
  std::string listen;
  int grace_s = 30;
};

double steady_seconds() {
  return std::chrono::duration<double>(Steady::now().time_since_epoch()).count();
}

// --- What is seen of it
// ---------------------------------------------------------------------------

// stderr with a line of progress at its end and log lines above it. Any thread.
class Console final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  void show(const Counts& counts) {
    const std::lock_guard lock(mutex_);
    progress_.show(counts, steady_seconds());
  }
  void clear() {
    const std::lock_guard lock(mutex_);
    progress_.clear();
  }

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    progress_.clear();
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    std::fwrite(text.data(), 1, text.size(), stderr);
  }
  void flush_() override { std::fflush(stderr); }

  Progress progress_{stderr};
};

Counts counts_of(const std::map<std::string, engine::LabourerStatus>& status) {
  Counts counts;
  for (const auto& [id, one] : status) {
    counts.left += one.folded;
    for (const auto& [state, n] : one.tasks) {
      if (closed(state)) {
        counts.closed += n;
        if (state == State::dead) counts.dead += n;
      } else {
        counts.left += n;
        if (state == State::running) counts.running += n;
      }
    }
  }
  return counts;
}

// Since the start of the run. Replayed tasks leave the closed ones, so neither is below zero only
// by chance.
Counts since(const Counts& start, Counts now) {
  now.closed = std::max<std::int64_t>(0, now.closed - start.closed);
  now.dead = std::clamp<std::int64_t>(now.dead - start.dead, 0, now.closed);
  return now;
}

// --- Signals
// --------------------------------------------------------------------------------------

// Each worker process needs a handful of descriptors; the usual limit of 1,024 is soon reached.
void allow_many_files() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// The first SIGINT, SIGTERM or SIGHUP asks for an end in order; another one ends the process at
// once. What comes right behind the first is no second wish: `timeout`, and a shell beside its
// terminal, send each signal twice.
class Signals {
 public:
  // Call before any other thread is started: all inherit what is blocked here.
  Signals() {
    sigemptyset(&set_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, number);
    sigaddset(&set_, SIGUSR1);  // ends the thread
    ::pthread_sigmask(SIG_BLOCK, &set_, nullptr);
    ::signal(SIGPIPE, SIG_IGN);
  }
  ~Signals() { finish(); }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // `stop` is called in a thread of its own, once.
  void watch(std::function<void()> stop) {
    thread_ = std::thread([this, stop = std::move(stop)] {
      std::thread stopping;
      Steady::time_point began;
      const pthread_t self = ::pthread_self();
      for (int number = 0; ::sigwait(&set_, &number) == 0;) {
        if (number == SIGUSR1) {
          // While `stop` still works, another signal must be able to end it.
          if (over_ && !stopping_) break;
        } else if (!stopping.joinable()) {
          began = Steady::now();
          stopping_ = true;
          stopping = std::thread([this, &stop, self] {
            stop();
            stopping_ = false;
            ::pthread_kill(self, SIGUSR1);
          });
        } else if (Steady::now() - began > kSameSignal) {
          local::kill_all_groups();
          ::_exit(128 + number);
        }
      }
      if (stopping.joinable()) stopping.join();
    });
  }

  // Returns when `stop` is not called any more, nor will be: what it uses may go.
  void finish() {
    if (!thread_.joinable()) return;
    over_ = true;
    ::pthread_kill(thread_.native_handle(), SIGUSR1);
    thread_.join();
  }

 private:
  sigset_t set_{};
  std::thread thread_;
  std::atomic<bool> over_ = false, stopping_ = false;
};

// --- The parts
// ------------------------------------------------------------------------------------

struct Address {
  std::string host;
  std::uint16_t port = 0;
};

Result<Address> read_address(const std::string& text) {
  const auto bad = [&] {
    return invalid(fmt::format("'{}' is no address to listen on", text), "such as 127.0.0.1:8787");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string::npos) return bad();
  Address address{text.substr(0, colon), 0};
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const std::string digits = text.substr(colon + 1);
  if (address.host.empty() || digits.empty() || digits.size() > 5 ||
      digits.find_first_not_of("0123456789") != std::string::npos || std::stol(digits) > 65535) {
    return bad();
  }
  address.port = static_cast<std::uint16_t>(std::stol(digits));
  return address;
}

std::string text_of(const Address& address) {
  return address.host.find(':') == std::string::npos
             ? fmt::format("{}:{}", address.host, address.port)
             : fmt::format("[{}]:{}", address.host, address.port);
}

Result<local::DataFolderLock> lock_folder(const std::filesystem::path& folder) {
  const auto patience_ends = Steady::now() + kLockPatience;
  for (;;) {
    auto lock = local::DataFolderLock::take(folder);
    if (lock || lock.error().code != Code::conflict) return lock;
    // A command holds it for a moment; an engine answers.
    const auto engine = ask_engine(folder, {{"op", "about"}}, std::chrono::seconds{1});
    if (!engine || *engine || Steady::now() > patience_ends) return lock;
    std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }
}

// Everything between the configuration and the loop. Members are destroyed from the last to the
// first.
class Wiring {
 public:
  Wiring(const local::HomeConfig& config, std::filesystem::path folder,
         engine::Engine::Settings settings, std::unique_ptr<engine::TaskStore> store)
      : store_(std::move(store)),
        notifier_(local::make_notifier(config.alarms, config.folder)),
        probes_(config.folder),
        assistant_([this](Report report) { return engine().report(std::move(report)); }, clock_,
                   nullptr),
        config_(config),
        folder_(std::move(folder)),
        settings_(std::move(settings)) {}

  // Errors: invalid (a labourer, the address), conflict (the port), denied.
  Result<void> start(const Address& address) {
    local::LambdaHost::Options options;
    options.address = address.host;
    options.port = address.port;
    options.data_folder = folder_.string();
    options.project_folder = config_.folder.string();
    options.configs = config_.configs;
    options.functions = essentials();
    options.ended = [this](local::Outcomes outcomes) { take(std::move(outcomes)); };
    auto host = local::LambdaHost::start(std::move(options), settings_.labourers);
    if (!host) return host.error();
    host_ = *std::move(host);
    engine_.emplace(engine::Engine::Ports{*store_, *host_, probes_, *notifier_, clock_}, settings_);
    ready_ = true;
    return {};
  }

  Result<void> add_rules() {
    if (config_.rules.empty()) return {};
    auto timer = local::RuleTimer::open(folder_ / "rules.json", config_.rules, clock_.now());
    if (!timer) return timer.error();
    rules_.emplace(*std::move(timer));
    engine_->add_tick([this](Time now) { return fire_rules(now); });
    return {};
  }

  engine::Engine& engine() { return *engine_; }
  engine::TaskStore& store() { return *store_; }
  local::LambdaHost& host() { return *host_; }

 private:
  std::map<std::string, local::LambdaHost::Function, std::less<>> essentials() {
    using Caller = local::LambdaHost::Caller;
    const auto when_ready = [this](auto function) -> local::LambdaHost::Function {
      return
          [this, function](const json::value& event, const Caller& caller) -> Result<json::value> {
            if (!ready_) return Error{Code::unavailable, "the engine is starting", {}};
            return function(event, caller);
          };
    };
    const auto wake = [this](const json::value&, const Caller&) -> Result<json::value> {
      engine().wake();
      return json::value();
    };
    return {
        {"sosw_worker_assistant",
         when_ready([this](const json::value& event, const Caller& caller) -> Result<json::value> {
           auto answer = assistant_.call(event, caller.claim);
           if (!answer) return answer.error();
           return json::value(*std::move(answer));
         })},
        {"sosw_scheduler",
         when_ready([this](const json::value& event, const Caller&) -> Result<json::value> {
           // EventBridge names its events; any other call is a job of its own.
           std::string key = local::random_hex(32);
           if (const auto* object = event.if_object()) {
             if (const auto* id = object->if_contains("id"); id != nullptr && id->is_string()) {
               key = std::string(id->get_string());
             }
           }
           const auto accepted = engine().schedule(event, std::move(key));
           if (!accepted) return accepted.error();
           return json::value{{"job_id", accepted->job_id}, {"tasks", accepted->rows}};
         })},
        {"sosw_orchestrator", when_ready(wake)},
        {"sosw_scavenger", when_ready(wake)},
    };
  }

  void take(local::Outcomes outcomes) {
    if (!outcomes.released.empty()) engine_->give_back(std::move(outcomes.released));
    engine_->finished(std::move(outcomes.reports));
  }

  std::optional<Time> fire_rules(Time now) {
    for (const local::Firing& firing : rules_->due(now)) {
      const auto accepted = engine_->schedule(firing.rule->job, firing.job_key);
      if (!accepted) {
        spdlog::error("rule {}: {}", firing.rule->name, accepted.error().text());
        // What may work later is tried again; a job that is wrong stays wrong.
        if (accepted.error().code == Code::unavailable ||
            accepted.error().code == Code::exhausted) {
          return after(now, 1);
        }
      } else {
        spdlog::info("rule {}: job {} with {} tasks{}", firing.rule->name, accepted->job_id,
                     accepted->rows, accepted->already ? ", was queued before" : "");
      }
      if (firing.left_out > 0) {
        spdlog::warn("rule {}: {} missed times are left out", firing.rule->name, firing.left_out);
      }
      if (const auto kept = rules_->fired(firing); !kept) {
        spdlog::error("rule {}: {}", firing.rule->name, kept.error().message);
        return after(now, 1);
      }
    }
    return rules_->next(now);
  }

  SystemClock clock_;
  std::unique_ptr<engine::TaskStore> store_;
  std::unique_ptr<engine::Notifier> notifier_;
  local::Probes probes_;
  engine::WorkerAssistant assistant_;
  const local::HomeConfig& config_;
  std::filesystem::path folder_;
  engine::Engine::Settings settings_;
  std::atomic<bool> ready_ = false;
  std::optional<local::RuleTimer> rules_;
  std::optional<engine::Engine> engine_;
  // The last: while it lives it may call all the others.
  std::unique_ptr<local::LambdaHost> host_;
};

// --- The run
// --------------------------------------------------------------------------------------

int run(const Common& common, const Arguments& arguments) {
  Signals signals;  // before the first thread: a signal goes to any that does not block it
  const auto config = read_config(common);
  if (!config) return complain(config.error());
  if (const auto unreachable = unreachable_worker(*config)) return complain(*unreachable);
  auto settings = engine_settings(*config);
  if (!settings) return complain(settings.error());
  const std::string listen = !arguments.listen.empty() ? arguments.listen
                             : !config->listen.empty() ? config->listen
                                                       : "127.0.0.1:0";
  auto address = read_address(listen);
  if (!address) return complain(address.error());

  const std::filesystem::path folder = data_folder(common);
  const auto lock = lock_folder(folder);
  if (!lock) {
    return complain(lock.error(), lock.error().code == Code::conflict ? kUsage : kFailed);
  }
  auto store = open_to_write(folder, *config);
  if (!store) return complain(store.error());

  allow_many_files();
  const auto console = std::make_shared<Console>();
  auto logger = std::make_shared<spdlog::logger>("sosw", console);
  logger->set_pattern("%H:%M:%S %l: %v");
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));

  Wiring wiring(*config, folder, *std::move(settings), *std::move(store));
  auto started = wiring.start(*address);
  if (!started && started.error().code == Code::conflict && arguments.listen.empty() &&
      listen == kDefaultListen) {
    // Nobody has asked for this port: another project's engine may have it.
    spdlog::warn("{} is taken, listening on a free port instead", listen);
    address->port = 0;
    started = wiring.start(*address);
  }
  if (!started) return complain(started.error(), kUsage);
  address->port = wiring.host().port();
  if (const auto added = wiring.add_rules(); !added) return complain(added.error());

  const json::object about{{"pid", static_cast<std::int64_t>(::getpid())},
                           {"version", kVersion},
                           {"listen", "http://" + text_of(*address)}};
  auto door = ControlServer::listen(folder, [&](const json::object& request) {
    const json::value* op = request.if_contains("op");
    if (op != nullptr && *op == json::value("about")) return Result<json::object>(about);
    return perform(wiring.engine(), request);
  });
  if (!door) return complain(door.error());

  const auto status_at_start = wiring.store().status();
  if (!status_at_start) return complain(status_at_start.error());
  const Counts start = counts_of(*status_at_start);
  const double started_at = steady_seconds();
  if (!arguments.until_empty || start.left == 0) {
    spdlog::info("engine on {}, pid {}, http://{}", folder.string(), ::getpid(), text_of(*address));
  }

  // What was wrong for the last engine may have been mended since: this one finds out itself.
  for (const auto& [id, one] : *status_at_start) {
    if (one.blocked.empty()) continue;
    if (const auto opened = wiring.store().gate(id, std::nullopt, ""); !opened) {
      return complain(opened.error());
    }
  }

  std::stop_source stop;
  signals.watch([&] {
    spdlog::info("stopping: running tasks get {} s to end; once more to stop at once",
                 arguments.grace_s);
    // While it takes the last reports the engine still runs.
    wiring.host().stop(std::chrono::seconds{arguments.grace_s});
    const auto patience_ends = Steady::now() + kFlush;
    while (Steady::now() < patience_ends) {
      const auto status = wiring.store().status();
      if (!status || counts_of(*status).running == 0) break;
      std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
    stop.request_stop();
  });

  engine::Engine::Outcome outcome;
  std::atomic<bool> lost = false;
  {
    // Somebody who looks on costs a status query, 12 microseconds, now and then.
    std::mutex mutex;
    std::condition_variable_any over;
    std::jthread watcher([&](const std::stop_token& token) {
      std::unique_lock mutex_lock(mutex);
      while (!over.wait_for(mutex_lock, token, kLook, [] { return false; }) &&
             !token.stop_requested()) {
        if (!lock->still_there() && !lost.exchange(true)) {
          spdlog::error("the data folder {} has been removed or replaced: ending", folder.string());
          stop.request_stop();
        }
        const auto status = wiring.store().status();
        if (!status) continue;
        const Counts counts = since(start, counts_of(*status));
        if (counts.left > 0) {
          console->show(counts);
        } else {
          console->clear();
        }
      }
    });
    outcome = wiring.engine().run(stop.get_token(), arguments.until_empty);
  }
  signals.finish();
  console->clear();
  door->reset();
  wiring.host().stop(std::chrono::seconds{0});
  if (lost) {
    return complain(
        {Code::unavailable,
         fmt::format("the data folder {} was removed or replaced while the engine ran",
                     folder.string()),
         "what it had stored is gone with it; put a backup in its place, or begin anew"},
        kFailed);
  }

  const double seconds = steady_seconds() - started_at;
  const auto status = wiring.store().status();
  if (!status) return complain(status.error());
  const Counts counts = since(start, counts_of(*status));
  const Screen screen = Screen::of(stdout);
  fmt::print("{} done, {} dead, {} left in {:.2f} s ({})\n",
             screen.number(counts.closed - counts.dead),
             screen.paint(counts.dead > 0 ? Colour::red : Colour::none, screen.number(counts.dead)),
             screen.number(counts.left), seconds,
             rate_text(static_cast<double>(counts.closed) / std::max(seconds, 1e-3)));

  using Why = engine::Engine::Outcome::Why;
  if (outcome.why == Why::stuck) {
    return complain({Code::unavailable, outcome.message, "see: sosw status"}, kFailed);
  }
  if (!arguments.until_empty) return kDone;
  if (const std::int64_t died = std::max(outcome.died, counts.dead); died > 0) {
    return complain(
        {Code::unavailable,
         fmt::format("{} {} died", screen.number(died), died == 1 ? "task has" : "tasks have"),
         "see: sosw dead"},
        kFailed);
  }
  if (outcome.why == Why::stopped && counts.left > 0) {
    return complain(
        {Code::unavailable, "stopped before everything was done", "go on with: sosw run"}, kFailed);
  }
  return kDone;
}

}  // namespace

void add_run_command(CLI::App& app, Common& common) {
  CLI::App* command = add_command(
      app, common, "run",
      "The engine: starts tasks, retries, fires rules\n\nCtrl-C lets running tasks end; a second "
      "one "
      "stops at once, and nothing is lost either\nway. Its address serves the Invoke API of AWS "
      "Lambda; the access key for it is in\nDATA/credentials.",
      "sosw run --until-empty\n"
      "sosw run --listen 127.0.0.1:9000 --data /var/lib/sosw");
  command->group("Work");
  const auto arguments = std::make_shared<Arguments>();
  command->add_flag("--until-empty", arguments->until_empty,
                    "end when nothing is left; exit code 1 when a task died or none can move");
  command
      ->add_option(
          "--listen", arguments->listen,
          "address of the Invoke API (default 127.0.0.1:8787, or a free port\nwhen that is "
          "taken)")
      ->type_name("ADDR");
  command
      ->add_option("--grace", arguments->grace_s,
                   "how long running tasks may go on after Ctrl-C (default 30)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0, 86'400));
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return run(common, *arguments); };
  });
}

}  // namespace sosw::cli
