// SPDX-License-Identifier: MIT
// A job that stays folded: its rows (one for each future task) are counted, and written from any
// row on, without ever being held together.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/job_request.h"
#include "core/job_schema.h"
#include "core/periods.h"
#include "core/result.h"

namespace sosw {

struct JobSummary {
  struct Level {
    std::string attr;         // plural name: "words"
    std::int64_t values = 0;  // in the whole job, dates not counted
  };
  std::int64_t rows = 0;
  std::int64_t dates = 0;                // 0: the job has no dates
  bool isolate_days = false;             // a row for each date instead of one with all of them
  std::vector<Level> levels;             // outermost first; empty when nothing but dates is chunked
  std::vector<std::string> first, last;  // payloads, in the order of the rows, none twice
  // Places where a flag asks for chunking and nothing is there to chunk, so they give no row; the
  // first few, then how many more.
  std::vector<std::string> warnings;
};

// The rows of one job. Cheap to copy, immutable, safe to share between threads.
//
// What a job means is what the original made of it, in the same order (docs of the language: the
// differences file of the golden tests lists where we differ on purpose).
class JobRows {
 public:
  class Cursor;
  // What a row is written as: the payload of the task; or the line of the original's queue file,
  // which also names the labourer. `labourer_id` is no data: a job can not set it in its rows.
  enum class Form : std::uint8_t { payload, queue_file };

  // Chunks a new job. `today` is the date where the job's day is reckoned, `time_zone` the name of
  // that zone, kept for people. Takes `period`, `isolate_days`, or `st_date` and `en_date`, out of
  // the body; what does not ask for chunking stays one row, or one for each date. Time and memory:
  // linear in the size of the body.
  // Errors: invalid, with the path of what is wrong: "topics.cars.words[3]: ...".
  static Result<JobRows> from_job(JobRequest job, const JobSchema& schema, const Periods& periods,
                                  Date today, std::string_view time_zone = "UTC");

  // A job of payloads that are there already, each an object: data through and through, whatever
  // its keys are called. Error: invalid, when one is no object.
  static Result<JobRows> of_list(std::string labourer_id, json::array payloads);

  // Opens a stored description: {chunker, labourer_id, chunkable_attrs, dates, isolate_days,
  // time_zone, rows, job}, or {chunker, labourer_id, rows, listed} of a list; `rows` is checked
  // when it is there. It gives the same rows in every release. Errors: corrupt, when it is not what
  // description() gave, or was made by a newer chunker; invalid, as from_job.
  static Result<JobRows> open(json::object description);

  // All that open() needs, to be stored.
  [[nodiscard]] const json::object& description() const;
  [[nodiscard]] const std::string& labourer_id() const;
  [[nodiscard]] std::int64_t count() const;

  // A cursor before `row`. REQUIRES: 0 <= row <= count(). Time: by the depth of the job.
  [[nodiscard]] Cursor at(std::int64_t row, Form form = Form::payload) const;

  // With the first and the last `samples` rows.
  [[nodiscard]] JobSummary summary(int samples = 3) const;

 private:
  struct Tree;
  explicit JobRows(std::shared_ptr<const Tree> tree) : tree_(std::move(tree)) {}
  std::shared_ptr<const Tree> tree_;
};

// Walks the rows in order. Holds the job; not for use by two threads at once.
class JobRows::Cursor {
 public:
  Cursor(Cursor&&) noexcept;
  Cursor& operator=(Cursor&&) noexcept;
  ~Cursor();

  // Number of the row that next() writes.
  [[nodiscard]] std::int64_t row() const;

  // Appends the text of the row, a JSON object as Python writes it, and moves on; false after the
  // last one. Allocates nothing but what `out` needs, once the first rows are written.
  bool next(std::string& out);

 private:
  friend class JobRows;
  class Walk;
  explicit Cursor(std::unique_ptr<Walk> walk);
  std::unique_ptr<Walk> walk_;
};

}  // namespace sosw
