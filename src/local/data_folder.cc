// SPDX-License-Identifier: MIT
// One file `lock` in the folder; the kernel drops the lock with its holder, whatever ends it.
#include "local/data_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <string>
#include <system_error>

namespace sosw::local {
namespace {

Error failure(const std::filesystem::path& path, std::string_view doing, int code) {
  const std::string message =
      fmt::format("{} {}: {}", doing, path.string(), std::generic_category().message(code));
  switch (code) {
    case EACCES:
    case EPERM:
    case EROFS:
      return {Code::denied, message, "choose another folder with --data, or mend its permissions"};
    case ENOSPC:
    case EDQUOT:
      return {Code::exhausted, message, "free space on its disk"};
    case ENOTDIR:
    case EEXIST:
      return {Code::invalid, message, "choose another folder with --data"};
    default:
      return {Code::unavailable, message, {}};
  }
}

// 0: it cannot be told.
pid_t holder(int file) {
  char text[32];
  const ssize_t size = pread(file, text, sizeof text, 0);
  pid_t pid = 0;
  if (size > 0) std::from_chars(text, text + size, pid);
  return pid;
}

}  // namespace

std::optional<std::string_view> unsafe_file_system(long type) {
  switch (static_cast<unsigned long>(type) & 0xffffffff) {
    case 0x6969:
      return "NFS";
    case 0x517b:
    case 0xff534d42:
    case 0xfe534d42:
      return "SMB";
    case 0x65735546:
      return "FUSE";
    case 0x01021997:
      return "9P";
    case 0x00c36400:
      return "Ceph";
    case 0x0bd00bd0:
      return "Lustre";
    case 0x19830326:
      return "BeeGFS";
    case 0x47504653:
      return "GPFS";
    case 0x5346414f:
    case 0x6b414653:
      return "AFS";
    case 0x73757245:
      return "Coda";
    case 0x564c:
      return "NCP";
    case 0x01161970:
      return "GFS2";
    case 0x7461636f:
      return "OCFS2";
    default:
      return std::nullopt;
  }
}

Result<void> prepare_data_folder(const std::filesystem::path& folder) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::absolute(folder, error).parent_path();
  if (!error) std::filesystem::create_directories(parent, error);
  if (error) return failure(folder, "making the data folder", error.value());
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return failure(folder, "making the data folder", errno);
  struct stat found {};
  if (stat(folder.c_str(), &found) != 0)
    return failure(folder, "looking at the data folder", errno);
  if (!S_ISDIR(found.st_mode)) return failure(folder, "opening the data folder", ENOTDIR);
  struct statfs system {};
  if (statfs(folder.c_str(), &system) != 0)
    return failure(folder, "looking at the data folder", errno);
  if (const auto name = unsafe_file_system(static_cast<long>(system.f_type)))
    return invalid(
        fmt::format("the data folder {} is on a file system of type {}", folder.string(), *name),
        "choose a folder on a local disk with --data: locks and shared memory of a "
        "network file system lose data");
  return {};
}

Result<DataFolderLock> DataFolderLock::take(const std::filesystem::path& folder) {
  if (auto prepared = prepare_data_folder(folder); !prepared) return prepared.error();
  const std::filesystem::path path = folder / "lock";
  OwnedFd file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (file.get() < 0) return failure(path, "opening", errno);
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return failure(path, "locking", errno);
    const pid_t pid = holder(file.get());
    return Error{
        Code::conflict,
        pid > 0 ? fmt::format("the data folder {} is in use by process {}", folder.string(), pid)
                : fmt::format("the data folder {} is in use by another process", folder.string()),
        "end that engine, or choose another folder with --data"};
  }
  const std::string text = fmt::format("{}\n", getpid());
  if (ftruncate(file.get(), 0) != 0 ||
      pwrite(file.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    return failure(path, "writing", errno);
  return DataFolderLock(path, std::move(file));
}

bool DataFolderLock::still_there() const {
  struct stat ours {
  }, found{};
  if (fstat(file_.get(), &ours) != 0) return true;  // that tells nothing
  if (stat(path_.c_str(), &found) != 0) return errno != ENOENT && errno != ENOTDIR;
  return ours.st_dev == found.st_dev && ours.st_ino == found.st_ino;
}

}  // namespace sosw::local
