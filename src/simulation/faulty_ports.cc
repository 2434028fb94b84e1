// SPDX-License-Identifier: MIT
// See faulty_ports.h.
#include "simulation/faulty_ports.h"

#include <algorithm>
#include <memory>

namespace sosw::simulation {

using engine::Invocation;
using engine::Invoked;

std::vector<Invoked> FaultyInvoker::invoke(std::span<const Invocation> invocations) {
  const auto all = faults_.call(process_, Method::invoke, [&]() -> Result<std::vector<Invoked>> {
    std::vector<Invoked> answers;
    for (const Invocation& one : invocations) answers.push_back(invoke_one(one));
    return answers;
  });
  std::vector<Invoked> answers =
      all ? *all
          : std::vector<Invoked>(invocations.size(),
                                 Invoked{Invoked::Outcome::unknown, all.error().message});
  if (seen_.answered) seen_.answered(invocations, answers);
  return answers;
}

Invoked FaultyInvoker::invoke_one(const Invocation& invocation) {
  using Outcome = Invoked::Outcome;
  if (seen_.handed_over) seen_.handed_over(invocation);
  const bool child = is_child(*invocation.labourer);
  const std::uint32_t t = world_.calm() ? 0 : trouble_;
  const std::uint32_t alone = child ? 0 : t;
  enum : std::uint8_t { runs, refused, wrong_task, wrong_labourer, answers_5xx, dies };
  const auto refusal = seen_.refuses ? seen_.refuses(*invocation.labourer) : std::nullopt;
  const auto outcome = world_.calm() ? std::uint32_t{runs}
                       : refusal
                           ? std::uint32_t{*refusal == Outcome::rejected ? refused : wrong_labourer}
                           : world_.choices().weighted(
                                 {(100 - t) * 10, 5 * t, 3 * t, t, 5 * alone, t / 4}, "invocation");
  int deliveries = outcome == runs ? 1 : 0;
  if (alone > 0) {
    if (outcome == runs)
      deliveries = world_.choices().weighted({8, 1, 1}, "deliveries") == 0 ? 1
                   : world_.choices().below(2, "deliveries") == 0          ? 0
                                                                           : 2;
    if (outcome == refused)
      deliveries = static_cast<int>(world_.choices().weighted({4, 1}, "deliveries"));
    if (outcome == answers_5xx)
      deliveries = static_cast<int>(world_.choices().below(3, "deliveries"));
  }
  for (int i = 0; i < deliveries; ++i) {
    constexpr double kDelays[] = {0, 0, 1, 10, 60, 600};
    const double in_s = alone == 0 ? 0 : kDelays[world_.choices().below(6, "delay of a delivery")];
    deliver(invocation, in_s);
  }
  // The answer may take its time, and the deliveries do not wait for it.
  if (alone > 0 && outcome != runs && outcome != dies &&
      world_.choices().weighted({3, 1}, "slow answer") == 1)
    world_.sleep(1 << world_.choices().below(8, "slow answer"));
  ClaimLog* claim = log_.claim(invocation.task_id, invocation.claim);
  const std::string_view id = std::string_view(invocation.task_id)
                                  .substr(std::max<std::size_t>(invocation.task_id.size(), 3) - 3);
  switch (outcome) {
    case refused:
      world_.say("invoke ..{} {}: refused, {} deliveries", id, invocation.claim, deliveries);
      if (claim != nullptr) claim->rejected = true;
      return {Outcome::rejected, "429"};
    case wrong_task:
      world_.say("invoke ..{} {}: no worker can take it", id, invocation.claim);
      if (claim != nullptr) claim->impossible = true;
      return {Outcome::rejected_task, "413"};
    case wrong_labourer:
      world_.say("invoke ..{} {}: no such function", id, invocation.claim);
      if (claim != nullptr) claim->rejected = true;
      return {Outcome::rejected_labourer, "404"};
    case answers_5xx:
      world_.say("invoke ..{} {}: 502, {} deliveries", id, invocation.claim, deliveries);
      return {Outcome::unknown, "502"};
    case dies:
      world_.say("invoke ..{}: the process dies", id);
      world_.die();
    default:
      if (deliveries != 1)
        world_.say("invoke ..{} {}: accepted, {} deliveries", id, invocation.claim, deliveries);
      return {};
  }
}

void FaultyInvoker::deliver(const Invocation& invocation, double in_s) {
  Process* host = is_child(*invocation.labourer) ? &process_ : nullptr;
  // The labourer may be configured no more when it arrives.
  auto labourer = std::make_shared<const Labourer>(*invocation.labourer);
  Invocation late = invocation;
  late.payload.clear();
  world_.in(in_s, [late, labourer, host, life = process_.life(), workers = &workers_]() mutable {
    if (host != nullptr && (!host->alive() || host->life() != life)) return;
    late.labourer = labourer.get();
    workers->deliver(late, host);
  });
}

int FaultyInvoker::free_slots(const Labourer& labourer) {
  // A host of three places, for half of the labourers.
  if (!is_child(labourer) || labourer.id.back() % 2 == 0) return -1;
  return std::max(0, 3 - workers_.at_work(process_));
}

std::vector<Result<std::optional<double>>> FaultyMetrics::values(
    std::span<const json::object> details, Time, const std::stop_token&) {
  const Time asked = process_.now();
  const auto all = faults_.call(process_, Method::values,
                                [&]() -> Result<std::optional<double>> { return value_; });
  told_(asked, all);
  return std::vector<Result<std::optional<double>>>(details.size(), all);
}

Result<void> FaultyNotifier::notify(std::span<const engine::Alarm> alarms, const std::stop_token&) {
  return faults_.call(
      process_, Method::notify,
      [&]() -> Result<void> {
        deliver(alarms);
        return {};
      },
      [&] { deliver(alarms.first(alarms.size() / 2)); });
}

void FaultyNotifier::deliver(std::span<const engine::Alarm> alarms) {
  for (const engine::Alarm& alarm : alarms) {
    world_.say("alarm: {}", alarm.message);
    if (delivered_) delivered_(alarm);
    if (alarm.kind == engine::Alarm::Kind::dead_task &&
        log_.alarms_delivered.insert(alarm.number).second)
      ++log_.alarmed[alarm.task_id];
  }
}

void FaultyAuditLog::append(std::span<const engine::AuditEvent>) {
  (void)faults_.call(process_, Method::append, []() -> Result<void> { return {}; });
}

}  // namespace sosw::simulation
