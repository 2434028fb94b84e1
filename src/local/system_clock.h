// SPDX-License-Identifier: MIT
// The machine's wall clock.
#pragma once

#include "engine/ports.h"

namespace sosw::local {

class SystemClock final : public engine::Clock {
 public:
  Time now() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now());
  }
};

}  // namespace sosw::local
