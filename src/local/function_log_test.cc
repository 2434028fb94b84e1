// SPDX-License-Identifier: MIT
#include "local/function_log.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "local/credentials.h"
#include "local/file.h"

namespace sosw::local {
namespace {

TEST(Tail, KeepsTheEnd) {
  Tail tail;
  std::string all;
  for (int i = 0; i < 3000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    tail.append(line);
    all += line;
  }
  EXPECT_EQ(tail.text(), all.substr(all.size() - kTail));
  tail.append(std::string(3 * kTail, 'x') + "end");
  EXPECT_EQ(tail.text(), std::string(kTail - 3, 'x') + "end");
  tail.clear();
  EXPECT_EQ(tail.text(), "");
}

TEST(ValidUtf8, ReplacesWhatIsNone) {
  EXPECT_EQ(valid_utf8("abc \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80"),
            "abc \xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
  EXPECT_EQ(valid_utf8("\xFF\x80 \xC3 \xC0\x80 \xED\xA0\x80 \xF4\x90\x80\x80 \xE2\x82"),
            "?? ? ?? ??? ???? ??");
}

TEST(FunctionLog, IsBoundedAndAppends) {
  const std::string folder = ::testing::TempDir() + "/log_" + random_hex(8);
  const std::string path = folder + "/f/0.log";
  {
    FunctionLog log(path, 100);
    for (int i = 0; i < 100; ++i) log.write("0123456789");
  }
  EXPECT_EQ(std::filesystem::file_size(path), 100U);
  EXPECT_EQ(std::filesystem::file_size(path + ".1"), 100U);
  FunctionLog again(path, 1000);
  again.write("more");
  EXPECT_EQ(std::filesystem::file_size(path), 104U);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sosw::local
