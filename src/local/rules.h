// SPDX-License-Identifier: MIT
// When rules fire: EventBridge's rate() and cron() expressions in a time zone, and what is due
// since the last time.
#pragma once

#include <bitset>
#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"
#include "core/time.h"

namespace date {
class time_zone;
}

namespace sosw::local {

namespace json = boost::json;

// The nominal times of a rule. A value; next() may be called from any thread.
//
// - `rate(5 minutes)`: whole multiples of the period since 1970-01-01 UTC, whatever the time zone,
// so
//   that they are the same after a restart. A day is 24 hours, as in EventBridge Scheduler.
// - `cron(0 8 ? * MON-FRI *)`: minute hour day-of-month month day-of-week year, with `,` `-` `/`
// `*`
//   `?` `L` `W` `#` and names, as in EventBridge; one of the two days must be `?`. Ranges may run
//   over the end (FRI-MON), and LW is the last weekday of the month. A day that a month does not
//   have (31, 31W) does not happen in it.
// - Summer time, as in EventBridge Scheduler: a local time that is skipped in spring does not
// happen; one
//   that comes twice in autumn happens the first time only. What must not pause for that hour uses
//   rate() or UTC.
class Schedule {
 public:
  // `zone`: a name of the tz database, such as Europe/Berlin. Errors: invalid, naming the field.
  static Result<Schedule> parse(std::string_view text, std::string_view zone = "UTC");

  // The first nominal time after `after`; nullopt: never again. Pure, given the machine's tz
  // database.
  [[nodiscard]] std::optional<Time> next(Time after) const;

 private:
  struct Rate {
    std::chrono::minutes period;
  };
  struct Cron {
    std::bitset<60> minutes;
    std::bitset<24> hours;
    std::bitset<13> months;  // 1..12
    std::bitset<230> years;  // since 1970
    // Days match when any of these says so.
    std::bitset<32> days;             // of the month, 1..31
    std::bitset<32> nearest_weekday;  // nW
    bool last_day = false;            // L
    bool last_weekday = false;        // LW
    std::bitset<8> weekdays;          // 1 = Sunday .. 7
    std::bitset<8> last_in_month;     // nL
    int nth_weekday = 0, nth = 0;     // weekday#nth; 0: none
  };
  static Result<Rate> parse_rate(std::string_view text);
  static Result<Cron> parse_cron(std::string_view text);
  [[nodiscard]] std::optional<Time> next_cron(const Cron& cron, Time after) const;

  std::variant<Rate, Cron> times_{Rate{std::chrono::minutes{1}}};
  const date::time_zone* zone_ = nullptr;  // null: UTC; lives as long as the program
};

// What becomes of the times that passed while nobody was there to fire. A firing counts as missed
// when it is more than a minute late.
enum class CatchUp : std::uint8_t {
  none,  // they are left out
  last,  // the newest of them fires
  all,   // all of them fire, oldest first, of more than `catch_up_limit` the newest
};

struct Rule {
  std::string name;
  std::string schedule_text, timezone = "UTC";
  Schedule schedule;
  json::object job;  // what the Scheduler gets
  CatchUp catch_up = CatchUp::last;
  int catch_up_limit = 100;
  bool enabled = true;
};

struct Firing {
  const Rule* rule;  // lives as long as the timer
  Time nominal{};
  // Rule and nominal time: the idempotency key of the job. Firing again after a crash, or when the
  // clock was set back, makes no second job.
  std::string job_key;
  std::int64_t left_out =
      0;  // missed ones before it that do not fire, by the rule's catch-up policy
};

// Knows which rules are due. The last time of each rule is kept in a small file (DATA/rules.json),
// so that what was missed is known after a restart; it is written after the job was accepted, and
// the key makes the repetition after a crash between the two harmless. One thread at a time.
class RuleTimer {
 public:
  // A rule that the file does not know, or knows with another schedule, counts from `now` on; one
  // that is not enabled is forgotten, so it will do so when it is enabled again. Errors: corrupt
  // (the file is no such file), exhausted or denied (it cannot be written).
  static Result<RuleTimer> open(std::filesystem::path file, std::vector<Rule> rules, Time now);

  // What is to fire now, in order of nominal time. Says the same again until fired() is called.
  [[nodiscard]] std::vector<Firing> due(Time now) const;
  // The job of this firing has been accepted: it and everything before it is over.
  Result<void> fired(const Firing& firing);
  // The next moment when something may be due; nullopt: never.
  [[nodiscard]] std::optional<Time> next(Time now) const;

 private:
  RuleTimer(std::filesystem::path file, std::vector<Rule> rules)
      : file_(std::move(file)), rules_(std::move(rules)) {}
  // What has passed up to this time is over.
  [[nodiscard]] Time since(const Rule& rule, Time now) const;
  [[nodiscard]] Result<void> save() const;

  std::filesystem::path file_;
  std::vector<Rule> rules_;  // never changes size: firings point into it
  std::map<std::string, Time> last_;
};

// 2026-11-24T08:00:00Z
[[nodiscard]] std::string utc_text(Time t);
[[nodiscard]] std::optional<Time> utc_time(std::string_view text);

}  // namespace sosw::local
