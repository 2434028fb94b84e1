// SPDX-License-Identifier: MIT
#include "rows.h"

#include <algorithm>
#include <cstdio>

#include "core/json_text.h"

namespace sosw::golden {
namespace {

json::value plain(const json::object& attribute) {
  const auto& [type, value] = *attribute.begin();
  if (type == "N") return *parse_json(value.as_string());
  if (type == "M") return plain_row(value.as_object());
  if (type == "L") {
    json::array list;
    for (const auto& element : value.as_array()) list.push_back(plain(element.as_object()));
    return list;
  }
  return value;
}

std::int64_t whole(const json::value& value) { return value.to_number<std::int64_t>(); }

void add_put(const json::object& put, json::array& effects) {
  if (put.at("TableName") == "sosw_tasks_meta") return;
  effects.push_back({{"put", put.at("TableName")}, {"row", plain_row(put.at("Item").as_object())}});
}

}  // namespace

json::object plain_row(const json::object& item) {
  json::object row;
  for (const auto& [name, attribute] : item) row[name] = plain(attribute.as_object());
  return row;
}

Task task_of_row(const json::object& row) {
  Task task;
  for (const auto& [name, value] : row) {
    if (value.is_null() && name != "payload") continue;
    if (name == "task_id") {
      task.id = value.as_string();
    } else if (name == "labourer_id") {
      task.labourer_id = value.as_string();
    } else if (name == "created_at") {
      task.created_at = from_epoch(value.to_number<double>());
    } else if (name == "greenfield") {
      task.greenfield = whole(value);
    } else if (name == "attempts") {
      task.attempts = static_cast<int>(whole(value));
    } else if (name == "completed_at") {
      task.completed_at = whole(value);
    } else if (name == "closed_at") {
      task.closed_at = whole(value);
    } else if (name == "desired_launch_time") {
      task.desired_launch_time = whole(value);
    } else if (name == "payload") {
      task.payload = value.is_string() ? std::string(value.get_string()) : json_text(value);
    } else {
      task.extra[name] = value;
    }
  }
  return task;
}

json::object row_of_task(const Task& task) {
  auto row = to_json(task);
  row.erase("state");
  row.erase("claim");
  return row;
}

json::array effects_of(const json::array& requests) {
  json::array effects;
  for (const auto& request : requests) {
    const auto& operation = request.at("operation");
    const auto& params = request.at("params").as_object();
    if (operation == "put_item") add_put(params, effects);
    if (operation == "transact_write_items")
      for (const auto& action : params.at("TransactItems").at("value").as_array())
        if (const auto* put = action.as_object().if_contains("Put"))
          add_put(put->as_object(), effects);
    if (operation == "update_item")
      effects.push_back(
          {{"claim", params.at("Key").at("task_id").at("S")},
           {"greenfield",
            plain(params.at("ExpressionAttributeValues").at(":greenfield").as_object())}});
  }
  return effects;
}

json::value effects_of_output(const Case&, const json::value& output) {
  if (!output.is_object() || !output.as_object().contains("dynamo")) return output;
  json::object behaviour;
  for (const auto& [key, value] : output.as_object())
    if (key != "dynamo" && key != "stats" && key != "sns_subject") behaviour[key] = value;
  behaviour["effects"] = effects_of(output.at("dynamo").as_array());
  json::object counters;
  for (const auto& [key, value] : output.at("stats").as_object()) {
    if (value.is_number()) counters[key] = value;
    if (value.is_object())
      for (const auto& [inner, count] : value.get_object())
        if (inner.ends_with("_tasks")) counters[inner] = count;
  }
  behaviour["stats"] = counters;
  return behaviour;
}

bool has_typed_value(const json::value& value) {
  if (value.is_array())
    return std::any_of(value.get_array().begin(), value.get_array().end(), has_typed_value);
  if (!value.is_object()) return false;
  return value.get_object().contains("$type") ||
         std::any_of(value.get_object().begin(), value.get_object().end(),
                     [](const auto& member) { return has_typed_value(member.value()); });
}

Time now_of(const Case& what) {
  int year = 0;
  unsigned month = 0;
  unsigned day = 0;
  int hour = 0;
  int minute = 0;
  double second = 0;
  std::sscanf(what.now.value_or("1970-01-01T00:00:00Z").c_str(), "%d-%u-%uT%d:%d:%lf", &year,
              &month, &day, &hour, &minute, &second);
  const std::chrono::sys_days date =
      std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day);
  return after(Time(date) + std::chrono::hours(hour) + std::chrono::minutes(minute), second);
}

}  // namespace sosw::golden
