// SPDX-License-Identifier: MIT
// What the expressions of DynamoDB are made of.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sosw::simulation {

// A namespace of their own, for the names are common ones.
namespace expression {

struct PathElement {
  std::string name;  // empty: an index; #... : a placeholder
  std::size_t index = 0;
};
using Path = std::vector<PathElement>;

struct Operand {
  enum class Kind : std::uint8_t { path, value, function, arithmetic } kind = Kind::path;
  Path path;
  std::string name;  // the placeholder of a value, the function, + or -
  std::vector<Operand> operands;
};

struct Node {
  std::string name;  // = <> < <= > >= BETWEEN IN AND OR NOT, or a function
  std::vector<Operand> operands;
  std::vector<Node> nodes;  // of AND OR NOT
  bool in_parentheses = false;
};

struct Action {
  std::string section;  // SET REMOVE ADD DELETE
  Path path;
  Operand value;
};

}  // namespace expression

struct ParsedExpression {
  std::string kind;  // ConditionExpression, FilterExpression, KeyConditionExpression, Update...
  expression::Node condition;
  std::vector<expression::Action> actions;
  std::vector<std::string> placeholders;
};

// The same text gives the same object, for the life of the thread. `kind`: ConditionExpression,
// FilterExpression, KeyConditionExpression or UpdateExpression. Errors: internal, in DynamoDB's
// words.
[[nodiscard]] Result<std::shared_ptr<const ParsedExpression>> parse_expression(
    std::string_view text, std::string_view kind);

// ValidationException: Invalid {kind}: {what}.
[[nodiscard]] Error bad_expression(std::string_view kind, std::string_view what);

// Whether the word is no attribute name, unless it is given in ExpressionAttributeNames.
[[nodiscard]] bool is_reserved(std::string_view word);

// What names of attributes and placeholders are made of.
[[nodiscard]] inline bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace sosw::simulation
