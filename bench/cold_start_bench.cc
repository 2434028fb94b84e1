// SPDX-License-Identifier: MIT
// The start of a worker on Lambda: examples/put_row, and the same in Python with sosw and boto3.
// In turn they are asked by the same server, and ask the same moto: DynamoDB, and Python's also
// Glue, as sosw does there. Taken are the time from the start of the process to its first answer,
// and its peak memory by then.
#include <fcntl.h>
#include <fmt/format.h>

#include <boost/json.hpp>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <optional>
#include <sstream>

#include "aws/client.h"
#include "figures.h"
#include "process.h"
#include "support/http_server.h"
#include "support/python_server.h"

namespace sosw::bench {
namespace {

namespace json = boost::json;
using sosw::testing::HttpReply;
using sosw::testing::HttpRequest;

constexpr const char* kTable = "autotest_dynamo_db";

// The Runtime API for one event.
class OneEvent {
 public:
  explicit OneEvent(std::string event) : event_(std::move(event)) {}
  ~OneEvent() {
    const std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }
  OneEvent(const OneEvent&) = delete;
  OneEvent& operator=(const OneEvent&) = delete;

  [[nodiscard]] std::string address() const { return server_.address(); }

  struct Answer {
    double time = 0;  // when it came, by seconds_now()
    std::string path;
    std::string body;
  };
  // Waits for it.
  Answer answer() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::minutes(1), [&] { return answer_.has_value(); }))
      give_up("a worker has not answered within a minute");
    return *answer_;
  }

 private:
  HttpReply reply(const HttpRequest& request) {
    std::unique_lock lock(mutex_);
    if (request.method == "POST") {
      answer_ = {seconds_now(), request.target, request.body};
      changed_.notify_all();
      return {.status = 202};
    }
    if (handed_out_) changed_.wait(lock, [&] { return ended_; });
    handed_out_ = true;
    return {.headers = {{"Content-Type", "application/json"},
                        {"Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd"},
                        {"Lambda-Runtime-Invoked-Function-Arn",
                         "arn:aws:lambda:eu-west-1:123456789012:function:put_row"},
                        {"Lambda-Runtime-Deadline-Ms", "4102444800000"}},
            .body = event_};
  }

  std::string event_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool handed_out_ = false;
  bool ended_ = false;
  std::optional<Answer> answer_;
  sosw::testing::HttpServer server_{[this](const HttpRequest& request) { return reply(request); }};
};

// MiB, until now.
double peak_memory(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/status", pid));
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name;
    double kib = 0;
    words >> name >> kib;
    if (name == "VmHWM:") return kib / 1024;
  }
  give_up("the peak memory of a worker cannot be read");
}

struct Start {
  double ms = 0;
  double mib = 0;
};

Start start(const std::vector<std::string>& command, const std::string& moto, int number) {
  // Only the row of this run lies under its key.
  const auto key = fmt::format("{} {}", command.front(), number);
  const json::object row = {{"hash_col", key}, {"range_col", number}};
  OneEvent runtime(json::serialize(json::object{{"row", row}}));
  static const int silence = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const double begin = seconds_now();
  const Process worker(
      command,
      {"PATH=/usr/bin:/bin", "AWS_LAMBDA_RUNTIME_API=" + runtime.address(),
       "AWS_LAMBDA_FUNCTION_NAME=put_row", "AWS_LAMBDA_FUNCTION_VERSION=1",
       "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_LOG_LEVEL=ERROR", "AWS_REGION=eu-west-1",
       "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
       "AWS_SECRET_ACCESS_KEY=secret", "AWS_ENDPOINT_URL=" + moto,
       "PYTHONPATH=" SOSW_SOURCE "/bench", "_HANDLER=put_row.lambda_handler"},
      silence);
  const auto answer = runtime.answer();
  const Start taken{(answer.time - begin) * 1e3, peak_memory(worker.pid())};
  boost::system::error_code not_json;
  const auto value = json::parse(answer.body, not_json);
  if (!answer.path.ends_with("/response") || not_json ||
      value != json::object{{"rows", json::array{row}}})
    give_up(fmt::format("{} has answered {} {}", command.front(), answer.path, answer.body));
  return taken;
}

void make_table(const std::string& moto) {
  aws::Client client("dynamodb", {.region = "eu-west-1",
                                  .endpoint = moto,
                                  .credentials = aws::Credentials{"AKIDEXAMPLE", "secret", ""}});
  const auto key = [](const char* name, const char* type) {
    return json::object{{"AttributeName", name}, {"KeyType", type}};
  };
  const auto column = [](const char* name, const char* type) {
    return json::object{{"AttributeName", name}, {"AttributeType", type}};
  };
  const auto made = client.call(
      "CreateTable",
      {{"TableName", kTable},
       {"BillingMode", "PAY_PER_REQUEST"},
       {"KeySchema", json::array{key("hash_col", "HASH"), key("range_col", "RANGE")}},
       {"AttributeDefinitions", json::array{column("hash_col", "S"), column("range_col", "N")}}});
  if (!made) give_up(made.error().text());
}

int measure(int argc, char** argv) {
  Bench bench("cold_start", argc, argv);
  const testing::PythonServer moto(SOSW_SOURCE "/tests/aws/moto_server.py");
  make_table(moto.url());
  const std::vector<std::string> ours = {SOSW_PUT_ROW};
  const std::vector<std::string> python = {testing::python(), "-m", "awslambdaric",
                                           "put_row.lambda_handler"};
  // Into the caches: the files of both, what Python compiles, moto's own code.
  start(ours, moto.url(), -1);
  start(python, moto.url(), -1);
  Samples ours_ms, python_ms, faster, ours_mib, python_mib, smaller;
  for (int run = 0; run < bench.runs(); ++run) {
    bench.probe();
    const auto mine = start(ours, moto.url(), run);
    const auto theirs = start(python, moto.url(), run);
    ours_ms.add(mine.ms);
    python_ms.add(theirs.ms);
    faster.add(theirs.ms / mine.ms);
    ours_mib.add(mine.mib);
    python_mib.add(theirs.mib);
    smaller.add(theirs.mib / mine.mib);
  }
  using Better = Figure::Better;
  bench.add({"start to first answer, C++", "ms", ours_ms, {}, Better::lower});
  bench.add({"start to first answer, Python", "ms", python_ms, {}, Better::lower});
  bench.add({"as many times faster", "", faster, 10});
  bench.add({"peak memory, C++", "MiB", ours_mib, {}, Better::lower});
  bench.add({"peak memory, Python", "MiB", python_mib, {}, Better::lower});
  bench.add({"as many times smaller", "", smaller, 4});
  return bench.finish();
}

}  // namespace
}  // namespace sosw::bench

int main(int argc, char** argv) {
  try {
    return sosw::bench::measure(argc, argv);
  } catch (const std::exception& error) {  // no Python, no moto
    sosw::bench::give_up(error.what());
  }
}
