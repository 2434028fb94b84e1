// SPDX-License-Identifier: MIT
// The Essentials as short-lived processes over the tables under accidents, and the people who use
// them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "simulation/container.h"
#include "simulation/invariants.h"
#include "simulation/originals.h"
#include "simulation/table_picture.h"
#include "simulation/witness.h"
#include "simulation/workers.h"

namespace sosw::simulation {

class Fleet {
 public:
  // Chooses what the fleet is like. All outlive it.
  Fleet(World& world, Faults& faults, Log& log, Invariants& invariants);
  ~Fleet();
  Fleet(const Fleet&) = delete;
  Fleet& operator=(const Fleet&) = delete;

  // Starts the Essentials and lets people do what they do, until the calm.
  void begin();
  [[nodiscard]] Time calm_at() const { return calm_at_; }
  // Every accident is over: all processes are started anew, configured as at first, nothing is
  // paused.
  void calm();
  // Everything has come to its end.
  [[nodiscard]] bool settled();
  void after_event() {}
  [[nodiscard]] std::size_t waiting_alarms() { return picture_.waiting_alarms(); }
  // What DynamoDB itself has done to requests: ModelTables::faults().
  [[nodiscard]] std::map<std::string, std::int64_t> faults_of_dynamodb() const {
    return tables_->faults();
  }

 private:
  using ContainerPtr = std::unique_ptr<Container>;
  // What somebody asks of the fleet, and again until it is done.
  struct Request {
    std::string who;
    std::function<bool(Container&)> what;  // true: done
    bool done = false;
  };

  Labourer some_labourer(std::string id);
  std::shared_ptr<const engine::Labourers> some_configuration();
  std::uint32_t decide(std::uint32_t bound, const char* name);
  void changed(const Caller& caller);
  void answered(const Report& report, const engine::Reported& reported);
  void note(const Report& report);
  void heard(const Report& report);
  void orchestrated(const Process& process);
  void too_far(const TaskRow& task);

  // A container of those that may run now; null: all are busy.
  Container* idle(std::vector<ContainerPtr>& pool, std::string_view name, std::size_t most,
                  Container::Kind kind);
  bool by_python(std::string_view labourer);
  Container* our_assistant();
  void tick(Container& container, bool (Container::*pass)(), std::string_view what);
  void call_assistant(json::object event, std::function<void(bool)> answered);
  void admit(const engine::Invocation& invocation, std::function<void()> begin);
  void ask_to_start(std::string task_id, std::string claim, std::string run, int tries,
                    std::function<void()> begin);

  void ask(std::string who, std::function<bool(Container&)> what);
  void try_again(const std::shared_ptr<Request>& request);
  void something_happens();
  void schedule_a_job();
  void schedule(const Witness::JobOrder& order);
  void create_a_task();
  void cancel_a_job();
  void break_down(const std::string& id);
  std::string some_task_id();
  Container& some_container();
  std::string some_labourer_id();
  // REQUIRES: there is one.
  const Witness::JobOrder& some_order();

  World& world_;
  Choices& choices_;
  Faults& faults_;
  Log& log_;
  Invariants& invariants_;
  Witness witness_;
  Time calm_at_{};
  Original original_ = Original::none;
  bool by_original_ = false;  // the last change
  // What the original's Scavenger has just put into the retry table, though ours had moved it a
  // moment before: its second request is still to come. When that comes after the retry has been
  // due, it deletes what was put into the queue again, and nobody could have known. So the run is
  // judged up to there.
  std::string retried_alone_;
  TablePicture picture_;
  std::optional<ModelTables> tables_;
  std::shared_ptr<const engine::Labourers> labourers_;   // as configured at first and at the end
  std::shared_ptr<const engine::Labourers> configured_;  // now
  std::optional<Workers> workers_;
  std::optional<Surroundings> around_;
  std::vector<ContainerPtr> orchestrators_, scavengers_, schedulers_, assistants_, clients_,
      originals_;
  std::vector<std::shared_ptr<Request>> requests_;
  Result<std::optional<double>> metric_ = std::optional<double>(0);
  std::uint32_t trouble_ = 0;  // of DynamoDB itself, in thousands of requests
  int lag_s_ = 5;              // that an index may be behind
  double token_life_s_ = 600;
  Time calm_since_{};
  std::uint32_t lag_ = 0;          // percent of queries that see an index behind
  std::uint32_t most_offset_ = 0;  // seconds that clocks differ by; large: no limit
  double every_s_ = 60;            // between two runs of an Essential
  bool fence_ = true;
  bool assistants_reach_all_ = false;  // their role does, so they leave no letters
  // Labourers with workers that do not echo the claim, and how many of a hundred are.
  std::map<std::string, std::uint32_t, std::less<>> of_python_;
  // Labourers whose every invocation is refused: until when, and how.
  std::map<std::string, std::pair<Time, engine::Invoked::Outcome>, std::less<>> broken_down_;
  int created_ = 0;  // tasks by the original's Scheduler
  int left_to_happen_ = 0;
  int runs_ = 0;  // of workers
  Snapshot scratch_;
};

}  // namespace sosw::simulation
