// SPDX-License-Identifier: MIT
#include "core/labourer.h"

#include <fmt/format.h>

#include <limits>
#include <utility>

#include "core/config_reader.h"
#include "core/greenfield.h"

namespace sosw {
namespace {

constexpr int kMost = std::numeric_limits<int>::max();

void set(int& field, const std::optional<std::int64_t>& value) {
  if (value) field = static_cast<int>(*value);
}

// How the worker is started is the homes' business; that it is said once, and in the right form, is
// not.
void check_kind(ConfigReader& reader) {
  const std::pair<std::string_view, bool> kinds[] = {
      {"command", reader.texts("command").has_value()},
      {"exec", reader.texts("exec").has_value()},
      {"http", reader.text("http").has_value()}};
  std::string_view first;
  for (const auto& [kind, given] : kinds) {
    if (!given) continue;
    if (!first.empty())
      reader.fail(kind, fmt::format("and {} are given: a labourer is one kind of worker", first),
                  "keep one of command, exec, http");
    first = kind;
  }
}

void check_environment(ConfigReader& reader) {
  const auto* environment = reader.object("environment");
  if (!environment) return;
  for (const auto& [name, value] : *environment)
    if (!value.is_string())
      reader.fail("environment", fmt::format("'{}' must be a text, found {}",
                                             std::string_view(name), described(value)));
}

}  // namespace

Result<Labourer> read_labourer(std::string id, const json::object& config,
                               const json::object& defaults) {
  const std::string where = fmt::format("labourer '{}'", id);
  Labourer labourer;

  ConfigReader common("task_config", defaults);
  set(labourer.max_attempts, common.integer("max_attempts", 1, kMost));
  set(labourer.max_attempts, common.integer("max_attempts_" + id, 1, kMost));
  set(labourer.max_simultaneous_invocations,
      common.integer("max_simultaneous_invocations", 0, kMost));
  const auto delta =
      common.integer("greenfield_invocation_delta", 1, kPositionCeiling).value_or(kInvocationDelta);

  ConfigReader reader(where, config);
  labourer.arn = reader.text("arn").value_or("");
  set(labourer.max_simultaneous_invocations,
      reader.integer("max_simultaneous_invocations", 0, kMost));
  set(labourer.max_attempts, reader.integer("max_attempts", 1, kMost));
  set(labourer.duration_s, reader.integer("duration", 1, kMost));
  set(labourer.cooldown_s, reader.integer("cooldown", 1, kMost));
  set(labourer.timeout_s, reader.integer("max_duration", 1, kMost));  // the original's name for it
  set(labourer.timeout_s, reader.integer("timeout", 1, kMost));
  if (reader.choice("expiry", {"duration", "timeout"}) == std::size_t{1})
    labourer.duration_s = labourer.timeout_s;
  if (const auto* retry = reader.object("retry")) {
    if (auto policy = read_retry_policy(*retry))
      labourer.retry = *policy;
    else
      reader.fail_in(where, policy.error());
  }
  if (const auto* metrics = reader.object("health_metrics")) {
    for (const auto& [name, metric] : *metrics) {
      const auto place = fmt::format("{}: health_metrics '{}'", where, std::string_view(name));
      if (!metric.is_object()) {
        reader.fail(invalid(place + " must be an object, found " + described(metric)));
        continue;
      }
      if (auto read = read_health_metric(place, metric.get_object()))
        labourer.health_metrics.emplace(name, std::move(*read));
      else
        reader.fail(read.error());
    }
  }
  check_kind(reader);
  check_environment(reader);
  reader.integer("memory_mb", 1, kMost);
  reader.integer("environments", 1, kMost);
  reader.integer("max_concurrency", 1, kMost);
  reader.integer("idle", 1, kMost);
  reader.text("handler");
  reader.text("working_dir");
  reader.choice("completes", {"return", "report"});
  reader.number("init_timeout", 0);
  reader.flag("fence");
  // What the registration of the original sets, and let the configuration set instead.
  if (delta <= std::int64_t{labourer.duration_s} + labourer.cooldown_s)
    reader.fail(invalid(fmt::format("{}: duration {} + cooldown {} must be less than "
                                    "greenfield_invocation_delta {}",
                                    where, labourer.duration_s, labourer.cooldown_s, delta),
                        "a task that nobody looks at for that long would count as queued again"));
  // Of the defaults only the keys that were asked for are ours to judge.
  if (common.failed()) reader.fail(*common.failed());
  if (auto read = reader.finish({"start", "invoked", "expired", "health", "average_duration"});
      !read)
    return read.error();
  labourer.id = std::move(id);
  labourer.settings = config;
  return labourer;
}

}  // namespace sosw
