// SPDX-License-Identifier: MIT
#include "local/subprocess.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "local/owned_fd.h"

namespace sosw::local {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

constexpr std::chrono::minutes kLong{2};

CommandLine shell(std::string script) { return {{"sh", "-c", std::move(script)}, {}}; }

TEST(Subprocess, feeds_stdin_and_collects_both_outputs) {
  const auto ended = run(shell("cat; echo wrong >&2; exit 3"), "some text", kLong);
  ASSERT_TRUE(ended) << ended.error().text();
  EXPECT_EQ(ended->status, 3);
  EXPECT_EQ(ended->out, "some text");
  EXPECT_EQ(ended->error, "wrong\n");
}

TEST(Subprocess, does_not_mind_a_large_stdin_that_nobody_reads) {
  const auto ended = run(shell("exit 0"), std::string(5 << 20, 'x'), kLong);
  ASSERT_TRUE(ended) << ended.error().text();
  EXPECT_EQ(ended->status, 0);
}

TEST(Subprocess, keeps_the_start_of_stdout_and_the_end_of_stderr) {
  const auto ended = run(
      shell("echo first; head -c 3000000 /dev/zero; head -c 100000 /dev/zero >&2; echo last >&2"),
      "", kLong);
  ASSERT_TRUE(ended) << ended.error().text();
  EXPECT_EQ(ended->out.size(), std::size_t{1} << 20);
  EXPECT_TRUE(ended->out.starts_with("first\n"));
  EXPECT_EQ(ended->error.size(), 4096);
  EXPECT_THAT(ended->error, EndsWith("last\n"));
}

TEST(Subprocess, tells_a_signal_as_a_shell_does) {
  const auto ended = run(shell("kill -TERM $$"), "", kLong);
  ASSERT_TRUE(ended) << ended.error().text();
  EXPECT_EQ(ended->status, 128 + SIGTERM);
}

TEST(Subprocess, runs_in_the_folder_that_was_asked_for) {
  auto command = shell("pwd -P");
  command.working_directory = "/";
  EXPECT_EQ(output_of(command, "", kLong).value(), "/\n");
}

TEST(Subprocess, kills_the_whole_group_at_the_deadline) {
  // Only when the grandchild, which holds the lock, is dead as well does flock get it.
  char name[] = "/tmp/sosw-lock-XXXXXX";
  const OwnedFd file(::mkstemp(name));
  ASSERT_GE(file.get(), 0);
  const auto holder = fmt::format("flock {} sleep 1000 & wait", name);
  const auto ended = run(shell(holder), "", std::chrono::milliseconds{300});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::unavailable);
  EXPECT_THAT(ended.error().message, HasSubstr("killed"));
  const auto freed = run(shell(fmt::format("flock -w 60 {} true", name)), "", kLong);
  ASSERT_TRUE(freed) << freed.error().text();
  EXPECT_EQ(freed->status, 0);
  ::unlink(name);
}

TEST(Subprocess, does_not_wait_for_what_is_left_in_the_background) {
  const auto ended = run(shell("sleep 1000 & echo $!"), "", kLong);
  ASSERT_TRUE(ended) << ended.error().text();
  const int left = std::stoi(ended->out);
  EXPECT_EQ(::kill(left, SIGKILL), 0) << "it was still running";
}

TEST(Subprocess, says_why_it_cannot_start) {
  const auto missing = run({{"./no-such-program"}, {}}, "", kLong);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_THAT(missing.error().message,
              AllOf(HasSubstr("./no-such-program"), HasSubstr("No such file")));
  const auto denied = run({{"/etc/hostname"}, {}}, "", kLong);
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, Code::denied);
  EXPECT_FALSE(run({{}, {}}, "", kLong));
}

TEST(Subprocess, output_of_takes_another_exit_code_as_an_error) {
  const auto failed = output_of(shell("echo no space left >&2; exit 4"), "", kLong);
  ASSERT_FALSE(failed);
  EXPECT_THAT(failed.error().message, HasSubstr("status 4: no space left"));
}

}  // namespace
}  // namespace sosw::local
