// SPDX-License-Identifier: MIT
#include "local/base64.h"

#include <gtest/gtest.h>

namespace sosw::local {
namespace {

TEST(Base64, gives_the_vectors_of_the_rfc) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foob"), "Zm9vYg==");
  EXPECT_EQ(base64("fooba"), "Zm9vYmE=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Base64, takes_any_byte) { EXPECT_EQ(base64(std::string_view("\x00\xff\xfe", 3)), "AP/+"); }

}  // namespace
}  // namespace sosw::local
