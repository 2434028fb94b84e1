// SPDX-License-Identifier: MIT
// Base64 (RFC 4648, section 4), for the header that carries the end of a log.
#pragma once

#include <string>
#include <string_view>

namespace sosw::local {

[[nodiscard]] std::string base64(std::string_view bytes);

}  // namespace sosw::local
