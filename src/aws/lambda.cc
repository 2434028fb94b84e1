// SPDX-License-Identifier: MIT
// The Invoke API: request, and what its answers mean.
#include "aws/lambda.h"

#include <boost/json.hpp>

#include "aws/endpoints.h"
#include "aws/retry.h"
#include "aws/services.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

std::string_view name(InvocationType type) {
  switch (type) {
    case InvocationType::request_response:
      return "RequestResponse";
    case InvocationType::event:
      return "Event";
    case InvocationType::dry_run:
      return "DryRun";
  }
  return "Event";
}

std::string first_text(const json::object& object, std::initializer_list<std::string_view> keys) {
  for (const auto key : keys)
    if (const auto* value = object.if_contains(key); value && value->is_string())
      return std::string(std::string_view(value->get_string()));
  return {};
}

// "com.amazonaws#Name" and "Name:http://..." are Name.
std::string plain_type(std::string_view type) {
  if (const auto hash = type.rfind('#'); hash != type.npos) type.remove_prefix(hash + 1);
  return std::string(type.substr(0, type.find(':')));
}

InvokeResult result_of(Response response) {
  InvokeResult result{.status = response.status};
  result.request_id = find_header(response.headers, "x-amzn-requestid");
  if (response.error) result.error_message = std::move(response.error->message);
  if (response.status < 200 || response.status > 299) {
    boost::system::error_code not_json;
    const auto body = json::parse(response.body, not_json);
    const auto empty = json::object();
    const auto& fields = !not_json && body.is_object() ? body.get_object() : empty;
    auto type = find_header(response.headers, "x-amzn-errortype");
    result.error_type =
        plain_type(type.empty() ? first_text(fields, {"__type", "code", "Code"}) : type);
    if (result.error_message.empty())
      result.error_message = first_text(fields, {"message", "Message"});
    if (result.error_message.empty())
      result.error_message = "HTTP status " + std::to_string(response.status);
  }
  result.outcome = classify(response, result.error_type);
  if (result.outcome == Outcome::accepted) {
    result.function_error = find_header(response.headers, "x-amz-function-error");
    result.payload = std::move(response.body);
  }
  return result;
}

ClientOptions with_region(ClientOptions options) {
  if (options.region.empty()) options.region = find_region();
  return options;
}

std::string endpoint_of(const ClientOptions& options) {
  return options.endpoint.empty() ? find_endpoint(*find_service("lambda"), options.region).url
                                  : options.endpoint;
}

// Of whoever calls, not of what is called.
bool is_about_the_caller(std::string_view error_type) {
  return is_refused_key(error_type) || is_skew(error_type) ||
         error_type == "MissingAuthenticationTokenException" ||
         error_type == "IncompleteSignatureException";
}

}  // namespace

Outcome classify(const Response& response, std::string_view error_type) {
  if (response.error)
    return response.error->not_sent ? Outcome::rejected_transient : Outcome::unknown;
  const auto is = [&](std::string_view part) { return error_type.find(part) != error_type.npos; };
  const int status = response.status;
  if (status >= 200 && status <= 299) return Outcome::accepted;
  if (status < 400 || status > 499 || status == 408) return Outcome::unknown;
  if (is_about_the_caller(error_type)) return Outcome::rejected_transient;
  if (status == 429 || status == 409 || is("Throttl") || is("TooManyRequests") ||
      is("LimitExceeded"))
    return Outcome::rejected_transient;  // 409: the function is being made or changed
  if (status == 413 || status == 415 || is("InvalidRequestContent") || is("RequestTooLarge") ||
      is("Serialization"))
    return Outcome::rejected_task;
  return Outcome::rejected_function;
}

Lambda::Lambda(std::optional<Credentials> credentials, std::string region,
               std::string_view endpoint)
    : Lambda(ClientOptions{.region = std::move(region),
                           .endpoint = std::string(endpoint),
                           .credentials = std::move(credentials)}) {}

Lambda::Lambda(ClientOptions options)
    : options_(with_region(std::move(options))),
      signer_("lambda", options_.region, endpoint_of(options_)) {}

CredentialSource& Lambda::source() const {
  return options_.credential_source ? *options_.credential_source : credentials_of_process();
}

std::variant<Request, std::string> Lambda::request_for(const Invocation& invocation) {
  if (options_.region.empty()) return std::string("no region is known: set AWS_REGION");
  auto found = options_.credentials ? *options_.credentials : source().get();
  if (auto* wrong = std::get_if<std::string>(&found)) return std::move(*wrong);
  Call call{.path = "/2015-03-31/functions/" + invocation.function + "/invocations",
            .headers = {{"X-Amz-Invocation-Type", std::string(name(invocation.type))}},
            .body = invocation.payload};
  auto request =
      signer_.sign(std::move(call), std::get<Credentials>(found), std::chrono::system_clock::now());
  request.connect_timeout = options_.connect_timeout;
  request.timeout = invocation.timeout;
  request.once = !invocation.repeatable;
  return request;
}

InvokeResult Lambda::invoke(const Invocation& invocation) {
  return std::move(invoke_all({&invocation, 1}, 1).front());
}

std::vector<InvokeResult> Lambda::invoke_all(std::span<const Invocation> invocations,
                                             std::size_t max_in_flight) {
  std::vector<InvokeResult> results(invocations.size());
  http_.send_each(
      invocations.size(), max_in_flight,
      // Signed when its turn has come: a signature is good for five minutes.
      [&](std::size_t i) -> std::optional<Request> {
        auto made = request_for(invocations[i]);
        if (auto* request = std::get_if<Request>(&made)) return std::move(*request);
        results[i] = {.outcome = Outcome::rejected_transient,
                      .error_message = std::get<std::string>(std::move(made))};
        return std::nullopt;
      },
      [&](std::size_t i, Response response) -> std::optional<std::chrono::milliseconds> {
        results[i] = result_of(std::move(response));
        if (!options_.credentials && is_refused_key(results[i].error_type)) {
          // They are asked for anew before the next Invoke.
          const auto refused = source().get();
          if (const auto* known = std::get_if<Credentials>(&refused)) source().refused(*known);
        }
        return std::nullopt;
      });
  return results;
}

}  // namespace sosw::aws
