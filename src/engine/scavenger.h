// SPDX-License-Identifier: MIT
// Archives what is completed, ends what has expired, brings back what is due, and sends the alarms
// of the dead.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/orchestrator.h"
#include "engine/ports.h"

namespace sosw::engine {

class Scavenger {
 public:
  struct Settings {
    std::int64_t batch = 1000;  // rows archived or expired in one transaction
    // False: one batch of each kind in a pass, for a caller whose time is counted; it calls again.
    bool all_batches = true;
    // Rows brought back in one transaction, at most so many in one pass: they keep the order of
    // their due times, which two transactions of one pass could not give, since each goes to the
    // head of the queue.
    std::int64_t retry_batch = 100'000;
    std::int64_t retry_tasks_limit =
        -1;  // most tasks of a labourer brought back in one pass; negative: all that are due
  };
  // The ports outlive this object; `audit` may be null. One thread calls.
  Scavenger(TaskStore& store, const Clock& clock, AuditLog* audit, Settings settings)
      : store_(store), clock_(clock), audit_(audit), settings_(settings) {}

  struct Pass {
    std::int64_t archived = 0, expired = 0, retried = 0, dead = 0;
    std::vector<std::string> queued;  // labourers whose queue got tasks
    std::vector<Skipped> skipped;     // what failed; the pass went on without it
  };
  // One pass over the labourers named in `which`: archive, expire, requeue, in this order. Attempts
  // that `still_running` knows do not expire (labourers with Expiry::host only).
  Pass scavenge(const Labourers& labourers, std::span<const std::string_view> which,
                const TaskStore::StillRunning& still_running);

 private:
  void archive_tasks(const Labourer& labourer, Pass& pass);
  void handle_expired_tasks(const Labourer& labourer, const TaskStore::StillRunning& still_running,
                            Pass& pass);
  void retry_tasks(const Labourer& labourer, Pass& pass);
  void audit(std::span<const std::string> ids, std::string_view action, const Labourer& labourer);

  TaskStore& store_;
  const Clock& clock_;
  AuditLog* audit_;
  Settings settings_;
};

// Sends the alarms that the store keeps, oldest first, until none is left or the notifier fails.
// Gives the number sent. What was sent and could not be acknowledged is sent again: at least once.
// `at_once`: so many together. `enough`: asked after each portion; true ends it, the rest stays.
Result<std::int64_t> flush_alarms(TaskStore& store, Notifier& notifier,
                                  const std::stop_token& stop = {}, std::int64_t at_once = 100,
                                  const std::function<bool()>& enough = {});

}  // namespace sosw::engine
