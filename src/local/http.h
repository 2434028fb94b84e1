// SPDX-License-Identifier: MIT
// One HTTP exchange with a system outside: a metric read, an alarm sent.
#pragma once

#include <chrono>
#include <stop_token>
#include <string>

#include "core/result.h"

namespace sosw::local {

struct HttpReply {
  int status = 0;
  std::string body;  // at most 16 MiB: more is an error
};

// http and https, redirects are not followed, loopback is never asked through a proxy. Errors:
// unavailable (no answer in time, no connection, too large), invalid (no such form of URL). A
// status is no error here. When `stop` says so it ends within a second: unavailable.
[[nodiscard]] Result<HttpReply> http_get(const std::string& url, std::chrono::milliseconds timeout,
                                         const std::stop_token& stop = {});
[[nodiscard]] Result<HttpReply> http_post_json(const std::string& url, const std::string& body,
                                               std::chrono::milliseconds timeout,
                                               const std::stop_token& stop = {});

// Whether http_get() would take it. Errors: invalid.
[[nodiscard]] Result<void> check_url(const std::string& url);

}  // namespace sosw::local
