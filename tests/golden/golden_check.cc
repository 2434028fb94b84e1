// SPDX-License-Identifier: MIT
// golden_check FILE...           judges recorded cases; exit 0 only if none failed
// golden_check --answers FILE... prints our answer to each case as a JSON line, without judging
// golden_check --dynamodb URL FILE...   takes `flow` through the DynamoDB there too, which moto
// plays
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "core/json_text.h"
#include "golden.h"

namespace sosw::golden {
namespace {

constexpr int kShownFailures = 10;

template <class Visit>
bool for_each_line(const std::string& path, Visit visit) {
  std::ifstream file(path);
  if (!file) {
    fmt::print(stderr, "golden_check: cannot read {}\n", path);
    return false;
  }
  for (std::string line; std::getline(file, line);)
    if (line.find_first_not_of(" \t\r") != line.npos) visit(line);
  return true;
}

std::string stem(const std::string& path) { return std::filesystem::path(path).stem().string(); }

bool print_answers(const std::string& path) {
  return for_each_line(path, [&](const std::string& line) {
    auto parsed = parse_recorded(line);
    json::object shown;
    if (const auto* complaint = std::get_if<std::string>(&parsed)) {
      shown["id"] = nullptr;
      shown["error"] = *complaint;
    } else {
      const auto& recorded = std::get<Recorded>(parsed);
      const auto* area = find_area(recorded.id, stem(path));
      const auto ours = area ? answer(*area, recorded.what) : std::nullopt;
      shown["id"] = recorded.id;
      if (!ours) {
        shown["error"] = "no handler";
      } else if (ours->is_error()) {
        shown["error"] = ours->error_class();
      } else {
        shown["output"] = ours->value();
      }
    }
    fmt::print("{}\n", json_text(shown));
  });
}

bool judge_file(const std::string& path) {
  std::size_t cases = 0;
  std::size_t matched = 0;
  std::size_t failed = 0;
  std::map<std::string_view, std::size_t> by_rule;
  std::map<std::string_view, std::size_t> excluded;
  const auto fail = [&](const std::string& id, const std::string& explanation) {
    if (failed++ < kShownFailures) fmt::print("  FAILED {}\n{}\n", id, explanation);
  };
  const bool readable = for_each_line(path, [&](const std::string& line) {
    ++cases;
    const auto parsed = parse_recorded(line);
    if (const auto* complaint = std::get_if<std::string>(&parsed))
      return fail(fmt::format("case {} of {}", cases, path), "    " + *complaint);
    const auto& recorded = std::get<Recorded>(parsed);
    const auto* area = find_area(recorded.id, stem(path));
    if (!area) return fail(recorded.id, "    no area of this name");
    const auto judgement = judge(*area, recorded);
    switch (judgement.kind) {
      case Judgement::Kind::matched:
        ++matched;
        break;
      case Judgement::Kind::by_rule:
        ++by_rule[judgement.name];
        break;
      case Judgement::Kind::excluded:
        ++excluded[judgement.name];
        break;
      case Judgement::Kind::failed:
        fail(recorded.id, judgement.explanation);
    }
  });
  if (readable && cases == 0) fail(path, "    the file holds no case");
  for (const auto& [rule, count] : by_rule)
    if (count > rule_limit(cases))
      fail("rule " + std::string(rule),
           fmt::format("    covers {} cases, {} are allowed", count, rule_limit(cases)));
  fmt::print("{}: {} cases, {} matched", stem(path), cases, matched);
  for (const auto& [rule, count] : by_rule) fmt::print(", {} by rule {}", count, rule);
  for (const auto& [exclusion, count] : excluded)
    fmt::print(", {} excluded as {}", count, exclusion);
  fmt::print(", {} failed\n", failed);
  return readable && failed == 0;
}

}  // namespace
}  // namespace sosw::golden

int main(int argc, char** argv) {
  const bool answers = argc > 1 && std::string_view(argv[1]) == "--answers";
  const bool on_dynamodb = argc > 2 && std::string_view(argv[1]) == "--dynamodb";
  if (on_dynamodb) setenv("SOSW_GOLDEN_DYNAMODB", argv[2], 1);
  const int first = on_dynamodb ? 3 : answers ? 2 : 1;
  if (argc <= first || std::string_view(argv[first]).substr(0, 1) == "-") {
    fmt::print(stderr,
               "usage: golden_check FILE...\n       golden_check --answers FILE...\n"
               "       golden_check --dynamodb URL FILE...\n");
    return 2;
  }
  bool good = true;
  for (int i = first; i < argc; ++i)
    good = (answers ? sosw::golden::print_answers(argv[i]) : sosw::golden::judge_file(argv[i])) &&
           good;
  return good ? 0 : 1;
}
