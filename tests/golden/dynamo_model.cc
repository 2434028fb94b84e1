// SPDX-License-Identifier: MIT
#include "dynamo_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <regex>
#include <vector>

#include "core/json_text.h"
#include "helpers_model.h"
#include "sdk/python.h"
#include "sdk/text.h"

namespace sosw::golden {
namespace {

struct PythonRaise {
  std::string name;
};

std::string type_of(const json::value& value) {
  const auto* object = value.if_object();
  const auto* type = object ? object->if_contains("$type") : nullptr;
  return type && type->is_string() ? std::string(type->get_string()) : std::string();
}
json::object attribute(std::string_view type, json::value value) {
  json::object out;
  out[type] = std::move(value);
  return out;
}
std::string text_in(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}
std::string str(json::string_view text) { return {text.data(), text.size()}; }

// ------------------------------------------------------------------------------------------------
// Numbers

bool is_number(const std::string& text) {
  static const std::regex kNumber(R"([-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,9})?)");
  return std::regex_match(text, kNumber);
}

// "-12.50e3" as "-1.25e4".
std::string normalised(const std::string& text) {
  static const std::regex kParts(R"(([-+]?)([0-9]*)\.?([0-9]*)(?:[eE]([-+]?[0-9]+))?)");
  std::smatch parts;
  std::regex_match(text, parts, kParts);
  auto digits = parts[2].str() + parts[3].str();
  auto exponent = static_cast<long>(parts[2].length()) - 1;
  if (parts[4].matched) exponent += std::stol(parts[4].str());
  const auto zeros = std::min(digits.find_first_not_of('0'), digits.size());
  digits.erase(0, zeros);
  digits.erase(digits.find_last_not_of('0') + 1);
  if (digits.empty()) return parts[1].str() == "-" ? "-0" : "0";
  return fmt::format("{}{}.{}e{}", parts[1].str() == "-" ? "-" : "", digits.substr(0, 1),
                     digits.substr(1), exponent - static_cast<long>(zeros));
}

// The shortest digits that read back to the double.
std::string shortest(double number) {
  for (int precision = 0; precision < 17; ++precision)
    if (auto text = fmt::format("{:.{}e}", number, precision); std::stod(text) == number)
      return text;
  return {};
}

json::value read_number(const std::string& text, const DynamoFaults& faults) {
  const bool point = text.find('.') != text.npos;
  if (!is_number(text)) throw PythonRaise{"ValueError"};
  const bool exponent = text.find_first_of("eE") != text.npos;
  if (exponent && !point && faults.no_exponents) throw PythonRaise{"ValueError"};
  if (!faults.numbers_rounded) return dynamo_number(text);
  if (point || exponent) {
    const auto exact = dynamo_number(text);
    return exact.is_string() || point ? std::strtod(text.c_str(), nullptr) : exact;
  }
  auto digits = text.substr(text.find_first_of("0123456789"));
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));
  if (text.front() == '-' && digits != "0") digits.insert(0, "-");
  if (fits_64_bits(digits)) return *parse_json(digits);
  return json::object{{"$type", "int"}, {"value", digits}};
}

// ------------------------------------------------------------------------------------------------
// Rows

// repr() of the original's language, of what JSON has no form for too.
std::string python_repr(const json::value& value) {
  const auto type = type_of(value);
  const auto list = [](const json::array& elements) {
    std::string out;
    for (const auto& element : elements) out += (out.empty() ? "" : ", ") + python_repr(element);
    return out;
  };
  if (type == "set") {
    const auto elements = list(value.at("value").as_array());
    return elements.empty() ? "set()" : "{" + elements + "}";
  }
  if (type == "bytes") {
    std::string out = "b'";
    const auto bytes = plain(value);
    for (const auto& byte : bytes.as_array()) {
      const auto c = byte.to_number<unsigned>();
      if (c >= 0x20 && c < 0x7F && c != '\'' && c != '\\')
        out += static_cast<char>(c);
      else
        out += fmt::format("\\x{:02x}", c);
    }
    return out + "'";
  }
  if (!type.empty()) return text_in(value.get_object(), "value");
  if (value.is_array()) return "[" + list(value.get_array()) + "]";
  if (!value.is_object()) return sdk::to_repr(value);
  std::string out;
  for (const auto& [key, member] : value.get_object())
    out += (out.empty() ? "" : ", ") + sdk::to_repr(json::value(key)) + ": " + python_repr(member);
  return "{" + out + "}";
}

class Rows {
 public:
  Rows(const json::object& config, const DynamoFaults& faults) : config_(config), faults_(faults) {
    if (const auto* mapper = config.if_contains("row_mapper"); mapper && mapper->is_object())
      mapper_ = mapper->get_object();
  }

  [[nodiscard]] json::object item(const json::object& row, const std::string& prefix,
                                  bool strict) const {
    json::object out;
    for (const auto& [key, type] : mapper_)
      if (const auto* value = row.if_contains(key); value && !value->is_null())
        out[prefix + str(key)] = mapped(str(key), *value);
    for (const auto& [key, value] : row) {
      const auto column = str(key);
      if (out.contains(prefix + column)) continue;
      if (!strict)
        out[prefix + column] = guessed(value);
      else if (required(column))
        throw PythonRaise{"ValueError"};
    }
    return out;
  }

  [[nodiscard]] json::value mapped(const std::string& column, const json::value& given) const {
    const auto type = text_in(mapper_, column);
    const auto value = faults_.sets_by_value ? given : dynamo_given(given);
    if (type.empty() || value.is_null()) return guessed(value);
    if (type == "BOOL") return attribute("BOOL", boolean(value));
    if (type == "N") return checked(attribute("N", text(value)));
    if (type == "S")
      return attribute("S",
                       value.is_structured() && type_of(value).empty() && !faults_.python_in_texts
                           ? json::value(json_text(value))
                           : text(value));
    if (type == "M") {
      if (!value.is_object() || !type_of(value).empty()) throw PythonRaise{"AttributeError"};
      return attribute("M", item(value.get_object(), "", false));
    }
    if (!faults_.sets_by_value) {
      if (type == "B" && value.is_string()) return attribute("B", value);
      if ((type == "SS" || type == "BS") && value.is_array()) {
        for (const auto& element : value.get_array())
          if (!element.is_string()) throw PythonRaise{"TypeError"};
        return attribute(type, value);
      }
      if (type == "NS" && value.is_array()) {
        json::array numbers;
        for (const auto& element : value.get_array()) {
          if (!element.is_number() && !element.is_string()) throw PythonRaise{"TypeError"};
          numbers.push_back(checked(attribute("N", text(element))).at("N"));
        }
        return attribute("NS", numbers);
      }
    }
    return serialized(value);
  }

  [[nodiscard]] json::value guessed(const json::value& given) const {
    const auto value = faults_.sets_by_value ? given : dynamo_given(given);
    const auto type = type_of(value);
    if (value.is_bool()) return attribute("BOOL", value);
    if (value.is_string()) {
      const auto word = sdk::lower(value.get_string());
      if (word == "true" || word == "false") return attribute("BOOL", word == "true");
      if (is_numeric(str(value.get_string()))) return attribute("N", value);
      return attribute("S", value);
    }
    if (value.is_number() || type == "int" || type == "float")
      return checked(attribute("N", text(value)));
    if (value.is_object() && type.empty())
      return attribute("M", item(value.get_object(), "", false));
    return serialized(value);
  }

  // A word of a filter, for the column.
  [[nodiscard]] json::value word(const std::string& column, const std::string& word) const {
    if (faults_.filters_by_look) return guessed(json::value(word));
    const auto type = text_in(mapper_, column);
    if (type == "S" || type == "N" || type == "BOOL" || type == "B")
      return mapped(column, json::value(word));
    if (word.starts_with('-') && is_numeric(word.substr(1)))
      return attribute("N", json::value(word));
    return guessed(json::value(word));
  }

  [[nodiscard]] json::object row(const json::object& item, bool all) const {
    json::object out;
    if (all) {
      const auto unread = unread_;
      for (const auto& [column, value] : item)
        if (!value.as_object().empty()) out[column] = read(value);
      unread_ = unread;
    } else {
      for (const auto& [column, type] : mapper_) {
        const auto* value = item.if_contains(column);
        if (!value) continue;
        if (!value->as_object().contains(type.as_string())) throw PythonRaise{"ValueError"};
        out[column] = read(*value);
      }
    }
    if (faults_.required_fields_needed && !config_.contains("required_fields"))
      throw PythonRaise{"KeyError"};
    return out;
  }

  // Texts in braces that are no JSON, in declared columns, so far.
  [[nodiscard]] std::int64_t unread() const { return unread_; }

  [[nodiscard]] json::value checked(json::object number) const {
    if (!faults_.numbers_unchecked && !is_number(text_in(number, "N")))
      throw PythonRaise{"ValueError"};
    return number;
  }

  static json::value text(const json::value& value) {
    return value.is_string() ? value : json::value(python_repr(value));
  }

 private:
  [[nodiscard]] bool required(const std::string& column) const {
    const auto* fields = config_.if_contains("required_fields");
    if (!fields || !fields->is_array()) return false;
    const auto& list = fields->get_array();
    return std::find(list.begin(), list.end(), json::value(column)) != list.end();
  }

  [[nodiscard]] bool boolean(const json::value& value) const {
    if (value.is_number() || value.is_bool()) return sdk::truth(value);
    if (type_of(value) == "int" || type_of(value) == "float") return true;
    const auto word = value.is_string() ? sdk::lower(value.get_string()) : std::string();
    if (word == "true" || word == "1") return true;
    if (word == "false" || word == "0") return false;
    throw PythonRaise{faults_.bare_exceptions ? "Exception" : "ValueError"};
  }

  // Digits with at most one point: of any script, or no more than DynamoDB holds.
  [[nodiscard]] bool is_numeric(std::string text) const {
    if (const auto point = text.find('.'); point != text.npos) text.erase(point, 1);
    if (text.empty()) return false;
    if (!faults_.any_digits_are_numbers) {
      static const std::regex kDigits("0*[0-9]{1,38}0*");
      return text.size() <= 125 && std::regex_match(text, kDigits);
    }
    for (std::size_t at = 0; at < text.size();) {
      const auto start = at;
      const auto c = sdk::next_character(text, at);
      static const std::regex kOthers("²|³|¹|½|¼|¾|⅓|⅔|Ⅷ|①|五|一|二|三");
      if (!sdk::digit(c) && !std::regex_match(text.substr(start, at - start), kOthers))
        return false;
    }
    return true;
  }

  [[nodiscard]] json::value serialized(const json::value& value) const {
    const auto type = type_of(value);
    if (value.is_null()) return attribute("NULL", true);
    if (value.is_bool()) return attribute("BOOL", value);
    if (value.is_double()) {
      if (faults_.no_fractions_in_lists || !std::isfinite(value.get_double()))
        throw PythonRaise{"TypeError"};
      return attribute("N", text(value));
    }
    if (type == "float") throw PythonRaise{"TypeError"};
    if (value.is_number() || type == "int" || type == "decimal") return attribute("N", text(value));
    if (value.is_string()) return attribute("S", value);
    if (type == "bytes") return attribute("B", json::value(text_in(value.get_object(), "value")));
    if (type == "set") return serialized_set(value.at("value").as_array());
    const auto& list = type == "tuple" ? value.at("value") : value;
    if (list.is_array()) {
      json::array out;
      for (const auto& element : list.get_array()) out.push_back(serialized(element));
      return attribute("L", out);
    }
    if (!type.empty()) throw PythonRaise{"TypeError"};
    json::object out;
    for (const auto& [key, member] : value.get_object()) out[key] = serialized(member);
    return attribute("M", out);
  }

  static json::value serialized_set(const json::array& set) {
    const auto all = [&](auto is) { return std::all_of(set.begin(), set.end(), is); };
    json::array out;
    if (all([](const json::value& e) {
          return e.is_int64() || e.is_uint64() || type_of(e) == "int" || type_of(e) == "decimal";
        })) {
      for (const auto& element : set) out.push_back(text(element));
      return attribute("NS", out);
    }
    if (all([](const json::value& e) { return e.is_string(); })) return attribute("SS", set);
    if (!all([](const json::value& e) { return type_of(e) == "bytes"; }))
      throw PythonRaise{"TypeError"};
    for (const auto& element : set) out.push_back(element.at("value"));
    return attribute("BS", out);
  }

  [[nodiscard]] json::value read(const json::value& attribute) const {
    const auto& [type, value] = *attribute.as_object().begin();
    if (type == "N") return read_number(str(value.as_string()), faults_);
    if (type == "M") return row(value.as_object(), true);
    if (type == "S") {
      const auto* skip = config_.if_contains("dont_json_loads_results");
      const auto text = str(value.as_string());
      if (text.starts_with('{') && text.ends_with('}') && !(skip && sdk::truth(*skip)))
        if (const auto inner = parse_json(text)) return *inner;
      if (text.starts_with('{') && text.ends_with('}') && !(skip && sdk::truth(*skip))) ++unread_;
      return value;
    }
    return deserialized(attribute);
  }

  [[nodiscard]] static json::value deserialized(const json::value& attribute) {
    const auto& [type, value] = *attribute.as_object().begin();
    if (type == "NULL") return nullptr;
    if (type == "BOOL" || type == "S" || type == "B" || type == "SS" || type == "BS") return value;
    if (type == "N") return dynamo_number(value.as_string());
    json::array list;
    if (type == "NS") {
      for (const auto& element : value.as_array())
        list.push_back(dynamo_number(element.as_string()));
      return list;
    }
    if (type == "L") {
      for (const auto& element : value.as_array()) list.push_back(deserialized(element));
      return list;
    }
    if (type != "M") throw PythonRaise{"TypeError"};
    json::object out;
    for (const auto& [key, member] : value.as_object()) out[key] = deserialized(member);
    return out;
  }

  json::object config_;
  json::object mapper_;
  const DynamoFaults& faults_;
  mutable std::int64_t unread_ = 0;
};

// ------------------------------------------------------------------------------------------------
// Requests, with the placeholders of the original

struct Filter {
  std::string expression;
  json::object values;
};

Filter parsed_filter(const Rows& rows, const json::value& given, const DynamoFaults& faults,
                     const std::string& range = "") {
  if (!given.is_string()) throw PythonRaise{"AssertionError"};
  std::vector<std::string> words;
  std::string word;
  for (const char c : str(given.get_string()) + " ") {
    if (c != ' ' && c != '\t' && c != '\n') {
      word += c;
    } else if (!word.empty()) {
      words.push_back(std::exchange(word, ""));
    }
  }
  if (words.size() == 2) {
    const auto function = sdk::lower(words[0]);
    if (function != "attribute_exists" && function != "attribute_not_exists")
      throw PythonRaise{"AssertionError"};
    return {(faults.functions_in_capitals ? words[0] : function) + " (" + words[1] + ")", {}};
  }
  if (words.size() == 3) {
    static const std::regex kOperator("=|<>|<=?|>=?");
    if (!std::regex_match(words[1], kOperator)) throw PythonRaise{"AssertionError"};
    json::object values;
    values[":filter_" + words[0]] = rows.word(words[0], words[2]);
    return {fmt::format("{} {} :filter_{}", words[0], words[1], words[0]), values};
  }
  if (words.size() != 5) throw PythonRaise{"ValueError"};
  if (sdk::lower(words[1]) != "between" || sdk::lower(words[3]) != "and")
    throw PythonRaise{"AssertionError"};
  const auto place = (range == words[0] && !faults.shared_limits ? "of_filter_" : "") + words[0];
  json::object values;
  values[":st_between_" + place] = rows.word(words[0], words[2]);
  values[":en_between_" + place] = rows.word(words[0], words[4]);
  return {fmt::format("{} between :st_between_{} and :en_between_{}", words[0], place, place),
          values};
}

constexpr std::size_t kPrefix = std::string_view("st_between_").size();

json::object query_params(const Case& what, const Rows& rows, const DynamoFaults& faults,
                          const std::string& table) {
  const auto& keys = what.in("keys").as_object();
  json::object values = rows.item(keys, ":", false);
  std::vector<std::string> escaped;
  if (const auto* names = what.in("expr_attrs_names").if_array())
    for (const auto& name : *names) escaped.push_back(str(name.as_string()));
  const auto hash = [&](const std::string& name) {
    return std::find(escaped.begin(), escaped.end(), name) == escaped.end() ? name : "#" + name;
  };
  const auto given = [&](std::string_view prefix, const std::string& name) {
    return keys.contains(std::string(prefix) + name);
  };
  std::string condition;
  std::string range;
  for (const auto& member : keys) {
    const auto key = str(member.key());
    if (key.starts_with("en_between_")) {
      if (!faults.half_ranges && !given("st_between_", key.substr(kPrefix)))
        throw PythonRaise{"ValueError"};
      continue;
    }
    if (!condition.empty()) condition += " AND ";
    std::string comparison = "=";
    if (key.starts_with("st_between_")) {
      comparison = "between";
    } else if (const auto* all = what.in("comparisons").if_object()) {
      const auto* one = all->if_contains(key);
      if (one && sdk::truth(*one)) comparison = sdk::to_str(*one);
      if (comparison == "between" && !faults.half_ranges) throw PythonRaise{"AssertionError"};
    }
    if (comparison == "begins_with") {
      condition += fmt::format("begins_with ({}, :{})", hash(key), key);
    } else if (comparison == "between") {
      range = key.substr(std::min(kPrefix, key.size()));
      if (!faults.half_ranges && !given("en_between_", range)) throw PythonRaise{"ValueError"};
      condition +=
          fmt::format("{} between :st_between_{} and :en_between_{}", hash(range), range, range);
      for (const char* end : {"st_between_", "en_between_"})
        if (!faults.ranges_by_look && given(end, range))
          values[std::string(":") + end + range] = rows.mapped(range, keys.at(end + range));
    } else {
      static const std::regex kComparison("=|<=?|>=?");
      if (!std::regex_match(comparison, kComparison)) throw PythonRaise{"AssertionError"};
      condition += fmt::format("{} {} :{}", hash(key), comparison, key);
    }
  }
  const auto& index = what.in("index_name");
  const bool count = sdk::truth(what.in("return_count"));
  json::object params{{"TableName", table}, {"KeyConditionExpression", condition}};
  params["Select"] = count             ? "COUNT"
                     : index.is_null() ? "ALL_ATTRIBUTES"
                                       : "ALL_PROJECTED_ATTRIBUTES";
  if (!what.in("consistent_read").is_null()) {
    if (!index.is_null() && what.in("consistent_read") == true) throw PythonRaise{"ValueError"};
    params["ConsistentRead"] = what.in("consistent_read");
  }
  json::object names;
  for (const auto& name : escaped) names["#" + name] = name;
  if (!names.empty()) params["ExpressionAttributeNames"] = names;
  if (sdk::truth(what.in("filter_expression"))) {
    const auto filter = parsed_filter(rows, what.in("filter_expression"), faults, range);
    params["FilterExpression"] = filter.expression;
    for (const auto& member : filter.values) values[member.key()] = member.value();
  }
  params["ExpressionAttributeValues"] = values;
  if (sdk::truth(index)) params["IndexName"] = index;
  if (sdk::truth(what.in("max_items")) && count)
    throw PythonRaise{faults.bare_exceptions ? "Exception" : "AttributeError"};
  if (sdk::truth(what.in("desc"))) params["ScanIndexForward"] = false;
  return params;
}

json::object scan_params(const Case& what, const Rows& rows, const std::string& table) {
  json::object params{{"TableName", table}, {"Select", "ALL_ATTRIBUTES"}};
  if (!what.in("consistent_read").is_null()) params["ConsistentRead"] = what.in("consistent_read");
  if (const auto* attrs = what.in("attrs").if_object(); attrs && !attrs->empty()) {
    std::string condition;
    for (const auto& member : *attrs)
      condition += fmt::format("{}{} = :{}", condition.empty() ? "" : " AND ", str(member.key()),
                               str(member.key()));
    params["FilterExpression"] = condition;
    params["ExpressionAttributeValues"] = rows.item(*attrs, ":", false);
  }
  const auto* of_config = what.config.if_contains("index_name");
  if (sdk::truth(what.in("index_name")))
    params["IndexName"] = what.in("index_name");
  else if (of_config && sdk::truth(*of_config))
    params["IndexName"] = *of_config;
  return params;
}

json::object update_params(const Case& what, const Rows& rows, const DynamoFaults& faults,
                           const std::string& table, const json::value& condition) {
  const auto object = [&](std::string_view name) {
    return what.in(name).is_object() ? what.in(name).get_object() : json::object();
  };
  const auto update = object("attributes_to_update");
  const auto increment = object("attributes_to_increment");
  if (update.empty() && increment.empty() && !sdk::truth(what.in("attributes_to_remove")))
    throw PythonRaise{"ValueError"};
  json::object params{{"TableName", table}};
  std::string set;
  json::object names;
  json::object given;
  json::object numbers;
  for (const auto& [key, value] : update) {
    const auto name = str(key);
    set += fmt::format("{}#{} = :{}", set.empty() ? "SET " : ", ", name, name);
    names["#" + name] = name;
    given[name] = value;
  }
  for (const auto& [key, value] : increment) {
    const auto name = str(key);
    const auto place = (faults.increments_by_look ? "" : "increment_") + name;
    set += fmt::format("{}#{} = if_not_exists(#{}, :zero) + :{}", set.empty() ? "SET " : ", ", name,
                       name, place);
    names["#" + name] = name;
    given["zero"] = "0";
    if (faults.increments_by_look)
      given[name] = value;
    else if (auto text = Rows::text(value); is_number(str(text.as_string())))
      numbers[":" + place] = attribute("N", text);
    else
      throw PythonRaise{"ValueError"};
  }
  params["Key"] = rows.item(what.in("keys").as_object(), "", false);
  auto values = rows.item(given, ":", false);
  for (const auto& member : numbers) values[member.key()] = member.value();
  if (const auto* remove = what.in("attributes_to_remove").if_array(); remove && !remove->empty()) {
    std::string all;
    for (const auto& name : *remove) all += (all.empty() ? "" : ", ") + str(name.as_string());
    set += (set.empty() ? "REMOVE " : " REMOVE ") + all;
  }
  params["UpdateExpression"] = set;
  if (sdk::truth(condition)) {
    const auto filter = parsed_filter(rows, condition, faults);
    params["ConditionExpression"] = filter.expression;
    for (const auto& member : filter.values) values[member.key()] = member.value();
  }
  if (!names.empty()) params["ExpressionAttributeNames"] = names;
  if (!values.empty()) params["ExpressionAttributeValues"] = values;
  return params;
}

// ------------------------------------------------------------------------------------------------
// Whole answers

json::value request(std::string_view operation, json::object params) {
  return json::array{json::object{{"operation", operation}, {"params", std::move(params)}}};
}

json::value reading(const Case& what, const Rows& rows, json::object params) {
  const bool query = what.function == "get_by_query";
  const bool by_page = what.function == "get_by_scan_generator";
  const bool counts = query && sdk::truth(what.in("return_count"));
  bool all = what.in("fetch_all_fields") == true;
  if (!query && what.in("fetch_all_fields").is_null()) all = what.in("strict") == false;
  json::array pages{json::object{{"Items", json::array()}, {"Count", 0}}};
  if (const auto* given = what.in("returned_pages").if_array()) pages = *given;
  const auto wanted = sdk::truth(what.in("max_items"))
                          ? static_cast<std::size_t>(what.in("max_items").as_int64())
                          : static_cast<std::size_t>(-1);
  json::array result;
  std::int64_t count = 0;
  std::int64_t figure = 0;
  for (const auto& page : pages) {
    if (const auto* n = page.as_object().if_contains("Count")) count += n->as_int64();
    json::array part;
    if (counts) continue;
    for (const auto& item : page.at("Items").as_array())
      part.push_back(rows.row(dynamo_sorted_sets(item).as_object(), all));
    ++figure;
    if (by_page) {
      result.push_back(part);
    } else {
      for (const auto& row : part)
        if (result.size() < wanted) result.push_back(row);
    }
    if (result.size() >= wanted) break;
  }
  json::object stats;
  if (!counts) stats[query ? "dynamo_get_queries" : "dynamo_scan_queries"] = figure;
  if (!counts && rows.unread() > 0) stats["json_looking_string_failed_to_parse"] = rows.unread();
  return json::object{{"requests", request(query ? "query" : "scan", std::move(params))},
                      {"result", counts ? json::value(count) : json::value(result)},
                      {"stats", stats}};
}

json::object one(std::string_view name) {
  json::object stats;
  stats[name] = 1;
  return stats;
}

std::optional<json::value> output_of(const Case& what, const DynamoFaults& faults) {
  const Rows rows(what.config, faults);
  const auto table = what.in("table_name").is_string() ? str(what.in("table_name").get_string())
                                                       : text_in(what.config, "table_name");
  const auto hash_key = text_in(what.config, "hash_key");
  const auto& function = what.function;
  if (function == "dict_to_dynamo")
    return rows.item(
        what.in("row_dict").as_object(),
        what.in("add_prefix").is_string() ? str(what.in("add_prefix").get_string()) : "",
        what.in("strict") != false);
  if (function == "dynamo_to_dict") {
    bool all = what.in("fetch_all_fields") == true;
    if (what.in("fetch_all_fields").is_null()) all = what.in("strict") == false;
    return rows.row(dynamo_sorted_sets(what.in("dynamo_row")).as_object(), all);
  }
  if (function == "_parse_filter_expression") {
    const auto filter = parsed_filter(rows, what.in("expression"), faults);
    return json::array{filter.expression, filter.values};
  }
  if (function == "get_by_query")
    return reading(what, rows, query_params(what, rows, faults, table));
  if (function.starts_with("get_by_scan"))
    return reading(what, rows, scan_params(what, rows, table));
  if (function == "update" || function == "patch") {
    json::value condition = what.in("condition_expression");
    if (function == "patch") {
      if (hash_key.empty()) throw PythonRaise{"KeyError"};
      condition = "attribute_exists " + hash_key;
    }
    return json::object{
        {"requests", request("update_item", update_params(what, rows, faults, table, condition))},
        {"stats", one("dynamo_update_queries")}};
  }
  if (function == "put" || function == "create" || function == "build_put_query" ||
      function == "make_put_transaction_item") {
    json::object params{{"TableName", table},
                        {"Item", rows.item(what.in("row").as_object(), "", false)}};
    const bool overwrites =
        !what.input.contains("overwrite_existing") || sdk::truth(what.in("overwrite_existing"));
    if (function == "create" || !overwrites) {
      if (hash_key.empty())
        throw PythonRaise{function == "build_put_query" ? "KeyError" : "AssertionError"};
      params["ConditionExpression"] = "attribute_not_exists(" + hash_key + ")";
    }
    if (function == "put" || function == "create")
      return json::object{{"requests", request("put_item", params)},
                          {"stats", one("dynamo_put_queries")}};
    return json::object{
        {"requests", json::array()},
        {"stats", json::object()},
        {"result", function == "build_put_query" ? params : json::object{{"Put", params}}}};
  }
  if (function == "delete" || function == "build_delete_query" ||
      function == "make_delete_transaction_item") {
    const auto& keys = function == "delete"               ? what.in("keys")
                       : function == "build_delete_query" ? what.in("delete_keys")
                                                          : what.in("row");
    json::object params{{"TableName", table}, {"Key", rows.item(keys.as_object(), "", false)}};
    if (function == "delete")
      return json::object{{"requests", request("delete_item", params)}, {"stats", json::object()}};
    return json::object{
        {"requests", json::array()},
        {"stats", json::object()},
        {"result", function == "build_delete_query" ? params : json::object{{"Delete", params}}}};
  }
  return std::nullopt;
}

// With the keys of objects in order.
json::value sorted(const json::value& value) {
  if (value.is_array()) {
    json::array out;
    for (const auto& element : value.get_array()) out.push_back(sorted(element));
    return out;
  }
  if (!value.is_object()) return value;
  std::map<std::string, json::value> members;
  for (const auto& [key, member] : value.get_object()) members[str(key)] = sorted(member);
  json::object out;
  for (const auto& [key, member] : members) out[key] = member;
  return out;
}

std::string resolved(const json::object& names, const json::object& values,
                     std::string_view expression, json::object& unused) {
  std::string out;
  for (std::size_t at = 0; at < expression.size();) {
    const auto& known = expression[at] == '#' ? names : values;
    std::string_view longest;
    if (expression[at] == '#' || expression[at] == ':')
      for (const auto& member : known)
        if (const std::string_view key = member.key();
            key.size() > longest.size() && expression.substr(at).starts_with(key))
          longest = key;
    if (longest.empty()) {
      out += expression[at++];
      continue;
    }
    const auto& value = known.at(longest);
    out += expression[at] == '#' ? str(value.as_string()) : json_text(sorted(value));
    unused.erase(longest);
    at += longest.size();
  }
  // A blank at each place where one may stand, or none.
  static const std::regex kBlanks(" +");
  static const std::regex kAround(R"( ?([(),]) ?)");
  return std::regex_replace(std::regex_replace(out, kBlanks, " "), kAround, "$1");
}

constexpr std::string_view kExpressions[] = {"KeyConditionExpression", "FilterExpression",
                                             "ConditionExpression", "UpdateExpression"};

}  // namespace

std::optional<Answer> dynamo_model(const Case& what, const DynamoFaults& faults) {
  try {
    auto output = output_of(what, faults);
    if (!output) return std::nullopt;
    return Answer::output(dynamo_behaviour(what, *output));
  } catch (const PythonRaise& raised) {
    return Answer::error(raised.name);
  } catch (
      const std::exception&) {  // of Boost.JSON: an input of another shape than the model knows
    return std::nullopt;
  }
}

json::value dynamo_number(std::string_view text) {
  const std::string digits(text);
  const auto exact = normalised(digits);
  if (text.find('.') == text.npos) {
    const auto e = exact.find('e');
    const auto point = exact.find('.');
    const auto size = e == exact.npos ? 0 : e - point - 1;  // of the digits behind the first
    const auto exponent = e == exact.npos ? 0 : std::stol(exact.substr(e + 1));
    if (exponent >= static_cast<long>(size) && exponent < 20) {
      auto whole = exact.substr(0, e);
      if (e != exact.npos) {
        whole.erase(point, 1);
        whole.append(static_cast<std::size_t>(exponent) - size, '0');
      }
      if (whole == "-0") whole = "0";
      if (fits_64_bits(whole)) return *parse_json(whole);
    }
  }
  const double nearest = std::strtod(digits.c_str(), nullptr);
  if (std::isfinite(nearest) && normalised(shortest(nearest)) == exact) return nearest;
  return json::value(text);
}

json::value dynamo_given(const json::value& value) {
  const auto type = type_of(value);
  if (!type.empty()) {
    const auto* inner = value.get_object().if_contains("value");
    if (type == "set" || type == "tuple") return dynamo_given(inner->as_array());
    if (type == "float")
      return *inner == "nan" ? std::nan("") : *inner == "inf" ? HUGE_VAL : -HUGE_VAL;
    if (type == "decimal") return dynamo_number(inner->as_string());
    return inner ? *inner : value;
  }
  if (value.is_array()) {
    json::array out;
    for (const auto& element : value.get_array()) out.push_back(dynamo_given(element));
    return out;
  }
  if (!value.is_object()) return value;
  json::object out;
  for (const auto& [key, member] : value.get_object()) out[key] = dynamo_given(member);
  return out;
}

json::object dynamo_meaning(json::object params) {
  const auto take = [&](std::string_view name) {
    auto* found = params.if_contains(name);
    auto value = found && found->is_object() ? found->get_object() : json::object();
    params.erase(name);
    return value;
  };
  const auto names = take("ExpressionAttributeNames");
  const auto values = take("ExpressionAttributeValues");
  json::object unused = values;
  json::object unused_names;  // DynamoDB minds them, but the original's caller gave them
  for (const auto name : kExpressions)
    if (auto* expression = params.if_contains(name); expression && expression->is_string())
      *expression = resolved(names, values, expression->get_string(), unused);
  json::array left;
  for (const auto& member : unused) left.push_back(member.value());
  if (!left.empty()) params["unused values"] = left;
  for (const char* same : {"PaginationConfig", "ExclusiveStartKey", "ClientRequestToken"})
    params.erase(same);
  return params;
}

json::value dynamo_behaviour(const Case& what, const json::value& output) {
  const auto type = type_of(output);
  if (what.function == "_parse_filter_expression") {
    const auto& pair = type == "tuple" ? output.at("value") : output;
    return dynamo_meaning(
        {{"FilterExpression", pair.at(0)}, {"ExpressionAttributeValues", pair.at(1)}});
  }
  if (type == "set") {
    auto list = dynamo_given(output).as_array();
    std::sort(list.begin(), list.end(), [](const json::value& a, const json::value& b) {
      return json_text(a) < json_text(b);
    });
    return list;
  }
  if (type == "int" || type == "float") return output;
  if (!type.empty()) return dynamo_given(output);
  if (output.is_array()) {
    json::array out;
    for (const auto& element : output.get_array()) out.push_back(dynamo_behaviour(what, element));
    return out;
  }
  if (!output.is_object()) return output;
  json::object out;
  for (const auto& [key, member] : output.get_object()) out[key] = dynamo_behaviour(what, member);
  const bool request = out.contains("TableName") || out.contains("TransactItems");
  return request ? dynamo_meaning(std::move(out)) : out;
}

json::value dynamo_sorted_sets(const json::value& item) {
  if (item.is_array()) {
    json::array out;
    for (const auto& element : item.get_array()) out.push_back(dynamo_sorted_sets(element));
    return out;
  }
  if (!item.is_object()) return item;
  json::object out;
  for (const auto& member : item.get_object()) {
    const std::string_view key = member.key();
    out[key] = dynamo_sorted_sets(dynamo_given(member.value()));
    if ((key != "SS" && key != "NS" && key != "BS") || !out[key].is_array()) continue;
    auto& list = out[key].get_array();
    const auto text = [&](const json::value& element) {
      return json_text(key == "NS" ? dynamo_number(element.as_string()) : element);
    };
    std::sort(list.begin(), list.end(),
              [&](const json::value& a, const json::value& b) { return text(a) < text(b); });
  }
  return out;
}

}  // namespace sosw::golden
