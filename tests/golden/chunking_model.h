// SPDX-License-Identifier: MIT
// What a job means, said as plainly as possible: rows are whole JSON objects, merged and copied at
// every step as in the original, with its faults as switches. The rules of the golden cases compute
// their right answers with it, and the property tests compare the folded rows with it.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "core/periods.h"
#include "core/result.h"
#include "golden.h"

namespace sosw::golden {

namespace json = boost::json;

// What the original gets wrong, by the names of the rules in differences.md.
struct Faults {
  bool singular_once = false;
  bool flat_job_is_one_row = false;
  bool flat_values_are_leaves = false;
  bool fields_kept = false;
  bool dates_without_chunking = false;
  bool no_chunkable_attrs = false;
  bool job_schema_is_default = false;
  bool negative_batch_refused = false;
  bool labourer_is_no_data = false;
  bool labourer_id_accepted = false;

  // No fault, but a choice of the original's hash seed: which spelling of an attribute is tried
  // first.
  bool singular_first = false;

  static Faults all(bool singular_first) {
    return {true, true, true, true, true, true, true, true, true, true, singular_first};
  }
};

struct PythonError {
  std::string name;
};

class ChunkingModel {
 public:
  ChunkingModel(std::vector<std::string> attrs, Date today, Periods periods, Faults faults)
      : attrs_(std::move(attrs)), today_(today), periods_(std::move(periods)), faults_(faults) {}

  // Each throws PythonError.
  [[nodiscard]] json::array construct_job_data(const json::object& job) const;
  [[nodiscard]] json::array chunk_job(const json::object& job, const json::object& skeleton,
                                      std::size_t level) const;
  // `attr` as it is given: a plural has one spelling more.
  [[nodiscard]] bool needs_chunking(const std::string& attr, const json::object& data) const;
  // The rows of the queue file; `job` still has lambda_name.
  [[nodiscard]] json::array parse_job(json::object job) const;

 private:
  [[nodiscard]] json::array chunk_dates(json::object job) const;

  std::vector<std::string> attrs_;
  Date today_;
  Periods periods_;
  Faults faults_;
};

// An event as the Scheduler gets it, with its configuration. Throws PythonError.
json::array model_parse_event(const json::value& event, const json::object& config, Date today,
                              Faults faults);

// The class that the original raised where we give an error with these words.
Answer error_answer(const Error& error);

}  // namespace sosw::golden
