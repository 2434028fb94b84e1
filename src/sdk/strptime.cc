// SPDX-License-Identifier: MIT
// A directive may match in several ways ("%d%m" of "111"), so matching tries them in the order in
// which Python's expression does, and goes back where the rest does not match.
#include "sdk/strptime.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sdk/text.h"
#include "sosw/errors.h"

namespace sosw::sdk {
namespace {

using std::chrono::days;
using std::chrono::sys_days;

constexpr std::array<std::string_view, 7> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};
constexpr std::array<std::string_view, 12> kMonths = {
    "january", "february", "march",     "april",   "may",      "june",
    "july",    "august",   "september", "october", "november", "december"};

// What %c, %x and %X stand for.
std::string expand(std::string_view format) {
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    out += format[i];
    if (format[i] != '%' || i + 1 == format.size()) continue;
    const char directive = format[++i];
    out.pop_back();
    if (directive == 'c')
      out += "%a %b %d %H:%M:%S %Y";
    else if (directive == 'x')
      out += "%m/%d/%y";
    else if (directive == 'X')
      out += "%H:%M:%S";
    else
      (out += '%') += directive;
  }
  return out;
}

// Numbers that one directive may stand for, with as many digits as it takes.
struct Range {
  int low;
  int high;
  std::size_t digits;  // at most
};
std::optional<Range> range_of(char directive) {
  switch (directive) {
    case 'd':
      return Range{1, 31, 2};
    case 'm':
    case 'I':
      return Range{1, 12, 2};
    case 'H':
      return Range{0, 23, 2};
    case 'M':
      return Range{0, 59, 2};
    case 'S':
      return Range{0, 61, 2};
    case 'j':
      return Range{1, 366, 3};
    case 'w':
      return Range{0, 6, 1};
    case 'u':
      return Range{1, 7, 1};
    case 'U':
    case 'W':
    case 'V':
      return Range{directive == 'V' ? 1 : 0, 53, 2};
    default:
      return std::nullopt;
  }
}

class Match {
 public:
  Match(std::string_view text, std::string_view format)
      : text_(text), lower_(lower_ascii(text)), format_(format) {}

  // Whether all of the text is what the format says. Like Python it takes the first way in which
  // the format matches the beginning.
  bool run() { return rest(0, 0) && end_ == text_.size(); }

  // Of the last successful way.
  std::array<std::optional<int>, 128> fields;

 private:
  static std::string lower_ascii(std::string_view text) {
    std::string out(text);
    for (char& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
  }
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }

  bool rest(std::size_t at, std::size_t i) {
    if (i == format_.size()) {
      end_ = at;
      return true;
    }
    if (format_[i] != '%') return literal(at, i);
    const char directive = format_[i + 1];
    const auto next = i + 2;
    if (const auto range = range_of(directive)) return number(directive, *range, at, next);
    switch (directive) {
      case '%':
        return at < text_.size() && text_[at] == '%' && rest(at + 1, next);
      case 'Y':
      case 'G':
        return fixed(directive, 4, at, next);
      case 'y':
        return fixed(directive, 2, at, next);
      case 'f':
        return fraction(at, next);
      case 'a':
      case 'A':
        return name(directive, kDays.data(), kDays.size(), directive == 'a' ? 3 : 0, at, next);
      case 'b':
      case 'B':
        return name(directive, kMonths.data(), kMonths.size(), directive == 'b' ? 3 : 0, at, next);
      case 'p':
        return word("am", 'p', 0, at, next) || word("pm", 'p', 1, at, next);
      case 'Z':
        return word("utc", 'Z', 0, at, next) || word("gmt", 'Z', 0, at, next);
      case 'z':
        return zone(at, next);
      default:
        return false;  // not reached: checked_format
    }
  }

  bool literal(std::size_t at, std::size_t i) {
    auto next = i;
    if (is_blank(next_character(format_, next))) {
      while (next < format_.size()) {
        auto after = next;
        if (!is_blank(next_character(format_, after))) break;
        next = after;
      }
      std::vector<std::size_t> ends;
      while (at < text_.size()) {
        if (!is_blank(next_character(text_, at))) break;
        ends.push_back(at);
      }
      for (auto end = ends.rbegin(); end != ends.rend(); ++end)
        if (rest(*end, next)) return true;
      return false;
    }
    const auto wanted = lower(format_.substr(i, next - i));
    if (at >= text_.size()) return false;
    auto after = at;
    next_character(text_, after);
    return lower(text_.substr(at, after - at)) == wanted && rest(after, next);
  }

  bool set(char directive, int value, std::size_t at, std::size_t next) {
    const auto before = fields[static_cast<unsigned char>(directive)];
    fields[static_cast<unsigned char>(directive)] = value;
    if (rest(at, next)) return true;
    fields[static_cast<unsigned char>(directive)] = before;
    return false;
  }

  // The longest first; one digit alone, for a day also with a blank before it.
  bool number(char directive, Range range, std::size_t at, std::size_t next) {
    for (auto digits = range.digits; digits > 0; --digits) {
      if (at + digits > text_.size()) continue;
      int value = 0;
      bool all = true;
      for (std::size_t i = 0; i < digits; ++i) {
        all = all && is_digit(text_[at + i]);
        if (all) value = value * 10 + (text_[at + i] - '0');
      }
      if (all && value >= range.low && value <= range.high &&
          set(directive, value, at + digits, next))
        return true;
    }
    return directive == 'd' && at + 1 < text_.size() && text_[at] == ' ' && text_[at + 1] >= '1' &&
           text_[at + 1] <= '9' && set(directive, text_[at + 1] - '0', at + 2, next);
  }

  bool fixed(char directive, std::size_t digits, std::size_t at, std::size_t next) {
    if (at + digits > text_.size()) return false;
    int value = 0;
    for (std::size_t i = 0; i < digits; ++i) {
      if (!is_digit(text_[at + i])) return false;
      value = value * 10 + (text_[at + i] - '0');
    }
    return set(directive, value, at + digits, next);
  }

  bool fraction(std::size_t at, std::size_t next) {
    std::size_t most = 0;
    while (most < 6 && at + most < text_.size() && is_digit(text_[at + most])) ++most;
    for (auto digits = most; digits > 0; --digits) {
      int value = 0;
      for (std::size_t i = 0; i < 6; ++i)
        value = value * 10 + (i < digits ? text_[at + i] - '0' : 0);
      if (set('f', value, at + digits, next)) return true;
    }
    return false;
  }

  bool name(char directive, const std::string_view* names, std::size_t count, std::size_t letters,
            std::size_t at, std::size_t next) {
    for (std::size_t i = 0; i < count; ++i)
      if (word(letters > 0 ? names[i].substr(0, letters) : names[i], directive, static_cast<int>(i),
               at, next))
        return true;
    return false;
  }

  bool word(std::string_view wanted, char directive, int value, std::size_t at, std::size_t next) {
    return lower_.compare(at, wanted.size(), wanted) == 0 &&
           set(directive, value, at + wanted.size(), next);
  }

  // +hh[:]mm[[:]ss[.ffffff]] or Z. Two parts with a colon and one without are no zone.
  bool zone(std::size_t at, std::size_t next) {
    if (at >= text_.size()) return false;
    if (text_[at] == 'Z' && set('z', 0, at + 1, next)) return true;
    if (text_[at] != '+' && text_[at] != '-') return false;
    const auto pair = [&](std::size_t i, char most) {
      return i + 1 < text_.size() && text_[i] >= '0' && text_[i] <= most && is_digit(text_[i + 1]);
    };
    const auto colon = [&](std::size_t i) { return i < text_.size() && text_[i] == ':'; };
    auto end = at + 1;
    if (!pair(end, '9')) return false;
    end += 2;
    const bool colons = colon(end);
    if (!pair(end + (colons ? 1 : 0), '5')) return false;
    end += colons ? 3 : 2;
    std::vector<std::size_t> ends = {end};
    if (colon(end) == colons && pair(end + (colons ? 1 : 0), '5')) {
      end += colons ? 3 : 2;
      ends.push_back(end);
      if (end < text_.size() && text_[end] == '.')
        for (std::size_t digits = 1;
             digits <= 6 && end + digits < text_.size() && is_digit(text_[end + digits]); ++digits)
          ends.push_back(end + digits + 1);
    }
    for (auto i = ends.rbegin(); i != ends.rend(); ++i)
      if (set('z', 0, *i, next)) return true;
    return false;
  }

  std::string_view text_;
  std::string lower_;
  std::string_view format_;
  std::size_t end_ = 0;
};

constexpr std::size_t kLongest = 1000;  // matching goes one call deep for each character

void check_format(std::string_view format) {
  constexpr std::string_view kDirectives = "YymdHIMSfpjaAbBwuUWGVZz%";
  std::string seen;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') continue;
    if (++i == format.size()) throw ValueError(fmt::format("stray % in the format '{}'", format));
    if (kDirectives.find(format[i]) == kDirectives.npos)
      throw ValueError(fmt::format("%{} in the format '{}' is unknown", format[i], format));
    if (format[i] != '%' && seen.find(format[i]) != seen.npos)
      throw ValueError(fmt::format("%{} is twice in the format '{}'", format[i], format));
    seen += format[i];
  }
}

// 0 is Monday.
unsigned weekday(sys_days day) { return std::chrono::weekday(day).iso_encoding() - 1; }

// The day that the fields name. Throws ValueError if there is none.
sys_days day_of(const std::array<std::optional<int>, 128>& fields) {
  using std::chrono::year;
  const auto field = [&](char directive) { return fields[static_cast<unsigned char>(directive)]; };
  std::optional<int> y = field('Y');
  if (const auto short_year = field('y'))
    if (!y) y = *short_year + (*short_year <= 68 ? 2000 : 1900);
  std::optional<unsigned> day_of_week;
  if (const auto w = field('w')) day_of_week = static_cast<unsigned>((*w + 6) % 7);
  if (const auto u = field('u')) day_of_week = static_cast<unsigned>(*u - 1);
  if (const auto a = field('a')) day_of_week = static_cast<unsigned>(*a);
  if (const auto a = field('A')) day_of_week = static_cast<unsigned>(*a);

  const auto new_year = [](int of) { return sys_days(year(of) / 1 / 1); };
  if (const auto iso_year = field('G')) {
    if (field('j')) throw ValueError("%G goes with %V and a day of the week, not with %j");
    if (!field('V') || !day_of_week) throw ValueError("%G needs %V and a day of the week");
    const auto fourth = sys_days(year(*iso_year) / 1 / 4);  // always in the first week
    const auto monday = fourth - days(weekday(fourth));
    if (*field('V') == 53) {
      const auto next_fourth = sys_days(year(*iso_year + 1) / 1 / 4);
      if (monday + days(52 * 7) >= next_fourth - days(weekday(next_fourth)))
        throw ValueError(fmt::format("{} has no week 53", *iso_year));
    }
    return monday + days((*field('V') - 1) * 7 + static_cast<int>(*day_of_week));
  }
  if (field('V')) throw ValueError("%V goes with %G and a day of the week");
  if (const auto j = field('j')) return new_year(y.value_or(1900)) + days(*j - 1);
  if (y && day_of_week && (field('U') || field('W'))) {
    const bool from_monday = !field('U');
    const auto week = *(from_monday ? field('W') : field('U'));
    const auto first = new_year(*y);
    // Days into a week that begins on Monday or Sunday.
    const auto into = [&](unsigned d) { return static_cast<int>(from_monday ? d : (d + 1) % 7); };
    const int first_into = into(weekday(first));
    const int day_into = into(*day_of_week);
    const int first_week = (7 - first_into) % 7;  // days before week 1
    return first + days(week == 0 ? day_into - first_into : first_week + (week - 1) * 7 + day_into);
  }
  int month = 1;
  for (const char directive : {'m', 'b', 'B'})
    if (const auto m = field(directive)) month = directive == 'm' ? *m : *m + 1;
  const auto date = year(y.value_or(1900)) / month / field('d').value_or(1);
  if (!date.ok()) throw ValueError("there is no such day in that month");
  return sys_days(date);
}

}  // namespace

std::chrono::sys_time<std::chrono::microseconds> strptime(std::string_view text,
                                                          std::string_view format) {
  if (text.size() > kLongest || format.size() > kLongest)
    throw ValueError(fmt::format("a date and its format have at most {} bytes", kLongest));
  const auto expanded = expand(format);
  check_format(expanded);
  Match match(text, expanded);
  if (!match.run())
    throw ValueError(fmt::format("'{}' does not match the format '{}'", text, format));
  const auto day = day_of(match.fields);
  const auto year = static_cast<int>(std::chrono::year_month_day(day).year());
  if (year < 1 || year > 9999)
    throw ValueError(fmt::format("'{}' lies outside of the years 1 to 9999", text));
  const auto field = [&](char directive) {
    return match.fields[static_cast<unsigned char>(directive)];
  };
  int hour = field('H').value_or(0);
  if (const auto twelve = field('I'); twelve && !field('H'))
    hour = *twelve % 12 + (field('p').value_or(0) == 1 ? 12 : 0);
  const int second = field('S').value_or(0);
  if (second > 59) throw ValueError(fmt::format("'{}' has a leap second", text));
  return day + std::chrono::hours(hour) + std::chrono::minutes(field('M').value_or(0)) +
         std::chrono::seconds(second) + std::chrono::microseconds(field('f').value_or(0));
}

}  // namespace sosw::sdk
