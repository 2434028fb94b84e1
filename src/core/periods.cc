// SPDX-License-Identifier: MIT
#include "core/periods.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <regex>

#include "core/config_reader.h"
#include "core/suggest.h"

namespace sosw {
namespace {

using std::chrono::days;

constexpr Date kFirstDate = std::chrono::year{1} / 1 / 1;
constexpr Date kLastDate = std::chrono::year{9999} / 12 / 31;
constexpr std::size_t kLongestPeriod = 200;  // bounds the work of a custom regex

using Dates = Result<std::vector<std::string>>;

// Every `step`-th date from `from` to `to` days relative to today.
Dates span(std::string_view period, Date today, std::int64_t from, std::int64_t to,
           std::int64_t step) {
  if (from > to) return std::vector<std::string>();
  if (from < (kFirstDate - today).count() || to > (kLastDate - today).count())
    return invalid(fmt::format("period '{}' reaches beyond the years 1 to 9999", period));
  const auto count = (to - from) / step + 1;
  if (count > kMaxDates)
    return invalid(fmt::format("period '{}' asks for {} dates", period, count),
                   fmt::format("at most {} are allowed", kMaxDates));
  std::vector<std::string> dates;
  dates.reserve(static_cast<std::size_t>(count));
  for (auto offset = from; offset <= to; offset += step)
    dates.push_back(iso_date(today + days(offset)));
  return dates;
}

Dates last_x_days(std::string_view period, Date today, std::int64_t x, std::int64_t) {
  return span(period, today, -x, -1, 1);
}

Dates x_days_back(std::string_view period, Date today, std::int64_t x, std::int64_t) {
  return span(period, today, -x, -x, 1);
}

Dates yesterday(std::string_view period, Date today, std::int64_t, std::int64_t) {
  return span(period, today, -1, -1, 1);
}

Dates only_today(std::string_view period, Date today, std::int64_t, std::int64_t) {
  return span(period, today, 0, 0, 1);
}

Dates previous_x_days(std::string_view period, Date today, std::int64_t x, std::int64_t) {
  return span(period, today, -2 * x, -x - 1, 1);
}

Dates week_back(std::string_view period, Date today, std::int64_t weeks) {
  const auto weekday = std::chrono::weekday(today).iso_encoding() - 1;  // Monday is 0
  const auto sunday = -static_cast<std::int64_t>(weekday) - 1 - 7 * weeks;
  return span(period, today, sunday, sunday + 6, 1);
}

Dates last_week(std::string_view period, Date today, std::int64_t, std::int64_t) {
  return week_back(period, today, 1);
}

Dates previous_week(std::string_view period, Date today, std::int64_t, std::int64_t) {
  return week_back(period, today, 2);
}

Dates smart_x_of_y_days_back(std::string_view period, Date today, std::int64_t x, std::int64_t y) {
  if (x < 1 || x > y)
    return invalid(fmt::format("period '{}' takes {} of {} days", period, x, y),
                   "it must take at least one, and no more than there are");
  if (x > kMaxDates)
    return invalid(fmt::format("period '{}' asks for {} dates", period, x),
                   fmt::format("at most {} are allowed", kMaxDates));
  if (y > (today - kFirstDate).count())
    return invalid(fmt::format("period '{}' reaches beyond the years 1 to 9999", period));
  std::vector<std::string> dates;
  dates.reserve(static_cast<std::size_t>(x));
  std::int64_t taken = 0;  // the oldest day so far: offsets only grow
  for (std::int64_t i = 0; i < x; ++i) {
    const double part = x == 1 ? 0 : static_cast<double>(i) / static_cast<double>(x - 1);
    const auto offset = std::llround(1 + static_cast<double>(y - 1) * part * part);
    taken = std::max<std::int64_t>(offset, taken + 1);
    dates.push_back(iso_date(today - days(taken)));
  }
  std::reverse(dates.begin(), dates.end());
  return dates;
}

struct BuiltIn {
  std::string_view pattern;  // '#' stands for a number
  std::string_view shown;
  Dates (*dates)(std::string_view period, Date today, std::int64_t x, std::int64_t y);
};

constexpr std::array<BuiltIn, 8> kBuiltIn = {{
    {"last_#_days", "last_X_days", last_x_days},
    {"#_days_back", "X_days_back", x_days_back},
    {"yesterday", "yesterday", yesterday},
    {"today", "today", only_today},
    {"previous_#_days", "previous_X_days", previous_x_days},
    {"last_week", "last_week", last_week},
    {"previous_week", "previous_week", previous_week},
    {"smart_#_of_#_days_back", "smart_X_of_Y_days_back", smart_x_of_y_days_back},
}};

// The numbers of the period if it begins as the pattern says.
std::optional<std::array<std::int64_t, 2>> match(std::string_view pattern,
                                                 std::string_view period) {
  // What does not fit is as far beyond the calendar as this is, and twice this still fits.
  constexpr auto kHuge = std::numeric_limits<std::int64_t>::max() / 4;
  std::array<std::int64_t, 2> numbers = {};
  std::size_t count = 0;
  for (const char c : pattern) {
    if (c != '#') {
      if (period.substr(0, 1) != std::string_view(&c, 1)) return std::nullopt;
      period.remove_prefix(1);
      continue;
    }
    const auto digits = std::min(period.find_first_not_of("0123456789"), period.size());
    if (digits == 0) return std::nullopt;
    auto& number = numbers[count++];
    if (std::from_chars(period.data(), period.data() + digits, number).ec != std::errc() ||
        number > kHuge)
      number = kHuge;
    period.remove_prefix(digits);
  }
  return numbers;
}

// "last_7_dais" as "last_X_dais", so that the number does not spoil the search for the nearest.
std::string without_numbers(std::string_view period) {
  std::string out;
  for (const char c : period)
    if (c < '0' || c > '9')
      out += c;
    else if (out.empty() || out.back() != 'X')
      out += 'X';
  return out;
}

Result<std::int64_t> whole_days(std::string_view entry, const json::object& object,
                                std::string_view key) {
  const auto* value = object.if_contains(key);
  constexpr std::int64_t kMost = 10'000'000;  // beyond the calendar from any today
  if (value && value->is_int64() && value->get_int64() > -kMost && value->get_int64() < kMost)
    return value->get_int64();
  return invalid(
      fmt::format("custom_period_patterns: '{}': '{}' is no whole number of days", entry, key),
      R"(an entry is {"from": -7, "to": -1, "step": 1}, relative to today)");
}

}  // namespace

std::string iso_date(Date date) {
  const std::chrono::year_month_day civil(date);
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(civil.year()),
                     static_cast<unsigned>(civil.month()), static_cast<unsigned>(civil.day()));
}

Result<Date> parse_iso_date(std::string_view text) {
  const auto number = [&](std::size_t from, std::size_t size) {
    int value = -1;
    const auto part = text.substr(from, size);
    const auto read = std::from_chars(part.data(), part.data() + part.size(), value);
    return read.ptr == part.data() + part.size() ? value : -1;
  };
  if (text.size() == 10 && text[4] == '-' && text[7] == '-') {
    const auto civil = std::chrono::year(number(0, 4)) / number(5, 2) / number(8, 2);
    if (civil.ok() && civil.year() >= std::chrono::year(1)) return Date(civil);
  }
  return invalid(fmt::format("'{}' is no date", text), "write it as YYYY-MM-DD");
}

Dates dates_between(Date first, Date last) {
  if (first > last)
    return invalid(
        fmt::format("st_date {} lies after en_date {}", iso_date(first), iso_date(last)));
  if (const auto count = (last - first).count() + 1; count > kMaxDates)
    return invalid(fmt::format("st_date {} to en_date {} are {} dates", iso_date(first),
                               iso_date(last), count),
                   fmt::format("at most {} are allowed", kMaxDates));
  return span("st_date", first, 0, (last - first).count(), 1);
}

Result<Periods> Periods::from_config(const json::value& config) {
  const auto wrong = [](std::string_view what) {
    return invalid(
        fmt::format("custom_period_patterns: {}", what),
        R"(it is a list of names, or an object {regex: {"from": -7, "to": -1, "step": 1}})");
  };
  Periods periods;
  static const json::object kNone;
  ConfigReader reader("custom_period_patterns", kNone);  // remembers all that is wrong
  const auto add = [&](const json::object& object) {
    for (const auto& member : object) {
      const std::string_view pattern = member.key();
      if (!member.value().is_object()) {
        reader.fail(wrong(fmt::format("'{}' has no object", pattern)));
        continue;
      }
      const auto& entry = member.value().get_object();
      for (const auto& inner : entry)
        if (inner.key() != "from" && inner.key() != "to" && inner.key() != "step")
          reader.fail(wrong(
              fmt::format("'{}' has an unknown key '{}'", pattern, std::string_view(inner.key()))));
      const auto from = whole_days(pattern, entry, "from");
      const auto to = whole_days(pattern, entry, "to");
      const auto step =
          entry.contains("step") ? whole_days(pattern, entry, "step") : Result<std::int64_t>(1);
      for (const auto* days : {&from, &to, &step})
        if (!*days) reader.fail(days->error());
      if (step && *step < 1) reader.fail(wrong(fmt::format("'{}' has a step below 1", pattern)));
      if (from && to && *from > *to)
        reader.fail(wrong(fmt::format("'{}' begins after its end", pattern)));
      try {
        const std::regex compiled{std::string(pattern)};
      } catch (const std::regex_error& error) {
        reader.fail(wrong(fmt::format("'{}' is no regular expression: {}", pattern, error.what())));
      }
      if (!reader.failed())
        periods.custom_.push_back({std::string(pattern), Custom::Span{*from, *to, *step}});
    }
  };
  if (config.is_null()) return periods;
  if (config.is_object()) {
    add(config.get_object());
  } else if (config.is_array()) {
    for (const auto& entry : config.get_array()) {
      if (entry.is_string())
        periods.custom_.push_back({std::string(entry.get_string()), std::nullopt});
      else if (entry.is_object())
        add(entry.get_object());
      else
        reader.fail(wrong("an entry is neither a name nor an object"));
    }
  } else {
    reader.fail(wrong("neither a list nor an object"));
  }
  if (reader.failed()) return *reader.failed();
  return periods;
}

Dates Periods::dates(std::string_view period, Date today) const {
  for (const auto& known : kBuiltIn)
    if (const auto numbers = match(known.pattern, period))
      return known.dates(period, today, (*numbers)[0], (*numbers)[1]);
  std::vector<std::string_view> names;
  names.reserve(kBuiltIn.size() + custom_.size());
  for (const auto& known : kBuiltIn) names.push_back(known.shown);
  if (period.size() > kLongestPeriod)
    return invalid(fmt::format("unknown period '{}...'", period.substr(0, kLongestPeriod)));
  for (const auto& custom : custom_) {
    names.push_back(custom.pattern);
    if (custom.span) {
      const std::regex pattern(custom.pattern);
      if (std::regex_search(period.begin(), period.end(), pattern,
                            std::regex_constants::match_continuous))
        return span(period, today, custom.span->from, custom.span->to, custom.span->step);
    } else if (period.substr(0, custom.pattern.size()) == custom.pattern) {
      return invalid(
          fmt::format("custom_period_patterns names '{}', which is not built in", custom.pattern),
          fmt::format("give its days: {{\"{}\": {{\"from\": -7, \"to\": -1}}}}", custom.pattern));
    }
  }
  const auto close = nearest(without_numbers(period), names);
  return invalid(
      fmt::format("unknown period '{}'", period),
      fmt::format("{}known: {}; or st_date and en_date",
                  close ? fmt::format("did you mean '{}'? ", *close) : "", fmt::join(names, ", ")));
}

}  // namespace sosw
