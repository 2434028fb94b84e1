// SPDX-License-Identifier: MIT
// The exceptions of the package: their standard bases, and what an AwsError says.
#include "sosw/errors.h"

#include <gtest/gtest.h>

#include <type_traits>

namespace sosw {
namespace {

TEST(Errors, AreCaughtByTheStandardClassThatMeansTheSame) {
  EXPECT_THROW(throw ValueError("x"), std::invalid_argument);
  EXPECT_THROW(throw TypeError("x"), std::invalid_argument);
  EXPECT_THROW(throw KeyError("x"), std::out_of_range);
  EXPECT_THROW(throw IndexError("x"), std::out_of_range);
  EXPECT_THROW(throw AssertionError("x"), std::logic_error);
  EXPECT_THROW(throw AttributeError("x"), std::logic_error);
  EXPECT_THROW(throw RuntimeError("x"), std::runtime_error);
  EXPECT_THROW(throw JSONDecodeError("x"), ValueError);
  EXPECT_THROW(throw EventNotFromSourceException("x"), ValueError);
  EXPECT_THROW(throw AwsError({}), RuntimeError);
}

TEST(Errors, AwsErrorSaysWhatFailedAndKeepsItsParts) {
  const AwsError error({.service = "dynamodb",
                        .operation = "PutItem",
                        .code = "ConditionalCheckFailedException",
                        .message = "The conditional request failed",
                        .request_id = "R1",
                        .status = 400});
  EXPECT_STREQ(error.what(),
               "dynamodb PutItem: ConditionalCheckFailedException: The conditional request failed "
               "(HTTP 400, request R1)");
  EXPECT_EQ(error.service(), "dynamodb");
  EXPECT_EQ(error.operation(), "PutItem");
  EXPECT_EQ(error.code(), "ConditionalCheckFailedException");
  EXPECT_EQ(error.message(), "The conditional request failed");
  EXPECT_EQ(error.request_id(), "R1");
  EXPECT_EQ(error.status(), 400);
}

TEST(Errors, AwsErrorWithoutAnAnswerNamesNoStatus) {
  const AwsError error({.service = "sns", .operation = "Publish", .message = "timed out"});
  EXPECT_STREQ(error.what(), "sns Publish: timed out");
  EXPECT_EQ(error.status(), 0);
}

TEST(Errors, AreCopiedWithoutThrowing) {
  static_assert(std::is_nothrow_copy_constructible_v<AwsError>);
  static_assert(std::is_nothrow_copy_constructible_v<ValueError>);
}

}  // namespace
}  // namespace sosw
