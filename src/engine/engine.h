// SPDX-License-Identifier: MIT
// The engine of one machine: the Essentials in one loop, woken by events instead of the minute.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/ecology_manager.h"
#include "engine/orchestrator.h"
#include "engine/ports.h"
#include "engine/scavenger.h"
#include "engine/scheduler.h"
#include "engine/task_manager.h"

namespace sosw::engine {

class Engine {
 public:
  // All outlive the engine; `audit` may be null.
  struct Ports {
    TaskStore& store;
    Invoker& invoker;
    MetricSource& metrics;
    Notifier& notifier;
    const Clock& clock;
    AuditLog* audit = nullptr;
  };
  struct Settings {
    Labourers labourers;
    Orchestrator::Settings orchestrator;
    Scavenger::Settings scavenger;
    TaskManager::Settings task_manager;
    Scheduler::Settings scheduler;
    std::int64_t cancel_batch = 10'000;  // rows of a cancelled job that are closed at once
    double health_interval_s = 15;       // between two looks at the health metrics
    double last_alarms_s = 5;            // that alarms get to be delivered when the loop has ended
  };
  Engine(Ports ports, Settings settings);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // --- From any thread ---

  // Ends of attempts that the host has seen, or nothing: then a place has become free. Kept until
  // they are stored.
  void finished(std::vector<Report> reports);
  // Claims that the host could not start or had to break off: given back with the next pass. Kept
  // until they are stored.
  void give_back(std::vector<Release> claims);
  // One report; returns when it is durable. Only while the loop runs, else unavailable.
  [[nodiscard]] Result<Reported> report(Report report);
  // The same without waiting: `answer` is called once, by the loop, or at once when it does not
  // run; it must not call the engine back.
  using Answered = std::function<void(Result<Reported>)>;
  void report(Report report, Answered answer);
  // Queues a job; returns when it is durable. See Scheduler::schedule().
  [[nodiscard]] Result<Accepted> schedule(const json::value& event, std::string key);
  [[nodiscard]] Result<std::vector<bool>> replay(std::span<const std::string> task_ids);
  [[nodiscard]] Result<void> cancel(std::string_view job_id);
  // Errors: not_found: neither configured nor in the store.
  [[nodiscard]] Result<void> pause(std::string_view labourer_id, bool paused);
  // Looks at everything again: something was changed in the store by somebody else.
  void wake();

  // Something that is called by the loop at the moment that it asked for last; the first time at
  // once. For rules.
  using Tick = std::function<std::optional<Time>(Time now)>;
  void add_tick(Tick tick);

  // --- The loop ---

  struct Outcome {
    enum class Why : std::uint8_t {
      stopped,  // by the token
      empty,    // nothing is left (until_empty)
      stuck,    // what is left cannot move (until_empty): see message
    } why = Why::stopped;
    std::int64_t died = 0;  // tasks that became dead meanwhile
    std::string message;
  };
  // Runs until the token is stopped or, with `until_empty`, nothing is left to do. At the start it
  // takes back what the last engine on this store left running, and finishes cancellations that
  // somebody began. At its end it breaks off whoever is asked for health, and after
  // last_alarms_s whoever gets an alarm, which stays in the store. Once at a time.
  [[nodiscard]] Outcome run(std::stop_token stop, bool until_empty = false);

  // --- The loop in single steps: run() is these, with threads around them ---

  // What run() does before its first pass. Reports are taken from now on.
  void start(const std::stop_token& stop = {});
  // Stores what was reported, starts what can start, does all that is due. Gives the moment of the
  // next pass; it comes sooner when woken() becomes true.
  [[nodiscard]] Time pass();
  [[nodiscard]] bool woken();
  // Nothing is left to do, or nothing that is left can move; nullopt: go on.
  [[nodiscard]] std::optional<Outcome> finished();
  // Refuses reports from now on, and those that wait.
  void stop();
  // Beside the passes, on any thread: the alarms, when some wait; the metrics, every
  // health_interval_s (`labourers`: as in the settings; no passes change these).
  [[nodiscard]] bool alarms_wait();
  // `stop` breaks off what they wait for.
  [[nodiscard]] Result<void> send_alarms(const std::stop_token& stop = {});
  void look_at_health(const Labourers& labourers, const std::stop_token& stop = {});

 private:
  struct Waiter {
    Report report;
    Answered answer;
  };
  struct Needs {
    bool queue = false;  // may have queued tasks
    bool make = false;   // may have an open job
    bool at_limit =
        false;  // the last claim gave less than was asked: only an event can change that
  };

  void take_back();
  void finish_cancellations(const std::stop_token& stop);
  std::int64_t take_back(const Labourer& labourer, const std::vector<Task>& tasks);
  void refresh(Time now);
  void tell_of_orphans(const std::string& id, std::int64_t tasks, Time now);
  void dispatch();
  void make_rows();
  void sweep(Time now);
  [[nodiscard]] bool woken_locked() const;
  [[nodiscard]] std::optional<Outcome> finished_for_good() const;
  [[nodiscard]] Time next_moment(Time now) const;
  void note_skipped(const std::vector<Skipped>& skipped);
  void keep_looking_at_health(const Labourers& labourers, const std::stop_token& stop);
  void keep_sending_alarms(const std::stop_token& stop, const std::stop_token& too_late);
  void send_soon(std::vector<Alarm> direct);

  Ports ports_;
  Settings settings_;
  EcologyManager ecology_;
  TaskManager task_manager_;
  Scheduler scheduler_;
  Orchestrator orchestrator_;
  Scavenger scavenger_;
  std::vector<Tick> ticks_;
  std::vector<std::optional<Time>> tick_at_;

  // Shared with other threads.
  std::mutex mutex_;
  std::condition_variable_any woken_;
  std::vector<Report> inbox_;
  std::vector<Release> given_back_;
  std::vector<Waiter> waiters_;  // their reports go with the next exchange
  bool look_again_ = false;
  bool slot_free_ = false;
  bool running_ = false;
  bool cancellations_left_ = false;  // somebody began one and could not finish it

  // Of the loop alone.
  std::vector<Report> unstored_;  // reports that the store did not take yet
  std::map<std::string, Needs, std::less<>> needs_;
  std::map<std::string, LabourerStatus> status_;
  std::set<std::string> orphans_told_;
  std::optional<Time> held_until_;
  Time refreshed_{}, swept_{}, registered_{}, store_failed_until_{};
  bool stale_ = true;   // status_ may be out of date in a way that matters
  bool again_ = false;  // there is more to do at once
  bool store_failing_ = false;
  std::int64_t died_ = 0;

  // Alarms are sent by a thread of their own: a slow webhook must not hold up the dispatch.
  std::mutex alarm_mutex_;
  std::condition_variable_any alarm_woken_;
  std::vector<Alarm> direct_alarms_;    // those that are not in the store
  std::int64_t last_direct_alarm_ = 0;  // their numbers count down
  bool alarms_waiting_ = true;
};

}  // namespace sosw::engine
