// SPDX-License-Identifier: MIT
// Cancelling a job, in portions. Protocol section 6.
#include <fmt/format.h>

#include <algorithm>

#include "cloud/table_store_body.h"
#include "core/guard.h"

namespace sosw::cloud {
namespace {

constexpr std::int64_t kPortion = 50;  // rows of a job that are looked at together

}  // namespace

// Where rows may be that are not over: in the tasks and in the retry table, in turn.
std::vector<Key> TableStore::Body::keys_of_rows(std::string_view job, const Item& item,
                                                std::int64_t from, std::int64_t to) const {
  const std::string own_id = text_in(item, "own_id"), labourer = text_in(item, "labourer");
  std::vector<Key> keys;
  for (std::int64_t row = from; row < to; ++row) {
    const std::string id = own_id.empty() ? task_id(job, row) : own_id;
    keys.push_back(task_key(id));
    keys.push_back(retry_key(labourer, id));
  }
  return keys;
}

// Whether any row of the job is neither completed nor over.
Result<bool> TableStore::Body::live_rows(std::string_view job, const Item& item) {
  const std::int64_t made = integer_in(item, "cursor").value_or(0);
  for (std::int64_t row = 0; row < made; row += kPortion) {
    const auto rows = requests_.get(keys_of_rows(job, item, row, std::min(made, row + kPortion)));
    if (!rows) return rows.error();
    for (const auto& found : *rows)
      if (found && found->contains("labourer_id") && !found->contains("completed_at")) return true;
  }
  return false;
}

Result<std::int64_t> TableStore::Body::cancel(std::string_view job_id, std::int64_t at_most,
                                              Time now) {
  const std::string id(job_id);
  const auto nowhere = [&] {
    return Error{Code::not_found, fmt::format("there is no job {}", id), "`sosw jobs` lists them"};
  };
  Item item;
  std::string labourer;
  bool begun = false;
  for (int round = 1; !begun; ++round) {
    if (round > kRounds) return busy_tables(fmt::format("job {} was not cancelled", id));
    auto found = requests_.get_one(task_key(job_item_id(id)));
    if (!found) return found.error();
    if (!*found || !(*found)->contains("key")) return nowhere();
    item = **found;
    labourer = text_in(item, "labourer");
    const std::string state = text_in(item, "state");
    if (state.starts_with("cancel")) break;
    const auto read = requests_.get({task_key(tail_id(labourer)), task_key(count_id(id))});
    if (!read) return read.error();
    const auto& [tail, counts] = std::pair((*read)[0], (*read)[1]);
    const auto status = job_status(id, item, counts);
    if (state == "made") {
      bool any = status.done + status.dead + status.cancelled < status.made;
      if (any) {
        const auto live = live_rows(id, item);
        if (!live) return live.error();
        any = *live;
      }
      if (!any)
        return Error{Code::conflict, fmt::format("job {} has nothing left to cancel", id), {}};
    }

    // From here on no claim takes a row of it, and none is made.
    Move move;
    Change job_to;
    job_to.set("state", text("cancelling")).set("parts", number(0));
    Write job_write = job_to.with(":was_state", text(state))
                          .with(":was_cursor", item.at("cursor"))
                          .of(options_.tasks, {{"task_id", text(job_item_id(id))}});
    if (SOSW_GUARD(cancel_same))
      require(job_write, "#state = :was_state AND #cursor = :was_cursor");
    move.writes.push_back(std::move(job_write));
    if (tail) {
      const auto waiting = texts_in(*tail, "jobs");
      const auto place = std::find(waiting.begin(), waiting.end(), id);
      if (place != waiting.end()) {
        const std::string path = fmt::format("jobs[{}]", place - waiting.begin());
        Write tail_write = Change()
                               .remove(path)
                               .with(":job", text(id))
                               .of(options_.tasks, {{"task_id", text(tail_id(labourer))}});
        if (SOSW_GUARD(line_place)) require(tail_write, fmt::format("#{} = :job", path));
        move.writes.push_back(std::move(tail_write));
      }
    }
    for (std::int64_t i = 0; i < integer_in(item, "parts").value_or(0); ++i)
      move.writes.push_back(
          Write{Write::Kind::remove, options_.tasks, {{"task_id", text(part_id(id, i))}}});
    Change lease_to;
    lease_to.set_to("cancelling", "list_append(if_not_exists(#cancelling, :no_jobs), :added)")
        .with(":no_jobs", {{"L", json::array()}})
        .with(":added", {{"L", json::array{text(id)}}});
    // Whoever has read the job before, and claims behind it, is refused.
    if (SOSW_GUARD(cancel_moves_lease)) lease_to.add("seq", 1);
    move.writes.push_back(lease_to.of(options_.tasks, {{"task_id", text(lease_id(labourer))}}));
    if (auto committed = requests_.commit({&move, 1}); !committed) return committed.error();
    begun = move.fate == Move::Fate::done;
    if (!begun) requests_.pause(round);
  }
  const std::string state_was = text_in(item, "state");

  // Ids of rows are known, so the base rows are asked, not an index.
  constexpr std::int64_t kLookedAt = 1'000;  // rows behind the portion that are counted exactly
  const std::int64_t made = integer_in(item, "cursor").value_or(0);
  std::int64_t row = made > kLookedAt ? integer_in(item, "swept").value_or(0) : 0;
  std::int64_t swept = row, left = 0, closed = 0, running = 0, behind = 0;
  bool all_before = true;
  while (row < made && behind < kLookedAt) {
    const std::int64_t to = std::min(made, row + kPortion);
    const auto rows = requests_.get(keys_of_rows(id, item, row, to));
    if (!rows) return rows.error();
    std::vector<Move> moves;
    for (std::size_t i = 0; i < rows->size(); ++i) {
      const auto& found = (*rows)[i];
      // Without labourer: made by a WorkerAssistant of the original, of a report about what had
      // moved.
      if (!found || !found->contains("labourer_id")) continue;
      const bool live = i % 2 == 0;
      const State state = live ? live_state(*found, now) : State::retry;
      if (state == State::running || state == State::failed) ++running;
      if (state != State::queued && state != State::retry) continue;
      // The original is moving it: one copy at a time.
      const bool twice =
          !live && !moves.empty() &&
          text_in(moves.back().writes[1].item, "task_id") == text_in(*found, "task_id");
      if (closed + std::ssize(moves) >= at_most || twice) {
        ++left;
        all_before = false;
        continue;
      }
      moves.push_back(closing(*found, live ? Place::Where::tasks : Place::Where::retry,
                              State::cancelled, std::nullopt, now));
      moves.back().job = id;
    }
    if (auto committed = requests_.commit(moves); !committed) return committed.error();
    if (auto repaired = repair_refused(moves, now); !repaired) return repaired.error();
    for (const auto& move : moves) {
      if (move.fate == Move::Fate::done) {
        ++closed;
      } else {
        ++left;  // claimed meanwhile, or not reached: look again
        all_before = false;
      }
    }
    if (!all_before) behind += to - row;
    row = to;
    if (all_before) swept = row;
  }
  left += made - row;
  if (left > 0) {
    if (made > kLookedAt) {
      const auto kept =
          requests_.write(Change()
                              .set("swept", number(swept))
                              .of(options_.tasks, {{"task_id", text(job_item_id(id))}}));
      if (!kept) return kept.error();
    }
    return left;
  }
  if (state_was == "cancelled" && closed == 0 && running == 0)
    return Error{Code::conflict, fmt::format("job {} has nothing left to cancel", id), {}};
  if (state_was == "cancelled") return 0;
  for (int round = 1; round <= kRounds; ++round) {
    const auto lease = requests_.get_one(task_key(lease_id(labourer)));
    if (!lease) return lease.error();
    Move move;
    move.writes.push_back(Change()
                              .set("state", text("cancelled"))
                              .of(options_.tasks, {{"task_id", text(job_item_id(id))}}));
    if (*lease) {
      const auto list = texts_in(**lease, "cancelling");
      const auto place = std::find(list.begin(), list.end(), id);
      if (place != list.end()) {
        const std::string path = fmt::format("cancelling[{}]", place - list.begin());
        Write write = Change()
                          .remove(path)
                          .with(":job", text(id))
                          .of(options_.tasks, {{"task_id", text(lease_id(labourer))}});
        if (SOSW_GUARD(cancelling_place)) require(write, fmt::format("#{} = :job", path));
        move.writes.push_back(std::move(write));
      }
    }
    if (auto committed = requests_.commit({&move, 1}); !committed) return committed.error();
    if (move.fate == Move::Fate::done) return 0;
    requests_.pause(round);
  }
  return busy_tables(fmt::format("job {} is cancelled, but not marked so", id));
}

Result<std::vector<std::string>> TableStore::Body::cancelling() {
  const auto known = known_labourers();
  if (!known) return known.error();
  std::vector<Key> keys;
  for (const auto& labourer : *known) keys.push_back(task_key(lease_id(labourer)));
  const auto leases = requests_.get(std::move(keys));
  if (!leases) return leases.error();
  std::vector<std::string> ids;
  for (const auto& lease : *leases) {
    if (!lease) continue;
    for (auto& id : texts_in(*lease, "cancelling")) ids.push_back(std::move(id));
  }
  return ids;
}

}  // namespace sosw::cloud
