// SPDX-License-Identifier: MIT
// Whole small files.
#include "local/file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "local/owned_fd.h"

namespace sosw::local {
namespace {

Error file_error(int number, std::string_view doing, const std::filesystem::path& path) {
  Code code = Code::unavailable;
  if (number == ENOENT || number == ENOTDIR) code = Code::not_found;
  if (number == EACCES || number == EPERM || number == EROFS) code = Code::denied;
  if (number == ENOSPC || number == EDQUOT) code = Code::exhausted;
  return {code,
          fmt::format("cannot {} {}: {}", doing, path.string(),
                      std::generic_category().message(number)),
          {}};
}

}  // namespace

Result<std::string> read_file(const std::filesystem::path& path) {
  const OwnedFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return file_error(errno, "read", path);
  std::string text;
  std::array<char, 65536> block;
  while (true) {
    const auto n = ::read(file.get(), block.data(), block.size());
    if (n == 0) return text;
    if (n > 0) {
      text.append(block.data(), static_cast<std::size_t>(n));
    } else if (errno != EINTR) {
      return file_error(errno, "read", path);
    }
  }
}

Result<void> replace_file(const std::filesystem::path& path, std::string_view text) {
  auto beside = path;
  beside += ".new";
  {
    const OwnedFd file(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (file.get() < 0) return file_error(errno, "write", beside);
    while (!text.empty()) {
      const auto n = ::write(file.get(), text.data(), text.size());
      if (n >= 0) {
        text.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno != EINTR) {
        return file_error(errno, "write", beside);
      }
    }
    if (::fsync(file.get()) != 0) return file_error(errno, "write", beside);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return file_error(errno, "replace", path);
  const OwnedFd folder(::open((path.has_parent_path() ? path.parent_path() : ".").c_str(),
                              O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return file_error(errno, "write", path);
  return {};
}

}  // namespace sosw::local
