// SPDX-License-Identifier: MIT
// The tables of the original, and what their keys may be.
#include "simulation/model_tables_rows.h"

#include <fmt/format.h>

#include <cstdlib>

namespace sosw::simulation {

using cloud::Item;

namespace {

constexpr std::size_t kLongestHash = 2048, kLongestRange = 1024;

Number number_of(const SortKey& key) {
  return key.exact ? *key.exact : *read_number(std::to_string(key.integer));
}

}  // namespace

std::strong_ordering order_of(const SortKey& a, const SortKey& b) {
  if (a.before_all || b.before_all) return b.before_all <=> a.before_all;
  if (a.exact || b.exact) return order(number_of(a), number_of(b));
  if (a.integer != b.integer) return a.integer <=> b.integer;
  return a.text.compare(b.text) <=> 0;
}

SortKey sort_key(const json::value& value) {
  SortKey key;
  if (type_of(value) == "S") {
    key.text = text_of(value);
    return key;
  }
  const std::string text(text_of(value));
  key.integer = std::strtoll(text.c_str(), nullptr, 10);
  if (std::to_string(key.integer) != text) key.exact = read_number(text);
  return key;
}

std::vector<TableSchema> sosw_tables() {
  return {
      {.name = "sosw_tasks",
       .hash = {"task_id"},
       .indexes = {{.name = "sosw_tasks_greenfield",
                    .hash = {"labourer_id"},
                    .range = {"greenfield", 'N'}}}},
      {.name = "sosw_closed_tasks",
       .hash = {"task_id"},
       .indexes = {{.name = "labourer_task_status_with_time",
                    .hash = {"labourer_id_task_status"},
                    .range = {"closed_at", 'N'},
                    .projection = {{"completed_at", "greenfield", "attempts"}}}}},
      {.name = "sosw_retry_tasks",
       .hash = {"labourer_id"},
       .range = KeyAttribute{"task_id"},
       .indexes = {{.name = "labourer_id_greenfield",
                    .hash = {"labourer_id"},
                    .range = {"desired_launch_time", 'N'}}}},
      {.name = "sosw_tasks_meta", .hash = {"task_id"}, .range = KeyAttribute{"created_at", 'N'}},
      {.name = "config", .hash = {"env"}, .range = KeyAttribute{"config_name"}},
  };
}

Result<void> ModelTables::Table::check_key(const Item& item, bool alone) const {
  const std::size_t keys = schema.range ? 2 : 1;
  if (alone && item.size() != keys)
    return bad_request("The provided key element does not match the schema");
  for (std::size_t at = 0; at < keys; ++at) {
    const auto& key = at == 0 ? schema.hash : *schema.range;
    const auto* value = item.if_contains(key.name);
    if (!value) {
      if (alone) return bad_request("The provided key element does not match the schema");
      return bad_request(fmt::format(
          "One or more parameter values were invalid: Missing the key {} in the item", key.name));
    }
    if (!has_type(*value, key.type)) {
      if (alone) return bad_request("The provided key element does not match the schema");
      return bad_request(
          fmt::format("One or more parameter values were invalid: Type mismatch for key {} "
                      "expected: {} actual: {}",
                      key.name, key.type, type_of(*value)));
    }
    if (text_of(*value).empty())
      return bad_request(
          fmt::format("One or more parameter values are not valid. The AttributeValue for a key "
                      "attribute cannot contain an empty string value. Key: {}",
                      key.name));
    if (text_of(*value).size() > (at == 0 ? kLongestHash : kLongestRange))
      return bad_request(fmt::format(
          "One or more parameter values were invalid: Size of {} has exceeded the maximum size "
          "limit of {} bytes",
          at == 0 ? "hashkey" : "rangekey", at == 0 ? kLongestHash : kLongestRange));
  }
  return {};
}

Result<void> ModelTables::Table::check_index_keys(const Item& item) const {
  for (const auto& index : indexes) {
    for (const auto* key : {&index.schema.hash, &index.schema.range}) {
      const auto* value = item.if_contains(key->name);
      if (!value) continue;
      if (!has_type(*value, key->type))
        return bad_request(
            fmt::format("One or more parameter values were invalid: Type mismatch for Index Key {} "
                        "Expected: {} Actual: {} IndexName: {}",
                        key->name, key->type, type_of(*value), index.schema.name));
      if (text_of(*value).empty())
        return bad_request(fmt::format(
            "One or more parameter values are not valid. A value specified for a secondary index "
            "key is not supported. The AttributeValue for a key attribute cannot contain an empty "
            "string value. IndexName: {}, IndexKey: {}",
            index.schema.name, key->name));
    }
  }
  return {};
}

Error throttled() {
  return {Code::unavailable,
          "ProvisionedThroughputExceededException: The level of configured provisioned throughput "
          "for the table was exceeded",
          {}};
}
Error no_answer() { return {Code::unavailable, "no answer from DynamoDB", {}}; }

}  // namespace sosw::simulation
