// SPDX-License-Identifier: MIT
// Requests as the API reference of DynamoDB has them, and what its refusals mean.
#include "cloud/dynamodb_tables.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <random>
#include <set>
#include <thread>
#include <utility>

#include "cloud/call_error.h"

namespace sosw::cloud {
namespace {

constexpr int kWriteTries = 2;  // the second is for a clock that was wrong
constexpr int kReadTries = 4;
constexpr int kBatchRounds = 8;
constexpr std::size_t kKeysInBatch = 100;
constexpr std::size_t kItemsInBatch = 25;
constexpr std::size_t kBatchesAtOnce = 4;
constexpr std::chrono::milliseconds kFirstPause{50};

bool any_of(std::string_view code, std::initializer_list<std::string_view> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

std::string_view text_in(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}
const json::object* object_in(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value ? value->if_object() : nullptr;
}
const json::object& object_of(const json::value& value) {
  static const json::object kNone;
  return value.is_object() ? value.get_object() : kNone;
}
// Nothing for an item that is not there, which has no attributes.
std::optional<Item> item_in(const json::object& object, std::string_view name) {
  const auto* item = object_in(object, name);
  return item && !item->empty() ? std::optional(*item) : std::nullopt;
}

void add_if(json::object& input, std::string_view name, const std::string& text) {
  if (!text.empty()) input[name] = text;
}
void add_if(json::object& input, std::string_view name, const json::object& object) {
  if (!object.empty()) input[name] = object;
}

// The input of a single write, and of one in a transaction.
json::object input_of(const Write& write) {
  json::object input{{"TableName", write.table}};
  input[write.kind == Write::Kind::put ? "Item" : "Key"] = write.item;
  add_if(input, "UpdateExpression", write.update);
  add_if(input, "ConditionExpression", write.condition);
  add_if(input, "ExpressionAttributeValues", write.values);
  add_if(input, "ExpressionAttributeNames", write.names);
  if (!write.condition.empty()) input["ReturnValuesOnConditionCheckFailure"] = "ALL_OLD";
  return input;
}

bool says_too_large(std::string_view message) {
  return message.find("Item size") != message.npos && message.find("exceeded") != message.npos;
}

// What a refusal says about the write that it is for; `none`: it does not tell of one.
Refusal refusal_of(std::string_view code, std::string_view message) {
  if (any_of(code, {"ConditionalCheckFailed", "ConditionalCheckFailedException"}))
    return Refusal::condition;
  if (any_of(code, {"TransactionConflict", "TransactionConflictException"}))
    return Refusal::conflict;
  if (any_of(code, {"ThrottlingError", "ProvisionedThroughputExceeded", "ThrottlingException",
                    "ProvisionedThroughputExceededException", "RequestLimitExceeded"}))
    return Refusal::throttled;
  if (any_of(code, {"ItemCollectionSizeLimitExceeded", "ItemCollectionSizeLimitExceededException"}))
    return Refusal::too_large;
  if (any_of(code, {"ValidationError", "ValidationException"}) && says_too_large(message))
    return Refusal::too_large;
  return Refusal::none;
}

// `tables`: that were asked; AWS does not say which of them it has not found.
Error table_error(const aws::CallError& failed, std::set<std::string_view> tables) {
  const bool no_index = failed.code == "ValidationException" &&
                        failed.message.find("specified index") != failed.message.npos;
  if (failed.code == "ResourceNotFoundException" || no_index)
    return {
        Code::invalid,
        fmt::format("{} ({})", failed.text(), fmt::join(tables, ", ")),
        "it must be there, in this region and account; `task_config` has the names of tables and "
        "indexes",
        {}};
  if (refusal_of(failed.code, failed.message) != Refusal::none ||
      failed.code == "TransactionInProgressException")
    return {Code::unavailable, failed.text(), "try again later", {}};
  return error_of(failed);
}

bool is_known(const aws::CallError& failed) {
  return failed.fate == aws::CallError::Fate::not_done && failed.status != 0;
}

// The same for equal keys of a table, whatever else the item has; `key` says what its key is.
std::string name_of(std::string_view table, const json::object& key, const json::object& item) {
  std::map<std::string_view, std::string> parts;
  for (const auto& attribute : key)
    if (const auto* value = item.if_contains(attribute.key()))
      parts[attribute.key()] = json::serialize(*value);
  std::string name(table);
  for (const auto& [attribute, value] : parts) name += fmt::format(" {}={}", attribute, value);
  return name;
}

Error part_left() {
  return {Code::unavailable, "DynamoDB left a part of a batch again and again",
          "try again later, or give the table more capacity"};
}

// Asks for what is left of a batch until nothing is; `next` gives what was left of it.
template <class Next>
Result<void> until_all(json::object left, const Next& next, const std::function<void(int)>& pause) {
  for (int round = 1;; ++round) {
    auto rest = next(std::move(left));
    if (!rest) return rest.error();
    left = std::move(*rest);
    if (left.empty()) return {};
    if (round >= kBatchRounds) return part_left();
    pause(round);
  }
}

}  // namespace

class DynamoDbTables::Borrowed {
 public:
  Borrowed(DynamoDbTables& tables, std::unique_ptr<Connection> connection)
      : tables_(tables), connection_(std::move(connection)) {}
  ~Borrowed() {
    {
      const std::lock_guard lock(tables_.mutex_);
      tables_.idle_.push_back(std::move(connection_));
    }
    tables_.returned_.notify_one();
  }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  Connection* operator->() { return connection_.get(); }

 private:
  DynamoDbTables& tables_;
  std::unique_ptr<Connection> connection_;
};

DynamoDbTables::DynamoDbTables(Options options) : options_(std::move(options)) {
  idle_.reserve(options_.most_in_flight);
}

DynamoDbTables::~DynamoDbTables() = default;

DynamoDbTables::Borrowed DynamoDbTables::borrow() {
  std::unique_lock lock(mutex_);
  const auto most = std::max<std::size_t>(options_.most_in_flight, 1);
  returned_.wait(lock, [&] { return !idle_.empty() || made_ < most; });
  if (!idle_.empty()) {
    auto connection = std::move(idle_.back());
    idle_.pop_back();
    return {*this, std::move(connection)};
  }
  ++made_;
  lock.unlock();
  auto writing = options_.client;
  writing.tries = kWriteTries;
  auto reading = options_.client;
  reading.tries = kReadTries;
  return {*this, std::make_unique<Connection>(Connection{aws::Client("dynamodb", writing),
                                                         aws::Client("dynamodb", reading)})};
}

void DynamoDbTables::pause(int round) const {
  if (options_.pause) return options_.pause(round);
  static thread_local std::mt19937_64 random{std::random_device{}()};
  const auto longest = kFirstPause.count() << std::min(round - 1, 8);
  std::this_thread::sleep_for(
      std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, longest)(random)));
}

Result<Written> DynamoDbTables::write(const Write& write) {
  auto input = input_of(write);
  input["ReturnValues"] = "ALL_OLD";
  const char* operation = write.kind == Write::Kind::put      ? "PutItem"
                          : write.kind == Write::Kind::update ? "UpdateItem"
                                                              : "DeleteItem";
  const auto answer = borrow()->writes.call(operation, input);
  if (answer) return Written{true, {}, item_in(object_of(*answer), "Attributes")};
  const auto& failed = answer.error();
  const auto why = refusal_of(failed.code, failed.message);
  if (!is_known(failed) || why == Refusal::none) return table_error(failed, {write.table});
  return Written{false, {{why, item_in(failed.body, "Item")}}};
}

Result<Written> DynamoDbTables::transact(std::span<const Write> writes, std::string_view token) {
  json::array items;
  for (const auto& write : writes) {
    const char* action = write.kind == Write::Kind::put      ? "Put"
                         : write.kind == Write::Kind::update ? "Update"
                                                             : "Delete";
    json::object item;
    item[action] = input_of(write);
    items.push_back(std::move(item));
  }
  json::object input{{"TransactItems", std::move(items)}};
  if (!token.empty()) input["ClientRequestToken"] = token;
  const auto answer = borrow()->writes.call("TransactWriteItems", input);
  if (answer) return Written{true, {}, {}};
  const auto& failed = answer.error();
  const auto tables = [&] {
    std::set<std::string_view> names;
    for (const auto& write : writes) names.insert(write.table);
    return names;
  };
  if (!is_known(failed)) return table_error(failed, tables());
  Written written{false, std::vector<Refused>(writes.size()), {}};
  if (failed.code != "TransactionCanceledException") {
    // Refused as a whole: throttled, or in conflict with one of which nobody says which.
    const auto why = refusal_of(failed.code, failed.message);
    if (why == Refusal::none) return table_error(failed, tables());
    for (auto& one : written.refused) one.why = why;
    return written;
  }
  const auto* reasons = failed.body.if_contains("CancellationReasons");
  if (!reasons || !reasons->is_array() || reasons->get_array().size() != writes.size())
    return Error{Code::internal, failed.text() + ", without a reason for each write", {}};
  bool any = false;
  for (std::size_t i = 0; i < writes.size(); ++i) {
    const auto& reason = object_of(reasons->get_array()[i]);
    const auto code = text_in(reason, "Code");
    if (code.empty() || code == "None") continue;
    const auto why = refusal_of(code, text_in(reason, "Message"));
    if (why == Refusal::none)
      return Error{Code::internal,
                   fmt::format("{}: write {} of {}, to {}: {}: {}", failed.text(), i, writes.size(),
                               writes[i].table, code, text_in(reason, "Message")),
                   {}};
    any = true;
    written.refused[i] = {why, item_in(reason, "Item")};
  }
  if (any) return written;
  return Error{Code::internal, failed.text() + ", without any reason", {}};
}

Result<Page> DynamoDbTables::query(const Query& query) {
  json::object input{{"TableName", query.table}, {"KeyConditionExpression", query.key}};
  add_if(input, "IndexName", query.index);
  add_if(input, "FilterExpression", query.filter);
  add_if(input, "ProjectionExpression", query.projection);
  add_if(input, "ExpressionAttributeValues", query.values);
  add_if(input, "ExpressionAttributeNames", query.names);
  if (query.index.empty()) input["ConsistentRead"] = true;
  if (!query.forward) input["ScanIndexForward"] = false;
  if (query.limit > 0) input["Limit"] = query.limit;
  if (query.count) input["Select"] = "COUNT";
  if (query.after) input["ExclusiveStartKey"] = *query.after;
  const auto answer = borrow()->reads.call("Query", input);
  if (!answer) return table_error(answer.error(), {query.table});
  const auto& output = object_of(*answer);
  Page page;
  if (const auto* items = output.if_contains("Items"); items && items->is_array())
    for (const auto& item : items->get_array()) page.items.push_back(object_of(item));
  const auto* count = output.if_contains("Count");
  page.count = count && count->is_int64() ? count->get_int64() : std::ssize(page.items);
  page.last = item_in(output, "LastEvaluatedKey");
  return page;
}

Result<std::vector<std::optional<Item>>> DynamoDbTables::get(std::span<const Key> keys) {
  std::vector<std::optional<Item>> found(keys.size());
  // DynamoDB takes each key once in a request, and says nothing of the order.
  std::map<std::string, std::vector<std::size_t>> places;
  for (std::size_t i = 0; i < keys.size(); ++i)
    places[name_of(keys[i].table, keys[i].key, keys[i].key)].push_back(i);
  const auto take = [&](const Key& like, const Item& item) {
    const auto known = places.find(name_of(like.table, like.key, item));
    if (known == places.end()) return;
    for (const auto i : known->second) found[i] = item;
  };
  const auto ask = [&](json::object requests) -> Result<json::object> {
    const auto answer =
        borrow()->reads.call("BatchGetItem", {{"RequestItems", std::move(requests)}});
    if (!answer) {
      std::set<std::string_view> tables;
      for (const auto& key : keys) tables.insert(key.table);
      return table_error(answer.error(), tables);
    }
    const auto& output = object_of(*answer);
    if (const auto* responses = object_in(output, "Responses")) {
      for (const auto& of_table : *responses) {
        const std::string_view table = of_table.key();
        const auto like = std::find_if(keys.begin(), keys.end(),
                                       [&](const Key& key) { return key.table == table; });
        if (like == keys.end() || !of_table.value().is_array()) continue;
        for (const auto& item : of_table.value().get_array()) take(*like, object_of(item));
      }
    }
    const auto* left = object_in(output, "UnprocessedKeys");
    return left ? *left : json::object();
  };

  for (auto place = places.begin(); place != places.end();) {
    json::object requests;
    for (std::size_t n = 0; n < kKeysInBatch && place != places.end(); ++n, ++place) {
      const auto& key = keys[place->second.front()];
      auto& request = requests[key.table];
      if (request.is_null()) request = {{"ConsistentRead", true}, {"Keys", json::array()}};
      request.get_object()["Keys"].get_array().push_back(key.key);
    }
    if (auto done = until_all(std::move(requests), ask, [&](int round) { pause(round); }); !done)
      return done.error();
  }
  return found;
}

Result<void> DynamoDbTables::append(std::string_view table, std::span<const Item> items) {
  std::vector<aws::Operation> left;
  for (std::size_t at = 0; at < items.size(); at += kItemsInBatch) {
    json::array puts;
    for (const auto& item : items.subspan(at, std::min(kItemsInBatch, items.size() - at)))
      puts.push_back(json::object{{"PutRequest", {{"Item", item}}}});
    left.push_back({"BatchWriteItem", {{"RequestItems", {{table, std::move(puts)}}}}});
  }
  for (int round = 1; !left.empty(); ++round) {
    const auto answers = borrow()->writes.call_all(left, kBatchesAtOnce);
    left.clear();
    for (const auto& answer : answers) {
      if (!answer) return table_error(answer.error(), {table});
      const auto* rest = object_in(object_of(*answer), "UnprocessedItems");
      if (rest && !rest->empty()) left.push_back({"BatchWriteItem", {{"RequestItems", *rest}}});
    }
    if (left.empty()) break;
    if (round >= kBatchRounds) return part_left();
    pause(round);
  }
  return {};
}

}  // namespace sosw::cloud
