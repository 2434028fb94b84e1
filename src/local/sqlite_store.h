// SPDX-License-Identifier: MIT
// The engine's store in one SQLite file.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "core/greenfield.h"
#include "engine/ports.h"

namespace sosw::local {

struct StoreOptions {
  std::string path;  // of the file; created when it is not there
  // full: what was answered survives a power cut. normal: a power cut may take the newest commits
  // with it, answered ones too; a crash of the process takes nothing.
  enum class Synchronous : std::uint8_t { full, normal } synchronous = Synchronous::full;
  bool two_step = false;  // a completion waits in `completed` for archive(), as on AWS
  std::int64_t invocation_delta = kInvocationDelta;  // seconds
  std::int64_t task_step = kTaskStep;
};

// Writes are made by one of the threads that call, for all that have called meanwhile: as one
// group, committed before any of them is answered; looks have connections of their own and never
// wait for writes. Several objects on one file, in any processes of one machine, are safe. When the
// disk is full or fails, a call answers `exhausted`, nothing of it is done, and later calls work as
// soon as there is space. (Where the disk fails in the midst of a commit and the process ends
// before the next one, the call may be found done: an answer that was not heard of.)
class SqliteStore final : public engine::TaskStore {
 public:
  // Brings an older file up to date. Errors: corrupt (newer version, damaged), denied
  // (permissions), exhausted, unavailable (locked by another process).
  static Result<std::unique_ptr<SqliteStore>> open(StoreOptions options);
  // To look only: where the user may not write to the file or its folder, nothing is written, and
  // what would write answers `denied`. The file must be there. Errors: as open(); denied also for
  // an older file that it may not bring up to date.
  static Result<std::unique_ptr<SqliteStore>> open_to_read(StoreOptions options);
  ~SqliteStore() override;  // after the calls of all threads have returned

  Result<engine::Accepted> accept(const engine::Job& job, std::int64_t make_now, Time now) override;
  Result<engine::Made> make_rows(std::string_view labourer_id, std::int64_t watermark,
                                 std::int64_t at_most, Time now) override;
  Result<engine::Exchanged> exchange(std::span<const Report> reports,
                                     std::span<const engine::ClaimRequest> claims,
                                     const engine::Labourers& labourers, Time now) override;
  Result<std::vector<bool>> release(std::span<const engine::Release> claims,
                                    const engine::Labourers& labourers, Time now) override;
  Result<std::vector<engine::Ended>> expire(const Labourer& labourer, std::int64_t at_most,
                                            const StillRunning& still_running, Time now) override;
  Result<std::vector<std::string>> requeue(std::string_view labourer_id, std::int64_t at_most,
                                           double longest_delay_s, Time now) override;
  Result<std::vector<std::string>> archive(std::string_view labourer_id, std::int64_t at_most,
                                           Time now) override;
  Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now) override;
  Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now) override;
  Result<std::vector<std::string>> cancelling() override;
  Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                    std::optional<std::string> blocked) override;
  Result<std::vector<engine::Alarm>> alarms(std::int64_t acknowledged,
                                            std::int64_t at_most) override;
  Result<std::map<std::string, engine::LabourerStatus>> status() override;
  // With task_id: extra.history holds what later steps have overwritten, oldest first: each ended
  // attempt with its error; a row that is not made yet has its future payload and extra.folded.
  Result<std::vector<Task>> tasks(const engine::TaskQuery& query) override;
  Result<std::vector<engine::JobStatus>> jobs(std::optional<std::string> job_id,
                                              std::int64_t limit) override;

 private:
  class Body;
  explicit SqliteStore(std::unique_ptr<Body> body);
  const std::unique_ptr<Body> body_;
};

}  // namespace sosw::local
