// SPDX-License-Identifier: MIT
// The rules of the Amazon DynamoDB API reference, over sorted maps.
#include "simulation/model_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "simulation/expression.h"
#include "simulation/model_tables_rows.h"

namespace sosw::simulation {

using cloud::Item;
using cloud::Refusal;
using cloud::Refused;
using cloud::Write;
using cloud::Written;

namespace {

constexpr std::size_t kMostWrites = 100, kMostAppended = 100;
constexpr std::int64_t kLargestItem = std::int64_t{400} * 1024;
constexpr std::int64_t kLargestTransaction = std::int64_t{4} * 1024 * 1024;

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

std::string_view kind_name(Write::Kind kind) {
  return kind == Write::Kind::put ? "Put" : kind == Write::Kind::update ? "Update" : "Delete";
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

// By the conditions alone.
Written ModelTables::judge(const std::vector<Intent>& intents) {
  Written written{true, std::vector<Refused>(intents.size())};
  for (std::size_t at = 0; at < intents.size(); ++at) {
    const auto known = intents[at].table->rows.find(intents[at].position);
    const Item* before = known == intents[at].table->rows.end() ? nullptr : known->second.get();
    if (intents[at].expressions.condition_holds(before)) continue;
    written.done = false;
    written.refused[at].why = Refusal::condition;
    if (before) written.refused[at].found = *before;
  }
  return written;
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
    std::erase_if(tokens_, [&](const auto& entry) {
      return now >= after(entry.second.at, options_.token_life_s);
    });
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

  Written written = judge(intents);
  std::vector<Image> images(writes.size());
  std::int64_t total = 0;
  for (std::size_t at = 0; at < intents.size(); ++at) {
    Intent& intent = intents[at];
    const auto known = intent.table->rows.find(intent.position);
    const Item* before = known == intent.table->rows.end() ? nullptr : known->second.get();
    if (written.refused[at].why != Refusal::none || writes[at].kind == Write::Kind::remove)
      continue;
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
    replace(*intents[at].table, intents[at].position, images[at]);
  if (!token.empty()) tokens_[std::string(token)] = {now, content};
  written.refused.clear();
  return written;
}

void ModelTables::replace(Table& table, const Position& position, const Image& after_image) {
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
             std::string_view(method) == "write" ? "fault of a write" : "fault of a transaction"));
  if (fault == Fault::none) return commit(writes, std::move(*intents), token);
  count(method, kFaults[static_cast<std::size_t>(fault)]);
  const auto some = static_cast<std::uint32_t>(writes.size());
  // What was done before by this token is not judged again.
  const auto judged = [&] {
    return tokens_.contains(token) ? Written{true, std::vector<Refused>(writes.size())}
                                   : judge(*intents);
  };
  switch (fault) {
    case Fault::none:
      break;
    case Fault::throttled: {  // from one write on: capacity was used up
      Written written = judged();
      written.done = false;
      for (std::size_t at = decide(some, "first write that is throttled"); at < some; ++at)
        written.refused[at] = {Refusal::throttled, {}};
      return written;
    }
    case Fault::conflict: {
      Written written = judged();
      written.done = false;
      written.refused[decide(some, "write in conflict")] = {Refusal::conflict, {}};
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
  constexpr std::array kKinds = {"none",       "throttled", "partly done",    "lost before",
                                 "lost after", "delayed",   "repeated later", "repeated"};
  const auto fault = decide(static_cast<std::uint32_t>(kKinds.size()), "fault of an append");
  if (fault == 0) return put(0, puts.size());
  count("append", kKinds[fault]);
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
