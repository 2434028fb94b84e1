// SPDX-License-Identifier: MIT
#include "engine/worker_assistant.h"

#include <fmt/format.h>

#include "engine/engine_fixture.h"

namespace sosw::engine {
namespace {

TEST(WorkerAssistant, ReadsTheEventsOfTheOriginal) {
  const auto full = WorkerAssistant::read_event(json::parse(
      R"({"action": "mark_task_as_completed", "task_id": "t", "claim": "c1", "stats": {"a": 1}, "result": "{\"b\": 2}"})"));
  ASSERT_TRUE(full);
  EXPECT_EQ(full->kind, Report::Kind::completed);
  EXPECT_EQ(full->task_id, "t");
  EXPECT_EQ(full->claim, "c1");
  EXPECT_EQ(full->stats.at("a"), 1);
  EXPECT_EQ(full->result.at("b"), 2);
  const auto plural = WorkerAssistant::read_event(
      json::parse(R"({"actions": ["mark_task_as_failed"], "task_id": "t"})"));
  ASSERT_TRUE(plural);
  EXPECT_EQ(plural->kind, Report::Kind::failed);
  EXPECT_TRUE(WorkerAssistant::read_event(
      json::parse(R"({"action": "", "actions": ["mark_task_as_failed"], "task_id": "t"})")));
  // What is not there, or no text, is as if it were not given.
  const auto bare = WorkerAssistant::read_event(json::parse(
      R"({"action": "mark_task_as_failed", "task_id": "t", "claim": 7, "stats": null})"));
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->claim, "");
  EXPECT_TRUE(bare->stats.empty());
}

TEST(WorkerAssistant, KeepsDetailsThatAreNoObject) {
  for (const auto& [text, kept] :
       {std::pair(R"("plain words")", R"("plain words")"), std::pair("[1.5]", "[1.5]"),
        std::pair("7", "7"), std::pair(R"("[1]")", "[1]"), std::pair("true", "true")}) {
    const auto read = WorkerAssistant::read_event(json::parse(
        std::string(R"({"action": "mark_task_as_completed", "task_id": "t", "result": )") + text +
        "}"));
    ASSERT_TRUE(read) << text;
    EXPECT_EQ(read->result.at("value"), json::parse(kept));
  }
}

TEST(WorkerAssistant, LeavesOutDetailsThatSayNothing) {
  for (const auto* nothing :
       {"null", R"("null")", R"("")", "[]", R"("[]")", "{}", "0", "0.0", "false"}) {
    const auto read = WorkerAssistant::read_event(json::parse(
        std::string(R"({"action": "mark_task_as_completed", "task_id": "t", "stats": )") + nothing +
        "}"));
    ASSERT_TRUE(read) << nothing;
    EXPECT_TRUE(read->stats.empty()) << nothing;
  }
}

TEST(WorkerAssistant, RefusesWhatIsNoReportAndSaysWhy) {
  for (const auto& [event, says] :
       {std::pair(R"([])", "not a JSON object"), std::pair(R"({})", "no `action`"),
        std::pair(R"({"action": 5, "task_id": "t"})", "no `action`"),
        std::pair(R"({"actions": "mark_task_as_failed", "task_id": "t"})", "no `action`"),
        std::pair(R"({"actions": ["a", "b"], "task_id": "t"})", "no `action`"),
        std::pair(R"({"action": "mark_task_as_failed", "task_id": ""})", "`task_id`"),
        std::pair(R"({"action": "explode", "task_id": "t"})", "`explode` is not supported"),
        std::pair(R"({"action": "start", "task_id": "t"})", "`start` is not supported"),
        std::pair(R"({"action": "mark_task_as_failed"})", "`task_id`"),
        std::pair(R"({"action": "mark_task_as_failed", "task_id": 5})", "`task_id`")}) {
    const auto read = WorkerAssistant::read_event(json::parse(event));
    ASSERT_FALSE(read) << event;
    EXPECT_EQ(read.error().code, Code::invalid);
    EXPECT_NE(read.error().message.find(says), std::string::npos) << read.error().message;
  }
}

// What `start` of the store is asked, and answers.
class Starts {
 public:
  Result<bool> answer = true;
  std::vector<std::string> asked;

  Result<json::object> call(const json::value& event) {
    const simulation::ManualClock clock;
    WorkerAssistant assistant(
        [](const Report&) -> Result<Reported> {
          ADD_FAILURE() << "a question is no report";
          return Reported{};
        },
        clock, nullptr,
        [this](std::string_view task_id, std::string_view claim, std::string_view run) {
          asked.push_back(fmt::format("{} {} {}", task_id, claim, run));
          return answer;
        });
    return assistant.call(event);
  }
};

TEST(WorkerAssistant, AsksWhetherARunMayBegin) {
  const auto event =
      json::parse(R"({"action": "start", "task_id": "t1", "claim": "c5", "run": "f00"})");
  Starts starts;
  EXPECT_EQ(*starts.call(event), (json::object{{"task_id", "t1"}, {"start", true}}));
  starts.answer = false;
  EXPECT_EQ(*starts.call(event), (json::object{{"task_id", "t1"}, {"start", false}}));
  starts.answer = Error{Code::unavailable, "the table does not answer", {}};
  const auto failed = starts.call(event);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::unavailable);
  EXPECT_EQ(failed.error().message, "the table does not answer");
  EXPECT_EQ(starts.asked, (std::vector<std::string>{"t1 c5 f00", "t1 c5 f00", "t1 c5 f00"}));
}

TEST(WorkerAssistant, NeedsTaskClaimAndRunForAStart) {
  for (const auto* key : {"task_id", "claim", "run"}) {
    for (const json::value& wrong : {json::value(), json::value(7), json::value("")}) {
      json::object event{{"action", "start"}, {"task_id", "t"}, {"claim", "c"}, {"run", "r"}};
      event[key] = wrong;
      Starts starts;
      const auto refused = starts.call(event);
      ASSERT_FALSE(refused) << key;
      EXPECT_EQ(refused.error().code, Code::invalid);
      EXPECT_NE(refused.error().message.find(fmt::format("`{}` (text)", key)), std::string::npos)
          << refused.error().message;
      EXPECT_TRUE(starts.asked.empty());
    }
  }
}

TEST(WorkerAssistant, LetsEveryRunBeginWhereNothingComesTwice) {
  const simulation::ManualClock clock;
  WorkerAssistant assistant([](const Report&) { return Result<Reported>(Reported{}); }, clock,
                            nullptr);
  const auto answer = assistant.call(
      json::parse(R"({"actions": ["start"], "task_id": "t", "claim": "c", "run": "r"})"));
  EXPECT_EQ(*answer, (json::object{{"task_id", "t"}, {"start", true}}));
}

class AssistantTest : public EngineTest {};

TEST_F(AssistantTest, ARepeatedReportIsAnsweredAlreadyAndChangesNothing) {
  labourers_.emplace("w", labourer("w"));
  const auto ids = add_tasks("w", 1);
  const ClaimRequest request{"w", 1, 1, after(clock_.now(), 1200), Expiry::deadline, {}};
  const std::string claim =
      store_.exchange({}, {&request, 1}, labourers_, clock_.now())->claimed.at(0).claim;
  WorkerAssistant assistant(
      [&](Report report) -> Result<Reported> {
        return store_.exchange({&report, 1}, {}, labourers_, clock_.now())->reported.front();
      },
      clock_, &audit_);
  const json::value event{
      {"action", "mark_task_as_completed"}, {"task_id", ids[0]}, {"result", {{"x", 1}}}};
  EXPECT_EQ(assistant.call(event, claim)->at("answer"), "applied");
  clock_.advance(10);
  const Task before = task(ids[0]);
  EXPECT_EQ(assistant.call(event, claim)->at("answer"), "already");
  EXPECT_EQ(to_json(task(ids[0])), to_json(before));
  EXPECT_EQ(before.extra.at("result_x"), 1);
  EXPECT_EQ(
      assistant.call({{"action", "mark_task_as_completed"}, {"task_id", "nowhere"}})->at("answer"),
      "unknown");
  const auto refused = assistant.call({{"action", "explode"}, {"task_id", ids[0]}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::invalid);
  EXPECT_EQ(audit_.rows().size(), 2u);  // none for the unknown task
}

}  // namespace
}  // namespace sosw::engine
