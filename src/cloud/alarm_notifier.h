// SPDX-License-Identifier: MIT
// Where alarms go on AWS: a topic of SNS, a function.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "aws/client.h"
#include "engine/ports.h"

namespace sosw::cloud {

// To the topic a line for each alarm, as many in a message as fit into 256 KB. Dead tasks have a
// subject of their own and begin as those of the original:
//   Closing dead task: 6cfd42c1d83ab72ab2a7000000000001 (labourer word_count): why
// To the function an asynchronous event, for as many alarms as fit into 256 KB:
//   {"text": "sosw: 2 alarms\n...", "alarms": [{"number": 7, "kind": "dead_task",
//    "labourer_id": ..., "task_id": ..., "message": ..., "at": "2026-11-24T08:00:00Z"}, ...]}
// All are tried; when one fails the error says which, and as long as this object lives the next
// call sends to each only what that has not got yet. (An alarm with the number 0 is known to none:
// such a one may come twice.) Without any target each call is an error.
class AlarmNotifier final : public engine::Notifier {
 public:
  struct Options {
    // `region`: of the function; the topic's is that of its ARN.
    aws::ClientOptions client{.timeout = std::chrono::seconds(5), .tries = 3};
    std::string topic_arn{};  // empty: none
    std::string function{};   // name or ARN; empty: none
    // The log of the program, a line for each alarm; none: not there. It always succeeds.
    std::function<void(const std::string& line)> log{};
    // SNS takes less than 100 characters of ASCII: others become `?`, and the rest is cut.
    std::string dead_task_subject = "``sosw`` Dead Task";
    std::string subject = "``sosw`` Info";  // of all other alarms: `sns_config.subject`
  };
  explicit AlarmNotifier(const Options& options);
  ~AlarmNotifier() override;

  // Calls from several threads go one after the other. `stop` is looked at between two messages.
  Result<void> notify(std::span<const engine::Alarm> alarms,
                      const std::stop_token& stop = {}) override;

 private:
  class Target;
  class Topic;
  class Function;
  class Log;

  std::mutex mutex_;
  std::vector<std::unique_ptr<Target>> targets_;
};

}  // namespace sosw::cloud
