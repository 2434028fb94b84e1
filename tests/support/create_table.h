// SPDX-License-Identifier: MIT
// The tables of the simulation as the input of DynamoDB's CreateTable.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>

#include "simulation/model_tables.h"

namespace sosw::testing {

namespace json = boost::json;

inline boost::json::array key_schema(const simulation::KeyAttribute& hash,
                                     const simulation::KeyAttribute* range) {
  json::array out{json::object{{"AttributeName", hash.name}, {"KeyType", "HASH"}}};
  if (range) out.push_back(json::object{{"AttributeName", range->name}, {"KeyType", "RANGE"}});
  return out;
}

// What CreateTable takes.
inline boost::json::object create_table_input(const simulation::TableSchema& table) {
  std::map<std::string, char> types;
  json::array of_table;
  json::array global;
  types[table.hash.name] = table.hash.type;
  if (table.range) types[table.range->name] = table.range->type;
  for (const auto& index : table.indexes) {
    types[index.hash.name] = index.hash.type;
    types[index.range.name] = index.range.type;
    json::object projection{{"ProjectionType", index.projection ? "INCLUDE" : "ALL"}};
    if (index.projection)
      projection["NonKeyAttributes"] =
          json::array(index.projection->begin(), index.projection->end());
    auto& list = index.hash.name == table.hash.name ? of_table : global;
    list.push_back(json::object{{"IndexName", index.name},
                                {"KeySchema", key_schema(index.hash, &index.range)},
                                {"Projection", projection}});
  }
  json::array attributes;
  for (const auto& [name, type] : types)
    attributes.push_back(
        json::object{{"AttributeName", name}, {"AttributeType", std::string(1, type)}});
  json::object input{{"TableName", table.name},
                     {"BillingMode", "PAY_PER_REQUEST"},
                     {"KeySchema", key_schema(table.hash, table.range ? &*table.range : nullptr)},
                     {"AttributeDefinitions", attributes}};
  if (!of_table.empty()) input["LocalSecondaryIndexes"] = of_table;
  if (!global.empty()) input["GlobalSecondaryIndexes"] = global;
  return input;
}

}  // namespace sosw::testing
