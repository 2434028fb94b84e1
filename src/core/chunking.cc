// SPDX-License-Identifier: MIT
// The rows of a job: the tree of chunk_tree.h times its dates, walked from any row on.
#include "core/chunking.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cassert>

#include "core/chunk_tree.h"
#include "core/config_reader.h"
#include "core/json_text.h"

namespace sosw {
namespace {

constexpr std::int64_t kChunker = 1;
constexpr std::int64_t kLister = 2;  // of lists, which need no chunking

using Content = ChunkNode::Content;

// What a job says about its dates, taken out of the body.
struct JobDates {
  bool asked = false;
  bool isolate = false;
  std::vector<std::string> dates;
};

const json::value* truthy_member(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && truthy(*value) ? value : nullptr;
}

Result<Date> date_member(const json::object& body, std::string_view key, Date otherwise) {
  const auto* value = truthy_member(body, key);
  if (!value) return otherwise;
  if (!value->is_string())
    return invalid(fmt::format("{}: {} is no date", key, described(*value)),
                   "write it as YYYY-MM-DD");
  auto date = parse_iso_date(value->get_string());
  if (!date) return invalid(fmt::format("{}: {}", key, date.error().message), date.error().hint);
  return date;
}

Result<std::vector<std::string>> resolve(const json::object& body, const Periods& periods,
                                         Date today) {
  if (const auto* period = truthy_member(body, "period")) {
    if (!period->is_string())
      return invalid(fmt::format("period: {} is no name of a period", described(*period)),
                     R"(for example "last_2_days")");
    return periods.dates(period->get_string(), today);
  }
  const auto first = date_member(body, "st_date", today);
  if (!first) return first.error();
  const auto last = date_member(body, "en_date", today);
  if (!last) return last.error();
  return dates_between(*first, *last);
}

// `always`: a job that is chunked loses `period` and `isolate_days` also where they ask for
// nothing.
Result<JobDates> take_dates(json::object& body, bool always, const Periods& periods, Date today) {
  JobDates taken;
  const bool exact = truthy_member(body, "st_date") != nullptr;
  taken.asked = exact || truthy_member(body, "period") != nullptr;
  taken.isolate = truthy_member(body, "isolate_days") != nullptr;
  if (!taken.asked && !always) return taken;
  if (exact && truthy_member(body, "period"))
    return invalid("st_date beside period", "give one of them");
  if (taken.asked) {
    auto dates = resolve(body, periods, today);
    if (!dates) return dates.error();
    taken.dates = std::move(*dates);
    if (taken.isolate && taken.dates.empty())
      return invalid("isolate_days: the period gives no dates to isolate",
                     "let it last a day at least");
  }
  body.stable_erase("period");
  body.stable_erase("isolate_days");
  if (exact) {
    body.stable_erase("st_date");
    body.stable_erase("en_date");
  }
  return taken;
}

Error corrupt(std::string_view what) {
  return {Code::corrupt, fmt::format("stored description of a job: {}", what),
          "it is not what this program wrote"};
}

}  // namespace

struct JobRows::Tree {
  json::object description;  // everything below points into it
  std::string labourer_id;
  JobSchema schema;
  const json::object* body = nullptr;
  const json::array* dates = nullptr;  // null: the job has none
  bool isolate_days = false;
  ChunkTree chunks;

  [[nodiscard]] std::int64_t repeats() const {
    return isolate_days && dates ? static_cast<std::int64_t>(dates->size()) : 1;
  }
  [[nodiscard]] std::int64_t count() const { return chunks.rows * repeats(); }

  // Builds the rest from `description`.
  Result<void> build();
  Result<void> build_list();
};

Result<void> JobRows::Tree::build() {
  const auto* chunker = description.if_contains("chunker");
  if (!chunker || !chunker->is_int64()) return corrupt("no chunker version");
  const auto* labourer = description.if_contains("labourer_id");
  if (chunker->get_int64() == kLister) {
    if (!labourer || !labourer->is_string()) return corrupt("no labourer_id");
    labourer_id = labourer->get_string();
    return build_list();
  }
  if (chunker->get_int64() != kChunker)
    return Error{
        Code::corrupt,
        fmt::format("the job was made by chunker {}, this is {}", chunker->get_int64(), kChunker),
        "use the release that made it, or a newer one"};
  const auto* attrs = description.if_contains("chunkable_attrs");
  const auto* job = description.if_contains("job");
  if (!labourer || !labourer->is_string()) return corrupt("no labourer_id");
  if (!attrs || !attrs->is_array()) return corrupt("no chunkable_attrs");
  if (!job || !job->is_object()) return corrupt("no job");
  labourer_id = labourer->get_string();
  body = &job->get_object();

  std::vector<std::string> names;
  for (const auto& attr : attrs->get_array()) {
    if (!attr.is_string()) return corrupt("chunkable_attrs are no texts");
    names.emplace_back(attr.get_string());
  }
  auto created = JobSchema::create(std::move(names));
  if (!created) return corrupt(created.error().message);
  schema = std::move(*created);

  if (const auto* listed = description.if_contains("dates")) {
    if (!listed->is_array() || !std::all_of(listed->get_array().begin(), listed->get_array().end(),
                                            [](const auto& date) { return date.is_string(); }))
      return corrupt("dates are no list of texts");
    dates = &listed->get_array();
  }
  const auto* isolate = description.if_contains("isolate_days");
  isolate_days = isolate && truthy(*isolate);

  auto chunked = chunk_job(*body, schema, dates != nullptr);
  if (!chunked) return chunked.error();
  chunks = std::move(*chunked);
  return {};
}

// A root without fields, and a leaf for each of the list.
Result<void> JobRows::Tree::build_list() {
  const auto* listed = description.if_contains("listed");
  if (!listed || !listed->is_array()) return corrupt("no list of rows");
  const auto& payloads = listed->get_array();
  chunks.nodes.resize(1 + payloads.size());
  chunks.rows = static_cast<std::int64_t>(payloads.size());
  auto& root = chunks.nodes.front();
  root.content = Content::children;
  root.first_child = 1;
  root.child_count = static_cast<std::uint32_t>(payloads.size());
  root.rows_end = chunks.rows;
  for (std::size_t i = 0; i < payloads.size(); ++i) {
    if (!payloads[i].is_object()) return corrupt("a listed row is no object");
    auto& leaf = chunks.nodes[i + 1];
    leaf.fields = &payloads[i].get_object();
    leaf.rows_end = static_cast<std::int64_t>(i) + 1;
  }
  return {};
}

// A stack of nodes from the root to the leaf whose rows are being written. Each frame has the text
// of the row as far as its node knows it, so a row costs only what differs from the row before.
class JobRows::Cursor::Walk {
 public:
  Walk(std::shared_ptr<const Tree> tree, std::int64_t row, Form form)
      : tree_(std::move(tree)), form_(form), row_(row), count_(tree_->count()) {
    assert(row >= 0 && row <= count_);
    if (tree_->dates && !tree_->isolate_days) dates_text_ = json_text(*tree_->dates);
    if (row_ < count_) enter(row_ / tree_->chunks.rows, row_ % tree_->chunks.rows);
  }

  [[nodiscard]] std::int64_t row() const { return row_; }

  bool next(std::string& out) {
    if (row_ == count_) return false;
    if (offset_ == leaf_rows_) next_leaf();
    out += head_;
    if (leaf_->content == Content::batches) {
      const auto values = leaf_->flat_values();
      const auto first = offset_ * leaf_->batch;
      const auto end = std::min(first + std::min(leaf_->batch, values.size()), values.size());
      for (auto i = first; i < end; ++i) {
        if (i != first) out += ", ";
        values.append(i, out);
      }
      out += tail_;
    }
    ++offset_;
    ++row_;
    return true;
  }

 private:
  struct Frame {
    const ChunkNode* node = nullptr;
    std::string text;             // "{" and the fields so far
    bool names_labourer = false;  // labourer_id is among them
  };
  // A field of the row, for those that have to be merged.
  struct Piece {
    enum class Kind : std::uint8_t { name, value, dates, labourer, batch };
    std::string_view key;
    Kind kind;
    std::string_view name;
    const json::value* value;
  };

  void enter(std::int64_t date, std::int64_t row) {
    date_ = date;
    depth_ = 0;
    if (tree_->dates && tree_->isolate_days) {
      dates_text_.assign(1, '[');
      append_json((*tree_->dates)[static_cast<std::size_t>(date)], dates_text_);
      dates_text_ += ']';
    }
    const auto* node = &tree_->chunks.root();
    push(*node);
    while (!node->is_leaf()) {
      const auto* first = child(*node, 0);
      const auto* found =
          std::upper_bound(first, first + node->child_count, row,
                           [](auto r, const ChunkNode& sibling) { return r < sibling.rows_end; });
      if (found != first) row -= (found - 1)->rows_end;
      node = found;
      push(*node);
    }
    offset_ = row;
  }

  // The first leaf after the current one that has rows; there is one.
  void next_leaf() {
    while (true) {
      const auto* node = frames_[--depth_].node;
      if (depth_ == 0) return enter(date_ + 1, 0);
      const auto& parent = *frames_[depth_ - 1].node;
      const auto* end = child(parent, 0) + parent.child_count;
      const auto done = node->rows_end;
      const auto* younger =
          std::find_if(node + 1, end, [&](const auto& sibling) { return sibling.rows_end > done; });
      if (younger == end) continue;
      push(*younger);
      while (!younger->is_leaf()) {
        const auto* first = child(*younger, 0);
        younger = std::find_if(first, first + younger->child_count,
                               [](const auto& sibling) { return sibling.rows_end > 0; });
        push(*younger);
      }
      offset_ = 0;
      return;
    }
  }

  [[nodiscard]] const ChunkNode* child(const ChunkNode& node, std::size_t i) const {
    return tree_->chunks.nodes.data() + node.first_child + i;
  }

  void push(const ChunkNode& node) {
    if (frames_.size() == depth_) frames_.emplace_back();
    auto& frame = frames_[depth_++];
    frame.node = &node;
    const auto* parent = depth_ > 1 ? &frames_[depth_ - 2] : nullptr;
    frame.names_labourer = parent && parent->names_labourer;
    tail_.clear();
    if (node.merges) {
      write_merged(frame);
    } else {
      frame.text.assign(parent ? std::string_view(parent->text) : "{");
      for_each_piece(depth_ - 1, [&](const Piece& piece) {
        frame.names_labourer = frame.names_labourer || piece.kind == Piece::Kind::labourer;
        append(piece, frame.text);
      });
      if (node.is_leaf()) {
        head_ = frame.text;
        write_content(node);
      }
    }
    if (node.is_leaf()) finish(frame);
  }

  // What the node of frame `depth` adds, but its content.
  template <class Visit>
  void for_each_piece(std::size_t depth, Visit visit) const {
    const auto& node = *frames_[depth].node;
    const bool root = depth == 0;
    // A job that is not chunked at all begins with its labourer in the original's queue file.
    const bool labourer_first = form_ == Form::queue_file && tree_->schema.attrs().empty();
    if (root && labourer_first) visit(Piece{kLabourerId, Piece::Kind::labourer, {}, nullptr});
    if (node.has_name)
      visit(Piece{tree_->schema.plural_name(frames_[depth - 1].node->level), Piece::Kind::name,
                  node.name, nullptr});
    if (node.fields)
      for (const auto& field : *node.fields) {
        const std::string_view key = field.key();
        if (node.skip != 0 && node.skips(tree_->schema, key)) continue;
        if (key != kLabourerId) {
          visit(Piece{key, Piece::Kind::value, {}, &field.value()});
        } else if (form_ == Form::queue_file && !labourer_first) {
          visit(Piece{key, Piece::Kind::labourer, {}, nullptr});
        }
      }
    if (root && tree_->dates) visit(Piece{kDateList, Piece::Kind::dates, {}, nullptr});
  }

  void append(const Piece& piece, std::string& text) const {
    if (text != "{") text += ", ";
    append_json(piece.key, text);
    text += ": ";
    switch (piece.kind) {
      case Piece::Kind::name:
        text += '[';
        append_json(piece.name, text);
        text += ']';
        break;
      case Piece::Kind::value:
        append_json(*piece.value, text);
        break;
      case Piece::Kind::dates:
        text += dates_text_;
        break;
      case Piece::Kind::labourer:
        append_json(std::string_view(tree_->labourer_id), text);
        break;
      case Piece::Kind::batch:
        text += '[';
    }
  }

  [[nodiscard]] Piece content_piece(const ChunkNode& node) const {
    const auto kind = node.content == Content::batches ? Piece::Kind::batch : Piece::Kind::value;
    return {node.content_key(tree_->schema), kind, {}, node.values};
  }

  void write_content(const ChunkNode& node) {
    if (node.content == Content::nothing) return;
    append(content_piece(node), head_);
    if (node.content == Content::batches) tail_ = ']';
  }

  // Merges the pieces of all frames anew: a key keeps the place where it came first and gets the
  // value that came last.
  void write_merged(Frame& frame) {
    pieces_.clear();
    const auto merge = [&](const Piece& piece) {
      const auto same = std::find_if(pieces_.begin(), pieces_.end(),
                                     [&](const Piece& p) { return p.key == piece.key; });
      if (same == pieces_.end()) {
        pieces_.push_back(piece);
      } else {
        *same = piece;
      }
    };
    for (std::size_t depth = 0; depth < depth_; ++depth) for_each_piece(depth, merge);
    frame.text = '{';
    for (const auto& piece : pieces_) {
      frame.names_labourer = frame.names_labourer || piece.kind == Piece::Kind::labourer;
      append(piece, frame.text);
    }
    if (!frame.node->is_leaf()) return;
    if (frame.node->content != Content::nothing) merge(content_piece(*frame.node));
    head_ = '{';
    auto* part = &head_;
    for (const auto& piece : pieces_) {
      append(piece, *part);
      if (piece.kind != Piece::Kind::batch) continue;
      part = &tail_;
      *part = ']';
    }
  }

  void finish(const Frame& frame) {
    leaf_ = frame.node;
    auto& end = leaf_->content == Content::batches ? tail_ : head_;
    if (form_ == Form::queue_file && !frame.names_labourer)
      append({kLabourerId, Piece::Kind::labourer, {}, nullptr}, end);
    end += '}';
    const auto* elder =
        depth_ > 1 && leaf_ != child(*frames_[depth_ - 2].node, 0) ? leaf_ - 1 : nullptr;
    leaf_rows_ = depth_ == 1 ? tree_->chunks.rows : leaf_->rows_end - (elder ? elder->rows_end : 0);
  }

  std::shared_ptr<const Tree> tree_;
  Form form_;
  std::int64_t row_;
  std::int64_t count_;
  std::int64_t date_ = 0;
  std::string dates_text_;
  std::vector<Frame> frames_;  // never shrinks, so its texts keep their memory
  std::size_t depth_ = 0;
  const ChunkNode* leaf_ = nullptr;
  std::int64_t leaf_rows_ = 0;
  std::int64_t offset_ = 0;  // of the next row in the leaf
  std::string head_, tail_;  // of the leaf's rows, before and after the values of the batch
  std::vector<Piece> pieces_;
};

JobRows::Cursor::Cursor(std::unique_ptr<Walk> walk) : walk_(std::move(walk)) {}
JobRows::Cursor::Cursor(Cursor&&) noexcept = default;
JobRows::Cursor& JobRows::Cursor::operator=(Cursor&&) noexcept = default;
JobRows::Cursor::~Cursor() = default;
std::int64_t JobRows::Cursor::row() const { return walk_->row(); }
bool JobRows::Cursor::next(std::string& out) { return walk_->next(out); }

Result<JobRows> JobRows::from_job(JobRequest job, const JobSchema& schema, const Periods& periods,
                                  Date today, std::string_view time_zone) {
  const bool chunked =
      !schema.attrs().empty() && schema.needs_chunking(plural(schema.attrs().front()), job.body);
  auto dates = take_dates(job.body, chunked, periods, today);
  if (!dates) return dates.error();
  json::object description;
  description["chunker"] = kChunker;
  description["labourer_id"] = job.lambda_name;
  auto& attrs = description["chunkable_attrs"].emplace_array();
  if (chunked)
    for (const auto& attr : schema.attrs()) attrs.emplace_back(attr);
  if (dates->asked) {
    auto& listed = description["dates"].emplace_array();
    for (const auto& date : dates->dates) listed.emplace_back(date);
    description["isolate_days"] = dates->isolate;
    description["time_zone"] = time_zone;
  }
  description["rows"] = nullptr;
  description["job"] = std::move(job.body);
  auto tree = std::make_shared<Tree>();
  tree->description = std::move(description);
  if (const auto built = tree->build(); !built) return built.error();
  tree->description["rows"] = tree->count();
  return JobRows(std::move(tree));
}

Result<JobRows> JobRows::of_list(std::string labourer_id, json::array payloads) {
  for (std::size_t i = 0; i < payloads.size(); ++i)
    if (!payloads[i].is_object())
      return invalid(fmt::format("row {} must be an object, found {}", i, described(payloads[i])));
  const auto rows = std::ssize(payloads);
  return open({{"chunker", kLister},
               {"labourer_id", std::move(labourer_id)},
               {"rows", rows},
               {"listed", std::move(payloads)}});
}

Result<JobRows> JobRows::open(json::object description) {
  auto tree = std::make_shared<Tree>();
  tree->description = std::move(description);
  if (const auto built = tree->build(); !built) return built.error();
  const auto* rows = tree->description.if_contains("rows");
  if (rows && *rows != json::value(tree->count()))
    return corrupt(
        fmt::format("it gives {} rows, {} were accepted", tree->count(), json_text(*rows)));
  return JobRows(std::move(tree));
}

const json::object& JobRows::description() const { return tree_->description; }

const std::string& JobRows::labourer_id() const { return tree_->labourer_id; }

std::int64_t JobRows::count() const { return tree_->count(); }

JobRows::Cursor JobRows::at(std::int64_t row, Form form) const {
  return Cursor(std::make_unique<Cursor::Walk>(tree_, row, form));
}

JobSummary JobRows::summary(int samples) const {
  JobSummary summary;
  summary.rows = count();
  summary.dates = tree_->dates ? static_cast<std::int64_t>(tree_->dates->size()) : 0;
  summary.isolate_days = tree_->isolate_days;
  for (std::size_t level = 0; level < tree_->schema.attrs().size(); ++level)
    summary.levels.push_back({tree_->schema.plural_name(level), tree_->chunks.values[level]});
  const auto take = [&](std::int64_t from, std::int64_t end, std::vector<std::string>& out) {
    auto cursor = at(from);
    for (std::string text; cursor.row() < end; text.clear()) {
      cursor.next(text);
      out.push_back(text);
    }
  };
  const auto first_end = std::min<std::int64_t>(samples, summary.rows);
  take(0, first_end, summary.first);
  take(std::max(first_end, summary.rows - samples), summary.rows, summary.last);
  summary.warnings = tree_->chunks.warnings;
  if (tree_->chunks.more_warnings > 0)
    summary.warnings.push_back(fmt::format("and {} more such places", tree_->chunks.more_warnings));
  return summary;
}

}  // namespace sosw
