// SPDX-License-Identifier: MIT
// A worker for the end-to-end tests; the others in this folder do the same in their languages.
//
// `numbers` of its task holds one number, which says how it behaves (see below). It writes "begin
// TASK" and "end TASK" to $WITNESS/log, and holds one of ten locks while it works: who finds none
// free, is one too many, and writes "over". The kernel drops a lock with its holder, so this is
// exact for workers that are killed, too.
#include <fcntl.h>
#include <signal.h>
#include <sosw/worker.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

namespace {

namespace json = boost::json;

class Witness {
 public:
  explicit Witness(const json::object& event)
      : folder_(std::getenv("WITNESS")),  // NOLINT(concurrency-mt-unsafe)
        task_(event.at("task_id").as_string()) {
    for (int i = 0; i < 10 && lock_ < 0; ++i) {
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

struct Worker : sosw::Worker {
  json::value operator()(const json::object& event) override {
    const Witness witness(event);
    const std::int64_t number = event.at("numbers").at(0).as_int64();
    const bool first = event.at("attempts").as_int64() == 0;
    switch (number % 100) {
      case 7:
        throw std::runtime_error("nobody can work on " + std::to_string(number));
      case 13:
        if (number % 200 == 13) {
          for (;;) pause();
        }
        break;
      case 17:
        raise(SIGKILL);
        break;
      case 23:
        if (first) throw std::runtime_error("not yet");
        break;
      case 37:
        if (first) raise(SIGKILL);
        break;
      default:
        break;
    }
    count("numbers");
    result()["square"] = number * number;
    return nullptr;
  }
};

}  // namespace

int main() { return sosw::run<Worker>(); }
