// SPDX-License-Identifier: MIT
// What Lambda says about the functions of the labourers.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/client.h"
#include "engine/ports.h"

namespace sosw::cloud {

struct Function {
  int timeout_s = 0;
  // MaximumRetryAttempts: how often Lambda itself runs an event again that failed; nullopt: not
  // known, for instance because the role may not ask (lambda:GetFunctionEventInvokeConfig).
  std::optional<int> own_retries;
};

// Kept for `ttl`. A function that cannot be asked keeps what was known of it, and touches no other.
class Functions {
 public:
  struct Options {
    aws::ClientOptions client{.timeout = std::chrono::seconds(5), .tries = 2};
    std::chrono::seconds ttl{600};
    std::size_t most_in_flight = 8;  // requests at a time
  };
  // `clock` outlives it.
  Functions(Options options, const engine::Clock& clock);

  // Sets `timeout_s` of each labourer that configures neither `timeout` nor `max_duration` to that
  // of its function, where that is known; with `expiry: timeout` also its `duration_s`. Gives a
  // line for each function that could not be asked, and for each that Lambda runs again by itself,
  // which sosw's attempts do not count; the second only when it was asked anew. When Lambda does
  // not answer, most of them are not asked before the next call. From any thread, one after the
  // other.
  std::vector<std::string> register_labourers(engine::Labourers& labourers);

  // What is known of the labourer's function, without asking.
  [[nodiscard]] std::optional<Function> known(const Labourer& labourer) const;

 private:
  struct Known {
    Function function;
    Time asked{};
  };
  // Both: the mutex is held. False: Lambda answered nothing.
  std::vector<std::string> ask(std::span<const std::string> functions, Time now);
  bool ask_some(std::span<const std::string> functions, Time now, std::vector<std::string>& lines);

  const Options options_;
  const engine::Clock& clock_;
  mutable std::mutex mutex_;  // of what follows
  aws::Client lambda_;
  std::map<std::string, Known, std::less<>> known_;  // by name or ARN
  bool may_ask_retries_ = true;
};

}  // namespace sosw::cloud
