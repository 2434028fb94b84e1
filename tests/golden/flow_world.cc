// SPDX-License-Identifier: MIT
// See flow_world.h.
#include "flow_world.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "core/chunking.h"
#include "core/ecology.h"
#include "core/json_text.h"

namespace sosw::golden {
namespace {

Time parse_iso(const std::string& text) {
  int year = 0;
  unsigned month = 0, day = 0;
  int hour = 0, minute = 0;
  double second = 0;
  if (std::sscanf(text.c_str(), "%d-%u-%uT%d:%d:%lf", &year, &month, &day, &hour, &minute,
                  &second) != 6) {
    throw std::runtime_error("not a time: " + text);
  }
  const auto days = std::chrono::sys_days(std::chrono::year(year) / static_cast<int>(month) /
                                          static_cast<int>(day));
  return after(Time(days) + std::chrono::hours(hour) + std::chrono::minutes(minute), second);
}

json::object object_in(const json::object& config, std::string_view key) {
  const auto* found = config.if_contains(key);
  return found == nullptr ? json::object{} : found->as_object();
}

// The text of a Python dict as JSON; nullopt when it is none. Enough for payloads: strings,
// numbers, True, False, None.
std::optional<json::value> read_python(std::string_view text) {
  std::string as_json;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\'' || c == '"') {
      as_json += '"';
      for (++i; i < text.size() && text[i] != c; ++i) {
        if (text[i] == '\\' && i + 1 < text.size()) {
          const char next = text[++i];
          if (next == '\'') {
            as_json += '\'';
          } else if (next == 'x' && i + 2 < text.size()) {
            as_json += "\\u00";
            as_json += text.substr(i + 1, 2);
            i += 2;
          } else {
            as_json += '\\';
            as_json += next;
          }
        } else if (text[i] == '"') {
          as_json += "\\\"";
        } else {
          as_json += text[i];
        }
      }
      as_json += '"';
    } else if (text.substr(i, 4) == "True") {
      as_json += "true";
      i += 3;
    } else if (text.substr(i, 5) == "False") {
      as_json += "false";
      i += 4;
    } else if (text.substr(i, 4) == "None") {
      as_json += "null";
      i += 3;
    } else {
      as_json += c;
    }
  }
  auto value = parse_json(as_json);
  if (!value) return std::nullopt;
  return *value;
}

}  // namespace

FlowWorld::FlowWorld(const Case& what)
    : labourers(object_in(what.config, "labourers")),
      task_config(object_in(what.config, "task_config")),
      timeouts(object_in(what.config, "timeouts")),
      scheduler(object_in(what.config, "scheduler")),
      scavenger(object_in(what.config, "scavenger")),
      steps(what.in("steps").as_array()),
      now(parse_iso(what.now.value())) {
  for (const auto& [id, config] : labourers) labourer_order.emplace_back(id);
  if (const auto* value = what.config.if_contains("metric_value");
      value != nullptr && !value->is_null()) {
    metric = value->to_number<double>();
  }
  if (const auto* value = what.config.if_contains("clock_step_after_meta_row_s")) {
    step_after_meta_row_s = value->to_number<double>();
  }
}

int FlowWorld::status_of(const std::string& labourer) const {
  int worst = kBestHealth;
  for (const auto& [name, config] :
       object_in(labourers.at(labourer).as_object(), "health_metrics")) {
    const auto read = read_health_metric(name, config.as_object());
    if (!read) throw std::runtime_error(read.error().text());
    worst = std::min(worst, health(metric, *read));
  }
  return worst;
}

std::vector<json::object> FlowWorld::rows_of(const json::value& event) const {
  auto request = extract_job_from_payload(event);
  const auto schema = JobSchema::from_config(scheduler, "");
  if (!request || !schema) throw std::runtime_error("not a job of the recorded flows");
  const auto rows = JobRows::from_job(*std::move(request), *schema, Periods(),
                                      std::chrono::floor<std::chrono::days>(now));
  if (!rows) throw std::runtime_error(rows.error().text());
  std::vector<json::object> payloads;
  auto cursor = rows->at(0);
  for (std::string text; cursor.next(text); text.clear())
    payloads.push_back(json::parse(text).as_object());
  return payloads;
}

std::string FlowWorld::labourer_of(const json::value& event) {
  const auto request = extract_job_from_payload(event);
  if (!request) throw std::runtime_error(request.error().text());
  return request->lambda_name;
}

std::string iso(Time t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(t - day);
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", static_cast<int>(date.year()),
                  static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                  time.hours().count(), time.minutes().count(), time.seconds().count());
  if (time.subseconds().count() != 0) text += fmt::format(".{:06}", time.subseconds().count());
  return text + "Z";
}

json::object tidy_tables(json::object tables) {
  for (auto& [name, rows] : tables) {
    auto& list = rows.as_array();
    std::vector<json::value> sorted(list.begin(), list.end());
    std::stable_sort(sorted.begin(), sorted.end(), [](const json::value& a, const json::value& b) {
      const auto key = [](const json::value& row) {
        const auto& object = row.as_object();
        const auto* created = object.if_contains("created_at");
        return std::pair(std::string_view(object.at("task_id").as_string()),
                         created == nullptr ? 0.0 : created->to_number<double>());
      };
      return key(a) < key(b);
    });
    list = json::array(sorted.begin(), sorted.end());
  }
  return tables;
}

json::value read_archived_payloads(json::value output) {
  auto* object = output.if_object();
  auto* trace = object == nullptr ? nullptr : object->if_contains("trace");
  if (trace == nullptr || !trace->is_array()) return output;
  for (json::value& entry : trace->get_array()) {
    auto* tables = entry.is_object() ? entry.get_object().if_contains("tables") : nullptr;
    if (tables == nullptr) continue;
    auto* closed = tables->as_object().if_contains("sosw_closed_tasks");
    if (closed == nullptr) continue;
    for (json::value& row : closed->as_array()) {
      auto* payload = row.as_object().if_contains("payload");
      if (payload == nullptr || !payload->is_string()) continue;
      const std::string text(payload->get_string());
      if (const auto python = read_python(text); !parse_json(text) && python)
        *payload = json_text(*python);
    }
  }
  return output;
}

}  // namespace sosw::golden
