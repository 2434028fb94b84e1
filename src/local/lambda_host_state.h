// SPDX-License-Identifier: MIT
// Private to the local Lambda host: what its four parts share.
//   lambda_host.cc   accepting, placing and ending invocations; time limits; stopping
//   environments.cc  processes: start, output, exit
//   runtime_api.cc   what workers ask and answer
//   invoke_api.cc    what AWS clients ask; functions that this process answers itself
//
// One mutex guards everything. Answers are sent under it by whichever thread has the news, so that
// a task reaches a waiting worker without a change of threads. Processes are started, and events of
// processes arrive, in the loop's thread only.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>

#include "local/child_process.h"
#include "local/credentials.h"
#include "local/event_loop.h"
#include "local/function_log.h"
#include "local/function_settings.h"
#include "local/http_calls.h"
#include "local/lambda_host.h"

namespace sosw::local {

using Steady = std::chrono::steady_clock;

inline constexpr std::size_t kLargestTask = 1U << 20;     // payload of an asynchronous invocation
inline constexpr std::size_t kLargestPayload = 6U << 20;  // of a synchronous one
inline constexpr std::size_t kLargestAnswer = (6U << 20) + 100;
inline constexpr std::size_t kLargestBody = 32U << 20;  // what is read only to be refused politely
inline constexpr std::size_t kWaitingEvents = 1000;     // of a function, beyond its slots

struct Environment;
struct HostedFunction;

// An invocation from its acceptance to its end.
struct Run {
  std::string request_id;
  HostedFunction* function = nullptr;
  std::string task_id, claim;  // empty: outside of the queue
  std::string payload;
  Steady::time_point handed_over;
  std::function<void(LambdaHost::Answer)> answer;  // who waits for it; not for tasks
  bool being_placed = false;  // its caller still waits to hear whether it was accepted
  std::string refused;        // why it was not
  bool logged = false;        // START has been written
  Tail output;
  // Reports of the worker itself about this claim, through the WorkerAssistant.
  int reports_pending = 0;
  bool reported = false;
  using Verdict = std::variant<std::monostate, Report, engine::Release>;
  std::optional<Verdict> verdict;  // set when it has ended
};
using RunPtr = std::shared_ptr<Run>;

// A process of a worker.
struct Environment {
  HostedFunction* function = nullptr;
  int slot = 0;
  AccessKey key;
  EventLoop::Listener listener;  // of the Runtime API (command)
  Child child;
  int output = -1, errors = -1;  // owned by the loop
  enum class State : unsigned char { starting, ready, dying } state = State::starting;
  std::deque<Responder> polls;  // requests for the next invocation, waiting
  std::vector<RunPtr> running;
  Steady::time_point since;     // of the start; of the last moment with work
  Tail tail;                    // output that belongs to no single invocation
  std::string standard_output;  // exec
};
using EnvironmentPtr = std::shared_ptr<Environment>;

struct HostedFunction {
  FunctionSettings settings;
  std::deque<RunPtr> queue;                  // accepted, waiting for a poll
  std::vector<EnvironmentPtr> environments;  // starting and ready
  int in_flight = 0;                         // queued and running
  // After a refusal that came too late to be an answer of invoke(): what is refused until when, so
  // that a service that is down is not asked again at once.
  Steady::time_point refuses_until;
  std::string refusal;
  int refusals = 0;                                // in a row
  bool starts = false;                             // the last start of a process succeeded
  std::vector<std::unique_ptr<FunctionLog>> logs;  // by slot
  std::vector<bool> slots;                         // taken
};

struct LambdaHost::State {
  Options options;
  EventLoop::Listener listener;
  AccessKey user;

  std::mutex mutex;                 // guards all below
  std::condition_variable changed;  // something ended
  std::map<std::string, HostedFunction, std::less<>> functions;
  std::unordered_map<std::string, RunPtr> tasks;  // by task id and claim, until their end is told
  std::vector<std::string> concluded;             // those of `tasks` whose end is in the outbox
  std::set<RunPtr> over_http;
  struct KeyHolder {
    HostedFunction* function = nullptr;      // null: the user
    std::weak_ptr<Environment> environment;  // empty: any of the function
  };
  std::map<std::string, KeyHolder, std::less<>> keys;
  Outcomes outbox;
  bool flush_posted = false;
  bool sweeping = false;
  bool stopping = false;
  bool stopped = false;
  int children = 0;  // not reaped yet
  std::mt19937_64 random;

  // Calls of Options::functions.
  struct Job {
    const Function* function = nullptr;
    json::value event;
    Caller caller;
    RunPtr reports_about;
    std::function<void(Result<json::value>)> answer;  // may be empty
  };
  std::deque<Job> jobs;
  std::condition_variable job_waits;
  bool jobs_end = false;
  std::vector<std::thread> job_threads;

  std::unique_ptr<HttpCalls> http;
  EventLoop loop;  // the last: its thread ends before the rest goes

  State();
  ~State();

  // --- lambda_host.cc; the mutex is held ---
  enum class Placed : unsigned char { yes, full, stopping };
  // `over`: how many beyond the slots may wait. Adds the processes to start to `to_start`.
  Placed place(HostedFunction& f, const RunPtr& run, std::size_t over,
               std::vector<EnvironmentPtr>& to_start);
  bool hand_over(Environment& e, const RunPtr& run);
  void feed(const EnvironmentPtr& e);  // queued invocations to its polls
  void end(const RunPtr& run, Run::Verdict verdict, LambdaHost::Answer answer);
  void complete(const RunPtr& run, json::object result, std::string payload);
  void fail(const RunPtr& run, std::string_view type, std::string message,
            std::optional<std::string> payload = {});
  void refuse(const RunPtr& run, const std::string& reason);  // for certain not started
  void conclude(const RunPtr& run);
  void post_flush();
  RunPtr new_run(HostedFunction& f, std::string payload);
  std::string uuid();
  void call_http(const RunPtr& run);
  // --- the mutex is not held ---
  // Starts the processes; waits for that where a function is not known to start.
  void start_all(std::vector<EnvironmentPtr> to_start);
  void sweep();
  void flush();

  // --- environments.cc ---
  EnvironmentPtr reserve_environment(HostedFunction& f);  // mutex held
  void start_environment(const EnvironmentPtr& e);        // loop's thread, mutex not held
  std::size_t spare(const HostedFunction& f) const;       // mutex held, as in all below
  void balance(HostedFunction& f);                        // as many processes as the queue needs
  void lose(const EnvironmentPtr& e, std::string_view type, const std::string& message);
  void init_failed(HostedFunction& f, std::string_view type, const std::string& message);
  void drain(Environment& e);
  void output_arrived(Environment& e, std::string_view text);
  void log(Environment& e, std::string_view text);
  void exited(const EnvironmentPtr& e);
  void forget(const EnvironmentPtr& e);
  void exec_ended(Environment& e, const RunPtr& run, const Exit& exit);

  // --- runtime_api.cc ---
  void runtime_request(const EnvironmentPtr& e, HttpRequest& request, Responder responder);

  // --- invoke_api.cc ---
  void aws_request(HttpRequest& request, Responder responder);
  void invoke_function(const KeyHolder& holder, std::string_view name, HttpRequest& request,
                       Responder responder);
  // GetFunctionConfiguration. The mutex is not held.
  void show_function(std::string_view name, std::string_view request_id, Responder& responder);
  void no_such_function(std::string_view name, std::string_view request_id,
                        Responder& responder) const;
  [[nodiscard]] std::string function_arn(std::string_view name) const;
  void run_jobs();        // body of the threads
  bool add_job(Job job);  // false: none is taken any more
  // Whom an event is about, and `claim` added to a report without one. Mutex held.
  void attribute(const KeyHolder& holder, bool reports, Job& job);
};

// Name of the function in a name or an ARN, with or without version.
[[nodiscard]] std::string function_name(std::string_view name_or_arn);
[[nodiscard]] bool is_json(std::string_view text);
[[nodiscard]] std::string task_key(std::string_view task_id, std::string_view claim);

}  // namespace sosw::local
