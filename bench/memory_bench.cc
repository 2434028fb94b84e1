// SPDX-License-Identifier: MIT
// Memory of an engine that has nothing to do: `sosw run` on an empty folder.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

#include "figures.h"
#include "home.h"

namespace sosw::bench {
namespace {

struct Memory {
  double rss = 0, pss = 0;  // MiB
};

Memory memory_of(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
  Memory memory;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    double kib = 0;
    words >> name >> kib;
    if (name == "Rss:") memory.rss = kib / 1024;
    if (name == "Pss:") memory.pss = kib / 1024;
  }
  return memory;
}

// The socket that it takes commands on is the last thing that it makes.
void wait_for(const std::filesystem::path& file) {
  const double deadline = seconds_now() + 60;
  while (!std::filesystem::exists(file)) {
    if (seconds_now() > deadline) give_up("the engine does not come up");
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

// When it has not changed for three looks.
Memory settled(pid_t pid) {
  Memory memory = memory_of(pid);
  for (int same = 0; same < 3; ++same) {
    std::this_thread::sleep_for(std::chrono::milliseconds{300});
    const Memory now = memory_of(pid);
    if (now.rss != memory.rss) same = 0;
    memory = now;
  }
  return memory;
}

}  // namespace
}  // namespace sosw::bench

int main(int argc, char** argv) {
  using namespace sosw::bench;
  Bench bench("memory", argc, argv);
  Samples rss, pss;
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  for (int run = 0; run < bench.runs(); ++run) {
    bench.probe();
    const auto folder = bench.fresh_folder();
    std::ofstream(folder / "sosw.json") << sosw::json::serialize(
        sosw::json::object{{"labourers", {{kLabourer, {{"exec", {"/bin/true"}}}}}}});
    const Process engine({program("sosw"), "--config", (folder / "sosw.json").string(), "--data",
                          (folder / "data").string(), "run", "--listen", "127.0.0.1:0"},
                         {}, null);
    wait_for(folder / "data" / "engine.sock");
    const Memory memory = settled(engine.pid());
    rss.add(memory.rss);
    pss.add(memory.pss);
  }
  ::close(null);
  bench.add({"resident, with shared libraries", "MiB", rss, 15, Figure::Better::lower});
  bench.add({"its proportional share", "MiB", pss, {}, Figure::Better::lower});
  return bench.finish();
}
