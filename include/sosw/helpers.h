// SPDX-License-Identifier: MIT
// The helpers of sosw: small functions for events, dates, dictionaries and names.
//
// They carry the names and do what the helpers of the Python sosw do. Where that takes whatever it
// is given, so do these, as boost::json::value; where it takes a text or a dictionary, these take
// std::string_view and boost::json::object. Differences on purpose are said at the function.
//
// None of them keeps anything: all may be called from any thread. What is wrong with an argument is
// thrown as one of the classes of errors.h. Texts are UTF-8. Dates and times are in UTC, without
// leap seconds.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sosw/errors.h"

namespace sosw {

// A text of whatever class: std::string, std::string_view, a literal.
template <class T>
concept TextLike = std::convertible_to<const T&, std::string_view>;

// ------------------------------------------------------------------------------------------------
// Numbers and accounts

// An account of Google Ads, ten digits as a text or a number, in the form "123-456-7890" or
// "1234567890"; blanks around it do not matter. Throws ValueError for anything else. (The original
// takes "123-456-7890" with more characters after it for an account.)
std::string validate_account_to_dashed(const boost::json::value& account);
// The same as a number. Dashes may be anywhere. Throws ValueError.
std::int64_t validate_account_to_int(const boost::json::value& account);

// Whole numbers from a text with commas, a list, or a single number, in their order and with
// repetitions. A fraction is cut off. What is no number (a word, "-1" as a text, a list) is left
// out, so the result may be empty. Throws ValueError for a number that 64 bits cannot hold.
std::vector<std::int64_t> validate_list_of_numbers_from_csv(const boost::json::value& data);

// True for true, numbers but 0, and the texts "true" and "1" in capitals or not; false for false,
// 0, "false" and "0". Throws ValueError for everything else.
bool to_bool(const boost::json::value& val);

// A number with at most `num_digits` digits that is always the same for a text: its MD5 modulo
// 10^num_digits. Not for secrets. Throws ValueError unless 1 <= num_digits <= 19.
std::uint64_t small_int_from_string(std::string_view input_string, int num_digits = 2);

// Whether it is a random UUID (version 4): 32 hexadecimal digits, with or without dashes, braces
// and "urn:uuid:". (The original never says yes, and takes every version.)
bool validate_uuid4(std::string_view uuid_string);

// ------------------------------------------------------------------------------------------------
// Texts and lists

// "HTTPResponse" becomes "http_response". Other values are written as Python does (5, True).
std::string camel_case_to_underscore(const boost::json::value& name);

// The text without blanks around it and without any of the patterns at its right, again and again
// until none is left. "foobarbar", {"bar"}: "foo". Patterns are plain texts.
std::string rstrip_all(std::string_view input, const std::vector<std::string>& patterns);

// Small letters, blanks around it gone, each run of blanks inside a comma: "Foo  bar" becomes
// "foo,bar".
std::string convert_string_to_words(std::string_view string);

// Words from a text with commas, or from a list of such texts, without blanks around them. An empty
// text is one empty word. Throws ValueError for a blank inside a word, TypeError for what is no
// text.
std::vector<std::string> validate_list_of_words_from_csv_or_list(const boost::json::value& data);

// Some neighbours of a range, which must outlive it: iterators, or a pointer to elements.
template <std::forward_iterator Iterator>
class Chunk {
 public:
  Chunk(Iterator first, Iterator last) : first_(std::move(first)), last_(std::move(last)) {}
  [[nodiscard]] Iterator begin() const { return first_; }
  [[nodiscard]] Iterator end() const { return last_; }
  [[nodiscard]] std::size_t size() const {
    return static_cast<std::size_t>(std::distance(first_, last_));
  }

 private:
  Iterator first_;
  Iterator last_;
};

// The range `l` in pieces of `n`, the last with what is left. Nothing is copied: the pieces refer
// to `l`. Throws ValueError unless n > 0 (for n < 0 the original loses the elements).
template <std::ranges::forward_range Range>
requires(std::is_lvalue_reference_v<Range>&& std::ranges::common_range<Range> &&
         !TextLike<std::remove_cvref_t<Range>>) auto chunks(Range&& l, std::ptrdiff_t n) {
  using Iterator = std::ranges::iterator_t<Range>;
  if (n <= 0) throw ValueError("chunks: the size of a chunk must be positive");
  std::vector<Chunk<Iterator>> out;
  const auto end = std::ranges::end(l);
  for (auto first = std::ranges::begin(l); first != end;) {
    auto last = first;
    std::ranges::advance(last, n, end);
    out.emplace_back(first, last);
    first = last;
  }
  return out;
}
// The same for the characters of a text; the pieces refer to it.
std::vector<std::string_view> chunks(std::string_view l, std::ptrdiff_t n);

// The first element for which `condition` is true (without it: the first one), as a copy.
template <std::ranges::input_range Range, class Condition>
requires std::predicate<Condition&, std::ranges::range_reference_t<Range>>
auto first_or_none(Range&& items, Condition condition)
    -> std::optional<std::ranges::range_value_t<Range>> {
  for (auto&& item : items)
    if (std::invoke(condition, item)) return std::forward<decltype(item)>(item);
  return std::nullopt;
}
template <std::ranges::input_range Range>
auto first_or_none(Range&& items) {
  return first_or_none(std::forward<Range>(items), [](const auto&) { return true; });
}

// ------------------------------------------------------------------------------------------------
// Values out of an event

// What a value may be converted to: std::string as Python's str() writes it; std::int64_t and
// double from numbers, true and false, and texts that are numbers.
template <class T>
concept Convertible =
    std::same_as<T, std::string> || std::same_as<T, std::int64_t> || std::same_as<T, double>;

namespace detail {
// Throws ValueError for a text that is no number and what 64 bits cannot hold, TypeError for what
// cannot become a number.
template <Convertible T>
T convert(const boost::json::value& value);
template <>
std::string convert(const boost::json::value& value);
template <>
std::int64_t convert(const boost::json::value& value);
template <>
double convert(const boost::json::value& value);

// Where get_one_or_none_from_dict finds the value; null if nowhere.
const boost::json::value* find_one(const boost::json::object& input, std::string_view name);
}  // namespace detail

// input[name], else the only element of the list input[name + "s"], else null. What is empty or 0
// counts as absent. Throws ValueError when the plural holds more than one value or is no list.
boost::json::value get_one_or_none_from_dict(const boost::json::object& input,
                                             std::string_view name);
// The same, converted: get_one_or_none_from_dict<std::int64_t>(event, "word"). Throws also what
// detail::convert does.
template <Convertible T>
std::optional<T> get_one_or_none_from_dict(const boost::json::object& input, std::string_view name);

// The same, but a value that is absent, empty or 0 (after the conversion too) is a ValueError.
boost::json::value get_one_from_dict(const boost::json::object& input, std::string_view name);
template <Convertible T>
T get_one_from_dict(const boost::json::object& input, std::string_view name);

// The elements of input[name], where `name` is a plural, else of the same without any "s" at its
// end. A single value is a list of one; what is empty or 0 counts as absent; the result may be
// empty.
boost::json::array get_list_of_multiple_or_one_or_empty_from_dict(const boost::json::object& input,
                                                                  std::string_view name);
// The same, each element converted. Throws what detail::convert does.
template <Convertible T>
std::vector<T> get_list_of_multiple_or_one_or_empty_from_dict(const boost::json::object& input,
                                                              std::string_view name);

// ------------------------------------------------------------------------------------------------
// Dates

// Today by the clock of the machine.
std::chrono::year_month_day today_utc();

// A moment: seconds since 1970 as a number or a text of digits (milliseconds when seconds would lie
// beyond the year 9999), "YYYY-MM-DD", or "YYYY-MM-DD HH:MM:SS" (what follows is ignored). Rounded
// to microseconds. Throws ValueError for everything else and outside of the years 1 to 9999.
std::chrono::sys_time<std::chrono::microseconds> validate_datetime_from_something(
    const boost::json::value& d);
// The beginning of that day.
std::chrono::sys_time<std::chrono::microseconds> validate_datetime_from_something(
    std::chrono::year_month_day d);
// Itself, for generic code.
template <class Duration>
std::chrono::sys_time<std::chrono::microseconds> validate_datetime_from_something(
    std::chrono::sys_time<Duration> d) {
  return std::chrono::floor<std::chrono::microseconds>(d);
}

// The day of it, for everything that validate_datetime_from_something takes. Throws what that does.
template <class Something>
std::chrono::year_month_day validate_date_from_something(const Something& d);

// input[key_name], a list of texts "YYYY-MM-DD" or one text with commas, as dates; if it is absent
// or empty the one day that is `days_back` days before `today`. Throws ValueError for other texts
// and a day outside of the years 1 to 9999, AttributeError for a list of something else.
std::vector<std::chrono::year_month_day> validate_date_list_from_event_or_days_back(
    const boost::json::object& input, std::int64_t days_back = 0,
    std::string_view key_name = "date_list", std::chrono::year_month_day today = today_utc());

// A period of an event. Both days belong to it.
struct DatePeriod {
  std::chrono::year_month_day start;
  std::chrono::year_month_day end;
};

// From event["st_date"] to event["en_date"], which is `today` if it is absent. Instead of the start
// an event may have "days_back", counted from the end. Dates are what validate_date_from_something
// takes. Throws AttributeError unless exactly one of both is there, AssertionError unless st_date
// lies before the end, ValueError and TypeError for what is no date or number.
DatePeriod construct_dates_from_event(const boost::json::object& event,
                                      std::chrono::year_month_day today = today_utc());

// Throws ValueError unless the text is a date or time in the format, written as for strptime of
// Python: "%Y/%m/%d". `field_name` is for the message.
void validate_string_matches_datetime_format(std::string_view date_str,
                                             std::string_view date_format,
                                             std::string_view field_name = "date");
// Whether the text has one of the formats.
bool is_valid_date(std::string_view date_str, const std::vector<std::string>& date_formats);

// ------------------------------------------------------------------------------------------------
// Nested dictionaries

struct MatchOptions {
  // Elements of the last level whose `exclude_key` equals `exclude_val` do not count. Both or none,
  // else AttributeError is thrown; an empty key excludes nothing.
  std::optional<std::string> exclude_key = {};
  std::optional<boost::json::value> exclude_val = {};
  bool ignore_case = false;  // of keys
};

// Whether one of the elements at the path `key` ("a.b.c") equals `val`; where a level is a list, in
// each of its elements. Numbers are equal by value (1, 1.0, true). False where the path does not
// exist. Throws TypeError for a path that goes through a text or number to a deeper level.
bool recursive_matches_soft(const boost::json::value& src, std::string_view key,
                            const boost::json::value& val, const MatchOptions& options = {});
bool recursive_matches_soft(const boost::json::object& src, std::string_view key,
                            const boost::json::value& val, const MatchOptions& options = {});
// The same, but a path that does not exist in an element looked at is a KeyError, one that goes
// through a text or number a TypeError.
bool recursive_matches_strict(const boost::json::value& src, std::string_view key,
                              const boost::json::value& val, const MatchOptions& options = {});
bool recursive_matches_strict(const boost::json::object& src, std::string_view key,
                              const boost::json::value& val, const MatchOptions& options = {});

// The value at the path, null if there is none; in lists the first that is not empty or 0. An empty
// `separator` means ".". Throws AttributeError where the last level is no dictionary, TypeError
// where another is none. (The original forgets the separator behind the second level.)
boost::json::value recursive_matches_extract(const boost::json::value& src, std::string_view key,
                                             std::string_view separator = ".",
                                             const MatchOptions& options = {});
boost::json::value recursive_matches_extract(const boost::json::object& src, std::string_view key,
                                             std::string_view separator = ".",
                                             const MatchOptions& options = {});

// {"a": 1, "b__c": 2, "b__d__e": 3} becomes {"a": 1, "b": {"c": 2, "d": {"e": 3}}}. An empty
// separator means "__". Throws ValueError for a key that begins or ends with the separator,
// TypeError for a key that goes into something that is no dictionary.
boost::json::object dunder_to_dict(const boost::json::object& data,
                                   std::string_view separator = "__");

// {"a", "b"}, 42 becomes {"a": {"b": 42}}; without keys it is the value.
boost::json::value nested_dict_from_keys(const std::vector<std::string>& keys,
                                         boost::json::value value = nullptr);

// A copy of `d` with `value` at the path ("a.b.c"); dictionaries that lack on the way are made.
// Throws ValueError for an empty path or separator, and a path that goes through something that is
// no dictionary.
boost::json::object recursive_insert(boost::json::object d, std::string_view path,
                                     boost::json::value value, std::string_view separator = ".");

// `d` with everything of `u` in it, `u` winning. Two dictionaries are merged. Two lists are one
// list of their different elements (plain values, or all of them dictionaries) in their order; with
// lists inside they are put together as they are. A null in `d` counts as absent (in the original
// it is a TypeError).
boost::json::object recursive_update(boost::json::object d, const boost::json::object& u);

// The same number for equal values: dictionaries without regard to order, lists with it, numbers by
// value (1, 1.0, true). For use within one program: it may change with its version. Not for secrets
// nor against opponents.
std::size_t make_hash(const boost::json::value& o);

// ------------------------------------------------------------------------------------------------
// Names of AWS

// The name in an ARN, without version or alias: that of the function, table, topic, role ... A text
// that is no ARN gives what is behind its last colon, so "name:alias" gives "alias". A path within
// the name ends it: "role/path/name" gives "path".
std::string trim_arn_to_name(std::string_view arn);
// The account in an ARN, else the first twelve digits in a row. Throws AttributeError if there are
// none.
std::string trim_arn_to_account(std::string_view arn);

// ------------------------------------------------------------------------------------------------
// Events of SNS and SQS

// Whether the event carries a message of SNS: as Lambda gives it, or as it stands in the body of a
// message of SQS.
bool is_event_from_sns(const boost::json::value& event);
bool is_event_from_sqs(const boost::json::value& event);

// The message of SNS, decoded. Throws ValueError for an event from elsewhere or with several
// records, JSONDecodeError for a message that is no JSON, TypeError for one that is no text.
boost::json::value get_message_dict_from_sns_event(const boost::json::value& event);

// The messages that an event carries, taken out of each other ("sqs" around "sns") at most ten
// times. An event from elsewhere is its own message. `sources`: "sns", "sqs", in capitals or not;
// none means both, in this order. Throws KeyError for another source or a message without a body,
// and what get_message_dict_from_sns_event does.
boost::json::array unwrap_event_recursively(const boost::json::value& event,
                                            const std::vector<std::string>& sources = {});

// ------------------------------------------------------------------------------------------------

template <Convertible T>
std::optional<T> get_one_or_none_from_dict(const boost::json::object& input,
                                           std::string_view name) {
  const auto* value = detail::find_one(input, name);
  return value ? std::optional(detail::convert<T>(*value)) : std::nullopt;
}

template <Convertible T>
T get_one_from_dict(const boost::json::object& input, std::string_view name) {
  auto out = get_one_or_none_from_dict<T>(input, name);
  if (!out || *out == T())
    throw ValueError("there is no " + std::string(name) + ", or it is empty or 0");
  return std::move(*out);
}

template <Convertible T>
std::vector<T> get_list_of_multiple_or_one_or_empty_from_dict(const boost::json::object& input,
                                                              std::string_view name) {
  std::vector<T> out;
  for (const auto& value : get_list_of_multiple_or_one_or_empty_from_dict(input, name))
    out.push_back(detail::convert<T>(value));
  return out;
}

// For texts of every class what stands above for values.
template <TextLike T>
std::string validate_account_to_dashed(const T& account) {
  return validate_account_to_dashed(boost::json::value(std::string_view(account)));
}
template <TextLike T>
std::int64_t validate_account_to_int(const T& account) {
  return validate_account_to_int(boost::json::value(std::string_view(account)));
}
template <TextLike T>
std::vector<std::int64_t> validate_list_of_numbers_from_csv(const T& data) {
  return validate_list_of_numbers_from_csv(boost::json::value(std::string_view(data)));
}
template <TextLike T>
bool to_bool(const T& val) {
  return to_bool(boost::json::value(std::string_view(val)));
}
template <TextLike T>
std::string camel_case_to_underscore(const T& name) {
  return camel_case_to_underscore(boost::json::value(std::string_view(name)));
}
template <TextLike T>
std::vector<std::string> validate_list_of_words_from_csv_or_list(const T& data) {
  return validate_list_of_words_from_csv_or_list(boost::json::value(std::string_view(data)));
}
template <TextLike T>
std::chrono::sys_time<std::chrono::microseconds> validate_datetime_from_something(const T& d) {
  return validate_datetime_from_something(boost::json::value(std::string_view(d)));
}
template <class Something>
std::chrono::year_month_day validate_date_from_something(const Something& d) {
  return std::chrono::floor<std::chrono::days>(validate_datetime_from_something(d));
}

}  // namespace sosw
