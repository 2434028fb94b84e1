// SPDX-License-Identifier: MIT
// The start of functions on Lambda: examples/put_row, and the same in Python with sosw and boto3;
// the WorkerAssistant of ours and the original's, which closes a task. In turn they are asked by
// the same server, and ask the same moto: DynamoDB, and Python's also Glue, as sosw does there.
// Taken are the time from the start of the process to its first answer, and its peak memory by
// then.
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
#include "simulation/model_tables.h"
#include "support/create_table.h"
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

struct Function {
  std::string name;
  std::vector<std::string> command;
  std::string handler;
  std::string python_path{};  // beside bench/
};

// What it answers to the event, and how long that took from the start of its process.
Start start(const Function& function, const std::string& moto, const json::value& event,
            json::value& answered) {
  OneEvent runtime(json::serialize(event));
  static const int silence = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const double begin = seconds_now();
  const Process process(
      function.command,
      {"PATH=/usr/bin:/bin", "AWS_LAMBDA_RUNTIME_API=" + runtime.address(),
       "AWS_LAMBDA_FUNCTION_NAME=" + function.name, "AWS_LAMBDA_FUNCTION_VERSION=1",
       "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256", "AWS_LAMBDA_LOG_LEVEL=ERROR", "AWS_REGION=eu-west-1",
       "AWS_DEFAULT_REGION=eu-west-1", "AWS_ACCESS_KEY_ID=AKIDEXAMPLE",
       "AWS_SECRET_ACCESS_KEY=secret", "AWS_ENDPOINT_URL=" + moto,
       "PYTHONPATH=" SOSW_SOURCE "/bench:" SOSW_SOURCE "/tests/fleet/functions",
       "_HANDLER=" + function.handler},
      silence);
  const auto answer = runtime.answer();
  const Start taken{(answer.time - begin) * 1e3, peak_memory(process.pid())};
  boost::system::error_code not_json;
  answered = json::parse(answer.body, not_json);
  if (!answer.path.ends_with("/response") || not_json)
    give_up(
        fmt::format("{} has answered {} {}", function.command.front(), answer.path, answer.body));
  return taken;
}

class Measured {
 public:
  explicit Measured(std::string moto) : moto_(std::move(moto)) {}

  Start put_row(const Function& function, int number) {
    // Only the row of this run lies under its key.
    const auto key = fmt::format("{} {}", function.command.front(), number);
    const json::object row = {{"hash_col", key}, {"range_col", number}};
    json::value answer;
    const auto taken = start(function, moto_, json::object{{"row", row}}, answer);
    if (answer != json::object{{"rows", json::array{row}}})
      give_up(fmt::format("{} has answered {}", function.name, json::serialize(answer)));
    return taken;
  }

  // The end of a task that was begun.
  Start close_task(const Function& function, int number) {
    const auto id =
        fmt::format("{:032x}", 2 * (number + 1) + (function.python_path.empty() ? 0 : 1));
    auto client = dynamodb();
    const json::object key = {{"task_id", {{"S", id}}}};
    json::object row = key;
    row["labourer_id"] = {{"S", "some_function"}};
    row["greenfield"] = {{"N", "1900000000"}};
    row["attempts"] = {{"N", "1"}};
    const auto put = client.call("PutItem", {{"TableName", "sosw_tasks"}, {"Item", row}});
    if (!put) give_up(put.error().text());
    json::value answer;
    const auto taken =
        start(function, moto_, json::object{{"action", "mark_task_as_completed"}, {"task_id", id}},
              answer);
    const auto item = client.call("GetItem", {{"TableName", "sosw_tasks"}, {"Key", key}});
    if (!item) give_up(item.error().text());
    if (!item->at("Item").as_object().contains("completed_at"))
      give_up(fmt::format("{} has answered {}, and the task is not closed",
                          function.command.front(), json::serialize(answer)));
    return taken;
  }

  void make_tables() {
    auto client = dynamodb();
    const auto make = [&](const json::object& table) {
      const auto made = client.call("CreateTable", table);
      if (!made) give_up(made.error().text());
    };
    for (const auto& table : simulation::sosw_tables()) make(testing::create_table_input(table));
    const auto key = [](const char* name, const char* type) {
      return json::object{{"AttributeName", name}, {"KeyType", type}};
    };
    const auto column = [](const char* name, const char* type) {
      return json::object{{"AttributeName", name}, {"AttributeType", type}};
    };
    make(
        {{"TableName", kTable},
         {"BillingMode", "PAY_PER_REQUEST"},
         {"KeySchema", json::array{key("hash_col", "HASH"), key("range_col", "RANGE")}},
         {"AttributeDefinitions", json::array{column("hash_col", "S"), column("range_col", "N")}}});
    const auto configured = client.call(
        "PutItem", {{"TableName", "config"},
                    {"Item",
                     {{"env", {{"S", "production"}}},
                      {"config_name", {{"S", "sosw_essential_config"}}},
                      {"config_value",
                       {{"S", R"({"task_config": {"labourers": {"some_function": {}}}})"}}}}}});
    if (!configured) give_up(configured.error().text());
  }

 private:
  [[nodiscard]] aws::Client dynamodb() const {
    return aws::Client("dynamodb", {.region = "eu-west-1",
                                    .endpoint = moto_,
                                    .credentials = aws::Credentials{"AKIDEXAMPLE", "secret", ""}});
  }
  std::string moto_;
};

int measure(int argc, char** argv) {
  Bench bench("cold_start", argc, argv);
  const testing::PythonServer moto(SOSW_SOURCE "/tests/aws/moto_server.py");
  Measured measured(moto.url());
  measured.make_tables();
  const Function ours{"put_row", {SOSW_PUT_ROW}, "put_row.lambda_handler"};
  const Function python{"put_row",
                        {testing::python(), "-m", "awslambdaric", "put_row.lambda_handler"},
                        "put_row.lambda_handler"};
  const Function our_assistant{"sosw_worker_assistant", {SOSW_BOOTSTRAP}, "app.lambda_handler"};
  const Function their_assistant{
      "sosw_worker_assistant",
      {testing::python(), "-m", "awslambdaric", "essential.lambda_handler"},
      "essential.lambda_handler",
      "tests/fleet/functions"};
  // Into the caches: the files of both, what Python compiles, moto's own code.
  measured.put_row(ours, -1);
  measured.put_row(python, -1);
  measured.close_task(our_assistant, -1);
  measured.close_task(their_assistant, -1);
  Samples ours_ms, python_ms, faster, ours_mib, python_mib, smaller;
  Samples our_assistant_ms, their_assistant_ms, assistant_faster;
  for (int run = 0; run < bench.runs(); ++run) {
    bench.probe();
    const auto mine = measured.put_row(ours, run);
    const auto theirs = measured.put_row(python, run);
    ours_ms.add(mine.ms);
    python_ms.add(theirs.ms);
    faster.add(theirs.ms / mine.ms);
    ours_mib.add(mine.mib);
    python_mib.add(theirs.mib);
    smaller.add(theirs.mib / mine.mib);
    const auto our_start = measured.close_task(our_assistant, run);
    const auto their_start = measured.close_task(their_assistant, run);
    our_assistant_ms.add(our_start.ms);
    their_assistant_ms.add(their_start.ms);
    assistant_faster.add(their_start.ms / our_start.ms);
  }
  using Better = Figure::Better;
  bench.add({"start to first answer, C++", "ms", ours_ms, {}, Better::lower});
  bench.add({"start to first answer, Python", "ms", python_ms, {}, Better::lower});
  bench.add({"as many times faster", "", faster, 10});
  bench.add({"peak memory, C++", "MiB", ours_mib, {}, Better::lower});
  bench.add({"peak memory, Python", "MiB", python_mib, {}, Better::lower});
  bench.add({"as many times smaller", "", smaller, 4});
  bench.add({"WorkerAssistant, start to first answer", "ms", our_assistant_ms, {}, Better::lower});
  bench.add({"the same, Python", "ms", their_assistant_ms, {}, Better::lower});
  bench.add({"WorkerAssistant, as many times faster", "", assistant_faster, 20});
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
