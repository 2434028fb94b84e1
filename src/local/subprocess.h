// SPDX-License-Identifier: MIT
// Runs a command to its end: text in, text out, a deadline. For workers, which live longer, see the
// host.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sosw::local {

struct CommandLine {
  std::vector<std::string> argv;            // argv[0]: a path, or a name to look up in PATH
  std::filesystem::path working_directory;  // empty: ours
};

struct Ended {
  int status = 0;     // exit code, or 128 + signal as a shell says
  std::string out;    // the first MiB
  std::string error;  // the last 4 KiB
};

// Waits until the command has ended. At the deadline it and its process group are killed. What it
// has left behind in the background keeps running, nobody waits for its output. Errors: not_found
// or denied (it cannot be started), unavailable (the deadline passed, or no process, memory or
// descriptor was left).
[[nodiscard]] Result<Ended> run(const CommandLine& command, std::string_view input,
                                std::chrono::milliseconds deadline);

// run(), where an exit code other than 0 is an error as well: unavailable, with the end of what it
// wrote to stderr.
[[nodiscard]] Result<std::string> output_of(const CommandLine& command, std::string_view input,
                                            std::chrono::milliseconds deadline);

}  // namespace sosw::local
