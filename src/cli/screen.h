// SPDX-License-Identifier: MIT
// How results look: on a terminal in its width, coloured, digits in groups; elsewhere plain and
// whole.
#pragma once

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "core/time.h"

namespace sosw::cli {

enum class Colour : std::uint8_t { none, bold, dim, red, green, yellow, cyan };

struct Screen {
  bool terminal = false;
  bool colours = false;
  int width = 0;  // columns; 0: no limit

  // What `file` is: colours only on a terminal, without NO_COLOR and unless TERM is "dumb".
  static Screen of(std::FILE* file);

  [[nodiscard]] std::string paint(Colour colour, std::string_view text) const;
  // 1,234,567 on a terminal, 1234567 elsewhere.
  [[nodiscard]] std::string number(std::int64_t n) const;
  // "3 m ago", "in 12 s" on a terminal, 2026-11-24T08:00:00Z elsewhere.
  [[nodiscard]] std::string moment(Time t, Time now) const;
};

// 2026-11-24T08:00:00Z
[[nodiscard]] std::string utc(Time t);
// "1 s", "12 m 40 s", "3 h 5 m", "2 d 4 h"
[[nodiscard]] std::string duration(double seconds);

// Text of somebody else on one line of a terminal: control characters, line ends too, become a
// space, bytes that are no UTF-8 become '?'. So nobody's error message can move the cursor.
[[nodiscard]] std::string one_line(std::string_view text);
// Number of columns that UTF-8 text takes.
[[nodiscard]] int columns(std::string_view text);
// `text` in at most `width` columns; what was cut is told by a last "…".
[[nodiscard]] std::string cut(std::string_view text, int width);

struct Cell {
  Cell(std::string t, Colour c = Colour::none) : text(std::move(t)), colour(c) {}  // NOLINT
  Cell(std::string_view t, Colour c = Colour::none) : text(t), colour(c) {}        // NOLINT
  Cell(const char* t) : text(t) {}                                                 // NOLINT
  std::string text;
  Colour colour;
};

// Rows under titles. On a terminal that is too narrow the flexible columns are cut, the widest
// first; a column without any text is left out.
class Table {
 public:
  enum class Kind : std::uint8_t { text, number, flexible };
  struct Column {
    std::string title;
    Kind kind = Kind::text;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns.
  void add(std::vector<Cell> row);
  [[nodiscard]] std::string text(const Screen& screen) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace sosw::cli
