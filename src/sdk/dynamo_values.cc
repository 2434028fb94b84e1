// SPDX-License-Identifier: MIT
// Rows as plain JSON and items in DynamoDB's attribute form.
#include "sdk/dynamo_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "sdk/exact_json.h"
#include "sdk/python.h"
#include "sdk/text.h"
#include "sosw/errors.h"
#include "sosw/helpers.h"

namespace sosw::sdk {
namespace {

// Of a number in DynamoDB.
constexpr std::size_t kMaxDigits = 38;
constexpr std::ptrdiff_t kMaxSize = 125;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

ValueError no_number(std::string_view column, const json::value& value) {
  return ValueError(
      fmt::format("the column '{}' holds numbers, and {} is none", column, to_repr(value)));
}

// The attribute N of a value.
json::value number(std::string_view column, const json::value& value) {
  const bool right = value.is_int64() || value.is_uint64() ||
                     (value.is_double() && std::isfinite(value.get_double())) ||
                     (value.is_string() && significant_digits(value.get_string()).has_value());
  if (!right) throw no_number(column, value);
  return json::object{{"N", to_str(value)}};
}

json::value text_attribute(std::string_view text) { return json::object{{"S", text}}; }

// A value by its type in JSON alone, as in lists.
json::value plain(std::string_view column, const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return json::object{{"NULL", true}};
    case json::kind::bool_:
      return json::object{{"BOOL", value.get_bool()}};
    case json::kind::string:
      return text_attribute(value.get_string());
    case json::kind::array: {
      json::array out;
      for (const auto& element : value.get_array()) out.push_back(plain(column, element));
      return json::object{{"L", std::move(out)}};
    }
    case json::kind::object: {
      json::object out;
      for (const auto& member : value.get_object())
        out[member.key()] = plain(member.key(), member.value());
      return json::object{{"M", std::move(out)}};
    }
    case json::kind::double_:
      if (!std::isfinite(value.get_double()))
        throw TypeError(
            fmt::format("'{}' has {}, and DynamoDB has no such number", column, to_repr(value)));
      break;
    default:
      break;
  }
  return json::object{{"N", to_str(value)}};
}

// A list in a column that is declared to hold a set.
json::value set_attribute(std::string_view column, std::string_view type, const json::array& list) {
  json::array out;
  for (const auto& element : list) {
    if (type == "NS" ? !element.is_number() && !element.is_string() : !element.is_string())
      throw TypeError(fmt::format("the column '{}' is declared {}, and {} cannot be in it", column,
                                  type, to_repr(element)));
    auto text = type == "NS" ? number(column, element).as_object().at("N") : element;
    if (std::find(out.begin(), out.end(), text) == out.end()) out.push_back(std::move(text));
  }
  json::object attribute;
  attribute[type] = std::move(out);
  return attribute;
}

// Whether a text without sign is taken for a number: digits, perhaps one point, no more of them
// than DynamoDB holds.
bool seems_number(std::string_view text) {
  const auto digits = std::count_if(text.begin(), text.end(), is_digit);
  const auto points = std::count(text.begin(), text.end(), '.');
  if (digits == 0 || points > 1 || digits + points != std::ssize(text)) return false;
  return *significant_digits(text) <= kMaxDigits && digits <= kMaxSize;
}

// The only member of an attribute.
const json::object::value_type& only_member(std::string_view column, const json::value& attribute) {
  if (!attribute.is_object() || attribute.get_object().size() != 1)
    throw TypeError(fmt::format("'{}' of an item is no attribute of DynamoDB but {}", column,
                                to_repr(attribute)));
  return *attribute.get_object().begin();
}

// What an attribute holds that stands in a list, or has none of the types S, N and M.
json::value deserialized(std::string_view column, const json::value& attribute) {
  const auto& member = only_member(column, attribute);
  const std::string_view type = member.key();
  const auto& value = member.value();
  if (type == "NULL") return nullptr;
  if ((type == "BOOL" && value.is_bool()) || ((type == "S" || type == "B") && value.is_string()) ||
      ((type == "SS" || type == "BS") && value.is_array()))
    return value;
  if (type == "N" && value.is_string()) return exact_number(value.get_string());
  if ((type == "L" || type == "NS") && value.is_array()) {
    json::array out;
    for (const auto& element : value.get_array())
      out.push_back(deserialized(column, type == "L" ? element : json::object{{"N", element}}));
    return out;
  }
  if (type == "M" && value.is_object()) {
    json::object out;
    for (const auto& [key, inner] : value.get_object()) out[key] = deserialized(key, inner);
    return out;
  }
  throw TypeError(fmt::format("'{}' of an item is no attribute of DynamoDB but {}", column,
                              to_repr(attribute)));
}

}  // namespace

DynamoRows::DynamoRows(const json::object& config) {
  const auto flag = [&](std::string_view name, bool otherwise) {
    const auto* value = config.if_contains(name);
    return value ? truth(*value) : otherwise;
  };
  json_in_texts_ = !flag("dont_json_loads_results", false);
  guess_types_ = flag("guess_types", true);
  if (const auto* types = config.if_contains("row_mapper"); types && !types->is_null()) {
    if (!types->is_object())
      throw TypeError("row_mapper is no object of columns and their types but " + to_repr(*types));
    for (const auto& member : types->get_object())
      if (!member.value().is_string())
        throw TypeError(
            fmt::format("row_mapper: the type of '{}' is no text like \"S\" or \"N\" but {}",
                        std::string_view(member.key()), to_repr(member.value())));
    types_ = types->get_object();
  }
  if (const auto* required = config.if_contains("required_fields");
      required && !required->is_null()) {
    if (!required->is_array())
      throw TypeError("required_fields is no list but " + to_repr(*required));
    for (const auto& field : required->get_array()) required_.emplace(to_str(field));
  }
}

std::string_view DynamoRows::declared(std::string_view column) const {
  const auto* type = types_.if_contains(column);
  return type ? std::string_view(type->get_string()) : std::string_view();
}

bool DynamoRows::stays(std::string_view column, const json::value& value) const {
  if (!value.is_null() && !declared(column).empty()) return true;
  if (required_.find(column) == required_.end()) return false;
  if (value.is_null())
    throw ValueError(fmt::format("the field '{}' is required, and it is null", column));
  throw ValueError(
      fmt::format("the field '{}' is required, and row_mapper does not say its type", column));
}

json::value DynamoRows::attribute(std::string_view column, const json::value& value) const {
  const auto type = declared(column);
  if (type.empty() || value.is_null()) return guessed(column, value);
  if (type == "BOOL") return json::object{{"BOOL", to_bool(value)}};
  if (type == "N") return number(column, value);
  // What has parts goes into a text as JSON, for that is how it is read.
  if (type == "S") return text_attribute(value.is_structured() ? to_json(value) : to_str(value));
  if (type == "M") {
    if (!value.is_object())
      throw AttributeError(fmt::format("the column '{}' is declared M, and {} is no object", column,
                                       to_repr(value)));
    return json::object{{"M", to_item(value.get_object(), {}, false, [](auto) {})}};
  }
  if (type == "B" && value.is_string()) return json::object{{"B", value}};
  if ((type == "SS" || type == "NS" || type == "BS") && value.is_array())
    return set_attribute(column, type, value.get_array());
  return plain(column, value);
}

json::value DynamoRows::guessed(std::string_view column, const json::value& value) const {
  if (value.is_object())
    return json::object{{"M", to_item(value.get_object(), {}, false, [](auto) {})}};
  if (value.is_number()) return number(column, value);
  if (value.is_string() && guess_types_) {
    const auto word = lower(value.get_string());
    if (word == "true" || word == "false") return json::object{{"BOOL", word == "true"}};
    if (seems_number(value.get_string())) return json::object{{"N", value}};
  }
  return plain(column, value);
}

json::value DynamoRows::attribute_of_word(std::string_view column, std::string_view word) const {
  const auto type = declared(column);
  if (type == "S" || type == "N" || type == "BOOL" || type == "B")
    return attribute(column, json::value(word));
  const bool negative = word.starts_with('-') && seems_number(word.substr(1));
  if (negative || seems_number(word)) return json::object{{"N", word}};
  const auto small = lower(word);
  if (small == "true" || small == "false") return json::object{{"BOOL", small == "true"}};
  return text_attribute(word);
}

json::value DynamoRows::increment(std::string_view column, const json::value& value) {
  return number(column, value);
}

json::value DynamoRows::text(std::string_view text, std::int64_t& unread) const {
  if (!json_in_texts_ || !text.starts_with('{') || !text.ends_with('}')) return json::value(text);
  json::error_code error;
  auto value = parse_exactly(text, error);
  if (!error) return value;
  ++unread;
  return json::value(text);
}

json::value DynamoRows::value_of(std::string_view column, const json::value& attribute,
                                 std::int64_t& unread) const {
  const auto& member = only_member(column, attribute);
  const auto& value = member.value();
  if (member.key() == "S" && value.is_string()) return text(value.get_string(), unread);
  if (member.key() == "M" && value.is_object()) return to_row(value.get_object(), true, unread);
  return deserialized(column, attribute);
}

json::object DynamoRows::to_row(const json::object& item, bool fetch_all_fields,
                                std::int64_t& unread) const {
  json::object row;
  if (fetch_all_fields) {
    std::int64_t not_counted = 0;
    for (const auto& [column, attribute] : item)
      row[column] = value_of(column, attribute, not_counted);
    return row;
  }
  for (const auto& [column, declared_type] : types_) {
    const auto* attribute = item.if_contains(column);
    if (!attribute) continue;
    const std::string_view type = only_member(column, *attribute).key();
    if (type != declared_type.get_string())
      throw ValueError(fmt::format("the column '{}' is declared {}, and this item has it as {}",
                                   std::string_view(column),
                                   std::string_view(declared_type.get_string()), type));
    row[column] = value_of(column, *attribute, unread);
  }
  return row;
}

}  // namespace sosw::sdk
