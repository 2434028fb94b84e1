// SPDX-License-Identifier: MIT
#include "local/config_table.h"

#include <gtest/gtest.h>

namespace sosw::local {
namespace {

const Configs kConfigs{{"other", json::value("plain text")},
                       {"word_count_config", json::parse(R"({"topics": ["a"], "deep": {"x": 1}})")},
                       {"word_count_limits", json::value(7)}};

json::object ask(std::string_view operation, std::string_view body, int status = 200) {
  const auto a = answer_config_table(std::string("DynamoDB_20120810.") + std::string(operation),
                                     body, kConfigs, "us-west-2");
  EXPECT_EQ(a.status, status) << a.body;
  return json::parse(a.body).as_object();
}

// As boto3 sends what DynamoDbClient.get_by_query of sosw 0.7 asks.
TEST(ConfigTable, AnswersTheQueryOfGetConfig) {
  const auto answer = ask("Query", R"({"TableName": "config", "Select": "ALL_ATTRIBUTES",
      "KeyConditionExpression": "env = :env AND config_name = :config_name",
      "ExpressionAttributeValues": {":env": {"S": "production"}, ":config_name": {"S": "word_count_config"}}})");
  EXPECT_EQ(answer.at("Count"), 1);
  const auto& item = answer.at("Items").at(0).as_object();
  EXPECT_EQ(item.at("env").at("S"), "production");
  EXPECT_EQ(item.at("config_name").at("S"), "word_count_config");
  EXPECT_EQ(json::parse(item.at("config_value").at("S").get_string()),
            json::parse(R"({"topics": ["a"], "deep": {"x": 1}})"));
}

TEST(ConfigTable, AnswersAQueryByPrefixWithNamePlaceholders) {
  const auto answer = ask("Query", R"json({"TableName": "arn:aws:dynamodb:us-west-2:1:table/config",
      "KeyConditionExpression": "(begins_with (#n, :p)) and (#e=:e)",
      "ExpressionAttributeNames": {"#n": "config_name", "#e": "env"},
      "ExpressionAttributeValues": {":e": {"S": "production"}, ":p": {"S": "word_count_"}}})json");
  ASSERT_EQ(answer.at("Items").as_array().size(), 2U);
  EXPECT_EQ(answer.at("Items").at(0).at("config_name").at("S"), "word_count_config");
  EXPECT_EQ(answer.at("Items").at(1).at("config_value").at("S"), "7");
}

TEST(ConfigTable, HasOneEnvironmentOnly) {
  const auto answer = ask("Query", R"({"TableName": "config", "KeyConditionExpression": "env = :e",
      "ExpressionAttributeValues": {":e": {"S": "dev"}}})");
  EXPECT_EQ(answer.at("Count"), 0);
  EXPECT_TRUE(answer.at("Items").as_array().empty());
}

TEST(ConfigTable, GetsItems) {
  const auto found = ask("GetItem", R"({"TableName": "config",
      "Key": {"env": {"S": "production"}, "config_name": {"S": "other"}}})");
  EXPECT_EQ(found.at("Item").at("config_value").at("S"), "plain text");
  EXPECT_TRUE(ask("GetItem", R"({"TableName": "config",
      "Key": {"env": {"S": "production"}, "config_name": {"S": "none"}}})")
                  .empty());
}

TEST(ConfigTable, DescribesItsKeys) {
  const auto table = ask("DescribeTable", R"({"TableName": "config"})").at("Table").as_object();
  EXPECT_EQ(table.at("KeySchema").at(0).at("AttributeName"), "env");
  EXPECT_EQ(table.at("KeySchema").at(1).at("KeyType"), "RANGE");
}

// Any other error makes sosw 0.7 do without its configuration.
TEST(ConfigTable, IsUnknownToGlue) {
  const auto a = answer_config_table(
      "AWSGlue.GetTable", R"({"DatabaseName": "ddb_tables", "Name": "config"})", {}, "r");
  EXPECT_EQ(a.status, 400);
  EXPECT_EQ(json::parse(a.body).at("__type"), "EntityNotFoundException");
}

TEST(ConfigTable, RefusesEverythingElseAsDynamoDbWould) {
  const auto type = [](const json::object& o) {
    const std::string_view t = o.at("__type").get_string();
    return std::string(t.substr(t.find('#') + 1));
  };
  EXPECT_EQ(type(ask("PutItem", R"({"TableName": "config"})", 400)), "UnknownOperationException");
  EXPECT_EQ(type(ask("Query", R"({"TableName": "tasks"})", 400)), "ResourceNotFoundException");
  EXPECT_EQ(type(ask("Query", "nonsense", 400)), "SerializationException");
  for (const auto* condition :
       {"env > :e", "env = :none", "config_value = :e", "env = ", "begins_with(env, :e)", "="}) {
    const json::object query{{"TableName", "config"},
                             {"KeyConditionExpression", condition},
                             {"ExpressionAttributeValues", {{":e", {{"S", "production"}}}}}};
    EXPECT_EQ(type(ask("Query", json::serialize(query), 400)), "ValidationException") << condition;
  }
}

}  // namespace
}  // namespace sosw::local
