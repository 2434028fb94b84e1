// SPDX-License-Identifier: MIT
// Periods of a job ("last_2_days") as lists of dates.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sosw {

namespace json = boost::json;

// A civil date of nobody's time zone: whoever knows the zone says which one is today.
using Date = std::chrono::sys_days;

// A period that gives more is refused: a job asking for it is a slip of the pen, and the dates of
// an accepted job are stored with it. 100,000 days are 273 years.
inline constexpr std::int64_t kMaxDates = 100'000;

// "2019-01-31"
std::string iso_date(Date date);
// Reads exactly that form, years 1 to 9999. Error: invalid.
Result<Date> parse_iso_date(std::string_view text);

// From `first` to `last`, both inclusive. Errors: invalid, when it is empty or beyond kMaxDates.
Result<std::vector<std::string>> dates_between(Date first, Date last);

// The periods that a job may name, in the order in which they are tried. As in the original a
// pattern needs to match the beginning only: `today_x` is `today`.
//
//   last_X_days               the X days before today, ascending
//   X_days_back               the one day X days ago
//   yesterday, today
//   previous_X_days           the X days that end X + 1 days ago, ascending
//   last_week                 Sunday to Saturday of the week that ended at least two days ago: on a
//                             Sunday not the week that ended yesterday, but the one before (D-49,
//                             kept)
//   previous_week             the seven days before last_week
//   smart_X_of_Y_days_back    X of the last Y days, dense near yesterday: round(1 +
//   (Y-1)(i/(X-1))^2)
//                             days back for i = 0..X-1, a taken day moves to the next older free
//                             one; 1 <= X <= Y
//
// After them the custom ones of the configuration.
class Periods {
 public:
  Periods() = default;

  // `config` is `custom_period_patterns`: a list of names as in the original (they may only name
  // what is built in), or an object {regex: {"from": -7, "to": -1, "step": 1}} in days relative to
  // today, both ends inclusive, step 1 if absent; or a list of both. Null or empty: none. Errors:
  // invalid, naming the entry.
  static Result<Periods> from_config(const json::value& config);

  // The dates of `period`, seen from `today`; "last_0_days" has none. Errors: invalid for a name
  // that is unknown (with the known ones and the nearest), for dates before the year 1, for more
  // than kMaxDates.
  [[nodiscard]] Result<std::vector<std::string>> dates(std::string_view period, Date today) const;

 private:
  struct Custom {
    std::string pattern;
    struct Span {
      std::int64_t from, to, step;
    };
    std::optional<Span> span;  // absent: a name
  };
  std::vector<Custom> custom_;
};

}  // namespace sosw
