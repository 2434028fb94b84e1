// SPDX-License-Identifier: MIT
// DynamoDB in memory: the tables that the store on AWS is written upon, with the faults that the
// real ones have, each made when the caller's hook says so.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/tables.h"
#include "core/time.h"
#include "simulation/attribute_value.h"

namespace sosw::simulation {

struct KeyAttribute {
  std::string name;
  char type = 'S';  // S or N
};
struct IndexSchema {
  std::string name;
  KeyAttribute hash, range;
  // Attributes beside the keys; nullopt: all.
  std::optional<std::vector<std::string>> projection{};
};
struct TableSchema {
  std::string name;
  KeyAttribute hash;
  std::optional<KeyAttribute> range{};
  std::vector<IndexSchema> indexes{};
};
// The tables and indexes of the original under their default names.
[[nodiscard]] std::vector<TableSchema> sosw_tables();

// Refuses, as Code::internal with DynamoDB's kind of message, every request that DynamoDB would
// call a ValidationException. Without a hook, or with one that always answers 0, there is no fault
// and indexes never lag.
class ModelTables final : public cloud::Tables {
 public:
  // 0 <= answer < bound; `what` is one of
  //   "fault of a write", "fault of a transaction", "fault of an append", "fault of a query",
  //   "fault of a get", "index is behind": asked at each call, 0 is none, so most answers should be
  //   0; the others are in the order of faults() as the sources list them;
  //   "first write that is throttled", "write in conflict", "items that are appended", "delay of a
  //   request", "age of an image": details of a fault, any answer is as good as another.
  // Called with the tables locked: it must not call them.
  using Decide = std::function<std::uint32_t(std::uint32_t bound, const char* what)>;
  // An item was made (before is null), changed, or removed (after is null). The same rule.
  using Watch = std::function<void(std::string_view table, const cloud::Item* before,
                                   const cloud::Item* after)>;

  struct Options {
    // An index query may show any image that a row had within this time, each row another one, and
    // another one in each query.
    double index_lag_s = 5;
    // For so long the same token is the same transaction. Less than DynamoDB's ten minutes: what a
    // client meets that repeats its request so much later.
    double token_life_s = 600;
    // When a delayed request may arrive after the caller was told that there is no answer; at the
    // first call not earlier than that. Below the 5 minutes for which a signature is valid.
    std::vector<double> delays_s = {0, 1, 5, 30, 120, 290};
  };

  // `clock` is DynamoDB's own and should not go back.
  ModelTables(std::vector<TableSchema> schema, std::function<Time()> clock, Decide decide,
              Options options);
  ModelTables(std::vector<TableSchema> schema, std::function<Time()> clock, Decide decide = {});
  ~ModelTables() override;

  Result<cloud::Written> write(const cloud::Write& write) override;
  Result<cloud::Written> transact(std::span<const cloud::Write> writes,
                                  std::string_view token) override;
  Result<cloud::Page> query(const cloud::Query& query) override;
  Result<std::vector<std::optional<cloud::Item>>> get(std::span<const cloud::Key> keys) override;
  Result<void> append(std::string_view table, std::span<const cloud::Item> items) override;

  // Delayed requests arrive, indexes have caught up.
  void settle();

  // What was done to the callers, by name; every name that there is has an entry.
  [[nodiscard]] std::map<std::string, std::int64_t> faults() const;
  // For whoever checks invariants: the items as they are. `each` must not call the tables.
  void for_each(std::string_view table, const std::function<void(const cloud::Item&)>& each) const;
  // nullopt: no such item. REQUIRES: a key of the table.
  [[nodiscard]] std::optional<cloud::Item> peek(std::string_view table,
                                                const cloud::Item& key) const;
  void watch(Watch watch);

 private:
  struct Position;
  struct Table;
  struct Index;
  struct Intent;
  struct Request;
  struct Ask;
  using Image = std::shared_ptr<const cloud::Item>;

  // All of these need the mutex.
  std::uint32_t decide(std::uint32_t bound, const char* what);
  void count(const char* method, const char* fault);
  void deliver();
  Result<Table*> find(std::string_view table);
  Result<Intent> read(const cloud::Write& write);
  Result<std::vector<Intent>> read(std::span<const cloud::Write> writes, std::string_view token);
  static cloud::Written judge(const std::vector<Intent>& intents);
  Result<cloud::Written> commit(std::span<const cloud::Write> writes, std::string_view token);
  Result<cloud::Written> commit(std::span<const cloud::Write> writes, std::vector<Intent> intents,
                                std::string_view token);
  Result<cloud::Written> send(const char* method, std::span<const cloud::Write> writes,
                              std::string_view token);
  void delay(std::span<const cloud::Write> writes, std::string_view token);
  void replace(Table& table, const Position& position, const Image& after);
  Result<Ask> read(const cloud::Query& query);
  // What this query sees of the index in another state than the last one, by item.
  using Outdated = std::map<std::string, std::pair<std::optional<Position>, Image>>;
  Outdated outdated(const Table& table, Index& index, const std::string& hash);

  const std::function<Time()> clock_;
  const Decide decide_;
  const Options options_;
  mutable std::mutex mutex_;
  std::map<std::string, Table, std::less<>> tables_;
  std::vector<Request> delayed_;  // in the order in which they were sent
  struct Done {
    Time at{};
    std::size_t content = 0;
  };
  std::map<std::string, Done, std::less<>> tokens_;
  std::map<std::string, std::int64_t> faults_;
  Watch watch_;
};

}  // namespace sosw::simulation
