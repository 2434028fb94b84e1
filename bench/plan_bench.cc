// SPDX-License-Identifier: MIT
// Chunking: all the rows of a job of a million tasks, written to a pipe by `sosw plan --rows`.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>
#include <vector>

#include "figures.h"
#include "home.h"

namespace sosw::bench {
namespace {

struct Read {
  std::int64_t rows = 0, bytes = 0;
};

Read read_all(int fd) {
  Read read;
  std::vector<char> piece(1U << 20);
  for (ssize_t n = 0; (n = ::read(fd, piece.data(), piece.size())) > 0;) {
    read.bytes += n;
    read.rows += std::count(piece.begin(), piece.begin() + n, '\n');
  }
  ::close(fd);
  return read;
}

// A thousand topics, each with a thousand words of its own: the job itself is a text of 15 MB.
json::object all_words_listed(int rows) { return two_level_job(rows); }

// A hundred topics, each with a hundred words, for each of a hundred days.
json::object by_day(int rows) {
  json::object job = two_level_job(rows / 100);
  json::object topics;
  int number = 0;
  const int side = rows >= 1'000'000 ? 100 : 2;
  for (int topic = 0; topic < side; ++topic) {
    json::array words;
    for (int word = 0; word < rows / 100 / side; ++word)
      words.emplace_back(fmt::format("word-{:06}", number++));
    topics[fmt::format("topic-{:06}", topic)] = json::object{{"words", std::move(words)}};
  }
  job["topics"] = std::move(topics);
  job["period"] = "last_100_days";
  job["isolate_days"] = true;
  return job;
}

// In a process of its own: what this one has ever held, the kernel counts as the peak of the
// programs that it starts too.
void write_job(const std::filesystem::path& file, json::object (*make)(int), int rows) {
  const pid_t writer = ::fork();
  if (writer == 0) {
    std::ofstream(file) << json::serialize(make(rows));
    ::_exit(0);
  }
  int status = 0;
  if (writer < 0 || ::waitpid(writer, &status, 0) != writer || status != 0)
    give_up("the job could not be written");
}

}  // namespace
}  // namespace sosw::bench

int main(int argc, char** argv) {
  using namespace sosw::bench;
  Bench bench("plan", argc, argv);
  const int rows = bench.quick() ? 2'000 : 1'000'000;
  const auto folder = bench.fresh_folder();
  std::ofstream(folder / "sosw.json") << sosw::json::serialize(sosw::json::object{
      {"job_schema", job_schema()}, {"labourers", {{kLabourer, {{"exec", {"/bin/true"}}}}}}});
  for (const auto& [what, make] : {std::pair("topics x words x days", &by_day),
                                   std::pair("topics x words, all listed", &all_words_listed)}) {
    write_job(folder / "job.json", make, rows);
    Samples rate, bytes, memory;
    for (int run = 0; run < bench.runs(); ++run) {
      bench.probe();
      int pipe[2];
      if (::pipe2(pipe, O_CLOEXEC) != 0) give_up("no pipe");
      const double start = seconds_now();
      Process plan({program("sosw"), "plan", "--config", (folder / "sosw.json").string(), "--data",
                    (folder / "data").string(), "--job", (folder / "job.json").string(), "--rows"},
                   {}, pipe[1]);
      ::close(pipe[1]);
      const Read read = read_all(pipe[0]);
      const rusage usage = plan.wait();
      const double took = seconds_now() - start;
      if (read.rows != rows) give_up(fmt::format("{} rows came, {} were asked", read.rows, rows));
      rate.add(static_cast<double>(read.rows) / took);
      bytes.add(static_cast<double>(read.bytes) / took / 1e6);
      memory.add(static_cast<double>(usage.ru_maxrss) / 1024);
    }
    bench.add({fmt::format("a million rows, {}", what), "rows/s", rate, 5e6});
    bench.add({"the same in bytes", "MB/s", bytes, {}});
    bench.add({"peak memory of the process", "MiB", memory, 30, Figure::Better::lower});
  }
  return bench.finish();
}
