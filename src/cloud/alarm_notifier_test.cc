// SPDX-License-Identifier: MIT
#include "cloud/alarm_notifier.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/json_text.h"
#include "support/aws_peer.h"

namespace sosw::cloud {
namespace {

using engine::Alarm;
using ::testing::AllOf;
using testing::AwsPeer;
using testing::AwsRequest;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using ::testing::SizeIs;

constexpr const char* kTopic = "arn:aws:sns:us-west-2:000000000000:sosw_info";
constexpr std::size_t kMost = 262'144;

Alarm dead(std::int64_t number, std::string message = "why") {
  return {.number = number,
          .kind = Alarm::Kind::dead_task,
          .labourer_id = "word_count",
          .task_id = fmt::format("t{}", number),
          .message = std::move(message),
          .at = from_epoch(1'795'000'000)};
}
Alarm blocked(std::int64_t number, std::string message) {
  return {.number = number,
          .kind = Alarm::Kind::labourer_blocked,
          .labourer_id = "word_count",
          .message = std::move(message),
          .at = from_epoch(1'795'000'000)};
}

class PlayedTargets : public ::testing::Test {
 protected:
  AlarmNotifier::Options options() {
    return {.client = {.region = "eu-west-1",
                       .endpoint = peer_.url(),
                       .tries = 1,
                       .longest_first_pause = std::chrono::milliseconds(1)}};
  }
  AlarmNotifier::Options topic() {
    auto all = options();
    all.topic_arn = kTopic;
    return all;
  }
  static Result<void> send(AlarmNotifier& notifier, const std::vector<Alarm>& alarms) {
    return notifier.notify(alarms);
  }
  std::vector<std::string> params(std::string_view name, std::string_view operation = "Publish") {
    std::vector<std::string> all;
    for (const auto& request : peer_.requests())
      if (request.operation == operation) all.emplace_back(request.params.at(name).as_string());
    return all;
  }

  std::function<HttpReply(const AwsRequest&)> on_call_ = [](const AwsRequest& request) {
    return HttpReply{.body = request.operation == "Publish" ? "<MessageId>1</MessageId>" : ""};
  };
  AwsPeer peer_{AwsPeer::Replies([this](const AwsRequest& request) { return on_call_(request); })};
};

TEST_F(PlayedTargets, dead_tasks_have_the_subject_and_the_words_of_the_original) {
  AlarmNotifier notifier(topic());
  ASSERT_TRUE(send(notifier, {dead(1), dead(2, "two\nlines")}));
  EXPECT_THAT(params("TopicArn"), ElementsAre(kTopic));
  EXPECT_THAT(params("Subject"), ElementsAre("``sosw`` Dead Task"));
  EXPECT_THAT(params("Message"), ElementsAre("Closing dead task: t1 (labourer word_count): why\n"
                                             "Closing dead task: t2 (labourer word_count): "
                                             "two lines"));
}

TEST_F(PlayedTargets, other_alarms_have_a_subject_of_their_own_and_the_order_stays) {
  auto all = topic();
  all.subject = "mine";
  AlarmNotifier notifier(all);
  ASSERT_TRUE(send(notifier, {dead(1), blocked(2, "no such function"), dead(3), dead(4)}));
  EXPECT_THAT(params("Subject"), ElementsAre("``sosw`` Dead Task", "mine", "``sosw`` Dead Task"));
  EXPECT_THAT(params("Message"), ElementsAre(HasSubstr("t1"), "labourer_blocked: no such function",
                                             AllOf(HasSubstr("t3"), HasSubstr("t4"))));
}

TEST_F(PlayedTargets, a_message_has_no_more_than_256_kb_and_no_alarm_is_left_out) {
  std::vector<Alarm> alarms;
  for (int i = 1; i <= 40; ++i) alarms.push_back(dead(i, std::string(10'000, 'x')));
  alarms.push_back(dead(41, std::string(2 * kMost, 'y')));  // one line is cut
  alarms.push_back(dead(42));
  AlarmNotifier notifier(topic());
  ASSERT_TRUE(send(notifier, alarms));
  const auto messages = params("Message");
  ASSERT_THAT(messages, SizeIs(4));
  std::string all;
  for (const auto& message : messages) {
    EXPECT_LE(message.size(), kMost);
    all += message;
  }
  EXPECT_THAT(messages[2], AllOf(SizeIs(kMost), EndsWith("yyy...")));
  for (int i = 1; i <= 42; ++i)
    EXPECT_THAT(all, HasSubstr(fmt::format("Closing dead task: t{} (", i)));
}

TEST_F(PlayedTargets, what_sns_would_refuse_is_mended) {
  AlarmNotifier notifier(topic());
  // Bytes that are no UTF-8, control characters, and a character of two bytes where a line is cut.
  ASSERT_TRUE(
      send(notifier, {dead(1, "a\xFF\x01z"), dead(2, std::string(kMost - 49, 'x') + "éééé")}));
  const auto messages = params("Message");
  ASSERT_THAT(messages, SizeIs(2));
  EXPECT_THAT(messages[0], EndsWith(": a\xEF\xBF\xBD z"));
  EXPECT_LE(messages[1].size(), kMost);
  EXPECT_THAT(messages[1], EndsWith("..."));
  std::string written;
  append_json(messages[1], written);
  EXPECT_THAT(written, ::testing::Not(HasSubstr("ufffd")));
}

// A subject of the configuration that SNS does not take must not keep alarms from anybody.
TEST_F(PlayedTargets, a_subject_is_what_sns_takes) {
  const std::pair<std::string, std::string> subjects[] = {
      {"Störung\nin \"Köln\"", "St?rung in \"K?ln\""},
      {"  \xFF x", "? x"},
      {std::string(99, 's'), std::string(99, 's')},
      {std::string(200, 's'), std::string(99, 's')},
      {" \t", "``sosw`` Info"},
      {"", "``sosw`` Info"}};
  std::vector<std::string> expected;
  for (const auto& [given, sent] : subjects) {
    auto all = topic();
    all.subject = given;
    AlarmNotifier notifier(all);
    ASSERT_TRUE(send(notifier, {blocked(1, "b")}));
    expected.push_back(sent);
  }
  EXPECT_EQ(params("Subject"), expected);
}

TEST_F(PlayedTargets, the_topic_is_asked_in_its_own_region) {
  std::string authorization;
  HttpServer server([&](const HttpRequest& request) {
    authorization = request.headers.at("authorization");
    return HttpReply{.body =
                         "<PublishResponse><PublishResult><MessageId>1</MessageId>"
                         "</PublishResult></PublishResponse>"};
  });
  auto all = topic();
  all.client.endpoint = server.url();
  AlarmNotifier notifier(all);
  ASSERT_TRUE(send(notifier, {dead(1)}));
  EXPECT_THAT(authorization, HasSubstr("/us-west-2/sns/"));  // D-55
}

TEST_F(PlayedTargets, what_was_sent_before_a_refusal_is_not_sent_again) {
  int published = 0;
  on_call_ = [&](const AwsRequest&) {
    if (++published == 2)
      return HttpReply{.status = 400,
                       .body =
                           "<ErrorResponse><Error><Code>Throttling</Code>"
                           "<Message>Rate exceeded</Message></Error></ErrorResponse>"};
    return HttpReply{.body = "<MessageId>1</MessageId>"};
  };
  AlarmNotifier notifier(topic());
  const std::vector<Alarm> alarms = {dead(1), blocked(2, "b"), dead(3)};
  const auto sent = send(notifier, alarms);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, Code::unavailable);
  EXPECT_THAT(sent.error().text(), AllOf(HasSubstr(kTopic), HasSubstr("Rate exceeded")));
  ASSERT_TRUE(send(notifier, alarms));
  EXPECT_THAT(params("Message"), ElementsAre(HasSubstr("t1"), "labourer_blocked: b",
                                             "labourer_blocked: b", HasSubstr("t3")));
}

TEST_F(PlayedTargets, a_function_gets_an_event) {
  auto all = options();
  all.function = "on_alarm";
  AlarmNotifier notifier(all);
  ASSERT_TRUE(send(notifier, {dead(7, "\"quoted\" é"), blocked(8, "b")}));
  EXPECT_THAT(params("FunctionName", "Invoke"), ElementsAre("on_alarm"));
  EXPECT_THAT(params("InvocationType", "Invoke"), ElementsAre("Event"));
  const auto event = parse_json(params("Payload", "Invoke").at(0));
  ASSERT_TRUE(event) << event.error().text();
  EXPECT_EQ(*event, parse_json(R"({"text": "sosw: 2 alarms\n\"quoted\" \u00e9\nb", "alarms": [
      {"number": 7, "kind": "dead_task", "labourer_id": "word_count", "task_id": "t7",
       "message": "\"quoted\" \u00e9", "at": "2026-11-18T11:06:40Z"},
      {"number": 8, "kind": "labourer_blocked", "labourer_id": "word_count", "task_id": "",
       "message": "b", "at": "2026-11-18T11:06:40Z"}]})")
                        .value());
}

TEST_F(PlayedTargets, a_function_gets_many_alarms_in_events_that_it_can_take) {
  auto all = options();
  all.function = "on_alarm";
  AlarmNotifier notifier(all);
  std::vector<Alarm> alarms;
  std::string e;
  for (int i = 0; i < 5'000; ++i) e += "é";
  for (int i = 1; i <= 50; ++i) alarms.push_back(dead(i, e));
  alarms.push_back(dead(51, std::string(kMost, 'x')));
  ASSERT_TRUE(send(notifier, alarms));
  std::vector<std::int64_t> numbers;
  for (const auto& payload : params("Payload", "Invoke")) {
    EXPECT_LE(payload.size(), kMost);
    const auto event = parse_json(payload);
    ASSERT_TRUE(event) << event.error().text();
    for (const auto& alarm : event->at("alarms").as_array())
      numbers.push_back(alarm.at("number").as_int64());
  }
  ASSERT_THAT(numbers, SizeIs(51));
  for (int i = 1; i <= 51; ++i) EXPECT_EQ(numbers[static_cast<std::size_t>(i - 1)], i);
}

TEST_F(PlayedTargets, each_target_gets_what_it_has_not_got_yet) {
  bool refuse = true;
  on_call_ = [&](const AwsRequest& request) -> HttpReply {
    if (request.operation == "Publish") return {.body = "<MessageId>1</MessageId>"};
    return {.status = refuse ? 429 : 202, .body = R"({"message": "too much"})"};
  };
  std::vector<std::string> lines;
  auto all = topic();
  all.function = "on_alarm";
  all.log = [&](const std::string& line) { lines.push_back(line); };
  AlarmNotifier notifier(all);
  const auto sent = send(notifier, {dead(1)});
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().message,
              AllOf(HasSubstr("function on_alarm: too much"), ::testing::Not(HasSubstr("SNS"))));
  refuse = false;
  ASSERT_TRUE(send(notifier, {dead(1), dead(2)}));
  EXPECT_THAT(params("Message"), ElementsAre(HasSubstr("t1"), HasSubstr("t2")));
  EXPECT_THAT(params("Payload", "Invoke"), SizeIs(2));  // the refused one, then both
  EXPECT_THAT(params("Payload", "Invoke").at(1), AllOf(HasSubstr("t1"), HasSubstr("t2")));
  EXPECT_THAT(lines, ElementsAre("alarm dead_task: why (labourer word_count, task t1)",
                                 "alarm dead_task: why (labourer word_count, task t2)"));
}

TEST_F(PlayedTargets, stopped_it_keeps_the_rest_for_the_next_time) {
  std::stop_source stop;
  on_call_ = [&](const AwsRequest&) {
    stop.request_stop();
    return HttpReply{.body = "<MessageId>1</MessageId>"};
  };
  AlarmNotifier notifier(topic());
  const std::vector<Alarm> alarms = {dead(1), blocked(2, "b")};
  EXPECT_FALSE(notifier.notify(alarms, stop.get_token()));
  EXPECT_THAT(params("Message"), SizeIs(1));
  ASSERT_TRUE(notifier.notify(alarms));
  EXPECT_THAT(params("Message"), ElementsAre(HasSubstr("t1"), "labourer_blocked: b"));
}

TEST_F(PlayedTargets, without_a_target_alarms_are_not_lost_in_silence) {
  AlarmNotifier notifier(options());
  const auto sent = send(notifier, {dead(1)});
  ASSERT_FALSE(sent);
  EXPECT_THAT(sent.error().text(), HasSubstr("nothing is configured"));
  EXPECT_TRUE(send(notifier, {}));
}

}  // namespace
}  // namespace sosw::cloud
