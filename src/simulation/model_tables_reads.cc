// SPDX-License-Identifier: MIT
// Queries, with indexes that lag, and gets.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "simulation/expression.h"
#include "simulation/model_tables.h"
#include "simulation/model_tables_rows.h"

namespace sosw::simulation {

using cloud::Item;
using cloud::Page;
using cloud::Query;

namespace {

constexpr std::size_t kMostKeys = 100;
constexpr std::int64_t kLargestPage = std::int64_t{1024} * 1024;
// Behind every task id: no UTF-8 text has this byte.
constexpr const char* kBehindAll = "\xff";

}  // namespace

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
    static const std::string kNone;
    return index                 ? index->schema.range.name
           : table->schema.range ? table->schema.range->name
                                 : kNone;
  }
  [[nodiscard]] bool takes(const Item& item) const {
    if (comparison.empty()) return true;
    const auto& range = item.at(range_name());
    if (comparison == "begins_with") return text_of(range).starts_with(text_of(from));
    const auto found = *order(range, from);
    if (comparison == "BETWEEN") return std::is_gteq(found) && std::is_lteq(*order(range, to));
    if (comparison == "=") return std::is_eq(found);
    if (comparison == "<") return std::is_lt(found);
    if (comparison == "<=") return std::is_lteq(found);
    if (comparison == ">") return std::is_gt(found);
    return std::is_gteq(found);
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

}  // namespace sosw::simulation
