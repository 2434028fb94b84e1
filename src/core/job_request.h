// SPDX-License-Identifier: MIT
// A job as it arrives in an event.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sosw {

namespace json = boost::json;

struct JobRequest {
  std::string lambda_name;  // name of the labourer, without ARN and version
  json::object body;        // everything else
};

// Takes the job out of a Scheduler event: its `job`, or else the event itself; each an object or
// JSON text. The labourer is named by `lambda_name`, or by `labourer_id` where there is none; an
// ARN is cut to the name. Errors: invalid.
Result<JobRequest> extract_job_from_payload(json::value event);

// The name of a function (or topic, table, bucket...) out of an ARN with or without version or
// alias; a name alone stays as it is.
std::string labourer_name_of_arn(std::string_view arn);

}  // namespace sosw
