// SPDX-License-Identifier: MIT
#include "core/result.h"

#include <gtest/gtest.h>

#include <memory>
#include <type_traits>
#include <vector>

namespace sosw {
namespace {

Result<std::vector<std::string>> words() {
  return std::vector<std::string>{"a text that is too long to be kept in place",
                                  "another such text"};
}

TEST(ResultTest, IsAValueOrAnError) {
  const Result<int> seven = 7;
  ASSERT_TRUE(seven);
  EXPECT_EQ(*seven, 7);
  EXPECT_EQ(seven.value(), 7);
  const Result<int> none = Error{Code::not_found, "no seven", "count again"};
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().code, Code::not_found);
  EXPECT_EQ(none.error().text(), "no seven\n  count again");
  EXPECT_EQ(invalid("no hint").text(), "no hint");
}

TEST(ResultTest, GivesItsValueToBeChanged) {
  Result<std::string> word = std::string("wor");
  *word += 'd';
  word->push_back('s');
  EXPECT_EQ(word.value(), "words");
}

// A reference into the temporary would be gone before the first round.
TEST(ResultTest, OfATemporaryIsAValue) {
  static_assert(std::is_same_v<decltype(*words()), std::vector<std::string>>);
  std::string text;
  for (const auto& word : *words()) text += word + ";";
  EXPECT_EQ(text, "a text that is too long to be kept in place;another such text;");
}

TEST(ResultTest, HandsOverWhatCanOnlyBeMoved) {
  Result<std::unique_ptr<int>> owned = std::make_unique<int>(7);
  const int* where = owned->get();
  const std::unique_ptr<int> taken = *std::move(owned);
  EXPECT_EQ(taken.get(), where);
  EXPECT_EQ(owned->get(), nullptr);  // NOLINT(bugprone-use-after-move): it has been moved out of
}

TEST(ResultTest, OfNothingIsSuccessOrAnError) {
  EXPECT_TRUE(Result<void>());
  const Result<void> failed = Error{Code::exhausted, "disk full", {}};
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::exhausted);
}

}  // namespace
}  // namespace sosw
