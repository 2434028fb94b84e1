// SPDX-License-Identifier: MIT
// The table client of the SDK against moto's DynamoDB: what a table has in it afterwards.
#include "sosw/dynamo_db.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cstdlib>

#include "aws/moto.h"

namespace sosw {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

json::value parsed(const char* text) { return json::parse(text); }

class DynamoDbTest : public aws::MotoTest {
 protected:
  void SetUp() override {
    MotoTest::SetUp();
    setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
    create_table("users", "PAY_PER_REQUEST");
    create_table("autotest_users", "PROVISIONED");
  }

  static AwsClientOptions sdk_options() { return {.region = "eu-west-1", .endpoint = url()}; }
  static void create_table(const char* name, std::string_view billing) {
    auto input = parsed(R"({
        "KeySchema": [{"AttributeName": "name", "KeyType": "HASH"},
                      {"AttributeName": "at", "KeyType": "RANGE"}],
        "AttributeDefinitions": [{"AttributeName": "name", "AttributeType": "S"},
                                 {"AttributeName": "at", "AttributeType": "N"},
                                 {"AttributeName": "session", "AttributeType": "S"}],
        "GlobalSecondaryIndexes": [{"IndexName": "by_session",
            "KeySchema": [{"AttributeName": "session", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "KEYS_ONLY"}}]})")
                     .as_object();
    input["TableName"] = name;
    input["BillingMode"] = billing;
    if (billing == "PROVISIONED") {
      const json::object units{{"ReadCapacityUnits", 10}, {"WriteCapacityUnits", 5}};
      input["ProvisionedThroughput"] = units;
      input["GlobalSecondaryIndexes"].as_array()[0].as_object()["ProvisionedThroughput"] = units;
    }
    AwsClient("dynamodb", sdk_options()).call("CreateTable", input);
  }
  static json::object config(const char* table = "users") {
    return {{"table_name", table},
            {"hash_key", "name"},
            {"row_mapper", {{"name", "S"}, {"at", "N"}, {"session", "S"}, {"n", "N"}}}};
  }
  json::array all() { return client_->get_by_scan({.fetch_all_fields = true}); }
  template <class Call>
  static std::string code_of(Call call) {
    try {
      call();
    } catch (const AwsError& error) {
      return error.code();
    }
    return "none";
  }

  // Made when it is first asked for: the table must be there.
  struct Lazy {
    std::unique_ptr<DynamoDbClient> client;
    DynamoDbClient* operator->() {
      if (!client) client = std::make_unique<DynamoDbClient>(config(), sdk_options());
      return client.get();
    }
  } client_;
};

TEST_F(DynamoDbTest, PutsOverARowOrNot) {
  client_->put({{"name", "ann"}, {"at", 1}, {"n", 1}});
  client_->put({{"name", "ann"}, {"at", 1}, {"n", 2}});
  EXPECT_EQ(code_of([&] {
              client_->create({{"name", "ann"}, {"at", 1}, {"n", 3}});
            }),
            "ConditionalCheckFailedException");
  client_->create({{"name", "ann"}, {"at", 2}});
  EXPECT_THAT(all(), UnorderedElementsAre(parsed(R"({"name": "ann", "at": 1, "n": 2})"),
                                          parsed(R"({"name": "ann", "at": 2})")));
}

TEST_F(DynamoDbTest, UpdatesMakeARowAndPatchesDoNot) {
  const json::object keys{{"name", "ann"}, {"at", 1}};
  EXPECT_EQ(code_of([&] {
              client_->patch(keys, {.attributes_to_increment = {{"n", 1}}});
            }),
            "ConditionalCheckFailedException");
  EXPECT_THAT(all(), SizeIs(0));
  client_->update(keys, {.attributes_to_update = {{"session", "s"}, {"a.b-c", "odd"}},
                         .attributes_to_increment = {{"n", 5}, {"zero", "-2"}}});
  client_->patch(keys, {.attributes_to_increment = {{"n", 1}}});
  EXPECT_THAT(all(), ElementsAre(parsed(R"({"name": "ann", "at": 1, "session": "s", "a.b-c": "odd",
                                            "n": 6, "zero": -2})")));
  client_->patch(keys, {.condition_expression = "n between 5 and 6",
                        .attributes_to_remove = {"session", "zero"}});
  EXPECT_EQ(code_of([&] {
              client_->update(
                  keys, {.attributes_to_update = {{"n", 0}}, .condition_expression = "n > 6"});
            }),
            "ConditionalCheckFailedException");
  EXPECT_THAT(all(), ElementsAre(parsed(R"({"name": "ann", "at": 1, "a.b-c": "odd", "n": 6})")));
}

TEST_F(DynamoDbTest, RemovesPartsOfAttributes) {
  const json::object keys{{"name", "ann"}, {"at", 1}};
  client_->update(keys, {.attributes_to_update = {{"map", {{"keep", 1}, {"drop", 2}}},
                                                  {"list", {"a", "b", "c"}}}});
  client_->update(keys, {.condition_expression = "attribute_exists map.drop",
                         .attributes_to_remove = {"map.drop", "list[1]"}});
  EXPECT_THAT(all(), ElementsAre(parsed(R"({"name": "ann", "at": 1, "map": {"keep": 1},
                                            "list": ["a", "c"]})")));
  EXPECT_EQ(code_of([&] {
              client_->update(keys, {.condition_expression = "attribute_exists map.drop",
                                     .attributes_to_remove = {"list"}});
            }),
            "ConditionalCheckFailedException");
}

TEST_F(DynamoDbTest, KeepsValuesOfEveryType) {
  auto settings = config();
  settings["row_mapper"] = parsed(R"({"name": "S", "at": "N", "texts": "SS", "numbers": "NS",
      "raw": "B", "raws": "BS", "flag": "BOOL", "exact": "N", "payload": "S", "map": "M",
      "list": "L", "nothing": "NULL"})");
  DynamoDbClient typed(settings, sdk_options());
  const auto row = parsed(R"({"name": "007", "at": 18446744073709551615, "texts": ["true", "5"],
      "numbers": [1, 2.5], "raw": "AAECAw==", "raws": ["AAE="], "flag": false,
      "exact": "1234567890123456789012345678.9012345678", "payload": {"a": [1, null, "x"]},
      "map": {"n": 5, "f": 1.5, "l": [0.25, {"x": "5"}], "empty": {}}, "list": [], "nothing": null})")
                       .as_object();
  typed.put(row);
  EXPECT_THAT(typed.get_by_query({{"name", "007"}}), ElementsAre(row));
  typed.put(typed.get_by_query({{"name", "007"}}).at(0).as_object());
  EXPECT_THAT(typed.get_by_query({{"name", "007"}}), ElementsAre(row)) << "as it was read";
}

TEST_F(DynamoDbTest, ReadsPastTheMegabyteOfAPage) {
  const std::string filler(100'000, 'x');
  for (int i = 0; i < 25; ++i)
    client_->put({{"name", "big"}, {"at", i}, {"filler", filler}, {"n", i % 2}});
  client_->put({{"name", "other"}, {"at", 0}});
  client_->reset_stats();
  const auto rows = client_->get_by_query({{"name", "big"}}, {.desc = true});
  ASSERT_THAT(rows, SizeIs(25));
  EXPECT_EQ(rows.front().at("at"), 24);
  EXPECT_EQ(rows.back().at("at"), 0);
  const auto pages = client_->get_stats().at("dynamo_get_queries").as_int64();
  EXPECT_GE(pages, 3);
  EXPECT_EQ(client_->count_by_query({{"name", "big"}}), 25);
  EXPECT_EQ(client_->count_by_query({{"name", "big"}}, {.filter_expression = "n = 1"}), 12);

  client_->reset_stats();
  EXPECT_THAT(client_->get_by_query({{"name", "big"}}, {.max_items = 2}), SizeIs(2));
  EXPECT_EQ(client_->get_stats().at("dynamo_get_queries"), 1);
  EXPECT_THAT(
      client_->get_by_query({{"name", "big"}}, {.max_items = 12, .filter_expression = "n = 1"}),
      SizeIs(12));

  std::size_t scanned = 0;
  std::int64_t parts = 0;
  for (const auto& page : client_->get_by_scan_generator({.attrs = {{"name", "big"}}})) {
    scanned += page.size();
    ++parts;
  }
  EXPECT_EQ(scanned, 25U);
  EXPECT_GE(parts, 3);
}

TEST_F(DynamoDbTest, AsksForRowsByEveryKindOfKey) {
  for (int i = -3; i <= 3; ++i)
    client_->put({{"name", "ann"}, {"at", i}, {"session", i < 0 ? "early" : "late"}, {"n", i * i}});
  const auto found = [&](const json::object& keys, const DynamoDbQueryOptions& options) {
    std::vector<std::int64_t> out;
    for (const auto& row : client_->get_by_query(keys, options))
      out.push_back(row.at("at").as_int64());
    return out;
  };
  const json::object ann{{"name", "ann"}};
  EXPECT_THAT(found({{"name", "ann"}, {"at", 2}}, {}), ElementsAre(2));
  EXPECT_THAT(found({{"name", "ann"}, {"at", 1}}, {.comparisons = {{"at", ">"}}}),
              ElementsAre(2, 3));
  EXPECT_THAT(found({{"name", "ann"}, {"at", -2}}, {.comparisons = {{"at", "<="}}}),
              ElementsAre(-3, -2));
  EXPECT_THAT(found({{"name", "ann"}, {"st_between_at", -1}, {"en_between_at", 1}}, {}),
              ElementsAre(-1, 0, 1));
  EXPECT_THAT(found(ann, {.filter_expression = "n >= 9"}), ElementsAre(-3, 3));
  EXPECT_THAT(found(ann, {.filter_expression = "session = early"}), ElementsAre(-3, -2, -1))
      << "a reserved word";
  EXPECT_THAT(found(ann, {.filter_expression = "attribute_not_exists n"}), ElementsAre());
  EXPECT_THAT(found(ann, {.max_items = 2, .desc = true, .consistent_read = true}),
              ElementsAre(3, 2));
  EXPECT_THAT(client_->get_by_query({{"session", "late"}}, {.index_name = "by_session"}),
              UnorderedElementsAre(parsed(R"({"session": "late", "name": "ann", "at": 0})"),
                                   parsed(R"({"session": "late", "name": "ann", "at": 1})"),
                                   parsed(R"({"session": "late", "name": "ann", "at": 2})"),
                                   parsed(R"({"session": "late", "name": "ann", "at": 3})")));
}

TEST_F(DynamoDbTest, WritesAndReadsMoreThanOneRequestHolds) {
  json::array puts;
  std::vector<json::object> keys;
  for (int i = 0; i < 120; ++i) {
    puts.push_back(client_->make_put_transaction_item({{"name", "ann"}, {"at", i}}));
    keys.push_back({{"name", "ann"}, {"at", i}});
  }
  client_->transact_write(puts);
  EXPECT_EQ(client_->get_stats().at("dynamo_transact_write_operations"), 12);
  keys.push_back({{"name", "nobody"}, {"at", 0}});
  EXPECT_THAT(client_->batch_get_items_one_table(keys, {.consistent_read = true}), SizeIs(120));
  client_->transact_write({client_->make_delete_transaction_item({{"name", "ann"}, {"at", 0}}),
                           client_->make_put_transaction_item({{"name", "bob"}, {"at", 0}})});
  client_->delete_({{"name", "ann"}, {"at", 1}});
  client_->delete_({{"name", "ann"}, {"at", 1}});
  EXPECT_EQ(client_->count_by_query({{"name", "ann"}}), 118);
  EXPECT_EQ(client_->count_by_query({{"name", "bob"}}), 1);
}

TEST_F(DynamoDbTest, MakesATransactionAsAWhole) {
  const auto put = client_->make_put_transaction_item({{"name", "ann"}, {"at", 1}});
  EXPECT_EQ(code_of([&] {
              client_->transact_write({put, client_->make_put_transaction_item({{"name", "bob"}})});
            }),
            "TransactionCanceledException")
      << "a key is missing";
  EXPECT_THAT(all(), SizeIs(0));
}

TEST_F(DynamoDbTest, KnowsItsTables) {
  const auto [hash_key, range_key] = client_->get_table_keys();
  EXPECT_EQ(hash_key, "name");
  EXPECT_EQ(range_key, "at");
  EXPECT_EQ(client_->get_capacity("autotest_users")->write, 5);
  EXPECT_EQ(client_->get_table_indexes("autotest_users"),
            parsed(R"({"by_session": {"projection_type": "KEYS_ONLY", "hash_key": "session",
                "provisioned_throughput": {"write_capacity": 5, "read_capacity": 10}}})"));
  EXPECT_EQ(code_of([&] { client_->get_table_keys("nobody"); }), "ResourceNotFoundException");
}

TEST_F(DynamoDbTest, EmptiesATableOfTests) {
  DynamoDbClient client(config("autotest_users"), sdk_options());
  for (int i = 0; i < 5; ++i) client.put({{"name", "ann"}, {"at", i}, {"n", i - 2}});
  const std::vector<std::string> keys = {"name", "at"};
  EXPECT_EQ(clean_dynamo_table("autotest_users", keys, "n < -1", sdk_options()), 1);
  EXPECT_EQ(client.count_by_query({{"name", "ann"}}), 4);
  EXPECT_EQ(clean_dynamo_table("autotest_users", keys, "", sdk_options()), 4);
  EXPECT_EQ(client.count_by_query({{"name", "ann"}}), 0);
}

}  // namespace
}  // namespace sosw
