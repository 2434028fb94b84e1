// SPDX-License-Identifier: MIT
#include "support/python_server.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

extern char** environ;

namespace sosw::testing {

std::string python() {
  const char* given = std::getenv("SOSW_PYTHON");  // NOLINT(concurrency-mt-unsafe): we only read
  std::string path = given != nullptr ? given : SOSW_SOURCE "/build/venv/bin/python3";
  if (!std::filesystem::exists(path))
    throw std::runtime_error(path + " is missing: ./dev test makes it");
  return path;
}

PythonServer::PythonServer(const std::string& script) {
  auto program = python();
  auto path = script;
  std::array<char*, 3> arguments = {program.data(), path.data(), nullptr};
  std::array<int, 2> in{};
  std::array<int, 2> out{};
  if (pipe2(in.data(), O_CLOEXEC) != 0 || pipe2(out.data(), O_CLOEXEC) != 0)
    throw std::runtime_error("no pipe");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  const int code =
      posix_spawn(&child_, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(in[0]);
  close(out[1]);
  input_ = in[1];
  output_ = out[0];
  if (code != 0) throw std::runtime_error(program + " cannot be started");
  const auto first = line();
  if (first.empty() || first.find_first_not_of("0123456789") != std::string::npos)
    throw std::runtime_error(script + " gave no port: see its output above");
  port_ = std::stoi(first);
}

PythonServer::~PythonServer() {
  close(input_);
  close(output_);
  if (child_ == 0) return;
  while (waitpid(child_, nullptr, 0) < 0 && errno == EINTR) continue;
}

std::string PythonServer::line() {
  std::string text;
  char c = 0;
  while (true) {
    const auto size = read(output_, &c, 1);
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0 || c == '\n') return text;
    text += c;
  }
}

}  // namespace sosw::testing
