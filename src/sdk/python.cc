// SPDX-License-Identifier: MIT
#include "sdk/python.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <optional>

#include "sdk/text.h"
#include "sosw/errors.h"

namespace sosw::sdk {
namespace {

constexpr double kTwoTo63 = 9223372036854775808.0;

std::string float_repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number < 0 ? "-inf" : "inf";
  // The shortest digits that read back, then a point or an exponent where Python puts it.
  char shortest[32];
  const auto [end, error] =
      std::to_chars(shortest, shortest + sizeof shortest, number, std::chars_format::scientific);
  std::string_view text(shortest, static_cast<std::size_t>(end - shortest));
  const bool negative = text.front() == '-';
  if (negative) text.remove_prefix(1);
  const auto e = text.find('e');
  int exponent = 0;
  const auto* digits_of_exponent = text.data() + e + (text[e + 1] == '+' ? 2 : 1);
  std::from_chars(digits_of_exponent, text.data() + text.size(), exponent);
  std::string digits;
  for (const char c : text.substr(0, e))
    if (c != '.') digits += c;
  std::string out = negative ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out += digits.front();
    if (digits.size() > 1) out += "." + digits.substr(1);
    return out + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
  }
  if (exponent < 0)
    return out + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) return out + digits + std::string(whole - digits.size(), '0') + ".0";
  return out + digits.substr(0, whole) + "." + digits.substr(whole);
}

std::string text_repr(std::string_view text) {
  const bool single = text.find('\'') == text.npos || text.find('"') != text.npos;
  const char quote = single ? '\'' : '"';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const auto start = at;
    const char32_t c = next_character(text, at);
    if (c == static_cast<unsigned char>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else if (c != ' ' && c < 0x10000 && is_blank(c)) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += text.substr(start, at - start);
    }
  }
  return out + quote;
}

void append_json_text(std::string_view text, std::string& out) {
  const auto unit = [&](char32_t c) { out += fmt::format("\\u{:04x}", static_cast<unsigned>(c)); };
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    constexpr std::string_view kShort = "\"\"\\\\\nn\rr\tt\bb\ff";
    std::size_t known = 0;
    while (known < kShort.size() && static_cast<unsigned char>(kShort[known]) != c) known += 2;
    if (known < kShort.size()) {
      out += {'\\', kShort[known + 1]};
    } else if (c >= 0x20 && c < 0x7F) {
      out += static_cast<char>(c);
    } else if (c > 0x10FFFF) {
      unit(0xFFFD);
    } else if (c > 0xFFFF) {
      unit(0xD800 + ((c - 0x10000) >> 10U));
      unit(0xDC00 + ((c - 0x10000) & 0x3FFU));
    } else {
      unit(c);
    }
  }
  out += '"';
}

void append_json(const json::value& value, std::string& out) {
  std::string_view before;
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::double_:
      if (std::isfinite(value.get_double()))
        out += float_repr(value.get_double());
      else
        out += std::isnan(value.get_double()) ? "NaN"
               : value.get_double() < 0       ? "-Infinity"
                                              : "Infinity";
      break;
    case json::kind::string:
      append_json_text(value.get_string(), out);
      break;
    case json::kind::array:
      out += '[';
      for (const auto& element : value.get_array()) {
        out += before;
        append_json(element, out);
        before = ", ";
      }
      out += ']';
      break;
    case json::kind::object:
      out += '{';
      for (const auto& member : value.get_object()) {
        out += before;
        append_json_text(member.key(), out);
        out += ": ";
        append_json(member.value(), out);
        before = ", ";
      }
      out += '}';
      break;
    default:
      out += to_repr(value);
  }
}

// A number as Python compares it.
struct Number {
  bool is_whole;
  bool negative;            // of a whole one
  std::uint64_t magnitude;  // of a whole one
  double real;
};
std::optional<Number> number(const json::value& value) {
  const auto whole = [](bool negative, std::uint64_t magnitude) {
    return Number{true, negative && magnitude != 0, magnitude, 0};
  };
  switch (value.kind()) {
    case json::kind::bool_:
      return whole(false, value.get_bool() ? 1 : 0);
    case json::kind::int64: {
      const auto i = value.get_int64();
      return i < 0 ? whole(true, ~static_cast<std::uint64_t>(i) + 1)
                   : whole(false, static_cast<std::uint64_t>(i));
    }
    case json::kind::uint64:
      return whole(false, value.get_uint64());
    case json::kind::double_: {
      const double d = value.get_double();
      if (std::trunc(d) == d && std::abs(d) < 2 * kTwoTo63)
        return whole(d < 0, static_cast<std::uint64_t>(std::abs(d)));
      return Number{false, false, 0, d};
    }
    default:
      return std::nullopt;
  }
}

// The digits of a number in a text, those of other scripts in ASCII. Single underscores between
// digits are left out, as Python does. Nothing if one is at another place.
std::optional<std::string> plain_digits(std::string_view text) {
  std::string out;
  bool after_digit = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = next_character(text, at);
    const auto value = digit(c);
    if (c == '_') {
      auto ahead = at;
      if (!after_digit || at == text.size() || !digit(next_character(text, ahead)))
        return std::nullopt;
    } else if (value) {
      out += static_cast<char>('0' + *value);
    } else if (c < 0x80) {
      out += static_cast<char>(c);
    } else {
      return std::nullopt;
    }
    after_digit = value.has_value();
  }
  return out;
}

ValueError no_number(std::string_view what, std::string_view text) {
  return ValueError(fmt::format("{} is not {}", text_repr(text), what));
}

std::int64_t int_of_text(std::string_view text) {
  const auto plain = plain_digits(strip(text));
  if (!plain) throw no_number("a whole number", text);
  std::string_view digits = *plain;
  if (digits.starts_with('+')) {
    digits.remove_prefix(1);
    if (digits.starts_with('-')) throw no_number("a whole number", text);
  }
  std::int64_t out = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
  if (digits.empty() || end != digits.data() + digits.size())
    throw no_number("a whole number", text);
  if (error == std::errc::result_out_of_range)
    throw ValueError(fmt::format("{} does not fit into 64 bits", text));
  if (error != std::errc()) throw no_number("a whole number", text);
  return out;
}

double float_of_text(std::string_view text) {
  const auto plain = plain_digits(strip(text));
  if (!plain) throw no_number("a number", text);
  std::string_view digits = *plain;
  bool negative = false;
  if (digits.starts_with('+') || digits.starts_with('-')) {
    negative = digits.front() == '-';
    digits.remove_prefix(1);
  }
  const auto word = lower(digits);
  double out = 0;
  if (word == "inf" || word == "infinity") {
    out = std::numeric_limits<double>::infinity();
  } else if (word == "nan") {
    out = std::numeric_limits<double>::quiet_NaN();
  } else {
    const bool begins = !digits.empty() && (digits.front() == '.' ||
                                            digit(static_cast<unsigned char>(digits.front())));
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    if (!begins || end != digits.data() + digits.size() || error == std::errc::invalid_argument)
      throw no_number("a number", text);
    if (error == std::errc::result_out_of_range)
      out = std::strtod(std::string(digits).c_str(), nullptr);
  }
  return negative ? -out : out;
}

}  // namespace

bool truth(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return false;
    case json::kind::bool_:
      return value.get_bool();
    case json::kind::int64:
      return value.get_int64() != 0;
    case json::kind::uint64:
      return value.get_uint64() != 0;
    case json::kind::double_:
      return value.get_double() != 0;
    case json::kind::string:
      return !value.get_string().empty();
    case json::kind::array:
      return !value.get_array().empty();
    case json::kind::object:
      return !value.get_object().empty();
  }
  return false;
}

bool equal(const json::value& a, const json::value& b) {
  if (const auto x = number(a), y = number(b); x || y) {
    if (!x || !y || x->is_whole != y->is_whole) return false;
    return x->is_whole ? x->negative == y->negative && x->magnitude == y->magnitude
                       : x->real == y->real;
  }
  if (a.kind() != b.kind()) return false;
  if (a.is_array())
    return std::equal(a.get_array().begin(), a.get_array().end(), b.get_array().begin(),
                      b.get_array().end(), equal);
  if (a.is_object()) {
    if (a.get_object().size() != b.get_object().size()) return false;
    return std::all_of(a.get_object().begin(), a.get_object().end(), [&](const auto& member) {
      const auto* other = b.get_object().if_contains(member.key());
      return other && equal(member.value(), *other);
    });
  }
  return a == b;
}

std::string to_str(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : to_repr(value);
}

std::string to_repr(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "None";
    case json::kind::bool_:
      return value.get_bool() ? "True" : "False";
    case json::kind::int64:
      return std::to_string(value.get_int64());
    case json::kind::uint64:
      return std::to_string(value.get_uint64());
    case json::kind::double_:
      return float_repr(value.get_double());
    case json::kind::string:
      return text_repr(value.get_string());
    case json::kind::array: {
      std::string out;
      for (const auto& element : value.get_array())
        out += (out.empty() ? "" : ", ") + to_repr(element);
      return "[" + out + "]";
    }
    case json::kind::object: {
      std::string out;
      for (const auto& member : value.get_object())
        out += (out.empty() ? "" : ", ") + text_repr(member.key()) + ": " + to_repr(member.value());
      return "{" + out + "}";
    }
  }
  return {};
}

std::string to_json(const json::value& value) {
  std::string out;
  append_json(value, out);
  return out;
}

std::int64_t to_int(const json::value& value) {
  if (value.is_string()) return int_of_text(value.get_string());
  if (value.is_double()) {
    const double whole = std::trunc(value.get_double());
    if (std::isnan(whole)) throw ValueError("nan is not a whole number");
    if (!(whole >= -kTwoTo63 && whole < kTwoTo63))
      throw ValueError(float_repr(whole) + " does not fit into 64 bits");
    return static_cast<std::int64_t>(whole);
  }
  if (value.is_uint64()) {
    if (value.get_uint64() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
      throw ValueError(fmt::format("{} does not fit into 64 bits", value.get_uint64()));
    return static_cast<std::int64_t>(value.get_uint64());
  }
  if (value.is_int64()) return value.get_int64();
  if (value.is_bool()) return value.get_bool() ? 1 : 0;
  throw TypeError(fmt::format("{} ({}) is not a whole number", to_repr(value), kind_name(value)));
}

double to_float(const json::value& value) {
  if (value.is_string()) return float_of_text(value.get_string());
  if (value.is_number()) return value.to_number<double>();
  if (value.is_bool()) return value.get_bool() ? 1 : 0;
  throw TypeError(fmt::format("{} ({}) is not a number", to_repr(value), kind_name(value)));
}

void add_number(json::value& sum, const json::value& n) {
  const auto whole = [](const json::value& value) -> std::optional<std::int64_t> {
    if (value.is_bool()) return value.get_bool() ? 1 : 0;
    if (value.is_int64()) return value.get_int64();
    return value.is_number() ? std::nullopt : std::optional<std::int64_t>(0);
  };
  const auto a = whole(sum);
  const auto b = whole(n);
  std::int64_t both = 0;
  if (a && b && !__builtin_add_overflow(*a, *b, &both)) {
    sum = both;
  } else {
    const double first = a ? static_cast<double>(*a) : sum.to_number<double>();
    sum = first + (b ? static_cast<double>(*b) : n.to_number<double>());
  }
}

std::string_view kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::bool_:
      return "boolean";
    case json::kind::int64:
    case json::kind::uint64:
      return "whole number";
    case json::kind::double_:
      return "number";
    case json::kind::string:
      return "text";
    case json::kind::array:
      return "list";
    case json::kind::object:
      return "object";
  }
  return "value";
}

}  // namespace sosw::sdk
