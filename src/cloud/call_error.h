// SPDX-License-Identifier: MIT
// What a call of AWS that gave nothing means to a port.
#pragma once

#include "aws/client.h"
#include "core/result.h"

namespace sosw::cloud {

// unavailable: no answer, throttled, a 5xx: may work later; denied: credentials or role; internal:
// refused for another reason, which the caller may know better.
[[nodiscard]] Error error_of(const aws::CallError& failed);

}  // namespace sosw::cloud
