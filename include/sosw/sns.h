// SPDX-License-Identifier: MIT
// SnsManager: messages to a topic of SNS, put together into few.
//
//   sosw::SnsManager sns({{"recipient", "arn:aws:sns:eu-west-1:123456789012:alarms"},
//                         {"subject", "Night run"}});
//   sns.send_message("34 rows were skipped");
//   sns.send_message("the archive is full", "Disk");  // another subject: sends the first one now
//   sns.commit();
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sosw/aws_client.h"
#include "sosw/component.h"

namespace sosw {

// Keeps messages until commit(), or until one comes that cannot go with them: with another subject,
// recipient, or other attributes. Then they are one message of SNS, joined by the separator;
// several, where one would exceed the 256 KB that SNS takes. A message that was not sent stays in
// the queue.
//
// A Processor commits its own behind each invocation: one that is frozen or killed later loses
// nothing.
//
// The region is that of the recipient's ARN. In a test (see Processor::test()) the recipient is
// arn:aws:sns:us-west-2:000000000000:autotest_topic, and commit() sends nothing.
//
// For one thread at a time.
class SnsManager : public Component {
 public:
  // `config`: "recipient", the ARN of a topic, and "subject", both texts, both may come later;
  // "region" where no ARN tells one, else that of the environment. Throws TypeError for a value
  // that is no text, AssertionError for a recipient that is no ARN.
  explicit SnsManager(const boost::json::object& config = {}, AwsClientOptions options = {});
  // Commits. It throws nothing: messages that cannot be sent are written to the log, with the
  // reason. Call commit() where that matters.
  ~SnsManager() override;

  // Queues a message; `forse_commit` (the original's spelling) sends the queue at once, with it.
  // `subject` is that of this message and all that follow. `message_attributes` are those of this
  // message, by name: texts, numbers, lists; nullopt: what set_message_attributes() has set.
  //
  // Throws RuntimeError when no subject was ever given, TypeError for an attribute that SNS has no
  // type for, ValueError for a message above 256 KB: it is not queued. Throws what commit() does
  // when the queue has to go first: the message is not queued either.
  void send_message(std::string_view message, std::optional<std::string_view> subject = {},
                    bool forse_commit = false,
                    const std::optional<boost::json::object>& message_attributes = {});

  // Sends the queue; nothing if it is empty. An empty message alone is dropped, for SNS takes none.
  // Throws RuntimeError without a recipient or subject, with an empty queue too; AwsError when SNS
  // refuses: the queue stays. What an AwsError that may_be_done() stopped may be sent a second time
  // by the next commit().
  void commit();
  // commit(), if anything waits.
  void flush() override {
    if (!queue_.empty()) commit();
  }

  // Each of these sends the queue first if the value is another one, and throws what commit() does;
  // then the value stays as it was. set_recipient() throws AssertionError unless the text begins
  // with "arn:aws", in capitals or not.
  void set_recipient(std::string_view arn);
  void set_subject(std::string_view subject);
  // Of messages that follow and bring none of their own, until the next commit().
  void set_message_attributes(const boost::json::object& attributes);
  // The same by the names "recipient", "subject" and "separator". Throws AttributeError for others.
  void set_client_attr(std::string_view attr, std::string_view value);

  // What stands between joined messages; "\n\n#####\n\n" at first.
  void set_separator(std::string_view separator) { separator_ = separator; }

  // Whether `attributes` are those of the messages that wait, so that a message with them could
  // join (the original's spelling).
  [[nodiscard]] bool compare_message_attributtes(const boost::json::object& attributes) const;
  // An attribute as SNS takes it, {"DataType": ..., "StringValue": ...}: a text or boolean is a
  // String, a number a Number, a list or object a String.Array in JSON. Throws TypeError for null.
  static boost::json::object get_message_attribute(const boost::json::value& attribute);

  // The ARN of a topic, made if there is none of that name. Throws RuntimeError for an empty name,
  // AwsError.
  std::string create_topic(std::string_view topic_name);
  // `protocol`: "email", "sqs", "lambda", ...; gives the ARN of the subscription, "pending
  // confirmation" until the endpoint has confirmed it. Throws RuntimeError when one of them is
  // empty, AwsError.
  std::string create_subscription(std::string_view topic_arn, std::string_view protocol,
                                  std::string_view endpoint);

  // Empty: there is none yet.
  [[nodiscard]] const std::string& recipient() const { return recipient_; }
  [[nodiscard]] const std::string& subject() const { return subject_; }
  // What waits for commit(), in its order.
  [[nodiscard]] const std::vector<std::string>& queue() const { return queue_; }
  // Forgets what waits.
  void clear();

 private:
  struct Client;
  Client& client_for(std::string_view arn);
  void require_addressed() const;
  void send_queue();

  AwsClientOptions options_;
  std::string recipient_;
  std::string subject_;
  std::string separator_ = "\n\n#####\n\n";
  std::vector<std::string> queue_;
  boost::json::object queue_attributes_;    // of the messages in the queue
  boost::json::object default_attributes_;  // of messages without their own
  std::unique_ptr<Client> client_;
};

}  // namespace sosw
