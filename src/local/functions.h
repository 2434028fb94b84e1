// SPDX-License-Identifier: MIT
// Workers that are C++ functions of this process.
#pragma once

#include <boost/json.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "engine/ports.h"

namespace sosw::local {

// Runs invocations on a fixed number of threads. There is no timeout: a function cannot be stopped
// from outside.
class Functions : public engine::Invoker {
 public:
  // Gets the event; what it returns becomes the result of the task (an object as it is, another
  // value under "value", null as nothing); an exception is a failure with its message. Called from
  // several threads at a time.
  using Function = std::function<json::value(const json::object& event)>;
  // The end of each attempt; called from the threads.
  using Finished = std::function<void(std::vector<Report>)>;

  // REQUIRES: threads > 0.
  Functions(std::map<std::string, Function, std::less<>> functions, Finished finished, int threads);
  // Waits for what runs now; what has not begun is dropped (the store still has it as running).
  ~Functions() override;

  std::vector<engine::Invoked> invoke(std::span<const engine::Invocation> invocations) override;
  int free_slots(const Labourer&) override { return -1; }
  bool running(std::string_view task_id, std::string_view claim) override;
  [[nodiscard]] bool knows(std::string_view labourer_id) const {
    return functions_.find(labourer_id) != functions_.end();
  }

 private:
  struct Call {
    const Function* function;
    std::string task_id, claim, payload;
  };
  void work();

  const std::map<std::string, Function, std::less<>> functions_;
  const Finished finished_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<Call> calls_;
  std::unordered_map<std::string, std::string>
      running_;  // task id -> claim, also while it waits in calls_
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace sosw::local
