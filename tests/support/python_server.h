// SPDX-License-Identifier: MIT
// A server written in Python, with the packages of tests/python/requirements.txt, as a child
// process.
#pragma once

#include <sys/types.h>

#include <string>

namespace sosw::testing {

// The interpreter of SOSW_PYTHON, which `./dev test` sets, else that of build/venv. Throws
// std::runtime_error if there is none.
std::string python();

// The script prints its port on loopback as its first line, and ends with its standard input; so it
// does not outlive us. Throws std::runtime_error when it ends before that.
class PythonServer {
 public:
  explicit PythonServer(const std::string& script);
  ~PythonServer();
  PythonServer(const PythonServer&) = delete;
  PythonServer& operator=(const PythonServer&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  // The next line that it prints.
  std::string line();

 private:
  pid_t child_ = 0;
  int input_ = -1;
  int output_ = -1;
  int port_ = 0;
};

}  // namespace sosw::testing
