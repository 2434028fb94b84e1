// SPDX-License-Identifier: MIT
#include "sosw/meta_handler.h"

#include <fmt/format.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <string>
#include <utility>

#include "sdk/environment.h"
#include "sdk/invocation.h"
#include "sdk/python.h"
#include "sosw/errors.h"
#include "sosw/helpers.h"
#include "sosw/logging.h"

namespace sosw {
namespace {

namespace json = boost::json;

constexpr std::chrono::minutes kPause{1};  // before a table that failed is tried again
constexpr int kSameMoment = 4;             // rows of one task
constexpr double kNextMoment = 0.000001;   // seconds
constexpr std::array<std::string_view, 3> kOfContext = {"author", "invocation_id",
                                                        "log_stream_name"};

json::object default_config() {
  const json::array fields{"task_id",       "created_at",      "author",
                           "invocation_id", "log_stream_name", "action"};
  json::object row_mapper;
  for (const auto& field : fields)
    row_mapper[field.get_string()] = field == "created_at" ? "N" : "S";
  return {{"write_meta_to_ddb", true},
          {"dynamo_db_config",
           {{"table_name", "sosw_tasks_meta"},
            {"hash_key", "task_id"},
            {"row_mapper", std::move(row_mapper)},
            {"required_fields", fields}}}};
}

}  // namespace

MetaHandler::MetaHandler(const json::object& custom_config, Now now)
    : config_(recursive_update(default_config(), custom_config)), now_(std::move(now)) {}

bool MetaHandler::post(std::string_view task_id, std::string_view action,
                       const json::object& fields) {
  for (const auto name : kOfContext)
    if (fields.contains(name))
      throw AssertionError(fmt::format(
          "MetaHandler: `{}` is taken from the context of the invocation, it cannot be given",
          name));
  json::object row{
      {"task_id", task_id}, {"created_at", sdk::epoch_seconds(now_())}, {"action", action}};
  for (const auto& field : fields) row[field.key()] = field.value();
  if (const auto* const context = sdk::current_context()) {
    row["author"] = context->function_name;
    row["invocation_id"] = context->aws_request_id;
    row["log_stream_name"] = context->log_stream_name;
  } else {
    row["author"] = sdk::environment("AWS_LAMBDA_FUNCTION_NAME");
  }
  const auto* const writes = config_.if_contains("write_meta_to_ddb");
  if (!writes || !sdk::truth(*writes) || std::chrono::steady_clock::now() < closed_until_) {
    log(LogLevel::info, json::serialize(row));
    return false;
  }
  return write(std::move(row), !fields.contains("created_at"));
}

bool MetaHandler::write(json::object row, bool own_time) {
  try {
    if (!table_) {
      const auto* const table = config_.if_contains("dynamo_db_config");
      table_.emplace(table && table->is_object() ? table->get_object() : json::object(),
                     AwsClientOptions{.timeout = std::chrono::seconds(5), .tries = 3});
    }
    for (int left = own_time ? kSameMoment : 1;;
         row["created_at"] = row.at("created_at").as_double() + kNextMoment) {
      try {
        table_->create(row);
        return true;
      } catch (const AwsError& error) {
        if (error.code() != "ConditionalCheckFailedException") throw;
        // The answer to a try before was lost: the row of this very moment is ours.
        if (error.may_be_done()) return true;
        // Another row of the task has this time: the next one is as good.
        if (--left == 0) throw;
      }
    }
  } catch (const std::exception& error) {
    log(LogLevel::warning, fmt::format("{} is not in the table of audit rows: {}",
                                       json::serialize(row), error.what()));
    if (!table_) closed_until_ = std::chrono::steady_clock::now() + kPause;
    return false;
  }
}

}  // namespace sosw
