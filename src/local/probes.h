// SPDX-License-Identifier: MIT
// Metrics of this machine and its neighbours, for the health of labourers.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/ports.h"

namespace sosw::local {

// `details` says where a number is: one source, and where in its text.
//
//   {"command": ["./cpu.sh"]}                      what it prints; exit code 0
//   {"url": "http://..."}                          what it answers; 2xx
//   {"file": "/sys/class/thermal/..."}             what is in it
//   ... "json_pointer": "/load/0"                  the text is JSON: the number there; null: no
//   data
//   ... "prometheus": "metric{label=\"x\"}"        the text is Prometheus': the one sample with
//   these
//                                                  labels (it may have others); NaN: no data
//   {"pressure": "cpu/some/avg10"}                 /proc/pressure/cpu, line some, avg10 (percent)
//
// Without json_pointer and prometheus the whole text is a number; an empty one: no data.
// `timeout_s` is 10 when absent.
class Probes : public engine::MetricSource {
 public:
  // Relative commands and files are looked up in `folder`.
  explicit Probes(std::filesystem::path folder, std::filesystem::path pressure = "/proc/pressure")
      : folder_(std::move(folder)), pressure_(std::move(pressure)) {}

  // All at the same time, equal ones once. Returns when the last has its answer or its timeout.
  std::vector<Result<std::optional<double>>> values(std::span<const json::object> details, Time now,
                                                    const std::stop_token& stop = {}) override;

  // Whether `details` has one of these forms. Errors: invalid, naming the key.
  static Result<void> check(const json::object& details);

 private:
  [[nodiscard]] Result<std::optional<double>> value(const json::object& details,
                                                    const std::stop_token& stop) const;

  std::filesystem::path folder_, pressure_;
};

// The parts that are pure.
[[nodiscard]] Result<std::optional<double>> number_in(std::string_view text);
[[nodiscard]] Result<std::optional<double>> json_number(std::string_view text,
                                                        std::string_view pointer);
[[nodiscard]] Result<std::optional<double>> prometheus_sample(std::string_view text,
                                                              std::string_view selector);
[[nodiscard]] Result<std::optional<double>> pressure_value(std::string_view text,
                                                           std::string_view line,
                                                           std::string_view key);

}  // namespace sosw::local
