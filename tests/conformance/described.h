// SPDX-License-Identifier: MIT
// What tests of a store work with, and all that a store tells, as text: what differs is seen.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "core/labourer.h"
#include "core/task.h"
#include "engine/ports.h"

namespace sosw::conformance {

inline constexpr std::string_view kWorker = "word_count";
inline constexpr std::int64_t kRetryDelay = 10;  // s, of worker()

// max_attempts 3, a fixed delay of kRetryDelay, no jitter.
Labourer worker(std::string_view id = kWorker);

// A job that chunks into `rows` rows. REQUIRES: above 10,000 a multiple of 1,000.
engine::Job job_of(std::int64_t rows, std::string key = {}, std::string_view labourer = kWorker);

// Everything that the protocol promises about a task, as lines of text: what differs is seen.
// Tokens are told apart only by being there or not.
std::string described(const Task& task);
// The same of all that a store has: queues, tasks, counts, jobs, alarms. Ids of tasks are written
// as `name_of` gives them.
std::string described(engine::TaskStore& store,
                      const std::function<std::string(const std::string&)>& name_of);

}  // namespace sosw::conformance
