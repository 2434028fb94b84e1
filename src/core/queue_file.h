// SPDX-License-Identifier: MIT
// Queue files that a Python Scheduler left on S3: text, one task a line, a JSON object with
// labourer_id.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sosw {

struct QueueFileRow {
  std::string labourer_id;
  std::string payload;  // JSON object text: the other keys, in their order
};

// Takes up to `rows` lines off the beginning of `text`, each with its line feed, and leaves the
// rest in `text`. Views into the same memory.
std::vector<std::string_view> pop_rows_from_file(std::string_view& text, std::size_t rows);

// Error: invalid, when the line is no JSON object with a text labourer_id.
Result<QueueFileRow> read_queue_file_row(std::string_view line);

}  // namespace sosw
