// SPDX-License-Identifier: MIT
// Moves the write-ahead log into the file beside the writer, so that no commit waits for it.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "local/sqlite.h"

namespace sosw::local {

// The log starts anew only when all of it has been moved and the writer writes next. Under constant
// load a pass beside the writer never catches up by itself: the short rest is moved by the writer.
class Checkpointer {
 public:
  Checkpointer(std::string path, std::string pragmas);
  Checkpointer(const Checkpointer&) = delete;
  Checkpointer& operator=(const Checkpointer&) = delete;
  ~Checkpointer();  // after the pass that is wanted

  // Looks at the log after each commit of this connection, from its thread, as long as both live.
  void watch(Database& writer);

 private:
  int committed(sqlite3* writer, int pages);
  void loop();

  const std::string path_, pragmas_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool wanted_ = false;
  bool ending_ = false;
  int pages_ = 0;  // of the log, at the last commit
  int moved_ = 0;  // of them, by the last pass beside the writer
  std::thread thread_;
};

}  // namespace sosw::local
