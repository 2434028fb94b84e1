// SPDX-License-Identifier: MIT
// The host with real worker processes: a small Python script that speaks the Runtime API.
#include "local/lambda_host.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <functional>
#include <mutex>
#include <thread>

#include "local/credentials.h"
#include "local/file.h"
#include "local/owned_fd.h"
#include "support/http_server.h"

namespace sosw::local {
namespace {

using engine::Invoked;
using engine::Release;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using namespace std::chrono_literals;
using Outcome = Invoked::Outcome;

constexpr auto kPatience = 60s;

// Does what the event says in "do".
constexpr std::string_view kWorker = R"py(
import http.client, json, os, signal, subprocess, sys, threading, time, urllib.request
mode = os.environ.get("MODE", "")
if mode == "init_exit": print("no luck"); sys.exit(4)
if mode == "init_hang": time.sleep(1000)
api = os.environ["AWS_LAMBDA_RUNTIME_API"]
base = "/2018-06-01/runtime/"
def talk(connection, method, path, body=None, headers={}):
    connection.request(method, base + path, body, headers)
    answer = connection.getresponse()
    return answer, answer.read()
main = http.client.HTTPConnection(api)
if mode == "init_error":
    talk(main, "POST", "init/error", json.dumps({"errorMessage": "no database", "errorType": "DbError"}))
    time.sleep(1000)
def aws(path, body, headers):
    key = headers.pop("key", os.environ["AWS_ACCESS_KEY_ID"])
    headers["Authorization"] = "AWS4-HMAC-SHA256 Credential=%s/x, Signature=y" % key
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL_LAMBDA"] + path, body.encode(), headers)
    return urllib.request.urlopen(request).read().decode()
def handle(connection, headers, event):
    do = event.get("do")
    if do == "echo": return event
    if do == "print": print("out", flush=True); print("err", file=sys.stderr, flush=True); return {}
    if do == "pid": return {"pid": os.getpid()}
    if do == "env": return dict(os.environ)
    if do == "large_number": return {"n": 10**20}
    if do == "headers": return dict(headers)
    if do == "value": return event["value"]
    if do == "exit": print("last words", flush=True); os._exit(event["status"])
    if do == "kill": os.kill(os.getpid(), signal.SIGKILL)
    if do == "hang":
        if "file" in event: open(event["file"], "w").close()
        time.sleep(1000)
    if do == "wait":
        while not os.path.exists(event["file"]): time.sleep(0.01)
        return {}
    if do == "memory": x = bytearray(event["mb"] << 20); x[::4096] = b"x" * len(x[::4096]); time.sleep(1000)
    if do == "report":
        body = {"action": event["action"], "task_id": event["task_id"], "result": {"by": "worker"}}
        aws("/2015-03-31/functions/sosw_worker_assistant/invocations", json.dumps(body), {"X-Amz-Invocation-Type": "Event"})
        if event.get("then") == "raise": raise ValueError("after the report")
        return {"by": "return"}
    raise ValueError("cannot do " + str(do))
def work(connection):
    while True:
        answer, body = talk(connection, "GET", "invocation/next")
        id = answer.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.loads(body)
        reply = "invocation/" + id + "/response"
        do = event.get("do")
        if do == "garbage": talk(connection, "POST", reply, "this is { not JSON"); continue
        if do == "large": talk(connection, "POST", reply, '"' + "x" * (7 << 20) + '"'); continue
        if do == "huge": 
            talk(connection, "POST", reply, '"' + "x" * (33 << 20) + '"')
            connection = http.client.HTTPConnection(api); continue
        if do == "forget": continue
        try: result = json.dumps(handle(connection, answer.headers, event))
        except Exception as e:
            talk(connection, "POST", "invocation/" + id + "/error", json.dumps({"errorMessage": str(e), "errorType": type(e).__name__}))
            continue
        answer, _ = talk(connection, "POST", reply, result)
        assert answer.status == 202
        if do == "twice" or event.get("twice"):
            answer, body = talk(connection, "POST", reply, '{"second": true}')
            print("second answer:", answer.status, body.decode(), flush=True)
            open(event["file"], "w").write(str(answer.status))
for _ in range(int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1")) - 1):
    threading.Thread(target=work, args=(http.client.HTTPConnection(api),), daemon=True).start()
work(main)
)py";

bool process_gone(pid_t pid) {
  std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  if (!std::getline(stat, text)) return true;
  return text.substr(text.rfind(')') + 2, 1) == "Z";  // only its parent has not looked yet
}

// Polls until it is true.
::testing::AssertionResult eventually(const std::function<bool()>& condition) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return ::testing::AssertionFailure() << "never";
    std::this_thread::sleep_for(5ms);
  }
  return ::testing::AssertionSuccess();
}

class LambdaHostTest : public ::testing::Test {
 protected:
  LambdaHostTest() : folder_(::testing::TempDir() + "/host_" + random_hex(8)) {
    std::filesystem::create_directory(folder_);
    std::ofstream(folder_ + "/worker.py") << kWorker;
    options_.data_folder = options_.project_folder = folder_;
    options_.ended = [this](Outcomes o) {
      std::lock_guard lock(mutex_);
      for (auto& r : o.reports) reports_.push_back(std::move(r));
      for (auto& r : o.released) releases_.push_back(std::move(r));
      for (auto& f : o.freed) freed_.push_back(std::move(f));
      changed_.notify_all();
    };
  }
  ~LambdaHostTest() override {
    host_.reset();
    std::filesystem::remove_all(folder_);
  }

  void add(const std::string& name, const json::object& settings) {
    auto read = read_labourer(name, settings, {});
    ASSERT_TRUE(read) << read.error().text();
    labourers_[name] = *read;
  }
  void add_worker(json::object settings = {}, const std::string& name = "worker") {
    settings["command"] = {"python3", "worker.py"};
    add(name, settings);
  }
  void start() {
    auto host = LambdaHost::start(options_, labourers_);
    ASSERT_TRUE(host) << host.error().text();
    host_ = std::move(*host);
  }

  Invoked invoke(const std::string& task, json::object event, const std::string& name = "worker") {
    event["task_id"] = task;
    return invoke_text(task, json::serialize(event), name);
  }
  Invoked invoke_text(const std::string& task, std::string payload,
                      const std::string& name = "worker") {
    const engine::Invocation one{task, "c-" + task, std::move(payload), &labourers_[name]};
    return host_->invoke({&one, 1}).front();
  }
  Report report_of(const std::string& task) {
    std::unique_lock lock(mutex_);
    const auto find = [&] {
      return std::find_if(reports_.begin(), reports_.end(),
                          [&](const Report& r) { return r.task_id == task; });
    };
    if (!changed_.wait_for(lock, kPatience, [&] { return find() != reports_.end(); })) {
      ADD_FAILURE() << "no report about " << task;
      return {};
    }
    return *find();
  }
  // Invokes, and gives the report.
  Report run(const std::string& task, json::object event, const std::string& name = "worker") {
    const auto invoked = invoke(task, std::move(event), name);
    EXPECT_EQ(invoked.outcome, Outcome::accepted) << invoked.reason;
    return report_of(task);
  }
  template <class List>
  bool wait_for(const List& list, std::size_t n) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return list.size() >= n; });
  }
  std::string file(const std::string& name) const { return folder_ + "/" + name; }
  std::string read(const std::string& name) const {
    auto text = read_file(file(name));
    return text ? *text : "";
  }
  void touch(const std::string& name) const { std::ofstream(file(name)) << "x"; }

  // One request to the host's AWS address.
  std::string aws(const std::string& path, const std::string& headers, const std::string& body,
                  const std::string& method = "POST") {
    const OwnedFd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(host_->port());
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof to), 0);
    const std::string request =
        method + " " + path + " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + headers +
        "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    for (std::string_view rest = request; !rest.empty();) {
      const ssize_t n = ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL);
      if (n <= 0) break;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    std::string answer;
    char buffer[65536];
    for (ssize_t n = 0; (n = recv(socket.get(), buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(n));
    }
    return answer;
  }
  std::string user() const {
    const auto text = read("credentials");
    const auto at = text.find("aws_access_key_id = ") + 20;
    return "Authorization: AWS4-HMAC-SHA256 Credential=" +
           text.substr(at, text.find('\n', at) - at) +
           "/20261124/us-west-2/lambda/aws4_request, SignedHeaders=host, Signature=0\r\n";
  }

  const std::string folder_;
  LambdaHost::Options options_;
  engine::Labourers labourers_;
  std::mutex mutex_;  // guards the lists
  std::condition_variable changed_;
  std::vector<Report> reports_;
  std::vector<Release> releases_;
  std::vector<std::string> freed_;
  std::unique_ptr<LambdaHost> host_;
};

std::string text(const json::object& o, std::string_view key) {
  const auto* v = o.if_contains(key);
  return v && v->is_string() ? std::string(v->get_string()) : v ? json::serialize(*v) : "<none>";
}

// --- Commands
// -----------------------------------------------------------------------------------------------------

TEST_F(LambdaHostTest, RunsTasksInAWarmProcess) {
  add_worker();
  start();
  EXPECT_EQ(host_->free_slots(labourers_["worker"]), 1);
  const Report first = run("t1", {{"do", "echo"}, {"word", "x"}});
  EXPECT_EQ(first.kind, Report::Kind::completed);
  EXPECT_EQ(first.claim, "c-t1");
  EXPECT_EQ(text(first.result, "word"), "x");
  EXPECT_EQ(text(first.result, "task_id"), "t1");
  const auto pid = text(run("t2", {{"do", "pid"}}).result, "pid");
  EXPECT_EQ(text(run("t3", {{"do", "pid"}}).result, "pid"), pid);
  EXPECT_EQ(host_->free_slots(labourers_["worker"]), 1);
  EXPECT_EQ(reports_.size(), 3U);
}

TEST_F(LambdaHostTest, TakesEveryKindOfResult) {
  add_worker();
  start();
  EXPECT_TRUE(run("t1", {{"do", "value"}, {"value", nullptr}}).result.empty());
  EXPECT_EQ(run("t2", {{"do", "value"}, {"value", 5}}).result, (json::object{{"value", 5}}));
  EXPECT_EQ(run("t3", {{"do", "value"}, {"value", {1, 2}}}).result,
            (json::object{{"value", json::array{1, 2}}}));
  // What cannot be kept exactly does not cost the completion.
  EXPECT_EQ(run("t4", {{"do", "large_number"}}).result,
            (json::object{{"value", R"({"n": 100000000000000000000})"}}));
}

TEST_F(LambdaHostTest, SpeaksAsLambdaDoes) {
  add_worker({{"timeout", 77},
              {"memory_mb", 512},
              {"handler", "app.handler"},
              {"environment", {{"MINE", "yes"}}}});
  start();
  const auto env = run("t1", {{"do", "env"}}).result;
  EXPECT_EQ(text(env, "AWS_LAMBDA_FUNCTION_NAME"), "worker");
  EXPECT_EQ(text(env, "AWS_LAMBDA_FUNCTION_VERSION"), "$LATEST");
  EXPECT_EQ(text(env, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"), "512");
  EXPECT_EQ(text(env, "AWS_LAMBDA_LOG_GROUP_NAME"), "/aws/lambda/worker");
  EXPECT_EQ(text(env, "AWS_REGION"), "us-west-2");
  EXPECT_EQ(text(env, "AWS_ENDPOINT_URL_LAMBDA"),
            "http://127.0.0.1:" + std::to_string(host_->port()));
  EXPECT_EQ(text(env, "AWS_ENDPOINT_URL_DYNAMODB"), text(env, "AWS_ENDPOINT_URL_LAMBDA"));
  EXPECT_EQ(text(env, "_HANDLER"), "app.handler");
  EXPECT_EQ(text(env, "LAMBDA_TASK_ROOT"), folder_);
  EXPECT_EQ(text(env, "TZ"), ":UTC");
  EXPECT_EQ(text(env, "MINE"), "yes");
  EXPECT_EQ(env.if_contains("SHELL"), nullptr);
  const auto before = std::chrono::duration_cast<std::chrono::milliseconds>(
                          std::chrono::system_clock::now().time_since_epoch())
                          .count();
  const auto headers = run("t2", {{"do", "headers"}}).result;
  EXPECT_THAT(text(headers, "Lambda-Runtime-Aws-Request-Id"),
              ::testing::MatchesRegex(
                  "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  EXPECT_GE(std::stoll(text(headers, "Lambda-Runtime-Deadline-Ms")), before + 77'000);
  EXPECT_EQ(text(headers, "Lambda-Runtime-Invoked-Function-Arn"),
            "arn:aws:lambda:us-west-2:000000000000:function:worker");
  EXPECT_THAT(text(headers, "Lambda-Runtime-Trace-Id"), StartsWith("Root=1-"));
}

TEST_F(LambdaHostTest, RunsAsManyAtOnceAsItHasSlots) {
  add_worker({{"max_simultaneous_invocations", 3}});
  start();
  for (const auto* task : {"t1", "t2", "t3"}) {
    EXPECT_EQ(invoke(task, {{"do", "wait"}, {"file", file("go")}}).outcome, Outcome::accepted);
  }
  EXPECT_EQ(host_->free_slots(labourers_["worker"]), 0);
  EXPECT_TRUE(host_->running("t2", "c-t2"));
  EXPECT_FALSE(host_->running("t2", "c-older"));
  const auto refused = invoke("t4", {{"do", "echo"}});
  EXPECT_EQ(refused.outcome, Outcome::rejected);
  EXPECT_THAT(refused.reason, HasSubstr("all 3 slots are taken"));
  EXPECT_EQ(invoke("t2", {{"do", "echo"}}).outcome, Outcome::unknown);  // it is here already
  touch("go");
  for (const auto* task : {"t1", "t2", "t3"}) {
    EXPECT_EQ(report_of(task).kind, Report::Kind::completed);
  }
  EXPECT_EQ(host_->free_slots(labourers_["worker"]), 3);
  EXPECT_TRUE(eventually([&] { return !host_->running("t2", "c-t2"); }));
}

TEST_F(LambdaHostTest, GivesOneProcessSeveralTasksWhenItWantsThem) {
  add_worker({{"max_simultaneous_invocations", 4}, {"max_concurrency", 4}});
  start();
  for (const auto* task : {"t1", "t2", "t3"}) {
    EXPECT_EQ(invoke(task, {{"do", "wait"}, {"file", file("go")}}).outcome, Outcome::accepted);
  }
  const auto env = run("t4", {{"do", "env"}}).result;  // while the others wait
  EXPECT_EQ(text(env, "AWS_LAMBDA_MAX_CONCURRENCY"), "4");
  touch("go");
  EXPECT_EQ(report_of("t1").kind, Report::Kind::completed);
  EXPECT_EQ(report_of("t3").kind, Report::Kind::completed);
  EXPECT_TRUE(std::filesystem::exists(file("logs/worker/0.log")) ||
              !std::filesystem::exists(file("logs/worker/1.log")));
}

TEST_F(LambdaHostTest, RecordsErrorsOfTheWorkerWithItsLastWords) {
  add_worker();
  start();
  const Report error = run("t1", {{"do", "nonsense"}});
  EXPECT_EQ(error.kind, Report::Kind::failed);
  EXPECT_EQ(text(error.result, "error"), "cannot do nonsense");
  EXPECT_EQ(text(error.result, "error_type"), "ValueError");
  const Report exit = run("t2", {{"do", "exit"}, {"status", 3}});
  EXPECT_EQ(exit.kind, Report::Kind::failed);
  EXPECT_EQ(text(exit.result, "error"), "Runtime exited with error: exit status 3");
  EXPECT_EQ(text(exit.result, "log"), "last words\n");
  const Report silent = run("t3", {{"do", "exit"}, {"status", 0}});
  EXPECT_EQ(text(silent.result, "error"), "Runtime exited without providing a reason");
  const Report killed = run("t4", {{"do", "kill"}});
  EXPECT_EQ(text(killed.result, "error"), "Runtime exited with error: signal: killed");
  EXPECT_EQ(text(killed.result, "error_type"), "Runtime.ExitError");
  EXPECT_EQ(run("t5", {{"do", "echo"}}).kind, Report::Kind::completed);  // in a new process
}

TEST_F(LambdaHostTest, NoticesThatSomebodyKilledAWorker) {
  add_worker();
  start();
  const auto pid = static_cast<pid_t>(run("t1", {{"do", "pid"}}).result.at("pid").as_int64());
  ASSERT_EQ(invoke("t2", {{"do", "hang"}, {"file", file("started")}}).outcome, Outcome::accepted);
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(file("started")); }));
  kill(pid, SIGTERM);
  EXPECT_EQ(text(report_of("t2").result, "error"), "Runtime exited with error: signal: terminated");
}

// Whatever workers do: each claim ends once, as a report or given back.
TEST_F(LambdaHostTest, EndsEveryClaimOnce) {
  add_worker({{"max_simultaneous_invocations", 6}, {"timeout", 2}});
  add_worker({{"max_simultaneous_invocations", 6}, {"max_concurrency", 3}}, "shared");
  start();
  constexpr const char* kBehaviours[] = {"echo",   "nonsense", "kill",  "echo", "exit", "garbage",
                                         "forget", "echo",     "large", "pid",  "hang"};
  std::map<std::string, int> ended;
  int refused = 0;
  constexpr int kTasks = 99;
  for (int i = 0; i < kTasks; ++i) {
    const std::string name = i % 3 == 0 ? "shared" : "worker";
    const auto* what = kBehaviours[i % std::size(kBehaviours)];
    if (name == "shared" && (what == std::string("hang") || what == std::string("forget")))
      what = "echo";
    const json::object event{{"do", what}, {"status", 1}};
    EXPECT_TRUE(eventually([&] { return host_->free_slots(labourers_[name]) > 0; }));
    if (invoke("t" + std::to_string(i), event, name).outcome != Outcome::accepted) ++refused;
  }
  EXPECT_EQ(refused, 0);
  EXPECT_TRUE(eventually([&] {
    return host_->free_slots(labourers_["worker"]) == 6 &&
           host_->free_slots(labourers_["shared"]) == 6;
  }));
  host_->stop(0ms);
  for (const auto& r : reports_) ++ended[r.task_id + r.claim];
  for (const auto& r : releases_) ++ended[r.task_id + r.claim];
  EXPECT_EQ(ended.size(), static_cast<std::size_t>(kTasks));
  for (const auto& [claim, times] : ended) EXPECT_EQ(times, 1) << claim;
  EXPECT_TRUE(releases_.empty());
}

TEST_F(LambdaHostTest, EndsTasksThatTakeTooLong) {
  add_worker({{"timeout", 1}});
  start();
  const Report late = run("t1", {{"do", "hang"}});
  EXPECT_EQ(late.kind, Report::Kind::failed);
  EXPECT_EQ(text(late.result, "error"), "Task timed out after 1.00 seconds");
  EXPECT_EQ(text(late.result, "error_type"), "Sandbox.Timedout");
  EXPECT_EQ(run("t2", {{"do", "echo"}}).kind, Report::Kind::completed);
}

TEST_F(LambdaHostTest, EndsWorkersThatTakeTooMuchMemory) {
  add_worker({{"memory_mb", 100}});
  start();
  const Report fat = run("t1", {{"do", "memory"}, {"mb", 300}});
  EXPECT_EQ(text(fat.result, "error_type"), "Runtime.OutOfMemory");
  EXPECT_THAT(text(fat.result, "error"), HasSubstr("its limit is 100 MB"));
  EXPECT_EQ(run("t2", {{"do", "echo"}}).kind, Report::Kind::completed);
}

TEST_F(LambdaHostTest, RefusesGarbage) {
  add_worker();
  start();
  const Report garbage = run("t1", {{"do", "garbage"}});
  EXPECT_EQ(garbage.kind, Report::Kind::failed);
  EXPECT_THAT(text(garbage.result, "error"), HasSubstr("not JSON"));
  EXPECT_THAT(text(garbage.result, "error"), HasSubstr("this is { not JSON"));
  EXPECT_THAT(text(run("t2", {{"do", "large"}}).result, "error"), HasSubstr("larger than 6291556"));
  EXPECT_THAT(text(run("t3", {{"do", "huge"}}).result, "error"), HasSubstr("larger than 6291556"));
  EXPECT_EQ(run("t4", {{"do", "echo"}}).kind, Report::Kind::completed);
}

TEST_F(LambdaHostTest, CountsAnAnswerOnce) {
  add_worker();
  start();
  const Report once = run("t1", {{"do", "echo"}, {"twice", true}, {"file", file("status")}});
  EXPECT_EQ(once.kind, Report::Kind::completed);
  EXPECT_EQ(run("t2", {{"do", "echo"}}).kind, Report::Kind::completed);
  EXPECT_EQ(read("status"), "400");
  EXPECT_EQ(reports_.size(), 2U);
}

TEST_F(LambdaHostTest, NoticesAWorkerThatGoesOnWithoutAnAnswer) {
  add_worker();
  start();
  EXPECT_EQ(text(run("t1", {{"do", "forget"}}).result, "error_type"), "Runtime.NoResponse");
  EXPECT_EQ(run("t2", {{"do", "echo"}}).kind, Report::Kind::completed);
}

TEST_F(LambdaHostTest, RefusesPayloadsThatNoWorkerCanTake) {
  add_worker();
  start();
  const auto large = invoke("t1", {{"x", std::string(1U << 20, 'x')}});
  EXPECT_EQ(large.outcome, Outcome::rejected_task);
  EXPECT_THAT(large.reason, HasSubstr("more than the 1048576"));
  EXPECT_EQ(invoke_text("t2", "[1]").outcome, Outcome::rejected_task);
  EXPECT_EQ(invoke_text("t3", "").outcome, Outcome::rejected_task);
  EXPECT_EQ(host_->free_slots(labourers_["worker"]), 1);
}

TEST_F(LambdaHostTest, SaysWhyACommandCannotBeStarted) {
  add("lost", {{"command", {"./none"}}});
  add("nowhere", {{"command", {"true"}}, {"working_dir", "none"}});
  add("exec", {{"exec", {"./none"}}});
  start();
  Labourer unknown;
  unknown.id = "unknown";
  labourers_["unknown"] = unknown;
  for (const auto& [name, why] : {std::pair("lost", "./none"),
                                  {"nowhere", "working_dir"},
                                  {"exec", "./none"},
                                  {"unknown", "no worker"}}) {
    for (const auto* task : {"t1", "t2"}) {
      const auto answer = invoke(task, {}, name);
      EXPECT_EQ(answer.outcome, Outcome::rejected_labourer) << name;
      EXPECT_THAT(answer.reason, HasSubstr(why));
    }
  }
  EXPECT_EQ(host_->free_slots(labourers_["lost"]), 1);
  // As soon as it is there, it works.
  std::ofstream(file("none")) << "#!/bin/sh\nexec python3 worker.py\n";
  std::filesystem::permissions(file("none"), std::filesystem::perms::owner_all);
  EXPECT_EQ(run("t1", {{"do", "echo"}}, "lost").kind, Report::Kind::completed);
  host_->stop(0ms);
  EXPECT_TRUE(releases_.empty());
  EXPECT_EQ(reports_.size(), 1U);
}

TEST_F(LambdaHostTest, FailsTheTaskWhenTheInitialisationFails) {
  for (const auto& [mode, type, why] :
       {std::tuple("init_exit", "Runtime.ExitError", "exit status 4"),
        {"init_error", "DbError", "no database"},
        {"init_hang", "Sandbox.Timedout", "did not ask for work within 1"}}) {
    json::object settings{{"environment", {{"MODE", mode}}}};
    if (mode == std::string("init_hang")) settings["init_timeout"] = 1;
    add_worker(settings, mode);
  }
  start();
  for (const auto& [mode, type, why] :
       {std::tuple("init_exit", "Runtime.ExitError", "exit status 4"),
        {"init_error", "DbError", "no database"},
        {"init_hang", "Sandbox.Timedout", "did not ask for work within 1"}}) {
    const Report report = run(mode, {{"do", "echo"}}, mode);
    EXPECT_EQ(report.kind, Report::Kind::failed);
    EXPECT_EQ(text(report.result, "error_type"), type);
    EXPECT_THAT(text(report.result, "error"), HasSubstr(why));
  }
  EXPECT_EQ(text(report_of("init_exit").result, "log"), "no luck\n");
}

TEST_F(LambdaHostTest, KeepsWhatWorkersWrite) {
  options_.log_bytes = 2000;
  add_worker();
  start();
  run("t1", {{"do", "print"}});
  auto log = read("logs/worker/0.log");
  EXPECT_THAT(log, StartsWith("START RequestId: "));
  EXPECT_THAT(log, HasSubstr("Task: t1\nout\nerr\nEND RequestId: "));
  run("t2", {{"do", "echo"}});
  EXPECT_EQ(read("logs/worker/0.log"), log);  // the silent ones leave nothing
  for (int i = 0; i < 20; ++i) run("more" + std::to_string(i), {{"do", "print"}});
  EXPECT_LE(std::filesystem::file_size(file("logs/worker/0.log")), 2000U);
  EXPECT_TRUE(std::filesystem::exists(file("logs/worker/0.log.1")));
}

TEST_F(LambdaHostTest, EndsIdleProcesses) {
  add_worker({{"idle", 1}});
  start();
  const auto pid = static_cast<pid_t>(run("t1", {{"do", "pid"}}).result.at("pid").as_int64());
  EXPECT_TRUE(eventually([&] { return process_gone(pid); }));
  EXPECT_NE(run("t2", {{"do", "pid"}}).result.at("pid").as_int64(), pid);
}

// --- Reports of the worker itself
// -----------------------------------------------------------------------------------------------------

class ReportingWorker : public LambdaHostTest {
 protected:
  ReportingWorker() {
    options_.functions["sosw_worker_assistant"] = [this](const json::value& event,
                                                         const LambdaHost::Caller& caller) {
      std::lock_guard lock(mutex_);
      events_.push_back(event);
      callers_.push_back(caller);
      return works_ ? Result<json::value>(nullptr)
                    : Error{Code::unavailable, "the disk is full", ""};
    };
  }
  std::vector<json::value> events_;
  std::vector<LambdaHost::Caller> callers_;
  std::atomic<bool> works_ = true;
};

TEST_F(ReportingWorker, IsNotReportedAgain) {
  add_worker();
  start();
  ASSERT_EQ(invoke("t1", {{"do", "report"}, {"action", "mark_task_as_completed"}}).outcome,
            Outcome::accepted);
  ASSERT_TRUE(wait_for(freed_, 1));
  ASSERT_EQ(invoke("t2", {{"do", "report"}, {"action", "mark_task_as_failed"}, {"then", "raise"}})
                .outcome,
            Outcome::accepted);
  ASSERT_TRUE(wait_for(freed_, 2));
  host_->stop(kPatience);
  EXPECT_THAT(freed_, ElementsAre("worker", "worker"));
  EXPECT_TRUE(reports_.empty());
  ASSERT_EQ(events_.size(), 2U);
  EXPECT_EQ(events_[0].at("claim"), "c-t1");  // which the worker did not know
  EXPECT_EQ(events_[0].at("result").at("by"), "worker");
  EXPECT_EQ(callers_[1].labourer_id, "worker");
  EXPECT_EQ(callers_[1].task_id, "t2");
  EXPECT_EQ(callers_[1].claim, "c-t2");
}

// A worker that was told to ask all the same has reported nothing by it.
TEST_F(ReportingWorker, HasNotReportedByAskingWhetherItMayStart) {
  options_.functions["sosw_worker_assistant"] = [this](const json::value& event,
                                                       const LambdaHost::Caller&) {
    std::lock_guard lock(mutex_);
    events_.push_back(event);
    return Result<json::value>(json::object{{"task_id", event.at("task_id")}, {"start", true}});
  };
  add_worker();
  start();
  const Report report = run("t1", {{"do", "report"}, {"action", "start"}});
  EXPECT_EQ(report.kind, Report::Kind::completed);
  EXPECT_EQ(text(report.result, "by"), "return");
  EXPECT_EQ(events_.at(0).at("action"), "start");
  EXPECT_EQ(events_.at(0).at("claim"), "c-t1");
}

TEST_F(ReportingWorker, IsReportedByTheHostWhenItsReportWasLost) {
  works_ = false;
  add_worker();
  start();
  const Report report = run("t1", {{"do", "report"}, {"action", "mark_task_as_completed"}});
  EXPECT_EQ(report.kind, Report::Kind::completed);
  EXPECT_EQ(text(report.result, "by"), "return");
}

TEST_F(ReportingWorker, MayBeTheOnlyOneToSayThatATaskIsDone) {
  add_worker({{"completes", "report"}});
  start();
  ASSERT_EQ(invoke("t1", {{"do", "echo"}}).outcome, Outcome::accepted);
  ASSERT_TRUE(wait_for(freed_, 1));
  EXPECT_EQ(run("t2", {{"do", "nonsense"}}).kind, Report::Kind::failed);
  EXPECT_EQ(reports_.size(), 1U);
}

// --- Other kinds of workers
// -----------------------------------------------------------------------------------------------------

TEST_F(LambdaHostTest, RunsCommandsForEachTask) {
  const auto shell = [&](const char* script) {
    return json::object{{"exec", {"sh", "-c", script}}};
  };
  add("object", shell(R"(cat; echo noise >&2)"));
  add("text", shell("printf 'plain \\377'"));
  add("nothing", shell("true"));
  add("fails", shell("echo why >&2; echo out; exit 7"));
  add("flood", shell("yes"));
  auto slow = shell("sleep 1000 & wait");
  slow["timeout"] = 1;
  add("slow", slow);
  start();
  const Report object = run("t1", {{"a", 1}}, "object");
  EXPECT_EQ(object.kind, Report::Kind::completed);
  EXPECT_EQ(object.result, (json::object{{"a", 1}, {"task_id", "t1"}}));
  EXPECT_EQ(run("t2", {}, "text").result, (json::object{{"stdout", "plain ?"}}));
  EXPECT_TRUE(run("t3", {}, "nothing").result.empty());
  const Report fails = run("t4", {}, "fails");
  EXPECT_EQ(fails.kind, Report::Kind::failed);
  EXPECT_EQ(text(fails.result, "error"), "the command ended with exit status 7");
  EXPECT_EQ(text(fails.result, "log"), "why\n");
  EXPECT_THAT(text(run("t5", {}, "flood").result, "error"), HasSubstr("more than 6291556 bytes"));
  EXPECT_EQ(text(run("t6", {}, "slow").result, "error"), "Task timed out after 1.00 seconds");
}

TEST_F(LambdaHostTest, RunsManyCommandsAtOnce) {
  add("many", {{"exec", {"cat"}}, {"max_simultaneous_invocations", 20}});
  start();
  int next = 0;
  for (int done = 0; done < 100;) {
    while (next < 100 && host_->free_slots(labourers_["many"]) > 0) {
      ASSERT_EQ(invoke("t" + std::to_string(next), {{"n", next}}, "many").outcome,
                Outcome::accepted);
      ++next;
    }
    EXPECT_EQ(report_of("t" + std::to_string(done)).result.at("n"), done);
    ++done;
  }
  EXPECT_EQ(reports_.size(), 100U);
}

TEST_F(LambdaHostTest, CallsWebServices) {
  testing::HttpServer server([](const testing::HttpRequest& request) {
    if (request.target == "/echo") return testing::HttpReply{.body = request.body};
    if (request.target == "/text") return testing::HttpReply{.status = 201, .body = "text"};
    if (request.target == "/busy") return testing::HttpReply{.status = 429};
    if (request.target == "/down") return testing::HttpReply{.status = 503};
    if (request.target == "/dies")
      return testing::HttpReply{.then = testing::HttpReply::Then::close, .silent = true};
    return testing::HttpReply{.status = 500, .body = "a stack trace"};
  });
  for (const auto* path : {"echo", "text", "busy", "down", "dies", "fails"}) {
    add(path, {{"http", server.url() + "/" + path}});
  }
  add("refused", {{"http", "http://127.0.0.1:" + std::to_string(testing::closed_port())}});
  start();
  EXPECT_EQ(text(run("t1", {{"a", "b"}}, "echo").result, "a"), "b");
  EXPECT_EQ(run("t2", {}, "text").result, (json::object{{"value", "text"}}));
  const Report fails = run("t3", {}, "fails");
  EXPECT_EQ(fails.kind, Report::Kind::failed);
  EXPECT_THAT(text(fails.result, "error"), HasSubstr("/fails answered 500"));
  EXPECT_EQ(text(fails.result, "log"), "a stack trace");
  for (const auto* name : {"busy", "down", "refused"}) {
    EXPECT_EQ(invoke(name, {}, name).outcome, Outcome::accepted);
  }
  ASSERT_TRUE(wait_for(releases_, 3));
  for (const auto& r : releases_) EXPECT_EQ(r.why, Release::Why::rejected) << r.reason;
  // It is not asked again at once, but later.
  int n = 0;
  const auto again = [&] { return invoke("again" + std::to_string(n++), {}, "busy"); };
  EXPECT_TRUE(
      eventually([&] { return again().reason.find("/busy answered 429") != std::string::npos; }));
  EXPECT_TRUE(eventually([&] { return again().outcome == Outcome::accepted; }));
  ASSERT_TRUE(wait_for(releases_, 4));
  // It may have been done: nothing is said, only the slot is free again.
  EXPECT_EQ(invoke("t4", {}, "dies").outcome, Outcome::accepted);
  ASSERT_TRUE(wait_for(freed_, 1));
  EXPECT_EQ(reports_.size(), 3U);
}

// A port where connections are taken and nothing is ever answered.
class SilentPort {
 public:
  SilentPort() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    auto* address = reinterpret_cast<sockaddr*>(&at);
    EXPECT_EQ(bind(listener_.get(), address, size), 0);
    EXPECT_EQ(listen(listener_.get(), 8), 0);
    EXPECT_EQ(getsockname(listener_.get(), address, &size), 0);
    port_ = ntohs(at.sin_port);
  }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  // Waits for a connection and its first byte.
  void wait() {
    taken_.emplace_back(accept(listener_.get(), nullptr, nullptr));
    char byte = 0;
    EXPECT_EQ(recv(taken_.back().get(), &byte, 1, MSG_PEEK), 1);
  }

 private:
  OwnedFd listener_;
  std::vector<OwnedFd> taken_;
  std::uint16_t port_ = 0;
};

TEST_F(LambdaHostTest, GivesBackTheRequestsThatWereNotSentWhenItStops) {
  SilentPort plain, secure;
  add("plain", {{"http", "http://" + plain.address()}});
  add("secure", {{"http", "https://" + secure.address()}});
  start();
  EXPECT_EQ(invoke("sent", {}, "plain").outcome, Outcome::accepted);
  EXPECT_EQ(invoke("held", {}, "secure").outcome, Outcome::accepted);
  plain.wait();
  secure.wait();  // its first byte is of the handshake: the task has not left
  EXPECT_EQ(invoke("new", {}, "secure").outcome, Outcome::rejected);  // one slot
  host_->stop(0ms);
  ASSERT_EQ(releases_.size(), 1U);
  EXPECT_EQ(releases_[0].task_id, "held");
  EXPECT_EQ(releases_[0].why, Release::Why::rejected);
  EXPECT_THAT(releases_[0].reason, HasSubstr("the engine stopped"));
  EXPECT_EQ(freed_, std::vector<std::string>{"plain"});
  EXPECT_TRUE(reports_.empty());
}

// --- AWS clients
// -----------------------------------------------------------------------------------------------------

class InvokeApi : public LambdaHostTest {
 protected:
  InvokeApi() {
    options_.configs["c"] = 1;
    options_.functions["twice"] = [](const json::value& event, const LambdaHost::Caller& caller) {
      EXPECT_EQ(caller.labourer_id, "");
      const auto* n = event.is_object() ? event.get_object().if_contains("n") : nullptr;
      return n ? Result<json::value>(2 * n->as_int64()) : invalid("no n");
    };
    add_worker();
  }
  static constexpr auto kPath = "/2015-03-31/functions/worker/invocations";
};

TEST_F(InvokeApi, Invokes) {
  start();
  auto answer = aws(kPath, user() + "X-Amz-Log-Type: Tail\r\n", R"({"do": "print"})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("X-Amz-Executed-Version: $LATEST\r\n"));
  EXPECT_THAT(answer, HasSubstr("X-Amz-Log-Result: b3V0CmVycgpFTkQg"));  // out err END
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n{}"));
  answer =
      aws("/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-west-2%3A000000000000%3Afunction%3Aworker/"
          "invocations?Qualifier=x",
          user(), R"({"do": "echo"})");
  EXPECT_THAT(answer, HasSubstr(R"({"do": "echo"})"));
  EXPECT_THAT(answer, Not(HasSubstr("X-Amz-Log-Result")));
  answer = aws(kPath, user(), R"({"do": "nonsense"})");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("X-Amz-Function-Error: Unhandled\r\n"));
  EXPECT_THAT(answer, HasSubstr(R"("errorMessage": "cannot do nonsense")"));
  answer = aws(kPath, user() + "X-Amz-Invocation-Type: Event\r\n",
               json::serialize(json::object{{"do", "wait"}, {"file", file("go")}}));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 202 "));
  touch("go");
  answer = aws(kPath, user() + "X-Amz-Invocation-Type: DryRun\r\n", "{}");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 "));
  host_->stop(kPatience);
  EXPECT_TRUE(reports_.empty());  // none of these were tasks
}

TEST_F(InvokeApi, ServesFunctionsOfTheEngine) {
  start();
  EXPECT_THAT(aws("/2015-03-31/functions/twice/invocations", user(), R"({"n": 21})"),
              HasSubstr("\r\n\r\n42"));
  const auto error = aws("/2015-03-31/functions/twice:1/invocations", user(), "");
  EXPECT_THAT(error, HasSubstr("X-Amz-Function-Error: Unhandled\r\n"));
  EXPECT_THAT(error, HasSubstr("no n"));
  const auto answer = host_->call("twice", R"({"n": 4})");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->payload, "8");
}

TEST_F(InvokeApi, SaysHowAFunctionIsConfigured) {
  add_worker({{"timeout", 77}, {"memory_mb", 256}, {"handler", "app.lambda_handler"}}, "large");
  start();
  const auto shown = [&](const std::string& name) {
    const auto answer = aws("/2015-03-31/functions/" + name + "/configuration", user(), "", "GET");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 ")) << answer;
    return json::parse(answer.substr(answer.find("\r\n\r\n") + 4)).as_object();
  };
  const auto large = shown("arn%3Aaws%3Alambda%3Aus-west-2%3A000000000000%3Afunction%3Alarge%3A3");
  EXPECT_EQ(text(large, "FunctionName"), "large");
  EXPECT_EQ(text(large, "FunctionArn"), "arn:aws:lambda:us-west-2:000000000000:function:large");
  EXPECT_EQ(large.at("Timeout"), 77);
  EXPECT_EQ(large.at("MemorySize"), 256);
  EXPECT_EQ(text(large, "Handler"), "app.lambda_handler");
  EXPECT_EQ(shown("worker").at("Timeout"), 300);
  EXPECT_EQ(shown("twice").at("Timeout"), 900);  // of this process: the longest of Lambda

  const auto unknown = aws("/2015-03-31/functions/none/configuration", user(), "", "GET");
  EXPECT_THAT(unknown, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(unknown, HasSubstr("x-amzn-ErrorType: ResourceNotFoundException\r\n"));
  EXPECT_THAT(aws("/2015-03-31/functions/worker/configuration", "", "", "GET"),
              StartsWith("HTTP/1.1 403 "));

  // Nobody has set anything for asynchronous invocations.
  const auto none = aws("/2019-09-25/functions/worker/event-invoke-config", user(), "", "GET");
  EXPECT_THAT(none, StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(none, HasSubstr("x-amzn-ErrorType: ResourceNotFoundException\r\n"));
  EXPECT_THAT(none, HasSubstr("function:worker doesn't have an EventInvokeConfig"));
}

TEST_F(InvokeApi, RefusesAsLambdaDoes) {
  start();
  const auto type = [](const std::string& answer) {
    const auto at = answer.find("x-amzn-ErrorType: ");
    return at == std::string::npos ? answer
                                   : answer.substr(9, 3) + " " +
                                         answer.substr(at + 18, answer.find("\r\n", at) - at - 18);
  };
  EXPECT_EQ(type(aws(kPath, "", "{}")), "403 AccessDeniedException");
  EXPECT_EQ(type(aws(kPath, "Authorization: AWS4-HMAC-SHA256 Credential=AKIAOTHER/x\r\n", "{}")),
            "403 AccessDeniedException");
  EXPECT_EQ(type(aws("/2015-03-31/functions/none/invocations", user(), "{}")),
            "404 ResourceNotFoundException");
  EXPECT_EQ(type(aws("/2015-03-31/functions/worker", user(), "{}")),
            "404 UnknownOperationException");
  EXPECT_EQ(type(aws(kPath, user(), "{", "GET")), "404 UnknownOperationException");
  EXPECT_EQ(type(aws(kPath, user(), "{")), "400 InvalidRequestContentException");
  EXPECT_EQ(type(aws(kPath, user() + "X-Amz-Invocation-Type: Other\r\n", "{}")),
            "400 InvalidParameterValueException");
  EXPECT_EQ(type(aws(kPath, user() + "X-Amz-Invocation-Type: Event\r\n",
                     '"' + std::string(1U << 20, 'x') + '"')),
            "413 RequestTooLargeException");
  EXPECT_EQ(type(aws(kPath, user(), '"' + std::string(7U << 20, 'x') + '"')),
            "413 RequestTooLargeException");
}

TEST_F(InvokeApi, ShowsTheConfigTable) {
  start();
  const std::string get =
      R"({"TableName": "config", "Key": {"env": {"S": "production"}, "config_name": {"S": "c"}}})";
  EXPECT_THAT(aws("/", user() + "X-Amz-Target: DynamoDB_20120810.GetItem\r\n", get),
              HasSubstr(R"("config_value":{"S":"1"})"));
  const auto denied = aws("/", "X-Amz-Target: DynamoDB_20120810.GetItem\r\n", get);
  EXPECT_THAT(denied, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(denied, HasSubstr("#AccessDeniedException"));
}

TEST_F(InvokeApi, ServesCallsInThisProcess) {
  add("lost", {{"command", {"./none"}}});
  start();
  auto answer =
      host_->call("arn:aws:lambda:us-west-2:000000000000:function:worker", R"({"do": "print"})");
  ASSERT_TRUE(answer) << answer.error().text();
  EXPECT_EQ(answer->payload, "{}");
  EXPECT_FALSE(answer->failed);
  EXPECT_EQ(answer->log.substr(0, 8), "out\nerr\n");
  answer = host_->call("worker", R"({"do": "kill"})");
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->failed);
  EXPECT_THAT(answer->payload, HasSubstr("signal: killed"));
  answer = host_->call("lost", "{}");
  ASSERT_TRUE(answer);
  EXPECT_TRUE(answer->failed);
  EXPECT_THAT(answer->payload, HasSubstr("./none"));
  EXPECT_EQ(host_->call("none", "{}").error().code, Code::not_found);
  EXPECT_EQ(host_->call("worker", "{").error().code, Code::invalid);
  host_->stop(0ms);
  EXPECT_EQ(host_->call("worker", "{}").error().code, Code::unavailable);
}

// --- Ends
// -----------------------------------------------------------------------------------------------------

TEST_F(LambdaHostTest, WaitsForRunningTasksWhenItStops) {
  add_worker();
  start();
  ASSERT_EQ(invoke("t1", {{"do", "wait"}, {"file", file("go")}}).outcome, Outcome::accepted);
  std::thread stopping([&] { host_->stop(kPatience); });
  EXPECT_TRUE(eventually([&] {
    return invoke("t2", {{"do", "echo"}}).reason == "the engine is stopping";
  }));
  touch("go");
  stopping.join();
  ASSERT_EQ(reports_.size(), 1U);
  EXPECT_EQ(reports_[0].kind, Report::Kind::completed);
  EXPECT_EQ(host_->free_slots(labourers_["worker"]), 0);
}

TEST_F(LambdaHostTest, GivesBackWhatItHadToKill) {
  add_worker();
  start();
  const auto pid = static_cast<pid_t>(run("t1", {{"do", "pid"}}).result.at("pid").as_int64());
  ASSERT_EQ(invoke("t2", {{"do", "hang"}, {"file", file("started")}}).outcome, Outcome::accepted);
  EXPECT_TRUE(eventually([&] { return std::filesystem::exists(file("started")); }));
  host_->stop(0ms);
  ASSERT_EQ(releases_.size(), 1U);
  EXPECT_EQ(releases_[0].task_id, "t2");
  EXPECT_EQ(releases_[0].claim, "c-t2");
  EXPECT_EQ(releases_[0].why, Release::Why::interrupted);
  EXPECT_EQ(reports_.size(), 1U);
  EXPECT_TRUE(process_gone(pid));
}

TEST_F(LambdaHostTest, RefusesWrongOptions) {
  add_worker();
  options_.address = "nowhere";
  auto wrong = LambdaHost::start(options_, labourers_);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("'nowhere'"));
  options_.address = "127.0.0.1";
  options_.functions["worker"] = [](const json::value&, const LambdaHost::Caller&) {
    return Result<json::value>(nullptr);
  };
  wrong = LambdaHost::start(options_, labourers_);
  ASSERT_FALSE(wrong);
  EXPECT_THAT(wrong.error().message, HasSubstr("belongs to an Essential"));
}

TEST_F(LambdaHostTest, LeavesNoProcessesBehindWhenItIsKilled) {
  // The worker itself dies with the engine; what it has started is found by the next engine.
  const std::string script = "setsid sleep 1000 & echo $$ $! >pids.new; mv pids.new pids; wait";
  std::vector<std::string> words{SOSW_HOST_PROCESS, folder_, script};
  std::vector<char*> argv;
  for (auto& w : words) argv.push_back(w.data());
  argv.push_back(nullptr);
  pid_t engine = 0;
  ASSERT_EQ(posix_spawn(&engine, argv[0], nullptr, nullptr, argv.data(), environ), 0);
  EXPECT_TRUE(eventually([&] { return !read("pids").empty(); }));
  pid_t worker = 0, grandchild = 0;
  std::istringstream(read("pids")) >> worker >> grandchild;
  EXPECT_FALSE(process_gone(worker));
  kill(engine, SIGKILL);
  waitpid(engine, nullptr, 0);
  EXPECT_TRUE(eventually([&] { return process_gone(worker); }));
  EXPECT_FALSE(process_gone(grandchild));
  start();
  EXPECT_TRUE(process_gone(grandchild));
}

}  // namespace
}  // namespace sosw::local
