// SPDX-License-Identifier: MIT
#include "aws/cloudformation.h"

#include <gmock/gmock.h>

#include "aws/moto.h"
#include "support/http_server.h"

namespace sosw::aws {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

class CloudFormationTest : public MotoTest {
 protected:
  static StackChange topic(std::string_view parameters, std::string_view name) {
    return {.name = "my-stack",
            .body = "{\"AWSTemplateFormatVersion\": \"2010-09-09\", \"Parameters\": {" +
                    std::string(parameters) +
                    "}, \"Resources\": {\"Topic\": {\"Type\": \"AWS::SNS::Topic\", \"Properties\": "
                    "{\"TopicName\": " +
                    std::string(name) +
                    "}}}, \"Outputs\": {\"Arn\": {\"Value\": {\"Ref\": \"Topic\"}}}}"};
  }
  Stack stack() {
    const auto found = cloudformation_.describe("my-stack");
    if (!found) ADD_FAILURE() << found.error().text();
    return found && *found ? **found : Stack{};
  }

  CloudFormation cloudformation_{options()};
};

constexpr const char* kName = R"("Name": {"Type": "String"})";
constexpr const char* kRefName = R"({"Ref": "Name"})";

TEST_F(CloudFormationTest, AStackIsMadeChangedAndRemoved) {
  EXPECT_EQ(*cloudformation_.describe("my-stack"), std::nullopt);
  auto change = topic(kName, kRefName);
  change.parameters = {{"Name", "first"}};
  change.tags = {{"owner", "me"}};
  const auto id = cloudformation_.create(change);
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(stack().id, *id);
  EXPECT_EQ(stack().status, "CREATE_COMPLETE");
  EXPECT_TRUE(stack().is_good());
  EXPECT_THAT(stack().parameters, ElementsAre(Pair("Name", "first")));
  EXPECT_THAT(stack().outputs,
              ElementsAre(Pair("Arn", "arn:aws:sns:eu-west-1:123456789012:first")));
  EXPECT_EQ(cloudformation_.create(change).error().code, "AlreadyExistsException");

  // Without its parameter it keeps the value.
  change = topic(kName, R"({"Fn::Join": ["-", [{"Ref": "Name"}, "2"]]})");
  const auto updated = cloudformation_.update(change);
  ASSERT_TRUE(updated) << updated.error().text();
  EXPECT_TRUE(*updated);
  EXPECT_EQ(stack().status, "UPDATE_COMPLETE");
  EXPECT_THAT(stack().parameters, ElementsAre(Pair("Name", "first")));
  EXPECT_THAT(stack().outputs,
              ElementsAre(Pair("Arn", "arn:aws:sns:eu-west-1:123456789012:first-2")));

  ASSERT_TRUE(cloudformation_.remove("my-stack"));
  EXPECT_EQ(*cloudformation_.describe("my-stack"), std::nullopt);
  EXPECT_TRUE(cloudformation_.remove("my-stack"));
  const auto gone = cloudformation_.describe(*id);
  ASSERT_TRUE(gone && *gone) << gone.error().text();
  EXPECT_EQ((*gone)->status, "DELETE_COMPLETE");
}

// moto keeps the parameters of the old template, so another server plays these.
TEST(CloudFormation, AnUpdateKeepsTheParametersThatTheNewTemplateHas) {
  std::string updated;
  testing::HttpServer server([&](const testing::HttpRequest& request) {
    const auto is = [&](std::string_view action) { return request.body.starts_with(action); };
    if (is("Action=DescribeStacks&"))
      return testing::HttpReply{
          .body =
              "<DescribeStacksResponse><DescribeStacksResult><Stacks><member><Parameters>"
              "<member><ParameterKey>Old</ParameterKey><ParameterValue>1</ParameterValue>"
              "</member><member><ParameterKey>Kept</ParameterKey><ParameterValue>2"
              "</ParameterValue></member><member><ParameterKey>Given</ParameterKey>"
              "<ParameterValue>3</ParameterValue></member></Parameters></member></Stacks>"
              "</DescribeStacksResult></DescribeStacksResponse>"};
    if (is("Action=GetTemplateSummary&"))
      return testing::HttpReply{
          .body =
              "<GetTemplateSummaryResponse><GetTemplateSummaryResult><Parameters>"
              "<member><ParameterKey>Kept</ParameterKey></member>"
              "<member><ParameterKey>Given</ParameterKey></member>"
              "<member><ParameterKey>New</ParameterKey></member></Parameters>"
              "</GetTemplateSummaryResult></GetTemplateSummaryResponse>"};
    updated = request.body;
    return testing::HttpReply{
        .status = 400,
        .body =
            "<ErrorResponse><Error><Code>ValidationError</Code><Message>No updates are to be "
            "performed.</Message></Error></ErrorResponse>"};
  });
  CloudFormation cloudformation(
      {.region = "eu-west-1", .endpoint = server.url(), .credentials = Credentials{"a", "b", ""}});
  const auto same =
      cloudformation.update({.name = "s", .body = "t", .parameters = {{"Given", "4"}}});
  ASSERT_TRUE(same) << same.error().text();
  EXPECT_FALSE(*same);
  EXPECT_THAT(updated, HasSubstr("&Parameters.member.1.ParameterKey=Given"
                                 "&Parameters.member.1.ParameterValue=4"
                                 "&Parameters.member.2.ParameterKey=Kept"
                                 "&Parameters.member.2.UsePreviousValue=true&"));
  EXPECT_THAT(updated, Not(HasSubstr("Parameters.member.3")));
}

TEST_F(CloudFormationTest, EventsComeNewestFirstDownToAKnownOne) {
  ASSERT_TRUE(cloudformation_.create(topic("", R"("first")")));
  const auto all = cloudformation_.events("my-stack");
  ASSERT_TRUE(all) << all.error().text();
  ASSERT_GE(all->size(), 2U);
  EXPECT_EQ(all->front().status, "CREATE_COMPLETE");
  EXPECT_EQ(all->back().status, "CREATE_IN_PROGRESS");
  EXPECT_EQ(all->front().resource, "my-stack");
  const auto news = cloudformation_.events("my-stack", all->back().id);
  ASSERT_TRUE(news);
  EXPECT_EQ(news->size(), all->size() - 1);
  EXPECT_FALSE(cloudformation_.events("no-stack"));
}

TEST_F(CloudFormationTest, ATemplateThatIsTooLongIsNotSent) {
  auto change = topic("", R"("first")");
  change.body += std::string(60'000, ' ');
  const auto made = cloudformation_.create(change);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().text(), HasSubstr("cloudformation CreateStack: the template has 60"));
  EXPECT_EQ(*cloudformation_.describe("my-stack"), std::nullopt);
}

}  // namespace
}  // namespace sosw::aws
