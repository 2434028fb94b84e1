// SPDX-License-Identifier: MIT
// Starts the processes of workers so that none of them outlives the engine.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "local/owned_fd.h"

namespace sosw::local {

struct Command {
  std::vector<std::string> argv;                   // argv[0]: see find_program
  std::map<std::string, std::string> environment;  // all of it
  std::string folder;                              // working folder, absolute
  std::optional<std::string> input;                // on stdin; nullopt: /dev/null
  bool join_output = true;                         // stderr goes into the same pipe as stdout
};

struct Child {
  pid_t pid = 0;   // leader of a process group of its own
  OwnedFd exit;    // pidfd: readable once the leader has ended
  OwnedFd output;  // read end of stdout (and stderr when joined), non-blocking
  OwnedFd errors;  // read end of stderr, non-blocking; none when joined
};

// Path of the program that `argv0` names: with a slash relative to `folder`, without one in the
// folders of `path`. Errors: not_found or denied, saying what was looked for and where.
Result<std::string> find_program(const std::string& argv0, const std::string& folder,
                                 std::string_view path);

// Starts a process that gets SIGKILL when the calling thread ends, however it ends: so the thread
// must live as long as the engine. The child inherits no descriptor but 0, 1 and 2, has default
// signals, and is the first to go when memory runs out. Never copies the caller's memory (vfork).
// Errors: not_found, denied, exhausted; with the command, the folder and the system's reason.
Result<Child> start(const Command& command);

struct Exit {
  bool signalled = false;
  int number = 0;  // of the signal, or exit status
};
// "exit status 3", "signal: killed".
[[nodiscard]] std::string text(const Exit& exit);

// REQUIRES: the leader has ended (its pidfd is readable). Kills what is left of its group.
Exit reap(const Child& child);
// SIGKILL, or another signal, to the whole group. REQUIRES: not reaped yet.
void kill_group(const Child& child, int signal);

// SIGKILL to the groups of all children that were not reaped: for an end without the order of
// destructors. A leader would go with this process anyway, what it has started would not.
void kill_all_groups();

// Memory in bytes that the leader and its descendants hold for themselves (shared files not
// counted); 0 when it has just ended.
[[nodiscard]] std::uint64_t private_memory(pid_t leader);

// Kills all processes of this user whose environment says `name=value` and waits until they are
// gone: what an engine that was killed may have left behind. Gives how many there were.
int kill_leftovers(const std::string& name, const std::string& value);

}  // namespace sosw::local
