// SPDX-License-Identifier: MIT
#include "helpers_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/json_text.h"

namespace sosw::golden {
namespace {

json::array plain_list(const json::array& list) {
  json::array out;
  for (const auto& element : list) out.push_back(plain(element));
  return out;
}

json::array bytes_of_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  json::array bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : text.substr(0, text.find('='))) {
    bits = (bits << 6U) | static_cast<unsigned>(kDigits.find(c));
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes.push_back((bits >> static_cast<unsigned>(count)) & 0xFFU);
  }
  return bytes;
}

json::value plain_typed(std::string_view type, const json::object& object) {
  const auto* value = object.if_contains("value");
  const auto text = value && value->is_string() ? std::string(value->get_string()) : std::string();
  if (type == "tuple" || type == "set") return plain_list(value->as_array());
  if (type == "date") return json::value(text);
  if (type == "datetime") {
    auto spaced = text;
    std::replace(spaced.begin(), spaced.end(), 'T', ' ');
    return json::value(spaced);
  }
  if (type == "float") return text == "nan" ? std::nan("") : text == "inf" ? HUGE_VAL : -HUGE_VAL;
  if (type == "int") return std::stod(text);
  if (type == "bytes") {
    return bytes_of_base64(text);
  }
  if (const auto* items = object.if_contains("items")) {
    auto pairs = plain_list(items->as_array());
    std::sort(pairs.begin(), pairs.end(), [](const json::value& a, const json::value& b) {
      return json_text(a) < json_text(b);
    });
    return pairs;
  }
  return object;
}

}  // namespace

json::value plain(const json::value& value) {
  if (value.is_array()) return plain_list(value.get_array());
  if (!value.is_object()) return value;
  const auto& object = value.get_object();
  if (const auto* type = object.if_contains("$type"); type && type->is_string())
    return plain_typed(type->get_string(), object);
  json::object out;
  for (const auto& [key, member] : object) out[key] = plain(member);
  return out;
}

json::value argument(const Case& what, std::string_view name) { return plain(what.in(name)); }
json::object object_argument(const Case& what, std::string_view name) {
  return argument(what, name).as_object();
}
std::string text_argument(const Case& what, std::string_view name) {
  return std::string(what.in(name).as_string());
}
std::int64_t number_argument(const Case& what, std::string_view name, std::int64_t otherwise) {
  const auto& value = what.in(name);
  if (value.is_bool()) return value.get_bool() ? 1 : 0;
  return value.is_int64() ? value.get_int64() : otherwise;
}
json::value date_value(std::chrono::year_month_day date) {
  return {{"$type", "date"},
          {"value",
           fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()),
                       static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()))}};
}

json::value datetime_value(std::chrono::sys_time<std::chrono::microseconds> time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::hh_mm_ss clock(time - day);
  auto text = fmt::format("{}T{:02}:{:02}:{:02}", date_value(day).at("value").as_string().c_str(),
                          clock.hours().count(), clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) text += fmt::format(".{:06}", clock.subseconds().count());
  return {{"$type", "datetime"}, {"value", text}};
}

std::chrono::sys_time<std::chrono::microseconds> seconds_of_iso(std::string_view text) {
  const auto number = [&](std::size_t at, std::size_t size) {
    return std::stoi(std::string(text.substr(at, size)));
  };
  const auto day =
      std::chrono::sys_days(std::chrono::year(number(0, 4)) / number(5, 2) / number(8, 2));
  std::string fraction(text.size() > 20 ? text.substr(20) : "0");
  fraction.resize(6, '0');
  return day + std::chrono::hours(number(11, 2)) + std::chrono::minutes(number(14, 2)) +
         std::chrono::seconds(number(17, 2)) + std::chrono::microseconds(std::stoi(fraction));
}

std::string vtype_of(const Case& what) {
  const auto& vtype = what.in("vtype");
  return vtype.is_object() ? std::string(vtype.at("value").as_string()) : std::string();
}

std::string by_value(const json::value& value) {
  if (value.is_bool()) return value.get_bool() ? "1" : "0";
  if (value.is_double() && std::trunc(value.get_double()) == value.get_double() &&
      std::abs(value.get_double()) < 9e15)
    return std::to_string(static_cast<std::int64_t>(value.get_double()));
  if (value.is_array()) {
    std::string out = "[";
    for (const auto& element : value.get_array()) out += by_value(element) + ",";
    return out + "]";
  }
  if (value.is_object()) {
    std::map<std::string, std::string> members;
    for (const auto& [key, member] : value.get_object()) members[key] = by_value(member);
    std::string out = "{";
    for (const auto& [key, member] : members)
      out += json_text(json::value(key)) + ":" + member + ",";
    return out + "}";
  }
  return json_text(value);
}

Answer model_extract(const json::value& src, std::string_view key, std::string_view separator,
                     std::string_view exclude_key, const json::value& exclude_val) {
  const auto empty = [](const json::value& value) {
    return value.is_null() || by_value(value) == "0" || value == "" || by_value(value) == "[]" ||
           by_value(value) == "{}";
  };
  if (src.is_array()) {
    for (const auto& element : src.get_array()) {
      const auto found = model_extract(element, key, separator, exclude_key, exclude_val);
      if (found.is_error() || !empty(found.value())) return found;
    }
    return Answer::output(nullptr);
  }
  const auto end = key.find(separator);
  if (!src.is_object())
    return Answer::error(end == key.npos && exclude_key.empty() ? "AttributeError" : "TypeError");
  const auto* excluded =
      exclude_key.empty() || end != key.npos ? nullptr : src.get_object().if_contains(exclude_key);
  if (excluded && by_value(*excluded) == by_value(exclude_val)) return Answer::output(nullptr);
  const auto* found = src.get_object().if_contains(key.substr(0, end));
  if (!found) return Answer::output(nullptr);
  if (end == key.npos) return Answer::output(*found);
  return model_extract(*found, key.substr(end + separator.size()), separator, exclude_key,
                       exclude_val);
}

json::value model_update(const json::value& d, const json::value& u) {
  json::object out = d.is_object() ? d.get_object() : json::object();
  for (const auto& [key, theirs] : u.as_object()) {
    const auto* ours = out.if_contains(key);
    if (theirs.is_object() && (!ours || ours->is_null() || ours->is_object())) {
      out[key] = model_update(ours ? *ours : json::value(), theirs);
    } else if (theirs.is_array() && ours && ours->is_array()) {
      auto all = ours->get_array();
      all.insert(all.end(), theirs.get_array().begin(), theirs.get_array().end());
      const auto count = [&](auto kind) { return std::count_if(all.begin(), all.end(), kind); };
      const auto lists = count([](const json::value& value) { return value.is_array(); });
      const auto maps = count([](const json::value& value) { return value.is_object(); });
      const bool unique = lists == 0 && (maps == 0 || maps == static_cast<long>(all.size()));
      std::set<std::string> seen;
      json::array kept;
      for (const auto& element : all)
        if (!unique || seen.insert(by_value(element)).second) kept.push_back(element);
      out[key] = kept;
    } else {
      out[key] = theirs;
    }
  }
  return out;
}

namespace {

// Whether a value of `nested` goes into something of `into` that is no dictionary.
bool conflicts(const json::value& into, const json::value& nested) {
  if (!into.is_object() && !into.is_null()) return true;
  if (into.is_null()) return false;
  return std::any_of(nested.as_object().begin(), nested.as_object().end(), [&](const auto& member) {
    const auto* place = into.get_object().if_contains(member.key());
    return place && place->is_object() && member.value().is_object() &&
           conflicts(*place, member.value());
  });
}

}  // namespace

Answer model_dunder(const json::object& data, const std::string& separator) {
  const auto between = separator.empty() ? std::string("__") : separator;
  json::value out = json::object();
  for (const auto& [name, member] : data) {
    const std::string key(name);
    if (key.find(between) == key.npos) {
      out.get_object()[key] = member;
      continue;
    }
    if (key.starts_with(between) || key.ends_with(between)) return Answer::error("ValueError");
    json::value nested = member;
    if (nested.is_object()) {
      const auto inner = model_dunder(nested.get_object(), separator);
      if (inner.is_error()) return inner;
      nested = inner.value();
    }
    std::vector<std::string> parts;
    std::size_t start = 0;
    for (auto end = key.find(between); end != key.npos; end = key.find(between, start)) {
      parts.push_back(key.substr(start, end - start));
      start = end + between.size();
    }
    parts.push_back(key.substr(start));
    for (auto part = parts.rbegin(); part + 1 != parts.rend(); ++part)
      nested = json::object{{*part, nested}};
    auto* place = out.get_object().if_contains(parts.front());
    if (place && !place->is_object()) return Answer::error("TypeError");
    if (place && conflicts(*place, nested)) return Answer::error("TypeError");
    out.get_object()[parts.front()] = model_update(place ? *place : json::value(), nested);
  }
  return Answer::output(out);
}

}  // namespace sosw::golden
