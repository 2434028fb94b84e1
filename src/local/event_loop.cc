// SPDX-License-Identifier: MIT
// Asio and Beast behind event_loop.h.
#include "local/event_loop.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace sosw::local {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using tcp = asio::ip::tcp;
using boost::system::error_code;

std::string_view reason(int status) {
  const auto text = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  return {text.data(), text.size()};
}

}  // namespace

// The next request is being read while the last one is still to be answered: that is how a client
// that went away is noticed, and an answer needs no work in the loop's thread.
class HttpConnection : public std::enable_shared_from_this<HttpConnection> {
 public:
  HttpConnection(tcp::socket socket, std::size_t largest_body,
                 std::shared_ptr<EventLoop::Handler> handler)
      : socket_(std::move(socket)),
        fd_(socket_.native_handle()),
        largest_body_(largest_body),
        handler_(std::move(handler)) {}

  void read() {
    reading_ = true;
    parser_.emplace();
    parser_->body_limit(largest_body_);
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](error_code e, std::size_t) {
                              if (e) return self->read_failed(e);
                              self->read_body();
                            });
  }

  bool send(int status, std::string_view headers, std::string_view body) {
    if (gone_.load(std::memory_order_acquire)) return false;
    auto head =
        fmt::format("HTTP/1.1 {} {}\r\n{}{}Content-Length: {}\r\n\r\n", status, reason(status),
                    headers, close_after_answer_ ? "Connection: close\r\n" : "", body.size());
    iovec parts[2] = {{head.data(), head.size()},
                      {const_cast<char*>(body.data()), body.size()}};  // sendmsg only reads
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    ssize_t sent = ::sendmsg(fd_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) return false;
      sent = 0;
    }
    const auto done = static_cast<std::size_t>(sent);
    if (done == head.size() + body.size()) {
      answered();
      return true;
    }
    std::string rest = done < head.size() ? head.substr(done) + std::string(body)
                                          : std::string(body.substr(done - head.size()));
    asio::post(socket_.get_executor(),
               [self = shared_from_this(), rest = std::move(rest)]() mutable {
                 self->rest_ = std::move(rest);
                 asio::async_write(self->socket_, asio::buffer(self->rest_),
                                   [self](error_code, std::size_t) { self->answered(); });
               });
    return true;
  }

  void on_closed(std::function<void()> closed) {
    asio::post(socket_.get_executor(),
               [self = shared_from_this(), c = std::move(closed)]() mutable {
                 if (self->gone_) return c();
                 self->closed_ = std::move(c);
               });
  }

  // In the loop's thread. The descriptor stays open until the last Responder is gone, so that no
  // thread can write into a stranger's.
  void shut() {
    gone_.store(true, std::memory_order_release);
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_both, ignored);
    socket_.cancel(ignored);
    if (auto closed = std::exchange(closed_, {})) closed();
  }
  [[nodiscard]] bool gone() const { return gone_; }

 private:
  void read_body() {
    const auto expect = parser_->get()[http::field::expect];
    if (boost::beast::iequals(expect, "100-continue") && !parser_->is_done()) {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      (void)::send(fd_, kContinue.data(), kContinue.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    // A small body has come with the head: no need to go through the loop again.
    error_code e;
    while (!parser_->is_done() && buffer_.size() > 0) {
      parser_->eager(true);
      const std::size_t used = parser_->put(buffer_.data(), e);
      buffer_.consume(used);
      if (e || used == 0) break;
    }
    if (e == http::error::need_more) e = {};
    if (e) return read_failed(e);
    if (parser_->is_done()) return arrived(false);
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](error_code failed, std::size_t) {
                       if (failed) return self->read_failed(failed);
                       self->arrived(false);
                     });
  }

  void read_failed(error_code e) {
    if (e == http::error::body_limit && !close_after_answer_.exchange(true)) return arrived(true);
    shut();
  }

  // A request is complete. Clients that send the next one before the answer wait for their turn.
  void arrived(bool too_large) {
    reading_ = false;
    if (close_after_answer_ && !too_large) return;  // it had said that it would send no more
    too_large_ = too_large;
    {
      std::lock_guard lock(turn_);
      if (unanswered_) {
        waiting_ = true;
        return;
      }
      unanswered_ = true;
    }
    handle();
  }

  void handle() {
    auto message = parser_->release();
    HttpRequest request;
    request.method = {message.method_string().data(), message.method_string().size()};
    request.target = {message.target().data(), message.target().size()};
    request.body = std::move(message.body());
    request.too_large = too_large_;
    request.fields_ = static_cast<const http::fields*>(&message.base());
    if (!message.keep_alive()) close_after_answer_ = true;
    if (!too_large_) read();
    (*handler_)(request, Responder(shared_from_this()));
  }

  void answered() {
    bool next = false;
    {
      std::lock_guard lock(turn_);
      unanswered_ = waiting_;
      next = std::exchange(waiting_, false);
    }
    if (close_after_answer_) {
      asio::post(socket_.get_executor(), [self = shared_from_this()] {
        self->closed_ = {};
        error_code ignored;
        self->socket_.shutdown(tcp::socket::shutdown_send, ignored);
        if (!self->reading_) self->linger();
      });
    } else if (next) {
      asio::post(socket_.get_executor(), [self = shared_from_this()] { self->handle(); });
    }
  }

  // Reads until the client has closed: closing with unread input would destroy the answer under
  // way.
  void linger() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(65536),
                            [self = shared_from_this()](error_code e, std::size_t) {
                              if (e) return self->shut();
                              self->linger();
                            });
  }

  tcp::socket socket_;
  const int fd_;
  const std::size_t largest_body_;
  std::shared_ptr<EventLoop::Handler> handler_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::string rest_;
  std::function<void()> closed_;
  std::atomic<bool> gone_{false};
  std::atomic<bool> close_after_answer_{false};
  bool too_large_ = false;
  bool reading_ = false;  // of the next head or body
  std::mutex turn_;       // guards the two below
  bool unanswered_ = false;
  bool waiting_ = false;
};

std::string_view HttpRequest::header(std::string_view name) const {
  const auto& fields = *static_cast<const http::fields*>(fields_);
  const auto found = fields.find({name.data(), name.size()});
  if (found == fields.end()) return {};
  return {found->value().data(), found->value().size()};
}

bool Responder::send(int status, std::string_view headers, std::string_view body) {
  auto connection = std::move(connection_);
  return connection && connection->send(status, headers, body);
}

void Responder::on_closed(std::function<void()> closed) {
  connection_->on_closed(std::move(closed));
}

namespace {

struct Acceptor : std::enable_shared_from_this<Acceptor> {
  Acceptor(asio::io_context& io, std::size_t body, EventLoop::Handler h)
      : acceptor(io),
        largest_body(body),
        handler(std::make_shared<EventLoop::Handler>(std::move(h))) {}

  void accept() {
    acceptor.async_accept([self = shared_from_this()](error_code e, tcp::socket socket) {
      if (self->closed || e == asio::error::operation_aborted) return;
      if (!e) {
        error_code ignored;
        socket.set_option(tcp::no_delay(true), ignored);
        socket.non_blocking(true, ignored);
        auto connection =
            std::make_shared<HttpConnection>(std::move(socket), self->largest_body, self->handler);
        std::erase_if(self->connections, [](const auto& weak) { return weak.expired(); });
        self->connections.push_back(connection);
        connection->read();
        return self->accept();
      }
      // Out of descriptors, most likely: try again when some have been closed.
      auto timer = std::make_shared<asio::steady_timer>(self->acceptor.get_executor(),
                                                        std::chrono::milliseconds(50));
      timer->async_wait([self, timer](error_code) {
        if (!self->closed) self->accept();
      });
    });
  }

  void close() {
    closed = true;
    error_code ignored;
    acceptor.close(ignored);
    for (auto& weak : connections) {
      if (auto connection = weak.lock(); connection && !connection->gone()) connection->shut();
    }
    connections.clear();
  }

  tcp::acceptor acceptor;
  const std::size_t largest_body;
  std::shared_ptr<EventLoop::Handler> handler;
  std::vector<std::weak_ptr<HttpConnection>> connections;
  bool closed = false;
};

struct Watch : std::enable_shared_from_this<Watch> {
  Watch(asio::io_context& io, int fd, std::function<bool()> r)
      : descriptor(io, fd), readable(std::move(r)) {}
  void wait() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](error_code e) {
                            if (!e && self->readable()) self->wait();
                          });
  }
  asio::posix::stream_descriptor descriptor;
  std::function<bool()> readable;
};

}  // namespace

struct EventLoop::State {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> guard{io.get_executor()};
  std::mutex mutex;  // guards the two below
  std::map<std::uint64_t, std::shared_ptr<Acceptor>> acceptors;
  std::uint64_t next_listener = 1;
  std::thread thread;
};

EventLoop::EventLoop() : state_(std::make_unique<State>()) {
  state_->thread = std::thread([this] { state_->io.run(); });
}

EventLoop::~EventLoop() { stop(); }

void EventLoop::stop() {
  if (!state_->thread.joinable()) return;
  state_->io.stop();
  state_->thread.join();
}

void EventLoop::post(std::function<void()> work) { asio::post(state_->io, std::move(work)); }

void EventLoop::after(std::chrono::milliseconds delay, std::function<void()> work) {
  auto timer = std::make_shared<asio::steady_timer>(state_->io, delay);
  timer->async_wait([timer, work = std::move(work)](error_code e) {
    if (!e) work();
  });
}

bool EventLoop::in_thread() const { return std::this_thread::get_id() == state_->thread.get_id(); }

void EventLoop::watch(int fd, std::function<bool()> readable) {
  auto watch = std::make_shared<Watch>(state_->io, fd, std::move(readable));
  asio::post(state_->io, [watch] { watch->wait(); });
}

Result<EventLoop::Listener> EventLoop::listen(const std::string& address, std::uint16_t port,
                                              std::size_t largest_body, Handler handler) {
  error_code e;
  const auto ip = asio::ip::make_address(address, e);
  if (e)
    return invalid(fmt::format("listen address '{}': {}", address, e.message()),
                   "give an IP address, for example 127.0.0.1");
  auto acceptor = std::make_shared<Acceptor>(state_->io, largest_body, std::move(handler));
  const tcp::endpoint endpoint(ip, port);
  acceptor->acceptor.open(endpoint.protocol(), e);
  if (!e) acceptor->acceptor.set_option(tcp::acceptor::reuse_address(true), e);
  if (!e) acceptor->acceptor.bind(endpoint, e);
  if (!e) acceptor->acceptor.listen(asio::socket_base::max_listen_connections, e);
  if (e) {
    return Error{
        e == asio::error::address_in_use ? Code::conflict : Code::unavailable,
        fmt::format("cannot listen on {}:{}: {}", address, port, e.message()),
        e == asio::error::address_in_use ? "choose another port, or 0 for any free one" : ""};
  }
  Listener made;
  made.port = acceptor->acceptor.local_endpoint(e).port();
  {
    std::lock_guard lock(state_->mutex);
    made.id = state_->next_listener++;
    state_->acceptors[made.id] = acceptor;
  }
  asio::post(state_->io, [acceptor] { acceptor->accept(); });
  return made;
}

void EventLoop::close(std::uint64_t listener) {
  std::shared_ptr<Acceptor> acceptor;
  {
    std::lock_guard lock(state_->mutex);
    const auto found = state_->acceptors.find(listener);
    if (found == state_->acceptors.end()) return;
    acceptor = std::move(found->second);
    state_->acceptors.erase(found);
  }
  asio::post(state_->io, [acceptor] { acceptor->close(); });
}

}  // namespace sosw::local
