// SPDX-License-Identifier: MIT
#include "sosw/logging.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <optional>
#include <string>

#include "sdk/environment.h"
#include "sdk/invocation.h"
#include "sdk/python.h"
#include "sosw/errors.h"

namespace sosw {
namespace {

thread_local std::optional<LogLevel> level_of_thread;

LogLevel first_level() {
  static const LogLevel kLevel = [] {
    const auto name = sdk::environment("AWS_LAMBDA_LOG_LEVEL");
    try {
      return name.empty() ? LogLevel::info : to_log_level(boost::json::value(name));
    } catch (const ValueError&) {
      return LogLevel::info;  // Lambda's variable, not ours to complain about
    }
  }();
  return kLevel;
}

std::string_view name_of(LogLevel level) {
  if (level >= LogLevel::critical) return "CRITICAL";
  if (level >= LogLevel::error) return "ERROR";
  if (level >= LogLevel::warning) return "WARNING";
  return level >= LogLevel::info ? "INFO" : "DEBUG";
}

}  // namespace

LogLevel to_log_level(const boost::json::value& level) {
  if (level.is_number()) {
    const auto number = level.to_number<double>();
    for (const auto one : {LogLevel::critical, LogLevel::error, LogLevel::warning, LogLevel::info})
      if (number >= static_cast<int>(one)) return one;
    return LogLevel::debug;
  }
  if (!level.is_string())
    throw TypeError(
        fmt::format("a level of logging is a name or a number, not {}", sdk::kind_name(level)));
  std::string name(std::string_view(level.get_string()));
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  if (name == "DEBUG" || name == "TRACE" || name == "NOTSET") return LogLevel::debug;
  if (name == "INFO") return LogLevel::info;
  if (name == "WARNING" || name == "WARN") return LogLevel::warning;
  if (name == "ERROR") return LogLevel::error;
  if (name == "CRITICAL" || name == "FATAL") return LogLevel::critical;
  throw ValueError(
      fmt::format("'{}' is no level of logging: DEBUG, INFO, WARNING, ERROR, CRITICAL or a number",
                  std::string_view(level.get_string())));
}

LogLevel logging_level() { return level_of_thread.value_or(first_level()); }
void set_logging_level(LogLevel level) { level_of_thread = level; }

void log(LogLevel level, std::string_view message) noexcept {
  if (level < logging_level()) return;
  try {
    const auto* const context = sdk::current_context();
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                        std::chrono::system_clock::now().time_since_epoch())
                        .count();
    const auto line = fmt::format("[{}]\t{:%FT%T}.{:03}Z\t{}\t{}\n", name_of(level),
                                  fmt::gmtime(static_cast<std::time_t>(ms / 1000)), ms % 1000,
                                  context ? context->aws_request_id : "", message);
    (void)std::fwrite(line.data(), 1, line.size(), stderr);  // unbuffered: one write
  } catch (...) {  // NOLINT(bugprone-empty-catch): see the declaration
  }
}

}  // namespace sosw
