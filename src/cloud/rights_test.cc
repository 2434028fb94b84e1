// SPDX-License-Identifier: MIT
// What each Essential asks of DynamoDB in all that can happen to tasks, against the rights that
// docs/aws.md says its role needs.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>
#include <set>

#include "cloud/audit_log.h"
#include "cloud/essentials.h"
#include "cloud/self_check.h"
#include "simulation/model_ports.h"
#include "simulation/model_tables.h"
#include "simulation/python_essentials.h"

namespace sosw::cloud {
namespace {

using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAreArray;
using Rights = std::set<std::string>;

// Writes down the actions that a role has to permit: of a transaction those of its parts.
class Noting final : public Tables {
 public:
  explicit Noting(Tables& tables) : tables_(tables) {}
  bool dies_before_it_deletes = false;

  Result<Written> write(const Write& write) override {
    note(write);
    if (dies_before_it_deletes && write.kind == Write::Kind::remove)
      return Error{Code::unavailable, "it is dead", {}, {}};
    return tables_.write(write);
  }
  Result<Written> transact(std::span<const Write> writes, std::string_view token) override {
    for (const auto& one : writes) note(one);
    return tables_.transact(writes, token);
  }
  Result<Page> query(const Query& query) override {
    note("Query", query.index.empty() ? query.table : query.table + "/" + query.index);
    return tables_.query(query);
  }
  Result<std::vector<std::optional<Item>>> get(std::span<const Key> keys) override {
    for (const auto& key : keys) note("BatchGetItem", key.table);
    return tables_.get(keys);
  }
  Result<void> append(std::string_view table, std::span<const Item> items) override {
    note("BatchWriteItem", table);
    return tables_.append(table, items);
  }

  Rights noted() {
    const std::lock_guard lock(mutex_);
    return noted_;
  }

 private:
  void note(const Write& write) {
    constexpr std::string_view kActions[] = {"PutItem", "UpdateItem", "DeleteItem"};
    note(kActions[static_cast<std::size_t>(write.kind)], write.table);
  }
  void note(std::string_view action, std::string_view resource) {
    const std::lock_guard lock(mutex_);
    noted_.insert(fmt::format("{} {}", action, resource));
  }

  Tables& tables_;
  std::mutex mutex_;  // of what follows
  Rights noted_;
};

// Each Essential with tables of its own, which are the same tables.
class RightsOfEssentials : public ::testing::Test {
 protected:
  struct One {
    One(RightsOfEssentials& all, Essential which)
        : tables(all.tables_),
          store(tables, all.options_of(which)),
          audit(tables, {.author = "f"}),
          essentials({store, store, all.invoker_, all.metrics_, all.notifier_, all.clock_, &audit},
                     all.settings_) {}
    Noting tables;
    TableStore store;
    AuditLog audit;
    Essentials essentials;
  };
  RightsOfEssentials() {
    Labourer f;
    f.id = "f";
    f.max_simultaneous_invocations = 6;
    f.max_attempts = 2;
    labourers_.emplace("f", f);
  }
  TableStore::Options options_of(Essential which) const {
    TableStore::Options options;
    options.holder = options.nonce = name_of(which);
    options.labourers = {"f"};
    options.leaves_letters = which == Essential::worker_assistant;
    return options;
  }
  Time in(double seconds) { return after(clock_.now(), seconds); }
  std::string schedule(json::array words, const std::string& key) {
    const auto accepted = scheduler_.essentials.schedule(
        labourers_, json::object{{"lambda_name", "f"}, {"isolate_words", true}, {"words", words}},
        key);
    EXPECT_TRUE(accepted) << accepted.error().text();
    return accepted ? accepted->job_id : std::string();
  }
  void orchestrate() {
    EXPECT_FALSE(orchestrator_.essentials.orchestrate(labourers_, in(3)).failed);
  }
  void scavenge() {
    clock_.advance(31);  // letters are looked for now and then
    EXPECT_FALSE(scavenger_.essentials.scavenge(labourers_, in(20)).failed);
  }
  std::string assist(const simulation::ScriptedInvoker::Call& call, const char* action) {
    const auto answer = assistant_.essentials.assist(
        labourers_,
        {{"action", action}, {"task_id", call.task_id}, {"claim", call.claim}, {"run", "r"}});
    EXPECT_TRUE(answer) << answer.error().text();
    if (!answer || answer->contains("start")) return {};
    return std::string(answer->at("answer").as_string());
  }

  simulation::ManualClock clock_;
  simulation::ModelTables tables_{simulation::sosw_tables(), [this] { return clock_.now(); }};
  simulation::ScriptedInvoker invoker_;
  simulation::ModelMetrics metrics_;
  simulation::RecordingNotifier notifier_;
  engine::Labourers labourers_;
  const Essentials::Settings settings_ = [this] {
    Essentials::Settings settings;
    settings.sleep = [this](double seconds) { clock_.advance(seconds); };
    settings.orphans_every_s = 600;
    settings.task_manager.retry_base = engine::TaskManager::Settings::RetryBase::timeout;
    settings.scheduler.schemas = {
        {"job_schema",
         json::object{{"chunkable_attrs", json::array(1, json::array{"word", json::object()})}}}};
    settings.scheduler.watermark = TableStore::kNoWatermark;
    return settings;
  }();
  One scheduler_{*this, Essential::scheduler};
  One orchestrator_{*this, Essential::orchestrator};
  One scavenger_{*this, Essential::scavenger};
  One assistant_{*this, Essential::worker_assistant};
};

// From here on in the words of docs/aws.md.
const Rights kTasks = {"PutItem sosw_tasks", "UpdateItem sosw_tasks", "DeleteItem sosw_tasks",
                       "BatchGetItem sosw_tasks", "Query sosw_tasks/sosw_tasks_greenfield"};
constexpr const char* kAudit = "BatchWriteItem sosw_tasks_meta";

Rights with(Rights rights, const Rights& more) {
  rights.insert(more.begin(), more.end());
  return rights;
}

TEST_F(RightsOfEssentials, are_those_that_the_documentation_names) {
  // More rows than one transaction holds, one of them too large for any table.
  json::array words;
  for (int i = 0; i < 250; ++i) words.emplace_back(i);
  words[3] = std::string(400'000, 'x');
  schedule(words, "large");
  EXPECT_FALSE(scheduler_.essentials.continue_jobs(labourers_, in(10)).failed);

  // Refused in each way; then all kinds of ends, and reports of tasks that have moved.
  using Outcome = engine::Invoked::Outcome;
  invoker_.script({Outcome::rejected, Outcome::rejected_task, Outcome::unknown});
  orchestrate();
  clock_.advance(60);
  orchestrate();
  auto calls = invoker_.calls();
  ASSERT_GE(calls.size(), 7U);
  const auto at = [&](std::size_t n) { return calls[calls.size() - n]; };
  EXPECT_EQ(assist(calls[1], "mark_task_as_completed"), "late");  // it is dead
  assist(at(1), "start");
  EXPECT_EQ(assist(at(1), "mark_task_as_completed"), "applied");
  EXPECT_EQ(assist(at(2), "mark_task_as_failed"), "applied");
  EXPECT_EQ(assist(at(2), "mark_task_as_completed"), "late");
  EXPECT_EQ(assist(at(3), "mark_task_as_failed"), "applied");
  scavenge();
  EXPECT_EQ(assist(at(3), "mark_task_as_completed"), "late");  // it waits for its retry
  scavenge();
  clock_.advance(2'000);  // the others are silent
  scavenge();
  clock_.advance(2'000);
  scavenge();
  invoker_.answer_by([](const auto&) -> engine::Invoked {
    return {Outcome::rejected_labourer, "no such function"};
  });
  orchestrate();
  invoker_.answer_by([](const auto&) { return engine::Invoked{}; });
  clock_.advance(600);
  orchestrate();
  clock_.advance(2'000);
  scavenge();  // dead after two attempts, or in retry

  // A job is cancelled while rows of it are everywhere, its sweep by the Scavenger.
  const auto job = schedule({"a", "b", "c", "d"}, "cancelled");
  TableStore person(tables_, {.holder = "person", .nonce = "person"});
  ASSERT_TRUE(person.cancel(job, 1, clock_.now()));
  orchestrate();
  scavenge();

  // A Scavenger of the original dies in the middle of a move.
  clock_.advance(600);
  orchestrate();
  clock_.advance(2'000);
  Noting dying(tables_);
  dying.dies_before_it_deletes = true;
  simulation::PythonEssentials python(dying, [this] { return clock_.now(); }, {.audit = false});
  EXPECT_FALSE(python.scavenge({&labourers_.at("f"), 1}));
  for (int i = 0; i < 3; ++i) {
    scavenge();
    clock_.advance(901);
    orchestrate();
  }
  EXPECT_THAT(notifier_.delivered(), Not(IsEmpty()));

  EXPECT_THAT(scheduler_.tables.noted(),
              UnorderedElementsAreArray(with(kTasks, {"PutItem sosw_closed_tasks", kAudit})));
  EXPECT_THAT(assistant_.tables.noted(),
              UnorderedElementsAreArray(Rights{"UpdateItem sosw_tasks", kAudit}));
  EXPECT_THAT(
      scavenger_.tables.noted(),
      UnorderedElementsAreArray(with(
          kTasks, {"PutItem sosw_retry_tasks", "UpdateItem sosw_retry_tasks",
                   "DeleteItem sosw_retry_tasks", "BatchGetItem sosw_retry_tasks",
                   "Query sosw_retry_tasks/labourer_id_greenfield", "PutItem sosw_closed_tasks",
                   "UpdateItem sosw_closed_tasks", "BatchGetItem sosw_closed_tasks", kAudit})));
  // What only the mending of half a move needs may be, and need not.
  Rights orchestrators = orchestrator_.tables.noted();
  for (const auto* mending : {"BatchGetItem sosw_closed_tasks", "BatchGetItem sosw_retry_tasks"})
    orchestrators.erase(mending);
  EXPECT_THAT(orchestrators,
              UnorderedElementsAreArray(with(kTasks, {"PutItem sosw_closed_tasks", kAudit})));
}

}  // namespace
}  // namespace sosw::cloud
