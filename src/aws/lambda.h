// SPDX-License-Identifier: MIT
// Invoke of AWS Lambda, and of everything that speaks its Invoke API.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "aws/client.h"
#include "aws/credentials.h"
#include "aws/http.h"
#include "aws/sigv4.h"

namespace sosw::aws {

enum class InvocationType { request_response, event, dry_run };

struct Invocation {
  std::string function;  // name, partial or full ARN, each with or without qualifier
  std::string payload;   // JSON text
  InvocationType type = InvocationType::event;
  std::chrono::milliseconds timeout{
      60'000};  // of the whole exchange; for request_response above the function's own
  // For functions that can be called twice with no harm: the connection is kept, and the transport
  // sends again when a kept one turns out closed. Else there is one Invoke on the wire for each
  // call, on a connection of its own.
  bool repeatable = false;
};

// What the caller may do with the work it handed over.
enum class Outcome {
  accepted,            // the function runs, or ran (see function_error)
  rejected_transient,  // not run: busy, throttled, not reached; later it may be
  rejected_task,       // not run: this payload will never be accepted
  rejected_function,   // not run: no such function, not permitted, not in a state to run
  unknown,             // it may have run, may run, or not
};

struct InvokeResult {
  Outcome outcome = Outcome::unknown;
  int status = 0;          // 0: no answer
  std::string request_id;  // of AWS, for support
  std::string payload;     // the function's answer, or its error; empty unless accepted
  std::string
      function_error;      // "Unhandled", ...: the function ran and failed. Empty: it did not fail
  std::string error_type;  // "ResourceNotFoundException"; empty when accepted or without answer
  std::string error_message;  // for a person; empty when accepted
};

// What the answer to an Invoke says about the fate of the work. An Invoke that failed before a byte
// was sent is rejected_transient, every 5xx is unknown: AWS does not tell whether it had taken the
// event. Credentials that AWS does not take, or a signature that came late, say nothing about the
// function: rejected_transient.
Outcome classify(const Response& response, std::string_view error_type);

// Not for use by two threads at once. Never repeats an Invoke by itself, but see
// Invocation::repeatable.
class Lambda {
 public:
  // `credentials`: none: credentials_of_process(), looked at before each Invoke. Without any an
  // Invoke is rejected_transient.
  Lambda(std::optional<Credentials> credentials, std::string region, std::string_view endpoint);
  // Region and endpoint as in ClientOptions; without a region each Invoke is rejected_transient.
  // `timeout`, `tries` and pauses are not looked at.
  explicit Lambda(ClientOptions options);

  InvokeResult invoke(const Invocation& invocation);
  // The results in the order of `invocations`, at most `max_in_flight` under way at a time.
  std::vector<InvokeResult> invoke_all(std::span<const Invocation> invocations,
                                       std::size_t max_in_flight);

 private:
  // Else why it cannot be made.
  std::variant<Request, std::string> request_for(const Invocation& invocation);

  [[nodiscard]] CredentialSource& source() const;

  ClientOptions options_;
  Signer signer_;
  HttpClient http_;
};

}  // namespace sosw::aws
