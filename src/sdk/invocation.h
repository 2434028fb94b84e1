// SPDX-License-Identifier: MIT
// One event through a Processor, from the logging level to the report: what every way to run a
// function has in common.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <memory>
#include <string>

#include "sdk/runtime_api.h"
#include "sosw/context.h"
#include "sosw/errors.h"
#include "sosw/processor.h"

namespace sosw::sdk {

// A report that could not be delivered. The work is done, but nobody knows: the invocation fails.
class ReportFailed : public RuntimeError {
 public:
  using RuntimeError::RuntimeError;
};

// The exception that is being handled, for the caller of the function. REQUIRES: called in a
// handler.
FunctionError describe_exception();

// Of the invocation that this thread works on; null outside of one.
const Context*& current_context();
// What this thread keeps from one to the next; null before the first.
std::shared_ptr<Processor>& current_processor();

class Invocation {
 public:
  // The function's response. What the user's code throws passes, after it was reported;
  // ReportFailed when the work is done and could not be. `context` must live as long as the call.
  static boost::json::value run(Processor& processor, const boost::json::object& event,
                                const Context& context);

 private:
  class Scope;
  static void log_figures(const Processor& processor);
  static void flush(Processor& processor);
};

}  // namespace sosw::sdk
