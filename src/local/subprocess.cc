// SPDX-License-Identifier: MIT
// A child process, and poll until it has ended.
#include "local/subprocess.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "local/child_process.h"

namespace sosw::local {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kOutLimit = 1 << 20;
constexpr std::size_t kErrorLimit = 4096;

std::map<std::string, std::string> our_environment() {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = *entry;
    const auto equals = variable.find('=');
    if (equals != variable.npos)
      variables.emplace(variable.substr(0, equals), variable.substr(equals + 1));
  }
  return variables;
}

// Reads what is there. False: the other side has closed.
bool drain(int fd, std::string& text, std::size_t limit, bool keep_the_end) {
  std::array<char, 16384> block;
  while (true) {
    const auto n = ::read(fd, block.data(), block.size());
    if (n == 0) return false;
    if (n < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN;
    }
    text.append(block.data(), static_cast<std::size_t>(n));
    if (text.size() > limit) keep_the_end ? text.erase(0, text.size() - limit) : text.erase(limit);
  }
}

}  // namespace

Result<Ended> run(const CommandLine& command, std::string_view input,
                  std::chrono::milliseconds deadline, const std::stop_token& stop) {
  std::error_code no_folder;
  const auto folder = std::filesystem::absolute(command.working_directory.empty()
                                                    ? std::filesystem::current_path(no_folder)
                                                    : command.working_directory,
                                                no_folder);
  if (no_folder) return Error{Code::not_found, "the working folder is gone", {}};
  const OwnedFd stopped(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (stopped.get() < 0) return Error{Code::exhausted, "no file descriptor is left", {}};
  const std::stop_callback wake(stop, [&] { ::eventfd_write(stopped.get(), 1); });
  const auto end = Clock::now() + deadline;
  const auto child = start({.argv = command.argv,
                            .environment = our_environment(),
                            .folder = folder.string(),
                            .input = std::string(input),
                            .join_output = false});
  if (!child) return child.error();

  Ended ended;
  bool exited = false;
  std::array<pollfd, 4> polls = {{{child->exit.get(), POLLIN, 0},
                                  {child->output.get(), POLLIN, 0},
                                  {child->errors.get(), POLLIN, 0},
                                  {stopped.get(), POLLIN, 0}}};
  while (!exited && !stop.stop_requested()) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) break;
    const auto wait = static_cast<int>(std::min<std::int64_t>(left, 60'000));
    if (::poll(polls.data(), polls.size(), wait) < 0 && errno != EINTR) break;
    exited = (polls[0].revents & POLLIN) != 0;
    if (polls[1].fd >= 0 && !drain(polls[1].fd, ended.out, kOutLimit, false)) polls[1].fd = -1;
    if (polls[2].fd >= 0 && !drain(polls[2].fd, ended.error, kErrorLimit, true)) polls[2].fd = -1;
  }
  const Exit exit = reap(*child);
  if (!exited && stop.stop_requested())
    return Error{
        Code::unavailable, fmt::format("{} was killed: the engine ends", command.argv[0]), {}};
  if (!exited)
    return Error{Code::unavailable,
                 fmt::format("{} had not ended after {} ms and was killed", command.argv[0],
                             deadline.count()),
                 {}};
  ended.status = exit.signalled ? 128 + exit.number : exit.number;
  return ended;
}

Result<std::string> output_of(const CommandLine& command, std::string_view input,
                              std::chrono::milliseconds deadline, const std::stop_token& stop) {
  auto ended = run(command, input, deadline, stop);
  if (!ended) return ended.error();
  if (ended->status == 0) return std::move(ended->out);
  while (!ended->error.empty() && ended->error.back() == '\n') ended->error.pop_back();
  return Error{Code::unavailable,
               fmt::format("{} ended with status {}{}{}", command.argv[0], ended->status,
                           ended->error.empty() ? "" : ": ", ended->error),
               {}};
}

}  // namespace sosw::local
