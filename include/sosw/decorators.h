// SPDX-License-Identifier: MIT
// What stands around a call: its time, its log, another try. The decorators of the Python sosw as
// functions that take the call.
//
//   auto rows = sosw::benchmark(stats(), "load", [&] { return load(event); });
//   auto page = sosw::retry<sosw::AwsError>([&] { return fetch(url); }, {.tries = 3});
//   auto send = sosw::logging_wrapper("send", [&](int n) { return mailer.send(n); });
//
// What the call throws passes through them.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value_from.hpp>
#include <chrono>
#include <concepts>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>

#include "sosw/errors.h"
#include "sosw/logging.h"

namespace sosw {

namespace detail {
void add_time(boost::json::object& stats, std::string_view name,
              std::chrono::duration<double> time);
}  // namespace detail

// Gives what `call` gives, and adds to `stats` the seconds it took as `time_{name}` and 1 to
// `calls_{name}`. A call that throws counts for nothing.
template <std::invocable Call>
std::invoke_result_t<Call> benchmark(boost::json::object& stats, std::string_view name,
                                     Call&& call) {
  const auto start = std::chrono::steady_clock::now();
  if constexpr (std::is_void_v<std::invoke_result_t<Call>>) {
    std::invoke(std::forward<Call>(call));
    detail::add_time(stats, name, std::chrono::steady_clock::now() - start);
  } else {
    decltype(auto) out = std::invoke(std::forward<Call>(call));
    detail::add_time(stats, name, std::chrono::steady_clock::now() - start);
    return std::forward<std::invoke_result_t<Call>>(out);
  }
}

struct RetryOptions {
  int tries = 4;                           // in all, 1 or more
  std::chrono::duration<double> delay{3};  // before the second one, in seconds; 0 or more
  double backoff = 2;                      // each pause is this times the one before; 1 or more
  // Waits instead of the clock; empty: the thread sleeps.
  std::function<void(std::chrono::duration<double>)> sleep = {};
};

// Gives what `call` gives at the first try that does not throw an `Exception`. Each that does is
// logged as a warning; the last one's exception passes. Throws AssertionError for options out of
// their range.
template <std::derived_from<std::exception> Exception = std::exception, std::invocable<> Call>
std::invoke_result_t<Call&> retry(Call&& call, const RetryOptions& options = {}) {
  if (options.tries < 1 || options.delay.count() < 0 || options.backoff < 1)
    throw AssertionError("retry: tries must be 1 or more, delay 0 or more, backoff 1 or more");
  auto delay = options.delay;
  for (int left = options.tries; left > 1; --left) {
    try {
      return std::invoke(call);
    } catch (const Exception& error) {
      log(LogLevel::warning,
          std::string(error.what()) + "; trying again in " + std::to_string(delay.count()) + " s");
    }
    if (options.sleep)
      options.sleep(delay);
    else
      std::this_thread::sleep_for(delay);
    delay *= options.backoff;
  }
  return std::invoke(call);
}

namespace detail {
template <class T>
std::string shown(const T& argument) {
  if constexpr (boost::json::has_value_from<T>::value)
    return boost::json::serialize(boost::json::value_from(argument));
  else
    return "...";
}
}  // namespace detail

// `call` as a function that writes a line "Running NAME with ARGUMENTS" before it runs. Arguments
// that are no JSON are shown as "..."; do not wrap what gets secrets.
template <class Call>
auto logging_wrapper(std::string name, Call call, LogLevel level = LogLevel::info) {
  return [name = std::move(name), call = std::move(call),
          level]<class... Args>(Args&&... args) mutable -> std::invoke_result_t<Call&, Args...> {
    std::string line = "Running " + name;
    const char* before = " with ";
    ((line += before + detail::shown(args), before = ", "), ...);
    log(level, line);
    return std::invoke(call, std::forward<Args>(args)...);
  };
}

}  // namespace sosw
