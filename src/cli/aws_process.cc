// SPDX-License-Identifier: MIT
// See aws_process.h.
#include "cli/aws_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <thread>
#include <utility>

#include "sdk/environment.h"

namespace sosw::cli {

std::string random_name() {
  std::random_device device;
  std::string name;
  for (int i = 0; i < 4; ++i) name += fmt::format("{:08x}", device());
  return name;
}

void pause_between_tries(int round) {
  thread_local std::mt19937_64 numbers{(std::uint64_t{std::random_device{}()} << 32) ^
                                       std::random_device{}()};
  const auto longest = std::uint64_t{50'000} << std::clamp(round - 1, 0, 6);
  std::this_thread::sleep_for(std::chrono::microseconds(numbers() % longest));
}

Result<cloud::ConfigDocuments::Options> configured_documents(
    std::function<void(const std::string& line)> warn) {
  cloud::ConfigDocuments::Options options;
  if (sdk::in_test()) {
    options.table = "autotest_config";
    options.env = "dev";
  }
  if (auto table = sdk::environment("SOSW_CONFIG_TABLE"); !table.empty())
    options.table = std::move(table);
  if (sdk::in_test() && options.table != "config" && !options.table.starts_with("autotest_"))
    return invalid(
        fmt::format("STAGE or `autotest` say that this is a test, which may not read the "
                    "configurations in '{}'",
                    options.table),
        "SOSW_CONFIG_TABLE may be `config` or begin with autotest_ then");
  if (sdk::environment("SOSW_CONFIG_SOURCE") == "SSM")
    options.source = cloud::ConfigDocuments::Options::Source::ssm;
  options.warn = std::move(warn);
  return options;
}

Result<cloud::FleetConfig> fleet_config(std::span<const json::object> documents) {
  auto config = cloud::read_fleet_config(documents);
  if (config && sdk::in_test())
    if (auto only = cloud::only_tables_of_tests(*config); !only) return only.error();
  return config;
}

}  // namespace sosw::cli
