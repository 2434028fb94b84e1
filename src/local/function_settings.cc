// SPDX-License-Identifier: MIT
#include "local/function_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "core/config_reader.h"

namespace sosw::local {
namespace {

constexpr std::int64_t kMost = std::numeric_limits<int>::max();

}  // namespace

Result<std::optional<FunctionSettings>> read_function(const Labourer& labourer,
                                                      const std::string& folder) {
  using Kind = FunctionSettings::Kind;
  const std::string where = fmt::format("labourer '{}'", labourer.id);
  ConfigReader reader(where, labourer.settings);
  FunctionSettings f;
  f.name = labourer.id;
  f.timeout_s = labourer.timeout_s;

  auto command = reader.texts("command");
  auto exec = reader.texts("exec");
  auto url = reader.text("http");
  if (reader.failed()) return *reader.failed();
  if (command.has_value() + exec.has_value() + url.has_value() > 1) {
    return invalid(where + ": more than one of command, exec and http is given",
                   "keep the one that says how the worker is started");
  }
  if (command) {
    f.argv = std::move(*command);
  } else if (exec) {
    f.kind = Kind::exec;
    f.argv = std::move(*exec);
  } else if (url) {
    f.kind = Kind::http;
    f.url = std::move(*url);
  } else {
    return std::optional<FunctionSettings>{};
  }

  const auto number = [&](std::string_view key, int& into) {
    if (const auto n = reader.integer(key, 1, kMost)) into = static_cast<int>(*n);
  };
  if (f.kind == Kind::command) number("max_concurrency", f.concurrency);
  const int wanted = std::max(1, labourer.max_simultaneous_invocations);
  f.environments = (wanted + f.concurrency - 1) / f.concurrency;
  number("environments", f.environments);
  number("idle", f.idle_s);
  number("memory_mb", f.memory_mb);
  f.init_timeout_s = reader.number("init_timeout", 0).value_or(std::max(10, f.timeout_s));
  f.handler = reader.text("handler").value_or("");
  f.completes_by_report = reader.choice("completes", {"return", "report"}) == std::size_t{1};
  const std::string own = reader.text("working_dir").value_or("");
  f.folder = own.empty() ? folder : own.front() == '/' ? own : folder + "/" + own;
  if (const auto* variables = reader.object("environment")) {
    for (const auto& [name, value] : *variables) {
      if (!value.is_string()) {
        reader.fail("environment", fmt::format("'{}' must be a text", std::string_view(name)));
        break;
      }
      f.environment.emplace(name, value.get_string());
    }
  }
  if (reader.failed()) return *reader.failed();
  return std::optional(std::move(f));
}

}  // namespace sosw::local
