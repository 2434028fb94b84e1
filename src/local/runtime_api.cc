// SPDX-License-Identifier: MIT
// The Lambda Runtime API: what a worker process asks and answers. One listener for each process.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "core/json_text.h"
#include "local/lambda_host_state.h"

namespace sosw::local {
namespace {

constexpr std::string_view kJson = "Content-Type: application/json\r\n";
constexpr std::string_view kInvocation = "/2018-06-01/runtime/invocation/";
constexpr std::string_view kInitError = "/2018-06-01/runtime/init/error";
constexpr std::string_view kErrorType = "Lambda-Runtime-Function-Error-Type";

void answer_error(Responder& r, int status, std::string_view type, std::string_view message) {
  r.send(status, kJson,
         json::serialize(json::object{{"errorType", type}, {"errorMessage", message}}));
}

void accepted(Responder& r) { r.send(202, kJson, R"({"status":"OK"})"); }

// What a worker says about its error; whatever form it has.
struct FunctionError {
  std::string type = "Runtime.UnknownReason";
  std::string message;
};
FunctionError function_error(std::string_view header, std::string_view body) {
  FunctionError error;
  if (!header.empty()) error.type = valid_utf8(header);  // HTTP lets any bytes through
  const auto value = parse_json(body);
  const auto* fields = value ? value->if_object() : nullptr;
  const auto text = [&](std::string_view name) -> const json::string* {
    const auto* v = fields ? fields->if_contains(name) : nullptr;
    return v ? v->if_string() : nullptr;
  };
  if (const auto* type = text("errorType")) error.type = *type;
  if (const auto* message = text("errorMessage")) {
    error.message = *message;
  } else {
    error.message = valid_utf8(body.substr(0, kTail));
  }
  if (error.message.empty()) error.message = "the worker reported an error without a message";
  return error;
}

// An answer of a worker as a result: objects as they are, null as none, the rest as {"value": ...}.
Result<json::object> result_of(std::string_view body) {
  if (body.empty() || body == "null") return json::object{};
  auto value = parse_json(body);
  if (!value) {
    // JSON all the same, but with a number or a depth that we cannot keep exactly: as a text then.
    // The work is done, and its completion must not depend on it.
    if (is_json(body)) return json::object{{"value", body}};
    return invalid(fmt::format("the answer of the worker is {}; it begins with '{}'",
                               value.error().message, valid_utf8(body.substr(0, 80))));
  }
  if (value->is_null()) return json::object{};
  if (value->is_object()) return std::move(value->get_object());
  return json::object{{"value", std::move(*value)}};
}

}  // namespace

bool is_json(std::string_view text) {
  json::parse_options options;
  options.max_depth = 10'000;
  json::error_code e;
  (void)json::parse({text.data(), text.size()}, e, {}, options);
  return !e;
}

void LambdaHost::State::runtime_request(const EnvironmentPtr& e, HttpRequest& request,
                                        Responder responder) {
  // A page in a browser on this machine could reach the port; a worker never sends these.
  if (!request.header("Origin").empty() || !request.header("Sec-Fetch-Site").empty()) {
    return answer_error(responder, 403, "AccessDenied",
                        "this address is for the worker process only");
  }
  const std::string_view target = request.target;
  if (request.method == "GET" && target.starts_with(kInvocation) &&
      target.substr(kInvocation.size()) == "next") {
    std::lock_guard lock(mutex);
    if (e->state == Environment::State::dying) {
      return answer_error(responder, 410, "Runtime.Stopped", "this environment is being shut down");
    }
    e->state = Environment::State::ready;
    const auto concurrency = static_cast<std::size_t>(e->function->settings.concurrency);
    if (e->running.size() >= concurrency && e->polls.empty() && concurrency == 1) {
      drain(*e);
      for (const auto& run : std::exchange(e->running, {})) {
        fail(run, "Runtime.NoResponse",
             "the worker asked for the next invocation without answering this one");
      }
    }
    e->since = Steady::now();
    const void* id = responder.id();
    responder.on_closed([this, weak = std::weak_ptr(e), id] {
      const auto environment = weak.lock();
      if (!environment) return;
      std::lock_guard held(mutex);
      std::erase_if(environment->polls, [&](const Responder& r) { return r.id() == id; });
    });
    e->polls.push_back(std::move(responder));
    return feed(e);
  }
  if (request.method == "POST" && target == kInitError) {
    const auto error = function_error(request.header(kErrorType), request.body);
    accepted(responder);
    std::lock_guard lock(mutex);
    if (e->state != Environment::State::starting) return;
    drain(*e);
    return lose(e, error.type, error.message);
  }
  const bool response = target.ends_with("/response");
  if (request.method != "POST" || !target.starts_with(kInvocation) ||
      (!response && !target.ends_with("/error"))) {
    return answer_error(responder, 404, "NotFound",
                        "the Runtime API has invocation/next, invocation/{id}/response, "
                        "invocation/{id}/error and init/error");
  }

  const auto id = target.substr(kInvocation.size(), target.rfind('/') - kInvocation.size());
  const bool too_large = request.too_large || request.body.size() > kLargestAnswer;
  const auto late_error = request.header(kErrorType);
  std::optional<Result<json::object>> result;
  std::optional<FunctionError> error;
  if (!response || !late_error.empty()) {
    error = function_error(late_error, request.body);
  } else if (!too_large) {
    result = result_of(request.body);
  }

  std::lock_guard lock(mutex);
  const auto found = std::find_if(e->running.begin(), e->running.end(),
                                  [&](const RunPtr& r) { return r->request_id == id; });
  if (found == e->running.end()) {
    spdlog::warn(
        "{}: a worker answered invocation '{}', which it does not have (answered twice, or "
        "after its timeout); ignored",
        e->function->settings.name, id);
    return answer_error(
        responder, 400, "InvalidRequestID",
        "this process has no such invocation: it was answered before, or timed out");
  }
  // What it has printed came first: the log of the invocation must have it.
  drain(*e);
  const RunPtr run = *found;
  if (run->logged) {
    const std::chrono::duration<double, std::milli> took = Steady::now() - run->handed_over;
    log(*e, fmt::format("END RequestId: {}\nREPORT RequestId: {}\tDuration: {:.2f} ms\n",
                        run->request_id, run->request_id, took.count()));
  }
  std::erase(e->running, run);
  e->since = Steady::now();
  if (too_large) {
    const std::string message = fmt::format(
        "the answer of the worker is larger than {} bytes, the limit of Lambda", kLargestAnswer);
    fail(run, "Function.ResponseSizeTooLarge", message);
    return answer_error(responder, 413, "RequestEntityTooLarge", message);
  }
  if (error) {
    fail(run, error->type, error->message, std::move(request.body));
  } else if (!*result) {
    fail(run, "Runtime.InvalidResponse", result->error().message);
  } else {
    complete(run, std::move(**result), std::move(request.body));
  }
  accepted(responder);
}

}  // namespace sosw::local
