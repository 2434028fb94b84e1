// SPDX-License-Identifier: MIT
// Accepting, placing and ending invocations; time limits; stopping.
#include "local/lambda_host.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <future>

#include "core/json_text.h"
#include "local/lambda_host_state.h"

namespace sosw::local {
namespace {

using engine::Invoked;
using Outcome = engine::Invoked::Outcome;
using namespace std::chrono_literals;

// How often limits of time and memory are looked at: while something runs, and while workers are
// only waiting. No time limit is shorter than the latter.
constexpr auto kSweep = 50ms;
constexpr auto kIdleSweep = 1000ms;
constexpr auto kLongestRefusal = 30'000ms;

std::int64_t epoch_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool starts_object(std::string_view text) {
  const auto at = text.find_first_not_of(" \t\r\n");
  return at != std::string_view::npos && text[at] == '{';
}

json::object failure(std::string_view type, std::string_view message, const std::string& log) {
  json::object result{{"error", message}, {"error_type", type}};
  if (!log.empty()) result["log"] = log;
  return result;
}

}  // namespace

std::string task_key(std::string_view task_id, std::string_view claim) {
  std::string key;
  key.reserve(task_id.size() + claim.size() + 1);
  key.append(task_id).append(1, '/').append(claim);
  return key;
}

LambdaHost::State::State() : random(std::random_device{}()) {}

LambdaHost::State::~State() {
  // Connections may not outlive the loop that they belong to.
  loop.stop();
  for (auto& [name, f] : functions) {
    for (auto& e : f.environments) e->polls.clear();
  }
}

LambdaHost::LambdaHost(std::unique_ptr<State> state) : state_(std::move(state)) {}

LambdaHost::~LambdaHost() { stop(0ms); }

Result<std::unique_ptr<LambdaHost>> LambdaHost::start(Options options,
                                                      const engine::Labourers& labourers) {
  auto state = std::make_unique<State>();
  State& s = *state;
  s.options = std::move(options);
  for (const auto& [name, labourer] : labourers) {
    auto settings = read_function(labourer, s.options.project_folder);
    if (!settings) return settings.error();
    if (!*settings) continue;
    if (s.options.functions.contains(name)) {
      return invalid(fmt::format("labourer '{}': the name belongs to an Essential", name),
                     "choose another name");
    }
    HostedFunction& f = s.functions[name];
    f.settings = std::move(**settings);
    const auto own_key = f.settings.environment.find("AWS_ACCESS_KEY_ID");
    if (own_key != f.settings.environment.end()) s.keys[own_key->second] = {&f, {}};
    if (f.settings.kind == FunctionSettings::Kind::http && !s.http) {
      s.http = std::make_unique<HttpCalls>();
    }
  }
  if (const int n = kill_leftovers("SOSW_DATA_FOLDER", s.options.data_folder); n > 0) {
    spdlog::warn("ended {} processes of workers that an earlier engine had left behind", n);
  }
  auto listener = s.loop.listen(
      s.options.address, s.options.port, kLargestBody,
      [&s](HttpRequest& request, Responder r) { s.aws_request(request, std::move(r)); });
  if (!listener) return listener.error();
  s.listener = *listener;
  auto key = user_access_key(s.options.data_folder + "/credentials", s.options.region,
                             fmt::format("http://{}:{}", s.options.address, s.listener.port));
  if (!key) return key.error();
  {
    std::lock_guard lock(s.mutex);
    s.user = *key;
    s.keys[key->id] = {};
  }
  for (int i = 0; i < std::max(1, s.options.function_threads); ++i) {
    s.job_threads.emplace_back([&s] { s.run_jobs(); });
  }
  return std::unique_ptr<LambdaHost>(new LambdaHost(std::move(state)));
}

std::uint16_t LambdaHost::port() const { return state_->listener.port; }

// --- Accepting
// ----------------------------------------------------------------------------------------------------

std::vector<Invoked> LambdaHost::invoke(std::span<const engine::Invocation> invocations) {
  State& s = *state_;
  std::vector<Invoked> answers(invocations.size());
  std::vector<RunPtr> runs(invocations.size());
  std::vector<EnvironmentPtr> to_start;
  {
    std::lock_guard lock(s.mutex);
    for (std::size_t i = 0; i < invocations.size(); ++i) {
      const auto& in = invocations[i];
      Invoked& out = answers[i];
      const auto found = s.functions.find(in.labourer->id);
      if (found == s.functions.end()) {
        out = {Outcome::rejected_labourer,
               fmt::format("no worker is configured for labourer '{}'", in.labourer->id)};
      } else if (in.payload.size() > kLargestTask) {
        out = {Outcome::rejected_task,
               fmt::format("the payload has {} bytes, more than the {} that "
                           "an asynchronous invocation may have",
                           in.payload.size(), kLargestTask)};
      } else if (!starts_object(in.payload)) {
        out = {Outcome::rejected_task, "the payload is not a JSON object"};
      } else if (s.tasks.contains(task_key(in.task_id, in.claim))) {
        out = {Outcome::unknown, "this claim has been handed to the host before"};
      } else {
        HostedFunction& f = found->second;
        if (f.refusals > 0 && Steady::now() < f.refuses_until) {
          out = {Outcome::rejected, f.refusal};
          continue;
        }
        RunPtr run = s.new_run(f, in.payload);
        run->task_id = in.task_id;
        run->claim = in.claim;
        switch (s.place(f, run, 0, to_start)) {
          case State::Placed::yes:
            runs[i] = std::move(run);
            break;
          case State::Placed::full:
            out = {Outcome::rejected, fmt::format("all {} slots are taken", f.settings.slots())};
            break;
          case State::Placed::stopping:
            out = {Outcome::rejected, "the engine is stopping"};
            break;
        }
      }
    }
  }
  if (to_start.empty()) return answers;
  s.start_all(std::move(to_start));
  std::lock_guard lock(s.mutex);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i]) continue;
    runs[i]->being_placed = false;
    if (runs[i]->refused.empty()) continue;
    answers[i] = {s.stopping ? Outcome::rejected : Outcome::rejected_labourer, runs[i]->refused};
  }
  return answers;
}

int LambdaHost::free_slots(const Labourer& labourer) {
  std::lock_guard lock(state_->mutex);
  const auto found = state_->functions.find(labourer.id);
  // What is unknown is let through: invoke() says what is wrong with it.
  if (found == state_->functions.end()) return -1;
  if (state_->stopping) return 0;
  return std::max(0, found->second.settings.slots() - found->second.in_flight);
}

bool LambdaHost::running(std::string_view task_id, std::string_view claim) {
  std::lock_guard lock(state_->mutex);
  return state_->tasks.contains(task_key(task_id, claim));
}

Result<LambdaHost::Answer> LambdaHost::call(std::string_view function, std::string payload) {
  State& s = *state_;
  const std::string name = function_name(function);
  auto event = parse_json(payload);
  if (!event) return invalid("the payload is " + event.error().message, event.error().hint);
  auto promise = std::make_shared<std::promise<Answer>>();
  auto future = promise->get_future();

  if (const auto own = s.options.functions.find(name); own != s.options.functions.end()) {
    std::string id;
    {
      std::lock_guard lock(s.mutex);
      id = s.uuid();
    }
    const bool taken = s.add_job(
        {.function = &own->second,
         .event = std::move(*event),
         .caller = {},
         .reports_about = nullptr,
         .answer = [promise, id](Result<json::value> r) {
           if (r) return promise->set_value({json::serialize(*r), false, id, ""});
           promise->set_value({json::serialize(json::object{{"errorMessage", r.error().text()},
                                                            {"errorType", "Error"}}),
                               true, id, ""});
         }});
    if (!taken) return Error{Code::unavailable, "the engine is stopping", ""};
    return future.get();
  }

  RunPtr run;
  std::vector<EnvironmentPtr> to_start;
  {
    std::lock_guard lock(s.mutex);
    const auto found = s.functions.find(name);
    if (found == s.functions.end()) {
      return Error{Code::not_found, fmt::format("no function '{}'", name), ""};
    }
    run = s.new_run(found->second, std::move(payload));
    run->answer = [promise](Answer a) { promise->set_value(std::move(a)); };
    switch (s.place(found->second, run, kWaitingEvents, to_start)) {
      case State::Placed::yes:
        break;
      case State::Placed::full:
        return Error{Code::unavailable, fmt::format("too many invocations of '{}' wait", name),
                     "try again later"};
      case State::Placed::stopping:
        return Error{Code::unavailable, "the engine is stopping", ""};
    }
    run->being_placed = false;
  }
  s.start_all(std::move(to_start));
  return future.get();
}

// --- Placing
// ----------------------------------------------------------------------------------------------------

RunPtr LambdaHost::State::new_run(HostedFunction& f, std::string payload) {
  auto run = std::make_shared<Run>();
  run->request_id = uuid();
  run->function = &f;
  run->payload = std::move(payload);
  return run;
}

std::string LambdaHost::State::uuid() {
  const std::uint64_t a = (random() & ~0xF000ULL) | 0x4000ULL;  // version 4
  const std::uint64_t b = (random() & ~(3ULL << 62)) | (2ULL << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xFFFF, a & 0xFFFF,
                     b >> 48, b & 0xFFFF'FFFF'FFFFULL);
}

LambdaHost::State::Placed LambdaHost::State::place(HostedFunction& f, const RunPtr& run,
                                                   std::size_t over,
                                                   std::vector<EnvironmentPtr>& to_start) {
  if (stopping) return Placed::stopping;
  if (static_cast<std::size_t>(f.in_flight) >=
      static_cast<std::size_t>(f.settings.slots()) + over) {
    return Placed::full;
  }
  ++f.in_flight;
  if (!run->task_id.empty()) tasks.emplace(task_key(run->task_id, run->claim), run);
  switch (f.settings.kind) {
    case FunctionSettings::Kind::http:
      call_http(run);
      return Placed::yes;
    case FunctionSettings::Kind::exec:
      f.queue.push_back(run);
      break;
    case FunctionSettings::Kind::command:
      // The one that worked last: its memory is warm, and the others may end.
      for (auto e = f.environments.rbegin(); e != f.environments.rend(); ++e) {
        if (hand_over(**e, run)) return Placed::yes;
      }
      f.queue.push_back(run);
      break;
  }
  if (f.queue.size() > spare(f)) {
    if (auto e = reserve_environment(f)) {
      to_start.push_back(std::move(e));
      run->being_placed = true;
    }
  }
  return Placed::yes;
}

void LambdaHost::State::start_all(std::vector<EnvironmentPtr> to_start) {
  if (to_start.empty()) return;
  bool known = true;
  {
    std::lock_guard lock(mutex);
    for (const auto& e : to_start) known &= e->function->starts;
  }
  if (known) {  // one by one, so that others are served in between
    for (auto& e : to_start) loop.post([this, e = std::move(e)] { start_environment(e); });
    return;
  }
  const auto start_them = [&] {
    for (const auto& e : to_start) start_environment(e);
  };
  if (loop.in_thread()) return start_them();
  std::promise<void> done;
  auto future = done.get_future();
  loop.post([&] {
    start_them();
    done.set_value();
  });
  future.wait();
}

bool LambdaHost::State::hand_over(Environment& e, const RunPtr& run) {
  const FunctionSettings& f = e.function->settings;
  while (e.state == Environment::State::ready && !e.polls.empty() &&
         e.running.size() < static_cast<std::size_t>(f.concurrency)) {
    Responder poll = std::move(e.polls.front());
    e.polls.pop_front();
    const auto now = epoch_ms();
    const auto headers = fmt::format(
        "Content-Type: application/json\r\n"
        "Lambda-Runtime-Aws-Request-Id: {}\r\n"
        "Lambda-Runtime-Deadline-Ms: {}\r\n"
        "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:{}:000000000000:function:{}\r\n"
        "Lambda-Runtime-Trace-Id: Root=1-{:08x}-{:016x}{:08x};Parent={:016x};Sampled=0\r\n",
        run->request_id, now + 1000LL * f.timeout_s, options.region, f.name, now / 1000, random(),
        random() >> 32, random());
    if (!poll.send(200, headers, run->payload)) continue;
    run->handed_over = Steady::now();
    e.running.push_back(run);
    e.tail.clear();
    return true;
  }
  return false;
}

void LambdaHost::State::feed(const EnvironmentPtr& e) {
  auto& queue = e->function->queue;
  while (!queue.empty() && hand_over(*e, queue.front())) queue.pop_front();
}

void LambdaHost::State::call_http(const RunPtr& run) {
  const FunctionSettings& f = run->function->settings;
  run->handed_over = Steady::now();
  over_http.insert(run);
  http->post(
      {.url = f.url,
       .body = run->payload,
       .request_id = run->request_id,
       .timeout_s = f.timeout_s,
       .largest_answer = kLargestAnswer,
       .done = [this, run](HttpAnswer a) {
         const FunctionSettings& settings = run->function->settings;
         auto parsed = parse_json(a.body);
         std::lock_guard lock(mutex);
         over_http.erase(run);
         using End = HttpAnswer::End;
         if (a.end == End::not_sent) {
           refuse(run, fmt::format("{}: {}", settings.url, a.reason));
         } else if (a.end == End::too_large) {
           fail(
               run, "Function.ResponseSizeTooLarge",
               fmt::format("{}: the answer is larger than {} bytes", settings.url, kLargestAnswer));
         } else if (a.end != End::answered) {
           spdlog::warn("{}: task {}: {}: {}; it may have been done, its deadline decides",
                        settings.name, run->task_id, settings.url, a.reason);
           end(run, std::monostate{},
               {json::serialize(
                    json::object{{"errorType", "Sandbox.Timedout"}, {"errorMessage", a.reason}}),
                true, run->request_id, ""});
         } else if (a.status == 429 || a.status == 503) {
           refuse(run, fmt::format("{} answered {}", settings.url, a.status));
         } else if (a.status < 200 || a.status > 299) {
           run->output.append(a.body);
           fail(run, fmt::format("Http{}", a.status),
                fmt::format("{} answered {}", settings.url, a.status));
         } else if (parsed && parsed->is_object()) {
           complete(run, parsed->get_object(), std::move(a.body));
         } else if (a.body.empty() || (parsed && parsed->is_null())) {
           complete(run, {}, "null");
         } else {
           json::object result{{"value", parsed ? *parsed : json::value(valid_utf8(a.body))}};
           std::string payload = json::serialize(result["value"]);
           complete(run, std::move(result), std::move(payload));
         }
       }});
}

// --- Ending
// ----------------------------------------------------------------------------------------------------

void LambdaHost::State::complete(const RunPtr& run, json::object result, std::string payload) {
  run->function->refusals = 0;
  Answer answer{std::move(payload), false, run->request_id, ""};
  Run::Verdict verdict;
  if (!run->task_id.empty() && !run->function->settings.completes_by_report) {
    verdict = Report{Report::Kind::completed, run->task_id, run->claim, {}, std::move(result)};
  }
  end(run, std::move(verdict), std::move(answer));
}

void LambdaHost::State::fail(const RunPtr& run, std::string_view type, std::string message,
                             std::optional<std::string> payload) {
  run->function->refusals = 0;
  Answer answer{payload
                    ? std::move(*payload)
                    : json::serialize(json::object{{"errorType", type}, {"errorMessage", message}}),
                true, run->request_id, ""};
  Run::Verdict verdict;
  if (!run->task_id.empty()) {
    verdict = Report{Report::Kind::failed,
                     run->task_id,
                     run->claim,
                     {},
                     failure(type, message, run->output.text())};
  }
  end(run, std::move(verdict), std::move(answer));
}

void LambdaHost::State::refuse(const RunPtr& run, const std::string& reason) {
  run->refused = reason;
  Run::Verdict verdict;
  if (!run->task_id.empty() && !run->being_placed) {
    verdict = engine::Release{run->task_id, run->claim, engine::Release::Why::rejected, reason};
    HostedFunction& f = *run->function;
    f.refusal = reason;
    if (const auto now = Steady::now(); now >= f.refuses_until) {  // of several at once the first
      f.refuses_until = now + std::min(1000ms * (1 << std::min(f.refusals++, 5)), kLongestRefusal);
    }
  }
  end(run, std::move(verdict),
      {json::serialize(
           json::object{{"errorType", "Runtime.InvalidEntrypoint"}, {"errorMessage", reason}}),
       true, run->request_id, ""});
}

void LambdaHost::State::end(const RunPtr& run, Run::Verdict verdict, Answer answer) {
  HostedFunction& f = *run->function;
  --f.in_flight;
  run->verdict = std::move(verdict);
  if (run->answer) {
    answer.log = run->output.text();
    run->answer(std::move(answer));
  }
  if (!run->task_id.empty()) {
    // One that was refused while its caller waits is the caller's news.
    if (run->being_placed && !run->refused.empty()) {
      tasks.erase(task_key(run->task_id, run->claim));
    } else if (run->reports_pending == 0) {
      conclude(run);
    }
  }
  changed.notify_all();
}

void LambdaHost::State::conclude(const RunPtr& run) {
  if (run->reported || run->verdict->index() == 0) {
    outbox.freed.push_back(run->function->settings.name);
  } else if (auto* report = std::get_if<Report>(&*run->verdict)) {
    outbox.reports.push_back(std::move(*report));
  } else {
    outbox.released.push_back(std::get<engine::Release>(std::move(*run->verdict)));
  }
  concluded.push_back(task_key(run->task_id, run->claim));
  post_flush();
}

void LambdaHost::State::post_flush() {
  if (std::exchange(flush_posted, true)) return;
  loop.post([this] { flush(); });
}

void LambdaHost::State::flush() {
  Outcomes ended;
  std::vector<std::string> told;
  {
    std::lock_guard lock(mutex);
    flush_posted = false;
    ended = std::exchange(outbox, {});
    told = std::exchange(concluded, {});
  }
  if (options.ended) options.ended(std::move(ended));
  // Only now: while the news is on its way, the attempt must not expire.
  std::lock_guard lock(mutex);
  for (const auto& key : told) tasks.erase(key);
}

// --- Limits
// ----------------------------------------------------------------------------------------------------

void LambdaHost::State::sweep() {
  std::lock_guard lock(mutex);
  const auto now = Steady::now();
  bool any = false, busy = false;
  for (auto& [name, f] : functions) {
    const FunctionSettings& settings = f.settings;
    busy |= f.in_flight > 0;
    const auto environments = f.environments;  // the loop below takes some away
    for (const auto& e : environments) {
      any = true;
      const auto timed_out =
          std::find_if(e->running.begin(), e->running.end(), [&](const RunPtr& r) {
            return now - r->handed_over > std::chrono::seconds(settings.timeout_s);
          });
      if (timed_out != e->running.end()) {
        const RunPtr run = *timed_out;
        drain(*e);
        e->running.erase(timed_out);
        fail(run, "Sandbox.Timedout",
             fmt::format("Task timed out after {}.00 seconds", settings.timeout_s));
        lose(e, "Sandbox.Timedout", "ended because another invocation in this process timed out");
      } else if (e->state == Environment::State::starting &&
                 settings.kind == FunctionSettings::Kind::command && e->child.pid != 0 &&
                 now - e->since > std::chrono::duration<double>(settings.init_timeout_s)) {
        lose(e, "Sandbox.Timedout",
             fmt::format("the worker did not ask for work within {} s after its start",
                         settings.init_timeout_s));
      } else if (e->state == Environment::State::ready && e->running.empty() &&
                 now - e->since > std::chrono::duration<double>(e->polls.empty() && !f.queue.empty()
                                                                    ? settings.init_timeout_s
                                                                    : settings.idle_s)) {
        lose(e, "", "");  // idle, or stuck after its last answer
      } else if (settings.memory_mb > 0 && e->child.pid != 0) {
        const auto used = private_memory(e->child.pid) >> 20;
        if (used > static_cast<std::uint64_t>(settings.memory_mb)) {
          drain(*e);
          lose(e, "Runtime.OutOfMemory",
               fmt::format("the worker used {} MB of memory, its limit is {} MB", used,
                           settings.memory_mb));
        }
      }
    }
    balance(f);
  }
  sweeping = any;
  if (any) loop.after(busy ? kSweep : kIdleSweep, [this] { sweep(); });
}

// --- Stopping
// ----------------------------------------------------------------------------------------------------

void LambdaHost::stop(std::chrono::milliseconds grace) {
  State& s = *state_;
  {
    std::unique_lock lock(s.mutex);
    if (s.stopped) return;
    s.stopping = true;
    s.changed.wait_for(lock, grace, [&] {
      return std::all_of(s.functions.begin(), s.functions.end(),
                         [](const auto& f) { return f.second.in_flight == 0; });
    });
    s.stopped = true;
  }
  // Requests over HTTP that were not sent yet are given back. Whoever got one may have begun it:
  // only the deadline of the task ends that.
  s.http.reset();
  std::promise<void> killed;
  s.loop.post([&] {
    std::lock_guard lock(s.mutex);
    const Answer stopped{R"({"errorType":"Stopped","errorMessage":"the engine stopped"})", true, "",
                         ""};
    for (const auto& run : std::exchange(s.over_http, {})) s.end(run, std::monostate{}, stopped);
    for (auto& [name, f] : s.functions) {
      for (const auto& run : std::exchange(f.queue, {})) s.refuse(run, "the engine stopped");
      const auto environments = f.environments;
      for (const auto& e : environments) {
        for (const auto& run : std::exchange(e->running, {})) {
          Run::Verdict verdict;
          if (!run->task_id.empty()) {
            verdict = engine::Release{run->task_id, run->claim, engine::Release::Why::interrupted,
                                      "the engine stopped"};
          }
          s.end(run, std::move(verdict), stopped);
        }
        s.lose(e, "", "");
      }
    }
    killed.set_value();
  });
  killed.get_future().wait();
  {
    std::unique_lock lock(s.mutex);
    s.changed.wait_for(lock, 10s, [&] { return s.children == 0; });
    s.jobs_end = true;  // after the ones that wait
    s.job_waits.notify_all();
  }
  for (auto& thread : s.job_threads) thread.join();
  std::promise<void> flushed;
  s.loop.post([&] {
    s.flush();
    flushed.set_value();
  });
  flushed.get_future().wait();
  s.loop.stop();
}

}  // namespace sosw::local
