// SPDX-License-Identifier: MIT
// What is known about a labourer only at run time, and tasks that are made without a job.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "core/greenfield.h"
#include "engine/ports.h"

namespace sosw::engine {

class TaskManager {
 public:
  struct Settings {
    int max_closed_to_analyse_for_duration =
        10;  // newest closed tasks that the average is taken from
    std::int64_t invocation_delta = kInvocationDelta;
    // What the linear policy multiplies without a base of its own. average: of the labourer's
    // attempts, at least 1 s (home); timeout: the longest an attempt can take (the original).
    enum class RetryBase : std::uint8_t { average, timeout } retry_base = RetryBase::average;
  };
  // `store` outlives this object.
  TaskManager(TaskStore& store, Settings settings) : store_(store), settings_(settings) {}

  // Fills in what changes while the engine runs (retry_base_s), from at most two short queries a
  // labourer, none when its policy names a base. A labourer that could not be asked keeps what it
  // had and is named in the answer.
  std::vector<std::string> register_labourers(Labourers& labourers);

  // Seconds, rounded to the nearest, ties to even; 0 when nothing has been closed yet. A failed
  // task counts its longest duration for each attempt. From the newest closed tasks (the original
  // took the oldest of them, D-46).
  [[nodiscard]] Result<double> get_average_labourer_duration(const Labourer& labourer);

  struct NewTask {
    json::value payload;  // an object, or anything: then {"payload": it}; JSON text of an object
                          // counts as the object
    json::object attributes;             // merged over the payload
    std::optional<std::string> task_id;  // strict=False of the original: foreign id and position
    std::optional<std::int64_t> greenfield;
  };
  // Makes one task without a job. It waits behind the labourer's open jobs. Gives its id. Errors:
  // invalid (a position that a clock could meet, D-11), conflict (the foreign id is taken).
  [[nodiscard]] Result<std::string> create_task(const Labourer& labourer, NewTask task, Time now);

 private:
  TaskStore& store_;
  Settings settings_;
};

}  // namespace sosw::engine
