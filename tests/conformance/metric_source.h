// SPDX-License-Identifier: MIT
// What every source of metrics must do. One passes the suite by instantiating MetricSourceTest.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "engine/ports.h"

namespace sosw::conformance {

// A source with three metrics.
class OpenMetrics {
 public:
  virtual ~OpenMetrics() = default;
  virtual engine::MetricSource& source() = 0;
  // What metric n (0, 1, 2) is from now on; nullopt: no data. Gives what to ask.
  virtual json::object set(int n, std::optional<double> value) = 0;
  // From now on metric n cannot be read.
  virtual json::object spoil(int n) = 0;
};

struct MetricsUnderTest {
  std::string name;
  std::function<std::unique_ptr<OpenMetrics>()> open;
};
inline std::ostream& operator<<(std::ostream& out, const MetricsUnderTest& metrics) {
  return out << metrics.name;
}

class MetricSourceTest : public ::testing::TestWithParam<MetricsUnderTest> {
 protected:
  std::unique_ptr<OpenMetrics> opened_ = GetParam().open();
  // Answers in words: a number, "no data" or "error".
  std::vector<std::string> ask(const std::vector<json::object>& details);
};

}  // namespace sosw::conformance
