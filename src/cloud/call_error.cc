// SPDX-License-Identifier: MIT
// See call_error.h.
#include "cloud/call_error.h"

#include <algorithm>
#include <string_view>

#include "aws/retry.h"

namespace sosw::cloud {

Error error_of(const aws::CallError& failed) {
  constexpr std::string_view kDenied[] = {"AccessDenied",
                                          "AccessDeniedException",
                                          "AuthorizationError",
                                          "AuthorizationErrorException",
                                          "AllAccessDisabled",
                                          "UnauthorizedOperation",
                                          "MissingAuthenticationTokenException",
                                          "IncompleteSignatureException"};
  if (failed.fate == aws::CallError::Fate::unknown || failed.status == 0 ||
      aws::is_throttling(failed.code, failed.status))
    return {Code::unavailable, failed.text(), "try again later", {}};
  if (failed.status == 403 || aws::is_refused_key(failed.code) || aws::is_skew(failed.code) ||
      std::find(std::begin(kDenied), std::end(kDenied), failed.code) != std::end(kDenied))
    return {Code::denied,
            failed.text(),
            "the credentials must be valid, and their role must permit the operation",
            {}};
  return {Code::internal, failed.text(), {}, {}};
}

}  // namespace sosw::cloud
