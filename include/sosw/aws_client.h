// SPDX-License-Identifier: MIT
// Any operation of an AWS service, with the names and shapes that boto3 and the API reference have.
//
//   sosw::AwsClient ssm("ssm");
//   auto answer = ssm.call("GetParameter", {{"Name", "threshold"}, {"WithDecryption", true}});
//   auto value = answer.at("Parameter").at("Value").as_string();
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace sosw {

struct AwsClientOptions {
  // Empty: AWS_REGION, AWS_DEFAULT_REGION, that of the profile (AWS_PROFILE), that of the instance.
  std::string region;
  // URL; empty: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, `endpoint_url` of the profile, else
  // AWS itself.
  std::string endpoint;
  std::chrono::milliseconds timeout{60'000};  // of one try
  int tries = 5;                              // 1 or more
};

// Credentials come from where AWS's own tools have them: the environment (as in a Lambda function),
// the profile in ~/.aws, the container, the instance. They are renewed before they expire.
//
// A call that was throttled, or for certain not received, is repeated with growing pauses; one that
// may have been done already only where twice is as good as once: a read, a whole write, never a
// message or a counter.
//
// Keeps its connections. For one thread at a time.
class AwsClient {
 public:
  // `service` as boto3 names it: "dynamodb", "ssm", "secretsmanager", "events", "cloudwatch",
  // "sns", "sts", "cloudformation", "lambda", "s3", ... Throws ValueError for one that is not known
  // here.
  explicit AwsClient(std::string_view service, AwsClientOptions options = {});
  ~AwsClient();
  AwsClient(AwsClient&&) noexcept;
  AwsClient& operator=(AwsClient&&) noexcept;

  // The answer of `operation` ("PutItem"), an object. Throws AwsError: refused by the service, not
  // answered in time, or an operation of lambda or s3 that is not known here.
  //
  // Bytes that are a whole body (`Body` of S3's objects, `Payload` of Lambda) are texts, given and
  // returned as they are; bytes inside of JSON (`Code.ZipFile`) are base64, as on the wire. Times
  // are ISO 8601 texts, or numbers where the service has those.
  boost::json::value call(std::string_view operation, const boost::json::object& input = {});

  // As it was given to the constructor.
  [[nodiscard]] const std::string& service() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sosw
