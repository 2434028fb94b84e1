// SPDX-License-Identifier: MIT
#include "sosw/app.h"

#include "sdk/invocation.h"

namespace sosw {
namespace {

// By which handler the Processor that this thread keeps was made; null if by none.
std::shared_ptr<const void>& maker() {
  thread_local std::shared_ptr<const void> maker;
  return maker;
}

}  // namespace

LambdaGlobals::LambdaGlobals() { sdk::current_context() = nullptr; }
const Context* LambdaGlobals::lambda_context() const { return sdk::current_context(); }
void LambdaGlobals::set_lambda_context(const Context* context) { sdk::current_context() = context; }
Processor* LambdaGlobals::processor() const { return sdk::current_processor().get(); }
void LambdaGlobals::set_processor(std::shared_ptr<Processor> processor) {
  sdk::current_processor() = std::move(processor);
  maker() = nullptr;
}

boost::json::value LambdaHandler::operator()(const boost::json::object& event,
                                             const Context& context) const {
  auto& globals = globals_.get();
  if (!globals.processor() || (maker() && maker() != make_)) {
    globals.set_processor((*make_)());
    maker() = make_;
  }
  return sdk::Invocation::run(*globals.processor(), event, context);
}

}  // namespace sosw
