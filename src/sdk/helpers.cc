// SPDX-License-Identifier: MIT
// Helpers for numbers, texts and lists.
#include "sosw/helpers.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "sdk/python.h"
#include "sdk/text.h"

namespace sosw {

namespace json = boost::json;
using sdk::strip;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_small(char c) { return c >= 'a' && c <= 'z'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }

bool is_ten_digits(std::string_view text) {
  return text.size() == 10 && std::all_of(text.begin(), text.end(), is_digit);
}

std::string without(std::string_view text, char c) {
  std::string out(text);
  out.erase(std::remove(out.begin(), out.end(), c), out.end());
  return out;
}

ValueError no_account(std::string_view account) {
  return ValueError(fmt::format("'{}' is no account: ten digits, or 123-456-7890", account));
}

// Whether there is nothing but decimal digits.
bool is_digits(std::string_view text) {
  if (text.empty()) return false;
  for (std::size_t at = 0; at < text.size();)
    if (!sdk::digit(sdk::next_character(text, at))) return false;
  return true;
}

void append_number(std::string_view text, std::vector<std::int64_t>& out) {
  const auto word = strip(text);
  if (is_digits(word)) out.push_back(sdk::to_int(json::value(word)));
}

}  // namespace

std::string validate_account_to_dashed(const json::value& account) {
  const auto text = sdk::to_str(account);
  const auto bare = strip(text);
  const auto digits = without(bare, '-');
  if (!is_ten_digits(digits)) throw no_account(bare);
  auto dashed = fmt::format("{}-{}-{}", digits.substr(0, 3), digits.substr(3, 3), digits.substr(6));
  if (bare != digits && bare != dashed) throw no_account(bare);
  return dashed;
}

std::int64_t validate_account_to_int(const json::value& account) {
  const auto text = sdk::to_str(account);
  const auto digits = without(strip(text), '-');
  if (!is_ten_digits(digits)) throw no_account(text);
  return sdk::to_int(json::value(digits));
}

std::vector<std::int64_t> validate_list_of_numbers_from_csv(const json::value& data) {
  std::vector<std::int64_t> out;
  if (data.is_string()) {
    for (const auto part : sdk::split(data.get_string(), ",")) append_number(part, out);
  } else if (data.is_number() || data.is_bool()) {
    out.push_back(sdk::to_int(data));
  } else if (data.is_array()) {
    for (const auto& element : data.get_array()) {
      if (element.is_number() || element.is_bool())
        out.push_back(sdk::to_int(element));
      else if (element.is_string())
        append_number(element.get_string(), out);
    }
  } else if (data.is_object()) {
    for (const auto& member : data.get_object()) append_number(member.key(), out);
  }
  return out;
}

bool to_bool(const json::value& val) {
  if (val.is_number() || val.is_bool()) return sdk::truth(val);
  if (val.is_string()) {
    const auto word = sdk::lower(val.get_string());
    if (word == "true" || word == "1") return true;
    if (word == "false" || word == "0") return false;
  }
  throw ValueError(fmt::format("{} is neither true nor false", sdk::to_repr(val)));
}

std::uint64_t small_int_from_string(std::string_view input_string, int num_digits) {
  if (num_digits < 1 || num_digits > 19)
    throw ValueError(fmt::format("the number of digits must be 1 to 19, not {}", num_digits));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(input_string.data(), input_string.size(), digest.data(), &size, EVP_md5(),
                 nullptr) != 1)
    throw RuntimeError("this OpenSSL computes no MD5");
  std::uint64_t modulus = 1;
  for (int i = 0; i < num_digits; ++i) modulus *= 10;
  __extension__ using Wide = unsigned __int128;
  Wide rest = 0;
  for (unsigned i = 0; i < size; ++i) rest = (rest * 256 + digest[i]) % modulus;
  return static_cast<std::uint64_t>(rest);
}

bool validate_uuid4(std::string_view uuid_string) {
  constexpr std::string_view kUrn = "urn:uuid:";
  if (uuid_string.starts_with(kUrn)) uuid_string.remove_prefix(kUrn.size());
  if (uuid_string.starts_with('{') && uuid_string.ends_with('}'))
    uuid_string = uuid_string.substr(1, uuid_string.size() - 2);
  const auto digits = sdk::lower(without(uuid_string, '-'));
  const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
  return digits.size() == 32 && std::all_of(digits.begin(), digits.end(), is_hex) &&
         digits[12] == '4' && std::string_view("89ab").find(digits[16]) != std::string_view::npos;
}

std::string camel_case_to_underscore(const json::value& name) {
  const auto text = sdk::to_str(name);
  // A capital with small letters after it begins a word, unless the text or a line begins with it,
  // or the character before it belongs to the word before.
  std::string words;
  for (std::size_t i = 0; i < text.size();) {
    if (i + 2 >= text.size() || text[i] == '\n' || !is_capital(text[i + 1]) ||
        !is_small(text[i + 2])) {
      words += text[i++];
      continue;
    }
    words += text[i];
    words += '_';
    words += text[++i];
    while (++i < text.size() && is_small(text[i])) words += text[i];
  }
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0 && is_capital(words[i]) && (is_small(words[i - 1]) || is_digit(words[i - 1])))
      out += '_';
    out += words[i];
  }
  return sdk::lower(out);
}

std::string rstrip_all(std::string_view input, const std::vector<std::string>& patterns) {
  auto rest = strip(input);
  for (;;) {
    std::size_t longest = 0;
    for (const auto& pattern : patterns)
      if (rest.ends_with(pattern)) longest = std::max(longest, pattern.size());
    if (longest == 0) return std::string(rest);
    rest = strip(rest.substr(0, rest.size() - longest));
  }
}

std::string convert_string_to_words(std::string_view string) {
  const auto small = sdk::lower(string);
  const auto text = strip(small);
  std::string out;
  bool in_blanks = false;
  for (std::size_t at = 0; at < text.size();) {
    const auto start = at;
    const bool blank = sdk::is_blank(sdk::next_character(text, at));
    if (!blank)
      out += text.substr(start, at - start);
    else if (!in_blanks)
      out += ',';
    in_blanks = blank;
  }
  return out;
}

std::vector<std::string> validate_list_of_words_from_csv_or_list(const json::value& data) {
  std::vector<std::string> out;
  const auto append = [&](const json::value& row) {
    if (!row.is_string())
      throw TypeError(
          fmt::format("{} ({}) is no text with words", sdk::to_repr(row), sdk::kind_name(row)));
    for (const auto part : sdk::split(row.get_string(), ",")) out.emplace_back(strip(part));
  };
  if (data.is_array()) {
    for (const auto& element : data.get_array()) append(element);
  } else {
    append(data);
  }
  for (const auto& word : out)
    if (word.find(' ') != word.npos)
      throw ValueError(fmt::format("'{}' is more than one word", word));
  return out;
}

std::vector<std::string_view> chunks(std::string_view l, std::ptrdiff_t n) {
  if (n <= 0) throw ValueError("chunks: the size of a chunk must be positive");
  std::vector<std::string_view> out;
  for (std::size_t at = 0; at < l.size();) {
    const auto start = at;
    for (std::ptrdiff_t i = 0; i < n && at < l.size(); ++i) sdk::next_character(l, at);
    out.push_back(l.substr(start, at - start));
  }
  return out;
}

namespace detail {

template <>
std::string convert(const json::value& value) {
  return sdk::to_str(value);
}
template <>
std::int64_t convert(const json::value& value) {
  return sdk::to_int(value);
}
template <>
double convert(const json::value& value) {
  return sdk::to_float(value);
}

const json::value* find_one(const json::object& input, std::string_view name) {
  if (const auto* one = input.if_contains(name); one && sdk::truth(*one)) return one;
  const auto plural = std::string(name) + "s";
  const auto* several = input.if_contains(plural);
  if (!several || !sdk::truth(*several)) return nullptr;
  if (!several->is_array())
    throw ValueError(fmt::format("'{}' is not a list but {}", plural, sdk::to_repr(*several)));
  const auto& list = several->get_array();
  if (list.size() > 1)
    throw ValueError(fmt::format("'{}' has {} values, not one", plural, list.size()));
  return &list.front();
}

}  // namespace detail

json::value get_one_or_none_from_dict(const json::object& input, std::string_view name) {
  const auto* value = detail::find_one(input, name);
  return value ? *value : nullptr;
}

json::value get_one_from_dict(const json::object& input, std::string_view name) {
  const auto* value = detail::find_one(input, name);
  if (!value || !sdk::truth(*value))
    throw ValueError(fmt::format("there is no '{}' and no '{}s', or it is empty or 0", name, name));
  return *value;
}

json::array get_list_of_multiple_or_one_or_empty_from_dict(const json::object& input,
                                                           std::string_view name) {
  const auto singular = name.substr(0, name.find_last_not_of('s') + 1);
  for (const auto key : {name, singular}) {
    const auto* found = input.if_contains(key);
    if (!found || !sdk::truth(*found)) continue;
    if (found->is_array()) return found->get_array();
    return json::array{*found};
  }
  return {};
}

}  // namespace sosw
