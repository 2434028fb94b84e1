// SPDX-License-Identifier: MIT
// The Lambda Invoke API for boto3, the aws command line and workers that call each other, the
// config table beside it, and the functions that this process answers itself.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "core/json_text.h"
#include "local/base64.h"
#include "local/lambda_host_state.h"

namespace sosw::local {
namespace {

constexpr std::string_view kFunctions = "/2015-03-31/functions/";
constexpr std::string_view kEventInvokeConfigs = "/2019-09-25/functions/";
constexpr int kLongestTimeout = 900;  // that Lambda knows, in seconds

std::string percent_decoded(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    c = static_cast<char>(c | 32);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
  };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0 &&
        digit(text[i + 2]) >= 0) {
      plain += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
      i += 2;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

void answer_error(Responder& r, int status, std::string_view type, std::string_view message,
                  std::string_view request_id) {
  r.send(status,
         fmt::format("Content-Type: application/json\r\nx-amzn-ErrorType: {}\r\n"
                     "x-amzn-RequestId: {}\r\n",
                     type, request_id),
         json::serialize(json::object{{"Type", status < 500 ? "User" : "Service"},
                                      {"Message", message},
                                      {"message", message}}));
}

void answer_invoke(Responder& r, const LambdaHost::Answer& a, bool tail) {
  r.send(200,
         fmt::format("Content-Type: application/json\r\nx-amzn-RequestId: {}\r\n"
                     "X-Amz-Executed-Version: $LATEST\r\n{}{}",
                     a.request_id, a.failed ? "X-Amz-Function-Error: Unhandled\r\n" : "",
                     tail ? fmt::format("X-Amz-Log-Result: {}\r\n", base64(a.log)) : ""),
         a.payload);
}

// What stands between `before` and `after`, if `path` is no more than that.
std::optional<std::string_view> between(std::string_view path, std::string_view before,
                                        std::string_view after) {
  if (path.size() < before.size() + after.size() || !path.starts_with(before) ||
      !path.ends_with(after)) {
    return std::nullopt;
  }
  path.remove_prefix(before.size());
  path.remove_suffix(after.size());
  return path;
}

std::string_view text_in(const json::object& event, std::string_view name) {
  const auto* v = event.if_contains(name);
  return v && v->is_string() ? std::string_view(v->get_string()) : std::string_view{};
}

}  // namespace

std::string function_name(std::string_view name) {
  constexpr std::string_view kFunctionPart = "function:";
  if (const auto at = name.find(kFunctionPart); at != std::string_view::npos) {
    name.remove_prefix(at + kFunctionPart.size());
  }
  return std::string(name.substr(0, name.find(':')));
}

void LambdaHost::State::aws_request(HttpRequest& request, Responder responder) {
  const auto key = access_key_id(request.header("Authorization"));
  const auto target = request.header("X-Amz-Target");
  const bool table = !target.empty();  // DynamoDB and Glue name their operations so
  std::string id;
  std::optional<KeyHolder> holder;
  {
    std::lock_guard lock(mutex);
    id = uuid();
    if (const auto found = keys.find(key); found != keys.end()) holder = found->second;
  }
  if (!holder) {
    const std::string message = fmt::format(
        "this engine has not issued the access key '{}'. Workers get theirs in the environment; "
        "for "
        "a person it is in {}/credentials (AWS_SHARED_CREDENTIALS_FILE)",
        key, options.data_folder);
    if (!table) return answer_error(responder, 403, "AccessDeniedException", message, id);
    responder.send(400, "Content-Type: application/x-amz-json-1.0\r\n",
                   json::serialize(json::object{
                       {"__type", "com.amazonaws.dynamodb.v20120810#AccessDeniedException"},
                       {"message", message}}));
    return;
  }
  if (table && request.method == "POST") {
    const auto a = answer_config_table(target, request.body, options.configs, options.region);
    responder.send(
        a.status,
        fmt::format("Content-Type: application/x-amz-json-1.0\r\nx-amzn-RequestId: {}\r\n", id),
        a.body);
    return;
  }
  const std::string_view path = request.target.substr(0, request.target.find('?'));
  if (request.method == "POST") {
    if (const auto name = between(path, kFunctions, "/invocations"))
      return invoke_function(*holder, percent_decoded(*name), request, std::move(responder));
  } else if (request.method == "GET") {
    if (const auto name = between(path, kFunctions, "/configuration"))
      return show_function(percent_decoded(*name), id, responder);
    if (const auto name = between(path, kEventInvokeConfigs, "/event-invoke-config")) {
      return answer_error(responder, 404, "ResourceNotFoundException",
                          fmt::format("The function {} doesn't have an EventInvokeConfig",
                                      function_arn(percent_decoded(*name))),
                          id);
    }
  }
  answer_error(responder, 404, "UnknownOperationException",
               fmt::format("sosw has no {} {}: of Lambda it serves Invoke, "
                           "GetFunctionConfiguration and GetFunctionEventInvokeConfig",
                           request.method, path),
               id);
}

std::string LambdaHost::State::function_arn(std::string_view name) const {
  return fmt::format("arn:aws:lambda:{}:000000000000:function:{}", options.region,
                     function_name(name));
}

void LambdaHost::State::no_such_function(std::string_view name, std::string_view request_id,
                                         Responder& responder) const {
  answer_error(responder, 404, "ResourceNotFoundException",
               fmt::format("Function not found: {}", function_arn(name)), request_id);
}

void LambdaHost::State::show_function(std::string_view name, std::string_view request_id,
                                      Responder& responder) {
  const std::string function = function_name(name);
  json::object configuration{{"FunctionName", function}, {"FunctionArn", function_arn(name)},
                             {"Version", "$LATEST"},     {"State", "Active"},
                             {"PackageType", "Zip"},     {"Runtime", "provided.al2023"}};
  {
    std::lock_guard lock(mutex);
    if (const auto hosted = functions.find(function); hosted != functions.end()) {
      const FunctionSettings& settings = hosted->second.settings;
      configuration["Timeout"] = settings.timeout_s;
      configuration["Handler"] = settings.handler;
      if (settings.memory_mb > 0) configuration["MemorySize"] = settings.memory_mb;
    } else if (options.functions.contains(function)) {
      configuration["Timeout"] = kLongestTimeout;  // it has no limit
    } else {
      return no_such_function(name, request_id, responder);
    }
  }
  responder.send(
      200, fmt::format("Content-Type: application/json\r\nx-amzn-RequestId: {}\r\n", request_id),
      json::serialize(configuration));
}

void LambdaHost::State::invoke_function(const KeyHolder& holder, std::string_view name,
                                        HttpRequest& request, Responder responder) {
  const std::string function = function_name(name);
  const auto own = options.functions.find(function);
  std::unique_lock lock(mutex);
  const std::string id = uuid();
  const auto hosted = functions.find(function);
  if (own == options.functions.end() && hosted == functions.end()) {
    return no_such_function(name, id, responder);
  }
  const auto type = request.header("X-Amz-Invocation-Type");
  const bool event_type = type == "Event";
  if (type == "DryRun") {
    responder.send(204, fmt::format("x-amzn-RequestId: {}\r\n", id), "");
    return;
  }
  if (!event_type && !type.empty() && type != "RequestResponse") {
    return answer_error(responder, 400, "InvalidParameterValueException",
                        fmt::format("unknown invocation type '{}'", type), id);
  }
  const std::size_t limit = event_type ? kLargestTask : kLargestPayload;
  if (request.too_large || request.body.size() > limit) {
    return answer_error(
        responder, 413, "RequestTooLargeException",
        fmt::format("{} byte payload is too large for the {} invocation type (limit {} "
                    "bytes)",
                    request.too_large ? fmt::format("more than {}", kLargestBody)
                                      : std::to_string(request.body.size()),
                    event_type ? "Event" : "RequestResponse", limit),
        id);
  }
  if (request.body.empty()) request.body = "{}";
  auto event = parse_json(request.body);
  if (!event && (own != options.functions.end() || !is_json(request.body))) {
    return answer_error(responder, 400, "InvalidRequestContentException",
                        "Could not parse request body into json: " + event.error().message, id);
  }
  const bool tail = request.header("X-Amz-Log-Type") == "Tail";
  const std::string accepted_headers = fmt::format("x-amzn-RequestId: {}\r\n", id);

  if (own != options.functions.end()) {
    Job job;
    job.function = &own->second;
    job.event = std::move(*event);
    attribute(holder, function == options.worker_assistant, job);
    if (event_type) {
      job.answer = [function](const Result<json::value>& r) {
        if (!r) spdlog::error("{}: {}", function, r.error().text());
      };
    } else {
      auto waiting = std::make_shared<Responder>(std::move(responder));
      job.answer = [waiting, id, tail](const Result<json::value>& r) {
        const auto payload = r ? json::serialize(*r)
                               : json::serialize(json::object{{"errorMessage", r.error().text()},
                                                              {"errorType", "Error"}});
        answer_invoke(*waiting, {payload, !r, id, ""}, tail);
      };
    }
    lock.unlock();
    const bool taken = add_job(std::move(job));
    // Otherwise the job has the right to answer.
    if (event_type)
      responder.send(taken ? 202 : 503, accepted_headers, "");  // NOLINT(bugprone-use-after-move)
    return;
  }

  HostedFunction& f = hosted->second;
  const RunPtr run = new_run(f, std::move(request.body));
  run->request_id = id;
  auto waiting = std::make_shared<Responder>(std::move(responder));
  if (!event_type) {
    run->answer = [waiting, tail](const LambdaHost::Answer& a) {
      answer_invoke(*waiting, a, tail);
    };
  } else {
    run->answer = [function](const LambdaHost::Answer& a) {
      if (a.failed)
        spdlog::error("{}: asynchronous invocation {}: {}", function, a.request_id, a.payload);
    };
  }
  std::vector<EnvironmentPtr> to_start;
  const Placed placed = place(f, run, kWaitingEvents, to_start);
  run->being_placed = false;
  lock.unlock();
  if (placed != Placed::yes) {
    return answer_error(*waiting, placed == Placed::full ? 429 : 503,
                        placed == Placed::full ? "TooManyRequestsException" : "ServiceException",
                        placed == Placed::full ? "too many invocations of this function wait"
                                               : "the engine is stopping",
                        id);
  }
  start_all(std::move(to_start));
  if (event_type) waiting->send(202, accepted_headers, "");
}

void LambdaHost::State::attribute(const KeyHolder& holder, bool reports, Job& job) {
  if (holder.function == nullptr) return;
  job.caller.labourer_id = holder.function->settings.name;
  auto* event = job.event.if_object();
  const auto task_id = event ? text_in(*event, "task_id") : std::string_view{};
  if (task_id.empty()) return;

  RunPtr run;
  const auto look_at = [&](const Environment& e) {
    for (const auto& r : e.running) {
      if (r->task_id == task_id) run = r;
    }
  };
  if (const auto environment = holder.environment.lock()) {
    look_at(*environment);
  } else {  // a key from the configuration, which several labourers may have
    for (const auto& [name, f] : functions) {
      for (const auto& other : f.environments) look_at(*other);
    }
  }
  if (!run) return;
  job.caller.labourer_id = run->function->settings.name;
  job.caller.task_id = run->task_id;
  job.caller.claim = run->claim;
  if (!reports) return;
  if (text_in(*event, "claim").empty()) (*event)["claim"] = run->claim;
  if (text_in(*event, "claim") != run->claim) return;
  job.reports_about = run;
  ++run->reports_pending;
}

// --- Functions of this process
// ----------------------------------------------------------------------------------------------------

bool LambdaHost::State::add_job(Job job) {
  std::lock_guard lock(mutex);
  if (jobs_end) return false;
  jobs.push_back(std::move(job));
  job_waits.notify_one();
  return true;
}

void LambdaHost::State::run_jobs() {
  std::unique_lock lock(mutex);
  while (true) {
    job_waits.wait(lock, [this] { return jobs_end || !jobs.empty(); });
    if (jobs.empty()) return;
    Job job = std::move(jobs.front());
    jobs.pop_front();
    lock.unlock();
    Result<json::value> result = (*job.function)(job.event, job.caller);
    // A worker that asks whether it may start has not told how its task ended.
    const auto* const answer = result ? result->if_object() : nullptr;
    const bool done = result && !(answer && answer->contains("start"));
    if (job.answer) job.answer(std::move(result));
    lock.lock();
    if (Run* run = job.reports_about.get()) {
      run->reported |= done;
      // Its invocation has ended meanwhile, and only waited for this.
      if (--run->reports_pending == 0 && run->verdict) conclude(job.reports_about);
    }
  }
}

}  // namespace sosw::local
