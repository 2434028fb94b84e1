// SPDX-License-Identifier: MIT
// The SQLite store with a fault at every point, one after the other: the call that it hits answers
// an error and is not done, or is done; the caller repeats it, goes on, and everything ends as
// without the fault. Then the same with the process killed there.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <latch>
#include <optional>
#include <thread>
#include <tuple>

#include "fault_scripts.h"
#include "faults.h"
#include "local/sqlite_store.h"
#include "simulation/model_store.h"

namespace sosw::conformance {
namespace {

using local::SqliteStore;
using local::StoreOptions;
using local::TemporaryFolder;

class OpenModel final : public OpenStore {
 public:
  explicit OpenModel(bool two_step) : store_(options(two_step)) {}
  engine::TaskStore& store() override { return store_; }

 private:
  static simulation::ModelStore::Options options(bool two_step) {
    simulation::ModelStore::Options options;
    options.two_step = two_step;
    return options;
  }
  simulation::ModelStore store_;
};

class OpenSqlite final : public OpenStore {
 public:
  explicit OpenSqlite(StoreOptions options) : options_(std::move(options)) { reopen(); }
  engine::TaskStore& store() override { return *store_; }
  bool reopen() override {
    store_.reset();
    auto opened = SqliteStore::open(options_);
    if (!opened) throw std::runtime_error(opened.error().text());
    store_ = std::move(*opened);
    return true;
  }

 private:
  StoreOptions options_;
  std::unique_ptr<SqliteStore> store_;
};

// An empty store, the script of one scenario on it, and a file to repeat the script on.
class Stage {
 public:
  explicit Stage(const Scenario& scenario) {
    options_.path = folder_.file();
    options_.two_step = scenario.two_step;
    EXPECT_TRUE(SqliteStore::open(options_));
    std::filesystem::rename(options_.path, folder_.file("template"));
    clear();
    {
      OpenSqlite store(options_);
      script_ = record(scenario, store);
    }
    EXPECT_EQ(local::contradictions(options_.path), "");
    // The model says the same after every call.
    OpenModel model(scenario.two_step);
    const Script by_model = record(scenario, model);
    EXPECT_EQ(by_model.calls.size(), script_.calls.size());
    for (std::size_t i = 0; i < std::min(by_model.calls.size(), script_.calls.size()); ++i)
      EXPECT_EQ(by_model.calls[i].state, script_.calls[i].state) << script_.calls[i].name;
  }

  [[nodiscard]] const Script& script() const { return script_; }
  [[nodiscard]] const StoreOptions& options() const { return options_; }
  // The empty store again.
  void clear() {
    for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(options_.path + suffix);
    std::filesystem::copy_file(folder_.file("template"), options_.path);
  }
  // The state before the call.
  [[nodiscard]] const std::string& before(std::size_t call) const {
    return call == 0 ? script_.empty : script_.calls[call - 1].state;
  }

 private:
  TemporaryFolder folder_;
  StoreOptions options_;
  Script script_;
};

// What a fault may be called by the store: the disk's and the memory's, and that another process
// holds the file.
bool expected(const Error& error) {
  return error.code == Code::exhausted || error.code == Code::unavailable ||
         error.code == Code::denied;  // CANTOPEN
}

// Allocations are many: a run takes its share of them, with SOSW_EVERY_POINT=1 all.
std::int64_t step_of(Fault fault) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
  const bool every = std::getenv("SOSW_EVERY_POINT") != nullptr;
  return every || fault.at != Fault::At::memory ? 1 : 8;
}

using Parameter = std::tuple<Scenario, Fault>;
class SqliteFaultsTest : public ::testing::TestWithParam<Parameter> {
 protected:
  void TearDown() override {
    std::cout << fmt::format("[   points ] {} visited: {} errors, {} done unnoticed\n", visited_,
                             errors_, unnoticed_);
  }

  // The script from `call` on, on the store as it is, without faults.
  void finish(const Stage& stage, std::unique_ptr<SqliteStore> store, std::size_t call) {
    for (; call < stage.script().calls.size(); ++call) {
      const Call& next = stage.script().calls[call];
      if (next.make == nullptr) continue;
      const auto answer = next.make(*store);
      ASSERT_TRUE(answer) << next.name << ": " << answer.error().text();
      ASSERT_EQ(*answer, next.answer) << next.name;
    }
    ASSERT_EQ(stage.script().state(*store), stage.script().calls.back().state);
    store.reset();
    ASSERT_EQ(local::contradictions(stage.options().path), "");
  }

  Faults faults_;
  std::int64_t visited_ = 0, errors_ = 0, unnoticed_ = 0;
};

class FailingTest : public SqliteFaultsTest {
 protected:
  void fail_at(Stage& stage, Fault fault, std::int64_t n) {
    stage.clear();
    faults_.arm(fault, n);
    std::unique_ptr<SqliteStore> store;
    ASSERT_NO_FATAL_FAILURE(open(stage, store));
    std::size_t call = 0;
    for (; call < stage.script().calls.size() && !faults_.struck(); ++call) {
      const Call& next = stage.script().calls[call];
      if (next.make == nullptr) {
        ASSERT_NO_FATAL_FAILURE(open(stage, store));
        continue;
      }
      faults_.on();
      auto answer = next.make(*store);
      faults_.off();
      if (answer) {
        if (faults_.struck()) ++unnoticed_;
      } else {
        ASSERT_TRUE(faults_.struck()) << next.name << ": " << answer.error().text();
        ASSERT_TRUE(expected(answer.error())) << next.name << ": " << answer.error().text();
        ASSERT_NE(answer.error().hint, "") << answer.error().text();
        ++errors_;
        const std::string state = stage.script().state(*store);
        if (state != next.state) {
          ASSERT_EQ(state, stage.before(call)) << next.name << " was done by half";
        } else if (state != stage.before(call)) {
          // Of what is two transactions the first one may be done.
          ASSERT_TRUE(next.repeatable) << next.name << " answers an error, but is done";
        }
        answer = next.make(*store);
        ASSERT_TRUE(answer) << next.name << " again: " << answer.error().text();
      }
      ASSERT_EQ(*answer, next.answer) << next.name;
    }
    if (faults_.struck()) ++visited_;
    ASSERT_NO_FATAL_FAILURE(finish(stage, std::move(store), call));
  }

 private:
  // Closes the store, if there is one; opens it, once more after an error.
  void open(const Stage& stage, std::unique_ptr<SqliteStore>& store) {
    faults_.on();
    store.reset();
    auto opened = SqliteStore::open(stage.options());
    faults_.off();
    if (!opened) {
      ASSERT_TRUE(faults_.struck());
      ASSERT_TRUE(expected(opened.error())) << opened.error().text();
      ++errors_;
      opened = SqliteStore::open(stage.options());
      ASSERT_TRUE(opened) << opened.error().text();
    }
    store = std::move(*opened);
  }
};

TEST_P(FailingTest, a_call_is_done_or_not_and_can_be_repeated) {
  const auto& [scenario, fault] = GetParam();
  Stage stage(scenario);
  bool struck = true;
  for (std::int64_t n = 1; struck; n += step_of(fault)) {
    SCOPED_TRACE(::testing::Message() << "at point " << n);
    fail_at(stage, fault, n);
    if (HasFailure()) return;
    struck = faults_.struck();
  }
  EXPECT_GT(errors_, 0);
}

class KilledTest : public SqliteFaultsTest {
 protected:
  struct Progress {
    std::size_t answered;
    bool ended;
  };

  // In the child: makes all calls and tells how far it has come.
  [[noreturn]] void play(const Stage& stage, volatile Progress* progress) {
    faults_.on();
    auto store = SqliteStore::open(stage.options());
    if (!store) _exit(1);
    for (const Call& call : stage.script().calls) {
      if (call.make == nullptr) {
        store->reset();
        store = SqliteStore::open(stage.options());
        if (!store) _exit(2);
      } else if (const auto answer = call.make(**store); !answer || *answer != call.answer) {
        _exit(3);
      }
      progress->answered = progress->answered + 1;
    }
    store->reset();
    progress->ended = true;
    _exit(0);
  }

  // Whether there is such a point.
  void kill_at(Stage& stage, Fault fault, std::int64_t n, Progress* progress) {
    stage.clear();
    *progress = {};
    faults_.arm(fault, n);
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) play(stage, progress);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_EQ(WEXITSTATUS(status), progress->ended ? 0 : kKilledExit);

    auto store = SqliteStore::open(stage.options());
    ASSERT_TRUE(store) << store.error().text();
    std::size_t call = progress->answered;
    const std::string state = stage.script().state(**store);
    if (call < stage.script().calls.size()) {
      const Call& next = stage.script().calls[call];
      if (state == next.state && state != stage.before(call)) {
        // It was done, but nobody heard of it.
        ++unnoticed_;
        if (next.repeatable) {
          ASSERT_TRUE(next.make(**store));
          ASSERT_EQ(stage.script().state(**store), state);
        }
        ++call;
      } else {
        ASSERT_EQ(state, stage.before(call)) << next.name << " was done by half";
      }
    }
    ASSERT_NO_FATAL_FAILURE(finish(stage, std::move(*store), call));
  }
};

TEST_P(KilledTest, what_was_answered_is_there_and_what_was_not_can_be_repeated) {
  const auto& [scenario, fault] = GetParam();
  Stage stage(scenario);
  void* shared =
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto* progress = static_cast<Progress*>(shared);
  do {
    SCOPED_TRACE(::testing::Message() << "at point " << visited_ + 1);
    kill_at(stage, fault, ++visited_, progress);
    if (HasFailure()) break;
  } while (!progress->ended);
  --visited_;
  munmap(shared, sizeof(Progress));
  EXPECT_GT(visited_, 0);
}

// A new file: whatever becomes of its making, the next one to open it has an empty store.
class NewFileTest : public ::testing::TestWithParam<Fault> {
 protected:
  Faults faults_;
};

TEST_P(NewFileTest, opening_it_again_makes_a_whole_store) {
  const Fault fault = GetParam();
  const bool kills = fault.what == Fault::What::killed || fault.what == Fault::What::torn;
  std::int64_t visited = -1;
  bool struck = true;
  for (std::int64_t n = 1; struck; n += step_of(fault)) {
    const TemporaryFolder folder;
    StoreOptions options;
    options.path = folder.file();
    SCOPED_TRACE(::testing::Message() << "at point " << n);
    faults_.arm(fault, n);
    if (kills) {
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        faults_.on();
        const bool opened = static_cast<bool>(SqliteStore::open(options));
        _exit(opened ? 0 : 1);
      }
      int status = 0;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      ASSERT_TRUE(WIFEXITED(status));
      struck = WEXITSTATUS(status) == kKilledExit;
      ASSERT_TRUE(struck || WEXITSTATUS(status) == 0);
    } else {
      faults_.on();
      const auto opened = SqliteStore::open(options);
      faults_.off();
      struck = faults_.struck();
      ASSERT_TRUE(opened || (struck && expected(opened.error()))) << opened.error().text();
    }
    auto store = SqliteStore::open(options);
    ASSERT_TRUE(store) << store.error().text();
    ASSERT_TRUE((*store)->accept(job_of(3), 2, from_epoch(1'795'000'000)));
    store->reset();
    ASSERT_EQ(local::contradictions(options.path), "");
    ++visited;
  }
  std::cout << fmt::format("[   points ] {} visited\n", visited);
  EXPECT_GT(visited, 0);
}

// Calls of several threads, which share a transaction as it happens.
class SharedCommitTest : public ::testing::TestWithParam<Fault> {
 protected:
  Faults faults_;
};

TEST_P(SharedCommitTest, each_call_is_told_what_became_of_it) {
  constexpr int kThreads = 4;
  const Time now = from_epoch(1'795'000'000);
  const TemporaryFolder folder;
  StoreOptions options;
  options.path = folder.file();
  auto store = SqliteStore::open(options);
  ASSERT_TRUE(store);
  std::int64_t visited = -1, errors = 0;
  bool struck = true;
  for (std::int64_t n = 1; struck; ++n, ++visited) {
    SCOPED_TRACE(::testing::Message() << "at point " << n);
    std::vector<std::optional<Result<engine::Accepted>>> answers(kThreads);
    const auto job = [n](int i) {
      auto made = job_of(2, fmt::format("{}/{}", n, i));
      if (i == 0) made.rows = 3;  // refused: its description has 2
      return made;
    };
    faults_.arm(GetParam(), n);
    faults_.on();
    {
      std::vector<std::thread> threads;
      std::latch start(kThreads);
      for (int i = 0; i < kThreads; ++i)
        threads.emplace_back([&, i] {
          const engine::Job mine = job(i);
          start.arrive_and_wait();
          answers[i].emplace((*store)->accept(mine, 1, now));
        });
      for (auto& thread : threads) thread.join();
    }
    faults_.off();
    struck = faults_.struck();
    ASSERT_FALSE(*answers[0]);
    for (int i = 1; i < kThreads; ++i) {
      const Result<engine::Accepted>& answer = *answers[i];
      const auto known = (*store)->jobs(job_id(job(i).key), 1);
      ASSERT_TRUE(known) << known.error().text();
      ASSERT_EQ(known->size(), answer ? 1U : 0U) << job(i).key;
      if (answer) continue;
      ++errors;
      ASSERT_TRUE(struck && expected(answer.error())) << answer.error().text();
      const auto again = (*store)->accept(job(i), 1, now);
      ASSERT_TRUE(again) << again.error().text();
      ASSERT_FALSE(again->already);
    }
  }
  store->reset();
  EXPECT_EQ(local::contradictions(options.path), "");
  std::cout << fmt::format("[   points ] {} visited: {} errors\n", visited, errors);
  EXPECT_GT(errors, 0);
}

std::string test_name(const ::testing::TestParamInfo<Parameter>& test) {
  const auto& [scenario, fault] = test.param;
  return fmt::format("{}_{}_{}", scenario.name, name(fault.at), name(fault.what));
}

using At = Fault::At;
using What = Fault::What;
constexpr Fault kFailures[] = {{At::statement, What::io_error},  {At::statement, What::full},
                               {At::statement, What::no_memory}, {At::statement, What::busy},
                               {At::disk, What::io_error},       {At::disk, What::lasting},
                               {At::disk, What::full},           {At::memory, What::no_memory}};
constexpr Fault kDeaths[] = {
    {At::statement, What::killed}, {At::disk, What::killed}, {At::disk, What::torn}};

INSTANTIATE_TEST_SUITE_P(Sqlite, FailingTest,
                         ::testing::Combine(::testing::ValuesIn(scenarios()),
                                            ::testing::ValuesIn(kFailures)),
                         test_name);
INSTANTIATE_TEST_SUITE_P(Sqlite, KilledTest,
                         ::testing::Combine(::testing::ValuesIn(scenarios()),
                                            ::testing::ValuesIn(kDeaths)),
                         test_name);
std::string fault_name(const ::testing::TestParamInfo<Fault>& test) {
  return fmt::format("{}_{}", name(test.param.at), name(test.param.what));
}
INSTANTIATE_TEST_SUITE_P(Failures, NewFileTest, ::testing::ValuesIn(kFailures), fault_name);
INSTANTIATE_TEST_SUITE_P(Failures, SharedCommitTest, ::testing::ValuesIn(kFailures), fault_name);
INSTANTIATE_TEST_SUITE_P(Deaths, NewFileTest, ::testing::ValuesIn(kDeaths), fault_name);

}  // namespace
}  // namespace sosw::conformance
