// SPDX-License-Identifier: MIT
// The Invoke API: request, and what its answers mean.
#include "aws/lambda.h"

#include <boost/json.hpp>

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

}  // namespace

Outcome classify(const Response& response, std::string_view error_type) {
  if (response.error)
    return response.error->not_sent ? Outcome::rejected_transient : Outcome::unknown;
  const auto is = [&](std::string_view part) { return error_type.find(part) != error_type.npos; };
  const int status = response.status;
  if (status >= 200 && status <= 299) return Outcome::accepted;
  if (status < 400 || status > 499 || status == 408) return Outcome::unknown;
  if (status == 429 || status == 409 || is("Throttl") || is("TooManyRequests") ||
      is("LimitExceeded"))
    return Outcome::rejected_transient;  // 409: the function is being made or changed
  if (status == 413 || status == 415 || is("InvalidRequestContent") || is("RequestTooLarge") ||
      is("Serialization"))
    return Outcome::rejected_task;
  return Outcome::rejected_function;
}

Lambda::Lambda(Credentials credentials, std::string region, std::string_view endpoint)
    : credentials_(std::move(credentials)), signer_("lambda", std::move(region), endpoint) {}

Request Lambda::request_for(const Invocation& invocation) {
  Call call{.path = "/2015-03-31/functions/" + invocation.function + "/invocations",
            .headers = {{"X-Amz-Invocation-Type", std::string(name(invocation.type))}},
            .body = invocation.payload};
  auto request = signer_.sign(std::move(call), credentials_, std::chrono::system_clock::now());
  request.timeout = invocation.timeout;
  request.once = !invocation.repeatable;
  return request;
}

InvokeResult Lambda::invoke(const Invocation& invocation) {
  return result_of(http_.send(request_for(invocation)));
}

std::vector<InvokeResult> Lambda::invoke_all(std::span<const Invocation> invocations,
                                             std::size_t max_in_flight) {
  std::vector<Request> requests;
  requests.reserve(invocations.size());
  for (const auto& invocation : invocations) requests.push_back(request_for(invocation));
  std::vector<InvokeResult> results;
  results.reserve(invocations.size());
  for (auto& response : http_.send_all(requests, max_in_flight))
    results.push_back(result_of(std::move(response)));
  return results;
}

}  // namespace sosw::aws
