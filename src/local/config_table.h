// SPDX-License-Identifier: MIT
// The table `config` of sosw as DynamoDB would show it: what Python workers read their settings
// from. Read only: DescribeTable, GetItem and Query; everything else is a clear DynamoDB error.
//
// DynamoDbClient of sosw asks the Glue Data Catalog about each table first, and goes on without it
// only when Glue says that it does not know the table: so that is answered here, too.
#pragma once

#include <boost/json.hpp>
#include <map>
#include <string>
#include <string_view>

namespace sosw::local {

namespace json = boost::json;

// Documents by `config_name`; `env` is always "production". A text is shown as it is, everything
// else as JSON text.
using Configs = std::map<std::string, json::value>;

struct TableAnswer {
  int status = 200;
  std::string body;  // application/x-amz-json-1.0
};

// `target`: the header X-Amz-Target, "DynamoDB_20120810.Query" or "AWSGlue.GetTable".
[[nodiscard]] TableAnswer answer_config_table(std::string_view target, std::string_view body,
                                              const Configs& configs, std::string_view region);

}  // namespace sosw::local
