// SPDX-License-Identifier: MIT
// Processor: the base of functions, kept from one invocation to the next.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string_view>

#include "sosw/context.h"

namespace sosw {

namespace sdk {
class FunctionLoop;
}

// Derive from it for a function that runs outside of sosw's orchestration, from Worker for one
// inside of it. The runtime makes one object for each invocation it may run at a time and calls it
// from one thread.
class Processor {
 public:
  explicit Processor(boost::json::object custom_config = {});
  virtual ~Processor();
  Processor(const Processor&) = delete;
  Processor& operator=(const Processor&) = delete;

  // Works on one event. The value returned is the function's response. An exception is a failure:
  // its type and message go to the caller, and the next invocation finds this same object.
  virtual boost::json::value operator()(const boost::json::object& event) = 0;

  [[nodiscard]] const boost::json::object& config() const { return config_; }

  // Figures and results of the current invocation, empty when it starts.
  [[nodiscard]] boost::json::object& stats() { return stats_; }
  [[nodiscard]] boost::json::object& result() { return result_; }

  // Adds `n` to the figure `name` of stats(), which starts at 0 (and so again if it is not an
  // integer).
  void count(std::string_view name, std::int64_t n = 1);

  // REQUIRES: called during an invocation.
  [[nodiscard]] const Context& context() const { return *context_; }

 private:
  friend class sdk::FunctionLoop;
  const Context* context_ = nullptr;
  boost::json::object config_;
  boost::json::object stats_;
  boost::json::object result_;
};

}  // namespace sosw
