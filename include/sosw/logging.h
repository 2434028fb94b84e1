// SPDX-License-Identifier: MIT
// Lines in the log of a function: on stderr, where Lambda and `sosw run` collect them.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

namespace sosw {

// With the numbers that Python gives them.
enum class LogLevel { debug = 10, info = 20, warning = 30, error = 40, critical = 50 };

// The level of a name, in capitals or not ("DEBUG", "Warn", "fatal"), or of a number, which is
// rounded down (15 is debug, below that too). Throws ValueError for another name, TypeError for
// another value.
LogLevel to_log_level(const boost::json::value& level);

// What lies below is not written by this thread. At first that of AWS_LAMBDA_LOG_LEVEL, else info.
// An event with a `logging_level` has its own for as long as it is worked on.
[[nodiscard]] LogLevel logging_level();
void set_logging_level(LogLevel level);

// Writes one line with level, time, and the request id of the invocation that this thread works on.
// Any thread; lines do not mix. Never throws: a log that cannot be written is nobody's fault here.
void log(LogLevel level, std::string_view message) noexcept;

}  // namespace sosw
