// SPDX-License-Identifier: MIT
#include "local/credentials.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "local/file.h"

namespace sosw::local {
namespace {

TEST(Credentials, AreFoundInAnAuthorizationHeader) {
  EXPECT_EQ(
      access_key_id("AWS4-HMAC-SHA256 Credential=SOSW1/20261124/us-west-2/lambda/aws4_request, "
                    "SignedHeaders=host, Signature=ab"),
      "SOSW1");
  EXPECT_EQ(access_key_id("AWS4-HMAC-SHA256 SignedHeaders=host,Credential=K"), "K");
  EXPECT_EQ(access_key_id("Bearer x"), "");
  EXPECT_EQ(access_key_id(""), "");
}

TEST(Credentials, AreNeverTheSameTwice) {
  EXPECT_NE(new_access_key().id, new_access_key().id);
  EXPECT_EQ(random_hex(7).size(), 7U);
}

TEST(Credentials, OfThePersonSurviveARestartAndAreNobodyElsesToRead) {
  const std::string folder = ::testing::TempDir() + "/credentials_" + random_hex(8);
  std::filesystem::create_directory(folder);
  const std::string file = folder + "/credentials";
  const auto first = user_access_key(file, "eu-west-1", "http://127.0.0.1:1");
  ASSERT_TRUE(first) << first.error().text();
  const auto second = user_access_key(file, "eu-west-1", "http://127.0.0.1:2");
  ASSERT_TRUE(second);
  EXPECT_EQ(second->id, first->id);
  EXPECT_EQ(second->secret, first->secret);
  struct stat s {};
  ASSERT_EQ(stat(file.c_str(), &s), 0);
  EXPECT_EQ(s.st_mode & 0777U, 0600U);
  const auto text = read_file(file);
  ASSERT_TRUE(text);
  EXPECT_NE(text->find("endpoint_url = http://127.0.0.1:2\n"), std::string::npos);
  EXPECT_NE(text->find("region = eu-west-1\n"), std::string::npos);
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(user_access_key(folder + "/none/credentials", "r", "e"));
}

}  // namespace
}  // namespace sosw::local
