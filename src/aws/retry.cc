// SPDX-License-Identifier: MIT
#include "aws/retry.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <initializer_list>

namespace sosw::aws {
namespace {

namespace json = boost::json;

bool any_of(std::string_view text, std::initializer_list<std::string_view> texts) {
  return std::find(texts.begin(), texts.end(), text) != texts.end();
}

bool begins_with_any_of(std::string_view text, std::initializer_list<std::string_view> begins) {
  return std::any_of(begins.begin(), begins.end(),
                     [&](std::string_view begin) { return text.starts_with(begin); });
}

// An update that sets and removes, but neither counts nor appends.
bool is_repeatable_update(const json::object& input) {
  const auto* update = input.if_contains("UpdateExpression");
  if (!update || !update->is_string()) return false;
  std::string text(update->get_string());
  std::transform(text.begin(), text.end(), text.begin(), [](char c) {
    if (c == '\n' || c == '\t' || c == '\r') return ' ';
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  for (auto at = text.find("add"); at != text.npos; at = text.find("add", at + 1)) {
    const bool begins = at == 0 || text[at - 1] == ' ';
    const auto next = at + 3 < text.size() ? text[at + 3] : ' ';
    const bool ends = next != '_' && std::isalnum(static_cast<unsigned char>(next)) == 0;
    if (begins && ends) return false;
  }
  return text.find('+') == text.npos && text.find('-') == text.npos &&
         text.find("list_append") == text.npos;
}

// Writes of a whole, or those that make what has a name: the second is refused, or changes nothing.
bool is_whole_write(std::string_view service, std::string_view name) {
  if (service == "dynamodb")
    return any_of(name, {"PutItem", "BatchWriteItem", "CreateTable", "UpdateTimeToLive"});
  if (service == "lambda")
    return any_of(name, {"CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration",
                         "CreateAlias", "UpdateAlias", "AddPermission", "PutFunctionConcurrency",
                         "PutFunctionEventInvokeConfig"});
  if (service == "s3")
    return any_of(name, {"PutObject", "CopyObject", "CreateBucket", "PutObjectTagging"});
  if (service == "ssm") return name == "PutParameter";
  if (service == "events")
    return any_of(name, {"PutRule", "PutTargets", "EnableRule", "DisableRule"});
  if (service == "cloudwatch") return name == "PutMetricAlarm";
  if (service == "sns") return any_of(name, {"CreateTopic", "Subscribe"});
  if (service == "sts") return any_of(name, {"AssumeRole", "DecodeAuthorizationMessage"});
  if (service == "logs")
    return any_of(name, {"CreateLogGroup", "CreateLogStream", "PutRetentionPolicy"});
  if (service == "cloudformation") return any_of(name, {"ValidateTemplate"});
  return false;
}

}  // namespace

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

bool is_refused_key(std::string_view code) {
  return any_of(code, {"ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException",
                       "InvalidClientTokenId", "InvalidAccessKeyId"});
}

std::string_view token_member(std::string_view service, std::string_view operation) {
  if ((service == "dynamodb" && any_of(operation, {"TransactWriteItems", "ExecuteTransaction"})) ||
      (service == "secretsmanager" &&
       any_of(operation, {"CreateSecret", "PutSecretValue", "UpdateSecret", "RotateSecret"})) ||
      (service == "cloudformation" &&
       any_of(operation, {"CreateStack", "UpdateStack", "DeleteStack", "ExecuteChangeSet"})) ||
      (service == "athena" && operation == "StartQueryExecution"))
    return "ClientRequestToken";
  return {};
}

bool is_repeatable(std::string_view service, const Operation& call) {
  const std::string_view name = call.name;
  if (const auto token = token_member(service, name); !token.empty())
    return call.input.contains(token);
  if (service == "dynamodb" && name == "UpdateItem") return is_repeatable_update(call.input);
  if (service == "stepfunctions" && name == "GetActivityTask") return false;  // it takes the task
  return begins_with_any_of(name, {"Get", "List", "Describe", "Head", "BatchGet", "Query", "Scan",
                                   "TransactGet", "Filter", "Delete", "Remove", "Tag", "Untag"}) ||
         is_whole_write(service, name);
}

}  // namespace sosw::aws
