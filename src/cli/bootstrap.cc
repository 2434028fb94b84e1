// SPDX-License-Identifier: MIT
// The program in the zip of the Essentials: one for all four.
#include "cli/essential.h"
#include "local/system_clock.h"
#include "sosw/worker.h"

int main() {
  const sosw::local::SystemClock clock;
  const sosw::engine::Clock* const shown = &clock;
  return sosw::run<sosw::cli::EssentialFunction>(shown);
}
