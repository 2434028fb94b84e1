// SPDX-License-Identifier: MIT
// Calls, what their answers mean, and when they are repeated.
#include "aws/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <ctime>
#include <random>
#include <thread>

#include "aws/http.h"
#include "aws/query.h"
#include "aws/services.h"
#include "aws/sigv4.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr milliseconds kLongestPause{20'000};
// Services refuse a signature whose time is 5 minutes off; the difference is taken over before.
constexpr std::chrono::minutes kSkew{4};

bool any_of(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

// The service says that it did nothing because it is asked too much.
bool is_throttling(std::string_view code, int status) {
  return status == 429 ||
         any_of(code, {"Throttling", "ThrottlingException", "ThrottledException",
                       "RequestThrottledException", "RequestThrottled", "TooManyRequestsException",
                       "ProvisionedThroughputExceededException", "RequestLimitExceeded",
                       "BandwidthLimitExceeded", "LimitExceededException", "SlowDown",
                       "PriorRequestNotComplete", "EC2ThrottledException"});
}

bool is_skew(std::string_view code) {
  return any_of(code, {"RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture",
                       "InvalidSignatureException", "SignatureDoesNotMatch", "AuthFailure"});
}

std::string_view text_in(const json::object& object, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys)
    if (const auto* value = object.if_contains(key); value && value->is_string())
      return value->get_string();
  return {};
}

// "com.amazonaws.dynamodb.v20120810#Name" and "Name:http://..." are Name.
std::string_view plain_code(std::string_view code) {
  if (const auto hash = code.rfind('#'); hash != code.npos) code.remove_prefix(hash + 1);
  return code.substr(0, code.find(':'));
}

// Whether twice is as good as once, when nobody knows whether it was done.
bool repeatable(std::string_view service, const Operation& call) {
  if (service == "dynamodb" && call.name == "UpdateItem") {
    // What counts up, or appends, would count twice.
    const auto update = text_in(call.input, {"UpdateExpression"});
    return call.input.contains("UpdateExpression") && update.find('+') == update.npos &&
           update.find('-') == update.npos && update.find("ADD") == update.npos &&
           update.find("add ") == update.npos && update.find("list_append") == update.npos;
  }
  return !any_of(call.name,
                 {"Publish", "PublishBatch", "SendMessage", "SendMessageBatch", "PutEvents",
                  "PutRecord", "PutRecords", "PutMetricData", "StartExecution",
                  "StartQueryExecution", "CreateStack", "UpdateStack", "SendCommand",
                  "ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"});
}

// "Tue, 24 Nov 2026 10:00:00 GMT"
std::optional<system_clock::time_point> date_of(const Headers& headers) {
  const std::string text(find_header(headers, "date"));
  std::tm parts{};
  if (text.empty() || strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S", &parts) == nullptr)
    return std::nullopt;
  return system_clock::from_time_t(timegm(&parts));
}

}  // namespace

std::string CallError::text() const {
  auto text =
      fmt::format("{} {}: {}{}{}", service, operation, code, code.empty() ? "" : ": ", message);
  if (status != 0) text += fmt::format(" (HTTP {})", status);
  if (!request_id.empty()) text += fmt::format(" (request {})", request_id);
  return text;
}

struct Client::State {
  std::string name;
  const Service* service = nullptr;
  ClientOptions options;
  std::string wrong;  // why no call can be made
  std::optional<Signer> signer;
  HttpClient http;
  system_clock::duration skew{0};  // of the service's clock against ours
  std::mt19937_64 random{std::random_device{}()};

  CallError error(const Operation& call, std::string code, std::string message) const {
    CallError error;
    error.service = name;
    error.operation = call.name;
    error.code = std::move(code);
    error.message = std::move(message);
    return error;
  }

  Request request_for(const Operation& call, const Credentials& credentials) {
    Call parts;
    if (service->protocol == Protocol::json) {
      parts.headers = {{"Content-Type", fmt::format("application/x-amz-json-{}", service->version)},
                       {"X-Amz-Target", fmt::format("{}.{}", service->target, call.name)}};
      parts.body = json::serialize(call.input);
    } else {
      parts.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
      parts.body = form_of(*service, call.name, call.input);
    }
    auto request = signer->sign(std::move(parts), credentials, system_clock::now() + skew);
    request.connect_timeout = options.connect_timeout;
    request.timeout = options.timeout;
    request.once = !repeatable(name, call);
    return request;
  }

  Answer answer_of(const Operation& call, const Response& response) const {
    if (response.error) {
      auto failed = error(call, "", response.error->message);
      if (!response.error->not_sent) failed.fate = CallError::Fate::unknown;
      return failed;
    }
    const bool is_json = service->protocol == Protocol::json;
    json::value body;
    if (is_json && !response.body.empty()) {
      boost::system::error_code wrong_text;
      body = json::parse(response.body, wrong_text);
      if (wrong_text) body = nullptr;
    }
    if (response.status >= 200 && response.status <= 299) {
      if (!is_json) body = value_of_xml(response.body);
      if (is_json && response.body.empty()) body = json::object();
      if (!body.is_null()) return body;
      auto failed = error(call, "", "the answer cannot be read");
      failed.fate = CallError::Fate::unknown;  // it was done, but not what it gave
      failed.status = response.status;
      return failed;
    }
    auto failed = error(call, "", "");
    failed.status = response.status;
    for (const char* header : {"x-amzn-requestid", "x-amz-request-id", "x-amz-requestid"})
      if (failed.request_id.empty()) failed.request_id = find_header(response.headers, header);
    const json::object fields = is_json ? (body.is_object() ? body.get_object() : json::object())
                                        : error_of_xml(response.body);
    failed.code = plain_code(text_in(fields, {"__type", "code", "Code"}));
    if (const auto header = find_header(response.headers, "x-amzn-errortype");
        failed.code.empty() && !header.empty())
      failed.code = plain_code(header);
    failed.message = text_in(fields, {"message", "Message"});
    if (failed.request_id.empty()) failed.request_id = text_in(fields, {"RequestId"});
    if (failed.message.empty() && failed.code.empty())
      failed.message = fmt::format("HTTP status {}", response.status);
    if (is_json) failed.body = fields;
    // A 5xx comes from anywhere on the way.
    if ((response.status >= 500 && !is_throttling(failed.code, response.status)) ||
        response.status == 408 ||
        any_of(failed.code, {"RequestTimeout", "RequestTimeoutException"}))
      failed.fate = CallError::Fate::unknown;
    return failed;
  }

  // Whether it should be sent again; takes over the service's clock.
  bool again(const Operation& call, const CallError& failed, const Response& response) {
    if (is_skew(failed.code)) {
      const auto theirs = date_of(response.headers);
      if (!theirs) return false;
      const auto before = skew;
      const auto difference = *theirs - system_clock::now();
      if (difference - before < kSkew && before - difference < kSkew) return false;
      skew = difference;
      return true;
    }
    if (failed.fate == CallError::Fate::unknown) return repeatable(name, call);
    if (is_throttling(failed.code, failed.status)) return true;
    if (any_of(failed.code, {"TransactionInProgressException"})) return true;
    return response.error && response.error->not_sent && !response.error->final;
  }
};

Client::Client(std::string_view service, ClientOptions options)
    : state_(std::make_unique<State>()) {
  State& state = *state_;
  state.name = service;
  state.service = find_service(service);
  state.options = std::move(options);
  state.options.tries = std::max(state.options.tries, 1);
  if (!state.service) {
    state.wrong = fmt::format("the service '{}' is not known here", service);
    return;
  }
  if (state.options.region.empty()) state.options.region = region_from_environment();
  if (state.options.region.empty()) {
    state.wrong = "no region: set AWS_REGION";
    return;
  }
  if (state.options.endpoint.empty())
    state.options.endpoint =
        endpoint_from_environment(service, state.service->endpoint, state.options.region);
  state.signer.emplace(std::string(state.service->signing), state.options.region,
                       state.options.endpoint);
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

Answer Client::call(std::string_view operation, const json::object& input) {
  const Operation one{std::string(operation), input};
  return std::move(call_all({&one, 1}, 1).front());
}

std::vector<Answer> Client::call_all(std::span<const Operation> calls, std::size_t max_in_flight) {
  State& state = *state_;
  std::vector<Answer> answers(calls.size(), Answer(CallError{}));
  std::vector<bool> uncertain(calls.size());
  std::vector<std::size_t> left(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) left[i] = i;
  auto credentials =
      state.options.credentials ? state.options.credentials : credentials_from_environment();
  if (state.wrong.empty() && !credentials) {
    for (const std::size_t i : left)
      answers[i] = state.error(calls[i], "",
                               "no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
    return answers;
  }
  if (!state.wrong.empty()) {
    for (const std::size_t i : left) answers[i] = state.error(calls[i], "", state.wrong);
    return answers;
  }
  milliseconds longest = state.options.longest_first_pause;
  for (int tried = 1; !left.empty(); ++tried) {
    std::vector<Request> requests;
    requests.reserve(left.size());
    for (const std::size_t i : left) requests.push_back(state.request_for(calls[i], *credentials));
    const auto responses = state.http.send_all(requests, max_in_flight);
    std::vector<std::size_t> next;
    for (std::size_t n = 0; n < left.size(); ++n) {
      const std::size_t i = left[n];
      answers[i] = state.answer_of(calls[i], responses[n]);
      if (answers[i]) continue;
      CallError failed = answers[i].error();
      if (tried < state.options.tries && state.again(calls[i], failed, responses[n]))
        next.push_back(i);
      // A try before may have been done, and be why this one was refused.
      if (failed.fate == CallError::Fate::unknown) uncertain[i] = true;
      if (uncertain[i]) failed.fate = CallError::Fate::unknown;
      answers[i] = std::move(failed);
    }
    left = std::move(next);
    if (left.empty()) break;
    // Full jitter: any pause up to the longest one, which doubles.
    const auto pause = std::uniform_int_distribution<std::int64_t>(
        0, std::min(longest, kLongestPause).count())(state.random);
    std::this_thread::sleep_for(milliseconds(pause));
    longest = std::min(longest * 2, kLongestPause);
  }
  return answers;
}

}  // namespace sosw::aws
