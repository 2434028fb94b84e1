// SPDX-License-Identifier: MIT
// Operations that have no typed call, as sosw::AwsClient makes them: each protocol, and what was
// written read back.
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "aws/moto.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class ProtocolsTest : public MotoTest {
 protected:
  static json::value call(std::string_view service, std::string_view operation,
                          const json::object& input = {}) {
    const auto answer = Client(service, options()).call(operation, input);
    if (answer) return *answer;
    ADD_FAILURE() << answer.error().text();
    return json::object();
  }
  static CallError refusal(std::string_view service, std::string_view operation,
                           const json::object& input = {}) {
    const auto answer = Client(service, options()).call(operation, input);
    if (!answer) return answer.error();
    ADD_FAILURE() << operation << " was done";
    return {};
  }
  static void make_table() {
    call("dynamodb", "CreateTable",
         {{"TableName", "t"},
          {"KeySchema",
           {{{"AttributeName", "id"}, {"KeyType", "HASH"}},
            {{"AttributeName", "n"}, {"KeyType", "RANGE"}}}},
          {"AttributeDefinitions",
           {{{"AttributeName", "id"}, {"AttributeType", "S"}},
            {{"AttributeName", "n"}, {"AttributeType", "N"}}}},
          {"BillingMode", "PAY_PER_REQUEST"}});
  }
  static json::object key(int n) {
    return {{"id", {{"S", "a"}}}, {"n", {{"N", std::to_string(n)}}}};
  }
  static json::object item(int n, const std::string& text) {
    auto all = key(n);
    all["text"] = {{"S", text}};
    return all;
  }
};

TEST_F(ProtocolsTest, ItemsOfDynamoDbWithConditions) {
  make_table();
  call("dynamodb", "PutItem", {{"TableName", "t"}, {"Item", item(1, "żółć")}});
  EXPECT_EQ(call("dynamodb", "GetItem", {{"TableName", "t"}, {"Key", key(1)}}).at("Item"),
            json::value(item(1, "żółć")));
  auto refused = refusal("dynamodb", "PutItem",
                         {{"TableName", "t"},
                          {"Item", item(1, "other")},
                          {"ConditionExpression", "attribute_not_exists(id)"},
                          {"ReturnValuesOnConditionCheckFailure", "ALL_OLD"}});
  EXPECT_EQ(refused.code, "ConditionalCheckFailedException");
  EXPECT_EQ(refused.fate, CallError::Fate::not_done);
  EXPECT_EQ(refused.body.at("Item"), json::value(item(1, "żółć")));
  refused = refusal("dynamodb", "TransactWriteItems",
                    {{"TransactItems",
                      {{{"Put", {{"TableName", "t"}, {"Item", item(2, "x")}}}},
                       {{"Delete",
                         {{"TableName", "t"},
                          {"Key", key(1)},
                          {"ConditionExpression", "n > :n"},
                          {"ExpressionAttributeValues", {{":n", {{"N", "5"}}}}}}}}}}});
  EXPECT_EQ(refused.code, "TransactionCanceledException");
  EXPECT_EQ(refused.body.at("CancellationReasons").at(1).at("Code"), "ConditionalCheckFailed");
  EXPECT_FALSE(call("dynamodb", "GetItem", {{"TableName", "t"}, {"Key", key(2)}})
                   .get_object()
                   .contains("Item"));
  EXPECT_EQ(refusal("dynamodb", "GetItem", {{"TableName", "none"}, {"Key", key(2)}}).code,
            "ResourceNotFoundException");
}

TEST_F(ProtocolsTest, PagesOfDynamoDbBeyondAMegabyte) {
  make_table();
  Client client("dynamodb", options());
  std::vector<Operation> puts;
  const std::string text(100'000, 'x');
  for (int n = 0; n < 24; ++n)
    puts.push_back({"PutItem", {{"TableName", "t"}, {"Item", item(n, text)}}});
  for (const auto& answer : client.call_all(puts, 8)) ASSERT_TRUE(answer) << answer.error().text();
  json::object query = {{"TableName", "t"},
                        {"KeyConditionExpression", "id = :a"},
                        {"ExpressionAttributeValues", {{":a", {{"S", "a"}}}}}};
  int next = 0;
  int pages = 0;
  for (bool more = true; more; ++pages) {
    const auto page = call("dynamodb", "Query", query);
    for (const auto& one : page.at("Items").as_array())
      EXPECT_EQ(one.at("n").at("N"), json::value(std::to_string(next++)));
    more = page.get_object().contains("LastEvaluatedKey");
    if (more) query["ExclusiveStartKey"] = page.at("LastEvaluatedKey");
    ASSERT_LT(pages, 24);
  }
  EXPECT_EQ(next, 24);
  EXPECT_GT(pages, 2);
}

TEST_F(ProtocolsTest, BatchesOfDynamoDbHaveALimit) {
  make_table();
  const auto batch = [](int size) {
    json::array keys;
    for (int n = 0; n < size; ++n) keys.emplace_back(key(n));
    return json::object{{"RequestItems", {{"t", {{"Keys", std::move(keys)}}}}}};
  };
  EXPECT_EQ(call("dynamodb", "BatchGetItem", batch(100)).at("Responses").at("t"), json::array());
  EXPECT_EQ(refusal("dynamodb", "BatchGetItem", batch(101)).code, "ValidationException");
}

TEST_F(ProtocolsTest, WritesInBatches) {
  make_table();
  const auto batch = [](int from, int to, bool put) {
    json::array writes;
    for (int n = from; n < to; ++n)
      writes.push_back(put ? json::object{{"PutRequest", {{"Item", item(n, "x")}}}}
                           : json::object{{"DeleteRequest", {{"Key", key(n)}}}});
    return json::object{{"RequestItems", {{"t", std::move(writes)}}}};
  };
  EXPECT_EQ(call("dynamodb", "BatchWriteItem", batch(0, 25, true)).at("UnprocessedItems"),
            json::object());
  call("dynamodb", "BatchWriteItem", batch(0, 5, false));
  EXPECT_EQ(call("dynamodb", "Scan", {{"TableName", "t"}, {"Select", "COUNT"}}).at("Count"), 20);
}

TEST_F(ProtocolsTest, FunctionsOfLambda) {
  const auto role = json::value_to<std::string>(
      call("cloudformation", "CreateStack",
           {{"StackName", "role"},
            {"Capabilities", {"CAPABILITY_NAMED_IAM"}},
            {"TemplateBody",
             R"({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r",
                 "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}}}})"}})
          .at("StackId"));
  EXPECT_THAT(role, HasSubstr("stack/role"));
  // PK\5\6 and 18 zeros: an empty archive.
  const std::string zip = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
  const auto made = call("lambda", "CreateFunction",
                         {{"FunctionName", "my-function"},
                          {"Runtime", "provided.al2023"},
                          {"Handler", "bootstrap"},
                          {"Role", "arn:aws:iam::123456789012:role/r"},
                          {"Timeout", 17},
                          {"Tags", {{"owner", "me"}}},
                          {"Code", {{"ZipFile", zip}}}});
  const auto arn = json::value_to<std::string>(made.at("FunctionArn"));
  EXPECT_EQ(refusal("lambda", "CreateFunction",
                    {{"FunctionName", "my-function"},
                     {"Runtime", "provided.al2023"},
                     {"Handler", "bootstrap"},
                     {"Role", "arn:aws:iam::123456789012:role/r"},
                     {"Code", {{"ZipFile", zip}}}})
                .code,
            "ResourceConflictException");
  for (const auto& name : {std::string("my-function"), arn}) {
    EXPECT_EQ(call("lambda", "GetFunctionConfiguration", {{"FunctionName", name}}).at("Timeout"),
              17);
    EXPECT_EQ(call("lambda", "GetFunction", {{"FunctionName", name}})
                  .at("Configuration")
                  .at("FunctionArn"),
              json::value(arn));
  }
  call("lambda", "UpdateFunctionConfiguration", {{"FunctionName", arn}, {"Timeout", 18}});
  EXPECT_EQ(call("lambda", "GetFunctionConfiguration", {{"FunctionName", arn}}).at("Timeout"), 18);

  call("lambda", "TagResource", {{"Resource", arn}, {"Tags", {{"a", "1"}, {"b", "2"}}}});
  call("lambda", "UntagResource", {{"Resource", arn}, {"TagKeys", {"owner", "b"}}});
  EXPECT_EQ(call("lambda", "ListTags", {{"Resource", arn}}).at("Tags"), (json::value{{"a", "1"}}));

  const json::object permission = {{"FunctionName", "my-function"},
                                   {"StatementId", "s"},
                                   {"Action", "lambda:InvokeFunction"},
                                   {"Principal", "events.amazonaws.com"}};
  call("lambda", "AddPermission", permission);
  EXPECT_THAT(
      std::string(
          call("lambda", "GetPolicy", {{"FunctionName", "my-function"}}).at("Policy").as_string()),
      HasSubstr("events.amazonaws.com"));
  call("lambda", "PutFunctionConcurrency",
       {{"FunctionName", "my-function"}, {"ReservedConcurrentExecutions", 3}});
  EXPECT_EQ(call("lambda", "GetFunctionConcurrency", {{"FunctionName", "my-function"}})
                .at("ReservedConcurrentExecutions"),
            3);

  const auto answer =
      call("lambda", "Invoke",
           {{"FunctionName", arn}, {"InvocationType", "Event"}, {"Payload", R"({"a":1})"}});
  EXPECT_EQ(answer.at("StatusCode"), 202);

  call("lambda", "DeleteFunction", {{"FunctionName", "my-function"}});
  const auto refused = refusal("lambda", "GetFunction", {{"FunctionName", "my-function"}});
  EXPECT_EQ(refused.code, "ResourceNotFoundException");
  EXPECT_EQ(refused.status, 404);
}

TEST_F(ProtocolsTest, VersionsAliasesAndSettingsOfLambda) {
  call("cloudformation", "CreateStack",
       {{"StackName", "role"},
        {"Capabilities", {"CAPABILITY_NAMED_IAM"}},
        {"TemplateBody",
         R"({"Resources": {"R": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r",
             "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": []}}}}})"}});
  const std::string zip = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";  // an empty archive
  const json::object f = {{"FunctionName", "f"}};
  const auto with = [&](const json::object& more) {
    auto input = f;
    input.insert(more.begin(), more.end());
    return input;
  };
  call("lambda", "CreateFunction",
       with({{"Runtime", "provided.al2023"},
             {"Handler", "bootstrap"},
             {"Role", "arn:aws:iam::123456789012:role/r"},
             {"Code", {{"ZipFile", zip}}}}));
  call("lambda", "UpdateFunctionCode", with({{"ZipFile", zip}}));
  ASSERT_THAT(call("lambda", "ListFunctions").at("Functions").as_array(), SizeIs(1));

  const auto version = call("lambda", "PublishVersion", f).at("Version");
  EXPECT_THAT(call("lambda", "ListVersionsByFunction", f).at("Versions").as_array(), SizeIs(2));
  call("lambda", "CreateAlias", with({{"Name", "live"}, {"FunctionVersion", version}}));
  EXPECT_EQ(call("lambda", "GetAlias", with({{"Name", "live"}})).at("FunctionVersion"), version);
  call("lambda", "UpdateAlias", with({{"Name", "live"}, {"FunctionVersion", "$LATEST"}}));
  EXPECT_EQ(call("lambda", "GetAlias", with({{"Name", "live"}})).at("FunctionVersion"), "$LATEST");
  call("lambda", "DeleteAlias", with({{"Name", "live"}}));
  EXPECT_EQ(refusal("lambda", "GetAlias", with({{"Name", "live"}})).code,
            "ResourceNotFoundException");

  call("lambda", "AddPermission",
       with({{"StatementId", "s"},
             {"Action", "lambda:InvokeFunction"},
             {"Principal", "events.amazonaws.com"}}));
  call("lambda", "RemovePermission", with({{"StatementId", "s"}}));
  EXPECT_EQ(refusal("lambda", "RemovePermission", with({{"StatementId", "s"}})).status, 404);
  call("lambda", "PutFunctionConcurrency", with({{"ReservedConcurrentExecutions", 3}}));
  call("lambda", "DeleteFunctionConcurrency", f);
  const auto concurrency = call("lambda", "GetFunctionConcurrency", f).as_object();
  const auto* reserved = concurrency.if_contains("ReservedConcurrentExecutions");
  EXPECT_TRUE(!reserved || reserved->is_null());
  call("lambda", "PutFunctionEventInvokeConfig", with({{"MaximumRetryAttempts", 0}}));
  EXPECT_EQ(call("lambda", "GetFunctionEventInvokeConfig", f).at("MaximumRetryAttempts"), 0);
  call("lambda", "DeleteFunctionEventInvokeConfig", f);
  EXPECT_EQ(refusal("lambda", "GetFunctionEventInvokeConfig", f).code, "ResourceNotFoundException");

  call("sqs", "CreateQueue", {{"QueueName", "q"}});
  const auto source = call("lambda", "CreateEventSourceMapping",
                           with({{"EventSourceArn", "arn:aws:sqs:eu-west-1:123456789012:q"}}))
                          .at("UUID");
  EXPECT_THAT(call("lambda", "ListEventSourceMappings", f).at("EventSourceMappings").as_array(),
              SizeIs(1));
  call("lambda", "DeleteEventSourceMapping", {{"UUID", source}});
  EXPECT_THAT(call("lambda", "ListEventSourceMappings", f).at("EventSourceMappings").as_array(),
              SizeIs(0));
}

TEST_F(ProtocolsTest, BucketsVersionsAndTagsOfS3) {
  call("s3", "CreateBucket",
       {{"Bucket", "my-bucket"},
        {"CreateBucketConfiguration", {{"LocationConstraint", "eu-west-1"}}}});
  call("s3", "HeadBucket", {{"Bucket", "my-bucket"}});
  EXPECT_EQ(refusal("s3", "HeadBucket", {{"Bucket", "no-bucket"}}).status, 404);
  EXPECT_EQ(call("s3", "GetBucketLocation", {{"Bucket", "my-bucket"}}).at("LocationConstraint"),
            "eu-west-1");
  ASSERT_THAT(call("s3", "ListBuckets").at("Buckets").as_array(), SizeIs(1));

  const json::object object = {{"Bucket", "my-bucket"}, {"Key", "k é"}};
  auto put = object;
  put["Body"] = "text";
  call("s3", "PutObject", put);
  auto tags = object;
  tags["Tagging"] = {{"TagSet", {{{"Key", "a+b"}, {"Value", "x y"}}}}};
  call("s3", "PutObjectTagging", tags);
  const auto tagged = call("s3", "GetObjectTagging", object).at("TagSet");
  ASSERT_THAT(tagged.as_array(), SizeIs(1));
  EXPECT_EQ(tagged.at(0), (json::value{{"Key", "a+b"}, {"Value", "x y"}}));
  const auto versions = call("s3", "ListObjectVersions", {{"Bucket", "my-bucket"}}).at("Versions");
  ASSERT_THAT(versions.as_array(), SizeIs(1));
  EXPECT_EQ(versions.at(0).at("Key"), "k é");
}

TEST_F(ProtocolsTest, ParametersAndSecrets) {
  call("ssm", "PutParameter", {{"Name", "/a/b"}, {"Value", "é"}, {"Type", "SecureString"}});
  EXPECT_EQ(call("ssm", "GetParameter", {{"Name", "/a/b"}, {"WithDecryption", true}})
                .at("Parameter")
                .at("Value"),
            "é");
  EXPECT_EQ(refusal("ssm", "GetParameter", {{"Name", "/none"}}).code, "ParameterNotFound");
  call("secretsmanager", "CreateSecret", {{"Name", "s"}, {"SecretString", "v"}});
  EXPECT_EQ(call("secretsmanager", "GetSecretValue", {{"SecretId", "s"}}).at("SecretString"), "v");
  call("secretsmanager", "PutSecretValue", {{"SecretId", "s"}, {"SecretString", "w"}});
  EXPECT_EQ(call("secretsmanager", "GetSecretValue", {{"SecretId", "s"}}).at("SecretString"), "w");
  EXPECT_EQ(refusal("secretsmanager", "GetSecretValue", {{"SecretId", "none"}}).code,
            "ResourceNotFoundException");
}

TEST_F(ProtocolsTest, TopicsAndQueues) {
  const auto topic = call("sns", "CreateTopic", {{"Name", "my-topic"}}).at("TopicArn");
  const auto queue = call("sqs", "CreateQueue", {{"QueueName", "q"}}).at("QueueUrl");
  call("sns", "Subscribe",
       {{"TopicArn", topic},
        {"Protocol", "sqs"},
        {"Endpoint", "arn:aws:sqs:eu-west-1:123456789012:q"},
        {"Attributes", {{"RawMessageDelivery", "true"}}}});
  call("sns", "Publish",
       {{"TopicArn", topic},
        {"Message", "a&b=c é\n+"},
        {"MessageAttributes", {{"kind", {{"DataType", "String"}, {"StringValue", "x y"}}}}}});
  const auto got =
      call("sqs", "ReceiveMessage", {{"QueueUrl", queue}, {"MessageAttributeNames", {"All"}}});
  ASSERT_THAT(got.at("Messages").as_array(), SizeIs(1));
  EXPECT_EQ(got.at("Messages").at(0).at("Body"), "a&b=c é\n+");
  EXPECT_EQ(got.at("Messages").at(0).at("MessageAttributes").at("kind").at("StringValue"), "x y");
  const auto refused =
      refusal("sns", "Publish",
              {{"TopicArn", "arn:aws:sns:eu-west-1:123456789012:none"}, {"Message", "m"}});
  EXPECT_EQ(refused.code, "NotFound");
}

TEST_F(ProtocolsTest, Metrics) {
  call("cloudwatch", "PutMetricData",
       {{"Namespace", "N"},
        {"MetricData",
         {{{"MetricName", "m"},
           {"Value", 1.5},
           {"Timestamp", "2026-11-24T10:00:05Z"},
           {"Dimensions", {{{"Name", "d"}, {"Value", "v w"}}}}},
          {{"MetricName", "m"},
           {"Value", 2.5},
           {"Timestamp", "2026-11-24T10:00:06Z"},
           {"Dimensions", {{{"Name", "d"}, {"Value", "v w"}}}}}}}});
  const auto answer = call("cloudwatch", "GetMetricStatistics",
                           {{"Namespace", "N"},
                            {"MetricName", "m"},
                            {"StartTime", "2026-11-24T10:00:00Z"},
                            {"EndTime", "2026-11-24T10:01:00Z"},
                            {"Period", 60},
                            {"Statistics", {"Sum", "Average"}},
                            {"Dimensions", {{{"Name", "d"}, {"Value", "v w"}}}}});
  ASSERT_THAT(answer.at("Datapoints").as_array(), SizeIs(1));
  EXPECT_EQ(answer.at("Datapoints").at(0).at("Sum").to_number<double>(), 4);
  EXPECT_EQ(answer.at("Datapoints").at(0).at("Average").to_number<double>(), 2);
}

TEST_F(ProtocolsTest, RulesAndIdentity) {
  call("events", "PutRule", {{"Name", "minute"}, {"ScheduleExpression", "rate(1 minute)"}});
  call("events", "PutTargets",
       {{"Rule", "minute"},
        {"Targets", {{{"Id", "1"}, {"Arn", "arn:aws:lambda:eu-west-1:123456789012:function:f"}}}}});
  call("events", "DisableRule", {{"Name", "minute"}});
  EXPECT_EQ(call("events", "DescribeRule", {{"Name", "minute"}}).at("State"), "DISABLED");
  EXPECT_THAT(call("events", "ListTargetsByRule", {{"Rule", "minute"}}).at("Targets").as_array(),
              SizeIs(1));
  EXPECT_EQ(call("sts", "GetCallerIdentity").at("Account"), "123456789012");
}

}  // namespace
}  // namespace sosw::aws
