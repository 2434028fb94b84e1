// SPDX-License-Identifier: MIT
// The entry point of a function as the original writes it, and what is kept from call to call.
//
//   int main() { return sosw::run(sosw::get_lambda_handler<Mailer>()); }
//
// is the same as sosw::run<Mailer>(). A handler can also be called, in a test for one:
//
//   auto lambda_handler = sosw::get_lambda_handler<Mailer>();
//   auto response = lambda_handler(event, sosw::Context());
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <concepts>
#include <functional>
#include <memory>
#include <utility>

#include "sosw/context.h"
#include "sosw/processor.h"
#include "sosw/worker.h"

namespace sosw {

// The invocation that a thread works on, and the Processor that it keeps for it. All objects of
// this class show the same; each thread has its own (the original has one, and one event at a
// time).
class LambdaGlobals {
 public:
  // Forgets the context, as in the original.
  LambdaGlobals();

  // Null outside of an invocation.
  [[nodiscard]] const Context* lambda_context() const;
  // `context` must live until another one is set. For tests: a handler does it itself.
  void set_lambda_context(const Context* context);

  // Null before the first invocation.
  [[nodiscard]] Processor* processor() const;
  // With null the next call of a handler makes a new one. Another is used by every handler that is
  // called in this thread.
  void set_processor(std::shared_ptr<Processor> processor);
};

// For those who do not make one of their own.
inline LambdaGlobals global_vars;

// Gives an event to the Processor of this thread, which it makes at the first one, or when another
// handler has made the one that is there. May be called by several threads; copies are the same
// handler.
class LambdaHandler {
 public:
  using Make = std::function<std::unique_ptr<Processor>()>;
  // `make` must give an object.
  LambdaHandler(Make make, LambdaGlobals& globals)
      : make_(std::make_shared<const Make>(std::move(make))), globals_(globals) {}

  // The response. The event's `logging_level` counts for this call. The figures of the call are
  // written to the log and reset; the fate of a task is reported as Worker says. Throws what the
  // Processor throws, and RuntimeError when the fate could not be reported.
  boost::json::value operator()(const boost::json::object& event, const Context& context) const;

  // Makes the Processors: what run() asks for, one for each thread.
  [[nodiscard]] const Make& make() const { return *make_; }

 private:
  std::shared_ptr<const Make> make_;
  std::reference_wrapper<LambdaGlobals> globals_;
};

// A handler for a Processor of the class P. `globals` must outlive it.
template <std::derived_from<Processor> P>
requires std::constructible_from<P, const boost::json::object&> LambdaHandler
get_lambda_handler(LambdaGlobals& globals, boost::json::object custom_config = {}) {
  return LambdaHandler(
      [config = std::move(custom_config)]() -> std::unique_ptr<Processor> {
        return std::make_unique<P>(config);
      },
      globals);
}
template <std::derived_from<Processor> P>
LambdaHandler get_lambda_handler(boost::json::object custom_config = {}) {
  return get_lambda_handler<P>(global_vars, std::move(custom_config));
}

// Serves invocations as run<P>() does.
inline int run(const LambdaHandler& handler) { return detail::run(handler.make()); }

}  // namespace sosw
