// SPDX-License-Identifier: MIT
// status, tasks, task, labourers, jobs, dead: looks into the store, also while an engine runs.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cli/command.h"
#include "cli/control.h"
#include "cli/home.h"
#include "cli/screen.h"
#include "core/json_text.h"
#include "core/suggest.h"

namespace sosw::cli {
namespace {

using engine::JobStatus;
using engine::LabourerStatus;

constexpr std::array<State, 8> kStates{State::queued, State::running,  State::completed,
                                       State::failed, State::retry,    State::done,
                                       State::dead,   State::cancelled};

Colour colour_of(State state) {
  switch (state) {
    case State::running:
      return Colour::cyan;
    case State::retry:
    case State::failed:
      return Colour::yellow;
    case State::done:
    case State::completed:
      return Colour::green;
    case State::dead:
      return Colour::red;
    case State::cancelled:
      return Colour::dim;
    case State::queued:
      break;
  }
  return Colour::none;
}

// Nothing: nobody has counted them.
std::optional<std::int64_t> count(const LabourerStatus& status, State state) {
  const auto found = status.tasks.find(state);
  return found == status.tasks.end() ? std::nullopt : std::optional(found->second);
}

json::value or_null(const std::optional<std::int64_t>& n) {
  return n ? json::value(*n) : json::value();
}

Cell number_cell(const Screen& screen, const std::optional<std::int64_t>& n, Colour none,
                 Colour some) {
  if (!n) return Cell(std::string("?"), Colour::yellow);
  return {screen.number(*n), *n == 0 ? none : some};
}

// Labourers of the configuration and of the store. A configuration that cannot be read hides
// nothing of the store; `trouble` tells.
struct All {
  engine::Labourers configured;
  std::map<std::string, LabourerStatus> status;
  std::optional<Error> trouble;
};

Result<All> read_all(const Common& common) {
  All all;
  if (!common.aws.empty()) {  // which tables there are only the configuration tells
    const auto home = aws_home(common);
    if (!home) return home.error();
    auto status = (*home)->status();
    if (!status) return status.error();
    all.configured = (*home)->config().labourers;
    all.status = *std::move(status);
    return all;
  }
  if (auto config = read_config(common)) {
    all.configured = std::move(config->labourers);
  } else {
    all.trouble = config.error();
  }
  const auto store = open_to_read(common);
  if (!store) return store.error();
  if (*store != nullptr) {
    auto status = (*store)->status();
    if (!status) return status.error();
    all.status = *std::move(status);
  }
  for (const auto& [id, labourer] : all.configured) all.status.try_emplace(id);
  for (auto& [id, one] : all.status)
    for (const State state : kStates) one.tasks.try_emplace(state, 0);
  return all;
}

std::string gate_text(const std::string& id, const LabourerStatus& status, const All& all) {
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  const auto configured = all.configured.find(id);
  if (status.paused) add("paused");
  if (!status.blocked.empty()) add("blocked: " + status.blocked);
  if (configured == all.configured.end()) {
    if (!all.trouble) add("not configured");
  } else if (configured->second.max_simultaneous_invocations == 0) {
    add("limit 0");
  }
  return text;
}

json::object gate_json(const std::string& id, const LabourerStatus& status, const All& all) {
  return {{"paused", status.paused},
          {"blocked", status.blocked.empty() ? json::value() : json::value(status.blocked)},
          {"configured", all.configured.find(id) != all.configured.end()}};
}

json::object counts_json(const LabourerStatus& status) {
  json::object counts;
  for (const State state : kStates) counts[name(state)] = or_null(count(status, state));
  counts["folded"] = status.folded;
  counts["open_jobs"] = status.open_jobs;
  return counts;
}

int status(const Common& common) {
  const auto all = read_all(common);
  if (!all) return complain(all.error());
  if (common.json) {
    json::array list;
    for (const auto& [id, one] : all->status) {
      json::object object{{"labourer_id", id}};
      for (const auto& [key, value] : counts_json(one)) object[key] = value;
      for (const auto& [key, value] : gate_json(id, one, *all)) object[key] = value;
      object["next_due"] = one.next_due ? json::value(*one.next_due) : json::value();
      object["next_deadline"] = one.next_deadline ? json::value(*one.next_deadline) : json::value();
      list.push_back(std::move(object));
    }
    print_json_list(list);
    return kDone;
  }
  if (all->trouble) complain(*all->trouble);

  const Screen screen = Screen::of(stdout);
  Table table({{"LABOURER", Table::Kind::flexible},
               {"QUEUED", Table::Kind::number},
               {"RUNNING", Table::Kind::number},
               {"COMPLETED", Table::Kind::number},
               {"RETRY", Table::Kind::number},
               {"DONE", Table::Kind::number},
               {"DEAD", Table::Kind::number},
               {"CANCELLED", Table::Kind::number},
               {"FOLDED", Table::Kind::number},
               {"JOBS", Table::Kind::number},
               {"NOTE", Table::Kind::flexible}});
  constexpr std::array<State, 7> kShown{State::queued,   State::running, State::completed,
                                        State::retry,    State::done,    State::dead,
                                        State::cancelled};
  LabourerStatus total;
  for (const State state : kStates) total.tasks[state] = 0;
  for (const auto& [id, one] : all->status) {
    for (const State state : kStates) {
      const auto n = count(one, state);
      const auto sum = total.tasks.find(state);
      if (!n)
        total.tasks.erase(state);
      else if (sum != total.tasks.end())
        sum->second += *n;
    }
    total.folded += one.folded;
    total.open_jobs += one.open_jobs;
  }
  const auto add = [&](const std::string& title, const LabourerStatus& one,
                       const std::string& note) {
    std::vector<Cell> row{title};
    for (const State state : kShown) {
      // These two are rare: no column for them while there are none.
      const bool rare = state == State::completed || state == State::cancelled;
      const bool hidden = rare && count(total, state) == std::optional<std::int64_t>(0);
      row.push_back(hidden ? Cell("")
                           : number_cell(screen, count(one, state), Colour::dim, colour_of(state)));
    }
    row.emplace_back(screen.number(one.folded), one.folded == 0 ? Colour::dim : Colour::none);
    row.emplace_back(screen.number(one.open_jobs), one.open_jobs == 0 ? Colour::dim : Colour::none);
    row.emplace_back(note, Colour::yellow);
    table.add(std::move(row));
  };
  for (const auto& [id, one] : all->status) add(id, one, gate_text(id, one, *all));
  if (all->status.size() > 1) add("total", total, "");
  fmt::print("{}", table.text(screen));

  if (!common.aws.empty()) {
    const AwsHome& home = **aws_home(common);
    fmt::print("\nAWS: {} in {}\n", home.config().tasks.tables.tasks, home.region());
    return kDone;
  }
  const auto engine = ask_engine(data_folder(common), {{"op", "about"}}, std::chrono::seconds{2});
  if (!engine) {
    fmt::print("\n{}\n", engine.error().message);
  } else if (*engine) {
    fmt::print("\nengine: pid {}, {}\n", (**engine).at("pid").to_number<std::int64_t>(),
               std::string_view((**engine).at("listen").as_string()));
  } else {
    fmt::print("\nengine: none runs\n");
  }
  return kDone;
}

// Until Ctrl-C, or until it fails.
int watch_status(const Common& common, double seconds) {
  const bool terminal = Screen::of(stdout).terminal;
  for (bool first = true;; first = false) {
    if (terminal)
      fmt::print("\x1b[H\x1b[2J");
    else if (!first)
      fmt::print("\n");
    if (const int code = status(common); code != kDone) return code;
    if (std::fflush(stdout) != 0) return kFailed;
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  }
}

// The moment that matters in the task's state.
Time moment_of(const Task& task) {
  if (task.closed_at) return from_epoch(static_cast<double>(*task.closed_at));
  if (task.state == State::retry && task.desired_launch_time) {
    return from_epoch(static_cast<double>(*task.desired_launch_time));
  }
  return task.created_at;
}

// Texts as they are, everything else as JSON.
std::string plain(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json_text(value);
}

// What `error`, `error_type` and `log` of an attempt say, in one text.
std::string error_text(const json::object& attempt, std::string_view prefix) {
  const auto text = [&](std::string_view key) {
    const json::value* value = attempt.if_contains(std::string(prefix).append(key));
    return value == nullptr || value->is_null() ? std::string() : plain(*value);
  };
  std::string error = text("error");
  // Runtime.* only says in other words what the host's own error tells.
  if (const std::string type = text("error_type");
      !type.empty() && !(type.starts_with("Runtime.") && !error.empty())) {
    error = error.empty() ? type : type + ": " + error;
  }
  // What the worker wrote last is most often the reason.
  std::string log = text("log");
  log.erase(log.find_last_not_of(" \t\r\n") + 1);
  const std::size_t last_line = log.rfind('\n');
  if (last_line != std::string::npos) log.erase(0, last_line + 1);
  if (!log.empty() && error.find(log) == std::string::npos) {
    error = error.empty() ? log : log + " (" + error + ")";
  }
  return error;
}

std::string last_error(const Task& task) {
  std::string error = error_text(task.extra, "result_");
  if (error.empty() && task.extra.contains("silent")) error = "no report in time";
  return error;
}

std::string results(const Task& task) {
  if (task.state == State::dead || task.state == State::retry) return last_error(task);
  std::string text;
  for (const auto& [key, value] : task.extra) {
    if (!key.starts_with("result_")) continue;
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", std::string_view(key.substr(7)),
                        plain(value));
  }
  return text;
}

void print_tasks(const std::vector<Task>& tasks, bool dead) {
  constexpr int kLongest = 200;  // columns of a result where there is no terminal to say
  const Screen screen = Screen::of(stdout);
  bool whole = true;
  const auto result_of = [&](const Task& task) {
    std::string text = one_line(results(task));
    if (screen.width > 0 || columns(text) <= kLongest) return text;
    whole = false;
    return cut(text, kLongest);
  };
  const Time now = SystemClock().now();
  Table table({{"TASK"},
               {"LABOURER", Table::Kind::flexible},
               {"STATE"},
               {dead ? "ATTEMPTS" : "TRY", Table::Kind::number},
               {"WHEN"},
               {dead ? "ERROR" : "RESULT", Table::Kind::flexible}});
  for (const Task& task : tasks) {
    table.add(
        {task.id, task.labourer_id, dead ? Cell("") : Cell(name(task.state), colour_of(task.state)),
         std::to_string(task.attempts), screen.moment(moment_of(task), now), result_of(task)});
  }
  fmt::print("{}", table.text(screen));
  if (!whole)
    fmt::print(stderr, "long {} are cut: --json gives all\n", dead ? "errors" : "results");
}

struct ListArguments {
  std::string labourer, state, job, after;
  std::int64_t limit = 100;
};

int tasks(const Common& common, const ListArguments& arguments, bool dead) {
  engine::TaskQuery query;
  if (!arguments.labourer.empty()) query.labourer_id = arguments.labourer;
  if (!arguments.job.empty()) query.job_id = arguments.job;
  if (dead) query.state = State::dead;
  query.newest_first = dead;
  if (!arguments.state.empty()) {
    query.state = state_named(arguments.state);
    if (!query.state) {
      std::vector<std::string_view> known;
      for (const State state : kStates) known.push_back(name(state));
      return complain(invalid(fmt::format("--state: there is no state '{}'", arguments.state),
                              suggestion(arguments.state, known)));
    }
  }
  query.after = arguments.after;
  query.limit = arguments.limit + 1;  // one more tells whether there is more

  const auto store = open_to_read(common);
  if (!store) return complain(store.error());
  std::vector<Task> found;
  if (*store != nullptr) {
    auto read = (*store)->tasks(query);
    if (!read) return complain(read.error());
    found = *std::move(read);
  }
  const bool more = std::ssize(found) > arguments.limit;
  if (more) found.pop_back();
  if (common.json) {
    json::array list;
    for (const Task& task : found) list.push_back(to_json(task));
    print_json_list(list);
  } else if (found.empty()) {
    fmt::print(stderr, "no {}tasks\n", dead ? "dead " : "");
  } else {
    print_tasks(found, dead);
  }
  if (more) fmt::print(stderr, "there are more: --after {}\n", found.back().id);
  return kDone;
}

int task(const Common& common, const std::string& id) {
  const auto store = open_to_read(common);
  if (!store) return complain(store.error());
  std::vector<Task> found;
  if (*store != nullptr) {
    engine::TaskQuery query;
    query.task_id = id;
    auto read = (*store)->tasks(query);
    if (!read) return complain(read.error());
    found = *std::move(read);
  }
  if (found.empty()) {
    return complain({Code::not_found, fmt::format("no task {}", id), "see them with: sosw tasks"});
  }
  const Task& one = found.front();
  if (common.json) {
    print_json(to_json(one));
    return kDone;
  }

  const Screen screen = Screen::of(stdout);
  const Time now = SystemClock().now();
  const auto line = [&](std::string_view title, const std::string& text) {
    fmt::print("{} {}\n", screen.paint(Colour::dim, fmt::format("{:<10}", title)), text);
  };
  const auto when = [&](Time t) {
    return screen.terminal ? fmt::format("{} ({})", utc(t), screen.moment(t, now)) : utc(t);
  };
  const auto when_s = [&](std::int64_t s) { return when(from_epoch(static_cast<double>(s))); };
  const bool folded = one.extra.contains("folded");
  line("task", one.id);
  line("labourer", one.labourer_id);
  line("state", screen.paint(colour_of(one.state), name(one.state)) +
                    (folded ? " (still folded in its job)" : ""));
  line("attempts", std::to_string(one.attempts));
  line("created", when(one.created_at));
  if (one.state == State::retry && one.desired_launch_time) {
    line("due", when_s(*one.desired_launch_time));
  }
  if (one.completed_at) line("completed", when_s(*one.completed_at));
  if (one.closed_at) line("closed", when_s(*one.closed_at));
  if (const std::string error = last_error(one); !error.empty()) {
    line("error", screen.paint(Colour::red, one_line(error)));
  }
  const auto payload = parse_json(one.payload);
  line("payload", payload ? pretty(*payload) : one_line(one.payload));
  for (const std::string_view prefix : {"result_", "stat_"}) {
    json::object part;
    for (const auto& [key, value] : one.extra) {
      if (key.starts_with(prefix)) part[key.substr(prefix.size())] = value;
    }
    if (!part.empty()) line(prefix == "stat_" ? "stats" : "result", pretty(part));
  }
  json::object rest;
  for (const auto& [key, value] : one.extra) {
    if (!key.starts_with("result_") && !key.starts_with("stat_") && key != "history" &&
        key != "folded") {
      rest[key] = value;
    }
  }
  if (!one.claim.empty()) rest["claim"] = one.claim;
  if (!folded) rest["greenfield"] = one.greenfield;
  if (!rest.empty()) line("more", pretty(rest));
  const json::value* history = one.extra.if_contains("history");
  if (history != nullptr && history->is_array() && !history->get_array().empty()) {
    fmt::print("\n");
    Table table(
        {{"WHEN"}, {"WHAT"}, {"ERROR", Table::Kind::flexible}, {"DETAILS", Table::Kind::flexible}});
    for (const json::value& value : history->get_array()) {
      json::object event = value.as_object();
      const Time at = from_epoch(event.at("at").to_number<double>());
      const std::string what = plain(event.at("action"));
      event.erase("at");
      event.erase("action");
      const std::string error = error_text(event, "");
      for (const char* key : {"error", "error_type", "log"}) event.erase(key);
      table.add({screen.moment(at, now), what, error, event.empty() ? "" : json_text(event)});
    }
    fmt::print("{}", table.text(screen));
  }
  return kDone;
}

// How the worker of a labourer is reached: kind and rest.
std::pair<std::string, std::string> worker_of(const Labourer& labourer) {
  for (const std::string_view kind : {"command", "exec", "http", "arn"}) {
    const json::value* value = labourer.settings.if_contains(kind);
    if (value == nullptr || value->is_null()) continue;
    if (!value->is_array()) return {std::string(kind), plain(*value)};
    std::string words;
    for (const json::value& word : value->get_array()) {
      words += (words.empty() ? "" : " ") + plain(word);
    }
    return {std::string(kind), words};
  }
  return {"", labourer.arn};
}

std::string retry_text(const Labourer& labourer) {
  const json::value* retry = labourer.settings.if_contains("retry");
  if (retry == nullptr || !retry->is_object()) return "linear";
  const json::value* policy = retry->get_object().if_contains("policy");
  return policy == nullptr ? "linear" : plain(*policy);
}

int labourers(const Common& common) {
  const auto all = read_all(common);
  if (!all) return complain(all.error());
  if (all->trouble) return complain(*all->trouble);
  const Screen screen = Screen::of(stdout);
  Table table({{"LABOURER", Table::Kind::flexible},
               {"KIND"},
               {"WORKER", Table::Kind::flexible},
               {"LIMIT", Table::Kind::number},
               {"TRIES", Table::Kind::number},
               {"TIMEOUT", Table::Kind::number},
               {"RETRY"},
               {"HEALTH", Table::Kind::flexible},
               {"NOTE", Table::Kind::flexible}});
  json::array list;
  for (const auto& [id, one] : all->status) {
    const auto found = all->configured.find(id);
    if (common.json) {
      json::object object{{"labourer_id", id}};
      if (found != all->configured.end()) {
        object["settings"] = found->second.settings;
        object["max_simultaneous_invocations"] = found->second.max_simultaneous_invocations;
        object["max_attempts"] = found->second.max_attempts;
        object["timeout"] = timeout_is_known(common, found->second)
                                ? json::value(found->second.timeout_s)
                                : json::value();
        object["duration"] = found->second.duration_s;
        object["cooldown"] = found->second.cooldown_s;
      }
      for (const auto& [key, value] : gate_json(id, one, *all)) object[key] = value;
      for (const auto& [key, value] : counts_json(one)) object[key] = value;
      list.push_back(std::move(object));
      continue;
    }
    if (found == all->configured.end()) {
      table.add({id, "", "", "", "", "", "", "", Cell(gate_text(id, one, *all), Colour::yellow)});
      continue;
    }
    const Labourer& labourer = found->second;
    const auto [kind, worker] = worker_of(labourer);
    std::string health;
    for (const auto& [metric, unused] : labourer.health_metrics) {
      health += (health.empty() ? "" : " ") + metric;
    }
    table.add({id, kind, worker, std::to_string(labourer.max_simultaneous_invocations),
               std::to_string(labourer.max_attempts),
               timeout_is_known(common, labourer) ? fmt::format("{} s", labourer.timeout_s) : "",
               retry_text(labourer), health, Cell(gate_text(id, one, *all), Colour::yellow)});
  }
  if (common.json) {
    print_json_list(list);
  } else if (all->status.empty()) {
    fmt::print(stderr, "no labourers\n");
  } else {
    fmt::print("{}", table.text(screen));
  }
  return kDone;
}

std::string_view name_of(JobStatus::State state) {
  switch (state) {
    case JobStatus::State::open:
      return "open";
    case JobStatus::State::made:
      return "made";
    case JobStatus::State::cancelled:
      return "cancelled";
  }
  return "";
}

int jobs(const Common& common, std::int64_t limit) {
  const auto store = open_to_read(common);
  if (!store) return complain(store.error());
  std::vector<JobStatus> found;
  if (*store != nullptr) {
    auto read = (*store)->jobs(std::nullopt, limit);
    if (!read) return complain(read.error());
    found = *std::move(read);
  }
  std::set<std::string> uncounted;
  if (!common.aws.empty()) {
    auto some = (*aws_home(common))->uncounted(found);
    if (!some) return complain(some.error());
    uncounted = *std::move(some);
  }
  const auto left_of = [](const JobStatus& job) {
    return job.rows - job.done - job.dead - job.cancelled;
  };
  // Nothing: not all that has ended was counted.
  const auto known = [&](const JobStatus& job, std::int64_t n) -> std::optional<std::int64_t> {
    if (left_of(job) > 0 && uncounted.contains(job.labourer_id)) return std::nullopt;
    return n;
  };
  if (common.json) {
    json::array list;
    for (const JobStatus& job : found) {
      list.push_back(json::object{{"job_id", job.id},
                                  {"key", job.key},
                                  {"labourer_id", job.labourer_id},
                                  {"state", name_of(job.state)},
                                  {"rows", job.rows},
                                  {"made", job.made},
                                  {"done", or_null(known(job, job.done))},
                                  {"dead", or_null(known(job, job.dead))},
                                  {"cancelled", or_null(known(job, job.cancelled))},
                                  {"created_at", epoch(job.created_at)}});
    }
    print_json_list(list);
    return kDone;
  }
  if (found.empty()) {
    fmt::print(stderr, "no jobs\n");
    return kDone;
  }
  const Screen screen = Screen::of(stdout);
  const Time now = SystemClock().now();
  Table table({{"JOB"},
               {"LABOURER", Table::Kind::flexible},
               {"STATE"},
               {"TASKS", Table::Kind::number},
               {"DONE", Table::Kind::number},
               {"DEAD", Table::Kind::number},
               {"LEFT", Table::Kind::number},
               {"CREATED"},
               {"KEY", Table::Kind::flexible}});
  for (const JobStatus& job : found) {
    const auto left = known(job, left_of(job));
    // Made is of interest to the engine only; what a person wants to know is whether it is over.
    const std::string_view state = job.state == JobStatus::State::made && left
                                       ? (*left > 0 ? "working" : "over")
                                       : name_of(job.state);
    const auto cell = [&](std::int64_t n, Colour colour) {
      return number_cell(screen, known(job, n), Colour::none, colour);
    };
    table.add({job.id, job.labourer_id, state, screen.number(job.rows),
               cell(job.done, Colour::none), cell(job.dead, Colour::red),
               cell(left_of(job), Colour::none), screen.moment(job.created_at, now), job.key});
  }
  fmt::print("{}", table.text(screen));
  return kDone;
}

}  // namespace

void add_read_commands(CLI::App& app, Common& common) {
  const auto arguments = std::make_shared<ListArguments>();
  const auto begin = [&](const char* name, const char* description, const char* example) {
    CLI::App* command = add_command(app, common, name, description, example);
    command->group("Look");
    add_json_option(command, common);
    add_aws_option(command, common);
    return command;
  };
  const auto add_list_options = [&](CLI::App* command) {
    command->add_option("--labourer", arguments->labourer, "only of this one")->type_name("NAME");
    command->add_option("--job", arguments->job, "only of this job")->type_name("ID");
    command->add_option("--limit", arguments->limit, "how many at most (default 100)")
        ->type_name("N")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
    command
        ->add_option("--after", arguments->after,
                     "go on after this task, the last of the page before")
        ->type_name("ID");
  };

  CLI::App* command = begin("status", "How many tasks each labourer has, by state",
                            "sosw status\nsosw status --watch\nsosw status --json");
  const auto seconds = std::make_shared<std::optional<double>>();
  command
      ->add_option("--watch", *seconds,
                   "show it again every so many seconds (default 2), until Ctrl-C")
      ->type_name("SECONDS")
      ->expected(0, 1)
      ->default_str("2")
      ->check(CLI::Range(0.01, 86'400.0));
  command->callback([&common, seconds] {
    common.run = [&common, seconds] {
      return *seconds ? watch_status(common, **seconds) : status(common);
    };
  });

  command = begin("tasks", "Tasks, in the order of their queue or of their end",
                  "sosw tasks --state running\nsosw tasks --labourer hello --limit 10 --json");
  add_list_options(command);
  command
      ->add_option("--state", arguments->state,
                   "queued, running, completed, retry, done, dead or cancelled")
      ->type_name("STATE");
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return tasks(common, *arguments, false); };
  });

  command = begin("task", "Everything about one task: payload, result, attempts",
                  "sosw task 0a1b2c3d4e5f60718293000000000007");
  const auto id = std::make_shared<std::string>();
  command->add_option("ID", *id, "as sosw tasks shows it")->required();
  command->callback([&common, id] { common.run = [&common, id] { return task(common, *id); }; });

  command = begin("labourers", "Types of workers: their settings, and whether they may work",
                  "sosw labourers");
  command->callback([&common] { common.run = [&common] { return labourers(common); }; });

  command = begin("jobs", "Jobs, the newest first, and how far they are", "sosw jobs --limit 5");
  command->add_option("--limit", arguments->limit, "how many at most (default 100)")
      ->type_name("N")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1'000'000}));
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return jobs(common, arguments->limit); };
  });

  command =
      begin("dead", "Tasks that have used all their attempts, the newest first, with the error",
            "sosw dead\nsosw retry --all    # queue them again");
  add_list_options(command);
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return tasks(common, *arguments, true); };
  });
}

}  // namespace sosw::cli
