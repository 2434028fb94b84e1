// SPDX-License-Identifier: MIT
// The file `payload`: making of tasks and of the event that a worker gets.
#include <algorithm>
#include <cmath>

#include "areas.h"
#include "core/greenfield.h"
#include "core/json_text.h"
#include "core/task.h"
#include "rows.h"

namespace sosw::golden {

namespace {

// The name of a column: `dynamo_db_config.field_names` of the configuration.
std::string column(const Case& what, std::string_view field) {
  if (const auto* table = what.config.if_contains("dynamo_db_config"))
    if (const auto* names = table->as_object().if_contains("field_names"))
      if (const auto* name = names->as_object().if_contains(field))
        return std::string(name->as_string());
  return std::string(field);
}

Answer get_db_field_name(const Case& what) {
  return Answer::output(json::string(column(what, what.in("key").as_string())));
}

Answer construct_payload_for_task(const Case& what) {
  if (has_typed_value(what.in("kwargs"))) return Answer::error("TypeError");
  json::object fields;
  for (const auto& [key, value] : what.in("kwargs").as_object())
    fields[key == column(what, "payload") ? json::string("payload") : json::string(key)] = value;
  const auto payload = construct_payload(fields);
  return payload ? Answer::output(json::string(*payload)) : Answer::error("TypeError");
}

bool complete(const Case& what, const json::object& row) {
  for (const auto field : {"task_id", "labourer_id", "created_at"})
    if (!row.contains(column(what, field))) return false;
  return true;
}

Answer is_valid_task(const Case& what) {
  if (!what.in("task").is_object()) return Answer::error("AttributeError");
  return Answer::output(complete(what, what.in("task").as_object()));
}

std::int64_t step_of(const Case& what) {
  const auto* step = what.config.if_contains("greenfield_task_step");
  if (!step) return kTaskStep;
  return step->is_string() ? parse_json(step->as_string())->as_int64() : step->as_int64();
}

// create_task gives the task with texts as values.
json::object texts(const Task& task) {
  json::object shown;
  for (const auto& [key, value] : row_of_task(task))
    shown[key] = value.is_string() ? value : json::value(json_text(value));
  return shown;
}

Answer create_task(const Case& what) {
  if (has_typed_value(what.in("kwargs"))) return Answer::error("ValueError");
  const auto& newest = what.in("newest_greenfield_in_queue");
  const auto position =
      newest.is_null() ? 0 : static_cast<std::int64_t>(std::floor(newest.to_number<double>()));
  const auto place = allocate_tail(newest.is_null(), position, position, 1, step_of(what));
  if (!place) return Answer::error("NoRoom");
  Task generated;
  generated.id = what.in("generated_task_id").as_string();
  generated.labourer_id = what.in("labourer_id").as_string();
  generated.created_at = now_of(what);
  generated.greenfield = place->first;
  const auto& strict = what.in("strict");
  const auto task =
      new_task(generated, what.in("kwargs").as_object(), strict.is_null() || strict.as_bool());
  if (!task) return Answer::error("ValueError");
  const auto shown = texts(*task);
  if (const auto* table = what.config.if_contains("dynamo_db_config"))
    if (const auto* required = table->as_object().if_contains("required_fields"))
      for (const auto& field : required->as_array())
        if (!shown.contains(field.as_string())) return Answer::error("ValueError");
  return Answer::output({{"task", shown}});
}

Answer invoke_task(const Case& what) {
  const auto& labourer = what.in("labourer").as_object();
  const bool by_id = !what.in("task_id").is_null();
  if (by_id != what.in("task").is_null()) return Answer::error("AttributeError");
  if (by_id && what.in("stored_task").is_null()) return Answer::error("ValueError");
  const auto row =
      by_id ? plain_row(what.in("stored_task").as_object()) : what.in("task").as_object();
  if (!complete(what, row)) return Answer::error("ValueError");
  const auto task = task_of_row(row);
  if (task.labourer_id != labourer.at("id").as_string()) return Answer::error("RuntimeError");
  const auto event = invocation_payload(task, "");
  if (!event) return Answer::error("AttributeError");
  const auto& trouble = what.in("update_item_fails_with");
  if (!trouble.is_null() && trouble.as_string() != "ConditionalCheckFailedException")
    return Answer::error("RuntimeError");
  const auto* delta = what.config.if_contains("greenfield_invocation_delta");
  const auto claimed_as =
      epoch_seconds(now_of(what)) + (delta ? delta->as_int64() : kInvocationDelta);
  json::array invocations;
  json::object stats = {{"concurrent_task_invocations_skipped", 1}};
  if (trouble.is_null()) {
    stats = {{"invoked_tasks", 1}};
    invocations.push_back({{"FunctionName", labourer.at("arn")},
                           {"InvocationType", "Event"},
                           {"Payload", *parse_json(*event)}});
  }
  return Answer::output(
      {{"effects", json::array({{{"claim", task.id}, {"greenfield", claimed_as}}})},
       {"invoke", invocations},
       {"stats", stats}});
}

json::value behaviour(const Case& what, const json::value& output) {
  if (what.function == "create_task") return {{"task", output.at("task")}};
  return effects_of_output(what, output);
}

// Rules
// --------------------------------------------------------------------------------------------

bool creates(const Case& what, const Answer& recorded) {
  return what.function == "create_task" && !recorded.is_error();
}

Answer with_field(const Answer& recorded, std::string_view field, json::value value) {
  auto output = recorded.value();
  output.at("task").as_object()[field] = std::move(value);
  return Answer::output(std::move(output));
}

std::optional<Answer> position_below_the_ceiling(const Case& what, const Answer& recorded) {
  const auto& newest = what.in("newest_greenfield_in_queue");
  if (!creates(what, recorded) || newest.is_null() ||
      (what.in("kwargs").as_object().contains("greenfield") && !what.in("strict").is_null()))
    return std::nullopt;
  const auto last = static_cast<std::int64_t>(std::floor(newest.to_number<double>()));
  if (last + step_of(what) <= 1'000'000'000) return std::nullopt;
  if (last >= 1'500'000'000) return Answer::error("NoRoom");
  return with_field(recorded, "greenfield", json::value(std::to_string(last + 1)));
}

std::optional<Answer> null_is_not_given(const Case& what, const Answer& recorded) {
  if (!creates(what, recorded)) return std::nullopt;
  const auto step = step_of(what);
  const auto& newest = what.in("newest_greenfield_in_queue");
  std::optional<Answer> right;
  for (const auto& [key, value] : recorded.value().at("task").as_object()) {
    const auto* given = what.in("kwargs").as_object().if_contains(key);
    if (!given || !given->is_null() || value != "None") continue;
    const auto& so_far = right ? *right : recorded;
    if (key == "task_id") right = with_field(so_far, key, what.in("generated_task_id"));
    if (key == "labourer_id") right = with_field(so_far, key, what.in("labourer_id"));
    if (key == "created_at")
      right = with_field(so_far, key, json::value(json_text(epoch(now_of(what)))));
    if (key == "attempts") right = with_field(so_far, key, "0");
    if (key == "greenfield")
      right =
          with_field(so_far, key,
                     json::value(std::to_string(
                         newest.is_null() ? 2 * step : newest.to_number<std::int64_t>() + step)));
  }
  return right;
}

std::optional<Answer> fields_are_typed(const Case& what, const Answer& recorded) {
  if (!creates(what, recorded)) return std::nullopt;
  std::optional<Answer> right;
  for (const std::string_view key : {"greenfield", "attempts", "created_at"}) {
    const auto* given = what.in("kwargs").as_object().if_contains(key);
    if (!given || given->is_null()) continue;
    const auto& stored = recorded.value().at("task").at(key);
    const auto text = stored.is_string() ? std::string(stored.get_string()) : json_text(stored);
    const auto number = parse_json(text);
    const bool fits = number && (key == "created_at" ? number->is_number() : number->is_int64());
    if (!fits) return Answer::error("ValueError");
    const auto shown = key == "created_at" ? json_text(number->to_number<double>()) : text;
    right = with_field(right ? *right : recorded, key, json::value(shown));
  }
  return right;
}

std::optional<Answer> only_fields_of_the_row(const Case& what, const Answer& recorded) {
  if (what.function != "invoke_task" || recorded.is_error()) return std::nullopt;
  const auto row = what.in("task").is_object() ? what.in("task").as_object() : json::object();
  auto output = recorded.value();
  for (auto& invocation : output.at("invoke").as_array()) {
    auto& event = invocation.at("Payload").as_object();
    for (const auto& [key, value] : row)
      if (key.starts_with("stat_") || key.starts_with("result_") || key == "failed_attempts")
        event.erase(key);
  }
  return Answer::output(std::move(output));
}

std::optional<Answer> renamed_columns(const Case& what, const Answer& recorded) {
  if (what.function != "create_task" || !recorded.is_error()) return std::nullopt;
  if (column(what, "task_id") == "task_id" && column(what, "attempts") == "attempts")
    return std::nullopt;
  const auto& fields = what.in("kwargs").as_object();
  const auto* payload = fields.if_contains("payload");
  if (fields.size() != 1 || !payload || !payload->is_object()) return std::nullopt;
  const auto& newest = what.in("newest_greenfield_in_queue");
  const auto step = step_of(what);
  return Answer::output(
      {{"task",
        {{"task_id", what.in("generated_task_id")},
         {"labourer_id", what.in("labourer_id")},
         {"created_at", json_text(epoch(now_of(what)))},
         {"greenfield",
          std::to_string(newest.is_null() ? 2 * step : newest.to_number<std::int64_t>() + step)},
         {"attempts", "0"},
         {"payload", json_text(*payload)}}}});
}

}  // namespace

Area payload_area() {
  Area area;
  area.name = "payload";
  area.handlers = {{"construct_payload_for_task", construct_payload_for_task},
                   {"create_task", create_task},
                   {"is_valid_task", is_valid_task},
                   {"get_db_field_name", get_db_field_name},
                   {"invoke_task", invoke_task}};
  area.rules = {{"position-below-the-ceiling", "D-11", position_below_the_ceiling},
                {"null-is-not-given", "D-45", null_is_not_given},
                {"fields-are-typed", "D-47", fields_are_typed},
                {"only-fields-of-the-row", "upstream 3.4", only_fields_of_the_row},
                {"renamed-columns", "D-53", renamed_columns}};
  area.behaviour = behaviour;
  return area;
}

}  // namespace sosw::golden
