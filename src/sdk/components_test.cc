// SPDX-License-Identifier: MIT
// The small components: audit rows, closing a task, signatures for other clients.
#include <gmock/gmock.h>

#include "sosw/app.h"
#include "sosw/meta_handler.h"
#include "sosw/sigv4.h"
#include "sosw/tasks_api_client_for_workers.h"
#include "support/played_aws.h"

namespace sosw {
namespace {

namespace json = boost::json;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::chrono::system_clock::time_point kNow{1548928800250ms};

class Meta : public testing::PlayedAws {
 protected:
  void SetUp() override {
    PlayedAws::SetUp();
    on_call = [](const Call& call) {
      return HttpReply{
          .body = call.operation == "DescribeTable"
                      ? R"({"Table":{"KeySchema":[{"AttributeName":"task_id","KeyType":"HASH"}]}})"
                      : "{}"};
    };
    context_.function_name = "f";
    context_.aws_request_id = "r";
    context_.log_stream_name = "s";
    global_vars.set_lambda_context(&context_);
  }
  void TearDown() override {
    global_vars.set_lambda_context(nullptr);
    PlayedAws::TearDown();
  }
  Context context_;
};

TEST_F(Meta, writes_a_row) {
  MetaHandler meta({}, [] { return kNow; });
  EXPECT_TRUE(meta.post("t", "imported", {{"rows", 5}}));
  ASSERT_THAT(operations(), ElementsAre("DescribeTable", "PutItem"));
  const auto put = calls()[1].params;
  EXPECT_EQ(put.at("TableName"), "sosw_tasks_meta");
  EXPECT_EQ(put.at("Item"), (json::object{{"task_id", {{"S", "t"}}},
                                          {"created_at", {{"N", "1548928800.25"}}},
                                          {"action", {{"S", "imported"}}},
                                          {"rows", {{"N", "5"}}},
                                          {"author", {{"S", "f"}}},
                                          {"invocation_id", {{"S", "r"}}},
                                          {"log_stream_name", {{"S", "s"}}}}));
}

TEST_F(Meta, takes_the_next_moment_when_this_one_is_taken) {
  std::vector<std::string> times;
  on_call = [&, describe = on_call](const Call& call) {
    if (call.operation != "PutItem") return describe(call);
    times.push_back(json::value_to<std::string>(call.params.at("Item").at("created_at").at("N")));
    return times.size() < 3 ? refusal("ConditionalCheckFailedException") : describe(call);
  };
  MetaHandler meta({}, [] { return kNow; });
  EXPECT_TRUE(meta.post("t", "a"));
  ASSERT_THAT(times, SizeIs(3));
  EXPECT_LT(std::stod(times[0]), std::stod(times[1]));
  EXPECT_LT(std::stod(times[1]), std::stod(times[2]));
  times.clear();
  EXPECT_FALSE(meta.post("t", "a", {{"created_at", 5}}));  // the caller's own time stays
  EXPECT_THAT(times, ElementsAre("5"));
}

TEST_F(Meta, writes_a_row_once_when_an_answer_is_lost) {
  int puts = 0;
  on_call = [&, describe = on_call](const Call& call) {
    if (call.operation != "PutItem") return describe(call);
    return ++puts == 1 ? HttpReply{.status = 500} : refusal("ConditionalCheckFailedException");
  };
  MetaHandler meta({}, [] { return kNow; });
  EXPECT_TRUE(meta.post("t", "a"));
  EXPECT_EQ(puts, 2);
}

TEST_F(Meta, fails_no_work) {
  on_call = [](const Call&) { return refusal("AccessDeniedException"); };
  MetaHandler meta;
  EXPECT_FALSE(meta.post("t", "a"));
  EXPECT_FALSE(meta.post("t", "b"));
  EXPECT_THAT(operations(), SizeIs(1));  // not tried again for a minute
  EXPECT_THROW(meta.post("t", "a", {{"author", "me"}}), AssertionError);
}

TEST_F(Meta, writes_to_the_log_alone_if_told_so) {
  MetaHandler meta({{"write_meta_to_ddb", false}});
  EXPECT_FALSE(meta.post("t", "a"));
  EXPECT_THAT(operations(), IsEmpty());
}

// ------------------------------------------------------------------------------------------------

class Refusals : public testing::PlayedAws {
 protected:
  // Of a PutItem that is refused for its condition, behind a first answer.
  bool may_be_done(const HttpReply& first) {
    int calls = 0;
    on_call = [&](const Call&) {
      return ++calls == 1 ? first : refusal("ConditionalCheckFailedException");
    };
    try {
      AwsClient("dynamodb").call("PutItem", {{"TableName", "t"}, {"ConditionExpression", "c"}});
    } catch (const AwsError& error) {
      EXPECT_EQ(error.code(), "ConditionalCheckFailedException");
      EXPECT_EQ(calls,
                first.status == 400 && first.body.find("Condit") != std::string::npos ? 1 : 2);
      return error.may_be_done();
    }
    ADD_FAILURE() << "it was not refused";
    return false;
  }
};

TEST_F(Refusals, tell_whether_a_try_before_may_be_why) {
  EXPECT_FALSE(may_be_done(refusal("ConditionalCheckFailedException")));
  EXPECT_FALSE(may_be_done(refusal("ThrottlingException")));  // for certain not done
  EXPECT_TRUE(may_be_done({.status = 500}));
}

// ------------------------------------------------------------------------------------------------

class CloseTask : public testing::PlayedAws {};

TEST_F(CloseTask, sets_completed_at_of_a_task_that_is_there) {
  EXPECT_TRUE(close_task({{"task_id", "t"}}));
  ASSERT_THAT(operations(), ElementsAre("UpdateItem"));
  const auto input = calls()[0].params;
  EXPECT_EQ(input.at("TableName"), "sosw_tasks");
  EXPECT_EQ(input.at("Key"), (json::object{{"task_id", {{"S", "t"}}}}));
  EXPECT_EQ(input.at("ConditionExpression"),
            "attribute_exists(#key) AND attribute_not_exists(completed_at)");
  EXPECT_EQ(input.at("ExpressionAttributeNames"), (json::object{{"#key", "task_id"}}));
  const auto written = std::stod(
      json::value_to<std::string>(input.at("ExpressionAttributeValues").at(":now").at("N")));
  EXPECT_GT(written, 1'548'928'800);
}

TEST_F(CloseTask, closes_the_run_of_the_claim_only) {
  EXPECT_TRUE(close_task({{"task_id", "t"}, {"claim", "c1580486400-7-3"}}));
  const auto input = calls()[0].params;
  EXPECT_EQ(input.at("ConditionExpression"),
            "attribute_exists(#key) AND attribute_not_exists(completed_at) AND claim = :claim AND "
            "greenfield = :greenfield");
  EXPECT_EQ(input.at("ExpressionAttributeValues").at(":claim").at("S"), "c1580486400-7-3");
  EXPECT_EQ(input.at("ExpressionAttributeValues").at(":greenfield").at("N"), "1580486400");
}

TEST_F(CloseTask, tells_what_it_did_not_close) {
  EXPECT_FALSE(close_task({{"task_id", ""}}));
  EXPECT_FALSE(close_task({}));
  EXPECT_THAT(operations(), IsEmpty());
  on_call = [](const Call&) { return refusal("ConditionalCheckFailedException"); };
  EXPECT_FALSE(close_task({{"task_id", "t"}}));
  on_call = [](const Call&) { return refusal("ResourceNotFoundException"); };
  EXPECT_THROW(close_task({{"task_id", "t"}}, "other"), AwsError);
  set("STAGE", "test");
  EXPECT_THROW(close_task({{"id", "t"}}, "", "id"), AwsError);
  EXPECT_EQ(calls().back().params.at("TableName"), "autotest_sosw_tasks");
  EXPECT_EQ(calls().back().params.at("Key"), (json::object{{"id", {{"S", "t"}}}}));
}

// ------------------------------------------------------------------------------------------------

// The signatures were computed with Python's hmac, by the rules of AWS.
class SigV4 : public testing::PlayedAws {
 protected:
  SigV4Options options_{.aws_service = "es",
                        .aws_access_key_id = "AKIDEXAMPLE",
                        .aws_secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                        .aws_region = "eu-west-1",
                        .now = [] { return kNow; }};
};

TEST_F(SigV4, signs_a_get_with_its_query_sorted) {
  SigV4Request request{.url = "https://Search.example.com:443/index/_search?q=x%20y&a=2",
                       .body = "not signed"};
  AwsSigV4RequestGenerator sign(options_);
  sign(request);
  EXPECT_EQ(request.headers.at("Authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20190131/eu-west-1/es/aws4_request, "
            "SignedHeaders=host;x-amz-date, "
            "Signature=0844ab8877620a41e7f319e544bff20af80e1700e6df9ead004e55c3a822b487");
  EXPECT_EQ(request.headers.at("X-AMZ-Date"), "20190131T100000Z");
  EXPECT_EQ(request.headers.at("x-amz-content-sha256"),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_FALSE(request.headers.contains("x-amz-security-token"));
}

TEST_F(SigV4, signs_a_body_a_token_a_port_and_an_encoded_path) {
  options_.aws_service = "execute-api";
  options_.aws_region = "us-east-1";
  options_.aws_session_token = "TOKEN";
  SigV4Request request{
      .url = "http://h.example.com:8443/a%20b", .method = "POST", .body = R"({"a": 1})"};
  AwsSigV4RequestGenerator sign(options_);
  sign(request);
  EXPECT_THAT(request.headers.at("Authorization"),
              ::testing::EndsWith(
                  "SignedHeaders=host;x-amz-date;x-amz-security-token, "
                  "Signature=f6a693e9c7b3f8ac7cb350433892282ef7e9a2d508ba2d79ecae72cc9fba6b41"));
  EXPECT_EQ(request.headers.at("x-amz-security-token"), "TOKEN");
}

TEST_F(SigV4, takes_keys_and_region_from_the_environment) {
  unsetenv("AWS_DEFAULT_REGION");  // NOLINT(concurrency-mt-unsafe)
  set("AWS_SECURITY_TOKEN", "OLD");
  SigV4Request request{.url = "https://example.com"};
  AwsSigV4RequestGenerator sign({.aws_service = "es"});
  sign(request);
  EXPECT_THAT(request.headers.at("Authorization"), ::testing::HasSubstr("/eu-west-1/es/"));
  EXPECT_EQ(request.headers.at("x-amz-security-token"), "OLD");
  EXPECT_THROW(AwsSigV4RequestGenerator({.aws_service = ""}), KeyError);
  request.url = "example.com";
  EXPECT_THROW(sign(request), ValueError);
  set("AWS_REGION", "");
  EXPECT_THROW(AwsSigV4RequestGenerator({.aws_service = "es"}), KeyError);
  set("AWS_ACCESS_KEY_ID", "");
  EXPECT_THROW(AwsSigV4RequestGenerator({.aws_service = "es", .aws_region = "r"}), KeyError);
}

}  // namespace
}  // namespace sosw
