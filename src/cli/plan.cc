// SPDX-License-Identifier: MIT
// plan: what a job would become. Writes nothing.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <system_error>

#include "cli/command.h"
#include "cli/home.h"
#include "cli/screen.h"
#include "core/chunking.h"
#include "core/json_text.h"
#include "engine/scheduler.h"
#include "engine/task_manager.h"
#include "local/rules.h"

namespace sosw::cli {
namespace {

constexpr std::size_t kWrite = 1U << 20;  // rows are written in pieces of at least this many bytes

struct Forecast {
  double task_s = 0;              // of one task
  bool measured = false;          // the average of what the labourer has done; else its timeout
  int limit = 0;                  // tasks at a time
  std::optional<double> seconds;  // nullopt: never, or not known
  bool known = true;              // false: nothing says how long a task takes
};

Forecast forecast_for(const Common& common, const Labourer& labourer,
                      const engine::TaskManager::Settings& durations, std::int64_t rows) {
  Forecast forecast{static_cast<double>(labourer.timeout_s), false,
                    labourer.max_simultaneous_invocations, std::nullopt};
  // A look at history makes the forecast better; without one it is still a forecast.
  if (const auto store = open_to_read(common); store && *store != nullptr) {
    engine::TaskManager tasks(**store, durations);
    const auto average = tasks.get_average_labourer_duration(labourer);
    if (average && *average > 0) {
      forecast.task_s = *average;
      forecast.measured = true;
    }
  }
  if (!forecast.measured && !timeout_is_known(common, labourer)) {
    forecast.known = false;
  } else if (forecast.limit > 0) {
    forecast.seconds = std::ceil(static_cast<double>(rows) / forecast.limit) * forecast.task_s;
  }
  return forecast;
}

int write_rows(const JobRows& rows) {
  // A larger pipe means fewer switches between writer and reader; not every stdout is a pipe.
  ::fcntl(STDOUT_FILENO, F_SETPIPE_SZ, static_cast<int>(kWrite));
  std::string out;
  out.reserve(2 * kWrite);
  const auto flush = [&]() -> bool {
    for (std::string_view rest = out; !rest.empty();) {
      const ssize_t n = ::write(STDOUT_FILENO, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    out.clear();
    return true;
  };
  JobRows::Cursor cursor = rows.at(0, JobRows::Form::queue_file);
  while (cursor.next(out)) {
    out += '\n';
    if (out.size() >= kWrite && !flush()) break;
  }
  if (!flush()) {
    return complain(
        {Code::unavailable, fmt::format("stdout: {}", std::generic_category().message(errno)), {}});
  }
  return kDone;
}

json::array parsed(const std::vector<std::string>& rows) {
  json::array list;
  for (const std::string& row : rows) {
    auto value = parse_json(row);
    list.push_back(value ? *std::move(value) : json::value(row));
  }
  return list;
}

void print_plan(const JobRows& rows, const JobSummary& summary, const Forecast& forecast) {
  const Screen screen = Screen::of(stdout);
  fmt::print("{} {} for {}\n", screen.paint(Colour::bold, screen.number(summary.rows)),
             summary.rows == 1 ? "task" : "tasks", rows.labourer_id());

  Table tree({{"LEVEL"}, {"VALUES", Table::Kind::number}, {"NOTE"}});
  std::string indent;
  if (summary.dates > 0) {
    tree.add({"dates", screen.number(summary.dates),
              summary.isolate_days ? "one in each task" : "all in each task"});
    if (summary.isolate_days) indent += "  ";
  }
  for (const JobSummary::Level& level : summary.levels) {
    tree.add({indent + level.attr, screen.number(level.values), ""});
    indent += "  ";
  }
  if (summary.dates > 0 || !summary.levels.empty()) fmt::print("\n{}", tree.text(screen));

  const auto print_row = [&](const std::string& row) {
    fmt::print("  {}\n", screen.width > 0 ? cut(one_line(row), screen.width - 2) : one_line(row));
  };
  if (!summary.first.empty()) fmt::print("\n{}\n", screen.paint(Colour::dim, "payloads"));
  for (const std::string& row : summary.first) print_row(row);
  if (summary.rows > static_cast<std::int64_t>(summary.first.size() + summary.last.size())) {
    fmt::print("  ...\n");
  }
  for (const std::string& row : summary.last) print_row(row);

  fmt::print("\n");
  if (!forecast.known) {
    fmt::print("forecast: not known: nothing of {} has ended yet, and it has no `max_duration`\n",
               rows.labourer_id());
  } else if (!forecast.seconds) {
    fmt::print("forecast: never, the limit of {} is 0\n", rows.labourer_id());
  } else {
    fmt::print("forecast: {} {}, {} at a time, {} {}\n", forecast.measured ? "about" : "at most",
               duration(*forecast.seconds), screen.number(forecast.limit),
               forecast.measured ? "on average" : "each ended by its timeout of",
               duration(forecast.task_s));
  }
  for (const std::string& warning : summary.warnings) {
    fmt::print(stderr, "{} {}\n", Screen::of(stderr).paint(Colour::yellow, "warning:"), warning);
  }
}

struct Arguments {
  std::string job, now;
  bool rows = false;
};

int plan(const Common& common, const Arguments& arguments) {
  Time now = SystemClock().now();
  if (!arguments.now.empty()) {
    const auto given = local::utc_time(arguments.now);
    if (!given) {
      return complain(invalid(fmt::format("--now: '{}' is no time", arguments.now),
                              "such as 2026-11-24T10:00:00Z, in UTC"));
    }
    now = *given;
  }
  const auto settings = read_configured(common);
  if (!settings) return complain(settings.error());
  auto event = read_object(arguments.job);
  if (!event) return complain(event.error());
  const auto rows =
      engine::Scheduler::plan(settings->scheduler, settings->labourers, *std::move(event), now);
  if (!rows) {
    Error error = rows.error();
    error.message = fmt::format("job: {}", error.message);
    return complain(error);
  }
  if (arguments.rows) return write_rows(*rows);

  const JobSummary summary = rows->summary();
  const Labourer& labourer = settings->labourers.find(rows->labourer_id())->second;
  const Forecast forecast = forecast_for(common, labourer, settings->durations, summary.rows);
  if (!common.json) {
    print_plan(*rows, summary, forecast);
    return kDone;
  }
  json::array levels;
  for (const JobSummary::Level& level : summary.levels) {
    levels.push_back(json::object{{"attr", level.attr}, {"values", level.values}});
  }
  print_json(json::object{
      {"labourer_id", rows->labourer_id()},
      {"tasks", summary.rows},
      {"dates", summary.dates},
      {"isolate_days", summary.isolate_days},
      {"levels", std::move(levels)},
      {"first", parsed(summary.first)},
      {"last", parsed(summary.last)},
      {"warnings", json::value_from(summary.warnings)},
      {"forecast",
       json::object{{"seconds", forecast.seconds ? json::value(*forecast.seconds) : json::value()},
                    {"limit", forecast.limit},
                    {"task_seconds", forecast.known ? json::value(forecast.task_s) : json::value()},
                    {"task_seconds_are", forecast.measured ? json::value("average")
                                         : forecast.known  ? json::value("timeout")
                                                           : json::value()}}}});
  return kDone;
}

}  // namespace

void add_plan_command(CLI::App& app, Common& common) {
  CLI::App* command = add_command(
      app, common, "plan",
      "What a job would become: tasks, tree, samples, forecast\n\nWrites nothing and needs no data "
      "folder.",
      "sosw plan --job job.json\n"
      "sosw plan --job job.json --rows | head    # the tasks themselves");
  command->group("Work");
  const auto arguments = std::make_shared<Arguments>();
  command
      ->add_option("--job", arguments->job,
                   "the job: a file, - for stdin, or text that starts with {")
      ->type_name("J")
      ->required();
  command->add_flag("--rows", arguments->rows,
                    "the task rows as JSON lines, exactly as they would be queued");
  command->add_option("--now", arguments->now, "plan as if it were this time: 2026-11-24T10:00:00Z")
      ->type_name("TIME");
  add_json_option(command, common);
  add_aws_option(command, common, "sosw_scheduler");
  command->callback([&common, arguments] {
    common.run = [&common, arguments] { return plan(common, *arguments); };
  });
}

}  // namespace sosw::cli
