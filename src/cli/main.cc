// SPDX-License-Identifier: MIT
// The program `sosw`: finds the command, runs it, gives its exit code.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <exception>
#include <system_error>

#include "cli/command.h"

namespace sosw::cli {
namespace {

// The innermost command that was named before the error.
const CLI::App& innermost(const CLI::App& app) {
  const CLI::App* found = &app;
  for (auto chosen = found->get_subcommands(); !chosen.empty(); chosen = found->get_subcommands()) {
    found = chosen.front();
  }
  return *found;
}

std::string path_of(const CLI::App& app) {
  return app.get_parent() == nullptr ? "sosw" : path_of(*app.get_parent()) + ' ' + app.get_name();
}

int usage_error(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = innermost(app);
  std::string message = error.what();
  if (const auto extras = app.remaining(true); !extras.empty()) {
    message = unknown_word(command, extras.front());
  }
  fmt::print(stderr, "sosw: {}\n  see: {} --help\n", message, path_of(command));
  return kUsage;
}

int run(int argc, char** argv) {
  Common common;
  CLI::App app("Serverless orchestrator of serverless workers, on one machine.", "sosw");
  app.set_help_flag("-h,--help", "show this page; `sosw COMMAND --help` tells more");
  app.formatter_fn([](const CLI::App* a, const std::string&, CLI::AppFormatMode) {
    return help_page(a, path_of(*a));
  });
  app.add_option("--config", common.config, "the configuration (default ./sosw.json)")
      ->type_name("FILE");
  app.add_option("--data", common.data, "the data folder (default .sosw)")->type_name("DIR");
  app.require_subcommand(1);
  app.footer(
      "sosw init hello && cd hello && sosw schedule --job job.json && sosw run --until-empty");
  add_project_commands(app, common);
  add_plan_command(app, common);
  add_write_commands(app, common);
  add_run_command(app, common);
  add_read_commands(app, common);
  add_invoke_command(app, common);
  add_chaos_command(app, common);
  if (argc == 1) {
    fmt::print(stderr, "{}", help_page(&app, "sosw"));
    return kUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const CLI::App& command = innermost(app);
    fmt::print("{}", help_page(&command, path_of(command)));
    return kDone;
  } catch (const CLI::ParseError& error) {
    return usage_error(app, error);
  }
  const auto given = [&](const char* option) {
    const auto* own = innermost(app).get_option_no_throw(option);
    return app.count(option) > 0 || (own != nullptr && own->count() > 0);
  };
  common.config_given = given("--config");
  common.data_given = given("--data");
  return common.run();
}

// Started without standard files, as some daemons and cron do it, the next file that is opened
// would become one of them, and what is printed would go into it. stdout stays unwritable: results
// that nobody gets are an error.
void open_standard_files() {
  for (const int file : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(file, F_GETFD) >= 0) continue;
    // The lowest free number is this one: those below are open.
    (void)!::open("/dev/null", file == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace
}  // namespace sosw::cli

int main(int argc, char** argv) {
  sosw::cli::open_standard_files();
  std::signal(SIGXFSZ, SIG_IGN);  // a file at its limit is then an error, like a full disk
  // Widths of characters, see screen.cc.
  std::setlocale(LC_CTYPE, "C.UTF-8");  // NOLINT(concurrency-mt-unsafe): no thread yet
  int exit_code = sosw::cli::kFailed;
  try {
    exit_code = sosw::cli::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sosw: %s\n", error.what());  // throws nothing when stderr fails too
  }
  // What was printed counts only once it has been taken.
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::fprintf(stderr, "sosw: cannot write to stdout: %s\n",
                 std::generic_category().message(errno).c_str());
    if (exit_code == sosw::cli::kDone) exit_code = sosw::cli::kFailed;
  }
  return exit_code;
}
