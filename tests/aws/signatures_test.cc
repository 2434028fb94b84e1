// SPDX-License-Identifier: MIT
// Requests as they arrive, signed once more by botocore.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <fstream>
#include <random>

#include "aws/client.h"
#include "aws/lambda.h"
#include "aws/sigv4.h"
#include "support/python_server.h"

namespace sosw::aws {
namespace {

namespace json = boost::json;

const Credentials kCredentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};

std::string url() {
  static testing::PythonServer kServer(SOSW_SOURCE "/tests/aws/signature_server.py");
  return kServer.url();
}

class SignaturesTest : public ::testing::Test {
 protected:
  void expect_accepted(const std::string& service, const std::string& region, const Call& call,
                       const Credentials& credentials) {
    Signer signer(service, region, url());
    const auto response =
        http_.send(signer.sign(call, credentials, std::chrono::system_clock::now()));
    ASSERT_FALSE(response.error) << response.error->message;
    EXPECT_EQ(response.status, 200) << response.body;
  }
  HttpClient http_;
};

std::string text(const json::value& value) { return std::string(value.as_string()); }

std::vector<std::pair<std::string, std::string>> pairs(const json::value& list) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const auto& pair : list.as_array()) out.emplace_back(text(pair.at(0)), text(pair.at(1)));
  return out;
}

TEST_F(SignaturesTest, OfEveryRecordedCaseAreAccepted) {
  std::ifstream file(SOSW_SOURCE "/tests/golden/sigv4.jsonl");
  int cases = 0;
  for (std::string line; std::getline(file, line); ++cases) {
    const auto recorded = json::parse(line).as_object();
    SCOPED_TRACE(text(recorded.at("id")));
    Call call{.method = text(recorded.at("method")),
              .path = text(recorded.at("path")),
              .query = pairs(recorded.at("query")),
              .headers = pairs(recorded.at("headers"))};
    for (auto n = recorded.at("body_repeat").as_int64(); n > 0; --n)
      call.body += text(recorded.at("body"));
    auto credentials = kCredentials;
    if (const auto& token = recorded.at("session_token"); !token.is_null())
      credentials.session_token = text(token);
    expect_accepted(text(recorded.at("service")), text(recorded.at("region")), call, credentials);
  }
  EXPECT_EQ(cases, 87);
}

TEST_F(SignaturesTest, OfWhatNobodyRecordedAreAcceptedToo) {
  std::mt19937 random(20261124);  // NOLINT: the same calls each time
  const std::vector<std::string> pieces = {
      "a",  "Z",  "9", "/", ".", "..", "//", "%",    "%2F", "+", " ",    "=",  "&", "?",
      "#",  "~",  "-", "_", ":", "$",  "!",  "*",    "'",   "(", ")",    ",",  ";", "@",
      "\\", "\"", "<", "|", "`", "é",  "漢", "🦊", "{",   "^", "\x7f", "/./"};
  const auto any = [&](std::size_t most) {
    std::string out;
    for (auto n = random() % (most + 1); n > 0; --n) out += pieces[random() % pieces.size()];
    return out;
  };
  for (int i = 0; i < 200; ++i) {
    const bool s3 = i % 2 == 0;
    Call call{.method = std::vector<std::string>{"GET", "PUT", "POST", "DELETE"}[random() % 4],
              .path = s3 ? "/bucket/" + any(12) : "/2015-03-31/functions/" + any(12) + "/code",
              .body = any(5)};
    for (auto n = random() % 4; n > 0; --n) call.query.emplace_back(any(4), any(4));
    if (random() % 2 == 0) call.headers.emplace_back("X-Amz-Meta-B", "  two   words\tand more ");
    if (random() % 2 == 0) call.headers.emplace_back("X-Amz-Meta-B-C", "é");
    if (random() % 2 == 0) call.headers.emplace_back("User-Agent", "us");
    auto credentials = kCredentials;
    if (random() % 2 == 0) credentials.session_token = "token/+=";
    SCOPED_TRACE(call.method + ' ' + call.path);
    expect_accepted(s3 ? "s3" : "lambda", "eu-west-1", call, credentials);
  }
}

TEST_F(SignaturesTest, OfEveryProtocolAreAccepted) {
  const struct {
    const char* service;
    Operation call;
  } calls[] = {
      {"dynamodb", {"PutItem", {{"TableName", "t"}, {"Item", {{"id", {{"S", "żółć"}}}}}}}},
      {"sns", {"CreateTopic", {{"Name", "a b+c"}, {"Attributes", {{"k", "é&="}}}}}},
      {"lambda", {"GetFunction", {{"FunctionName", "arn:aws:lambda:r:1:function:f:$LATEST"}}}},
      {"lambda", {"UntagResource", {{"Resource", "arn:a"}, {"TagKeys", {"b", "a b", "a"}}}}},
      {"s3",
       {"PutObject",
        {{"Bucket", "b"},
         {"Key", "a//b/../c+d e=f:g"},
         {"Metadata", {{"note", "  many   spaces "}}},
         {"Body", std::string(2'000'000, 'x')}}}},
      {"s3", {"HeadObject", {{"Bucket", "b"}, {"Key", "k"}}}},
      {"s3", {"GetObjectTagging", {{"Bucket", "b"}, {"Key", "k"}}}},
      {"s3", {"DeleteObjects", {{"Bucket", "b"}, {"Delete", {{"Objects", {{{"Key", "k"}}}}}}}}},
  };
  for (const auto& [service, call] : calls) {
    Client client(
        service,
        {.region = "eu-west-1", .endpoint = url(), .credentials = kCredentials, .tries = 1});
    const auto answer = client.call(call.name, call.input);
    // The server's answer is no XML.
    EXPECT_TRUE(answer || answer.error().status == 200) << answer.error().text();
  }
  Lambda lambda(kCredentials, "eu-west-1", url());
  const auto result = lambda.invoke(
      {.function = "arn:aws:lambda:eu-west-1:1:function:f:prod", .payload = R"({"a":"é"})"});
  EXPECT_EQ(result.outcome, Outcome::accepted) << result.error_message;
}

// That the server refuses at all.
TEST_F(SignaturesTest, OfAnotherRequestAreRefused) {
  Signer signer("s3", "eu-west-1", url());
  const Call call{.method = "PUT", .path = "/b/k", .query = {{"a", "1"}}, .body = "body"};
  const auto signed_request = signer.sign(call, kCredentials, std::chrono::system_clock::now());
  EXPECT_EQ(http_.send(signed_request).status, 200);
  auto changed = signed_request;
  changed.body = "bodY";
  EXPECT_EQ(http_.send(changed).status, 403);
  changed = signed_request;
  changed.url += "2";
  EXPECT_EQ(http_.send(changed).status, 403);
  changed = signed_request;
  changed.headers.emplace_back("x-amz-acl", "public-read");
  EXPECT_EQ(http_.send(changed).status, 403);
  EXPECT_EQ(
      http_.send(signer.sign(call, {"AKIDEXAMPLE", "other", ""}, std::chrono::system_clock::now()))
          .status,
      403);
}

}  // namespace
}  // namespace sosw::aws
