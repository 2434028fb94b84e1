// SPDX-License-Identifier: MIT
// What stands between a client and a server, and lets chosen requests have accidents.
#pragma once

#include <strings.h>

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "aws/http.h"
#include "support/http_server.h"

namespace sosw::aws {

enum class Accident {
  none,
  throttled,      // refused before the server saw it
  error_before,   // 500, the server did not see it
  error_after,    // the server did it, 500 all the same
  closed_before,  // the connection is closed instead of read
  closed_after,   // ... instead of the answer
  half_closed,    // the connection is closed in the middle of the answer
  stalled,        // the server did it, no answer comes
  garbage,        // the server did it, the answer is nothing that anybody could read
};

class Proxy {
 public:
  explicit Proxy(std::string server) : server_(std::move(server)) {}

  [[nodiscard]] std::string url() const { return http_server_.url(); }
  // The next requests have these, one each; those after them have none.
  void next(std::vector<Accident> accidents) {
    const std::lock_guard lock(mutex_);
    accidents_.assign(accidents.begin(), accidents.end());
    seen_ = 0;
  }
  // How many requests came since next().
  [[nodiscard]] int seen() const {
    const std::lock_guard lock(mutex_);
    return seen_;
  }

 private:
  testing::HttpReply answer(const testing::HttpRequest& request) {
    auto accident = Accident::none;
    {
      const std::lock_guard lock(mutex_);
      ++seen_;
      if (!accidents_.empty()) {
        accident = accidents_.front();
        accidents_.pop_front();
      }
    }
    using Then = testing::HttpReply::Then;
    switch (accident) {
      case Accident::throttled:
        return {.status = 400,
                .headers = {{"x-amzn-ErrorType", "ThrottlingException"}},
                .body = R"({"__type":"ThrottlingException","message":"slower"})"};
      case Accident::error_before:
        return {.status = 500};
      case Accident::closed_before:
        return {.then = Then::close, .silent = true};
      default:
        break;
    }
    auto reply = forward(request);
    switch (accident) {
      case Accident::error_after:
        return {.status = 500};
      case Accident::closed_after:
        return {.then = Then::close, .silent = true};
      case Accident::stalled:
        return {.silent = true};
      case Accident::half_closed:
        return {.then = Then::close,
                .raw = "HTTP/1.1 200 OK\r\nContent-Length: " +
                       std::to_string(reply.body.size() + 1) + "\r\n\r\n" + reply.body};
      case Accident::garbage:
        return {.then = Then::close, .raw = "nonsense\r\n\r\n"};
      default:
        return reply;
    }
  }

  testing::HttpReply forward(const testing::HttpRequest& request) {
    Request onward{.method = request.method, .url = server_ + request.target, .body = request.body};
    for (const auto& [name, value] : request.headers)
      if (name != "content-length" && name != "connection")
        onward.headers.emplace_back(name, value);
    auto response = HttpClient().send(onward);
    testing::HttpReply reply{.status = response.error ? 502 : response.status,
                             .body = std::move(response.body)};
    for (auto& [name, value] : response.headers)
      if (strcasecmp(name.c_str(), "content-length") != 0 &&
          strcasecmp(name.c_str(), "connection") != 0 &&
          strcasecmp(name.c_str(), "transfer-encoding") != 0)
        reply.headers.emplace(std::move(name), std::move(value));
    return reply;
  }

  std::string server_;
  mutable std::mutex mutex_;
  std::deque<Accident> accidents_;
  int seen_ = 0;
  testing::HttpServer http_server_{
      [this](const testing::HttpRequest& request) { return answer(request); }};
};

}  // namespace sosw::aws
