// SPDX-License-Identifier: MIT
#include "core/queue_file.h"

#include <boost/json.hpp>

#include "core/json_text.h"

namespace sosw {

std::vector<std::string_view> pop_rows_from_file(std::string_view& text, std::size_t rows) {
  std::vector<std::string_view> taken;
  while (taken.size() < rows && !text.empty()) {
    const auto end = text.find('\n');
    const auto size = end == text.npos ? text.size() : end + 1;
    taken.push_back(text.substr(0, size));
    text.remove_prefix(size);
  }
  return taken;
}

Result<QueueFileRow> read_queue_file_row(std::string_view line) {
  auto row = parse_json(line);
  if (!row) return invalid("row of a queue file: " + row.error().message, row.error().hint);
  auto* object = row->if_object();
  const auto* labourer = object ? object->if_contains("labourer_id") : nullptr;
  if (!labourer || !labourer->is_string())
    return invalid("row of a queue file: it is no object with a labourer_id");
  QueueFileRow read{std::string(labourer->get_string()), {}};
  object->stable_erase("labourer_id");
  read.payload = json_text(*row);
  return read;
}

}  // namespace sosw
