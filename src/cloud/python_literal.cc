// SPDX-License-Identifier: MIT
// See python_literal.h.
#include "cloud/python_literal.h"

#include <charconv>
#include <cstdint>
#include <string>

#include "core/json_text.h"

namespace sosw::cloud {

namespace json = boost::json;

namespace {

constexpr int kDeepest = 100;

bool digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& to, std::uint32_t point) {
  const auto byte = [&](std::uint32_t b) { to += static_cast<char>(b); };
  if (point < 0x80) return byte(point);
  if (point < 0x800) {
    byte(0xC0 | point >> 6);
  } else {
    if (point < 0x10000) {
      byte(0xE0 | point >> 12);
    } else {
      byte(0xF0 | point >> 18);
      byte(0x80 | (point >> 12 & 0x3F));
    }
    byte(0x80 | (point >> 6 & 0x3F));
  }
  byte(0x80 | (point & 0x3F));
}

// Each method reads what stands at the beginning of `left`; false: something else does.
struct Reader {
  std::string_view left;

  bool take(std::string_view word) {
    if (!left.starts_with(word)) return false;
    left.remove_prefix(word.size());
    return true;
  }

  bool escape(std::string& into) {
    if (left.empty()) return false;
    const char c = left.front();
    left.remove_prefix(1);
    constexpr std::string_view kLetters = "ntr\\'\"", kMeant = "\n\t\r\\'\"";
    if (const auto place = kLetters.find(c); place != std::string_view::npos) {
      into += kMeant[place];
      return true;
    }
    const std::size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0 || left.size() < digits) return false;
    std::uint32_t point = 0;
    const auto [end, error] = std::from_chars(left.data(), left.data() + digits, point, 16);
    const bool surrogate = point >= 0xD800 && point < 0xE000;
    if (error != std::errc() || end != left.data() + digits || point > 0x10FFFF || surrogate)
      return false;
    left.remove_prefix(digits);
    append_utf8(into, point);
    return true;
  }

  bool string(std::string& into) {
    const char quote = left.empty() ? ' ' : left.front();
    if (quote != '\'' && quote != '"') return false;
    left.remove_prefix(1);
    while (!left.empty()) {
      const char c = left.front();
      left.remove_prefix(1);
      if (c == quote) return true;
      if (c != '\\')
        into += c;
      else if (!escape(into))
        return false;
    }
    return false;
  }

  bool number(json::value& into) {
    std::size_t end = left.starts_with('-') ? 1 : 0;
    const std::size_t first = end;
    while (end < left.size() && (digit(left[end]) || left[end] == '.' || left[end] == 'e' ||
                                 ((left[end] == '-' || left[end] == '+') && left[end - 1] == 'e')))
      ++end;
    if (end == first || !digit(left[first])) return false;
    auto parsed = parse_json(left.substr(0, end));
    if (!parsed) return false;
    into = std::move(*parsed);
    left.remove_prefix(end);
    return true;
  }

  bool list(json::value& into, int depth) {
    json::array& items = into.emplace_array();
    while (!take("]")) {
      if (!items.empty() && !take(", ")) return false;
      if (!value(items.emplace_back(nullptr), depth)) return false;
    }
    return true;
  }

  bool object(json::value& into, int depth) {
    json::object& items = into.emplace_object();
    while (!take("}")) {
      std::string key;
      if (!items.empty() && !take(", ")) return false;
      if (!string(key) || !take(": ") || !value(items[key], depth)) return false;
    }
    return true;
  }

  bool value(json::value& into, int depth) {
    if (depth > kDeepest) return false;
    if (take("None")) return into = nullptr, true;
    if (take("True")) return into = true, true;
    if (take("False")) return into = false, true;
    if (take("{")) return object(into, depth + 1);
    if (take("[")) return list(into, depth + 1);
    if (std::string text; string(text)) return into = text, true;
    return number(into);
  }
};

}  // namespace

std::optional<json::value> python_literal(std::string_view text) {
  Reader reader{text};
  json::value value;
  if (!reader.value(value, 0) || !reader.left.empty()) return std::nullopt;
  return value;
}

}  // namespace sosw::cloud
