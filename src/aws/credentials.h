// SPDX-License-Identifier: MIT
// Who asks AWS: the keys that requests are signed with, from where AWS's own tools have them.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace sosw::aws {

struct Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;                                          // empty for a user's own key
  std::optional<std::chrono::system_clock::time_point> expires = {};  // none: never

  bool operator==(const Credentials&) const = default;
};

// Gives what the first of these has:
//
//   1. AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   2. AWS_WEB_IDENTITY_TOKEN_FILE with AWS_ROLE_ARN
//   3. the profile (AWS_PROFILE, else "default") in ~/.aws/config and ~/.aws/credentials, or the
//   files
//      of AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE: keys, `role_arn` with `source_profile`,
//      `credential_source` or `web_identity_token_file`, `credential_process`
//   4. the container's: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI, with
//      AWS_CONTAINER_AUTHORIZATION_TOKEN or _TOKEN_FILE
//   5. the instance's (IMDSv2), at AWS_EC2_METADATA_SERVICE_ENDPOINT if that is set, unless
//      AWS_EC2_METADATA_DISABLED is true
//
// One that is set but does not work is an error; the next is not tried. Keeps what it found, and
// looks again five minutes before that expires; while the new ones cannot be had, the old ones
// serve to their end. All methods may be called from any thread; a call may ask the network, for a
// few seconds, or run `credential_process` for up to a minute.
class CredentialSource {
 public:
  using Now = std::chrono::system_clock::time_point (*)();
  explicit CredentialSource(Now now = std::chrono::system_clock::now);
  ~CredentialSource();

  // Credentials that are valid now, or why there are none: what was looked at, and what was there.
  std::variant<Credentials, std::string> get();
  // The service says that these are not, or no longer, valid: the next get() looks again.
  void refused(const Credentials& credentials);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// That of the process.
CredentialSource& credentials_of_process();

}  // namespace sosw::aws
