// SPDX-License-Identifier: MIT
// The rows of the tables in memory, and the order that they are kept in. For model_tables*.cc.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "simulation/attribute_value.h"
#include "simulation/model_tables.h"

namespace sosw::simulation {

// A range key, in the order that the tables have.
struct SortKey {
  std::string text;  // of a text
  std::int64_t integer = 0;
  std::optional<Number> exact{};  // of a number that is no 64-bit integer
  bool before_all = false;
  bool operator==(const SortKey&) const = default;
};

[[nodiscard]] std::strong_ordering order_of(const SortKey& a, const SortKey& b);
// REQUIRES: a checked value of a key's type.
[[nodiscard]] SortKey sort_key(const json::value& value);

[[nodiscard]] inline bool has_type(const json::value& value, char type) {
  return type_of(value) == std::string_view(&type, 1);
}

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
    if (const auto by_range = order_of(range, other.range); std::is_neq(by_range))
      return std::is_lt(by_range);
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
  [[nodiscard]] Position position(const cloud::Item& item) const {
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
  [[nodiscard]] std::optional<Position> position_in(const IndexSchema& index,
                                                    const cloud::Item& item,
                                                    const Position& base) const {
    const auto* hash = item.if_contains(index.hash.name);
    const auto* range = item.if_contains(index.range.name);
    if (!hash || !range) return std::nullopt;
    return Position{std::string(text_of(*hash)), sort_key(*range), name(base)};
  }
  // Whether the item has the key of the table; `alone`: and nothing else.
  [[nodiscard]] Result<void> check_key(const cloud::Item& item, bool alone) const;
  [[nodiscard]] Result<void> check_index_keys(const cloud::Item& item) const;
};

// What callers are told when nothing is wrong with their request.
[[nodiscard]] Error throttled();
[[nodiscard]] Error no_answer();

}  // namespace sosw::simulation
