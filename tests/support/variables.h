// SPDX-License-Identifier: MIT
// Variables of the environment, for as long as it lives.
#pragma once

#include <cstdlib>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace sosw::testing {

// For one thread: nobody may read the environment at the same time.
class Variables {
 public:
  // No value: not set.
  explicit Variables(
      std::initializer_list<std::pair<std::string, std::optional<std::string>>> values) {
    for (const auto& [name, value] : values) {
      const char* old = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
      before_[name] = old ? std::optional<std::string>(old) : std::nullopt;
      set(name, value);
    }
  }
  ~Variables() {
    for (const auto& [name, value] : before_) set(name, value);
  }
  Variables(const Variables&) = delete;
  Variables& operator=(const Variables&) = delete;

 private:
  static void set(const std::string& name, const std::optional<std::string>& value) {
    if (value)
      setenv(name.c_str(), value->c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    else
      unsetenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  }

  std::map<std::string, std::optional<std::string>> before_;
};

}  // namespace sosw::testing
