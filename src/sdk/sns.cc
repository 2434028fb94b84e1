// SPDX-License-Identifier: MIT
#include "sosw/sns.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>

#include "aws/sns.h"
#include "sdk/environment.h"
#include "sdk/python.h"
#include "sdk/replies.h"
#include "sdk/text.h"
#include "sosw/errors.h"
#include "sosw/logging.h"

namespace sosw {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostBytes = 262'144;  // of SNS: the message and its attributes
constexpr std::string_view kTestTopic = "arn:aws:sns:us-west-2:000000000000:autotest_topic";

std::string text_setting(const json::object& config, std::string_view name) {
  const auto* value = config.if_contains(name);
  if (!value || value->is_null()) return {};
  if (!value->is_string())
    throw TypeError(fmt::format("sns_config: '{}' is a text, not {}", name, sdk::to_repr(*value)));
  return std::string(value->get_string());
}

void require_arn(std::string_view arn) {
  const auto small = sdk::lower(arn.substr(0, std::min<std::size_t>(arn.size(), 8)));
  if (!small.starts_with("arn:aws:") && !small.starts_with("arn:aws-"))
    throw AssertionError(fmt::format(
        "the recipient '{}' is no ARN of a topic: arn:aws:sns:REGION:ACCOUNT:TOPIC", arn));
}

std::string region_of(std::string_view arn) {
  const auto parts = sdk::split(arn, ":");
  return parts.size() > 3 ? std::string(parts[3]) : std::string();
}

json::object converted(const json::object& attributes) {
  json::object out;
  for (const auto& [name, value] : attributes) {
    try {
      out[name] = SnsManager::get_message_attribute(value);
    } catch (const TypeError& error) {
      throw TypeError(fmt::format("the attribute '{}': {}", std::string_view(name), error.what()));
    }
  }
  return out;
}

std::size_t bytes_of(const json::object& attributes) {
  std::size_t bytes = 0;
  for (const auto& [name, value] : attributes)
    bytes += name.size() + value.at("DataType").as_string().size() +
             value.at("StringValue").as_string().size();
  return bytes;
}

}  // namespace

struct SnsManager::Client {
  std::string region;
  aws::Sns sns;
};

SnsManager::SnsManager(const json::object& config, AwsClientOptions options)
    : options_(std::move(options)),
      recipient_(text_setting(config, "recipient")),
      subject_(text_setting(config, "subject")) {
  if (options_.region.empty()) options_.region = text_setting(config, "region");
  if (sdk::in_test()) recipient_ = kTestTopic;
  if (!recipient_.empty()) require_arn(recipient_);
}

SnsManager::~SnsManager() {
  try {
    send_queue();
  } catch (const std::exception& error) {
    try {
      log(LogLevel::error,
          fmt::format("SnsManager: {} messages to '{}' were not sent: {}; they are: {}",
                      queue_.size(), recipient_, error.what(), fmt::join(queue_, separator_)));
    } catch (const std::exception&) {
      log(LogLevel::error, "SnsManager: messages were not sent, and memory is out");
    }
  }
}

SnsManager::Client& SnsManager::client_for(std::string_view arn) {
  auto region = region_of(arn);
  if (region.empty()) region = options_.region;
  if (!client_ || client_->region != region)
    client_ = std::make_unique<Client>(Client{region, aws::Sns({.region = region,
                                                                .endpoint = options_.endpoint,
                                                                .timeout = options_.timeout,
                                                                .tries = options_.tries})});
  return *client_;
}

void SnsManager::send_message(std::string_view message, std::optional<std::string_view> subject,
                              bool forse_commit,
                              const std::optional<json::object>& message_attributes) {
  if (subject_.empty() && (!subject || subject->empty()))
    throw RuntimeError("a message needs a subject: in sns_config, set_subject(), or with it");
  auto attributes = message_attributes ? converted(*message_attributes) : default_attributes_;
  if (message.size() + bytes_of(attributes) > kMostBytes)
    throw ValueError(fmt::format("a message of {} bytes: SNS takes {} with its attributes",
                                 message.size() + bytes_of(attributes), kMostBytes));
  if (subject && !subject->empty()) set_subject(*subject);
  if (attributes != queue_attributes_) {
    send_queue();
    queue_attributes_ = std::move(attributes);
  }
  queue_.emplace_back(message);
  if (forse_commit) commit();
}

void SnsManager::commit() {
  require_addressed();
  send_queue();
  default_attributes_.clear();
}

void SnsManager::require_addressed() const {
  if (recipient_.empty())
    throw RuntimeError("messages need a recipient: in sns_config, or set_recipient()");
  if (subject_.empty())
    throw RuntimeError("messages need a subject: in sns_config, or set_subject()");
}

void SnsManager::send_queue() {
  if (queue_.empty()) return;
  require_addressed();
  const auto room = kMostBytes - bytes_of(queue_attributes_);
  while (!queue_.empty()) {
    std::string joined = queue_.front();
    std::size_t count = 1;
    for (; count < queue_.size(); ++count) {
      if (joined.size() + separator_.size() + queue_[count].size() > room) break;
      joined += separator_;
      joined += queue_[count];
    }
    if (sdk::in_test()) {
      log(LogLevel::info, fmt::format("SnsManager: not sent in a test: {}: {}", subject_, joined));
    } else if (!joined.empty()) {
      sdk::value_of(
          client_for(recipient_).sns.publish(recipient_, subject_, joined, queue_attributes_));
    }
    queue_.erase(queue_.begin(), queue_.begin() + static_cast<std::ptrdiff_t>(count));
  }
  queue_attributes_.clear();
}

void SnsManager::set_recipient(std::string_view arn) {
  require_arn(arn);
  if (arn == recipient_) return;
  if (!recipient_.empty()) send_queue();
  recipient_ = arn;
}

void SnsManager::set_subject(std::string_view subject) {
  if (subject == subject_) return;
  if (!subject_.empty()) send_queue();
  subject_ = subject;
}

void SnsManager::set_message_attributes(const json::object& attributes) {
  auto wanted = converted(attributes);
  if (wanted != queue_attributes_) send_queue();
  default_attributes_ = std::move(wanted);
}

void SnsManager::set_client_attr(std::string_view attr, std::string_view value) {
  if (attr == "recipient") return set_recipient(value);
  if (attr == "subject") return set_subject(value);
  if (attr == "separator") return set_separator(value);
  throw AttributeError(fmt::format("SnsManager has no '{}': recipient, subject, separator", attr));
}

bool SnsManager::compare_message_attributtes(const json::object& attributes) const {
  return converted(attributes) == queue_attributes_;
}

json::object SnsManager::get_message_attribute(const json::value& attribute) {
  const auto made = [](std::string_view type, std::string text) {
    return json::object{{"DataType", type}, {"StringValue", std::move(text)}};
  };
  if (attribute.is_string()) return made("String", std::string(attribute.get_string()));
  if (attribute.is_bool()) return made("String", attribute.get_bool() ? "true" : "false");
  if (attribute.is_number()) return made("Number", sdk::to_str(attribute));
  if (attribute.is_null()) throw TypeError("null is no value for an attribute of a message");
  return made("String.Array", sdk::to_json(attribute));
}

std::string SnsManager::create_topic(std::string_view topic_name) {
  if (topic_name.empty()) throw RuntimeError("a topic needs a name");
  return sdk::value_of(client_for(recipient_).sns.create_topic(topic_name));
}

std::string SnsManager::create_subscription(std::string_view topic_arn, std::string_view protocol,
                                            std::string_view endpoint) {
  if (topic_arn.empty() || protocol.empty() || endpoint.empty())
    throw RuntimeError("a subscription needs the ARN of a topic, a protocol and an endpoint");
  return sdk::value_of(client_for(topic_arn).sns.subscribe(topic_arn, protocol, endpoint));
}

void SnsManager::clear() {
  queue_.clear();
  queue_attributes_.clear();
}

}  // namespace sosw
