// SPDX-License-Identifier: MIT
// Topics, their subscriptions, and messages to them, as far as we need them.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "aws/client.h"

namespace sosw::aws {

// Not for use by two threads at once.
class Sns {
 public:
  // `options.region`: that of the topics.
  explicit Sns(ClientOptions options = {}) : client_("sns", std::move(options)) {}

  // Sends a message and gives its id. Never repeated when nobody knows whether it was sent. SNS
  // takes 256 KB of message and attributes, and 100 characters of ASCII as a subject.
  // `attributes`: {"name": {"DataType": "String", "StringValue": "..."}}.
  Reply<std::string> publish(std::string_view topic_arn, std::string_view subject,
                             std::string_view message, const boost::json::object& attributes = {});
  // The ARN of the topic of that name, which is made if it is not there.
  Reply<std::string> create_topic(std::string_view name);
  // The ARN of the subscription; "pending confirmation" until the endpoint has confirmed it.
  Reply<std::string> subscribe(std::string_view topic_arn, std::string_view protocol,
                               std::string_view endpoint);

 private:
  Client client_;
};

}  // namespace sosw::aws
