// SPDX-License-Identifier: MIT
// Blocking sockets, one thread for each connection.
#include "support/http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace sosw::testing {
namespace {

int listen_on_free_port(int& port) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (listener < 0 || bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 128) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen on loopback");
  port = ntohs(address.sin_port);
  return listener;
}

bool send_all(int socket, std::string_view data) {
  while (!data.empty()) {
    const auto sent = send(socket, data.data(), data.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// False: the peer is gone.
bool read_request(int socket, std::string& buffer, HttpRequest& request) {
  const auto more = [&] {
    char chunk[65536];
    const auto got = recv(socket, chunk, sizeof chunk, 0);
    if (got > 0) buffer.append(chunk, static_cast<std::size_t>(got));
    return got > 0;
  };
  auto end = buffer.find("\r\n\r\n");
  for (; end == std::string::npos; end = buffer.find("\r\n\r\n"))
    if (!more()) return false;
  auto line_end = buffer.find("\r\n");
  const auto line = buffer.substr(0, line_end);
  request.method = line.substr(0, line.find(' '));
  request.target = line.substr(line.find(' ') + 1, line.rfind(' ') - line.find(' ') - 1);
  while (line_end < end) {
    const auto start = line_end + 2;
    line_end = buffer.find("\r\n", start);
    const auto header = buffer.substr(start, line_end - start);
    const auto colon = header.find(':');
    auto name = header.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return std::tolower(c); });
    const auto value = header.find_first_not_of(' ', colon + 1);
    request.headers[name] = value == std::string::npos ? "" : header.substr(value);
  }
  const auto length =
      request.headers.count("content-length") ? std::stoul(request.headers["content-length"]) : 0;
  while (buffer.size() < end + 4 + length)
    if (!more()) return false;
  request.body = buffer.substr(end + 4, length);
  buffer.erase(0, end + 4 + length);
  return true;
}

}  // namespace

HttpServer::HttpServer(Handler handler)
    : handler_(std::move(handler)), listener_(listen_on_free_port(port_)) {
  acceptor_ = std::thread([this] { accept_all(); });
}

HttpServer::~HttpServer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    shutdown(listener_, SHUT_RDWR);
    for (auto& connection : connections_) shutdown(connection.socket, SHUT_RDWR);
  }
  acceptor_.join();
  for (auto& connection : connections_) {
    connection.thread.join();
    close(connection.socket);
  }
  close(listener_);
}

int HttpServer::connections() const {
  const std::lock_guard lock(mutex_);
  return accepted_;
}

void HttpServer::remove_those_over() {
  for (auto at = connections_.begin(); at != connections_.end();) {
    if (!at->over) {
      ++at;
      continue;
    }
    at->thread.join();
    close(at->socket);
    at = connections_.erase(at);
  }
}

void HttpServer::accept_all() {
  while (true) {
    const int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    const std::lock_guard lock(mutex_);
    if (socket < 0 || stopping_) {
      if (socket >= 0) close(socket);
      return;
    }
    const int yes = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    remove_those_over();
    const int number = ++accepted_;
    auto& connection = connections_.emplace_back();
    connection.socket = socket;
    connection.thread = std::thread([this, &connection, number] { serve(connection, number); });
  }
}

void HttpServer::serve(Connection& connection, int number) {
  const int socket = connection.socket;
  std::string buffer;
  HttpRequest request;
  while (read_request(socket, buffer, request)) {
    request.connection = number;
    const auto reply = handler_(request);
    std::string answer = reply.raw;
    if (answer.empty() && !reply.silent) {
      answer = "HTTP/1.1 " + std::to_string(reply.status) + " x\r\n";
      for (const auto& [name, value] : reply.headers)
        answer.append(name).append(": ").append(value).append("\r\n");
      answer += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
    }
    if (!send_all(socket, answer) || reply.then == HttpReply::Then::close) break;
    request = {};
  }
  shutdown(socket, SHUT_RDWR);
  const std::lock_guard lock(mutex_);
  connection.over = true;
}

int closed_port() {
  int port = 0;
  close(listen_on_free_port(port));
  return port;
}

}  // namespace sosw::testing
