// SPDX-License-Identifier: MIT
// The processes of workers: start, output, exit.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "core/json_text.h"
#include "local/lambda_host_state.h"

namespace sosw::local {
namespace {

// What a worker may see of the engine's own environment.
constexpr const char* kInherited[] = {"PATH",     "HOME", "LANG",  "LC_ALL",
                                      "LC_CTYPE", "USER", "TMPDIR"};

std::map<std::string, std::string> variables(const LambdaHost::Options& options,
                                             const Environment& e, std::uint16_t aws_port,
                                             const std::string& stream) {
  const FunctionSettings& f = e.function->settings;
  std::map<std::string, std::string> v;
  for (const char* name : kInherited) {
    if (const char* value = std::getenv(name)) v[name] = value;  // NOLINT(concurrency-mt-unsafe)
  }
  v.try_emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
  const auto memory = f.memory_mb > 0
                          ? f.memory_mb
                          : (sysconf(_SC_PHYS_PAGES) >> 10) * (sysconf(_SC_PAGESIZE) >> 10);
  const std::string endpoint = fmt::format("http://{}:{}", options.address, aws_port);
  v["AWS_LAMBDA_FUNCTION_NAME"] = f.name;
  v["AWS_LAMBDA_FUNCTION_VERSION"] = "$LATEST";
  v["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] = std::to_string(memory);
  v["AWS_LAMBDA_LOG_GROUP_NAME"] = "/aws/lambda/" + f.name;
  v["AWS_LAMBDA_LOG_STREAM_NAME"] = stream;
  v["AWS_LAMBDA_INITIALIZATION_TYPE"] = "on-demand";
  v["AWS_REGION"] = v["AWS_DEFAULT_REGION"] = options.region;
  v["AWS_ACCESS_KEY_ID"] = e.key.id;
  v["AWS_SECRET_ACCESS_KEY"] = e.key.secret;
  v["AWS_EC2_METADATA_DISABLED"] = "true";
  for (const char* service : {"LAMBDA", "DYNAMODB", "GLUE"}) {
    v[fmt::format("AWS_ENDPOINT_URL_{}", service)] = endpoint;
  }
  v["SOSW_START_FENCE"] = "off";  // nothing is delivered twice here: our workers need not ask
  v["LAMBDA_TASK_ROOT"] = f.folder;
  v["_HANDLER"] = f.handler;
  v["TZ"] = ":UTC";
  if (f.kind == FunctionSettings::Kind::command) {
    v["AWS_LAMBDA_RUNTIME_API"] = fmt::format("{}:{}", options.address, e.listener.port);
    if (f.concurrency > 1) v["AWS_LAMBDA_MAX_CONCURRENCY"] = std::to_string(f.concurrency);
  }
  for (const auto& [name, value] : f.environment) v[name] = value;
  v["SOSW_DATA_FOLDER"] = options.data_folder;  // how a later engine finds what this one left
  return v;
}

// Reads what is there, but not for ever from one that writes faster. False: the end was reached.
template <class Take>
bool read_all(int fd, const Take& take) {
  char buffer[16 * 1024];
  for (int i = 0; i < 64; ++i) {
    const ssize_t n = ::read(fd, buffer, sizeof buffer);
    if (n > 0) {
      take({buffer, static_cast<std::size_t>(n)});
    } else if (n == 0) {
      return false;
    } else if (errno != EINTR) {
      return errno == EAGAIN;
    }
  }
  return true;
}

}  // namespace

EnvironmentPtr LambdaHost::State::reserve_environment(HostedFunction& f) {
  if (f.environments.size() >= static_cast<std::size_t>(f.settings.environments)) return nullptr;
  auto e = std::make_shared<Environment>();
  e->function = &f;
  const auto free = std::find(f.slots.begin(), f.slots.end(), false);
  e->slot = static_cast<int>(free - f.slots.begin());
  if (free == f.slots.end()) {
    f.slots.push_back(true);
    f.logs.push_back(std::make_unique<FunctionLog>(
        fmt::format("{}/logs/{}/{}.log", options.data_folder, f.settings.name, e->slot),
        options.log_bytes));
  } else {
    *free = true;
  }
  e->key = new_access_key();
  e->since = Steady::now();
  keys[e->key.id] = {&f, e};
  f.environments.push_back(e);
  if (!std::exchange(sweeping, true)) {
    loop.after(std::chrono::milliseconds(50), [this] { sweep(); });
  }
  return e;
}

void LambdaHost::State::start_environment(const EnvironmentPtr& e) {
  HostedFunction& f = *e->function;
  const FunctionSettings& settings = f.settings;
  const bool exec = settings.kind == FunctionSettings::Kind::exec;
  RunPtr run;
  {
    std::lock_guard lock(mutex);
    if (e->state == Environment::State::dying) return;
    if (exec) {
      if (f.queue.empty()) return forget(e);
      run = f.queue.front();
      f.queue.pop_front();
    }
  }

  // Without the lock: a start takes milliseconds, and others have work to hand over meanwhile.
  Command command;
  command.argv = settings.argv;
  command.folder = settings.folder;
  command.join_output = !exec;
  if (exec) command.input = run->payload;
  Result<Child> child = [&]() -> Result<Child> {
    if (!exec) {
      auto made = loop.listen(options.address, 0, kLargestBody,
                              [this, e](HttpRequest& request, Responder r) {
                                runtime_request(e, request, std::move(r));
                              });
      if (!made) return made.error();
      e->listener = *made;
    }
    command.environment =
        variables(options, *e, listener.port, fmt::format("{}/[$LATEST]{}", e->slot, e->key.id));
    return local::start(command);
  }();

  std::lock_guard lock(mutex);
  if (!child) {
    f.starts = false;
    forget(e);
    const std::string why = child.error().text();
    spdlog::error("{}: {}", settings.name, why);
    if (run) refuse(run, why);
    // The newest ones have the least right to wait for another process.
    while (f.queue.size() > spare(f)) {
      const RunPtr last = f.queue.back();
      f.queue.pop_back();
      refuse(last, why);
    }
    return;
  }
  f.starts = true;
  e->child = std::move(*child);
  e->since = Steady::now();
  ++children;
  e->output = e->child.output.release();
  loop.watch(e->output, [this, e] {
    std::lock_guard held(mutex);
    if (e->output < 0) return false;
    if (read_all(e->output, [&](std::string_view text) { output_arrived(*e, text); })) return true;
    e->output = -1;
    return false;
  });
  if (exec) {
    e->errors = e->child.errors.release();
    loop.watch(e->errors, [this, e] {
      std::lock_guard held(mutex);
      if (e->errors < 0) return false;
      if (read_all(e->errors, [&](std::string_view text) { log(*e, text); })) return true;
      e->errors = -1;
      return false;
    });
    run->handed_over = Steady::now();
    e->running.push_back(run);
  }
  loop.watch(e->child.exit.release(), [this, e] {
    exited(e);
    return false;
  });
  if (e->state == Environment::State::dying) kill_group(e->child, SIGKILL);
}

// Invocations that processes which are there, or being started, will take without another one.
std::size_t LambdaHost::State::spare(const HostedFunction& f) const {
  std::size_t sum = 0;
  for (const auto& e : f.environments) {
    sum += static_cast<std::size_t>(f.settings.concurrency) -
           std::min(e->running.size(), static_cast<std::size_t>(f.settings.concurrency));
  }
  return sum;
}

void LambdaHost::State::balance(HostedFunction& f) {
  while (!stopping && f.queue.size() > spare(f)) {
    const auto e = reserve_environment(f);
    if (!e) return;
    loop.post([this, e] { start_environment(e); });
  }
}

// Takes the process away from its function; its invocations are ended with `message`.
void LambdaHost::State::lose(const EnvironmentPtr& e, std::string_view type,
                             const std::string& message) {
  if (e->state == Environment::State::dying) return;
  const bool starting = e->state == Environment::State::starting;
  if (e->child.pid != 0) kill_group(e->child, SIGKILL);
  forget(e);
  for (const auto& run : std::exchange(e->running, {})) fail(run, type, message);
  HostedFunction& f = *e->function;
  if (starting && !type.empty() && f.settings.kind == FunctionSettings::Kind::command) {
    for (const auto& waiting : f.queue) waiting->output = e->tail;
    init_failed(f, type, message);
  }
  balance(f);
}

// The invocation for which the process was started has failed, as on Lambda. When others have taken
// it meanwhile, nobody has lost anything.
void LambdaHost::State::init_failed(HostedFunction& f, std::string_view type,
                                    const std::string& message) {
  spdlog::error("{}: initialisation failed: {}", f.settings.name, message);
  if (f.queue.size() <= spare(f)) return;
  const RunPtr run = f.queue.front();
  f.queue.pop_front();
  fail(run, type, message);
}

void LambdaHost::State::forget(const EnvironmentPtr& e) {
  e->state = Environment::State::dying;
  e->polls.clear();
  if (e->listener.id != 0) loop.close(e->listener.id);
  keys.erase(e->key.id);
  auto& list = e->function->environments;
  if (const auto at = std::find(list.begin(), list.end(), e); at != list.end()) {
    list.erase(at);
    e->function->slots[static_cast<std::size_t>(e->slot)] = false;
  }
}

void LambdaHost::State::drain(Environment& e) {
  if (e.output >= 0) {
    (void)read_all(e.output, [&](std::string_view text) { output_arrived(e, text); });
  }
  if (e.errors >= 0) (void)read_all(e.errors, [&](std::string_view text) { log(e, text); });
}

void LambdaHost::State::output_arrived(Environment& e, std::string_view text) {
  if (e.function->settings.kind == FunctionSettings::Kind::command) return log(e, text);
  if (e.state == Environment::State::dying) return;
  e.standard_output += text;
  if (e.standard_output.size() <= kLargestAnswer) return;
  for (const auto& held : e.function->environments) {
    if (held.get() != &e) continue;
    const EnvironmentPtr self = held;
    return lose(
        self, "Function.ResponseSizeTooLarge",
        fmt::format("the worker wrote more than {} bytes to its standard output", kLargestAnswer));
  }
}

void LambdaHost::State::log(Environment& e, std::string_view text) {
  FunctionLog& file = *e.function->logs[static_cast<std::size_t>(e.slot)];
  if (e.running.size() == 1) {
    Run& run = *e.running.front();
    if (!std::exchange(run.logged, true)) {
      file.write(fmt::format("START RequestId: {} Task: {}\n", run.request_id,
                             run.task_id.empty() ? "-" : run.task_id));
    }
    run.output.append(text);
  } else {
    e.tail.append(text);
  }
  file.write(text);
}

void LambdaHost::State::exited(const EnvironmentPtr& e) {
  std::lock_guard lock(mutex);
  const Exit exit = reap(e->child);
  e->child.pid = 0;
  --children;
  changed.notify_all();
  drain(*e);
  if (e->state == Environment::State::dying) return;

  HostedFunction& f = *e->function;
  const bool starting = e->state == Environment::State::starting;
  auto running = std::exchange(e->running, {});
  forget(e);
  if (f.settings.kind == FunctionSettings::Kind::exec) {
    if (!running.empty()) exec_ended(*e, running.front(), exit);
    return balance(f);
  }
  const std::string why = !exit.signalled && exit.number == 0
                              ? "Runtime exited without providing a reason"
                              : fmt::format("Runtime exited with error: {}", text(exit));
  for (const auto& run : running) {
    if (running.size() > 1) run->output = e->tail;
    fail(run, "Runtime.ExitError", why);
  }
  if (starting) {
    if (!f.queue.empty()) f.queue.front()->output = e->tail;
    init_failed(f, "Runtime.ExitError", why);
  } else if (running.empty()) {
    spdlog::warn("{}: an idle worker ended: {}", f.settings.name, text(exit));
  }
  balance(f);
}

void LambdaHost::State::exec_ended(Environment& e, const RunPtr& run, const Exit& exit) {
  if (exit.signalled || exit.number != 0) {
    return fail(run, "Runtime.ExitError", fmt::format("the command ended with {}", text(exit)));
  }
  auto value = parse_json(e.standard_output);
  if (value && value->is_object()) {
    return complete(run, std::move(value->get_object()), std::move(e.standard_output));
  }
  json::object result;
  if (!e.standard_output.empty()) result["stdout"] = valid_utf8(e.standard_output);
  std::string payload = json::serialize(result);
  complete(run, std::move(result), std::move(payload));
}

}  // namespace sosw::local
