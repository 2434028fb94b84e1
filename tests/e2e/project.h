// SPDX-License-Identifier: MIT
// A project in a temporary folder, and the program `sosw` at work in it, seen from outside only.
#pragma once

#include <sys/types.h>

#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "support/scratch_folder.h"

namespace sosw::e2e {

namespace json = boost::json;

struct Ended {
  int status = 0;  // exit code, or 128 + signal as a shell says
  std::string out, error;
};
// For the messages of assertions.
std::ostream& operator<<(std::ostream& out, const Ended& ended);

// A process in the background. It is killed with the object, and with this process.
class Process {
 public:
  // argv[0] is a path. stdin is the file `input`, or empty; stdout and stderr go to `log`.out and
  // `log`.err, anew.
  Process(const std::vector<std::string>& argv, const std::filesystem::path& folder,
          const std::filesystem::path& log, const std::filesystem::path& input = "/dev/null");
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number) const;
  // Until it has ended. After ten minutes it is killed, and the test fails.
  Ended wait();
  [[nodiscard]] std::string error_so_far() const;

 private:
  pid_t pid_ = 0;
  int exit_ = -1;  // pidfd
  bool reaped_ = false;
  int status_ = 0;
  std::filesystem::path log_;
};

class Project {
 public:
  // With an empty file for each name in `witness`; no configuration yet.
  Project();

  [[nodiscard]] const std::filesystem::path& path() const { return folder_.path(); }
  [[nodiscard]] std::string file(std::string_view name) const { return path() / name; }
  void write(std::string_view name, std::string_view text, bool executable = false) const;
  void config(const json::object& content) const { write("sosw.json", json::serialize(content)); }
  [[nodiscard]] std::string read(std::string_view name) const;
  [[nodiscard]] std::vector<std::string> lines(std::string_view name) const;

  // Runs a command of sosw in the folder to its end. `prefix`: a program that is to run it.
  Ended sosw(std::vector<std::string> arguments, std::string_view input = {},
             std::vector<std::string> prefix = {});
  // The same with --json; what it printed, parsed. Anything but exit code 0 and JSON on stdout
  // fails the test and gives null.
  json::value ask(std::vector<std::string> arguments);
  // `sosw run` on a free port, in the background.
  [[nodiscard]] std::unique_ptr<Process> run(std::vector<std::string> options = {},
                                             std::vector<std::string> prefix = {});
  Ended run_until_empty(std::vector<std::string> prefix = {});

  // Tasks in that state, of all labourers.
  std::int64_t count(std::string_view state);
  // All tasks.
  json::array tasks(std::vector<std::string> filter = {});
  json::object task(std::string_view id);

  // Processes of workers, by the data folder in their environment.
  [[nodiscard]] std::vector<pid_t> workers() const;

 private:
  testing::ScratchFolder folder_;
  int commands_ = 0;
};

std::string bin(std::string_view program);  // path of a program of this build
std::string source(std::string_view path);  // path of a file below the folder of these tests
std::string python();                       // the interpreter with the packages of requirements.txt
std::string text(const json::object& object, std::string_view key);  // "" when it is not there

// Looks until it is so, at most two minutes; the answer is whether it has become so.
bool eventually(const std::function<bool()>& so);

}  // namespace sosw::e2e
