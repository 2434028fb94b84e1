// SPDX-License-Identifier: MIT
#include "local/function_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sosw::local {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = FunctionSettings::Kind;

Labourer labourer(std::string_view settings) {
  auto read = read_labourer("f", json::parse({settings.data(), settings.size()}).as_object(), {});
  EXPECT_TRUE(read) << read.error().text();
  return read ? *read : Labourer{};
}

FunctionSettings read(std::string_view settings) {
  auto f = read_function(labourer(settings), "/project");
  EXPECT_TRUE(f) << f.error().text();
  return f && *f ? **f : FunctionSettings{};
}

TEST(FunctionSettings, OfACommand) {
  const auto f = read(R"({"command": ["python3", "w.py"], "max_simultaneous_invocations": 7,
      "timeout": 9, "memory_mb": 256, "environment": {"A": "b"}, "working_dir": "sub",
      "max_concurrency": 3, "handler": "app.h", "init_timeout": 2.5, "idle": 30,
      "completes": "report"})");
  EXPECT_EQ(f.kind, Kind::command);
  EXPECT_THAT(f.argv, ElementsAre("python3", "w.py"));
  EXPECT_EQ(f.environments, 3);  // 7 invocations, 3 in each
  EXPECT_EQ(f.slots(), 9);
  EXPECT_EQ(f.timeout_s, 9);
  EXPECT_EQ(f.memory_mb, 256);
  EXPECT_EQ(f.environment.at("A"), "b");
  EXPECT_EQ(f.folder, "/project/sub");
  EXPECT_EQ(f.handler, "app.h");
  EXPECT_EQ(f.init_timeout_s, 2.5);
  EXPECT_EQ(f.idle_s, 30);
  EXPECT_TRUE(f.completes_by_report);
}

TEST(FunctionSettings, HaveDefaults) {
  const auto f =
      read(R"({"exec": ["./x"], "max_concurrency": 5, "max_simultaneous_invocations": 0})");
  EXPECT_EQ(f.kind, Kind::exec);
  EXPECT_EQ(f.environments, 1);
  EXPECT_EQ(f.concurrency, 1);  // a process for each task
  EXPECT_EQ(f.folder, "/project");
  EXPECT_EQ(f.memory_mb, 0);
  EXPECT_FALSE(f.completes_by_report);
  // A slow initialisation may take what an invocation may, as on Lambda.
  EXPECT_EQ(f.init_timeout_s, 300);
  EXPECT_EQ(read(R"({"command": ["x"], "timeout": 3})").init_timeout_s, 10);
}

TEST(FunctionSettings, OfAWebService) {
  const auto f = read(R"({"http": "http://127.0.0.1:1/x", "environments": 4})");
  EXPECT_EQ(f.kind, Kind::http);
  EXPECT_EQ(f.url, "http://127.0.0.1:1/x");
  EXPECT_EQ(f.slots(), 4);
}

TEST(FunctionSettings, AreNoneForWhatRunsElsewhere) {
  for (const auto* settings : {R"({"arn": "arn:aws:lambda:r:1:function:f"})", "{}"}) {
    const auto f = read_function(labourer(settings), "/project");
    ASSERT_TRUE(f);
    EXPECT_FALSE(*f);
  }
}

TEST(FunctionSettings, NameLabourerAndKeyWhenTheyAreWrong) {
  const auto text = [](std::string_view settings) {
    Labourer l;
    l.id = "f";
    l.settings = json::parse({settings.data(), settings.size()}).as_object();
    const auto f = read_function(l, "/project");
    return f ? "none" : f.error().text();
  };
  EXPECT_THAT(text(R"({"exec": ["a"], "http": "http://b"})"), HasSubstr("more than one"));
  EXPECT_THAT(text(R"({"command": "a"})"), HasSubstr("command"));
  EXPECT_THAT(text(R"({"command": ["a"], "idle": 0})"), HasSubstr("idle"));
  EXPECT_THAT(text(R"({"command": ["a"], "environment": {"A": 1}})"), HasSubstr("'A'"));
}

}  // namespace
}  // namespace sosw::local
