// SPDX-License-Identifier: MIT
// The file `labourer`: reading of labourers, and what a run knows about them.
#include <algorithm>
#include <vector>

#include "areas.h"
#include "core/durations.h"
#include "core/greenfield.h"
#include "core/labourer.h"
#include "rows.h"

namespace sosw::golden {

namespace {

Answer init(const Case& what) {
  json::object settings = what.in("kwargs").as_object();
  json::object shown;
  std::string id;
  if (const auto* given = settings.if_contains("id")) {
    shown["id"] = *given;
    id = given->is_string() ? std::string(given->get_string()) : "labourer";
  }
  settings.erase("id");
  settings.erase("strict");
  const auto labourer = read_labourer(id, settings, {});
  if (!labourer) return Answer::error("AttributeError");
  for (const auto& [key, value] : settings) shown[key] = value;
  shown["duration"] = labourer->duration_s;
  shown["cooldown"] = labourer->cooldown_s;
  return Answer::output(std::move(shown));
}

// What the metrics service of the recording answers.
constexpr double kMetricValue = 40;

Answer register_labourers(const Case& what) {
  const auto now = epoch_seconds(now_of(what));
  const auto* delta_given = what.config.if_contains("greenfield_invocation_delta");
  const auto delta = delta_given ? delta_given->as_int64() : kInvocationDelta;
  std::vector<ClosedAttempts> closed;
  for (const auto& row : what.in("completed_closed_tasks").as_array())
    closed.push_back({row.at("greenfield").as_int64(), row.at("completed_at").to_number<double>(),
                      static_cast<int>(row.at("attempts").as_int64())});
  json::array all;
  for (const auto& [id, config] : what.config.at("labourers").as_object()) {
    auto settings = config.as_object();
    settings.emplace("timeout", what.in("lambda_timeout"));  // as the function's own setting says
    if (settings.contains("max_duration")) settings.erase("timeout");
    const auto labourer = read_labourer(id, settings, what.config);
    if (!labourer) return Answer::error(settings.contains("id") ? "TypeError" : "ValueError");
    int worst = kBestHealth;
    for (const auto& [name, metric] : labourer->health_metrics)
      worst = std::min(worst, health(kMetricValue, metric));
    const auto* metrics = settings.if_contains("health_metrics");
    json::object shown = {
        {"id", id},
        {"duration", labourer->duration_s},
        {"cooldown", labourer->cooldown_s},
        {"start", now},
        {"invoked", now + delta},
        {"expired", now + delta - labourer->duration_s - labourer->cooldown_s},
        {"health", worst},
        {"health_metrics", metrics ? *metrics : json::value()},
        {"max_attempts", labourer->max_attempts},
        {"max_duration", labourer->timeout_s},
        {"average_duration", average_duration_s(closed, labourer->timeout_s, 10, delta)},
        {"max_simultaneous_invocations", labourer->max_simultaneous_invocations}};
    if (!labourer->arn.empty()) shown["arn"] = labourer->arn;
    // A configuration may state what the run would find out.
    for (const std::string_view key : {"start", "invoked", "expired", "health", "average_duration"})
      if (const auto* stated = labourer->settings.if_contains(key)) shown[key] = *stated;
    all.push_back(std::move(shown));
  }
  return Answer::output(std::move(all));
}

// Rules
// --------------------------------------------------------------------------------------------

std::optional<Answer> unknown_settings_are_errors(const Case& what, const Answer& recorded) {
  static constexpr std::string_view kKnown[] = {"id",
                                                "strict",
                                                "arn",
                                                "max_simultaneous_invocations",
                                                "max_attempts",
                                                "duration",
                                                "cooldown",
                                                "health",
                                                "health_metrics",
                                                "max_duration",
                                                "start",
                                                "invoked",
                                                "expired",
                                                "average_duration",
                                                "timeout"};
  if (what.function != "init" || recorded.is_error()) return std::nullopt;
  for (const auto& [key, value] : what.in("kwargs").as_object())
    if (std::find(std::begin(kKnown), std::end(kKnown), std::string_view(key)) == std::end(kKnown))
      return Answer::error("AttributeError");
  return std::nullopt;
}

// One labourer whose only unusual settings are duration and cooldown.
std::optional<Answer> duration_and_cooldown(const Case& what, const Answer& recorded) {
  if (what.function != "register_labourers" || !recorded.is_error()) return std::nullopt;
  const auto& labourers = what.config.at("labourers").as_object();
  if (labourers.size() != 1 || what.config.size() != 1) return std::nullopt;
  const auto& config = labourers.begin()->value().as_object();
  std::int64_t duration = 900;
  std::int64_t cooldown = 300;
  json::object shown;
  for (const auto& [key, value] : config) {
    if (key == "duration" && value.is_int64() && value.get_int64() > 0)
      duration = value.get_int64();
    else if (key == "cooldown" && value.is_int64() && value.get_int64() > 0)
      cooldown = value.get_int64();
    else if (key == "arn" && value.is_string())
      shown["arn"] = value;
    else
      return std::nullopt;
  }
  if (!what.in("completed_closed_tasks").as_array().empty()) return std::nullopt;
  const std::int64_t start = epoch_seconds(now_of(what));
  shown["id"] = labourers.begin()->key();
  shown["duration"] = duration;
  shown["cooldown"] = cooldown;
  shown["start"] = start;
  shown["invoked"] = start + 31'557'600;
  shown["expired"] = start + 31'557'600 - duration - cooldown;
  shown["health"] = 4;
  shown["health_metrics"] = nullptr;
  shown["max_attempts"] = 3;
  shown["max_duration"] = what.in("lambda_timeout");
  shown["average_duration"] = 0;
  shown["max_simultaneous_invocations"] = 1;
  return Answer::output(json::array{std::move(shown)});
}

}  // namespace

Area labourer_area() {
  Area area;
  area.name = "labourer";
  area.handlers = {{"init", init}, {"register_labourers", register_labourers}};
  area.rules = {{"unknown-settings-are-errors", "D-28", unknown_settings_are_errors},
                {"duration-and-cooldown", "D-28", duration_and_cooldown}};
  area.exclusions = {{"attributes-by-name", "set_custom_attribute", "src/core/labourer.h"},
                     {"attributes-by-name", "get_attr", "src/core/labourer.h"}};
  area.numbers_by_value = true;
  return area;
}

}  // namespace sosw::golden
