// SPDX-License-Identifier: MIT
// One thread that waits for sockets, descriptors and moments, and an HTTP/1.1 server on it.
// The only face of Asio and Beast in this folder: they take half a minute to compile.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace sosw::local {

class HttpConnection;

// What a client has sent. Valid during the call of the handler; the body may be moved from.
class HttpRequest {
 public:
  std::string_view method;  // GET, POST ...
  std::string_view target;  // path and query, still percent-encoded
  std::string body;
  bool too_large = false;  // the body was above Limits::body and is dropped; the connection ends
                           // after the answer

  // Value of a header (or trailer), empty when it is absent. `name` in any case.
  [[nodiscard]] std::string_view header(std::string_view name) const;

 private:
  friend class HttpConnection;
  const void* fields_ = nullptr;
};

// The right to answer one request, once, from any thread, at once or hours later.
class Responder {
 public:
  Responder() = default;
  explicit Responder(std::shared_ptr<HttpConnection> connection)
      : connection_(std::move(connection)) {}

  explicit operator bool() const { return connection_ != nullptr; }
  // `headers`: further header lines, each ended by CR LF. False when the client is known to be
  // gone: nothing was sent. A true is no promise that it was read.
  bool send(int status, std::string_view headers, std::string_view body);
  // Called in the loop's thread when the client goes away before it was answered.
  void on_closed(std::function<void()> closed);
  [[nodiscard]] const void* id() const { return connection_.get(); }

 private:
  std::shared_ptr<HttpConnection> connection_;
};

class EventLoop {
 public:
  using Handler = std::function<void(HttpRequest&, Responder)>;

  EventLoop();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // All callbacks run in the loop's thread and must not block. These may be called in any thread.
  void post(std::function<void()> work);
  void after(std::chrono::milliseconds delay, std::function<void()> work);
  [[nodiscard]] bool in_thread() const;
  // Ends the thread; what was posted and has not run is dropped. Every Responder must be gone
  // before the loop itself is.
  void stop();

  // Calls `readable` whenever the descriptor has something to read or has ended, until it returns
  // false. Owns `fd` and closes it after the last call, or when the loop ends.
  void watch(int fd, std::function<bool()> readable);

  struct Listener {
    std::uint64_t id = 0;
    std::uint16_t port = 0;
  };
  // Port 0 takes any free one. Requests with a body above `largest_body` come as `too_large`.
  Result<Listener> listen(const std::string& address, std::uint16_t port, std::size_t largest_body,
                          Handler handler);
  // Closes the listener and its connections.
  void close(std::uint64_t listener);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sosw::local
