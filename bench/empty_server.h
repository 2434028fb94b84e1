// SPDX-License-Identifier: MIT
// The least that an HTTP server can do: what a host with a queue is measured against.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sosw::bench {

// One thread. GET .../invocation/next gets one and the same event at once while there are any left,
// POST is taken, any other GET gets an empty answer. It reads no more of a request than its length.
class EmptyServer {
 public:
  explicit EmptyServer(std::string event = "{}");
  ~EmptyServer();
  EmptyServer(const EmptyServer&) = delete;
  EmptyServer& operator=(const EmptyServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Hands `n` events to the workers that ask; the seconds until all are answered.
  double serve(int n);

 private:
  void loop();
  void accept_one();
  bool read_some(int fd, std::string& text);  // false: the client has gone
  void answer(int fd, std::string_view request);
  void hand_out();

  const std::string event_;
  int listener_ = -1, epoll_ = -1, wake_ = -1;
  std::uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable answered_;
  bool ending_ = false;
  int left_ = 0;  // events to hand out
  int unanswered_ = 0;
  std::vector<int> polls_;                  // connections that wait for an event
  std::map<int, std::string> connections_;  // of the thread: what has come and is no request yet
  std::thread thread_;
};

// GET and an empty answer, one after the other on one connection.
[[nodiscard]] double echoes_per_s(double seconds);

}  // namespace sosw::bench
