// SPDX-License-Identifier: MIT
// The client of src/aws, with errors thrown.
#include "sosw/aws_client.h"

#include "aws/client.h"
#include "aws/services.h"
#include "sosw/errors.h"

namespace sosw {

struct AwsClient::State {
  std::string service;
  aws::Client client;
};

AwsClient::AwsClient(std::string_view service, AwsClientOptions options) {
  if (!aws::find_service(service))
    throw ValueError("AwsClient: the service '" + std::string(service) + "' is not known here");
  state_ = std::make_unique<State>(
      State{std::string(service), aws::Client(service, {.region = std::move(options.region),
                                                        .endpoint = std::move(options.endpoint),
                                                        .timeout = options.timeout,
                                                        .tries = options.tries})});
}

AwsClient::~AwsClient() = default;
AwsClient::AwsClient(AwsClient&&) noexcept = default;
AwsClient& AwsClient::operator=(AwsClient&&) noexcept = default;

boost::json::value AwsClient::call(std::string_view operation, const boost::json::object& input) {
  auto answer = state_->client.call(operation, input);
  if (!answer) {
    const auto& error = answer.error();
    throw AwsError({.service = error.service,
                    .operation = error.operation,
                    .code = error.code,
                    .message = error.message,
                    .request_id = error.request_id,
                    .status = error.status});
  }
  return std::move(*answer);
}

const std::string& AwsClient::service() const { return state_->service; }

}  // namespace sosw
