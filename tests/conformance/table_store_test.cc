// SPDX-License-Identifier: MIT
// The store on DynamoDB passes the suite, on simulated tables. What ends at home with the report
// waits there for a Scavenger; here one passes after each call.
#include "cloud/table_store.h"

#include "simulation/model_tables.h"
#include "support/swept_store.h"
#include "task_store.h"

namespace sosw::conformance {
namespace {

class OpenTables final : public OpenStore {
 public:
  explicit OpenTables(const StoreSettings& settings)
      : settings_(settings), tables_(simulation::sosw_tables(), [] { return from_epoch(0); }) {
    reopen();
  }
  engine::TaskStore& store() override { return *swept_; }
  bool reopen() override {
    cloud::TableStore::Options options;
    options.task_step = settings_.task_step;
    options.index_lag_s = 0;
    options.holder = "holder " + std::to_string(++opened_);
    options.nonce = options.holder;
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
  const StoreSettings settings_;
  simulation::ModelTables tables_;
  int opened_ = 0;
  std::unique_ptr<cloud::TableStore> store_;
  std::unique_ptr<testing::SweptStore> swept_;
};

INSTANTIATE_TEST_SUITE_P(Tables, TaskStoreTest,
                         ::testing::Values(StoreUnderTest{"tables",
                                                          [](const StoreSettings& settings) {
                                                            return std::make_unique<OpenTables>(
                                                                settings);
                                                          },
                                                          false}));

}  // namespace
}  // namespace sosw::conformance
