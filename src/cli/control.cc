// SPDX-License-Identifier: MIT
// See control.h.
#include "cli/control.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <string>
#include <system_error>

#include "core/json_text.h"

namespace sosw::cli {
namespace {

using local::OwnedFd;
using Steady = std::chrono::steady_clock;

constexpr const char* kSocketName = "engine.sock";
constexpr std::size_t kLongestRequest = 64U << 20;
constexpr std::size_t kMostConnections = 256;

constexpr std::array<std::pair<Code, std::string_view>, 8> kCodes{{
    {Code::invalid, "invalid"},
    {Code::not_found, "not_found"},
    {Code::conflict, "conflict"},
    {Code::unavailable, "unavailable"},
    {Code::denied, "denied"},
    {Code::exhausted, "exhausted"},
    {Code::corrupt, "corrupt"},
    {Code::internal, "internal"},
}};

Error system_error(std::string_view doing, const std::filesystem::path& folder) {
  const Code code = errno == EACCES || errno == EPERM ? Code::denied : Code::unavailable;
  return {code,
          fmt::format("{}: {}: {}", (folder / kSocketName).string(), doing,
                      std::generic_category().message(errno)),
          {}};
}

// A socket's path has at most 107 bytes, a folder's may have more: so it is named through the
// folder's descriptor.
sockaddr_un address_in(const OwnedFd& folder) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = fmt::format("/proc/self/fd/{}/{}", folder.get(), kSocketName);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

json::object answer_to(std::string_view line, const ControlServer::Handler& handler) {
  const auto result = [&]() -> Result<json::object> {
    const auto request = parse_json(line);
    if (!request) return request.error();
    if (!request->is_object()) return invalid("a request is a JSON object");
    return handler(request->get_object());
  }();
  if (result) return {{"ok", *result}};
  const Error& error = result.error();
  std::string_view code;
  for (const auto& [known, name] : kCodes) {
    if (known == error.code) code = name;
  }
  return {{"error", {{"code", code}, {"message", error.message}, {"hint", error.hint}}}};
}

struct Connection {
  OwnedFd fd;
  std::string in, out;

  // False: it is over.
  bool read(const ControlServer::Handler& handler) {
    std::array<char, 65536> buffer;  // NOLINT: filled by recv
    const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    if (n == 0) return false;
    const std::size_t searched = in.size();
    in.append(buffer.data(), static_cast<std::size_t>(n));
    if (in.find('\n', searched) == std::string::npos) return in.size() <= kLongestRequest;
    std::size_t start = 0;
    for (std::size_t end; (end = in.find('\n', start)) != std::string::npos; start = end + 1) {
      out += json::serialize(answer_to(std::string_view(in).substr(start, end - start), handler));
      out += '\n';
    }
    in.erase(0, start);
    return write();
  }

  bool write() {
    while (!out.empty()) {
      const ssize_t n = ::send(fd.get(), out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN || errno == EINTR;
      out.erase(0, static_cast<std::size_t>(n));
    }
    return true;
  }
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::listen(const std::filesystem::path& folder,
                                                             Handler handler) {
  auto server = std::unique_ptr<ControlServer>(new ControlServer);
  server->handler_ = std::move(handler);
  server->folder_ = OwnedFd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (server->folder_.get() < 0) return system_error("cannot open the folder", folder);
  if (::unlinkat(server->folder_.get(), kSocketName, 0) != 0 && errno != ENOENT) {
    return system_error("cannot remove the socket of an earlier engine", folder);
  }
  server->listener_ = OwnedFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_un address = address_in(server->folder_);
  // The mode of an unbound socket is what its file gets: it is never open to others.
  if (server->listener_.get() < 0 || ::fchmod(server->listener_.get(), 0600) != 0 ||
      ::bind(server->listener_.get(), reinterpret_cast<const sockaddr*>(&address),
             sizeof address) != 0 ||
      ::listen(server->listener_.get(), 64) != 0) {
    return system_error("cannot listen", folder);
  }
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return system_error("no descriptor is left", folder);
  server->stop_read_ = OwnedFd(ends[0]);
  server->stop_write_ = OwnedFd(ends[1]);
  server->thread_ = std::thread([s = server.get()] { s->serve(); });
  return server;
}

ControlServer::~ControlServer() {
  if (!thread_.joinable()) return;
  ::unlinkat(folder_.get(), kSocketName, 0);
  stop_write_ = OwnedFd();
  thread_.join();
}

void ControlServer::serve() {
  std::list<Connection> connections;
  for (;;) {
    std::vector<pollfd> fds{{stop_read_.get(), POLLIN, 0}};
    const bool room = connections.size() < kMostConnections;
    fds.push_back({listener_.get(), static_cast<short>(room ? POLLIN : 0), 0});
    for (const Connection& c : connections) {
      fds.push_back({c.fd.get(), static_cast<short>(c.out.empty() ? POLLIN : POLLOUT), 0});
    }
    if (::poll(fds.data(), fds.size(), -1) < 0) continue;  // EINTR
    if (fds[0].revents != 0) return;
    std::size_t i = 2;
    for (auto c = connections.begin(); c != connections.end(); ++i) {
      bool alive = true;
      if ((fds[i].revents & POLLOUT) != 0) {
        alive = c->write();
      } else if (fds[i].revents != 0) {
        alive = c->read(handler_);
      }
      c = alive ? std::next(c) : connections.erase(c);
    }
    if (fds[1].revents != 0) {
      const int fd = ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (fd >= 0) connections.push_back({OwnedFd(fd), {}, {}});
    }
  }
}

Result<std::optional<json::object>> ask_engine(const std::filesystem::path& folder,
                                               const json::object& request,
                                               std::chrono::milliseconds patience) {
  const OwnedFd directory(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (directory.get() < 0) {
    if (errno == ENOENT) return std::optional<json::object>();
    return system_error("cannot open the folder", folder);
  }
  const OwnedFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_in(directory);
  if (fd.get() < 0) return system_error("no descriptor is left", folder);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    // A file without anybody behind it is what a killed engine has left.
    if (errno == ENOENT || errno == ECONNREFUSED) return std::optional<json::object>();
    return system_error("cannot reach the engine", folder);
  }

  const auto gone = [&](std::string_view why) {
    return Error{Code::unavailable, fmt::format("the engine on {} {}", folder.string(), why),
                 "it may have done what was asked, or not: look, then repeat it"};
  };
  std::string out = json::serialize(request) + '\n';
  for (std::string_view rest = out; !rest.empty();) {
    const ssize_t n = ::send(fd.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return gone("ended before it had taken the request");
    rest.remove_prefix(static_cast<std::size_t>(n));
  }
  const auto deadline = Steady::now() + patience;
  std::string in;
  while (in.find('\n') == std::string::npos) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Steady::now()).count();
    if (left <= 0) return gone("did not answer in time");
    pollfd readable{fd.get(), POLLIN, 0};
    if (::poll(&readable, 1, static_cast<int>(left)) <= 0) continue;
    std::array<char, 65536> buffer;  // NOLINT: filled by recv
    const ssize_t n = ::recv(fd.get(), buffer.data(), buffer.size(), 0);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return gone("ended before it had answered");
    in.append(buffer.data(), static_cast<std::size_t>(n));
  }
  const auto answer = parse_json(std::string_view(in).substr(0, in.find('\n')));
  if (!answer || !answer->is_object()) return gone("answered what is no answer");
  const json::object& object = answer->get_object();
  if (const json::value* ok = object.if_contains("ok"); ok != nullptr && ok->is_object()) {
    return std::optional(ok->get_object());
  }
  Error error{Code::internal, "the engine gave an answer without content", {}};
  if (const json::value* told = object.if_contains("error"); told != nullptr && told->is_object()) {
    const auto text = [&](std::string_view key) {
      const json::value* value = told->get_object().if_contains(key);
      return value != nullptr && value->is_string() ? std::string(value->get_string())
                                                    : std::string();
    };
    error.message = text("message");
    error.hint = text("hint");
    for (const auto& [code, name] : kCodes) {
      if (name == text("code")) error.code = code;
    }
  }
  return error;
}

}  // namespace sosw::cli
