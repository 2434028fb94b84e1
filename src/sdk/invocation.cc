// SPDX-License-Identifier: MIT
#include "sdk/invocation.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <cstdlib>
#include <memory>
#include <typeinfo>
#include <utility>

#include "sdk/stack_text.h"
#include "sosw/logging.h"

namespace sosw::sdk {
namespace {

namespace json = boost::json;

std::string readable(const std::type_info* type) {
  if (!type) return "unknown";
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type->name(), nullptr, nullptr, &status), std::free);
  return name ? name.get() : type->name();
}

}  // namespace

FunctionError describe_exception() {
  try {
    throw;
  } catch (const ReportFailed& error) {
    return {"sosw.ReportFailed", error.what(), {}};
  } catch (const std::exception& error) {
    return {readable(&typeid(error)), error.what(), stack_text(std::current_exception())};
  } catch (...) {
    auto type = readable(abi::__cxa_current_exception_type());
    auto message = "an exception of type " + type;
    return {std::move(type), std::move(message), stack_text(std::current_exception())};
  }
}

const Context*& current_context() {
  thread_local const Context* context = nullptr;
  return context;
}

std::shared_ptr<Processor>& current_processor() {
  thread_local std::shared_ptr<Processor> processor;
  return processor;
}

// What an invocation sets for its time: the event, the context, the level of logging.
class Invocation::Scope {
 public:
  Scope(Processor& processor, const json::object& event, const Context& context)
      : processor_(processor), level_(logging_level()) {
    processor_.event_ = &event;
    processor_.context_ = &context;
    current_context() = &context;
    if (const auto* level = event.if_contains("logging_level")) {
      try {
        set_logging_level(to_log_level(*level));
      } catch (const std::exception& error) {
        log(LogLevel::warning, fmt::format("`logging_level` of the event: {}", error.what()));
      }
    }
  }
  ~Scope() {
    processor_.event_ = nullptr;
    processor_.context_ = nullptr;
    current_context() = nullptr;
    set_logging_level(level_);
  }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  Processor& processor_;
  LogLevel level_;
};

void Invocation::log_figures(const Processor& processor) {
  if (logging_level() > LogLevel::info) return;
  const auto figures = processor.figures();
  if (!figures.empty()) log(LogLevel::info, json::serialize(figures));
}

void Invocation::flush(Processor& processor) {
  for (const auto& [name, client] : processor.clients()) {
    try {
      client->flush();
    } catch (...) {  // of whatever class: the task is done, and has to be reported
      log(LogLevel::error,
          fmt::format("{} keeps what it has gathered: {}", name, describe_exception().message));
    }
  }
}

json::value Invocation::run(Processor& processor, const json::object& event,
                            const Context& context) {
  const Scope scope(processor, event, context);
  processor.start();
  processor.pre_call();
  processor.base_called_ = false;
  json::value response;
  try {
    if (!processor.may_run(event)) return response;
    response = processor(event);
  } catch (...) {
    const auto error = describe_exception();
    flush(processor);
    log_figures(processor);
    processor.failed(event, error.type, error.message);
    throw;
  }
  flush(processor);
  log_figures(processor);
  processor.succeeded(event);
  processor.reset_stats();
  return response;
}

}  // namespace sosw::sdk
