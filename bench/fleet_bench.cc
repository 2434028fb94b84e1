// SPDX-License-Identifier: MIT
// A run of the Orchestrator that starts 1,000 tasks, and one of the Scavenger that archives them:
// the original's and ours, warm, on the same moto, with 20 ms for each request to DynamoDB as a
// region has, and without. Lambda is our host, the worker a service that answers at once.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "figures.h"
#include "fleet/fleet.h"
#include "process.h"
#include "support/http_server.h"

namespace sosw::bench {
namespace {

namespace json = boost::json;
using fleet::Fleet;

constexpr const char* kWorker = "worker";

struct Measured {
  double orchestrator_s = 0, scavenger_s = 0;
  double moto_s = 0;  // of both
};

void require(bool sound, const std::string& what) {
  if (!sound) give_up(what);
}

void queue_tasks(Fleet& fleet, int tasks) {
  auto dynamodb = fleet.client("dynamodb");
  std::vector<aws::Operation> writes;
  for (int i = 0; i < tasks; ++i) {
    writes.push_back({"PutItem",
                      {{"TableName", "sosw_tasks"},
                       {"Item",
                        {{"task_id", {{"S", fmt::format("{:032x}", i)}}},
                         {"labourer_id", {{"S", kWorker}}},
                         {"created_at", {{"N", std::to_string(fleet.clock().now())}}},
                         {"greenfield", {{"N", std::to_string(1000 * (i + 2))}}},
                         {"attempts", {{"N", "0"}}},
                         {"payload", {{"S", "{}"}}}}}}});
  }
  for (const auto& answer : dynamodb.call_all(writes, 1))
    require(static_cast<bool>(answer), "a task could not be queued");
}

void complete_tasks(Fleet& fleet, int tasks) {
  auto dynamodb = fleet.client("dynamodb");
  std::vector<aws::Operation> writes;
  const auto now =
      std::to_string(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()));
  for (int i = 0; i < tasks; ++i) {
    writes.push_back({"UpdateItem",
                      {{"TableName", "sosw_tasks"},
                       {"Key", {{"task_id", {{"S", fmt::format("{:032x}", i)}}}}},
                       {"UpdateExpression", "SET completed_at = :now"},
                       {"ExpressionAttributeValues", {{":now", {{"N", now}}}}}}});
  }
  for (const auto& answer : dynamodb.call_all(writes, 1))
    require(static_cast<bool>(answer), "a task could not be completed");
}

double seconds_of(Fleet& fleet, const char* function) {
  const double began = seconds_now();
  fleet.invoke(function, json::object());
  return seconds_now() - began;
}

Measured measure(bool ours, int tasks, std::chrono::milliseconds latency, const std::string& url) {
  fleet::Options options{.workers = {{.name = kWorker, .url = url, .limit = tasks}},
                         .real_time = true,
                         .essential_timeout_s = 900};
  if (ours) options.ours = {fleet::kOrchestrator, fleet::kScavenger};
  Fleet fleet(std::move(options));
  for (const auto* function : {fleet::kOrchestrator, fleet::kScavenger})
    fleet.invoke(function, json::object());  // to be warm
  queue_tasks(fleet, tasks);
  Measured measured;
  fleet.dynamodb().latency(latency);
  const double before = fleet.dynamodb().server_seconds();
  measured.orchestrator_s = seconds_of(fleet, fleet::kOrchestrator);
  measured.moto_s = fleet.dynamodb().server_seconds() - before;
  for (const auto& row : fleet.rows("sosw_tasks"))
    require(fleet::attribute(row, "task_id").starts_with("sosw:") ||
                fleet::attribute(row, "attempts") == "1",
            "the Orchestrator has left a task: " + fleet.log_of(fleet::kOrchestrator));
  complete_tasks(fleet, tasks);
  const double between = fleet.dynamodb().server_seconds();
  measured.scavenger_s = seconds_of(fleet, fleet::kScavenger);
  measured.moto_s += fleet.dynamodb().server_seconds() - between;
  require(fleet.rows("sosw_closed_tasks").size() == static_cast<std::size_t>(tasks),
          "the Scavenger has left a task: " + fleet.log_of(fleet::kScavenger));
  return measured;
}

int run(Bench& bench) {
  const int tasks = bench.quick() ? 40 : 1000;
  testing::HttpServer worker([](const auto&) { return testing::HttpReply{.body = "{}"}; });
  using Better = Figure::Better;
  for (const int latency : {20, 0}) {
    Samples orchestrator, scavenger, slower_orchestrator, slower_scavenger, moto;
    for (int i = 0; i < bench.runs(); ++i) {
      bench.probe();
      const auto wait = std::chrono::milliseconds(latency);
      const auto original = measure(false, tasks, wait, worker.url());
      const auto ours = measure(true, tasks, wait, worker.url());
      orchestrator.add(ours.orchestrator_s);
      scavenger.add(ours.scavenger_s);
      slower_orchestrator.add(original.orchestrator_s / ours.orchestrator_s);
      slower_scavenger.add(original.scavenger_s / ours.scavenger_s);
      moto.add(100 * ours.moto_s / (ours.orchestrator_s + ours.scavenger_s));
    }
    const auto name = [&](const char* what) {
      return fmt::format("{}, {} tasks, {} ms a request", what, tasks, latency);
    };
    const auto target = latency > 0 ? std::optional<double>(10) : std::nullopt;
    bench.add({name("Orchestrator"), "s", orchestrator, {}, Better::lower});
    bench.add({name("Orchestrator, the original's takes"), "times", slower_orchestrator, target});
    bench.add({name("Scavenger"), "s", scavenger, {}, Better::lower});
    bench.add({name("Scavenger, the original's takes"), "times", slower_scavenger, target});
    bench.add({name("of ours, moto's own"), "%", moto, {}, Better::lower});
  }
  return bench.finish();
}

}  // namespace
}  // namespace sosw::bench

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  sosw::bench::Bench bench("fleet", argc, argv);
  return sosw::bench::run(bench);
}
