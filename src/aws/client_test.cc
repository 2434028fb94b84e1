// SPDX-License-Identifier: MIT
// Calls against a peer on loopback that answers well, badly, or not at all.
#include "aws/client.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <mutex>
#include <set>

#include "support/http_server.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;
using sosw::testing::HttpReply;
using sosw::testing::HttpRequest;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Fate = CallError::Fate;

class ClientTest : public ::testing::Test {
 protected:
  Client client(std::string_view service) {
    return Client(service, {.region = "eu-west-1",
                            .endpoint = server_.url(),
                            .credentials = Credentials{"AKID", "secret", ""},
                            .timeout = timeout_,
                            .tries = 4,
                            .longest_first_pause = std::chrono::milliseconds(1)});
  }
  // The first requests get these, all others the last one.
  void answers(std::vector<HttpReply> replies) { replies_ = std::move(replies); }
  static HttpReply refused(int status, std::string_view code) {
    return {.status = status,
            .body = json::serialize(
                json::object{{"__type", "com.amazonaws#" + std::string(code)}, {"message", "no"}})};
  }
  std::vector<HttpRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }

  std::chrono::milliseconds timeout_{60'000};

 private:
  std::mutex mutex_;
  std::vector<HttpReply> replies_ = {{.body = "{}"}};
  std::vector<HttpRequest> requests_;
  sosw::testing::HttpServer server_{[this](const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    return replies_[std::min(requests_.size(), replies_.size()) - 1];
  }};
};

TEST_F(ClientTest, SpeaksJson) {
  answers({{.body = R"({"Item": {"id": {"S": "1"}}})"}});
  const auto answer =
      client("dynamodb").call("GetItem", {{"TableName", "t"}, {"Key", {{"id", {{"S", "1"}}}}}});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer.operator*(), json::parse(R"({"Item": {"id": {"S": "1"}}})"));
  ASSERT_THAT(requests(), SizeIs(1));
  const auto request = requests()[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.headers.at("x-amz-target"), "DynamoDB_20120810.GetItem");
  EXPECT_EQ(request.headers.at("content-type"), "application/x-amz-json-1.0");
  EXPECT_THAT(request.headers.at("authorization"), HasSubstr("/eu-west-1/dynamodb/aws4_request"));
  EXPECT_EQ(json::parse(request.body), json::parse(R"({"TableName":"t","Key":{"id":{"S":"1"}}})"));
}

TEST_F(ClientTest, ReadsItemsAsDeepAsDynamoDbTakesThem) {
  std::string item = R"({"S":"x"})";
  for (int i = 0; i < 32; ++i) item.insert(0, R"({"M":{"m":)").append("}}");
  answers({{.body = R"({"Items":[{"a":)" + item + "}]}"}});
  const auto answer = client("dynamodb").call("Query");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(json::serialize(answer->at("Items").at(0).at("a")), item);
}

TEST_F(ClientTest, KeepsTheCodesOfServicesThatSpokeQueryBefore) {
  auto reply = refused(400, "QueueDoesNotExist");
  reply.headers["x-amzn-query-error"] = "AWS.SimpleQueueService.NonExistentQueue;Sender";
  answers({reply});
  EXPECT_EQ(client("sqs").call("GetQueueUrl").error().code,
            "AWS.SimpleQueueService.NonExistentQueue");
}

TEST_F(ClientTest, SpeaksQuery) {
  answers({{.body = R"(<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints>
    <member><Average>1.5</Average><Timestamp>2026-11-24T10:00:00Z</Timestamp><Unit>Count</Unit></member>
    <member><Average>2</Average><Unit>Count</Unit></member></Datapoints><Label>Duration</Label>
    </GetMetricStatisticsResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>
    </GetMetricStatisticsResponse>)"}});
  const auto answer = client("cloudwatch")
                          .call("GetMetricStatistics",
                                {{"Namespace", "AWS/Lambda"},
                                 {"Period", 60},
                                 {"Statistics", {"Average", "Sum"}},
                                 {"Dimensions", {{{"Name", "FunctionName"}, {"Value", "a b"}}}}});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(*answer, json::parse(R"({"Label": "Duration", "Datapoints": [
    {"Average": 1.5, "Timestamp": "2026-11-24T10:00:00Z", "Unit": "Count"},
    {"Average": 2, "Unit": "Count"}]})"));
  EXPECT_EQ(requests()[0].body,
            "Action=GetMetricStatistics&Version=2010-08-01&Namespace=AWS%2FLambda&Period=60"
            "&Statistics.member.1=Average&Statistics.member.2=Sum"
            "&Dimensions.member.1.Name=FunctionName&Dimensions.member.1.Value=a%20b");
  EXPECT_THAT(requests()[0].headers.at("authorization"), HasSubstr("/monitoring/"));
}

TEST_F(ClientTest, WritesMapsOfTheQueryProtocolAsEntries) {
  answers({{.body = "<PublishResponse><PublishResult><MessageId>m</MessageId></PublishResult>"
                    "</PublishResponse>"}});
  const auto answer = client("sns").call(
      "Publish",
      {{"Message", "x"},
       {"MessageAttributes", {{"kind", {{"DataType", "String"}, {"StringValue", "v"}}}}}});
  ASSERT_TRUE(answer);
  EXPECT_EQ(*answer, json::parse(R"({"MessageId": "m"})"));
  EXPECT_EQ(requests()[0].body,
            "Action=Publish&Version=2010-03-31&Message=x&MessageAttributes.entry.1.Name=kind"
            "&MessageAttributes.entry.1.Value.DataType=String"
            "&MessageAttributes.entry.1.Value.StringValue=v");
}

TEST_F(ClientTest, ReadsListsOfTextsAndNumbersOfTheQueryProtocol) {
  answers({{.body = R"(<GetMetricDataResponse><GetMetricDataResult><MetricDataResults><member>
    <Timestamps><member>2026-11-24T10:00:00Z</member></Timestamps><Values><member>1</member>
    <member>2.5</member></Values></member></MetricDataResults></GetMetricDataResult>
    </GetMetricDataResponse>)"}});
  EXPECT_EQ(*client("cloudwatch").call("GetMetricData", {{"Threshold", 0.5}}),
            json::parse(R"({"MetricDataResults": [{"Timestamps": ["2026-11-24T10:00:00Z"],
              "Values": [1, 2.5]}]})"));
  EXPECT_THAT(requests()[0].body, HasSubstr("&Threshold=0.5"));
}

TEST_F(ClientTest, AnEmptyListOfTheQueryProtocolIsAList) {
  answers({{.body = "<ListTopicsResponse><ListTopicsResult><Topics/></ListTopicsResult>"
                    "</ListTopicsResponse>"}});
  EXPECT_EQ(*client("sns").call("ListTopics"), json::parse(R"({"Topics": []})"));
}

TEST_F(ClientTest, TellsWhoRefusedWhatAndWhy) {
  auto reply = refused(400, "ConditionalCheckFailedException");
  reply.headers["x-amzn-RequestId"] = "r1";
  answers({reply});
  const auto answer = client("dynamodb").call("PutItem", {{"TableName", "t"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fate, Fate::not_done);
  EXPECT_EQ(answer.error().text(),
            "dynamodb PutItem: ConditionalCheckFailedException: no (HTTP 400) (request r1)");
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(ClientTest, ReadsErrorsOfTheQueryProtocol) {
  answers({{.status = 404,
            .body = "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code><Message>no "
                    "topic</Message></Error><RequestId>r2</RequestId></ErrorResponse>"}});
  const auto answer = client("sns").call("Publish", {{"Message", "x"}});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().text(), "sns Publish: NotFound: no topic (HTTP 404) (request r2)");
}

TEST_F(ClientTest, RepeatsWhatWasThrottled) {
  answers({refused(400, "ProvisionedThroughputExceededException"),
           refused(400, "ThrottlingException"),
           {.body = R"({"done": true})"}});
  const auto answer =
      client("dynamodb")
          .call("UpdateItem",
                {{"UpdateExpression", "ADD n :one"}});  // it was not done, so once more is right
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_THAT(requests(), SizeIs(3));
}

TEST_F(ClientTest, GivesUpAfterItsTries) {
  answers({refused(400, "ThrottlingException")});
  const auto answer = client("dynamodb").call("PutItem");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "ThrottlingException");
  EXPECT_EQ(answer.error().fate, Fate::not_done);
  EXPECT_THAT(requests(), SizeIs(4));
}

TEST_F(ClientTest, RepeatsAfterAServerErrorOnlyWhereTwiceIsAsGoodAsOnce) {
  struct {
    std::string_view service, operation;
    json::object input;
    std::size_t requests;
  } const cases[] = {
      {"dynamodb", "GetItem", {}, 4},
      {"dynamodb", "PutItem", {}, 4},
      {"dynamodb", "UpdateItem", {{"UpdateExpression", "SET a = :a"}}, 4},
      {"dynamodb", "UpdateItem", {{"UpdateExpression", "SET a = a + :a"}}, 1},
      {"dynamodb", "UpdateItem", {{"UpdateExpression", "ADD a :a"}}, 1},
      {"dynamodb", "UpdateItem", {{"UpdateExpression", "Remove b Add\ta :a"}}, 1},
      {"dynamodb", "UpdateItem", {{"UpdateExpression", "ADD#a :a"}}, 1},
      {"dynamodb", "UpdateItem", {{"UpdateExpression", "SET address = :a"}}, 4},
      {"dynamodb", "UpdateItem", {{"UpdateExpression", "SET a = list_append(a, :a)"}}, 1},
      {"dynamodb", "UpdateItem", {{"AttributeUpdates", json::object()}}, 1},
      {"dynamodb", "TransactWriteItems", {}, 4},  // the same one, by its token
      {"secretsmanager", "PutSecretValue", {}, 4},
      {"cloudformation", "CreateStack", {}, 4},
      {"cloudformation", "DescribeStacks", {}, 4},
      {"kms", "CreateKey", {}, 1},  // not known here
      {"sqs", "ReceiveMessage", {}, 1},
      {"lambda", "Invoke", {{"FunctionName", "f"}}, 1},
      {"lambda", "GetFunction", {{"FunctionName", "f"}}, 4},
      {"s3", "PutObject", {{"Bucket", "b"}, {"Key", "k"}}, 4},
      {"sns", "Publish", {}, 1},
      {"events", "PutEvents", {}, 1},
      {"cloudwatch", "PutMetricData", {}, 1},
  };
  for (const auto& one : cases) {
    const auto before = requests().size();
    answers({{.status = 500}});
    const auto answer = client(one.service).call(one.operation, one.input);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().fate, Fate::unknown) << one.operation;
    EXPECT_EQ(requests().size() - before, one.requests) << one.operation;
  }
}

TEST_F(ClientTest, ATransactionKeepsItsTokenThroughAllTries) {
  answers({{.status = 500}, {.body = "{}"}});
  auto one = client("dynamodb");
  ASSERT_TRUE(one.call("TransactWriteItems", {{"TransactItems", json::array()}}));
  ASSERT_TRUE(one.call("TransactWriteItems"));
  ASSERT_TRUE(one.call("TransactWriteItems", {{"ClientRequestToken", "mine"}}));
  ASSERT_THAT(requests(), SizeIs(4));
  const auto token = [&](int i) {
    return json::parse(requests()[i].body).at("ClientRequestToken");
  };
  EXPECT_EQ(token(0), token(1));
  EXPECT_EQ(token(0).as_string().size(), 32U);
  EXPECT_NE(token(0), token(2));
  EXPECT_EQ(token(3), "mine");
}

TEST_F(ClientTest, ARefusalAfterALostAnswerMayBeItsOwnDoing) {
  answers({{.status = 500}, refused(400, "ConditionalCheckFailedException")});
  const auto answer = client("dynamodb").call("PutItem");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "ConditionalCheckFailedException");
  EXPECT_EQ(answer.error().fate, Fate::unknown);
}

TEST_F(ClientTest, TakesOverTheClockOfTheService) {
  auto late = refused(400, "InvalidSignatureException");
  late.headers["Date"] = "Tue, 24 Nov 2020 10:00:00 GMT";
  answers({late, {.body = "{}"}});
  auto one = client("dynamodb");
  ASSERT_TRUE(one.call("GetItem"));
  ASSERT_TRUE(one.call("GetItem"));
  ASSERT_THAT(requests(), SizeIs(3));
  EXPECT_THAT(requests()[1].headers.at("x-amz-date"), HasSubstr("20201124T1000"));
  EXPECT_THAT(requests()[2].headers.at("x-amz-date"), HasSubstr("20201124T1000"));
}

TEST_F(ClientTest, TakesOverTheClockForAHeadWhoseRefusalHasNoCode) {
  answers({{.status = 403, .headers = {{"Date", "Tue, 24 Nov 2020 10:00:00 GMT"}}}, {.body = ""}});
  ASSERT_TRUE(client("s3").call("HeadObject", {{"Bucket", "b"}, {"Key", "k"}}));
  EXPECT_THAT(requests()[1].headers.at("x-amz-date"), HasSubstr("20201124T1000"));
}

TEST_F(ClientTest, AClockThatIsNeverRightIsTakenOverOnce) {
  auto late = refused(400, "InvalidSignatureException");
  late.headers["Date"] = "Tue, 24 Nov 2020 10:00:00 GMT";
  auto later = refused(400, "InvalidSignatureException");
  later.headers["Date"] = "Tue, 24 Nov 2020 20:00:00 GMT";
  answers({late, later});
  const auto answer = client("dynamodb").call("PutItem");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, "InvalidSignatureException");
  EXPECT_THAT(requests(), SizeIs(2));
}

TEST_F(ClientTest, ReadsErrorsOfTheRestProtocols) {
  answers({{.status = 404,
            .headers = {{"x-amz-request-id", "r3"}},
            .body = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>none</Message>"
                    "<Key>k</Key></Error>"}});
  const json::object object = {{"Bucket", "b"}, {"Key", "k"}};
  EXPECT_EQ(client("s3").call("GetObject", object).error().text(),
            "s3 GetObject: NoSuchKey: none (HTTP 404) (request r3)");
  answers({{.status = 404}});
  EXPECT_EQ(client("s3").call("HeadObject", object).error().text(),
            "s3 HeadObject: 404: Not Found (HTTP 404)");
  answers({{.status = 301, .headers = {{"x-amz-bucket-region", "eu-west-2"}}}});
  EXPECT_THAT(client("s3").call("GetObject", object).error().text(),
              HasSubstr("The bucket is in the region eu-west-2."));
  answers({{.status = 404,
            .headers = {{"x-amzn-ErrorType", "ResourceNotFoundException:http://x/"}},
            .body = R"({"Type":"User","Message":"no f"})"}});
  EXPECT_EQ(client("lambda").call("GetFunction", {{"FunctionName", "f"}}).error().text(),
            "lambda GetFunction: ResourceNotFoundException: no f (HTTP 404)");
}

TEST_F(ClientTest, ACopyMayFailAfterItWasAccepted) {
  answers({{.body = "<Error><Code>InternalError</Code><Message>again</Message></Error>"},
           {.body = "<CopyObjectResult><ETag>e</ETag></CopyObjectResult>"}});
  const auto answer =
      client("s3").call("CopyObject", {{"Bucket", "b"}, {"Key", "k"}, {"CopySource", "b/other"}});
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_THAT(requests(), SizeIs(2));
}

TEST_F(ClientTest, WhatCannotBeAskedIsNotSent) {
  EXPECT_EQ(client("s3").call("GetObject", {{"Bucket", "b"}}).error().text(),
            "s3 GetObject: Key is missing");
  EXPECT_EQ(client("lambda").call("Nothing").error().fate, Fate::not_done);
  for (const char* name : {"", "GetItem\r\nx: y", "Publish&TopicArn=a"})
    for (const char* service : {"dynamodb", "sns"})
      EXPECT_THAT(client(service).call(name).error().text(), HasSubstr("no name of an operation"));
  EXPECT_THAT(requests(), SizeIs(0));
}

TEST_F(ClientTest, AnAnswerThatCannotBeReadLeavesItUnknown) {
  answers({{.body = "<html>"}});
  const auto answer = client("sns").call("Publish");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fate, Fate::unknown);
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(ClientTest, ACallThatPausesHoldsNoPlace) {
  // One at a time: the first is throttled until all others were here.
  std::mutex mutex;
  std::set<std::string> seen;
  sosw::testing::HttpServer server([&](const HttpRequest& request) {
    const std::lock_guard lock(mutex);
    seen.insert(request.body);
    if (request.body == R"({"n":0})" && seen.size() < 5) return refused(400, "ThrottlingException");
    return HttpReply{.body = "{}"};
  });
  Client one("dynamodb", {.region = "r",
                          .endpoint = server.url(),
                          .credentials = Credentials{"a", "b", ""},
                          .tries = 20});
  std::vector<Operation> calls;
  for (int n = 0; n < 5; ++n) calls.push_back({"GetItem", {{"n", n}}});
  for (const auto& answer : one.call_all(calls, 1)) EXPECT_TRUE(answer) << answer.error().text();
}

TEST_F(ClientTest, AWrongKeyIsToldAtOnce) {
  answers({refused(400, "InvalidSignatureException")});
  EXPECT_FALSE(client("dynamodb").call("GetItem"));
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(ClientTest, AServerThatStallsIsLeftWhenTimeIsOver) {
  timeout_ = std::chrono::milliseconds(50);
  answers({{.silent = true}});
  const auto answer = client("sns").call("Publish");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fate, Fate::unknown);
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(ClientTest, ManyCallsAnswerInTheirOrder) {
  answers({refused(400, "ThrottlingException"), {.body = "{}"}});
  std::vector<Operation> calls(20, {"GetItem", {}});
  const auto all = client("dynamodb").call_all(calls, 4);
  ASSERT_THAT(all, SizeIs(20));
  for (const auto& answer : all) EXPECT_TRUE(answer);
  EXPECT_THAT(requests(), SizeIs(21));
}

TEST(Client, SaysWhatIsMissing) {
  EXPECT_THAT(Client("nosuch", {.region = "r"}).call("X").error().text(), HasSubstr("'nosuch'"));
  const auto nobody = Client("dynamodb", {.region = "r",
                                          .endpoint = "http://" + std::string("127.0.0.1:") +
                                                      std::to_string(sosw::testing::closed_port()),
                                          .credentials = Credentials{"a", "b", ""},
                                          .tries = 2})
                          .call("GetItem");
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().fate, Fate::not_done);
}

}  // namespace
}  // namespace sosw::aws
