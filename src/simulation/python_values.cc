// SPDX-License-Identifier: MIT
// Written from the recorded behaviour of sosw 0.7.47, not from its code.
#include "simulation/python_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>

#include "core/json_text.h"

namespace sosw::simulation {

using cloud::Item;

namespace {

struct Field {
  std::string_view name;
  char type;
};
// The row mapper of the TaskManager.
constexpr std::array<Field, 10> kMapper = {{{"task_id", 'S'},
                                            {"labourer_id", 'S'},
                                            {"created_at", 'N'},
                                            {"completed_at", 'N'},
                                            {"greenfield", 'N'},
                                            {"attempts", 'N'},
                                            {"closed_at", 'N'},
                                            {"desired_launch_time", 'N'},
                                            {"arn", 'S'},
                                            {"payload", 'S'}}};

const Field* mapped(std::string_view name) {
  const auto found = std::find_if(kMapper.begin(), kMapper.end(),
                                  [name](const Field& field) { return field.name == name; });
  return found == kMapper.end() ? nullptr : &*found;
}

// "5", "5.5", "5.", "007", but not "-5", "." or "".
bool looks_like_a_number(std::string_view text) {
  bool digit = false, point = false;
  for (const char c : text) {
    if (c == '.' && !point)
      point = true;
    else if (c >= '0' && c <= '9')
      digit = true;
    else
      return false;
  }
  return digit;
}

bool is_word(std::string_view text, std::string_view word) {
  return std::equal(text.begin(), text.end(), word.begin(), word.end(), [](char a, char b) {
    return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
  });
}

// The serializer of boto3, for what is inside of a list.
Result<json::value> listed_value(const json::value& value) {
  if (value.is_null()) return json::value{{"NULL", true}};
  if (value.is_bool()) return json::value{{"BOOL", value.get_bool()}};
  if (value.is_double())
    return raised("TypeError: Float types are not supported. Use Decimal types instead.");
  if (value.is_string()) return text_value(value.get_string());
  if (value.is_array()) {
    json::array list;
    for (const auto& element : value.get_array()) {
      auto made = listed_value(element);
      if (!made) return made;
      list.push_back(std::move(*made));
    }
    return json::value{{"L", std::move(list)}};
  }
  if (value.is_object()) {
    json::object map;
    for (const auto& [key, element] : value.get_object()) {
      auto made = listed_value(element);
      if (!made) return made;
      map.emplace(key, std::move(*made));
    }
    return json::value{{"M", std::move(map)}};
  }
  return number_value(python_text(value));
}

// A field that the mapper does not have: its type is guessed from the content.
Result<json::value> guessed_value(const json::value& value) {
  if (value.is_string()) {
    const std::string_view text = value.get_string();
    if (is_word(text, "true") || is_word(text, "false"))
      return json::value{{"BOOL", is_word(text, "true")}};
    if (looks_like_a_number(text)) return number_value(std::string(text));
    return text_value(text);
  }
  if (value.is_bool()) return json::value{{"BOOL", value.get_bool()}};
  if (value.is_number()) return number_value(python_text(value));
  if (value.is_object()) {
    json::object map;
    for (const auto& [key, element] : value.get_object()) {
      auto made = guessed_value(element);
      if (!made) return made;
      map.emplace(key, std::move(*made));
    }
    return json::value{{"M", std::move(map)}};
  }
  return listed_value(value);
}

Result<json::value> read_number(std::string_view text) {
  if (text.find_first_of("eE") != std::string_view::npos)
    return raised(fmt::format("ValueError: invalid literal for int() with base 10: '{}'", text));
  if (text.find('.') != std::string_view::npos)
    return json::value(std::strtod(std::string(text).c_str(), nullptr));
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return raised(fmt::format("a number of Python beyond 64 bits: {}", text));
  return json::value(number);
}

// `in_list`: the deserializer of boto3, which reads no JSON.
Result<json::value> read_value(const json::value& attribute, bool in_list) {
  const auto& entry = *attribute.get_object().begin();
  const std::string_view type = entry.key();
  const json::value& content = entry.value();
  if (type == "N") return read_number(content.get_string());
  if (type == "BOOL") return content;
  if (type == "NULL") return json::value(nullptr);
  if (type == "S") {
    const std::string_view text = content.get_string();
    if (!in_list && text.starts_with('{') && text.ends_with('}')) {
      if (auto parsed = parse_json(text)) return parsed;
    }
    return json::value(text);
  }
  if (type == "L") {
    json::array list;
    for (const auto& element : content.get_array()) {
      auto read = read_value(element, true);
      if (!read) return read;
      list.push_back(std::move(*read));
    }
    return json::value(std::move(list));
  }
  if (type == "M") {
    json::object map;
    for (const auto& [key, element] : content.get_object()) {
      auto read = read_value(element, in_list);
      if (!read) return read;
      map.emplace(key, std::move(*read));
    }
    return json::value(std::move(map));
  }
  return raised(fmt::format("an attribute of type {} is not modelled", type));
}

}  // namespace

Error raised(std::string what) { return {Code::internal, std::move(what), {}}; }

std::string python_float(double number) {
  std::string text;
  append_json(number, text);
  return text;
}

json::value text_value(std::string_view text) { return {{"S", text}}; }
json::value number_value(std::string_view text) { return {{"N", text}}; }
json::value number_value(std::int64_t number) { return number_value(std::to_string(number)); }

std::string python_text(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : python_repr(value);
}

std::string python_repr(const json::value& value) {
  if (value.is_null()) return "None";
  if (value.is_bool()) return value.get_bool() ? "True" : "False";
  if (value.is_double()) {
    const double number = value.get_double();
    if (std::isnan(number)) return "nan";
    if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
    return python_float(number);
  }
  if (value.is_int64()) return std::to_string(value.get_int64());
  if (value.is_uint64()) return std::to_string(value.get_uint64());
  std::string text;
  if (value.is_string()) {
    const std::string_view plain = value.get_string();
    const char quote =
        plain.find('\'') != std::string_view::npos && plain.find('"') == std::string_view::npos
            ? '"'
            : '\'';
    text += quote;
    for (const char c : plain) {
      if (c == quote || c == '\\')
        text += std::string("\\") + c;
      else if (c == '\n')
        text += "\\n";
      else if (c == '\r')
        text += "\\r";
      else if (c == '\t')
        text += "\\t";
      else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
        text += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
      else
        text += c;
    }
    return text + quote;
  }
  if (value.is_array()) {
    for (const auto& element : value.get_array())
      text += (text.empty() ? "" : ", ") + python_repr(element);
    return "[" + text + "]";
  }
  for (const auto& [key, element] : value.get_object())
    text +=
        (text.empty() ? "" : ", ") + python_repr(json::value(key)) + ": " + python_repr(element);
  return "{" + text + "}";
}

Result<Item> python_item(const json::object& row) {
  Item item;
  for (const auto& [name, value] : row) {
    const Field* field = mapped(name);
    if (field && value.is_null()) continue;
    auto made = !field               ? guessed_value(value)
                : field->type == 'S' ? text_value(python_text(value))
                                     : number_value(python_text(value));
    if (!made) return made.error();
    item.emplace(name, std::move(*made));
  }
  return item;
}

Result<json::object> python_row(const Item& item, bool all_fields) {
  json::object row;
  for (const auto& [name, attribute] : item) {
    const Field* field = mapped(name);
    if (!field && !all_fields) continue;
    const std::string_view type = attribute.get_object().begin()->key();
    if (field && !all_fields && type != std::string_view(&field->type, 1))
      return raised(fmt::format("ValueError: '{}' is expected to be of type '{}', it is '{}'",
                                std::string_view(name), field->type, type));
    auto value = read_value(attribute, false);
    if (!value) return value.error();
    row.emplace(name, std::move(*value));
  }
  return row;
}

}  // namespace sosw::simulation
