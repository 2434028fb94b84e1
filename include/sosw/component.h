// SPDX-License-Identifier: MIT
// Component: what a Processor keeps for its functions, and whose figures it tells with its own.
#pragma once

#include <boost/json/object.hpp>

namespace sosw {

// Each is used by one thread at a time, as the Processor that keeps it.
class Component {
 public:
  Component() = default;
  virtual ~Component() = default;
  Component(const Component&) = delete;
  Component& operator=(const Component&) = delete;

  // What was counted since the last reset_stats(), numbers by name; empty if nothing is counted.
  [[nodiscard]] virtual boost::json::object get_stats() const { return {}; }
  // Starts to count anew.
  virtual void reset_stats() {}
};

}  // namespace sosw
