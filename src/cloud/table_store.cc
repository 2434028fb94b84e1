// SPDX-License-Identifier: MIT
// See table_store.h: the calls of the port, and what all parts of the store use.
#include "cloud/table_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "cloud/table_store_body.h"
#include "core/guard.h"

namespace sosw::cloud {

using engine::Accepted;
using engine::Claimed;
using engine::Exchanged;

const Labourer& configured(const engine::Labourers& labourers, const std::string& id) {
  static const Labourer kDefaults;
  const auto known = labourers.find(id);
  return known == labourers.end() ? kDefaults : known->second;
}

Error busy_tables(std::string_view what) {
  return {Code::unavailable, fmt::format("{}: others write to the same items all the time", what),
          "try again"};
}

TableStore::TableStore(Tables& tables, Options options)
    : body_(std::make_unique<Body>(tables, std::move(options))) {}
TableStore::~TableStore() = default;

Result<Accepted> TableStore::accept(const engine::Job& job, std::int64_t make_now, Time now) {
  return body_->accept(job, make_now, now);
}

Result<engine::Made> TableStore::make_rows(std::string_view labourer_id, std::int64_t watermark,
                                           std::int64_t at_most, Time now) {
  return body_->make_rows(labourer_id, watermark, at_most, now);
}

Result<Exchanged> TableStore::exchange(std::span<const Report> reports,
                                       std::span<const engine::ClaimRequest> claims,
                                       const engine::Labourers& labourers, Time now) {
  Exchanged exchanged;
  for (const Report& report : reports) {
    auto reported = body_->report(report, labourers, now);
    if (!reported) return reported.error();
    exchanged.reported.push_back(std::move(*reported));
  }
  std::optional<Error> failed;
  for (const auto& request : claims) {
    const auto& labourer = configured(labourers, std::string(request.labourer_id));
    const auto claimed = body_->claim(request, labourer, now, exchanged.claimed);
    if (!claimed)
      failed = claimed.error();
    else if (*claimed == Body::Claiming::held_up)
      exchanged.held_up.emplace_back(request.labourer_id);
  }
  // What was done must be told; what was not is asked for again with the next call.
  if (failed && exchanged.reported.empty() && exchanged.claimed.empty()) return *failed;
  return exchanged;
}

Result<std::vector<bool>> TableStore::release(std::span<const engine::Release> claims,
                                              const engine::Labourers& labourers, Time now) {
  return body_->release(claims, labourers, now);
}

Result<std::vector<engine::Ended>> TableStore::expire(const Labourer& labourer,
                                                      std::int64_t at_most,
                                                      const StillRunning& still_running, Time now) {
  return body_->expire(labourer, at_most, still_running, now);
}

Result<std::vector<std::string>> TableStore::requeue(std::string_view labourer_id,
                                                     std::int64_t at_most, double longest_delay_s,
                                                     Time now) {
  return body_->requeue(labourer_id, at_most, longest_delay_s, now);
}

Result<std::vector<std::string>> TableStore::archive(std::string_view labourer_id,
                                                     std::int64_t at_most, Time now) {
  return body_->archive(labourer_id, at_most, now);
}

Result<std::vector<bool>> TableStore::replay(std::span<const std::string> task_ids, Time now) {
  return body_->replay(task_ids, now);
}

Result<std::int64_t> TableStore::cancel(std::string_view job_id, std::int64_t at_most, Time now) {
  return body_->cancel(job_id, at_most, now);
}

Result<std::vector<std::string>> TableStore::cancelling() { return body_->cancelling(); }

Result<void> TableStore::gate(std::string_view labourer_id, std::optional<bool> paused,
                              std::optional<std::string> blocked) {
  return body_->gate(labourer_id, paused, blocked);
}

Result<std::vector<engine::Alarm>> TableStore::alarms(std::int64_t acknowledged,
                                                      std::int64_t at_most) {
  return body_->alarms(acknowledged, at_most);
}

Result<std::map<std::string, engine::LabourerStatus>> TableStore::status() {
  return body_->status();
}

Result<engine::LabourerStatus> TableStore::status_of(const std::string& labourer_id,
                                                     std::int64_t counted) {
  return body_->status_of(labourer_id, counted);
}

Result<std::map<std::string, engine::LabourerStatus>> TableStore::glance(
    std::span<const std::string_view> labourers) {
  return body_->glance(labourers);
}

Result<std::vector<std::string>> TableStore::known_labourers() {
  const auto known = body_->known_labourers();
  if (!known) return known.error();
  return std::vector<std::string>(known->begin(), known->end());
}

Result<std::vector<Task>> TableStore::tasks(const engine::TaskQuery& query) {
  return body_->tasks(query);
}

Result<std::vector<engine::JobStatus>> TableStore::jobs(std::optional<std::string> job_id,
                                                        std::int64_t limit) {
  return body_->jobs(job_id, limit);
}

Result<bool> TableStore::start(std::string_view task_id, std::string_view claim,
                               std::string_view run) {
  return body_->start(task_id, claim, run);
}

Result<std::int64_t> TableStore::settle_letters(const engine::Labourers& labourers, Time now) {
  return body_->settle_letters(labourers, now);
}

Result<void> TableStore::give_back_leases() { return body_->give_back_leases(); }

// --- Shared

TableStore::Body::Body(Tables& tables, Options options)
    : options_(std::move(options)), requests_(tables, options_) {}

Key TableStore::Body::task_key(std::string_view id) const {
  return {options_.tasks, {{"task_id", text(id)}}};
}
Key TableStore::Body::closed_key(std::string_view id) const {
  return {options_.closed, {{"task_id", text(id)}}};
}
Key TableStore::Body::retry_key(std::string_view labourer, std::string_view id) const {
  return {options_.retry, {{"labourer_id", text(labourer)}, {"task_id", text(id)}}};
}

Write TableStore::Body::put(const std::string& table, Item row, bool where_nothing_is) {
  Write write{Write::Kind::put, table, std::move(row)};
  if (where_nothing_is) require(write, "attribute_not_exists(#task_id)");
  return write;
}

Write TableStore::Body::removal(const Item& row, Place::Where where) const {
  const std::string id = text_in(row, "task_id");
  Key key = where == Place::Where::tasks   ? task_key(id)
            : where == Place::Where::retry ? retry_key(text_in(row, "labourer_id"), id)
                                           : closed_key(id);
  Write write{Write::Kind::remove, std::move(key.table), std::move(key.key)};
  require_same(write, row,
               where == Place::Where::tasks   ? Same::task
               : where == Place::Where::retry ? Same::retry
                                              : Same::closed);
  return write;
}

Query TableStore::Body::queued(std::string_view labourer, Time now) const {
  Query query{options_.tasks, options_.tasks_index,
              "#labourer_id = :labourer AND #greenfield < :start"};
  query.values = {{":labourer", text(labourer)}, {":start", number(epoch_seconds(now))}};
  return query;
}

Query TableStore::Body::claimed(std::string_view labourer, Time now) const {
  Query query = queued(labourer, now);
  query.key = "#labourer_id = :labourer AND #greenfield >= :start";
  return query;
}

Query TableStore::Body::waiting_for_retry(std::string_view labourer) const {
  Query query{options_.retry, options_.retry_index, "#labourer_id = :labourer"};
  query.values = {{":labourer", text(labourer)}};
  return query;
}

Result<std::optional<std::int64_t>> TableStore::Body::oldest_position(std::string_view labourer,
                                                                      Time now) {
  Query query = queued(labourer, now);
  query.projection = "#task_id, #greenfield";
  const auto rows = requests_.query(std::move(query), 1);
  if (!rows) return rows.error();
  return rows->empty() ? std::nullopt : integer_in(rows->front(), "greenfield");
}

Result<std::set<std::string, std::less<>>> TableStore::Body::known_labourers() {
  std::set<std::string, std::less<>> all(options_.labourers.begin(), options_.labourers.end());
  Query query{options_.tasks, options_.tasks_index, "#labourer_id = :kind"};
  query.values = {{":kind", text(kLabourers)}};
  const auto rows = requests_.query(std::move(query), 100'000);
  if (!rows) return rows.error();
  for (const auto& row : *rows) all.insert(text_in(row, "labourer"));
  return all;
}

Result<std::optional<TableStore::Body::Place>> TableStore::Body::find(
    std::string_view task_id, const engine::Labourers& labourers, Time now) {
  if (task_id.empty() || task_id.starts_with("sosw:")) return std::optional<Place>();
  auto known = known_labourers();
  if (!known) return known.error();
  for (const auto& [id, labourer] : labourers) known->insert(id);
  std::vector<Key> keys = {task_key(task_id)};
  for (const auto& id : *known)
    if (!id.empty()) keys.push_back(retry_key(id, task_id));
  keys.push_back(closed_key(task_id));
  // Between two reads the task may move to where has just been looked.
  for (int round = 0; round < 2; ++round) {
    auto rows = requests_.get(keys);
    if (!rows) return rows.error();
    for (std::size_t i = 0; i < rows->size(); ++i) {
      auto& row = (*rows)[i];
      if (!row) continue;
      if (i == 0 && row->contains("labourer_id"))
        return std::optional<Place>({Place::Where::tasks, *row, live_state(*row, now)});
      if (i != 0 && i + 1 < rows->size())
        return std::optional<Place>({Place::Where::retry, *row, State::retry});
      if (i + 1 == rows->size())
        return std::optional<Place>({Place::Where::closed, *row, closed_state(*row)});
    }
  }
  return std::optional<Place>();
}

Result<TableStore::Body::Cancelled> TableStore::Body::cancelled_jobs(std::span<const Item> rows) {
  Cancelled cancelled;
  std::vector<std::string> jobs;
  for (const auto& row : rows)
    if (auto job = job_of(row); !job.empty()) jobs.push_back(std::move(job));
  std::sort(jobs.begin(), jobs.end());
  jobs.erase(std::unique(jobs.begin(), jobs.end()), jobs.end());
  if (jobs.empty()) return cancelled;
  std::vector<Key> keys;
  for (const auto& job : jobs) keys.push_back(task_key(job_item_id(job)));
  const auto items = requests_.get(std::move(keys));
  if (!items) return items.error();
  for (std::size_t i = 0; i < jobs.size(); ++i)
    if (const auto& item = (*items)[i])
      if (const auto state = text_in(*item, "state"); state.starts_with("cancel"))
        cancelled.emplace(jobs[i], state == "cancelled");
  return cancelled;
}

bool TableStore::Body::given_up(const Item& row, const Cancelled& cancelled) {
  // What was replayed by hand is a new wish: the cancellation of its job does not concern it.
  return !row.contains("replays") && cancelled.contains(job_of(row));
}

}  // namespace sosw::cloud
