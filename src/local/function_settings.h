// SPDX-License-Identifier: MIT
// How the worker of a labourer is started at home.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/labourer.h"
#include "core/result.h"

namespace sosw::local {

struct FunctionSettings {
  enum class Kind : unsigned char {
    command,  // a Lambda runtime client, kept warm between invocations
    exec,     // a program for each task: payload on stdin, result on stdout
    http,     // a POST for each task
  };
  std::string name;
  Kind kind = Kind::command;
  std::vector<std::string> argv;     // command, exec
  std::string url;                   // http
  int timeout_s = 300;               // of one invocation, from the hand-over to the worker
  double init_timeout_s = 300;       // from the start of a process to its first request for work
  int idle_s = 600;                  // an environment without work ends after it
  int memory_mb = 0;                 // 0: no limit
  int environments = 1;              // most processes (command, exec) or connections (http) at once
  int concurrency = 1;               // invocations that one process takes at once (command)
  bool completes_by_report = false;  // `"completes": "report"`: a returned handler says nothing yet
  std::string handler;               // _HANDLER
  std::string folder;                // working folder, absolute
  std::map<std::string, std::string> environment;

  [[nodiscard]] int slots() const { return environments * concurrency; }
};

// Reads `command`, `exec` or `http`, and what belongs to it, from the settings of a labourer.
// `folder`: where relative paths start, absolute. nullopt: it runs elsewhere (`arn`, a function of
// this program). Errors: invalid, naming labourer and key.
Result<std::optional<FunctionSettings>> read_function(const Labourer& labourer,
                                                      const std::string& folder);

}  // namespace sosw::local
