// SPDX-License-Identifier: MIT
// One function for each `x_cases.cc`; areas.cc lists them.
#pragma once

#include "golden.h"

namespace sosw::golden {

Area arn_area();
Area chunking_area();
Area config_area();
Area dynamo_area();
Area flow_area();
Area health_area();
Area helpers_area();
Area labourer_area();
Area payload_area();
Area retry_area();
Area scheduler_file_area();
Area sigv4_area();
Area siblings_area();
Area sns_area();
Area worker_area();

}  // namespace sosw::golden
