// SPDX-License-Identifier: MIT
#include "aws/sns.h"

#include "aws/fields.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

Reply<std::string> text_of(const Answer& answer, std::string_view name) {
  if (!answer) return answer.error();
  return text_field(answer->get_object(), name);
}

}  // namespace

Reply<std::string> Sns::publish(std::string_view topic_arn, std::string_view subject,
                                std::string_view message, const json::object& attributes) {
  json::object input = {{"TopicArn", topic_arn}, {"Subject", subject}, {"Message", message}};
  if (!attributes.empty()) input["MessageAttributes"] = attributes;
  return text_of(client_.call("Publish", input), "MessageId");
}

Reply<std::string> Sns::create_topic(std::string_view name) {
  return text_of(client_.call("CreateTopic", {{"Name", name}}), "TopicArn");
}

Reply<std::string> Sns::subscribe(std::string_view topic_arn, std::string_view protocol,
                                  std::string_view endpoint) {
  return text_of(
      client_.call("Subscribe",
                   {{"TopicArn", topic_arn}, {"Protocol", protocol}, {"Endpoint", endpoint}}),
      "SubscriptionArn");
}

}  // namespace sosw::aws
