// SPDX-License-Identifier: MIT
// What can go wrong at a port call, and the adapter's side of a call that something goes wrong
// with.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/result.h"
#include "simulation/world.h"

namespace sosw::simulation {

enum class Fault : std::uint8_t {
  none,
  slow,          // others may go on meanwhile
  refused,       // no effect, and an error at once
  lost_before,   // no effect, and no answer
  lost_after,    // takes effect, and no answer
  delayed,       // takes effect after seconds or minutes
  late_answer,   // takes effect now, answers after seconds or minutes
  repeated,      // takes effect twice; the second answer counts
  throttled,     // refused, and everything like it for a while
  partly,        // a batch takes effect in part, and an error
  crash_before,  // the process that called dies before it takes effect
  crash_after,   // the process dies after it took effect
  frozen,        // the whole process stands still for a while before it takes effect
  stuck,         // no answer, and takes effect when nobody waits for it any more
};
inline constexpr std::size_t kFaults = 14;
[[nodiscard]] std::string_view name(Fault fault);

enum class Method : std::uint8_t {
  accept,
  make_rows,
  exchange,
  release,
  expire,
  requeue,
  archive,
  replay,
  cancel,
  cancelling,
  gate,
  alarms,
  status,
  tasks,
  jobs,
  invoke,
  values,
  notify,
  append,
  config,
  rows,
  write,  // from here on of DynamoDB
  transact,
  query,
  get,
  write_batch,  // cloud::Tables::append
};
inline constexpr std::size_t kMethods = 26;
[[nodiscard]] std::string_view name(Method method);
// Whether that fault makes a difference at that method.
[[nodiscard]] bool possible(Method method, Fault fault);

// How often each fault was taken at each method.
using FaultCounts = std::array<std::array<std::uint64_t, kFaults>, kMethods>;

class Faults {
 public:
  // Chooses what kinds of accidents this run has, and how many.
  explicit Faults(World& world);
  // Without any.
  struct None {};
  Faults(World& world, None) : world_(world) {}

  // One call by an actor of `process`. `effect` gives a Result, and does what the call does;
  // `partly` does a part of it, or what is stuck.
  template <class Effect, class Partly>
  auto call(Process& process, Method method, const Effect& effect, const Partly& partly)
      -> std::invoke_result_t<Effect> {
    const Fault fault = draw(process, method);
    if (fault == Fault::none) return effect();
    if (const auto error = before(process, fault)) return *error;
    if (fault == Fault::partly || fault == Fault::stuck) {
      partly();
      return no_answer();
    }
    auto answer = effect();
    if (fault == Fault::repeated) {
      world_.sleep(0);
      answer = effect();
    }
    if (const auto error = after(fault)) return *error;
    return answer;
  }
  template <class Effect>
  auto call(Process& process, Method method, const Effect& effect) {
    return call(process, method, effect, [] {});
  }

  // Everything is refused at the store for so long.
  void take_store_down(double seconds);

  [[nodiscard]] const FaultCounts& taken() const { return taken_; }
  [[nodiscard]] std::uint32_t all() const { return all_; }

 private:
  Fault draw(const Process& process, Method method);
  std::optional<Error> before(Process& process, Fault fault);
  std::optional<Error> after(Fault fault);
  static Error no_answer();
  double long_time();

  World& world_;
  std::array<std::array<std::uint32_t, kFaults>, kMethods> weights_{};
  std::array<Time, kMethods> throttled_until_{};
  Time store_down_until_{};
  FaultCounts taken_{};
  std::uint32_t all_ = 0;
};

}  // namespace sosw::simulation
