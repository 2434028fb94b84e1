// SPDX-License-Identifier: MIT
// A small HTTP/1.1 server on a free loopback port, to play a peer that answers well or badly.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <string>
#include <thread>

namespace sosw::testing {

struct HttpRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
  int connection = 0;  // 1, 2, ... in the order of acceptance
};

struct HttpReply {
  enum class Then { keep, close };
  int status = 200;
  std::map<std::string, std::string> headers;
  std::string body;
  Then then = Then::keep;  // close: without having said so
  bool silent = false;     // no answer at all
  std::string raw;         // if not empty, the bytes of the answer instead of the above
};

// Calls `handler` in one thread for each connection; it may block.
class HttpServer {
 public:
  using Handler = std::function<HttpReply(const HttpRequest&)>;
  explicit HttpServer(Handler handler);
  // Closes all connections and waits for the handler's calls to return.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string url() const { return "http://" + address(); }
  // Connections accepted so far.
  [[nodiscard]] int connections() const;

 private:
  struct Connection {
    int socket;
    std::thread thread;
    bool over = false;
  };
  void remove_those_over();
  void accept_all();
  void serve(Connection& connection, int number);

  Handler handler_;
  int port_ = 0;
  int listener_ = -1;
  mutable std::mutex mutex_;
  bool stopping_ = false;
  int accepted_ = 0;
  std::list<Connection> connections_;
  std::thread acceptor_;
};

// A loopback port on which nobody listens.
int closed_port();

}  // namespace sosw::testing
