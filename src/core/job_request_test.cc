// SPDX-License-Identifier: MIT
#include "core/job_request.h"

#include <gtest/gtest.h>

#include "core/json_text.h"

namespace sosw {
namespace {

TEST(JobRequest, IsTakenOutOfAnEvent) {
  const auto taken = [](std::string_view event) {
    const auto job = extract_job_from_payload(*parse_json(event));
    EXPECT_TRUE(job) << event;
    return job ? job->lambda_name + " " + json_text(job->body) : job.error().message;
  };
  EXPECT_EQ(taken(R"({"lambda_name": "f", "a": 1})"), R"(f {"a": 1})");
  EXPECT_EQ(taken(R"({"job": {"lambda_name": "f"}, "ignored": 1})"), "f {}");
  EXPECT_EQ(
      taken(
          R"({"job": "{\"labourer_id\": \"arn:aws:lambda:us-west-2:123456789012:function:f:7\", \"a\": 1}"})"),
      R"(f {"a": 1})");
  EXPECT_EQ(taken(R"("{\"lambda_name\": \"f\"}")"), "f {}");
  EXPECT_EQ(taken(R"({"lambda_name": "f", "labourer_id": "g"})"), R"(f {"labourer_id": "g"})");
  for (const auto* event : {"5", "[]", "{}", R"({"job": 5})", R"({"job": "nonsense"})",
                            R"({"job": "[]"})", R"({"lambda_name": null})"})
    EXPECT_FALSE(extract_job_from_payload(*parse_json(event))) << event;
}

TEST(TrimArnToName, TakesTheNameBehindThePrefixOfAnArn) {
  for (const auto* arn : {"arn:aws:lambda:us-west-2:123456789012:function:f",
                          "arn:aws:lambda:us-west-2:123456789012:function:f:live",
                          "arn:aws:events:us-west-2:123456789012:rule/f", "arn:aws:s3:::f",
                          "arn:aws:iam::123456789012:role/f", "f:a/b"})
    EXPECT_EQ(labourer_name_of_arn(arn), "f") << arn;
  EXPECT_EQ(labourer_name_of_arn("function/f"), "function");
}

// As the original's pattern: what is no ARN to it is cut where a name ends.
TEST(TrimArnToName, CutsWhatIsNoArn) {
  for (const auto* no_arn : {"arn:aws-cn:lambda:cn-north-1:123456789012:function:f",
                             "arn:aws:x:us-west-2:123456789012:function:f",
                             "arn:aws:lambda:us-west-2-and-more:123456789012:function:f",
                             "arn:aws:lambda:us-west-2:12345:function:f",
                             "arn:aws:lambda:us-west-2:1234567890123:function:f",
                             "arn:aws:lambda:us-west-2:123456789012:x:f", "arn:aws:s3/f"})
    EXPECT_EQ(labourer_name_of_arn(no_arn), "arn") << no_arn;
}

}  // namespace
}  // namespace sosw
