// SPDX-License-Identifier: MIT
// A worker that keeps the row of its task in a DynamoDB table, and tells which rows are there under
// the same key:
//
//   {"row": {"hash_col": "cat", "range_col": 3}}
//
// The table has the keys hash_col (a text) and range_col (a number). Its name may be set in the
// stored configuration of the function: {"dynamo_db_config": {"table_name": "..."}}.
#include <sosw/dynamo_db.h>
#include <sosw/worker.h>

namespace json = boost::json;

struct PutRow : sosw::Worker {
  using Worker::Worker;

  json::object default_config() const override {
    return {{"init_clients", {"dynamo_db"}},
            {"dynamo_db_config",
             {{"row_mapper", {{"hash_col", "S"}, {"range_col", "N"}}},
              {"required_fields", {"hash_col", "range_col"}},
              {"table_name", "autotest_dynamo_db"}}}};
  }

  json::value operator()(const json::object& event) override {
    auto& table = client<sosw::DynamoDbClient>();
    const auto& row = event.at("row").as_object();
    table.put(row);
    count("rows");
    result()["rows"] = table.get_by_query({{"hash_col", row.at("hash_col")}});
    return result();
  }
};

int main() { return sosw::run<PutRow>(); }
