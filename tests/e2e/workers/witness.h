// SPDX-License-Identifier: MIT
// How many workers are at work is written down by themselves: "begin TASK" and "end TASK" in
// $WITNESS/log. Each holds one of $LIMIT locks (10 if it is not set) while it works: who finds none
// free, is one too many, and writes "over". The kernel drops a lock with its holder, so this is
// exact for workers that are killed, too. lambda_function.py has the same for Python.
#pragma once

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <utility>

namespace sosw::testing {

class Witness {
 public:
  explicit Witness(std::string task)
      : folder_(std::getenv("WITNESS")),  // NOLINT(concurrency-mt-unsafe)
        task_(std::move(task)) {
    const char* given = std::getenv("LIMIT");  // NOLINT(concurrency-mt-unsafe)
    const int limit = given ? std::atoi(given) : 10;
    for (int i = 0; i < limit && lock_ < 0; ++i) {
      lock_ = open((folder_ + "/" + std::to_string(i)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
      if (flock(lock_, LOCK_EX | LOCK_NB) == 0) break;
      close(lock_);
      lock_ = -1;
    }
    if (lock_ < 0) write("over");
    write("begin");
  }
  ~Witness() {
    write("end");
    if (lock_ >= 0) close(lock_);
  }
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

 private:
  void write(const std::string& what) {
    const std::string line = what + ' ' + task_ + '\n';
    const int log =
        open((folder_ + "/log").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (::write(log, line.data(), line.size()) != static_cast<ssize_t>(line.size())) abort();
    close(log);
  }

  std::string folder_, task_;
  int lock_ = -1;
};

}  // namespace sosw::testing
