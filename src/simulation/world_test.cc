// SPDX-License-Identifier: MIT
// Time, and processes that stand still in it.
#include "simulation/world.h"

#include <gtest/gtest.h>

namespace sosw::simulation {
namespace {

double seconds(const World& world) {
  return std::chrono::duration<double>(world.now() - kBeginning).count();
}

void run(World& world) {
  world.run(after(kBeginning, 1000), 1000, [] { return false; });
}

TEST(WorldModel, a_process_that_stands_still_goes_on_afterwards) {
  Choices choices(0);
  World world(choices, false);
  Process process(world, "one");
  process.begin();
  double went_on = 0;
  world.start(process, "actor", [&] {
    process.freeze(300);
    world.sleep(1);
    went_on = seconds(world);
  });
  run(world);
  EXPECT_EQ(went_on, 300);
}

// Seed 1200910: who was to send the alarms slept on until the end of what had held it up.
TEST(WorldModel, in_the_calm_nothing_stands_still_any_more) {
  Choices choices(0);
  World world(choices, false);
  Process process(world, "one");
  process.begin();
  double went_on = 0, woken = 0;
  const auto waiting = world.start(process, "waiting", [&] {
    world.wait();
    woken = seconds(world);
  });
  world.start(process, "actor", [&] {
    process.freeze(300);
    world.sleep(1);
    went_on = seconds(world);
  });
  world.in(2, [&] { world.wake(waiting); });
  world.in(20, [&] { world.become_calm(); });
  run(world);
  EXPECT_EQ(went_on, 20);
  EXPECT_EQ(woken, 20);
}

}  // namespace
}  // namespace sosw::simulation
