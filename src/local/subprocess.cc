// SPDX-License-Identifier: MIT
// posix_spawn, pidfd, poll.
#include "local/subprocess.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "local/owned_fd.h"

namespace sosw::local {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kOutLimit = 1 << 20;
constexpr std::size_t kErrorLimit = 4096;

Error system_error(Code code, std::string_view what) {
  return {code, fmt::format("{}: {}", what, std::generic_category().message(errno)), {}};
}

// A file in memory at its start: as stdin it can neither block us nor raise SIGPIPE.
Result<OwnedFd> holding(std::string_view text) {
  OwnedFd file(::memfd_create("stdin", MFD_CLOEXEC));
  if (file.get() < 0) return system_error(Code::unavailable, "memfd_create");
  while (!text.empty()) {
    const auto n = ::write(file.get(), text.data(), text.size());
    if (n < 0 && errno != EINTR) return system_error(Code::unavailable, "memory for stdin");
    if (n > 0) text.remove_prefix(static_cast<std::size_t>(n));
  }
  ::lseek(file.get(), 0, SEEK_SET);
  return file;
}

struct Pipe {
  OwnedFd read, write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error(Code::unavailable, "pipe");
  Pipe pipe{OwnedFd(ends[0]), OwnedFd(ends[1])};
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return pipe;
}

class SpawnSettings {
 public:
  SpawnSettings() {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawnattr_init(&attributes);
  }
  ~SpawnSettings() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;

  posix_spawn_file_actions_t files{};
  posix_spawnattr_t attributes{};
};

Result<pid_t> spawn(const CommandLine& command, int in, int out, int error) {
  SpawnSettings settings;
  ::posix_spawn_file_actions_adddup2(&settings.files, in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&settings.files, out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&settings.files, error, STDERR_FILENO);
  if (!command.working_directory.empty())
    ::posix_spawn_file_actions_addchdir_np(&settings.files, command.working_directory.c_str());
  // A group of its own, and no signal handling inherited from us.
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  ::posix_spawnattr_setpgroup(&settings.attributes, 0);
  ::posix_spawnattr_setsigmask(&settings.attributes, &none);
  ::posix_spawnattr_setsigdefault(&settings.attributes, &all);
  ::posix_spawnattr_setflags(
      &settings.attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::vector<char*> argv;
  for (const auto& argument : command.argv) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  errno =
      ::posix_spawnp(&pid, argv[0], &settings.files, &settings.attributes, argv.data(), environ);
  if (errno == 0) return pid;
  Code code = Code::unavailable;
  if (errno == ENOENT || errno == ENOTDIR) code = Code::not_found;
  if (errno == EACCES || errno == EPERM || errno == ENOEXEC) code = Code::denied;
  return system_error(code, fmt::format("cannot start {}", command.argv[0]));
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

int reap(pid_t pid) {
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace

Result<Ended> run(const CommandLine& command, std::string_view input,
                  std::chrono::milliseconds deadline) {
  if (command.argv.empty()) return invalid("an empty command");
  auto in = holding(input);
  if (!in) return in.error();
  auto out = make_pipe();
  if (!out) return out.error();
  auto error = make_pipe();
  if (!error) return error.error();
  const auto end = Clock::now() + deadline;
  const auto pid = spawn(command, in->get(), out->write.get(), error->write.get());
  if (!pid) return pid.error();
  out->write = OwnedFd();
  error->write = OwnedFd();

  Ended ended;
  const OwnedFd process(static_cast<int>(::syscall(SYS_pidfd_open, *pid, 0)));
  bool exited = false;
  std::array<pollfd, 3> polls = {
      {{process.get(), POLLIN, 0}, {out->read.get(), POLLIN, 0}, {error->read.get(), POLLIN, 0}}};
  while (process.get() >= 0 && !exited) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now()).count();
    if (left <= 0) break;
    if (::poll(polls.data(), polls.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000))) <
            0 &&
        errno != EINTR)
      break;
    exited = (polls[0].revents & POLLIN) != 0;
    if (polls[1].fd >= 0 && !drain(polls[1].fd, ended.out, kOutLimit, false)) polls[1].fd = -1;
    if (polls[2].fd >= 0 && !drain(polls[2].fd, ended.error, kErrorLimit, true)) polls[2].fd = -1;
  }
  if (!exited) {
    ::kill(-*pid, SIGKILL);
    reap(*pid);
    return Error{Code::unavailable,
                 fmt::format("{} had not ended after {} ms and was killed", command.argv[0],
                             deadline.count()),
                 {}};
  }
  ended.status = reap(*pid);
  return ended;
}

Result<std::string> output_of(const CommandLine& command, std::string_view input,
                              std::chrono::milliseconds deadline) {
  auto ended = run(command, input, deadline);
  if (!ended) return ended.error();
  if (ended->status == 0) return std::move(ended->out);
  while (!ended->error.empty() && ended->error.back() == '\n') ended->error.pop_back();
  return Error{Code::unavailable,
               fmt::format("{} ended with status {}{}{}", command.argv[0], ended->status,
                           ended->error.empty() ? "" : ": ", ended->error),
               {}};
}

}  // namespace sosw::local
