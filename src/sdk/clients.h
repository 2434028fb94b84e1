// SPDX-License-Identifier: MIT
// Which components every Processor knows.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sosw/aws_client.h"
#include "sosw/component.h"

namespace sosw::sdk {

// Those of the SDK and of register_component(). Any thread.
std::optional<MakeComponent> find_component(std::string_view name);
std::vector<std::string> component_names();

// The client of an AWS service among components.
class AwsService : public Component {
 public:
  explicit AwsService(std::string_view service) : client(service) {}
  AwsClient client;
};

}  // namespace sosw::sdk
