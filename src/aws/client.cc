// SPDX-License-Identifier: MIT
// Calls, what their answers mean, and when they are repeated.
#include "aws/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <ctime>
#include <random>

#include "aws/endpoints.h"
#include "aws/fields.h"
#include "aws/http.h"
#include "aws/query.h"
#include "aws/rest.h"
#include "aws/retry.h"
#include "aws/services.h"
#include "aws/shared_files.h"
#include "aws/sigv4.h"
#include "aws/xml.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

constexpr milliseconds kLongestPause{20'000};
constexpr int kThrottled = 5;  // pauses after throttling are as many times longer
constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
// Services refuse a signature whose time is 5 minutes off; the difference is taken over before.
constexpr std::chrono::minutes kSkew{4};

bool any_of(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
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
  bool own_endpoint = false;  // the service's own address: all of its host names are there
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

  // The calls with tokens for those that need one and have none; empty if there is none of them.
  std::vector<Operation> with_tokens(std::span<const Operation> calls) const {
    std::vector<Operation> all;
    for (std::size_t i = 0; i < calls.size(); ++i) {
      const auto member = token_member(name, calls[i].name);
      if (member.empty() || calls[i].input.contains(member)) continue;
      if (all.empty()) all.assign(calls.begin(), calls.end());
      all[i].input[member] = new_token();
    }
    return all;
  }

  // 128 bits of the system's: those of `random` come from a seed of 32, which two of many processes
  // may share, and what has the token of another call is not done.
  static std::string new_token() {
    std::random_device device;
    return fmt::format("{:08x}{:08x}{:08x}{:08x}", device(), device(), device(), device());
  }

  std::variant<Request, std::string> request_for(const Operation& call,
                                                 const Credentials& credentials) {
    // It becomes a part of a header or a form.
    if (call.name.empty() || call.name.find_first_not_of(kLetters) != std::string::npos)
      return std::string("this is no name of an operation");
    Call parts;
    switch (service->protocol) {
      case Protocol::json:
        parts.headers = {
            {"Content-Type", fmt::format("application/x-amz-json-{}", service->version)},
            {"X-Amz-Target", fmt::format("{}.{}", service->target, call.name)}};
        parts.body = json::serialize(call.input);
        break;
      case Protocol::query:
        parts.headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}};
        parts.body = form_of(*service, call.name, call.input);
        break;
      case Protocol::rest_json:
      case Protocol::rest_xml: {
        const auto* operation = find_rest_operation(name, call.name);
        if (!operation) return std::string("this operation is not known here");
        auto made = rest_call(*operation, service->protocol, call.input, own_endpoint);
        if (auto* why = std::get_if<std::string>(&made)) return std::move(*why);
        parts = std::get<Call>(std::move(made));
      }
    }
    auto request = signer->sign(std::move(parts), credentials, system_clock::now() + skew);
    request.connect_timeout = options.connect_timeout;
    request.timeout = options.timeout;
    request.once = !is_repeatable(name, call);
    return request;
  }

  // Null: it cannot be read.
  json::value value_of(const Operation& call, const Response& response) const {
    if (service->protocol == Protocol::query) return value_of_xml(response.body);
    if (service->protocol == Protocol::json) {
      if (response.body.empty()) return json::object();
      return parse_json(response.body);
    }
    return rest_value(*find_rest_operation(name, call.name), service->protocol, response);
  }

  CallError refusal(const Operation& call, const Response& response) const {
    auto failed = error(call, "", "");
    failed.status = response.status;
    for (const char* header : {"x-amzn-requestid", "x-amz-request-id", "x-amz-requestid"})
      if (failed.request_id.empty()) failed.request_id = find_header(response.headers, header);
    if (service->protocol == Protocol::json || service->protocol == Protocol::rest_json) {
      auto body = parse_json(response.body);
      if (body.is_object()) failed.body = std::move(body.get_object());
    } else {
      failed.body = error_of_xml(response.body);
    }
    failed.code = plain_code(text_in(failed.body, {"__type", "code", "Code"}));
    if (const auto header = find_header(response.headers, "x-amzn-errortype"); !header.empty())
      failed.code = plain_code(header);
    // Services that spoke the Query protocol before keep its codes beside.
    if (const auto header = find_header(response.headers, "x-amzn-query-error"); !header.empty())
      failed.code = header.substr(0, header.find(';'));
    failed.message = text_in(failed.body, {"message", "Message", "errorMessage"});
    if (failed.request_id.empty()) failed.request_id = text_in(failed.body, {"RequestId"});
    if (failed.message.empty() && failed.code.empty()) {
      // A HEAD has no body. The status is its code, as in boto3.
      if (service->protocol == Protocol::rest_xml) failed.code = std::to_string(response.status);
      failed.message =
          response.status == 404 ? "Not Found" : fmt::format("HTTP status {}", response.status);
    }
    if (const auto region = find_header(response.headers, "x-amz-bucket-region");
        response.status == 301 && !region.empty())
      failed.message += fmt::format(" The bucket is in the region {}.", region);
    // A 5xx comes from anywhere on the way. So does S3's refusal after a 200.
    if ((response.status < 400 || response.status >= 500 || response.status == 408 ||
         any_of(failed.code, {"RequestTimeout", "RequestTimeoutException"})) &&
        response.status != 301 && response.status != 304 &&
        !is_throttling(failed.code, response.status))
      failed.fate = CallError::Fate::unknown;
    return failed;
  }

  Answer answer_of(const Operation& call, const Response& response) const {
    if (response.error) {
      auto failed = error(call, "", response.error->message);
      if (!response.error->not_sent) failed.fate = CallError::Fate::unknown;
      return failed;
    }
    if (response.status < 200 || response.status > 299) return refusal(call, response);
    // S3 begins a long copy with 200 and may refuse it later.
    if (call.name == "CopyObject" && !error_of_xml(response.body).empty())
      return refusal(call, response);
    auto value = value_of(call, response);
    if (!value.is_null()) return value;
    auto failed = error(call, "", "the answer cannot be read");
    failed.fate = CallError::Fate::unknown;  // it was done, but not what it gave
    failed.status = response.status;
    return failed;
  }

  // Takes over the service's clock, if that is why it refused.
  bool clock_mended(const CallError& failed, const Response& response) {
    // The refusal of a HEAD has no code.
    if (!is_skew(failed.code) && !(failed.status == 403 && response.body.empty())) return false;
    const auto theirs = date_of(response.headers);
    if (!theirs) return false;
    const auto before = skew;
    const auto difference = *theirs - system_clock::now();
    if (difference - before < kSkew && before - difference < kSkew) return false;
    skew = difference;
    return true;
  }

  std::variant<Credentials, std::string> credentials() const {
    if (options.credentials) return *options.credentials;
    return source().get();
  }

  CredentialSource& source() const {
    return options.credential_source ? *options.credential_source : credentials_of_process();
  }

  // Whether others are to be had, if these are why it refused.
  bool credentials_mended(const CallError& failed, const Credentials& refused) const {
    if (options.credentials || !is_refused_key(failed.code)) return false;
    source().refused(refused);
    const auto found = source().get();
    const auto* others = std::get_if<Credentials>(&found);
    return others && *others != refused;
  }

  // Whether it may be sent again.
  bool again(const Operation& call, const CallError& failed, const Response& response) const {
    if (failed.fate == CallError::Fate::unknown) return is_repeatable(name, call);
    if (is_throttling(failed.code, failed.status)) return true;
    if (any_of(failed.code, {"TransactionInProgressException"})) return true;
    return response.error && response.error->not_sent && !response.error->final;
  }

  // Full jitter: any pause up to the longest one, which doubles with each try.
  milliseconds pause_after(int tried, bool throttled) {
    auto longest = options.longest_first_pause * (throttled ? kThrottled : 1);
    for (int i = 1; i < tried && longest < kLongestPause; ++i) longest *= 2;
    return milliseconds(std::uniform_int_distribution<std::int64_t>(
        0, std::min(longest, kLongestPause).count())(random));
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
  if (state.options.region.empty()) state.options.region = find_region();
  if (state.options.region.empty()) {
    state.wrong = fmt::format(
        "no region: set AWS_REGION, or `region` of the profile '{}' in the configuration file of "
        "AWS",
        profile_name());
    return;
  }
  if (state.options.endpoint.empty()) {
    auto found = find_endpoint(*state.service, state.options.region);
    state.options.endpoint = std::move(found.url);
    state.own_endpoint = found.own;
  }
  state.signer.emplace(std::string(state.service->signing), state.options.region,
                       state.options.endpoint);
}

Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

const std::string& Client::region() const { return state_->options.region; }

Answer Client::call(std::string_view operation, const json::object& input) {
  const Operation one{std::string(operation), input};
  return std::move(call_all({&one, 1}, 1).front());
}

std::vector<Answer> Client::call_all(std::span<const Operation> calls, std::size_t max_in_flight) {
  State& state = *state_;
  const auto with_tokens = state.with_tokens(calls);
  if (!with_tokens.empty()) calls = with_tokens;
  std::vector<Answer> answers(calls.size(), Answer(CallError{}));
  struct Progress {
    int tried = 0;
    bool uncertain = false;  // a try before may have been done
    bool mended = false;     // the reason of a refusal, once
    Credentials credentials;
  };
  std::vector<Progress> all(calls.size());

  const auto make = [&](std::size_t i) -> std::optional<Request> {
    auto wrong = state.wrong;
    if (wrong.empty()) {
      auto found = state.credentials();
      if (auto* credentials = std::get_if<Credentials>(&found)) {
        all[i].credentials = *credentials;
        auto made = state.request_for(calls[i], *credentials);
        if (auto* request = std::get_if<Request>(&made)) return std::move(*request);
        wrong = std::get<std::string>(std::move(made));
      } else {
        wrong = std::get<std::string>(std::move(found));
      }
    }
    auto failed = state.error(calls[i], "", std::move(wrong));
    if (all[i].uncertain) failed.fate = CallError::Fate::unknown;
    answers[i] = std::move(failed);
    return std::nullopt;
  };

  const auto take = [&](std::size_t i, const Response& response) -> std::optional<milliseconds> {
    auto& progress = all[i];
    answers[i] = state.answer_of(calls[i], response);
    if (answers[i]) return std::nullopt;
    CallError failed = answers[i].error();
    const bool mended =
        !progress.mended && (state.clock_mended(failed, response) ||
                             state.credentials_mended(failed, progress.credentials));
    const bool again = !mended && ++progress.tried < state.options.tries &&
                       state.again(calls[i], failed, response);
    // It may also be why this one was refused.
    if (failed.fate == CallError::Fate::unknown) progress.uncertain = true;
    if (progress.uncertain) failed.fate = CallError::Fate::unknown;
    const bool throttled = is_throttling(failed.code, failed.status);
    answers[i] = std::move(failed);
    if (mended) {
      progress.mended = true;
      return milliseconds(0);
    }
    if (!again) return std::nullopt;
    return state.pause_after(progress.tried, throttled);
  };

  state.http.send_each(calls.size(), max_in_flight, make, take);
  return answers;
}

}  // namespace sosw::aws
