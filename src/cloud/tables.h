// SPDX-License-Identifier: MIT
// What the store on AWS asks of DynamoDB, in DynamoDB's own words: items and values in attribute
// form ({"greenfield": {"N": "2000"}}), conditions and updates as expressions. One adapter sends
// them over the wire; the simulation evaluates the same expressions on tables in memory, with every
// fault that the real ones have. The text of each field is as in the DynamoDB API reference.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sosw::cloud {

namespace json = boost::json;

// One item in attribute form.
using Item = json::object;

struct Write {
  enum class Kind : std::uint8_t {
    put,     // the whole item, over what is there
    update,  // by the update expression; makes the item when there is none
    remove,
  } kind = Kind::put;
  std::string table;
  Item item;                // put: the item; else its key
  std::string update{};     // SET ..., REMOVE ..., ADD ...
  std::string condition{};  // empty: none
  json::object values{};    // {":n": {"N": "1"}}
  json::object names{};     // {"#state": "state"}
};

// Why one write of a transaction, or a single one, was not made.
enum class Refusal : std::uint8_t {
  none,       // not this one: another write of the transaction was refused
  condition,  // ConditionalCheckFailed
  conflict,   // TransactionConflict: another transaction has the item; repeat
  throttled,  // ThrottlingError, ProvisionedThroughputExceeded: repeat later, or less at once
  too_large,  // ItemCollectionSizeLimitExceeded, or an item over 400 KB
};
struct Refused {
  Refusal why = Refusal::none;
  std::optional<Item> found;  // condition: the item as it is (ALL_OLD); absent: there is none
};
struct Written {
  bool done = false;
  std::vector<Refused> refused;  // not done: one for each write, in order
  // Of one write() that was made: the item as it was before (ALL_OLD); absent: there was none.
  std::optional<Item> before{};
};

struct Query {
  std::string table;
  std::string index{};  // empty: the table itself
  std::string key;      // KeyConditionExpression
  std::string filter{};
  json::object values{};
  json::object names{};
  bool forward = true;          // by the range key
  std::int64_t limit = 0;       // items looked at before the filter; 0: none of our own
  bool count = false;           // SELECT COUNT: no items
  std::optional<Item> after{};  // LastEvaluatedKey of the page before
  std::string projection{};     // attributes that come back; empty: all. The key is not among them
                                // unless it is named
};
struct Page {
  std::vector<Item> items;
  std::int64_t count = 0;
  std::optional<Item> last;  // there is more: ask again after it
};

struct Key {
  std::string table;
  Item key;
};

// All methods may be called from any thread. An error means that nothing is known of the effect of
// a write: it may have been made, and be made even later. Code::unavailable: no answer, repeat;
// denied: the role may not; internal: the request is wrong.
class Tables {
 public:
  virtual ~Tables() = default;
  // PutItem, UpdateItem or DeleteItem.
  virtual Result<Written> write(const Write& write) = 0;
  // TransactWriteItems: at most 100 writes, 4 MB, each item once, all or nothing. The same token
  // within 10 minutes is the same transaction, done once. Refused: no copy of it was done either.
  virtual Result<Written> transact(std::span<const Write> writes, std::string_view token) = 0;
  // Eventually consistent on an index: rows may be old, missing, doubled across pages, and a later
  // answer may be older than an earlier one.
  virtual Result<Page> query(const Query& query) = 0;
  // BatchGetItem, consistent. Asks again for what was left unprocessed. One for each key; absent:
  // no such item.
  virtual Result<std::vector<std::optional<Item>>> get(std::span<const Key> keys) = 0;
  // BatchWriteItem of at most 100 puts, in several requests at the same time, no conditions: for
  // records (audit) only, never for tasks.
  virtual Result<void> append(std::string_view table, std::span<const Item> items) = 0;
};

}  // namespace sosw::cloud
