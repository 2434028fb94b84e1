// SPDX-License-Identifier: MIT
// Every accident between the client and the service: what is there afterwards, and what the caller
// is told. What must not be done twice is done once, or not at all, and the caller knows which of
// it is not known.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "aws/moto.h"
#include "aws/proxy.h"
#include "aws/s3.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;
using Fate = CallError::Fate;

constexpr std::array kAll = {Accident::throttled,     Accident::error_before, Accident::error_after,
                             Accident::closed_before, Accident::closed_after, Accident::half_closed,
                             Accident::stalled,       Accident::garbage};

class AccidentsTest : public MotoTest {
 protected:
  void SetUp() override {
    MotoTest::SetUp();
    const auto made =
        Client("dynamodb", options())
            .call("CreateTable",
                  {{"TableName", "t"},
                   {"KeySchema", {{{"AttributeName", "id"}, {"KeyType", "HASH"}}}},
                   {"AttributeDefinitions", {{{"AttributeName", "id"}, {"AttributeType", "S"}}}},
                   {"BillingMode", "PAY_PER_REQUEST"}});
    ASSERT_TRUE(made) << made.error().text();
    put("n", 0);
  }
  static void put(const char* id, int count) {
    const auto done =
        Client("dynamodb", options())
            .call("PutItem",
                  {{"TableName", "t"},
                   {"Item", {{"id", {{"S", id}}}, {"n", {{"N", std::to_string(count)}}}}}});
    ASSERT_TRUE(done) << done.error().text();
  }
  // Of the item, as it is; -1: there is none.
  static int count(const char* id) {
    const auto got = Client("dynamodb", options())
                         .call("GetItem", {{"TableName", "t"}, {"Key", {{"id", {{"S", id}}}}}});
    if (!got) ADD_FAILURE() << got.error().text();
    const auto* item = got->as_object().if_contains("Item");
    return item ? std::stoi(std::string(item->at("n").at("N").as_string())) : -1;
  }
  // Only a server that stalls is left soon: a slow machine is no accident.
  ClientOptions through(Accident accident) {
    auto options = MotoTest::options(proxy_.url());
    if (accident == Accident::stalled) options.timeout = std::chrono::milliseconds(700);
    return options;
  }
  Client through(const char* service, Accident accident = Accident::none) {
    return Client(service, through(accident));
  }
  static json::object update(const char* expression) {
    return {{"TableName", "t"},
            {"Key", {{"id", {{"S", "n"}}}}},
            {"UpdateExpression", expression},
            {"ExpressionAttributeValues", {{":one", {{"N", "1"}}}}}};
  }

  Proxy proxy_{url()};
};

TEST_F(AccidentsTest, AReadComesThroughAll) {
  put("n", 7);
  for (const auto accident : kAll) {
    proxy_.next({accident, accident});
    const auto got = through("dynamodb", accident)
                         .call("GetItem", {{"TableName", "t"}, {"Key", {{"id", {{"S", "n"}}}}}});
    ASSERT_TRUE(got) << static_cast<int>(accident) << got.error().text();
    EXPECT_EQ(got->at("Item").at("n").at("N"), "7");
    EXPECT_GE(proxy_.seen(), 3);
  }
}

TEST_F(AccidentsTest, AWholeWriteComesThroughAll) {
  int n = 0;
  for (const auto accident : kAll) {
    proxy_.next({accident, accident});
    const auto done = through("dynamodb", accident).call("UpdateItem", [&] {
      auto input = update("SET n = :one");
      input["ExpressionAttributeValues"] = {{":one", {{"N", std::to_string(++n)}}}};
      return input;
    }());
    ASSERT_TRUE(done) << static_cast<int>(accident) << done.error().text();
    EXPECT_EQ(count("n"), n);
  }
}

TEST_F(AccidentsTest, WhatCountsIsNeverCountedTwice) {
  for (const auto accident : kAll) {
    const bool done_by_server = accident == Accident::error_after ||
                                accident == Accident::closed_after ||
                                accident == Accident::half_closed ||
                                accident == Accident::stalled || accident == Accident::garbage;
    put("n", 0);
    proxy_.next({accident});
    const auto done = through("dynamodb", accident).call("UpdateItem", update("ADD n :one"));
    SCOPED_TRACE(static_cast<int>(accident));
    if (accident == Accident::throttled) {
      ASSERT_TRUE(done);  // it was refused for certain, so it was sent again
      EXPECT_EQ(count("n"), 1);
      EXPECT_EQ(proxy_.seen(), 2);
    } else {
      ASSERT_FALSE(done);
      EXPECT_EQ(done.error().fate, Fate::unknown);
      EXPECT_EQ(count("n"), done_by_server ? 1 : 0);
      EXPECT_EQ(proxy_.seen(), 1);
    }
  }
}

TEST_F(AccidentsTest, ATransactionCountsOnceThroughAll) {
  int expected = 0;
  // moto does not know tokens, so only what the server has not seen is repeated here; that the
  // token stays the same is seen in client_test.cc.
  for (const auto accident :
       {Accident::throttled, Accident::error_before, Accident::closed_before}) {
    proxy_.next({accident, accident});
    const auto done =
        through("dynamodb")
            .call("TransactWriteItems", {{"TransactItems", {{{"Update", update("ADD n :one")}}}}});
    ASSERT_TRUE(done) << done.error().text();
    EXPECT_EQ(count("n"), ++expected);
    EXPECT_EQ(proxy_.seen(), 3);
  }
}

TEST_F(AccidentsTest, AConditionAfterALostAnswerDoesNotSayWhoseItWas) {
  proxy_.next({Accident::closed_after});
  const auto done = through("dynamodb")
                        .call("PutItem", {{"TableName", "t"},
                                          {"Item", {{"id", {{"S", "new"}}}, {"n", {{"N", "1"}}}}},
                                          {"ConditionExpression", "attribute_not_exists(id)"}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, "ConditionalCheckFailedException");
  EXPECT_EQ(done.error().fate, Fate::unknown);
  EXPECT_EQ(count("new"), 1);
}

TEST_F(AccidentsTest, AMessageIsNeverSentTwice) {
  Client sns("sns", options());
  Client sqs("sqs", options());
  const auto topic = sns.call("CreateTopic", {{"Name", "topic"}})->at("TopicArn");
  const auto queue = sqs.call("CreateQueue", {{"QueueName", "q"}})->at("QueueUrl");
  ASSERT_TRUE(sns.call("Subscribe", {{"TopicArn", topic},
                                     {"Protocol", "sqs"},
                                     {"Endpoint", "arn:aws:sqs:eu-west-1:123456789012:q"}}));
  for (const auto accident : {Accident::error_after, Accident::closed_after, Accident::half_closed,
                              Accident::stalled, Accident::garbage}) {
    proxy_.next({accident});
    const auto sent =
        through("sns", accident).call("Publish", {{"TopicArn", topic}, {"Message", "m"}});
    ASSERT_FALSE(sent);
    EXPECT_EQ(sent.error().fate, Fate::unknown);
    const auto got = sqs.call("ReceiveMessage", {{"QueueUrl", queue}, {"MaxNumberOfMessages", 10}});
    ASSERT_TRUE(got);
    EXPECT_EQ(got->at("Messages").as_array().size(), 1U) << static_cast<int>(accident);
  }
}

TEST_F(AccidentsTest, FilesComeThroughWhole) {
  ASSERT_TRUE(S3(options()).create_bucket("my-bucket"));
  const std::string bytes(200'000, 'x');
  for (const auto accident : kAll) {
    if (accident == Accident::throttled) continue;  // S3 says it in another way
    S3 s3(through(accident));
    proxy_.next({accident});
    const auto put = s3.put("my-bucket", "k", bytes);
    ASSERT_TRUE(put) << put.error().text();
    proxy_.next({accident});
    const auto got = s3.get("my-bucket", "k");
    ASSERT_TRUE(got && *got) << got.error().text();
    EXPECT_EQ((*got)->body, bytes);
  }
  // After a lost answer nobody knows whose object it is.
  S3 s3(through(Accident::error_after));
  proxy_.next({Accident::error_after});
  const auto first = s3.put_if_absent("my-bucket", "new", "mine");
  ASSERT_FALSE(first);
  EXPECT_EQ(first.error().fate, Fate::unknown);
  EXPECT_EQ((*s3.get("my-bucket", "new"))->body, "mine");
}

TEST_F(AccidentsTest, ManyCallsComeThroughMany) {
  std::vector<Operation> calls;
  for (int n = 0; n < 60; ++n)
    calls.push_back(
        {"PutItem",
         {{"TableName", "t"},
          {"Item", {{"id", {{"S", std::to_string(n)}}}, {"n", {{"N", std::to_string(n)}}}}}}});
  std::vector<Accident> accidents;
  for (int n = 0; n < 40; ++n) accidents.push_back(kAll[static_cast<std::size_t>(n) % 6]);
  proxy_.next(accidents);
  auto options = through(Accident::none);
  options.tries = 40;
  const auto answers = Client("dynamodb", options).call_all(calls, 8);
  for (const auto& answer : answers) ASSERT_TRUE(answer) << answer.error().text();
  for (int n = 0; n < 60; n += 7) EXPECT_EQ(count(std::to_string(n).c_str()), n);
  EXPECT_EQ(proxy_.seen(), 100);
}

TEST_F(AccidentsTest, AServerThatOnlyStallsIsLeftAfterAllTries) {
  proxy_.next({Accident::stalled, Accident::stalled, Accident::stalled});
  auto options = MotoTest::options(proxy_.url());
  options.timeout = std::chrono::milliseconds(100);
  options.tries = 3;
  const auto got = Client("dynamodb", options)
                       .call("GetItem", {{"TableName", "t"}, {"Key", {{"id", {{"S", "n"}}}}}});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().status, 0);
  EXPECT_EQ(proxy_.seen(), 3);
}

}  // namespace
}  // namespace sosw::aws
