// SPDX-License-Identifier: MIT
#include "core/labourer.h"

#include <gtest/gtest.h>

#include "core/json_text.h"

namespace sosw {
namespace {

Result<Labourer> read(std::string_view config, std::string_view defaults = "{}") {
  return read_labourer("f", parse_json(config)->as_object(), parse_json(defaults)->as_object());
}

std::string complaint(std::string_view config, std::string_view defaults = "{}") {
  const auto labourer = read(config, defaults);
  return labourer ? "accepted" : labourer.error().text();
}

TEST(ReadLabourer, Defaults) {
  const auto f = read("{}");
  ASSERT_TRUE(f);
  EXPECT_EQ(f->id, "f");
  EXPECT_EQ(f->max_simultaneous_invocations, 1);
  EXPECT_EQ(f->max_attempts, 3);
  EXPECT_EQ(f->duration_s, 900);
  EXPECT_EQ(f->cooldown_s, 300);
  EXPECT_EQ(f->timeout_s, 300);
  EXPECT_TRUE(f->health_metrics.empty());
}

TEST(ReadLabourer, EverythingTheDocumentsShow) {
  const auto f = read(R"({
    "command": ["./word_count"], "arn": "arn:aws:lambda:eu-west-1:1:function:f",
    "max_simultaneous_invocations": 3, "max_attempts": 5, "duration": 60, "cooldown": 30,
    "timeout": 45, "memory_mb": 256, "environment": {"A": "b"}, "init_timeout": 10, "fence": false,
    "retry": {"policy": "exponential", "base_s": 2},
    "health_metrics": {"db_cpu": {"details": {"command": ["./cpu.sh"]}, "feelings": {"3": 50, "4": 25},
                                  "feeling_comparison_operator": "<="}}})");
  ASSERT_TRUE(f) << f.error().text();
  EXPECT_EQ(f->arn, "arn:aws:lambda:eu-west-1:1:function:f");
  EXPECT_EQ(f->max_simultaneous_invocations, 3);
  EXPECT_EQ(f->max_attempts, 5);
  EXPECT_EQ(f->duration_s, 60);
  EXPECT_EQ(f->cooldown_s, 30);
  EXPECT_EQ(f->timeout_s, 45);
  EXPECT_EQ(f->retry.kind, RetryPolicy::Kind::exponential);
  EXPECT_EQ(health(30, f->health_metrics.at("db_cpu")), 3);
  EXPECT_EQ(f->settings.at("memory_mb"), 256);
}

TEST(ReadLabourer, WhatTheOriginalAccepted) {
  EXPECT_TRUE(
      read(R"({"start": 1, "invoked": 2, "expired": 3, "health": 4, "average_duration": 5})"));
  EXPECT_EQ(read(R"({"max_duration": 120})")->timeout_s, 120);
  EXPECT_EQ(read(R"({"max_duration": 120, "timeout": 60})")->timeout_s, 60);
  EXPECT_EQ(read(R"({"max_simultaneous_invocations": 0})")->max_simultaneous_invocations, 0);
}

TEST(ReadLabourer, OneChainOfDefaults) {
  constexpr auto kDefaults = R"({"max_attempts": 7, "max_attempts_f": 5, "max_attempts_g": 9,
                                 "max_simultaneous_invocations": 4, "greenfield_task_step": "x"})";
  const auto f = read("{}", kDefaults);
  ASSERT_TRUE(f) << f.error().text();
  EXPECT_EQ(f->max_attempts, 5);
  EXPECT_EQ(f->max_simultaneous_invocations, 4);
  EXPECT_EQ(read(R"({"max_attempts": 2})", kDefaults)->max_attempts, 2);
  EXPECT_EQ(
      read(R"({"max_simultaneous_invocations": null})", kDefaults)->max_simultaneous_invocations,
      4);
  EXPECT_EQ(read("{}", R"({"max_attempts": 7})")->max_attempts, 7);
  EXPECT_EQ(complaint("{}", R"({"max_attempts_f": "5"})"),
            "task_config: max_attempts_f must be a whole number, found the text '5'");
}

TEST(ReadLabourer, ExpiryByTheTimeout) {
  EXPECT_EQ(read(R"({"expiry": "timeout", "timeout": 60})")->duration_s, 60);
  EXPECT_EQ(read(R"({"expiry": "duration", "timeout": 60})")->duration_s, 900);
  EXPECT_NE(complaint(R"({"expiry": "time"})"), "accepted");
}

TEST(ReadLabourer, NamesLabourerKeyAndWhatWasFound) {
  EXPECT_EQ(complaint(R"({"max_atempts": 3})"),
            "labourer 'f': unknown key 'max_atempts'\n  did you mean 'max_attempts'?");
  EXPECT_EQ(complaint(R"({"max_attempts": "3"})"),
            "labourer 'f': max_attempts must be a whole number, found the text '3'");
  EXPECT_EQ(complaint(R"({"duration": 0})"),
            "labourer 'f': duration must be between 1 and 2147483647, found 0");
  EXPECT_EQ(complaint(R"({"cooldown": -1})"),
            "labourer 'f': cooldown must be between 1 and 2147483647, found -1");
  EXPECT_EQ(
      complaint(R"({"max_simultaneous_invocations": -1})"),
      "labourer 'f': max_simultaneous_invocations must be between 0 and 2147483647, found -1");
  EXPECT_EQ(complaint(R"({"command": "./w"})"),
            "labourer 'f': command must be a list of texts, found the text './w'");
  EXPECT_EQ(complaint(R"({"command": ["./w"], "http": "http://x"})"),
            "labourer 'f': http and command are given: a labourer is one kind of worker\n"
            "  keep one of command, exec, http");
  EXPECT_EQ(complaint(R"({"environment": {"A": 1}})"),
            "labourer 'f': environment 'A' must be a text, found the number 1");
  EXPECT_EQ(complaint(R"({"retry": {"polcy": "fixed"}})"),
            "labourer 'f': retry: unknown key 'polcy'\n  did you mean 'policy'?");
  EXPECT_EQ(complaint(R"({"health_metrics": {"cpu": 5}})"),
            "labourer 'f': health_metrics 'cpu' must be an object, found the number 5");
  EXPECT_EQ(complaint(R"({"health_metrics": {"cpu": {"feelings": {}}}})"),
            "labourer 'f': health_metrics 'cpu': details is missing\n"
            "labourer 'f': health_metrics 'cpu': feeling_comparison_operator is missing");
  EXPECT_EQ(complaint(R"({"arn": 5})"), "labourer 'f': arn must be a text, found the number 5");
}

TEST(ReadLabourer, TheDeltaMustOutlastTheExpiry) {
  EXPECT_EQ(complaint("{}", R"({"greenfield_invocation_delta": 1200})"),
            "labourer 'f': duration 900 + cooldown 300 must be less than "
            "greenfield_invocation_delta 1200\n"
            "  a task that nobody looks at for that long would count as queued again");
  EXPECT_TRUE(read("{}", R"({"greenfield_invocation_delta": 1201})"));
  EXPECT_NE(complaint(R"({"duration": 2147483647, "cooldown": 2147483647})"), "accepted");
}

}  // namespace
}  // namespace sosw
