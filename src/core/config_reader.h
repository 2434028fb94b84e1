// SPDX-License-Identifier: MIT
// Reads the typed keys of one JSON object of a configuration and refuses the rest.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace sosw {

namespace json = boost::json;

// What a value is, for messages: "the text 'abc'", "the number 1.5", "a list", "an object", "null".
[[nodiscard]] std::string described(const json::value& value);

// Each getter gives nullopt for a key that is absent or null (the default is the caller's), and for
// one of a wrong type or out of range, which is remembered: finish() returns all of them as one
// error (Error::others). `where` begins each message: "labourer 'f'". The object must outlive the
// reader.
class ConfigReader {
 public:
  ConfigReader(std::string where, const json::object& object)
      : where_(std::move(where)), object_(object) {}

  // A number without fraction; 3.0 counts as one.
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t least, std::int64_t most);
  std::optional<double> number(std::string_view key, double least,
                               double most = std::numeric_limits<double>::max());
  std::optional<bool> flag(std::string_view key);
  std::optional<std::string> text(std::string_view key);
  // A list of texts, at least one.
  std::optional<std::vector<std::string>> texts(std::string_view key);
  // Index of the text in `choices`.
  std::optional<std::size_t> choice(std::string_view key,
                                    std::initializer_list<std::string_view> choices);
  // Null when there is none.
  const json::object* object(std::string_view key);
  // Of any type; null when there is none.
  const json::value* value(std::string_view key);

  // Remembers an error about `key`: "WHERE: KEY COMPLAINT".
  void fail(std::string_view key, std::string_view complaint, std::string hint = {});
  // Remembers an error, and its others, that already says where; or all with `place` before.
  void fail(Error error);
  void fail_in(std::string_view place, const Error& error);

  // The errors so far.
  [[nodiscard]] const std::optional<Error>& failed() const { return error_; }
  // The errors. A key that no getter was asked for and that is not in `also_known` is one.
  [[nodiscard]] Result<void> finish(std::initializer_list<std::string_view> also_known = {});

 private:
  std::string where_;
  const json::object& object_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

}  // namespace sosw
