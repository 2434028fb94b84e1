// SPDX-License-Identifier: MIT
// The port on its two ways: writes through the group writer, looks on connections of their own.
#include "local/sqlite_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <mutex>
#include <optional>

#include "core/chunking.h"
#include "core/json_text.h"
#include "local/group_writer.h"
#include "local/store_reads.h"
#include "local/store_schema.h"
#include "local/store_session.h"
#include "local/store_writes.h"

namespace sosw::local {

using engine::Accepted;
using engine::Alarm;
using engine::ClaimRequest;
using engine::Ended;
using engine::Exchanged;
using engine::Job;
using engine::JobStatus;
using engine::LabourerStatus;
using engine::Made;
using engine::Release;
using engine::TaskQuery;

namespace {

// cache_size is a maximum: pages come in as they are used. Temporary data (what a savepoint must be
// able to undo) stays in memory. The log is cut to 64 MiB when it starts anew.
constexpr const char* kWriterPragmas =
    "PRAGMA busy_timeout = 10000; PRAGMA cache_size = -32768; PRAGMA temp_store = MEMORY; "
    "PRAGMA journal_size_limit = 67108864; PRAGMA synchronous = ";
constexpr const char* kReaderPragmas =
    "PRAGMA busy_timeout = 10000; PRAGMA cache_size = -4096; PRAGMA query_only = ON;";

std::string writer_pragmas(const StoreOptions& options) {
  return std::string(kWriterPragmas) +
         (options.synchronous == StoreOptions::Synchronous::full ? "FULL;" : "NORMAL;");
}

}  // namespace

class SqliteStore::Body {
 public:
  // `session`: of the writer; null: there is none.
  Body(StoreOptions options, std::unique_ptr<Session> session) : options_(std::move(options)) {
    if (session) writer_.emplace(options_, writer_pragmas(options_), std::move(session));
  }

  [[nodiscard]] const StoreOptions& options() const { return options_; }

  template <class T>
  Result<T> write(std::string_view doing, const std::function<Result<T>(Writes&)>& request) {
    if (writer_) return writer_->run<T>(doing, request);
    return Error{Code::denied,
                 fmt::format("{}: not done: {} is open to read only", doing, options_.path),
                 "check owner and permissions of the data folder and of what is in it"};
  }

  // Runs `look` in a read transaction.
  template <class T>
  Result<T> read(std::string_view doing, const std::function<Result<T>(Session&)>& look) {
    try {
      std::unique_ptr<Session> session = take();
      session->run(Sql::begin_read);
      Result<T> answer = look(*session);
      session->run(Sql::commit);
      give_back(std::move(session));
      return answer;
    } catch (const SqliteError& error) {
      return error.error(doing);
    }
  }

 private:
  std::unique_ptr<Session> take() {
    {
      std::lock_guard lock(mutex_);
      if (!idle_readers_.empty()) {
        auto session = std::move(idle_readers_.back());
        idle_readers_.pop_back();
        return session;
      }
    }
    return std::make_unique<Session>(options_.path, kReaderPragmas,
                                     writer_ ? Database::Access::write : Database::Access::read);
  }
  void give_back(std::unique_ptr<Session> session) {
    std::lock_guard lock(mutex_);
    if (idle_readers_.size() < kIdleReaders) idle_readers_.push_back(std::move(session));
  }

  static constexpr std::size_t kIdleReaders = 2;
  const StoreOptions options_;
  std::optional<GroupWriter> writer_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Session>> idle_readers_;
};

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(StoreOptions options) {
  try {
    auto session = std::make_unique<Session>(options.path, writer_pragmas(options).c_str());
    if (auto migrated = migrate(session->database()); !migrated) {
      Error error = migrated.error();
      error.message = fmt::format("{}: {}", options.path, error.message);
      return error;
    }
    auto body = std::make_unique<Body>(std::move(options), std::move(session));
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(body)));
  } catch (const SqliteError& error) {
    return error.error(fmt::format("opening the store {}", options.path));
  }
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open_to_read(StoreOptions options) {
  const auto folder = std::filesystem::path(options.path).parent_path();
  if (::euidaccess(options.path.c_str(), W_OK) == 0 && ::euidaccess(folder.c_str(), W_OK) == 0)
    return open(std::move(options));
  try {
    Session session(options.path, kReaderPragmas, Database::Access::read);
    if (auto checked = check_version(session.database()); !checked) {
      Error error = checked.error();
      error.message = fmt::format("{}: {}", options.path, error.message);
      return error;
    }
    auto body = std::make_unique<Body>(std::move(options), nullptr);
    return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(body)));
  } catch (const SqliteError& error) {
    return error.error(fmt::format("opening the store {} to read", options.path));
  }
}

SqliteStore::SqliteStore(std::unique_ptr<Body> body) : body_(std::move(body)) {}
SqliteStore::~SqliteStore() = default;

Result<Accepted> SqliteStore::accept(const Job& job, std::int64_t make_now, Time now) {
  // Before the writer's turn: reading a description may take long.
  const auto rows = JobRows::open(job.description);
  if (!rows) return rows.error();
  const std::string description = json_text(job.description);
  return body_->write<Accepted>("accepting a job", [&](Writes& writes) {
    return writes.accept(job, description, *rows, make_now, now);
  });
}

Result<Made> SqliteStore::make_rows(std::string_view labourer_id, std::int64_t watermark,
                                    std::int64_t at_most, Time now) {
  return body_->write<Made>("making rows", [&](Writes& writes) {
    return writes.make_rows(labourer_id, watermark, at_most, now);
  });
}

Result<Exchanged> SqliteStore::exchange(std::span<const Report> reports,
                                        std::span<const ClaimRequest> claims,
                                        const engine::Labourers& labourers, Time now) {
  if (reports.empty() && claims.empty()) return Exchanged{};
  return body_->write<Exchanged>("storing reports and claiming tasks", [&](Writes& writes) {
    return writes.exchange(reports, claims, labourers, now);
  });
}

Result<std::vector<bool>> SqliteStore::release(std::span<const Release> claims,
                                               const engine::Labourers& labourers, Time now) {
  if (claims.empty()) return std::vector<bool>{};
  return body_->write<std::vector<bool>>(
      "giving claims back", [&](Writes& writes) { return writes.release(claims, labourers, now); });
}

Result<std::vector<Ended>> SqliteStore::expire(const Labourer& labourer, std::int64_t at_most,
                                               const StillRunning& still_running, Time now) {
  // The caller is asked in its own thread; the writer then takes only what has not changed.
  auto overdue = body_->read<std::vector<OverdueAttempt>>(
      "looking for expired tasks",
      [&](Session& session) { return Result(read_overdue(session, labourer.id, now)); });
  if (!overdue) return overdue.error();
  std::vector<Writes::Attempt> attempts;
  for (const OverdueAttempt& attempt : *overdue) {
    if (std::ssize(attempts) >= at_most) break;
    if (!still_running || !still_running(attempt.task_id, claim_token(attempt.claim)))
      attempts.push_back({attempt.id, attempt.claim});
  }
  if (attempts.empty()) return std::vector<Ended>{};
  return body_->write<std::vector<Ended>>("ending expired tasks", [&](Writes& writes) {
    return writes.expire(labourer, attempts, now);
  });
}

Result<std::vector<std::string>> SqliteStore::requeue(std::string_view labourer_id,
                                                      std::int64_t at_most, double longest_delay_s,
                                                      Time now) {
  return body_->write<std::vector<std::string>>(
      "putting tasks back to the queue",
      [&](Writes& writes) { return writes.requeue(labourer_id, at_most, longest_delay_s, now); });
}

Result<std::vector<std::string>> SqliteStore::archive(std::string_view labourer_id,
                                                      std::int64_t at_most, Time now) {
  return body_->write<std::vector<std::string>>(
      "archiving tasks", [&](Writes& writes) { return writes.archive(labourer_id, at_most, now); });
}

Result<std::vector<bool>> SqliteStore::replay(std::span<const std::string> task_ids, Time now) {
  if (task_ids.empty()) return std::vector<bool>{};
  return body_->write<std::vector<bool>>(
      "replaying dead tasks", [&](Writes& writes) { return writes.replay(task_ids, now); });
}

Result<std::int64_t> SqliteStore::cancel(std::string_view job_id, std::int64_t at_most, Time now) {
  return body_->write<std::int64_t>(fmt::format("cancelling job {}", job_id), [&](Writes& writes) {
    return writes.cancel(job_id, at_most, now);
  });
}

Result<std::vector<std::string>> SqliteStore::cancelling() {
  return body_->read<std::vector<std::string>>(
      "looking for unfinished cancellations",
      [](Session& session) { return Result(read_cancelling(session)); });
}

Result<void> SqliteStore::gate(std::string_view labourer_id, std::optional<bool> paused,
                               std::optional<std::string> blocked) {
  return body_->write<void>(
      fmt::format("changing the gate of {}", labourer_id),
      [&](Writes& writes) { return writes.gate(labourer_id, paused, blocked); });
}

Result<std::vector<Alarm>> SqliteStore::alarms(std::int64_t acknowledged, std::int64_t at_most) {
  if (acknowledged > 0) {
    auto dropped = body_->write<void>("acknowledging alarms", [&](Writes& writes) {
      writes.drop_alarms(acknowledged);
      return Result<void>();
    });
    if (!dropped) return dropped.error();
  }
  return body_->read<std::vector<Alarm>>(
      "reading alarms", [&](Session& session) { return Result(read_alarms(session, at_most)); });
}

Result<std::map<std::string, LabourerStatus>> SqliteStore::status() {
  return body_->read<std::map<std::string, LabourerStatus>>(
      "reading the status", [](Session& session) { return Result(read_status(session)); });
}

Result<std::vector<Task>> SqliteStore::tasks(const TaskQuery& query) {
  return body_->read<std::vector<Task>>("listing tasks", [&](Session& session) {
    return read_tasks(session, body_->options(), query);
  });
}

Result<std::vector<JobStatus>> SqliteStore::jobs(std::optional<std::string> job_id,
                                                 std::int64_t limit) {
  return body_->read<std::vector<JobStatus>>(
      "listing jobs", [&](Session& session) { return Result(read_jobs(session, job_id, limit)); });
}

}  // namespace sosw::local
