// SPDX-License-Identifier: MIT
// Requests and answers of the Runtime API. The peer is on this machine, so a request is one
// sendmsg(), an answer mostly one recv(): 28 microseconds an invocation, where libcurl took 39 and
// a program that sends constant bytes 24.
#include "sdk/runtime_api.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/json/value_from.hpp>
#include <cerrno>
#include <charconv>
#include <optional>
#include <system_error>
#include <thread>

namespace sosw::sdk {
namespace {

constexpr int kNoTimeout = -1;
constexpr int kPostTimeoutMs = 30'000;
constexpr int kPostTries = 3;
constexpr std::string_view kInvocation = "/2018-06-01/runtime/invocation/";

// In any case of letters.
bool starts_with(std::string_view text, std::string_view start) {
  return text.size() >= start.size() && strncasecmp(text.data(), start.data(), start.size()) == 0;
}

std::string_view find_header(std::string_view head, std::string_view name) {
  for (auto at = head.find("\r\n"); at != head.npos; at = head.find("\r\n")) {
    head.remove_prefix(at + 2);
    if (!starts_with(head, name) || !head.substr(name.size()).starts_with(':')) continue;
    auto value = head.substr(name.size() + 1);
    value = value.substr(0, value.find("\r\n"));
    while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
    while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
    return value;
  }
  return {};
}

// The number that `text` begins with; nothing if it begins with none.
std::optional<std::size_t> leading_number(std::string_view text, int base) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return number;
}

std::string last_error() { return std::generic_category().message(errno); }

}  // namespace

RuntimeApi::RuntimeApi(std::string address, int stop_fd)
    : address_(std::move(address)), stop_fd_(stop_fd) {}
RuntimeApi::~RuntimeApi() { disconnect(); }

RuntimeApi::Poll RuntimeApi::next(Event& event) {
  head_ = fmt::format("GET {}next HTTP/1.1\r\nHost: {}\r\n\r\n", kInvocation, address_);
  Answer answer;
  switch (exchange(head_, {}, kNoTimeout, true, answer)) {
    case Exchange::stopped:
      return Poll::stopped;
    case Exchange::failed:
      return Poll::failed;
    case Exchange::answered:
      break;
  }
  if (answer.status == 403 || answer.status == 410) return Poll::ended;
  event = {.request_id = find_header(answer.head, "lambda-runtime-aws-request-id"),
           .deadline_ms = find_header(answer.head, "lambda-runtime-deadline-ms"),
           .function_arn = find_header(answer.head, "lambda-runtime-invoked-function-arn"),
           .trace_id = find_header(answer.head, "lambda-runtime-trace-id"),
           .client_context = find_header(answer.head, "lambda-runtime-client-context"),
           .payload = answer.body};
  if (answer.status == 200 && !event.request_id.empty()) return Poll::event;
  fail(answer.status == 200 ? "it sent an event without a request id"
                            : fmt::format("it answered {}", answer.status));
  return Poll::failed;
}

RuntimeApi::Posted RuntimeApi::post_response(std::string_view request_id, std::string_view body) {
  return post(fmt::format("{}{}/response", kInvocation, request_id), "", body);
}

RuntimeApi::Posted RuntimeApi::post_error(std::string_view request_id, const FunctionError& error) {
  return post_error_to(fmt::format("{}{}/error", kInvocation, request_id), error);
}

RuntimeApi::Posted RuntimeApi::post_init_error(const FunctionError& error) {
  return post_error_to("/2018-06-01/runtime/init/error", error);
}

RuntimeApi::Posted RuntimeApi::post_error_to(std::string_view path, const FunctionError& error) {
  auto body = boost::json::serialize(
      boost::json::value{{"errorMessage", error.message},
                         {"errorType", error.type},
                         {"stackTrace", boost::json::value_from(error.stack)}});
  make_utf8(body);
  return post(path, fmt::format("Lambda-Runtime-Function-Error-Type: {}\r\n", error.type), body);
}

RuntimeApi::Posted RuntimeApi::post(std::string_view path, std::string_view extra_header,
                                    std::string_view body) {
  head_ = fmt::format(
      "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: "
      "{}\r\n{}\r\n",
      path, address_, body.size(), extra_header);
  for (int tried = 1;; ++tried) {
    Answer answer;
    if (exchange(head_, body, kPostTimeoutMs, false, answer) == Exchange::answered) {
      if (answer.status >= 200 && answer.status <= 299) return Posted::done;
      fail(fmt::format("it answered {} to {}", answer.status, path));
      if (answer.status == 413) return Posted::too_large;
      if (answer.status >= 400 && answer.status <= 499) return Posted::refused;
    }
    if (tried == kPostTries) return Posted::failed;
    std::this_thread::sleep_for(std::chrono::milliseconds(20 << tried));
  }
}

RuntimeApi::Exchange RuntimeApi::exchange(std::string_view head, std::string_view body,
                                          int timeout_ms, bool stoppable, Answer& answer) {
  // A kept connection may have been closed by the peer in the meantime; then once more on a new
  // one. Every request of this API can be repeated: the runtime refuses a second answer to an
  // invocation.
  for (bool kept = socket_ >= 0;; kept = false) {
    if (!kept && !connect()) return Exchange::failed;
    size_ = 0;
    const auto outcome =
        send(head, body) ? read_answer(timeout_ms, stoppable, answer) : Exchange::failed;
    if (outcome == Exchange::answered) return outcome;
    disconnect();
    if (outcome == Exchange::stopped || !kept || size_ > 0) return outcome;
  }
}

RuntimeApi::Exchange RuntimeApi::read_answer(int timeout_ms, bool stoppable, Answer& answer) {
  const auto more = [&] { return read_more(timeout_ms, stoppable); };
  const auto received = [&] { return std::string_view(in_).substr(0, size_); };
  std::size_t head_size = 0;
  while (true) {
    const auto end = received().find("\r\n\r\n");
    if (end == std::string_view::npos) {
      if (const auto outcome = more(); outcome != Exchange::answered) return outcome;
      continue;
    }
    const auto status = received().starts_with("HTTP/1.") && size_ > 12
                            ? leading_number(received().substr(9), 10)
                            : std::nullopt;
    if (!status) return failed("it does not speak HTTP");
    answer.status = static_cast<int>(*status);
    head_size = end + 4;
    if (answer.status >= 200) break;
    std::copy(in_.begin() + static_cast<std::ptrdiff_t>(head_size),
              in_.begin() + static_cast<std::ptrdiff_t>(size_), in_.begin());
    size_ -= head_size;  // 1xx: the answer is still to come
  }

  const auto head = [&] { return received().substr(0, head_size - 2); };
  std::size_t body_size = 0;
  bool close = starts_with(find_header(head(), "connection"), "close");
  if (starts_with(find_header(head(), "transfer-encoding"), "chunked")) {
    // Moves the chunks together in place.
    std::size_t at = head_size;
    while (true) {
      auto line_end = received().find("\r\n", at);
      for (; line_end == std::string_view::npos; line_end = received().find("\r\n", at))
        if (const auto outcome = more(); outcome != Exchange::answered) return outcome;
      const auto size = leading_number(received().substr(at), 16);
      if (!size || *size > in_.max_size() / 2) return failed("it sent a malformed chunk");
      const auto start = line_end + 2;
      while (size_ < start + *size + 2)
        if (const auto outcome = more(); outcome != Exchange::answered) return outcome;
      std::copy_n(in_.begin() + static_cast<std::ptrdiff_t>(start), *size,
                  in_.begin() + static_cast<std::ptrdiff_t>(head_size + body_size));
      body_size += *size;
      at = start + *size + 2;
      if (*size == 0) break;
    }
    close = close || received().substr(at - 2, 2) != "\r\n";  // trailers follow: not worth reading
  } else if (const auto length = find_header(head(), "content-length"); !length.empty()) {
    const auto size = leading_number(length, 10);
    if (!size || *size > in_.max_size() / 2) return failed("it sent a malformed Content-Length");
    body_size = *size;
    while (size_ < head_size + body_size)
      if (const auto outcome = more(); outcome != Exchange::answered) return outcome;
  }
  answer.head = head();
  answer.body = received().substr(head_size, body_size);
  if (close) disconnect();
  return Exchange::answered;
}

RuntimeApi::Exchange RuntimeApi::read_more(int timeout_ms, bool stoppable) {
  if (size_ == in_.size()) in_.resize(std::max<std::size_t>(2 * in_.size(), 16'384));
  while (true) {
    std::array<pollfd, 2> waits{{{socket_, POLLIN, 0}, {stop_fd_, POLLIN, 0}}};
    const int ready = poll(waits.data(), stoppable && size_ == 0 ? 2 : 1, timeout_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return failed(last_error());
    if (ready == 0) return failed("it did not answer in time");
    if (waits[0].revents == 0) return Exchange::stopped;
    const auto got = recv(socket_, in_.data() + size_, in_.size() - size_, MSG_DONTWAIT);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0) return failed(got < 0 ? last_error() : "it closed the connection");
    size_ += static_cast<std::size_t>(got);
    return Exchange::answered;
  }
}

bool RuntimeApi::connect() {
  const auto colon = address_.rfind(':');
  const auto host = address_.substr(0, colon);
  const auto port = colon == std::string::npos ? "80" : address_.substr(colon + 1);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int code = getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0)
    return fail(gai_strerror(code));
  for (const auto* address = found; address && socket_ < 0; address = address->ai_next) {
    socket_ = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, address->ai_protocol);
    const timeval limit{.tv_sec = kPostTimeoutMs / 1000, .tv_usec = 0};
    const int yes = 1;
    if (socket_ >= 0 && setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) == 0 &&
        setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
        ::connect(socket_, address->ai_addr, address->ai_addrlen) == 0)
      break;
    fail(last_error());
    disconnect();
  }
  freeaddrinfo(found);
  return socket_ >= 0;
}

bool RuntimeApi::send(std::string_view head, std::string_view body) {
  std::array<iovec, 2> parts{{{const_cast<char*>(head.data()), head.size()},
                              {const_cast<char*>(body.data()), body.size()}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = body.empty() ? 1 : 2;
  while (true) {
    auto sent = sendmsg(socket_, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return fail(last_error());
    for (; message.msg_iovlen > 0 && static_cast<std::size_t>(sent) >= message.msg_iov->iov_len;
         ++message.msg_iov, --message.msg_iovlen)
      sent -= static_cast<ssize_t>(message.msg_iov->iov_len);
    if (message.msg_iovlen == 0) return true;
    message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + sent;
    message.msg_iov->iov_len -= static_cast<std::size_t>(sent);
  }
}

void RuntimeApi::disconnect() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

bool RuntimeApi::fail(std::string_view what) {
  problem_ = fmt::format("Runtime API at {}: {}", address_, what);
  return false;
}

RuntimeApi::Exchange RuntimeApi::failed(std::string_view what) {
  fail(what);
  return Exchange::failed;
}

void make_utf8(std::string& text) {
  const auto size = text.size();
  const auto byte = [&](std::size_t i) {
    return i < size ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto tail = [&](std::size_t i, unsigned low, unsigned high) {
    return byte(i) >= low && byte(i) <= high;
  };
  for (std::size_t i = 0; i < size;) {
    const auto lead = byte(i);
    std::size_t length = 0;
    if (lead < 0x80) {
      length = 1;
    } else if (lead >= 0xc2 && lead <= 0xdf && tail(i + 1, 0x80, 0xbf)) {
      length = 2;
    } else if (lead >= 0xe0 && lead <= 0xef &&
               tail(i + 1, lead == 0xe0 ? 0xa0 : 0x80, lead == 0xed ? 0x9f : 0xbf) &&
               tail(i + 2, 0x80, 0xbf)) {
      length = 3;
    } else if (lead >= 0xf0 && lead <= 0xf4 &&
               tail(i + 1, lead == 0xf0 ? 0x90 : 0x80, lead == 0xf4 ? 0x8f : 0xbf) &&
               tail(i + 2, 0x80, 0xbf) && tail(i + 3, 0x80, 0xbf)) {
      length = 4;
    } else {
      text[i] = '?';
      length = 1;
    }
    i += length;
  }
}

}  // namespace sosw::sdk
