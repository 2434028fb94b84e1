// SPDX-License-Identifier: MIT
// What the runtime tells a function about the invocation it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sosw {

struct Context {
  std::string aws_request_id;  // of this invocation; the same when Lambda delivers an event again
  std::string invoked_function_arn;                // with the qualifier the caller used
  std::string trace_id;                            // of X-Ray; empty without tracing
  std::string client_context;                      // JSON text; empty unless the caller sent one
  std::chrono::system_clock::time_point deadline;  // the invocation is killed then

  // How many invocations stand before it in a chain in which each has started the next with
  // SiblingsManager::spawn_sibling(). 0: it was started by something else.
  std::int64_t sibling_depth = 0;

  // The same for every invocation of a process.
  std::string function_name;
  std::string function_version;
  std::string log_group_name;
  std::string log_stream_name;
  int memory_limit_in_mb = 0;

  // Until the deadline; negative when it has passed.
  [[nodiscard]] std::chrono::milliseconds remaining_time() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(deadline -
                                                                 std::chrono::system_clock::now());
  }
};

}  // namespace sosw
