// SPDX-License-Identifier: MIT
// Certificates are always looked at, and a refused one is not asked for again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cstdlib>

#include "aws/client.h"
#include "support/python_server.h"

namespace sosw::aws {
namespace {

using ::testing::HasSubstr;

class TlsTest : public ::testing::Test {
 protected:
  void TearDown() override { unsetenv("AWS_CA_BUNDLE"); }  // NOLINT(concurrency-mt-unsafe)
  void trust() {
    setenv("AWS_CA_BUNDLE", authority_.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }
  Answer call(const std::string& host) {
    return Client("dynamodb", {.region = "eu-west-1",
                               .endpoint = "https://" + host + port_,
                               .credentials = Credentials{"a", "b", ""},
                               .longest_first_pause = std::chrono::milliseconds(1)})
        .call("ListTables");
  }
  // With this one.
  std::int64_t connections() {
    trust();
    const auto answer = call("localhost");
    if (!answer) ADD_FAILURE() << answer.error().text();
    return answer ? answer->at("connections").as_int64() : -1;
  }

  testing::PythonServer server_{SOSW_SOURCE "/tests/aws/tls_server.py"};
  std::string authority_ = server_.line();
  std::string port_ = server_.url().substr(server_.url().rfind(':'));
};

TEST_F(TlsTest, TheCertificateOfATrustedAuthorityIsTaken) { EXPECT_EQ(connections(), 1); }

TEST_F(TlsTest, AnUnknownAuthorityIsRefusedOnce) {
  const auto answer = call("localhost");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fate, CallError::Fate::not_done);
  EXPECT_THAT(answer.error().message, HasSubstr("certificate"));
  EXPECT_EQ(connections(), 2);
}

TEST_F(TlsTest, ACertificateForAnotherNameIsRefusedOnce) {
  trust();
  const auto answer = call("127.0.0.1");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().fate, CallError::Fate::not_done);
  EXPECT_THAT(answer.error().message, HasSubstr("127.0.0.1"));
  EXPECT_EQ(connections(), 2);
}

TEST_F(TlsTest, AFileOfAuthoritiesThatIsNotThereIsNamed) {
  authority_ = "/nowhere/authorities.pem";
  trust();
  const auto answer = call("localhost");
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().message, HasSubstr("/nowhere/authorities.pem"));
}

}  // namespace
}  // namespace sosw::aws
