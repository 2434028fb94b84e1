// SPDX-License-Identifier: MIT
// How every labourer feels, from the newest values of its health metrics.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/ports.h"

namespace sosw::engine {

// Any thread may call any method.
class EcologyManager {
 public:
  // `metrics` outlives this object.
  explicit EcologyManager(MetricSource& metrics) : metrics_(metrics) {}

  // Asks for the newest values, once for each distinct `details`. May take as long as the slowest
  // source. Gives a line for each metric that could not be read, for the log.
  std::vector<std::string> refresh(const Labourers& labourers, Time now,
                                   const std::stop_token& stop = {});

  // The worst status over the labourer's metrics; 4 when it has none; nullopt before the first
  // refresh. A metric without a value counts as its `no_data` says; by default its last value for
  // 10 minutes, then 2.
  [[nodiscard]] std::optional<int> status(const Labourer& labourer, Time now) const;

 private:
  struct Known {
    std::optional<double> value;
    Time at{};            // of the value
    bool missing = true;  // the newest look gave none
  };
  MetricSource& metrics_;
  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;  // by canonical text of `details`
};

}  // namespace sosw::engine
