// SPDX-License-Identifier: MIT
// Schedules and the timer that asks them.
#include "local/rules.h"

#include <date/tz.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <deque>
#include <sstream>

#include "core/json_text.h"
#include "local/file.h"

namespace sosw::local {
namespace {

using std::chrono::minutes;

constexpr int kFirstYear = 1970;
constexpr int kLastYear = 2199;
constexpr minutes kGrace{1};

std::vector<std::string_view> split(std::string_view text, std::string_view separators,
                                    bool keep_empty) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto end = text.find_first_of(separators);
    const auto part = text.substr(0, end);
    if (keep_empty || !part.empty()) parts.push_back(part);
    if (end == text.npos) return parts;
    text.remove_prefix(end + 1);
  }
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || text[0] == '-')
    return std::nullopt;
  return value;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

struct Field {
  std::string_view name;
  int low, high;
  bool cyclic;                               // ranges may run over the end
  std::vector<std::string_view> names = {};  // of low, low + 1, ...
};

const Field kMinutes{"minutes", 0, 59, true};
const Field kHours{"hours", 0, 23, true};
const Field kDays{"day-of-month", 1, 31, false};
const Field kMonths{
    "month",
    1,
    12,
    true,
    {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}};
const Field kWeekdays{"day-of-week", 1, 7, true, {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}};
const Field kYears{"year", kFirstYear, kLastYear, false};

std::string allowed(const Field& field) {
  std::string text = fmt::format("{} takes {}-{}", field.name, field.low, field.high);
  if (!field.names.empty())
    text += fmt::format(" or {}-{}", field.names.front(), field.names.back());
  return text;
}

Result<int> field_value(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.names.size(); ++i)
    if (field.names[i] == upper(text)) return field.low + static_cast<int>(i);
  const auto value = number(text);
  if (!value || *value < field.low || *value > field.high)
    return invalid(fmt::format("{}: '{}' is no value of it", field.name, text), allowed(field));
  return *value;
}

// One part of a list: `*`, `5`, `1-5`, `*/10`, `3/10`, `1-30/5`. Calls set(value) for each value.
template <class Set>
Result<void> field_part(const Field& field, std::string_view part, Set set) {
  const auto slash = part.find('/');
  const auto range = part.substr(0, slash);
  int step = 1;
  if (slash != part.npos) {
    const auto value = number(part.substr(slash + 1));
    if (!value || *value < 1 || *value > field.high)
      return invalid(fmt::format("{}: '{}' has no step after the /", field.name, part),
                     "write first/step, such as 0/15");
    step = *value;
  }
  int first = field.low, last = field.high;
  if (range != "*") {
    const auto dash = range.find('-');
    const auto from = field_value(field, range.substr(0, dash));
    if (!from) return from.error();
    first = *from;
    if (dash != range.npos) {
      const auto to = field_value(field, range.substr(dash + 1));
      if (!to) return to.error();
      last = *to;
    } else if (slash == part.npos) {
      last = first;
    }
  }
  const int cycle = field.high - field.low + 1;
  if (last < first) {
    if (!field.cyclic)
      return invalid(fmt::format("{}: the range {} runs backwards", field.name, range),
                     allowed(field));
    last += cycle;
  }
  for (int v = first; v <= last; v += step) set(field.low + (v - field.low) % cycle);
  return {};
}

template <class Set>
Result<void> field_list(const Field& field, std::string_view text, Set set) {
  for (const auto part : split(text, ",", true))
    if (auto done = field_part(field, part, set); !done) return done;
  return {};
}

date::local_days first_of(date::year_month month) { return date::local_days{month / 1}; }

int last_day_of(date::year_month month) {
  return static_cast<int>(unsigned{(month / date::last).day()});
}

// 1 = Sunday
int weekday_of(date::year_month month, int day) {
  return static_cast<int>(date::weekday{first_of(month) + date::days{day - 1}}.c_encoding()) + 1;
}

// The weekday nearest to `day`, within the month.
int nearest_weekday_to(date::year_month month, int day) {
  const int weekday = weekday_of(month, day);
  if (weekday == 7) return day > 1 ? day - 1 : day + 2;
  if (weekday == 1) return day < last_day_of(month) ? day + 1 : day - 2;
  return day;
}

}  // namespace

Result<Schedule> Schedule::parse(std::string_view text, std::string_view zone) {
  Schedule schedule;
  if (zone != "UTC") {
    try {
      schedule.zone_ = date::locate_zone(zone);
    } catch (const std::exception&) {
      return invalid(
          fmt::format("unknown time zone '{}'", zone),
          "names of the tz database such as Europe/Berlin; they come with the package tzdata");
    }
  }
  const auto open = text.find('(');
  if (open == text.npos || text.back() != ')')
    return invalid(fmt::format("schedule '{}' is neither rate(...) nor cron(...)", text),
                   "rate(5 minutes), or cron(minutes hours day-of-month month day-of-week year)");
  const auto kind = text.substr(0, open);
  const auto body = text.substr(open + 1, text.size() - open - 2);
  const auto where = [&](const Error& error) {
    return Error{error.code, fmt::format("schedule '{}': {}", text, error.message), error.hint};
  };
  if (kind == "rate") {
    const auto rate = parse_rate(body);
    if (!rate) return where(rate.error());
    schedule.times_ = *rate;
    return schedule;
  }
  if (kind == "cron") {
    const auto cron = parse_cron(body);
    if (!cron) return where(cron.error());
    schedule.times_ = *cron;
    return schedule;
  }
  return invalid(fmt::format("schedule '{}' is neither rate(...) nor cron(...)", text),
                 fmt::format("'{}' is not known", kind));
}

Result<Schedule::Rate> Schedule::parse_rate(std::string_view text) {
  const auto words = split(text, " \t", false);
  const auto value = words.size() == 2 ? number(words[0]) : std::nullopt;
  if (!value || *value < 1)
    return invalid("a rate is a whole number of at least 1 and a unit",
                   "rate(1 minute), rate(12 hours), rate(7 days)");
  // As EventBridge: the unit is singular for 1 and plural for more.
  const std::array<std::pair<std::string_view, int>, 3> units = {
      {{"minute", 1}, {"hour", 60}, {"day", 1440}}};
  for (const auto& [unit, length] : units) {
    const std::string right = fmt::format("{}{}", unit, *value == 1 ? "" : "s");
    if (words[1] == right) {
      if (*value > 100'000'000 / length) return invalid("a rate is at most 100 million minutes");
      return Rate{minutes{*value * length}};
    }
    if (words[1] == unit || words[1] == fmt::format("{}s", unit))
      return invalid(fmt::format("the unit of {} is written '{}'", *value, right));
  }
  return invalid(fmt::format("unknown unit '{}'", words[1]), "minute(s), hour(s), day(s)");
}

Result<Schedule::Cron> Schedule::parse_cron(std::string_view text) {
  const auto fields = split(text, " \t", false);
  if (fields.size() != 6)
    return invalid(
        fmt::format("cron has six fields, these are {}", fields.size()),
        "minutes hours day-of-month month day-of-week year, such as cron(0 8 ? * MON-FRI *)");
  Cron cron;
  const auto days = fields[2], weekdays = fields[4];
  if ((days == "?") == (weekdays == "?"))
    return invalid("exactly one of day-of-month and day-of-week must be ?",
                   "every day: cron(0 8 * * ? *); days of the week: cron(0 8 ? * MON-FRI *)");

  const auto put = [](auto& set) {
    return [&set](int value) { set.set(static_cast<std::size_t>(value)); };
  };
  if (auto done = field_list(kMinutes, fields[0], put(cron.minutes)); !done) return done.error();
  if (auto done = field_list(kHours, fields[1], put(cron.hours)); !done) return done.error();
  if (auto done = field_list(kMonths, fields[3], put(cron.months)); !done) return done.error();
  if (auto done = field_list(
          kYears, fields[5],
          [&](int year) { cron.years.set(static_cast<std::size_t>(year - kFirstYear)); });
      !done)
    return done.error();

  if (days != "?") {
    for (const auto part : split(days, ",", true)) {
      const auto name = upper(part);
      if (name == "L") {
        cron.last_day = true;
      } else if (name == "LW") {
        cron.last_weekday = true;
      } else if (name.ends_with('W')) {
        const auto day = field_value(kDays, part.substr(0, part.size() - 1));
        if (!day) return day.error();
        cron.nearest_weekday.set(static_cast<std::size_t>(*day));
      } else if (auto done = field_part(kDays, part, put(cron.days)); !done) {
        return done.error();
      }
    }
    return cron;
  }
  for (const auto part : split(weekdays, ",", true)) {
    const auto name = upper(part);
    if (const auto hash = part.find('#'); hash != part.npos) {
      const auto day = field_value(kWeekdays, part.substr(0, hash));
      if (!day) return day.error();
      const auto nth = number(part.substr(hash + 1));
      if (!nth || *nth < 1 || *nth > 5)
        return invalid(fmt::format("day-of-week: '{}' needs 1-5 after the #", part),
                       "2#1 is the first Monday");
      if (part != weekdays)
        return invalid("day-of-week: beside one with # nothing else is allowed", "use two rules");
      cron.nth_weekday = *day;
      cron.nth = *nth;
    } else if (name == "L") {
      cron.weekdays.set(7);  // the last day of the week
    } else if (name.ends_with('L')) {
      const auto day = field_value(kWeekdays, part.substr(0, part.size() - 1));
      if (!day) return day.error();
      cron.last_in_month.set(static_cast<std::size_t>(*day));
    } else if (auto done = field_part(kWeekdays, part, put(cron.weekdays)); !done) {
      return done.error();
    }
  }
  return cron;
}

std::optional<Time> Schedule::next(Time after) const {
  if (const auto* rate = std::get_if<Rate>(&times_)) {
    const auto periods = std::chrono::floor<minutes>(after.time_since_epoch()).count();
    const auto period = rate->period.count();
    const auto floor = periods >= 0 ? periods / period : (periods - period + 1) / period;
    return Time{minutes{(floor + 1) * period}};
  }
  return next_cron(std::get<Cron>(times_), after);
}

std::optional<Time> Schedule::next_cron(const Cron& cron, Time after) const {
  const auto day_matches = [&](date::year_month month, int day) {
    const auto at = [&](const auto& set, int i) { return set[static_cast<std::size_t>(i)]; };
    const int weekday = weekday_of(month, day);
    const int last = last_day_of(month);
    if (at(cron.days, day) || at(cron.weekdays, weekday)) return true;
    if (cron.last_day && day == last) return true;
    if (cron.last_weekday && day == nearest_weekday_to(month, last)) return true;
    if (at(cron.last_in_month, weekday) && day > last - 7) return true;
    if (cron.nth_weekday == weekday && cron.nth == (day - 1) / 7 + 1) return true;
    for (int wanted = std::max(day - 2, 1); wanted <= std::min(day + 2, last); ++wanted)
      if (at(cron.nearest_weekday, wanted) && nearest_weekday_to(month, wanted) == day) return true;
    return false;
  };
  // When the local time happens; a skipped one never, a doubled one the first time.
  const auto happens = [&](date::local_time<minutes> local) -> std::optional<Time> {
    if (zone_ == nullptr) return Time{local.time_since_epoch()};
    const auto info = zone_->get_info(local);
    if (info.result == date::local_info::nonexistent) return std::nullopt;
    return Time{local.time_since_epoch() - info.first.offset};
  };

  const auto offset = zone_ == nullptr ? std::chrono::seconds{0} : zone_->get_info(after).offset;
  const date::local_time<minutes> start{
      std::chrono::floor<minutes>(after.time_since_epoch() + offset)};
  const date::year_month_day start_day{date::floor<date::days>(start)};
  date::year_month month{start_day.year(), start_day.month()};
  int day = static_cast<int>(unsigned{start_day.day()});
  if (int{month.year()} < kFirstYear) {
    month = date::year{kFirstYear} / 1;
    day = 1;
  }
  for (; int{month.year()} <= kLastYear; month += date::months{1}, day = 1) {
    if (!cron.years[static_cast<std::size_t>(int{month.year()} - kFirstYear)] ||
        !cron.months[unsigned{month.month()}])
      continue;
    for (; day <= last_day_of(month); ++day) {
      if (!day_matches(month, day)) continue;
      const date::local_time<minutes> midnight = first_of(month) + date::days{day - 1};
      for (std::size_t hour = 0; hour < cron.hours.size(); ++hour) {
        if (!cron.hours[hour]) continue;
        for (std::size_t minute = 0; minute < cron.minutes.size(); ++minute) {
          const auto local = midnight + minutes{hour * 60 + minute};
          if (!cron.minutes[minute] || local < start) continue;
          if (const auto time = happens(local); time && *time > after) return time;
        }
      }
    }
  }
  return std::nullopt;
}

std::string utc_text(Time t) {
  return date::format("%FT%TZ", std::chrono::floor<std::chrono::seconds>(t));
}

std::optional<Time> utc_time(std::string_view text) {
  std::istringstream in{std::string(text)};
  date::sys_seconds time;
  in >> date::parse("%FT%TZ", time);
  if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) return std::nullopt;
  return Time{time};
}

Result<RuleTimer> RuleTimer::open(std::filesystem::path file, std::vector<Rule> rules, Time now) {
  std::erase_if(rules, [](const Rule& rule) { return !rule.enabled; });
  RuleTimer timer(std::move(file), std::move(rules));
  json::object known;
  if (std::filesystem::exists(timer.file_)) {
    const auto text = read_file(timer.file_);
    if (!text) return text.error();
    const auto parsed = parse_json(*text);
    const auto* object = parsed ? parsed->if_object() : nullptr;
    if (object == nullptr)
      return Error{Code::corrupt, fmt::format("{}: not the times of rules", timer.file_.string()),
                   "delete it: rules then count from now on, what was missed is not made up for"};
    known = *object;
  }
  for (const Rule& rule : timer.rules_) {
    Time last = now;
    if (const auto* entry = known.if_contains(rule.name)) {
      const auto text = [&](std::string_view key) {
        const auto* object = entry->if_object();
        const auto* value = object ? object->if_contains(key) : nullptr;
        const auto* string = value ? value->if_string() : nullptr;
        return string ? std::string(*string) : std::string();
      };
      const auto time = utc_time(text("last"));
      if (!time)
        return Error{
            Code::corrupt,
            fmt::format("{}: the time of rule {} is not readable", timer.file_.string(), rule.name),
            "delete the file: rules then count from now on"};
      if (text("schedule") == rule.schedule_text && text("timezone") == rule.timezone) last = *time;
    }
    timer.last_[rule.name] = last;
  }
  if (auto saved = timer.save(); !saved) return saved.error();
  return timer;
}

Time RuleTimer::since(const Rule& rule, Time now) const {
  // A last time in the future comes from a clock that was set back: the keys keep repetitions
  // harmless.
  const Time last = std::min(last_.at(rule.name), now);
  return rule.catch_up == CatchUp::none ? std::max(last, now - kGrace) : last;
}

std::vector<Firing> RuleTimer::due(Time now) const {
  std::vector<Firing> firings;
  for (const Rule& rule : rules_) {
    const auto keep =
        rule.catch_up == CatchUp::last ? 1 : static_cast<std::size_t>(rule.catch_up_limit);
    std::deque<Time> passed;
    std::int64_t left_out = 0;
    for (auto time = rule.schedule.next(since(rule, now)); time && *time <= now;
         time = rule.schedule.next(*time)) {
      passed.push_back(*time);
      if (passed.size() > keep) {
        passed.pop_front();
        ++left_out;
      }
    }
    for (const Time nominal : passed) {
      firings.push_back(
          {&rule, nominal, fmt::format("rule {} {}", rule.name, utc_text(nominal)), left_out});
      left_out = 0;
    }
  }
  std::stable_sort(firings.begin(), firings.end(),
                   [](const Firing& a, const Firing& b) { return a.nominal < b.nominal; });
  return firings;
}

Result<void> RuleTimer::fired(const Firing& firing) {
  last_[firing.rule->name] = firing.nominal;
  return save();
}

std::optional<Time> RuleTimer::next(Time now) const {
  std::optional<Time> earliest;
  for (const Rule& rule : rules_) {
    const auto time = rule.schedule.next(since(rule, now));
    if (time && (!earliest || *time < *earliest)) earliest = time;
  }
  return earliest;
}

Result<void> RuleTimer::save() const {
  json::object all;
  for (const Rule& rule : rules_)
    all[rule.name] = {{"schedule", rule.schedule_text},
                      {"timezone", rule.timezone},
                      {"last", utc_text(last_.at(rule.name))}};
  return replace_file(file_, json_text(all));
}

}  // namespace sosw::local
