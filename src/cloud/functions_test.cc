// SPDX-License-Identifier: MIT
#include "cloud/functions.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support/aws_peer.h"

namespace sosw::cloud {
namespace {

using ::testing::AllOf;
using testing::AwsPeer;
using testing::AwsRequest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

struct SetClock final : engine::Clock {
  Time time = from_epoch(1'795'000'000);
  Time now() const override { return time; }
};

class PlayedFunctions : public ::testing::Test {
 protected:
  void SetUp() override {
    add("first");
    add("second", "arn:aws:lambda:eu-west-1:123456789012:function:second");
  }
  void add(const std::string& id, const std::string& arn = {}, const json::object& settings = {}) {
    Labourer labourer;
    labourer.id = id;
    labourer.arn = arn;
    labourer.settings = settings;
    labourers_[id] = labourer;
  }
  // What was asked since the last time: "first timeout".
  std::vector<std::string> asked() {
    const auto requests = peer_.requests();
    std::vector<std::string> all;
    for (; seen_ < requests.size(); ++seen_)
      all.push_back(fmt::format(
          "{} {}", std::string_view(requests[seen_].params.at("FunctionName").as_string()),
          requests[seen_].operation == "GetFunctionConfiguration" ? "timeout" : "retries"));
    return all;
  }
  static HttpReply refusal(int status, const std::string& code) {
    return {.status = status,
            .headers = {{"x-amzn-ErrorType", code}},
            .body = R"({"message": "refused"})"};
  }

  engine::Labourers labourers_;
  SetClock clock_;
  // The answer to anything of a function; else 77 s and no retries of its own.
  std::function<std::optional<HttpReply>(const AwsRequest&, bool timeout)> on_call_;
  AwsPeer peer_{AwsPeer::Replies([this](const AwsRequest& request) -> HttpReply {
    const bool timeout = request.operation == "GetFunctionConfiguration";
    if (on_call_)
      if (const auto reply = on_call_(request, timeout)) return *reply;
    return {.body = timeout ? R"({"Timeout": 77})" : R"({"MaximumRetryAttempts": 0})"};
  })};
  Functions functions_{{.client = {.region = "eu-west-1",
                                   .endpoint = peer_.url(),
                                   .tries = 1,
                                   .longest_first_pause = std::chrono::milliseconds(1)}},
                       clock_};

 private:
  std::size_t seen_ = 0;
};

TEST_F(PlayedFunctions, the_timeout_is_that_of_the_function_unless_it_is_configured) {
  add("set", "", {{"timeout", 5}});
  add("python", "", {{"max_duration", 6}});
  labourers_["set"].timeout_s = 5;
  labourers_["python"].timeout_s = 6;
  EXPECT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_EQ(labourers_["first"].timeout_s, 77);
  EXPECT_EQ(labourers_["second"].timeout_s, 77);
  EXPECT_EQ(labourers_["set"].timeout_s, 5);
  EXPECT_EQ(labourers_["python"].timeout_s, 6);
  const auto arn = labourers_["second"].arn;
  EXPECT_THAT(asked(), UnorderedElementsAre("first timeout", "first retries", arn + " timeout",
                                            arn + " retries", "set timeout", "set retries",
                                            "python timeout", "python retries"));
  const auto known = functions_.known(labourers_["second"]);
  ASSERT_TRUE(known);
  EXPECT_EQ(known->timeout_s, 77);
  EXPECT_EQ(known->own_retries, 0);
  Labourer stranger;
  stranger.id = "stranger";
  EXPECT_FALSE(functions_.known(stranger));
}

TEST_F(PlayedFunctions, an_expiry_by_the_timeout_is_by_that_of_the_function) {
  add("first", "", {{"expiry", "timeout"}});
  add("set", "", {{"expiry", "timeout"}, {"timeout", 5}});
  labourers_["set"].timeout_s = labourers_["set"].duration_s = 5;
  EXPECT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_EQ(labourers_["first"].duration_s, 77);
  EXPECT_EQ(labourers_["second"].duration_s, 900);
  EXPECT_EQ(labourers_["set"].duration_s, 5);
}

TEST_F(PlayedFunctions, an_answer_is_kept_for_ten_minutes) {
  ASSERT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_THAT(asked(), SizeIs(4));
  labourers_["first"].timeout_s = 1;  // a new configuration was read
  clock_.time = after(clock_.time, 599);
  ASSERT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_EQ(labourers_["first"].timeout_s, 77);
  EXPECT_THAT(asked(), IsEmpty());
  add("third");
  ASSERT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_THAT(asked(), UnorderedElementsAre("third timeout", "third retries"));
  clock_.time = after(clock_.time, 1);
  ASSERT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_THAT(asked(), SizeIs(4));
}

TEST_F(PlayedFunctions, one_that_cannot_be_asked_touches_no_other) {  // D-26
  on_call_ = [](const AwsRequest& request, bool) -> std::optional<HttpReply> {
    if (request.params.at("FunctionName") != "first") return std::nullopt;
    return refusal(404, "ResourceNotFoundException");
  };
  EXPECT_THAT(functions_.register_labourers(labourers_),
              ElementsAre(AllOf(HasSubstr("function first"), HasSubstr("refused"))));
  EXPECT_EQ(labourers_["first"].timeout_s, 300);
  EXPECT_EQ(labourers_["second"].timeout_s, 77);
  EXPECT_FALSE(functions_.known(labourers_["first"]));
  asked();

  // It is asked again the next time, and the other is not.
  on_call_ = nullptr;
  EXPECT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_THAT(asked(), UnorderedElementsAre("first timeout", "first retries"));
  EXPECT_EQ(labourers_["first"].timeout_s, 77);
}

TEST_F(PlayedFunctions, what_was_known_stays_when_it_cannot_be_asked_again) {
  ASSERT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  clock_.time = after(clock_.time, 600);
  labourers_["first"].timeout_s = 300;
  on_call_ = [](const AwsRequest&, bool) { return refusal(429, "TooManyRequestsException"); };
  EXPECT_THAT(functions_.register_labourers(labourers_), SizeIs(2));
  EXPECT_EQ(labourers_["first"].timeout_s, 77);
  EXPECT_EQ(functions_.known(labourers_["first"])->own_retries, 0);

  // Of two answers one may come alone.
  on_call_ = [](const AwsRequest&, bool timeout) -> std::optional<HttpReply> {
    if (timeout) return HttpReply{.body = R"({"Timeout": 78})"};
    return refusal(429, "TooManyRequestsException");
  };
  EXPECT_THAT(functions_.register_labourers(labourers_), SizeIs(2));
  EXPECT_EQ(labourers_["first"].timeout_s, 78);
  EXPECT_EQ(functions_.known(labourers_["first"])->own_retries, 0);
}

// A run has other things to do than to wait for each of 500 functions.
TEST_F(PlayedFunctions, no_more_are_asked_while_lambda_does_not_answer) {
  for (int i = 0; i < 50; ++i) add(fmt::format("f{:02}", i));
  on_call_ = [](const AwsRequest&, bool) { return refusal(503, "ServiceUnavailable"); };
  const auto lines = functions_.register_labourers(labourers_);
  EXPECT_THAT(asked(), SizeIs(16));
  ASSERT_THAT(lines, SizeIs(9));
  EXPECT_THAT(lines.back(), HasSubstr("44 more functions were not asked"));

  on_call_ = nullptr;
  EXPECT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_THAT(asked(), SizeIs(104));
  EXPECT_EQ(labourers_["f49"].timeout_s, 77);
}

TEST_F(PlayedFunctions, lambdas_own_retries_are_told) {  // D-14
  on_call_ = [](const AwsRequest& request, bool timeout) -> std::optional<HttpReply> {
    if (timeout) return std::nullopt;
    if (request.params.at("FunctionName") == "first")
      return refusal(404, "ResourceNotFoundException");  // nothing is configured
    return HttpReply{.body = R"({"MaximumRetryAttempts": 1})"};
  };
  EXPECT_THAT(functions_.register_labourers(labourers_),
              ElementsAre(HasSubstr("second up to 1 more times"),
                          AllOf(HasSubstr("first up to 2 more times"),
                                HasSubstr("MaximumRetryAttempts to 0"))));
  EXPECT_EQ(functions_.known(labourers_["first"])->own_retries, 2);
  EXPECT_EQ(functions_.known(labourers_["second"])->own_retries, 1);
  EXPECT_THAT(functions_.register_labourers(labourers_), IsEmpty()) << "told once for each look";
}

TEST_F(PlayedFunctions, a_role_that_may_not_ask_for_retries_is_told_of_once) {
  on_call_ = [](const AwsRequest&, bool timeout) -> std::optional<HttpReply> {
    if (timeout) return std::nullopt;
    return refusal(403, "AccessDeniedException");
  };
  EXPECT_THAT(functions_.register_labourers(labourers_),
              ElementsAre(AllOf(HasSubstr("GetFunctionEventInvokeConfig"),
                                HasSubstr("AccessDeniedException"))));
  EXPECT_EQ(labourers_["first"].timeout_s, 77);
  EXPECT_EQ(functions_.known(labourers_["first"])->own_retries, std::nullopt);
  asked();
  clock_.time = after(clock_.time, 600);
  EXPECT_THAT(functions_.register_labourers(labourers_), IsEmpty());
  EXPECT_THAT(asked(),
              UnorderedElementsAre("first timeout", labourers_["second"].arn + " timeout"));
}

}  // namespace
}  // namespace sosw::cloud
