// SPDX-License-Identifier: MIT
// Runs a command to its end: text in, text out, a deadline. For workers, which live longer, see
// child_process.h, on which this stands.
#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sosw::local {

struct CommandLine {
  std::vector<std::string> argv;            // argv[0]: as find_program() takes it
  std::filesystem::path working_directory;  // empty: ours
};

struct Ended {
  int status = 0;     // exit code, or 128 + signal as a shell says
  std::string out;    // the first MiB
  std::string error;  // the last 4 KiB
};

// Waits until the command has ended, in our environment. At the deadline, or when `stop` says so,
// it is killed; what it has started goes with it in any case, and when this process dies.
// Errors: not_found, denied, exhausted (it cannot be started), unavailable (the deadline passed, or
// it was stopped).
[[nodiscard]] Result<Ended> run(const CommandLine& command, std::string_view input,
                                std::chrono::milliseconds deadline,
                                const std::stop_token& stop = {});

// run(), where an exit code other than 0 is an error as well: unavailable, with the end of what it
// wrote to stderr.
[[nodiscard]] Result<std::string> output_of(const CommandLine& command, std::string_view input,
                                            std::chrono::milliseconds deadline,
                                            const std::stop_token& stop = {});

}  // namespace sosw::local
