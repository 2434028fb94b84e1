// SPDX-License-Identifier: MIT
// Decimal numbers by their digits; JSON on top of the push parser of Boost.JSON, which gives the
// text of each number.
#include "sdk/exact_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <string>

#include "sdk/python.h"
#include "sosw/errors.h"

namespace sosw::sdk {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// A decimal number taken apart. Two are the same number if all three parts are equal.
struct Decimal {
  bool negative = false;
  std::string digits;         // without zeros at either end; empty: the number is 0
  std::int64_t exponent = 0;  // of the first digit; 0 for 0
  bool operator==(const Decimal&) const = default;
};

// Nothing if the text is no number: [+-] digits [. digits] [e digits], digits before or after the
// point.
std::optional<Decimal> decimal(std::string_view text) {
  Decimal out;
  if (text.starts_with('-') || text.starts_with('+')) {
    out.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  const auto mantissa = text.substr(0, text.find_first_of("eE"));
  if (mantissa.size() < text.size()) {
    auto exponent = text.substr(mantissa.size() + 1);
    if (exponent.starts_with('+')) {
      exponent.remove_prefix(1);
      if (exponent.starts_with('-')) return std::nullopt;
    }
    std::int32_t value = 0;  // more makes no sense
    const auto read = std::from_chars(exponent.data(), exponent.data() + exponent.size(), value);
    if (read.ec != std::errc() || read.ptr != exponent.data() + exponent.size())
      return std::nullopt;
    out.exponent = value;
  }
  const auto point = std::min(mantissa.find('.'), mantissa.size());
  auto digits = std::string(mantissa.substr(0, point));
  if (point < mantissa.size()) digits += mantissa.substr(point + 1);
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return std::nullopt;
  const auto first = digits.find_first_not_of('0');
  if (first == digits.npos) return Decimal{.negative = out.negative};
  out.exponent += static_cast<std::int64_t>(point) - static_cast<std::int64_t>(first) - 1;
  out.digits = digits.substr(first, digits.find_last_not_of('0') - first + 1);
  return out;
}

// The integer, if it is one and 64 bits hold it.
std::optional<json::value> integer(const Decimal& number) {
  const auto size = static_cast<std::int64_t>(number.digits.size());
  if (size == 0) return json::value(0);
  if (number.exponent + 1 < size || number.exponent >= 20) return std::nullopt;
  const auto text = (number.negative ? "-" : "") + number.digits +
                    std::string(static_cast<std::size_t>(number.exponent + 1 - size), '0');
  std::int64_t small = 0;
  std::uint64_t large = 0;
  const auto* const end = text.data() + text.size();
  if (std::from_chars(text.data(), end, small).ec == std::errc()) return json::value(small);
  if (!number.negative && std::from_chars(text.data(), end, large).ec == std::errc())
    return json::value(large);
  return std::nullopt;
}

// What the parser calls.
class Handler {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the parser's names
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();
  // NOLINTEND(readability-identifier-naming)
  using Text = json::string_view;
  using Error = json::error_code;

  bool on_document_begin(Error&) { return stack_.reset(), true; }
  bool on_document_end(Error&) { return true; }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t n, Error&) { return stack_.push_array(n), true; }
  bool on_object_begin(Error&) { return true; }
  bool on_object_end(std::size_t n, Error&) { return stack_.push_object(n), true; }
  bool on_string_part(Text part, std::size_t, Error&) { return stack_.push_chars(part), true; }
  bool on_string(Text rest, std::size_t, Error&) { return stack_.push_string(rest), true; }
  bool on_key_part(Text part, std::size_t, Error&) { return stack_.push_chars(part), true; }
  bool on_key(Text rest, std::size_t, Error&) { return stack_.push_key(rest), true; }
  bool on_number_part(Text part, Error&) { return number_.append(part.begin(), part.end()), true; }
  bool on_int64(std::int64_t number, Text, Error&) {
    number_.clear();
    return stack_.push_int64(number), true;
  }
  bool on_uint64(std::uint64_t number, Text, Error&) {
    number_.clear();
    return stack_.push_uint64(number), true;
  }
  bool on_double(double rounded, Text rest, Error&) {
    number_.append(rest.begin(), rest.end());
    const bool whole = number_.find_first_of(".eE") == number_.npos;
    double nearest = rounded;
    const auto read = std::from_chars(number_.data(), number_.data() + number_.size(), nearest);
    if (const auto exact = whole ? exact_number(number_) : json::value(); exact.is_string())
      stack_.push_string(exact.get_string());
    else
      stack_.push_double(read.ec == std::errc() ? nearest : rounded);  // else 0 or infinite
    number_.clear();
    return true;
  }
  bool on_bool(bool value, Error&) { return stack_.push_bool(value), true; }
  bool on_null(Error&) { return stack_.push_null(), true; }
  bool on_comment_part(Text, Error&) { return true; }
  bool on_comment(Text, Error&) { return true; }

  json::value release() { return stack_.release(); }

 private:
  json::value_stack stack_;
  std::string number_;
};

}  // namespace

std::optional<std::size_t> significant_digits(std::string_view text) {
  const auto number = decimal(text);
  return number ? std::optional(number->digits.size()) : std::nullopt;
}

json::value exact_number(std::string_view text) {
  const auto number = decimal(text);
  if (!number) throw ValueError(fmt::format("{} is no number", to_repr(json::value(text))));
  if (text.find('.') == text.npos)
    if (auto whole = integer(*number)) return *whole;
  if (text.starts_with('+')) text.remove_prefix(1);
  double nearest = 0;
  std::from_chars(text.data(), text.data() + text.size(), nearest);
  std::array<char, 32> shortest{};
  const auto* const end =
      std::to_chars(shortest.data(), shortest.data() + shortest.size(), nearest).ptr;
  const auto read_back = decimal({shortest.data(), end});
  if (read_back == number) return nearest;
  return json::value(text);
}

json::value parse_exactly(std::string_view text, json::error_code& error, std::size_t max_depth) {
  json::parse_options options;
  options.max_depth = max_depth;
  json::basic_parser<Handler> parser(options);
  const auto used = parser.write_some(false, text.data(), text.size(), error);
  if (!error && used < text.size()) error = json::error::extra_data;
  return error ? json::value() : parser.handler().release();
}

}  // namespace sosw::sdk
