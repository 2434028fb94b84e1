// SPDX-License-Identifier: MIT
// PASSIVE checkpoints on a connection of their own.
#include "local/checkpointer.h"

namespace sosw::local {
namespace {

// Pages of 4 KiB in the log. From kBeside on it is moved beside the writer. The writer moves what
// is left when that is less than kRest, and from kFallback on: then it writes as fast as the thread
// moves, and the rest is what it has written during one pass.
constexpr int kBeside = 4096;
constexpr int kRest = 2048;
constexpr int kFallback = 16384;

}  // namespace

Checkpointer::Checkpointer(std::string path, std::string pragmas)
    : path_(std::move(path)), pragmas_(std::move(pragmas)), thread_([this] { loop(); }) {}

Checkpointer::~Checkpointer() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Checkpointer::watch(Database& writer) {
  sqlite3_wal_hook(
      writer.connection(),
      [](void* self, sqlite3* connection, const char*, int pages) {
        return static_cast<Checkpointer*>(self)->committed(connection, pages);
      },
      this);
}

int Checkpointer::committed(sqlite3* writer, int pages) {
  bool by_writer = pages >= kFallback;
  {
    std::lock_guard lock(mutex_);
    if (pages < pages_) moved_ = 0;  // the log has started anew
    pages_ = pages;
    if (pages < kBeside) return SQLITE_OK;
    if (moved_ > 0 && pages - moved_ < kRest) by_writer = true;
    if (!by_writer && !wanted_) {
      wanted_ = true;
      wake_.notify_one();
    }
  }
  if (by_writer && sqlite3_wal_checkpoint_v2(writer, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr,
                                             nullptr) != SQLITE_OK) {
    // No failure of the commit, which is done. Most often a pass beside us holds the log: it began
    // before this commit, so there is another one to come.
    std::lock_guard lock(mutex_);
    wanted_ = true;
    wake_.notify_one();
  }
  return SQLITE_OK;
}

void Checkpointer::loop() {
  std::unique_ptr<Database> database;
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [&] { return ending_ || wanted_; });
    if (!wanted_) return;
    wanted_ = false;  // what is committed from now on wants another pass
    lock.unlock();
    int moved = 0;
    try {
      if (!database) {
        database = std::make_unique<Database>(path_, std::span<const char* const>{});
        database->script(pragmas_.c_str());
        // A connection that has read nothing yet does not know that there is a log.
        database->script("PRAGMA schema_version");
      }
      int pages = 0;
      if (sqlite3_wal_checkpoint_v2(database->connection(), nullptr, SQLITE_CHECKPOINT_PASSIVE,
                                    &pages, &moved) != SQLITE_OK)
        moved = 0;
    } catch (const SqliteError&) {
      database.reset();  // opened again at the next commit that wants it
    }
    lock.lock();
    if (moved <= pages_) moved_ = moved;
  }
}

}  // namespace sosw::local
