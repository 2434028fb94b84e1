// SPDX-License-Identifier: MIT
// Sources of configurations, a processor's own, audit rows and closed tasks, on moto's services.
#include "sosw/config.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "aws/moto.h"
#include "sosw/app.h"
#include "sosw/meta_handler.h"
#include "sosw/processor.h"
#include "sosw/tasks_api_client_for_workers.h"
#include "support/variables.h"

namespace sosw {
namespace {

namespace json = boost::json;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class ConfigOnMoto : public aws::MotoTest {
 protected:
  static void make_table(std::string_view name, std::string_view hash, std::string_view range,
                         std::string_view type_of_range = "S") {
    json::array keys{json::object{{"AttributeName", hash}, {"KeyType", "HASH"}}};
    json::array types{json::object{{"AttributeName", hash}, {"AttributeType", "S"}}};
    if (!range.empty()) {
      keys.push_back(json::object{{"AttributeName", range}, {"KeyType", "RANGE"}});
      types.push_back(json::object{{"AttributeName", range}, {"AttributeType", type_of_range}});
    }
    AwsClient("dynamodb")
        .call("CreateTable", {{"TableName", name},
                              {"KeySchema", keys},
                              {"AttributeDefinitions", types},
                              {"BillingMode", "PAY_PER_REQUEST"}});
  }
  static json::array rows(std::string_view table) {
    return AwsClient("dynamodb").call("Scan", {{"TableName", table}}).at("Items").as_array();
  }

 private:
  testing::Variables environment_{{"AWS_ENDPOINT_URL", url()},
                                  {"AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"},
                                  {"AWS_SECRET_ACCESS_KEY", "secret"},
                                  {"AWS_REGION", "eu-west-1"},
                                  {"AWS_LAMBDA_FUNCTION_NAME", "f"},
                                  {"DISABLE_DDB_CONFIG", std::nullopt},
                                  {"STAGE", std::nullopt},
                                  {"autotest", std::nullopt}};
};

TEST_F(ConfigOnMoto, TheTableKeepsDocuments) {
  DynamoConfig table;
  EXPECT_EQ(table.get_config("f_config"), json::object());  // no table
  make_table("config", "env", "config_name");
  EXPECT_EQ(table.get_config("f_config"), json::object());  // no row
  table.update_config("f_config", {{"a", 1}});
  table.update_config("db_user", "john");
  table.update_config("db_port", "5432");
  table.update_config("dbx", "no credential");
  EXPECT_EQ(table.get_config("f_config"), (json::object{{"a", 1}}));
  EXPECT_EQ(table.get_config("db_user"), "john");
  EXPECT_EQ(table.get_config("f_config", "dev"), json::object());
  EXPECT_EQ(table.get_credentials_by_prefix("db"),
            (json::object{{"user", "john"}, {"port", 5432}}));
}

TEST_F(ConfigOnMoto, DocumentsOfManyPagesAreAllFound) {
  make_table("config", "env", "config_name");
  DynamoConfig table;
  const json::value large(std::string(200'000, 'x'));
  for (int i = 0; i < 12; ++i) table.update_config("big_" + std::to_string(i), large);
  const auto found = table.get_credentials_by_prefix("big");
  ASSERT_THAT(found, SizeIs(12));
  for (const auto& one : found) EXPECT_EQ(one.value(), large);
}

TEST_F(ConfigOnMoto, AProcessorFindsItsOwn) {
  make_table("config", "env", "config_name");
  DynamoConfig().update_config("f_config", {{"init_clients", {"events"}}, {"n", 2}});
  struct Plain : Processor {
    using Processor::Processor;
    json::value operator()(const json::object&) override { return c("n"); }
  };
  LambdaGlobals globals;
  globals.set_processor(nullptr);
  const auto handler = get_lambda_handler<Plain>(globals, {{"m", 3}});
  EXPECT_EQ(handler({}, Context()), 2);
  EXPECT_TRUE(
      globals.processor()->aws_client("events").call("ListRules").at("Rules").as_array().empty());
  EXPECT_THAT(globals.processor()->account(), SizeIs(12));  // of STS
  globals.set_processor(nullptr);
}

TEST_F(ConfigOnMoto, ParametersAreReadAndWritten) {
  SsmConfig ssm;
  EXPECT_EQ(ssm.get_config("n"), json::object());
  ssm.update_config("n", {{"a", 1}}, "what it is", "SecureString");
  EXPECT_EQ(ssm.get_config("n"), (json::object{{"a", 1}}));
  ssm.update_config("n", "text");
  EXPECT_EQ(ssm.get_config("n"), "text");
}

TEST_F(ConfigOnMoto, CredentialsAreFoundByPrefixAndEnvironment) {
  AwsClient ssm("ssm");
  const auto put = [&](const std::string& name, std::string_view value, std::string_view env) {
    ssm.call("PutParameter", {{"Name", name},
                              {"Value", value},
                              {"Type", "SecureString"},
                              {"Tags", {json::object{{"Key", "Environment"}, {"Value", env}}}}});
  };
  for (int i = 0; i < 13; ++i) put("db_" + std::to_string(i), "secret", "production");
  put("db_none", "None", "production");
  put("db_dev", "secret", "dev");
  put("other", "secret", "production");
  const auto found = SsmConfig().get_credentials_by_prefix("db");
  EXPECT_THAT(found, SizeIs(14));
  EXPECT_EQ(found.at("12"), "secret");
  EXPECT_EQ(found.at("none"), nullptr);
  EXPECT_EQ(SsmConfig(true).get_credentials_by_prefix("db_"), (json::object{{"dev", "secret"}}));
}

TEST_F(ConfigOnMoto, SecretsAreFoundByNameAndTag) {
  AwsClient secrets("secretsmanager");
  for (const auto* name : {"db_user", "db_password", "other"})
    secrets.call("CreateSecret",
                 {{"Name", name},
                  {"SecretString", std::string("of ") + name},
                  {"Tags", {json::object{{"Key", "team"}, {"Value", std::string("t_") + name}}}}});
  EXPECT_EQ(SecretsManager().get_secrets_credentials("name", "db_"),
            (json::object{{"db_user", "of db_user"}, {"db_password", "of db_password"}}));
  EXPECT_EQ(SecretsManager().get_secrets_credentials("tag", "t_other"),
            (json::object{{"other", "of other"}}));
  EXPECT_THAT(SecretsManager().get_secrets_credentials("name", "nothing"), IsEmpty());
}

TEST_F(ConfigOnMoto, AuditRowsOfOneMomentAreAllKept) {
  make_table("sosw_tasks_meta", "task_id", "created_at", "N");
  constexpr std::chrono::system_clock::time_point kNow{std::chrono::milliseconds(1548928800250)};
  MetaHandler meta({}, [] { return kNow; });
  EXPECT_TRUE(meta.post("t", "created", {{"labourer_id", "f"}}));
  EXPECT_TRUE(meta.post("t", "invoked"));
  EXPECT_THAT(rows("sosw_tasks_meta"), SizeIs(2));
}

TEST_F(ConfigOnMoto, ATaskIsClosedOnceAndOnlyByTheRunItIsClaimedFor) {
  make_table("sosw_tasks", "task_id", "");
  AwsClient("dynamodb")
      .call("PutItem", {{"TableName", "sosw_tasks"},
                        {"Item",
                         {{"task_id", {{"S", "t"}}},
                          {"labourer_id", {{"S", "f"}}},
                          {"claim", {{"S", "c1580486400-1-2"}}},
                          {"greenfield", {{"N", "1580486400"}}}}}});
  EXPECT_FALSE(close_task({{"task_id", "elsewhere"}}));
  EXPECT_FALSE(close_task({{"task_id", "t"}, {"claim", "c1580486000-1-1"}}));
  EXPECT_FALSE(rows("sosw_tasks").at(0).as_object().contains("completed_at"));
  EXPECT_TRUE(close_task({{"task_id", "t"}, {"claim", "c1580486400-1-2"}}));
  EXPECT_FALSE(close_task({{"task_id", "t"}}));
  ASSERT_THAT(rows("sosw_tasks"), SizeIs(1));
  EXPECT_EQ(rows("sosw_tasks")[0].at("rev").at("N"), "1");
}

}  // namespace
}  // namespace sosw
