// SPDX-License-Identifier: MIT
#include "core/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/config.h"
#include "core/json_text.h"
#include "core/suggest.h"

namespace sosw {

std::string described(const json::value& value) {
  constexpr std::size_t kShown = 60;
  switch (value.kind()) {
    case json::kind::null:
      return "null";
    case json::kind::array:
      return "a list";
    case json::kind::object:
      return "an object";
    case json::kind::string: {
      const std::string_view text = value.get_string();
      return fmt::format("the text '{}{}'", text.substr(0, kShown),
                         text.size() > kShown ? "..." : "");
    }
    case json::kind::bool_:
      return value.get_bool() ? "true" : "false";
    default:
      return "the number " + json_text(value);
  }
}

const json::value* ConfigReader::value(std::string_view key) {
  if (std::find(known_.begin(), known_.end(), key) == known_.end()) known_.emplace_back(key);
  const auto* found = object_.if_contains(key);
  return found && !found->is_null() ? found : nullptr;
}

void ConfigReader::fail(std::string_view key, std::string_view complaint, std::string hint) {
  fail(invalid(fmt::format("{}: {} {}", where_, key, complaint), std::move(hint)));
}

void ConfigReader::fail(Error error) {
  if (!error_) {
    error_ = std::move(error);
    return;
  }
  auto others = std::exchange(error.others, {});
  error_->others.push_back(std::move(error));
  for (Error& other : others) error_->others.push_back(std::move(other));
}

void ConfigReader::fail_in(std::string_view place, const Error& error) {
  fail({error.code, fmt::format("{}: {}", place, error.message), error.hint, {}});
  for (const Error& other : error.others) fail_in(place, other);
}

std::optional<double> ConfigReader::number(std::string_view key, double least, double most) {
  const auto* found = value(key);
  if (!found) return std::nullopt;
  if (!found->is_number()) {
    fail(key, "must be a number, found " + described(*found));
    return std::nullopt;
  }
  const auto number = found->to_number<double>();
  if (number >= least && number <= most) return number;
  fail(key, most < std::numeric_limits<double>::max()
                ? fmt::format("must be between {} and {}, found {}", least, most, json_text(*found))
                : fmt::format("must be at least {}, found {}", least, json_text(*found)));
  return std::nullopt;
}

std::optional<std::int64_t> ConfigReader::integer(std::string_view key, std::int64_t least,
                                                  std::int64_t most) {
  const auto* found = value(key);
  if (!found) return std::nullopt;
  boost::system::error_code inexact;
  const auto whole = found->is_number() ? found->to_number<std::int64_t>(inexact) : 0;
  if (!found->is_number() || (inexact && found->is_double())) {
    fail(key, "must be a whole number, found " + described(*found));
    return std::nullopt;
  }
  if (!inexact && whole >= least && whole <= most) return whole;
  fail(key, fmt::format("must be between {} and {}, found {}", least, most, json_text(*found)));
  return std::nullopt;
}

std::optional<bool> ConfigReader::flag(std::string_view key) {
  const auto* found = value(key);
  if (!found) return std::nullopt;
  if (found->is_bool()) return found->get_bool();
  fail(key, "must be true or false, found " + described(*found));
  return std::nullopt;
}

std::optional<std::string> ConfigReader::text(std::string_view key) {
  const auto* found = value(key);
  if (!found) return std::nullopt;
  if (found->is_string()) return std::string(found->get_string());
  fail(key, "must be a text, found " + described(*found));
  return std::nullopt;
}

std::optional<std::vector<std::string>> ConfigReader::texts(std::string_view key) {
  const auto* found = value(key);
  if (!found) return std::nullopt;
  const bool list = found->is_array() && !found->get_array().empty();
  if (!list) {
    fail(key, "must be a list of texts, found " + described(*found));
    return std::nullopt;
  }
  std::vector<std::string> texts;
  for (const auto& element : found->get_array()) {
    if (!element.is_string()) {
      fail(key, "must be a list of texts, found in it " + described(element));
      return std::nullopt;
    }
    texts.emplace_back(element.get_string());
  }
  return texts;
}

std::optional<std::size_t> ConfigReader::choice(std::string_view key,
                                                std::initializer_list<std::string_view> choices) {
  const auto given = text(key);
  if (!given) return std::nullopt;
  const auto found = std::find(choices.begin(), choices.end(), *given);
  if (found != choices.end()) return static_cast<std::size_t>(found - choices.begin());
  fail(key, fmt::format("must be one of {}, found '{}'", fmt::join(choices, ", "), *given),
       suggestion(*given, {choices.begin(), choices.size()}));
  return std::nullopt;
}

const json::object* ConfigReader::object(std::string_view key) {
  const auto* found = value(key);
  if (!found) return nullptr;
  if (found->is_object()) return &found->get_object();
  fail(key, "must be an object, found " + described(*found));
  return nullptr;
}

Result<void> ConfigReader::finish(std::initializer_list<std::string_view> also_known) {
  known_.insert(known_.end(), also_known.begin(), also_known.end());
  const std::vector<std::string_view> known(known_.begin(), known_.end());
  if (auto checked = check_keys(where_, object_, known); !checked) fail(checked.error());
  if (error_) return *error_;
  return {};
}

}  // namespace sosw
