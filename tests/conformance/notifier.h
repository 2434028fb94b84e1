// SPDX-License-Identifier: MIT
// What every notifier must do. One passes the suite by instantiating NotifierTest.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "engine/ports.h"

namespace sosw::conformance {

// A notifier with the places that it delivers to.
class OpenNotifier {
 public:
  virtual ~OpenNotifier() = default;
  virtual engine::Notifier& notifier() = 0;
  // From now on a delivery fails, or works again. False: there is nothing that can fail.
  virtual bool refuse(bool refused) = 0;
  // Of each place the messages that it has got, oldest first.
  virtual std::vector<std::vector<std::string>> delivered() = 0;
};

struct NotifierUnderTest {
  std::string name;
  std::function<std::unique_ptr<OpenNotifier>()> open;
};
inline std::ostream& operator<<(std::ostream& out, const NotifierUnderTest& notifier) {
  return out << notifier.name;
}

class NotifierTest : public ::testing::TestWithParam<NotifierUnderTest> {};

}  // namespace sosw::conformance
