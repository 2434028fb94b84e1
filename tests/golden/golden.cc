// SPDX-License-Identifier: MIT
// Reading, running and judging of recorded cases.
#include "golden.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/json_text.h"

namespace sosw::golden {
namespace {

constexpr std::string_view kType = "$type";

// Replaces integers that 64 bits can not hold by {"$type": "int", "value": TEXT}: the JSON parser
// would round them to doubles.
std::string keep_big_integers(std::string_view line) {
  std::string out;
  out.reserve(line.size());
  for (std::size_t i = 0; i < line.size();) {
    if (line[i] == '"') {
      const auto start = i++;
      while (i < line.size() && line[i] != '"') i += line[i] == '\\' ? 2 : 1;
      i = std::min(i + 1, line.size());
      out += line.substr(start, i - start);
      continue;
    }
    const auto end = std::min(line.find_first_not_of("+-.eE0123456789", i), line.size());
    const auto number = line.substr(i, end - i);
    if (number.empty()) {
      out += line[i++];
    } else if (number.find_first_of(".eE") == number.npos && !fits_64_bits(number)) {
      out += fmt::format(R"({{"$type": "int", "value": "{}"}})", number);
      i = end;
    } else {
      out += number;
      i = end;
    }
  }
  return out;
}

std::string text_or_empty(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

json::object object_or_empty(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value && value->is_object() ? value->get_object() : json::object();
}

std::optional<Answer> recorded_answer(const json::object& object) {
  if (const auto* output = object.if_contains("output")) return Answer::output(*output);
  if (object.contains("error")) return Answer::error(text_or_empty(object, "error"));
  return std::nullopt;
}

// Two answers are the same if their canonical texts are.
class Canonical {
 public:
  Canonical(const Area& area, bool unordered) : area_(area), unordered_(unordered) {}

  [[nodiscard]] std::string text(const Answer& answer) const {
    if (answer.is_error()) return "error " + answer.error_class();
    json::value value = answer.value();
    for (const auto path : area_.ignored) remove(value, path);
    return text(value);
  }

 private:
  [[nodiscard]] std::string text(const json::value& value) const {
    if (value.is_double()) return text(value.get_double());
    if (value.is_array()) return text(value.get_array(), unordered_);
    if (value.is_object()) return text(value.get_object());
    if (value.is_string() && area_.json_text_by_value) {
      const auto inner = parse_json(value.get_string());
      if (inner && inner->is_structured()) return "json " + text(*inner);
    }
    return json_text(value);
  }

  [[nodiscard]] std::string text(double number) const {
    if (area_.numbers_by_value && std::trunc(number) == number && std::abs(number) < 9e15)
      return json_text(static_cast<std::int64_t>(number));
    return json_text(number);
  }

  [[nodiscard]] std::string text(const json::array& array, bool sorted) const {
    std::vector<std::string> elements;
    elements.reserve(array.size());
    for (const auto& element : array) elements.push_back(text(element));
    if (sorted) std::sort(elements.begin(), elements.end());
    return fmt::format("[{}]", fmt::join(elements, ", "));
  }

  [[nodiscard]] std::string text(const json::object& object) const {
    if (const auto type = text_or_empty(object, kType); !type.empty())
      return typed_text(type, object);
    std::vector<std::string> members;
    members.reserve(object.size());
    for (const auto& [key, value] : object)
      members.push_back(json_text(json::string(key)) + ": " + text(value));
    std::sort(members.begin(), members.end());
    return fmt::format("{{{}}}", fmt::join(members, ", "));
  }

  // What C++ has no type for may be answered in the nearest form: a list for a tuple or a set, a
  // number for a decimal, the double for `nan`.
  [[nodiscard]] std::string typed_text(std::string_view type, const json::object& object) const {
    const auto* value = object.if_contains("value");
    auto name = text_or_empty(object, "value");
    if (value && value->is_array() && type == "tuple") return text(value->get_array(), unordered_);
    if (value && value->is_array() && type == "set") return "set " + text(value->get_array(), true);
    if (type == "int") return name;
    if (type == "float" && name == "nan") return json_text(std::nan(""));
    if (type == "float" && name == "inf") return json_text(HUGE_VAL);
    if (type == "float" && name == "-inf") return json_text(-HUGE_VAL);
    if (const auto* items = object.if_contains("items"); items && items->is_array())
      return "dict " + text(items->get_array(), true);
    return fmt::format("{} {}", type, value ? text(*value) : "");
  }

  static void remove(json::value& value, std::string_view path) {
    const auto slash = path.find('/');
    const auto head = path.substr(0, slash);
    const auto rest = slash == path.npos ? std::string_view() : path.substr(slash + 1);
    if (head == "*") {
      if (value.is_array())
        for (auto& element : value.get_array()) remove(element, rest);
    } else if (value.is_object()) {
      auto& object = value.get_object();
      if (rest.empty()) {
        object.erase(head);
      } else if (auto* member = object.if_contains(head)) {
        remove(*member, rest);
      }
    }
  }

  const Area& area_;
  bool unordered_;
};

// Both texts from a little before the place where they part.
std::string first_difference(const std::string& expected, const std::string& got) {
  const auto parting = static_cast<std::size_t>(
      std::mismatch(expected.begin(), expected.end(), got.begin(), got.end()).first -
      expected.begin());
  const auto start = parting > 60 ? parting - 60 : 0;
  const auto excerpt = [&](const std::string& text) {
    return (start > 0 ? "..." : "") + text.substr(std::min(start, text.size()), 240) +
           (text.size() > start + 240 ? "..." : "");
  };
  return fmt::format("    expected {}\n    got      {}", excerpt(expected), excerpt(got));
}

}  // namespace

const json::value& Case::in(std::string_view name) const {
  static const json::value kNull;
  const auto* value = input.if_contains(name);
  return value ? *value : kNull;
}

namespace {

// Signatures are recorded in a form of their own: input and output side by side.
void read_signature(const json::object& object, Recorded& recorded) {
  recorded.what.function = "sign";
  json::object output;
  for (const auto& [key, value] : object) {
    const bool expected = key == "wire_path" || key == "wire_query" || key == "authorization" ||
                          key == "content_sha256";
    (expected ? output : recorded.what.input)[key] = value;
  }
  recorded.what.input.erase("id");
  recorded.right.push_back(Answer::output(std::move(output)));
}

}  // namespace

std::variant<Recorded, std::string> parse_recorded(std::string_view line) {
  const auto value = parse_json(keep_big_integers(line));
  if (!value) return value.error().message;
  if (!value->is_object()) return "not a JSON object";
  const auto& object = value->get_object();
  Recorded recorded;
  recorded.id = text_or_empty(object, "id");
  if (object.contains("authorization") && !object.contains("input")) {
    read_signature(object, recorded);
    return recorded;
  }
  recorded.what.component = text_or_empty(object, "component");
  recorded.what.function = text_or_empty(object, "function");
  recorded.what.feature = text_or_empty(object, "feature");
  recorded.what.config = object_or_empty(object, "config");
  recorded.what.input = object_or_empty(object, "input");
  if (auto now = text_or_empty(object, "now"); !now.empty()) recorded.what.now = std::move(now);
  if (auto right = recorded_answer(object)) recorded.right.push_back(std::move(*right));
  if (const auto* others = object.if_contains("alternatives"); others && others->is_array())
    for (const auto& other : others->get_array())
      if (other.is_object())
        if (auto right = recorded_answer(other.get_object()))
          recorded.right.push_back(std::move(*right));
  const auto* unordered = object.if_contains("unordered");
  recorded.unordered = unordered && unordered->is_bool() && unordered->get_bool();
  return recorded;
}

const Area* find_area(std::string_view id, std::string_view file_stem) {
  for (const auto name : {id.substr(0, id.find('/')), file_stem})
    for (const auto& area : areas())
      if (area.name == name) return &area;
  return nullptr;
}

std::optional<Answer> answer(const Area& area, const Case& what) {
  for (const auto& handler : area.handlers) {
    if (handler.function != what.function) continue;
    try {
      return handler.run(what);
    } catch (const std::exception& error) {  // of Boost.JSON: the handler expected another input
      return Answer::error(fmt::format("internal: {}", error.what()));
    }
  }
  return std::nullopt;
}

bool same(const Area& area, bool unordered, const Answer& a, const Answer& b) {
  const Canonical canonical(area, unordered);
  return canonical.text(a) == canonical.text(b);
}

namespace {

// A rule that cannot read a case, for it expected another input, says nothing about it.
std::optional<Answer> said_by(const Rule& rule, const Recorded& recorded) {
  try {
    return rule.right_answer(recorded.what, recorded.right.front());
  } catch (const std::exception&) {
    return std::nullopt;
  }
}

}  // namespace

Judgement judge(const Area& area, const Recorded& as_recorded) {
  Recorded recorded = as_recorded;
  try {
    if (area.behaviour)
      for (auto& right : recorded.right)
        if (!right.is_error()) right = Answer::output(area.behaviour(recorded.what, right.value()));
  } catch (const std::exception& error) {
    return {Judgement::Kind::failed,
            {},
            fmt::format("    what was recorded has another form: {}", error.what())};
  }
  for (const auto& exclusion : area.exclusions)
    if (exclusion.function == recorded.what.function)
      return {Judgement::Kind::excluded, exclusion.name, {}};
  if (recorded.right.empty())
    return {Judgement::Kind::failed, {}, "    the case has no answer recorded"};
  const auto ours = answer(area, recorded.what);
  if (!ours) return {Judgement::Kind::failed, {}, "    no handler for " + recorded.what.function};
  const Canonical canonical(area, recorded.unordered);
  const auto got = canonical.text(*ours);
  const auto original = canonical.text(recorded.right.front());
  // A rule that speaks about a case decides it: the fault of the original is no right answer then.
  for (const auto& rule : area.rules) {
    const auto right = said_by(rule, recorded);
    if (!right || canonical.text(*right) == original) continue;
    if (canonical.text(*right) == got) return {Judgement::Kind::by_rule, rule.name, {}};
    return {Judgement::Kind::failed,
            {},
            fmt::format("    by rule {}:\n{}", rule.name,
                        first_difference(canonical.text(*right), got))};
  }
  for (const auto& right : recorded.right)
    if (canonical.text(right) == got) return {Judgement::Kind::matched, {}, {}};
  return {Judgement::Kind::failed, {}, first_difference(original, got)};
}

}  // namespace sosw::golden
