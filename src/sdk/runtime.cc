// SPDX-License-Identifier: MIT
// The loop of a function: next event, call, report, response.
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sdk/environment.h"
#include "sdk/exact_json.h"
#include "sdk/invocation.h"
#include "sdk/runtime_api.h"
#include "sdk/sibling_depth.h"
#include "sosw/worker.h"

namespace sosw {
namespace sdk {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxResponse = 6'291'556;  // of Lambda, in bytes
constexpr std::size_t kDepth = 512;              // of nested values in an event
constexpr int kFailedPolls = 3;                  // in a row, then the runtime is taken for gone

int number_or(const std::string& text, int otherwise) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty() ? number
                                                                                   : otherwise;
}

void complain(std::string_view message) { fmt::print(stderr, "sosw: {}\n", message); }

// Tracing libraries look for the trace in the environment. setenv() would keep each value it was
// ever given, so the variable lives in a buffer of ours.
void set_trace_variable(std::string_view trace_id) {
  static char variable[1024] = "_X_AMZN_TRACE_ID=";
  static const std::size_t kName = std::strlen(variable);
  static const int kSet =
      putenv(variable);  // NOLINT(concurrency-mt-unsafe): only while one thread serves
  if (kSet != 0 || kName + trace_id.size() >= sizeof variable) trace_id = {};
  trace_id.copy(variable + kName, trace_id.size());
  variable[kName + trace_id.size()] = '\0';
}

// Of the signal handler, which can reach nothing else.
std::atomic<int> stop_fd = -1;
std::atomic<bool> stop_raised = false;

// Makes SIGTERM readable while it lives, unless the program has its own handler.
class StopSignal {
 public:
  StopSignal() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    stop_fd = fd_;
    stop_raised = false;
    struct sigaction action {};
    if (sigaction(SIGTERM, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;
    action.sa_handler = [](int) {
      const int saved = errno;
      stop_raised = true;
      const std::uint64_t one = 1;
      (void)!write(stop_fd, &one, sizeof one);
      errno = saved;
    };
    installed_ = sigaction(SIGTERM, &action, nullptr) == 0;
  }
  ~StopSignal() {
    if (installed_) signal(SIGTERM, SIG_DFL);
    if (fd_ >= 0) close(fd_);
  }
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  // As if it had come.
  void raise() const {
    stop_raised = true;
    const std::uint64_t one = 1;
    (void)!write(fd_, &one, sizeof one);
  }
  [[nodiscard]] static bool raised() { return stop_raised; }
  // True as soon as the signal came, false after `ms` without it.
  [[nodiscard]] bool wait(int ms) const {
    pollfd waits{fd_, POLLIN, 0};
    return poll(&waits, 1, ms) > 0;
  }

 private:
  int fd_;
  bool installed_ = false;
};

Context function_context() {
  Context context;
  context.function_name = environment("AWS_LAMBDA_FUNCTION_NAME");
  context.function_version = environment("AWS_LAMBDA_FUNCTION_VERSION");
  context.log_group_name = environment("AWS_LAMBDA_LOG_GROUP_NAME");
  context.log_stream_name = environment("AWS_LAMBDA_LOG_STREAM_NAME");
  context.memory_limit_in_mb = number_or(environment("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), 0);
  return context;
}

}  // namespace

// Serves one invocation at a time with one Processor.
class FunctionLoop {
 public:
  FunctionLoop(const std::string& address, const StopSignal& stop,
               std::shared_ptr<Processor> processor, bool alone)
      : api_(address, stop.fd()),
        stop_(stop),
        processor_(std::move(processor)),
        context_(function_context()),
        alone_(alone) {
    processor_->start();
  }

  // Until the runtime or a signal ends it: 0, or 1 when the runtime is lost or the function has
  // died.
  int serve() {
    current_processor() = processor_;
    RuntimeApi::Event event;
    for (int failed = 0; !StopSignal::raised();) {
      switch (api_.next(event)) {
        case RuntimeApi::Poll::event:
          failed = 0;
          handle(event);
          if (died_) return 1;
          break;
        case RuntimeApi::Poll::stopped:
        case RuntimeApi::Poll::ended:
          return 0;
        case RuntimeApi::Poll::failed:
          complain(api_.problem());
          if (++failed == kFailedPolls) return 1;
          if (stop_.wait(100 << failed)) return 0;
      }
    }
    return 0;
  }

 private:
  void handle(const RuntimeApi::Event& event) {
    std::optional<FunctionError> error = begin(event);
    json::value response;
    if (!error) error = run(event, response);
    // What the user has printed belongs to this invocation, and output is seldom a terminal.
    std::fflush(stdout);
    std::cout.flush();
    if (!error) {
      body_ = json::serialize(response);
      make_utf8(body_);
      error = post_response();
    }
    if (error && api_.post_error(context_.aws_request_id, *error) != RuntimeApi::Posted::done)
      complain(api_.problem());
  }

  std::optional<FunctionError> begin(const RuntimeApi::Event& event) {
    context_.aws_request_id = event.request_id;
    context_.invoked_function_arn = event.function_arn;
    context_.trace_id = event.trace_id;
    context_.client_context = event.client_context;
    if (alone_) set_trace_variable(event.trace_id);
    std::int64_t deadline = 0;
    const auto* const end = event.deadline_ms.data() + event.deadline_ms.size();
    const auto [rest, failed] = std::from_chars(event.deadline_ms.data(), end, deadline);
    if (failed != std::errc() || rest != end || event.deadline_ms.empty())
      return FunctionError{
          "Runtime.InvalidDeadline",
          fmt::format("malformed header Lambda-Runtime-Deadline-Ms: '{}'", event.deadline_ms)};
    // What no clock reaches counts as the last moment of the clock.
    using std::chrono::duration_cast, std::chrono::milliseconds, std::chrono::system_clock;
    constexpr auto kLast = duration_cast<milliseconds>(system_clock::duration::max()).count();
    context_.deadline =
        system_clock::time_point(milliseconds(std::clamp<std::int64_t>(deadline, 0, kLast)));
    return std::nullopt;
  }

  std::optional<FunctionError> run(const RuntimeApi::Event& event, json::value& response) {
    json::error_code malformed;
    auto parsed = parse_exactly(event.payload, malformed, kDepth);
    if (malformed)
      return FunctionError{"Runtime.InvalidEvent", "the event is not JSON: " + malformed.message()};
    if (!parsed.is_object())
      return FunctionError{"Runtime.InvalidEvent",
                           fmt::format("the event must be a JSON object, not {}",
                                       std::string_view(json::to_string(parsed.kind())))};
    context_.sibling_depth = take_sibling_depth(parsed.get_object());
    try {
      response = Invocation::run(*processor_, parsed.get_object(), context_);
      return std::nullopt;
    } catch (const Died&) {
      died_ = true;
      return describe_exception();
    } catch (...) {
      return describe_exception();
    }
  }

  std::optional<FunctionError> post_response() {
    const FunctionError too_large{"Function.ResponseSizeTooLarge",
                                  fmt::format("the response of {} bytes is above the limit of {}",
                                              body_.size(), kMaxResponse)};
    if (body_.size() > kMaxResponse) return too_large;
    switch (api_.post_response(context_.aws_request_id, body_)) {
      case RuntimeApi::Posted::done:
        return std::nullopt;
      case RuntimeApi::Posted::too_large:
        return too_large;
      case RuntimeApi::Posted::refused:
      case RuntimeApi::Posted::failed:
        complain(api_.problem());
    }
    return std::nullopt;
  }

  RuntimeApi api_;
  const StopSignal& stop_;
  std::shared_ptr<Processor> processor_;
  Context context_;
  bool alone_;
  bool died_ = false;
  std::string body_;
};

}  // namespace sdk

int detail::run(const std::function<std::unique_ptr<Processor>()>& make) {
  const auto address = sdk::environment("AWS_LAMBDA_RUNTIME_API");
  if (address.empty()) {
    sdk::complain(
        "AWS_LAMBDA_RUNTIME_API is not set: this program is a Lambda function, to be started by "
        "`sosw run` or by AWS Lambda");
    return 2;
  }
  const sdk::StopSignal stop;
  const int threads =
      std::max(sdk::number_or(sdk::environment("AWS_LAMBDA_MAX_CONCURRENCY"), 1), 1);
  std::vector<std::unique_ptr<sdk::FunctionLoop>> loops;
  try {
    for (int i = 0; i < threads; ++i)
      loops.push_back(std::make_unique<sdk::FunctionLoop>(address, stop, make(), threads == 1));
  } catch (...) {
    const auto error = sdk::describe_exception();
    sdk::complain(fmt::format("initialisation failed: {}: {}", error.type, error.message));
    sdk::RuntimeApi api(address, stop.fd());
    if (api.post_init_error(error) != sdk::RuntimeApi::Posted::done) sdk::complain(api.problem());
    return 1;
  }
  std::atomic<int> result = 0;
  const auto serve = [&](sdk::FunctionLoop& loop) {
    if (loop.serve() == 0) return;
    result = 1;
    stop.raise();  // the others end what they are at
  };
  std::vector<std::thread> others;
  for (std::size_t i = 1; i < loops.size(); ++i) others.emplace_back([&, i] { serve(*loops[i]); });
  serve(*loops[0]);
  sdk::current_processor() = nullptr;
  for (auto& other : others) other.join();
  return result;
}

}  // namespace sosw
