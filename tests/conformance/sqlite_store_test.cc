// SPDX-License-Identifier: MIT
// The SQLite store passes the suite, however it commits.
#include "local/sqlite_store.h"

#include <unistd.h>

#include <filesystem>

#include "task_store.h"

namespace sosw::conformance {
namespace {

using Synchronous = local::StoreOptions::Synchronous;

class OpenSqlite final : public OpenStore {
 public:
  OpenSqlite(const StoreSettings& settings, Synchronous synchronous) {
    std::string folder = (std::filesystem::temp_directory_path() / "sosw-store-XXXXXX").string();
    if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
    folder_ = folder;
    options_.path = folder_ / "sosw.db";
    options_.synchronous = synchronous;
    options_.two_step = settings.two_step;
    options_.task_step = settings.task_step;
    reopen();
  }
  ~OpenSqlite() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
  engine::TaskStore& store() override { return *store_; }
  bool reopen() override {
    store_.reset();
    auto opened = local::SqliteStore::open(options_);
    if (!opened) throw std::runtime_error(opened.error().text());
    store_ = std::move(*opened);
    return true;
  }

 private:
  std::filesystem::path folder_;
  local::StoreOptions options_;
  std::unique_ptr<local::SqliteStore> store_;
};

StoreUnderTest sqlite(std::string name, Synchronous synchronous) {
  return {std::move(name), [synchronous](const StoreSettings& settings) {
            return std::make_unique<OpenSqlite>(settings, synchronous);
          }};
}

INSTANTIATE_TEST_SUITE_P(Sqlite, TaskStoreTest,
                         ::testing::Values(sqlite("full", Synchronous::full),
                                           sqlite("normal", Synchronous::normal)));

}  // namespace
}  // namespace sosw::conformance
