// SPDX-License-Identifier: MIT
#include "local/data_folder.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

namespace sosw::local {
namespace {

using ::testing::HasSubstr;

class DataFolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string text = (std::filesystem::temp_directory_path() / "sosw-data-XXXXXX").string();
    ASSERT_NE(mkdtemp(text.data()), nullptr);
    root_ = text;
  }
  void TearDown() override { std::filesystem::remove_all(root_); }
  std::filesystem::path root_;
};

TEST_F(DataFolderTest, makes_the_folder_for_its_owner_only) {
  const auto folder = root_ / "a" / "b";
  ASSERT_TRUE(prepare_data_folder(folder));
  struct stat found {};
  ASSERT_EQ(stat(folder.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0700u);
  EXPECT_TRUE(prepare_data_folder(folder)) << "it is there already";
}

TEST_F(DataFolderTest, a_lock_notices_that_its_folder_is_gone) {
  const auto folder = root_ / "data";
  const auto lock = DataFolderLock::take(folder);
  ASSERT_TRUE(lock) << lock.error().text();
  EXPECT_TRUE(lock->still_there());
  std::filesystem::rename(folder, root_ / "moved");
  EXPECT_FALSE(lock->still_there());
  const auto other = DataFolderLock::take(folder);
  ASSERT_TRUE(other) << other.error().text();
  EXPECT_FALSE(lock->still_there()) << "it is another one";
  EXPECT_TRUE(other->still_there());
  std::filesystem::remove_all(folder);
  EXPECT_FALSE(other->still_there());
}

TEST_F(DataFolderTest, refuses_what_is_no_folder) {
  close(open((root_ / "file").c_str(), O_CREAT | O_WRONLY, 0600));
  const auto prepared = prepare_data_folder(root_ / "file");
  ASSERT_FALSE(prepared);
  EXPECT_EQ(prepared.error().code, Code::invalid);
  EXPECT_THAT(prepared.error().message, HasSubstr((root_ / "file").string()));
}

TEST_F(DataFolderTest, a_second_lock_is_told_who_holds_the_first) {
  auto first = DataFolderLock::take(root_);
  ASSERT_TRUE(first) << first.error().text();
  const auto second = DataFolderLock::take(root_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::conflict);
  EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(getpid())));
  EXPECT_FALSE(second.error().hint.empty());
  { const DataFolderLock ended = std::move(*first); }
  EXPECT_TRUE(DataFolderLock::take(root_));
}

TEST_F(DataFolderTest, a_worker_that_outlives_the_engine_does_not_hold_the_lock) {
  auto lock = DataFolderLock::take(root_);
  ASSERT_TRUE(lock);
  pid_t child = 0;
  std::string program = "sleep", time = "600";
  char* arguments[] = {program.data(), time.data(), nullptr};
  ASSERT_EQ(posix_spawnp(&child, "sleep", nullptr, nullptr, arguments, environ), 0);
  { const DataFolderLock ended = std::move(*lock); }
  EXPECT_TRUE(DataFolderLock::take(root_));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
}

TEST_F(DataFolderTest, a_killed_holder_leaves_no_lock) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t child = fork();
  if (child == 0) {
    const auto lock = DataFolderLock::take(root_);
    const char answer = lock ? 'y' : 'n';
    if (write(ready[1], &answer, 1) != 1) _exit(1);
    for (;;) pause();
  }
  char answer = 0;
  ASSERT_EQ(read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  const auto refused = DataFolderLock::take(root_);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr(std::to_string(child)));
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_TRUE(DataFolderLock::take(root_));
  close(ready[0]);
  close(ready[1]);
}

TEST(UnsafeFileSystem, network_ones_are_known_by_name_and_local_ones_are_not) {
  EXPECT_EQ(unsafe_file_system(0x6969), "NFS");
  EXPECT_EQ(unsafe_file_system(static_cast<long>(0xff534d42)), "SMB");
  EXPECT_EQ(unsafe_file_system(static_cast<int>(0xff534d42)), "SMB") << "with its sign";
  EXPECT_EQ(unsafe_file_system(0x65735546), "FUSE");
  EXPECT_EQ(unsafe_file_system(0xef53), std::nullopt) << "ext4";
  EXPECT_EQ(unsafe_file_system(0x01021994), std::nullopt) << "tmpfs";
  EXPECT_EQ(unsafe_file_system(static_cast<long>(0x9123683e)), std::nullopt) << "btrfs";
}

}  // namespace
}  // namespace sosw::local
