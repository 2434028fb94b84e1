// SPDX-License-Identifier: MIT
// The program `sosw` as a person or a script meets it: commands, messages, exit codes, and that
// nothing is lost whatever is thrown at it. A folder for each test; nothing sleeps for long.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace sosw {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr auto kPatience = std::chrono::seconds{120};

std::string content(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

struct Ended {
  int status = -1;  // exit code, or minus the number of the signal
  std::string out, err;
};

// A program that was started and has not been waited for.
class Process {
 public:
  Process(pid_t pid, fs::path out, fs::path err)
      : pid_(pid), out_(std::move(out)), err_(std::move(err)) {}
  ~Process() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Process(Process&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        out_(std::move(other.out_)),
        err_(std::move(other.err_)) {}

  [[nodiscard]] pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  Ended wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status), content(out_),
            content(err_)};
  }

 private:
  pid_t pid_;
  fs::path out_, err_;
};

class Cli : public ::testing::Test {
 protected:
  Cli() {
    std::string pattern = fs::temp_directory_path() / "sosw-cli-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
  }
  ~Cli() override { fs::remove_all(folder_); }

  Process start(const std::vector<std::string>& arguments, const std::string& input = "",
                const std::function<void()>& in_child = {}) {
    const fs::path base = folder_ / ("." + std::to_string(++number_));
    const fs::path in = base.string() + ".in";
    const fs::path out = base.string() + ".out";
    const fs::path err = base.string() + ".err";
    std::ofstream(in) << input;
    std::vector<std::string> words{SOSW_PROGRAM};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t pid = ::fork();
    if (pid == 0) {
      if (::chdir(folder_.c_str()) != 0) ::_exit(126);
      ::dup2(::open(in.c_str(), O_RDONLY), 0);
      ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
      ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
      if (in_child) in_child();
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    return {pid, out, err};
  }
  Ended sosw(const std::vector<std::string>& arguments, const std::string& input = "",
             const std::function<void()>& in_child = {}) {
    return start(arguments, input, in_child).wait();
  }
  json::value read(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    const Ended ended = sosw(arguments);
    EXPECT_EQ(ended.status, 0) << ended.err;
    return json::parse(ended.out);
  }

  void write(const std::string& name, const std::string& text, int mode = 0644) {
    std::ofstream(folder_ / name) << text;
    fs::permissions(folder_ / name, static_cast<fs::perms>(mode));
  }
  // A project with one labourer whose worker is this shell script.
  void project(const std::string& script, const std::string& settings = "") {
    write("worker.sh", "#!/bin/sh\n" + script + "\n", 0755);
    write("sosw.json", R"({
      "job_schema": {"chunkable_attrs": [["topic", {}], ["word", {}]]},
      "labourers": {"count": {"exec": ["./worker.sh"], "retry": {"policy": "fixed", "base_s": 0.01})" +
                           settings + R"(}}, "listen": "127.0.0.1:0"})");
  }
  static std::string job(const std::string& words) {
    return R"({"lambda_name": "count", "topics": {"t": {"isolate_words": true, "words": [)" +
           words + "]}}}";
  }
  void schedule(const std::string& text) {
    const Ended ended = sosw({"schedule", "--job", text});
    ASSERT_EQ(ended.status, 0) << ended.err;
  }
  std::int64_t counted(const std::string& state) {
    const json::value list = read({"status"});
    return list.as_array().at(0).at(state).as_int64();
  }
  // The engine, listening for other commands.
  Process engine(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"run"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    Process process = start(arguments);
    EXPECT_TRUE(until([&] { return fs::exists(folder_ / ".sosw" / "engine.sock"); }));
    return process;
  }
  static bool until(const std::function<bool()>& holds) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    return true;
  }

  fs::path folder_;
  int number_ = 0;
};

// --- Commands ------------------------------------------------------------------------------------

TEST_F(Cli, InitMakesAProjectThatWorks) {
  ASSERT_EQ(sosw({"init"}).status, 0);
  EXPECT_EQ(sosw({"config", "check"}).status, 0);
  ASSERT_EQ(sosw({"schedule", "--job", "job.json"}).status, 0);
  const Ended run = sosw({"run", "--until-empty", "--listen", "127.0.0.1:0"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_THAT(run.out, StartsWith("6 done, 0 dead, 0 left in "));
  const json::value tasks = read({"tasks", "--state", "done"});
  ASSERT_EQ(tasks.as_array().size(), 6);
  std::multiset<std::string> greetings;  // in whichever order the workers ended
  for (const json::value& task : tasks.as_array())
    greetings.insert(json::value_to<std::string>(task.at("result_greeting")));
  EXPECT_THAT(greetings, ElementsAre("Hello, Ada", "Hello, Ada", "Hello, Edsger", "Hello, Edsger",
                                     "Hello, Grace", "Hello, Grace"));
}

TEST_F(Cli, InitOverwritesNothing) {
  write("job.json", "mine");
  const Ended again = sosw({"init"});
  EXPECT_EQ(again.status, 3);
  EXPECT_THAT(again.err, HasSubstr("job.json is there already"));
  EXPECT_EQ(content(folder_ / "job.json"), "mine");
  EXPECT_FALSE(fs::exists(folder_ / "sosw.json"));
}

constexpr const char* kTutorial = R"({"lambda_name": "count",
  "topics": {
    "cars": {"words": ["toyota", "mazda", "nissan", "racing", "automobile", "car"]},
    "food": {"words": ["recipe", "cooking", "eating", "food", "meal", "tasty"]},
    "shows": {"words": ["opera", "cinema", "movie", "concert", "show", "musical"]}},
  "period": "last_2_days", "isolate_days": true, "isolate_words": true})";

TEST_F(Cli, PlanShowsWhatTheTutorialsJobBecomes) {
  project("");
  const Ended plan = sosw({"plan", "--job", "-"}, kTutorial);
  EXPECT_EQ(plan.status, 0) << plan.err;
  EXPECT_THAT(plan.out, StartsWith("36 tasks for count\n"));
  const json::value facts = read({"plan", "--job", kTutorial, "--now", "2026-11-24T10:00:00Z"});
  EXPECT_EQ(facts.at("tasks"), 36);
  EXPECT_EQ(facts.at("dates"), 2);
  EXPECT_EQ(facts.at("levels").at(1).at("values"), 18);
  EXPECT_EQ(facts.at("first").at(0).at("date_list").at(0), "2026-11-22");
  EXPECT_FALSE(fs::exists(folder_ / ".sosw"));
}

TEST_F(Cli, PlanGivesTheRowsThatAreQueued) {
  project("");
  const Ended plan =
      sosw({"plan", "--job", "-", "--rows", "--now", "2026-11-24T10:00:00Z"}, kTutorial);
  EXPECT_EQ(plan.status, 0) << plan.err;
  std::istringstream lines(plan.out);
  std::vector<std::string> rows;
  for (std::string line; std::getline(lines, line);) rows.push_back(line);
  ASSERT_EQ(rows.size(), 36);
  EXPECT_EQ(rows[0], R"({"isolate_words": true, "date_list": ["2026-11-22"], "topics": ["cars"], )"
                     R"("words": ["toyota"], "labourer_id": "count"})");
  EXPECT_THAT(rows[35], AllOf(HasSubstr("2026-11-23"), HasSubstr("musical")));
}

TEST_F(Cli, PlanIsQuietWhenItsReaderHasEnough) {
  project("");
  // The end of a pipe that nobody reads any more.
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  ::close(ends[0]);
  const Ended plan = sosw({"plan", "--job", "-", "--rows"}, kTutorial, [&] { ::dup2(ends[1], 1); });
  ::close(ends[1]);
  EXPECT_EQ(plan.status, -SIGPIPE);
  EXPECT_THAT(plan.err, IsEmpty());
}

TEST_F(Cli, ScheduleIsIdempotentByItsKey) {
  project("");
  const json::value first = read({"schedule", "--job", job(R"("a", "b")"), "--id", "today"});
  EXPECT_EQ(first.at("rows"), 2);
  EXPECT_EQ(first.at("already"), false);
  const json::value second = read({"schedule", "--job", job(R"("a", "b")"), "--id", "today"});
  EXPECT_EQ(second.at("job_id"), first.at("job_id"));
  EXPECT_EQ(second.at("already"), true);
  EXPECT_EQ(counted("queued"), 2);
  schedule(job(R"("a")"));
  schedule(job(R"("a")"));
  EXPECT_EQ(counted("queued"), 4);
  EXPECT_EQ(read({"jobs"}).as_array().size(), 3);
}

TEST_F(Cli, ManySchedulesAtOnceLoseNothing) {
  project("");
  std::vector<Process> all;
  for (int i = 0; i < 12; ++i) all.push_back(start({"schedule", "--job", job(R"("a", "b")")}));
  for (Process& one : all) {
    const Ended ended = one.wait();
    EXPECT_EQ(ended.status, 0) << ended.err;
  }
  EXPECT_EQ(counted("queued"), 24);
}

TEST_F(Cli, ListsAreEmptyBeforeAnythingIsStored) {
  project("");
  for (const char* command : {"tasks", "jobs", "dead"}) {
    EXPECT_EQ(sosw({command, "--json"}).out, "[]\n") << command;
    EXPECT_EQ(sosw({command}).status, 0) << command;
  }
  EXPECT_EQ(counted("queued"), 0);
  EXPECT_FALSE(fs::exists(folder_ / ".sosw"));
}

TEST_F(Cli, TasksComePageByPage) {
  project("");
  schedule(job(R"("a", "b", "c")"));
  const Ended first = sosw({"tasks", "--state", "queued", "--limit", "2", "--json"});
  const json::value page = json::parse(first.out);
  ASSERT_EQ(page.as_array().size(), 2);
  const std::string last(page.at(1).at("task_id").as_string());
  EXPECT_THAT(first.err, HasSubstr("--after " + last));
  const json::value rest = read({"tasks", "--state", "queued", "--limit", "2", "--after", last});
  ASSERT_EQ(rest.as_array().size(), 1);
  EXPECT_THAT(std::string(rest.at(0).at("payload").as_string()), HasSubstr(R"(["c"])"));
}

TEST_F(Cli, TaskShowsEverythingOfOne) {
  project("cat > /dev/null; echo '{\"n\": 7}'");
  schedule(job(R"("a")"));
  ASSERT_EQ(sosw({"run", "--until-empty"}).status, 0);
  const json::value list = read({"tasks"});
  const std::string id(list.at(0).at("task_id").as_string());
  const Ended shown = sosw({"task", id});
  EXPECT_EQ(shown.status, 0);
  EXPECT_THAT(shown.out, AllOf(HasSubstr(id), HasSubstr("done"), HasSubstr("\"n\": 7")));
  const json::value one = read({"task", id});
  EXPECT_EQ(one.at("result_n"), 7);
  EXPECT_EQ(one.at("attempts"), 1);
}

TEST_F(Cli, DeadTasksAreShownAndReplayed) {
  project("[ -e healed ] || { echo 'no database' >&2; exit 3; }; echo '{}'",
          R"(, "max_attempts": 2)");
  schedule(job(R"("a", "b")"));
  const Ended run = sosw({"run", "--until-empty"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.err, HasSubstr("2 tasks have died"));
  EXPECT_THAT(sosw({"dead"}).out, HasSubstr("no database"));
  const json::value dead = read({"dead"});
  ASSERT_EQ(dead.as_array().size(), 2);
  EXPECT_EQ(dead.at(0).at("attempts"), 2);

  write("healed", "");
  const std::string id(dead.at(0).at("task_id").as_string());
  EXPECT_EQ(sosw({"retry", id}).out, "1 task is queued again\n");
  const Ended twice = sosw({"retry", id});
  EXPECT_EQ(twice.status, 3);
  EXPECT_THAT(twice.err, HasSubstr("is queued, not dead"));
  EXPECT_EQ(sosw({"retry", "--all", "--labourer", "count"}).out, "1 task is queued again\n");
  EXPECT_EQ(sosw({"run", "--until-empty"}).status, 0);
  EXPECT_EQ(counted("done"), 2);
}

TEST_F(Cli, PausedLabourersDoNothing) {
  project("echo '{}'");
  schedule(job(R"("a")"));
  ASSERT_EQ(sosw({"pause", "count"}).status, 0);
  const Ended stuck = sosw({"run", "--until-empty"});
  EXPECT_EQ(stuck.status, 1);
  EXPECT_THAT(stuck.err, HasSubstr("which is paused"));
  EXPECT_EQ(counted("queued"), 1);
  ASSERT_EQ(sosw({"resume", "count"}).status, 0);
  EXPECT_EQ(sosw({"run", "--until-empty"}).status, 0);
  EXPECT_EQ(counted("done"), 1);
}

TEST_F(Cli, CancelDropsTheRestOfAJob) {
  project("echo '{}'");
  const json::value accepted = read({"schedule", "--job", job(R"("a", "b")")});
  const std::string id(accepted.at("job_id").as_string());
  EXPECT_EQ(sosw({"cancel", id}).status, 0);
  EXPECT_EQ(counted("cancelled"), 2);
  EXPECT_EQ(counted("queued"), 0);
  EXPECT_EQ(sosw({"cancel", id}).status, 3);
  EXPECT_EQ(sosw({"run", "--until-empty"}).status, 0);
  EXPECT_EQ(counted("done"), 0);
}

TEST_F(Cli, InvokeCallsAFunctionWithAndWithoutAnEngine) {
  project("if grep -q boom; then echo 'went boom' >&2; exit 1; fi; echo '{\"n\": 7}'");
  EXPECT_THAT(sosw({"invoke", "count"}).out, HasSubstr("\"n\": 7"));
  Process running = engine();
  EXPECT_THAT(sosw({"invoke", "count"}).out, HasSubstr("\"n\": 7"));
  const Ended failed = sosw({"invoke", "count", "--payload", R"({"x": "boom"})"});
  EXPECT_EQ(failed.status, 1);
  EXPECT_THAT(failed.err, HasSubstr("count has failed"));
  EXPECT_EQ(sosw({"invoke", "nobody"}).status, 3);
  running.signal(SIGTERM);
  EXPECT_EQ(running.wait().status, 0);
}

TEST_F(Cli, OtherCommandsReachARunningEngine) {
  project("echo '{}'");
  Process running = engine();
  ASSERT_EQ(sosw({"pause", "count"}).status, 0);
  schedule(job(R"("a", "b", "c")"));
  EXPECT_EQ(counted("queued"), 3);
  EXPECT_THAT(sosw({"status"}).out, HasSubstr("pid " + std::to_string(running.pid())));
  ASSERT_EQ(sosw({"resume", "count"}).status, 0);
  EXPECT_TRUE(until([&] { return counted("done") == 3; }));
  running.signal(SIGINT);
  const Ended ended = running.wait();
  EXPECT_EQ(ended.status, 0) << ended.err;
  EXPECT_THAT(ended.out, StartsWith("3 done, 0 dead, 0 left"));
  EXPECT_FALSE(fs::exists(folder_ / ".sosw" / "engine.sock"));
}

TEST_F(Cli, EndsInOrderWhenItIsAskedTo) {
  project("touch begun; while [ ! -e go ]; do sleep 0.01; done; echo '{}'");
  schedule(job(R"("a", "b")"));
  Process running = engine();
  ASSERT_TRUE(until([&] { return fs::exists(folder_ / "begun"); }));
  running.signal(SIGTERM);
  ASSERT_TRUE(
      until([&] { return content(folder_ / ".2.err").find("stopping") != std::string::npos; }));
  write("go", "");
  const Ended ended = running.wait();
  EXPECT_EQ(ended.status, 0);
  // The one that ran has ended; the other was not begun.
  EXPECT_EQ(counted("done"), 1);
  EXPECT_EQ(counted("queued"), 1);
}

TEST_F(Cli, TakesTwoSignalsAtOnceForOneWish) {
  project("touch begun; while [ ! -e go ]; do sleep 0.01; done; echo '{}'");
  schedule(job(R"("a")"));
  Process running = engine();
  ASSERT_TRUE(until([&] { return fs::exists(folder_ / "begun"); }));
  running.signal(SIGTERM);
  running.signal(SIGINT);
  write("go", "");
  EXPECT_EQ(running.wait().status, 0);
  EXPECT_EQ(counted("done"), 1);
}

TEST_F(Cli, ASecondSignalLeavesNoProcessBehind) {
  project("sleep 100000 & echo $! > pid.new; mv pid.new pid; wait");
  schedule(job(R"("a")"));
  Process running = engine({"--grace", "1000"});
  ASSERT_TRUE(until([&] { return fs::exists(folder_ / "pid"); }));
  const auto grandchild = static_cast<pid_t>(std::stol(content(folder_ / "pid")));
  const auto ended = [&] {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(running.pid()), &info, WEXITED | WNOHANG | WNOWAIT) ==
               0 &&
           info.si_pid == running.pid();
  };
  ASSERT_TRUE(until([&] {
    if (!ended()) running.signal(SIGINT);
    return ended();
  }));
  EXPECT_EQ(running.wait().status, 128 + SIGINT);
  // Dead, or dead and not looked at by its new parent.
  EXPECT_TRUE(until([&] {
    const std::string stat = content("/proc/" + std::to_string(grandchild) + "/stat");
    return stat.empty() || stat.find(") Z") != std::string::npos;
  }));
}

TEST_F(Cli, NoticesThatItsDataFolderIsGone) {
  project("echo '{}'");
  for (const bool removed : {true, false}) {
    Process running = engine();
    if (removed)
      fs::remove_all(folder_ / ".sosw");
    else
      fs::rename(folder_ / ".sosw", folder_ / "moved");
    const Ended ended = running.wait();
    EXPECT_EQ(ended.status, 1);
    EXPECT_THAT(ended.err, HasSubstr(".sosw was removed or replaced while the engine ran"));
  }
}

TEST_F(Cli, StatusIsShownAgainAndAgain) {
  project("echo '{}'");
  schedule(job(R"("a")"));
  Process watching = start({"status", "--watch", "0.05"});
  ASSERT_TRUE(until([&] {
    const std::string out = content(folder_ / ".2.out");
    return out.find("LABOURER") != out.rfind("LABOURER");
  }));
  watching.signal(SIGINT);
  EXPECT_EQ(watching.wait().status, -SIGINT);
  EXPECT_EQ(sosw({"status", "--watch", "often"}).status, 2);
}

TEST_F(Cli, LongResultsAreCutAndSaidToBe) {
  project(R"(printf '{"long": "%01000d"}' 7)");
  schedule(job(R"("a")"));
  ASSERT_EQ(sosw({"run", "--until-empty"}).status, 0);
  const Ended listed = sosw({"tasks"});
  EXPECT_LT(listed.out.size(), 600U);
  EXPECT_THAT(listed.err, HasSubstr("--json"));
  EXPECT_EQ(read({"tasks"}).as_array().at(0).at("result_long").as_string().size(), 1000U);
}

TEST_F(Cli, EachEndedAttemptKeepsItsError) {
  project("echo \"attempt $(cat count >&2; echo x >> count) failed\" >&2; exit 3",
          R"(, "max_attempts": 2)");
  write("count", "");
  schedule(job(R"("a")"));
  ASSERT_EQ(sosw({"run", "--until-empty"}).status, 1);
  const std::string id(read({"dead"}).as_array().at(0).at("task_id").as_string());
  const json::value task = read({"task", id});
  const auto& history = task.at("history").as_array();
  ASSERT_EQ(history.size(), 2U);
  for (const json::value& event : history) {
    EXPECT_EQ(event.at("action").as_string(), "failed");
    EXPECT_THAT(std::string(event.at("error").as_string()), HasSubstr("exit status 3"));
  }
  EXPECT_THAT(std::string(history[0].at("log").as_string()), Not(HasSubstr("x")));
  EXPECT_THAT(std::string(history[1].at("log").as_string()), HasSubstr("x\n"));
  const std::string shown = sosw({"task", id}).out;
  EXPECT_NE(shown.find("exit status 3"), shown.rfind("exit status 3"));
}

TEST_F(Cli, AlarmsOfABlockedLabourerReachTheirCommand) {
  project("echo '{}'");
  write("worker.sh", "#!/no/such/interpreter\n", 0755);
  write("sosw.json", R"({"labourers": {"count": {"exec": ["./worker.sh"]}},
    "alarms": {"command": ["sh", "-c", "cat >> alarms.json"]}, "listen": "127.0.0.1:0"})");
  schedule(R"({"lambda_name": "count", "payload": {}})");
  Process running = engine();
  ASSERT_TRUE(until([&] {
    return content(folder_ / "alarms.json").find("labourer_blocked") != std::string::npos;
  }));
  running.signal(SIGTERM);
  EXPECT_EQ(running.wait().status, 0);
}

TEST_F(Cli, AFileAtItsLimitIsAnErrorLikeAFullDisk) {
  project("echo '{}'");
  const Ended ended = sosw({"schedule", "--job", job(R"("a", "b", "c")")}, "", [] {
    const rlimit limit{40'000, 40'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  });
  EXPECT_EQ(ended.status, 1) << ended.err;
  EXPECT_THAT(ended.err, HasSubstr("disk"));
}

TEST_F(Cli, WorksWithoutStandardFiles) {
  project("echo '{}'");
  const auto close_all = [] {
    for (const int file : {0, 1, 2}) ::close(file);
  };
  // Its results reach nobody, which is an error, but no crash and no damage.
  EXPECT_EQ(sosw({"schedule", "--job", job(R"("a")")}, "", close_all).status, 1);
  EXPECT_EQ(sosw({"run", "--until-empty"}, "", close_all).status, 1);
  EXPECT_EQ(counted("done"), 1);
}

TEST_F(Cli, RefusesAKeyThatIsNoText) {
  project("echo '{}'");
  const Ended ended = sosw({"schedule", "--job", job(R"("a")"), "--id", "\xff"});
  EXPECT_EQ(ended.status, 2);
  EXPECT_THAT(ended.err, HasSubstr("UTF-8"));
  EXPECT_EQ(counted("queued"), 0);
}

TEST_F(Cli, TellsItsVersion) {
  const json::value facts = read({"version"});
  EXPECT_EQ(facts.at("version"), SOSW_VERSION);
  EXPECT_EQ(facts.at("sqlite"), sqlite3_libversion());
  EXPECT_THAT(sosw({"version"}).out, StartsWith("sosw " SOSW_VERSION));
}

TEST_F(Cli, HelpOfEveryCommandHasAnExample) {
  for (const char* command :
       {"init", "plan", "schedule", "run", "status", "tasks", "task", "labourers", "jobs", "dead",
        "retry", "pause", "resume", "cancel", "invoke", "chaos", "version"}) {
    const Ended help = sosw({command, "--help"});
    EXPECT_EQ(help.status, 0);
    EXPECT_THAT(help.out, AllOf(HasSubstr("Usage: sosw "), HasSubstr("Example:\n  sosw ")));
  }
  EXPECT_THAT(sosw({"config", "check", "--help"}).out, HasSubstr("Example:\n  sosw config check"));
}

// --- Simulated accidents

TEST_F(Cli, ChaosIsTheSameForTheSameSeed) {
  const Ended once = sosw({"chaos", "--seed", "42", "--json"});
  ASSERT_EQ(once.status, 0) << once.out;
  EXPECT_EQ(once.out, sosw({"chaos", "--seed", "42", "--json"}).out);
  const json::value run = json::parse(once.out);
  EXPECT_TRUE(run.at("broken").is_null());
  EXPECT_GT(run.at("story").as_array().size(), 0U);
  EXPECT_NE(once.out, sosw({"chaos", "--seed", "43", "--json"}).out);
}

TEST_F(Cli, ChaosTellsTheBeginningOfAStory) {
  const json::value run = read({"chaos", "--seed", "42", "--steps", "5"});
  EXPECT_EQ(run.at("steps"), 5);
  EXPECT_THAT(sosw({"chaos", "--seed", "42", "--steps", "5"}).out, HasSubstr("seed 42: 5 steps"));
}

TEST_F(Cli, ChaosRunsManySeeds) {
  const json::value runs = read({"chaos", "--seeds", "20"});
  EXPECT_EQ(runs.at("seeds"), 20);
  EXPECT_TRUE(runs.at("broken").is_null());
  EXPECT_EQ(sosw({"chaos", "--seeds", "0"}).status, 2);
  EXPECT_EQ(read({"chaos", "--place", "fleet", "--seeds", "5"}).at("seeds"), 5);
  EXPECT_THAT(sosw({"chaos", "--place", "moon"}).err, HasSubstr("give home or fleet"));
}

TEST_F(Cli, ChaosCountsAccidentsByMethodAndKind) {
  const json::value home = read({"chaos", "--place", "home", "--seeds", "60"});
  const json::value fleet = read({"chaos", "--place", "fleet", "--seeds", "60"});
  const auto sum = [](const json::value& methods) {
    std::int64_t all = 0;
    for (const auto& [method, kinds] : methods.as_object()) {
      for (const auto& [kind, count] : kinds.as_object()) {
        EXPECT_GT(count.as_int64(), 0) << method << ' ' << kind;
        all += count.as_int64();
      }
    }
    return all;
  };
  EXPECT_GT(home.at_pointer("/accidents/ports/exchange/lost after").as_int64(), 0);
  EXPECT_FALSE(home.at_pointer("/accidents/ports").as_object().contains("transact"));
  EXPECT_GT(fleet.at_pointer("/accidents/ports/transact/stuck").as_int64(), 0);
  EXPECT_FALSE(fleet.at_pointer("/accidents/ports").as_object().contains("exchange"));
  EXPECT_GT(fleet.at_pointer("/accidents/dynamodb/write/conflict").as_int64(), 0);
  EXPECT_EQ(sum(home.at_pointer("/accidents/dynamodb")), 0);

  // Each run tells its own, and many tell the sum.
  std::int64_t one_by_one = 0;
  for (const char* seed : {"0", "1", "2"})
    one_by_one +=
        sum(read({"chaos", "--place", "home", "--seed", seed}).at_pointer("/accidents/ports"));
  EXPECT_EQ(one_by_one,
            sum(read({"chaos", "--place", "home", "--seeds", "3"}).at_pointer("/accidents/ports")));
  EXPECT_GT(one_by_one, 0);
}

TEST_F(Cli, ChaosKeepsARunAndReplaysIt) {
  const std::string file = (folder_ / "run.json").string();
  for (const char* place : {"home", "fleet"}) {
    const Ended kept = sosw({"chaos", "--place", place, "--seed", "7", "--keep", file});
    ASSERT_EQ(kept.status, 0) << kept.err;
    EXPECT_THAT(kept.out, HasSubstr("repeat it with: sosw chaos --trace " + file));
    const json::value again = read({"chaos", "--trace", file});
    EXPECT_EQ(again.at("title"), "Seed 7");
    EXPECT_TRUE(again.at("broken").is_null());
    EXPECT_TRUE(again.at("left_out").is_null());
    // Word for word, though it is replayed by the names of its choices.
    EXPECT_EQ(again.at("story"), read({"chaos", "--place", place, "--seed", "7"}).at("story"));
  }
}

TEST_F(Cli, ChaosSaysWhatAKeptRunDoesNoLonger) {
  const auto keep = [this](const std::string& must_happen) {
    write("run.json", R"({"title": "Refused at once", "invariant": "backs_off", "place": "home",
                          "must_happen": [")" +
                          must_happen + R"("], "choices": {"invocation": {"1": 1},
                          "trouble of invocations": {"1": 1}, "claim batch": {"1": 1}}})");
  };
  keep("refused, 0 deliveries");
  const Ended good = sosw({"chaos", "--trace", "run.json"});
  EXPECT_EQ(good.status, 0);
  EXPECT_THAT(good.out, AllOf(HasSubstr("Refused at once\n\n"), HasSubstr("nothing is broken")));
  keep("the moon falls");
  const Ended gone = sosw({"chaos", "--trace", "run.json"});
  EXPECT_EQ(gone.status, 1);
  EXPECT_THAT(gone.out, HasSubstr("it does not happen any more: the moon falls"));

  write("other.json", R"({"title": "x", "invariant": "", "place": "moon", "choices": {}})");
  const Ended other = sosw({"chaos", "--trace", "other.json"});
  EXPECT_EQ(other.status, 2);
  EXPECT_THAT(other.err, HasSubstr("other.json: place:"));
  const Ended missing = sosw({"chaos", "--trace", "none.json"});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("none.json: No such file"));
  EXPECT_EQ(sosw({"chaos", "--trace", "run.json", "--seed", "1"}).status, 2);
  EXPECT_EQ(sosw({"chaos", "--keep", "x.json", "--seeds", "2"}).status, 2);
  const Ended nowhere = sosw({"chaos", "--keep", "no/such/folder.json"});
  EXPECT_EQ(nowhere.status, 1);
  EXPECT_THAT(nowhere.err, HasSubstr("no/such/folder.json cannot be written"));
}

// --- Bad input -----------------------------------------------------------------------------------

TEST_F(Cli, RefusesWrongUsageAndNamesTheNearest) {
  project("");
  const Ended command = sosw({"stats"});
  EXPECT_EQ(command.status, 2);
  EXPECT_THAT(command.err, AllOf(HasSubstr("'stats'"), HasSubstr("did you mean 'status'?")));
  const Ended option = sosw({"tasks", "--lmit", "3"});
  EXPECT_EQ(option.status, 2);
  EXPECT_THAT(option.err, AllOf(HasSubstr("'--lmit'"), HasSubstr("did you mean '--limit'?")));
  EXPECT_EQ(sosw({}).status, 2);
  EXPECT_EQ(sosw({"schedule"}).status, 2);
  EXPECT_EQ(sosw({"retry"}).status, 2);
  EXPECT_EQ(sosw({"tasks", "--limit", "0"}).status, 2);
  EXPECT_EQ(sosw({"run", "--listen", "here"}).status, 2);
}

TEST_F(Cli, RefusesBadJobsAndStoresNothing) {
  project("");
  struct Case {
    std::string job;
    int status;
    std::string message;
  };
  const std::vector<Case> cases{
      {"{\"lambda_name\": ", 2, "not JSON"},
      {"no_such_file.json", 2, "no_such_file.json: No such file"},
      {"{}", 2, "lambda_name"},
      {R"({"lambda_name": "cuont"})", 3, "did you mean 'count'?"},
      {R"({"lambda_name": "count", "period": "last_weak"})", 2, "did you mean 'last_week'?"},
      {R"({"lambda_name": "count", "period": "today", "timezone": "Mars/Base"})", 2, "Mars/Base"},
      {R"({"lambda_name": "count", "isolate_topics": true, "topics": [{"a": 1, "b": {"deep": 2}}]})",
       2, "topics"},
  };
  for (const Case& one : cases) {
    for (const char* command : {"schedule", "plan"}) {
      const Ended ended = sosw({command, "--job", one.job});
      EXPECT_EQ(ended.status, one.status) << command << ' ' << one.job;
      EXPECT_THAT(ended.err, HasSubstr(one.message)) << command << ' ' << one.job;
      EXPECT_THAT(ended.out, IsEmpty());
    }
  }
  EXPECT_EQ(read({"jobs"}).as_array().size(), 0);
}

TEST_F(Cli, RefusesABadConfiguration) {
  const Ended missing = sosw({"run", "--until-empty"});
  EXPECT_EQ(missing.status, 2);
  EXPECT_THAT(missing.err, HasSubstr("sosw.json"));

  write("sosw.json", R"({"labourers": {"a": {"exec": ["true"], "max_atempts": 3}}, "ruels": {}})");
  const Ended check = sosw({"config", "check"});
  EXPECT_EQ(check.status, 2);
  EXPECT_THAT(check.out,
              AllOf(HasSubstr("did you mean 'max_attempts'?"), HasSubstr("did you mean 'rules'?")));
  const Ended json_check = sosw({"config", "check", "--json"});
  EXPECT_EQ(json_check.status, 2);
  EXPECT_EQ(json::parse(json_check.out).at("errors").as_array().size(), 2);
  for (const char* command : {"run", "labourers"}) {
    const Ended ended = sosw({command});
    EXPECT_EQ(ended.status, 2) << command;
    EXPECT_THAT(ended.err, HasSubstr("max_atempts"));
  }

  write("sosw.json", R"({"labourers": {"a": {"arn": "arn:aws:lambda:us-west-2:1:function:a"}}})");
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"config", "check"}, {"run", "--until-empty"}}) {
    const Ended arn = sosw(command);
    EXPECT_EQ(arn.status, 2);
    EXPECT_THAT(arn.out + arn.err, HasSubstr("function of AWS"));
  }
  EXPECT_FALSE(fs::exists(folder_ / ".sosw"));
}

TEST_F(Cli, SaysThatThereIsNoSuchThing) {
  project("");
  schedule(job(R"("a")"));
  const std::string id(32, '0');
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"task", id}, {"task", "what"}, {"retry", id}, {"pause", "cuont"}, {"cancel", id}}) {
    const Ended ended = sosw(command);
    EXPECT_EQ(ended.status, 3) << command[0];
    EXPECT_THAT(ended.err, HasSubstr(command[1])) << command[0];
    EXPECT_THAT(ended.out, IsEmpty()) << command[0];
  }
}

TEST_F(Cli, KeepsTheTasksOfACommandThatIsMissing) {
  project("echo '{}'");
  fs::remove(folder_ / "worker.sh");
  schedule(job(R"("a", "b")"));
  const Ended run = sosw({"run", "--until-empty"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.err, HasSubstr("worker.sh"));
  EXPECT_EQ(counted("queued"), 2);
  write("worker.sh", "#!/bin/sh\necho '{}'\n", 0755);
  const Ended again = sosw({"run", "--until-empty"});
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_EQ(counted("done"), 2);
}

TEST_F(Cli, BuriesATaskThatIsTooLarge) {
  project("cat > /dev/null; echo '{}'");
  write("job.json", R"({"lambda_name": "count", "text": ")" + std::string(2'000'000, 'x') + "\"}");
  ASSERT_EQ(sosw({"schedule", "--job", "job.json"}).status, 0);
  schedule(job(R"("a")"));
  const Ended run = sosw({"run", "--until-empty"});
  EXPECT_EQ(run.status, 1);
  const json::value dead = read({"dead"});
  ASSERT_EQ(dead.as_array().size(), 1);
  EXPECT_EQ(dead.at(0).at("attempts"), 0);
  EXPECT_EQ(counted("done"), 1);
}

TEST_F(Cli, OutlivesBadWorkers) {
  // What it does is told by its task.
  project(R"(case $(cat) in
      *garbage*) echo '{not json' ; printf '\377\000' ;;
      *twice*) echo '{"n": 1}'; echo '{"n": 2}' ;;
      *exit*) echo 'bad luck' >&2; exit 9 ;;
      *killed*) kill -9 $$ ;;
      *hang*) sleep 1000 ;;
    esac)",
          R"(, "max_attempts": 1, "timeout": 1, "max_simultaneous_invocations": 5)");
  schedule(job(R"("garbage", "twice", "exit", "killed", "hang")"));
  EXPECT_EQ(sosw({"run", "--until-empty"}).status, 1);
  EXPECT_EQ(counted("done"), 2);  // text that is no JSON object is a result too
  EXPECT_EQ(counted("dead"), 3);
  const Ended dead = sosw({"dead"});
  EXPECT_THAT(dead.out, AllOf(HasSubstr("bad luck"), HasSubstr("killed"), HasSubstr("imed out")));
}

// --- Disasters -----------------------------------------------------------------------------------

TEST_F(Cli, RefusesASecondEngineAndNamesTheFirst) {
  project("echo '{}'");
  Process first = engine();
  const Ended second = sosw({"run", "--until-empty"});
  EXPECT_EQ(second.status, 2);
  EXPECT_THAT(second.err, HasSubstr(std::to_string(first.pid())));
  schedule(job(R"("a")"));
  EXPECT_TRUE(until([&] { return counted("done") == 1; }));
  first.signal(SIGTERM);
  EXPECT_EQ(first.wait().status, 0);
}

TEST_F(Cli, GoesOnAfterItWasKilled) {
  project("touch begun; [ -e go ] || sleep 1000; echo '{}'",
          R"(, "max_attempts": 1, "max_simultaneous_invocations": 2)");
  schedule(job(R"("a", "b", "c", "d", "e")"));
  {
    Process running = engine();
    ASSERT_TRUE(until([&] { return fs::exists(folder_ / "begun"); }));
    running.signal(SIGKILL);
    EXPECT_EQ(running.wait().status, -SIGKILL);
  }
  EXPECT_TRUE(fs::exists(folder_ / ".sosw" / "engine.sock"));  // what it has left
  schedule(job(R"("f")"));                                     // is no engine
  write("go", "");
  const Ended run = sosw({"run", "--until-empty"});
  EXPECT_EQ(run.status, 0) << run.err;  // the attempts that died with it do not count
  EXPECT_EQ(counted("done"), 6);
}

TEST_F(Cli, RefusesADatabaseOfANewerVersion) {
  project("echo '{}'");
  schedule(job(R"("a")"));
  const std::string path = folder_ / ".sosw" / "sosw.db";
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &database), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(database, SOSW_NEWER_SCHEMA, nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(database);
  for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
           {"run", "--until-empty"}, {"status"}, {"tasks"}, {"schedule", "--job", job(R"("b")")}}) {
    const Ended ended = sosw(command);
    EXPECT_EQ(ended.status, 1) << command[0];
    EXPECT_THAT(ended.err, AllOf(HasSubstr("sosw.db"), HasSubstr("newer"))) << command[0];
  }
}

TEST_F(Cli, TellsThatTheDiskIsFullAndLosesNothing) {
  project("echo '{}'");
  schedule(job(R"("a")"));
  std::string words;
  for (int i = 0; i < 20'000; ++i) words += (i > 0 ? ", \"" : "\"") + std::to_string(i) + "\"";
  write("job.json", job(words));
  const Ended full = sosw({"schedule", "--job", "job.json"}, "", [] {
    const rlimit most{64 << 10, 64 << 10};
    ::setrlimit(RLIMIT_FSIZE, &most);
    ::signal(SIGXFSZ, SIG_IGN);
  });
  EXPECT_EQ(full.status, 1);
  EXPECT_THAT(full.err, HasSubstr("sosw: "));
  EXPECT_THAT(full.out, IsEmpty());
  EXPECT_EQ(read({"jobs"}).as_array().size(), 1);
  const Ended run = sosw({"run", "--until-empty"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(counted("done"), 1);
}

TEST_F(Cli, FailsWhenNobodyTakesItsResults) {
  project("");
  const Ended full = sosw({"plan", "--job", R"({"lambda_name": "count"})"}, "",
                          [] { ::dup2(::open("/dev/full", O_WRONLY), 1); });
  EXPECT_EQ(full.status, 1);
  EXPECT_THAT(full.err, HasSubstr("No space left"));
}

}  // namespace
}  // namespace sosw
