// SPDX-License-Identifier: MIT
// See table_rows.h.
#include "cloud/table_rows.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "core/guard.h"
#include "core/json_text.h"

namespace sosw::cloud {
namespace {

constexpr std::size_t kDeepest = 16;       // DynamoDB: 32 levels, maps and lists of ours included
constexpr double kLargest = 1e125;         // of a DynamoDB number
constexpr std::size_t kDetails = 300'000;  // bytes of a report's details in all
constexpr std::size_t kLongestName = 255;  // of an attribute

std::optional<double> real_in(const Item& item, std::string_view name) {
  const auto* found = item.if_contains(name);
  const auto* digits = found && found->is_object() ? found->get_object().if_contains("N") : nullptr;
  if (!digits || !digits->is_string()) return std::nullopt;
  char* end = nullptr;
  const std::string copy(digits->get_string());
  const double value = std::strtod(copy.c_str(), &end);
  if (copy.empty() || *end != '\0') return std::nullopt;
  return value;
}

std::size_t depth_of(const json::value& value) {
  std::size_t deepest = 0;
  if (const auto* list = value.if_array())
    for (const auto& one : *list) deepest = std::max(deepest, depth_of(one));
  else if (const auto* object = value.if_object())
    for (const auto& [key, one] : *object) deepest = std::max(deepest, depth_of(one));
  else
    return 0;
  return deepest + 1;
}

json::value shallow_attribute(const json::value& value) {
  if (value.is_null()) return {{"NULL", true}};
  if (value.is_bool()) return {{"BOOL", value.get_bool()}};
  if (value.is_string()) {
    // Bytes that are no UTF-8 are mended on the way through the text.
    const auto readable = parse_json(json_text(value));
    return {{"S", readable ? *readable : value}};
  }
  if (value.is_number()) {
    const auto digits = json_text(value);
    const double size = std::abs(value.to_number<double>());
    const bool fits = std::isfinite(size) && size < kLargest && (size == 0 || size > 1 / kLargest);
    return {{fits ? "N" : "S", digits}};
  }
  if (const auto* list = value.if_array()) {
    json::array items;
    for (const auto& one : *list) items.push_back(shallow_attribute(one));
    return {{"L", std::move(items)}};
  }
  json::object items;
  for (const auto& [key, one] : value.get_object()) items[key] = shallow_attribute(one);
  return {{"M", std::move(items)}};
}

bool unusual(std::string_view name) {
  return name.empty() || !std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_';
         });
}

// Each detail by its attribute's name, in the order of the report.
std::vector<std::pair<std::string, json::value>> details(const Report& report) {
  std::vector<std::pair<std::string, json::value>> all;
  std::size_t left = kDetails;
  const auto keep = [&](std::string_view prefix, const json::object& given) {
    for (const auto& [key, value] : given) {
      std::string name = std::string(prefix).append(key);
      if (name.size() > kLongestName) name.resize(kLongestName);
      json::value kept = attribute(value);
      std::size_t size = name.size() + json::serialize(kept).size();
      if (size > left) {
        kept = text(fmt::format("cut: {} bytes", size));
        size = name.size() + 30;
      }
      left -= std::min(left, size);
      all.emplace_back(std::move(name), std::move(kept));
    }
  };
  keep("stat_", report.stats);
  keep("result_", report.result);
  return all;
}

}  // namespace

// --- Attributes

json::value number(std::int64_t n) { return {{"N", std::to_string(n)}}; }
json::value text(std::string_view s) { return {{"S", s}}; }
json::value seconds(Time t) {
  const auto us = t.time_since_epoch().count();
  const auto whole = epoch_seconds(t);
  const auto fraction = us - whole * 1'000'000;
  if (fraction == 0 || whole < 0) return number(whole);
  return {{"N", fmt::format("{}.{:06}", whole, fraction)}};
}

json::value attribute(const json::value& value) {
  if (depth_of(value) > kDeepest) return text(json_text(value));
  return shallow_attribute(value);
}

json::value plain(const json::value& attribute) {
  const auto* object = attribute.if_object();
  if (!object || object->size() != 1) return attribute;
  const auto& [type, value] = *object->begin();
  if (type == "N" && value.is_string()) {
    if (auto parsed = parse_json(value.get_string())) return *parsed;
    return value;
  }
  if (type == "NULL") return nullptr;
  if (type == "L" && value.is_array()) {
    json::array items;
    for (const auto& one : value.get_array()) items.push_back(plain(one));
    return items;
  }
  if (type == "M" && value.is_object()) {
    json::object items;
    for (const auto& [key, one] : value.get_object()) items[key] = plain(one);
    return items;
  }
  return value;
}

std::optional<std::int64_t> integer_in(const Item& item, std::string_view name) {
  const auto* found = item.if_contains(name);
  const auto* digits = found && found->is_object() ? found->get_object().if_contains("N") : nullptr;
  if (!digits || !digits->is_string()) return std::nullopt;
  const std::string_view given = digits->get_string();
  std::int64_t n = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), n);
  if (error == std::errc() && end == given.data() + given.size()) return n;
  const auto value = real_in(item, name);
  if (!value || std::abs(*value) > 9e18) return std::nullopt;
  return static_cast<std::int64_t>(std::floor(*value));
}

std::string text_in(const Item& item, std::string_view name) {
  const auto* found = item.if_contains(name);
  const auto* s = found && found->is_object() ? found->get_object().if_contains("S") : nullptr;
  return s && s->is_string() ? std::string(s->get_string()) : std::string();
}

std::vector<std::string> texts_in(const Item& item, std::string_view name) {
  std::vector<std::string> all;
  const auto* found = item.if_contains(name);
  const auto* list = found && found->is_object() ? found->get_object().if_contains("L") : nullptr;
  if (!list || !list->is_array()) return all;
  for (const auto& one : list->get_array()) {
    const auto* s = one.is_object() ? one.get_object().if_contains("S") : nullptr;
    if (s && s->is_string()) all.emplace_back(s->get_string());
  }
  return all;
}

// --- Items

std::string tail_id(std::string_view labourer) { return fmt::format("sosw:tail:{}", labourer); }
std::string lease_id(std::string_view labourer) { return fmt::format("sosw:lease:{}", labourer); }
std::string count_id_of_labourer(std::string_view labourer) {
  return fmt::format("sosw:count:{}", labourer);
}
std::string labourer_item_id(std::string_view labourer) {
  return fmt::format("sosw:labourer:{}", labourer);
}
std::string job_item_id(std::string_view job) { return fmt::format("sosw:job:{}", job); }
std::string part_id(std::string_view job, std::int64_t part) {
  return fmt::format("sosw:job:{}:part:{}", job, part);
}
std::string count_id(std::string_view job) { return fmt::format("sosw:job:{}:count", job); }
std::string own_id_item(std::string_view task_id) { return fmt::format("sosw:id:{}", task_id); }
std::string letter_id(std::string_view task_id, std::string_view claim) {
  return fmt::format("sosw:late:{}:{}", task_id, claim.empty() ? "-" : claim);
}
std::string alarm_id(std::int64_t number) { return fmt::format("sosw:alarm:{}", number); }

// --- Tasks

std::string claim_token(std::int64_t greenfield, std::int64_t epoch, std::int64_t seq) {
  return fmt::format("c{}-{}-{}", greenfield, epoch, seq);
}

std::optional<std::int64_t> greenfield_of(std::string_view token) {
  if (!token.starts_with('c')) return std::nullopt;
  std::int64_t n = 0;
  const auto* last = token.data() + token.size();
  const auto [end, error] = std::from_chars(token.data() + 1, last, n);
  if (error != std::errc() || end == last || *end != '-') return std::nullopt;
  return n;
}

std::string current_claim(const Item& row) {
  std::string claim = text_in(row, "claim");
  const auto greenfield = greenfield_of(claim);
  // A claim that has failed keeps its token, though its greenfield was moved.
  if (greenfield && *greenfield != integer_in(row, "greenfield") && text_in(row, "failed") != claim)
    claim.clear();
  return claim;
}

State live_state(const Item& row, Time now) {
  if (row.contains("completed_at")) return State::completed;
  if (integer_in(row, "greenfield").value_or(0) < epoch_seconds(now)) return State::queued;
  return row.contains("failed") ? State::failed : State::running;
}

State closed_state(const Item& row) {
  if (text_in(row, "labourer_id_task_status").ends_with("_1")) return State::done;
  return text_in(row, "reason") == "cancelled" ? State::cancelled : State::dead;
}

std::string closed_status(std::string_view labourer, bool done) {
  return fmt::format("{}_{}", labourer, done ? 1 : 0);
}

Task to_task(const Item& row, State state) {
  static constexpr std::string_view kOurs[] = {"claim",    "rev",    "place",
                                               "deadline", "met_at", "labourer_id_task_status"};
  Task task;
  task.state = state;
  for (const auto& [key, value] : row) {
    const std::string_view name = key;
    if (name == "task_id")
      task.id = text_in(row, name);
    else if (name == "labourer_id")
      task.labourer_id = text_in(row, name);
    else if (name == "greenfield")
      task.greenfield = integer_in(row, name).value_or(0);
    else if (name == "attempts")
      task.attempts = static_cast<int>(integer_in(row, name).value_or(0));
    else if (name == "created_at")
      task.created_at = from_epoch(real_in(row, name).value_or(0));
    else if (name == "completed_at")
      task.completed_at = integer_in(row, name);
    else if (name == "closed_at")
      task.closed_at = integer_in(row, name);
    else if (name == "desired_launch_time")
      task.desired_launch_time = integer_in(row, name);
    else if (name == "payload") {
      const auto payload = plain(value);
      task.payload = payload.is_string() ? std::string(payload.get_string()) : json_text(payload);
    } else if (std::find(std::begin(kOurs), std::end(kOurs), name) == std::end(kOurs)) {
      task.extra[key] = plain(value);
    }
  }
  task.claim = current_claim(row);
  return task;
}

Time deadline_of(const Item& row, const Labourer& labourer, std::int64_t delta) {
  if (!current_claim(row).empty()) {
    if (const auto own = integer_in(row, "deadline")) return Time(std::chrono::seconds(*own));
  }
  const std::int64_t claimed_at = integer_in(row, "greenfield").value_or(0) - delta;
  return Time(std::chrono::seconds(claimed_at + labourer.duration_s + labourer.cooldown_s));
}

std::string job_of(const Item& row) {
  const auto id = text_in(row, "job_id");
  return id.starts_with('j') ? id.substr(1) : std::string();
}

// --- Writes

std::string Change::placed(std::string_view name) {
  if (!unusual(name)) return std::string("#").append(name);
  std::string place = fmt::format("#unusual{}", unusual_++);
  names_[place] = name;
  return place;
}

Change& Change::set_to(std::string_view name, std::string_view expression) {
  sets_ += fmt::format("{}{} = {}", sets_.empty() ? "SET " : ", ", placed(name), expression);
  return *this;
}

Change& Change::set(std::string_view name, json::value value) {
  const std::string place = placed(name);
  std::string value_name = ":" + place.substr(1);
  sets_ += fmt::format("{}{} = {}", sets_.empty() ? "SET " : ", ", place, value_name);
  values_[value_name] = std::move(value);
  return *this;
}

Change& Change::add(std::string_view name, std::int64_t n) {
  const std::string value_name = fmt::format(":plus_{}", name);
  adds_ += fmt::format("{}#{} {}", adds_.empty() ? "ADD " : ", ", name, value_name);
  values_[value_name] = number(n);
  return *this;
}

Change& Change::remove(std::string_view path) {
  removes_ += fmt::format("{}#{}", removes_.empty() ? "REMOVE " : ", ", path);
  return *this;
}

Change& Change::with(std::string_view value_name, json::value value) {
  values_[value_name] = std::move(value);
  return *this;
}

Change& Change::counted() {
  return set_to("rev", "if_not_exists(#rev, :zero) + :one")
      .with(":zero", number(0))
      .with(":one", number(1));
}

Write Change::of(std::string table, Item key) const {
  Write write{Write::Kind::update, std::move(table), std::move(key)};
  for (const std::string* part : {&sets_, &adds_, &removes_}) {
    if (part->empty()) continue;
    if (!write.update.empty()) write.update += ' ';
    write.update += *part;
  }
  write.values = values_;
  write.names = names_;
  return write;
}

void require(Write& write, std::string_view condition) {
  if (condition.empty()) return;
  if (!write.condition.empty()) write.condition += " AND ";
  write.condition += condition;
}

void require_same(Write& write, const Item& copy, Same same) {
  static constexpr std::string_view kTask[] = {"greenfield", "attempts", "completed_at",
                                               "failed_attempts", "rev"};
  static constexpr std::string_view kRetry[] = {"attempts", "desired_launch_time", "rev"};
  static constexpr std::string_view kClosed[] = {"labourer_id_task_status", "closed_at", "rev"};
  std::span<const std::string_view> names = kTask;
  bool on = true;
  switch (same) {
    case Same::task:
      on = SOSW_GUARD(same_task);
      break;
    case Same::retry:
      on = SOSW_GUARD(same_retry);
      names = kRetry;
      break;
    case Same::closed:
      on = SOSW_GUARD(same_closed);
      names = kClosed;
      break;
  }
  if (!on) return;
  if (SOSW_GUARD(no_ghost_row)) require(write, "attribute_exists(#task_id)");
  for (const auto name : names) {
    // Ours tell every change by `rev`, the original's Essentials by the rest alone.
    if (name == "rev" ? !SOSW_GUARD(same_rev) : !SOSW_GUARD(same_rest)) continue;
    if (const auto* value = copy.if_contains(name)) {
      require(write, fmt::format("#{} = :same_{}", name, name));
      write.values[fmt::format(":same_{}", name)] = *value;
    } else {
      require(write, fmt::format("attribute_not_exists(#{})", name));
    }
  }
}

Item next_revision(Item row) {
  row["rev"] = number(integer_in(row, "rev").value_or(0) + 1);
  return row;
}

void set_details(Change& change, const Report& report) {
  for (auto& [name, value] : details(report)) change.set(name, std::move(value));
}

void set_details(Item& row, const Report& report) {
  for (auto& [name, value] : details(report)) row[name] = std::move(value);
}

}  // namespace sosw::cloud
