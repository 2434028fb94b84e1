// SPDX-License-Identifier: MIT
// The client of src/aws, with errors thrown.
#include "sosw/aws_client.h"

#include "aws/client.h"
#include "aws/services.h"
#include "sdk/replies.h"
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
  return sdk::value_of(state_->client.call(operation, input));
}

const std::string& AwsClient::service() const { return state_->service; }

}  // namespace sosw
