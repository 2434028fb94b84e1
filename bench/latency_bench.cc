// SPDX-License-Identifier: MIT
// One task on an idle engine, in process: from the moment that schedule() has acknowledged it until
// its completion is committed.
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "figures.h"
#include "home.h"
#include "local/functions.h"

namespace sosw::bench {
namespace {

Samples latencies_ms(const std::filesystem::path& folder, Synchronous synchronous, int samples) {
  const auto labourers = one_labourer(10);
  const auto store = open_store(folder, synchronous);
  Surroundings surroundings;
  std::unique_ptr<engine::Engine> engine;
  std::mutex mutex;
  std::condition_variable changed;
  std::optional<double> committed;
  local::Functions functions(
      {{kLabourer, [](const json::object&) -> json::value { return nullptr; }}},
      [&](std::vector<Report> reports) {
        // Returns when it is durable.
        const auto reported = engine->report(std::move(reports.front()));
        const std::lock_guard lock(mutex);
        committed = reported ? seconds_now() : -1;
        changed.notify_all();
      },
      1);
  engine = make_engine(*store, functions, surroundings, labourers);
  Samples took;
  std::jthread loop([&](const std::stop_token& stop) { (void)engine->run(stop); });
  for (int i = -10; i < samples; ++i) {                         // the first ones warm up
    std::this_thread::sleep_for(std::chrono::milliseconds{3});  // idle again
    const auto accepted =
        engine->schedule(json::object{{"lambda_name", kLabourer}, {"n", i}}, std::to_string(i));
    const double acknowledged = seconds_now();
    if (!accepted) give_up(accepted.error().text());
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return committed.has_value(); });
    if (*committed < 0) give_up("a report was not taken");
    // The engine may be faster than the thread that asked it.
    if (i >= 0) took.add(std::max(*committed - acknowledged, 1e-6) * 1e3);
    committed.reset();
  }
  return took;
}

}  // namespace
}  // namespace sosw::bench

int main(int argc, char** argv) {
  using namespace sosw::bench;
  Bench bench("latency", argc, argv);
  Samples full_p50, full_p99, normal_p50, normal_p99;
  for (int run = 0; run < bench.runs(); ++run) {
    bench.probe();
    const int samples = bench.quick() ? 10 : 300;
    const Samples full = latencies_ms(bench.fresh_folder(), Synchronous::full, samples);
    const Samples normal = latencies_ms(bench.fresh_folder(), Synchronous::normal, samples);
    full_p50.add(full.median());
    full_p99.add(full.quantile(0.99));
    normal_p50.add(normal.median());
    normal_p99.add(normal.quantile(0.99));
  }
  const double target = 3 * bench.fsync_ms() + 0.3;
  bench.add({"accepted to done, FULL, p50", "ms", full_p50, target, Figure::Better::lower});
  bench.add({"accepted to done, FULL, p99", "ms", full_p99, {}, Figure::Better::lower});
  bench.add({"accepted to done, NORMAL, p50", "ms", normal_p50, target, Figure::Better::lower});
  bench.add({"accepted to done, NORMAL, p99", "ms", normal_p99, {}, Figure::Better::lower});
  return bench.finish();
}
