// SPDX-License-Identifier: MIT
// Written from the recorded behaviour of sosw 0.7.47, not from its code.
#include "simulation/python_essentials.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/json_text.h"
#include "simulation/python_values.h"

namespace sosw::simulation {

using cloud::Item;
using cloud::Query;
using cloud::Refusal;
using cloud::Write;
using cloud::Written;

namespace {

constexpr const char* kTasks = "sosw_tasks";
constexpr const char* kClosed = "sosw_closed_tasks";
constexpr const char* kRetry = "sosw_retry_tasks";
constexpr std::size_t kAll = ~std::size_t{0};

// An exception for everything but success; nullopt: the condition failed.
Result<std::optional<bool>> made(const Result<Written>& written) {
  if (!written) return written.error();
  if (written->done) return std::optional(true);
  for (const auto& refused : written->refused) {
    if (refused.why == Refusal::conflict)
      return Error{Code::unavailable, "TransactionConflictException", {}};
    if (refused.why == Refusal::throttled)
      return Error{Code::unavailable, "ProvisionedThroughputExceededException", {}};
    if (refused.why == Refusal::too_large)
      return raised("ValidationException: Item size has exceeded the maximum allowed size");
  }
  return std::optional<bool>();
}

Result<void> need(const Result<Written>& written) {
  auto done = made(written);
  if (!done) return done.error();
  if (!*done) return raised("ConditionalCheckFailedException: The conditional request failed");
  return {};
}

bool is_true(const json::value* value) {
  if (!value || value->is_null()) return false;
  if (value->is_bool()) return value->get_bool();
  if (value->is_number()) return value->to_number<double>() != 0;
  if (value->is_string()) return !value->get_string().empty();
  if (value->is_array()) return !value->get_array().empty();
  return !value->get_object().empty();
}

// boto3 gives each call of transact_write_items a token of its own, which its repetitions share.
std::string own_token(const json::object& row, Time now) {
  return fmt::format("{:016x}{:016x}", std::hash<json::object>()(row),
                     static_cast<std::uint64_t>(now.time_since_epoch().count()));
}

}  // namespace

// --- Common

struct PythonEssentials::Registered {
  const Labourer* labourer;
  std::int64_t start, invoked, expired;
};

PythonEssentials::PythonEssentials(cloud::Tables& tables, std::function<Time()> now,
                                   Settings settings)
    : tables_(tables), now_(std::move(now)), settings_(std::move(settings)) {}

std::vector<PythonEssentials::Registered> PythonEssentials::registered(
    std::span<const Labourer> labourers) const {
  std::vector<Registered> all;
  for (const auto& labourer : labourers) {
    const std::int64_t start = epoch_seconds(now_());
    const std::int64_t invoked = start + settings_.invocation_delta;
    all.push_back({&labourer, start, invoked, invoked - labourer.duration_s - labourer.cooldown_s});
  }
  return all;
}

// The original sends no Limit: it takes whole pages and keeps what it asked for.
Result<std::vector<json::object>> PythonEssentials::rows(Query query, std::size_t at_most,
                                                         bool all_fields) {
  std::vector<json::object> found;
  do {
    auto page = tables_.query(query);
    if (!page) return page.error();
    for (const auto& item : page->items) {
      if (found.size() == at_most) return found;
      auto row = python_row(item, all_fields);
      if (!row) return row.error();
      found.push_back(std::move(*row));
    }
    query.after = std::move(page->last);
  } while (query.after && found.size() < at_most);
  return found;
}

Result<std::int64_t> PythonEssentials::greenfield_at_end(std::string_view labourer_id,
                                                         bool newest) {
  Query query{.table = kTasks,
              .index = "sosw_tasks_greenfield",
              .key = "labourer_id = :labourer_id AND greenfield <= :greenfield",
              .values = {{":labourer_id", text_value(labourer_id)},
                         {":greenfield", number_value(python_float(epoch(now_())))}},
              .forward = !newest};
  auto found = rows(std::move(query), 1, false);
  if (!found) return found.error();
  if (found->empty()) return settings_.task_step;
  const json::value& greenfield = found->front().at("greenfield");
  return greenfield.is_double() ? static_cast<std::int64_t>(greenfield.get_double())
                                : greenfield.get_int64();
}

Result<void> PythonEssentials::put(std::string table, const json::object& row) {
  auto item = python_item(row);
  if (!item) return item.error();
  return need(tables_.write({.table = std::move(table), .item = std::move(*item)}));
}

Result<void> PythonEssentials::remove_task(std::string_view task_id) {
  return need(tables_.write(
      {.kind = Write::Kind::remove, .table = kTasks, .item = {{"task_id", text_value(task_id)}}}));
}

Result<void> PythonEssentials::audit(std::string_view task_id, std::string_view action,
                                     std::string_view field, std::string_view labourer_id) {
  if (!settings_.audit) return {};
  Item item = {{"task_id", text_value(task_id)},
               {"created_at", number_value(python_float(epoch(now_())))},
               {"author", text_value(settings_.author)},
               {"invocation_id", text_value(settings_.invocation_id)},
               {"log_stream_name", text_value(settings_.log_stream_name)},
               {"action", text_value(action)}};
  if (!field.empty()) item.emplace(field, text_value(labourer_id));
  return need(tables_.write({.table = "sosw_tasks_meta",
                             .item = std::move(item),
                             .condition = "attribute_not_exists(task_id)"}));
}

// --- Scheduler

Result<void> PythonEssentials::create_task(std::string_view labourer_id, std::string_view task_id,
                                           std::string_view payload,
                                           std::optional<std::int64_t> greenfield) {
  const double created_at = epoch(now_());
  if (!greenfield) {
    auto newest = greenfield_at_end(labourer_id, true);
    if (!newest) return newest.error();
    greenfield = *newest + settings_.task_step;
  }
  // Without a condition: a row of that id is overwritten.
  return need(tables_.write({.table = kTasks,
                             .item = {{"task_id", text_value(task_id)},
                                      {"labourer_id", text_value(labourer_id)},
                                      {"created_at", number_value(python_float(created_at))},
                                      {"greenfield", number_value(*greenfield)},
                                      {"attempts", number_value(std::int64_t{0})},
                                      {"payload", text_value(payload)}}}));
}

Result<void> PythonEssentials::audit_created(std::string_view labourer_id,
                                             std::string_view task_id) {
  return audit(task_id, "created", "labourer", labourer_id);
}

// --- Orchestrator

Result<void> PythonEssentials::orchestrate(std::span<const Labourer> labourers,
                                           const Invoke& invoke,
                                           const std::function<double(const Labourer&)>& share) {
  for (const auto& labourer : registered(labourers)) {
    const auto& settings = *labourer.labourer;
    Query running{
        .table = kTasks,
        .index = "sosw_tasks_greenfield",
        .key =
            "labourer_id = :labourer_id AND greenfield between :st_between_greenfield and "
            ":en_between_greenfield",
        .filter = "attribute_not_exists (completed_at)",
        .values = {{":labourer_id", text_value(settings.id)},
                   {":st_between_greenfield", number_value(labourer.expired)},
                   {":en_between_greenfield", number_value(labourer.invoked)}},
        .count = true};
    std::int64_t busy = 0;
    do {
      auto page = tables_.query(running);
      if (!page) return page.error();
      busy += page->count;
      running.after = std::move(page->last);
    } while (running.after);

    const double allowed =
        std::floor(settings.max_simultaneous_invocations * (share ? share(settings) : 1.0));
    const std::int64_t wanted = static_cast<std::int64_t>(allowed) - busy;
    if (wanted < 1) continue;
    auto next = rows({.table = kTasks,
                      .index = "sosw_tasks_greenfield",
                      .key = "labourer_id = :labourer_id AND greenfield < :greenfield",
                      .values = {{":labourer_id", text_value(settings.id)},
                                 {":greenfield", number_value(labourer.start)}}},
                     static_cast<std::size_t>(wanted), false);
    if (!next) return next.error();
    for (auto& task : *next) {
      const std::string id(task.at("task_id").get_string());
      if (auto done = invoke_task(labourer, std::move(task), invoke); !done) return done;
      // Also after a race that was lost.
      if (auto done = audit(id, "invoked", "labourer_id", settings.id); !done) return done;
    }
  }
  return {};
}

Result<void> PythonEssentials::invoke_task(const Registered& labourer, json::object task,
                                           const Invoke& invoke) {
  for (const char* field : {"task_id", "labourer_id", "created_at"}) {
    if (!is_true(task.if_contains(field)))
      return raised(fmt::format("ValueError: invalid task: it has no {}", field));
  }
  // Leaves what is not its own in the row, our claim for one.
  auto claimed = made(tables_.write(
      {.kind = Write::Kind::update,
       .table = kTasks,
       .item = {{"task_id", text_value(task.at("task_id").get_string())}},
       .update = "SET #greenfield = :greenfield, "
                 "#attempts = if_not_exists(#attempts, :zero) + :attempts",
       .condition = "greenfield < :filter_greenfield",
       .values = {{":greenfield", number_value(epoch_seconds(now_()) + settings_.invocation_delta)},
                  {":attempts", number_value(std::int64_t{1})},
                  {":zero", number_value(std::int64_t{0})},
                  {":filter_greenfield", number_value(labourer.start)}},
       .names = {{"#greenfield", "greenfield"}, {"#attempts", "attempts"}}}));
  if (!claimed) return claimed.error();
  if (!*claimed) return {};  // somebody else was faster

  json::value payload = json::object();
  if (const auto* given = task.if_contains("payload")) payload = *given;
  if (payload.is_string()) {
    auto read = parse_json(payload.get_string());
    if (read) payload = std::move(*read);
  }
  if (!payload.is_object())
    return raised("AttributeError: the payload of a task that was marked as invoked is no object");
  task.erase("payload");
  json::object event = std::move(payload.get_object());
  for (auto& [key, value] : task) event.insert_or_assign(key, std::move(value));
  return invoke(*labourer.labourer, event);
}

// --- Scavenger

Result<void> PythonEssentials::scavenge(
    std::span<const Labourer> labourers,
    const std::function<void(const std::string& task_id)>& dead) {
  for (const auto& labourer : registered(labourers)) {
    auto done = archive_completed(labourer);
    if (done) done = handle_expired(labourer, dead);
    if (done) done = retry(labourer);
    if (!done) return done;
  }
  return {};
}

Result<void> PythonEssentials::archive(std::string_view task_id) {
  auto found = rows(
      {.table = kTasks, .key = "task_id = :task_id", .values = {{":task_id", text_value(task_id)}}},
      kAll, true);
  if (!found) return found.error();
  if (found->empty() || !found->front().contains("labourer_id"))
    return raised("KeyError: 'labourer_id'");  // gone meanwhile, or a fragment of a row
  json::object row = std::move(found->front());
  row["closed_at"] = epoch_seconds(now_());
  row["labourer_id_task_status"] = fmt::format("{}_{}", python_text(row.at("labourer_id")),
                                               is_true(row.if_contains("completed_at")) ? 1 : 0);
  // Two requests: a crash between them leaves both rows, and what comes between them is lost.
  if (auto done = put(kClosed, row); !done) return done;
  return remove_task(task_id);
}

Result<void> PythonEssentials::archive_completed(const Registered& labourer) {
  const std::string& id = labourer.labourer->id;
  auto completed = rows({.table = kTasks,
                         .index = "sosw_tasks_greenfield",
                         .key = "labourer_id = :labourer_id AND greenfield >= :greenfield",
                         .filter = "attribute_exists (completed_at)",
                         .values = {{":labourer_id", text_value(id)},
                                    {":greenfield", number_value(python_float(epoch(now_())))}}},
                        kAll, false);
  if (!completed) return completed.error();
  for (const auto& task : *completed) {
    const std::string_view task_id = task.at("task_id").get_string();
    if (auto done = archive(task_id); !done) return done;
    if (auto done = audit(task_id, "archived", "labourer_id", id); !done) return done;
  }
  return {};
}

Result<void> PythonEssentials::handle_expired(const Registered& labourer,
                                              const std::function<void(const std::string&)>& dead) {
  const auto& settings = *labourer.labourer;
  auto expired =
      rows({.table = kTasks,
            .index = "sosw_tasks_greenfield",
            .key = "labourer_id = :labourer_id AND greenfield between :st_between_greenfield and "
                   ":en_between_greenfield",
            .filter = "attribute_not_exists (completed_at)",
            .values = {{":labourer_id", text_value(settings.id)},
                       {":st_between_greenfield", number_value(labourer.start)},
                       {":en_between_greenfield", number_value(labourer.expired)}}},
           kAll, true);
  if (!expired) return expired.error();
  for (auto& task : *expired) {
    const std::string task_id(task.at("task_id").get_string());
    const auto* attempts = task.if_contains("attempts");
    if (!attempts || !attempts->is_number())
      return raised("TypeError: '<' not supported between instances of 'NoneType' and 'int'");
    if (attempts->to_number<double>() < settings.max_attempts) {
      // By the copy from the index, without a condition, and again in two steps.
      task["desired_launch_time"] =
          epoch_seconds(now_()) +
          settings.timeout_s * static_cast<std::int64_t>(attempts->to_number<double>());
      if (auto* payload = task.if_contains("payload"); payload && !payload->is_string())
        *payload = json_text(*payload);
      auto done = put(kRetry, task);
      if (done) done = remove_task(task_id);
      if (done) done = audit(task_id, "scheduled_for_retry", "labourer_id", settings.id);
      if (!done) return done;
      continue;
    }
    if (dead) dead(task_id);
    if (auto done = archive(task_id); !done) return done;
    if (auto done = audit(task_id, "archived_dead", "labourer_id", settings.id); !done) return done;
  }
  return {};
}

Result<void> PythonEssentials::retry(const Registered& labourer) {
  const std::string& id = labourer.labourer->id;
  auto due =
      rows({.table = kRetry,
            .index = "labourer_id_greenfield",
            .key = "labourer_id = :labourer_id AND desired_launch_time <= :desired_launch_time",
            .values = {{":labourer_id", text_value(id)},
                       {":desired_launch_time", number_value(labourer.start)}}},
           static_cast<std::size_t>(settings_.retry_tasks_limit), false);
  if (!due) return due.error();
  auto oldest = greenfield_at_end(id, false);
  if (!oldest) return oldest.error();
  std::int64_t greenfield = *oldest;
  for (auto& task : *due) {
    const std::string task_id(task.at("task_id").get_string());
    task["greenfield"] = --greenfield;
    task.erase("desired_launch_time");
    if (auto* payload = task.if_contains("payload"); payload && !payload->is_string())
      *payload = json_text(*payload);
    auto item = python_item(task);
    if (!item) return item.error();
    // One transaction, but over whatever stands there, and whether or not the retry row does.
    const std::array<Write, 2> writes = {
        Write{.table = kTasks, .item = std::move(*item)},
        Write{.kind = Write::Kind::remove,
              .table = kRetry,
              .item = {{"labourer_id", text_value(id)}, {"task_id", text_value(task_id)}}}};
    if (auto done = need(tables_.transact(writes, own_token(task, now_()))); !done) return done;
    if (auto done = audit(task_id, "ready_for_retry", "labourer_id", id); !done) return done;
  }
  return {};
}

// --- WorkerAssistant

// Makes the row that is not there.
Result<void> PythonEssentials::mark(std::string_view task_id, const json::object& attributes,
                                    bool failed) {
  auto values = python_item(attributes);
  if (!values) return values.error();
  Write write{
      .kind = Write::Kind::update, .table = kTasks, .item = {{"task_id", text_value(task_id)}}};
  auto set = [&write](const std::string& name, const std::string& value) {
    write.update += (write.update.empty() ? "SET #" : ", #") + name + " = " + value;
    write.names["#" + name] = name;
  };
  for (auto& [name, value] : *values) {
    set(name, ":" + std::string(name));
    write.values[":" + std::string(name)] = std::move(value);
  }
  if (failed) {
    set("failed_attempts", "if_not_exists(#failed_attempts, :zero) + :failed_attempts");
    write.values[":failed_attempts"] = number_value(std::int64_t{1});
    write.values[":zero"] = number_value(std::int64_t{0});
  }
  if (auto done = need(tables_.write(write)); !done) return done;
  return audit(task_id, failed ? "marked_as_failed" : "marked_as_completed", {}, {});
}

namespace {
void flatten(const json::object& details, std::string_view prefix, json::object& attributes) {
  for (const auto& [key, value] : details)
    attributes[std::string(prefix) + std::string(key)] = value;
}
}  // namespace

Result<void> PythonEssentials::mark_task_as_completed(std::string_view task_id,
                                                      const json::object& stats,
                                                      const json::object& result) {
  json::object attributes = {{"completed_at", epoch_seconds(now_())}};
  flatten(stats, "stat_", attributes);
  flatten(result, "result_", attributes);
  return mark(task_id, attributes, false);
}

Result<void> PythonEssentials::mark_task_as_failed(std::string_view task_id,
                                                   const json::object& stats,
                                                   const json::object& result) {
  json::object attributes;
  flatten(stats, "stat_", attributes);
  flatten(result, "result_", attributes);
  return mark(task_id, attributes, true);
}

}  // namespace sosw::simulation
