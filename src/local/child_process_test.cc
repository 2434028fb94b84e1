// SPDX-License-Identifier: MIT
#include "local/child_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "local/credentials.h"

namespace sosw::local {
namespace {

using ::testing::HasSubstr;

Command shell(std::string script) {
  return {.argv = {"sh", "-c", std::move(script)},
          .environment = {{"PATH", "/usr/bin:/bin"}, {"MARK", "here"}},
          .folder = "/"};
}

void wait_for(int fd) {
  pollfd wait{fd, POLLIN, 0};
  ASSERT_EQ(poll(&wait, 1, 60'000), 1);
}

std::string read_to_end(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    pollfd wait{fd, POLLIN, 0};
    if (poll(&wait, 1, 60'000) != 1) ADD_FAILURE() << "no output";
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(n));
  }
}

TEST(ChildProcess, GetsItsInputEnvironmentAndFolder) {
  auto command = shell("cat; echo \" $MARK $(pwd)\" >&2; exit 3");
  command.input = "payload";
  auto child = start(command);
  ASSERT_TRUE(child) << child.error().text();
  EXPECT_EQ(read_to_end(child->output.get()), "payload here /\n");
  wait_for(child->exit.get());
  EXPECT_EQ(text(reap(*child)), "exit status 3");
}

TEST(ChildProcess, KeepsOutputAndErrorsApart) {
  auto command = shell("echo out; echo err >&2");
  command.join_output = false;
  auto child = start(command);
  ASSERT_TRUE(child);
  EXPECT_EQ(read_to_end(child->output.get()), "out\n");
  EXPECT_EQ(read_to_end(child->errors.get()), "err\n");
  wait_for(child->exit.get());
  EXPECT_EQ(text(reap(*child)), "exit status 0");
}

TEST(ChildProcess, InheritsNothingElse) {
  const int leak = dup(2);  // without close-on-exec
  signal(SIGPIPE, SIG_IGN);
  auto child = start(shell("ls /proc/self/fd | wc -l; grep SigIgn /proc/self/status"));
  signal(SIGPIPE, SIG_DFL);
  close(leak);
  ASSERT_TRUE(child);
  // 0, 1, 2 and the one by which ls reads the folder.
  EXPECT_THAT(read_to_end(child->output.get()), HasSubstr("4\nSigIgn:\t0000000000000000"));
  wait_for(child->exit.get());
  reap(*child);
}

TEST(ChildProcess, IsKilledWithItsChildren) {
  auto child = start(shell("sleep 1000 & echo $!; wait"));
  ASSERT_TRUE(child);
  pollfd wait{child->output.get(), POLLIN, 0};
  ASSERT_EQ(poll(&wait, 1, 60'000), 1);
  kill_group(*child, SIGKILL);
  read_to_end(child->output.get());  // the end comes only when the grandchild has gone, too
  wait_for(child->exit.get());
  EXPECT_EQ(text(reap(*child)), "signal: killed");
}

TEST(ChildProcess, TellsWhyItCannotStart) {
  const auto why = [](std::vector<std::string> argv, std::string folder) {
    auto child = start({.argv = std::move(argv),
                        .environment = {{"PATH", "/usr/bin:/bin"}},
                        .folder = std::move(folder)});
    EXPECT_FALSE(child);
    return child ? "" : child.error().text();
  };
  const std::string folder = ::testing::TempDir() + "/child_" + random_hex(8);
  std::filesystem::create_directory(folder);
  const auto file = [&](const std::string& name, const std::string& content, bool executable) {
    std::ofstream(folder + "/" + name) << content;
    if (executable) {
      std::filesystem::permissions(folder + "/" + name, std::filesystem::perms::owner_all);
    }
  };
  file("plain", "x", false);
  file("script", "no first line", true);
  file("lost", "#!/no/such/interpreter\n", true);
  EXPECT_THAT(why({"./none"}, folder),
              HasSubstr("cannot run './none' in " + folder + ": No such file or directory"));
  EXPECT_THAT(why({"none_such_program"}, folder),
              HasSubstr("no such program in PATH (/usr/bin:/bin)"));
  EXPECT_THAT(why({"./plain"}, folder), HasSubstr("chmod +x " + folder));
  EXPECT_THAT(why({"./script"}, folder), HasSubstr("#!/bin/sh"));
  EXPECT_THAT(why({"./lost"}, folder), HasSubstr("the interpreter"));
  EXPECT_THAT(why({"."}, folder), HasSubstr("no such program"));
  EXPECT_THAT(why({"true"}, folder + "/none"), HasSubstr("working_dir"));
  EXPECT_THAT(why({}, folder), HasSubstr("cannot run ''"));
  std::filesystem::remove_all(folder);
}

TEST(ChildProcess, ShowsItsMemory) {
  auto child = start(shell("sleep 1000"));
  ASSERT_TRUE(child);
  EXPECT_GT(private_memory(child->pid), 0U);
  EXPECT_LT(private_memory(child->pid), 64U << 20);
  kill_group(*child, SIGKILL);
  wait_for(child->exit.get());
  reap(*child);
  EXPECT_EQ(private_memory(child->pid), 0U);
}

TEST(ChildProcess, IsFoundByItsEnvironmentLater) {
  auto command = shell("setsid sh -c 'echo started; exec sleep 1000' & wait");
  const std::string mark = random_hex(16);
  command.environment["SOSW_TEST_MARK"] = mark;
  auto child = start(command);
  ASSERT_TRUE(child);
  pollfd wait{child->output.get(), POLLIN, 0};
  ASSERT_EQ(poll(&wait, 1, 60'000), 1);
  EXPECT_EQ(kill_leftovers("SOSW_TEST_MARK", "another"), 0);
  EXPECT_EQ(kill_leftovers("SOSW_TEST_MARK", mark), 2);
  read_to_end(child->output.get());
  wait_for(child->exit.get());
  reap(*child);
}

TEST(ChildProcess, AllGroupsEndAtOnceWithWhatTheyHaveStarted) {
  auto one = start(shell("sleep 1000 & echo started; wait"));
  auto two = start(shell("sleep 1000 & echo started; wait"));
  ASSERT_TRUE(one && two);
  for (const auto* child : {&*one, &*two}) {
    pollfd wait{child->output.get(), POLLIN, 0};
    ASSERT_EQ(poll(&wait, 1, 60'000), 1);
  }
  kill_all_groups();
  for (const auto* child : {&*one, &*two}) {
    read_to_end(child->output.get());  // ends when the last process of the group has
    wait_for(child->exit.get());
    EXPECT_EQ(reap(*child).number, SIGKILL);
  }
}

}  // namespace
}  // namespace sosw::local
