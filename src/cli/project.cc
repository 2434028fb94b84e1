// SPDX-License-Identifier: MIT
// init, config check, version: what needs no data folder.
#include <curl/curl.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include "cli/assemble.h"
#include "cli/command.h"
#include "cli/screen.h"
#include "cli/version.h"
#include "local/home_config.h"
#include "local/owned_fd.h"

namespace sosw::cli {
namespace {

namespace fs = std::filesystem;

struct ProjectFile {
  const char* name;
  mode_t mode;
  std::string_view text;
};

constexpr std::array<ProjectFile, 4> kProject{{
    {"sosw.json", 0644,
     R"text(// The configuration of this project. After a change: sosw config check
{
  // What a job can be cut by, from the outermost to the innermost.
  "job_schema": {"chunkable_attrs": [["name", {}]]},

  "labourers": {
    "hello": {
      // One process for each task. Instead of "exec": "command" for a Lambda runtime client, which
      // is kept warm, or "http" for an endpoint.
      "exec": ["./hello.sh"],
      "max_simultaneous_invocations": 4,
      "max_attempts": 3,
      "timeout": 60,                                   // seconds
      "retry": {"policy": "exponential", "base_s": 1}  // before the 2nd attempt 1 s, then 2 s ...
    }
  }
}
)text"},
    {"hello.sh", 0755,
     R"text(#!/bin/sh
# A worker. It gets one task as a JSON object on stdin and prints its result on stdout.
# Exit status 0: done. Any other: failed, tried again later; what it wrote to stderr is kept.
task=$(cat)
name=$(printf '%s' "$task" | sed -n 's/.*"names": *\["\([^"]*\)".*/\1/p')
echo "{\"greeting\": \"Hello, $name\"}"
)text"},
    {"job.json", 0644,
     R"text({
  "lambda_name": "hello",
  "period": "last_2_days", "isolate_days": true,
  "names": ["Ada", "Edsger", "Grace"], "isolate_names": true
}
)text"},
    {".gitignore", 0644, ".sosw/\n"},
}};

int init(const std::string& folder) {
  const auto system_error = [](const fs::path& path, int number) {
    return complain({Code::unavailable,
                     fmt::format("{}: {}", path.string(), std::generic_category().message(number)),
                     {}},
                    kFailed);
  };
  std::error_code code;
  fs::create_directories(folder, code);
  if (code) return system_error(folder, code.value());
  for (const ProjectFile& file : kProject) {
    const fs::path path = fs::path(folder) / file.name;
    // What git ignores is the project's own business.
    if (fs::exists(fs::symlink_status(path)) && std::string_view(file.name) != ".gitignore") {
      return complain({Code::conflict, fmt::format("{} is there already", path.string()),
                       "nothing was written; name an empty folder: sosw init DIR"});
    }
  }
  for (const ProjectFile& file : kProject) {
    const fs::path path = fs::path(folder) / file.name;
    const local::OwnedFd fd(
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file.mode));
    if (fd.get() < 0 && errno == EEXIST && std::string_view(file.name) == ".gitignore") continue;
    if (fd.get() < 0 || ::write(fd.get(), file.text.data(), file.text.size()) !=
                            static_cast<ssize_t>(file.text.size())) {
      return system_error(path, errno);
    }
    fmt::print("wrote {}\n", path.lexically_normal().string());
  }
  fmt::print("\nNow:\n");
  if (!fs::equivalent(folder, ".", code)) fmt::print("  cd {}\n", folder);
  fmt::print(
      "  sosw plan --job job.json       # what the job would become\n"
      "  sosw schedule --job job.json   # queue it\n"
      "  sosw run --until-empty         # work until nothing is left\n"
      "  sosw tasks                     # see what became of it\n");
  return kDone;
}

json::array listed(const std::vector<Error>& problems) {
  json::array list;
  for (const Error& problem : problems) {
    list.push_back(json::object{{"message", problem.message}, {"hint", problem.hint}});
  }
  return list;
}

// All that is wrong at once, on stdout: it is what was asked for.
int check_config(const Common& common) {
  const auto text = read_input(common.config);
  if (!text) return complain(text.error(), kUsage);
  auto checked = local::check_home_config(text->text, fs::absolute(common.config));
  if (checked.config) {
    // What only shows when the parts are put together.
    if (auto unreachable = unreachable_worker(*checked.config)) {
      checked.errors.push_back(*std::move(unreachable));
    }
    if (const auto settings = engine_settings(*checked.config); !settings) {
      checked.errors.push_back(settings.error());
    }
  }
  const int exit_code = checked.errors.empty() ? kDone : kUsage;
  if (common.json) {
    print_json(json::object{{"file", common.config},
                            {"errors", listed(checked.errors)},
                            {"warnings", listed(checked.warnings)}});
    return exit_code;
  }
  const Screen screen = Screen::of(stdout);
  for (const auto& [problems, word, colour] :
       {std::tuple(&checked.errors, "error", Colour::red),
        std::tuple(&checked.warnings, "warning", Colour::yellow)}) {
    for (const Error& problem : *problems) {
      fmt::print("{}: {}\n", screen.paint(colour, word), problem.text());
    }
  }
  if (checked.errors.empty()) {
    const auto labourers = checked.config->labourers.size();
    const auto rules = checked.config->rules.size();
    fmt::print("{} is right: {} labourer{}, {} rule{}\n", common.config, labourers,
               labourers == 1 ? "" : "s", rules, rules == 1 ? "" : "s");
  }
  return exit_code;
}

int version(bool as_json) {
  const std::array<std::pair<std::string_view, std::string>, 5> facts{{
      {"version", kVersion},
      {"commit", kCommit},
      {"sqlite", sqlite3_libversion()},
      {"curl", curl_version_info(CURLVERSION_NOW)->version},
#ifdef __clang__
      {"compiler", "clang " __clang_version__},
#else
      {"compiler", "g++ " __VERSION__},
#endif
  }};
  if (as_json) {
    json::object object;
    for (const auto& [name, value] : facts) object[name] = value;
    print_json(object);
    return kDone;
  }
  fmt::print("sosw {}{}\n", kVersion, *kCommit == '\0' ? "" : fmt::format(" ({})", kCommit));
  for (std::size_t i = 2; i < facts.size(); ++i) {
    fmt::print("{:<9} {}\n", facts[i].first, facts[i].second);
  }
  return kDone;
}

}  // namespace

void add_project_commands(CLI::App& app, Common& common) {
  CLI::App* start =
      add_command(app, common, "init", "A new project: sosw.json, a job, and a worker to edit",
                  "sosw init hello");
  start->group("Begin");
  auto folder = std::make_shared<std::string>(".");
  start->add_option("DIR", *folder, "where; made when it is not there (default: here)");
  start->callback([&common, folder] { common.run = [folder] { return init(*folder); }; });

  CLI::App* config = add_command(app, common, "config", "The configuration",
                                 "sosw config check --config sosw.json");
  config->group("Begin");
  config->require_subcommand(1);
  CLI::App* check = add_command(*config, common, "check",
                                "Names everything that is wrong in the configuration at once",
                                "sosw config check --config sosw.json");
  add_json_option(check, common);
  check->callback([&common] { common.run = [&common] { return check_config(common); }; });

  CLI::App* facts = add_command(
      app, common, "version", "Versions of sosw and what it is built with", "sosw version --json");
  facts->group("Begin");
  add_json_option(facts, common);
  facts->callback([&common] { common.run = [&common] { return version(common.json); }; });
}

}  // namespace sosw::cli
