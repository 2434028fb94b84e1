// SPDX-License-Identifier: MIT
// Workers that are functions of AWS Lambda: each task is one asynchronous Invoke.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <vector>

#include "aws/client.h"
#include "aws/lambda.h"
#include "engine/ports.h"

namespace sosw::cloud {

// The function is the labourer's `arn`, else the one of its id. There is one Invoke on the wire for
// each claim, never repeated. What became of it, and so of the claim:
//   2xx                                           accepted
//   no byte sent; 429, 409, throttled; credentials of ours that are not valid      rejected
//   413, no JSON object                           rejected_task
//   403, 404, 400 about the function              rejected_labourer
//   5xx, reset or out of time after the first byte             unknown
// A worker reports its own end, or its deadline passes: nothing is known of it here.
class LambdaInvoker final : public engine::Invoker {
 public:
  struct Options {
    // Of this: region, endpoint, credentials or their source, timeouts (`timeout`: of one Invoke,
    // after which its outcome is unknown). `tries` and pauses are not looked at.
    aws::ClientOptions client{.timeout = std::chrono::seconds(10)};
    std::size_t most_in_flight = 32;  // of one invoke()
  };
  explicit LambdaInvoker(Options options);

  std::vector<engine::Invoked> invoke(std::span<const engine::Invocation> invocations) override;
  int free_slots(const Labourer&) override { return -1; }
  bool running(std::string_view, std::string_view) override { return false; }

 private:
  const Options options_;
  std::mutex mutex_;                                // of what follows
  std::vector<std::unique_ptr<aws::Lambda>> idle_;  // as many as there were calls at a time
};

}  // namespace sosw::cloud
