// SPDX-License-Identifier: MIT
#include "local/event_loop.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "local/owned_fd.h"

namespace sosw::local {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class Client {
 public:
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket_.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const timeval limit{60, 0};
    setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  void send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t n = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (n <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  // Until `end` has come `times` times, or the server has closed.
  std::string receive(std::string_view end, int times = 1) {
    std::string text;
    char buffer[65536];
    while (true) {
      int found = 0;
      for (auto at = text.find(end); at != std::string::npos; at = text.find(end, at + 1)) ++found;
      if (found >= times) return text;
      const ssize_t n = recv(socket_.get(), buffer, sizeof buffer, 0);
      if (n <= 0) return text + "<closed>";
      text.append(buffer, static_cast<std::size_t>(n));
    }
  }
  void close() { socket_ = OwnedFd(); }

 private:
  OwnedFd socket_;
};

void echo(HttpRequest& request, Responder r) {
  r.send(200, "X-Seen: " + std::string(request.header("x-in")) + "\r\n",
         std::string(request.method) + " " + std::string(request.target) + " " +
             std::to_string(request.body.size()) + (request.too_large ? " too large" : "") + "!");
}

std::uint16_t listening(EventLoop& loop, EventLoop::Handler handler, std::size_t body = 1000) {
  auto made = loop.listen("127.0.0.1", 0, body, std::move(handler));
  EXPECT_TRUE(made) << made.error().text();
  return made ? made->port : 0;
}

TEST(EventLoop, ServesManyRequestsOnOneConnection) {
  EventLoop loop;
  Client client(listening(loop, echo));
  for (int i = 0; i < 3; ++i) {
    client.send("POST /a?b=c HTTP/1.1\r\nHost: x\r\nX-In: 7\r\nContent-Length: 5\r\n\r\nhel");
    client.send("lo");
    const auto answer = client.receive("!");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\nX-Seen: 7\r\nContent-Length: "));
    EXPECT_THAT(answer, EndsWith("\r\n\r\nPOST /a?b=c 5!"));
  }
}

TEST(EventLoop, AnswersRequestsThatCameTogetherInOrder) {
  EventLoop loop;
  Client client(listening(loop, echo));
  std::string many;
  for (int i = 0; i < 50; ++i) many += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send(many);
  const auto answers = client.receive(" 0!", 50);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find("GET /" + std::to_string(i) + " 0!", at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(EventLoop, TakesChunkedBodiesAndWaitsForContinue) {
  EventLoop loop;
  Client client(listening(loop, echo));
  client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\n");
  client.send("defg\r\n0\r\n\r\n");
  EXPECT_THAT(client.receive("!"), EndsWith("POST / 7!"));
  client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(client.receive("\r\n\r\n"), StartsWith("HTTP/1.1 100 "));
  client.send("ab");
  EXPECT_THAT(client.receive("!"), EndsWith("POST / 2!"));
}

TEST(EventLoop, RefusesLargeBodiesPolitely) {
  EventLoop loop;
  Client client(listening(loop, echo));
  const std::string body(3'000'000, 'x');
  std::thread sender(
      [&] { client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" + body); });
  const auto answer = client.receive("<never>");
  sender.join();
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("POST / 0 too large!<closed>"));
}

TEST(EventLoop, ClosesWhenTheClientAsksForIt) {
  EventLoop loop;
  Client client(listening(loop, echo));
  client.send("GET /1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  client.send("GET /2 HTTP/1.1\r\nHost: x\r\n\r\n");
  const auto answer = client.receive("<never>");
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("GET /1 0!<closed>"));
}

TEST(EventLoop, ClosesWhatIsNoHttp) {
  EventLoop loop;
  Client client(listening(loop, echo));
  client.send("nonsense\r\n\r\n");
  EXPECT_EQ(client.receive("!"), "<closed>");
}

TEST(EventLoop, AnswersLaterFromAnotherThread) {
  EventLoop loop;
  std::promise<Responder> waiting;
  Client client(
      listening(loop, [&](HttpRequest&, Responder r) { waiting.set_value(std::move(r)); }));
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  Responder r = waiting.get_future().get();
  const std::string large(  // NOLINT(bugprone-string-constructor): more than a socket takes
      20'000'000, 'y');
  EXPECT_TRUE(r.send(200, "", large + "!"));
  EXPECT_FALSE(r);  // used up
  EXPECT_GT(client.receive("!").size(), large.size());
}

class NoticesAClientThatGoesAway : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(EventLoop, NoticesAClientThatGoesAway,
                         ::testing::Values("", "Connection: close\r\n"));

TEST_P(NoticesAClientThatGoesAway, BeforeItsAnswer) {
  EventLoop loop;
  std::promise<void> arrived, gone;
  Responder kept;
  Client client(listening(loop, [&](HttpRequest&, Responder r) {
    r.on_closed([&] { gone.set_value(); });
    kept = std::move(r);
    arrived.set_value();
  }));
  client.send(std::string("GET / HTTP/1.1\r\nHost: x\r\n") + GetParam() + "\r\n");
  arrived.get_future().wait();
  client.close();
  gone.get_future().wait();
  EXPECT_FALSE(kept.send(200, "", "x"));
  loop.stop();
  kept = Responder();
}

TEST(EventLoop, ClosesListenersWithTheirConnections) {
  EventLoop loop;
  auto made = loop.listen("127.0.0.1", 0, 10, echo);
  ASSERT_TRUE(made);
  Client client(made->port);
  client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  client.receive("!");
  loop.close(made->id);
  EXPECT_EQ(client.receive("!"), "<closed>");
}

TEST(EventLoop, TellsWhyItCannotListen) {
  EventLoop loop;
  const auto port = listening(loop, echo);
  const auto taken = loop.listen("127.0.0.1", port, 1, echo);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code, Code::conflict);
  EXPECT_THAT(taken.error().message, HasSubstr("127.0.0.1:" + std::to_string(port)));
  const auto wrong = loop.listen("somewhere", 0, 1, echo);
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::invalid);
}

TEST(EventLoop, WatchesDescriptors) {
  EventLoop loop;
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  std::string seen;
  std::promise<void> ended;
  loop.watch(ends[0], [&, fd = ends[0]] {
    char c = 0;
    if (read(fd, &c, 1) == 1) {
      seen += c;
      return true;
    }
    ended.set_value();
    return false;
  });
  ASSERT_EQ(write(ends[1], "abc", 3), 3);
  close(ends[1]);
  ended.get_future().wait();
  EXPECT_EQ(seen, "abc");
}

TEST(EventLoop, RunsWorkInItsThread) {
  EventLoop loop;
  EXPECT_FALSE(loop.in_thread());
  std::promise<bool> inside;
  loop.post([&] {
    loop.after(std::chrono::milliseconds(1), [&] { inside.set_value(loop.in_thread()); });
  });
  EXPECT_TRUE(inside.get_future().get());
}

}  // namespace
}  // namespace sosw::local
