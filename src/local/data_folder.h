// SPDX-License-Identifier: MIT
// The folder that holds everything of one home, and the lock that makes an engine its only one.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <utility>

#include "core/result.h"
#include "local/owned_fd.h"

namespace sosw::local {

// Makes the folder when it is not there (mode 0700, its parents as the umask says), and refuses one
// where a store would not be safe. Errors: invalid (no folder, a network file system), denied,
// exhausted, unavailable.
[[nodiscard]] Result<void> prepare_data_folder(const std::filesystem::path& folder);

// Held as long as this lives, and at most as long as the process: children that it starts with exec
// do not inherit it.
class DataFolderLock {
 public:
  // Prepares the folder first. Errors: those of prepare_data_folder(); conflict, when another
  // process (or another lock of this one) holds it.
  [[nodiscard]] static Result<DataFolderLock> take(const std::filesystem::path& folder);

  // Whether the folder is still the one that was locked: it may have been removed, moved or
  // replaced since, and the lock with it.
  [[nodiscard]] bool still_there() const;

 private:
  DataFolderLock(std::filesystem::path path, OwnedFd file)
      : path_(std::move(path)), file_(std::move(file)) {}
  std::filesystem::path path_;  // of the file
  OwnedFd file_;
};

// The name of a file system on which SQLite's shared memory or locks cannot be relied on, by its
// number in statfs(2); nullopt: no such one.
[[nodiscard]] std::optional<std::string_view> unsafe_file_system(long type);

}  // namespace sosw::local
