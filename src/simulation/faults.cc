// SPDX-License-Identifier: MIT
// See faults.h.
#include "simulation/faults.h"

#include <optional>

namespace sosw::simulation {

std::string_view name(Fault fault) {
  constexpr std::array<std::string_view, kFaults> kNames = {
      "none",     "slow",      "refused", "lost before",  "lost after",  "delayed", "late answer",
      "repeated", "throttled", "partly",  "crash before", "crash after", "frozen",  "stuck"};
  return kNames[static_cast<std::size_t>(fault)];
}

std::string_view name(Method method) {
  constexpr std::array<std::string_view, kMethods> kNames = {
      "accept", "make_rows", "exchange",   "release", "expire",     "requeue", "archive",
      "replay", "cancel",    "cancelling", "gate",    "alarms",     "status",  "tasks",
      "jobs",   "invoke",    "values",     "notify",  "append",     "config",  "rows",
      "write",  "transact",  "query",      "get",     "write_batch"};
  return kNames[static_cast<std::size_t>(method)];
}

bool possible(Method method, Fault fault) {
  const bool read = method == Method::cancelling || method == Method::status ||
                    method == Method::tasks || method == Method::jobs || method == Method::values ||
                    method == Method::config || method == Method::rows || method == Method::query ||
                    method == Method::get;
  const bool batch =
      method == Method::make_rows || method == Method::exchange || method == Method::release ||
      method == Method::expire || method == Method::requeue || method == Method::archive ||
      method == Method::replay || method == Method::cancel || method == Method::notify ||
      method == Method::append || method == Method::write_batch;
  switch (fault) {
    case Fault::lost_after:
    case Fault::repeated:
      // One try on the wire for each claim: that an invocation is not repeated is the adapter's
      // promise. What becomes of the one try is chosen for each invocation.
      return !read && method != Method::invoke;
    case Fault::partly:
      return batch;
    case Fault::stuck:
      return method == Method::write || method == Method::transact;
    case Fault::refused:
    case Fault::lost_before:
    case Fault::throttled:
      return method != Method::invoke;
    default:
      return true;
  }
}

Faults::Faults(World& world) : world_(world) {
  Choices& choices = world.choices();
  // In thousands. Some runs are free of accidents, most have few: then what one of them leads to
  // is not hidden by the next.
  constexpr std::array<std::uint32_t, 6> kRates = {0, 3, 10, 30, 80, 200};
  const std::uint32_t rate = kRates[choices.below(kRates.size())];
  if (rate == 0) return;
  std::array<std::uint32_t, kFaults> kinds{};
  std::uint32_t sum = 0;
  for (std::size_t kind = 1; kind < kFaults; ++kind) {
    // A kind that is left out makes room for the others.
    constexpr std::array<std::uint32_t, 3> kWeights = {0, 2, 10};
    kinds[kind] = kWeights[choices.below(3)];
    if (kind == static_cast<std::size_t>(Fault::slow)) kinds[kind] *= 3;
    sum += kinds[kind];
  }
  if (sum == 0) return;
  // Sometimes one method has most of them.
  const std::uint32_t sore = choices.below(2 * kMethods);
  for (std::size_t method = 0; method < kMethods; ++method) {
    const std::uint32_t here = method + 1 == sore ? std::max(rate * 4, 300U) : rate;
    auto& weights = weights_[method];
    weights[0] = (1000 - std::min(here, 900U)) * sum;
    for (std::size_t kind = 1; kind < kFaults; ++kind) {
      if (possible(static_cast<Method>(method), static_cast<Fault>(kind)))
        weights[kind] = kinds[kind] * std::min(here, 900U);
    }
  }
}

void Faults::take_store_down(double seconds) {
  store_down_until_ = std::max(store_down_until_, sosw::after(world_.now(), seconds));
}

Fault Faults::draw(const Process& process, Method method) {
  if (world_.calm()) return Fault::none;
  const auto m = static_cast<std::size_t>(method);
  Fault fault;
  if (throttled_until_[m] > world_.now() ||
      (store_down_until_ > world_.now() && (method < Method::invoke || method >= Method::write))) {
    fault = Fault::throttled;
  } else if (weights_[m][0] == 0) {
    return Fault::none;
  } else {
    fault = static_cast<Fault>(
        world_.choices().weighted(weights_[m], name(method).data(), process.name()));
    if (fault == Fault::none) return fault;
    if (fault == Fault::throttled)
      throttled_until_[m] = sosw::after(world_.now(), 1 + world_.choices().below(30));
  }
  ++taken_[m][static_cast<std::size_t>(fault)];
  ++all_;
  if (fault != Fault::slow) world_.say("{}: {}", name(method), name(fault));
  return fault;
}

double Faults::long_time() {
  constexpr std::array<double, 6> kSeconds = {1, 3, 10, 30, 100, 300};
  return kSeconds[world_.choices().below(kSeconds.size())];
}

Error Faults::no_answer() { return {Code::unavailable, "no answer", {}}; }

std::optional<Error> Faults::before(Process& process, Fault fault) {
  switch (fault) {
    case Fault::slow:
      world_.sleep(0.001 * (1 << world_.choices().below(10)));
      break;
    case Fault::refused:
      return Error{Code::unavailable, "refused", {}};
    case Fault::throttled:
      return Error{Code::exhausted, "throttled", {}};
    case Fault::lost_before:
      world_.sleep(long_time());
      return no_answer();
    case Fault::delayed:
      world_.sleep(long_time());
      break;
    case Fault::crash_before:
      world_.die();
    case Fault::frozen:
      process.freeze(long_time());
      world_.sleep(0);
      break;
    default:
      break;
  }
  return std::nullopt;
}

std::optional<Error> Faults::after(Fault fault) {
  switch (fault) {
    case Fault::lost_after:
      world_.sleep(long_time());
      return no_answer();
    case Fault::late_answer:
      world_.sleep(long_time());
      break;
    case Fault::crash_after:
      world_.die();
    default:
      break;
  }
  return std::nullopt;
}

}  // namespace sosw::simulation
