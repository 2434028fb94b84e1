// SPDX-License-Identifier: MIT
#include "cloud/lambda_invoker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "support/http_server.h"

namespace sosw::cloud {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using Outcome = engine::Invoked::Outcome;

LambdaInvoker::Options options(const std::string& endpoint) {
  return {.client = {.region = "eu-west-1",
                     .endpoint = endpoint,
                     .credentials = aws::Credentials{"AKIDEXAMPLE", "secret", ""}}};
}

Labourer labourer(std::string id, std::string arn = {}) {
  Labourer made;
  made.id = std::move(id);
  made.arn = std::move(arn);
  return made;
}

engine::Invocation invocation(const Labourer& labourer, std::string payload = "{}") {
  return {"task", "c1", std::move(payload), &labourer};
}

std::vector<engine::Invoked> invoke(LambdaInvoker& invoker,
                                    const std::vector<engine::Invocation>& invocations) {
  return invoker.invoke(invocations);
}

TEST(LambdaInvoker, invokes_the_arn_or_the_id_asynchronously_with_the_payload) {
  std::mutex mutex;
  std::vector<HttpRequest> seen;
  HttpServer server([&](const HttpRequest& request) {
    const std::lock_guard lock(mutex);
    seen.push_back(request);
    return HttpReply{.status = 202};
  });
  LambdaInvoker invoker(options(server.url()));
  const auto by_arn = labourer("word_count", "arn:aws:lambda:eu-west-1:123456789012:function:w:7");
  const auto by_id = labourer("other");
  const auto answers = invoke(invoker, {invocation(by_arn, R"({"n": 1})")});
  ASSERT_EQ(answers.size(), 1U);
  EXPECT_EQ(answers[0].outcome, Outcome::accepted);
  EXPECT_EQ(answers[0].reason, "");
  EXPECT_EQ(invoke(invoker, {invocation(by_id)})[0].outcome, Outcome::accepted);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_EQ(seen[0].target,
            "/2015-03-31/functions/"
            "arn%3Aaws%3Alambda%3Aeu-west-1%3A123456789012%3Afunction%3Aw%3A7/invocations");
  EXPECT_EQ(seen[0].headers["x-amz-invocation-type"], "Event");
  EXPECT_EQ(seen[0].body, R"({"n": 1})");
  EXPECT_EQ(seen[1].target, "/2015-03-31/functions/other/invocations");
  EXPECT_LT(invoker.free_slots(by_id), 0);
  EXPECT_FALSE(invoker.running("task", "c1"));
}

// Protocol section 3.
TEST(LambdaInvoker, tells_what_became_of_each_claim) {
  struct Case {
    int status;
    const char* type;
    Outcome outcome;
  };
  const std::vector<Case> cases = {
      {202, "", Outcome::accepted},
      {204, "", Outcome::accepted},
      {400, "InvalidParameterValueException", Outcome::rejected_labourer},
      {400, "InvalidRequestContentException", Outcome::rejected_task},
      {403, "AccessDeniedException", Outcome::rejected_labourer},
      {403, "ExpiredTokenException", Outcome::rejected},
      {403, "InvalidSignatureException", Outcome::rejected},
      {404, "ResourceNotFoundException", Outcome::rejected_labourer},
      {408, "", Outcome::unknown},
      {409, "ResourceConflictException", Outcome::rejected},
      {413, "RequestTooLargeException", Outcome::rejected_task},
      {429, "TooManyRequestsException", Outcome::rejected},
      {500, "ServiceException", Outcome::unknown},
      {502, "EC2UnexpectedException", Outcome::unknown},
      {503, "", Outcome::unknown},
      {504, "", Outcome::unknown},
  };
  std::mutex mutex;
  std::map<std::string, int> copies;
  HttpServer server([&](const HttpRequest& request) {
    {
      const std::lock_guard lock(mutex);
      ++copies[request.body];
    }
    const auto& one = cases.at(std::stoul(request.body.substr(6)));  // {"n": 7}
    return HttpReply{.status = one.status,
                     .headers = {{"x-amzn-ErrorType", one.type}, {"x-amzn-RequestId", "r-1"}},
                     .body = one.status < 300 ? "" : R"({"message": "because"})"};
  });
  const auto worker = labourer("word_count");
  std::vector<engine::Invocation> all;
  for (std::size_t i = 0; i < cases.size(); ++i)
    all.push_back(invocation(worker, R"({"n": )" + std::to_string(i) + "}"));
  LambdaInvoker invoker(options(server.url()));
  const auto answers = invoke(invoker, all);
  ASSERT_EQ(answers.size(), cases.size());
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const auto where = std::to_string(cases[i].status) + " " + cases[i].type;
    EXPECT_EQ(answers[i].outcome, cases[i].outcome) << where;
    if (cases[i].outcome == Outcome::accepted) continue;
    EXPECT_THAT(answers[i].reason, HasSubstr("word_count: ")) << where;
    EXPECT_THAT(answers[i].reason, HasSubstr("because")) << where;
    EXPECT_THAT(answers[i].reason, HasSubstr(std::to_string(cases[i].status))) << where;
    EXPECT_THAT(answers[i].reason, HasSubstr("r-1")) << where;
  }
  // One Invoke on the wire for each claim, whatever came back.
  EXPECT_EQ(copies.size(), cases.size());
  EXPECT_THAT(copies, Each(::testing::Pair(::testing::_, 1)));
}

TEST(LambdaInvoker, a_connection_that_breaks_may_have_started_it_and_one_that_is_refused_did_not) {
  std::atomic<int> copies = 0;
  HttpServer server([&](const HttpRequest&) {
    ++copies;
    return HttpReply{.then = HttpReply::Then::close, .silent = true};
  });
  const auto worker = labourer("word_count");
  LambdaInvoker broken(options(server.url()));
  EXPECT_EQ(invoke(broken, {invocation(worker)})[0].outcome, Outcome::unknown);
  EXPECT_EQ(copies, 1);
  LambdaInvoker refused(options("http://127.0.0.1:" + std::to_string(testing::closed_port())));
  const auto answers = invoke(refused, {invocation(worker)});
  EXPECT_EQ(answers[0].outcome, Outcome::rejected);
  EXPECT_NE(answers[0].reason, "");
}

TEST(LambdaInvoker, keeps_as_many_under_way_as_it_is_told) {
  std::mutex mutex;
  int under_way = 0, most = 0;
  std::barrier three(3);  // nobody is answered before there are three
  HttpServer server([&](const HttpRequest&) {
    {
      const std::lock_guard lock(mutex);
      most = std::max(most, ++under_way);
    }
    three.arrive_and_wait();
    const std::lock_guard lock(mutex);
    --under_way;
    return HttpReply{.status = 202};
  });
  auto few = options(server.url());
  few.most_in_flight = 3;
  LambdaInvoker invoker(few);
  const auto worker = labourer("word_count");
  const auto answers = invoke(invoker, std::vector<engine::Invocation>(9, invocation(worker)));
  EXPECT_THAT(answers, Each(::testing::Field(&engine::Invoked::outcome, Outcome::accepted)));
  EXPECT_EQ(most, 3);
}

TEST(LambdaInvoker, calls_from_several_threads_do_not_wait_for_each_other) {
  std::barrier both(2);
  HttpServer server([&](const HttpRequest&) {
    both.arrive_and_wait();
    return HttpReply{.status = 202};
  });
  LambdaInvoker invoker(options(server.url()));
  const auto worker = labourer("word_count");
  for (int round = 0; round < 2; ++round) {
    Outcome other = Outcome::unknown;
    std::thread thread([&] { other = invoke(invoker, {invocation(worker)})[0].outcome; });
    EXPECT_EQ(invoke(invoker, {invocation(worker)})[0].outcome, Outcome::accepted);
    thread.join();
    EXPECT_EQ(other, Outcome::accepted);
  }
}

}  // namespace
}  // namespace sosw::cloud
