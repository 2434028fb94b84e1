// SPDX-License-Identifier: MIT
// HTTP/1.1 requests over kept connections, one by one or many at once.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sosw::aws {

using Headers = std::vector<std::pair<std::string, std::string>>;

// The value of the header `name` in any case of letters, else empty.
std::string_view find_header(const Headers& headers, std::string_view name);

struct Request {
  std::string method = "GET";
  std::string url;  // "http://host:port/path?query", percent-encoded: it goes on the wire as it is
  Headers headers;  // `Host` too, if it shall differ from the URL's
  std::string body;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds timeout{60'000};  // of the whole exchange; zero: none, for a long poll
  // At most one copy goes on the wire: on a connection of its own, never repeated. Otherwise a
  // request that met a kept connection just closed by its peer is sent again on a new one.
  bool once = false;
  bool direct = false;  // by no proxy
};

// Why there is no answer.
struct TransportError {
  std::string message;
  // True: for certain no byte of the request was sent (no address, refused, no TLS). False:
  // unknown, it may have been received and acted on.
  bool not_sent = false;
  // True: it will fail again, whenever it is tried (the peer's certificate is refused, the URL
  // makes no sense).
  bool final = false;
};

struct Response {
  int status = 0;  // 0 with `error`
  Headers headers;
  std::string body;
  std::optional<TransportError> error;
};

// Certificates and host names are always verified, by the certificates of AWS_CA_BUNDLE, else
// SSL_CERT_FILE, else the system's. A proxy is taken from the usual variables, never for loopback
// addresses. Redirects are answers, they are not followed. Not for use by two threads at once: one
// client for each thread.
class HttpClient {
 public:
  HttpClient();
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  Response send(const Request& request);
  // The answers in the order of `requests`, at most `max_in_flight` (1 or more) of them under way
  // at a time.
  std::vector<Response> send_all(std::span<const Request> requests, std::size_t max_in_flight);

  // Makes the request of that number when it is its turn; nothing: it is not sent, nor asked for
  // again.
  using Make = std::function<std::optional<Request>(std::size_t)>;
  // Takes the answer to the request of that number, and says after which pause it is made and sent
  // again; nothing: it is done.
  using Take = std::function<std::optional<std::chrono::milliseconds>(std::size_t, Response)>;
  // Sends `count` requests, at most `max_in_flight` (1 or more) under way at a time. Those that
  // pause hold no place.
  void send_each(std::size_t count, std::size_t max_in_flight, const Make& make, const Take& take);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sosw::aws
