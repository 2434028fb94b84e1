// SPDX-License-Identifier: MIT
// See project.h.
#include "e2e/project.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>

namespace sosw::e2e {
namespace {

namespace fs = std::filesystem;

constexpr int kLongestMs = 300'000;
constexpr auto kPatience = std::chrono::minutes{2};
constexpr auto kPause = std::chrono::milliseconds{5};  // between two looks

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Ended& ended) {
  return out << "exit code " << ended.status << "\n--- stdout\n"
             << ended.out << "--- stderr\n"
             << ended.error;
}

Process::Process(const std::vector<std::string>& argv, const fs::path& folder, const fs::path& log,
                 const fs::path& input)
    : log_(log) {
  std::vector<char*> words;
  words.reserve(argv.size() + 1);
  for (const std::string& word : argv) words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  const std::string out = log.string() + ".out";
  const std::string err = log.string() + ".err";
  const pid_t parent = getpid();
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    if (getppid() == parent && dup2(open(input.c_str(), O_RDONLY), 0) == 0 &&
        dup2(open(out.c_str(), flags, 0644), 1) == 1 &&
        dup2(open(err.c_str(), flags, 0644), 2) == 2 && chdir(folder.c_str()) == 0) {
      execv(words[0], words.data());
    }
    _exit(127);
  }
  exit_ = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  if (exit_ < 0) throw std::runtime_error("pidfd_open failed");
}

Process::~Process() {
  if (!reaped_) {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  close(exit_);
}

bool Process::running() {
  pollfd ended{exit_, POLLIN, 0};
  return !reaped_ && poll(&ended, 1, 0) == 0;
}

void Process::signal(int number) const {
  if (!reaped_) kill(pid_, number);
}

Ended Process::wait() {
  if (!reaped_) {
    pollfd ended{exit_, POLLIN, 0};
    if (poll(&ended, 1, kLongestMs) == 0) {
      ADD_FAILURE() << "a process had to be killed after " << kLongestMs
                    << " ms: " << error_so_far();
      kill(pid_, SIGKILL);
    }
    int status = 0;
    waitpid(pid_, &status, 0);
    reaped_ = true;
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  return {status_, content(log_.string() + ".out"), error_so_far()};
}

std::string Process::error_so_far() const { return content(log_.string() + ".err"); }

Project::Project() {
  fs::create_directory(path() / "witness");
  fs::create_directory(path() / "logs");
}

void Project::write(std::string_view name, std::string_view text, bool executable) const {
  const fs::path path = file(name);
  std::ofstream(path, std::ios::binary) << text;
  if (executable) fs::permissions(path, fs::perms::owner_all);
}

std::string Project::read(std::string_view name) const { return content(file(name)); }

std::vector<std::string> Project::lines(std::string_view name) const {
  std::ifstream in(file(name));
  std::vector<std::string> found;
  for (std::string line; std::getline(in, line);) found.push_back(line);
  return found;
}

Ended Project::sosw(std::vector<std::string> arguments, std::string_view input,
                    std::vector<std::string> prefix) {
  std::vector<std::string> argv = std::move(prefix);
  argv.push_back(bin("sosw"));
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  const fs::path log = path() / "logs" / std::to_string(commands_++);
  if (input.empty()) return Process(argv, path(), log).wait();
  std::ofstream(log.string() + ".in", std::ios::binary) << input;
  return Process(argv, path(), log, log.string() + ".in").wait();
}

json::value Project::ask(std::vector<std::string> arguments) {
  arguments.emplace_back("--json");
  const Ended ended = sosw(arguments);
  boost::system::error_code bad;
  json::value value = json::parse(ended.out, bad);
  if (ended.status == 0 && !bad) return value;
  ADD_FAILURE() << "sosw " << arguments.front() << " --json: " << ended;
  return nullptr;
}

std::unique_ptr<Process> Project::run(std::vector<std::string> options,
                                      std::vector<std::string> prefix) {
  std::vector<std::string> argv = std::move(prefix);
  for (const char* word : {"sosw", "run", "--listen", "127.0.0.1:0"}) argv.emplace_back(word);
  argv[argv.size() - 4] = bin("sosw");
  argv.insert(argv.end(), options.begin(), options.end());
  return std::make_unique<Process>(argv, path(),
                                   path() / "logs" / ("run" + std::to_string(commands_++)));
}

Ended Project::run_until_empty(std::vector<std::string> prefix) {
  return run({"--until-empty"}, std::move(prefix))->wait();
}

std::int64_t Project::count(std::string_view state) {
  std::int64_t sum = 0;
  const json::value status = ask({"status"});
  if (!status.is_array()) return -1;
  for (const json::value& labourer : status.get_array()) {
    sum += labourer.at(state).to_number<std::int64_t>();
  }
  return sum;
}

json::array Project::tasks(std::vector<std::string> filter) {
  std::vector<std::string> arguments{"tasks", "--limit", "1000000"};
  arguments.insert(arguments.end(), filter.begin(), filter.end());
  const json::value found = ask(arguments);
  return found.is_array() ? found.get_array() : json::array();
}

json::object Project::task(std::string_view id) {
  const json::value found = ask({"task", std::string(id)});
  return found.is_object() ? found.get_object() : json::object();
}

std::vector<pid_t> Project::workers() const {
  const std::string mark = '\0' + ("SOSW_DATA_FOLDER=" + file(".sosw")) + '\0';
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    // Empty for a process that has just ended, and for a zombie.
    if (('\0' + content(entry.path() / "environ") + '\0').find(mark) != std::string::npos) {
      found.push_back(std::stoi(name));
    }
  }
  return found;
}

std::string bin(std::string_view program) { return std::string(SOSW_BIN "/").append(program); }

std::string source(std::string_view path) {
  return std::string(SOSW_SOURCE "/tests/e2e/").append(path);
}

std::string python() {
  const char* given = std::getenv("SOSW_PYTHON");  // NOLINT(concurrency-mt-unsafe): one thread
  std::string path = given != nullptr ? given : SOSW_SOURCE "/build/venv/bin/python3";
  if (!fs::exists(path)) throw std::runtime_error(path + " is missing: ./dev test makes it");
  return path;
}

std::string text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

bool eventually(const std::function<bool()>& so) {
  const auto ends = std::chrono::steady_clock::now() + kPatience;
  while (!so()) {
    if (std::chrono::steady_clock::now() > ends) return false;
    std::this_thread::sleep_for(kPause);
  }
  return true;
}

}  // namespace sosw::e2e
