// SPDX-License-Identifier: MIT
// Expressions of DynamoDB in which every name and value is a placeholder.
#include "sdk/dynamo_expressions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "sdk/python.h"
#include "sdk/text.h"
#include "sosw/errors.h"

namespace sosw::sdk {
namespace {

constexpr std::string_view kFrom = "st_between_";
constexpr std::string_view kTo = "en_between_";

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  std::size_t start = text.npos;
  for (std::size_t at = 0; at < text.size();) {
    const auto here = at;
    if (!is_blank(next_character(text, at))) {
      start = std::min(start, here);
    } else if (start != text.npos) {
      words.push_back(text.substr(start, here - start));
      start = text.npos;
    }
  }
  if (start != text.npos) words.push_back(text.substr(start));
  return words;
}

bool is_comparison(std::string_view word) {
  constexpr std::array kComparisons = {"=", "<", "<=", ">", ">="};
  return std::find(kComparisons.begin(), kComparisons.end(), word) != kComparisons.end();
}

// Where the indexes begin that end a part of a path, "[0][1]"; its size if there are none.
std::size_t indexes_of(std::string_view part) {
  std::size_t end = part.size();
  while (end > 0 && part[end - 1] == ']') {
    const auto open = part.rfind('[', end - 1);
    if (open == part.npos || open == 0 || open + 2 == end) break;
    const auto digits = part.substr(open + 1, end - open - 2);
    if (digits.find_first_not_of("0123456789") != digits.npos) break;
    end = open;
  }
  return end;
}

}  // namespace

std::string Placeholders::name(std::string_view attribute) {
  for (const auto& [placeholder, known] : names_)
    if (std::string_view(known.get_string()) == attribute) return std::string(placeholder);
  auto placeholder = fmt::format("#n{}", names_.size());
  names_[placeholder] = attribute;
  return placeholder;
}

std::string Placeholders::path(std::string_view path) {
  std::string out;
  for (const auto part : split(path, ".")) {
    const auto indexes = indexes_of(part);
    out += (out.empty() ? "" : ".") + name(part.substr(0, indexes));
    out += part.substr(indexes);
  }
  return out;
}

std::string Placeholders::value(json::value attribute) {
  auto placeholder = fmt::format(":v{}", values_.size());
  values_[placeholder] = std::move(attribute);
  return placeholder;
}

void Placeholders::add_to(json::object& request) const {
  if (!names_.empty()) request["ExpressionAttributeNames"] = names_;
  if (!values_.empty()) request["ExpressionAttributeValues"] = values_;
}

std::string filter(const DynamoRows& rows, std::string_view expression,
                   Placeholders& placeholders) {
  const auto words = words_of(expression);
  const auto wrong = [&](std::string_view what) {
    return fmt::format("the filter '{}' {}", expression, what);
  };
  if (words.size() == 2) {
    const auto function = lower(words[0]);
    if (function != "attribute_exists" && function != "attribute_not_exists")
      throw AssertionError(
          wrong("has no function that is known: attribute_exists x, attribute_not_exists x"));
    return fmt::format("{} ({})", function, placeholders.path(words[1]));
  }
  const auto value = [&](std::string_view word) {
    return placeholders.value(rows.attribute_of_word(words[0], word));
  };
  if (words.size() == 3) {
    if (words[1] != "<>" && !is_comparison(words[1]))
      throw AssertionError(wrong("has an operator that is none of = <> < <= > >="));
    const auto path = placeholders.path(words[0]);
    return fmt::format("{} {} {}", path, words[1], value(words[2]));
  }
  if (words.size() == 5) {
    if (lower(words[1]) != "between" || lower(words[3]) != "and")
      throw AssertionError(wrong("has five words and is not: x between a and b"));
    const auto path = placeholders.path(words[0]);
    const auto from = value(words[2]);
    return fmt::format("{} between {} and {}", path, from, value(words[4]));
  }
  throw ValueError(
      wrong("is none of: attribute_exists x, attribute_not_exists x, x = value, x between a and "
            "b; a value is one word"));
}

std::string key_condition(const DynamoRows& rows, const json::object& keys,
                          const json::object& comparisons, Placeholders& placeholders) {
  std::string out;
  for (const auto& [key, key_value] : keys) {
    const std::string_view name = key;
    const auto value = [&](std::string_view column, const json::value& of) {
      return placeholders.value(rows.attribute(column, of));
    };
    const auto other_end = [&](std::string_view prefix) -> const json::value& {
      const auto other = std::string(prefix) + std::string(name.substr(kFrom.size()));
      const auto* found = keys.if_contains(other);
      if (!found) throw ValueError(fmt::format("the range of '{}' has no '{}'", name, other));
      return *found;
    };
    if (name.starts_with(kTo)) {
      other_end(kFrom);
      continue;
    }
    if (!out.empty()) out += " AND ";
    if (name.starts_with(kFrom)) {
      const auto column = name.substr(kFrom.size());
      const auto from = value(column, key_value);
      out += fmt::format("{} between {} and {}", placeholders.name(column), from,
                         value(column, other_end(kTo)));
      continue;
    }
    std::string comparison = "=";
    if (const auto* given = comparisons.if_contains(name); given && truth(*given))
      comparison = to_str(*given);
    const auto attribute = placeholders.name(name);
    if (comparison == "begins_with") {
      out += fmt::format("begins_with ({}, {})", attribute, value(name, key_value));
    } else if (is_comparison(comparison)) {
      out += fmt::format("{} {} {}", attribute, comparison, value(name, key_value));
    } else {
      throw AssertionError(
          fmt::format("the comparison '{}' for '{}' is none of = < <= > >= begins_with; a range is "
                      "given by {}{} and {}{}",
                      comparison, name, kFrom, name, kTo, name));
    }
  }
  return out;
}

std::string all_equal(const DynamoRows& rows, const json::object& attributes,
                      Placeholders& placeholders) {
  std::string out;
  for (const auto& [name, value] : attributes)
    out += fmt::format("{}{} = {}", out.empty() ? "" : " AND ", placeholders.name(name),
                       placeholders.value(rows.attribute(name, value)));
  return out;
}

std::string update_expression(const DynamoRows& rows, const json::object& set,
                              const json::object& increment, const std::vector<std::string>& remove,
                              Placeholders& placeholders) {
  std::string out;
  std::string_view before = "SET ";
  for (const auto& [column, value] : set) {
    const auto name = placeholders.name(column);
    out +=
        fmt::format("{}{} = {}", before, name, placeholders.value(rows.attribute(column, value)));
    before = ", ";
  }
  std::string zero;
  for (const auto& [column, value] : increment) {
    const auto name = placeholders.name(column);
    if (zero.empty()) zero = placeholders.value({{"N", "0"}});
    out += fmt::format("{}{} = if_not_exists({}, {}) + {}", before, name, name, zero,
                       placeholders.value(DynamoRows::increment(column, value)));
    before = ", ";
  }
  before = out.empty() ? "REMOVE " : " REMOVE ";
  for (const auto& path : remove) {
    out += before;
    out += placeholders.path(path);
    before = ", ";
  }
  return out;
}

}  // namespace sosw::sdk
