// SPDX-License-Identifier: MIT
// A recursive descent parser of the expressions.
#include "simulation/expression_parser.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "simulation/attribute_value.h"
#include "simulation/reserved_words.h"

namespace sosw::simulation {

using expression::Action;
using expression::Node;
using expression::Operand;
using expression::Path;
using expression::PathElement;

namespace {

constexpr std::size_t kLongestExpression = 4096;
constexpr std::size_t kMostInOperands = 100;

using Pointer = std::shared_ptr<const ParsedExpression>;

std::string upper_case(std::string_view word) {
  std::string upper(word);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

// --- Tokens

struct Token {
  enum class Kind : std::uint8_t { word, name, value, integer, symbol, end } kind = Kind::end;
  std::string text;
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// What is refused while a text is read: how deep the descent is does not matter.
struct Refusal {
  Error error;
};

class Parser {
 public:
  Parser(std::string_view text, std::string_view kind) : kind_(kind) {
    parsed_.kind = kind;
    if (text.size() > kLongestExpression)
      refuse(
          fmt::format("Expression size has exceeded the maximum allowed size; expression size: "
                      "{}",
                      text.size()));
    split(text);
  }

  ParsedExpression condition() {
    parsed_.condition = either();
    if (token().kind != Token::Kind::end) refuse_token();
    return std::move(parsed_);
  }

  ParsedExpression update() {
    std::set<std::string> sections;
    while (token().kind != Token::Kind::end) {
      const std::string section = upper_case(token().text);
      if (token().kind != Token::Kind::word ||
          (section != "SET" && section != "REMOVE" && section != "ADD" && section != "DELETE"))
        refuse_token();
      if (!sections.insert(section).second)
        refuse(fmt::format("The \"{}\" section can only be used once in an update expression;",
                           section));
      ++at_;
      do {
        parsed_.actions.push_back(action(section));
      } while (taken(","));
    }
    return std::move(parsed_);
  }

 private:
  // --- Conditions

  Node either() {
    Node left = both();
    while (taken_word("OR")) left = joined("OR", std::move(left), both());
    return left;
  }

  Node both() {
    Node left = negated();
    while (taken_word("AND")) left = joined("AND", std::move(left), negated());
    return left;
  }

  Node joined(const char* name, Node left, Node right) {
    Node node{name, {}, {}};
    node.nodes.push_back(std::move(left));
    node.nodes.push_back(std::move(right));
    return node;
  }

  Node negated() {
    if (!taken_word("NOT")) return single();
    Node node{"NOT", {}, {}};
    node.nodes.push_back(negated());
    return node;
  }

  Node single() {
    if (taken("(")) {
      Node node = either();
      expect(")");
      if (node.in_parentheses) refuse("The expression has redundant parentheses;");
      node.in_parentheses = true;
      return node;
    }
    static const std::map<std::string, std::size_t, std::less<>> kFunctions = {
        {"attribute_exists", 1},
        {"attribute_not_exists", 1},
        {"attribute_type", 2},
        {"begins_with", 2},
        {"contains", 2}};
    if (is_call()) {
      const auto known = kFunctions.find(token().text);
      if (known != kFunctions.end()) {
        Node node{token().text, {}, {}};
        node.operands = arguments(known->second);
        if (node.name != "begins_with" && node.name != "contains")
          require_path(node.name, node.operands[0]);
        return node;
      }
      if (token().text == "if_not_exists" || token().text == "list_append")
        refuse("The function is not allowed in a condition expression; function: " + token().text);
    }
    Operand first = operand();
    if (token().kind == Token::Kind::symbol) {
      const std::string comparison = token().text;
      if (comparison != "=" && comparison != "<>" && comparison != "<" && comparison != "<=" &&
          comparison != ">" && comparison != ">=")
        refuse_token();
      ++at_;
      Node node{comparison, {}, {}};
      node.operands.push_back(std::move(first));
      node.operands.push_back(operand());
      return node;
    }
    if (taken_word("BETWEEN")) {
      Node node{"BETWEEN", {}, {}};
      node.operands.push_back(std::move(first));
      node.operands.push_back(operand());
      if (!taken_word("AND")) refuse_token();
      node.operands.push_back(operand());
      return node;
    }
    if (taken_word("IN")) {
      Node node{"IN", {}, {}};
      node.operands.push_back(std::move(first));
      expect("(");
      do {
        node.operands.push_back(operand());
      } while (taken(","));
      expect(")");
      if (node.operands.size() > kMostInOperands + 1)
        refuse(
            fmt::format("Invalid number of operands; operator or function: IN, number of "
                        "operands: {}",
                        node.operands.size()));
      return node;
    }
    if (first.kind == Operand::Kind::function)
      refuse("The function is not allowed to be used this way in an expression; function: " +
             first.name);
    refuse_token();
  }

  // A path, a value or size().
  Operand operand() {
    if (token().kind == Token::Kind::value) return value();
    if (is_call()) {
      if (token().text != "size") refuse_function();
      Operand size{Operand::Kind::function, {}, token().text, {}};
      size.operands = arguments(1);
      return size;
    }
    return Operand{Operand::Kind::path, path(), {}, {}};
  }

  std::vector<Operand> arguments(std::size_t count) {
    const std::string function = token().text;
    at_ += 2;
    std::vector<Operand> operands;
    do {
      operands.push_back(update_operands_ ? update_operand() : operand());
    } while (taken(","));
    expect(")");
    if (operands.size() != count)
      refuse(
          fmt::format("Incorrect number of operands for operator or function; operator or "
                      "function: {}, number of operands: {}",
                      function, operands.size()));
    return operands;
  }

  void require_path(std::string_view function, const Operand& operand) {
    if (operand.kind != Operand::Kind::path)
      refuse(fmt::format("Operator or function requires a document path; operator or function: {}",
                         function));
  }

  // --- Updates

  Action action(const std::string& section) {
    Action action{section, path(), {}};
    if (section == "REMOVE") return action;
    if (section == "SET") {
      expect("=");
      update_operands_ = true;
      action.value = update_operand();
      if (token().kind == Token::Kind::symbol && (token().text == "+" || token().text == "-")) {
        Operand arithmetic{Operand::Kind::arithmetic, {}, token().text, {}};
        ++at_;
        arithmetic.operands.push_back(std::move(action.value));
        arithmetic.operands.push_back(update_operand());
        action.value = std::move(arithmetic);
      }
      update_operands_ = false;
    } else {
      if (token().kind != Token::Kind::value) refuse_token();
      action.value = value();
    }
    return action;
  }

  // A path, a value, if_not_exists() or list_append().
  Operand update_operand() {
    if (token().kind == Token::Kind::value) return value();
    if (is_call()) {
      const std::string function = token().text;
      if (function != "if_not_exists" && function != "list_append") {
        static const std::set<std::string, std::less<>> kConditions = {
            "attribute_exists", "attribute_not_exists",
            "attribute_type",   "begins_with",
            "contains",         "size"};
        if (kConditions.count(function) > 0)
          refuse("The function is not allowed in an update expression; function: " + function);
        refuse_function();
      }
      Operand call{Operand::Kind::function, {}, function, {}};
      call.operands = arguments(2);
      if (function == "if_not_exists") require_path(function, call.operands[0]);
      return call;
    }
    return Operand{Operand::Kind::path, path(), {}, {}};
  }

  // --- Both

  Operand value() {
    Operand value{Operand::Kind::value, {}, token().text, {}};
    parsed_.placeholders.push_back(token().text);
    ++at_;
    return value;
  }

  Path path() {
    Path path;
    path.push_back(path_name());
    for (;;) {
      if (taken(".")) {
        path.push_back(path_name());
      } else if (taken("[")) {
        if (token().kind != Token::Kind::integer || token().text.size() > 9) refuse_token();
        path.push_back({{}, static_cast<std::size_t>(std::stoul(token().text))});
        ++at_;
        expect("]");
      } else {
        return path;
      }
    }
  }

  PathElement path_name() {
    const Token found = token();
    if (found.kind == Token::Kind::word) {
      if (is_reserved(found.text))
        refuse("Attribute name is a reserved keyword; reserved keyword: " + found.text);
    } else if (found.kind == Token::Kind::name) {
      parsed_.placeholders.push_back(found.text);
    } else {
      refuse_token();
    }
    ++at_;
    return {found.text, 0};
  }

  // --- Tokens

  void split(std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
      const char c = text[at];
      if (c == ' ' || c == '\n' || c == '\t' || c == '\r') {
        ++at;
        continue;
      }
      std::size_t end = at + 1;
      Token::Kind kind = Token::Kind::symbol;
      if (is_digit(c)) {
        while (end < text.size() && is_digit(text[end])) ++end;
        kind = Token::Kind::integer;
      } else if (is_word_character(c) || c == '#' || c == ':') {
        while (end < text.size() && is_word_character(text[end])) ++end;
        kind = c == '#' ? Token::Kind::name : c == ':' ? Token::Kind::value : Token::Kind::word;
        if (kind != Token::Kind::word && end == at + 1) kind = Token::Kind::symbol;
      } else if (end < text.size() && (text.substr(at, 2) == "<>" || text.substr(at, 2) == "<=" ||
                                       text.substr(at, 2) == ">=")) {
        ++end;
      }
      tokens_.push_back({kind, std::string(text.substr(at, end - at))});
      at = end;
    }
    tokens_.push_back({});
  }

  [[nodiscard]] const Token& token() const { return tokens_[at_]; }
  [[nodiscard]] bool is_symbol(std::size_t at, std::string_view text) const {
    return tokens_[at].kind == Token::Kind::symbol && tokens_[at].text == text;
  }
  [[nodiscard]] bool is_call() const {
    return token().kind == Token::Kind::word && is_symbol(at_ + 1, "(");
  }
  bool taken(std::string_view symbol) {
    if (!is_symbol(at_, symbol)) return false;
    ++at_;
    return true;
  }
  bool taken_word(std::string_view word) {
    if (token().kind != Token::Kind::word || upper_case(token().text) != word) return false;
    ++at_;
    return true;
  }
  void expect(std::string_view symbol) {
    if (!taken(symbol)) refuse_token();
  }

  [[noreturn]] void refuse(std::string_view what) const {
    throw Refusal{bad_expression(kind_, what)};
  }
  [[noreturn]] void refuse_token() const {
    const std::string found = token().kind == Token::Kind::end ? "<EOF>" : token().text;
    std::string near;
    for (std::size_t at = at_ == 0 ? 0 : at_ - 1; at < tokens_.size() && at <= at_ + 1; ++at)
      near += (near.empty() ? "" : " ") + tokens_[at].text;
    refuse(fmt::format("Syntax error; token: \"{}\", near: \"{}\"", found, near));
  }
  [[noreturn]] void refuse_function() const {
    refuse("Invalid function name; function: " + token().text);
  }

  std::string_view kind_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  bool update_operands_ = false;
  ParsedExpression parsed_;
};

}  // namespace

bool is_reserved(std::string_view word) {
  static const auto kWords = [] {
    std::unordered_set<std::string> set;
    std::string_view rest = kReservedWords;
    while (!rest.empty()) {
      const auto end = rest.find(' ');
      set.emplace(rest.substr(0, end));
      rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
    }
    return set;
  }();
  return kWords.count(upper_case(word)) > 0;
}

Error bad_expression(std::string_view kind, std::string_view what) {
  return bad_request(fmt::format("Invalid {}: {}", kind, what));
}

Result<Pointer> parse_expression(std::string_view text, std::string_view kind) {
  thread_local std::unordered_map<std::string, Pointer> known;
  std::string key;
  key.reserve(text.size() + kind.size());
  key.append(kind).append(text);
  if (auto found = known.find(key); found != known.end()) return found->second;
  try {
    Parser parser(text, kind);
    auto parsed = std::make_shared<const ParsedExpression>(
        kind == "UpdateExpression" ? parser.update() : parser.condition());
    return known.emplace(std::move(key), std::move(parsed)).first->second;
  } catch (const Refusal& refusal) {
    return refusal.error;
  }
}

}  // namespace sosw::simulation
