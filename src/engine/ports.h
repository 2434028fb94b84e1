// SPDX-License-Identifier: MIT
// Everything the engine may ask of the outside world. Each port has one conformance suite
// (tests/conformance/) that every adapter and the in-memory model pass. Calls are synchronous and
// batch-shaped; an adapter parallelises inside. All methods may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/labourer.h"
#include "core/lifecycle.h"
#include "core/result.h"
#include "core/task.h"
#include "core/time.h"

namespace sosw::engine {

using Labourers = std::map<std::string, Labourer, std::less<>>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;  // wall clock
};

// --- The store
// ------------------------------------------------------------------------------------------------------

struct Job {
  // Idempotency key: the caller's, the event's, or rule and nominal time. Empty: a task made
  // directly, never merged.
  std::string key;
  std::string labourer_id;
  json::object description;  // frozen at acceptance; all that JobRows::open needs (core/chunking.h)
  std::int64_t rows = 0;
  // A job of one row may choose, as create_task(strict=False) of the original could:
  std::optional<std::string> task_id;    // a foreign id
  std::optional<std::int64_t> position;  // its place in the queue, below kPositionCeiling
};
struct Accepted {
  std::string job_id;  // of a task made directly: the store's own job for such
  std::int64_t rows = 0;
  bool already = false;   // the key had been accepted before
  std::int64_t made = 0;  // rows that are tasks now, from the first one on
  std::string task_id;    // of a job of one row
};

struct Made {
  std::string job_id;          // of the rows made
  std::int64_t first_row = 0;  // their numbers: first_row ... first_row + rows - 1
  std::int64_t rows = 0;
  bool more = false;     // a job is open and there is room: call again
  bool no_room = false;  // positions used up until the queue has been empty once
};

struct ClaimRequest {
  std::string_view labourer_id;
  int limit = 0;    // of running tasks in all, this claim included
  int at_most = 0;  // of this claim
  Time deadline{};  // stored: when the attempt counts as expired if nobody says otherwise
  Expiry expiry = Expiry::deadline;           // deadline: rows past theirs hold no slot
  std::optional<std::string_view> task_id{};  // only this one, if it is queued
};
struct Claimed {
  Task
      task;  // as it was before the claim (its greenfield and attempts are what the worker is told)
  std::string claim;  // the new token
};

struct Release {
  std::string task_id;
  std::string claim;
  enum class Why : std::uint8_t {
    rejected,     // the invocation was refused for certain: queued again, attempt not counted
    interrupted,  // the host died with it: the same, until a task has been interrupted
                  // kInterruptions times
    impossible,  // no worker can ever take it (payload too large, not an object): dead, attempt not
                 // counted, alarm
  } why = Why::rejected;
  std::string reason;
};
inline constexpr int kInterruptions = 10;

struct Reported {
  Answer answer = Answer::unknown;
  std::optional<State> state;  // after the report
  std::string labourer_id;
  bool freed_slot = false;  // the labourer has one running task less
};

struct Exchanged {
  std::vector<Reported> reported;  // one for each report
  std::vector<Claimed> claimed;    // in order of the requests, each in queue order
  // Labourers of which tasks may wait that could not be claimed now: the limit is reached, or
  // another one is claiming. Only of a store that others work at too.
  std::vector<std::string> held_up;
};

struct Ended {  // by expire()
  std::string task_id;
  State state;  // retry, dead, or done by a late completion that was kept
};

struct Alarm {
  // Given by the store, growing from 1: what alarms() acknowledges. Of those that are in no store
  // the engine's, falling from -1. 0: none, then no target remembers it.
  std::int64_t number = 0;
  enum class Kind : std::uint8_t {
    dead_task,
    labourer_blocked,
    labourer_removed,
    store
  } kind = Kind::dead_task;
  std::string labourer_id;
  std::string task_id;  // dead_task
  std::string message;  // for a person
  Time at{};
};

struct LabourerStatus {
  std::map<State, std::int64_t> tasks;  // rows by state
  std::int64_t folded = 0;              // rows of open jobs that are not made yet
  std::int64_t open_jobs = 0;
  bool paused = false;
  std::string blocked;                        // reason; empty: not blocked
  std::optional<std::int64_t> next_due;       // epoch s of the earliest retry
  std::optional<std::int64_t> next_deadline;  // epoch s, rounded down, of the earliest running one
};

struct JobStatus {
  std::string id, key, labourer_id;
  std::int64_t rows = 0, made = 0, done = 0, dead = 0, cancelled = 0;
  enum class State : std::uint8_t {
    open,
    made,
    cancelled
  } state = State::open;  // made: all rows are tasks or history
  Time created_at{};
};

struct TaskQuery {
  std::optional<std::string> labourer_id;
  std::optional<std::string> job_id;
  std::optional<State> state;
  std::optional<std::string>
      task_id;  // alone: that task, wherever it is, also when it is folded (state queued, no row)
  bool newest_first = false;  // closed states: by closed_at; others: by queue position or deadline
  std::int64_t limit = 100;
  std::string after;  // task id of the last row of the page before
};

// One item, one state machine. Promises of every method: each transition is compare-and-set on what
// was read; a move is one transaction; an error leaves the store as it was and names what was not
// done; a batch is not atomic as a whole unless it says so, and its answers are in the order of its
// items.
class TaskStore {
 public:
  virtual ~TaskStore() = default;

  // Stores a job, folded. Idempotent by key. When no other job of the labourer waits, up to
  // `make_now` of its rows become tasks in the same transaction. Errors: conflict (same id, other
  // key), invalid (position), exhausted.
  virtual Result<Accepted> accept(const Job& job, std::int64_t make_now, Time now) = 0;
  // Makes tasks of the labourer's first open job while fewer than `watermark` are queued, at most
  // `at_most`; the cursor of the job moves in the same transaction, so each row becomes a task
  // exactly once.
  virtual Result<Made> make_rows(std::string_view labourer_id, std::int64_t watermark,
                                 std::int64_t at_most, Time now) = 0;
  // First applies the reports by report_effect(), then claims: all in one transaction where the
  // store has such. A claim takes queued tasks in queue order while fewer than its limit are
  // running, counted in the same transaction. A report about a labourer that is not configured is
  // applied with the defaults of Labourer.
  virtual Result<Exchanged> exchange(std::span<const Report> reports,
                                     std::span<const ClaimRequest> claims,
                                     const Labourers& labourers, Time now) = 0;
  // Gives claims back; a task of a cancelled job is closed instead, for nobody would claim it
  // again, unless it has been replayed by hand. An attempt that was interrupted too often ends as a
  // failed one does, by its labourer's policy (not configured: the defaults). False: that claim was
  // not current any more, nothing was changed.
  virtual Result<std::vector<bool>> release(std::span<const Release> claims,
                                            const Labourers& labourers, Time now) = 0;
  // Ends attempts past their deadline, oldest first, except those that `still_running` knows.
  using StillRunning = std::function<bool(std::string_view task_id, std::string_view claim)>;
  virtual Result<std::vector<Ended>> expire(const Labourer& labourer, std::int64_t at_most,
                                            const StillRunning& still_running, Time now) = 0;
  // Puts tasks whose time has come to the head of the queue in order of due time. Due times further
  // away than `longest_delay_s` are cut to it first (a clock was set back). Gives the ids.
  virtual Result<std::vector<std::string>> requeue(std::string_view labourer_id,
                                                   std::int64_t at_most, double longest_delay_s,
                                                   Time now) = 0;
  // Two-step form only: completed -> done, oldest first. Gives the ids.
  virtual Result<std::vector<std::string>> archive(std::string_view labourer_id,
                                                   std::int64_t at_most, Time now) = 0;
  // Dead tasks to the tail of the queue, attempts 0. False: not dead.
  virtual Result<std::vector<bool>> replay(std::span<const std::string> task_ids, Time now) = 0;
  // The folded rest of the job is gone at once; queued and retry rows are closed as cancelled, at
  // most `at_most` in one call; running ones finish. Gives how many rows are left to close: call
  // again; meanwhile no claim takes them. Errors: not_found, conflict (it has nothing left to
  // cancel).
  virtual Result<std::int64_t> cancel(std::string_view job_id, std::int64_t at_most, Time now) = 0;
  // Ids of the jobs that cancel() has left rows of to close, for whoever was to call it again may
  // have died. No scan.
  virtual Result<std::vector<std::string>> cancelling() = 0;
  // Sets paused or blocked (empty reason: not blocked any more) of a labourer; nullopt leaves it as
  // it is.
  virtual Result<void> gate(std::string_view labourer_id, std::optional<bool> paused,
                            std::optional<std::string> blocked) = 0;
  // Alarms are written in the transaction that makes a task dead and stay until they are
  // acknowledged, so that a crash between the two loses none. Drops those up to `acknowledged` (0:
  // none), then gives the oldest `at_most`.
  virtual Result<std::vector<Alarm>> alarms(std::int64_t acknowledged, std::int64_t at_most) = 0;

  // One consistent look at all labourers that have anything. No scan, whatever the number of tasks.
  virtual Result<std::map<std::string, LabourerStatus>> status() = 0;
  virtual Result<std::vector<Task>> tasks(const TaskQuery& query) = 0;
  // Newest first; with a job id: that one.
  virtual Result<std::vector<JobStatus>> jobs(std::optional<std::string> job_id,
                                              std::int64_t limit) = 0;
};

// --- The workers
// ----------------------------------------------------------------------------------------------------

struct Invocation {
  std::string task_id, claim;
  std::string payload;       // JSON text of the event
  const Labourer* labourer;  // valid during the call
};
struct Invoked {
  enum class Outcome : std::uint8_t {
    accepted,       // it runs or will run
    rejected,       // for certain not started, and a later try may work: 429, connection refused
    rejected_task,  // never will: payload too large, not an object
    rejected_labourer,  // no such function or command, access denied
    unknown,            // may or may not have started
  } outcome = Outcome::accepted;
  std::string reason;
};
class Invoker {
 public:
  virtual ~Invoker() = default;
  // One try on the wire for each claim, never repeated by the transport. Answers in order.
  virtual std::vector<Invoked> invoke(std::span<const Invocation> invocations) = 0;
  // More invocations that it would start at once; what is claimed beyond it would wait. Negative:
  // no limit of its own.
  virtual int free_slots(const Labourer& labourer) = 0;
  // Whether it has an attempt that it will tell the end of: such a one does not expire, whatever
  // the clock says.
  virtual bool running(std::string_view task_id, std::string_view claim) = 0;
};

// --- The rest
// -------------------------------------------------------------------------------------------------------

class MetricSource {
 public:
  virtual ~MetricSource() = default;
  // Newest value for each `details` object; nullopt: no data. An error of one does not touch the
  // others. When `stop` says so it breaks off what it waits for and answers with errors.
  virtual std::vector<Result<std::optional<double>>> values(std::span<const json::object> details,
                                                            Time now,
                                                            const std::stop_token& stop = {}) = 0;
};

class Notifier {
 public:
  virtual ~Notifier() = default;
  // Delivers the alarms, or tells why not: then they stay in the store and are sent again. When
  // `stop` says so it breaks off, which is an error as any other.
  virtual Result<void> notify(std::span<const Alarm> alarms, const std::stop_token& stop = {}) = 0;
};

struct AuditEvent {
  std::string task_id;
  std::string_view action;  // created, invoked, archived, archived_dead, scheduled_for_retry,
                            // ready_for_retry, marked_as_completed, marked_as_failed
  std::string labourer_id;  // empty: not known
  Time at{};
};
class AuditLog {
 public:
  virtual ~AuditLog() = default;
  // Best effort, after the effect: never fails the caller.
  virtual void append(std::span<const AuditEvent> events) = 0;
};

class ConfigSource {
 public:
  virtual ~ConfigSource() = default;
  // The document of that name; not_found when there is none; never silently empty.
  virtual Result<json::object> config(std::string_view name) = 0;
};

class JobBuffer {
 public:
  virtual ~JobBuffer() = default;
  // Rows of a queue file that a Scheduler of the original has left: JSON lines.
  virtual Result<std::vector<std::string>> rows(std::string_view file_name) = 0;
};

}  // namespace sosw::engine
