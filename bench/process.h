// SPDX-License-Identifier: MIT
// Programs that run beside a benchmark.
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace sosw::bench {

// A program that lies beside this one.
[[nodiscard]] std::string program(const std::string& name);

class Process {
 public:
  // `output`: becomes its stdout; -1: ours. Its environment is `environment` alone.
  Process(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
          int output = -1);
  ~Process();  // ends it with SIGTERM
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Waits for its end, which must be exit code 0.
  rusage wait();

 private:
  std::string name_;
  pid_t pid_ = -1;
};

}  // namespace sosw::bench
