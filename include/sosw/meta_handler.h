// SPDX-License-Identifier: MIT
// MetaHandler: a row for each thing that happens to a task, in the table sosw_tasks_meta.
//
//   sosw::MetaHandler meta;
//   meta.post("t1", "imported", {{"rows", 5}});
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include "sosw/dynamo_db.h"

namespace sosw {

// The rows are a help for people; no work may fail for want of one. So what DynamoDB does not take
// is written to the log, not thrown. While the table cannot be reached, the log is all there is; it
// is tried again after a minute.
//
// For one thread at a time. The role needs dynamodb:DescribeTable and dynamodb:PutItem.
class MetaHandler {
 public:
  using Now = std::function<std::chrono::system_clock::time_point()>;

  // `custom_config` goes over the defaults, by recursive_update(): `write_meta_to_ddb` (true;
  // false: rows are only written to the log), and `dynamo_db_config` of a DynamoDbClient for the
  // table sosw_tasks_meta. `now` tells the time. No connection is made yet.
  explicit MetaHandler(const boost::json::object& custom_config = {},
                       Now now = std::chrono::system_clock::now);

  // A row with `task_id`, `created_at` (seconds since 1970, with fraction), `action`, and `fields`,
  // which may also give another created_at; and of the invocation that this thread works on
  // `author` (name of the function), `invocation_id` (of the request) and `log_stream_name`. Gives
  // whether it is in the table. Throws AssertionError when `fields` has one of these three.
  bool post(std::string_view task_id, std::string_view action,
            const boost::json::object& fields = {});

  [[nodiscard]] const boost::json::object& config() const { return config_; }

 private:
  bool write(boost::json::object row, bool own_time);

  boost::json::object config_;
  Now now_;
  std::optional<DynamoDbClient> table_;
  std::chrono::steady_clock::time_point closed_until_{};
};

}  // namespace sosw
