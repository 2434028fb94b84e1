// SPDX-License-Identifier: MIT
// Worker: a function that sosw orchestrates. And run(), the main program of every function.
//
//   struct WordCount : sosw::Worker {
//     boost::json::value operator()(const boost::json::object& event) override {
//       count("words", words_of(event.at("text").as_string()));
//       return {};
//     }
//   };
//   int main() { return sosw::run<WordCount>(); }
#pragma once

#include <boost/json.hpp>
#include <concepts>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

#include "sosw/processor.h"

namespace sosw {

// When the event is a task (has a `task_id`), its fate is reported to the WorkerAssistant before
// the invocation ends: completed with the figures of the invocation and result() when the call
// returns, failed with these, `error` and `error_type` when it throws. A report is repeated until
// it is acknowledged; one that cannot be delivered fails the invocation. Stats and results above
// 300 KB together are cut, the largest first. Of the figures those named `total_*` are not sent.
//
// The WorkerAssistant is the function named by `sosw_worker_assistant_lambda` in the config, else
// by the environment variable of that name, else "sosw_worker_assistant".
//
// Lambda may deliver an event twice, or late. So the runtime asks the WorkerAssistant before a call
// for a task with a `claim` whether this run of it may start: one request for each task. When the
// claim is over, or another run of it has begun, there is no call: the invocation ends with success
// and a line in the log, and nothing is reported. An answer is waited for at most 10 seconds and a
// quarter of the time that is left, three times. When nobody can be asked then, the call is made,
// with a warning: what runs twice is less bad than what never runs. So it is, without asking for
// 15 minutes, when the WorkerAssistant does not know the question (that of sosw in Python), and for
// siblings, which go on with a claim that has been started. Nobody asks with `start_fence: false`
// in the config, as it suits a function whose MaximumRetryAttempts are 0, or with the environment
// variable SOSW_START_FENCE=off, which `sosw run` sets, for it delivers nothing twice.
//
// With an object
// `meta_handler_config` in the config each report leaves a row of MetaHandler, "completed" or
// "failed".
class Worker : public Processor {
 public:
  explicit Worker(boost::json::object custom_config = {});
  ~Worker() override;

  // The base's own, for those who call it last as in the original: when the event is a task,
  // reports its completion now instead of later, then does what Processor's does. Throws
  // RuntimeError when it could not be reported.
  boost::json::value operator()(const boost::json::object& event) override = 0;

  // Reports the fate of a task now, with stats() and result() as they are. Of the task of the
  // current event nothing more is reported then, whatever the call does. Throws RuntimeError when
  // it could not be reported.
  void mark_task_as_completed(const boost::json::value& task_id);
  void mark_task_as_failed(const boost::json::value& task_id);

 protected:
  [[nodiscard]] bool may_run(const boost::json::object& event) override;
  void succeeded(const boost::json::object& event) override;
  void failed(const boost::json::object& event, std::string_view error_type,
              std::string_view error_message) override;

 private:
  struct Reporting;
  void report(bool failed, const boost::json::value& task_id, const boost::json::value* claim,
              const boost::json::object& error);

  std::unique_ptr<Reporting> reporting_;
};

namespace detail {

int run(const std::function<std::unique_ptr<Processor>()>& make);

template <class Handler>
concept EventHandler = std::invocable<Handler&, const boost::json::object&>;
template <class Handler>
concept WorkerHandler = std::invocable<Handler&, const boost::json::object&, Worker&>;

template <class Handler>
class FunctionWorker final : public Worker {
 public:
  explicit FunctionWorker(Handler handler) : handler_(std::move(handler)) {}

  boost::json::value operator()(const boost::json::object& event) override {
    if constexpr (WorkerHandler<Handler>)
      return value_of([&]() -> decltype(auto) { return handler_(event, *this); });
    else
      return value_of([&]() -> decltype(auto) { return handler_(event); });
  }

 private:
  template <class Call>
  static boost::json::value value_of(Call call) {
    if constexpr (std::is_void_v<std::invoke_result_t<Call>>)
      return call(), nullptr;
    else
      return boost::json::value_from(call());
  }

  Handler handler_;
};

}  // namespace detail

// Serves invocations by the Lambda Runtime API, on AWS or at home, until the runtime or a SIGTERM
// ends it: `return` it from main(). Returns 0 when it was told to end, 1 when it could not start or
// lost its runtime, 2 when there is no runtime (AWS_LAMBDA_RUNTIME_API is not set). With
// AWS_LAMBDA_MAX_CONCURRENCY = n it serves n invocations at a time, each in a thread with a
// Processor of its own. Once at a time in a process.
//
// `args` are given to the constructor: run<WordCount>() or run<WordCount>(custom_config).
template <std::derived_from<Processor> P, class... Args>
requires std::constructible_from<P, const Args&...>
int run(const Args&... args) {
  return detail::run([&]() -> std::unique_ptr<Processor> { return std::make_unique<P>(args...); });
}

// The same for a plain function: handler(event) or handler(event, worker), where `worker` gives
// stats(), result(), count() and context(). It may return nothing, or what
// boost::json::value_from() takes. Each thread calls a copy of it.
template <class Handler>
requires(!std::derived_from<Handler, Processor> &&
         (detail::EventHandler<Handler> ||
          detail::WorkerHandler<Handler>)) int run(Handler handler) {
  return detail::run([&]() -> std::unique_ptr<Processor> {
    return std::make_unique<detail::FunctionWorker<Handler>>(handler);
  });
}

}  // namespace sosw
