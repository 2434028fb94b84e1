// SPDX-License-Identifier: MIT
#include "sdk/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sosw::sdk {
namespace {

using testing::ElementsAre;

TEST(Text, ReadsCharactersAndKeepsBytesThatAreNone) {
  const std::string text = "aé€😀\xFFz\xC3";
  std::vector<char32_t> characters;
  for (std::size_t at = 0; at < text.size();) characters.push_back(next_character(text, at));
  EXPECT_THAT(characters, ElementsAre('a', 0xE9, 0x20AC, 0x1F600, kNoCharacter, 'z', kNoCharacter));
  std::string again;
  for (const auto c : characters)
    if (c != kNoCharacter) append_character(c, again);
  EXPECT_EQ(again, "aé€😀z");
}

TEST(Text, StripsBlanksOfEveryKind) {
  EXPECT_EQ(strip(" \t\u00A0a b\u3000\n"), "a b");
  EXPECT_EQ(strip(" \u2003 "), "");
  EXPECT_EQ(strip(""), "");
  EXPECT_EQ(strip("\u200B"), "\u200B");  // a space without width is none for Python
}

TEST(Text, LowersCapitalsOfEveryScript) {
  EXPECT_EQ(lower("AbcZ"), "abcz");
  EXPECT_EQ(lower("ÉCOLE Ÿ"), "école ÿ");
  EXPECT_EQ(lower("ДОМ"), "дом");
  EXPECT_EQ(lower("ΑΒΓ"), "αβγ");
  EXPECT_EQ(lower("Ǆǅ"), "ǆǆ");
  EXPECT_EQ(lower("ĿĹāa"), "ŀĺāa");
  EXPECT_EQ(lower("İx"), "i\u0307x");
  EXPECT_EQ(lower("\xFF\xC3Q"), "\xFF\xC3q");
}

TEST(Text, KnowsDigitsOfEveryScript) {
  EXPECT_EQ(digit('7'), 7);
  EXPECT_EQ(digit(0x0663), 3);             // Arabic-Indic three
  EXPECT_EQ(digit(0xFF19), 9);             // fullwidth nine
  EXPECT_EQ(digit(0x00B2), std::nullopt);  // superscript two
  EXPECT_EQ(digit('a'), std::nullopt);
  EXPECT_EQ(digit(kNoCharacter), std::nullopt);
}

TEST(Text, SplitsAtEachSeparator) {
  EXPECT_THAT(split("a,b,,c", ","), ElementsAre("a", "b", "", "c"));
  EXPECT_THAT(split("", ","), ElementsAre(""));
  EXPECT_THAT(split("a___b", "__"), ElementsAre("a", "_b"));
}

}  // namespace
}  // namespace sosw::sdk
