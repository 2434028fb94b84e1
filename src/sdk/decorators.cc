// SPDX-License-Identifier: MIT
#include "sosw/decorators.h"

#include "sdk/python.h"

namespace sosw::detail {

void add_time(boost::json::object& stats, std::string_view name,
              std::chrono::duration<double> time) {
  sdk::add_number(stats["time_" + std::string(name)], time.count());
  sdk::add_number(stats["calls_" + std::string(name)], 1);
}

}  // namespace sosw::detail
