// SPDX-License-Identifier: MIT
// The files that the tools of AWS share: ~/.aws/config and ~/.aws/credentials.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace sosw::aws {

// The value of an environment variable; empty if it is not set.
std::string environment(const char* name);

// Names in lower case. A setting inside of another has both names: "dynamodb.endpoint_url".
using Settings = std::map<std::string, std::string, std::less<>>;

struct SharedFiles {
  std::map<std::string, Settings, std::less<>> profiles;  // credentials win over config
  std::map<std::string, Settings, std::less<>> services;  // sections [services NAME]
  std::string wrong;      // what cannot be read, where; empty: nothing
  std::string looked_at;  // for a message: both paths, and whether they are there

  // AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE, else those of the home folder.
  static SharedFiles read();

  // Adds the sections of one file; later ones win. `config`: profiles are [profile NAME] there.
  void add(std::string_view text, std::string_view path, bool config);
};

// AWS_PROFILE, else "default".
std::string profile_name();

// The setting of the chosen profile; empty if there is none.
std::string profile_setting(const SharedFiles& files, std::string_view name);

}  // namespace sosw::aws
