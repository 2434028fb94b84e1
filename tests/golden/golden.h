// SPDX-License-Identifier: MIT
// Runs recorded cases of the Python original against our functions and judges the answers.
//
// An area is one file of vectors ("chunking"): a table of handlers by function name, the rules by
// which we differ from the original on purpose, and the functions that mean nothing here. Areas are
// listed in areas.cc. A handler gets a Case and gives an Answer; what it must not see is the id.
#pragma once

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sosw::golden {

namespace json = boost::json;

// What a call gave: a value, or the class name of the Python exception it stands for.
class Answer {
 public:
  static Answer output(json::value value) { return Answer(std::move(value)); }
  static Answer error(std::string python_class) {
    return Answer(PythonError{std::move(python_class)});
  }

  [[nodiscard]] bool is_error() const { return std::holds_alternative<PythonError>(state_); }
  // REQUIRES: !is_error(), is_error()
  [[nodiscard]] const json::value& value() const { return std::get<json::value>(state_); }
  [[nodiscard]] const std::string& error_class() const {
    return std::get<PythonError>(state_).name;
  }

 private:
  struct PythonError {
    std::string name;
  };
  explicit Answer(std::variant<json::value, PythonError> state) : state_(std::move(state)) {}
  std::variant<json::value, PythonError> state_;
};

// The behaviour that a case asks for. Integers beyond 64 bits arrive as {"$type": "int", "value":
// TEXT}, the other `$type` objects as they are in the file.
struct Case {
  std::string component;
  std::string function;
  std::string feature;
  json::object config;
  json::object input;
  std::optional<std::string>
      now;  // ISO 8601 UTC, "2019-01-31T10:00:00Z"; absent: the clock has no say

  // `input[name]`, null if it is not there.
  [[nodiscard]] const json::value& in(std::string_view name) const;
};

struct Handler {
  std::string_view function;
  Answer (*run)(const Case&);
};

// A difference on purpose (one that throws says nothing). It decides by the behaviour whether it
// applies and, if so, computes the right answer without the code under test. Name and reason are
// documented in differences.md.
struct Rule {
  std::string_view name;
  std::string_view reason;  // number of the defect or section of the design
  std::optional<Answer> (*right_answer)(const Case&, const Answer& recorded);
};

// A function of the original that means nothing here. Counted apart, never as matched.
struct Exclusion {
  std::string_view name;
  std::string_view function;
  std::string_view reason;
};

struct Area {
  std::string_view name;  // stem of the file, first part of the ids
  std::vector<Handler> handlers;
  std::vector<Rule> rules;
  std::vector<Exclusion> exclusions;
  // Parts of the outputs that are not compared, as paths: "query", "trace/*/requests" (`*`: each
  // element).
  std::vector<std::string_view> ignored;
  // What of a recorded output is behaviour: where it is a transcript of requests, what they did.
  // Our handlers answer in that form. Null: all of it, as it is.
  json::value (*behaviour)(const Case&, const json::value& output) = nullptr;
  bool numbers_by_value = false;    // 1 equals 1.0
  bool json_text_by_value = false;  // a text that is a JSON object or list is compared as that
};

// All areas (areas.cc).
const std::vector<Area>& areas();

// One recorded line.
struct Recorded {
  std::string id;
  Case what;
  std::vector<Answer>
      right;  // the recorded answer first, then the alternatives; empty if the file has none
  bool unordered = false;
};

struct Judgement {
  enum class Kind { matched, by_rule, excluded, failed };
  Kind kind = Kind::failed;
  std::string_view name;    // of the rule or the exclusion
  std::string explanation;  // of a failure, for a person
};

// Parses one line of a vectors file; the text of the error otherwise.
std::variant<Recorded, std::string> parse_recorded(std::string_view line);

// The area of an id ("chunking/plural/0001"), else of the file's stem; null if there is none.
const Area* find_area(std::string_view id, std::string_view file_stem);

// Our answer; nullopt if no handler knows the function. A handler that throws gives the error
// "internal: what". Never throws.
std::optional<Answer> answer(const Area& area, const Case& what);

Judgement judge(const Area& area, const Recorded& recorded);

// How many cases of a file with `cases` lines one rule may cover.
constexpr std::size_t rule_limit(std::size_t cases) { return cases / 10 > 5 ? cases / 10 : 5; }

// Whether two answers are the same to the conventions of the area.
bool same(const Area& area, bool unordered, const Answer& a, const Answer& b);

}  // namespace sosw::golden
