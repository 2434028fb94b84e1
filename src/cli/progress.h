// SPDX-License-Identifier: MIT
// How far a run is, and when it will be done.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "cli/screen.h"

namespace sosw::cli {

struct Counts {
  std::int64_t closed = 0;  // done, dead and cancelled
  std::int64_t dead = 0;
  std::int64_t running = 0;
  std::int64_t left = 0;  // everything that is not closed, running ones too
};

// Speed of closing tasks, over about the last ten seconds. Times are seconds of one steady clock.
class Rate {
 public:
  void observe(std::int64_t closed, double at);
  // Tasks a second; nullopt before there is anything to judge by.
  [[nodiscard]] std::optional<double> per_second() const { return rate_; }

 private:
  std::optional<double> rate_;
  std::int64_t closed_ = 0;
  double at_ = 0;
  bool first_ = true;
};

// "4.2k/s", "12/s", "0.5/s"
[[nodiscard]] std::string rate_text(double per_second);

// One line: "[#####     ]  42%  1,204 done  3 running  1,650 waiting  210/s  8 s to go". It has no
// bar where out where `width` has no room for it; without one (0) there is none.
[[nodiscard]] std::string progress_line(const Counts& since_start, std::optional<double> rate,
                                        const Screen& screen);

// Shows the counts on stderr: on a terminal one line that is drawn over, elsewhere a line whenever
// five seconds have passed and something has changed. One thread.
class Progress {
 public:
  explicit Progress(std::FILE* file) : file_(file), screen_(Screen::of(file)) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const Counts& since_start, double at);
  // Wipes the line, so that something else can be printed.
  void clear();
  [[nodiscard]] bool drawn_over() const { return screen_.terminal; }

 private:
  std::FILE* file_;
  Screen screen_;
  Rate rate_;
  double printed_at_ = -1e9;
  std::string last_;
  bool drawn_ = false;
};

}  // namespace sosw::cli
