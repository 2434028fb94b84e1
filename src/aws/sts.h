// SPDX-License-Identifier: MIT
// Who we are to AWS.
#pragma once

#include <string>

#include "aws/client.h"

namespace sosw::aws {

struct CallerIdentity {
  std::string account;  // twelve digits
  std::string arn;
};

// Not for use by two threads at once.
class Sts {
 public:
  explicit Sts(ClientOptions options = {}) : client_("sts", std::move(options)) {}

  // Needs no permission.
  Reply<CallerIdentity> get_caller_identity();

 private:
  Client client_;
};

}  // namespace sosw::aws
