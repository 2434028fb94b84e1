// SPDX-License-Identifier: MIT
// See figures.h.
#include "figures.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "empty_server.h"

namespace sosw::bench {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kBlock = 4096;  // of one probe write, a page of the store

// Seconds that each of some appends of a page takes until it is on the disk.
Samples time_fsyncs(const fs::path& file, double seconds) {
  const int fd = ::open(file.c_str(), O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
  if (fd < 0) give_up(fmt::format("cannot write {}", file.string()));
  const std::string block(kBlock, 'x');
  Samples took;
  const double end = seconds_now() + seconds;
  double before = seconds_now();
  do {
    if (::write(fd, block.data(), block.size()) != static_cast<ssize_t>(kBlock) ||
        ::fdatasync(fd) != 0) {
      give_up(fmt::format("cannot write {}", file.string()));
    }
    const double after = seconds_now();
    took.add(after - before);
    before = after;
  } while (before < end);
  ::close(fd);
  fs::remove(file);
  return took;
}

std::string number(double value) {
  if (value >= 1000) {
    std::string digits = fmt::format("{:.0f}", value);
    for (int at = static_cast<int>(digits.size()) - 3; at > 0; at -= 3) {
      digits.insert(static_cast<std::size_t>(at), ",");
    }
    return digits;
  }
  return value >= 100 ? fmt::format("{:.0f}", value)
                      : fmt::format("{:.{}f}", value,
                                    value >= 10  ? 1
                                    : value >= 1 ? 2
                                                 : 3);
}

bool reached(const Figure& figure) {
  const double median = figure.samples.median();
  return figure.better == Figure::Better::higher ? median >= *figure.target
                                                 : median <= *figure.target;
}

bool sound(const Figure& figure) {
  const auto& values = figure.samples.values;
  return !values.empty() && std::all_of(values.begin(), values.end(),
                                        [](double v) { return std::isfinite(v) && v > 0; });
}

}  // namespace

double Samples::quantile(double q) const {
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  const double at = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (sorted[above] - sorted[below]) * (at - static_cast<double>(below));
}
double Samples::min() const { return *std::min_element(values.begin(), values.end()); }
double Samples::max() const { return *std::max_element(values.begin(), values.end()); }

Bench::Bench(std::string name, int argc, char** argv) : name_(std::move(name)) {
  fs::path parent = fs::current_path();
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const bool more = i + 1 < argc;
    if (argument == "--quick") {
      quick_ = true;
    } else if (argument == "--json") {
      json_ = true;
    } else if (argument == "--runs" && more) {
      runs_ = std::atoi(argv[++i]);
      if (runs_ < 1) give_up("--runs needs a number above 0");
    } else if (argument == "--folder" && more) {
      parent = argv[++i];
    } else {
      fmt::print(stderr,
                 "usage: {0}_bench [--quick] [--json] [--runs N] [--folder DIR]\n"
                 "  --quick   numbers too small to mean anything: does it still work?\n"
                 "  --json    a line of JSON for each figure\n"
                 "  --runs    measurements that each median is taken of (default 5)\n"
                 "  --folder  on the disk to measure (default: here)\n",
                 name_);
      std::exit(argument == "--help" ? 0 : 2);  // NOLINT(concurrency-mt-unsafe): no thread yet
    }
  }
  if (runs_ == 0) runs_ = quick_ ? 1 : 5;
  std::string folder = (fs::absolute(parent) / "bench-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) give_up(fmt::format("cannot make {}", folder));
  folder_ = folder;
}

Bench::~Bench() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

fs::path Bench::fresh_folder() {
  fs::path folder = folder_ / std::to_string(++folders_);
  fs::create_directory(folder);
  return folder;
}

void Bench::probe() {
  const double seconds = quick_ ? 0.05 : 0.3;
  const Samples took = time_fsyncs(folder_ / "probe", seconds);
  fsync_ms_.add(took.median() * 1e3);
  double sum = 0;
  for (const double one : took.values) sum += one;
  fsync_rate_.add(static_cast<double>(took.values.size()) / sum);
  echo_rate_.add(echoes_per_s(seconds));
}

void Bench::add(Figure figure) { figures_.push_back(std::move(figure)); }

int Bench::finish() {
  bool all_sound = !figures_.empty();
  for (const Figure& figure : figures_) {
    if (sound(figure)) continue;
    fmt::print(stderr, "{}_bench: '{}' is missing or no positive number\n", name_, figure.name);
    all_sound = false;
  }
  if (!all_sound) return 1;
  json_ ? print_json() : print_table();
  return 0;
}

void Bench::print_table() const {
  std::size_t width = name_.size();
  for (const Figure& figure : figures_) width = std::max(width, figure.name.size());
  fmt::print("{:<{}}  {:>10} {:>10} {:>10}  {:<10}  {}\n", name_, width, "median", "min", "max", "",
             "target");
  for (const Figure& figure : figures_) {
    fmt::print(
        "{:<{}}  {:>10} {:>10} {:>10}  {:<10}  {}\n", figure.name, width,
        number(figure.samples.median()), number(figure.samples.min()), number(figure.samples.max()),
        figure.unit,
        figure.target
            ? fmt::format("{} {}: {}", figure.better == Figure::Better::higher ? ">=" : "<=",
                          number(*figure.target), reached(figure) ? "reached" : "NOT reached")
            : "");
  }
  fmt::print("  in the same run: fsync p50 {} ms, {} a second; empty HTTP echo {} a second\n",
             number(fsync_ms()), number(fsyncs_per_s()), number(echo_rate_.median()));
}

void Bench::print_json() const {
  for (const Figure& figure : figures_) {
    json::object line{{"bench", name_},
                      {"figure", figure.name},
                      {"unit", figure.unit},
                      {"median", figure.samples.median()},
                      {"min", figure.samples.min()},
                      {"max", figure.samples.max()},
                      {"runs", figure.samples.values.size()},
                      {"target", nullptr},
                      {"reached", nullptr},
                      {"fsync_p50_ms", fsync_ms()},
                      {"fsync_per_s", fsyncs_per_s()},
                      {"echo_per_s", echo_rate_.median()}};
    if (figure.target) {
      line["target"] = *figure.target;
      line["reached"] = reached(figure);
    }
    fmt::print("{}\n", json::serialize(line));
  }
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void give_up(const std::string& what) {
  fmt::print(stderr, "bench: {}\n", what);
  std::exit(1);  // NOLINT(concurrency-mt-unsafe): the main thread
}

}  // namespace sosw::bench
