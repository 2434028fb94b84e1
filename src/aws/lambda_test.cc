// SPDX-License-Identifier: MIT
#include "aws/lambda.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/http_server.h"
#include "support/scratch_folder.h"
#include "support/variables.h"

namespace sosw::aws {
namespace {

using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;

const Credentials kCredentials{"AKIDEXAMPLE", "secret", "token"};

TEST(Lambda, asks_the_invoke_api) {
  HttpRequest seen;
  HttpServer server([&](const HttpRequest& request) {
    seen = request;
    return HttpReply{.status = 202, .headers = {{"x-amzn-RequestId", "r-1"}}};
  });
  Lambda lambda(kCredentials, "eu-west-1", server.url());
  const auto result =
      lambda.invoke({.function = "arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST",
                     .payload = R"({"a":1})"});
  EXPECT_EQ(result.outcome, Outcome::accepted);
  EXPECT_EQ(result.status, 202);
  EXPECT_EQ(result.request_id, "r-1");
  EXPECT_EQ(seen.method, "POST");
  EXPECT_EQ(seen.target,
            "/2015-03-31/functions/"
            "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Af%3A%24LATEST/invocations");
  EXPECT_EQ(seen.headers["x-amz-invocation-type"], "Event");
  EXPECT_EQ(seen.headers["x-amz-security-token"], "token");
  EXPECT_TRUE(
      seen.headers["authorization"].starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"));
  EXPECT_EQ(seen.body, R"({"a":1})");
}

TEST(Lambda, tells_a_failed_function_from_a_refused_invoke) {
  HttpServer server([](const HttpRequest& request) {
    if (request.headers.at("x-amz-invocation-type") == "DryRun")
      return HttpReply{.status = 404,
                       .headers = {{"x-amzn-ErrorType",
                                    "ResourceNotFoundException:http://internal.amazon.com/"}},
                       .body = R"({"Type":"User","Message":"Function not found: f"})"};
    return HttpReply{.headers = {{"X-Amz-Function-Error", "Unhandled"}},
                     .body = R"({"errorMessage":"no"})"};
  });
  Lambda lambda(kCredentials, "eu-west-1", server.url());
  auto result =
      lambda.invoke({.function = "f", .payload = "{}", .type = InvocationType::request_response});
  EXPECT_EQ(result.outcome, Outcome::accepted);
  EXPECT_EQ(result.function_error, "Unhandled");
  EXPECT_EQ(result.payload, R"({"errorMessage":"no"})");

  result = lambda.invoke({.function = "f", .payload = "{}", .type = InvocationType::dry_run});
  EXPECT_EQ(result.outcome, Outcome::rejected_function);
  EXPECT_EQ(result.error_type, "ResourceNotFoundException");
  EXPECT_EQ(result.error_message, "Function not found: f");
  EXPECT_EQ(result.payload, "");
}

TEST(Lambda, classifies_every_answer) {
  const auto outcome = [](int status, std::string_view type = "") {
    return classify({.status = status}, type);
  };
  EXPECT_EQ(outcome(200), Outcome::accepted);
  EXPECT_EQ(outcome(202), Outcome::accepted);
  EXPECT_EQ(outcome(204), Outcome::accepted);
  EXPECT_EQ(outcome(302), Outcome::unknown);
  EXPECT_EQ(outcome(400, "InvalidParameterValueException"), Outcome::rejected_function);
  EXPECT_EQ(outcome(400, "InvalidRequestContentException"), Outcome::rejected_task);
  EXPECT_EQ(outcome(400, "ThrottlingException"), Outcome::rejected_transient);
  EXPECT_EQ(outcome(403, "AccessDeniedException"), Outcome::rejected_function);
  // Our own credentials and clock: no labourer is to be blocked for them.
  for (const auto* type :
       {"UnrecognizedClientException", "ExpiredTokenException", "InvalidSignatureException",
        "MissingAuthenticationTokenException", "IncompleteSignatureException"})
    EXPECT_EQ(outcome(403, type), Outcome::rejected_transient) << type;
  EXPECT_EQ(outcome(404, "ResourceNotFoundException"), Outcome::rejected_function);
  EXPECT_EQ(outcome(408), Outcome::unknown);
  EXPECT_EQ(outcome(409, "ResourceConflictException"), Outcome::rejected_transient);
  EXPECT_EQ(outcome(413, "RequestTooLargeException"), Outcome::rejected_task);
  EXPECT_EQ(outcome(415, "UnsupportedMediaTypeException"), Outcome::rejected_task);
  EXPECT_EQ(outcome(429, "TooManyRequestsException"), Outcome::rejected_transient);
  for (const int status : {500, 502, 503, 504})
    EXPECT_EQ(outcome(status), Outcome::unknown) << status;
  EXPECT_EQ(classify({.error = TransportError{"refused", true}}, ""), Outcome::rejected_transient);
  EXPECT_EQ(classify({.error = TransportError{"reset", false}}, ""), Outcome::unknown);
}

TEST(Lambda, puts_one_copy_on_the_wire_unless_it_is_repeatable) {
  std::atomic<int> copies = 0;
  HttpServer server([&](const HttpRequest&) {
    ++copies;
    return HttpReply{.status = 202};
  });
  Lambda lambda(kCredentials, "eu-west-1", server.url());
  for (int i = 0; i < 3; ++i) lambda.invoke({.function = "f", .payload = "{}", .repeatable = true});
  EXPECT_EQ(server.connections(), 1);
  for (int i = 0; i < 3; ++i) lambda.invoke({.function = "f", .payload = "{}"});
  EXPECT_EQ(server.connections(), 4);
  EXPECT_EQ(copies, 6);
}

TEST(Lambda, sends_nothing_without_credentials) {
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"})
    unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
  for (const char* name : {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"})
    setenv(name, "/dev/null", 1);                  // NOLINT(concurrency-mt-unsafe)
  setenv("AWS_EC2_METADATA_DISABLED", "true", 1);  // NOLINT(concurrency-mt-unsafe)
  HttpServer server([](const HttpRequest&) { return HttpReply{.status = 202}; });
  Lambda lambda(std::nullopt, "eu-west-1", server.url());
  const auto result = lambda.invoke({.function = "f", .payload = "{}"});
  EXPECT_EQ(result.outcome, Outcome::rejected_transient);
  EXPECT_TRUE(result.error_message.starts_with("no credentials: ")) << result.error_message;
  EXPECT_EQ(server.connections(), 0);
  setenv("AWS_ACCESS_KEY_ID", "a", 1);      // NOLINT(concurrency-mt-unsafe)
  setenv("AWS_SECRET_ACCESS_KEY", "b", 1);  // NOLINT(concurrency-mt-unsafe)
  EXPECT_EQ(lambda.invoke({.function = "f", .payload = "{}"}).outcome, Outcome::accepted);
  for (const char* name : {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_CONFIG_FILE",
                           "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"})
    unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
}

TEST(Lambda, asks_for_other_credentials_when_those_it_has_are_refused) {
  const testing::ScratchFolder folder;
  const auto file = folder.path() / "credentials";
  const auto write = [&](const std::string& key) {
    std::ofstream(file) << "[default]\naws_access_key_id = " << key
                        << "\naws_secret_access_key = secret\n";
  };
  const testing::Variables variables({{"AWS_ACCESS_KEY_ID", std::nullopt},
                                      {"AWS_SECRET_ACCESS_KEY", std::nullopt},
                                      {"AWS_PROFILE", std::nullopt},
                                      {"AWS_CONFIG_FILE", "/dev/null"},
                                      {"AWS_SHARED_CREDENTIALS_FILE", file.string()},
                                      {"AWS_EC2_METADATA_DISABLED", "true"}});
  HttpServer server([](const HttpRequest& request) {
    if (request.headers.at("authorization").find("Credential=NEW/") != std::string::npos)
      return HttpReply{.status = 202};
    return HttpReply{
        .status = 403, .headers = {{"x-amzn-ErrorType", "ExpiredTokenException"}}, .body = "{}"};
  });
  CredentialSource source;
  Lambda lambda({.region = "eu-west-1", .endpoint = server.url(), .credential_source = &source});
  write("OLD");
  const auto refused = lambda.invoke({.function = "f", .payload = "{}"});
  EXPECT_EQ(refused.outcome, Outcome::rejected_transient);
  write("NEW");
  EXPECT_EQ(lambda.invoke({.function = "f", .payload = "{}"}).outcome, Outcome::accepted);
}

TEST(Lambda, finds_region_and_endpoint_as_every_client) {
  HttpServer server([](const HttpRequest& request) {
    const bool right =
        request.headers.at("authorization").find("/eu-north-1/lambda/") != std::string::npos;
    return HttpReply{.status = right ? 202 : 403};
  });
  const testing::Variables variables(
      {{"AWS_REGION", "eu-north-1"}, {"AWS_ENDPOINT_URL_LAMBDA", server.url()}});
  Lambda lambda(ClientOptions{.credentials = kCredentials});
  EXPECT_EQ(lambda.invoke({.function = "f", .payload = "{}"}).outcome, Outcome::accepted);
}

TEST(Lambda, invokes_many_and_keeps_their_order) {
  HttpServer server([](const HttpRequest& request) {
    return HttpReply{.status = request.body == "7" ? 429 : 202};
  });
  std::vector<Invocation> invocations;
  invocations.reserve(20);
  for (int i = 0; i < 20; ++i)
    invocations.push_back({.function = "f", .payload = std::to_string(i)});
  Lambda lambda(kCredentials, "eu-west-1", server.url());
  const auto results = lambda.invoke_all(invocations, 8);
  ASSERT_EQ(results.size(), 20U);
  for (int i = 0; i < 20; ++i)
    EXPECT_EQ(results[i].outcome, i == 7 ? Outcome::rejected_transient : Outcome::accepted) << i;
}

}  // namespace
}  // namespace sosw::aws
