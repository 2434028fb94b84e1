// SPDX-License-Identifier: MIT
// The loop against a runtime and a WorkerAssistant that answer well and badly.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>

#include "sosw/app.h"
#include "sosw/version.h"
#include "sosw/worker.h"
#include "support/http_server.h"

namespace sosw {
namespace {

namespace json = boost::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using ::testing::SizeIs;

std::string in_seconds(int seconds) {
  const auto time = std::chrono::system_clock::now() + std::chrono::seconds(seconds);
  return std::to_string(
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count());
}

// One server plays the Runtime API and Lambda's Invoke API. The loop under test runs in the test's
// own thread until all events are served; then it is told to end.
class Runtime : public ::testing::Test {
 protected:
  void SetUp() override {
    set("AWS_LAMBDA_RUNTIME_API", server_.address());
    set("AWS_ENDPOINT_URL_LAMBDA", server_.url());
    set("AWS_ENDPOINT_URL_DYNAMODB", server_.url());
    set("AWS_LAMBDA_FUNCTION_NAME", "");
    set("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE");
    set("AWS_SECRET_ACCESS_KEY", "secret");
    set("AWS_REGION", "eu-west-1");
    set("AWS_LAMBDA_MAX_CONCURRENCY", "1");
    set("sosw_worker_assistant_lambda", "");
    set("SOSW_START_FENCE", "off");  // as at home; the tests of it have their own
  }

  static void set(const char* name, const std::string& value) {
    setenv(name, value.c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
  }

  void add_event(std::string payload, std::map<std::string, std::string> headers = {}) {
    const std::lock_guard lock(mutex_);
    headers.insert(
        {{"Lambda-Runtime-Aws-Request-Id", "r" + std::to_string(++events_)},
         {"Lambda-Runtime-Deadline-Ms", in_seconds(60)},
         {"Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-west-1:1:function:f"}});
    queue_.push_back({.headers = std::move(headers), .body = std::move(payload)});
  }

  // What the loop has sent, "response r1 null", "error r1 {...}", "invoke sosw_worker_assistant
  // {...}", in order.
  std::vector<std::string> sent() {
    const std::lock_guard lock(mutex_);
    return sent_;
  }

  // Error of the n-th thing sent.
  json::object error(std::size_t n) {
    const auto text = sent().at(n);
    return json::parse(text.substr(text.find('{'))).as_object();
  }
  std::string error_type(std::size_t n) {
    return json::value_to<std::string>(error(n).at("errorType"));
  }
  std::string error_message(std::size_t n) {
    return json::value_to<std::string>(error(n).at("errorMessage"));
  }

  // How the peers answer. Called with the mutex held, `n` counts from 1.
  std::function<HttpReply(int n)> on_invoke = [](int) {
    return HttpReply{.body = R"({"answer":"applied"})"};
  };
  std::function<HttpReply(int n)> on_post = [](int) { return HttpReply{.status = 202}; };
  std::function<HttpReply(int n)> on_empty_queue = [](int) { return HttpReply{.status = 410}; };

  // Of the table of configurations; asked only for functions with a name.
  std::function<HttpReply()> on_config = [] { return HttpReply{.body = R"({"Items":[]})"}; };

  std::vector<HttpRequest> requests_;  // as they came

 private:
  HttpReply answer(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    const std::string runtime = "/2018-06-01/runtime/";
    const std::string invoke = "/2015-03-31/functions/";
    if (request.target == runtime + "invocation/next") {
      if (queue_.empty()) return on_empty_queue(++empty_polls_);
      auto reply = queue_.front();
      queue_.pop_front();
      return reply;
    }
    if (request.target.starts_with(invoke)) {
      const auto function =
          request.target.substr(invoke.size(), request.target.rfind('/') - invoke.size());
      const auto* kind =
          request.headers.at("x-amz-invocation-type") == "Event" ? "event " : "invoke ";
      sent_.push_back(kind + function + ' ' + request.body);
      return on_invoke(++invokes_);
    }
    if (request.headers.contains("x-amz-target")) return on_config();
    auto what = request.target.substr(runtime.size());
    if (what.starts_with("invocation/")) {
      what.erase(0, 11);
      what = what.substr(what.find('/') + 1) + ' ' + what.substr(0, what.find('/'));
    }
    sent_.push_back(what + ' ' + request.body);
    return on_post(++posts_);
  }

  std::mutex mutex_;
  std::deque<HttpReply> queue_;
  std::vector<std::string> sent_;
  int events_ = 0;
  int empty_polls_ = 0;
  int invokes_ = 0;
  int posts_ = 0;
  HttpServer server_{[this](const HttpRequest& request) { return answer(request); }};
};

json::value echo(const json::object& event) { return event; }

struct Adder : Worker {
  using Worker::Worker;
  json::value operator()(const json::object& event) override {
    count("rows", event.at("rows").as_int64());
    count("calls");
    count("calls");
    result()["sum"] = 7;
    return "ok";
  }
};

TEST_F(Runtime, answers_each_event_over_one_connection) {
  add_event(R"({"a":1})");
  add_event(R"({"b":[2.5,"x"]})");
  EXPECT_EQ(run(echo), 0);
  EXPECT_THAT(sent(), ElementsAre(R"(response r1 {"a":1})", R"(response r2 {"b":[2.5E0,"x"]})"));
  for (const auto& request : requests_) EXPECT_EQ(request.connection, 1);
}

TEST_F(Runtime, takes_handlers_of_every_shape) {
  add_event(R"({"x":1})");
  int calls = 0;
  EXPECT_EQ(run([&](const json::object&) { ++calls; }), 0);
  add_event(R"({"x":1})");
  EXPECT_EQ(run([&](const json::object& event) { return static_cast<int>(event.size()); }), 0);
  add_event(R"({"task_id":"t"})");
  EXPECT_EQ(run([&](const json::object&, Worker& worker) {
              worker.count("n");
              return std::string("text");
            }),
            0);
  EXPECT_EQ(calls, 1);
  EXPECT_THAT(
      sent(),
      ElementsAre(
          "response r1 null", "response r2 1",
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_completed","task_id":"t","stats":{"n":1}})",
          R"(response r3 "text")"));
}

TEST_F(Runtime, reports_a_completion_before_it_answers) {
  add_event(R"({"task_id":"t1","claim":"c7","rows":5})");
  add_event(R"({"task_id":"t2","rows":6})");
  EXPECT_EQ(run<Adder>(), 0);
  EXPECT_THAT(
      sent(),
      ElementsAre(
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_completed","task_id":"t1","claim":"c7","stats":{"rows":5,"calls":2},"result":{"sum":7}})",
          R"(response r1 "ok")",
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_completed","task_id":"t2","stats":{"rows":6,"calls":2},"result":{"sum":7}})",
          R"(response r2 "ok")"));
}

TEST_F(Runtime, reports_nothing_without_a_task) {
  for (const auto* event :
       {R"({"rows":1})", R"({"rows":1,"task_id":""})", R"({"rows":1,"task_id":null})"})
    add_event(event);
  EXPECT_EQ(run<Adder>(), 0);
  EXPECT_THAT(sent(),
              ElementsAre(R"(response r1 "ok")", R"(response r2 "ok")", R"(response r3 "ok")"));
}

struct Standalone : Processor {
  json::value operator()(const json::object&) override { return 1; }
};

TEST_F(Runtime, reports_nothing_for_a_processor_that_is_no_worker) {
  add_event(R"({"task_id":"t1"})");
  EXPECT_EQ(run<Standalone>(), 0);
  EXPECT_THAT(sent(), ElementsAre("response r1 1"));
}

TEST_F(Runtime, finds_the_assistant_in_the_environment_and_first_in_the_config) {
  set("sosw_worker_assistant_lambda", "from_environment");
  add_event(R"({"task_id":"t1"})");
  EXPECT_EQ(run([](const json::object&) {}), 0);
  add_event(R"({"task_id":"t1","rows":1})");
  EXPECT_EQ(run<Adder>(json::object{{"sosw_worker_assistant_lambda", "from_config"}}), 0);
  ASSERT_THAT(sent(), SizeIs(4));
  EXPECT_THAT(sent()[0], HasSubstr("invoke from_environment {"));
  EXPECT_THAT(sent()[2], HasSubstr("invoke from_config {"));
}

TEST_F(Runtime, finds_the_assistant_in_the_stored_configuration) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  on_config = [] {
    return HttpReply{
        .body =
            R"({"Items":[{"config_value":{"S":"{\"sosw_worker_assistant_lambda\":\"stored\"}"}}]})"};
  };
  add_event(R"({"task_id":"t1"})");
  EXPECT_EQ(run([](const json::object&) {}), 0);
  ASSERT_THAT(sent(), SizeIs(2));
  EXPECT_THAT(sent()[0], HasSubstr("invoke stored {"));
}

TEST_F(Runtime, does_not_start_without_the_stored_configuration) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  on_config = [] {
    return HttpReply{.status = 400, .body = R"({"__type":"x#ExpiredTokenException"})"};
  };
  add_event(R"({"task_id":"t1"})");
  EXPECT_EQ(run(echo), 1);
  ASSERT_THAT(sent(), SizeIs(1));
  EXPECT_THAT(sent()[0], HasSubstr("init/error {"));
  EXPECT_EQ(error_type(0), "sosw::AwsError");
}

struct Ported : Worker {  // as the original's workers are written
  using Worker::Worker;
  json::value operator()(const json::object& event) override {
    count("rows");
    result()["sum"] = 7;
    return Worker::operator()(event);
  }
};

TEST_F(Runtime, reports_once_when_the_worker_calls_its_base) {
  add_event(R"({"task_id":"t1","claim":"c7"})");
  add_event(R"({})");
  add_event(R"({"task_id":"t2"})");
  EXPECT_EQ(run<Ported>(), 0);
  EXPECT_THAT(
      sent(),
      ElementsAre(
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_completed","task_id":"t1","claim":"c7","stats":{"rows":1},"result":{"sum":7}})",
          "response r1 null", "response r2 null",
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_completed","task_id":"t2","stats":{"rows":1},"result":{"sum":7}})",
          "response r3 null"));
}

TEST_F(Runtime, reports_no_failure_of_work_whose_completion_could_not_be_told) {
  on_invoke = [](int) { return HttpReply{.status = 500}; };
  add_event(R"({"task_id":"t1"})");
  EXPECT_EQ(run<Ported>(), 0);
  ASSERT_THAT(sent(), SizeIs(5));
  for (int i = 0; i < 4; ++i) {
    EXPECT_THAT(sent()[static_cast<std::size_t>(i)], HasSubstr("mark_task_as_completed"));
  }
  EXPECT_EQ(error_type(4), "sosw.ReportFailed");
}

TEST_F(Runtime, leaves_the_fate_that_a_worker_has_told) {
  add_event(R"({"task_id":"t1","claim":"c7"})");
  add_event(R"({"task_id":"t2","claim":"c8"})");
  EXPECT_EQ(run([](const json::object& event, Worker& worker) {
              worker.result()["why"] = "no rows";
              worker.mark_task_as_failed(event.at("task_id") == "t1" ? "t1" : "t0");
            }),
            0);
  EXPECT_THAT(
      sent(),
      ElementsAre(
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_failed","task_id":"t1","claim":"c7","result":{"why":"no rows"}})",
          "response r1 null",
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_failed","task_id":"t0","result":{"why":"no rows"}})",
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_completed","task_id":"t2","claim":"c8","result":{"why":"no rows"}})",
          "response r2 null"));
}

TEST_F(Runtime, ends_with_an_error_when_the_function_dies) {
  set("STAGE", "test");
  add_event(R"({"task_id":"t1"})");
  add_event(R"({"task_id":"t2"})");
  EXPECT_EQ(run([](const json::object&, Worker& worker) { worker.die("no disk"); }), 1);
  set("STAGE", "");
  ASSERT_THAT(sent(), SizeIs(2));
  EXPECT_THAT(sent()[0], HasSubstr(R"("action":"mark_task_as_failed","task_id":"t1")"));
  EXPECT_EQ(error_type(1), "sosw::Died");
  EXPECT_EQ(error_message(1), "no disk");
}

TEST_F(Runtime, serves_a_lambda_handler) {
  add_event(R"({"task_id":"t1","rows":2})");
  EXPECT_EQ(run(get_lambda_handler<Adder>({{"sosw_worker_assistant_lambda", "mine"}})), 0);
  ASSERT_THAT(sent(), SizeIs(2));
  EXPECT_THAT(sent()[0], HasSubstr("invoke mine {"));
  EXPECT_EQ(global_vars.processor(), nullptr);
}

TEST_F(Runtime, reports_an_exception_and_goes_on) {
  add_event(R"({"task_id":"t1","claim":"c7"})");
  add_event(R"({})");
  EXPECT_EQ(run([](const json::object& event, Worker& worker) {
              if (!event.contains("task_id")) return;
              worker.count("rows", 3);
              throw std::out_of_range("no row 4, \xff");
            }),
            0);
  EXPECT_THAT(
      sent(),
      ElementsAre(
          R"(invoke sosw_worker_assistant {"action":"mark_task_as_failed","task_id":"t1","claim":"c7","stats":{"rows":3},"result":{"error":"no row 4, ?","error_type":"std::out_of_range"}})",
          HasSubstr(
              R"(error r1 {"errorMessage":"no row 4, ?","errorType":"std::out_of_range","stackTrace":[)"),
          "response r2 null"));
  EXPECT_EQ(requests_[2].headers.at("lambda-runtime-function-error-type"), "std::out_of_range");
}

TEST_F(Runtime, survives_an_exception_of_any_type) {
  add_event(R"({})");
  EXPECT_EQ(run([](const json::object&) { throw 42; }), 0);  // NOLINT
  EXPECT_THAT(sent(),
              ElementsAre(HasSubstr(
                  R"(error r1 {"errorMessage":"an exception of type int","errorType":"int",)")));
}

// As the linker shows it, which has the symbols of what is not static.
[[noreturn]] __attribute__((noinline)) void throws_here() { throw std::runtime_error("here"); }

TEST_F(Runtime, tells_where_an_exception_was_thrown) {
  add_event(R"({})");
  add_event(R"({})");
  int calls = 0;
  EXPECT_EQ(run([&](const json::object&) {
              if (++calls == 1) throws_here();
              try {  // an older one, kept
                throws_here();
              } catch (...) {
                const auto kept = std::current_exception();
                try {
                  throw 5;  // NOLINT
                } catch (int) {
                }
                std::rethrow_exception(kept);
              }
            }),
            0);
  const auto stack = error(0).at("stackTrace").as_array();
  ASSERT_GE(stack.size(), 3U);
  // The innermost frame lies within the function that throws.
  const std::string innermost(stack[0].as_string());
  const auto address = std::stoull(innermost.substr(innermost.rfind("0x")), nullptr, 16);
  const auto function = reinterpret_cast<std::uintptr_t>(&throws_here);
  EXPECT_GT(address, function);
  EXPECT_LT(address, function + 4096);
  EXPECT_TRUE(error(1).at("stackTrace").as_array().empty());  // rather than another's
}

struct Unborn : Worker {
  Unborn() { throw std::runtime_error("no database"); }
  json::value operator()(const json::object&) override { return {}; }
};

TEST_F(Runtime, reports_a_failed_start) {
  EXPECT_EQ(run<Unborn>(), 1);
  EXPECT_THAT(
      sent(),
      ElementsAre(HasSubstr(
          R"(init/error {"errorMessage":"no database","errorType":"std::runtime_error",)")));
}

TEST_F(Runtime, needs_a_runtime) {
  set("AWS_LAMBDA_RUNTIME_API", "");
  EXPECT_EQ(run(echo), 2);
}

// Reports

const HttpReply kFunctionError{.headers = {{"X-Amz-Function-Error", "Unhandled"}},
                               .body = R"({"errorMessage":"throttled"})"};

TEST_F(Runtime, repeats_a_report_until_it_is_acknowledged) {
  on_invoke = [](int n) {
    if (n == 1) return HttpReply{.status = 500};
    if (n == 2) return HttpReply{.then = HttpReply::Then::close, .silent = true};
    return HttpReply{.body = R"({"task_id":"t1","answer":"already"})"};
  };
  add_event(R"({"task_id":"t1","rows":1})");
  EXPECT_EQ(run<Adder>(), 0);
  ASSERT_THAT(sent(), SizeIs(4));
  EXPECT_EQ(sent()[0], sent()[1]);
  EXPECT_EQ(sent()[0], sent()[2]);
  EXPECT_EQ(sent()[3], R"(response r1 "ok")");
}

TEST_F(Runtime, takes_the_silence_of_a_python_assistant_for_an_acknowledgement) {
  on_invoke = [](int) { return HttpReply{.body = "null"}; };
  add_event(R"({"task_id":"t1","rows":1})");
  EXPECT_EQ(run<Adder>(), 0);
  EXPECT_THAT(sent(), SizeIs(2));
}

TEST_F(Runtime, hands_a_report_to_the_queue_of_lambda_when_all_tries_failed) {
  on_invoke = [](int n) { return HttpReply{.status = n < 4 ? 503 : 202}; };
  add_event(R"({"task_id":"t1","rows":1})");
  EXPECT_EQ(run<Adder>(), 0);
  ASSERT_THAT(sent(), SizeIs(5));
  EXPECT_THAT(sent()[2], HasSubstr("invoke sosw_worker_assistant"));
  EXPECT_THAT(sent()[3], HasSubstr("event sosw_worker_assistant"));
  EXPECT_THAT(sent()[3], HasSubstr(R"("result":{"sum":7})"));
  EXPECT_EQ(sent()[4], R"(response r1 "ok")");
}

TEST_F(Runtime, gives_up_the_details_that_an_assistant_fails_on_but_not_the_completion) {
  on_invoke = [](int n) { return n < 3 ? kFunctionError : HttpReply{.body = "null"}; };
  add_event(R"({"task_id":"t1","claim":"c1","rows":1})");
  EXPECT_EQ(run<Adder>(), 0);
  ASSERT_THAT(sent(), SizeIs(4));
  EXPECT_THAT(sent()[1], HasSubstr(R"("sum":7)"));
  EXPECT_EQ(
      sent()[2],
      R"(invoke sosw_worker_assistant {"action":"mark_task_as_completed","task_id":"t1","claim":"c1","result":{"cut":"the WorkerAssistant failed on the stats and results of this report"}})");
  EXPECT_EQ(sent()[3], R"(response r1 "ok")");
}

TEST_F(Runtime, fails_an_invocation_whose_report_is_refused_everywhere) {
  set("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:" + std::to_string(testing::closed_port()));
  add_event(R"({"task_id":"t1","rows":1})");
  EXPECT_EQ(run<Adder>(), 0);
  ASSERT_THAT(sent(), SizeIs(1));
  EXPECT_THAT(sent()[0], HasSubstr("error r1"));
  EXPECT_EQ(error_type(0), "sosw.ReportFailed");
  EXPECT_THAT(
      error_message(0),
      HasSubstr(R"(task "t1": its completion could not be reported to sosw_worker_assistant: )"));
  EXPECT_THAT(error_message(0), HasSubstr("onnect"));  // connection refused, in libcurl's words
}

TEST_F(Runtime, fails_an_invocation_whose_report_fails_everywhere) {
  on_invoke = [](int n) {
    if (n < 4) return kFunctionError;
    return HttpReply{.status = 404,
                     .headers = {{"x-amzn-ErrorType", "ResourceNotFoundException"}},
                     .body = R"({"Message":"no such function"})"};
  };
  add_event(R"({"task_id":"t1","rows":1})");
  EXPECT_EQ(run<Adder>(), 0);
  ASSERT_THAT(sent(), SizeIs(5));
  EXPECT_EQ(error_type(4), "sosw.ReportFailed");
  EXPECT_THAT(error_message(4), HasSubstr("ResourceNotFoundException: no such function"));
}

TEST_F(Runtime, keeps_the_error_of_the_work_when_its_report_fails_too) {
  on_invoke = [](int) { return HttpReply{.status = 500}; };
  add_event(R"({"task_id":"t1"})");
  EXPECT_EQ(run([](const json::object&) { throw std::runtime_error("broken"); }), 0);
  ASSERT_THAT(sent(), SizeIs(5));
  EXPECT_EQ(error_message(4), "broken");
}

TEST_F(Runtime, reports_nothing_after_the_deadline) {
  add_event(R"({"task_id":"t1","rows":1})", {{"Lambda-Runtime-Deadline-Ms", in_seconds(-1)}});
  EXPECT_EQ(run<Adder>(), 0);
  ASSERT_THAT(sent(), SizeIs(1));
  EXPECT_EQ(error_type(0), "sosw.ReportFailed");
  EXPECT_THAT(error_message(0), HasSubstr("the deadline has passed"));
}

TEST_F(Runtime, needs_credentials_for_a_report) {
  set("AWS_ACCESS_KEY_ID", "");
  set("AWS_CONFIG_FILE", "/dev/null");
  set("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
  set("AWS_EC2_METADATA_DISABLED", "true");
  add_event(R"({"task_id":"t1","rows":1})");
  EXPECT_EQ(run<Adder>(), 0);
  ASSERT_THAT(sent(), SizeIs(1));
  EXPECT_THAT(error_message(0), HasSubstr("AWS_ACCESS_KEY_ID"));
}

TEST_F(Runtime, cuts_large_details) {
  add_event(R"({"task_id":"t1"})");
  EXPECT_EQ(run([](const json::object&, Worker& worker) {
              worker.result()["log"] = std::string(400'000, 'x');
              worker.result()["rows"] = 5;
            }),
            0);
  EXPECT_THAT(sent()[0], HasSubstr(R"j("result":{"log":"(cut: 400002 bytes)","rows":5}})j"));
}

// The start fence

class Fence : public Runtime {
 protected:
  void SetUp() override {
    Runtime::SetUp();
    set("SOSW_START_FENCE", "");
    on_invoke = [](int) { return HttpReply{.body = R"({"task_id":"t1","start":true})"}; };
  }

  // Runs the loop with a handler that counts its calls.
  int calls(json::object config = {}) {
    struct Counted : Worker {
      Counted(const json::object& config, int* calls) : Worker(config), calls_(*calls) {}
      json::value operator()(const json::object&) override { return ++calls_; }
      int& calls_;
    };
    int calls = 0;
    EXPECT_EQ(run<Counted>(config, &calls), 0);
    return calls;
  }
  // Questions among what was sent, each parsed.
  std::vector<json::object> questions() {
    std::vector<json::object> found;
    for (const auto& what : sent())
      if (what.starts_with("invoke ") && what.find(R"("action":"start")") != what.npos)
        found.push_back(json::parse(what.substr(what.find('{'))).as_object());
    return found;
  }
};

const char* const kClaimed = R"({"task_id":"t1","claim":"c7"})";

const HttpReply kKnowsNoStart{
    .headers = {{"X-Amz-Function-Error", "Unhandled"}},
    .body =
        R"({"errorMessage": "Action `start` is not supported", "errorType": "Exception", "stackTrace": []})"};

TEST_F(Fence, asks_before_each_call_whether_this_run_may_start) {
  add_event(kClaimed);
  add_event(kClaimed);
  EXPECT_EQ(calls(), 2);
  const auto asked = questions();
  ASSERT_THAT(asked, SizeIs(2));
  std::vector<std::string> runs;
  for (const auto& question : asked) {
    EXPECT_EQ(question.at("task_id"), "t1");
    EXPECT_EQ(question.at("claim"), "c7");
    runs.emplace_back(question.at("run").as_string());
    EXPECT_EQ(runs.back().size(), 32U);
    EXPECT_EQ(runs.back().find_first_not_of("0123456789abcdef"), std::string::npos);
  }
  EXPECT_NE(runs[0], runs[1]);
  ASSERT_THAT(sent(), SizeIs(6));
  EXPECT_THAT(sent()[0], HasSubstr(R"("action":"start")"));
  EXPECT_THAT(sent()[1],
              HasSubstr(R"("action":"mark_task_as_completed","task_id":"t1","claim":"c7")"));
  EXPECT_EQ(sent()[2], "response r1 1");
  for (const auto& request : requests_)  // a handshake for both
    if (request.target.starts_with("/2015")) {
      EXPECT_EQ(request.connection, requests_[1].connection);
    }
}

TEST_F(Fence, runs_and_reports_nothing_when_it_may_not_and_ends_with_success) {
  on_invoke = [](int n) {
    return HttpReply{.body = n == 1 ? R"({"start":false})" : R"({"start":true})"};
  };
  add_event(kClaimed);
  add_event(R"({"task_id":"t2","claim":"c8"})");
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(calls(), 1);
  const auto log =
      ::testing::internal::GetCapturedStderr() + ::testing::internal::GetCapturedStdout();
  EXPECT_THAT(log, HasSubstr(R"(task "t1" is not run: its claim "c7" is over)"));
  ASSERT_THAT(sent(), SizeIs(5));
  EXPECT_THAT(sent()[0], HasSubstr(R"("action":"start","task_id":"t1")"));
  EXPECT_EQ(sent()[1], "response r1 null");
  EXPECT_THAT(sent()[2], HasSubstr(R"("action":"start","task_id":"t2")"));
  EXPECT_THAT(sent()[3], HasSubstr(R"("action":"mark_task_as_completed","task_id":"t2")"));
  EXPECT_EQ(sent()[4], "response r2 1");
}

TEST_F(Fence, repeats_the_same_question_until_it_has_an_answer) {
  on_invoke = [](int n) {
    if (n == 1) return HttpReply{.status = 500};
    if (n == 2) return HttpReply{.then = HttpReply::Then::close, .silent = true};
    return HttpReply{.body = R"({"start":false})"};
  };
  add_event(kClaimed);
  EXPECT_EQ(calls(), 0);
  ASSERT_THAT(sent(), SizeIs(4));
  EXPECT_EQ(sent()[0], sent()[1]);
  EXPECT_EQ(sent()[0], sent()[2]);
  EXPECT_EQ(sent()[3], "response r1 null");
}

TEST_F(Fence, runs_when_nobody_has_an_answer_after_three_tries) {
  for (const auto& reply :
       {HttpReply{.status = 429, .headers = {{"x-amzn-ErrorType", "TooManyRequestsException"}}},
        HttpReply{.status = 500},
        HttpReply{.headers = {{"X-Amz-Function-Error", "Unhandled"}},
        .body = R"({"errorMessage":"the table is throttled"})"}}) {
    const auto before = sent().size();
    int asked = 0;
    on_invoke = [&](int) { return ++asked <= 3 ? reply : HttpReply{.body = "null"}; };
    add_event(kClaimed);
    EXPECT_EQ(calls(), 1);
    ASSERT_THAT(sent(), SizeIs(before + 5));
    EXPECT_THAT(sent()[before + 2], HasSubstr(R"("action":"start")"));
    EXPECT_THAT(sent()[before + 3], HasSubstr(R"("action":"mark_task_as_completed")"));
  }
}

TEST_F(Fence, asks_once_where_the_answer_would_be_the_same) {
  on_invoke = [](int n) {
    return n == 1 ? HttpReply{.status = 403,
                              .headers = {{"x-amzn-ErrorType", "AccessDeniedException"}}}
                  : HttpReply{.body = "null"};
  };
  add_event(kClaimed);
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(calls(), 1);
  EXPECT_THAT(::testing::internal::GetCapturedStderr() + ::testing::internal::GetCapturedStdout(),
              HasSubstr("could not be asked whether it may start, so it is run: AccessDenied"));
  EXPECT_THAT(questions(), SizeIs(1));
  EXPECT_THAT(sent(), SizeIs(3));
}

TEST_F(Fence, runs_unreachable_as_it_is_and_past_the_deadline) {
  set("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:" + std::to_string(testing::closed_port()));
  add_event(kClaimed);
  EXPECT_EQ(calls(), 1);
  set("AWS_ENDPOINT_URL_LAMBDA", "");
  add_event(kClaimed, {{"Lambda-Runtime-Deadline-Ms", in_seconds(-1)}});
  EXPECT_EQ(calls(), 1);
  EXPECT_THAT(questions(), SizeIs(0));
}

TEST_F(Fence, does_without_where_the_assistant_is_the_originals) {
  on_invoke = [](int n) { return n == 1 ? kKnowsNoStart : HttpReply{.body = "null"}; };
  for (int i = 0; i < 3; ++i) add_event(kClaimed);
  EXPECT_EQ(calls(), 3);
  EXPECT_THAT(questions(), SizeIs(1));
  EXPECT_THAT(sent(), SizeIs(7));  // a question, three reports, three responses
}

TEST_F(Fence, does_without_where_every_action_is_answered_alike) {
  on_invoke = [](int) { return HttpReply{.body = "null"}; };
  for (int i = 0; i < 2; ++i) add_event(kClaimed);
  EXPECT_EQ(calls(), 2);
  EXPECT_THAT(questions(), SizeIs(1));
}

TEST_F(Fence, asks_nothing_that_is_no_claim_of_a_task) {
  for (const auto* event :
       {R"({})", R"({"claim":"c7"})", R"({"task_id":"t1"})", R"({"task_id":"t1","claim":""})",
        R"({"task_id":"t1","claim":null})", R"({"task_id":5,"claim":"c7"})",
        R"({"task_id":"t1","claim":"c7","sosw_sibling_depth":1})"})
    add_event(event);
  EXPECT_EQ(calls(), 7);
  EXPECT_THAT(questions(), SizeIs(0));
  add_event(kClaimed);
  EXPECT_EQ(run<Standalone>(), 0);
  EXPECT_THAT(questions(), SizeIs(0));
}

TEST_F(Fence, is_off_by_the_configuration_or_the_environment) {
  add_event(kClaimed);
  EXPECT_EQ(calls({{"start_fence", false}}), 1);
  set("SOSW_START_FENCE", "off");
  add_event(kClaimed);
  EXPECT_EQ(calls({{"start_fence", true}}), 1);
  EXPECT_THAT(questions(), SizeIs(0));
  set("SOSW_START_FENCE", "on");
  add_event(kClaimed);
  EXPECT_EQ(calls({{"start_fence", true}}), 1);
  EXPECT_THAT(questions(), SizeIs(1));
}

TEST_F(Fence, fails_the_task_on_a_setting_that_says_neither_on_nor_off) {
  add_event(kClaimed);
  EXPECT_EQ(calls({{"start_fence", "no"}}), 0);
  set("SOSW_START_FENCE", "no");
  add_event(kClaimed);
  EXPECT_EQ(calls(), 0);
  ASSERT_THAT(sent(), SizeIs(4));
  EXPECT_THAT(sent()[0], HasSubstr(R"("action":"mark_task_as_failed")"));
  EXPECT_EQ(error_message(1), R"(`start_fence` of the configuration is true or false, not "no")");
  EXPECT_EQ(error_message(3), "SOSW_START_FENCE is 'no': on or off is meant");
}

// Runtime API

TEST_F(Runtime, tells_the_context) {
  set("AWS_LAMBDA_FUNCTION_NAME", "f");
  set("AWS_LAMBDA_FUNCTION_VERSION", "3");
  set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256");
  set("AWS_LAMBDA_LOG_GROUP_NAME", "/group");
  set("AWS_LAMBDA_LOG_STREAM_NAME", "stream");
  add_event("{}", {{"Lambda-Runtime-Trace-Id", "Root=1-5759e988"},
                   {"Lambda-Runtime-Client-Context", R"({"a":1})"}});
  add_event("{}");
  int calls = 0;
  EXPECT_EQ(run([&](const json::object&, Worker& worker) {
              const auto& context = worker.context();
              const std::string variable =
                  getenv("_X_AMZN_TRACE_ID");  // NOLINT(concurrency-mt-unsafe)
              EXPECT_EQ(variable, context.trace_id);
              EXPECT_EQ(context.trace_id, ++calls == 1 ? "Root=1-5759e988" : "");
              EXPECT_EQ(context.client_context, calls == 1 ? R"({"a":1})" : "");
              EXPECT_EQ(context.aws_request_id, "r" + std::to_string(calls));
              EXPECT_EQ(context.invoked_function_arn, "arn:aws:lambda:eu-west-1:1:function:f");
              EXPECT_GT(context.remaining_time().count(), 0);
              EXPECT_LE(context.remaining_time().count(), 60'000);
              EXPECT_EQ(context.function_name, "f");
              EXPECT_EQ(context.function_version, "3");
              EXPECT_EQ(context.memory_limit_in_mb, 256);
              EXPECT_EQ(context.log_group_name, "/group");
              EXPECT_EQ(context.log_stream_name, "stream");
            }),
            0);
  EXPECT_EQ(calls, 2);
}

TEST_F(Runtime, tells_a_sibling_its_place_in_the_chain_apart_from_its_event) {
  add_event(R"({"cursor":3,"sosw_sibling_depth":2})");
  add_event(R"({"cursor":4})");
  EXPECT_EQ(sosw::run([](const json::object& event, Worker& worker) {
              return json::object{{"event", event}, {"depth", worker.context().sibling_depth}};
            }),
            0);
  EXPECT_THAT(sent(), ElementsAre(R"(response r1 {"event":{"cursor":3},"depth":2})",
                                  R"(response r2 {"event":{"cursor":4},"depth":0})"));
}

TEST_F(Runtime, reads_numbers_as_they_are) {
  std::string list;
  std::vector<double> numbers;
  for (int i = 1; i < 1'000; ++i) {
    numbers.push_back(i / 1'000.0 + 1'548'928'800);
    list += (i == 1 ? "" : ",") + std::to_string(1'548'928'800) + "." +
            std::to_string(1'000 + i).substr(1);
  }
  add_event(R"({"list":[)" + list + "]}");
  std::vector<double> read;
  EXPECT_EQ(run([&](const json::object& event) {
              for (const auto& number : event.at("list").as_array())
                read.push_back(number.to_number<double>());
            }),
            0);
  EXPECT_EQ(read, numbers);
}

TEST_F(Runtime, refuses_what_it_can_not_read_and_goes_on) {
  add_event("{}", {{"Lambda-Runtime-Deadline-Ms", "soon"}});
  add_event("{\"a\":");
  add_event("[1]");
  add_event("{}");
  EXPECT_EQ(run(echo), 0);
  ASSERT_THAT(sent(), SizeIs(4));
  EXPECT_EQ(error_message(0), "malformed header Lambda-Runtime-Deadline-Ms: 'soon'");
  EXPECT_EQ(error_type(1), "Runtime.InvalidEvent");
  EXPECT_EQ(error_message(2), "the event must be a JSON object, not array");
  EXPECT_EQ(sent()[3], "response r4 {}");
}

TEST_F(Runtime, posts_a_response_again_when_the_runtime_stumbles) {
  on_post = [](int n) {
    if (n == 1) return HttpReply{.status = 500};
    if (n == 2) return HttpReply{.then = HttpReply::Then::close, .silent = true};
    return HttpReply{.status = 202};
  };
  add_event(R"({"a":1})");
  EXPECT_EQ(run(echo), 0);
  EXPECT_THAT(sent(), ElementsAre(R"(response r1 {"a":1})", R"(response r1 {"a":1})",
                                  R"(response r1 {"a":1})"));
}

TEST_F(Runtime, goes_on_when_the_runtime_refuses_a_response) {
  on_post = [](int n) { return HttpReply{.status = n == 1 ? 400 : 202}; };
  add_event("{}");
  add_event("{}");
  EXPECT_EQ(run(echo), 0);
  EXPECT_THAT(sent(), ElementsAre("response r1 {}", "response r2 {}"));
}

TEST_F(Runtime, makes_a_response_that_is_too_large_an_error) {
  on_post = [](int n) { return HttpReply{.status = n == 1 ? 413 : 202}; };
  add_event(R"({"size":10})");
  add_event(R"({"size":7000000})");
  EXPECT_EQ(run([](const json::object& event) {
              return std::string(event.at("size").to_number<std::size_t>(), 'x');
            }),
            0);
  ASSERT_THAT(sent(), SizeIs(3));
  EXPECT_EQ(sent()[0], R"(response r1 "xxxxxxxxxx")");
  EXPECT_EQ(error_type(1), "Function.ResponseSizeTooLarge");
  EXPECT_THAT(sent()[2], HasSubstr("error r2"));
  EXPECT_EQ(error_message(2), "the response of 7000002 bytes is above the limit of 6291556");
}

TEST_F(Runtime, carries_large_events_and_responses) {
  const std::string text(6'000'000, 'x');
  add_event(R"({"text":")" + text + R"("})");
  EXPECT_EQ(run([](const json::object& event) { return event.at("text"); }), 0);
  EXPECT_THAT(sent(), ElementsAre("response r1 \"" + text + '"'));
}

TEST_F(Runtime, reads_chunks_and_interim_answers) {
  int polls = 0;
  on_empty_queue = [&](int) -> HttpReply {
    if (++polls > 1) return {.status = 403};
    return {.raw =
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                "Lambda-Runtime-Aws-Request-Id: r1\r\nLambda-Runtime-Deadline-Ms: " +
                in_seconds(9) + "\r\n\r\n4\r\n{\"a\"\r\n3;x=y\r\n:1}\r\n0\r\n\r\n"};
  };
  EXPECT_EQ(run(echo), 0);
  EXPECT_THAT(sent(), ElementsAre(R"(response r1 {"a":1})"));
  EXPECT_EQ(polls, 2);
}

TEST_F(Runtime, reconnects_when_the_runtime_has_closed_the_connection) {
  on_post = [](int) { return HttpReply{.status = 202, .then = HttpReply::Then::close}; };
  add_event("{}");
  add_event("{}");
  EXPECT_EQ(run(echo), 0);
  EXPECT_THAT(sent(), SizeIs(2));
}

TEST_F(Runtime, ends_when_its_runtime_is_gone) {
  int polls = 0;
  on_empty_queue = [&](int) {
    ++polls;
    return HttpReply{.status = 500};
  };
  EXPECT_EQ(run(echo), 1);
  EXPECT_EQ(polls, 3);
  set("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:" + std::to_string(testing::closed_port()));
  EXPECT_EQ(run(echo), 1);
}

TEST_F(Runtime, serves_events_side_by_side) {
  set("AWS_LAMBDA_MAX_CONCURRENCY", "2");
  std::mutex mutex;
  std::condition_variable changed;
  int running = 0;
  for (int i = 0; i < 2; ++i) add_event(R"({"task_id":"t1"})");
  EXPECT_EQ(run([&](const json::object&, Worker& worker) {
              worker.count("n");
              std::unique_lock lock(mutex);
              ++running;
              changed.notify_all();
              changed.wait(lock, [&] {
                return running == 2;
              });  // for ever, if they came one after the other
            }),
            0);
  EXPECT_THAT(sent(), SizeIs(4));
  for (const auto& what : sent())
    if (what.starts_with("invoke")) {
      EXPECT_THAT(what, HasSubstr(R"("stats":{"n":1})"));
    }
}

TEST_F(Runtime, ends_on_a_signal_while_it_waits) {
  on_empty_queue = [&](int) {
    EXPECT_EQ(kill(getpid(), SIGTERM), 0);
    return HttpReply{.silent = true};  // and keeps the loop waiting
  };
  EXPECT_EQ(run(echo), 0);
  struct sigaction action {};
  ASSERT_EQ(sigaction(SIGTERM, nullptr, &action), 0);
  EXPECT_EQ(action.sa_handler, SIG_DFL);
}

TEST_F(Runtime, finishes_its_work_on_a_signal) {
  add_event(R"({"task_id":"t1"})");
  add_event(R"({"task_id":"t2"})");
  EXPECT_EQ(run([](const json::object&) { EXPECT_EQ(kill(getpid(), SIGTERM), 0); }), 0);
  ASSERT_THAT(sent(), SizeIs(2));
  EXPECT_EQ(sent()[1], "response r1 null");
}

TEST_F(Runtime, keeps_what_was_copied_from_an_event) {
  add_event(R"({"a":["first"]})");
  add_event(R"({"a":["other"]})");
  std::vector<json::value> kept;
  EXPECT_EQ(run([&](const json::object& event) { kept.push_back(event.at("a")); }), 0);
  EXPECT_EQ(json::serialize(json::value_from(kept)), R"([["first"],["other"]])");
}

TEST(Version, is_the_projects) {
  EXPECT_STREQ(kVersion, SOSW_PROJECT_VERSION);
  EXPECT_EQ(std::to_string(SOSW_VERSION_MAJOR) + '.' + std::to_string(SOSW_VERSION_MINOR) + '.' +
                std::to_string(SOSW_VERSION_PATCH),
            SOSW_PROJECT_VERSION);
}

}  // namespace
}  // namespace sosw
