// SPDX-License-Identifier: MIT
#include "local/subprocess.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <stop_token>
#include <thread>

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

// A lock that the grandchild holds: only when it is dead as well does flock get it.
class Lock {
 public:
  Lock() : file_(::mkstemp(name_)) { EXPECT_GE(file_.get(), 0); }
  ~Lock() { ::unlink(name_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  // Prints `held` once the lock is taken, by a process in the background.
  [[nodiscard]] std::string hold() const {
    return fmt::format("flock {} sh -c 'echo held; exec sleep 1000' &", name_);
  }
  [[nodiscard]] const char* name() const { return name_; }
  [[nodiscard]] bool becomes_free() const {
    const auto freed = run(shell(fmt::format("flock -w 60 {} true", name_)), "", kLong);
    return freed && freed->status == 0;
  }

 private:
  char name_[32] = "/tmp/sosw-lock-XXXXXX";
  OwnedFd file_;
};

TEST(Subprocess, kills_at_the_deadline_with_all_that_it_has_started) {
  const Lock lock;
  const auto ended = run(shell(lock.hold() + " wait"), "", std::chrono::milliseconds{300});
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::unavailable);
  EXPECT_THAT(ended.error().message, HasSubstr("killed"));
  EXPECT_TRUE(lock.becomes_free());
}

TEST(Subprocess, kills_when_it_is_stopped_with_all_that_it_has_started) {
  const Lock lock;
  std::stop_source stop;
  std::jthread stopper([&] {
    // Nobody gets the lock while it is held.
    while (run(shell(fmt::format("flock -n {} true", lock.name())), "", kLong)->status == 0) {
    }
    stop.request_stop();
  });
  const auto ended = run(shell(lock.hold() + " wait"), "", kLong, stop.get_token());
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code, Code::unavailable);
  EXPECT_THAT(ended.error().message, HasSubstr("the engine ends"));
  EXPECT_TRUE(lock.becomes_free());
  // Whoever was stopped before starts nothing that goes on.
  EXPECT_FALSE(run(shell("sleep 1000"), "", kLong, stop.get_token()));
}

TEST(Subprocess, does_not_wait_for_what_is_left_in_the_background_but_ends_it) {
  const Lock lock;
  // The shell ends only after its child has said that it holds the lock.
  const auto fifo = fmt::format("{{ {} }} | {{ read line; echo $line; }}", lock.hold());
  const auto ended = run(shell(fifo), "", kLong);
  ASSERT_TRUE(ended) << ended.error().text();
  EXPECT_EQ(ended->out, "held\n");
  EXPECT_TRUE(lock.becomes_free());
}

TEST(Subprocess, says_why_it_cannot_start) {
  const auto missing = run({{"./no-such-program"}, {}}, "", kLong);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Code::not_found);
  EXPECT_THAT(missing.error().message,
              AllOf(HasSubstr("./no-such-program"), HasSubstr("No such file")));
  char name[] = "/tmp/sosw-no-program-XXXXXX";
  const OwnedFd file(::mkstemp(name));
  const auto denied = run({{name}, {}}, "", kLong);
  ::unlink(name);
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
