// SPDX-License-Identifier: MIT
// Reading on top of the push parser of Boost.JSON, writing by hand.
#include "core/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <tuple>
#include <utility>

namespace sosw {
namespace {

constexpr std::size_t kMaxDepth = 200;

// What the parser calls; keeps the text of numbers, which the parser rounds.
class ExactHandler {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the parser's names
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();
  // NOLINTEND(readability-identifier-naming)
  using error_code = boost::system::error_code;

  bool on_document_begin(error_code&) {
    stack_.reset();
    return true;
  }
  bool on_document_end(error_code&) { return true; }
  bool on_array_begin(error_code&) { return true; }
  bool on_array_end(std::size_t n, error_code&) {
    stack_.push_array(n);
    return true;
  }
  bool on_object_begin(error_code&) { return true; }
  bool on_object_end(std::size_t n, error_code&) {
    stack_.push_object(n);
    return true;
  }
  bool on_string_part(std::string_view s, std::size_t, error_code&) {
    stack_.push_chars(s);
    return true;
  }
  bool on_string(std::string_view s, std::size_t, error_code&) {
    stack_.push_string(s);
    return true;
  }
  bool on_key_part(std::string_view s, std::size_t, error_code&) {
    stack_.push_chars(s);
    return true;
  }
  bool on_key(std::string_view s, std::size_t, error_code&) {
    stack_.push_key(s);
    return true;
  }
  bool on_number_part(std::string_view s, error_code&) {
    number_ += s;
    return true;
  }
  bool on_int64(std::int64_t number, std::string_view, error_code&) {
    number_.clear();
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, std::string_view, error_code&) {
    number_.clear();
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double rounded, std::string_view s, error_code& error) {
    number_ += s;
    double number = rounded;
    const bool integer = number_.find_first_of(".eE") == number_.npos;
    const auto read = std::from_chars(number_.data(), number_.data() + number_.size(), number);
    // Out of range is both too large, where there is nothing to keep, and too small, which is 0.
    if (integer || (read.ec == std::errc::result_out_of_range && std::abs(rounded) > 1)) {
      refused_number = number_;
      error = json::error::exponent_overflow;
      return false;
    }
    stack_.push_double(read.ec == std::errc() ? number : rounded);
    number_.clear();
    return true;
  }
  bool on_bool(bool value, error_code&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(error_code&) {
    stack_.push_null();
    return true;
  }
  bool on_comment_part(std::string_view, error_code&) { return true; }
  bool on_comment(std::string_view, error_code&) { return true; }

  json::value release() { return stack_.release(); }

  std::string refused_number;

 private:
  json::value_stack stack_;
  std::string number_;
};

void append_escape(std::uint32_t unit, std::string& out) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += {'\\',           'u', kHex[unit >> 12 & 15], kHex[unit >> 8 & 15], kHex[unit >> 4 & 15],
          kHex[unit & 15]};
}

// Decodes the code point at text[i] and moves i behind it; U+FFFD and one byte on for what is no
// UTF-8.
std::uint32_t next_code_point(std::string_view text, std::size_t& i) {
  const auto byte = [&](std::size_t k) {
    return k < text.size() ? static_cast<std::uint32_t>(static_cast<unsigned char>(text[k])) : 0U;
  };
  const auto lead = byte(i);
  const int more = lead >= 0xF0 && lead < 0xF5 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : 0;
  constexpr std::array<std::uint32_t, 4> kSmallest = {0, 0x80, 0x800, 0x10000};
  std::uint32_t point = lead & (0x3FU >> more);
  for (int k = 1; k <= more; ++k) {
    if ((byte(i + k) & 0xC0) != 0x80) {
      ++i;
      return 0xFFFD;
    }
    point = point << 6 | (byte(i + k) & 0x3F);
  }
  if (more == 0 || lead >= 0xF5 || point < kSmallest[more] || point > 0x10FFFF ||
      (point >= 0xD800 && point < 0xE000)) {
    ++i;
    return 0xFFFD;
  }
  i += more + 1;
  return point;
}

// Where in the text a piece begins, and what comes before a place in it.
struct Place {
  std::int64_t line = 1, column = 1;
  void pass(std::string_view text) {
    line += std::count(text.begin(), text.end(), '\n');
    const auto newline = text.rfind('\n');
    column = newline == text.npos ? column + std::ssize(text) : std::ssize(text) - newline;
  }
};

// `next` gives a piece, and whether there are more.
template <class Next>
Result<json::value> parse(Next next, json::parse_options options) {
  options.max_depth = kMaxDepth;
  json::basic_parser<ExactHandler> parser(options);
  boost::system::error_code error;
  Place reached;
  for (bool more = true; more && !error;) {
    std::string_view piece;
    std::tie(piece, more) = next();
    const auto used = parser.write_some(more, piece.data(), piece.size(), error);
    if (!error && used < piece.size()) error = json::error::extra_data;
    reached.pass(piece.substr(0, used));
  }
  if (!error) return parser.handler().release();
  const auto place = fmt::format("at line {}, column {}", reached.line, reached.column);
  if (!parser.handler().refused_number.empty())
    return invalid(
        fmt::format("the number {} does not fit, {}", parser.handler().refused_number, place),
        "integers lie within 64 bits, floats within a double: write it as a text");
  if (error == json::error::too_deep)
    return invalid(fmt::format("JSON nested deeper than {}, {}", kMaxDepth, place));
  return invalid(fmt::format("not JSON: {} {}", error.message(), place));
}

Result<json::value> parse(std::string_view text, json::parse_options options) {
  return parse<>([&] { return std::pair(text, false); }, options);
}

template <class Integer>
void append_integer(Integer number, std::string& out) {
  std::array<char, 24> text;
  out.append(text.data(), std::to_chars(text.data(), text.data() + text.size(), number).ptr);
}

}  // namespace

Result<json::value> parse_json(std::string_view text) { return parse(text, {}); }

Result<json::value> parse_json(const std::function<std::string_view()>& next) {
  const auto piece = [&] {
    const std::string_view text = next();
    return std::pair(text, !text.empty());
  };
  return parse(piece, json::parse_options());
}

Result<json::value> parse_config(std::string_view text, std::string_view what) {
  json::parse_options options;
  options.allow_comments = true;
  options.allow_trailing_commas = true;
  auto value = parse(text, options);
  if (!value)
    return invalid(fmt::format("{}: {}", what, value.error().message), value.error().hint);
  return value;
}

void append_json(std::string_view text, std::string& out) {
  out += '"';
  std::size_t plain = 0;  // start of what can be copied as it is
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (c >= ' ' && c < 0x7f && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    out += text.substr(plain, i - plain);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default: {
        std::uint32_t point = static_cast<unsigned char>(c);
        if (point >= 0x80) {
          point = next_code_point(text, i);
          --i;
        }
        if (point > 0xFFFF) {
          append_escape(0xD800 + ((point - 0x10000) >> 10), out);
          append_escape(0xDC00 + ((point - 0x10000) & 0x3FF), out);
        } else {
          append_escape(point, out);
        }
      }
    }
    plain = ++i;
  }
  out += text.substr(plain);
  out += '"';
}

void append_json(std::int64_t number, std::string& out) { append_integer(number, out); }

void append_json(std::uint64_t number, std::string& out) { append_integer(number, out); }

void append_json(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out += std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
    return;
  }
  // Python takes the exponent from 1e16 on and below 1e-4; the digits are the shortest either way.
  const auto magnitude = std::abs(number);
  const bool exponent = magnitude != 0 && (magnitude >= 1e16 || magnitude < 1e-4);
  std::array<char, 32> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), number,
                    exponent ? std::chars_format::scientific : std::chars_format::fixed)
          .ptr;
  const std::string_view written(text.data(), static_cast<std::size_t>(end - text.data()));
  out += written;
  if (!exponent && written.find('.') == written.npos) out += ".0";
}

void append_json(const json::value& value, std::string& out) {
  switch (value.kind()) {
    case json::kind::null:
      out += "null";
      break;
    case json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case json::kind::int64:
      append_json(value.get_int64(), out);
      break;
    case json::kind::uint64:
      append_json(value.get_uint64(), out);
      break;
    case json::kind::double_:
      append_json(value.get_double(), out);
      break;
    case json::kind::string:
      append_json(std::string_view(value.get_string()), out);
      break;
    case json::kind::array: {
      out += '[';
      const auto* separator = "";
      for (const auto& element : value.get_array()) {
        out += separator;
        append_json(element, out);
        separator = ", ";
      }
      out += ']';
      break;
    }
    case json::kind::object: {
      out += '{';
      const auto* separator = "";
      for (const auto& member : value.get_object()) {
        out += separator;
        append_json(std::string_view(member.key()), out);
        out += ": ";
        append_json(member.value(), out);
        separator = ", ";
      }
      out += '}';
    }
  }
}

std::string json_text(const json::value& value) {
  std::string out;
  append_json(value, out);
  return out;
}

bool fits_64_bits(std::string_view integer) {
  const auto* const end = integer.data() + integer.size();
  std::int64_t negative = 0;
  std::uint64_t positive = 0;
  return std::from_chars(integer.data(), end, negative).ec == std::errc() ||
         std::from_chars(integer.data(), end, positive).ec == std::errc();
}

}  // namespace sosw
