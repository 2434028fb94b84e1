// SPDX-License-Identifier: MIT
// See screen.h.
#include "cli/screen.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <cwchar>

namespace sosw::cli {
namespace {

constexpr int kGap = 2;        // between two columns
constexpr int kNarrowest = 5;  // of a flexible column

struct Glyph {
  char32_t code = 0;
  std::size_t bytes = 1;
  bool valid = true;
};

Glyph glyph_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return {first, 1, true};
  const std::size_t length = first >= 0xF0 && first < 0xF5   ? 4
                             : first >= 0xE0 && first < 0xF0 ? 3
                             : first >= 0xC2 && first < 0xE0 ? 2
                                                             : 0;
  if (length == 0 || at + length > text.size()) return {'?', 1, false};
  char32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0U) != 0x80) return {'?', 1, false};
    code = (code << 6U) | (byte(at + i) & 0x3FU);
  }
  return {code, length, true};
}

// The C library knows the widths of characters in a UTF-8 locale (main() sets one); without it
// everything beyond ASCII counts as one column.
int width_of(char32_t code) {
  if (code < 0x80) return 1;
  const int width = ::wcwidth(static_cast<wchar_t>(code));
  return width < 0 ? 1 : width;
}

std::string_view escape(Colour colour) {
  switch (colour) {
    case Colour::none:
      return "";
    case Colour::bold:
      return "\x1b[1m";
    case Colour::dim:
      return "\x1b[2m";
    case Colour::red:
      return "\x1b[31m";
    case Colour::green:
      return "\x1b[32m";
    case Colour::yellow:
      return "\x1b[33m";
    case Colour::cyan:
      return "\x1b[36m";
  }
  return "";
}

}  // namespace

Screen Screen::of(std::FILE* file) {
  Screen screen;
  const int fd = ::fileno(file);
  screen.terminal = ::isatty(fd) != 0;
  if (!screen.terminal) return screen;
  const char* term = std::getenv("TERM");          // NOLINT(concurrency-mt-unsafe): nobody sets it
  const char* no_color = std::getenv("NO_COLOR");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  screen.colours = (no_color == nullptr || *no_color == '\0') && term != nullptr &&
                   std::strcmp(term, "dumb") != 0;
  winsize size{};
  screen.width = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
  return screen;
}

std::string Screen::paint(Colour colour, std::string_view text) const {
  if (!colours || colour == Colour::none || text.empty()) return std::string(text);
  return fmt::format("{}{}\x1b[0m", escape(colour), text);
}

std::string Screen::number(std::int64_t n) const {
  std::string digits = fmt::to_string(n);
  if (!terminal) return digits;
  const int start = n < 0 ? 1 : 0;
  for (int i = static_cast<int>(digits.size()) - 3; i > start; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), 1, ',');
  }
  return digits;
}

std::string Screen::moment(Time t, Time now) const {
  if (!terminal) return utc(t);
  const double seconds = epoch(t) - epoch(now);
  if (seconds > 0) return "in " + duration(seconds);
  return duration(-seconds) + " ago";
}

std::string utc(Time t) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(epoch_seconds(t))));
}

std::string duration(double seconds) {
  if (!(seconds < 9e15)) return "for ever";
  const auto s = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  if (s < 60) return fmt::format("{} s", s);
  const auto two = [](std::int64_t a, char big, std::int64_t b, char small) {
    return b == 0 ? fmt::format("{} {}", a, big) : fmt::format("{} {} {} {}", a, big, b, small);
  };
  if (s < 3600) return two(s / 60, 'm', s % 60, 's');
  if (s < 86'400) return two(s / 3600, 'h', s % 3600 / 60, 'm');
  return two(s / 86'400, 'd', s % 86'400 / 3600, 'h');
}

std::string one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Glyph glyph = glyph_at(text, i);
    if (!glyph.valid) {
      out += '?';
    } else if (glyph.code < 0x20 || (glyph.code >= 0x7F && glyph.code < 0xA0)) {
      out += ' ';
    } else {
      out.append(text, i, glyph.bytes);
    }
    i += glyph.bytes;
  }
  return out;
}

int columns(std::string_view text) {
  int sum = 0;
  for (std::size_t i = 0; i < text.size();) {
    const Glyph glyph = glyph_at(text, i);
    sum += width_of(glyph.code);
    i += glyph.bytes;
  }
  return sum;
}

std::string cut(std::string_view text, int width) {
  if (columns(text) <= width) return std::string(text);
  int used = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    const Glyph glyph = glyph_at(text, i);
    if (used + width_of(glyph.code) > width - 1) break;
    used += width_of(glyph.code);
    i += glyph.bytes;
  }
  return std::string(text.substr(0, i)) + (width > 0 ? "…" : "");
}

void Table::add(std::vector<Cell> row) {
  assert(row.size() == columns_.size());
  for (Cell& cell : row) cell.text = one_line(cell.text);
  rows_.push_back(std::move(row));
}

std::string Table::text(const Screen& screen) const {
  std::vector<int> widths(columns_.size(), 0);
  std::vector<std::size_t> shown;
  for (std::size_t c = 0; c < columns_.size(); ++c) {
    for (const auto& row : rows_) widths[c] = std::max(widths[c], columns(row[c].text));
    if (widths[c] == 0 && !rows_.empty()) continue;
    widths[c] = std::max(widths[c], columns(columns_[c].title));
    shown.push_back(c);
  }

  if (screen.width > 0 && !shown.empty()) {
    int total = kGap * (static_cast<int>(shown.size()) - 1);
    for (const std::size_t c : shown) total += widths[c];
    while (total > screen.width) {
      int* widest = nullptr;
      for (const std::size_t c : shown) {
        if (columns_[c].kind == Kind::flexible && widths[c] > kNarrowest &&
            (widest == nullptr || widths[c] > *widest)) {
          widest = &widths[c];
        }
      }
      if (widest == nullptr) break;
      --*widest;
      --total;
    }
  }

  std::string out;
  const auto line = [&](auto cell_of) {
    std::string text_so_far;
    for (std::size_t i = 0; i < shown.size(); ++i) {
      const std::size_t c = shown[i];
      const Cell cell = cell_of(c);
      const std::string content = cut(cell.text, widths[c]);
      const std::string pad(static_cast<std::size_t>(widths[c] - columns(content)), ' ');
      if (i > 0) text_so_far.append(kGap, ' ');
      if (columns_[c].kind == Kind::number) text_so_far += pad;
      text_so_far += screen.paint(cell.colour, content);
      if (columns_[c].kind != Kind::number && i + 1 < shown.size()) text_so_far += pad;
    }
    text_so_far.erase(text_so_far.find_last_not_of(' ') + 1);
    out += text_so_far + '\n';
  };
  line([&](std::size_t c) { return Cell(columns_[c].title, Colour::dim); });
  for (const auto& row : rows_) line([&](std::size_t c) { return row[c]; });
  return out;
}

}  // namespace sosw::cli
