// SPDX-License-Identifier: MIT
// The door of a running engine for the other commands: DATA/engine.sock, a Unix socket, mode 0600.
// A request is one JSON object on a line, {"op": ..., ...}; so is its answer, {"ok": {...}} or
// {"error": {"code", "message", "hint"}}. A connection may carry any number of them, in order.
#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "core/result.h"
#include "local/owned_fd.h"

namespace sosw::cli {

namespace json = boost::json;

class ControlServer {
 public:
  // Called in the thread of the server, one request at a time.
  using Handler = std::function<Result<json::object>(const json::object& request)>;

  // REQUIRES: the caller holds the lock of the folder; what an engine before has left there is
  // removed. Errors: denied, unavailable.
  static Result<std::unique_ptr<ControlServer>> listen(const std::filesystem::path& folder,
                                                       Handler handler);
  // Ends the connections and removes the socket.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  ControlServer() = default;
  void serve();

  Handler handler_;
  local::OwnedFd folder_, listener_, stop_read_, stop_write_;
  std::thread thread_;
};

// Asks the engine that runs on `folder`. nullopt: none does. Errors: those of the engine;
// unavailable when it does not answer in time or goes away in the middle (then it may have done
// it).
Result<std::optional<json::object>> ask_engine(
    const std::filesystem::path& folder, const json::object& request,
    std::chrono::milliseconds patience = std::chrono::minutes{2});

}  // namespace sosw::cli
