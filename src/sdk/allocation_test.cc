// SPDX-License-Identifier: MIT
// A function may run for months in one process: no invocation may leave a byte behind.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <boost/json.hpp>
#include <cstddef>
#include <limits>
#include <new>
#include <vector>

#include "sosw/app.h"
#include "sosw/logging.h"
#include "support/http_server.h"

namespace {

std::atomic<std::int64_t> live_bytes = 0;

void* counted(std::size_t size) {
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (!block) throw std::bad_alloc();
  live_bytes += static_cast<std::int64_t>(malloc_usable_size(block));
  return block;
}

void uncounted(void* block) noexcept {
  if (block) live_bytes -= static_cast<std::int64_t>(malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void* operator new(std::size_t size) { return counted(size); }
void* operator new[](std::size_t size) { return counted(size); }
void operator delete(void* block) noexcept { uncounted(block); }
void operator delete[](void* block) noexcept { uncounted(block); }
void operator delete(void* block, std::size_t) noexcept { uncounted(block); }
void operator delete[](void* block, std::size_t) noexcept { uncounted(block); }

namespace sosw {
namespace {

namespace json = boost::json;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;

void set(const char* name, const std::string& value) {
  setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
}

struct Counting : Processor {
  using Processor::Processor;
  json::value operator()(const json::object& event) override {
    count("calls");
    stats()["seconds"] = 0.5;
    result()["echo"] = event;
    if (event.contains("fail")) throw std::runtime_error("as it was told");
    return result();
  }
};

TEST(Allocations, a_million_invocations_leave_nothing_behind) {
  unsetenv("AWS_LAMBDA_FUNCTION_NAME");  // NOLINT(concurrency-mt-unsafe)
  set_logging_level(LogLevel::critical);
  LambdaGlobals globals;
  const auto handler = get_lambda_handler<Counting>(globals, {{"lifetime_stats_params", {"v"}}});
  Context context;
  context.aws_request_id = "a request id that is too long for the room of a short text";
  const json::object event{{"text", std::string(100, 'x')}, {"logging_level", "CRITICAL"}};
  json::object failing = event;
  failing["fail"] = true;
  const auto work = [&](int times) {
    for (int i = 0; i < times; ++i) {
      if (i % 100 == 0) {
        EXPECT_THROW(handler(failing, context), std::runtime_error);
      } else {
        (void)handler(event, context);
      }
    }
  };
  work(1'000);
  const auto before = live_bytes.load();
  work(1'000'000);
  EXPECT_EQ(live_bytes.load(), before);
  EXPECT_EQ(globals.processor()->stats().at("total_calls"), 1'001'000);
  globals.set_processor(nullptr);
}

// How many invocations go through the loop: SOSW_INVOCATIONS, at least a few thousand.
int invocations() {
  const char* given = std::getenv("SOSW_INVOCATIONS");  // NOLINT(concurrency-mt-unsafe)
  return given ? std::max(2'000, std::atoi(given)) : 5'000;
}

// The same through the loop, with reports, where libraries in C allocate too.
TEST(Allocations, the_loop_leaves_nothing_behind) {
  constexpr int kFirst = 500;
  constexpr int kWindow = 1'000;
  const int last = kFirst + invocations() / kWindow * kWindow;
  std::atomic<int> given = 0;
  HttpServer server([&](const HttpRequest& request) -> HttpReply {
    if (request.target.starts_with("/2015")) return {.body = R"({"start":true})"};
    if (!request.target.ends_with("/invocation/next")) return {.status = 202, .body = "null"};
    const int n = ++given;
    if (n > last) return {.status = 410};
    return {.headers = {{"Lambda-Runtime-Aws-Request-Id", "r" + std::to_string(100'000 + n)},
                        {"Lambda-Runtime-Deadline-Ms", "99999999999999"},
                        {"Lambda-Runtime-Trace-Id", "Root=1-" + std::to_string(100'000 + n)}},
            .body = R"({"task_id":"t","claim":"c1","fail":)" +
                    std::string(n % 10 == 0 ? "true" : "false") + "}"};
  });
  unsetenv("AWS_LAMBDA_FUNCTION_NAME");  // NOLINT(concurrency-mt-unsafe)
  set("AWS_LAMBDA_RUNTIME_API", server.address());
  set("AWS_ENDPOINT_URL_LAMBDA", server.url());
  set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
  set("AWS_SECRET_ACCESS_KEY", "secret");
  set("AWS_REGION", "eu-west-1");
  set_logging_level(LogLevel::critical);
  // Ours, and those of all libraries, after each thousand.
  std::vector<std::int64_t> bytes, all_bytes;
  bytes.reserve(last / kWindow + 1);
  all_bytes.reserve(last / kWindow + 1);
  const auto resident_kb = [] {
    rusage used{};
    getrusage(RUSAGE_SELF, &used);
    return used.ru_maxrss;
  };
  std::int64_t resident_at_first = 0;
  int calls = 0;
  EXPECT_EQ(run([&](const json::object& event, Worker& worker) {
              worker.count("rows");
              if (++calls % kWindow == kFirst) {
                if (bytes.empty()) resident_at_first = resident_kb();
                bytes.push_back(live_bytes);
                all_bytes.push_back(static_cast<std::int64_t>(mallinfo2().uordblks));
              }
              if (event.at("fail").as_bool()) throw std::runtime_error("as it was told");
            }),
            0);
  EXPECT_EQ(calls, last);
  // The server's threads may be at any point, so a single look is off by some kilobytes; but what
  // each invocation leaves behind is left in every thousand of them.
  for (const auto& looks : {bytes, all_bytes}) {
    ASSERT_EQ(std::ssize(looks), (last - kFirst) / kWindow + 1);
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    for (std::size_t i = 1; i < looks.size(); ++i) least = std::min(least, looks[i] - looks[i - 1]);
    EXPECT_LT(least, kWindow);
    EXPECT_LT(looks.back() - looks.front(), 20'000);
  }
  fmt::print(
      "{} invocations: {} bytes more of ours, {} of all; at most {} KB resident, {} at first\n",
      calls, bytes.back() - bytes.front(), all_bytes.back() - all_bytes.front(), resident_kb(),
      resident_at_first);
}

}  // namespace
}  // namespace sosw
