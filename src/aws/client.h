// SPDX-License-Identifier: MIT
// Calls of any operation of an AWS service, as its API reference names them: JSON in, JSON out. The
// services that we use ourselves have typed calls beside this: s3.h and its like.
//
//   aws::Client ssm("ssm", {.region = "eu-west-1"});
//   const auto answer = ssm.call("GetParameter", {{"Name", "threshold"}});
//   if (!answer) log(answer.error().text());
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "aws/credentials.h"

namespace sosw::aws {

// Why a call gave nothing.
struct CallError {
  // What became of what the call asked for. Of `unknown` nobody can tell: do it again only if twice
  // is as good as once.
  enum class Fate { not_done, unknown } fate = Fate::not_done;
  std::string service;       // "dynamodb"
  std::string operation;     // "PutItem"
  std::string code;          // "ConditionalCheckFailedException"; empty if no answer came
  std::string message;       // of the service, else of the transport
  std::string request_id;    // for AWS's support; empty if no answer came
  int status = 0;            // of HTTP; 0 if no answer came
  boost::json::object body;  // of the answer, where it was JSON: `CancellationReasons`, `Item`...

  [[nodiscard]] std::string text() const;  // all of it but the body, for a person
};

// What a call gave, or why it gave nothing.
template <class T>
class Reply {
 public:
  template <std::convertible_to<T> U = T>
  Reply(U&& value)  // NOLINT(*-explicit-*,bugprone-forwarding-reference-overload)
      : state_(T(std::forward<U>(value))) {}
  Reply(CallError error) : state_(std::move(error)) {}  // NOLINT(*-explicit-*)

  explicit operator bool() const { return std::holds_alternative<T>(state_); }
  // REQUIRES: it is one, it is none.
  [[nodiscard]] T& operator*() { return std::get<T>(state_); }
  [[nodiscard]] const T& operator*() const { return std::get<T>(state_); }
  [[nodiscard]] T* operator->() { return &std::get<T>(state_); }
  [[nodiscard]] const T* operator->() const { return &std::get<T>(state_); }
  [[nodiscard]] const CallError& error() const { return std::get<CallError>(state_); }

 private:
  std::variant<T, CallError> state_;
};

using Answer = Reply<boost::json::value>;
struct Nothing {};
using Done = Reply<Nothing>;

// One operation with its input, as the API reference has it.
struct Operation {
  std::string name;
  boost::json::object input;
};

struct ClientOptions {
  std::string region;    // empty: find_region()
  std::string endpoint;  // URL; empty: find_endpoint()
  // None: what the source has, looked at before each try.
  std::optional<Credentials> credentials;
  // Not owned; null: credentials_of_process().
  CredentialSource* credential_source = nullptr;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{60'000};  // of one try
  int tries = 5;                              // 1 or more
  // Between the first two tries at most this, five times as much after throttling; it doubles with
  // each, up to 20 s.
  std::chrono::milliseconds longest_first_pause{100};
};

// Services of the JSON and the Query protocols with all their operations (dynamodb, ssm,
// secretsmanager, events, logs, cloudwatch, sns, sts, cloudformation, ...: services.cc), lambda and
// s3 with those in rest_operations.cc. Input and answer have boto3's shapes; bytes that are the
// whole body (`Body` of S3, `Payload` of Lambda) are texts of any bytes, bytes inside of JSON are
// base64.
//
// Repeats what may be repeated, with full jitter between tries: what was throttled or never sent,
// always; what may have been done already, only where twice is as good as once (reads, whole
// writes, updates that do not count, transactions by their token: retry.h). The others go once, on
// a connection of their own. A clock that differs from the service's is corrected, and a key that
// it refuses asked for anew, once a call.
//
// A call takes at most `tries` times `timeout`, and the pauses between.
//
// Not for use by two threads at once.
class Client {
 public:
  // `service` is the name by which boto3 knows it. An unknown one, or a missing region, makes every
  // call fail with a message that says so.
  explicit Client(std::string_view service, ClientOptions options = {});
  ~Client();
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;

  // Empty: none is known, and no call can be made.
  [[nodiscard]] const std::string& region() const;

  Answer call(std::string_view operation, const boost::json::object& input = {});
  // The answers in the order of `calls`, at most `max_in_flight` (1 or more) of them under way at a
  // time.
  std::vector<Answer> call_all(std::span<const Operation> calls, std::size_t max_in_flight);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sosw::aws
