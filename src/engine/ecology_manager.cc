// SPDX-License-Identifier: MIT
// See ecology_manager.h.
#include "engine/ecology_manager.h"

#include <fmt/format.h>

#include <algorithm>

namespace sosw::engine {
namespace {

constexpr auto kLastValueHolds = std::chrono::minutes(10);
constexpr int kNoDataStatus = 2;

// Two metrics with the same keys in another order are the same question.
void write_canonical(const json::value& value, std::string& out) {
  if (const auto* object = value.if_object()) {
    std::vector<json::string_view> keys;
    for (const auto& member : *object) keys.push_back(member.key());
    std::sort(keys.begin(), keys.end());
    out += '{';
    for (const auto key : keys) {
      out += json::serialize(json::string(key));
      out += ':';
      write_canonical(object->at(key), out);
      out += ',';
    }
    out += '}';
  } else if (const auto* array = value.if_array()) {
    out += '[';
    for (const auto& item : *array) {
      write_canonical(item, out);
      out += ',';
    }
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

std::string canonical(const json::object& details) {
  std::string out;
  write_canonical(details, out);
  return out;
}

}  // namespace

std::vector<std::string> EcologyManager::refresh(const Labourers& labourers, Time now,
                                                 const std::stop_token& stop) {
  std::map<std::string, std::string> asked;  // canonical text -> where it is used first
  std::vector<json::object> details;
  std::vector<std::string> keys;
  for (const auto& [id, labourer] : labourers) {
    for (const auto& [metric_name, metric] : labourer.health_metrics) {
      std::string key = canonical(metric.details);
      if (!asked.emplace(key, fmt::format("{}.health_metrics.{}", id, metric_name)).second)
        continue;
      details.push_back(metric.details);
      keys.push_back(std::move(key));
    }
  }
  std::vector<std::string> failures;
  if (details.empty()) return failures;
  const auto values = metrics_.values(details, now, stop);

  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    Known& known = known_[keys[i]];
    known.missing = true;
    if (!values[i]) {
      failures.push_back(fmt::format("{}: {}", asked[keys[i]], values[i].error().message));
    } else if (*values[i]) {
      known = {**values[i], now, false};
    } else {
      failures.push_back(fmt::format("{}: no data", asked[keys[i]]));
    }
  }
  return failures;
}

std::optional<int> EcologyManager::status(const Labourer& labourer, Time now) const {
  int worst = kBestHealth;
  const std::lock_guard lock(mutex_);
  for (const auto& [metric_name, metric] : labourer.health_metrics) {
    const auto found = known_.find(canonical(metric.details));
    if (found == known_.end()) return std::nullopt;
    const Known& known = found->second;
    const auto age = now - known.at;
    int status = kNoDataStatus;
    if (known.missing && metric.no_data) {
      status = *metric.no_data;
    } else if (known.value && age < kLastValueHolds && age > -kLastValueHolds) {
      status = health(*known.value, metric);
    }
    worst = std::min(worst, status);
  }
  return worst;
}

}  // namespace sosw::engine
