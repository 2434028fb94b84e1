// SPDX-License-Identifier: MIT
// Errors of src/aws, thrown: no type of that folder stands in a public header.
#pragma once

#include <utility>

#include "aws/client.h"
#include "sosw/errors.h"

namespace sosw::sdk {

// What a call gave. Throws AwsError for one that gave nothing.
template <class T>
T value_of(aws::Reply<T> reply) {
  if (!reply) {
    const auto& error = reply.error();
    throw AwsError({.service = error.service,
                    .operation = error.operation,
                    .code = error.code,
                    .message = error.message,
                    .request_id = error.request_id,
                    .status = error.status,
                    .may_be_done = error.fate == aws::CallError::Fate::unknown});
  }
  return std::move(*reply);
}

}  // namespace sosw::sdk
