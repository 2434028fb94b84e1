// SPDX-License-Identifier: MIT
// Claims under a lease, start, release. Protocol sections 2, 3, 8.
#include <fmt/format.h>

#include <algorithm>

#include "cloud/table_store_body.h"
#include "core/guard.h"

namespace sosw::cloud {

using engine::Claimed;
using engine::ClaimRequest;
using engine::Release;

namespace {

constexpr std::int64_t kClaimsAtOnce = 96;  // what starts within a second
constexpr std::int64_t kLeaseS = 20;        // then others may claim
constexpr int kReleaseRounds = 2;           // beside the first
constexpr std::int64_t kMostLookedAt = 10'000;

std::int64_t deadline_seconds(Time deadline) {
  return std::chrono::ceil<std::chrono::seconds>(deadline).time_since_epoch().count();
}

}  // namespace

// --- The lease

Result<TableStore::Body::Lease> TableStore::Body::read_lease(std::string_view labourer) {
  const auto item = requests_.get_one(task_key(lease_id(labourer)));
  if (!item) return item.error();
  Lease lease;
  if (!*item) return lease;
  lease.holder = text_in(**item, "holder");
  lease.epoch = integer_in(**item, "epoch").value_or(0);
  lease.seq = integer_in(**item, "seq").value_or(0);
  lease.until = integer_in(**item, "until").value_or(0);
  lease.at = integer_in(**item, "at").value_or(0);
  lease.tells_all = (*item)->contains("pending") || !(*item)->contains("holder");
  for (auto& id : texts_in(**item, "pending")) lease.pending.insert(std::move(id));
  return lease;
}

// Takes the lease, or keeps it, by the same write that tells what is claimed under it. It is
// compared with all that the claim was decided by: nobody has claimed or cancelled anything of the
// labourer since it was read, however long this process was frozen.
Write TableStore::Body::lease_write(std::string_view labourer, const Lease& was,
                                    const Lease& will) const {
  Change change;
  change.set("holder", text(will.holder))
      .set("epoch", number(will.epoch))
      .set("seq", number(will.seq))
      .set("until", number(will.until))
      .set("at", number(will.at));
  if (will.pending.size() <= options_.most_pending) {
    json::array pending;
    for (const auto& id : will.pending) pending.push_back(text(id));
    change.set("pending", {{"L", std::move(pending)}});
  } else {
    change.remove("pending");
  }
  Write write = change.of(options_.tasks, {{"task_id", text(lease_id(labourer))}});
  write.values[":was_seq"] = number(was.seq);
  // It grows with every claim and every cancellation, so it tells of other holders too.
  if (SOSW_GUARD(lease_seq))
    require(write, was.seq == 0 ? "attribute_not_exists(#seq)" : "#seq = :was_seq");
  return write;
}

Result<void> TableStore::Body::give_back_leases() {
  std::map<std::string, Lease, std::less<>> held;
  {
    const std::lock_guard lock(mutex_);
    held.swap(leases_);
  }
  for (const auto& [labourer, lease] : held) {
    Write write = Change()
                      .set("until", number(0))
                      .with(":me", text(options_.holder))
                      .of(options_.tasks, {{"task_id", text(lease_id(labourer))}});
    if (SOSW_GUARD(lease_holder)) require(write, "#holder = :me");
    if (const auto written = requests_.write(std::move(write)); !written) return written.error();
  }
  return {};
}

// How many slots are taken. Forgets those pending claims that are known to be over.
Result<std::int64_t> TableStore::Body::busy(const ClaimRequest& request, const Labourer& labourer,
                                            Lease& lease, Time now) {
  const auto holds_slot = [&](const Item& row) {
    return live_state(row, now) == State::running &&
           (request.expiry == Expiry::host ||
            deadline_of(row, labourer, options_.invocation_delta) > now);
  };
  Query query = claimed(request.labourer_id, now);
  query.projection = "#task_id, #greenfield, #completed_at, #failed, #claim, #deadline";
  const auto rows = requests_.query(std::move(query), kMostLookedAt);
  if (!rows) return rows.error();
  std::set<std::string, std::less<>> running;
  for (const auto& row : *rows) {
    const std::string id = text_in(row, "task_id");
    if (holds_slot(row))
      running.insert(id);
    else if (row.contains("completed_at"))
      lease.pending.erase(id);  // nobody takes that back: no later image can be of a running claim
  }
  if (!SOSW_GUARD(lease_pending)) return static_cast<std::int64_t>(running.size());

  // What the index does not show as running may have been claimed a moment ago.
  std::vector<std::string> doubtful;
  for (const auto& id : lease.pending)
    if (!running.contains(id)) doubtful.push_back(id);
  std::vector<Key> keys;
  for (const auto& id : doubtful) keys.push_back(task_key(id));
  const auto base = requests_.get(std::move(keys));
  if (!base) return base.error();
  for (std::size_t i = 0; i < doubtful.size(); ++i) {
    const auto& row = (*base)[i];
    if (row && holds_slot(*row))
      running.insert(doubtful[i]);
    else if (!row || live_state(*row, now) != State::running)
      lease.pending.erase(doubtful[i]);
  }
  return static_cast<std::int64_t>(running.size());
}

// --- Claim

// A transaction whose answer was lost may have been made after all. Two holders try the same tokens
// for the same epoch: who has got them is told by the lease.
Result<bool> TableStore::Body::ours_after_all(const std::string& labourer, const Lease& tried,
                                              std::span<const Claimed> claims) {
  std::vector<Key> keys = {task_key(lease_id(labourer))};
  for (const auto& one : claims) keys.push_back(task_key(one.task.id));
  const auto rows = requests_.get(std::move(keys));
  if (!rows) return rows.error();
  const auto& lease = rows->front();
  if (!lease || text_in(*lease, "holder") != options_.holder ||
      integer_in(*lease, "epoch") != tried.epoch)
    return false;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const auto& row = (*rows)[i + 1];
    if (row && text_in(*row, "claim") == claims[i].claim) return true;  // it was all or nothing
  }
  return false;
}

// What is given up or completed is no candidate, and leaves the queue: the sweep of its job may be
// over, for a claim that is given back may come after it.
Result<std::vector<Item>> TableStore::Body::candidates(const ClaimRequest& request, std::int64_t n,
                                                       Time now) {
  std::vector<Item> found, completed;
  std::vector<Move> cancelled;
  // The jobs are read behind the lease, whose number each cancellation moves on.
  const auto sort = [&](std::vector<Item> rows) -> Result<void> {
    const auto jobs = cancelled_jobs(rows);
    if (!jobs) return jobs.error();
    for (auto& row : rows) {
      if (row.contains("completed_at")) {
        completed.push_back(std::move(row));
      } else if (SOSW_GUARD(cancelled_claim) && given_up(row, *jobs)) {
        if (jobs->at(job_of(row)))
          cancelled.push_back(
              closing(row, Place::Where::tasks, State::cancelled, std::nullopt, now));
      } else if (std::ssize(found) < n) {
        found.push_back(std::move(row));
      }
    }
    return {};
  };
  if (request.task_id) {
    auto row = requests_.get_one(task_key(*request.task_id));
    if (!row) return row.error();
    if (!*row || text_in(**row, "labourer_id") != request.labourer_id ||
        live_state(**row, now) != State::queued)
      return found;
    if (auto sorted = sort({std::move(**row)}); !sorted) return sorted.error();
  } else {
    Query query = queued(request.labourer_id, now);
    std::set<std::string> seen;
    while (std::ssize(found) < n) {
      query.limit = std::min<std::int64_t>(100, n - std::ssize(found));
      auto page = requests_.page(query);
      if (!page) return page.error();
      std::erase_if(page->items,
                    [&](const Item& row) { return !seen.insert(text_in(row, "task_id")).second; });
      if (auto sorted = sort(std::move(page->items)); !sorted) return sorted.error();
      if (!page->last) break;
      query.after = std::move(page->last);
    }
  }
  for (const auto& row : completed)
    if (auto taken = take_out_of_queue(row, now); !taken) return taken.error();
  if (auto closed = requests_.commit(cancelled); !closed) return closed.error();
  if (auto repaired = repair_refused(cancelled, now); !repaired) return repaired.error();
  return found;
}

Result<void> TableStore::Body::take_out_of_queue(const Item& completed, Time now) {
  Write write = Change()
                    .set("greenfield", number(greenfield_of_claim({}, completed, now)))
                    .counted()
                    .of(options_.tasks, {{"task_id", completed.at("task_id")}});
  require_same(write, completed, Same::task);
  const auto written = requests_.write(std::move(write));
  if (!written) return written.error();
  return {};
}

Result<TableStore::Body::Claiming> TableStore::Body::claim(const ClaimRequest& request,
                                                           const Labourer& labourer, Time now,
                                                           std::vector<Claimed>& claimed) {
  if (request.limit <= 0 || request.at_most <= 0 || request.labourer_id.empty())
    return Claiming::done;
  const std::string name(request.labourer_id);
  std::optional<Lease> lease;
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = leases_.find(name); known != leases_.end()) lease = known->second;
  }
  const auto forget = [&] {
    const std::lock_guard lock(mutex_);
    leases_.erase(name);
  };
  std::int64_t wanted = request.at_most;
  std::int64_t at_once = kClaimsAtOnce;
  std::set<std::string, std::less<>> own;  // claims that the item may not have room for
  for (int round = 1; round <= kRounds && wanted > 0; ++round) {
    if (!lease) {
      auto read = read_lease(name);
      if (!read) return read.error();
      lease = std::move(*read);
    }
    const bool mine = lease->holder == options_.holder;
    if (mine && !own.empty()) {
      lease->pending.merge(own);
      lease->tells_all = true;
    }
    const std::int64_t at = epoch_seconds(now);
    // Another one is at it. Only who waits depends on clocks: one that is ahead is not waited for.
    if (SOSW_GUARD(lease_until) && !mine && lease->until > at && lease->until <= at + kLeaseS)
      return Claiming::held_up;
    // Nothing tells what the index does not show yet, so it is given time to.
    if (SOSW_GUARD(lag_at_hand_over) && !lease->tells_all &&
        at < lease->at + options_.index_lag_s && at >= lease->at)
      return Claiming::held_up;
    lease->tells_all = true;
    const auto taken = busy(request, labourer, *lease, now);
    if (!taken) return taken.error();
    std::int64_t free = std::min(request.limit - *taken, wanted);
    if (free <= 0) {
      // Who waits for room where nothing is queued waits for nothing.
      const auto next = candidates(request, 1, now);
      if (!next) return next.error();
      return next->empty() ? Claiming::done : Claiming::held_up;
    }
    auto rows = candidates(request, free, now);
    if (!rows) return rows.error();
    if (rows->empty()) return Claiming::done;

    bool look_again = false;
    for (std::size_t from = 0; from < rows->size() && !look_again;) {
      const std::size_t n = std::min(static_cast<std::size_t>(at_once), rows->size() - from);
      Lease will = *lease;
      will.holder = options_.holder;
      if (lease->holder != options_.holder) ++will.epoch;
      will.until = epoch_seconds(now) + kLeaseS;
      will.at = epoch_seconds(now);
      Move move;
      std::vector<Claimed> mine_now;
      for (std::size_t i = from; i < from + n; ++i) {
        const Item& row = (*rows)[i];
        const std::int64_t greenfield = epoch_seconds(now) + options_.invocation_delta;
        const std::string token = claim_token(greenfield, will.epoch, ++will.seq);
        Claimed one{to_task(row, State::queued), token};
        Write write = Change()
                          .set_to("place", "#greenfield")
                          .set("greenfield", number(greenfield))
                          .set("attempts", number(one.task.attempts + 1))
                          .set("claim", text(token))
                          .set("deadline", number(deadline_seconds(request.deadline)))
                          .remove("started")
                          .remove("failed")
                          .counted()
                          .with(":was_position", number(one.task.greenfield))
                          .with(":was_attempts", number(one.task.attempts))
                          .of(options_.tasks, {{"task_id", text(one.task.id)}});
        if (SOSW_GUARD(no_ghost_row)) require(write, "attribute_exists(#labourer_id)");
        if (SOSW_GUARD(claim_position)) require(write, "#greenfield = :was_position");
        if (SOSW_GUARD(claim_attempts))
          require(write, row.contains("attempts") ? "#attempts = :was_attempts"
                                                  : "attribute_not_exists(#attempts)");
        if (SOSW_GUARD(claim_completed)) require(write, "attribute_not_exists(#completed_at)");
        move.writes.push_back(std::move(write));
        will.pending.insert(one.task.id);
        mine_now.push_back(std::move(one));
      }
      move.writes.push_back(lease_write(name, *lease, will));
      const auto committed = requests_.commit({&move, 1});
      const bool lease_refused =
          move.fate == Move::Fate::refused && move.refused.back().why == Refusal::condition;
      bool done = move.fate == Move::Fate::done;
      if (!done && move.unsure && SOSW_GUARD(claims_after_all)) {
        const auto ours = ours_after_all(name, will, mine_now);
        done = ours && *ours;
      }
      if (!done && move.throttled && n > 1) {
        at_once = static_cast<std::int64_t>(n) / 2;
        continue;
      }
      if (!done && !committed) {
        forget();  // nobody knows whether it was made
        return committed.error();
      }
      if (done) {
        lease = std::move(will);
        {
          const std::lock_guard lock(mutex_);
          leases_[name] = *lease;
        }
        wanted -= static_cast<std::int64_t>(n);
        std::move(mine_now.begin(), mine_now.end(), std::back_inserter(claimed));
        from += n;
      } else if (move.fate == Move::Fate::refused) {
        if (lease_refused) {
          forget();
          own = std::move(lease->pending);
          lease.reset();
          look_again = true;
          break;
        }
        // Others have had them, or the index shows them where they were: the rest is still ours.
        std::size_t kept = from;
        for (std::size_t i = from; i < rows->size(); ++i) {
          const bool gone = i - from < n && move.refused[i - from].why == Refusal::condition;
          if (gone) continue;
          if (kept != i) (*rows)[kept] = std::move((*rows)[i]);
          ++kept;
        }
        rows->resize(kept);
        look_again = rows->size() == from;
      } else {
        return Error{Code::unavailable,
                     fmt::format("no task of {} was claimed: the tables are busy", name),
                     "the next pass tries again"};
      }
    }
    if (!look_again) return Claiming::done;
    requests_.pause(round);
  }
  return wanted > 0 ? Claiming::held_up : Claiming::done;
}

// --- Start

Result<bool> TableStore::Body::start(std::string_view task_id, std::string_view claim,
                                     std::string_view run) {
  // Text that begins with a letter: the original's moves would make another type of it.
  Write write = Change()
                    .set("started", text(fmt::format("r{}", run)))
                    .counted()
                    .with(":claim", text(claim))
                    .with(":greenfield", number(greenfield_of(claim).value_or(-1)))
                    .of(options_.tasks, {{"task_id", text(task_id)}});
  if (SOSW_GUARD(no_ghost_row)) require(write, "attribute_exists(#labourer_id)");
  if (SOSW_GUARD(start_claim)) require(write, "#claim = :claim AND #greenfield = :greenfield");
  if (SOSW_GUARD(start_completed)) require(write, "attribute_not_exists(#completed_at)");
  if (SOSW_GUARD(start_once))
    require(write, "(attribute_not_exists(#started) OR #started = :started)");
  const auto written = requests_.write(std::move(write));
  if (!written) return written.error();
  return written->done;
}

// --- Release

Result<std::vector<bool>> TableStore::Body::release(std::span<const Release> claims,
                                                    const engine::Labourers& labourers, Time now,
                                                    int last_round) {
  std::vector<bool> released(claims.size());
  std::vector<Key> keys;
  for (const auto& given : claims) keys.push_back(task_key(given.task_id));
  const auto found = requests_.get(std::move(keys));
  if (!found) return found.error();
  const auto is_current = [&](const Item& row, const Release& given) {
    return !given.claim.empty() && text_in(row, "claim") == given.claim &&
           greenfield_of(given.claim) == integer_in(row, "greenfield") &&
           live_state(row, now) == State::running &&
           (given.why == Release::Why::interrupted || !row.contains("started"));
  };
  std::vector<std::size_t> order;
  std::vector<Item> rows;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const auto& row = (*found)[i];
    const bool twice = std::any_of(order.begin(), order.end(), [&](std::size_t other) {
      return claims[other].task_id == claims[i].task_id;
    });
    if (!row || twice || (SOSW_GUARD(release_claim) && !is_current(*row, claims[i]))) continue;
    order.push_back(i);
    rows.push_back(*row);
  }
  if (order.empty()) return released;
  const auto cancelled = cancelled_jobs(rows);
  if (!cancelled) return cancelled.error();
  // Later places first: each then finds its own before those that were behind it.
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return integer_in(*(*found)[a], "place") > integer_in(*(*found)[b], "place");
  });
  std::map<std::string, std::optional<std::int64_t>> oldest;  // position, of each labourer

  std::vector<Move> moves;
  for (const std::size_t i : order) {
    const Item& row = *(*found)[i];
    const Release& given = claims[i];
    const std::string labourer = text_in(row, "labourer_id");
    const bool died = given.why == Release::Why::interrupted;
    const bool over = SOSW_GUARD(cancelled_release) && given_up(row, *cancelled);
    const bool late = row.contains("late_at");
    const std::int64_t attempts = integer_in(row, "attempts").value_or(0);
    const std::int64_t interrupted = integer_in(row, "interrupted").value_or(0) + (died ? 1 : 0);
    Item changed = row;
    if (died) changed["interrupted"] = number(interrupted);

    if (late) {  // the work is done, by an older attempt
      changed["attempts"] = number(attempts - 1);
      changed["greenfield"] = number(greenfield_of_claim(text_in(row, "late_claim"), row, now));
      Move move =
          closing(changed, Place::Where::tasks, State::done, integer_in(row, "late_at"), now);
      move.writes.front() = removal(row, Place::Where::tasks);
      moves.push_back(std::move(move));
    } else if (given.why == Release::Why::impossible) {
      changed["attempts"] = number(attempts - 1);
      changed["result_error"] = attribute(json::string(given.reason));
      Move move = closing(changed, Place::Where::tasks, State::dead, std::nullopt, now);
      move.alarms.push_back({.kind = engine::Alarm::Kind::dead_task,
                             .labourer_id = labourer,
                             .task_id = given.task_id,
                             .message = given.reason,
                             .at = now});
      move.writes.front() = removal(row, Place::Where::tasks);
      moves.push_back(std::move(move));
    } else if (died && interrupted >= engine::kInterruptions) {
      State state = State::retry;
      Move move = ending(changed, false, configured(labourers, labourer), over,
                         "was interrupted too often", now, state);
      move.writes.front() = removal(row, Place::Where::tasks);
      moves.push_back(std::move(move));
    } else if (over) {
      changed["attempts"] = number(attempts - 1);
      Move move = closing(changed, Place::Where::tasks, State::cancelled, std::nullopt, now);
      move.writes.front() = removal(row, Place::Where::tasks);
      moves.push_back(std::move(move));
    } else {
      if (!oldest.contains(labourer)) {
        const auto position = oldest_position(labourer, now);
        if (!position) return position.error();
        oldest[labourer] = *position;
      }
      auto& first = oldest[labourer];
      std::int64_t place = integer_in(row, "place").value_or(kPositionCeiling);
      if (place >= first.value_or(options_.task_step))
        place = allocate_head(first, 1, options_.task_step).first;
      first = place;
      Change change;
      change.set("greenfield", number(place))
          .set("attempts", number(attempts - 1))
          .remove("claim")
          .remove("deadline")
          .remove("place")
          .remove("started")
          .counted();
      if (died) change.set("interrupted", number(interrupted));
      Move move;
      Write write = change.with(":claim", text(given.claim))
                        .with(":was_greenfield", number(greenfield_of(given.claim).value_or(-1)))
                        .of(options_.tasks, {{"task_id", text(given.task_id)}});
      if (SOSW_GUARD(no_ghost_row)) require(write, "attribute_exists(#labourer_id)");
      if (SOSW_GUARD(release_claim))
        require(write, "#claim = :claim AND #greenfield = :was_greenfield");
      // A worker that has started is not to be started again, whatever the invocation answered.
      if (SOSW_GUARD(release_started) && !died) require(write, "attribute_not_exists(#started)");
      if (SOSW_GUARD(release_completed)) require(write, "attribute_not_exists(#completed_at)");
      // Nor is work that an older attempt has finished meanwhile.
      if (SOSW_GUARD(release_late)) require(write, "attribute_not_exists(#late_at)");
      move.writes.push_back(std::move(write));
      moves.push_back(std::move(move));
    }
  }
  if (auto committed = requests_.commit(moves); !committed) return committed.error();
  std::optional<Error> left;
  std::vector<Release> changed;  // since they were read: decided once more
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < order.size(); ++i) {
    released[order[i]] = moves[i].fate == Move::Fate::done;
    if (moves[i].fate == Move::Fate::refused && last_round < kReleaseRounds) {
      changed.push_back(claims[order[i]]);
      places.push_back(order[i]);
    }
    if (moves[i].fate == Move::Fate::left)
      left = Error{Code::unavailable,
                   fmt::format("the claim of task {} was not given back: the tables are busy",
                               claims[order[i]].task_id),
                   "give it back again"};
  }
  if (!changed.empty()) {
    const auto again = release(changed, labourers, now, last_round + 1);
    if (!again) return again.error();
    for (std::size_t i = 0; i < places.size(); ++i) released[places[i]] = (*again)[i];
  }
  // What is done is done; repeated, it is no claim any more.
  if (left) return *left;
  return released;
}

}  // namespace sosw::cloud
