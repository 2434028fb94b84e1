// SPDX-License-Identifier: MIT
#include "cloud/config_documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/json_text.h"
#include "support/aws_peer.h"

namespace sosw::cloud {
namespace {

using testing::AwsPeer;
using testing::AwsRequest;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::SizeIs;

struct SetClock final : engine::Clock {
  Time time = from_epoch(1'795'000'000);
  Time now() const override { return time; }
};

class PlayedDocuments : public ::testing::Test {
 protected:
  ConfigDocuments::Options options(ConfigDocuments::Options::Source source) {
    return {.client = {.region = "eu-west-1",
                       .endpoint = peer_.url(),
                       .tries = 1,
                       .longest_first_pause = std::chrono::milliseconds(1)},
            .source = source,
            .warn = [this](const std::string& line) { warnings_.push_back(line); }};
  }
  void pass(double seconds) { clock_.time = after(clock_.time, seconds); }
  // The document, or its error's code and message, as text.
  static std::string told(const Result<json::object>& document) {
    return document ? json_text(*document) : document.error().text();
  }

  static HttpReply row(const std::string& value) {
    return {.body = json_text(json::object{
                {"Items", json::array{json::object{{"env", {{"S", "production"}}},
                                                   {"config_value", {{"S", value}}}}}}})};
  }
  static HttpReply refusal(const std::string& code) {
    return {.status = 400, .body = R"({"__type":"x#)" + code + R"(","message":"refused"})"};
  }

  SetClock clock_;
  std::vector<std::string> warnings_;
  std::function<HttpReply(const AwsRequest&)> on_call_;
  AwsPeer peer_{AwsPeer::Replies([this](const AwsRequest& request) { return on_call_(request); })};
  ConfigDocuments table_{options(ConfigDocuments::Options::Source::table), clock_};
  ConfigDocuments ssm_{options(ConfigDocuments::Options::Source::ssm), clock_};
};

TEST_F(PlayedDocuments, a_row_is_asked_for_as_the_original_asks) {
  on_call_ = [](const AwsRequest&) { return row(R"({"a": {"b": 18446744073709551615}})"); };
  EXPECT_EQ(told(table_.config("sosw_scheduler_config")), R"({"a": {"b": 18446744073709551615}})");
  const auto requests = peer_.requests();
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].operation, "Query");
  EXPECT_EQ(requests[0].params, parse_json(R"({"TableName": "config",
              "KeyConditionExpression": "env = :env AND config_name = :config_name",
              "ExpressionAttributeValues": {":env": {"S": "production"},
                                            ":config_name": {"S": "sosw_scheduler_config"}}})")
                                    ->as_object());
}

TEST_F(PlayedDocuments, table_and_environment_can_be_others) {
  on_call_ = [](const AwsRequest&) { return row("{}"); };
  auto others = options(ConfigDocuments::Options::Source::table);
  others.table = "autotest_config";
  others.env = "dev";
  ConfigDocuments documents(others, clock_);
  ASSERT_TRUE(documents.config("n"));
  const auto params = peer_.requests().at(0).params;
  EXPECT_EQ(params.at("TableName"), "autotest_config");
  EXPECT_EQ(params.at("ExpressionAttributeValues").at(":env").at("S"), "dev");
}

TEST_F(PlayedDocuments, a_document_is_kept_for_its_time) {
  int version = 0;
  on_call_ = [&](const AwsRequest&) {
    return row(R"({"version": )" + std::to_string(++version) + "}");
  };
  EXPECT_EQ(told(table_.config("a")), R"({"version": 1})");
  pass(59.9);
  EXPECT_EQ(told(table_.config("a")), R"({"version": 1})");
  EXPECT_EQ(told(table_.config("b")), R"({"version": 2})");
  pass(0.1);
  EXPECT_EQ(told(table_.config("a")), R"({"version": 3})");
  EXPECT_EQ(told(table_.config("b")), R"({"version": 2})");
  pass(-3'600);  // nobody knows how old it is
  EXPECT_EQ(told(table_.config("a")), R"({"version": 4})");
  EXPECT_THAT(warnings_, IsEmpty());
}

TEST_F(PlayedDocuments, the_old_one_is_kept_when_no_new_one_can_be_had) {
  const std::vector<HttpReply> failures = {
      refusal("AccessDeniedException"),
      refusal("ResourceNotFoundException"),
      refusal("ProvisionedThroughputExceededException"),
      row("no JSON"),
      {.status = 500},
      {.body = "{}"},
      {.then = HttpReply::Then::close, .silent = true},
  };
  on_call_ = [](const AwsRequest&) { return row(R"({"a": 1})"); };
  ASSERT_TRUE(table_.config("n"));
  for (std::size_t i = 0; i < failures.size(); ++i) {
    on_call_ = [&](const AwsRequest&) { return failures[i]; };
    pass(60);
    EXPECT_EQ(told(table_.config("n")), R"({"a": 1})") << i;
    const auto asked = peer_.requests().size();
    EXPECT_EQ(told(table_.config("n")), R"({"a": 1})") << i;
    EXPECT_EQ(peer_.requests().size(), asked) << "not asked again at once, " << i;
    ASSERT_THAT(warnings_, SizeIs(i + 1));
    EXPECT_THAT(warnings_.back(), HasSubstr("'n' is that of " + std::to_string((i + 1) * 60)));
  }
  on_call_ = [](const AwsRequest&) { return row(R"({"a": 2})"); };
  pass(60);
  EXPECT_EQ(told(table_.config("n")), R"({"a": 2})");
  EXPECT_THAT(warnings_, SizeIs(failures.size()));
}

TEST_F(PlayedDocuments, none_is_an_answer_and_nothing_else_is_taken_for_it) {
  on_call_ = [](const AwsRequest&) { return HttpReply{.body = R"({"Items": [], "Count": 0})"}; };
  for (int i = 0; i < 2; ++i) {
    const auto none = table_.config("n");
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().code, Code::not_found);
    EXPECT_THAT(none.error().message, HasSubstr("no configuration 'n' in the table 'config'"));
  }
  EXPECT_THAT(peer_.requests(), SizeIs(1));

  struct Case {
    HttpReply reply;
    Code code;
    const char* says;
  };
  const std::vector<Case> cases = {
      {refusal("AccessDeniedException"), Code::denied, "AccessDeniedException"},
      {refusal("UnrecognizedClientException"), Code::denied, "UnrecognizedClientException"},
      {refusal("ResourceNotFoundException"), Code::invalid, "no table 'config'"},
      {refusal("ThrottlingException"), Code::unavailable, "ThrottlingException"},
      {{.status = 500}, Code::unavailable, "500"},
      {{.body = "{}"}, Code::unavailable, "no Items"},
      {{.then = HttpReply::Then::close, .silent = true}, Code::unavailable, "Query"},
      {row("no JSON"), Code::invalid, "not JSON"},
      {row("[1]"), Code::invalid, "must be an object, found a list"},
      {{.body = R"({"Items": [{"config_value": {"N": "1"}}]})"},
       Code::invalid,
       "no text `config_value`"},
  };
  for (const auto& [reply, code, says] : cases) {
    on_call_ = [&, r = reply](const AwsRequest&) { return r; };
    const auto failed = table_.config("never had");
    ASSERT_FALSE(failed) << says;
    EXPECT_EQ(failed.error().code, code) << failed.error().text();
    EXPECT_THAT(failed.error().text(), HasSubstr(says));
  }
  EXPECT_THAT(warnings_, IsEmpty());

  // One that came later, and one that has gone.
  on_call_ = [](const AwsRequest&) { return row("{}"); };
  pass(60);
  EXPECT_TRUE(table_.config("n"));
  on_call_ = [](const AwsRequest&) { return HttpReply{.body = R"({"Items": []})"}; };
  pass(60);
  EXPECT_EQ(table_.config("n").error().code, Code::not_found);
}

TEST_F(PlayedDocuments, a_parameter_of_ssm_is_a_document_too) {
  on_call_ = [](const AwsRequest& request) {
    EXPECT_EQ(request.operation, "GetParameter");
    if (request.params.at("Name") == "none") return refusal("ParameterNotFound");
    if (request.params.at("Name") == "denied") return refusal("AccessDeniedException");
    if (request.params.at("Name") == "plain" && request.params.at("WithDecryption").as_bool())
      return refusal("AccessDeniedException");
    return HttpReply{
        .body = R"({"Parameter": {"Name": "n", "Type": "String", "Value": "{\"a\": 1}"}})"};
  };
  EXPECT_EQ(told(ssm_.config("n")), R"({"a": 1})");
  EXPECT_EQ(told(ssm_.config("plain")), R"({"a": 1})");
  EXPECT_EQ(ssm_.config("none").error().code, Code::not_found);
  EXPECT_THAT(ssm_.config("none").error().message, HasSubstr("the parameters of SSM"));
  EXPECT_EQ(ssm_.config("denied").error().code, Code::denied);
}

TEST_F(PlayedDocuments, a_secure_parameter_that_cannot_be_decrypted_is_no_document) {
  on_call_ = [](const AwsRequest& request) {
    if (request.params.at("WithDecryption").as_bool()) return refusal("AccessDeniedException");
    return HttpReply{.body =
                         R"({"Parameter": {"Name": "n", "Type": "SecureString", "Value": "{}"}})"};
  };
  EXPECT_EQ(ssm_.config("n").error().code, Code::denied);
}

}  // namespace
}  // namespace sosw::cloud
