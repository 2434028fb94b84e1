// SPDX-License-Identifier: MIT
#include "local/child_process.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>
#include <system_error>

namespace sosw::local {
namespace {

// Of the children that have not been reaped.
std::mutex leaders_mutex;  // NOLINT(cert-err58-cpp)
std::set<pid_t> leaders;   // guarded by it

std::string errno_text(int number) { return std::generic_category().message(number); }

Error failed(std::string_view what, int number) {
  return {number == EMFILE || number == ENFILE || number == ENOMEM || number == EAGAIN
              ? Code::exhausted
              : Code::internal,
          fmt::format("{}: {}", what, errno_text(number)), ""};
}

// Everything the child needs between vfork and exec, made before: there it shares the memory of the
// parent and may only make system calls.
struct Launch {
  const char* program;
  char* const* argv;
  char* const* envp;
  const char* folder;
  int input, output, errors;
  int failure;  // a pipe that closes at exec: what is written into it is a Failure
  pid_t parent;
};
enum class Step : std::uint8_t { folder, program, setup };
struct Failure {
  Step step;
  int number;
};

// Apart and never inlined: the frame that calls vfork must not be shared with other work.
[[gnu::noinline]] pid_t launch(const Launch& l) {
  const pid_t pid = vfork();
  if (pid != 0) return pid;
  const auto give_up = [&](Step step) {
    const Failure failure{step, errno};
    (void)!write(l.failure, &failure, sizeof failure);
    _exit(127);
  };
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(Step::setup);
  if (getppid() != l.parent) _exit(127);  // it died in between: no signal will come
  setpgid(0, 0);
  // Handlers of the engine mean nothing in the child, and what the engine ignores the worker may
  // not.
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int s = 1; s < 32; ++s) {
    if (s != SIGKILL && s != SIGSTOP) sigaction(s, &standard, nullptr);
  }
  if (dup2(l.input, 0) < 0 || dup2(l.output, 1) < 0 || dup2(l.errors, 2) < 0) give_up(Step::setup);
  syscall(SYS_close_range, 3U, ~0U, 4U);  // CLOSE_RANGE_CLOEXEC
  const int oom = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (oom >= 0) {
    (void)!write(oom, "800", 3);
    close(oom);
  }
  if (chdir(l.folder) != 0) give_up(Step::folder);
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  execve(l.program, l.argv, l.envp);
  give_up(Step::program);
  return 0;
}

std::string command_text(const std::vector<std::string>& argv) {
  std::string text;
  for (const auto& a : argv) text.append(text.empty() ? "" : " ").append(a);
  return text;
}

Result<std::pair<OwnedFd, OwnedFd>> pipe_for_output() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed("pipe", errno);
  OwnedFd read_end(ends[0]);
  OwnedFd write_end(ends[1]);
  fcntl(read_end.get(), F_SETFL, O_NONBLOCK);  // the read end only: workers expect a blocking one
  return std::pair(std::move(read_end), std::move(write_end));
}

// A file in memory: no writer has to wait until the worker reads.
Result<OwnedFd> input_of(const Command& command) {
  if (!command.input) {
    OwnedFd null(open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (null.get() < 0) return failed("/dev/null", errno);
    return null;
  }
  OwnedFd file(memfd_create("payload", MFD_CLOEXEC));
  if (file.get() < 0) return failed("memory for the payload", errno);
  std::string_view rest = *command.input;
  while (!rest.empty()) {
    const ssize_t n = write(file.get(), rest.data(), rest.size());
    if (n < 0) return failed("memory for the payload", errno);
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  lseek(file.get(), 0, SEEK_SET);
  return file;
}

// 0: it can be run.
int why_not_executable(const std::string& path) {
  struct stat s {};
  if (stat(path.c_str(), &s) != 0) return errno;
  if (S_ISDIR(s.st_mode)) return EISDIR;
  return access(path.c_str(), X_OK) == 0 ? 0 : errno;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

}  // namespace

Result<std::string> find_program(const std::string& argv0, const std::string& folder,
                                 std::string_view path) {
  if (argv0.find('/') != std::string::npos) {
    const std::string full = argv0.front() == '/' ? argv0 : folder + "/" + argv0;
    const int why = why_not_executable(full);
    if (why == 0) return full;
    return Error{why == EACCES ? Code::denied : Code::not_found,
                 fmt::format("cannot run '{}' in {}: {}", argv0, folder, errno_text(why)),
                 why == EACCES ? fmt::format("make it executable: chmod +x {}", full)
                               : "paths are relative to the folder of the configuration, or to "
                                 "'working_dir' of the labourer"};
  }
  int denied = 0;
  for (std::string_view rest = path; !argv0.empty();) {
    const auto colon = rest.find(':');
    const std::string full = fmt::format("{}/{}", rest.substr(0, colon), argv0);
    const int why = why_not_executable(full);
    if (why == 0) return full;
    if (why == EACCES) denied = why;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  return Error{
      denied ? Code::denied : Code::not_found,
      fmt::format("cannot run '{}': {} in PATH ({})", argv0,
                  denied ? "not executable" : "no such program", path),
      fmt::format("install it, or name the file: ./{} is looked for in {}", argv0, folder)};
}

Result<Child> start(const Command& command) {
  const auto path = command.environment.find("PATH");
  auto program = find_program(command.argv.empty() ? "" : command.argv.front(), command.folder,
                              path == command.environment.end() ? "" : path->second);
  if (!program) return program.error();

  std::vector<char*> argv;
  for (const auto& a : command.argv) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  variables.reserve(command.environment.size());
  for (const auto& [k, v] : command.environment) variables.push_back(fmt::format("{}={}", k, v));
  std::vector<char*> envp;
  envp.reserve(variables.size() + 1);
  for (auto& v : variables) envp.push_back(v.data());
  envp.push_back(nullptr);

  auto input = input_of(command);
  if (!input) return input.error();
  auto output = pipe_for_output();
  if (!output) return output.error();
  Child child;
  child.output = std::move(output->first);
  OwnedFd errors;
  if (!command.join_output) {
    auto pipe = pipe_for_output();
    if (!pipe) return pipe.error();
    child.errors = std::move(pipe->first);
    errors = std::move(pipe->second);
  }

  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return failed("pipe", errno);
  OwnedFd failure_out(ends[0]);
  OwnedFd failure_in(ends[1]);

  // No handler of ours may run in the child while it shares our memory.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const Launch l{.program = program->c_str(),
                 .argv = argv.data(),
                 .envp = envp.data(),
                 .folder = command.folder.c_str(),
                 .input = input->get(),
                 .output = output->second.get(),
                 .errors = errors.get() < 0 ? output->second.get() : errors.get(),
                 .failure = failure_in.get(),
                 .parent = getpid()};
  child.pid = launch(l);
  const int number = errno;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child.pid < 0)
    return failed(fmt::format("cannot start '{}'", command_text(command.argv)), number);
  failure_in = OwnedFd();
  Failure failure{};
  if (read(failure_out.get(), &failure, sizeof failure) == sizeof failure) {
    waitpid(child.pid, nullptr, 0);
    const int why = failure.number;
    const bool folder = failure.step == Step::folder;
    std::string hint;
    if (folder) hint = "create the folder, or mend 'working_dir' of the labourer";
    if (!folder && why == ENOEXEC) hint = "a script needs a first line such as #!/bin/sh";
    if (!folder && why == ENOENT) hint = "the interpreter named in its first line does not exist";
    return Error{why == EACCES ? Code::denied : Code::not_found,
                 fmt::format("cannot start '{}' in {}: {}", command_text(command.argv),
                             command.folder, errno_text(why)),
                 hint};
  }
  child.exit = OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, child.pid, 0)));
  if (child.exit.get() < 0) {
    const int why = errno;
    kill_group(child, SIGKILL);
    waitpid(child.pid, nullptr, 0);
    return failed("pidfd_open", why);
  }
  fcntl(child.exit.get(), F_SETFD, FD_CLOEXEC);
  const std::lock_guard lock(leaders_mutex);
  leaders.insert(child.pid);
  return child;
}

std::string text(const Exit& exit) {
  if (!exit.signalled) return fmt::format("exit status {}", exit.number);
  switch (exit.number) {
    case SIGKILL:
      return "signal: killed";
    case SIGSEGV:
      return "signal: segmentation fault";
    case SIGABRT:
      return "signal: aborted";
    case SIGTERM:
      return "signal: terminated";
    default: {
      const char* name = sigabbrev_np(exit.number);
      return name ? fmt::format("signal: SIG{}", name) : fmt::format("signal: {}", exit.number);
    }
  }
}

void kill_all_groups() {
  const std::lock_guard lock(leaders_mutex);
  for (const pid_t leader : leaders) kill(-leader, SIGKILL);
}

Exit reap(const Child& child) {
  // Before the leader is reaped its number, and with it the group's, cannot be given to others.
  kill_group(child, SIGKILL);
  {
    const std::lock_guard lock(leaders_mutex);
    leaders.erase(child.pid);
  }
  int status = 0;
  while (waitpid(child.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return {true, WTERMSIG(status)};
  return {false, WEXITSTATUS(status)};
}

void kill_group(const Child& child, int signal) { kill(-child.pid, signal); }

std::uint64_t private_memory(pid_t leader) {
  static const auto kPage = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::ifstream statm(fmt::format("/proc/{}/statm", leader));
  std::uint64_t size = 0, resident = 0, shared = 0;
  if (!(statm >> size >> resident >> shared)) return 0;
  std::uint64_t sum = (resident - std::min(shared, resident)) * kPage;
  std::ifstream children(fmt::format("/proc/{0}/task/{0}/children", leader));
  for (pid_t child = 0; children >> child;) sum += private_memory(child);
  return sum;
}

// One look through /proc. Gives how many it has killed.
static int kill_marked(const std::string& wanted) {
  std::vector<OwnedFd> dying;
  const pid_t self = getpid();
  DIR* proc = opendir("/proc");
  if (proc == nullptr) return 0;
  while (const dirent* entry = readdir(proc)) {  // NOLINT(concurrency-mt-unsafe): a stream of ours
    const pid_t pid = static_cast<pid_t>(std::strtol(entry->d_name, nullptr, 10));
    if (pid <= 1 || pid == self) continue;
    // The pidfd first: if the number is given to another process meanwhile, the kill hits nobody.
    OwnedFd fd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
    if (fd.get() < 0) continue;
    const std::string variables = slurp(fmt::format("/proc/{}/environ", pid));
    bool ours = false;
    for (std::size_t at = 0; at < variables.size() && !ours;) {
      const char* variable = variables.c_str() + at;
      ours = wanted == variable;
      at += std::strlen(variable) + 1;
    }
    if (!ours) continue;
    syscall(SYS_pidfd_send_signal, fd.get(), SIGKILL, nullptr, 0);
    dying.push_back(std::move(fd));
  }
  closedir(proc);
  for (const auto& fd : dying) {
    pollfd wait{fd.get(), POLLIN, 0};
    poll(&wait, 1, 10'000);
  }
  return static_cast<int>(dying.size());
}

int kill_leftovers(const std::string& name, const std::string& value) {
  const std::string wanted = name + "=" + value;
  // A process that is just starting another has no environment for a moment: look until none is
  // found.
  int killed = 0;
  for (int look = 0, found = 1; look < 10 && found > 0; ++look) {
    found = kill_marked(wanted);
    killed += found;
  }
  return killed;
}

}  // namespace sosw::local
