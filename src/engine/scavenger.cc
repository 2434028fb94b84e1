// SPDX-License-Identifier: MIT
// See scavenger.h.
#include "engine/scavenger.h"

#include <algorithm>
#include <iterator>

#include "core/guard.h"

namespace sosw::engine {

Scavenger::Pass Scavenger::scavenge(const Labourers& labourers,
                                    std::span<const std::string_view> which,
                                    const TaskStore::StillRunning& still_running) {
  Pass pass;
  for (const std::string_view id : which) {
    const auto found = labourers.find(id);
    if (found == labourers.end()) continue;
    archive_tasks(found->second, pass);
    handle_expired_tasks(found->second, still_running, pass);
    retry_tasks(found->second, pass);
  }
  return pass;
}

void Scavenger::archive_tasks(const Labourer& labourer, Pass& pass) {
  for (;;) {
    const auto archived = store_.archive(labourer.id, settings_.batch, clock_.now());
    if (!archived) {
      pass.skipped.push_back({labourer.id, archived.error().message});
      return;
    }
    pass.archived += static_cast<std::int64_t>(archived->size());
    audit(*archived, "archived", labourer);
    if (!settings_.all_batches || std::ssize(*archived) < settings_.batch) return;
  }
}

void Scavenger::handle_expired_tasks(const Labourer& labourer,
                                     const TaskStore::StillRunning& still_running, Pass& pass) {
  static const TaskStore::StillRunning kNobodyKnows = [](std::string_view, std::string_view) {
    return false;
  };
  const bool asks = labourer.expiry == Expiry::host && SOSW_GUARD(host_asked_before_expiry);
  const auto& knows = asks ? still_running : kNobodyKnows;
  for (;;) {
    const auto ended = store_.expire(labourer, settings_.batch, knows, clock_.now());
    if (!ended) {
      pass.skipped.push_back({labourer.id, ended.error().message});
      return;
    }
    std::vector<AuditEvent> events;
    for (const Ended& one : *ended) {
      ++pass.expired;
      if (one.state == State::dead) ++pass.dead;
      const std::string_view action = one.state == State::retry  ? "scheduled_for_retry"
                                      : one.state == State::dead ? "archived_dead"
                                                                 : "archived";
      events.push_back({one.task_id, action, labourer.id, clock_.now()});
    }
    if (audit_ != nullptr && !events.empty()) audit_->append(events);
    if (!settings_.all_batches || std::ssize(*ended) < settings_.batch) return;
  }
}

void Scavenger::retry_tasks(const Labourer& labourer, Pass& pass) {
  const std::int64_t limit = settings_.retry_tasks_limit;
  const std::int64_t at_most =
      limit < 0 ? settings_.retry_batch : std::min(limit, settings_.retry_batch);
  const auto queued =
      store_.requeue(labourer.id, at_most, longest_retry_delay_s(labourer), clock_.now());
  if (!queued) {
    pass.skipped.push_back({labourer.id, queued.error().message});
    return;
  }
  if (queued->empty()) return;
  pass.queued.push_back(labourer.id);
  pass.retried += static_cast<std::int64_t>(queued->size());
  audit(*queued, "ready_for_retry", labourer);
}

void Scavenger::audit(std::span<const std::string> ids, std::string_view action,
                      const Labourer& labourer) {
  if (audit_ == nullptr || ids.empty()) return;
  std::vector<AuditEvent> events;
  events.reserve(ids.size());
  for (const std::string& id : ids) events.push_back({id, action, labourer.id, clock_.now()});
  audit_->append(events);
}

Result<std::int64_t> flush_alarms(TaskStore& store, Notifier& notifier, const std::stop_token& stop,
                                  std::int64_t at_once, const std::function<bool()>& enough) {
  std::int64_t sent = 0;
  std::int64_t acknowledged = 0;
  for (;;) {
    const auto alarms = store.alarms(acknowledged, at_once);
    if (!alarms) return alarms.error();
    if (alarms->empty()) return sent;
    if (!SOSW_GUARD(told_before_acknowledged)) (void)store.alarms(alarms->back().number, 0);
    if (const auto notified = notifier.notify(*alarms, stop); !notified) return notified.error();
    sent += static_cast<std::int64_t>(alarms->size());
    acknowledged = alarms->back().number;
    if (enough && enough()) {
      if (const auto noted = store.alarms(acknowledged, 0); !noted) return noted.error();
      return sent;
    }
  }
}

}  // namespace sosw::engine
