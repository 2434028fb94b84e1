// SPDX-License-Identifier: MIT
// Queue files that a Scheduler of the original has left on S3, and what becomes of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "aws/s3.h"
#include "engine/ports.h"

namespace sosw::cloud {

struct QueueFile {
  std::string name;       // "tasks_queue_{request id}.txt" or "locked_tasks_queue_{request id}.txt"
  std::int64_t size = 0;  // bytes
  std::string etag;
  std::string last_modified;  // ISO 8601, UTC
  // locked: a Scheduler of the original works at it, or died with it.
  bool locked = false;
  bool take = false;  // its rows may be taken over now
  // For the report, where a person has something to know; else empty.
  std::string remark;
};

// The rows that a Python Scheduler did not get to (D-01: it starts no sibling that would find them)
// become jobs of ours, and then the file is removed:
//
//   for (const auto& file : *files.waiting(now)) {
//     if (!file.take) continue;
//     std::vector<std::string> refused;
//     for (QueueFiles::Place at; at.byte < file.size;) {
//       const auto content = files.read(file, at);
//       for (const auto& job : content->jobs) store.accept(job, ...);
//       refused.insert(refused.end(), content->refused.begin(), content->refused.end());
//       at = content->next;
//     }
//     files.finish(file, refused);
//   }
//
// A job has up to 1,000 rows of one labourer, in their order, each row one task with that row as
// its payload, never chunked. The key of a job is made of bucket, key, ETag and time of the object
// and the number of its first row: to take a file over twice, because a run ended before finish(),
// makes nothing twice.
//
// A file that is `locked_` is another matter (D-03): it keeps all its rows while a Scheduler makes
// tasks of them, so that nobody can tell which of them are tasks already. It is left alone, and
// from `longest_run` after its last change on it has a remark. `take_locked` takes it over then: no
// row is lost, those that were tasks become tasks once more.
class QueueFiles final : public engine::JobBuffer {
 public:
  struct Options {
    aws::ClientOptions client{};
    std::string bucket;                          // `queue_bucket`
    std::string prefix = "sosw/scheduler";       // `s3_prefix`
    std::string queue_file = "tasks_queue.txt";  // `queue_file`: the pattern of the names
    bool take_locked = false;                    // a row may become a task twice
    std::chrono::seconds longest_run{900};       // of a Scheduler: Lambda ends it after 15 minutes
    std::int64_t piece = 4'000'000;              // bytes of a file that are asked for at once
  };
  explicit QueueFiles(Options options);

  // The files, oldest first. One request for 1,000 objects under the prefix. Errors: denied: the
  // templates of the original give no role s3:ListBucket; unavailable; internal: no such bucket.
  Result<std::vector<QueueFile>> waiting(Time now);

  // The lines of the file of that name, each without its line feed. Error: not_found.
  Result<std::vector<std::string>> rows(std::string_view file_name) override;

  // The beginning of a line.
  struct Place {
    std::int64_t byte = 0, line = 0;
  };
  struct Content {
    std::vector<engine::Job> jobs;     // as accept() of the store takes them
    std::vector<std::string> refused;  // lines that are no task: no JSON object with a labourer_id
    Place next;                        // what comes behind these; at the end: the file's size
  };
  // What one piece of the file holds, in memory a few times that; the file may be as large as it
  // likes. Which rows make a job does not depend on the pieces. REQUIRES: `from` is before the end.
  // Errors: conflict: it has changed or gone since waiting(): look again.
  Result<Content> read(const QueueFile& file, Place from);

  // After every job of the file was accepted. `refused` is kept as `refused_{ETag}_{name}` beside
  // it, for a person; then the file is removed, unless it has changed since waiting() (conflict).
  Result<void> finish(const QueueFile& file, const std::vector<std::string>& refused);

 private:
  [[nodiscard]] std::string key_of(std::string_view name) const;
  [[nodiscard]] std::string url_of(std::string_view name) const;  // for keys and messages
  [[nodiscard]] bool is_ours(std::string_view name) const;
  Result<aws::S3Object> get(std::string_view name);
  // Up to `size` bytes from `first` on. Error: conflict, as read().
  Result<std::string> part(const QueueFile& file, std::int64_t first, std::int64_t size);
  // Of `text`, the lines from `from` on; `last`: nothing comes behind them.
  [[nodiscard]] Result<Content> content_of(const QueueFile& file, Place from, std::string_view text,
                                           bool last) const;

  Options options_;
  std::mutex mutex_;  // of what follows
  aws::S3 s3_;
};

}  // namespace sosw::cloud
