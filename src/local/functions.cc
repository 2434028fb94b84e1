// SPDX-License-Identifier: MIT
// See functions.h.
#include "local/functions.h"

#include <fmt/format.h>

namespace sosw::local {
namespace {

Report run(const Functions::Function& function, std::string task_id, std::string claim,
           const std::string& payload) {
  Report report{Report::Kind::completed, std::move(task_id), std::move(claim), {}, {}};
  try {
    json::value value = function(json::parse(payload).as_object());
    if (auto* object = value.if_object()) {
      report.result = std::move(*object);
    } else if (!value.is_null()) {
      report.result = {{"value", std::move(value)}};
    }
  } catch (const std::exception& error) {
    report.kind = Report::Kind::failed;
    report.result = {{"error", error.what()}};
  } catch (...) {
    report.kind = Report::Kind::failed;
    report.result = {{"error", "the function threw something that is no std::exception"}};
  }
  return report;
}

}  // namespace

Functions::Functions(std::map<std::string, Function, std::less<>> functions, Finished finished,
                     int threads)
    : functions_(std::move(functions)), finished_(std::move(finished)) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Functions::~Functions() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  ready_.notify_all();
}

std::vector<engine::Invoked> Functions::invoke(std::span<const engine::Invocation> invocations) {
  std::vector<engine::Invoked> outcomes(invocations.size());
  {
    const std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < invocations.size(); ++i) {
      const auto found = functions_.find(invocations[i].labourer->id);
      if (found == functions_.end()) {
        outcomes[i] = {engine::Invoked::Outcome::rejected_labourer,
                       fmt::format("no function is registered for labourer '{}'",
                                   invocations[i].labourer->id)};
        continue;
      }
      running_.insert_or_assign(invocations[i].task_id, invocations[i].claim);
      calls_.push_back(
          {&found->second, invocations[i].task_id, invocations[i].claim, invocations[i].payload});
    }
  }
  ready_.notify_all();
  return outcomes;
}

void Functions::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ready_.wait(lock, [&] { return stopping_ || !calls_.empty(); });
    if (stopping_) return;
    const Call call = std::move(calls_.front());
    calls_.pop_front();
    lock.unlock();
    finished_({run(*call.function, call.task_id, call.claim, call.payload)});
    lock.lock();
    // Only now: between the two the report is on its way, and the attempt must not expire.
    if (const auto known = running_.find(call.task_id);
        known != running_.end() && known->second == call.claim) {
      running_.erase(known);
    }
  }
}

bool Functions::running(std::string_view task_id, std::string_view claim) {
  const std::lock_guard lock(mutex_);
  const auto known = running_.find(std::string(task_id));
  return known != running_.end() && known->second == claim;
}

}  // namespace sosw::local
