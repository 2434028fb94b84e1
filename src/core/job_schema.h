// SPDX-License-Identifier: MIT
// The language of jobs: which attributes can be chunked, in which order they are nested, and which
// flags ask for it.
#pragma once

#include <array>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"

namespace sosw {

namespace json = boost::json;

// "word" and "words" are both "words".
std::string plural(std::string_view attr);
// The spellings under which an attribute is looked for: "words" and "word" for "word"; for a name
// that is given as a plural also one more 's', as in the original.
std::vector<std::string> single_or_plural(std::string_view attr);
// The index of the first spelling of `attr` that is in `names`; the plural wins over the singular.
std::optional<std::size_t> get_index_from_list(std::string_view attr,
                                               const std::vector<std::string>& names);

// Whether a key is a setting about chunking: it begins as `isolate_*` or `max_*_per_batch`.
bool is_isolate_attribute(std::string_view key);

// Python's bool(value): false for null, false, 0, and empty texts, lists and objects.
bool truthy(const json::value& value);

// The values of an attribute that needs no look inside: a list of texts and numbers, an object
// whose values are all null (its keys), an object of one key (itself the only value), or one text
// or number alone. A view: the JSON value must outlive it.
class FlatValues {
 public:
  enum class Source : std::uint8_t { list, keys, itself };

  // Lists and objects, as the original's validate_list_of_vals. Error: invalid, beginning with the
  // part of `value` it is about ("[3]: ..."), when there is embedded data.
  static Result<FlatValues> validate_list_of_vals(const json::value& value);
  // `value` as the only one.
  static FlatValues alone(const json::value& value) { return {value, Source::itself}; }
  // Again what source() said.
  static FlatValues of(const json::value& value, Source source) { return {value, source}; }

  [[nodiscard]] Source source() const { return source_; }
  [[nodiscard]] std::int64_t size() const;
  // REQUIRES: 0 <= i < size(). Appends the i-th value as JSON text.
  void append(std::int64_t i, std::string& out) const;

 private:
  FlatValues(const json::value& value, Source source) : value_(&value), source_(source) {}
  const json::value* value_;
  Source source_;
};

// The chunkable attributes, outermost first. Immutable.
class JobSchema {
 public:
  static constexpr std::size_t kMaxLevels = 16;

  // No attributes: nothing is chunked but dates.
  JobSchema() = default;

  // Errors: invalid, for a name that is empty, ends with 's' (the singular is the name), occurs
  // twice, or is one too many.
  static Result<JobSchema> create(std::vector<std::string> attrs);

  // The variant of a Scheduler's configuration: `job_schema_variants[name]`. `job_schema` is the
  // variant `default` when none of that name is configured; an empty name asks for the default.
  // Errors: invalid, for a name that is unknown (with the known ones) and for a schema that is
  // none.
  static Result<JobSchema> from_config(const json::object& config, std::string_view name);

  [[nodiscard]] const std::vector<std::string>& attrs() const { return attrs_; }
  // The chunkable attribute inside of `attr`, in whatever spelling; nullopt after the last one.
  [[nodiscard]] std::optional<std::string> get_next_chunkable_attr(std::string_view attr) const;

  // Whether the values of `attr` in `data` are to be taken apart: a flag there asks for it, or one
  // at any deeper level. A flag of an upper level, also a false one, wins over the same flag below
  // it. Values that are no objects have nothing inside and ask for nothing (the original crashes,
  // D-44).
  [[nodiscard]] bool needs_chunking(std::string_view attr, const json::object& data) const;

  // --- For chunking.cc -------------------------------------------------------------------------

  // What an object says about each level: the values under the names that matter, null where
  // absent.
  enum Slot : std::size_t {
    plural_value,
    single_value,
    odd_value,  // odd: the plural's plural
    isolate_plural,
    isolate_single,
    isolate_odd,
    max_plural,
    max_single,
    max_odd
  };
  static constexpr std::size_t kSlots = max_odd + 1;
  struct View {
    std::array<const json::value*, kMaxLevels * kSlots> slots;
    [[nodiscard]] const json::value* at(std::size_t level, Slot slot) const {
      return slots[level * kSlots + slot];
    }
  };
  [[nodiscard]] View view(const json::object& object) const;
  // {**below, **above} of Python: what `above` has wins.
  [[nodiscard]] View merged(const View& below, const View& above) const;
  // The same question for a level. `as_plural`: asked by the plural name, which has one spelling
  // more.
  [[nodiscard]] bool needs_chunking(std::size_t level, bool as_plural, const View& data) const;

  [[nodiscard]] const std::string& plural_name(std::size_t level) const { return plurals_[level]; }

 private:
  [[nodiscard]] std::size_t used() const { return attrs_.size() * kSlots; }

  std::vector<std::string> attrs_;
  std::vector<std::string> plurals_;
  std::unordered_map<std::string, std::size_t> slot_of_key_;
  std::array<bool, kMaxLevels* kSlots> inherited_ =
      {};  // flags that hold for the levels below, too
};

}  // namespace sosw
