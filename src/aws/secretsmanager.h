// SPDX-License-Identifier: MIT
// Secrets, as far as we need them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/client.h"

namespace sosw::aws {

struct SecretEntry {
  std::string name;
  std::string arn;
};

// Not for use by two threads at once.
class SecretsManager {
 public:
  explicit SecretsManager(ClientOptions options = {})
      : client_("secretsmanager", std::move(options)) {}

  // Secrets whose `filter` ("name", "tag-key", "tag-value", ...) begins with the value; all pages
  // of them.
  Reply<std::vector<SecretEntry>> list(std::string_view filter, std::string_view value);
  // The text of a secret, by its name or ARN. Nothing: it is bytes.
  Reply<std::optional<std::string>> get_text(std::string_view id);

 private:
  Client client_;
};

}  // namespace sosw::aws
