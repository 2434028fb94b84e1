// SPDX-License-Identifier: MIT
// The client against a server that notes what it is asked and answers what it is told. What the
// recorded cases of the original ask (tests/golden/dynamo.jsonl) is not repeated here.
#include "sosw/dynamo_db.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <deque>
#include <functional>
#include <mutex>
#include <set>

#include "support/http_server.h"

namespace sosw {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

struct Asked {
  std::string operation;
  json::object input;
};

class DynamoDb : public ::testing::Test {
 protected:
  DynamoDb() {
    setenv("AWS_ACCESS_KEY_ID", "id", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    unsetenv("STAGE");
    answers_["DescribeTable"].emplace_back(R"({"Table": {}})");
  }
  ~DynamoDb() override { unsetenv("STAGE"); }

  // The next answer to an operation; the last one is given again and again. "400 Code": an error.
  void will_answer(const std::string& operation, std::initializer_list<const char*> answers) {
    answers_[operation].assign(answers.begin(), answers.end());
  }
  std::vector<Asked> asked(std::string_view operation) {
    const std::lock_guard lock(mutex_);
    std::vector<Asked> out;
    for (const auto& one : asked_)
      if (one.operation == operation) out.push_back(one);
    return out;
  }
  AwsClientOptions options() { return {.region = "eu-west-1", .endpoint = server_.url()}; }
  static json::object config() {
    return {{"table_name", "t"}, {"hash_key", "id"}, {"row_mapper", {{"id", "S"}, {"n", "N"}}}};
  }

 private:
  testing::HttpReply answer(const testing::HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    const auto& target = request.headers.at("x-amz-target");
    const auto operation = target.substr(target.find('.') + 1);
    asked_.push_back({operation, json::parse(request.body).as_object()});
    auto& left = answers_[operation];
    if (left.empty()) return {.body = "{}"};
    const auto next = left.front();
    if (left.size() > 1) left.pop_front();
    if (next.starts_with("400 "))
      return {.status = 400,
              .body = json::serialize(json::object{{"__type", next.substr(4)}, {"message", "no"}})};
    return {.body = next};
  }

  std::mutex mutex_;
  std::map<std::string, std::deque<std::string>> answers_;
  std::vector<Asked> asked_;
  testing::HttpServer server_{[this](const auto& request) { return answer(request); }};
};

class Client : public DynamoDbClient {
 public:
  using DynamoDbClient::DynamoDbClient;
  std::vector<double> slept;
  std::chrono::system_clock::time_point time{std::chrono::seconds(1'000)};

 protected:
  [[nodiscard]] std::chrono::system_clock::time_point now() const override { return time; }
  void sleep(std::chrono::duration<double> how_long) override { slept.push_back(how_long.count()); }
};

TEST_F(DynamoDb, DescribesItsTableAtOnce) {
  const DynamoDbClient client(config(), options());
  ASSERT_THAT(asked("DescribeTable"), SizeIs(1));
  EXPECT_EQ(asked("DescribeTable")[0].input, (json::object{{"TableName", "t"}}));
}

TEST_F(DynamoDb, SaysWhatIsWrongWithTheConfig) {
  EXPECT_THROW(DynamoDbClient({}, options()), KeyError);
  EXPECT_THROW(DynamoDbClient({{"table_name", "t"}, {"row_mapper", 5}}, options()), TypeError);
  will_answer("DescribeTable", {"400 ResourceNotFoundException"});
  try {
    const DynamoDbClient client(config(), options());
    FAIL() << "no error";
  } catch (const AwsError& error) {
    EXPECT_EQ(error.code(), "ResourceNotFoundException");
    EXPECT_EQ(error.operation(), "DescribeTable");
  }
}

TEST_F(DynamoDb, NamesOnlyTablesOfTestsInATest) {
  setenv("STAGE", "test", 1);
  EXPECT_THROW(DynamoDbClient(config(), options()), AssertionError);
  auto settings = config();
  settings["table_name"] = "autotest_t";
  DynamoDbClient client(settings, options());
  client.put({{"id", "a"}});
  client.put({{"id", "a"}}, "config");
  EXPECT_THROW(client.put({{"id", "a"}}, "tasks"), AssertionError);
  EXPECT_THROW(client.get_by_query({{"id", "a"}}, {.table_name = "tasks"}), AssertionError);
  EXPECT_THROW(client.get_by_scan({.table_name = "tasks"}), AssertionError);
  EXPECT_THROW(client.batch_get_items_one_table({}, {.table_name = "tasks"}), AssertionError);
  EXPECT_THROW(client.update({{"id", "a"}}, {.table_name = "tasks"}), AssertionError);
  EXPECT_THROW(client.delete_({{"id", "a"}}, "tasks"), AssertionError);
  EXPECT_THROW(client.get_table_keys("tasks"), AssertionError);
  EXPECT_THAT(asked("PutItem"), SizeIs(2));
}

TEST_F(DynamoDb, AsksForNoMoreItemsThanAreWanted) {
  will_answer("Query",
              {R"({"Items": [{"id": {"S": "1"}}, {"id": {"S": "2"}}],
                            "LastEvaluatedKey": {"id": {"S": "2"}}})",
               R"({"Items": [{"id": {"S": "3"}}], "LastEvaluatedKey": {"id": {"S": "3"}}})"});
  DynamoDbClient client(config(), options());
  const auto rows = client.get_by_query({{"id", "x"}}, {.max_items = 3});
  EXPECT_EQ(rows, json::parse(R"([{"id": "1"}, {"id": "2"}, {"id": "3"}])"));
  const auto requests = asked("Query");
  ASSERT_THAT(requests, SizeIs(2));
  EXPECT_EQ(requests[0].input.at("Limit"), 3);
  EXPECT_EQ(requests[1].input.at("Limit"), 1);
  EXPECT_EQ(requests[1].input.at("ExclusiveStartKey"), json::parse(R"({"id": {"S": "2"}})"));
}

TEST_F(DynamoDb, LetsAFilterLookAtWholePages) {
  will_answer("Query", {R"({"Items": [], "LastEvaluatedKey": {"id": {"S": "2"}}})",
                        R"({"Items": [{"id": {"S": "3"}}, {"id": {"S": "4"}}]})"});
  DynamoDbClient client(config(), options());
  EXPECT_THAT(client.get_by_query({{"id", "x"}}, {.max_items = 1, .filter_expression = "n > 5"}),
              ElementsAre(json::parse(R"({"id": "3"})")));
  for (const auto& request : asked("Query")) EXPECT_FALSE(request.input.contains("Limit"));
}

TEST_F(DynamoDb, CountsOverAllPages) {
  will_answer("Query",
              {R"({"Count": 2, "LastEvaluatedKey": {"id": {"S": "2"}}})", R"({"Count": 5})"});
  DynamoDbClient client(config(), options());
  EXPECT_EQ(client.count_by_query({{"id", "x"}}), 7);
  EXPECT_THROW(client.count_by_query({{"id", "x"}}, {.max_items = 1}), AttributeError);
  EXPECT_THAT(asked("Query"), SizeIs(2));
}

TEST_F(DynamoDb, FetchesAPageOfAScanWhenItIsAskedFor) {
  will_answer("Scan", {R"({"Items": [{"id": {"S": "1"}}], "LastEvaluatedKey": {"id": {"S": "1"}}})",
                       R"({"Items": [], "LastEvaluatedKey": {"id": {"S": "2"}}})",
                       R"({"Items": [{"id": {"S": "3"}, "other": {"N": "5"}}]})"});
  DynamoDbClient client(config(), options());
  auto pages = client.get_by_scan_generator({.fetch_all_fields = true});
  EXPECT_THAT(asked("Scan"), SizeIs(0));
  std::vector<std::string> seen;
  for (const auto& page : pages) {
    seen.push_back(json::serialize(page));
    EXPECT_THAT(asked("Scan"), SizeIs(seen.size()));
  }
  EXPECT_THAT(seen, ElementsAre(R"([{"id":"1"}])", "[]", R"([{"id":"3","other":5}])"));
  EXPECT_EQ(pages.next(), std::nullopt);
  EXPECT_EQ(client.get_stats(), (json::object{{"dynamo_scan_queries", 3}}));
}

TEST_F(DynamoDb, WaitsForKeysThatWereLeftAndGivesUpInTheEnd) {
  will_answer("BatchGetItem",
              {R"({"Responses": {"t": [{"id": {"S": "a"}}]},
                   "UnprocessedKeys": {"t": {"Keys": [{"id": {"S": "b"}}]}}})",
               R"({"Responses": {"t": [{"id": {"S": "b"}}]}, "UnprocessedKeys": {}})",
               R"({"Responses": {}, "UnprocessedKeys": {"t": {"Keys": [{"id": {"S": "c"}}]}}})"});
  Client client(config(), options());
  const DynamoDbBatchGetOptions patient{.max_retries = 2,
                                        .retry_wait_base_time = std::chrono::milliseconds(500)};
  EXPECT_THAT(client.batch_get_items_one_table({{{"id", "a"}}, {{"id", "b"}}}, patient), SizeIs(2));
  EXPECT_THAT(client.slept, ElementsAre(0.5));
  try {
    client.batch_get_items_one_table({{{"id", "c"}}}, patient);
    FAIL() << "no error";
  } catch (const RuntimeError& error) {
    EXPECT_THAT(error.what(), HasSubstr("left 1 of 1 keys of the table 't' unprocessed, after 2"));
  }
  EXPECT_THAT(client.slept, ElementsAre(0.5, 0.5, 1.0));
}

TEST_F(DynamoDb, TellsRefusalsByTheirCode) {
  will_answer("PutItem", {"400 com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"});
  DynamoDbClient client(config(), options());
  try {
    client.create({{"id", "a"}});
    FAIL() << "no error";
  } catch (const AwsError& error) {
    EXPECT_EQ(error.code(), "ConditionalCheckFailedException");
  }
  EXPECT_EQ(client.get_stats(), json::object()) << "it was not put";
}

TEST_F(DynamoDb, PatchesUnderAConditionOfItsOwn) {
  DynamoDbClient client(config(), options());
  client.patch({{"id", "a"}}, {.attributes_to_increment = {{"n", 2}, {"zero", 1}},
                               .condition_expression = "n < 5"});
  const auto input = asked("UpdateItem").at(0).input;
  EXPECT_EQ(input.at("UpdateExpression"),
            "SET #n0 = if_not_exists(#n0, :v0) + :v1, #n1 = if_not_exists(#n1, :v0) + :v2");
  EXPECT_EQ(input.at("ConditionExpression"), "attribute_exists (#n2) AND #n0 < :v3");
  EXPECT_EQ(input.at("ExpressionAttributeNames"),
            json::parse(R"({"#n0": "n", "#n1": "zero", "#n2": "id"})"));
  EXPECT_EQ(input.at("ExpressionAttributeValues"),
            json::parse(R"({":v0": {"N": "0"}, ":v1": {"N": "2"}, ":v2": {"N": "1"},
                            ":v3": {"N": "5"}})"));
}

TEST_F(DynamoDb, SendsEachTransactionUnderATokenOfItsOwn) {
  DynamoDbClient client(config(), options());
  json::array all;
  for (int i = 0; i < 11; ++i)
    all.push_back(client.make_put_transaction_item({{"id", std::to_string(i)}}));
  client.transact_write(all);
  client.transact_write({client.make_delete_transaction_item({{"id", "0"}}, "other")});
  const auto requests = asked("TransactWriteItems");
  ASSERT_THAT(requests, SizeIs(3));
  EXPECT_THAT(requests[0].input.at("TransactItems").as_array(), SizeIs(10));
  EXPECT_EQ(requests[2].input.at("TransactItems"),
            json::parse(R"([{"Delete": {"TableName": "other", "Key": {"id": {"S": "0"}}}}])"));
  std::set<std::string> tokens;
  for (const auto& request : requests)
    tokens.emplace(request.input.at("ClientRequestToken").as_string());
  EXPECT_THAT(tokens, SizeIs(3));
}

TEST_F(DynamoDb, SendsNothingOfATransactionWithAWrongPart) {
  DynamoDbClient client(config(), options());
  json::array all(11, client.make_put_transaction_item({{"id", "a"}}));
  all.push_back(json::object{{"Update", json::object()}});
  EXPECT_THROW(client.transact_write(all), AssertionError);
  EXPECT_THAT(asked("TransactWriteItems"), SizeIs(0));
}

TEST_F(DynamoDb, SleepsByTheCapacityOfTheTableThatIsMeant) {
  will_answer(
      "DescribeTable",
      {R"({"Table": {"ProvisionedThroughput": {"ReadCapacityUnits": 10, "WriteCapacityUnits": 5}}})",
       R"({"Table": {"ProvisionedThroughput": {"ReadCapacityUnits": 2, "WriteCapacityUnits": 1}}})",
       R"({"Table": {}})"});
  Client client(config(), options());
  client.sleep_db(client.time, "write");
  client.sleep_db(client.time, "write", "slow");
  client.sleep_db(client.time - std::chrono::milliseconds(250), "read", "slow");
  client.sleep_db(client.time - std::chrono::seconds(2), "write", "slow");
  client.sleep_db(client.time, "write", "on_demand");
  EXPECT_THAT(client.slept, ElementsAre(0.2, 1.0, 0.25));
  EXPECT_EQ(client.get_capacity("on_demand"), std::nullopt);
  EXPECT_EQ(client.get_capacity("slow")->write, 1);
  EXPECT_THAT(asked("DescribeTable"), SizeIs(3)) << "each table is described once";
  EXPECT_THROW(client.sleep_db(client.time, "scan"), ValueError);
}

TEST_F(DynamoDb, CountsAnewAfterAReset) {
  DynamoDbClient client(config(), options());
  client.put({{"id", "a"}});
  client.put({{"id", "b"}});
  client.update({{"id", "a"}}, {.attributes_to_remove = {"n"}});
  EXPECT_EQ(client.get_stats(),
            (json::object{{"dynamo_put_queries", 2}, {"dynamo_update_queries", 1}}));
  client.reset_stats();
  EXPECT_EQ(client.get_stats(), json::object());
}

TEST_F(DynamoDb, LearnsItsColumnsFromGlueIfNobodySaysThem) {
  will_answer("GetTable", {R"({"Table": {"StorageDescriptor": {"Columns": [
      {"Name": "id", "Type": "string"}, {"Name": "n", "Type": "bigint"},
      {"Name": "parts", "Type": "struct<a:int>"}, {"Name": "tags", "Type": "set<string>"},
      {"Name": "odd", "Type": "map<string,int>"}]},
      "Parameters": {"hashKey": "id", "rangeKey": "n"}}})"});
  const DynamoDbClient client({{"table_name", "t"}}, options());
  EXPECT_EQ(asked("GetTable").at(0).input,
            json::parse(R"({"DatabaseName": "ddb_tables", "Name": "t"})"));
  EXPECT_EQ(client.config(), json::parse(R"({"table_name": "t", "hash_key": "id", "range_key": "n",
                            "required_fields": ["id", "n"],
                            "row_mapper": {"id": "S", "n": "N", "parts": "M", "tags": "SS"}})"));
  EXPECT_EQ(client.dict_to_dynamo({{"n", "5"}}), json::parse(R"({"n": {"N": "5"}})"));
}

TEST_F(DynamoDb, DoesWithoutGlue) {
  will_answer("GetTable",
              {"400 EntityNotFoundException", "400 AccessDeniedException", "400 InternalFailure"});
  EXPECT_EQ(DynamoDbClient({{"table_name", "t"}}, options()).config().size(), 1);
  EXPECT_EQ(DynamoDbClient({{"table_name", "t"}}, options()).config().size(), 1);
  EXPECT_THROW(DynamoDbClient({{"table_name", "t"}}, options()), AwsError);
  const DynamoDbClient not_asked({{"table_name", "t"}, {"skip_glue", true}}, options());
  const DynamoDbClient not_needed(config(), options());
  EXPECT_THAT(asked("GetTable"), SizeIs(3));
}

TEST_F(DynamoDb, CleansTablesOfTestsOnly) {
  will_answer("Scan", {R"({"Items": [{"h": {"S": "1"}, "x": {"N": "1"}}],
                           "LastEvaluatedKey": {"h": {"S": "1"}}})",
                       R"({"Items": [{"h": {"S": "2"}}]})"});
  EXPECT_EQ(clean_dynamo_table("autotest_t", {"h"}, "x > -5", options()), 2);
  const auto deleted = asked("DeleteItem");
  ASSERT_THAT(deleted, SizeIs(2));
  EXPECT_EQ(deleted[0].input,
            json::parse(R"({"TableName": "autotest_t", "Key": {"h": {"S": "1"}}})"));
  EXPECT_EQ(asked("Scan")[0].input.at("ExpressionAttributeValues"),
            json::parse(R"({":v0": {"N": "-5"}})"));
  EXPECT_THROW(clean_dynamo_table("tasks", {"h"}, "", options()), AssertionError);
  EXPECT_THROW(clean_dynamo_table("autotest_t", {"missing"}, "", options()), KeyError);
  EXPECT_THAT(asked("DeleteItem"), SizeIs(2));
}

}  // namespace
}  // namespace sosw
