// SPDX-License-Identifier: MIT
// The rules of the Amazon DynamoDB API reference, over sorted maps.
#include "simulation/model_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "simulation/expression.h"

namespace sosw::simulation {

using cloud::Item;
using cloud::Page;
using cloud::Query;
using cloud::Refusal;
using cloud::Refused;
using cloud::Write;
using cloud::Written;

namespace {

constexpr std::size_t kMostWrites = 100, kMostKeys = 100, kMostAppended = 25;
constexpr std::int64_t kLargestItem = 400 * 1024;
constexpr std::int64_t kLargestTransaction = 4 * 1024 * 1024;
constexpr std::int64_t kLargestPage = 1024 * 1024;
constexpr std::size_t kLongestHash = 2048, kLongestRange = 1024;
constexpr double kTokenLifeS = 600;
// Behind every task id: no UTF-8 text has this byte.
constexpr const char* kBehindAll = "\xff";

enum class Fault : std::uint32_t {
  none,
  throttled,
  conflict,
  lost_before,
  lost_after,
  delayed,
  repeated,
  repeated_later,
};
constexpr std::array kFaults = {"none",       "throttled", "conflict", "lost before",
                                "lost after", "delayed",   "repeated", "repeated later"};

Error throttled() {
  return {Code::unavailable,
          "ProvisionedThroughputExceededException: The level of configured provisioned throughput "
          "for the table was exceeded",
          {}};
}
Error no_answer() { return {Code::unavailable, "no answer from DynamoDB", {}}; }

std::string_view kind_name(Write::Kind kind) {
  return kind == Write::Kind::put ? "Put" : kind == Write::Kind::update ? "Update" : "Delete";
}

// A range key, in the order that the tables have.
struct SortKey {
  std::string text;  // of a text
  std::int64_t integer = 0;
  std::optional<Number> exact{};  // of a number that is no 64-bit integer
  bool before_all = false;
  bool operator==(const SortKey&) const = default;
};

Number number_of(const SortKey& key) {
  return key.exact ? *key.exact : *read_number(std::to_string(key.integer));
}

std::strong_ordering order_of(const SortKey& a, const SortKey& b) {
  if (a.before_all || b.before_all) return b.before_all <=> a.before_all;
  if (a.exact || b.exact) return order(number_of(a), number_of(b));
  if (a.integer != b.integer) return a.integer <=> b.integer;
  return a.text.compare(b.text) <=> 0;
}

// REQUIRES: a checked value of a key's type.
SortKey sort_key(const json::value& value) {
  SortKey key;
  if (type_of(value) == "S") {
    key.text = text_of(value);
    return key;
  }
  const std::string text(text_of(value));
  key.integer = std::strtoll(text.c_str(), nullptr, 10);
  if (std::to_string(key.integer) != text) key.exact = read_number(text);
  return key;
}

bool has_type(const json::value& value, char type) {
  return type_of(value) == std::string_view(&type, 1);
}

std::size_t content_of(std::span<const Write> writes) {
  std::size_t content = writes.size();
  auto mix = [&content](std::size_t hash) { content = content * 1'000'003 ^ hash; };
  for (const auto& write : writes) {
    mix(static_cast<std::size_t>(write.kind));
    for (const auto* text : {&write.table, &write.update, &write.condition})
      mix(std::hash<std::string>()(*text));
    for (const auto* object : {&write.item, &write.values, &write.names})
      mix(std::hash<json::object>()(*object));
  }
  return content;
}

}  // namespace

std::vector<TableSchema> sosw_tables() {
  return {
      {.name = "sosw_tasks",
       .hash = {"task_id"},
       .indexes = {{.name = "sosw_tasks_greenfield",
                    .hash = {"labourer_id"},
                    .range = {"greenfield", 'N'}}}},
      {.name = "sosw_closed_tasks",
       .hash = {"task_id"},
       .indexes = {{.name = "labourer_task_status_with_time",
                    .hash = {"labourer_id_task_status"},
                    .range = {"closed_at", 'N'},
                    .projection = {{"completed_at", "greenfield", "attempts"}}}}},
      {.name = "sosw_retry_tasks",
       .hash = {"labourer_id"},
       .range = KeyAttribute{"task_id"},
       .indexes = {{.name = "labourer_id_greenfield",
                    .hash = {"labourer_id"},
                    .range = {"desired_launch_time", 'N'}}}},
      {.name = "sosw_tasks_meta", .hash = {"task_id"}, .range = KeyAttribute{"created_at", 'N'}},
      {.name = "config", .hash = {"env"}, .range = KeyAttribute{"config_name"}},
  };
}

// --- Where rows are

struct ModelTables::Position {
  std::string hash;
  SortKey range;
  std::string item;  // in an index: which item; it orders equal keys

  // Where the rows of the hash begin.
  static Position in_front_of(std::string hash) {
    Position position{std::move(hash), {}, {}};
    position.range.before_all = true;
    return position;
  }
  bool operator==(const Position&) const = default;
  bool operator<(const Position& other) const {
    if (const int by_hash = hash.compare(other.hash); by_hash != 0) return by_hash < 0;
    if (const auto by_range = order_of(range, other.range); by_range != 0) return by_range < 0;
    return item < other.item;
  }
};

struct ModelTables::Index {
  struct Old {
    Time until{};  // not shown from then on
    std::optional<Position> position;
    Image image;
  };
  IndexSchema schema;
  std::map<Position, Image> rows;
  std::map<Position, std::vector<Old>> old;  // by the item's position in the table, oldest first
};

struct ModelTables::Table {
  TableSchema schema;
  std::map<Position, Image> rows;
  std::vector<Index> indexes;

  [[nodiscard]] bool is_key(std::string_view name) const {
    return name == schema.hash.name || (schema.range && name == schema.range->name);
  }
  // REQUIRES: the item has the key.
  [[nodiscard]] Position position(const Item& item) const {
    Position found{std::string(text_of(item.at(schema.hash.name))), {}, {}};
    if (schema.range) found.range = sort_key(item.at(schema.range->name));
    return found;
  }
  // Nothing that belongs to two items of the table is equal.
  [[nodiscard]] static std::string name(const Position& position) {
    return position.hash + '\0' + position.range.text + std::to_string(position.range.integer) +
           (position.range.exact ? number_text(*position.range.exact) : "");
  }
  // nullopt: the index does not have the item.
  [[nodiscard]] std::optional<Position> position_in(const IndexSchema& index, const Item& item,
                                                    const Position& base) const {
    const auto* hash = item.if_contains(index.hash.name);
    const auto* range = item.if_contains(index.range.name);
    if (!hash || !range) return std::nullopt;
    return Position{std::string(text_of(*hash)), sort_key(*range), name(base)};
  }
  [[nodiscard]] Result<void> check_key(const Item& item, bool alone) const;
  [[nodiscard]] Result<void> check_index_keys(const Item& item) const;
};

Result<void> ModelTables::Table::check_key(const Item& item, bool alone) const {
  const std::size_t keys = schema.range ? 2 : 1;
  if (alone && item.size() != keys)
    return bad_request("The provided key element does not match the schema");
  for (std::size_t at = 0; at < keys; ++at) {
    const auto& key = at == 0 ? schema.hash : *schema.range;
    const auto* value = item.if_contains(key.name);
    if (!value) {
      if (alone) return bad_request("The provided key element does not match the schema");
      return bad_request(fmt::format(
          "One or more parameter values were invalid: Missing the key {} in the item", key.name));
    }
    if (!has_type(*value, key.type)) {
      if (alone) return bad_request("The provided key element does not match the schema");
      return bad_request(
          fmt::format("One or more parameter values were invalid: Type mismatch for key {} "
                      "expected: {} actual: {}",
                      key.name, key.type, type_of(*value)));
    }
    if (text_of(*value).empty())
      return bad_request(
          fmt::format("One or more parameter values are not valid. The AttributeValue for a key "
                      "attribute cannot contain an empty string value. Key: {}",
                      key.name));
    if (text_of(*value).size() > (at == 0 ? kLongestHash : kLongestRange))
      return bad_request(fmt::format(
          "One or more parameter values were invalid: Size of {} has exceeded the maximum size "
          "limit of {} bytes",
          at == 0 ? "hashkey" : "rangekey", at == 0 ? kLongestHash : kLongestRange));
  }
  return {};
}

Result<void> ModelTables::Table::check_index_keys(const Item& item) const {
  for (const auto& index : indexes) {
    for (const auto* key : {&index.schema.hash, &index.schema.range}) {
      const auto* value = item.if_contains(key->name);
      if (!value) continue;
      if (!has_type(*value, key->type))
        return bad_request(
            fmt::format("One or more parameter values were invalid: Type mismatch for Index Key {} "
                        "Expected: {} Actual: {} IndexName: {}",
                        key->name, key->type, type_of(*value), index.schema.name));
      if (text_of(*value).empty())
        return bad_request(fmt::format(
            "One or more parameter values are not valid. A value specified for a secondary index "
            "key is not supported. The AttributeValue for a key attribute cannot contain an empty "
            "string value. IndexName: {}, IndexKey: {}",
            index.schema.name, key->name));
    }
  }
  return {};
}

// One write of a request, understood.
struct ModelTables::Intent {
  const Write* write;
  Table* table;
  Item item;  // checked
  Position position;
  Expressions expressions;
};

// One that was sent and arrives later.
struct ModelTables::Request {
  Time arrives{};
  std::vector<Write> writes;
  std::string token;
};

ModelTables::ModelTables(std::vector<TableSchema> schema, std::function<Time()> clock,
                         Decide decide, Options options)
    : clock_(std::move(clock)), decide_(std::move(decide)), options_(std::move(options)) {
  for (auto& table : schema) {
    Table& made = tables_[table.name];
    for (auto& index : table.indexes) made.indexes.push_back({std::move(index), {}, {}});
    table.indexes.clear();
    made.schema = std::move(table);
  }
  for (const char* method : {"write", "transact", "append"}) {
    for (const auto* fault : kFaults) {
      if (fault != kFaults[0]) faults_[fmt::format("{}: {}", method, fault)] = 0;
    }
  }
  for (const char* name : {"query: throttled", "query: lost", "get: throttled", "get: lost",
                           "index: old image", "index: row missing", "index: row not gone"})
    faults_[name] = 0;
  faults_.erase("append: conflict");
  faults_["append: partly done"] = 0;
}

ModelTables::ModelTables(std::vector<TableSchema> schema, std::function<Time()> clock,
                         Decide decide)
    : ModelTables(std::move(schema), std::move(clock), std::move(decide), Options()) {}

ModelTables::~ModelTables() = default;

std::uint32_t ModelTables::decide(std::uint32_t bound, const char* what) {
  return decide_ && bound > 1 ? decide_(bound, what) : 0;
}

void ModelTables::count(const char* method, const char* fault) {
  ++faults_[fmt::format("{}: {}", method, fault)];
}

// --- Writes

Result<ModelTables::Table*> ModelTables::find(std::string_view table) {
  const auto found = tables_.find(table);
  if (found != tables_.end()) return &found->second;
  return Error{Code::internal,
               fmt::format("ResourceNotFoundException: Requested resource not found: Table: {} not "
                           "found",
                           table),
               {}};
}

Result<ModelTables::Intent> ModelTables::read(const Write& write) {
  auto table = find(write.table);
  if (!table) return table.error();
  Intent intent{&write, *table, write.item, {}, Expressions(write.names, write.values)};
  auto read = intent.expressions.read_condition(write.condition);
  if (read) read = intent.expressions.read_update(write.update);
  if (read) read = intent.expressions.all_used();
  if (!read) return read.error();
  const bool is_update = write.kind == Write::Kind::update;
  if (!is_update && !write.update.empty())
    return bad_request(fmt::format("a {} takes no UpdateExpression", kind_name(write.kind)));
  if (auto checked = check_item(intent.item); !checked) return checked.error();
  if (auto checked = (*table)->check_key(intent.item, write.kind != Write::Kind::put); !checked)
    return checked.error();
  intent.position = (*table)->position(intent.item);
  for (const auto& name : intent.expressions.updated()) {
    if ((*table)->is_key(name))
      return bad_request(
          fmt::format("One or more parameter values were invalid: Cannot update attribute {}. This "
                      "attribute is part of the key",
                      name));
  }
  return intent;
}

Result<std::vector<ModelTables::Intent>> ModelTables::read(std::span<const Write> writes,
                                                           std::string_view token) {
  if (writes.empty() || writes.size() > kMostWrites)
    return bad_request(
        fmt::format("1 validation error detected: Value at 'transactItems' failed to satisfy "
                    "constraint: Member must have length between 1 and {}, it has {}",
                    kMostWrites, writes.size()));
  if (token.size() > 36)
    return bad_request(
        "1 validation error detected: Value at 'clientRequestToken' failed to satisfy constraint: "
        "Member must have length less than or equal to 36");
  std::vector<Intent> intents;
  std::set<std::pair<const Table*, std::string>> items;
  for (std::size_t at = 0; at < writes.size(); ++at) {
    auto intent = read(writes[at]);
    if (!intent) {
      Error error = intent.error();
      if (writes.size() > 1)
        error.message += fmt::format(" (write {} of {}, {} to {})", at, writes.size(),
                                     kind_name(writes[at].kind), writes[at].table);
      return error;
    }
    if (!items.emplace(intent->table, Table::name(intent->position)).second)
      return bad_request(
          fmt::format("Transaction request cannot include multiple operations on one item: {} in "
                      "{}",
                      intent->position.hash, writes[at].table));
    intents.push_back(std::move(*intent));
  }
  return intents;
}

Result<Written> ModelTables::commit(std::span<const Write> writes, std::string_view token) {
  auto intents = read(writes, token);
  return intents ? commit(writes, std::move(*intents), token) : intents.error();
}

Result<Written> ModelTables::commit(std::span<const Write> writes, std::vector<Intent> intents,
                                    std::string_view token) {
  const Time now = clock_();
  std::size_t content = 0;
  if (!token.empty()) {
    std::erase_if(tokens_,
                  [&](const auto& entry) { return now >= after(entry.second.at, kTokenLifeS); });
    content = content_of(writes);
    if (const auto known = tokens_.find(token); known != tokens_.end()) {
      if (known->second.content == content) return Written{true, {}};
      return Error{Code::internal,
                   fmt::format("IdempotentParameterMismatchException: the token {} was used for "
                               "another transaction",
                               token),
                   {}};
    }
  }

  Written written{true, std::vector<Refused>(writes.size())};
  std::vector<Image> images(writes.size());
  std::int64_t total = 0;
  for (std::size_t at = 0; at < intents.size(); ++at) {
    Intent& intent = intents[at];
    const auto known = intent.table->rows.find(intent.position);
    const Item* before = known == intent.table->rows.end() ? nullptr : known->second.get();
    if (!intent.expressions.condition_holds(before)) {
      written.done = false;
      written.refused[at].why = Refusal::condition;
      if (before) written.refused[at].found = *before;
      continue;
    }
    if (writes[at].kind == Write::Kind::remove) continue;
    Item item = std::move(intent.item);
    if (writes[at].kind == Write::Kind::update) {
      if (before) item = *before;
      auto updated = intent.expressions.update(item);
      if (updated) updated = check_item(item);
      if (!updated) return updated.error();
    }
    if (auto checked = intent.table->check_index_keys(item); !checked) return checked.error();
    const std::int64_t size = size_of(item);
    total += size;
    if (size > kLargestItem) {
      written.done = false;
      written.refused[at].why = Refusal::too_large;
    }
    images[at] = std::make_shared<const Item>(std::move(item));
  }
  if (total > kLargestTransaction)
    return bad_request(fmt::format("Transaction request cannot be larger than {} bytes, it has {}",
                                   kLargestTransaction, total));
  if (!written.done) return written;
  if (token.empty()) {
    const auto known = intents[0].table->rows.find(intents[0].position);
    if (known != intents[0].table->rows.end()) written.before = *known->second;
  }
  for (std::size_t at = 0; at < intents.size(); ++at)
    replace(*intents[at].table, intents[at].position, std::move(images[at]));
  if (!token.empty()) tokens_[std::string(token)] = {now, content};
  written.refused.clear();
  return written;
}

void ModelTables::replace(Table& table, const Position& position, Image after_image) {
  const auto known = table.rows.find(position);
  const Image before = known == table.rows.end() ? nullptr : known->second;
  if (!before && !after_image) return;
  for (auto& index : table.indexes) {
    const auto old = before ? table.position_in(index.schema, *before, position) : std::nullopt;
    const auto now =
        after_image ? table.position_in(index.schema, *after_image, position) : std::nullopt;
    if (old) index.rows.erase(*old);
    if (now) index.rows[*now] = after_image;
    if ((old || now) && decide_ && options_.index_lag_s > 0)
      index.old[position].push_back(
          {after(clock_(), options_.index_lag_s), old, old ? before : nullptr});
  }
  if (after_image)
    table.rows[position] = after_image;
  else
    table.rows.erase(known);
  if (watch_) watch_(table.schema.name, before.get(), after_image.get());
}

Result<Written> ModelTables::write(const Write& write) {
  std::lock_guard lock(mutex_);
  deliver();
  return send("write", std::span(&write, 1), {});
}

Result<Written> ModelTables::transact(std::span<const Write> writes, std::string_view token) {
  std::lock_guard lock(mutex_);
  deliver();
  return send("transact", writes, token);
}

Result<Written> ModelTables::send(const char* method, std::span<const Write> writes,
                                  std::string_view token) {
  // A request that is wrong is told so, whatever else might happen to it.
  auto intents = read(writes, token);
  if (!intents) return intents.error();
  const auto fault = static_cast<Fault>(
      decide(static_cast<std::uint32_t>(kFaults.size()),
             writes.size() == 1 && token.empty() ? "fault of a write" : "fault of a transaction"));
  if (fault == Fault::none) return commit(writes, std::move(*intents), token);
  count(method, kFaults[static_cast<std::size_t>(fault)]);
  const auto some = static_cast<std::uint32_t>(writes.size());
  switch (fault) {
    case Fault::none:
      break;
    case Fault::throttled: {  // from one write on: capacity was used up
      Written written{false, std::vector<Refused>(writes.size())};
      for (std::size_t at = decide(some, "first write that is throttled"); at < some; ++at)
        written.refused[at].why = Refusal::throttled;
      return written;
    }
    case Fault::conflict: {
      Written written{false, std::vector<Refused>(writes.size())};
      written.refused[decide(some, "write in conflict")].why = Refusal::conflict;
      return written;
    }
    case Fault::lost_before:
      return no_answer();
    case Fault::delayed:
      delay(writes, token);
      return no_answer();
    case Fault::lost_after:
      if (auto done = commit(writes, token); !done) return done;
      return no_answer();
    case Fault::repeated:  // by the transport: the caller sees the second answer
      if (auto done = commit(writes, token); !done) return done;
      return commit(writes, token);
    case Fault::repeated_later: {  // the first copy was stuck
      auto done = commit(writes, token);
      if (done) delay(writes, token);
      return done;
    }
  }
  return commit(writes, token);
}

void ModelTables::delay(std::span<const Write> writes, std::string_view token) {
  const auto& delays = options_.delays_s;
  const double delay =
      delays.empty()
          ? 0
          : delays[decide(static_cast<std::uint32_t>(delays.size()), "delay of a request")];
  delayed_.push_back({after(clock_(), delay), {writes.begin(), writes.end()}, std::string(token)});
}

void ModelTables::deliver() {
  if (delayed_.empty()) return;
  const Time now = clock_();
  std::vector<Request> later;
  std::vector<Request> arrived;
  for (auto& request : delayed_)
    (request.arrives <= now ? arrived : later).push_back(std::move(request));
  delayed_ = std::move(later);
  // Nobody waits for the answers.
  for (const auto& request : arrived) (void)commit(request.writes, request.token);
}

Result<void> ModelTables::append(std::string_view table, std::span<const Item> items) {
  std::lock_guard lock(mutex_);
  deliver();
  if (items.empty() || items.size() > kMostAppended)
    return bad_request(fmt::format(
        "1 validation error detected: Value at 'requestItems' failed to satisfy constraint: "
        "between 1 and {} requests, it has {}",
        kMostAppended, items.size()));
  std::vector<Write> puts;
  for (const auto& item : items) puts.push_back({.table = std::string(table), .item = item});
  if (auto read_well = read(puts, {}); !read_well) return read_well.error();
  auto put = [&](std::size_t from, std::size_t to) -> Result<void> {
    for (std::size_t at = from; at < to; ++at) {
      auto done = commit(std::span(&puts[at], 1), {});
      if (!done) return done.error();
      if (!done->done) return bad_request("Item size has exceeded the maximum allowed size");
    }
    return {};
  };
  constexpr std::array kinds = {"none",       "throttled", "partly done",    "lost before",
                                "lost after", "delayed",   "repeated later", "repeated"};
  const auto fault = decide(static_cast<std::uint32_t>(kinds.size()), "fault of an append");
  if (fault == 0) return put(0, puts.size());
  count("append", kinds[fault]);
  switch (fault) {
    case 1:
      return throttled();
    case 2: {
      const auto done = decide(static_cast<std::uint32_t>(puts.size()), "items that are appended");
      if (auto made = put(0, done); !made) return made;
      return throttled();
    }
    case 3:
      return no_answer();
    case 4:
      if (auto made = put(0, puts.size()); !made) return made;
      return no_answer();
    case 5:
      for (const auto& one : puts) delay(std::span(&one, 1), {});
      return no_answer();
    case 6:
      if (auto made = put(0, puts.size()); !made) return made;
      for (const auto& one : puts) delay(std::span(&one, 1), {});
      return {};
    default:
      if (auto made = put(0, puts.size()); !made) return made;
      return put(0, puts.size());
  }
}

// --- Reads

Result<std::vector<std::optional<Item>>> ModelTables::get(std::span<const cloud::Key> keys) {
  std::lock_guard lock(mutex_);
  deliver();
  if (keys.empty() || keys.size() > kMostKeys)
    return bad_request(fmt::format(
        "1 validation error detected: Too many items requested for the BatchGetItem call: between "
        "1 and {} are possible, {} were asked",
        kMostKeys, keys.size()));
  std::vector<std::optional<Item>> found;
  std::set<std::pair<const Table*, std::string>> asked;
  for (const auto& key : keys) {
    auto table = find(key.table);
    if (!table) return table.error();
    Item checked = key.key;
    if (auto good = check_item(checked); !good) return good.error();
    if (auto good = (*table)->check_key(checked, true); !good) return good.error();
    const Position position = (*table)->position(checked);
    if (!asked.emplace(*table, Table::name(position)).second)
      return bad_request("Provided list of item keys contains duplicates");
    const auto row = (*table)->rows.find(position);
    found.push_back(row == (*table)->rows.end() ? std::nullopt : std::optional(*row->second));
  }
  const auto fault = decide(3, "fault of a get");
  if (fault == 0) return found;
  count("get", fault == 1 ? "throttled" : "lost");
  return fault == 1 ? throttled() : no_answer();
}

// A query, understood.
struct ModelTables::Ask {
  Table* table;
  Index* index;  // nullptr: the table itself
  Expressions expressions;
  std::string hash;
  std::string comparison;  // of the range; empty: all
  json::value from, to;
  std::optional<Position> start;              // strictly after it
  std::set<std::string, std::less<>> wanted;  // of a projection; empty: all

  [[nodiscard]] const std::string& range_name() const {
    static const std::string none;
    return index                 ? index->schema.range.name
           : table->schema.range ? table->schema.range->name
                                 : none;
  }
  [[nodiscard]] bool takes(const Item& item) const {
    if (comparison.empty()) return true;
    const auto& range = item.at(range_name());
    if (comparison == "begins_with") return text_of(range).starts_with(text_of(from));
    const auto found = *order(range, from);
    if (comparison == "BETWEEN") return found >= 0 && *order(range, to) <= 0;
    if (comparison == "=") return found == 0;
    if (comparison == "<") return found < 0;
    if (comparison == "<=") return found <= 0;
    if (comparison == ">") return found > 0;
    return found >= 0;
  }
  // All rows that it takes are between the two.
  [[nodiscard]] std::pair<Position, Position> bounds() const {
    Position first = Position::in_front_of(hash), last = Position::in_front_of(hash + '\0');
    if (!comparison.empty() && comparison != "<" && comparison != "<=")
      first.range = sort_key(from);
    if (comparison == "=" || comparison == "<" || comparison == "<=")
      last = {hash, sort_key(from), kBehindAll};
    if (comparison == "BETWEEN") last = {hash, sort_key(to), kBehindAll};
    return {std::move(first), std::move(last)};
  }
};

Result<ModelTables::Ask> ModelTables::read(const Query& query) {
  auto table = find(query.table);
  if (!table) return table.error();
  Ask ask{*table, nullptr, Expressions(query.names, query.values), {}, {}, {}, {}, {}, {}};
  if (!query.index.empty()) {
    for (auto& index : (*table)->indexes) {
      if (index.schema.name == query.index) ask.index = &index;
    }
    if (!ask.index)
      return bad_request("The table does not have the specified index: " + query.index);
  }
  auto read = ask.expressions.read_key_condition(query.key);
  if (read) read = ask.expressions.read_filter(query.filter);
  if (auto wanted = ask.expressions.read_projection(query.projection))
    ask.wanted = std::move(*wanted);
  else if (read)
    read = wanted.error();
  if (read) read = ask.expressions.all_used();
  if (!read) return read.error();
  if (query.limit < 0)
    return bad_request(
        "1 validation error detected: Value at 'limit' failed to satisfy "
        "constraint: Member must have value greater than or equal to 1");

  const KeyAttribute hash = ask.index ? ask.index->schema.hash : (*table)->schema.hash;
  const std::optional<KeyAttribute> range =
      ask.index ? std::optional(ask.index->schema.range) : (*table)->schema.range;
  KeyCondition keys = ask.expressions.key_condition();
  if (keys.hash != hash.name && keys.range == hash.name && keys.comparison == "=") {
    std::swap(keys.hash, keys.range);
    std::swap(keys.hash_value, keys.from);
  }
  if (keys.hash != hash.name)
    return bad_request("Query condition missed key schema element: " + hash.name);
  if (!keys.range.empty() && (!range || keys.range != range->name))
    return bad_request("Query condition missed key schema element: " +
                       (range ? range->name : keys.range));
  const bool fits = has_type(keys.hash_value, hash.type) &&
                    (keys.range.empty() || (has_type(keys.from, range->type) &&
                                            (keys.to.is_null() || has_type(keys.to, range->type))));
  if (!fits || (keys.comparison == "begins_with" && range->type != 'S'))
    return bad_request(
        "One or more parameter values were invalid: Condition parameter type does "
        "not match schema type");
  for (const auto& name : ask.expressions.filtered()) {
    if (name == hash.name || (range && name == range->name))
      return bad_request(
          "Filter Expression can only contain non-primary key attributes: Primary "
          "key attribute: " +
          name);
  }
  if (ask.index && ask.index->schema.projection) {
    const auto& projected = *ask.index->schema.projection;
    for (const auto& name : ask.expressions.filtered()) {
      if (!(*table)->is_key(name) &&
          std::find(projected.begin(), projected.end(), name) == projected.end())
        return bad_request(
            fmt::format("the index {} does not have the attribute {}: the filter "
                        "would never find it",
                        query.index, name));
    }
  }
  ask.hash = text_of(keys.hash_value);
  ask.comparison = keys.comparison;
  ask.from = keys.from;
  ask.to = keys.to;

  if (query.after) {
    Item start = *query.after;
    std::set<std::string> names = {hash.name, (*table)->schema.hash.name};
    if (range) names.insert(range->name);
    if ((*table)->schema.range) names.insert((*table)->schema.range->name);
    bool good = static_cast<bool>(check_item(start)) && start.size() == names.size();
    for (const auto& name : names) good = good && start.contains(name);
    if (!good || text_of(start.at(hash.name)) != ask.hash)
      return bad_request("The provided starting key is invalid");
    Position position = (*table)->position(start);
    if (ask.index) position = *(*table)->position_in(ask.index->schema, start, position);
    ask.start = std::move(position);
  }
  return ask;
}

ModelTables::Outdated ModelTables::outdated(const Table& table, Index& index,
                                            const std::string& hash) {
  Outdated shown;
  const Time now = clock_();
  struct Candidate {
    const Position* item;
    const std::vector<Index::Old>* versions;
    bool is_here;
  };
  auto here = [&hash](const std::optional<Position>& position) {
    return position && position->hash == hash;
  };
  std::vector<Candidate> candidates;
  for (auto entry = index.old.begin(); entry != index.old.end();) {
    auto& [item, versions] = *entry;
    std::erase_if(versions, [now](const auto& old) { return old.until <= now; });
    if (versions.empty()) {
      entry = index.old.erase(entry);
      continue;
    }
    const auto row = table.rows.find(item);
    const bool is_here =
        row != table.rows.end() && here(table.position_in(index.schema, *row->second, item));
    if (is_here || std::any_of(versions.begin(), versions.end(),
                               [&](const auto& old) { return here(old.position); }))
      candidates.push_back({&item, &versions, is_here});
    ++entry;
  }
  if (candidates.empty() || decide(2, "index is behind") == 0) return shown;
  for (const auto& [item, versions, is_here] : candidates) {
    const auto back = decide(static_cast<std::uint32_t>(versions->size() + 1), "age of an image");
    if (back == 0) continue;
    const auto& old = (*versions)[versions->size() - back];
    const bool was_here = here(old.position);
    if (is_here && was_here)
      count("index", "old image");
    else if (is_here)
      count("index", "row missing");
    else if (was_here)
      count("index", "row not gone");
    shown[Table::name(*item)] = {was_here ? old.position : std::nullopt, old.image};
  }
  return shown;
}

Result<Page> ModelTables::query(const Query& query) {
  std::lock_guard lock(mutex_);
  deliver();
  auto ask = read(query);
  if (!ask) return ask.error();
  const auto fault = decide(3, "fault of a query");
  if (fault != 0) {
    count("query", fault == 1 ? "throttled" : "lost");
    return fault == 1 ? throttled() : no_answer();
  }

  const auto& rows = ask->index ? ask->index->rows : ask->table->rows;
  const Outdated old = ask->index ? outdated(*ask->table, *ask->index, ask->hash) : Outdated();
  std::map<Position, Image> instead;
  for (const auto& [item, shown] : old) {
    if (shown.first) instead[*shown.first] = shown.second;
  }

  auto [first, last] = ask->bounds();
  if (ask->start) (query.forward ? first : last) = *ask->start;
  auto inside = [&](const Position& position) {
    return position.hash == ask->hash && (!ask->start || !(position == *ask->start));
  };
  Page page;
  std::int64_t seen = 0, bytes = 0;
  const Position* stopped_at = nullptr;
  const Item* stopped_item = nullptr;
  // False: the page is full.
  auto visit = [&](const Position& position, const Image& image) {
    if (!inside(position) || !ask->takes(*image)) return true;
    ++seen;
    bytes += size_of(*image);
    Item item;
    if (ask->index && ask->index->schema.projection) {
      const auto& index = ask->index->schema;
      for (const auto& [name, value] : *image) {
        const std::string_view attribute = name;
        if (ask->table->is_key(attribute) || attribute == index.hash.name ||
            attribute == index.range.name ||
            std::find(index.projection->begin(), index.projection->end(), attribute) !=
                index.projection->end())
          item.emplace(name, value);
      }
    } else if (!query.count) {
      item = *image;
    }
    if (ask->expressions.filter_holds(query.count ? *image : item)) {
      ++page.count;
      if (!ask->wanted.empty()) {
        Item part;
        for (auto& [name, value] : item)
          if (ask->wanted.contains(std::string_view(name))) part.emplace(name, std::move(value));
        item = std::move(part);
      }
      if (!query.count) page.items.push_back(std::move(item));
    }
    if (seen != query.limit && bytes < kLargestPage) return true;
    stopped_at = &position;
    stopped_item = image.get();
    return false;
  };

  auto row = rows.lower_bound(first), row_end = rows.upper_bound(last);
  auto other = instead.lower_bound(first), other_end = instead.upper_bound(last);
  while (row != row_end || other != other_end) {
    const auto row_at = query.forward || row == row_end ? row : std::prev(row_end);
    const auto other_at = query.forward || other == other_end ? other : std::prev(other_end);
    const bool take_row = other == other_end ||
                          (row != row_end && (row_at->first < other_at->first) == query.forward);
    if (take_row) {
      const bool is_old = ask->index && old.count(row_at->first.item) > 0;
      if (!is_old && !visit(row_at->first, row_at->second)) break;
      query.forward ? ++row : --row_end;
    } else {
      if (!visit(other_at->first, other_at->second)) break;
      query.forward ? ++other : --other_end;
    }
  }
  if (stopped_at) {
    Item last_key;
    for (const auto& [name, value] : *stopped_item) {
      const std::string_view attribute = name;
      if (ask->table->is_key(attribute) ||
          (ask->index && (attribute == ask->index->schema.hash.name ||
                          attribute == ask->index->schema.range.name)))
        last_key.emplace(name, value);
    }
    page.last = std::move(last_key);
  }
  return page;
}

// --- For the simulation

void ModelTables::settle() {
  std::lock_guard lock(mutex_);
  for (auto& request : delayed_) request.arrives = clock_();
  deliver();
  for (auto& [name, table] : tables_) {
    for (auto& index : table.indexes) index.old.clear();
  }
}

std::map<std::string, std::int64_t> ModelTables::faults() const {
  std::lock_guard lock(mutex_);
  return faults_;
}

void ModelTables::for_each(std::string_view table,
                           const std::function<void(const Item&)>& each) const {
  std::lock_guard lock(mutex_);
  for (const auto& [position, image] : tables_.find(table)->second.rows) each(*image);
}

std::optional<Item> ModelTables::peek(std::string_view table, const Item& key) const {
  std::lock_guard lock(mutex_);
  const auto& known = tables_.find(table)->second;
  const auto row = known.rows.find(known.position(key));
  if (row == known.rows.end()) return std::nullopt;
  return *row->second;
}

void ModelTables::watch(Watch watch) {
  std::lock_guard lock(mutex_);
  watch_ = std::move(watch);
}

}  // namespace sosw::simulation
