// SPDX-License-Identifier: MIT
// What a home keeps its tasks in, and what whoever judges the home must see of it: the model, or a
// real store in a test.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "engine/ports.h"
#include "simulation/model_store.h"
#include "simulation/snapshot.h"
#include "simulation/world.h"

namespace sosw::simulation {

class HomeStore {
 public:
  virtual ~HomeStore() = default;
  // For the engine of a process that begins, until that process begins again. The process may die
  // in the midst of a call, which killed() tells; then the answer is what it would have been, or an
  // error when the call has not been done.
  virtual engine::TaskStore& opened_by(Process& process) = 0;
  // For whoever judges, not for a process of the home: nothing fails there.
  virtual engine::TaskStore& judged() = 0;
  // Everything that is there now. Reuses what `into` has.
  virtual void look(Snapshot& into) = 0;
  // Whether the call that was made last has killed its process.
  [[nodiscard]] virtual bool killed() const { return false; }
  // So many accidents have happened below the port.
  [[nodiscard]] virtual std::uint32_t accidents() const { return 0; }
};
using MakeHomeStore =
    std::function<std::unique_ptr<HomeStore>(World& world, const ModelStore::Options& options)>;

}  // namespace sosw::simulation
