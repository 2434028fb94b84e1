// SPDX-License-Identifier: MIT
// Private to chunking.cc: a job body taken apart, one node for each element that has values inside.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/job_schema.h"
#include "core/result.h"

namespace sosw {

inline constexpr std::string_view kDateList = "date_list";
inline constexpr std::string_view kLabourerId = "labourer_id";

// A row is the merge of what the nodes from the root to a leaf give, in that order: the element's
// name under the attribute of the parent, the fields, then the values of the content. Of equal keys
// the later value wins, in the place of the earlier.
struct ChunkNode {
  enum class Content : std::uint8_t {
    nothing,   // one row of what there is
    kept,      // one row, with `values` as they are
    batches,   // a row for each `batch` of `values`
    children,  // what the children give
  };
  enum Skip : std::uint8_t { plural_key = 1, single_key = 2 };

  std::string_view name;                 // if has_name
  const json::object* fields = nullptr;  // may be null
  const json::value* values = nullptr;
  std::int64_t batch = 0;
  std::int64_t rows_end = 0;  // rows of this node and of its elder siblings
  std::uint32_t first_child = 0;
  std::uint32_t child_count = 0;
  Content content = Content::nothing;
  FlatValues::Source source = FlatValues::Source::list;
  std::uint8_t level = 0;  // of the attribute that content and skip are about
  std::uint8_t skip = 0;   // spellings of that attribute that are not among the fields
  bool has_name = false;
  bool merges = false;  // one of its keys occurs before: the row can not be written front to back

  [[nodiscard]] bool is_leaf() const { return content != Content::children; }
  // REQUIRES: content == batches
  [[nodiscard]] FlatValues flat_values() const { return FlatValues::of(*values, source); }
  [[nodiscard]] bool skips(const JobSchema& schema, std::string_view key) const {
    return ((skip & plural_key) != 0 && key == schema.plural_name(level)) ||
           ((skip & single_key) != 0 && key == schema.attrs()[level]);
  }
  // The key that the content is written under; empty if it adds none.
  [[nodiscard]] std::string_view content_key(const JobSchema& schema) const {
    if (content == Content::batches) return schema.plural_name(level);
    if (content != Content::kept) return {};
    return skip == plural_key ? std::string_view(schema.plural_name(level)) : schema.attrs()[level];
  }
  // The keys of name, fields and dates, in their order. `above`: the level of the parent.
  template <class Visit>
  void for_each_key(const JobSchema& schema, std::size_t above, bool with_dates,
                    Visit visit) const {
    if (has_name) visit(std::string_view(schema.plural_name(above)));
    if (fields)
      for (const auto& field : *fields)
        if (skip == 0 || !skips(schema, field.key())) visit(std::string_view(field.key()));
    if (with_dates) visit(kDateList);
  }
};

struct ChunkTree {
  std::vector<ChunkNode> nodes;      // the root first; children stand side by side
  std::int64_t rows = 0;             // for one date
  std::vector<std::int64_t> values;  // by level
  std::vector<std::string> warnings;
  std::int64_t more_warnings = 0;  // beyond those

  [[nodiscard]] const ChunkNode& root() const { return nodes.front(); }
};

// `body` and `schema` must outlive the tree. `has_dates`: the rows get a date_list.
Result<ChunkTree> chunk_job(const json::object& body, const JobSchema& schema, bool has_dates);

}  // namespace sosw
