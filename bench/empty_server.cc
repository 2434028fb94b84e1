// SPDX-License-Identifier: MIT
// See empty_server.h.
#include "empty_server.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>

#include "figures.h"

namespace sosw::bench {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void send_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;  // the client has gone: the next read tells
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

// Length of the first request in `text`; 0: it is not all there.
std::size_t request_length(std::string_view text) {
  const auto end = text.find("\r\n\r\n");
  if (end == text.npos) return 0;
  constexpr std::string_view kLength = "Content-Length: ";
  std::size_t body = 0;
  if (const auto at = text.substr(0, end).find(kLength); at != text.npos) {
    std::from_chars(text.data() + at + kLength.size(), text.data() + end, body);
  }
  return text.size() >= end + 4 + body ? end + 4 + body : 0;
}

}  // namespace

EmptyServer::EmptyServer(std::string event) : event_(std::move(event)) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &size) != 0) {
    give_up("cannot listen on 127.0.0.1");
  }
  port_ = ntohs(address.sin_port);
  wake_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  for (const int fd : {listener_, wake_}) {
    epoll_event interest{.events = EPOLLIN, .data = {.fd = fd}};
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &interest);
  }
  thread_ = std::thread([this] { loop(); });
}

EmptyServer::~EmptyServer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  ::eventfd_write(wake_, 1);
  thread_.join();
  for (const auto& [fd, text] : connections_) ::close(fd);
  for (const int fd : {listener_, wake_, epoll_}) ::close(fd);
}

double EmptyServer::serve(int n) {
  std::unique_lock lock(mutex_);
  const double start = seconds_now();
  left_ = unanswered_ = n;
  ::eventfd_write(wake_, 1);
  answered_.wait(lock, [&] { return unanswered_ == 0; });
  return seconds_now() - start;
}

void EmptyServer::loop() {
  std::array<epoll_event, 64> events{};
  for (;;) {
    const int n = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < n; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == listener_) {
        accept_one();
      } else if (fd == wake_) {
        eventfd_t value = 0;
        ::eventfd_read(wake_, &value);
        const std::lock_guard lock(mutex_);
        if (ending_) return;
        hand_out();
      } else if (std::string& text = connections_[fd]; !read_some(fd, text)) {
        ::close(fd);
        connections_.erase(fd);
        const std::lock_guard lock(mutex_);
        std::erase(polls_, fd);
      } else {
        for (std::size_t length = 0; (length = request_length(text)) > 0; text.erase(0, length)) {
          answer(fd, std::string_view(text).substr(0, length));
        }
      }
    }
  }
}

void EmptyServer::accept_one() {
  const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd < 0) return;
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  epoll_event interest{.events = EPOLLIN, .data = {.fd = fd}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &interest);
  connections_.emplace(fd, std::string());
}

bool EmptyServer::read_some(int fd, std::string& text) {
  std::array<char, 16'384> piece;
  const ssize_t n = ::recv(fd, piece.data(), piece.size(), 0);
  if (n <= 0) return false;
  text.append(piece.data(), static_cast<std::size_t>(n));
  return true;
}

void EmptyServer::answer(int fd, std::string_view request) {
  if (request.starts_with("POST ")) {
    send_all(fd, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n");
    const std::lock_guard lock(mutex_);
    if (--unanswered_ == 0) answered_.notify_all();
    return;
  }
  if (request.substr(0, request.find('\r')).find("/invocation/next ") == request.npos) {
    return send_all(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  }
  const std::lock_guard lock(mutex_);
  polls_.push_back(fd);
  hand_out();
}

void EmptyServer::hand_out() {
  while (left_ > 0 && !polls_.empty()) {
    send_all(polls_.back(),
             fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                         "Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n"
                         "Lambda-Runtime-Deadline-Ms: 4102444800000\r\n"
                         "Content-Length: {}\r\n\r\n{}",
                         event_.size(), event_));
    polls_.pop_back();
    --left_;
  }
}

double echoes_per_s(double seconds) {
  const EmptyServer server;
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(server.port());
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    give_up("cannot connect to 127.0.0.1");
  }
  std::array<char, 4096> piece;
  int n = 0;
  const double start = seconds_now();
  double now = start;
  do {
    send_all(fd, "GET /echo HTTP/1.1\r\nHost: localhost\r\n\r\n");
    if (::recv(fd, piece.data(), piece.size(), 0) <= 0) give_up("the echo was not answered");
    ++n;
    now = seconds_now();
  } while (now - start < seconds);
  ::close(fd);
  return n / (now - start);
}

}  // namespace sosw::bench
