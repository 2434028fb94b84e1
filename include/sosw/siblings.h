// SPDX-License-Identifier: MIT
// SiblingsManager: a function that runs out of time starts another one of itself for the rest.
//
//   boost::json::value operator()(const boost::json::object& event) override {
//     auto cursor = event.contains("cursor") ? event.at("cursor").as_int64() : 0;
//     while (cursor < kEnd && context().remaining_time() > 10s) work_on(cursor++);
//     if (cursor < kEnd)
//       client<sosw::SiblingsManager>().spawn_sibling(context(), {{"cursor", cursor}}, true);
//     return cursor;
//   }
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "sosw/aws_client.h"
#include "sosw/component.h"
#include "sosw/context.h"

namespace sosw {

// The role of the function needs lambda:InvokeFunction on itself, and, for what is used of it,
// events:ListRules, events:ListTargetsByRule and cloudwatch:GetMetricStatistics.
//
// Siblings that start siblings without end cost money without end. So each sibling is told how many
// stand before it in its chain (Context::sibling_depth; on the wire `sosw_sibling_depth` in its
// event, which the runtime takes out), and the chain ends at `max_depth`.
//
// For one thread at a time.
class SiblingsManager : public Component {
 public:
  // `config`: "auto_spawning", whether siblings may be started without a rule (false); "max_depth",
  // of a chain (16; 0: none may be started). Throws TypeError or ValueError for other values.
  explicit SiblingsManager(boost::json::object config = {}, AwsClientOptions options = {});
  ~SiblingsManager() override;

  // Whether an enabled rule of EventBridge (default bus) starts the function of this invocation, by
  // whatever version or alias; else `auto_spawning`. A function that nobody starts any more, since
  // its rule was switched off, should not go on by itself. Calls events once for each rule: pass
  // `force` to spawn_sibling() where the account has many. Throws AwsError.
  bool any_events_rules_enabled(const Context& lambda_context);

  // Starts the function of this invocation once more, in the same version or alias, and does not
  // wait for it. `payload` is its event: an object, the text of one, or null for an empty one.
  // Without `force`, only if any_events_rules_enabled(); else it says so in the log and starts
  // nothing. In a test (see Processor::test()) Lambda only checks whether it could.
  //
  // The function is AWS_LAMBDA_FUNCTION_NAME, "test_function" where that is not set. Throws
  // RuntimeError when the chain is `max_depth` long, TypeError for a payload that is no object,
  // ValueError for a text that is no JSON, AwsError. After an AwsError that may_be_done() it may
  // have been started all the same.
  void spawn_sibling(const Context& lambda_context, const boost::json::value& payload = nullptr,
                     bool force = false);

  // About how many invocations of the function `name` (empty: this one) ran at the same time in the
  // last `minutes_back` minutes, rounded up: invocations times their average duration, by
  // CloudWatch. 0 without data. Throws ValueError unless minutes_back is 1 or more, AwsError.
  std::int64_t get_approximate_concurrent_executions(
      int minutes_back = 5, std::string_view name = {},
      std::chrono::system_clock::time_point now = std::chrono::system_clock::now());

 private:
  struct Clients;
  Clients& clients();

  AwsClientOptions options_;
  bool auto_spawning_ = false;
  std::int64_t max_depth_ = 16;
  std::unique_ptr<Clients> clients_;
};

}  // namespace sosw
