// SPDX-License-Identifier: MIT
// See process.h.
#include "process.h"

#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

#include <filesystem>

#include "figures.h"

namespace sosw::bench {

std::string program(const std::string& name) {
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / name).string();
}

Process::Process(const std::vector<std::string>& argv, const std::vector<std::string>& environment,
                 int output)
    : name_(argv.front()) {
  const auto pointers = [](const std::vector<std::string>& texts) {
    std::vector<char*> list;
    for (const std::string& text : texts) list.push_back(const_cast<char*>(text.c_str()));
    list.push_back(nullptr);
    return list;
  };
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (output >= 0) ::posix_spawn_file_actions_adddup2(&actions, output, 1);
  const int failed = ::posix_spawn(&pid_, name_.c_str(), &actions, nullptr, pointers(argv).data(),
                                   pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) give_up(fmt::format("cannot start {}: build it too", name_));
}

Process::~Process() {
  if (pid_ < 0) return;
  ::kill(pid_, SIGTERM);
  ::waitpid(pid_, nullptr, 0);
}

rusage Process::wait() {
  int status = 0;
  rusage usage{};
  ::wait4(pid_, &status, 0, &usage);
  pid_ = -1;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    give_up(fmt::format("{} has failed with status {}", name_, status));
  }
  return usage;
}

}  // namespace sosw::bench
