// SPDX-License-Identifier: MIT
// Two engines on one store, below the lock that normally keeps the second one away.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <mutex>
#include <set>

#include "engine/engine.h"
#include "local/functions.h"
#include "local/sqlite_store.h"
#include "local/system_clock.h"
#include "simulation/model_ports.h"
#include "support/scratch_folder.h"

namespace sosw {
namespace {

constexpr int kTasks = 2'000;
constexpr int kLimit = 5;

// What really runs, over both engines.
struct Witness {
  std::mutex mutex;
  std::set<std::string> running;
  std::map<std::string, int> finished;
  int most = 0;
  int twice_at_once = 0;

  void run(const std::string& task) {
    {
      const std::lock_guard lock(mutex);
      if (!running.insert(task).second) ++twice_at_once;
      most = std::max(most, static_cast<int>(running.size()));
    }
    std::this_thread::yield();
    const std::lock_guard lock(mutex);
    running.erase(task);
    ++finished[task];
  }
};

struct OneEngine {
  OneEngine(const std::string& path, const engine::Labourers& labourers, Witness& witness)
      : store(*local::SqliteStore::open(
            {.path = path, .synchronous = local::StoreOptions::Synchronous::normal})),
        functions(
            {{"w",
              [&witness](const json::object& event) -> json::value {
                witness.run(std::string(event.at("task_id").as_string()));
                return nullptr;
              }}},
            [this](std::vector<Report> reports) { engine->finished(std::move(reports)); }, kLimit) {
    engine::Engine::Settings settings;
    settings.labourers = labourers;
    engine = std::make_unique<engine::Engine>(
        engine::Engine::Ports{*store, functions, metrics, notifier, clock, nullptr}, settings);
  }

  std::unique_ptr<local::SqliteStore> store;
  simulation::ModelMetrics metrics;
  simulation::RecordingNotifier notifier;
  local::SystemClock clock;
  std::unique_ptr<engine::Engine> engine;
  local::Functions functions;
};

TEST(TwoEngines, NeverRunATaskTwiceAtATimeNorMoreThanTheLimit) {
  const testing::ScratchFolder folder;
  const std::string path = (folder.path() / "sosw.db").string();
  Labourer w;
  w.id = "w";
  w.max_simultaneous_invocations = kLimit;
  w.expiry = Expiry::host;
  const engine::Labourers labourers{{"w", w}};
  Witness witness;
  OneEngine one(path, labourers, witness);
  OneEngine other(path, labourers, witness);
  engine::TaskManager manager(*one.store, {});
  for (int i = 0; i < kTasks; ++i)
    ASSERT_TRUE(manager.create_task(w, {{{"n", i}}, {}, {}, {}}, one.clock.now()));

  auto first = std::async(std::launch::async, [&] { return one.engine->run({}, true); });
  auto second = std::async(std::launch::async, [&] { return other.engine->run({}, true); });
  EXPECT_EQ(first.get().why, engine::Engine::Outcome::Why::empty);
  EXPECT_EQ(second.get().why, engine::Engine::Outcome::Why::empty);

  EXPECT_EQ(witness.twice_at_once, 0);
  EXPECT_LE(witness.most, kLimit);
  EXPECT_EQ(witness.finished.size(), static_cast<std::size_t>(kTasks));
  for (const auto& [task, times] : witness.finished) ASSERT_EQ(times, 1) << task;
  const auto status = one.store->status();
  ASSERT_TRUE(status);
  EXPECT_EQ(status->at("w").tasks.at(State::done), kTasks);
}

}  // namespace
}  // namespace sosw
