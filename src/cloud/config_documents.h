// SPDX-License-Identifier: MIT
// Configurations of the original: rows of the table `config`, or parameters of SSM.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "aws/client.h"
#include "aws/ssm.h"
#include "engine/ports.h"

namespace sosw::cloud {

// A document that was had is given again for `ttl`; then it is asked for anew, and when that fails,
// for whatever reason, `warn` is told and the old one is given for another `ttl`. That there is
// none is an answer as any other, and `not_found`. A document that was never had, and cannot be had
// now, is an error: `denied` (no permission), `unavailable` (no connection, throttled), `invalid`
// (no such table; no JSON object).
class ConfigDocuments final : public engine::ConfigSource {
 public:
  struct Options {
    aws::ClientOptions client{.timeout = std::chrono::seconds(5), .tries = 3};
    enum class Source { table, ssm } source = Source::table;
    std::string table = "config";    // of text attributes env (hash), config_name (range),
                                     // config_value: JSON
    std::string env = "production";  // of the rows that are read; in tests "dev"
    std::chrono::seconds ttl{60};
    std::function<void(const std::string& line)> warn{};  // for the log of the program
  };
  // `clock` outlives it.
  ConfigDocuments(Options options, const engine::Clock& clock);

  // From any thread, one after the other. A table is asked by Query, which the roles of the
  // original permit.
  Result<json::object> config(std::string_view name) override;

 private:
  using Found = Result<std::optional<json::object>>;  // nullopt: the source has answered: none
  struct Known {
    std::optional<json::object> document;
    Time had{};    // when it came
    Time asked{};  // when it was last asked for, with or without success
  };
  [[nodiscard]] std::string place() const;  // for messages
  Found in_table(std::string_view name);
  Found in_ssm(std::string_view name);

  const Options options_;
  const engine::Clock& clock_;
  std::mutex mutex_;  // of what follows
  aws::Client dynamodb_;
  aws::Ssm ssm_;
  std::map<std::string, Known, std::less<>> known_;
};

}  // namespace sosw::cloud
