// SPDX-License-Identifier: MIT
#include "aws/sts.h"

#include "aws/fields.h"

namespace sosw::aws {

Reply<CallerIdentity> Sts::get_caller_identity() {
  const auto answer = client_.call("GetCallerIdentity");
  if (!answer) return answer.error();
  const auto& fields = answer->get_object();
  return CallerIdentity{text_field(fields, "Account"), text_field(fields, "Arn")};
}

}  // namespace sosw::aws
