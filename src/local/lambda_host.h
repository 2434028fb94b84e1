// SPDX-License-Identifier: MIT
// AWS Lambda on one machine: starts workers, hands them tasks over the Runtime API, notices how
// each attempt ends, and answers the Invoke API.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/task.h"
#include "engine/ports.h"
#include "local/config_table.h"

namespace sosw::local {

// What became of invocations since the last call.
struct Outcomes {
  std::vector<Report> reports;  // how attempts ended. A failure has result.error, .error_type and
                                // .log (the last 4 KiB of output)
  std::vector<engine::Release> released;  // accepted, but for certain never started; or ended
                                          // by stop()
  std::vector<std::string> freed;  // labourers that have a slot again though nothing is to be
                                   // reported: the worker had done that itself
};

class LambdaHost final : public engine::Invoker {
 public:
  // Who calls a function.
  struct Caller {
    std::string labourer_id;     // of the calling worker; empty: a person
    std::string task_id, claim;  // that the call is about, when the caller runs it now
  };
  // A function that this process answers itself, such as an Essential. The event of a report has
  // had `claim` added when the worker left it out and runs that task.
  using Function = std::function<Result<json::value>(const json::value& event, const Caller&)>;

  struct Options {
    std::string address = "127.0.0.1";
    std::uint16_t port = 0;      // of the Invoke API and the config table; 0: any free one
    std::string data_folder;     // absolute, exists: `credentials` and `logs/` are written here
    std::string project_folder;  // absolute: relative commands and folders start here
    std::string region = "us-west-2";
    Configs configs;  // what Python workers read from the table `config`
    std::map<std::string, Function, std::less<>> functions;
    std::string worker_assistant = "sosw_worker_assistant";  // the one of `functions` that takes
                                                             // reports
    int function_threads = 16;                               // calls of `functions` at once
    std::size_t log_bytes = 4U << 20;     // of each of the two files that a slot of a function has
    std::function<void(Outcomes)> ended;  // in a thread of the host, one call at a time; must not
                                          // block
  };

  // Starts listening; processes are started when there is work. Kills first what an engine before
  // this one, with the same data folder, has left behind. Errors: invalid (settings of a labourer,
  // address), conflict (port), denied (data folder).
  static Result<std::unique_ptr<LambdaHost>> start(Options options,
                                                   const engine::Labourers& labourers);
  ~LambdaHost() override;  // stop(0)

  // Accepted invocations end in `Options::ended`, each exactly once; with two exceptions that only
  // the deadline ends: an HTTP worker that may have got its request but gave no answer, and a
  // labourer with `"completes": "report"`. May start processes; only a function whose last start
  // failed, or which was never started, makes it wait for that.
  std::vector<engine::Invoked> invoke(std::span<const engine::Invocation> invocations) override;
  int free_slots(const Labourer& labourer) override;
  // Whether this host has an attempt that has not ended: what TaskStore::expire asks.
  bool running(std::string_view task_id, std::string_view claim) override;

  struct Answer {
    std::string payload;  // JSON text, or {"errorMessage", "errorType"...}
    bool failed = false;  // the function, not the call
    std::string request_id;
    std::string log;  // last 4 KiB of what the worker has written
  };
  // One invocation outside of the queue, waited for. `function`: name or ARN. Errors: not_found,
  // invalid (payload), unavailable (all slots taken, or stopping).
  Result<Answer> call(std::string_view function, std::string payload);

  [[nodiscard]] std::uint16_t port() const;

  // Takes no more work, gives running invocations `grace` to end, kills the rest and releases their
  // claims as interrupted. `ended` has been called for all when it returns, and is not called
  // again. Not from `ended`.
  void stop(std::chrono::milliseconds grace);

  LambdaHost(const LambdaHost&) = delete;
  LambdaHost& operator=(const LambdaHost&) = delete;

  struct State;  // private

 private:
  explicit LambdaHost(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sosw::local
