// SPDX-License-Identifier: MIT
// What every invoker must do. One passes the suites by instantiating InvokerTest and, when it runs
// something itself, InvokerEndsTest.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "engine/ports.h"

namespace sosw::conformance {

using Attempt = std::pair<std::string, std::string>;  // task id, claim

// An invoker with the workers of one labourer. Destroying it ends all.
class OpenInvoker {
 public:
  virtual ~OpenInvoker() = default;
  virtual engine::Invoker& invoker() = 0;
  virtual const Labourer& labourer() = 0;
  // Attempts begin and do not end before this was called.
  virtual void let_go() {}
};

struct InvokerUnderTest {
  using Ended = std::function<void(const std::vector<Attempt>&)>;  // from any thread
  std::string name;
  std::function<std::unique_ptr<OpenInvoker>(Ended)> open;
};
inline std::ostream& operator<<(std::ostream& out, const InvokerUnderTest& invoker) {
  return out << invoker.name;
}

// Of any invoker.
class InvokerTest : public ::testing::TestWithParam<InvokerUnderTest> {
 protected:
  std::vector<engine::Invoked> invoke(const std::vector<Attempt>& attempts);

  void wait_for_ends(std::size_t n);

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<Attempt, int> ends_;
  std::vector<Attempt> not_running_;  // when their end was told
  // After what its last calls need.
  std::unique_ptr<OpenInvoker> opened_ = GetParam().open([this](const auto& ended) { see(ended); });

 private:
  engine::Invoker* const invoker_ = &opened_->invoker();  // also while opened_ is being reset
  void see(const std::vector<Attempt>& ended);
};

// Of those that see how attempts end.
class InvokerEndsTest : public InvokerTest {};

}  // namespace sosw::conformance
