// SPDX-License-Identifier: MIT
// The tables over the wire: DynamoDB itself.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "aws/client.h"
#include "cloud/tables.h"

namespace sosw::cloud {

// Each call takes a connection of its own from a pool. A write goes on the wire once, or twice
// where that cannot do harm; to repeat it, or to do less at once, is for the caller, who knows what
// it means. A read is repeated. Numbers in the keys of get() are as DynamoDB writes them ("5", not
// "5.0"), else their items are not recognised.
class DynamoDbTables final : public Tables {
 public:
  struct Options {
    aws::ClientOptions client;             // `tries` is not looked at
    std::size_t most_in_flight = 16;       // calls at a time; more of them wait
    std::function<void(int round)> pause;  // before what was left of a batch is asked for again,
                                           // from 1; none: a random time up to 50 ms, which doubles
  };
  explicit DynamoDbTables(Options options);
  ~DynamoDbTables() override;

  Result<Written> write(const Write& write) override;
  Result<Written> transact(std::span<const Write> writes, std::string_view token) override;
  Result<Page> query(const Query& query) override;
  Result<std::vector<std::optional<Item>>> get(std::span<const Key> keys) override;
  Result<void> append(std::string_view table, std::span<const Item> items) override;

 private:
  // For one thread at a time.
  struct Connection {
    aws::Client writes;
    aws::Client reads;
  };
  class Borrowed;

  Borrowed borrow();
  void pause(int round) const;

  const Options options_;
  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<std::unique_ptr<Connection>> idle_;
  std::size_t made_ = 0;
};

}  // namespace sosw::cloud
