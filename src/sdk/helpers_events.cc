// SPDX-License-Identifier: MIT
// Messages inside of events of SNS and SQS.
#include <fmt/format.h>

#include <algorithm>

#include "sdk/exact_json.h"
#include "sdk/python.h"
#include "sdk/text.h"
#include "sosw/helpers.h"

namespace sosw {

namespace json = boost::json;

namespace {

constexpr int kDepth = 10;

const json::value* member(const json::value* value, std::string_view name) {
  return value && value->is_object() ? value->get_object().if_contains(name) : nullptr;
}
const json::value* records(const json::value& event) {
  const auto* list = member(&event, "Records");
  return list && list->is_array() ? list : nullptr;
}
const json::value* first_record(const json::value& event) {
  const auto* list = records(event);
  return list && !list->get_array().empty() ? &list->get_array().front() : nullptr;
}
// event["Records"][0]["Sns"]["Message"]
const json::value* message_in_record(const json::value& event) {
  return member(member(first_record(event), "Sns"), "Message");
}

json::value decoded(const json::value& text, std::string_view what) {
  if (!text.is_string())
    throw TypeError(fmt::format("{} is not a text but {}", what, sdk::to_repr(text)));
  json::error_code error;
  auto value = sdk::parse_exactly(text.get_string(), error);
  if (error) throw JSONDecodeError(fmt::format("{} is not JSON: {}", what, error.message()));
  return value;
}

json::array sqs_messages(const json::value& event) {
  json::array out;
  for (const auto& record : event.at("Records").get_array()) {
    if (!record.is_object())
      throw TypeError(fmt::format("a record of SQS is not an object but {}", sdk::to_repr(record)));
    const auto* body = record.get_object().if_contains("body");
    if (!body) throw KeyError("a record of SQS has no 'body'");
    out.push_back(decoded(*body, "the body of a record of SQS"));
  }
  return out;
}

// The messages in one message, itself if it is from elsewhere.
json::array unwrapped(const json::value& message, std::string_view source) {
  if (source == "sqs")
    return is_event_from_sqs(message) ? sqs_messages(message) : json::array{message};
  if (!is_event_from_sns(message)) return json::array{message};
  auto inner = get_message_dict_from_sns_event(message);
  return inner.is_array() ? std::move(inner.get_array()) : json::array{std::move(inner)};
}

}  // namespace

bool is_event_from_sns(const json::value& event) {
  if (const auto* message = message_in_record(event)) return sdk::truth(*message);
  const auto* topic = member(&event, "TopicArn");
  return member(&event, "Message") && topic && topic->is_string() &&
         topic->get_string().find(":sns:") != json::string::npos;
}

bool is_event_from_sqs(const json::value& event) {
  const auto* source = member(first_record(event), "eventSource");
  return source && *source == "aws:sqs";
}

json::value get_message_dict_from_sns_event(const json::value& event) {
  if (!is_event_from_sns(event)) throw ValueError("the event is not from SNS");
  if (const auto* list = records(event); list && list->get_array().size() > 1)
    throw ValueError(
        fmt::format("an event of SNS has one record, this one has {}", list->get_array().size()));
  if (const auto* message = message_in_record(event))
    return decoded(*message, "the message of SNS");
  return decoded(event.at("Message"), "the message of SNS");
}

json::array unwrap_event_recursively(const json::value& event,
                                     const std::vector<std::string>& sources) {
  std::vector<std::string> order;
  for (const auto& source : sources) order.push_back(sdk::lower(source));
  if (order.empty()) order = {"sns", "sqs"};
  for (const auto& source : order)
    if (source != "sns" && source != "sqs")
      throw KeyError(fmt::format("'{}' is no source of events: 'sns' and 'sqs' are", source));
  json::array messages = {event};
  for (int depth = 0; depth < kDepth; ++depth) {
    const auto before = messages;
    for (const auto& source : order) {
      json::array inner;
      for (const auto& message : messages)
        for (auto& found : unwrapped(message, source)) inner.push_back(std::move(found));
      messages = std::move(inner);
    }
    if (messages == before) break;
  }
  return messages;
}

}  // namespace sosw
