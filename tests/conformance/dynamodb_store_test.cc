// SPDX-License-Identifier: MIT
// The store on DynamoDB passes the suite over the wire too, on the tables that moto plays.
#include <fmt/format.h>

#include "aws/client.h"
#include "aws/http.h"
#include "cloud/dynamodb_tables.h"
#include "cloud/table_store.h"
#include "support/create_table.h"
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

class OpenDynamoDb final : public OpenStore {
 public:
  explicit OpenDynamoDb(const StoreSettings& settings)
      : settings_(settings), tables_({.client = moto()}) {
    const auto emptied =
        aws::HttpClient().send({.method = "POST", .url = moto().endpoint + "/moto-api/reset"});
    EXPECT_EQ(emptied.status, 200) << emptied.body;
    aws::Client dynamodb("dynamodb", moto());
    for (const auto& table : simulation::sosw_tables()) {
      const auto made = dynamodb.call("CreateTable", testing::create_table_input(table));
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
