// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <string>

namespace sosw::sdk {

// Empty if it is not set.
inline std::string environment(const char* name) {
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): we change none of these
  return value ? value : "";
}

// Whether STAGE or `autotest` say that this is a test: then the tables are those for tests, and
// nothing is sent to people.
inline bool in_test() {
  const auto stage = environment("STAGE");
  return stage == "test" || stage == "autotest" || environment("autotest") == "True";
}

}  // namespace sosw::sdk
