// SPDX-License-Identifier: MIT
// Sources of configurations against services that answer well and badly.
#include "sosw/config.h"

#include <gmock/gmock.h>

#include "support/played_aws.h"

namespace sosw {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class Config : public testing::PlayedAws {};

HttpReply reply(const json::value& body) { return {.body = json::serialize(body)}; }

json::object row(std::string_view name, std::string_view value) {
  return {{"env", {{"S", "production"}}},
          {"config_name", {{"S", name}}},
          {"config_value", {{"S", value}}}};
}

TEST_F(Config, decodes_what_the_table_holds) {
  for (const auto& [text, value] : std::vector<std::pair<std::string, json::value>>{
           {R"({"a": 1})", {{"a", 1}}}, {"5", 5}, {"null", nullptr}, {"text", "text"}, {"", ""}}) {
    on_call = [&](const Call&) { return reply({{"Items", json::array{row("n", text)}}}); };
    EXPECT_EQ(DynamoConfig().get_config("n"), value) << text;
  }
}

TEST_F(Config, is_an_empty_object_where_there_is_nothing) {
  on_call = [](const Call&) { return reply({{"Items", json::array()}}); };
  EXPECT_EQ(DynamoConfig().get_config("n"), json::object());
  on_call = [](const Call&) { return refusal("ResourceNotFoundException"); };
  EXPECT_EQ(DynamoConfig().get_config("n"), json::object());
}

TEST_F(Config, is_an_error_where_the_table_cannot_be_asked) {
  on_call = [](const Call&) { return refusal("AccessDeniedException"); };
  EXPECT_THROW(DynamoConfig().get_config("n"), AwsError);
  on_call = [](const Call&) {
    return reply(
        {{"Items", {{{"config_name", {{"S", "n"}}}, {"config_value", {{"N", "12345"}}}}}}});
  };
  try {
    DynamoConfig().get_config("n");
    ADD_FAILURE() << "a number was a document";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), HasSubstr(R"(`config_value`)"));
    EXPECT_THAT(error.what(), HasSubstr(R"({"config_name": {"S": "n"}})"));
    EXPECT_THAT(error.what(), Not(HasSubstr("12345"))) << "it may be a secret";
  }
  on_call = [](const Call&) { return reply(json::object()); };
  EXPECT_THROW(DynamoConfig().get_config("n"), RuntimeError);
}

TEST_F(Config, uses_the_tables_of_tests_in_a_test) {
  set("STAGE", "test");
  on_call = [](const Call&) { return reply({{"Items", json::array()}}); };
  DynamoConfig().get_config("n");
  DynamoConfig(true, {{"table_name", "config"}}).update_config("n", {{"a", 1}});
  DynamoConfig().get_credentials_by_prefix("db");
  ASSERT_THAT(calls(), SizeIs(3));
  EXPECT_EQ(calls()[0].params.at("TableName"), "autotest_config");
  EXPECT_EQ(calls()[1].params.at("TableName"), "config");
  EXPECT_EQ(calls()[1].params.at("Key"),
            (json::object{{"env", {{"S", "dev"}}}, {"config_name", {{"S", "n"}}}}));
  EXPECT_EQ(calls()[1].params.at("ExpressionAttributeValues"),
            (json::object{{":config_value", {{"S", R"({"a":1})"}}}}));
  EXPECT_EQ(calls()[2].params.at("ExpressionAttributeValues").at(":env").at("S"), "dev");
  EXPECT_THROW(DynamoConfig(true, {{"dynamo_client_config", {{"table_name", "prod"}}}}),
               AssertionError);
}

TEST_F(Config, stores_texts_as_they_are) {
  DynamoConfig().update_config("n", "plain");
  ASSERT_THAT(operations(), ElementsAre("UpdateItem"));
  EXPECT_EQ(calls()[0].params.at("ExpressionAttributeValues").at(":config_value").at("S"), "plain");
  EXPECT_EQ(calls()[0].params.at("Key").at("env").at("S"), "production");
}

TEST_F(Config, finds_credentials_over_all_pages) {
  on_call = [](const Call& call) {
    if (!call.params.contains("ExclusiveStartKey"))
      return reply({{"Items", json::array{row("db_user", "john")}},
                    {"LastEvaluatedKey", {{"config_name", {{"S", "db_user"}}}}}});
    return reply({{"Items", json::array{row("db_port", "5432")}}});
  };
  EXPECT_EQ(DynamoConfig().get_credentials_by_prefix("db"),
            (json::object{{"user", "john"}, {"port", 5432}}));
  EXPECT_EQ(calls()[1].params.at("ExclusiveStartKey"),
            (json::object{{"config_name", {{"S", "db_user"}}}}));
}

// ------------------------------------------------------------------------------------------------

HttpReply parameter(std::string_view type, std::string_view value) {
  return reply({{"Parameter", {{"Name", "n"}, {"Type", type}, {"Value", value}}}});
}

TEST_F(Config, reads_parameters) {
  on_call = [](const Call&) { return parameter("SecureString", R"({"a": 1})"); };
  EXPECT_EQ(SsmConfig().get_config("n"), (json::object{{"a", 1}}));
  EXPECT_EQ(calls()[0].params, (json::object{{"Name", "n"}, {"WithDecryption", true}}));
  on_call = [](const Call&) { return refusal("ParameterNotFound"); };
  EXPECT_EQ(SsmConfig().get_config("n"), json::object());
}

TEST_F(Config, reads_a_plain_parameter_without_the_key_but_no_cipher) {
  std::string type = "String";
  on_call = [&](const Call& call) {
    return call.params.at("WithDecryption").as_bool() ? refusal("AccessDeniedException")
                                                      : parameter(type, "value");
  };
  EXPECT_EQ(SsmConfig().get_config("n"), "value");
  type = "SecureString";
  EXPECT_THROW(SsmConfig().get_config("n"), AwsError);
}

TEST_F(Config, writes_parameters) {
  SsmConfig().update_config("n", {{"a", 1}}, "what it is", "SecureString");
  ASSERT_THAT(operations(), ElementsAre("PutParameter"));
  EXPECT_EQ(calls()[0].params, (json::object{{"Name", "n"},
                                             {"Value", R"({"a":1})"},
                                             {"Type", "SecureString"},
                                             {"Overwrite", true},
                                             {"Description", "what it is"}}));
  EXPECT_THROW(SsmConfig().update_config("n", "x", "", "Number"), ValueError);
}

TEST_F(Config, finds_credentials_in_parameters_ten_at_a_time_over_all_pages) {
  on_call = [](const Call& call) {
    json::array list;
    if (call.operation == "DescribeParameters") {
      const bool second = call.params.contains("NextToken");
      for (int i = second ? 8 : 0; i < (second ? 12 : 8); ++i)
        list.push_back(json::object{{"Name", "db_" + std::to_string(i)}});
      json::object page{{"Parameters", std::move(list)}};
      if (!second) page["NextToken"] = "more";
      return reply(page);
    }
    for (const auto& name : call.params.at("Names").as_array())
      list.push_back({{"Name", name}, {"Value", name == "db_3" ? "None" : "secret"}});
    return reply({{"Parameters", std::move(list)}, {"InvalidParameters", json::array()}});
  };
  const auto found = SsmConfig().get_credentials_by_prefix("db");
  EXPECT_THAT(found, SizeIs(12));
  EXPECT_EQ(found.at("3"), nullptr);
  EXPECT_EQ(found.at("11"), "secret");
  EXPECT_THAT(operations(), ElementsAre("DescribeParameters", "DescribeParameters", "GetParameters",
                                        "GetParameters"));
  EXPECT_EQ(
      calls()[0].params.at("ParameterFilters"),
      (json::array{json::object{{"Key", "tag:Environment"}, {"Values", {"production"}}},
                   json::object{{"Key", "Name"}, {"Option", "BeginsWith"}, {"Values", {"db_"}}}}));
  EXPECT_THAT(calls()[2].params.at("Names").as_array(), SizeIs(10));
}

TEST_F(Config, misses_no_parameter_in_silence) {
  on_call = [](const Call& call) {
    return call.operation == "DescribeParameters"
               ? reply({{"Parameters", {{{"Name", "db_a"}}}}})
               : reply({{"Parameters", json::array()}, {"InvalidParameters", {"db_a"}}});
  };
  EXPECT_THROW(SsmConfig().get_credentials_by_prefix("db"), RuntimeError);
}

TEST_F(Config, finds_secrets_over_all_pages) {
  on_call = [](const Call& call) {
    if (call.operation == "GetSecretValue")
      return reply(
          {{"SecretString", "of " + json::value_to<std::string>(call.params.at("SecretId"))}});
    if (!call.params.contains("NextToken"))
      return reply({{"SecretList", {{{"Name", "a"}, {"ARN", "arn-a"}}}}, {"NextToken", "more"}});
    return reply({{"SecretList", {{{"Name", "b"}, {"ARN", "arn-b"}}}}});
  };
  EXPECT_EQ(SecretsManager().get_secrets_credentials("tag", "team"),
            (json::object{{"a", "of arn-a"}, {"b", "of arn-b"}}));
  EXPECT_EQ(calls()[0].params.at("Filters"),
            (json::array{json::object{{"Key", "tag-value"}, {"Values", {"team"}}}}));
  EXPECT_THROW(SecretsManager().get_secrets_credentials("size", "x"), KeyError);
  EXPECT_THROW(SecretsManager().get_secrets_credentials("name", ""), KeyError);
  on_call = [](const Call& call) {
    return call.operation == "GetSecretValue"
               ? reply({{"SecretBinary", "AA=="}})
               : reply({{"SecretList", {{{"Name", "a"}, {"ARN", "arn-a"}}}}});
  };
  EXPECT_THROW(SecretsManager().get_secrets_credentials("name", "a"), RuntimeError);
}

// ------------------------------------------------------------------------------------------------

TEST_F(Config, asks_the_first_source) {
  on_call = [](const Call& call) {
    return call.operation == "Query" ? reply({{"Items", json::array{row("n", "table")}}})
                                     : parameter("String", "parameter");
  };
  EXPECT_EQ(ConfigSource().get_config("n"), "table");
  EXPECT_EQ(ConfigSource(false, "Dynamo, SSM").get_config("n"), "table");
  ConfigSource both(false, "SSM,Dynamo", {{"dynamo_config", {{"table_name", "dev-config"}}}});
  EXPECT_EQ(both.get_config("n"), "parameter");
  EXPECT_EQ(both.dynamo()->get_config("n"), "table");
  EXPECT_EQ(calls().back().params.at("TableName"), "dev-config");
  EXPECT_EQ(ConfigSource(false, "SSM").dynamo(), nullptr);
  EXPECT_THROW(ConfigSource(false, "File"), AssertionError);
  EXPECT_THROW(ConfigSource(false, "SSM", {{"ssm_config", 5}}), ValueError);
}

TEST_F(Config, has_functions_for_the_whole_program) {
  on_call = [](const Call& call) {
    if (call.operation == "UpdateItem") return reply(json::object());
    if (call.operation == "ListSecrets") return reply({{"SecretList", json::array()}});
    return reply({{"Items", json::array{row("db_user", "john")}}});
  };
  EXPECT_EQ(get_config("db_user"), "john");
  EXPECT_EQ(get_credentials_by_prefix("db"), (json::object{{"user", "john"}}));
  update_config("db_user", "jane");
  EXPECT_THAT(get_secrets_credentials("name", "x"), IsEmpty());
}

}  // namespace
}  // namespace sosw
