// SPDX-License-Identifier: MIT
// The adapters of one machine pass the suites of the small ports.
#include <fmt/format.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <array>
#include <fstream>
#include <latch>
#include <regex>
#include <sstream>
#include <utility>

#include "core/json_text.h"
#include "invoker.h"
#include "local/file.h"
#include "local/functions.h"
#include "local/lambda_host.h"
#include "local/notifiers.h"
#include "local/probes.h"
#include "metric_source.h"
#include "notifier.h"
#include "support/http_server.h"
#include "support/scratch_folder.h"

namespace sosw::conformance {
namespace {

using testing::HttpReply;
using testing::HttpRequest;
using testing::HttpServer;
using testing::ScratchFolder;

std::string read(const std::filesystem::path& file) {
  const auto text = local::read_file(file);
  return text ? *text : "";
}

// --- Notifiers

class OpenHomeNotifier final : public OpenNotifier {
 public:
  OpenHomeNotifier(bool log, bool command, bool webhook)
      : uses_log_(log), uses_command_(command), uses_webhook_(webhook) {
    local::AlarmTargets targets;
    targets.log = log;
    if (command) targets.command = {"sh", "-c", "test ! -e refuse && cat >> got && echo >> got"};
    if (webhook) targets.webhook = server_.url() + "/hook";
    notifier_ = local::make_notifier(targets, folder_.path());
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)));
  }
  ~OpenHomeNotifier() override { spdlog::set_default_logger(before_); }

  engine::Notifier& notifier() override { return *notifier_; }

  // Only the last of several places, so that the others have got the alarms when one fails.
  bool refuse(bool refused) override {
    if (uses_webhook_) {
      const std::lock_guard lock(mutex_);
      refused_ = refused;
    } else if (uses_command_) {
      if (refused)
        std::ofstream(folder_.path() / "refuse") << "x";
      else
        std::filesystem::remove(folder_.path() / "refuse");
    }
    return uses_webhook_ || uses_command_;
  }

  std::vector<std::vector<std::string>> delivered() override {
    std::vector<std::vector<std::string>> all;
    if (uses_log_) all.push_back(logged());
    if (uses_command_) {
      std::istringstream lines(read(folder_.path() / "got"));
      all.emplace_back();
      for (std::string line; std::getline(lines, line);) add_messages(line, all.back());
    }
    if (uses_webhook_) {
      const std::lock_guard lock(mutex_);
      all.emplace_back();
      for (const auto& body : posted_) add_messages(body, all.back());
    }
    return all;
  }

 private:
  static void add_messages(const std::string& text, std::vector<std::string>& messages) {
    const auto message = parse_json(text);
    ASSERT_TRUE(message) << text;
    for (const auto& alarm : message->at("alarms").as_array())
      messages.emplace_back(alarm.at("message").as_string());
  }
  std::vector<std::string> logged() const {
    const std::string text = log_.str();
    const std::regex line("dead_task: (.*) \\(labourer word_count, task a task\\)");
    std::vector<std::string> messages;
    for (std::sregex_iterator i(text.begin(), text.end(), line), end; i != end; ++i)
      messages.push_back((*i)[1]);
    return messages;
  }
  HttpReply answer(const HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    if (!refused_) posted_.push_back(request.body);
    return {.status = refused_ ? 500 : 204};
  }

  const bool uses_log_, uses_command_, uses_webhook_;
  const std::shared_ptr<spdlog::logger> before_ = spdlog::default_logger();
  std::ostringstream log_;
  ScratchFolder folder_;
  std::mutex mutex_;
  bool refused_ = false;
  std::vector<std::string> posted_;
  HttpServer server_{[this](const HttpRequest& request) { return answer(request); }};
  std::unique_ptr<engine::Notifier> notifier_;
};

NotifierUnderTest notifier(std::string name, bool log, bool command, bool webhook) {
  return {std::move(name),
          [=] { return std::make_unique<OpenHomeNotifier>(log, command, webhook); }};
}
INSTANTIATE_TEST_SUITE_P(Local, NotifierTest,
                         ::testing::Values(notifier("log", true, false, false),
                                           notifier("command", false, true, false),
                                           notifier("webhook", false, false, true),
                                           notifier("all", true, true, true)));

// --- Metrics

// How one kind of probe finds a number in `text`.
struct Kind {
  std::string name;
  std::function<std::string(std::optional<double>)> text;
  std::function<json::object(const std::filesystem::path& file, const HttpServer&)> details;
  std::array<const char*, 3> files{"0", "1", "2"};
};

class OpenProbes final : public OpenMetrics {
 public:
  explicit OpenProbes(const Kind& kind) : kind_(kind) {}
  engine::MetricSource& source() override { return probes_; }
  json::object set(int n, std::optional<double> value) override {
    EXPECT_TRUE(local::replace_file(file(n), kind_.text(value)));
    return kind_.details(file(n), server_);
  }
  json::object spoil(int n) override {
    std::filesystem::remove(file(n));
    return kind_.details(file(n), server_);
  }

 private:
  std::filesystem::path file(int n) const {
    return folder_.path() / kind_.files.at(static_cast<std::size_t>(n));
  }

  const Kind kind_;
  ScratchFolder folder_;
  HttpServer server_{[this](const HttpRequest& request) {
    const auto text = local::read_file(folder_.path() / request.target.substr(1));
    return text ? HttpReply{.body = *text} : HttpReply{.status = 503};
  }};
  local::Probes probes_{folder_.path(), folder_.path()};
};

std::string plain(std::optional<double> value) { return value ? fmt::format("{}\n", *value) : ""; }

MetricsUnderTest probe(const Kind& kind) {
  return {kind.name, [kind] { return std::make_unique<OpenProbes>(kind); }};
}
INSTANTIATE_TEST_SUITE_P(
    Local, MetricSourceTest,
    ::testing::Values(probe({"command", plain,
                             [](const auto& file, const auto&) -> json::object {
                               return {{"command", {"cat", file.string()}}};
                             }}),
                      probe({"file", plain,
                             [](const auto& file, const auto&) -> json::object {
                               return {{"file", file.filename().string()}};
                             }}),
                      probe({"url", plain,
                             [](const auto& file, const auto& server) -> json::object {
                               return {{"url", server.url() + "/" + file.filename().string()}};
                             }}),
                      probe({"url_json",
                             [](auto value) {
                               return value ? fmt::format(R"({{"a": [{}]}})", *value)
                                            : R"({"a": [null]})";
                             },
                             [](const auto& file, const auto& server) -> json::object {
                               return {{"url", server.url() + "/" + file.filename().string()},
                                       {"json_pointer", "/a/0"}};
                             }}),
                      probe({"file_prometheus",
                             [](auto value) {
                               return value ? fmt::format("up {}\n", *value) : "up NaN\n";
                             },
                             [](const auto& file, const auto&) -> json::object {
                               return {{"file", file.string()}, {"prometheus", "up"}};
                             }}),
                      probe({"pressure",
                             [](auto value) {
                               return fmt::format("some avg10={} total=1\n",
                                                  value ? fmt::format("{}", *value) : "");
                             },
                             [](const auto& file, const auto&) -> json::object {
                               return {{"pressure", file.filename().string() + "/some/avg10"}};
                             },
                             {"cpu", "memory", "io"}})));

// --- Invokers

std::vector<Attempt> attempts_of(const std::vector<Report>& reports) {
  std::vector<Attempt> attempts;
  for (const auto& report : reports) attempts.emplace_back(report.task_id, report.claim);
  return attempts;
}

class OpenFunctions final : public OpenInvoker {
 public:
  explicit OpenFunctions(const InvokerUnderTest::Ended& ended)
      : functions_(
            {{"worker",
              [this](const json::object&) -> json::value {
                go_.wait();
                return nullptr;
              }}},
            [ended](const std::vector<Report>& reports) { ended(attempts_of(reports)); }, 2) {
    labourer_.id = "worker";
  }
  ~OpenFunctions() override { let_go(); }
  engine::Invoker& invoker() override { return functions_; }
  const Labourer& labourer() override { return labourer_; }
  void let_go() override {
    if (!std::exchange(gone_, true)) go_.count_down();
  }

 private:
  std::latch go_{1};
  bool gone_ = false;
  Labourer labourer_;
  local::Functions functions_;
};

constexpr std::string_view kRuntimeClient = R"py(
import http.client, os, time
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def talk(method, path, body=None):
    api.request(method, "/2018-06-01/runtime/invocation/" + path, body)
    answer = api.getresponse()
    return answer.headers, answer.read()
while True:
    headers, event = talk("GET", "next")
    while not os.path.exists("go"): time.sleep(0.01)
    talk("POST", headers["Lambda-Runtime-Aws-Request-Id"] + "/response", event)
)py";

class OpenHost final : public OpenInvoker {
 public:
  OpenHost(const std::string& kind, const InvokerUnderTest::Ended& ended) {
    std::ofstream(folder_.path() / "worker.py") << kRuntimeClient;
    json::object settings = {{"max_simultaneous_invocations", 4}};
    if (kind == "command") settings["command"] = {"python3", "worker.py"};
    if (kind == "exec")
      settings["exec"] = {"sh", "-c", "while ! test -e go; do sleep 0.01; done; cat"};
    if (kind == "http") settings["http"] = server_.url() + "/work";
    auto labourer = read_labourer("worker", settings, {});
    if (!labourer) throw std::runtime_error(labourer.error().text());
    labourers_.emplace("worker", *labourer);
    local::LambdaHost::Options options;
    options.data_folder = options.project_folder = folder_.path();
    options.ended = [ended](const local::Outcomes& outcomes) {
      auto attempts = attempts_of(outcomes.reports);
      for (const auto& one : outcomes.released) attempts.emplace_back(one.task_id, one.claim);
      ended(attempts);
    };
    auto started = local::LambdaHost::start(std::move(options), labourers_);
    if (!started) throw std::runtime_error(started.error().text());
    host_ = std::move(*started);
  }
  ~OpenHost() override { let_go(); }
  engine::Invoker& invoker() override { return *host_; }
  const Labourer& labourer() override { return labourers_.at("worker"); }
  void let_go() override {
    std::ofstream(folder_.path() / "go") << "x";
    if (!std::exchange(gone_, true)) go_.count_down();
  }

 private:
  ScratchFolder folder_;
  std::latch go_{1};
  bool gone_ = false;
  HttpServer server_{[this](const HttpRequest& request) {
    go_.wait();
    return HttpReply{.body = request.body};
  }};
  engine::Labourers labourers_;
  std::unique_ptr<local::LambdaHost> host_;
};

std::vector<InvokerUnderTest> invokers() {
  std::vector<InvokerUnderTest> all = {
      {"functions", [](const auto& ended) { return std::make_unique<OpenFunctions>(ended); }}};
  for (const std::string kind : {"command", "exec", "http"})
    all.push_back(
        {kind, [kind](const auto& ended) { return std::make_unique<OpenHost>(kind, ended); }});
  return all;
}
INSTANTIATE_TEST_SUITE_P(Local, InvokerTest, ::testing::ValuesIn(invokers()));
INSTANTIATE_TEST_SUITE_P(Local, InvokerEndsTest, ::testing::ValuesIn(invokers()));

}  // namespace
}  // namespace sosw::conformance
