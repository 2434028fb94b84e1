// SPDX-License-Identifier: MIT
// Tables, widths and the words for times.
#include "cli/screen.h"

#include <gtest/gtest.h>

#include <clocale>
#include <sstream>

namespace sosw::cli {
namespace {

constexpr Screen kPipe{};
constexpr Screen kTerminal{true, false, 40};

Table example() {
  Table table({{"LABOURER", Table::Kind::flexible},
               {"QUEUED", Table::Kind::number},
               {"NOTE", Table::Kind::flexible}});
  table.add({"word_count", "12", ""});
  table.add({"a_name_that_needs_a_lot_of_room_to_be_read", "3", "paused"});
  return table;
}

TEST(Table, IsWholeWithoutATerminal) {
  EXPECT_EQ(example().text(kPipe),
            "LABOURER                                    QUEUED  NOTE\n"
            "word_count                                      12\n"
            "a_name_that_needs_a_lot_of_room_to_be_read       3  paused\n");
}

TEST(Table, FitsTheTerminal) {
  const std::string text = example().text(kTerminal);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(columns(line), 40) << line;
  EXPECT_NE(text.find("…"), std::string::npos);
  EXPECT_NE(text.find("paused"), std::string::npos);
}

TEST(Table, LeavesOutAColumnWithoutText) {
  Table table({{"A"}, {"B"}, {"C"}});
  table.add({"1", "", "3"});
  EXPECT_EQ(table.text(kPipe), "A  C\n1  3\n");
}

TEST(Table, KeepsForeignTextOnItsLine) {
  Table table({{"ERROR"}});
  table.add({"first\nsecond\x1b[2J\x07\xff"});
  EXPECT_EQ(table.text(kPipe), "ERROR\nfirst second [2J ?\n");
}

TEST(Screen, CountsColumnsOfWideAndCombinedCharacters) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): one thread
  const char* locale = std::setlocale(LC_CTYPE, "C.UTF-8");
  ASSERT_NE(locale, nullptr);
  EXPECT_EQ(columns("abc"), 3);
  EXPECT_EQ(columns("\xc3\xbc"), 1);      // u with diaeresis
  EXPECT_EQ(columns("\xe6\x97\xa5"), 2);  // a wide character
  EXPECT_EQ(cut("abcdef", 4), "abc…");
  EXPECT_EQ(cut("abcd", 4), "abcd");
  EXPECT_EQ(columns(cut("\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5", 4)), 3);
}

TEST(Screen, GroupsDigitsForPeopleOnly) {
  EXPECT_EQ(kTerminal.number(1'234'567), "1,234,567");
  EXPECT_EQ(kTerminal.number(-123), "-123");
  EXPECT_EQ(kTerminal.number(-1234), "-1,234");
  EXPECT_EQ(kPipe.number(1'234'567), "1234567");
}

TEST(Screen, TellsTimes) {
  EXPECT_EQ(utc(from_epoch(1'548'928'800)), "2019-01-31T10:00:00Z");
  EXPECT_EQ(duration(0.4), "0 s");
  EXPECT_EQ(duration(60), "1 m");
  EXPECT_EQ(duration(760), "12 m 40 s");
  EXPECT_EQ(duration(11'100), "3 h 5 m");
  EXPECT_EQ(duration(187'200), "2 d 4 h");
  const Time now = from_epoch(1'548'928'800);
  EXPECT_EQ(kTerminal.moment(after(now, -125), now), "2 m 5 s ago");
  EXPECT_EQ(kTerminal.moment(after(now, 12), now), "in 12 s");
  EXPECT_EQ(kPipe.moment(now, now), "2019-01-31T10:00:00Z");
}

TEST(Screen, ColoursOnlyWhereTheyAreWanted) {
  EXPECT_EQ(kTerminal.paint(Colour::red, "dead"), "dead");
  const Screen coloured{true, true, 80};
  EXPECT_EQ(coloured.paint(Colour::red, "dead"), "\x1b[31mdead\x1b[0m");
  EXPECT_EQ(coloured.paint(Colour::none, "x"), "x");
}

}  // namespace
}  // namespace sosw::cli
