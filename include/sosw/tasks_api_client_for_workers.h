// SPDX-License-Identifier: MIT
// close_task(): marks a task as completed in the table itself, without the WorkerAssistant.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace sosw {

// Sets `completed_at` of the task that `event` names by `hash_key`, in the table `table` (empty:
// "sosw_tasks", in a test "autotest_sosw_tasks"). For functions of older deployments on AWS; a
// Worker needs no such call, and what it reports is judged better: by the WorkerAssistant, which
// also finds tasks that have left the table.
//
// A row is changed only if it is there and not completed, and, where the event has a `claim` (as
// events of sosw have), only by the run that the task is claimed for. `range_key` is not used: the
// table has none any more.
//
// Gives whether the task was closed now. False, with a line in the log: the event names no task, or
// there is none to close. Throws AwsError. Needs dynamodb:UpdateItem. Any thread.
bool close_task(const boost::json::object& event, std::string_view table = "",
                std::string_view hash_key = "task_id", std::string_view range_key = "labourer_id");

}  // namespace sosw
