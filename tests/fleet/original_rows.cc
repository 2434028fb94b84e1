// SPDX-License-Identifier: MIT
#include "fleet/original_rows.h"

#include <map>
#include <regex>

namespace sosw::fleet {
namespace {

namespace json = boost::json;

struct Kind {
  std::string type;
  std::regex form;
  bool required = false;
};
using Kinds = std::map<std::string, Kind>;

const std::regex kWhole("-?[0-9]+");
const std::regex kSeconds("[0-9]{10}(\\.[0-9]+)?");  // with a fraction or without
const std::regex kWholeSeconds("[0-9]{10}");
const std::regex kTaskId("[0-9a-f]{32}");
const std::regex kText("[^]+");
const std::regex kToken("[a-z][^]*");  // Python turns what looks like a number into one
const std::regex kObject("\\{\"[^]*\\}|\\{\\}");
// What Python archives has been printed as its own literals.
const std::regex kObjectOrLiteral("\\{[\"'][^]*\\}|\\{\\}");

Kinds of_tasks() {
  return {{"task_id", {"S", kTaskId, true}},
          {"labourer_id", {"S", kText, true}},
          {"created_at", {"N", kSeconds, true}},
          {"greenfield", {"N", kWhole, true}},
          {"attempts", {"N", kWhole, true}},
          {"payload", {"S", kObject, true}},
          {"completed_at", {"N", kWholeSeconds}},
          {"failed_attempts", {"N", kWhole}},
          {"claim", {"S", kToken}},
          {"rev", {"N", kWhole}},
          {"place", {"N", kWhole}},
          {"deadline", {"N", kWholeSeconds}},
          {"met_at", {"N", kWholeSeconds}},
          {"started", {"S", kToken}},
          {"failed", {"S", kToken}},
          {"late_at", {"N", kWholeSeconds}},
          {"late_claim", {"S", kToken}},
          {"silent", {"N", kWhole}},
          {"job_id", {"S", std::regex("j[0-9a-f]{20}")}},
          {"replays", {"N", kWhole}}};
}

Kinds of_table(const std::string& table) {
  auto kinds = of_tasks();
  if (table == "sosw_retry_tasks") {
    kinds["desired_launch_time"] = {"N", kWholeSeconds, true};
  } else if (table == "sosw_closed_tasks") {
    kinds["closed_at"] = {"N", kWholeSeconds, true};
    kinds["reason"] = {"S", std::regex("cancelled")};
    kinds["labourer_id_task_status"] = {"S", std::regex("[^]+_[01]"), true};
    kinds["payload"].form = kObjectOrLiteral;
  } else if (table == "sosw_tasks_meta") {
    kinds = {{"task_id", {"S", kTaskId, true}},
             {"created_at", {"N", kSeconds, true}},
             {"author", {"S", kText, true}},
             {"invocation_id", {"S", kText, true}},
             {"log_stream_name", {"S", kText, true}},
             {"action",
              {"S",
               std::regex("created|invoked|archived|archived_dead|scheduled_for_retry|"
                          "ready_for_retry|marked_as_completed|marked_as_failed|completed|failed"),
               true}},
             {"labourer", {"S", kText}},
             {"labourer_id", {"S", kText}}};
  }
  return kinds;
}

bool ours(const json::object& row) {
  const auto* id = row.if_contains("task_id");
  const auto* text = id && id->is_object() ? id->get_object().if_contains("S") : nullptr;
  return text && text->is_string() && text->get_string().starts_with("sosw:");
}

}  // namespace

std::string not_of_the_original(const std::string& table, const json::object& row) {
  static const std::map<std::string, Kinds> kTables = [] {
    std::map<std::string, Kinds> all;
    for (const auto* name :
         {"sosw_tasks", "sosw_retry_tasks", "sosw_closed_tasks", "sosw_tasks_meta"})
      all[name] = of_table(name);
    return all;
  }();
  if (ours(row)) return "";
  const auto& kinds = kTables.at(table);
  std::string wrong;
  for (const auto& [name, value] : row) {
    if (name.starts_with("stat_") || name.starts_with("result_")) continue;
    const auto& typed = *value.as_object().begin();
    const auto known = kinds.find(std::string(name));
    if (known == kinds.end()) {
      wrong += std::string(name) + " is not known\n";
    } else if (typed.key() != known->second.type) {
      wrong += std::string(name) + " is of type " + std::string(typed.key()) + ", not " +
               known->second.type + '\n';
    } else if (!std::regex_match(std::string(typed.value().as_string()), known->second.form)) {
      wrong +=
          std::string(name) + " has another form: " + std::string(typed.value().as_string()) + '\n';
    }
  }
  for (const auto& [name, kind] : kinds)
    if (kind.required && !row.contains(name)) wrong += name + " is missing\n";
  if (!wrong.empty()) wrong = table + ": " + json::serialize(row) + '\n' + wrong;
  return wrong;
}

}  // namespace sosw::fleet
