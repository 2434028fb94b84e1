// SPDX-License-Identifier: MIT
// The SQLite store under a simulated home (src/simulation): one file, opened anew by each engine
// that begins, with faults below the port.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "faults.h"
#include "local/sqlite_store.h"
#include "simulation/home_store.h"

namespace sosw::conformance {

// Where a fault strikes within a call: at its n-th statement or operation of the disk, from 1 on.
struct Point {
  Fault fault;
  std::int64_t n = 1;
};
// Whether a fault is to strike in the call of that number (from 1 on, until the calm).
using Plan = std::function<std::optional<Point>(std::int64_t call)>;

// What became of a run, of which the store itself is gone.
struct Journal {
  struct Call {
    bool writes = false;  // it may change what the invariants see
    std::int64_t statements = 0;
  };
  std::vector<Call> calls;  // until the calm, those that were killed too
  std::int64_t struck = 0;
  // What the store has done that it must not: an error that is not the fault's, or a change in
  // spite of an error.
  std::vector<std::string> wrong;
};

// A call that is killed is made by a real process, which opens the file and ends at the point: then
// everybody opens the file again.
class SqliteHome final : public simulation::HomeStore {
 public:
  // `path`: an empty store as new_file() makes it. All outlive this object; `faults` serves it
  // only.
  SqliteHome(simulation::World& world, const simulation::ModelStore::Options& options,
             std::string path, Faults& faults, Plan plan, Journal& journal);
  ~SqliteHome() override;

  // A new file with an empty store that names tasks made directly as the model does.
  static void new_file(const std::string& path);

  engine::TaskStore& opened_by(simulation::Process& process) override;
  engine::TaskStore& judged() override { return *judged_; }
  void look(simulation::Snapshot& into) override;
  [[nodiscard]] bool killed() const override { return killed_; }
  [[nodiscard]] std::uint32_t accidents() const override { return accidents_; }

 private:
  class Door;
  class Reader;
  [[nodiscard]] std::unique_ptr<local::SqliteStore> open(const std::string& path) const;
  void open_all();
  void close_all();
  // Makes the call on `store`, with what the plan has for it. `writes`: look() is to follow.
  template <class Call>
  auto call(std::unique_ptr<local::SqliteStore>& store, bool writes, const Call& call)
      -> std::invoke_result_t<Call, engine::TaskStore&>;
  // Makes the call in a process that ends at the point, or behind it. Whether it has been done;
  // then the file from before it is at before_path().
  bool done_by_killed(const Point& point, const std::function<void(engine::TaskStore&)>& call);
  [[nodiscard]] std::string before_path() const { return options_.path + ".before"; }

  simulation::World& world_;
  const local::StoreOptions options_;
  Faults& faults_;
  const Plan plan_;
  Journal& journal_;
  std::map<const simulation::Process*, std::unique_ptr<Door>> doors_;
  std::unique_ptr<local::SqliteStore> judged_;
  std::unique_ptr<Reader> reader_;
  bool killed_ = false;
  std::uint32_t accidents_ = 0;

  // What the file does not tell. In order of acceptance: first ids of jobs, ids of tasks that were
  // made directly.
  std::vector<std::int64_t> accepted_;
  std::map<std::int64_t, std::size_t> numbers_;  // by what accepted_ has
  std::set<std::int64_t> chose_position_;        // of tasks made directly
  bool accepts_position_ = false;                // the call of accept() that was made last
  std::set<std::int64_t> given_back_;            // tasks whose claim holds no more
};

}  // namespace sosw::conformance
