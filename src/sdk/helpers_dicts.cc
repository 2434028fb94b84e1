// SPDX-License-Identifier: MIT
// Helpers for nested dictionaries.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "sdk/python.h"
#include "sdk/text.h"
#include "sosw/helpers.h"

namespace sosw {

namespace json = boost::json;

namespace {

// An object or a value, so that neither has to be copied into the other.
class Node {
 public:
  explicit Node(const json::value& value)
      : value_(&value), object_(value.is_object() ? &value.get_object() : nullptr) {}
  explicit Node(const json::object& object) : object_(&object) {}

  [[nodiscard]] const json::object* object() const { return object_; }
  [[nodiscard]] const json::array* list() const { return value_ ? value_->if_array() : nullptr; }
  [[nodiscard]] json::value value() const { return value_ ? *value_ : json::value(*object_); }
  [[nodiscard]] TypeError no_dictionary(std::string_view key) const {
    return TypeError(fmt::format("'{}' is asked of {} ({}), which is no dictionary", key,
                                 sdk::to_repr(*value_), sdk::kind_name(*value_)));
  }

 private:
  const json::value* value_ = nullptr;
  const json::object* object_ = nullptr;
};

// A path through nested dictionaries, and what does not count at its end.
class Search {
 public:
  Search(std::string_view key, std::string_view separator, const MatchOptions& options)
      : path_(sdk::split(key, separator)), ignore_case_(options.ignore_case) {
    if (options.exclude_key.has_value() != options.exclude_val.has_value())
      throw AttributeError("exclude_key and exclude_val go together");
    if (options.exclude_key && !options.exclude_key->empty()) {
      exclude_key_ = &*options.exclude_key;
      exclude_val_ = &*options.exclude_val;
    }
  }

  enum class Missing { no_match, error };

  bool matches(const Node& node, std::size_t level, const json::value& wanted,
               Missing missing) const {
    if (const auto* list = node.list())
      return std::any_of(list->begin(), list->end(), [&](const auto& element) {
        return matches(Node(element), level, wanted, missing);
      });
    const bool last = level + 1 == path_.size();
    if (last && excluded(node)) return false;
    const auto key = path_[level];
    if (!node.object()) {
      if (last && missing == Missing::no_match) return false;
      throw node.no_dictionary(key);
    }
    const auto* found = find(*node.object(), key);
    if (!found) {
      if (missing == Missing::no_match) return false;
      throw KeyError(fmt::format("there is no '{}'", key));
    }
    return last ? sdk::equal(*found, wanted) : matches(Node(*found), level + 1, wanted, missing);
  }

  json::value extract(const Node& node, std::size_t level) const {
    if (const auto* list = node.list()) {
      for (const auto& element : *list)
        if (auto found = extract(Node(element), level); sdk::truth(found)) return found;
      return nullptr;
    }
    const bool last = level + 1 == path_.size();
    if (last && excluded(node)) return nullptr;
    if (!node.object()) {
      const auto error = node.no_dictionary(path_[level]);
      if (last) throw AttributeError(error.what());
      throw error;
    }
    const auto* found = find(*node.object(), path_[level]);
    if (!found) return nullptr;
    return last ? *found : extract(Node(*found), level + 1);
  }

 private:
  [[nodiscard]] bool excluded(const Node& node) const {
    if (!exclude_key_) return false;
    if (!node.object()) throw node.no_dictionary(*exclude_key_);
    const auto* found = find(*node.object(), *exclude_key_);
    return found && sdk::equal(*found, *exclude_val_);
  }

  [[nodiscard]] const json::value* find(const json::object& object, std::string_view key) const {
    if (!ignore_case_) return object.if_contains(key);
    const auto wanted = sdk::lower(key);
    const auto* found = std::find_if(object.begin(), object.end(), [&](const auto& member) {
      return sdk::lower(member.key()) == wanted;
    });
    return found == object.end() ? nullptr : &found->value();
  }

  std::vector<std::string_view> path_;
  bool ignore_case_;
  const std::string* exclude_key_ = nullptr;
  const json::value* exclude_val_ = nullptr;
};

constexpr std::string_view kDot = ".";

std::string_view or_default(std::string_view separator, std::string_view otherwise) {
  return separator.empty() ? otherwise : separator;
}

bool is_dictionary(const json::value& value) { return value.is_object(); }

// Each element once, as the first of its equals.
template <class Equal>
void append_different(const json::array& from, json::array& to, Equal same) {
  for (const auto& element : from)
    if (std::none_of(to.begin(), to.end(), [&](const auto& kept) { return same(kept, element); }))
      to.push_back(element);
}

json::array merged(const json::array& a, const json::array& b) {
  const auto all_of_both = [&](auto predicate) {
    return std::all_of(a.begin(), a.end(), predicate) && std::all_of(b.begin(), b.end(), predicate);
  };
  json::array out;
  if (all_of_both([](const json::value& element) { return !element.is_structured(); })) {
    append_different(a, out, sdk::equal);
    append_different(b, out, sdk::equal);
  } else if (all_of_both(is_dictionary)) {
    append_different(a, out, std::equal_to<>());
    append_different(b, out, std::equal_to<>());
  } else {
    out = a;
    out.insert(out.end(), b.begin(), b.end());
  }
  return out;
}

std::size_t mixed(std::size_t hash, std::size_t more) {
  // The finalizer of MurmurHash3 over the sum: small numbers spread over all bits.
  std::uint64_t x = hash * 0x9E3779B97F4A7C15U + more;
  x = (x ^ (x >> 33U)) * 0xFF51AFD7ED558CCDU;
  x = (x ^ (x >> 33U)) * 0xC4CEB9FE1A85EC53U;
  return x ^ (x >> 33U);
}

}  // namespace

bool recursive_matches_soft(const json::value& src, std::string_view key, const json::value& val,
                            const MatchOptions& options) {
  return Search(key, kDot, options).matches(Node(src), 0, val, Search::Missing::no_match);
}
bool recursive_matches_soft(const json::object& src, std::string_view key, const json::value& val,
                            const MatchOptions& options) {
  return Search(key, kDot, options).matches(Node(src), 0, val, Search::Missing::no_match);
}

bool recursive_matches_strict(const json::value& src, std::string_view key, const json::value& val,
                              const MatchOptions& options) {
  return Search(key, kDot, options).matches(Node(src), 0, val, Search::Missing::error);
}
bool recursive_matches_strict(const json::object& src, std::string_view key, const json::value& val,
                              const MatchOptions& options) {
  return Search(key, kDot, options).matches(Node(src), 0, val, Search::Missing::error);
}

json::value recursive_matches_extract(const json::value& src, std::string_view key,
                                      std::string_view separator, const MatchOptions& options) {
  return Search(key, or_default(separator, kDot), options).extract(Node(src), 0);
}
json::value recursive_matches_extract(const json::object& src, std::string_view key,
                                      std::string_view separator, const MatchOptions& options) {
  return Search(key, or_default(separator, kDot), options).extract(Node(src), 0);
}

json::object dunder_to_dict(const json::object& data, std::string_view separator) {
  const auto between = or_default(separator, "__");
  json::object out;
  for (const auto& member : data) {
    const std::string_view key = member.key();
    if (key.find(between) == key.npos) {
      out[key] = member.value();
      continue;
    }
    if (key.starts_with(between) || key.ends_with(between))
      throw ValueError(fmt::format("'{}' begins or ends with '{}'", key, between));
    const auto parts = sdk::split(key, between);
    json::value value = member.value();
    if (value.is_object()) value = dunder_to_dict(value.get_object(), between);
    auto nested = nested_dict_from_keys({parts.begin() + 1, parts.end()}, std::move(value));
    auto& place = out.emplace(parts.front(), json::object()).first->value();
    if (!place.is_object())
      throw TypeError(
          fmt::format("'{}' goes into '{}', which is no dictionary", key, parts.front()));
    place = recursive_update(std::move(place.get_object()), nested.get_object());
  }
  return out;
}

json::value nested_dict_from_keys(const std::vector<std::string>& keys, json::value value) {
  for (auto key = keys.rbegin(); key != keys.rend(); ++key)
    value = json::object{{*key, std::move(value)}};
  return value;
}

json::object recursive_insert(json::object d, std::string_view path, json::value value,
                              std::string_view separator) {
  if (path.empty() || separator.empty())
    throw ValueError("recursive_insert: the path or its separator is empty");
  const auto parts = sdk::split(path, separator);
  auto* place = &d;
  for (auto part = parts.begin(); part + 1 != parts.end(); ++part) {
    auto& next = place->emplace(*part, json::object()).first->value();
    if (!next.is_object())
      throw ValueError(
          fmt::format("the path '{}' goes through '{}', which is no dictionary", path, *part));
    place = &next.get_object();
  }
  (*place)[parts.back()] = std::move(value);
  return d;
}

json::object recursive_update(json::object d, const json::object& u) {
  for (const auto& member : u) {
    auto& ours = d[member.key()];
    const auto& theirs = member.value();
    if (theirs.is_object() && (ours.is_object() || ours.is_null()))
      ours = recursive_update(ours.is_object() ? std::move(ours.get_object()) : json::object(),
                              theirs.get_object());
    else if (theirs.is_array() && ours.is_array())
      ours = merged(ours.get_array(), theirs.get_array());
    else
      ours = theirs;
  }
  return d;
}

std::size_t make_hash(const json::value& o) {
  enum : std::size_t { kNull = 1, kWhole, kFraction, kText, kList, kDictionary };
  constexpr double kTwoTo63 = 9223372036854775808.0;
  switch (o.kind()) {
    case json::kind::null:
      return mixed(0, kNull);
    case json::kind::bool_:
    case json::kind::int64:
    case json::kind::uint64:
      return mixed(kWhole, o.is_bool()    ? (o.get_bool() ? 1U : 0U)
                           : o.is_int64() ? static_cast<std::size_t>(o.get_int64())
                                          : static_cast<std::size_t>(o.get_uint64()));
    case json::kind::double_: {
      const double number = o.get_double();
      if (std::trunc(number) == number && number >= -kTwoTo63 && number < 2 * kTwoTo63)
        return mixed(kWhole, number < 0
                                 ? static_cast<std::size_t>(static_cast<std::int64_t>(number))
                                 : static_cast<std::size_t>(number));
      return mixed(kFraction, std::hash<double>()(number));
    }
    case json::kind::string:
      return mixed(kText, std::hash<std::string_view>()(o.get_string()));
    case json::kind::array: {
      auto hash = mixed(kList, o.get_array().size());
      for (const auto& element : o.get_array()) hash = mixed(hash, make_hash(element));
      return hash;
    }
    case json::kind::object: {
      std::size_t sum = 0;  // does not depend on the order
      for (const auto& member : o.get_object())
        sum += mixed(make_hash(json::value(member.key())), make_hash(member.value()));
      return mixed(kDictionary, sum);
    }
  }
  return 0;
}

}  // namespace sosw
