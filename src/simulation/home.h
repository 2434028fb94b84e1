// SPDX-License-Identifier: MIT
// One machine under accidents: engines over one store, their hosts, and the people who use them.
#pragma once

#include <array>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/engine.h"
#include "engine/worker_assistant.h"
#include "simulation/faulty_ports.h"
#include "simulation/faulty_store.h"
#include "simulation/home_store.h"
#include "simulation/invariants.h"
#include "simulation/watch.h"
#include "simulation/witness.h"
#include "simulation/workers.h"

namespace sosw::simulation {

class Home {
 public:
  // Chooses what the machine is like. All outlive it. `make_store`: empty for the model.
  Home(World& world, Faults& faults, Log& log, Invariants& invariants,
       const MakeHomeStore& make_store = {});
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  // Starts the engines and lets people do what they do, until the calm.
  void begin();
  [[nodiscard]] Time calm_at() const { return calm_at_; }
  // Every accident is over: all engines are started anew, configured as at first, nothing is
  // paused.
  void calm();
  // Everything has come to its end.
  [[nodiscard]] bool settled();
  // After each event of the world.
  void after_event();
  [[nodiscard]] std::size_t waiting_alarms();
  // When the run is over: what the store tells of each task.
  void at_the_end();

 private:
  struct Host {
    Host(World& world, std::string name) : process(world, std::move(name)) {}
    Process process;
    engine::Labourers labourers;
    std::unique_ptr<FaultyStore> store;
    std::unique_ptr<FaultyInvoker> invoker;
    std::unique_ptr<FaultyMetrics> metrics;
    std::unique_ptr<FaultyNotifier> notifier;
    std::unique_ptr<FaultyAuditLog> audit;
    std::unique_ptr<engine::Engine> engine;
    std::unique_ptr<engine::WorkerAssistant> assistant;
    std::unique_ptr<engine::TaskManager> task_manager;
    std::optional<Watch> watch;  // of this life
    World::ActorId loop = 0;
    std::optional<World::ActorId> alarms;  // once the engine has begun
    Time last_pass{};
    int passes_at_once = 0;
    bool as_at_first = true;  // configured so
    int cancels = 0;          // under way
    bool took_back = false;   // it has begun without an accident
    // Reports of the host that the engine has and the store not yet: in clean passes since.
    struct Unstored {
      std::string task_id, claim;
      int clean_passes = 0;
    };
    std::vector<Unstored> unstored;
    std::map<std::string, Time> too_far_since;  // retries that are due in the far future
  };
  // What somebody asks of an engine, and again until it is done.
  struct Request {
    std::string who;
    std::function<bool(Host&)> what;  // true: done
    Host* at = nullptr;               // null: waits for one that lives
    bool gives_up = false;            // when his engine dies: he does not ask again
    bool done = false;
  };

  Labourer some_labourer(std::string id);
  engine::Engine::Settings settings(const engine::Labourers& labourers);
  engine::Labourers some_configuration();
  void start(Host& host, const engine::Labourers& labourers);
  void died(Host& host);
  void run_engine(Host& host);
  void after_clean_pass(Host& host);
  void send_alarms(Host& host);
  void look_at_health(Host& host);
  Result<engine::Reported> submit(Host& host, Report report);
  void changed(Host& host, Time now);
  std::optional<Time> fire_rule(Host& host, Time now);
  void set_clock(Host& host, double ahead_s);
  void break_down(const std::string& labourer_id);

  void ask(std::string who, std::function<bool(Host&)> what, bool gives_up = false);
  void try_again(const std::shared_ptr<Request>& request);
  void something_happens();
  void schedule_a_job();
  void create_a_task();
  [[nodiscard]] std::uint32_t accidents() const { return faults_.all() + store_->accidents(); }
  Host* some_host();
  std::string some_labourer_id();
  void come_back(Host& host);
  void crash_again_and_again(Host& host, int times);

  World& world_;
  Choices& choices_;
  Faults& faults_;
  Log& log_;
  Invariants& invariants_;
  Time calm_at_{};
  std::unique_ptr<HomeStore> store_;
  engine::Labourers labourers_;  // as configured at first and at the end
  engine::Engine::Settings settings_;
  std::optional<Workers> workers_;
  std::vector<std::unique_ptr<Host>> hosts_;
  std::vector<std::shared_ptr<Request>> requests_;
  Witness witness_;
  bool room_in_queue_ = true;
  Result<std::optional<double>> metric_ = std::optional<double>(0);
  std::uint32_t invoke_trouble_ = 0;
  std::uint32_t most_offset_ = 0;  // seconds that clocks differ by; large: no limit
  int left_to_happen_ = 0;
  // The rule's last time, as its file has it: in units of kRuleEvery. None: there is no rule.
  std::optional<std::int64_t> rule_last_;
  std::set<std::int64_t> rule_left_out_;  // its labourer was not configured
  // Labourers of which every invocation is refused, until then, and how.
  std::map<std::string, std::pair<Time, engine::Invoked::Outcome>, std::less<>> broken_down_;
  std::map<World::ActorId, std::string> known_claims_;  // of reports on their way
  Snapshot scratch_;
};

}  // namespace sosw::simulation
