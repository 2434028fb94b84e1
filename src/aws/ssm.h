// SPDX-License-Identifier: MIT
// Parameters of the Systems Manager, as far as we need them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aws/client.h"

namespace sosw::aws {

struct Parameter {
  std::string name;
  std::string type;   // "String", "StringList", "SecureString"
  std::string value;  // of a SecureString that is not decrypted: the cipher
};

// Not for use by two threads at once.
class Ssm {
 public:
  explicit Ssm(ClientOptions options = {}) : client_("ssm", std::move(options)) {}

  // Nothing: there is no such parameter.
  Reply<std::optional<Parameter>> get_parameter(std::string_view name, bool decrypt);
  // Decrypted where that is permitted, else as it is; a SecureString that cannot be decrypted is an
  // error.
  Reply<std::optional<Parameter>> read_parameter(std::string_view name);
  // Decrypted, in no order; any number of names, 10 for each call. Those that do not exist are
  // missing.
  Reply<std::vector<Parameter>> get_parameters(const std::vector<std::string>& names);
  // Writes the parameter, over one that is there. 4 KB of value. Without `description` that of the
  // one before stays.
  Done put_parameter(const Parameter& parameter, std::string_view description = {});
  // The names that begin with `prefix`, of parameters that have the tag; all pages of them.
  Reply<std::vector<std::string>> list_names(std::string_view prefix, std::string_view tag,
                                             std::string_view tag_value);

 private:
  Client client_;
};

}  // namespace sosw::aws
