// SPDX-License-Identifier: MIT
// Rules of EventBridge on the default bus, as far as we need them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aws/client.h"

namespace sosw::aws {

struct EventRule {
  std::string name;
  bool enabled = false;
};

// Not for use by two threads at once.
class Events {
 public:
  explicit Events(ClientOptions options = {}) : client_("events", std::move(options)) {}

  // All of them, whatever the number of pages.
  Reply<std::vector<EventRule>> list_rules();
  // The ARNs of what the rule starts.
  Reply<std::vector<std::string>> list_targets(std::string_view rule);

 private:
  Client client_;
};

}  // namespace sosw::aws
