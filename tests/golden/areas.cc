// SPDX-License-Identifier: MIT
// The table of areas. A new one is declared in areas.h and listed here.
#include "areas.h"

namespace sosw::golden {

const std::vector<Area>& areas() {
  // clang-format off
  static const std::vector<Area> kAreas = {
      arn_area(), chunking_area(),
      config_area(),
      dynamo_area(),
      flow_area(), health_area(), helpers_area(), labourer_area(), payload_area(), retry_area(), scheduler_file_area(),
      siblings_area(),
      sigv4_area(),
      sns_area(),
      worker_area(),
  };
  // clang-format on
  return kAreas;
}

}  // namespace sosw::golden
