// SPDX-License-Identifier: MIT
// The whole life of queued tasks: claimed, handled, reported, closed. In process, and over the
// Runtime API beside an empty server that the same worker program asks.
#include <fmt/format.h>

#include <memory>

#include "empty_server.h"
#include "figures.h"
#include "home.h"
#include "local/functions.h"
#include "local/lambda_host.h"

namespace sosw::bench {
namespace {

constexpr int kAtOnceInProcess = 2'000;

void run_until_empty(engine::Engine& engine) {
  const auto outcome = engine.run({}, true);
  if (outcome.why != engine::Engine::Outcome::Why::empty) give_up(outcome.message);
  if (outcome.died > 0) give_up(fmt::format("{} tasks died", outcome.died));
}

void check_done(engine::TaskStore& store, int tasks) {
  const auto status = store.status();
  if (!status) give_up(status.error().text());
  const auto& counts = status->at(kLabourer).tasks;
  const auto done = counts.find(State::done);
  if (done == counts.end() || done->second != tasks) give_up("not every task is done");
}

double in_process(const std::filesystem::path& folder, Synchronous synchronous, int tasks) {
  const auto labourers = one_labourer(kAtOnceInProcess);
  const auto store = open_store(folder, synchronous);
  queue_rows(*store, labourers, tasks, 10'000);
  Surroundings surroundings;
  std::unique_ptr<engine::Engine> engine;
  local::Functions functions(
      {{kLabourer, [](const json::object&) -> json::value { return nullptr; }}},
      [&](std::vector<Report> reports) { engine->finished(std::move(reports)); }, 1);
  engine = make_engine(*store, functions, surroundings, labourers);
  const double start = seconds_now();
  run_until_empty(*engine);
  const double took = seconds_now() - start;
  check_done(*store, tasks);
  return tasks / took;
}

double over_runtime_api(const std::filesystem::path& folder, Synchronous synchronous, int workers,
                        int tasks) {
  const int warm_up = 10 * workers;
  const auto labourers = one_labourer(workers, program("bench_empty_worker"));
  const auto store = open_store(folder, synchronous);
  Surroundings surroundings;
  std::unique_ptr<engine::Engine> engine;
  local::LambdaHost::Options options;
  options.data_folder = options.project_folder = folder.string();
  options.ended = [&](local::Outcomes outcomes) {
    if (!outcomes.released.empty()) give_up("the host has given tasks back");
    engine->finished(std::move(outcomes.reports));
  };
  auto host = local::LambdaHost::start(std::move(options), labourers);
  if (!host) give_up(host.error().text());
  engine = make_engine(*store, **host, surroundings, labourers);
  queue_rows(*store, labourers, warm_up, 1'000);
  run_until_empty(*engine);  // starts the processes

  queue_rows(*store, labourers, tasks, 10'000);
  const double start = seconds_now();
  run_until_empty(*engine);
  const double took = seconds_now() - start;
  check_done(*store, warm_up + tasks);
  (*host)->stop(std::chrono::milliseconds{0});
  return tasks / took;
}

double over_empty_server(int workers, int tasks) {
  EmptyServer server(
      json::serialize(json::object{{"lambda_name", kLabourer},
                                   {"source", "s3://a-bucket-with-a-name/incoming/part-00017"},
                                   {"note", "a task of a benchmark, about as large as tasks are"},
                                   {"task_id", "0a1b2c3d4e5f60718293000000000007"},
                                   {"claim", "c1"}}));
  std::vector<std::unique_ptr<Process>> processes;
  for (int i = 0; i < workers; ++i) {
    processes.push_back(std::make_unique<Process>(
        std::vector<std::string>{program("bench_empty_worker")},
        std::vector<std::string>{fmt::format("AWS_LAMBDA_RUNTIME_API=127.0.0.1:{}", server.port()),
                                 "AWS_LAMBDA_FUNCTION_NAME=bench", "SOSW_START_FENCE=off"}));
  }
  server.serve(100 * workers);  // until all are up
  return tasks / server.serve(tasks);
}

struct Case {
  int workers;
  Samples echo, normal, share, full, per_fsync;
};

}  // namespace
}  // namespace sosw::bench

int main(int argc, char** argv) {
  using namespace sosw::bench;
  Bench bench("run", argc, argv);
  const int many = bench.quick() ? 2'000 : 50'000;
  const int some = bench.quick() ? 100 : 5'000;

  Samples full, normal;
  Case cases[] = {{.workers = 1}, {.workers = 8}};
  for (int run = 0; run < bench.runs(); ++run) {
    bench.probe();
    full.add(in_process(bench.fresh_folder(), Synchronous::full, many));
    normal.add(in_process(bench.fresh_folder(), Synchronous::normal, many));
    for (Case& one : cases) {
      one.echo.add(over_empty_server(one.workers, some));
      one.normal.add(
          over_runtime_api(bench.fresh_folder(), Synchronous::normal, one.workers, some));
      one.share.add(one.normal.values.back() / one.echo.values.back());
      bench.probe();
      one.full.add(over_runtime_api(bench.fresh_folder(), Synchronous::full, one.workers, some));
      one.per_fsync.add(one.full.values.back() / bench.last_fsyncs_per_s());
    }
  }
  bench.add({"in process, FULL", "tasks/s", full, 40'000});
  bench.add({"in process, NORMAL", "tasks/s", normal, 40'000});
  for (const Case& one : cases) {
    const std::string who =
        one.workers == 1 ? "1 worker process" : fmt::format("{} worker processes", one.workers);
    bench.add({who + ", empty server", "tasks/s", one.echo, {}});
    bench.add({who + ", NORMAL", "tasks/s", one.normal, {}});
    bench.add({"  of the empty server's rate", "", one.share, 0.6});
    bench.add({who + ", FULL", "tasks/s", one.full, {}});
    bench.add({"  for each fsync of the probe", "tasks", one.per_fsync, 3});
  }
  return bench.finish();
}
