// SPDX-License-Identifier: MIT
// The table of services, from their API references.
#include "aws/services.h"

#include <algorithm>
#include <array>

namespace sosw::aws {

const Service* find_service(std::string_view name) {
  // clang-format off
  static constexpr std::array kServices = {
      Service{"dynamodb", "DynamoDB", "dynamodb", "dynamodb", Protocol::json, "1.0", "DynamoDB_20120810"},
      Service{"ssm", "SSM", "ssm", "ssm", Protocol::json, "1.1", "AmazonSSM"},
      Service{"secretsmanager", "Secrets Manager", "secretsmanager", "secretsmanager", Protocol::json, "1.1", "secretsmanager"},
      Service{"events", "EventBridge", "events", "events", Protocol::json, "1.1", "AWSEvents"},
      Service{"logs", "CloudWatch Logs", "logs", "logs", Protocol::json, "1.1", "Logs_20140328"},
      Service{"sqs", "SQS", "sqs", "sqs", Protocol::json, "1.0", "AmazonSQS"},
      Service{"kinesis", "Kinesis", "kinesis", "kinesis", Protocol::json, "1.1", "Kinesis_20131202"},
      Service{"stepfunctions", "SFN", "states", "states", Protocol::json, "1.0", "AWSStepFunctions"},
      Service{"athena", "Athena", "athena", "athena", Protocol::json, "1.1", "AmazonAthena"},
      Service{"glue", "Glue", "glue", "glue", Protocol::json, "1.1", "AWSGlue"},
      Service{"kms", "KMS", "kms", "kms", Protocol::json, "1.1", "TrentService"},
      Service{"cloudwatch", "CloudWatch", "monitoring", "monitoring", Protocol::query, "2010-08-01"},
      Service{"sns", "SNS", "sns", "sns", Protocol::query, "2010-03-31"},
      Service{"sts", "STS", "sts", "sts", Protocol::query, "2011-06-15"},
      Service{"cloudformation", "CloudFormation", "cloudformation", "cloudformation", Protocol::query, "2010-05-15"},
      Service{"lambda", "Lambda", "lambda", "lambda", Protocol::rest_json},
      Service{"s3", "S3", "s3", "s3", Protocol::rest_xml},
  };
  // clang-format on
  const auto* const found = std::find_if(kServices.begin(), kServices.end(),
                                         [&](const Service& one) { return one.name == name; });
  return found == kServices.end() ? nullptr : found;
}

}  // namespace sosw::aws
