// SPDX-License-Identifier: MIT
// Dates and times out of texts, numbers and events. The input is lines: a date, a format for it,
// and an event as JSON.
#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <chrono>
#include <optional>

#include "sdk/strptime.h"
#include "sosw/helpers.h"
#include "target.h"

namespace {

namespace json = boost::json;
using sosw::fuzz::require;
using std::chrono::days;
using std::chrono::floor;
using std::chrono::microseconds;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::sys_time;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr auto kToday = year(2020) / 2 / 29;

std::optional<sys_time<microseconds>> time_of(const json::value& value) {
  try {
    return sosw::validate_datetime_from_something(value);
  } catch (const sosw::ValueError&) {
    return std::nullopt;
  }
}

void require_known_year(year_month_day date) {
  require(date.ok() && date.year() >= year(1) && date.year() <= year(9999),
          "a date lies in the years 1 to 9999");
}

std::string written(sys_time<seconds> time) {
  const year_month_day date(floor<days>(time));
  const std::chrono::hh_mm_ss clock(time - floor<days>(time));
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}", int(date.year()),
                     unsigned(date.month()), unsigned(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

// What was read is read again from how it is written.
void moment(const json::value& value) {
  const auto time = time_of(value);
  if (!time) return;
  require_known_year(floor<days>(*time));
  const auto second = floor<seconds>(*time);
  require(time_of(json::value(written(second))) == second, "a time is read as it was written");
  const auto day = sosw::validate_date_from_something(value);
  require(sys_days(day) == floor<days>(*time), "the day of a time is its day");
}

void in_format(std::string_view text, std::string_view format) {
  std::optional<sys_time<microseconds>> time;
  try {
    time = sosw::sdk::strptime(text, format);
    require_known_year(floor<days>(*time));
  } catch (const sosw::ValueError&) {
  }
  const bool valid = sosw::is_valid_date(text, {std::string(format)});
  require(valid == (time && !text.empty() && !format.empty()),
          "a valid date is one that can be read");
}

void event(const json::object& object) {
  try {
    const auto period = sosw::construct_dates_from_event(object, kToday);
    require_known_year(period.start);
    require_known_year(period.end);
  } catch (const sosw::ValueError&) {
  } catch (const sosw::TypeError&) {
  } catch (const sosw::AttributeError&) {
  } catch (const sosw::AssertionError&) {
  }
  try {
    const auto list =
        sosw::validate_date_list_from_event_or_days_back(object, 1, "date_list", kToday);
    require(!list.empty(), "a list of dates has one");
    for (const auto date : list) require_known_year(date);
  } catch (const sosw::ValueError&) {
  } catch (const sosw::AttributeError&) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto input = sosw::fuzz::text_of(data, size);
  const auto text = sosw::fuzz::take_until(input, '\n');
  const auto format = sosw::fuzz::take_until(input, '\n');
  moment(json::value(text));
  in_format(text, format);

  boost::system::error_code not_json;
  const auto number = json::parse(text, not_json);
  if (!not_json) moment(number);
  const auto value = json::parse(input, not_json);
  if (!not_json && value.is_object()) event(value.get_object());
  return 0;
}
