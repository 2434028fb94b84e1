// SPDX-License-Identifier: MIT
// BEGIN IMMEDIATE, a SAVEPOINT for each of several requests, COMMIT, then the answers.
#include "local/group_writer.h"

#include <fmt/format.h>

namespace sosw::local {

GroupWriter::GroupWriter(const StoreOptions& options, std::string pragmas,
                         std::unique_ptr<Session> session)
    : options_(options),
      pragmas_(std::move(pragmas)),
      session_(std::move(session)),
      checkpointer_(options.path, pragmas_) {
  writes_ = std::make_unique<Writes>(*session_, options_);
  checkpointer_.watch(session_->database());
}

std::optional<Error> GroupWriter::execute(std::string_view doing,
                                          const std::function<bool(Writes&)>& apply) {
  Request request{doing, apply, {}, false, {}};
  std::unique_lock lock(mutex_);
  inbox_.push_back(&request);
  request.done.wait(lock, [&] { return request.finished || !writing_; });
  if (request.finished) return std::move(request.error);

  // Nobody writes: this thread does, for all that wait. A thread of its own would cost two changes
  // of threads for each commit, which is more than the commit.
  writing_ = true;
  const std::vector<Request*> group = std::exchange(inbox_, {});
  lock.unlock();
  write(group);
  lock.lock();
  writing_ = false;
  for (Request* other : group) {
    other->finished = true;
    other->done.notify_one();
  }
  if (!inbox_.empty()) inbox_.front()->done.notify_one();
  return std::move(request.error);
}

void GroupWriter::write(const std::vector<Request*>& group) {
  try {
    if (!session_) open();
    session_->run(Sql::begin_write);
    bool any = false;
    for (Request* request : group) any |= write_one(*request, group.size() == 1);
    session_->run(any ? Sql::commit : Sql::rollback);
  } catch (const SqliteError& error) {
    for (Request* request : group)
      request->error = error.error(fmt::format("{}: not done", request->doing));
    undo();
  }
}

void GroupWriter::undo() {
  // The connection stays: what a failed commit has left in the log is found by whoever opens the
  // file first, and is written over by the next commit of those who have it open.
  try {
    if (!session_) return;
    if (session_->database().in_transaction()) session_->run(Sql::rollback);
    writes_->forget();
  } catch (const SqliteError&) {
    writes_.reset();
    session_.reset();
  }
}

bool GroupWriter::write_one(Request& request, bool alone) {
  if (!alone) session_->run(Sql::savepoint);
  bool keep = false;
  try {
    keep = request.apply(*writes_);
    if (keep) writes_->flush();
  } catch (const SqliteError& error) {
    // SQLite undoes the whole transaction on its own when it must; then the others are lost too.
    const int kind = error.code() & 0xff;
    if (!session_->database().in_transaction() || kind == SQLITE_FULL || kind == SQLITE_IOERR ||
        kind == SQLITE_NOMEM)
      throw;
    request.error = error.error(fmt::format("{}: not done", request.doing));
    keep = false;
  } catch (const std::exception& error) {
    request.error =
        Error{Code::internal, fmt::format("{}: not done: {}", request.doing, error.what()), {}};
    keep = false;
  }
  if (!keep && !alone) session_->run(Sql::rollback_to_savepoint);
  if (!keep) writes_->forget();
  if (!alone) session_->run(Sql::release_savepoint);
  return keep;
}

void GroupWriter::open() {
  session_ = std::make_unique<Session>(options_.path, pragmas_.c_str());
  writes_ = std::make_unique<Writes>(*session_, options_);
  checkpointer_.watch(session_->database());
}

}  // namespace sosw::local
