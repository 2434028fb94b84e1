// SPDX-License-Identifier: MIT
// What the recorded cases cannot ask: refusals, sizes, regions, tests. The rest is
// tests/golden/sns.jsonl.
#include "sosw/sns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <mutex>

#include "sosw/errors.h"
#include "support/http_server.h"
#include "support/variables.h"

namespace sosw {
namespace {

namespace json = boost::json;
using sosw::testing::HttpReply;
using sosw::testing::HttpRequest;
using sosw::testing::Variables;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class SnsManagerTest : public ::testing::Test {
 protected:
  SnsManager manager(json::object config = {{"recipient", kTopic}, {"subject", "S"}}) {
    return SnsManager(std::move(config), {.endpoint = server_.url()});
  }
  void refuse() {
    const std::lock_guard lock(mutex_);
    refuses_ = true;
  }
  void accept() {
    const std::lock_guard lock(mutex_);
    refuses_ = false;
  }
  std::vector<HttpRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  std::vector<std::string> bodies() {
    std::vector<std::string> out;
    for (const auto& request : requests()) out.push_back(request.body);
    return out;
  }

  static constexpr const char* kTopic = "arn:aws:sns:eu-central-1:123456789012:alarms";

 private:
  Variables variables_{{{"AWS_ACCESS_KEY_ID", "AKID"},
                        {"AWS_SECRET_ACCESS_KEY", "secret"},
                        {"AWS_REGION", "eu-west-1"},
                        {"STAGE", std::nullopt},
                        {"autotest", std::nullopt}}};
  std::mutex mutex_;
  bool refuses_ = false;
  std::vector<HttpRequest> requests_;
  sosw::testing::HttpServer server_{[this](const HttpRequest& request) -> HttpReply {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    if (refuses_)
      return {.status = 403,
              .body =
                  "<ErrorResponse><Error><Code>AuthorizationError</Code><Message>not "
                  "yours</Message></Error></ErrorResponse>"};
    return {.body =
                "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult>"
                "</PublishResponse>"};
  }};
};

TEST_F(SnsManagerTest, GoesToTheRegionOfTheTopic) {
  auto sns = manager();
  sns.send_message("a");
  sns.commit();
  sns.set_recipient("arn:aws-cn:sns:cn-north-1:123456789012:alarms");
  sns.send_message("b", {}, true);
  ASSERT_THAT(requests(), SizeIs(2));
  EXPECT_THAT(requests()[0].headers.at("authorization"), HasSubstr("/eu-central-1/sns/"));
  EXPECT_THAT(requests()[1].headers.at("authorization"), HasSubstr("/cn-north-1/sns/"));
}

TEST_F(SnsManagerTest, KeepsWhatWasRefused) {
  auto sns = manager();
  refuse();
  sns.send_message("a");
  try {
    sns.commit();
    ADD_FAILURE() << "the refusal is lost";
  } catch (const AwsError& error) {
    EXPECT_EQ(error.code(), "AuthorizationError");
    EXPECT_EQ(error.operation(), "Publish");
  }
  // What asks for a commit fails too, and changes nothing.
  EXPECT_THROW(sns.set_recipient("arn:aws:sns:eu-west-1:123456789012:other"), AwsError);
  EXPECT_THROW(sns.send_message("b", "Other"), AwsError);
  EXPECT_EQ(sns.recipient(), kTopic);
  EXPECT_EQ(sns.subject(), "S");
  EXPECT_THAT(sns.queue(), ElementsAre("a"));
  accept();
  sns.send_message("b");
  sns.commit();
  EXPECT_THAT(sns.queue(), IsEmpty());
  EXPECT_THAT(bodies().back(), HasSubstr("Message=a%0A%0A%23%23%23%23%23%0A%0Ab"));
}

TEST_F(SnsManagerTest, ACommitNeedsAnAddressEvenForNothing) {
  auto sns = manager({});
  EXPECT_THROW(sns.commit(), RuntimeError);
  sns.set_subject("S");
  EXPECT_THROW(sns.commit(), RuntimeError);
  sns.flush();  // behind each invocation: a Processor that sends nothing needs no topic
  sns.set_recipient(kTopic);
  sns.commit();
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(SnsManagerTest, WritesToTheLogWhatItCannotSendAtItsEnd) {
  refuse();
  ::testing::internal::CaptureStderr();
  {
    auto sns = manager();
    sns.send_message("disk is full");
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("AuthorizationError"), HasSubstr("disk is full")));
}

TEST_F(SnsManagerTest, SendsSeveralWhereOneWouldBeTooLarge) {
  auto sns = manager();
  const std::string large(100'000, 'x');
  for (int i = 0; i < 5; ++i) sns.send_message(large);
  sns.commit();
  ASSERT_THAT(bodies(), SizeIs(3));
  std::size_t bytes = 0;
  for (const auto& body : bodies())
    bytes += static_cast<std::size_t>(std::count(body.begin(), body.end(), 'x'));
  EXPECT_EQ(bytes, 500'000U);
  EXPECT_THROW(sns.send_message(std::string(262'145, 'x')), ValueError);
  EXPECT_THROW(sns.send_message(std::string(262'144, 'x'), {}, false, json::object{{"k", "v"}}),
               ValueError);
  EXPECT_THAT(sns.queue(), IsEmpty());
  sns.send_message(std::string(262'144, 'x'), {}, true);
  EXPECT_THAT(bodies(), SizeIs(4));
}

TEST_F(SnsManagerTest, AttributesThatAreSetHoldUntilTheNextCommit) {
  auto sns = manager();
  sns.set_message_attributes({{"k", "v"}});
  sns.send_message("a");
  EXPECT_TRUE(sns.compare_message_attributtes({{"k", "v"}}));
  EXPECT_FALSE(sns.compare_message_attributtes({}));
  sns.send_message("b", {}, false, json::object{{"own", 1}});  // sends the first
  sns.send_message("c");                                       // sends the second
  sns.commit();
  sns.send_message("d", {}, true);
  ASSERT_THAT(bodies(), SizeIs(4));
  EXPECT_THAT(bodies()[0], HasSubstr("MessageAttributes.entry.1.Name=k"));
  EXPECT_THAT(bodies()[1], HasSubstr("MessageAttributes.entry.1.Name=own"));
  EXPECT_THAT(bodies()[2], HasSubstr("MessageAttributes.entry.1.Name=k"));
  EXPECT_THAT(bodies()[3], Not(HasSubstr("MessageAttributes")));
  EXPECT_THROW(sns.set_message_attributes({{"k", nullptr}}), TypeError);
}

TEST_F(SnsManagerTest, SendsNothingInATest) {
  const Variables test({{"STAGE", "autotest"}});
  auto sns = manager();
  EXPECT_EQ(sns.recipient(), "arn:aws:sns:us-west-2:000000000000:autotest_topic");
  sns.send_message("a");
  ::testing::internal::CaptureStderr();
  sns.commit();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("not sent in a test"));
  EXPECT_THAT(sns.queue(), IsEmpty());
  EXPECT_THAT(requests(), IsEmpty());
}

TEST_F(SnsManagerTest, RefusesASettingThatIsNoText) {
  EXPECT_THROW(manager({{"recipient", 5}}), TypeError);
  EXPECT_THROW(manager({{"recipient", "alarms"}}), AssertionError);
  EXPECT_NO_THROW(manager({{"recipient", nullptr}}));
}

TEST_F(SnsManagerTest, SetsByName) {
  auto sns = manager();
  sns.set_client_attr("subject", "T");
  sns.set_client_attr("separator", ";");
  sns.send_message("a");
  sns.send_message("b");
  sns.set_client_attr("recipient", "arn:aws:sns:eu-west-1:123456789012:other");
  EXPECT_THAT(bodies(), ElementsAre(AllOf(HasSubstr("Subject=T"), HasSubstr("Message=a%3Bb"))));
  EXPECT_THROW(sns.set_client_attr("queue", ""), AttributeError);
}

TEST_F(SnsManagerTest, ForgetsWhatIsCleared) {
  auto sns = manager();
  sns.send_message("a");
  sns.clear();
  sns.commit();
  EXPECT_THAT(requests(), IsEmpty());
}

}  // namespace
}  // namespace sosw
