// SPDX-License-Identifier: MIT
#include "aws/http.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "support/http_server.h"

namespace sosw::aws {
namespace {

using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;

TEST(Http, sends_what_is_given_and_returns_what_is_answered) {
  HttpRequest seen;
  HttpServer server([&](const HttpRequest& request) {
    seen = request;
    return HttpReply{.status = 201, .headers = {{"X-Answer", "forty  two"}}, .body = "done"};
  });
  HttpClient http;
  const auto response = http.send({.method = "PUT",
                                   .url = server.url() + "/a/../b%3Ac?x=1",
                                   .headers = {{"X-Some", "thing"}, {"Host", "elsewhere"}},
                                   .body = std::string("nul\0 inside", 11)});
  EXPECT_EQ(response.status, 201);
  EXPECT_FALSE(response.error);
  EXPECT_EQ(response.body, "done");
  EXPECT_EQ(find_header(response.headers, "x-ANSWER"), "forty  two");
  EXPECT_EQ(seen.method, "PUT");
  EXPECT_EQ(seen.target, "/a/../b%3Ac?x=1");
  EXPECT_EQ(seen.headers["x-some"], "thing");
  EXPECT_EQ(seen.headers["host"], "elsewhere");
  EXPECT_EQ(seen.headers.count("content-type"), 0U);
  EXPECT_EQ(seen.body, std::string("nul\0 inside", 11));
}

TEST(Http, sends_each_method_as_asked) {
  std::string seen;
  HttpServer server([&](const HttpRequest& request) {
    seen = request.method + ' ' + std::to_string(request.headers.count("content-length")) + ' ' +
           request.body;
    return HttpReply{};
  });
  HttpClient http;
  const auto sent = [&](std::string method, std::string body) {
    EXPECT_EQ(http.send({.method = std::move(method), .url = server.url(), .body = std::move(body)})
                  .status,
              200);
    return seen;
  };
  EXPECT_EQ(sent("POST", "x"), "POST 1 x");
  EXPECT_EQ(sent("POST", ""), "POST 1 ");  // not without a length
  EXPECT_EQ(sent("GET", ""), "GET 0 ");    // nothing of the request before is left
  EXPECT_EQ(sent("DELETE", ""), "DELETE 0 ");
}

TEST(Http, does_not_ask_before_sending_a_large_body) {
  HttpRequest seen;
  HttpServer server([&](const HttpRequest& request) {
    seen = request;
    return HttpReply{};
  });
  const std::string body(3 << 20, 'x');
  EXPECT_EQ(HttpClient().send({.method = "POST", .url = server.url(), .body = body}).status, 200);
  EXPECT_EQ(seen.headers.count("expect"), 0U);
  EXPECT_EQ(seen.body, body);
}

TEST(Http, keeps_its_connection) {
  HttpServer server([](const HttpRequest&) { return HttpReply{}; });
  HttpClient http;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(http.send({.url = server.url()}).status, 200);
  EXPECT_EQ(server.connections(), 1);
}

TEST(Http, knows_that_nothing_was_sent) {
  HttpClient http;
  const auto refused =
      http.send({.url = "http://127.0.0.1:" + std::to_string(testing::closed_port())});
  ASSERT_TRUE(refused.error);
  EXPECT_EQ(refused.status, 0);
  EXPECT_TRUE(refused.error->not_sent) << refused.error->message;

  HttpServer server([](const HttpRequest&) { return HttpReply{}; });
  const auto no_tls = http.send(
      {.url = "https://" + server.address(), .connect_timeout = std::chrono::milliseconds(100)});
  ASSERT_TRUE(no_tls.error);
  EXPECT_TRUE(no_tls.error->not_sent) << no_tls.error->message;

  const auto no_url = http.send({.url = "ftp://127.0.0.1/"});
  ASSERT_TRUE(no_url.error);
  EXPECT_TRUE(no_url.error->not_sent);
}

TEST(Http, does_not_know_what_became_of_a_request_without_answer) {
  std::atomic<int> copies = 0;
  HttpServer server([&](const HttpRequest&) {
    ++copies;
    return HttpReply{.then = HttpReply::Then::close, .silent = true};
  });
  HttpClient http;
  const auto response = http.send({.method = "POST", .url = server.url(), .body = "x"});
  ASSERT_TRUE(response.error);
  EXPECT_FALSE(response.error->not_sent);
  EXPECT_EQ(copies, 1);
}

TEST(Http, gives_up_at_its_timeout) {
  std::mutex mutex;
  std::condition_variable over;
  bool done = false;
  HttpServer server([&](const HttpRequest&) {
    std::unique_lock lock(mutex);
    over.wait(lock, [&] { return done; });
    return HttpReply{};
  });
  const auto response =
      HttpClient().send({.url = server.url(), .timeout = std::chrono::milliseconds(50)});
  ASSERT_TRUE(response.error);
  EXPECT_FALSE(response.error->not_sent);
  const std::lock_guard lock(mutex);
  done = true;
  over.notify_all();
}

// Answers the first request of a connection, and at the second one hangs up: a kept connection gone
// stale.
HttpReply stale(const HttpRequest& request, std::map<int, int>& seen, std::mutex& mutex) {
  const std::lock_guard lock(mutex);
  if (++seen[request.connection] == 1) return {};
  return {.then = HttpReply::Then::close, .silent = true};
}

TEST(Http, repeats_on_a_new_connection_when_a_kept_one_is_stale) {
  std::mutex mutex;
  std::map<int, int> seen;
  HttpServer server([&](const HttpRequest& request) { return stale(request, seen, mutex); });
  HttpClient http;
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(http.send({.method = "POST", .url = server.url(), .body = "x"}).status, 200);
  EXPECT_GT(server.connections(), 1);
}

TEST(Http, never_repeats_a_request_that_goes_once) {
  std::mutex mutex;
  std::map<int, int> seen;
  HttpServer server([&](const HttpRequest& request) { return stale(request, seen, mutex); });
  HttpClient http;
  const Request request{.method = "POST", .url = server.url(), .body = "x", .once = true};
  EXPECT_EQ(http.send({.url = server.url()}).status, 200);  // leaves a kept connection behind
  for (int i = 0; i < 4; ++i) EXPECT_EQ(http.send(request).status, 200);
  for (const auto& response : http.send_all(std::vector(4, request), 2))
    EXPECT_EQ(response.status, 200);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(seen.size(), 9U);
  for (const auto& [connection, requests] : seen) EXPECT_EQ(requests, 1) << connection;
}

TEST(Http, sends_many_within_the_limit_and_keeps_their_order) {
  std::mutex mutex;
  std::condition_variable changed;
  int in_flight = 0;
  int most = 0;
  HttpServer server([&](const HttpRequest& request) {
    std::unique_lock lock(mutex);
    most = std::max(most, ++in_flight);
    changed.notify_all();
    if (request.target < "/04")
      changed.wait(lock, [&] { return most == 4; });  // the first ones wait for each other
    --in_flight;
    return HttpReply{.body = request.target};
  });
  std::vector<Request> requests;
  requests.reserve(21);
  for (int i = 0; i < 20; ++i)
    requests.push_back({.url = server.url() + (i < 10 ? "/0" : "/") + std::to_string(i)});
  requests.push_back({.url = "http://127.0.0.1:" + std::to_string(testing::closed_port())});
  HttpClient http;
  for (int round = 0; round < 2; ++round) {
    const auto responses = http.send_all(requests, 4);
    ASSERT_EQ(responses.size(), 21U);
    for (int i = 0; i < 20; ++i)
      EXPECT_EQ(responses[i].body, requests[i].url.substr(server.url().size()));
    EXPECT_TRUE(responses[20].error && responses[20].error->not_sent);
  }
  EXPECT_EQ(most, 4);
  EXPECT_EQ(server.connections(), 4);
}

TEST(Http, sends_nothing_when_there_is_nothing) {
  EXPECT_TRUE(HttpClient().send_all({}, 4).empty());
}

}  // namespace
}  // namespace sosw::aws
