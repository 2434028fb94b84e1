// SPDX-License-Identifier: MIT
// Dates out of events.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "sdk/python.h"
#include "sdk/strptime.h"
#include "sdk/text.h"
#include "sosw/helpers.h"

namespace sosw {

namespace json = boost::json;

namespace {

using std::chrono::days;
using std::chrono::microseconds;
using std::chrono::sys_days;
using std::chrono::sys_time;
using std::chrono::year_month_day;

// Where a number cannot be seconds any more. The original begins a day early with numbers.
constexpr double kLastDay = 253402214400;  // 9999-12-31
constexpr double kYear10000 = 253402300800;
constexpr sys_time<microseconds> kFirst = sys_days(std::chrono::year(1) / 1 / 1);
constexpr sys_time<microseconds> kEnd = sys_days(std::chrono::year(10000) / 1 / 1);
constexpr std::size_t kIsoDate = 10;      // characters of YYYY-MM-DD
constexpr std::size_t kIsoDateTime = 19;  // of YYYY-MM-DD HH:MM:SS

ValueError no_date(const json::value& d) {
  return ValueError(fmt::format(
      "{} is no date: seconds since 1970, YYYY-MM-DD or YYYY-MM-DD HH:MM:SS", sdk::to_repr(d)));
}

ValueError out_of_range(std::string_view what) {
  return ValueError(fmt::format("{} lies outside of the years 1 to 9999", what));
}

// Numbers from `first_of_milliseconds` on are milliseconds.
sys_time<microseconds> from_epoch(double number, double first_of_milliseconds) {
  const double seconds = number < first_of_milliseconds ? number : number / 1000;
  if (std::isnan(seconds)) throw ValueError("nan is no date");
  constexpr double kCountable = 1e12;
  if (std::abs(seconds) > kCountable) throw out_of_range(sdk::to_str(number));
  double whole = 0;
  const double fraction = std::modf(seconds, &whole);
  const auto time = sys_time<microseconds>(std::chrono::seconds(static_cast<std::int64_t>(whole))) +
                    microseconds(std::llrint(fraction * 1e6));  // to the nearest, ties to even
  if (time < kFirst || time >= kEnd) throw out_of_range(sdk::to_str(number));
  return time;
}

// Digits, maybe with points among them.
bool looks_like_a_number(std::string_view text) {
  bool digits = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t c = sdk::next_character(text, at);
    if (c == '.') continue;
    if (!sdk::digit(c)) return false;
    digits = true;
  }
  return digits;
}

// The first characters, and whether that is all.
std::pair<std::string_view, bool> first_characters(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; count > 0 && at < text.size(); --count) sdk::next_character(text, at);
  return {text.substr(0, at), count == 0 && at == text.size()};
}

year_month_day day_of(sys_time<microseconds> time) { return std::chrono::floor<days>(time); }

year_month_day days_before(year_month_day date, std::int64_t count) {
  constexpr std::int64_t kMost = 4'000'000;  // more than there are in 9999 years
  if (std::abs(count) > kMost) throw out_of_range(fmt::format("{} days before a date", count));
  const auto day = sys_days(date) - days(count);
  if (day < kFirst || day >= kEnd) throw out_of_range(fmt::format("{} days before a date", count));
  return day;
}

const json::value* given(const json::object& event, std::string_view name) {
  const auto* value = event.if_contains(name);
  return value && sdk::truth(*value) ? value : nullptr;
}

}  // namespace

year_month_day today_utc() { return std::chrono::floor<days>(std::chrono::system_clock::now()); }

sys_time<microseconds> validate_datetime_from_something(const json::value& d) {
  if (d.is_number() || d.is_bool()) return from_epoch(sdk::to_float(d), kLastDay);
  if (!d.is_string()) throw no_date(d);
  const std::string_view text = d.get_string();
  if (looks_like_a_number(text)) return from_epoch(sdk::to_float(d), kYear10000);
  if (first_characters(text, kIsoDate).second) return sdk::strptime(text, "%Y-%m-%d");
  return sdk::strptime(first_characters(text, kIsoDateTime).first, "%Y-%m-%d %H:%M:%S");
}

sys_time<microseconds> validate_datetime_from_something(year_month_day d) {
  if (!d.ok()) throw ValueError("there is no such day");
  return sys_days(d);
}

std::vector<year_month_day> validate_date_list_from_event_or_days_back(const json::object& input,
                                                                       std::int64_t days_back,
                                                                       std::string_view key_name,
                                                                       year_month_day today) {
  const auto* list = given(input, key_name);
  if (!list) return {days_before(today, days_back)};
  std::vector<year_month_day> out;
  const auto append = [&](std::string_view text) {
    out.push_back(day_of(sdk::strptime(sdk::strip(text), "%Y-%m-%d")));
  };
  if (list->is_array()) {
    for (const auto& element : list->get_array()) {
      if (!element.is_string())
        throw AttributeError(fmt::format("an element of '{}' is not a text but {}", key_name,
                                         sdk::to_repr(element)));
      append(element.get_string());
    }
  } else {
    const auto texts = sdk::to_str(*list);
    for (const auto text : sdk::split(texts, ",")) append(text);
  }
  return out;
}

DatePeriod construct_dates_from_event(const json::object& event, year_month_day today) {
  const auto* en_date = event.if_contains("en_date");
  const auto end = en_date ? validate_date_from_something(*en_date) : today;
  const auto* st_date = given(event, "st_date");
  const auto* days_back = given(event, "days_back");
  if (st_date && days_back)
    throw AttributeError("an event has 'st_date' or 'days_back', this one has both");
  if (days_back) return {days_before(end, sdk::to_int(*days_back)), end};
  if (!st_date) throw AttributeError("an event has 'st_date' or 'days_back', this one has neither");
  const auto start = validate_date_from_something(*st_date);
  if (start >= end) throw AssertionError("'st_date' must lie before 'en_date'");
  return {start, end};
}

void validate_string_matches_datetime_format(std::string_view date_str,
                                             std::string_view date_format,
                                             std::string_view field_name) {
  if (date_str.empty()) throw ValueError(fmt::format("{} is empty", field_name));
  if (date_format.empty()) throw ValueError(fmt::format("the format of {} is empty", field_name));
  try {
    sdk::strptime(date_str, date_format);
  } catch (const ValueError& error) {
    throw ValueError(fmt::format("{}: {}", field_name, error.what()));
  }
}

bool is_valid_date(std::string_view date_str, const std::vector<std::string>& date_formats) {
  return std::any_of(date_formats.begin(), date_formats.end(), [&](const auto& format) {
    try {
      validate_string_matches_datetime_format(date_str, format);
      return true;
    } catch (const ValueError&) {
      return false;
    }
  });
}

}  // namespace sosw
