// SPDX-License-Identifier: MIT
// Short sequences of calls that together use every method of a store, written down with their
// answers: to be made again, call by call, with faults.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "described.h"
#include "engine/ports.h"
#include "task_store.h"

namespace sosw::conformance {

// Ids and tokens in a call are those of the run that wrote it down: a store that is to repeat it
// starts from the same contents, the seed of its ids included.
struct Call {
  std::string name;
  std::function<Result<std::string>(engine::TaskStore&)> make;  // nullptr: close and open again
  std::string answer;
  std::string state;        // of the store, after it; tasks made directly have names
  bool repeatable = false;  // made once more after it was done, it changes nothing
};

class Script {
 public:
  // What was called, and what a task is named in `state` (by its id).
  std::vector<Call> calls;
  std::string empty;  // state before the first call
  std::map<std::string, std::string> names;
  [[nodiscard]] std::string state(engine::TaskStore& store) const;
};

struct Scenario {
  std::string name;
  bool two_step;
  std::function<void(class Recorder&)> play;
};
inline std::ostream& operator<<(std::ostream& out, const Scenario& scenario) {
  return out << scenario.name;
}
const std::vector<Scenario>& scenarios();

// Plays the scenario without faults. A call that fails fails the test.
Script record(const Scenario& scenario, OpenStore& store);

}  // namespace sosw::conformance
