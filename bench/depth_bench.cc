// SPDX-License-Identifier: MIT
// What dispatch, scavenge and status cost when ten million tasks are queued, as a multiple of what
// they cost with ten thousand. Takes minutes and 3 GB of disk, so ./dev bench runs it only by name.
#include <algorithm>

#include "figures.h"
#include "home.h"

namespace sosw::bench {
namespace {

constexpr int kAtOnce = 10;             // tasks that one exchange reports and claims
constexpr int kLargestJob = 1'000'000;  // a larger one would be measured by the memory of its words

template <class T>
T checked(Result<T> result) {
  if (!result) give_up(result.error().text());
  return *std::move(result);
}

struct Costs {
  double dispatch = 0, scavenge = 0, status = 0;  // seconds, medians
};

Costs costs_with(const std::filesystem::path& folder, int queued, int rounds) {
  const auto labourers = one_labourer(kAtOnce);
  const Labourer& labourer = labourers.begin()->second;
  const auto store = open_store(folder, Synchronous::normal);
  for (int made = 0; made < queued; made += kLargestJob) {
    queue_rows(*store, labourers, std::min(queued - made, kLargestJob), 10'000);
  }
  const local::SystemClock clock;
  const auto nobody = [](std::string_view, std::string_view) { return false; };
  Samples dispatch, scavenge, status;
  std::vector<Report> reports;
  for (int round = 0; round < rounds; ++round) {
    const Time now = clock.now();
    engine::ClaimRequest claim;
    claim.labourer_id = labourer.id;
    claim.limit = claim.at_most = kAtOnce;
    claim.deadline = after(now, 3600);
    claim.expiry = Expiry::host;
    double start = seconds_now();
    const auto exchanged = checked(store->exchange(reports, {&claim, 1}, labourers, now));
    dispatch.add(seconds_now() - start);
    if (std::ssize(exchanged.claimed) != kAtOnce) give_up("a claim gave too few tasks");
    reports.clear();
    for (const auto& one : exchanged.claimed)
      reports.push_back({Report::Kind::completed, one.task.id, one.claim, {}, {}});
    start = seconds_now();
    (void)checked(store->expire(labourer, 100, nobody, now));
    (void)checked(store->requeue(labourer.id, 100, 3600, now));
    scavenge.add(seconds_now() - start);
    start = seconds_now();
    (void)checked(store->status());
    status.add(seconds_now() - start);
  }
  return {dispatch.median(), scavenge.median(), status.median()};
}

}  // namespace
}  // namespace sosw::bench

int main(int argc, char** argv) {
  using namespace sosw::bench;
  Bench bench("depth", argc, argv);
  const int rounds = bench.quick() ? 10 : 500;
  bench.probe();
  const Costs few = costs_with(bench.fresh_folder(), bench.quick() ? 1'000 : 10'000, rounds);
  const Costs many = costs_with(bench.fresh_folder(), bench.quick() ? 2'000 : 10'000'000, rounds);
  const auto add = [&](const char* name, double Costs::*cost) {
    Samples ratio;
    ratio.add(many.*cost / (few.*cost));
    bench.add({name, "times", ratio, 2, Figure::Better::lower});
  };
  add("dispatch of 10 tasks", &Costs::dispatch);
  add("scavenge", &Costs::scavenge);
  add("status", &Costs::status);
  return bench.finish();
}
