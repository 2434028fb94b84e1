// SPDX-License-Identifier: MIT
// schedule, retry, pause, resume, cancel: what changes the store.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/screen.h"
#include "local/credentials.h"
#include "local/function_log.h"

namespace sosw::cli {
namespace {

constexpr double kMakeRowsS = 60;     // --aws: that tasks of a job are made for
constexpr std::int64_t kPage = 1000;  // tasks looked up, or replayed, at once

// No engine of ours runs there all the time: the next run of an Essential of ours would make them,
// but a fleet may have none. `repeatable`: the job has a key, so that once more is not twice.
int make_rows_on_aws(const Common& common, const json::object& accepted, bool repeatable) {
  const std::string id(accepted.at("job_id").as_string());
  const auto rows = accepted.at("rows").to_number<std::int64_t>();
  const auto made = (*aws_home(common))->make_rows(id, kMakeRowsS);
  if (made && *made >= rows) return kDone;
  const auto rest = fmt::format("the next run of an Essential of ours makes the rest{}",
                                repeatable ? ", or this command again" : "");
  if (made) {
    fmt::print(stderr, "{} of the {} tasks are made: {}\n", *made, rows, rest);
    return kDone;
  }
  Error error = made.error();
  error.message =
      fmt::format("job {} is accepted, but not all of its tasks are made: {}", id, error.message);
  error.hint = rest;
  return complain(error, kFailed);
}

int schedule(const Common& common, const std::string& job, const std::string& id) {
  auto event = read_object(job);
  if (!event) return complain(event.error());
  if (local::valid_utf8(id) != id) return complain(invalid("--id: the key is not UTF-8"));
  // Without a key of the caller's every call is a new job.
  const std::string key = id.empty() ? local::random_hex(32) : id;
  const auto answer = ask(common, {{"op", "schedule"}, {"event", *std::move(event)}, {"key", key}});
  if (!answer) {
    Error error = answer.error();
    if (error.code == Code::invalid) error.message = fmt::format("job: {}", error.message);
    return complain(error);
  }
  const int code = common.aws.empty() ? kDone : make_rows_on_aws(common, *answer, !id.empty());
  if (common.json) {
    print_json(*answer);
    return code;
  }
  const Screen screen = Screen::of(stdout);
  const std::int64_t rows = answer->at("rows").to_number<std::int64_t>();
  const bool already = answer->at("already").as_bool();
  fmt::print("job    {}\ntasks  {}{}\n", std::string_view(answer->at("job_id").as_string()),
             screen.number(rows), already ? "  (was queued before: nothing is added)" : "");
  return code;
}

// All tasks that are dead now.
Result<std::vector<std::string>> dead_tasks(engine::TaskStore& store, const std::string& labourer) {
  engine::TaskQuery query;
  if (!labourer.empty()) query.labourer_id = labourer;
  query.state = State::dead;
  query.limit = kPage;
  std::vector<std::string> ids;
  for (;;) {
    const auto page = store.tasks(query);
    if (!page) return page.error();
    for (const Task& task : *page) ids.push_back(task.id);
    if (std::ssize(*page) < kPage) return ids;
    query.after = page->back().id;
  }
}

// Why a task was not replayed.
Error not_dead(engine::TaskStore* store, const std::string& id) {
  engine::TaskQuery query;
  query.task_id = id;
  if (store != nullptr) {
    const auto found = store->tasks(query);
    if (found && !found->empty()) {
      if (found->front().state == State::dead)
        return {Code::conflict,
                fmt::format("task {} is dead, and its payload was too large to be kept", id),
                "schedule it anew, with less data"};
      return {Code::conflict,
              fmt::format("task {} is {}, not dead", id, name(found->front().state)),
              {}};
    }
  }
  return {Code::not_found, fmt::format("no task {}", id), "see them with: sosw dead"};
}

int retry(const Common& common, std::vector<std::string> ids, bool all,
          const std::string& labourer) {
  if (all != ids.empty()) {
    return complain(invalid("retry: name tasks, or say --all"));
  }
  if (!labourer.empty() && !all) {
    return complain(invalid("retry: --labourer goes with --all"));
  }
  if (all) {
    const auto store = open_to_read(common);
    if (!store) return complain(store.error());
    if (*store != nullptr) {
      auto dead = dead_tasks(**store, labourer);
      if (!dead) return complain(dead.error());
      ids = *std::move(dead);
    }
  }
  std::int64_t replayed = 0;
  int exit_code = kDone;
  for (std::size_t first = 0; first < ids.size(); first += kPage) {
    const std::vector<std::string> batch(
        ids.begin() + static_cast<std::ptrdiff_t>(first),
        ids.begin() + static_cast<std::ptrdiff_t>(std::min(first + kPage, ids.size())));
    const auto answer = ask(common, {{"op", "replay"}, {"task_ids", json::value_from(batch)}});
    if (!answer) {
      if (replayed > 0) fmt::print(stderr, "{} tasks are queued again\n", replayed);
      return complain(answer.error());
    }
    const json::array& each = answer->at("replayed").as_array();
    std::shared_ptr<engine::TaskStore> store;
    for (std::size_t i = 0; i < each.size(); ++i) {
      if (each[i].as_bool()) {
        ++replayed;
      } else if (!all) {  // with --all, somebody else has been faster
        if (store == nullptr) {
          if (auto opened = open_to_read(common)) store = *std::move(opened);
        }
        exit_code = complain(not_dead(store.get(), batch[i]));
      }
    }
  }
  if (common.json) {
    print_json(json::object{{"replayed", replayed}});
  } else if (replayed > 0 || all) {
    fmt::print("{} {} queued again\n", Screen::of(stdout).number(replayed),
               replayed == 1 ? "task is" : "tasks are");
  }
  return exit_code;
}

int pause(const Common& common, const std::string& labourer, bool paused) {
  const auto answer = ask(common, {{"op", "pause"}, {"labourer_id", labourer}, {"paused", paused}});
  if (!answer) return complain(answer.error());
  fmt::print("{} {}\n", labourer,
             paused ? "is paused: running tasks end, none is started" : "goes on");
  return kDone;
}

int cancel(const Common& common, const std::string& job) {
  const auto answer = ask(common, {{"op", "cancel"}, {"job_id", job}});
  if (!answer) return complain(answer.error());
  fmt::print("job {} is cancelled; tasks of it that run now end as they do\n", job);
  return kDone;
}

}  // namespace

void add_write_commands(CLI::App& app, Common& common) {
  struct Arguments {
    std::string job, id, labourer;
    std::vector<std::string> ids;
    bool all = false;
  };
  const auto arguments = std::make_shared<Arguments>();
  const auto begin = [&](const char* name, const char* description, const char* example,
                         const char* group) {
    CLI::App* command = add_command(app, common, name, description, example);
    command->group(group);
    add_aws_option(command, common,
                   std::string_view(name) == "schedule" ? "sosw_scheduler" : "sosw_orchestrator");
    return command;
  };

  CLI::App* command = begin(
      "schedule",
      "Queue a job\n\nPrints the id of the job and the number of its tasks. The job names its "
      "labourer:\n\"lambda_name\". While an engine runs it gets the job, else it stays for the "
      "next run.",
      "sosw schedule --job job.json --id 2026-11-24\n"
      "echo '{\"lambda_name\": \"hello\", \"names\": [\"Ada\"]}' | sosw schedule --job -",
      "Work");
  command
      ->add_option("--job", arguments->job,
                   "the job: a file, - for stdin, or text that starts with {")
      ->type_name("J")
      ->required();
  command
      ->add_option("--id", arguments->id,
                   "a key of your own: the same key again queues nothing, and gives the same id")
      ->type_name("KEY");
  add_json_option(command, common);
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return schedule(common, arguments->job, arguments->id); };
  });

  command = begin(
      "retry",
      "Queue dead tasks again, with all their attempts\n\nThey go to the end of the queue.",
      "sosw retry 0a1b2c3d4e5f60718293000000000007\nsosw retry --all --labourer hello", "Work");
  command->add_option("ID", arguments->ids, "tasks, as sosw dead shows them");
  command->add_flag("--all", arguments->all, "all that are dead");
  command->add_option("--labourer", arguments->labourer, "with --all: only of this one")
      ->type_name("NAME");
  add_json_option(command, common);
  command->callback([&common, arguments] {
    common.run = [&common, arguments] {
      return retry(common, arguments->ids, arguments->all, arguments->labourer);
    };
  });

  for (const bool paused : {true, false}) {
    command = paused
                  ? begin("pause",
                          "Start no more tasks of a labourer\n\nIts running tasks end, its queue "
                          "stays; a restart of the engine changes nothing about it.",
                          "sosw pause hello", "Work")
                  : begin("resume", "Start tasks of a paused labourer again", "sosw resume hello",
                          "Work");
    command->add_option("LABOURER", arguments->labourer, "its name")->required();
    command->callback([&common, arguments, paused] {
      common.run = [&common, arguments, paused] {
        return pause(common, arguments->labourer, paused);
      };
    });
  }

  command = begin("cancel",
                  "Drop what is left of a job\n\nIts queued tasks, and those that wait for another "
                  "attempt, are closed as cancelled. Running ones end and count.",
                  "sosw cancel 0a1b2c3d4e5f60718293", "Work");
  command->add_option("JOB", arguments->job, "its id, as sosw jobs shows it")->required();
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return cancel(common, arguments->job); };
  });
}

}  // namespace sosw::cli
