// SPDX-License-Identifier: MIT
// Requests to the tables as a store needs them: physical names, pages, repeats, and many small
// transactions packed into few large ones.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/table_store.h"
#include "cloud/tables.h"
#include "engine/ports.h"

namespace sosw::cloud {

inline constexpr std::size_t kMostActions = 100;      // of one transaction
inline constexpr std::size_t kMostBytes = 3'500'000;  // the limit is 4 MB, and we only estimate
inline constexpr int kRounds = 6;                     // of one piece of work

std::size_t bytes_of(const Write& write);  // about

// What belongs together: all of it is written, or nothing.
struct Move {
  std::vector<Write> writes;
  // Added to the counts of closed tasks of the job (empty: none) and of the labourer.
  std::string job, labourer;
  struct Closed {
    std::int64_t done = 0, dead = 0, cancelled = 0;
  } closed;
  std::vector<engine::Alarm> alarms;  // numbered when they are written

  enum class Fate : std::uint8_t {
    left,  // not written, or nobody knows: do it again later
    done,
    refused,  // a condition did not hold
    too_large,
  } fate = Fate::left;
  std::vector<Refused> refused;  // of `writes`, when refused or too_large
  bool throttled = false;        // left because of it
  bool unsure = false;           // an answer was lost: it may have been done before it was refused
};

class Requests {
 public:
  // Both outlive it.
  Requests(Tables& tables, const TableStore::Options& options);

  // One write. Conflicts, throttling and lost answers are repeated; what comes back is done, or
  // refused by its condition or size. Repeating what had been done already is refused by its
  // condition too: the item tells.
  Result<Written> write(Write write);
  // Writes all moves, as many as fit in one transaction; each knows its fate afterwards. An error
  // only when none is done; where one is `throttled`, it may be done with fewer writes.
  Result<void> commit(std::span<Move> moves);

  // All rows up to `at_most`, each task once.
  Result<std::vector<Item>> query(Query query, std::int64_t at_most);
  Result<Page> page(Query query);
  Result<std::int64_t> count(Query query, std::int64_t at_most);
  // Any number of keys, one twice too.
  Result<std::vector<std::optional<Item>>> get(std::vector<Key> keys);
  Result<std::optional<Item>> get_one(Key key);

  // 32 hex digits that nobody else makes.
  std::string fresh();
  void pause(int round) const;

 private:
  struct Batch;
  // One transaction, again with the same token while its answer is lost.
  Result<Written> transact(std::span<const Write> writes, bool& answer_lost);
  Result<Batch> batch_of(std::span<Move*> moves);
  std::string physical(std::string_view name) const;
  std::string logical(std::string_view name) const;
  Item to_physical(const Item& item) const;
  Item to_logical(Item item) const;
  void settle(Written& written) const;
  // Names for each #name, no :value that is not used.
  void complete(std::initializer_list<std::string_view> expressions, json::object& values,
                json::object& names) const;
  Write finished(Write write) const;

  Tables& tables_;
  const TableStore::Options& options_;
  std::map<std::string, std::string, std::less<>> logical_;
  std::atomic<std::uint64_t> made_ = 0;
};

}  // namespace sosw::cloud
