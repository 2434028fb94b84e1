// SPDX-License-Identifier: MIT
#include "sosw/tasks_api_client_for_workers.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "sdk/environment.h"
#include "sdk/python.h"
#include "sosw/aws_client.h"
#include "sosw/errors.h"
#include "sosw/logging.h"

namespace sosw {
namespace {

namespace json = boost::json;

// The number in "c1580486400-7-3": what the row's greenfield is as long as the claim counts.
std::optional<std::string> greenfield_of(std::string_view claim) {
  if (!claim.starts_with('c')) return std::nullopt;
  const auto number = claim.substr(1, claim.find('-') - 1);
  const bool digits = !number.empty() && std::all_of(number.begin(), number.end(),
                                                     [](char c) { return c >= '0' && c <= '9'; });
  return digits && claim.find('-') != claim.npos ? std::optional<std::string>(number)
                                                 : std::nullopt;
}

}  // namespace

bool close_task(const json::object& event, std::string_view table, std::string_view hash_key,
                std::string_view /*range_key*/) {
  const auto* const id = event.if_contains(hash_key);
  if (!id || !sdk::truth(*id)) {
    log(LogLevel::warning,
        fmt::format("close_task: the event has no `{}`, so it is no task", hash_key));
    return false;
  }
  if (table.empty()) table = sdk::in_test() ? "autotest_sosw_tasks" : "sosw_tasks";
  const auto now = sdk::epoch_seconds(std::chrono::system_clock::now());
  std::string condition = "attribute_exists(#key) AND attribute_not_exists(completed_at)";
  json::object values{
      {":now", {{"N", sdk::to_str(now)}}}, {":zero", {{"N", "0"}}}, {":one", {{"N", "1"}}}};
  const auto* const claim = event.if_contains("claim");
  const auto greenfield =
      claim && claim->is_string() ? greenfield_of(claim->get_string()) : std::nullopt;
  if (greenfield) {
    condition += " AND claim = :claim AND greenfield = :greenfield";
    values[":claim"] = {{"S", claim->get_string()}};
    values[":greenfield"] = {{"N", *greenfield}};
  }
  try {
    AwsClient("dynamodb")
        .call("UpdateItem",
              {{"TableName", table},
               {"Key", {{hash_key, {{"S", sdk::to_str(*id)}}}}},
               // Each write to a task is counted, so that whoever has read it before sees that.
               {"UpdateExpression",
                "SET completed_at = :now, rev = if_not_exists(rev, :zero) + :one"},
               {"ConditionExpression", condition},
               {"ExpressionAttributeNames", {{"#key", hash_key}}},
               {"ExpressionAttributeValues", values}});
  } catch (const AwsError& error) {
    if (error.code() != "ConditionalCheckFailedException") throw;
    log(LogLevel::warning,
        fmt::format("close_task: {} has no such task to close: {} (completed already, moved on, "
                    "or claimed for another run)",
                    table, sdk::to_str(*id)));
    return false;
  }
  return true;
}

}  // namespace sosw
