// SPDX-License-Identifier: MIT
// Writes to the store by one thread at a time: what comes in meanwhile becomes the next
// transaction.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "local/checkpointer.h"
#include "local/sqlite_store.h"
#include "local/store_session.h"
#include "local/store_writes.h"

namespace sosw::local {

class GroupWriter {
 public:
  GroupWriter(const StoreOptions& options, std::string pragmas, std::unique_ptr<Session> session);
  GroupWriter(const GroupWriter&) = delete;
  GroupWriter& operator=(const GroupWriter&) = delete;

  // Runs `request`, in this thread or in another one that is here as well, and gives its answer
  // once it is committed. An error of its own undoes only itself. `doing` says what has not been
  // done when the disk fails.
  template <class T>
  Result<T> run(std::string_view doing, const std::function<Result<T>(Writes&)>& request) {
    std::optional<Result<T>> answer;
    const std::function<bool(Writes&)> apply = [&](Writes& writes) {
      answer.emplace(request(writes));
      return static_cast<bool>(*answer);
    };
    if (auto error = execute(doing, apply)) return *error;
    return std::move(*answer);
  }

 private:
  struct Request {
    std::string_view doing;
    const std::function<bool(Writes&)>& apply;  // false: undo it
    std::optional<Error> error;                 // it was not done
    bool finished = false;
    std::condition_variable done;
  };
  std::optional<Error> execute(std::string_view doing, const std::function<bool(Writes&)>& apply);
  void write(const std::vector<Request*>& group);
  bool write_one(Request& request, bool alone);  // whether there is something to commit
  void undo();                                   // a transaction that has failed
  void open();

  const StoreOptions& options_;
  const std::string pragmas_;
  // Of the thread that writes. No session: not even a rollback went well; it is opened
  // again.
  std::unique_ptr<Session> session_;
  std::unique_ptr<Writes> writes_;
  Checkpointer checkpointer_;

  std::mutex mutex_;
  std::vector<Request*> inbox_;
  bool writing_ = false;
};

}  // namespace sosw::local
