// SPDX-License-Identifier: MIT
// See queue_files.h.
#include "cloud/queue_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "cloud/call_error.h"
#include "core/chunking.h"
#include "core/json_text.h"
#include "core/queue_file.h"

namespace sosw::cloud {
namespace {

constexpr std::string_view kLocked = "locked_";
constexpr std::string_view kRefused = "refused_";
constexpr std::size_t kRowsOfJob = 1'000;
constexpr std::size_t kBytesOfJob = 300'000;    // of its rows: one item of the table has 400 KB
constexpr std::size_t kLongestRow = 1'000'000;  // no invocation takes more

// Of "2026-11-30T21:50:12.000Z"; nullopt: it is no such text.
std::optional<Time> time_of(std::string_view text) {
  int parts[6] = {};  // year, month, day, hour, minute, second
  constexpr std::string_view kAfter = "--T::";
  const char* at = text.data();
  const char* const end = at + text.size();
  for (std::size_t i = 0; i < std::size(parts); ++i) {
    const auto read = std::from_chars(at, end, parts[i]);
    if (read.ec != std::errc()) return std::nullopt;
    at = read.ptr;
    if (i == kAfter.size()) break;
    if (at == end || *at != kAfter[i]) return std::nullopt;
    ++at;
  }
  const std::chrono::year_month_day date(std::chrono::year(parts[0]),
                                         std::chrono::month(static_cast<unsigned>(parts[1])),
                                         std::chrono::day(static_cast<unsigned>(parts[2])));
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(parts[3]) +
         std::chrono::minutes(parts[4]) + std::chrono::seconds(parts[5]);
}

std::vector<std::string_view> lines_of(std::string_view text) {
  auto lines = pop_rows_from_file(text, std::string_view::npos);
  for (auto& line : lines)
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  return lines;
}

// The lines of `text` that are whole, which all are when nothing comes behind it.
std::string_view whole_lines(std::string_view text, bool last) {
  return last ? text : text.substr(0, text.rfind('\n') + 1);
}

bool is_blank(std::string_view line) {
  return line.find_first_not_of(" \t") == std::string_view::npos;
}

// A row whose labourer and payload can be read, which is an object.
struct Row {
  std::string labourer_id;
  json::value payload;
};
std::optional<Row> row_of(std::string_view line) {
  if (line.size() > kLongestRow) return std::nullopt;
  auto row = read_queue_file_row(line);
  if (!row || row->labourer_id.empty()) return std::nullopt;
  auto payload = parse_json(row->payload);
  if (!payload) return std::nullopt;
  return Row{std::move(row->labourer_id), *std::move(payload)};
}

}  // namespace

QueueFiles::QueueFiles(Options options) : options_(std::move(options)), s3_(options_.client) {
  while (options_.prefix.ends_with('/')) options_.prefix.pop_back();
}

std::string QueueFiles::key_of(std::string_view name) const {
  return options_.prefix.empty() ? std::string(name) : fmt::format("{}/{}", options_.prefix, name);
}

std::string QueueFiles::url_of(std::string_view name) const {
  return fmt::format("s3://{}/{}", options_.bucket, key_of(name));
}

bool QueueFiles::is_ours(std::string_view name) const {
  if (name.starts_with(kLocked)) name.remove_prefix(kLocked.size());
  // "tasks_queue.txt" is the pattern of "tasks_queue_{request id}.txt".
  const std::string_view pattern = options_.queue_file;
  const auto dot = std::min(pattern.find('.'), pattern.size());
  return name == pattern ||
         (name.size() > pattern.size() && name.starts_with(pattern.substr(0, dot)) &&
          name[dot] == '_' && name.ends_with(pattern.substr(dot)) &&
          name.find('/') == std::string_view::npos);
}

Result<std::vector<QueueFile>> QueueFiles::waiting(Time now) {
  const auto folder = key_of("");
  const std::lock_guard lock(mutex_);
  const auto listed = s3_.list(options_.bucket, folder);
  if (!listed) {
    auto error = error_of(listed.error());
    if (error.code == Code::denied)
      error.hint = fmt::format(
          "the role needs s3:ListBucket of the bucket '{}', which the templates of the original do "
          "not give",
          options_.bucket);
    return error;
  }
  std::vector<QueueFile> files;
  for (const auto& entry : *listed) {
    const auto name = std::string_view(entry.key).substr(folder.size());
    if (!is_ours(name)) continue;
    QueueFile file{.name = std::string(name),
                   .size = entry.size,
                   .etag = entry.etag,
                   .last_modified = entry.last_modified,
                   .locked = name.starts_with(kLocked)};
    file.take = !file.locked;
    const auto changed = time_of(entry.last_modified);
    if (file.locked && changed && now - *changed > options_.longest_run) {
      file.take = options_.take_locked;
      file.remark = fmt::format(
          "{} ({} bytes, locked at {}): a Scheduler of the original has died with it. {}",
          url_of(name), entry.size, entry.last_modified,
          file.take ? "Its rows are taken over; those that were tasks already are tasks twice"
                    : "Which of its rows are tasks already, nobody can tell: compare, then remove "
                      "it, or have it taken over, which makes some of them twice");
    }
    files.push_back(std::move(file));
  }
  std::stable_sort(files.begin(), files.end(), [](const QueueFile& a, const QueueFile& b) {
    return a.last_modified < b.last_modified;
  });
  return files;
}

Result<aws::S3Object> QueueFiles::get(std::string_view name) {
  const std::lock_guard lock(mutex_);
  auto found = s3_.get(options_.bucket, key_of(name));
  if (!found) return error_of(found.error());
  if (!*found) return Error{Code::not_found, fmt::format("there is no {}", url_of(name)), {}, {}};
  return **std::move(found);
}

Result<std::vector<std::string>> QueueFiles::rows(std::string_view file_name) {
  const auto object = get(file_name);
  if (!object) return object.error();
  std::vector<std::string> rows;
  for (const auto line : lines_of(object->body))
    if (!is_blank(line)) rows.emplace_back(line);
  return rows;
}

Result<QueueFiles::Content> QueueFiles::read(const QueueFile& file, Place from) {
  // A piece in which no job ends says nothing: a larger one is asked for.
  for (auto size = options_.piece;; size *= 2) {
    const bool last = size >= file.size - from.byte;
    const auto text = part(file, from.byte, size);
    if (!text) return text.error();
    auto content = content_of(file, from, whole_lines(*text, last), last);
    if (!content || last || content->next.byte > from.byte) return content;
  }
}

Result<std::string> QueueFiles::part(const QueueFile& file, std::int64_t first, std::int64_t size) {
  const std::lock_guard lock(mutex_);
  auto found = s3_.get_part(options_.bucket, key_of(file.name), file.etag, first, size);
  if (!found) return error_of(found.error());
  if (*found) {
    // Rows of another place would be taken for others, or the same ones for ever.
    const auto wanted = std::min(size, file.size - first);
    if (std::ssize((*found)->body) == wanted) return std::move((*found)->body);
    return Error{Code::unavailable,
                 fmt::format("{}: {} bytes came from byte {} on instead of {}", url_of(file.name),
                             (*found)->body.size(), first, wanted),
                 "the store must take the header Range",
                 {}};
  }
  return Error{Code::conflict,
               fmt::format("{} has changed since it was listed", url_of(file.name)),
               "look again",
               {}};
}

Result<QueueFiles::Content> QueueFiles::content_of(const QueueFile& file, Place from,
                                                   std::string_view text, bool last) const {
  Content content;
  std::string labourer_id;
  json::array rows;                // of the next job
  Place first;                     // of its rows
  std::size_t refused_before = 0;  // lines in front of that
  std::size_t bytes = 0;
  const auto finish_job = [&]() -> Result<void> {
    if (rows.empty()) return {};
    engine::Job job;
    job.key =
        fmt::format("{}#{}#{}#{}", url_of(file.name), file.etag, file.last_modified, first.line);
    job.rows = std::ssize(rows);
    const auto listed = JobRows::of_list(labourer_id, std::exchange(rows, {}));
    if (!listed) return listed.error();
    job.description = listed->description();
    job.labourer_id = std::move(labourer_id);
    content.jobs.push_back(std::move(job));
    bytes = 0;
    return {};
  };
  Place at = from;
  Place here = from;
  for (auto left = text; !left.empty(); at = here) {
    auto line = pop_rows_from_file(left, 1).front();
    here = {at.byte + std::ssize(line), at.line + 1};
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    if (is_blank(line)) continue;
    auto row = row_of(line);
    if (!row) {
      content.refused.emplace_back(line);
      continue;
    }
    if (!rows.empty() && (row->labourer_id != labourer_id || rows.size() >= kRowsOfJob ||
                          bytes + line.size() > kBytesOfJob)) {
      if (const auto done = finish_job(); !done) return done.error();
    }
    if (rows.empty()) {
      labourer_id = std::move(row->labourer_id);
      first = at;
      refused_before = content.refused.size();
    }
    bytes += line.size();
    rows.push_back(std::move(row->payload));
  }
  content.next = at;
  if (!last && !rows.empty()) {
    // More rows of this job may come: the next piece begins with it.
    content.next = first;
    content.refused.resize(refused_before);
    return content;
  }
  if (const auto done = finish_job(); !done) return done.error();
  return content;
}

Result<void> QueueFiles::finish(const QueueFile& file, const std::vector<std::string>& refused) {
  const std::lock_guard lock(mutex_);
  if (!refused.empty()) {
    std::string text;
    for (const auto& line : refused) text += line + "\n";
    // A file of that name may come again (D-02), with lines of its own.
    auto etag = file.etag;
    std::erase_if(etag, [](char c) { return c == '"' || c == '/'; });
    const auto kept =
        s3_.put(options_.bucket, key_of(fmt::format("{}{}_{}", kRefused, etag, file.name)),
                std::move(text), "text/plain");
    if (!kept) return error_of(kept.error());
  }
  const auto removed = s3_.remove_if_same(options_.bucket, key_of(file.name), file.etag);
  if (!removed) return error_of(removed.error());
  if (*removed) return {};
  return Error{Code::conflict,
               fmt::format("{} was changed or taken away while its rows were taken over: a "
                           "Scheduler of the original works at it, and may make them tasks once "
                           "more",
                           url_of(file.name)),
               {},
               {}};
}

}  // namespace sosw::cloud
