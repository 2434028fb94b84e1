// SPDX-License-Identifier: MIT
// A fleet on loopback, all of it real processes: moto as AWS, our local host as Lambda, the
// Essentials of sosw 0.7 in Python or ours, workers in Python and C++. The test is EventBridge.
#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "aws/client.h"
#include "core/labourer.h"
#include "fleet/clock.h"
#include "fleet/gateway.h"
#include "local/lambda_host.h"
#include "support/http_server.h"
#include "support/scratch_folder.h"

namespace sosw::fleet {

namespace json = boost::json;

inline constexpr const char* kScheduler = "sosw_scheduler";
inline constexpr const char* kOrchestrator = "sosw_orchestrator";
inline constexpr const char* kScavenger = "sosw_scavenger";
inline constexpr const char* kWorkerAssistant = "sosw_worker_assistant";

struct WorkerKind {
  std::string name;     // of the labourer and its function
  bool python = true;   // worker.py, else worker.cc
  std::string url;      // not empty: an HTTP service instead of either
  int limit = 5;        // max_simultaneous_invocations
  json::object config;  // further keys of its entry in `labourers`
};

struct Options {
  std::set<std::string> ours;  // Essentials that are ours; the others are the original's
  std::vector<WorkerKind> workers;
  bool audit = true;       // rows in sosw_tasks_meta
  bool fence = true;       // workers of ours ask before they start
  bool real_time = false;  // the functions believe in the real clock, which nobody moves
  int scheduler_timeout_s = 900;
  std::chrono::seconds minute{60};  // how often Orchestrator and Scavenger are called
  int essential_timeout_s = 60;     // of Orchestrator and Scavenger
  int copies = 1;                   // of Orchestrator and Scavenger, called at the same time
  // Merged over what the Essentials find as their configuration: {"sosw_scavenger_config": {...}}.
  json::object configs;
};

class Fleet {
 public:
  // AWS has nothing but what this makes.
  explicit Fleet(Options options);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Calls the function and waits for its answer, which it gives. A function that fails fails the
  // test, unless they may.
  json::value invoke(const std::string& function, const json::value& event);
  void functions_may_fail(bool may) { may_fail_ = may; }
  // What EventBridge does each minute, Orchestrator and Scavenger at the same time where there are
  // several; then all that was begun comes to its end, and a minute passes.
  void tick();
  // Until there is no task but closed ones; at most so many minutes, or the test fails. `each` is
  // called after every tick.
  void run_until_empty(int minutes, const std::function<void()>& each = {});
  // Waits until no function has anything to do.
  void wait_until_quiet();
  // SIGKILL for one process of ours that runs an Essential, chosen by `number`; false: there is
  // none.
  bool kill_essential(std::uint32_t number);

  // All rows, in DynamoDB's form: {"task_id": {"S": "..."}}.
  std::vector<json::object> rows(const std::string& table);
  // Takes the tasks out of the table: it is made anew with nothing but rows whose id begins
  // `sosw:`.
  std::vector<json::object> take_tasks();
  // Messages of the topic of dead tasks.
  std::vector<std::string> messages();
  // What the workers of that name have written down: "begin", "end" or "over" -> who.
  std::map<std::string, std::vector<std::string>> witnessed(const std::string& worker);
  // The last of what a function has written, for messages of assertions.
  std::string log_of(const std::string& function);

  [[nodiscard]] Gateway& dynamodb() { return gateway_; }
  [[nodiscard]] Clock& clock() { return clock_; }
  aws::Client client(const std::string& service);

 private:
  // `copies` of each.
  void call_at_once(const std::vector<std::string>& functions);
  void make_resources();
  void store_configs();
  void start_host();
  json::object environment() const;
  [[nodiscard]] std::filesystem::path folder_of(const std::string& worker) const;

  Options options_;
  bool may_fail_ = false;
  testing::ScratchFolder folder_;
  Clock clock_;
  Gateway gateway_;
  std::mutex mutex_;  // guards messages_
  std::vector<std::string> messages_;
  testing::HttpServer subscriber_;
  std::string topic_;
  engine::Labourers functions_;
  std::unique_ptr<local::LambdaHost> host_;
};

// The text of {"S": text}, {"N": text}; empty: no such attribute.
std::string attribute(const json::object& row, const std::string& name);

}  // namespace sosw::fleet
