// SPDX-License-Identifier: MIT
#include "core/task.h"

#include <gtest/gtest.h>

#include "core/json_text.h"

namespace sosw {
namespace {

Task queued() {
  Task task;
  task.id = "t1";
  task.labourer_id = "f";
  task.greenfield = 2000;
  task.created_at = from_epoch(1548928800);
  task.payload = R"({"a": 1})";
  return task;
}

json::object object(std::string_view text) { return parse_json(text)->as_object(); }

std::string payload(std::string_view fields) {
  const auto text = construct_payload(object(fields));
  return text ? *text : text.error().text();
}

TEST(State, NamesBothWays) {
  for (int i = 0; i <= static_cast<int>(State::cancelled); ++i)
    EXPECT_EQ(state_named(name(static_cast<State>(i))), static_cast<State>(i));
  EXPECT_FALSE(state_named("Queued"));
  EXPECT_TRUE(closed(State::dead));
  EXPECT_FALSE(closed(State::retry));
}

TEST(JobId, First80BitsOfTheHash) {
  EXPECT_EQ(job_id("abc"), "ba7816bf8f01cfea4141");
  EXPECT_EQ(job_id(""), "e3b0c44298fc1c149afb");
}

TEST(TaskId, JobAndRow) {
  EXPECT_EQ(task_id("ba7816bf8f01cfea4141", 0), "ba7816bf8f01cfea4141000000000000");
  EXPECT_EQ(task_id("ba7816bf8f01cfea4141", 1'000'000'000), "ba7816bf8f01cfea414100003b9aca00");
  EXPECT_EQ(task_id("ba7816bf8f01cfea4141", (1LL << 48) - 1), "ba7816bf8f01cfea4141ffffffffffff");
}

TEST(InvocationPayload, PayloadThenTheTask) {
  EXPECT_EQ(*invocation_payload(queued(), "c1"),
            R"({"a": 1, "task_id": "t1", "labourer_id": "f", "created_at": 1548928800.0, )"
            R"("greenfield": 2000, "attempts": 0, "claim": "c1"})");
  EXPECT_EQ(invocation_payload(queued(), "")->find("claim"), std::string::npos);
  auto task = queued();
  task.extra["arn"] = "arn:aws:lambda:us-west-2:123456789012:function:f";
  EXPECT_NE(invocation_payload(task, "")->find(R"("arn": "arn:aws:lambda:)"), std::string::npos);
}

TEST(InvocationPayload, TheTasksFieldsWinAtTheirPlace) {
  auto task = queued();
  task.payload = R"({"attempts": "mine", "claim": "mine", "b": 1.0, "state": "mine"})";
  task.attempts = 2;
  task.extra["stat_x"] = 5;
  EXPECT_EQ(*invocation_payload(task, "c1"),
            R"({"attempts": 2, "claim": "c1", "b": 1.0, "state": "mine", "task_id": "t1", )"
            R"("labourer_id": "f", "created_at": 1548928800.0, "greenfield": 2000})");
}

TEST(InvocationPayload, RefusesWhatNoWorkerCanTake) {
  auto task = queued();
  task.payload = "5";
  ASSERT_FALSE(invocation_payload(task, "c1"));
  EXPECT_EQ(invocation_payload(task, "c1").error().message,
            "task t1: payload is not a JSON object");
  task.payload = "not json";
  EXPECT_FALSE(invocation_payload(task, "c1"));
  task.payload = "";
  EXPECT_FALSE(invocation_payload(task, "c1"));
}

TEST(ToJson, NamesOfTheOriginal) {
  auto task = queued();
  task.state = State::done;
  task.claim = "c2";
  task.completed_at = 1548928900;
  task.closed_at = 1548928901;
  task.extra = {{"stat_x", 1}, {"task_id", "not this"}};
  EXPECT_EQ(
      json_text(to_json(task)),
      R"({"task_id": "t1", "labourer_id": "f", "created_at": 1548928800.0, )"
      R"("completed_at": 1548928900, "greenfield": 2000, "attempts": 0, "closed_at": 1548928901, )"
      R"("payload": "{\"a\": 1}", "state": "done", "claim": "c2", "stat_x": 1})");
}

TEST(ConstructPayload, ObjectsAndTextsOfThem) {
  EXPECT_EQ(payload("{}"), "{}");
  EXPECT_EQ(payload(R"({"payload": {"a": 1}, "b": 2})"), R"({"a": 1, "b": 2})");
  EXPECT_EQ(payload(R"({"b": 2, "payload": "{\"a\": 1, \"b\": 0}"})"), R"({"a": 1, "b": 2})");
  EXPECT_EQ(payload(R"({"payload": "text", "b": 2})"), R"({"payload": "text", "b": 2})");
  EXPECT_EQ(payload(R"({"payload": [1]})"), R"({"payload": [1]})");
  EXPECT_EQ(payload(R"({"payload": null})"), R"({"payload": null})");
  EXPECT_EQ(payload(R"({"payload": "5"})"), "5");
  EXPECT_EQ(payload(R"({"payload": "5", "b": 2})"),
            "payload is not a JSON object, so 'b' cannot be put beside it");
}

TEST(ConstructPayload, NeverRoundsANumber) {
  EXPECT_TRUE(payload(R"({"payload": "{\"n\": 100000000000000000000}"})")
                  .starts_with("payload: the number 100000000000000000000 does not fit"));
}

TEST(NewTask, StrictRefusesWhatIsMadeForIt) {
  const auto complaint = [](std::string_view fields) {
    const auto task = new_task(queued(), object(fields), true);
    return task ? "made " + task->payload : task.error().text();
  };
  EXPECT_EQ(complaint(R"({"payload": {"k": 1}, "x": 2})"), R"(made {"k": 1, "x": 2})");
  EXPECT_EQ(
      complaint(R"({"task_id": "other"})"),
      "task_id is the text 'other', but it must be t1\n  leave it out: it is made for the task");
  EXPECT_EQ(complaint(R"({"task_id": "t1", "greenfield": 2000, "created_at": "1548928800.0"})"),
            "made {}");
  EXPECT_EQ(
      complaint(R"({"task_id": "", "labourer_id": null, "attempts": 0, "greenfield": false})"),
      "made {}");
  EXPECT_NE(complaint(R"({"greenfield": 2000.0})"), "made {}");
  EXPECT_EQ(complaint(R"({"task_id": true})"),
            "task_id is true, but it must be t1\n  leave it out: it is made for the task");
  EXPECT_EQ(complaint(R"({"labourer_id": []})"),
            "labourer_id is a list, but it must be f\n  leave it out: it is made for the task");
  EXPECT_TRUE(complaint(R"({"payload": "{\"n\": 100000000000000000000}"})")
                  .starts_with("payload: the number 100000000000000000000 does not fit"));
}

TEST(NewTask, NotStrictTakesWhatIsGiven) {
  const auto task = new_task(
      queued(), object(R"({"task_id": "x", "labourer_id": 7, "created_at": 1.5, "greenfield": 5,
                                        "attempts": "3"})"),
      false);
  ASSERT_TRUE(task) << task.error().text();
  EXPECT_EQ(task->id, "x");
  EXPECT_EQ(task->labourer_id, "7");
  EXPECT_EQ(epoch(task->created_at), 1.5);
  EXPECT_EQ(task->greenfield, 5);
  EXPECT_EQ(task->attempts, 3);
  const auto nulls = new_task(queued(), object(R"({"task_id": null, "attempts": null})"), false);
  ASSERT_TRUE(nulls);
  EXPECT_EQ(nulls->id, "t1");
  const auto flags =
      new_task(queued(), object(R"({"task_id": true, "labourer_id": false})"), false);
  ASSERT_TRUE(flags);
  EXPECT_EQ(flags->id + flags->labourer_id, "TrueFalse");  // as Python's str()
  for (const auto* wrong : {R"({"greenfield": "x"})", R"({"attempts": true})",
                            R"({"attempts": -1})", R"({"task_id": ""})", R"({"created_at": 1e30})",
                            R"({"created_at": "soon"})", R"({"greenfield": 1.5})"})
    EXPECT_FALSE(new_task(queued(), object(wrong), false)) << wrong;
}

TEST(Report, ItsErrorIsKeptInAFewWords) {
  Report report;
  report.kind = Report::Kind::failed;
  EXPECT_TRUE(error_of(report).empty());
  std::string log;
  for (int i = 0; i < 600; ++i) log += "\xC3\xA9";  // two bytes each
  report.result = {{"error", std::string(3000, 'e')},
                   {"error_type", {{"a", 1}}},
                   {"log", "x" + log},
                   {"other", 1}};
  const json::object kept = error_of(report);
  EXPECT_EQ(kept.size(), 3U);
  EXPECT_EQ(kept.at("error").as_string(), std::string(1000, 'e'));
  EXPECT_EQ(kept.at("error_type"), R"({"a": 1})");
  EXPECT_EQ(kept.at("log").as_string(), log.substr(200));
  report.result = {{"error", "a\xff"}};
  EXPECT_EQ(error_of(report).at("error"), "a\xEF\xBF\xBD");
  report.result = {{"error", nullptr}, {"error_type", "E"}};
  EXPECT_EQ(json_text(error_of(report)), R"({"error_type": "E"})");
  // No character is longer than four bytes, whatever the bytes are.
  report.result = {{"error", std::string(5000, '\x80')}, {"log", std::string(5000, '\x80')}};
  const auto bytes = [&](const char* key) {
    return error_of(report).at(key).as_string().size() / 3;
  };
  EXPECT_EQ(bytes("error"), 997U);
  EXPECT_EQ(bytes("log"), 1003U);
  report.result = {{"log", std::string(1001, '\x80')}};
  EXPECT_EQ(bytes("log"), 1001U);
}

}  // namespace
}  // namespace sosw
