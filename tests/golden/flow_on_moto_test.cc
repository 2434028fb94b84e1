// SPDX-License-Identifier: MIT
// The recorded flows of the original on the DynamoDB store over the wire.
#include <gtest/gtest.h>

#include <cstdlib>

#include "support/python_server.h"

namespace sosw::golden {
namespace {

TEST(FlowOnMoto, IsThatOfTheOtherStores) {
  const testing::PythonServer moto(SOSW_SOURCE "/tests/aws/moto_server.py");
  const std::string command = std::string(SOSW_GOLDEN_CHECK " --dynamodb ") + moto.url() +
                              " " SOSW_SOURCE "/tests/golden/flow.jsonl";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

}  // namespace
}  // namespace sosw::golden
