// SPDX-License-Identifier: MIT
// The store on DynamoDB passes the suite over the wire too, on the tables that moto plays.
#include <fmt/format.h>

#include "aws/client.h"
#include "aws/http.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/table_store.h"
#include "simulation/model_tables.h"
#include "support/python_server.h"
#include "support/swept_store.h"
#include "task_store.h"

namespace sosw::conformance {
namespace {

aws::ClientOptions moto() {
  static testing::PythonServer kServer(SOSW_SOURCE "/tests/aws/moto_server.py");
  return {.region = "eu-west-1",
          .endpoint = kServer.url(),
          .credentials = aws::Credentials{"AKIDEXAMPLE", "secret", ""}};
}

json::value key_schema(const simulation::KeyAttribute& hash,
                       const simulation::KeyAttribute* range) {
  json::array out{{{"AttributeName", hash.name}, {"KeyType", "HASH"}}};
  if (range) out.push_back(json::object{{"AttributeName", range->name}, {"KeyType", "RANGE"}});
  return out;
}

// What CreateTable takes.
json::object described(const simulation::TableSchema& table) {
  std::map<std::string, char> types;
  json::array of_table;
  json::array global;
  types[table.hash.name] = table.hash.type;
  if (table.range) types[table.range->name] = table.range->type;
  for (const auto& index : table.indexes) {
    types[index.hash.name] = index.hash.type;
    types[index.range.name] = index.range.type;
    json::object projection{{"ProjectionType", index.projection ? "INCLUDE" : "ALL"}};
    if (index.projection)
      projection["NonKeyAttributes"] =
          json::array(index.projection->begin(), index.projection->end());
    auto& list = index.hash.name == table.hash.name ? of_table : global;
    list.push_back(json::object{{"IndexName", index.name},
                                {"KeySchema", key_schema(index.hash, &index.range)},
                                {"Projection", projection}});
  }
  json::array attributes;
  for (const auto& [name, type] : types)
    attributes.push_back(
        json::object{{"AttributeName", name}, {"AttributeType", std::string(1, type)}});
  json::object input{{"TableName", table.name},
                     {"BillingMode", "PAY_PER_REQUEST"},
                     {"KeySchema", key_schema(table.hash, table.range ? &*table.range : nullptr)},
                     {"AttributeDefinitions", attributes}};
  if (!of_table.empty()) input["LocalSecondaryIndexes"] = of_table;
  if (!global.empty()) input["GlobalSecondaryIndexes"] = global;
  return input;
}

class OpenDynamoDb final : public OpenStore {
 public:
  explicit OpenDynamoDb(const StoreSettings& settings)
      : settings_(settings), tables_({.client = moto()}) {
    const auto emptied =
        aws::HttpClient().send({.method = "POST", .url = moto().endpoint + "/moto-api/reset"});
    EXPECT_EQ(emptied.status, 200) << emptied.body;
    aws::Client dynamodb("dynamodb", moto());
    for (const auto& table : simulation::sosw_tables()) {
      const auto made = dynamodb.call("CreateTable", described(table));
      EXPECT_TRUE(made) << made.error().text();
    }
    reopen();
  }
  engine::TaskStore& store() override { return *swept_; }
  bool reopen() override {
    cloud::TableStore::Options options;
    options.task_step = settings_.task_step;
    options.index_lag_s = 0;
    options.holder = "holder " + std::to_string(++opened_);
    options.nonce = fmt::format("{} of {}", options.holder, ++stores_);
    swept_.reset();
    if (store_) {
      const auto given_back = store_->give_back_leases();
      EXPECT_TRUE(given_back) << given_back.error().text();
    }
    store_ = std::make_unique<cloud::TableStore>(tables_, std::move(options));
    swept_ = std::make_unique<testing::SweptStore>(*store_, settings_.two_step);
    return true;
  }

 private:
  static inline int stores_ = 0;
  const StoreSettings settings_;
  cloud::DynamoDbTables tables_;
  int opened_ = 0;
  std::unique_ptr<cloud::TableStore> store_;
  std::unique_ptr<testing::SweptStore> swept_;
};

INSTANTIATE_TEST_SUITE_P(DynamoDb, TaskStoreTest,
                         ::testing::Values(StoreUnderTest{"dynamodb",
                                                          [](const StoreSettings& settings) {
                                                            return std::make_unique<OpenDynamoDb>(
                                                                settings);
                                                          },
                                                          false}));

}  // namespace
}  // namespace sosw::conformance
