// SPDX-License-Identifier: MIT
// Access keys that the local Lambda host issues: who knows one may invoke.
//
// A request names its key; the signature over it is not verified. On the loopback interface a key
// is a bearer token: 80 random bits that only the holder and the host know.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sosw::local {

struct AccessKey {
  std::string id;
  std::string secret;
};

// `digits` hexadecimal digits from the system's source of randomness.
[[nodiscard]] std::string random_hex(std::size_t digits);
[[nodiscard]] AccessKey new_access_key();

// The key of the person in front of the machine: what `file` has (written by an earlier run) or a
// new one. Writes the file, mode 0600, in the form of ~/.aws/credentials with region and endpoint,
// so that AWS_SHARED_CREDENTIALS_FILE=file is all that boto3 and the aws command line need.
Result<AccessKey> user_access_key(const std::string& file, std::string_view region,
                                  std::string_view endpoint);

// Key id in the value of an Authorization header (AWS Signature Version 4); empty when there is
// none.
[[nodiscard]] std::string_view access_key_id(std::string_view authorization);

}  // namespace sosw::local
