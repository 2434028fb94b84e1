// SPDX-License-Identifier: MIT
// Decimal arithmetic and the rules for values, from the Amazon DynamoDB developer guide.
#include "simulation/attribute_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>

namespace sosw::simulation {
namespace {

using Digits = Number::Digits;

constexpr int kMostDigits = 38;
constexpr int kLargestExponent = 125, kSmallestExponent = -130;
constexpr int kDeepest = 32;

Digits power_of_ten(int exponent) {
  Digits power = 1;
  for (; exponent > 0; --exponent) power *= 10;
  return power;
}

int count_digits(Digits digits) {
  if (digits < 0) digits = -digits;
  int count = 0;
  for (; digits != 0; digits /= 10) ++count;
  return count;
}

Number without_zeros(Number number) {
  if (number.digits == 0) return {};
  while (number.digits % 10 == 0) {
    number.digits /= 10;
    ++number.exponent;
  }
  return number;
}

std::optional<Number> within_range(Number number) {
  number = without_zeros(number);
  const int digits = count_digits(number.digits);
  const int magnitude = digits + number.exponent - 1;  // 1.0 has 0
  if (digits > kMostDigits || magnitude > kLargestExponent ||
      (digits > 0 && magnitude < kSmallestExponent))
    return std::nullopt;
  return number;
}

std::optional<std::int64_t> plain_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_kept_as_written(std::string_view number) {
  if (number == "0") return true;
  if (number.starts_with('-')) number.remove_prefix(1);
  return !number.empty() && number[0] != '0' && number.size() <= 18 &&
         std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::string_view checked_text(const json::value& value) { return value.get_string(); }

// As a sorted list, for comparison.
std::vector<std::string_view> elements(const json::value& set) {
  std::vector<std::string_view> texts;
  for (const auto& element : set.get_array()) texts.push_back(checked_text(element));
  std::sort(texts.begin(), texts.end());
  return texts;
}

Error empty_value() {
  return bad_request(
      "Supplied AttributeValue is empty, must contain exactly one of the supported datatypes");
}

Result<void> check_number(json::value& number) {
  if (!number.is_string()) return empty_value();
  if (is_kept_as_written(number.get_string())) return {};
  const auto read = read_number(number.get_string());
  if (!read)
    return bad_request(fmt::format(
        "The parameter cannot be converted to a numeric value: {}, or it has more than {} digits",
        std::string_view(number.get_string()), kMostDigits));
  number = number_text(*read);
  return {};
}

Result<void> check_at(json::value& value, int depth);

Result<void> check_set(std::string_view type, json::value& set) {
  if (!set.is_array()) return empty_value();
  if (set.get_array().empty())
    return bad_request(
        "One or more parameter values were invalid: An number set  may not be empty");
  std::set<std::string, std::less<>> seen;
  for (auto& element : set.get_array()) {
    if (!element.is_string()) return empty_value();
    if (type == "NS") {
      if (auto checked = check_number(element); !checked) return checked.error();
    }
    if (!seen.emplace(element.get_string()).second)
      return bad_request(fmt::format(
          "One or more parameter values were invalid: Input collection {} contains duplicates.",
          json::serialize(set)));
  }
  return {};
}

Result<void> check_at(json::value& value, int depth) {
  auto* typed = value.if_object();
  if (!typed || typed->size() != 1) return empty_value();
  if (depth > kDeepest)
    return bad_request("Nesting Levels have exceeded supported limits: attributes nest too deep");
  const std::string_view type = typed->begin()->key();
  json::value& inner = typed->begin()->value();
  if (type == "N") return check_number(inner);
  if (type == "S" || type == "B") {
    if (!inner.is_string()) return empty_value();
  } else if (type == "BOOL") {
    if (!inner.is_bool()) return empty_value();
  } else if (type == "NULL") {
    if (!inner.is_bool() || !inner.get_bool())
      return bad_request(
          "One or more parameter values were invalid: Null attribute value types "
          "must have the value of true");
  } else if (type == "SS" || type == "NS" || type == "BS") {
    return check_set(type, inner);
  } else if (type == "L") {
    if (!inner.is_array()) return empty_value();
    for (auto& element : inner.get_array()) {
      if (auto checked = check_at(element, depth + 1); !checked) return checked;
    }
  } else if (type == "M") {
    if (!inner.is_object()) return empty_value();
    for (auto& [name, element] : inner.get_object()) {
      if (auto checked = check_at(element, depth + 1); !checked) return checked;
    }
  } else {
    return empty_value();
  }
  return {};
}

std::int64_t size_of_number(std::string_view text) {
  const auto digits =
      std::count_if(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  return 1 + (digits + 1) / 2 + (text.starts_with('-') ? 1 : 0);
}

std::int64_t size_of_value(const json::value& value) {
  const std::string_view type = type_of(value);
  const json::value& inner = content(value);
  std::int64_t size = 0;
  if (type == "S") return static_cast<std::int64_t>(inner.get_string().size());
  if (type == "B") return static_cast<std::int64_t>(inner.get_string().size()) * 3 / 4;
  if (type == "N") return size_of_number(inner.get_string());
  if (type == "BOOL" || type == "NULL") return 1;
  if (type == "L") {
    size = 3;
    for (const auto& element : inner.get_array()) size += 1 + size_of_value(element);
  } else if (type == "M") {
    size = 3;
    for (const auto& [name, element] : inner.get_object())
      size += 1 + static_cast<std::int64_t>(name.size()) + size_of_value(element);
  } else {
    for (const auto& element : inner.get_array())
      size += type == "NS" ? size_of_number(element.get_string())
                           : static_cast<std::int64_t>(element.get_string().size());
  }
  return size;
}

}  // namespace

std::optional<Number> read_number(std::string_view text) {
  if (const auto integer = plain_integer(text)) return without_zeros({*integer, 0});
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  Number number;
  bool any = false, point = false;
  std::size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point) {
      point = true;
      continue;
    }
    if (c < '0' || c > '9') break;
    any = true;
    if (count_digits(number.digits) >= kMostDigits) {
      if (c != '0') return std::nullopt;
      if (!point) ++number.exponent;
      continue;
    }
    number.digits = number.digits * 10 + (c - '0');
    if (point) --number.exponent;
  }
  if (!any) return std::nullopt;
  if (at < text.size()) {
    if (text[at] != 'e' && text[at] != 'E') return std::nullopt;
    auto exponent = text.substr(at + 1);
    if (exponent.starts_with('+')) exponent.remove_prefix(1);
    const auto value = plain_integer(exponent);
    if (!value || *value > 1000 || *value < -1000) return std::nullopt;
    number.exponent += static_cast<int>(*value);
  }
  if (negative) number.digits = -number.digits;
  return within_range(number);
}

std::string number_text(const Number& number) {
  if (number.digits == 0) return "0";
  const bool negative = number.digits < 0;
  std::string digits;
  for (Digits rest = negative ? -number.digits : number.digits; rest != 0; rest /= 10)
    digits.insert(digits.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
  const int before_point = static_cast<int>(digits.size()) + number.exponent;
  if (number.exponent >= 0 && before_point <= 40) {
    digits.append(static_cast<std::size_t>(number.exponent), '0');
  } else if (before_point > 0 && number.exponent < 0) {
    digits.insert(static_cast<std::size_t>(before_point), ".");
  } else if (before_point <= 0 && before_point > -40) {
    digits = "0." + std::string(static_cast<std::size_t>(-before_point), '0') + digits;
  } else {
    if (digits.size() > 1) digits.insert(1, ".");
    digits += fmt::format("E{:+}", before_point - 1);
  }
  return negative ? "-" + digits : digits;
}

std::strong_ordering order(const Number& a, const Number& b) {
  auto sign = [](Digits digits) { return digits < 0 ? -1 : digits > 0 ? 1 : 0; };
  if (sign(a.digits) != sign(b.digits)) return sign(a.digits) <=> sign(b.digits);
  if (a.digits == 0) return std::strong_ordering::equal;
  const int magnitude_a = count_digits(a.digits) + a.exponent;
  const int magnitude_b = count_digits(b.digits) + b.exponent;
  if (magnitude_a != magnitude_b)
    return a.digits > 0 ? magnitude_a <=> magnitude_b : magnitude_b <=> magnitude_a;
  // Of the same magnitude, so neither side gets more than 38 digits.
  const Digits scaled_a = a.digits * power_of_ten(std::max(0, a.exponent - b.exponent));
  const Digits scaled_b = b.digits * power_of_ten(std::max(0, b.exponent - a.exponent));
  if (scaled_a == scaled_b) return std::strong_ordering::equal;
  return scaled_a < scaled_b ? std::strong_ordering::less : std::strong_ordering::greater;
}

std::optional<Number> sum(const Number& a, const Number& b) {
  if (a.digits == 0) return b;
  if (b.digits == 0) return a;
  const int exponent = std::min(a.exponent, b.exponent);
  const int widest = std::max(count_digits(a.digits) + a.exponent - exponent,
                              count_digits(b.digits) + b.exponent - exponent);
  if (widest > kMostDigits) return std::nullopt;
  return within_range({a.digits * power_of_ten(a.exponent - exponent) +
                           b.digits * power_of_ten(b.exponent - exponent),
                       exponent});
}

std::optional<Number> difference(const Number& a, const Number& b) {
  return sum(a, {-b.digits, b.exponent});
}

Result<void> check_value(json::value& value) { return check_at(value, 1); }

Result<void> check_item(json::object& item) {
  for (auto& [name, value] : item) {
    if (name.empty())
      return bad_request("One or more parameter values were invalid: an attribute has no name");
    if (auto checked = check_value(value); !checked) return checked;
  }
  return {};
}

bool equal(const json::value& a, const json::value& b) {
  const std::string_view type = type_of(a);
  if (type != type_of(b)) return false;
  const json::value& left = content(a);
  const json::value& right = content(b);
  if (type == "N") return order(a, b) == std::strong_ordering::equal;
  if (type == "SS" || type == "NS" || type == "BS") return elements(left) == elements(right);
  if (type == "L") {
    const auto& x = left.get_array();
    const auto& y = right.get_array();
    return std::equal(x.begin(), x.end(), y.begin(), y.end(), equal);
  }
  if (type == "M") {
    const auto& x = left.get_object();
    const auto& y = right.get_object();
    return x.size() == y.size() && std::all_of(x.begin(), x.end(), [&](const auto& entry) {
             const auto* other = y.if_contains(entry.key());
             return other && equal(entry.value(), *other);
           });
  }
  return left == right;
}

std::optional<std::strong_ordering> order(const json::value& a, const json::value& b) {
  const std::string_view type = type_of(a);
  if (type != type_of(b)) return std::nullopt;
  if (type == "N") {
    const auto x = plain_integer(text_of(a)), y = plain_integer(text_of(b));
    if (x && y) return *x <=> *y;
    return order(*read_number(text_of(a)), *read_number(text_of(b)));
  }
  if (type != "S" && type != "B") return std::nullopt;
  return text_of(a).compare(text_of(b)) <=> 0;
}

std::int64_t size_of(const json::object& item) {
  std::int64_t size = 0;
  for (const auto& [name, value] : item)
    size += static_cast<std::int64_t>(name.size()) + size_of_value(value);
  return size;
}

Error bad_request(std::string message) {
  return {Code::internal, "ValidationException: " + std::move(message), {}};
}

}  // namespace sosw::simulation
