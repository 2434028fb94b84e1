// SPDX-License-Identifier: MIT
#include "core/chunk_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <limits>
#include <unordered_map>

#include "core/config_reader.h"

namespace sosw {
namespace {

using Content = ChunkNode::Content;
using Slot = JobSchema::Slot;
using View = JobSchema::View;

// Batches where no flag sets a size. A flag that sets just this one counts as none, as in the
// original.
constexpr std::int64_t kMaxBatch = 1'000'000;
constexpr std::size_t kShownWarnings = 10;

// Where in the job something stands; lives on the stack of the recursion.
struct Path {
  const Path* up = nullptr;
  std::string_view key;
  std::int64_t index = -1;  // of a list, where there is no key

  [[nodiscard]] std::string text() const {
    const auto before = up ? up->text() : std::string();
    if (index >= 0) return fmt::format("{}[{}]", before, index);
    return before.empty() ? std::string(key) : fmt::format("{}.{}", before, key);
  }
};

// Python's int(value).
Result<std::int64_t> whole_number(const json::value& value) {
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64()) return kMost;
  if (value.is_bool()) return value.get_bool() ? 1 : 0;
  if (value.is_double()) {
    const auto number = value.get_double();
    return number >= 9e18 ? kMost : number <= -9e18 ? -kMost : static_cast<std::int64_t>(number);
  }
  if (!value.is_string()) return invalid(fmt::format("{} is no number", described(value)));
  std::string_view text = value.get_string();
  constexpr std::string_view kBlank = " \t\n\r\f\v";
  const auto start = text.find_first_not_of(kBlank);
  if (start != text.npos) text = text.substr(start, text.find_last_not_of(kBlank) + 1 - start);
  std::string digits;  // Python allows single underscores between them
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool between = i > 0 && i + 1 < text.size() && text[i - 1] != '_' && text[i - 1] != '+' &&
                         text[i - 1] != '-';
    if (text[i] != '_' || !between) digits += text[i];
  }
  if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.erase(0, 1);
  std::int64_t number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || read.ptr != digits.data() + digits.size())
    return invalid(fmt::format("{} can not be read as a whole number", described(value)));
  if (read.ec == std::errc::result_out_of_range) return digits[0] == '-' ? -kMost : kMost;
  return number;
}

class Chunker {
 public:
  Chunker(const JobSchema& schema, bool has_dates) : schema_(schema), has_dates_(has_dates) {
    tree_.values.resize(schema.attrs().size());
  }

  Result<ChunkTree> run(const json::object& body) {
    const auto& attrs = schema_.attrs();
    if (has_dates_ && std::find(attrs.begin(), attrs.end(), kDateList) != attrs.end())
      return invalid("the chunkable attribute 'date_list' is where the dates of the period go",
                     "give the attribute another name");
    tree_.nodes.resize(1);
    tree_.nodes[0].fields = &body;
    if (!attrs.empty()) {
      const auto chunked = group(0, 0, body, schema_.view({}), nullptr);
      if (!chunked) return chunked.error();
    }
    mark_merges(0, 0);
    tree_.rows = rows(tree_.root());
    return std::move(tree_);
  }

 private:
  // One part of the values of an attribute: flat ones, or an object to look into.
  struct Part {
    const json::value* value;
    std::int64_t index;  // in a list, else -1
    bool flat;
  };

  // Fills node `index` with the rows of `job`, whose attribute of `level` is looked at. `above` is
  // what the levels above say.
  Result<void> group(std::size_t index, std::size_t level, const json::object& job,
                     const View& above, const Path* path) {
    const auto own = schema_.view(job);
    const auto* size_flag = own.at(level, Slot::max_plural);
    if (!size_flag) size_flag = above.at(level, Slot::max_plural);
    auto batch = size_flag ? whole_number(*size_flag) : Result<std::int64_t>(kMaxBatch);
    if (!batch) return size_error(level, path, batch.error());
    tree_.nodes[index].fields = &job;
    tree_.nodes[index].level = static_cast<std::uint8_t>(level);
    if (!schema_.needs_chunking(level, true, schema_.merged(own, above)))
      return keep(index, level, own, *batch, path);
    if (*batch == kMaxBatch) *batch = 1;
    return take_apart(index, level, own, schema_.merged(above, own), *batch, path);
  }

  // No chunking at this level: flat values are at most put in batches, others stay as they are.
  Result<void> keep(std::size_t index, std::size_t level, const View& own, std::int64_t batch,
                    const Path* path) {
    auto& node = tree_.nodes[index];
    const auto has_values = [&](Slot slot) {
      return own.at(level, slot) && truthy(*own.at(level, slot));
    };
    const bool take_single = !own.at(level, Slot::plural_value) ||
                             (!has_values(Slot::plural_value) && has_values(Slot::single_value));
    const auto slot = take_single ? Slot::single_value : Slot::plural_value;
    const auto* value = own.at(level, slot);
    if (!value) return {};
    node.skip = slot == Slot::plural_value ? ChunkNode::plural_key : ChunkNode::single_key;
    if (!truthy(*value)) return {};
    if (value->is_structured())
      if (const auto flat = FlatValues::validate_list_of_vals(*value))
        return set_batches(index, level, *value, *flat, batch, path);
    node.content = Content::kept;
    node.values = value;
    return {};
  }

  Result<void> take_apart(std::size_t index, std::size_t level, const View& own, const View& above,
                          std::int64_t batch, const Path* path) {
    // Both spellings are the same attribute, and its values are taken once (D-15).
    std::vector<Part> parts;
    for (const auto& [slot, key] : {std::pair(Slot::plural_value, ChunkNode::plural_key),
                                    std::pair(Slot::single_value, ChunkNode::single_key)}) {
      const auto* value = own.at(level, slot);
      if (!value || !truthy(*value)) continue;
      tree_.nodes[index].skip |= key;
      if (value->is_array() && std::all_of(value->get_array().begin(), value->get_array().end(),
                                           [](const auto& v) { return v.is_object(); })) {
        std::int64_t i = 0;
        for (const auto& element : value->get_array()) parts.push_back({&element, i++, false});
      } else {
        parts.push_back({value, -1, !value->is_object()});
      }
    }
    const Path here{path, schema_.plural_name(level)};
    if (parts.size() == 1) return fill(index, level, parts[0], above, batch, here);
    if (parts.empty()) warn(here);
    const auto first = add_children(index, parts.size());
    for (std::size_t i = 0; i < parts.size(); ++i) {
      tree_.nodes[first + i].level = static_cast<std::uint8_t>(level);
      auto filled = fill(first + i, level, parts[i], above, batch, here);
      if (!filled) return filled;
    }
    count_rows(index);
    return {};
  }

  Result<void> fill(std::size_t index, std::size_t level, const Part& part, const View& above,
                    std::int64_t batch, const Path& path) {
    const Path in_list{&path, {}, part.index};
    const Path& here = part.index < 0 ? path : in_list;
    if (part.flat && !part.value->is_array())
      return set_batches(index, level, *part.value, FlatValues::alone(*part.value), batch, &here);
    const bool elements =
        part.value->is_object() &&
        std::any_of(part.value->get_object().begin(), part.value->get_object().end(),
                    [](const auto& member) { return !member.value().is_null(); });
    if (!elements) {
      const auto flat = FlatValues::validate_list_of_vals(*part.value);
      if (!flat) return invalid(here.text() + flat.error().message, flat.error().hint);
      return set_batches(index, level, *part.value, *flat, batch, &here);
    }
    const auto& object = part.value->get_object();
    tree_.values[level] += static_cast<std::int64_t>(object.size());
    auto child = add_children(index, object.size());
    for (const auto& member : object) {
      tree_.nodes[child].name = member.key();
      tree_.nodes[child].has_name = true;
      const Path inside{&here, member.key()};
      auto done = element(child, level, member.value(), above, inside);
      if (!done) return done;
      ++child;
    }
    count_rows(index);
    return {};
  }

  Result<void> element(std::size_t index, std::size_t level, const json::value& value,
                       const View& above, const Path& path) {
    if (value.is_object() && level + 1 < schema_.attrs().size())
      return group(index, level + 1, value.get_object(), above, &path);
    if (!value.is_null() && !value.is_object())
      return invalid(fmt::format("{}: {} is no element", path.text(), described(value)),
                     "an element is null, or an object with what is inside of it");
    if (value.is_object()) tree_.nodes[index].fields = &value.get_object();
    return {};
  }

  Result<void> set_batches(std::size_t index, std::size_t level, const json::value& value,
                           const FlatValues& flat, std::int64_t batch, const Path* path) {
    if (batch < 1)
      return size_error(level, path,
                        invalid(fmt::format("{} is no size, it must be at least 1", batch)));
    auto& node = tree_.nodes[index];
    node.content = Content::batches;
    node.values = &value;
    node.source = flat.source();
    node.batch = batch;
    tree_.values[level] += flat.size();
    return {};
  }

  Error size_error(std::size_t level, const Path* path, const Error& error) const {
    const auto place = path ? fmt::format(", used in '{}'", path->text()) : "";
    return invalid(
        fmt::format("max_{}_per_batch: {}{}", schema_.plural_name(level), error.message, place),
        "give how many values a task gets, or leave it out");
  }

  void warn(const Path& path) {
    if (tree_.warnings.size() == kShownWarnings) {
      ++tree_.more_warnings;
      return;
    }
    tree_.warnings.push_back(
        fmt::format("{}: chunking is asked for, but there are no values: no task", path.text()));
  }

  std::size_t add_children(std::size_t index, std::size_t count) {
    const auto first = tree_.nodes.size();
    tree_.nodes.resize(first + count);
    tree_.nodes[index].content = Content::children;
    tree_.nodes[index].first_child = static_cast<std::uint32_t>(first);
    tree_.nodes[index].child_count = static_cast<std::uint32_t>(count);
    return first;
  }

  [[nodiscard]] std::int64_t rows(const ChunkNode& node) const {
    switch (node.content) {
      case Content::nothing:
      case Content::kept:
        return 1;
      case Content::batches: {
        const auto values = node.flat_values().size();
        return values / node.batch + (values % node.batch != 0 ? 1 : 0);
      }
      case Content::children:
        return node.child_count == 0
                   ? 0
                   : tree_.nodes[node.first_child + node.child_count - 1].rows_end;
    }
    return 0;
  }

  void count_rows(std::size_t index) {
    std::int64_t end = 0;
    const auto first = tree_.nodes[index].first_child;
    for (auto child = first; child < first + tree_.nodes[index].child_count; ++child) {
      end += rows(tree_.nodes[child]);
      tree_.nodes[child].rows_end = end;
    }
  }

  // `above`: level of the parent. Which keys the row has so far is in keys_.
  void mark_merges(std::size_t index, std::size_t above) {
    auto& node = tree_.nodes[index];
    node.for_each_key(schema_, above, index == 0 && has_dates_,
                      [&](std::string_view key) { node.merges = keys_[key]++ > 0 || node.merges; });
    const auto content_key = node.content_key(schema_);
    node.merges = node.merges || (!content_key.empty() && keys_[content_key] > 0);
    for (std::size_t i = 0; i < tree_.nodes[index].child_count; ++i)
      mark_merges(tree_.nodes[index].first_child + i, tree_.nodes[index].level);
    node.for_each_key(schema_, above, index == 0 && has_dates_,
                      [&](std::string_view key) { --keys_[key]; });
  }

  const JobSchema& schema_;
  bool has_dates_;
  ChunkTree tree_;
  std::unordered_map<std::string_view, int> keys_;  // in mark_merges: how many nodes give each key
};

}  // namespace

Result<ChunkTree> chunk_job(const json::object& body, const JobSchema& schema, bool has_dates) {
  return Chunker(schema, has_dates).run(body);
}

}  // namespace sosw
