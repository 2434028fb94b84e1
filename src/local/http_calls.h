// SPDX-License-Identifier: MIT
// Many HTTP requests at once in one thread, each sent once: for workers that are web services.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace sosw::local {

struct HttpAnswer {
  enum class End : unsigned char {
    answered,   // status and body are there
    not_sent,   // for certain no byte of the request has left: refused, no such host, TLS
    timed_out,  // after the request was sent
    too_large,  // the answer
    lost,       // after the request was sent: it may have run
  } end = End::answered;
  int status = 0;
  std::string body;
  std::string reason;  // of everything but `answered`
};

class HttpCalls {
 public:
  HttpCalls();
  // Ends all requests. Those of which no byte has left are told `not_sent`; of the others nobody
  // hears any more.
  ~HttpCalls();
  HttpCalls(const HttpCalls&) = delete;
  HttpCalls& operator=(const HttpCalls&) = delete;

  struct Call {
    std::string url;
    std::string body;        // application/json
    std::string request_id;  // header Lambda-Runtime-Aws-Request-Id
    int timeout_s = 300;     // in all
    std::size_t largest_answer = 6U << 20;
    std::function<void(HttpAnswer)> done;  // in the thread of this object; must not block
  };
  // From any thread.
  void post(Call call);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sosw::local
