// SPDX-License-Identifier: MIT
// A task as an item of a table: attributes, states, tokens, and the conditions that hold a write to
// the copy that was read. Attributes are called as in the original; table_requests.h renames them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/tables.h"
#include "core/labourer.h"
#include "core/task.h"

namespace sosw::cloud {

// --- Attributes

json::value number(std::int64_t n);
json::value text(std::string_view s);
json::value seconds(Time t);  // with fraction, as `created_at`
// JSON as an attribute. What DynamoDB can not hold (numbers beyond its range, NaN, deep nesting)
// becomes text.
json::value attribute(const json::value& value);
json::value plain(const json::value& attribute);

// Nullopt: not there, or no number.
std::optional<std::int64_t> integer_in(const Item& item, std::string_view name);
std::string text_in(const Item& item, std::string_view name);  // empty: not there, or no text
std::vector<std::string> texts_in(const Item& item, std::string_view name);  // of a list

// --- Items of sosw_tasks that are no tasks

std::string tail_id(std::string_view labourer);
std::string lease_id(std::string_view labourer);
std::string count_id_of_labourer(std::string_view labourer);
std::string labourer_item_id(std::string_view labourer);
std::string job_item_id(std::string_view job);
std::string part_id(std::string_view job, std::int64_t part);
std::string count_id(std::string_view job);
std::string own_id_item(std::string_view task_id);  // which job a chosen task id belongs to
std::string letter_id(std::string_view task_id, std::string_view claim);
std::string alarm_id(std::int64_t number);
inline constexpr std::string_view kAlarms = "sosw:alarms";
// What the index finds them by.
inline constexpr std::string_view kJobs = "sosw:jobs";
inline constexpr std::string_view kLabourers = "sosw:labourers";
inline constexpr std::string_view kLetters = "sosw:late";

// --- Tasks

std::string claim_token(std::int64_t greenfield, std::int64_t epoch, std::int64_t seq);
// The greenfield of the claim; nullopt: no token of ours.
std::optional<std::int64_t> greenfield_of(std::string_view token);
// The row's claim, as long as nobody has claimed the row since without a token; else empty.
std::string current_claim(const Item& row);

State live_state(const Item& row, Time now);  // of a row in sosw_tasks
State closed_state(const Item& row);
std::string closed_status(std::string_view labourer, bool done);
Task to_task(const Item& row, State state);

// When the attempt of a claimed row expires.
Time deadline_of(const Item& row, const Labourer& labourer, std::int64_t delta);
// The job that counts the task; empty: none.
std::string job_of(const Item& row);

// --- Writes

// An update expression, part by part.
class Change {
 public:
  Change& set(std::string_view name, json::value value);
  // `expression` may use :values given by `with`.
  Change& set_to(std::string_view name, std::string_view expression);
  Change& add(std::string_view name, std::int64_t n);
  Change& remove(std::string_view path);
  Change& with(std::string_view value_name, json::value value);
  // The write is of a task: each of ours adds 1 to `rev`.
  Change& counted();
  // With an empty condition.
  [[nodiscard]] Write of(std::string table, Item key) const;
  [[nodiscard]] bool empty() const { return sets_.empty() && adds_.empty() && removes_.empty(); }

 private:
  std::string placed(std::string_view name);
  std::string sets_, adds_, removes_;
  json::object values_, names_;
  int unusual_ = 0;
};

// Holds the write to the copy: nobody has written to the row since. `same` is the table of the row.
enum class Same : std::uint8_t { task, retry, closed };
void require_same(Write& write, const Item& copy, Same same);
void require(Write& write, std::string_view condition);  // and

// A write of ours of the whole row: `rev` + 1.
Item next_revision(Item row);

// stat_* and result_*; what does not fit into 300 KB is cut, and says so.
void set_details(Change& change, const Report& report);
void set_details(Item& row, const Report& report);

}  // namespace sosw::cloud
