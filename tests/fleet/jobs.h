// SPDX-License-Identifier: MIT
// Jobs for the workers of the fleet, and what becomes of their tasks.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "fleet/fleet.h"

namespace sosw::fleet {

inline constexpr const char* kTutorial = "sosw_tutorial_pull_tweeter_hashtags";

// The job of the original's tutorial: 36 tasks.
json::object tutorial_job();
// A task for each of the numbers 0, step, 2 step, ...: with 50 none fails, see functions/worker.py.
json::object numbers_job(const std::string& worker, std::size_t count, int step = 1);

// Whether the environment asks for as much as the project promises (SOSW_FLEET_FULL).
bool full();

// The number that a task is about, from its payload: JSON or, archived by the original, Python.
int number_of(const json::object& row);

// Every task of the job went through the life that worker.py says; gives the ids of the dead.
std::vector<std::string> expect_tutorial_done(Fleet& fleet);
std::vector<std::string> expect_numbers_done(Fleet& fleet, const std::string& worker,
                                             std::size_t count);
// All rows of these tables could have been written by the original.
void expect_rows_of_the_original(Fleet& fleet, const std::vector<std::string>& tables);

}  // namespace sosw::fleet
