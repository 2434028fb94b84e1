// SPDX-License-Identifier: MIT
// Where alarms go at home: the log, a command, a webhook.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "engine/ports.h"

namespace sosw::local {

struct AlarmTargets {
  bool log = true;
  // Gets the message on stdin and must exit with 0.
  std::vector<std::string> command;
  // The message is posted to it, any 2xx answer is success.
  std::string webhook;
  std::chrono::milliseconds timeout{10'000};  // of the command and of the webhook
};

// One message for each call and target: {"text": "2 alarms\n...", "alarms": [{"number": 7, "kind":
// "dead_task", "labourer_id": ..., "task_id": ..., "message": ..., "at": "2026-11-24T08:00:00Z"},
// ...]}
// (`text` alone is what chat services show). Every target is tried; when one fails, the error says
// which, and the next call sends to each target only what that has not got yet. (One with
// the number 0 is known to no target: such a one may come twice.)
[[nodiscard]] std::unique_ptr<engine::Notifier> make_notifier(
    const AlarmTargets& targets, std::filesystem::path working_directory);

}  // namespace sosw::local
