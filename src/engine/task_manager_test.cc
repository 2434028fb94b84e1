// SPDX-License-Identifier: MIT
#include "engine/task_manager.h"

#include <limits>

#include "engine/engine_fixture.h"

namespace sosw::engine {
namespace {

class TaskManagerTest : public EngineTest {
 protected:
  TaskManagerTest() { labourers_.emplace("w", labourer("w")); }
  Labourer& w() { return labourers_.at("w"); }
  // One task that was completed `seconds` after its start.
  void complete_one(double seconds) {
    const auto ids = add_tasks("w", 1);
    const ClaimRequest request{"w", 10, 1, after(clock_.now(), 1200), Expiry::deadline, {}};
    const auto claimed = store_.exchange({}, {&request, 1}, labourers_, clock_.now());
    clock_.advance(seconds);
    const Report report{Report::Kind::completed, ids[0], claimed->claimed.at(0).claim, {}, {}};
    EXPECT_EQ(store_.exchange({&report, 1}, {}, labourers_, clock_.now())->reported.at(0).answer,
              Answer::applied);
  }
  Result<std::string> create(TaskManager::NewTask task) {
    return TaskManager(store_, {}).create_task(w(), std::move(task), clock_.now());
  }
};

TEST_F(TaskManagerTest, TheBaseOfRetriesIsTheAverageDuration) {
  TaskManager manager(store_, {});
  EXPECT_TRUE(manager.register_labourers(labourers_).empty());
  EXPECT_EQ(w().retry_base_s, 1);  // nothing closed yet
  complete_one(40);
  complete_one(60);
  EXPECT_TRUE(manager.register_labourers(labourers_).empty());
  EXPECT_EQ(w().retry_base_s, 50);
}

TEST_F(TaskManagerTest, TheBaseOfRetriesIsTheTimeoutAsInTheOriginal) {
  TaskManager manager(store_, {.retry_base = TaskManager::Settings::RetryBase::timeout});
  complete_one(40);
  EXPECT_TRUE(manager.register_labourers(labourers_).empty());
  EXPECT_EQ(w().retry_base_s, w().timeout_s);
}

TEST_F(TaskManagerTest, ABaseThatIsConfiguredStays) {
  w().retry.base_s = 7;
  w().retry_base_s = 7;
  complete_one(40);
  EXPECT_TRUE(TaskManager(store_, {}).register_labourers(labourers_).empty());
  EXPECT_EQ(w().retry_base_s, 7);
}

TEST_F(TaskManagerTest, ALabourerThatCannotBeAskedKeepsItsBase) {
  w().retry_base_s = 33;
  store_.answer_tasks = [](const TaskQuery&) { return RefusingStore::full(); };
  EXPECT_EQ(TaskManager(store_, {}).register_labourers(labourers_),
            std::vector<std::string>{"w: average duration: disk full"});
  EXPECT_EQ(w().retry_base_s, 33);
}

TEST_F(TaskManagerTest, ATaskWithoutAPayloadHasItsAttributes) {
  const auto id = create({nullptr, {{"a", 1}}, {}, {}});
  ASSERT_TRUE(id) << id.error().text();
  EXPECT_EQ(task(*id).payload, R"({"a": 1})");
}

TEST_F(TaskManagerTest, APayloadThatCannotBeKeptIsRefused) {
  const auto beside = create({json::value("5"), {{"a", 1}}, {}, {}});
  ASSERT_FALSE(beside);
  EXPECT_EQ(beside.error().message, "payload is not a JSON object, so 'a' cannot be put beside it");
  const auto nan = create({std::numeric_limits<double>::quiet_NaN(), {}, {}, {}});
  ASSERT_FALSE(nan);
  EXPECT_EQ(nan.error().code, Code::invalid);
  EXPECT_TRUE(store_.tasks({})->empty());
}

}  // namespace
}  // namespace sosw::engine
