// SPDX-License-Identifier: MIT
// The expression languages of DynamoDB, evaluated in memory: conditions, filters, key conditions
// and updates. What DynamoDB refuses is refused, with its kind of message, so that a mistake in an
// expression of ours shows before it meets the real tables.
#pragma once

#include <boost/json.hpp>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sosw::simulation {

namespace json = boost::json;

struct ParsedExpression;

// What a query asks of the keys: the hash equals a value, and perhaps something of the range.
struct KeyCondition {
  std::string hash;  // attribute name
  json::value hash_value;
  std::string range{};       // attribute name; empty: nothing is asked of it
  std::string comparison{};  // = < <= > >= BETWEEN begins_with
  json::value from{}, to{};  // `to`: of BETWEEN
};

// The expressions of one request, which share its attribute names and values. All errors are
// Code::internal. Each text is parsed once in a thread.
class Expressions {
 public:
  Expressions(json::object names, json::object values);

  // Reads the expression of its kind; an empty text is none.
  Result<void> read_condition(std::string_view text);
  Result<void> read_filter(std::string_view text);
  Result<void> read_update(std::string_view text);
  Result<void> read_key_condition(std::string_view text);
  // Top-level attributes only. Gives their names.
  Result<std::set<std::string, std::less<>>> read_projection(std::string_view text);
  // After all were read: nothing was given that no expression uses.
  [[nodiscard]] Result<void> all_used() const;

  // Top-level names of the attributes that it reads, or writes.
  [[nodiscard]] std::set<std::string> filtered() const;
  [[nodiscard]] std::set<std::string> updated() const;

  // Whether the condition (the filter) holds; true when there is none. nullptr: there is no item.
  // REQUIRES: a checked item (attribute_value.h).
  [[nodiscard]] bool condition_holds(const json::object* item) const;
  [[nodiscard]] bool filter_holds(const json::object& item) const;
  // Changes the item. After an error it is half changed.
  [[nodiscard]] Result<void> update(json::object& item) const;
  // REQUIRES: a key condition was read.
  [[nodiscard]] const KeyCondition& key_condition() const { return *key_condition_; }

 private:
  using Pointer = std::shared_ptr<const ParsedExpression>;
  Result<Pointer> read(std::string_view text, std::string_view kind);

  json::object names_;
  json::object values_;
  Result<void> values_checked_;
  std::set<std::string_view> used_;  // placeholders, in the parsed expressions
  Pointer condition_, filter_, update_, keys_;
  std::optional<KeyCondition> key_condition_;
};

}  // namespace sosw::simulation
