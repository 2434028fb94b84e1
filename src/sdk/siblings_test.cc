// SPDX-License-Identifier: MIT
// What the recorded cases cannot ask: chains, versions and aliases, pages, periods. The rest is
// tests/golden/siblings.jsonl.
#include "sosw/siblings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <functional>
#include <limits>
#include <mutex>

#include "sdk/sibling_depth.h"
#include "sosw/errors.h"
#include "support/http_server.h"
#include "support/variables.h"

namespace sosw {
namespace {

namespace json = boost::json;
using sosw::testing::HttpReply;
using sosw::testing::HttpRequest;
using sosw::testing::Variables;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr const char* kArn = "arn:aws:lambda:eu-west-1:123456789012:function:f";

Context context(std::string arn = kArn, std::int64_t depth = 0) {
  Context out;
  out.invoked_function_arn = std::move(arn);
  out.sibling_depth = depth;
  return out;
}

class SiblingsManagerTest : public ::testing::Test {
 protected:
  SiblingsManager manager(json::object config = {}) {
    return SiblingsManager(std::move(config), {.endpoint = server_.url()});
  }
  std::vector<HttpRequest> requests() {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  void answer(std::function<HttpReply(const HttpRequest&)> reply) {
    const std::lock_guard lock(mutex_);
    reply_ = std::move(reply);
  }

 private:
  Variables variables_{{{"AWS_ACCESS_KEY_ID", "AKID"},
                        {"AWS_SECRET_ACCESS_KEY", "secret"},
                        {"AWS_REGION", "eu-west-1"},
                        {"AWS_LAMBDA_FUNCTION_NAME", "f"},
                        {"STAGE", std::nullopt},
                        {"autotest", std::nullopt}}};
  std::mutex mutex_;
  std::vector<HttpRequest> requests_;
  std::function<HttpReply(const HttpRequest&)> reply_ = [](const HttpRequest&) {
    return HttpReply{.status = 202};
  };
  sosw::testing::HttpServer server_{[this](const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    return reply_(request);
  }};
};

TEST_F(SiblingsManagerTest, TellsTheSiblingItsPlaceInTheChain) {
  auto siblings = manager();
  std::int64_t depth = 0;
  for (int i = 1; i <= 3; ++i) {
    siblings.spawn_sibling(context(kArn, depth), {{"cursor", i}}, true);
    auto event = json::parse(requests().back().body).as_object();
    depth = sdk::take_sibling_depth(event);
    EXPECT_EQ(depth, i);
    EXPECT_EQ(event, (json::object{{"cursor", i}}));
  }
}

TEST_F(SiblingsManagerTest, KeepsTheTextOfAPayload) {
  auto siblings = manager();
  siblings.spawn_sibling(context(), R"( {"n": 12345678901234567890123, "d": 0.1} )", true);
  EXPECT_EQ(requests().back().body,
            R"( {"n": 12345678901234567890123, "d": 0.1,"sosw_sibling_depth":1} )");
  siblings.spawn_sibling(context(), "{ }", true);
  EXPECT_EQ(requests().back().body, R"({ "sosw_sibling_depth":1})");
  // What the caller writes under that name does not count.
  siblings.spawn_sibling(context(kArn, 4), {{"sosw_sibling_depth", 1}}, true);
  auto event = json::parse(requests().back().body).as_object();
  EXPECT_EQ(sdk::take_sibling_depth(event), 5);
}

TEST_F(SiblingsManagerTest, TakesAPayloadAsDeepAsAnEventMayBe) {
  constexpr std::size_t kDepth = 500;
  const json::value payload(R"({"a":)" + std::string(kDepth, '[') + std::string(kDepth, ']') + "}");
  manager().spawn_sibling(context(), payload, true);
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST_F(SiblingsManagerTest, EndsAChain) {
  auto siblings = manager({{"max_depth", 2}});
  siblings.spawn_sibling(context(kArn, 1), nullptr, true);
  EXPECT_THAT(requests(), SizeIs(1));
  try {
    siblings.spawn_sibling(context(kArn, 2), nullptr, true);
    ADD_FAILURE() << "the chain goes on";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("'max_depth' of siblings_config is 2"));
  }
  EXPECT_THROW(manager({{"max_depth", 0}}).spawn_sibling(context(), nullptr, true), RuntimeError);
  EXPECT_THROW(manager().spawn_sibling(context(kArn, 16), nullptr, true), RuntimeError);
  const auto endless = std::numeric_limits<std::int64_t>::max();
  EXPECT_THROW(manager().spawn_sibling(context(kArn, endless), nullptr, true), RuntimeError);
  EXPECT_THAT(requests(), SizeIs(1));
}

TEST(SiblingDepth, IsTakenOutOfAnEvent) {
  json::object event = {{"a", 1}, {"sosw_sibling_depth", 3}, {"b", 2}};
  EXPECT_EQ(sdk::take_sibling_depth(event), 3);
  EXPECT_EQ(event, (json::object{{"a", 1}, {"b", 2}}));
  EXPECT_EQ(sdk::take_sibling_depth(event), 0);
  for (const json::value& other : {json::value("3"), json::value(-1), json::value(nullptr)}) {
    event["sosw_sibling_depth"] = other;
    EXPECT_EQ(sdk::take_sibling_depth(event), 0);
    EXPECT_EQ(event.at("sosw_sibling_depth"), other);
  }
}

TEST_F(SiblingsManagerTest, StartsTheSameVersionOrAlias) {
  auto siblings = manager();
  siblings.spawn_sibling(context(std::string(kArn) + ":live"), nullptr, true);
  siblings.spawn_sibling(context(), nullptr, true);
  EXPECT_EQ(requests().at(0).target, "/2015-03-31/functions/f/invocations?Qualifier=live");
  EXPECT_EQ(requests().at(1).target, "/2015-03-31/functions/f/invocations");
  EXPECT_EQ(requests().at(0).headers.at("x-amz-invocation-type"), "Event");
}

TEST_F(SiblingsManagerTest, OnlyAsksLambdaInATest) {
  const Variables test({{"STAGE", "test"}});
  manager().spawn_sibling(context(), nullptr, true);
  EXPECT_EQ(requests().at(0).headers.at("x-amz-invocation-type"), "DryRun");
}

TEST_F(SiblingsManagerTest, FindsARuleOnALaterPageByWhateverAlias) {
  answer([](const HttpRequest& request) -> HttpReply {
    const auto input = json::parse(request.body).as_object();
    const auto& operation = request.headers.at("x-amz-target");
    if (operation == "AWSEvents.ListRules") {
      if (!input.contains("NextToken"))
        return {.body = R"({"Rules": [{"Name": "off", "State": "DISABLED"}], "NextToken": "2"})"};
      return {.body = R"({"Rules": [{"Name": "on", "State": "ENABLED"}]})"};
    }
    if (input.at("Rule") == "off") return {.status = 400, .body = "asked for nothing"};
    if (!input.contains("NextToken"))
      return {.body = R"({"Targets": [{"Id": "1", "Arn": "arn:aws:sqs:::q"}], "NextToken": "2"})"};
    return {.body = json::serialize(json::object{
                {"Targets", json::array{json::object{{"Arn", std::string(kArn) + ":live"}}}}})};
  });
  EXPECT_TRUE(manager().any_events_rules_enabled(context()));
  EXPECT_TRUE(manager().any_events_rules_enabled(context(std::string(kArn) + ":7")));
  EXPECT_FALSE(manager().any_events_rules_enabled(context(std::string(kArn) + "2")));
}

TEST_F(SiblingsManagerTest, ARefusalIsThrown) {
  answer([](const HttpRequest&) -> HttpReply {
    return {.status = 400, .body = R"({"__type": "AccessDeniedException", "message": "no"})"};
  });
  EXPECT_THROW(manager().any_events_rules_enabled(context()), AwsError);
  EXPECT_THROW(manager().spawn_sibling(context(), nullptr, true), AwsError);
}

TEST_F(SiblingsManagerTest, RefusesWhatAFunctionDoesNotTake) {
  EXPECT_THROW(manager().spawn_sibling(context(), "text", true), ValueError);
  EXPECT_THROW(manager().spawn_sibling(context(), "[1]", true), TypeError);
  EXPECT_THROW(manager().spawn_sibling(context(), 5, true), TypeError);
  EXPECT_THAT(requests(), IsEmpty());
  EXPECT_THROW(manager({{"max_depth", -1}}), ValueError);
  EXPECT_THROW(manager({{"max_depth", 2'000'000'000}}), ValueError);
  EXPECT_THROW(manager({{"max_depth", "many"}}), ValueError);
  EXPECT_THROW(manager({{"auto_spawning", "perhaps"}}), ValueError);
}

TEST_F(SiblingsManagerTest, AddsUpThePeriodsThatTheSpanTouches) {
  answer([](const HttpRequest& request) -> HttpReply {
    const bool sum = request.body.find("MetricName=Invocations") != std::string::npos;
    const auto point = [&](const char* minute, const char* duration, const char* count) {
      return std::string("<member><Timestamp>2019-01-31T09:") + minute + ":00Z</Timestamp>" +
             (sum ? "<Sum>" : "<Average>") + (sum ? count : duration) +
             (sum ? "</Sum>" : "</Average>") + "</member>";
    };
    return {.body = "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints>" +
                    point("50", "60000", "20") + point("55", "1000", "60") +
                    "</Datapoints></GetMetricStatisticsResult></GetMetricStatisticsResponse>"};
  });
  auto siblings = manager();
  EXPECT_EQ(siblings.get_approximate_concurrent_executions(5), 5);  // (1200 + 60) s in 300 s
  EXPECT_THROW(siblings.get_approximate_concurrent_executions(0), ValueError);
}

TEST_F(SiblingsManagerTest, TakesANullSettingForNone) {
  answer([](const HttpRequest&) -> HttpReply { return {.body = R"({"Rules": []})"}; });
  EXPECT_FALSE(manager({{"auto_spawning", nullptr}}).any_events_rules_enabled(context()));
}

TEST_F(SiblingsManagerTest, CountsNothingWithoutData) {
  answer([](const HttpRequest&) -> HttpReply {
    return {.body =
                "<GetMetricStatisticsResponse><GetMetricStatisticsResult><Datapoints/>"
                "</GetMetricStatisticsResult></GetMetricStatisticsResponse>"};
  });
  EXPECT_EQ(manager().get_approximate_concurrent_executions(), 0);
  EXPECT_THAT(requests(), SizeIs(1)) << "invocations without a duration say nothing";
}

}  // namespace
}  // namespace sosw
