// SPDX-License-Identifier: MIT
// The table of services, from their API references.
#include "aws/services.h"

#include <algorithm>
#include <array>

namespace sosw::aws {

const Service* find_service(std::string_view name) {
  static constexpr std::array kServices = {
      Service{"dynamodb", "dynamodb", "dynamodb", Protocol::json, "1.0", "DynamoDB_20120810"},
      Service{"ssm", "ssm", "ssm", Protocol::json, "1.1", "AmazonSSM"},
      Service{"secretsmanager", "secretsmanager", "secretsmanager", Protocol::json, "1.1",
              "secretsmanager"},
      Service{"events", "events", "events", Protocol::json, "1.1", "AWSEvents"},
      Service{"logs", "logs", "logs", Protocol::json, "1.1", "Logs_20140328"},
      Service{"sqs", "sqs", "sqs", Protocol::json, "1.0", "AmazonSQS"},
      Service{"kinesis", "kinesis", "kinesis", Protocol::json, "1.1", "Kinesis_20131202"},
      Service{"stepfunctions", "states", "states", Protocol::json, "1.0", "AWSStepFunctions"},
      Service{"athena", "athena", "athena", Protocol::json, "1.1", "AmazonAthena"},
      Service{"glue", "glue", "glue", Protocol::json, "1.1", "AWSGlue"},
      Service{"kms", "kms", "kms", Protocol::json, "1.1", "TrentService"},
      Service{"cloudwatch", "monitoring", "monitoring", Protocol::query, "2010-08-01", ""},
      Service{"sns", "sns", "sns", Protocol::query, "2010-03-31", ""},
      Service{"sts", "sts", "sts", Protocol::query, "2011-06-15", ""},
      Service{"cloudformation", "cloudformation", "cloudformation", Protocol::query, "2010-05-15",
              ""},
      Service{"lambda", "lambda", "lambda", Protocol::rest_json},
      Service{"s3", "s3", "s3", Protocol::rest_xml},
  };
  const auto* const found = std::find_if(kServices.begin(), kServices.end(),
                                         [&](const Service& one) { return one.name == name; });
  return found == kServices.end() ? nullptr : found;
}

}  // namespace sosw::aws
