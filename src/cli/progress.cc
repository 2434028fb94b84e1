// SPDX-License-Identifier: MIT
// See progress.h.
#include "cli/progress.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace sosw::cli {
namespace {

constexpr double kMemory = 10;    // seconds after which an old speed counts little
constexpr double kLineEvery = 5;  // seconds between two lines without a terminal
constexpr int kWidestBar = 30;
constexpr int kNarrowestBar = 8;

}  // namespace

void Rate::observe(std::int64_t closed, double at) {
  if (first_) {
    first_ = false;
    closed_ = closed;
    at_ = at;
    return;
  }
  const double passed = at - at_;
  if (passed <= 0) return;
  const double now = static_cast<double>(closed - closed_) / passed;
  // A first look at a run in which nothing was closed yet says nothing about its speed.
  if (rate_ || closed > closed_) {
    const double weight = rate_ ? 1 - std::exp(-passed / kMemory) : 1;
    rate_ = rate_.value_or(0) * (1 - weight) + now * weight;
  }
  closed_ = closed;
  at_ = at;
}

std::string rate_text(double per_second) {
  if (per_second >= 1e6) return fmt::format("{:.1f}M/s", per_second / 1e6);
  if (per_second >= 9'999.5) return fmt::format("{:.0f}k/s", per_second / 1e3);
  if (per_second >= 999.5) return fmt::format("{:.1f}k/s", per_second / 1e3);
  if (per_second >= 9.95) return fmt::format("{:.0f}/s", per_second);
  return fmt::format("{:.1f}/s", per_second);
}

namespace {

std::string counts_text(const Counts& since_start, std::optional<double> rate,
                        const Screen& screen) {
  const std::int64_t total = since_start.closed + since_start.left;
  const double part =
      total > 0 ? static_cast<double>(since_start.closed) / static_cast<double>(total) : 0;
  // Rounded down: never 100 % before everything is closed.
  std::string text = fmt::format("{:3}%  {} done", static_cast<int>(part * 100),
                                 screen.number(since_start.closed - since_start.dead));
  if (since_start.dead > 0) {
    text +=
        "  " + screen.paint(Colour::red, fmt::format("{} dead", screen.number(since_start.dead)));
  }
  text += fmt::format("  {} running  {} waiting", screen.number(since_start.running),
                      screen.number(since_start.left - since_start.running));
  if (rate) {
    text += "  " + rate_text(*rate);
    if (*rate > 1e-6 && since_start.left > 0) {
      text += "  " + duration(std::ceil(static_cast<double>(since_start.left) / *rate)) + " to go";
    }
  }
  return text;
}

}  // namespace

std::string progress_line(const Counts& since_start, std::optional<double> rate,
                          const Screen& screen) {
  if (screen.width == 0) return counts_text(since_start, rate, screen);
  Screen plain = screen;
  plain.colours = false;
  const std::string text = counts_text(since_start, rate, plain);
  // The last column stays free: some terminals wrap when it is written.
  const int bar = std::min(kWidestBar, screen.width - 1 - columns(text) - 3);
  if (bar < kNarrowestBar) return cut(text, screen.width - 1);
  const std::int64_t total = since_start.closed + since_start.left;
  const auto full = static_cast<std::size_t>(
      total > 0 ? static_cast<double>(since_start.closed) / static_cast<double>(total) * bar : 0);
  return fmt::format("[{}{}] {}", screen.paint(Colour::green, std::string(full, '#')),
                     std::string(static_cast<std::size_t>(bar) - full, ' '),
                     counts_text(since_start, rate, screen));
}

void Progress::show(const Counts& since_start, double at) {
  rate_.observe(since_start.closed, at);
  if (!screen_.terminal && at - printed_at_ < kLineEvery) return;
  const std::string line = progress_line(since_start, rate_.per_second(), screen_);
  if (line == last_ && (drawn_ || !screen_.terminal)) return;
  last_ = line;
  printed_at_ = at;
  if (screen_.terminal) {
    fmt::print(file_, "\r\x1b[K{}", line);
    drawn_ = true;
  } else {
    fmt::print(file_, "{}\n", line);
  }
  std::fflush(file_);
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print(file_, "\r\x1b[K");
  std::fflush(file_);
  drawn_ = false;
}

}  // namespace sosw::cli
