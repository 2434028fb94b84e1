// SPDX-License-Identifier: MIT
// The checks that need the values of a request, and the evaluation of its expressions.
#include "simulation/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "simulation/attribute_value.h"
#include "simulation/expression_parser.h"

namespace sosw::simulation {

using expression::Action;
using expression::Node;
using expression::Operand;
using expression::Path;
using expression::PathElement;

namespace {

// --- Names and values of a request

class Scope {
 public:
  Scope(const json::object& names, const json::object& values) : names_(names), values_(values) {}

  [[nodiscard]] std::string_view name(const PathElement& element) const {
    if (!element.name.starts_with('#')) return element.name;
    return names_.at(element.name).get_string();
  }
  [[nodiscard]] const json::value& value(const Operand& operand) const {
    return values_.at(operand.name);
  }
  [[nodiscard]] std::string text(const Path& path) const {
    std::string text;
    for (const auto& element : path) {
      if (!text.empty()) text += ", ";
      text +=
          element.name.empty() ? fmt::format("[{}]", element.index) : std::string(name(element));
    }
    return "[" + text + "]";
  }
  [[nodiscard]] bool same(const PathElement& a, const PathElement& b) const {
    if (a.name.empty() || b.name.empty())
      return a.name.empty() && b.name.empty() && a.index == b.index;
    return name(a) == name(b);
  }
  [[nodiscard]] bool same(const Path& a, const Path& b) const {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [this](const auto& x, const auto& y) { return same(x, y); });
  }

  // nullptr: nothing is there.
  [[nodiscard]] const json::value* find(const json::object& item, const Path& path) const {
    const json::value* found = item.if_contains(name(path[0]));
    for (std::size_t at = 1; found && at < path.size(); ++at) found = inside(*found, path[at]);
    return found;
  }
  [[nodiscard]] const json::value* inside(const json::value& value,
                                          const PathElement& element) const {
    if (element.name.empty()) {
      if (type_of(value) != "L") return nullptr;
      return content(value).get_array().if_contains(element.index);
    }
    if (type_of(value) != "M") return nullptr;
    return content(value).get_object().if_contains(name(element));
  }

 private:
  const json::object& names_;
  const json::object& values_;
};

std::optional<std::int64_t> measure(const json::value& value) {
  const std::string_view type = type_of(value);
  if (type == "S") return static_cast<std::int64_t>(content(value).get_string().size());
  if (type == "B" || type == "N" || type == "BOOL" || type == "NULL") return std::nullopt;
  const auto* array = content(value).if_array();
  return static_cast<std::int64_t>(array ? array->size() : content(value).get_object().size());
}

// --- Checks that need the values, before anything is evaluated

Result<void> wrong_operand(std::string_view kind, std::string_view name, std::string_view type) {
  return bad_expression(
      kind, fmt::format("Incorrect operand type for operator or function; operator or function: "
                        "{}, operand type: {}",
                        name, type));
}

bool one_of(std::string_view type, std::initializer_list<std::string_view> types) {
  return std::find(types.begin(), types.end(), type) != types.end();
}

Result<void> check(const Operand& operand, const Scope& scope, std::string_view kind) {
  for (const auto& inner : operand.operands) {
    if (auto checked = check(inner, scope, kind); !checked) return checked;
  }
  for (const auto& inner : operand.operands) {
    if (inner.kind != Operand::Kind::value) continue;
    const std::string_view type = type_of(scope.value(inner));
    const bool fits = operand.kind == Operand::Kind::arithmetic ? type == "N"
                      : operand.name == "list_append"           ? type == "L"
                      : operand.name == "size"
                          ? one_of(type, {"S", "B", "L", "M", "SS", "NS", "BS"})
                          : true;
    if (!fits) return wrong_operand(kind, operand.name, type);
  }
  return {};
}

Result<void> check_between(const Node& node, const Scope& scope, std::string_view kind) {
  const auto& low = node.operands[1];
  const auto& high = node.operands[2];
  if (low.kind != Operand::Kind::value || high.kind != Operand::Kind::value) return {};
  const auto& from = scope.value(low);
  const auto& to = scope.value(high);
  const auto text = fmt::format(
      "lower bound operand: AttributeValue: {}, upper bound operand: AttributeValue: {}",
      json::serialize(from), json::serialize(to));
  const auto found = order(from, to);
  if (!found)
    return bad_expression(kind,
                          "The BETWEEN operator requires same data type for lower and upper "
                          "bounds; " +
                              text);
  if (std::is_gt(*found))
    return bad_expression(kind,
                          "The BETWEEN operator requires upper bound to be greater than or "
                          "equal to lower bound; " +
                              text);
  return {};
}

Result<void> check(const Node& node, const Scope& scope, std::string_view kind) {
  for (const auto& inner : node.nodes) {
    if (auto checked = check(inner, scope, kind); !checked) return checked;
  }
  for (std::size_t at = 0; at < node.operands.size(); ++at) {
    const Operand& operand = node.operands[at];
    if (auto checked = check(operand, scope, kind); !checked) return checked;
    if (operand.kind != Operand::Kind::value) continue;
    const json::value& value = scope.value(operand);
    const std::string_view type = type_of(value);
    if (one_of(node.name, {"<", "<=", ">", ">=", "BETWEEN"}) && !one_of(type, {"S", "N", "B"}))
      return wrong_operand(kind, node.name, type);
    if (node.name == "begins_with" && !one_of(type, {"S", "B"}))
      return wrong_operand(kind, node.name, type);
    if (node.name == "attribute_type") {
      if (type != "S") return wrong_operand(kind, node.name, type);
      if (!one_of(text_of(value), {"S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"}))
        return bad_expression(
            kind, fmt::format("Invalid attribute type name found; type: {}, valid types: "
                              "{{B,NULL,SS,BOOL,L,BS,N,NS,S,M}}",
                              text_of(value)));
    }
  }
  if (node.name == "BETWEEN") {
    if (auto checked = check_between(node, scope, kind); !checked) return checked;
  }
  if (node.operands.size() >= 2 && node.operands[0].kind == Operand::Kind::path) {
    for (std::size_t at = 1; at < node.operands.size(); ++at) {
      if (node.operands[at].kind == Operand::Kind::path &&
          scope.same(node.operands[0].path, node.operands[at].path))
        return bad_expression(
            kind, fmt::format("The first operand must be distinct from the remaining operands for "
                              "this operator or function; operator: {}, first operand: {}",
                              node.name, scope.text(node.operands[0].path)));
    }
  }
  return {};
}

Result<void> check(const std::vector<Action>& actions, const Scope& scope, std::string_view kind) {
  for (std::size_t at = 0; at < actions.size(); ++at) {
    const auto& action = actions[at];
    if (auto checked = check(action.value, scope, kind); !checked) return checked;
    if (action.section == "ADD" || action.section == "DELETE") {
      const std::string_view type = type_of(scope.value(action.value));
      const bool is_set = one_of(type, {"SS", "NS", "BS"});
      if (!is_set && (action.section == "DELETE" || type != "N"))
        return wrong_operand(kind, action.section, type);
    }
    for (std::size_t other = 0; other < at; ++other) {
      const Path& a = actions[other].path;
      const Path& b = action.path;
      std::size_t common = 0;
      while (common < std::min(a.size(), b.size()) && scope.same(a[common], b[common])) ++common;
      const bool overlap = common == std::min(a.size(), b.size());
      if (!overlap && a[common].name.empty() == b[common].name.empty()) continue;
      return bad_expression(
          kind, fmt::format("Two document paths {} with each other; must remove or rewrite one of "
                            "these paths; path one: {}, path two: {}",
                            overlap ? "overlap" : "conflict", scope.text(a), scope.text(b)));
    }
  }
  return {};
}

// --- Evaluation of conditions

// nullptr: there is no such attribute. `own` keeps what is in no item.
const json::value* evaluate(const Operand& operand, const Scope& scope, const json::object* item,
                            json::value& own) {
  if (operand.kind == Operand::Kind::value) return &scope.value(operand);
  if (operand.kind == Operand::Kind::path) return item ? scope.find(*item, operand.path) : nullptr;
  json::value unused;
  const auto* measured = evaluate(operand.operands[0], scope, item, unused);
  const auto size = measured ? measure(*measured) : std::nullopt;
  if (!size) return nullptr;
  own = {{"N", std::to_string(*size)}};
  return &own;
}

bool contains(const json::value& whole, const json::value& part) {
  const std::string_view type = type_of(whole), wanted = type_of(part);
  if (type == "S" && wanted == "S") return text_of(whole).find(text_of(part)) != std::string::npos;
  const auto* elements = content(whole).if_array();
  if (!elements) return false;
  if (type != "L" && type.substr(0, type.size() - 1) != wanted) return false;
  return std::any_of(elements->begin(), elements->end(), [&](const json::value& element) {
    if (type == "L") return equal(element, part);
    return equal(json::value{{wanted, element}}, part);
  });
}

bool compare(std::string_view comparison, const json::value* a, const json::value* b) {
  // An attribute that is not there is unequal to everything, and in no order with anything.
  if (comparison == "=") return a && b && equal(*a, *b);
  if (comparison == "<>") return !(a && b && equal(*a, *b));
  if (!a || !b) return false;
  const auto found = order(*a, *b);
  if (!found) return false;
  if (comparison == "<") return std::is_lt(*found);
  if (comparison == "<=") return std::is_lteq(*found);
  if (comparison == ">") return std::is_gt(*found);
  return std::is_gteq(*found);
}

bool holds(const Node& node, const Scope& scope, const json::object* item) {
  if (node.name == "AND")
    return holds(node.nodes[0], scope, item) && holds(node.nodes[1], scope, item);
  if (node.name == "OR")
    return holds(node.nodes[0], scope, item) || holds(node.nodes[1], scope, item);
  if (node.name == "NOT") return !holds(node.nodes[0], scope, item);

  json::value own_first, own_second;
  const auto* first = evaluate(node.operands[0], scope, item, own_first);
  if (node.name == "attribute_exists") return first;
  if (node.name == "attribute_not_exists") return !first;
  if (node.name == "IN")
    return std::any_of(node.operands.begin() + 1, node.operands.end(), [&](const auto& operand) {
      json::value own;
      return compare("=", first, evaluate(operand, scope, item, own));
    });
  const auto* second = evaluate(node.operands[1], scope, item, own_second);
  if (node.name == "BETWEEN") {
    json::value own_third;
    return compare(">=", first, second) &&
           compare("<=", first, evaluate(node.operands[2], scope, item, own_third));
  }
  if (node.name == "attribute_type") return first && type_of(*first) == text_of(*second);
  if (node.name == "contains") return first && second && contains(*first, *second);
  if (node.name == "begins_with")
    return first && second && type_of(*first) == type_of(*second) &&
           one_of(type_of(*first), {"S", "B"}) && text_of(*first).starts_with(text_of(*second));
  return compare(node.name, first, second);
}

// --- Evaluation of updates

Error no_such_place() {
  return bad_request("The document path provided in the update expression is invalid for update");
}
Error wrong_type() {
  return bad_request("An operand in the update expression has an incorrect data type");
}

// All of an update is read from the item as it was.
Result<json::value> new_value(const Operand& operand, const Scope& scope,
                              const json::object& before) {
  if (operand.kind == Operand::Kind::value) return scope.value(operand);
  if (operand.kind == Operand::Kind::path) {
    if (const auto* found = scope.find(before, operand.path)) return *found;
    return bad_request(
        "The provided expression refers to an attribute that does not exist in the "
        "item");
  }
  if (operand.name == "if_not_exists") {
    if (const auto* found = scope.find(before, operand.operands[0].path)) return *found;
    return new_value(operand.operands[1], scope, before);
  }
  auto left = new_value(operand.operands[0], scope, before);
  if (!left) return left;
  auto right = new_value(operand.operands[1], scope, before);
  if (!right) return right;
  if (operand.name == "list_append") {
    if (type_of(*left) != "L" || type_of(*right) != "L") return wrong_type();
    auto& list = left->get_object().begin()->value().get_array();
    for (const auto& element : content(*right).get_array()) list.push_back(element);
    return left;
  }
  if (type_of(*left) != "N" || type_of(*right) != "N") return wrong_type();
  const auto a = read_number(text_of(*left)), b = read_number(text_of(*right));
  const auto result = operand.name == "+" ? sum(*a, *b) : difference(*a, *b);
  if (!result)
    return bad_request(
        "Number overflow. Attempting to store a number with magnitude larger than "
        "supported range");
  return json::value{{"N", number_text(*result)}};
}

// What holds the last element of the path; nullptr: nothing does.
json::value* holder(json::object& item, const Path& path, const Scope& scope) {
  json::value* found = item.if_contains(scope.name(path[0]));
  for (std::size_t at = 1; found && at + 1 < path.size(); ++at)
    found = const_cast<json::value*>(scope.inside(*found, path[at]));
  return found;
}

Result<void> set(json::object& item, const Path& path, json::value value, const Scope& scope) {
  if (path.size() == 1) {
    item.insert_or_assign(scope.name(path[0]), std::move(value));
    return {};
  }
  json::value* parent = holder(item, path, scope);
  if (!parent) return no_such_place();
  json::value& inside = parent->get_object().begin()->value();
  const auto& last = path.back();
  if (last.name.empty()) {
    if (type_of(*parent) != "L") return no_such_place();
    auto& list = inside.get_array();
    if (last.index < list.size())
      list[last.index] = std::move(value);
    else
      list.push_back(std::move(value));
    return {};
  }
  if (type_of(*parent) != "M") return no_such_place();
  inside.get_object().insert_or_assign(scope.name(last), std::move(value));
  return {};
}

Result<void> remove(json::object& item, const Path& path, const Scope& scope) {
  if (path.size() == 1) {
    item.erase(scope.name(path[0]));
    return {};
  }
  json::value* parent = holder(item, path, scope);
  if (!parent) return no_such_place();
  json::value& inside = parent->get_object().begin()->value();
  const auto& last = path.back();
  if (last.name.empty()) {
    if (type_of(*parent) != "L") return no_such_place();
    auto& list = inside.get_array();
    if (last.index < list.size())
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(last.index));
    return {};
  }
  if (type_of(*parent) != "M") return no_such_place();
  inside.get_object().erase(scope.name(last));
  return {};
}

// ADD to a number or a set, DELETE from a set.
Result<void> combine(json::object& item, const Action& action, const Scope& scope) {
  const auto& operand = scope.value(action.value);
  const auto* found = scope.find(item, action.path);
  if (!found) {
    if (action.section == "DELETE") return {};
    return set(item, action.path, operand, scope);
  }
  if (type_of(*found) != type_of(operand)) return wrong_type();
  if (type_of(operand) == "N") {
    const auto result = sum(*read_number(text_of(*found)), *read_number(text_of(operand)));
    if (!result)
      return bad_request(
          "Number overflow. Attempting to store a number with magnitude larger "
          "than supported range");
    return set(item, action.path, json::value{{"N", number_text(*result)}}, scope);
  }
  json::value changed = *found;
  auto& elements = changed.get_object().begin()->value().get_array();
  for (const auto& element : content(operand).get_array()) {
    auto* known = std::find(elements.begin(), elements.end(), element);
    if (action.section == "ADD") {
      if (known == elements.end()) elements.push_back(element);
    } else if (known != elements.end()) {
      elements.erase(known);
    }
  }
  if (elements.empty()) return remove(item, action.path, scope);  // there are no empty sets
  return set(item, action.path, std::move(changed), scope);
}

Result<void> apply(const std::vector<Action>& actions, const Scope& scope, json::object& item) {
  const json::object before = item;
  for (const auto& action : actions) {
    if (action.section == "SET") {
      auto value = new_value(action.value, scope, before);
      if (!value) return value.error();
      if (auto done = set(item, action.path, std::move(*value), scope); !done) return done;
    } else if (action.section != "REMOVE") {
      if (auto done = combine(item, action, scope); !done) return done;
    }
  }
  // From the back of a list, for indexes are those before the update.
  std::vector<const Action*> removals;
  for (const auto& action : actions) {
    if (action.section == "REMOVE") removals.push_back(&action);
  }
  std::stable_sort(removals.begin(), removals.end(), [](const auto* a, const auto* b) {
    return a->path.back().index > b->path.back().index;
  });
  for (const auto* action : removals) {
    if (auto done = remove(item, action->path, scope); !done) return done;
  }
  return {};
}

// --- Key conditions

Result<void> take(const Node& node, const Scope& scope, std::vector<const Node*>& terms) {
  constexpr std::string_view kKind = "KeyConditionExpression";
  if (node.name == "AND") {
    if (auto taken = take(node.nodes[0], scope, terms); !taken) return taken;
    return take(node.nodes[1], scope, terms);
  }
  if (!one_of(node.name, {"=", "<", "<=", ">", ">=", "BETWEEN", "begins_with"}))
    return bad_expression(
        kKind, fmt::format("Invalid operator used in KeyConditionExpression: {}", node.name));
  if (node.operands[0].kind != Operand::Kind::path)
    return bad_expression(kKind,
                          "Invalid condition in KeyConditionExpression: a key attribute "
                          "must stand first");
  if (node.operands[0].path.size() != 1)
    return bad_expression(kKind,
                          "KeyConditionExpressions cannot have conditions on nested "
                          "attributes");
  for (std::size_t at = 1; at < node.operands.size(); ++at) {
    if (node.operands[at].kind != Operand::Kind::value)
      return bad_expression(kKind,
                            "Invalid condition in KeyConditionExpression: operands of a "
                            "key attribute must be values");
  }
  terms.push_back(&node);
  return {};
}

void collect_names(const Operand& operand, const Scope& scope, std::set<std::string>& names) {
  if (operand.kind == Operand::Kind::path) names.emplace(scope.name(operand.path[0]));
  for (const auto& inner : operand.operands) collect_names(inner, scope, names);
}
void collect_names(const Node& node, const Scope& scope, std::set<std::string>& names) {
  for (const auto& operand : node.operands) collect_names(operand, scope, names);
  for (const auto& inner : node.nodes) collect_names(inner, scope, names);
}

Result<void> check_placeholders(const json::object& given, char mark, std::string_view what) {
  for (const auto& [key, value] : given) {
    const std::string_view name = key;
    if (name.size() < 2 || name[0] != mark ||
        !std::all_of(name.begin() + 1, name.end(), is_word_character))
      return bad_request(
          fmt::format("{} contains invalid key: Syntax error; key: \"{}\"", what, name));
  }
  return {};
}

}  // namespace

// --- The request

Expressions::Expressions(json::object names, json::object values)
    : names_(std::move(names)), values_(std::move(values)) {
  values_checked_ = check_placeholders(names_, '#', "ExpressionAttributeNames");
  for (const auto& [key, name] : names_) {
    if (values_checked_ && (!name.is_string() || name.get_string().empty()))
      values_checked_ = bad_request("ExpressionAttributeNames contains invalid value for key " +
                                    std::string(key));
  }
  if (values_checked_)
    values_checked_ = check_placeholders(values_, ':', "ExpressionAttributeValues");
  for (auto& [key, value] : values_) {
    if (!values_checked_) break;
    if (auto checked = check_value(value); !checked)
      values_checked_ = bad_request("ExpressionAttributeValues contains invalid value: " +
                                    checked.error().message + " for key " + std::string(key));
  }
}

Result<Expressions::Pointer> Expressions::read(std::string_view text, std::string_view kind) {
  if (!values_checked_) return values_checked_.error();
  auto parsed = parse_expression(text, kind);
  if (!parsed) return parsed;
  for (const auto& placeholder : (*parsed)->placeholders) {
    used_.insert(placeholder);
    const bool is_name = placeholder.starts_with('#');
    if ((is_name ? names_ : values_).contains(placeholder)) continue;
    return bad_expression(
        kind, is_name ? "An expression attribute name used in the document path is not defined; "
                        "attribute name: " +
                            placeholder
                      : "An expression attribute value used in expression is not defined; "
                        "attribute value: " +
                            placeholder);
  }
  const Scope scope(names_, values_);
  auto checked = kind == "UpdateExpression" ? check((*parsed)->actions, scope, kind)
                                            : check((*parsed)->condition, scope, kind);
  if (!checked) return checked.error();
  return parsed;
}

Result<void> Expressions::read_condition(std::string_view text) {
  if (text.empty()) return {};
  auto parsed = read(text, "ConditionExpression");
  if (!parsed) return parsed.error();
  condition_ = *parsed;
  return {};
}

Result<void> Expressions::read_filter(std::string_view text) {
  if (text.empty()) return {};
  auto parsed = read(text, "FilterExpression");
  if (!parsed) return parsed.error();
  filter_ = *parsed;
  return {};
}

Result<void> Expressions::read_update(std::string_view text) {
  if (text.empty()) return {};
  auto parsed = read(text, "UpdateExpression");
  if (!parsed) return parsed.error();
  update_ = *parsed;
  return {};
}

Result<void> Expressions::read_key_condition(std::string_view text) {
  constexpr std::string_view kKind = "KeyConditionExpression";
  if (text.empty())
    return bad_request(
        "Either the KeyConditions or KeyConditionExpression parameter must be "
        "specified in the request.");
  auto parsed = read(text, kKind);
  if (!parsed) return parsed.error();
  keys_ = *parsed;
  const Scope scope(names_, values_);
  std::vector<const Node*> terms;
  if (auto taken = take(keys_->condition, scope, terms); !taken) return taken;
  if (terms.size() > 2) return bad_request("Conditions can be of length 1 or 2 only");
  // Which of the two is the hash, only the table knows: tried in this order there.
  KeyCondition keys;
  if (terms.size() == 2 && terms[0]->name != "=") std::swap(terms[0], terms[1]);
  if (terms[0]->name != "=") return bad_request("Query key condition not supported");
  keys.hash = scope.name(terms[0]->operands[0].path[0]);
  keys.hash_value = scope.value(terms[0]->operands[1]);
  if (terms.size() == 2) {
    keys.range = scope.name(terms[1]->operands[0].path[0]);
    keys.comparison = terms[1]->name;
    keys.from = scope.value(terms[1]->operands[1]);
    if (keys.comparison == "BETWEEN") keys.to = scope.value(terms[1]->operands[2]);
    if (keys.range == keys.hash)
      return bad_expression(kKind,
                            "KeyConditionExpressions must only contain one condition per key");
  }
  key_condition_ = std::move(keys);
  return {};
}

Result<std::set<std::string, std::less<>>> Expressions::read_projection(std::string_view text) {
  std::set<std::string, std::less<>> wanted;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    std::string_view name = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    const auto given = name.starts_with('#') ? names_.find(name) : names_.end();
    if (given != names_.end()) {
      used_.insert(given->key());
      name = given->value().get_string();
    } else if (name.empty() || name.starts_with('#') || is_reserved(name)) {
      return Error{Code::internal,
                   "ValidationException: Invalid ProjectionExpression: " + std::string(name),
                   {}};
    }
    if (!wanted.emplace(name).second)
      return Error{Code::internal,
                   "ValidationException: Invalid ProjectionExpression: Two document paths overlap "
                   "with each other: " +
                       std::string(name),
                   {}};
  }
  return wanted;
}

Result<void> Expressions::all_used() const {
  if (!values_checked_) return values_checked_.error();
  const bool any = condition_ || filter_ || update_ || keys_;
  for (const auto* given : {&names_, &values_}) {
    const std::string_view what =
        given == &names_ ? "ExpressionAttributeNames" : "ExpressionAttributeValues";
    std::string unused;
    for (const auto& [key, value] : *given) {
      if (used_.count(key) > 0) continue;
      unused += (unused.empty() ? "" : ", ") + std::string(key);
    }
    if (unused.empty()) continue;
    if (!any)
      return bad_request(fmt::format("{} can only be specified when using expressions", what));
    return bad_request(
        fmt::format("Value provided in {} unused in expressions: keys: {{{}}}", what, unused));
  }
  return {};
}

std::set<std::string> Expressions::filtered() const {
  std::set<std::string> names;
  if (filter_) collect_names(filter_->condition, Scope(names_, values_), names);
  return names;
}

std::set<std::string> Expressions::updated() const {
  std::set<std::string> names;
  if (!update_) return names;
  const Scope scope(names_, values_);
  for (const auto& action : update_->actions) names.emplace(scope.name(action.path[0]));
  return names;
}

bool Expressions::condition_holds(const json::object* item) const {
  return !condition_ || holds(condition_->condition, Scope(names_, values_), item);
}

bool Expressions::filter_holds(const json::object& item) const {
  return !filter_ || holds(filter_->condition, Scope(names_, values_), &item);
}

Result<void> Expressions::update(json::object& item) const {
  return update_ ? apply(update_->actions, Scope(names_, values_), item) : Result<void>();
}

}  // namespace sosw::simulation
